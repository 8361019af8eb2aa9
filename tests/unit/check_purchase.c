/* check_purchase: receipts, shop orders and rows through enrich/purchase as it ships. */
#include <string.h>

#include "one_suite.h"
#include "plugin_host.h"

#define P1 "00112233-4455-6677-8899-aabbccddeeff"
#define P1_BASE64 "ABEiM0RVZneImaq7zN3u/w=="
#define P2 "fbfbfbfb-fbfb-fbfb-fbfb-fbfbfbfbfbfb"
#define NOW INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

static int64_t fixed_now(void)
{
    return NOW;
}

static struct plugin_host *open_purchase(const char *yaml)
{
    static const struct plugin_host_setup with = {.now_ms = fixed_now};
    struct plugin_host *h = plugin_host_open_with("enrich", "purchase", yaml, &with);

    plugin_host_start(h);
    return h;
}

static void check_kept(struct plugin_host *h, const char *json, const char *document)
{
    const struct sluice_verdict *v = plugin_host_one(h, json);

    ck_assert_msg(v->code == SLUICE_OK, "%s: %s", v->reason, v->detail);
    ck_assert_str_eq(plugin_host_document(h, 0), document);
}

/* The document of a record that is not kept stays what it was. */
static void check_ends(struct plugin_host *h, const char *json, uint32_t code, const char *reason,
                       const char *detail)
{
    const struct sluice_verdict *v = plugin_host_one(h, json);

    ck_assert_msg(v->code == code, "code %u (%s), expected %u for %s", v->code, v->reason ? v->reason : "",
                  code, json);
    ck_assert_str_eq(v->reason, reason);
    ck_assert_ptr_nonnull(v->detail);
    ck_assert_msg(strstr(v->detail, detail) != NULL, "\"%s\" does not say \"%s\"", v->detail, detail);
    ck_assert_str_eq(plugin_host_document(h, 0), json);
}

#define RECEIPT(more)                                                                                        \
    "{\"receipt_id\":\"r1\",\"user_id\":\"u1\",\"status\":\"FINISHED\",\"purchased_at\":"                    \
    "\"2017-01-06T12:47:01Z\"," more "}"
#define ITEMS(list) RECEIPT("\"items\":[" list "]")

START_TEST(a_receipt_becomes_a_purchase_an_item)
{
    struct plugin_host *h = open_purchase("from: receipt\n");

    check_kept(
        h,
        RECEIPT("\"timezone\":\"Europe/Berlin\",\"store_name\":\"Corner Shop\",\"items\":[{\"fido\":\"" P1
                "\",\"description\":\"MILK\",\"quantity\":2,\"price_cents\":119},{\"fido\":\"" P2 "\"}]"),
        "{\"user_id\":\"u1\",\"timezone\":\"Europe/Berlin\",\"purchases\":[{\"receipt_id\":\"r1\",\"time\":"
        "1483706821000,\"product_id\":\"" P1 "\",\"retailer\":\"Corner Shop\",\"quantity\":2,"
        "\"description\":\"MILK\"},{\"receipt_id\":\"r1\",\"time\":1483706821000,\"product_id\":\"" P2
        "\",\"retailer\":\"Corner Shop\"}]}");
    plugin_host_close(h);
}
END_TEST

