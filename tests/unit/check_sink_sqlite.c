/* sink/sqlite: what one batch does to the graph, and what each trouble is called. */
#include <check.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "graph_lines.h"
#include "one_suite.h"
#include "temp_dir.h"
#include "../../plugins/sink-sqlite/schema.h"

static char *dir;
static char file[4096];

static int64_t noon(void)
{
    return INT64_C(1700000000000);
}

static const struct plugin_host_setup at_noon = {.now_ms = noon};

static struct plugin_host *open_with(const char *options)
{
    char yaml[8192];
    struct plugin_host *h;

    if (dir == NULL)
        dir = temp_dir_make();
    (void)snprintf(file, sizeof file, "%s/graph.sqlite", dir);
    (void)snprintf(yaml, sizeof yaml, "path: %s\n%s", file, options);
    h = plugin_host_open_with("sink", "sqlite", yaml, &at_noon);
    plugin_host_start(h);
    return h;
}

static void done(struct plugin_host *h)
{
    plugin_host_close(h);
    temp_dir_remove(dir);
    dir = NULL;
}

static void put(struct plugin_host *h, const char *json)
{
    const struct sluice_verdict *v = plugin_host_one(h, json);

    ck_assert_msg(v->code == SLUICE_OK, "%s: %s", v->reason, v->detail);
}

static void expect(struct plugin_host *h, const char *want)
{
    char *got = graph_lines(h, NULL), *sorted = graph_lines_sort(want);

    graph_lines_expect(got, sorted);
    free(got);
    free(sorted);
}

/* Statements by another program, and one number that they ask for. */
static int64_t sql(const char *text)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    int64_t out = 0;

    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    while (*text != '\0') {
        ck_assert_msg(sqlite3_prepare_v2(db, text, -1, &s, &text) == SQLITE_OK, "%s", sqlite3_errmsg(db));
        if (sqlite3_step(s) == SQLITE_ROW)
            out = sqlite3_column_int64(s, 0);
        ck_assert_msg(sqlite3_finalize(s) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    }
    sqlite3_close(db);
    return out;
}

#define MILK                                                                                                 \
    "{\"user_id\":\"u\",\"purchases\":[{\"receipt_id\":\"r1\",\"time\":86400000,\"product_id\":\"p\","       \
    "\"retailer\":\"Shop\",\"name\":\"Milk\",\"brand\":\"B\",\"category\":\"Fresh Milk\","                   \
    "\"category_id\":\"c-1\",\"category_hierarchy\":[\"Food\",\"\",\"Milk\"]}]}"
#define MILK_NODES                                                                                           \
    "User\tu\tUTC\nProduct\tp\tMilk\tB\tFresh Milk\tc-1\tFood\tMilk\nCategory\tCAT_fresh_milk\tFresh Milk\n" \
    "IN_CATEGORY\tp\tCAT_fresh_milk\nRetailer\tRET_Shop\tShop\tGrocery\n"
#define MILK_EDGES                                                                                           \
    "PURCHASED\tu\tp\t1\t86400000\t0\t0.000000\t86400000\tr1\nSHOPS_AT\tu\tRET_Shop\t1\t86400000\tr1\n"      \
    "SHOPS_IN\tu\tCAT_fresh_milk\t1\t86400000\tr1\n"

START_TEST(one_purchase_makes_all_nodes_and_edges)
{
    struct plugin_host *h = open_with("");

    put(h, MILK);
    expect(h, MILK_NODES MILK_EDGES);
    done(h);
}
END_TEST

/* Sets last_updated_at of all users to 1. */
#define CLOCK_BACK                                                                                           \
    "UPDATE purchases SET written_at = 1 WHERE receipt = ''; UPDATE user_keys SET last_updated_at = 1"

START_TEST(a_replay_changes_nothing_not_even_the_clock_of_the_user)
{
    struct plugin_host *h = open_with("");

    put(h, MILK);
    (void)sql(CLOCK_BACK);
    put(h, MILK);
    put(h, MILK);
    expect(h, MILK_NODES MILK_EDGES);
    ck_assert_int_eq(sql("SELECT last_updated_at FROM users"), 1);
    ck_assert_int_eq((int64_t)plugin_host_metric(h, "purchases_total", "known"), 2);
    ck_assert_int_eq((int64_t)plugin_host_metric(h, "purchases_total", "new"), 1);
    done(h);
}
END_TEST

START_TEST(something_new_moves_the_clock_of_the_user)
{
    struct plugin_host *h = open_with("");

    put(h, MILK);
    (void)sql(CLOCK_BACK);
    put(h, "{\"user_id\":\"u\",\"purchases\":[{\"receipt_id\":\"r2\",\"time\":5,\"product_id\":\"p\"}]}");
    ck_assert_int_eq(sql("SELECT last_updated_at FROM users"), noon());
    ck_assert_int_eq(sql("SELECT created_at FROM users"), noon());
    done(h);
}
END_TEST

START_TEST(three_receipts_give_interval_and_likelihood)
{
    struct plugin_host *h = open_with("");

    put(h, "{\"user_id\":\"u\",\"purchases\":["
           "{\"receipt_id\":\"c\",\"time\":345600000,\"product_id\":\"p\"},"
           "{\"receipt_id\":\"a\",\"time\":0,\"product_id\":\"p\"},"
           "{\"receipt_id\":\"b\",\"time\":86400000,\"product_id\":\"p\"}]}");
    expect(h, "User\tu\tUTC\nProduct\tp\t\t\t\t\n"
              "PURCHASED\tu\tp\t3\t345600000\t2\t0.444444\t0\ta\t86400000\tb\t345600000\tc\n");
    done(h);
}
END_TEST

START_TEST(of_two_times_of_a_receipt_the_later_wins_in_either_order)
{
    static const char *const first = "{\"user_id\":\"u\",\"purchases\":[{\"receipt_id\":\"r\",\"time\":10,"
                                     "\"product_id\":\"p\",\"retailer\":\"S\",\"category\":\"c\"}]}";
    static const char *const second = "{\"user_id\":\"u\",\"purchases\":[{\"receipt_id\":\"r\",\"time\":20,"
                                      "\"product_id\":\"p\",\"retailer\":\"S\",\"category\":\"c\"}]}";
    int i;

    for (i = 0; i < 2; i++) {
        struct plugin_host *h = open_with("");

        put(h, i == 0 ? first : second);
        put(h, i == 0 ? second : first);
        expect(h, "User\tu\tUTC\nProduct\tp\t\t\tc\t\nCategory\tCAT_c\tc\nIN_CATEGORY\tp\tCAT_c\n"
                  "Retailer\tRET_S\tS\tGrocery\nPURCHASED\tu\tp\t1\t20\t0\t0.000000\t20\tr\n"
                  "SHOPS_AT\tu\tRET_S\t1\t20\tr\nSHOPS_IN\tu\tCAT_c\t1\t20\tr\n");
        ck_assert_int_eq(sql("SELECT time FROM shops_at_receipts"), 20);
        ck_assert_int_eq(sql("SELECT time FROM shops_in_receipts"), 20);
        done(h);
    }
}
END_TEST

START_TEST(a_receipt_with_two_stores_counts_at_each)
{
    struct plugin_host *h = open_with("");

    put(h, "{\"user_id\":\"u\",\"purchases\":["
           "{\"receipt_id\":\"r\",\"time\":1,\"product_id\":\"p\",\"retailer\":\"A\"},"
           "{\"receipt_id\":\"r\",\"time\":1,\"product_id\":\"q\",\"retailer\":\"B\"}]}");
    ck_assert_int_eq(sql("SELECT count(*) FROM shops_at WHERE frequency = 1"), 2);
    done(h);
}
END_TEST