START_TEST(receipts_that_are_not_wanted_are_dropped_with_the_reason)
{
    struct plugin_host *h = open_purchase("from: receipt\n");

    check_ends(h, "{\"status\":\"PENDING\"}", SLUICE_DROP, "not_finished", "FINISHED");
    check_ends(h, "{\"status\":\"finished\"}", SLUICE_DROP, "not_finished", "FINISHED");
    check_ends(h, "{\"status\":\"FINISHED\",\"digital_receipt_data\":{}}", SLUICE_DROP, "digital",
               "digital_receipt_data");
    check_ends(h, "{\"status\":\"FINISHED\",\"items\":[]}", SLUICE_DROP, "no_fido", "FIDO");
    check_ends(h, "{\"status\":\"FINISHED\",\"items\":[{\"fido\":null},{\"fido\":\"\"},{}]}", SLUICE_DROP,
               "no_fido", "FIDO");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_null_digital_receipt_is_none)
{
    struct plugin_host *h = open_purchase("from: receipt\n");

    ck_assert_uint_eq(
        plugin_host_one(h, RECEIPT("\"digital_receipt_data\":null,\"items\":[{\"fido\":\"" P1 "\"}]"))->code,
        SLUICE_OK);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_bad_fido_beside_a_good_one_is_left_out_and_counted)
{
    struct plugin_host *h = open_purchase("from: receipt\n");

    check_kept(h,
               ITEMS("{\"fido\":\"???\"},{\"fido\":\"" P1_BASE64 "\"},{\"fido\":7},{\"fido\":\"ABEi\"},5,{}"),
               "{\"user_id\":\"u1\",\"purchases\":[{\"receipt_id\":\"r1\",\"time\":1483706821000,"
               "\"product_id\":\"" P1 "\"}]}");
    ck_assert_double_eq(plugin_host_metric(h, "items_left_out_total", "not_base64"), 1);
    ck_assert_double_eq(plugin_host_metric(h, "items_left_out_total", "not_text"), 1);
    ck_assert_double_eq(plugin_host_metric(h, "items_left_out_total", "wrong_length"), 1);
    ck_assert_double_eq(plugin_host_metric(h, "items_left_out_total", "not_an_object"), 1);
    ck_assert_double_eq(plugin_host_metric(h, "items_left_out_total", "no_fido"), 1);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_receipt_with_bad_fidos_only_is_refused_and_says_which)
{
    struct plugin_host *h = open_purchase("from: receipt\n");

    check_ends(h, ITEMS("{},{\"fido\":\"no such thing\"}"), SLUICE_REJECT, "bad_fido",
               "items[1]: found \"no such thing\" (not_base64)");
    check_ends(h, ITEMS("{\"fido\":[]}"), SLUICE_REJECT, "bad_fido", "a list");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_product_twice_on_a_receipt_is_two_purchases)
{
    struct plugin_host *h = open_purchase("from: receipt\n");

    check_kept(h, ITEMS("{\"fido\":\"" P1 "\",\"quantity\":1},{\"fido\":\"" P1_BASE64 "\",\"quantity\":2.5}"),
               "{\"user_id\":\"u1\",\"purchases\":[{\"receipt_id\":\"r1\",\"time\":1483706821000,\"product_"
               "id\":\"" P1
               "\",\"quantity\":1},{\"receipt_id\":\"r1\",\"time\":1483706821000,\"product_id\":\"" P1
               "\",\"quantity\":2.5}]}");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_missing_member_is_named_with_what_was_expected)
{
    struct plugin_host *h = open_purchase("from: receipt\n");

    check_ends(h, "{}", SLUICE_REJECT, "no_status", "status: expected a text, found nothing");
    check_ends(h, "{\"status\":\"FINISHED\"}", SLUICE_REJECT, "no_items",
               "items: expected a list, found nothing");
    check_ends(h,
               "{\"status\":\"FINISHED\",\"receipt_id\":\"r1\",\"purchased_at\":\"2017-01-06T12:47:01Z\","
               "\"items\":[{"
               "\"fido\":\"" P1 "\"}]}",
               SLUICE_REJECT, "no_user_id", "user_id: expected a text, found nothing");
    check_ends(
        h,
        "{\"status\":\"FINISHED\",\"user_id\":\"u1\",\"purchased_at\":\"2017-01-06T12:47:01Z\",\"items\":[{"
        "\"fido\":\"" P1 "\"}]}",
        SLUICE_REJECT, "no_receipt_id", "receipt_id: expected a text, found nothing");
    check_ends(h,
               "{\"status\":\"FINISHED\",\"user_id\":\"u1\",\"receipt_id\":\"r1\",\"items\":[{\"fido\":\"" P1
               "\"}]}",
               SLUICE_REJECT, "no_time", "purchased_at: expected a time as in RFC 3339, found nothing");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_member_of_another_type_is_named_with_what_is_there)
{
    struct plugin_host *h = open_purchase("from: receipt\n");

    check_ends(h, RECEIPT("\"items\":{}"), SLUICE_REJECT, "bad_items",
               "items: expected a list, found an object");
    check_ends(h, RECEIPT("\"store_name\":7,\"items\":[{\"fido\":\"" P1 "\"}]"), SLUICE_REJECT,
               "bad_store_name", "store_name: expected a text, found 7");
    check_ends(h, ITEMS("{\"fido\":\"" P1 "\",\"quantity\":\"2\"}"), SLUICE_REJECT, "bad_quantity",
               "items[0].quantity: expected a number, found \"2\"");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_user_id_is_at_most_512_bytes_without_control_characters)
{
    struct plugin_host *h = open_purchase("from: receipt\n");
    char id[600], json[1200];

    memset(id, 'x', sizeof id);
    id[512] = '\0';
#define WITH_USER                                                                                            \
    "{\"receipt_id\":\"r1\",\"user_id\":\"%s\",\"status\":\"FINISHED\",\"purchased_at\":"                    \
    "\"2017-01-06T12:47:01Z\",\"items\":[{\"fido\":\"" P1 "\"}]}"
    (void)snprintf(json, sizeof json, WITH_USER, id);
    ck_assert_uint_eq(plugin_host_one(h, json)->code, SLUICE_OK);
    id[512] = 'x';
    id[513] = '\0';
    (void)snprintf(json, sizeof json, WITH_USER, id);
    check_ends(h, json, SLUICE_REJECT, "bad_user_id", "at most 512 bytes, found 513");
    (void)snprintf(json, sizeof json, WITH_USER, "a\\u0007b");
    check_ends(h, json, SLUICE_REJECT, "bad_user_id", "control");
    (void)snprintf(json, sizeof json, WITH_USER,
                   "a\xc2\x85"
                   "b");
    check_ends(h, json, SLUICE_REJECT, "bad_user_id", "control");
    (void)snprintf(json, sizeof json, WITH_USER, "");
    check_ends(h, json, SLUICE_REJECT, "no_user_id", "empty");
    plugin_host_close(h);
}
END_TEST