START_TEST(store_aliases_unify_spellings)
{
    struct plugin_host *h = open_with("store_aliases: { Shop: [SHOP, The Shop] }\n");

    put(h, "{\"user_id\":\"u\",\"purchases\":["
           "{\"receipt_id\":\"r\",\"time\":1,\"product_id\":\"p\",\"retailer\":\"SHOP\"},"
           "{\"receipt_id\":\"s\",\"time\":2,\"product_id\":\"p\",\"retailer\":\"The Shop\"},"
           "{\"receipt_id\":\"t\",\"time\":3,\"product_id\":\"p\",\"retailer\":\"Shop\"}]}");
    ck_assert_int_eq(sql("SELECT frequency FROM shops_at"), 3);
    ck_assert_int_eq(sql("SELECT count(*) FROM retailers WHERE retailer_id = 'RET_Shop' AND name = 'Shop'"),
                     1);
    done(h);
}
END_TEST

START_TEST(aliases_that_lead_to_two_names_are_refused)
{
    char *said = plugin_host_refusal("sink", "sqlite", "path: /tmp/x\nstore_aliases: { A: [X], B: [X] }\n");

    ck_assert_msg(strstr(said, "'X' is a spelling of both") != NULL, "%s", said);
    free(said);
    said = plugin_host_refusal("sink", "sqlite", "path: /tmp/x\nstore_aliases: { A: [X], B: [A] }\n");
    ck_assert_msg(strstr(said, "'A' is a name to keep and also a spelling") != NULL, "%s", said);
    free(said);
}
END_TEST

START_TEST(a_user_without_history_is_a_user)
{
    struct plugin_host *h = open_with("");

    put(h, "{\"user_id\":\"u\",\"timezone\":\"Europe/Berlin\",\"purchases\":[]}");
    expect(h, "User\tu\tEurope/Berlin\n");
    done(h);
}
END_TEST

START_TEST(the_time_zone_of_the_latest_purchase_stays)
{
    static const char *const a = "{\"user_id\":\"u\",\"timezone\":\"A\",\"purchases\":"
                                 "[{\"receipt_id\":\"r\",\"time\":9,\"product_id\":\"p\"}]}";
    static const char *const b = "{\"user_id\":\"u\",\"timezone\":\"B\",\"purchases\":"
                                 "[{\"receipt_id\":\"r\",\"time\":10,\"product_id\":\"p\"}]}";
    int i;

    for (i = 0; i < 2; i++) {
        struct plugin_host *h = open_with("");

        put(h, i == 0 ? a : b);
        put(h, i == 0 ? b : a);
        put(h, "{\"user_id\":\"u\",\"timezone\":\"\",\"purchases\":[]}");
        ck_assert_int_eq(sql("SELECT timezone = 'B' FROM users"), 1);
        done(h);
    }
}
END_TEST

START_TEST(values_never_give_way_to_empty_ones)
{
    struct plugin_host *h = open_with("");

    put(h, MILK);
    put(h, "{\"user_id\":\"u\",\"purchases\":[{\"receipt_id\":\"r1\",\"time\":86400000,\"product_id\":\"p\","
           "\"retailer\":\"Shop\",\"name\":\"\",\"brand\":null,\"category\":\"\",\"category_hierarchy\":["
           "\"\"]}]}");
    expect(h, MILK_NODES MILK_EDGES);
    done(h);
}
END_TEST

START_TEST(a_catalogue_name_beats_a_description_in_any_order)
{
#define NAMED(member)                                                                                        \
    "{\"user_id\":\"u\",\"purchases\":[{\"receipt_id\":\"r\",\"time\":1,\"product_id\":\"p\"," member "}]}"
    static const char *const in[] = {NAMED("\"description\":\"bbb\""), NAMED("\"description\":\"aaa\""),
                                     NAMED("\"name\":\"zzz\",\"description\":\"000\"")};
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    size_t i;

    for (i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        struct plugin_host *h = open_with("");

        put(h, in[orders[i][0]]);
        put(h, in[orders[i][1]]);
        if (orders[i][2] == 2)
            ck_assert_int_eq(sql("SELECT name = 'aaa' FROM products"), 1);
        put(h, in[orders[i][2]]);
        ck_assert_int_eq(sql("SELECT name = 'zzz' FROM products"), 1);
        done(h);
    }
}
END_TEST