static const char *with_time(const char *value)
{
    static char json[400];

    (void)snprintf(
        json, sizeof json,
        "{\"receipt_id\":\"r1\",\"user_id\":\"u1\",\"status\":\"FINISHED\",\"purchased_at\":%s,\"items\":"
        "[{\"fido\":\"" P1 "\"}]}",
        value);
    return json;
}

START_TEST(a_purchase_more_than_a_day_ahead_is_refused)
{
    struct plugin_host *h = open_purchase("from: receipt\n");

    ck_assert_uint_eq(plugin_host_one(h, with_time("\"2026-01-02T00:00:00Z\""))->code, SLUICE_OK);
    check_ends(h, with_time("\"2026-01-02T00:00:00.001Z\""), SLUICE_REJECT, "future", "a day ahead");
    plugin_host_close(h);
}
END_TEST

START_TEST(numbers_are_no_times_unless_told)
{
    struct plugin_host *h = open_purchase("from: receipt\n");

    check_ends(h, with_time("1483706821"), SLUICE_REJECT, "bad_time", "time_format");
    check_ends(h, with_time("\"1483706821\""), SLUICE_REJECT, "bad_time", "purchased_at");
    check_ends(h, with_time("\"2017-01-06T12:47:01\""), SLUICE_REJECT, "bad_time", "offset");
    plugin_host_close(h);
}
END_TEST