START_TEST(of_two_names_of_a_category_the_smaller_stays)
{
    int i;

    for (i = 0; i < 2; i++) {
        struct plugin_host *h = open_with("");

        put(h, i == 0 ? NAMED("\"category\":\"ice cream\"") : NAMED("\"category\":\"Ice-Cream\""));
        put(h, i == 1 ? NAMED("\"category\":\"ice cream\"") : NAMED("\"category\":\"Ice-Cream\""));
        ck_assert_int_eq(sql("SELECT count(*) FROM categories"), 1);
        ck_assert_int_eq(sql("SELECT name = 'Ice-Cream' FROM categories"), 1);
        ck_assert_int_eq(sql("SELECT frequency FROM shops_in"), 1);
        done(h);
    }
}
END_TEST

START_TEST(in_category_follows_the_product_to_a_new_category)
{
    struct plugin_host *h = open_with("");

    put(h, NAMED("\"category\":\"old\""));
    put(h, NAMED("\"category\":\"new\""));
    ck_assert_int_eq(sql("SELECT count(*) FROM in_category_edges WHERE category_id = 'CAT_new'"), 1);
    ck_assert_int_eq(sql("SELECT count(*) FROM in_category"), 1);
    done(h);
}
END_TEST

#define OLD_COUNTS                                                                                           \
    "INSERT INTO older_counts SELECT user, 'SHOPS_AT', retailer, 6, 99999999 FROM shops_at;"                 \
    "INSERT INTO retailers VALUES(50, 'RET_Old', 'Old', 'Grocery');"                                         \
    "INSERT INTO older_counts VALUES(1, 'SHOPS_AT', 50, 3, 5);"

START_TEST(an_incremental_load_adds_to_counts_without_receipts)
{
    struct plugin_host *h = open_with("");

    put(h, MILK);
    (void)sql(OLD_COUNTS);
    put(h, "{\"user_id\":\"u\",\"purchases\":[{\"receipt_id\":\"r2\",\"time\":1,\"product_id\":\"p\","
           "\"retailer\":\"Shop\"}]}");
    ck_assert_int_eq(sql("SELECT frequency FROM shops_at WHERE retailer <> 50"), 8);
    ck_assert_int_eq(sql("SELECT frequency FROM shops_at WHERE retailer = 50"), 3);
    done(h);
}
END_TEST

START_TEST(a_full_load_drops_what_no_receipt_explains_on_all_edges_of_the_user)
{
    struct plugin_host *h = open_with("load: full\n");

    put(h, MILK);
    (void)sql(OLD_COUNTS
              "INSERT INTO user_keys VALUES(70, 'other', NULL, NULL, 1, 1); INSERT INTO older_counts "
              "VALUES(70, 'SHOPS_AT', 50, 2, 2);");
    ck_assert_int_eq(sql("SELECT frequency FROM shops_at WHERE user = 1 AND retailer <> 50"), 7);
    ck_assert_int_eq(sql("SELECT last_visit FROM shops_at WHERE user = 1 AND retailer <> 50"), 99999999);
    put(h, "{\"user_id\":\"u\",\"purchases\":[]}");
    ck_assert_int_eq(sql("SELECT frequency FROM shops_at WHERE user = 1"), 1);
    ck_assert_int_eq(sql("SELECT last_visit FROM shops_at WHERE user = 1"), 86400000);
    ck_assert_int_eq(sql("SELECT count(*) FROM shops_at WHERE user = 1"), 1);
    ck_assert_int_eq(sql("SELECT frequency FROM shops_at WHERE user = 70"), 2);
    done(h);
}
END_TEST

START_TEST(a_full_load_over_a_clean_graph_changes_nothing)
{
    struct plugin_host *h = open_with("load: full\n");

    put(h, MILK);
    (void)sql(CLOCK_BACK);
    put(h, MILK);
    expect(h, MILK_NODES MILK_EDGES);
    ck_assert_int_eq(sql("SELECT last_updated_at FROM users"), 1);
    done(h);
}
END_TEST

START_TEST(each_bad_record_is_refused_alone_and_by_name)
{
    static const struct {
        const char *json, *reason;
    } bad[] = {
        {"[]", "not_a_purchase"},
        {"{\"purchases\":[]}", "no_user_id"},
        {"{\"user_id\":\"\",\"purchases\":[]}", "no_user_id"},
        {"{\"user_id\":7,\"purchases\":[]}", "bad_user_id"},
        {"{\"user_id\":\"a\\u0000b\",\"purchases\":[]}", "bad_user_id"},
        {"{\"user_id\":\"u\"}", "no_purchases"},
        {"{\"user_id\":\"u\",\"purchases\":{}}", "bad_purchases"},
        {"{\"user_id\":\"u\",\"purchases\":[3]}", "bad_purchase"},
        {"{\"user_id\":\"u\",\"timezone\":1,\"purchases\":[]}", "bad_timezone"},
        {"{\"user_id\":\"u\",\"purchases\":[{\"time\":1,\"product_id\":\"p\"}]}", "no_receipt_id"},
        {"{\"user_id\":\"u\",\"purchases\":[{\"receipt_id\":\"r\",\"time\":1}]}", "no_product_id"},
        {"{\"user_id\":\"u\",\"purchases\":[{\"receipt_id\":\"r\",\"product_id\":\"p\"}]}", "no_time"},
        {"{\"user_id\":\"u\",\"purchases\":[{\"receipt_id\":\"r\",\"product_id\":\"p\",\"time\":\"1\"}]}",
         "bad_time"},
        {"{\"user_id\":\"u\",\"purchases\":[{\"receipt_id\":\"r\",\"product_id\":\"p\",\"time\":1.5}]}",
         "bad_time"},
        {"{\"user_id\":\"u\",\"purchases\":[{\"receipt_id\":\"r\",\"product_id\":\"p\",\"time\":-"
         "99999999999999999}]}",
         "bad_time"},
        {"{\"user_id\":\"u\",\"purchases\":[{\"receipt_id\":\"r\",\"product_id\":\"p\",\"time\":"
         "1700086400001}]}",
         "future"},
        {NAMED("\"retailer\":[]"), "bad_retailer"},
        {NAMED("\"category\":1"), "bad_category"},
        {NAMED("\"category_id\":true"), "bad_category_id"},
        {NAMED("\"name\":{}"), "bad_name"},
        {NAMED("\"brand\":\"\\u0000\""), "bad_brand"},
        {NAMED("\"description\":1"), "bad_description"},
        {NAMED("\"category_hierarchy\":\"x\""), "bad_hierarchy"},
        {NAMED("\"category_hierarchy\":[1]"), "bad_hierarchy"},
    };
    struct plugin_host *h = open_with("");
    struct sluice_error err = {.struct_size = sizeof err};
    uint32_t n = sizeof bad / sizeof bad[0], i;

    for (i = 0; i < n; i++)
        plugin_host_add(h, bad[i].json);
    plugin_host_add(h, "{\"user_id\":\"good\",\"purchases\":[]}");
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_OK);
    for (i = 0; i < n; i++) {
        const struct sluice_verdict *v = plugin_host_verdict(h, i);

        ck_assert_msg(v->code == SLUICE_REJECT, "%s was taken", bad[i].json);
        ck_assert_str_eq(v->reason, bad[i].reason);
        ck_assert_msg(v->detail != NULL && strlen(v->detail) > 10, "%s", bad[i].json);
    }
    ck_assert_uint_eq(plugin_host_verdict(h, n)->code, SLUICE_OK);
    ck_assert_int_eq(sql("SELECT count(*) FROM users WHERE user_id = 'good'"), 1);
    done(h);
}
END_TEST