START_TEST(an_epoch_is_read_in_the_unit_that_was_told)
{
    struct plugin_host *s = open_purchase("from: receipt\ntime_format: epoch_s\n");
    struct plugin_host *ms = open_purchase("from: receipt\ntime_format: epoch_ms\n");

    ck_assert_uint_eq(plugin_host_one(s, with_time("1483706821"))->code, SLUICE_OK);
    ck_assert_ptr_nonnull(strstr(plugin_host_document(s, 0), "\"time\":1483706821000,"));
    ck_assert_uint_eq(plugin_host_one(s, with_time("1483706821.25"))->code, SLUICE_OK);
    ck_assert_ptr_nonnull(strstr(plugin_host_document(s, 0), "\"time\":1483706821250,"));
    ck_assert_uint_eq(plugin_host_one(ms, with_time("1483706821001"))->code, SLUICE_OK);
    ck_assert_ptr_nonnull(strstr(plugin_host_document(ms, 0), "\"time\":1483706821001,"));
    check_ends(s, with_time("1483706821000"), SLUICE_REJECT, "bad_time", "epoch_s");
    check_ends(s, with_time("\"2017-01-06T12:47:01Z\""), SLUICE_REJECT, "bad_time", "epoch_s");
    check_ends(ms, with_time("1e+300"), SLUICE_REJECT, "bad_time", "epoch_ms");
    plugin_host_close(s);
    plugin_host_close(ms);
}
END_TEST

#define ORDER(more)                                                                                          \
    "{\"user_id\":\"u1\",\"source\":\"SHOP\",\"event_type\":\"ORDER_FINALIZED\",\"summary_id\":"             \
    "\"s1\",\"occurred_at\":\"2017-01-06T12:47:01Z\",\"data\":{" more "}}"

START_TEST(a_shop_order_becomes_purchases_with_its_summary_as_receipt)
{
    struct plugin_host *h = open_purchase("from: shop-order\n");

    check_kept(h,
               ORDER("\"fidos\":[{\"id\":\"" P1_BASE64
                     "\",\"quantity\":3}],\"fido_count\":1,\"retailer_info\":{"
                     "\"name\":\"Web Shop\"}"),
               "{\"user_id\":\"u1\",\"purchases\":[{\"receipt_id\":\"s1\",\"time\":1483706821000,"
               "\"product_id\":\"" P1 "\",\"retailer\":\"Web Shop\",\"quantity\":3}]}");
    plugin_host_close(h);
}
END_TEST

START_TEST(shop_orders_that_are_not_wanted_are_dropped_with_the_reason)
{
    struct plugin_host *h = open_purchase("from: shop-order\n");

    check_ends(h, "{\"source\":\"SURVEY\"}", SLUICE_DROP, "not_shop", "SHOP");
    check_ends(h, "{\"source\":\"SHOP\",\"event_type\":\"ORDER_PLACED\"}", SLUICE_DROP, "not_finalized",
               "ORDER_FINALIZED");
    check_ends(h, ORDER("\"fidos\":[{\"id\":\"" P1 "\"}],\"fido_count\":0"), SLUICE_DROP, "no_fido",
               "fido_count");
    check_ends(h, ORDER("\"fidos\":[],\"fido_count\":2"), SLUICE_DROP, "no_fido", "FIDO");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_shop_order_says_what_is_wrong_inside_its_data)
{
    struct plugin_host *h = open_purchase("from: shop-order\n");

    check_ends(h, "{\"source\":\"SHOP\",\"event_type\":\"ORDER_FINALIZED\"}", SLUICE_REJECT, "no_data",
               "data: expected an object, found nothing");
    check_ends(h, ORDER("\"fido_count\":1"), SLUICE_REJECT, "no_items", "data.fidos: expected a list");
    check_ends(h, ORDER("\"fido_count\":\"1\""), SLUICE_REJECT, "bad_fido_count", "data.fido_count");
    check_ends(h, ORDER("\"fidos\":[{\"id\":\"x\"}]"), SLUICE_REJECT, "bad_fido", "data.fidos[0]");
    check_ends(h, ORDER("\"fidos\":[{\"id\":\"" P1 "\"}],\"retailer_info\":[]"), SLUICE_REJECT,
               "bad_retailer_info", "a list");
    plugin_host_close(h);
}
END_TEST

#define ROWS                                                                                                 \
    "from: row\nfields: { user_id: household_id, receipt_id: basket_id, product_id: product_id, "            \
    "time: transaction_timestamp, retailer: store_id, quantity: quantity }\n"