START_TEST(an_id_of_512_bytes_is_taken_and_one_of_513_refused)
{
    struct plugin_host *h = open_with("");
    char json[1024], id[514];

    memset(id, 'x', 513);
    id[513] = '\0';
    (void)snprintf(json, sizeof json, "{\"user_id\":\"%s\",\"purchases\":[]}", id);
    ck_assert_uint_eq(plugin_host_one(h, json)->code, SLUICE_REJECT);
    id[512] = '\0';
    (void)snprintf(json, sizeof json, "{\"user_id\":\"%s\",\"purchases\":[]}", id);
    put(h, json);
    put(h, json);
    ck_assert_int_eq(sql("SELECT count(*) FROM users"), 1);
    done(h);
}
END_TEST

START_TEST(a_purchase_of_tomorrow_is_taken_up_to_24_hours)
{
    struct plugin_host *h = open_with("");

    put(h, "{\"user_id\":\"u\",\"purchases\":[{\"receipt_id\":\"r\",\"product_id\":\"p\",\"time\":"
           "1700086400000}]}");
    done(h);
}
END_TEST

START_TEST(what_another_writer_did_to_a_product_is_not_forgotten)
{
    struct plugin_host *h = open_with(""), *other = open_with("");

    put(h, NAMED("\"category\":\"one\""));
    put(other, NAMED("\"category\":\"two\""));
    put(h, NAMED("\"category\":\"one\""));
    ck_assert_int_eq(sql("SELECT category = 'one' FROM products"), 1);
    ck_assert_int_eq(sql("SELECT category_id = 'CAT_one' FROM in_category_edges"), 1);
    plugin_host_close(other);
    done(h);
}
END_TEST

START_TEST(a_walk_of_one_user_shows_what_he_reaches_and_no_more)
{
    struct plugin_host *h = open_with("");
    char *got, *want;

    put(h, MILK);
    put(h, "{\"user_id\":\"v\",\"purchases\":[{\"receipt_id\":\"r9\",\"time\":1,\"product_id\":\"q\","
           "\"retailer\":\"Far\",\"category\":\"Else\"}]}");
    got = graph_lines(h, "u");
    want = graph_lines_sort(MILK_NODES MILK_EDGES);
    graph_lines_expect(got, want);
    free(got);
    free(want);
    got = graph_lines(h, "nobody");
    ck_assert_str_eq(got, "");
    free(got);
    done(h);
}
END_TEST

START_TEST(a_walk_shows_edges_whose_ends_are_gone)
{
    struct plugin_host *h = open_with("");

    put(h, MILK);
    (void)sql("DELETE FROM user_keys; DELETE FROM products;");
    expect(h, "Category\tCAT_fresh_milk\tFresh "
              "Milk\nIN_CATEGORY\t\tCAT_fresh_milk\nRetailer\tRET_Shop\tShop\tGrocery\n"
              "PURCHASED\t\t\t1\t86400000\t0\t0.000000\t86400000\tr1\nSHOPS_AT\t\tRET_Shop\t1\t86400000\tr1\n"
              "SHOPS_IN\t\tCAT_fresh_milk\t1\t86400000\tr1\n");
    done(h);
}
END_TEST

START_TEST(the_views_show_receipts_by_time_and_then_id)
{
    struct plugin_host *h = open_with("");

    put(h, "{\"user_id\":\"u\",\"purchases\":[{\"receipt_id\":\"z\",\"time\":1,\"product_id\":\"p\"},"
           "{\"receipt_id\":\"b\",\"time\":5500,\"product_id\":\"p\"},{\"receipt_id\":\"a\",\"time\":5500,"
           "\"product_id\":\"p\"}]}");
    ck_assert_int_eq(
        sql("SELECT receipt_ids = '[\"z\",\"a\",\"b\"]' AND timestamps = "
            "'[\"1970-01-01T00:00:00.001Z\",\"1970-01-01T00:00:05.500Z\",\"1970-01-01T00:00:05.500Z\"]'"
            " FROM purchased_edges"),
        1);
    done(h);
}
END_TEST

#define BOUGHT(product, receipt, time, more)                                                                 \
    "{\"user_id\":\"u\",\"purchases\":[{\"receipt_id\":\"" receipt "\",\"time\":" #time                      \
    ",\"product_id\":\"" product "\"" more "}]}"

START_TEST(a_purchase_that_says_less_than_what_is_known_is_not_written)
{
    struct plugin_host *h = open_with("");

    put(h, BOUGHT("p", "r", 20, ",\"retailer\":\"S\",\"category\":\"c\""));
    (void)sql(CLOCK_BACK);
    put(h, BOUGHT("p", "r", 20, ""));
    put(h, BOUGHT("p", "r", 20, ",\"retailer\":\"S\""));
    put(h, BOUGHT("p", "r", 10, ",\"retailer\":\"S\",\"category\":\"c\""));
    ck_assert_int_eq(sql("SELECT count(*) FROM purchases WHERE receipt <> ''"), 1);
    ck_assert_int_eq(sql("SELECT last_updated_at FROM users"), 1);
    ck_assert_int_eq(sql("SELECT time FROM shops_at_receipts"), 20);
    done(h);
}
END_TEST

START_TEST(what_a_purchase_lacked_may_come_later_and_counts_once_on_each_edge)
{
    struct plugin_host *h = open_with("");

    put(h, BOUGHT("p", "r", 20, ""));
    put(h, BOUGHT("p", "r", 30, ",\"retailer\":\"S\""));
    put(h, BOUGHT("p", "r", 10, ",\"category\":\"c\""));
    expect(h, "User\tu\tUTC\nProduct\tp\t\t\tc\t\nCategory\tCAT_c\tc\nIN_CATEGORY\tp\tCAT_c\n"
              "Retailer\tRET_S\tS\tGrocery\nPURCHASED\tu\tp\t1\t30\t0\t0.000000\t30\tr\n"
              "SHOPS_AT\tu\tRET_S\t1\t30\tr\nSHOPS_IN\tu\tCAT_c\t1\t10\tr\n");
    ck_assert_int_eq((int64_t)plugin_host_metric(h, "purchases_total", "new"), 1);
    done(h);
}
END_TEST

START_TEST(the_views_count_what_an_older_system_counted)
{
    struct plugin_host *h = open_with("");

    put(h, MILK);
    (void)sql(OLD_COUNTS);
    ck_assert_int_eq(sql("SELECT count(*) FROM shops_at_edges"), 2);
    ck_assert_int_eq(sql("SELECT frequency FROM shops_at_edges WHERE retailer_id = 'RET_Shop'"), 7);
    ck_assert_int_eq(
        sql("SELECT last_visit = '1970-01-02T03:46:39.999Z' FROM shops_at_edges WHERE frequency = 7"), 1);
    ck_assert_int_eq(sql("SELECT receipt_ids = '[]' AND last_visit = '1970-01-01T00:00:00.005Z'"
                         " FROM shops_at_edges WHERE retailer_id = 'RET_Old' AND frequency = 3"),
                     1);
    expect(h, MILK_NODES "Retailer\tRET_Old\tOld\tGrocery\n"
                         "PURCHASED\tu\tp\t1\t86400000\t0\t0.000000\t86400000\tr1\n"
                         "SHOPS_AT\tu\tRET_Shop\t7\t99999999\tr1\nSHOPS_AT\tu\tRET_Old\t3\t5\n"
                         "SHOPS_IN\tu\tCAT_fresh_milk\t1\t86400000\tr1\n");
    done(h);
}
END_TEST