START_TEST(a_row_becomes_one_purchase_with_its_ids_as_they_are)
{
    struct plugin_host *h = open_purchase(ROWS);

    check_kept(
        h,
        "{\"household_id\":\"467\",\"store_id\":\"31782\",\"basket_id\":\"31280745102\",\"product_id\":"
        "\"896613\","
        "\"quantity\":\"2\",\"sales_value\":\"6.55\",\"transaction_timestamp\":\"2017-01-06T12:47:01Z\"}",
        "{\"user_id\":\"467\",\"purchases\":[{\"receipt_id\":\"31280745102\",\"time\":1483706821000,"
        "\"product_id\":\"896613\",\"retailer\":\"31782\",\"quantity\":2}]}");
    check_kept(h,
               "{\"household_id\":467,\"basket_id\":31280745102,\"product_id\":18446744073709551615,"
               "\"quantity\":0.5,"
               "\"transaction_timestamp\":\"2017-01-06T12:47:01Z\"}",
               "{\"user_id\":\"467\",\"purchases\":[{\"receipt_id\":\"31280745102\",\"time\":1483706821000,"
               "\"product_id\":\"18446744073709551615\",\"quantity\":0.5}]}");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_row_that_lacks_a_column_names_the_column)
{
    struct plugin_host *h = open_purchase(ROWS);

    check_ends(h, "{\"basket_id\":\"b\"}", SLUICE_REJECT, "no_user_id", "household_id: expected");
    check_ends(h, "{\"household_id\":\"h\",\"basket_id\":\"\"}", SLUICE_REJECT, "no_receipt_id", "basket_id");
    check_ends(h,
               "{\"household_id\":\"h\",\"basket_id\":\"b\",\"product_id\":\"p\",\"quantity\":\"two\","
               "\"transaction_timestamp\":\"2017-01-06T12:47:01Z\"}",
               SLUICE_REJECT, "bad_quantity", "quantity: expected a number, found \"two\"");
    plugin_host_close(h);
}
END_TEST

static void check_refused(const char *yaml, const char *words)
{
    char *said = plugin_host_refusal("enrich", "purchase", yaml);

    ck_assert_msg(strstr(said, words) != NULL, "\"%s\" does not say \"%s\"", said, words);
    free(said);
}

START_TEST(options_that_cannot_work_are_refused_by_name)
{
    check_refused("{}", "from");
    check_refused("from: basket\n", "receipt");
    check_refused("from: row\n", "user_id is missing");
    check_refused("from: row\nfields: { user_id: u, receipt_id: r, product_id: p }\n", "time is missing");
    check_refused("from: row\nfields: { user_id: u, shop: s }\n", "shop is not something a purchase has");
    check_refused("from: receipt\nfields: { user_id: u }\n", "from: row only");
    check_refused("from: receipt\ntime_format: unix\n", "epoch_s");
}
END_TEST

START_TEST(a_record_that_is_no_object_is_refused)
{
    struct plugin_host *h = open_purchase("from: receipt\n");

    check_ends(h, "[1,2]", SLUICE_REJECT, "not_an_object", "object");
    check_ends(h, "null", SLUICE_REJECT, "not_an_object", "object");
    plugin_host_close(h);
}
END_TEST

ONE_SUITE("purchase", 20, a_receipt_becomes_a_purchase_an_item,
          receipts_that_are_not_wanted_are_dropped_with_the_reason, a_null_digital_receipt_is_none,
          a_bad_fido_beside_a_good_one_is_left_out_and_counted,
          a_receipt_with_bad_fidos_only_is_refused_and_says_which,
          a_product_twice_on_a_receipt_is_two_purchases, a_missing_member_is_named_with_what_was_expected,
          a_member_of_another_type_is_named_with_what_is_there,
          a_user_id_is_at_most_512_bytes_without_control_characters,
          a_purchase_more_than_a_day_ahead_is_refused, numbers_are_no_times_unless_told,
          an_epoch_is_read_in_the_unit_that_was_told,
          a_shop_order_becomes_purchases_with_its_summary_as_receipt,
          shop_orders_that_are_not_wanted_are_dropped_with_the_reason,
          a_shop_order_says_what_is_wrong_inside_its_data,
          a_row_becomes_one_purchase_with_its_ids_as_they_are, a_row_that_lacks_a_column_names_the_column,
          options_that_cannot_work_are_refused_by_name, a_record_that_is_no_object_is_refused)