/* Steps of the plan that read all of purchases, under its name or those it has in the views. */
static int scans(sqlite3 *db, const char *query)
{
    char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", query), name[64];
    sqlite3_stmt *s;
    int n = 0;

    ck_assert_msg(sqlite3_prepare_v2(db, explain, -1, &s, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    while (sqlite3_step(s) == SQLITE_ROW)
        if (sscanf((const char *)sqlite3_column_text(s, 3), "SCAN %63s", name) == 1)
            n += strcmp(name, "purchases") == 0 || strcmp(name, "p") == 0 || strcmp(name, "e") == 0;
    ck_assert_int_eq(sqlite3_finalize(s), SQLITE_OK);
    sqlite3_free(explain);
    return n;
}

START_TEST(a_query_for_one_user_reads_only_his_rows)
{
    static const char *const queries[] = {
        "SELECT * FROM users WHERE user_id = 'u'",
        "SELECT * FROM purchased_edges WHERE user_id = 'u'",
        "SELECT * FROM shops_at_edges WHERE user_id = 'u'",
        "SELECT * FROM shops_in_edges WHERE user_id = 'u'",
        "SELECT * FROM purchased WHERE user = 1",
        "SELECT * FROM shops_at WHERE user = 1",
        "SELECT * FROM shops_in WHERE user = 1",
        "SELECT * FROM purchased_receipts WHERE user = 1 AND product = 1",
        "SELECT * FROM shops_at_receipts WHERE user = 1 AND retailer = 1",
        "SELECT * FROM shops_in_receipts WHERE user = 1 AND category = 1",
    };
    struct plugin_host *h = open_with("");
    sqlite3 *db;
    size_t i;

    put(h, MILK);
    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    for (i = 0; i < sizeof queries / sizeof queries[0]; i++)
        ck_assert_msg(scans(db, queries[i]) == 0, "%s reads the whole table", queries[i]);
    ck_assert_int_eq(scans(db, "SELECT count(*) FROM purchases"), 1);
    sqlite3_close(db);
    done(h);
}
END_TEST

START_TEST(more_users_than_the_caches_first_hold_are_told_apart)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct plugin_host *h = open_with("synchronous: normal\n");
    char json[128];
    int round, i;

    for (round = 0; round < 2; round++) {
        for (i = 0; i < 6000; i++) {
            (void)snprintf(json, sizeof json,
                           "{\"user_id\":\"user-%d\",\"purchases\":[{\"receipt_id\":\"r\",\"time\":%d,"
                           "\"product_id\":\"p%d\"}]}",
                           i, i, i);
            plugin_host_add(h, json);
            if (i % 500 == 499) {
                ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_OK);
                plugin_host_clear(h);
            }
        }
        ck_assert_int_eq(sql("SELECT count(*) FROM purchased_edges WHERE product_id = 'p' ||"
                             " substr(user_id, 6)"),
                         6000);
    }
    ck_assert_int_eq((int64_t)plugin_host_metric(h, "purchases_total", "new"), 6000);
    done(h);
}
END_TEST

ONE_SUITE("sink_sqlite", 60, one_purchase_makes_all_nodes_and_edges,
          a_replay_changes_nothing_not_even_the_clock_of_the_user, something_new_moves_the_clock_of_the_user,
          three_receipts_give_interval_and_likelihood,
          of_two_times_of_a_receipt_the_later_wins_in_either_order, a_receipt_with_two_stores_counts_at_each,
          store_aliases_unify_spellings, aliases_that_lead_to_two_names_are_refused,
          a_user_without_history_is_a_user, the_time_zone_of_the_latest_purchase_stays,
          values_never_give_way_to_empty_ones, a_catalogue_name_beats_a_description_in_any_order,
          of_two_names_of_a_category_the_smaller_stays, in_category_follows_the_product_to_a_new_category,
          an_incremental_load_adds_to_counts_without_receipts,
          a_full_load_drops_what_no_receipt_explains_on_all_edges_of_the_user,
          a_full_load_over_a_clean_graph_changes_nothing, each_bad_record_is_refused_alone_and_by_name,
          an_id_of_512_bytes_is_taken_and_one_of_513_refused, a_purchase_of_tomorrow_is_taken_up_to_24_hours,
          what_another_writer_did_to_a_product_is_not_forgotten,
          a_walk_of_one_user_shows_what_he_reaches_and_no_more, a_walk_shows_edges_whose_ends_are_gone,
          the_views_show_receipts_by_time_and_then_id,
          a_purchase_that_says_less_than_what_is_known_is_not_written,
          what_a_purchase_lacked_may_come_later_and_counts_once_on_each_edge,
          the_views_count_what_an_older_system_counted, a_query_for_one_user_reads_only_his_rows,
          more_users_than_the_caches_first_hold_are_told_apart)
