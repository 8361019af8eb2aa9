/* The audit finds each kind of damage, names it, and finds nothing else. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../support/temp_dir.h"
#include "audit_baseline.h"
#include "one_suite.h"

#define NOW INT64_C(1700000000000)
#define DAY INT64_C(86400000)

/* A small sound graph: one user, two receipts of a product at a store, one category. */
struct world {
    struct sluice_graph_node product, category, retailer, user, extra_product, extra_user;
    struct sluice_graph_edge link, purchased, at, in, extra;
    struct sluice_str receipts[2];
    int64_t times[2];
    int n_extra_product, n_extra_user, n_extra, no_in;
};

#define S(text) ((struct sluice_str){(text), sizeof(text) - 1})

static struct world sound(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    w.receipts[0] = S("r1");
    w.receipts[1] = S("r2");
    w.times[0] = 0;
    w.times[1] = 2 * DAY;
    w.product = (struct sluice_graph_node){
        .type = SLUICE_NODE_PRODUCT, .id = S("p"), .name = S("Milk"), .category = S("c")};
    w.category = (struct sluice_graph_node){.type = SLUICE_NODE_CATEGORY, .id = S("CAT_c"), .name = S("c")};
    w.retailer = (struct sluice_graph_node){
        .type = SLUICE_NODE_RETAILER, .id = S("RET_s"), .name = S("s"), .venue_type = S("Grocery")};
    w.user = (struct sluice_graph_node){.type = SLUICE_NODE_USER, .id = S("u"), .timezone = S("UTC")};
    w.extra_product = w.product;
    w.extra_user = w.user;
    w.link = (struct sluice_graph_edge){.type = SLUICE_EDGE_IN_CATEGORY, .from = S("p"), .to = S("CAT_c")};
    w.purchased = (struct sluice_graph_edge){.type = SLUICE_EDGE_PURCHASED,
                                             .from = S("u"),
                                             .to = S("p"),
                                             .n_receipts = 2,
                                             .n_times = 2,
                                             .count = 2,
                                             .last_ms = 2 * DAY,
                                             .interval_days = 2,
                                             .likelihood = 0.5};
    w.at = w.purchased;
    w.at.type = SLUICE_EDGE_SHOPS_AT;
    w.at.to = S("RET_s");
    w.in = w.purchased;
    w.in.type = SLUICE_EDGE_SHOPS_IN;
    w.in.to = S("CAT_c");
    return w;
}

static struct world *shown; /* what the walk below shows */

static uint32_t walk(void *self, const char *user, const struct sluice_graph_visitor *v,
                     struct sluice_error *err)
{
    struct sluice_graph_edge *edges[] = {&shown->purchased, &shown->at, &shown->in};
    uint32_t code = SLUICE_OK;
    size_t i;

    (void)self;
    (void)user;
    (void)err;
    code |= v->node(v->context, &shown->product);
    if (shown->n_extra_product)
        code |= v->node(v->context, &shown->extra_product);
    code |= v->node(v->context, &shown->category);
    code |= v->node(v->context, &shown->retailer);
    code |= v->edge(v->context, &shown->link);
    code |= v->node(v->context, &shown->user);
    for (i = 0; i < 3; i++) {
        if (edges[i]->receipts == NULL) {
            edges[i]->receipts = shown->receipts;
            edges[i]->times = shown->times;
        }
        if (i < 2 || !shown->no_in)
            code |= v->edge(v->context, edges[i]);
    }
    if (shown->n_extra) {
        shown->extra.receipts = shown->receipts;
        shown->extra.times = shown->times;
        code |= v->edge(v->context, &shown->extra);
    }
    if (shown->n_extra_user)
        code |= v->node(v->context, &shown->extra_user);
    return code == SLUICE_OK ? SLUICE_OK : SLUICE_RETRY;
}

static const struct sluice_graph graph = {.struct_size = sizeof graph, .walk = walk};

static struct graph_audit audit(struct world *w, struct key_table *wanted)
{
    struct graph_audit a;
    struct sluice_error err = {.struct_size = sizeof err};

    shown = w;
    ck_assert_int_eq(graph_audit_init(&a, NOW), 0);
    a.wanted = wanted;
    ck_assert_uint_eq(graph_audit_walk(&a, &graph, NULL, &err), SLUICE_OK);
    return a;
}

/* Only this check finds something, n times. */
static void expect(struct world *w, enum audit_check check, uint64_t n)
{
    struct graph_audit a = audit(w, NULL);
    size_t i;

    for (i = 0; i < AUDIT_CHECKS; i++)
        ck_assert_msg(a.findings[i].count == (i == check ? n : 0), "%s: %d findings (%s)",
                      audit_checks[i].name, (int)a.findings[i].count,
                      a.findings[i].n > 0 ? a.findings[i].examples[0] : "");
    ck_assert_uint_gt(a.findings[check].n, 0);
    ck_assert_str_eq(graph_audit_health(&a), audit_checks[check].critical ? "UNHEALTHY" : "DEGRADED");
    graph_audit_release(&a);
}

START_TEST(a_sound_graph_is_healthy_and_counted)
{
    struct world w = sound();
    struct graph_audit a = audit(&w, NULL);
    size_t i;

    for (i = 0; i < AUDIT_CHECKS; i++)
        ck_assert_msg(a.findings[i].count == 0, "%s: %s", audit_checks[i].name,
                      a.findings[i].n > 0 ? a.findings[i].examples[0] : "");
    for (i = AUDIT_USERS; i <= AUDIT_IN_CATEGORY; i++)
        ck_assert_uint_eq(a.counts[i], 1);
    ck_assert_uint_eq(a.counts[AUDIT_PURCHASES], 2);
    ck_assert_uint_eq(a.counts[AUDIT_WITH_NAME], 1);
    ck_assert_uint_eq(a.counts[AUDIT_WITH_BRAND], 0);
    ck_assert_str_eq(graph_audit_health(&a), "HEALTHY");
    graph_audit_release(&a);
}
END_TEST

START_TEST(a_key_twice_is_found)
{
    struct world w = sound();

    w.n_extra_product = 1;
    expect(&w, AUDIT_DUPLICATE_NODE, 1);
    w = sound();
    w.n_extra_user = 1;
    expect(&w, AUDIT_DUPLICATE_NODE, 1);
}
END_TEST

START_TEST(an_edge_twice_is_found)
{
    struct world w = sound();

    w.extra = w.at;
    w.n_extra = 1;
    expect(&w, AUDIT_DUPLICATE_EDGE, 1);
}
END_TEST

START_TEST(an_empty_id_is_found)
{
    struct world w = sound();

    w.n_extra_user = 1;
    w.extra_user.id = S("");
    expect(&w, AUDIT_EMPTY_ID, 1);
}
END_TEST

START_TEST(an_edge_to_a_missing_node_is_found)
{
    struct world w = sound();

    w.extra = w.at;
    w.extra.to = (struct sluice_str){NULL, 0};
    w.n_extra = 1;
    expect(&w, AUDIT_MISSING_NODE, 1);
    w = sound();
    w.extra = w.at;
    w.extra.from = S("nobody");
    w.n_extra = 1;
    expect(&w, AUDIT_MISSING_NODE, 1);
}
END_TEST

START_TEST(a_wrong_number_of_times_is_found)
{
    struct world w = sound();

    w.purchased.count = 3;
    expect(&w, AUDIT_TIMES, 1);
}
END_TEST

START_TEST(visits_that_no_receipt_explains_are_found)
{
    struct world w = sound();

    w.at.count = 4;
    expect(&w, AUDIT_AT_UNEXPLAINED, 1);
    w = sound();
    w.in.count = 4;
    expect(&w, AUDIT_IN_UNEXPLAINED, 1);
}
END_TEST

START_TEST(arrays_out_of_order_or_of_unequal_length_are_found)
{
    static const struct sluice_str swapped[] = {{"r2", 2}, {"r1", 2}};
    static const int64_t equal[] = {5, 5};
    struct world w = sound();

    w.at.receipts = swapped;
    w.at.times = equal;
    w.at.last_ms = 5;
    expect(&w, AUDIT_ARRAYS, 1);
    w = sound();
    w.in.n_times = 1;
    w.in.last_ms = 0;
    expect(&w, AUDIT_ARRAYS, 1);
}
END_TEST

START_TEST(a_wrong_last_moment_is_found)
{
    struct world w = sound();

    w.at.last_ms = 1;
    expect(&w, AUDIT_LAST, 1);
}
END_TEST

START_TEST(a_wrong_interval_and_a_wrong_likelihood_are_found)
{
    struct world w = sound();

    w.purchased.interval_days = 3;
    expect(&w, AUDIT_INTERVAL, 1);
    w = sound();
    w.purchased.likelihood = 0.50001;
    expect(&w, AUDIT_LIKELIHOOD, 1);
    w = sound();
    w.purchased.likelihood = 0.0 / 0.0;
    expect(&w, AUDIT_LIKELIHOOD, 1);
}
END_TEST

START_TEST(a_moment_of_the_day_after_tomorrow_is_found)
{
    static const int64_t late[] = {0, NOW + DAY + 1}, allowed[] = {0, NOW + DAY};
    struct world w = sound();

    w.at.times = late;
    w.at.receipts = w.receipts;
    w.at.last_ms = late[1];
    expect(&w, AUDIT_FUTURE, 1);
    w = sound();
    w.at.times = allowed;
    w.at.receipts = w.receipts;
    w.at.last_ms = allowed[1];
    w.product.name = S("");
    expect(&w, AUDIT_NO_NAME, 1);
}
END_TEST

START_TEST(shops_in_that_differs_from_the_purchases_is_found)
{
    static const struct sluice_str other[] = {{"r1", 2}, {"r3", 2}};
    struct world w = sound();

    w.no_in = 1;
    expect(&w, AUDIT_IN_DIFFERS, 1);
    w = sound();
    w.in.receipts = other;
    w.in.times = w.times;
    expect(&w, AUDIT_IN_DIFFERS, 1);
}
END_TEST

START_TEST(a_category_without_an_edge_is_found)
{
    struct world w = sound();

    w.n_extra_product = 1;
    w.extra_product.id = S("q");
    expect(&w, AUDIT_CATEGORY_LINK, 1);
}
END_TEST

START_TEST(hierarchy_and_category_id_belong_together_where_ids_are_used)
{
    static const struct sluice_str levels[] = {{"a", 1}};
    struct world w = sound();

    w.product.category_id = S("id");
    expect(&w, AUDIT_HIERARCHY, 1);
    w = sound();
    w.product.hierarchy = levels;
    w.product.n_hierarchy = 1;
    w.product.name = S("");
    expect(&w, AUDIT_NO_NAME, 1); /* no ids in the graph: no fault */
}
END_TEST

START_TEST(a_placeholder_for_missing_data_is_found)
{
    struct world w = sound();

    w.product.brand = S("ENRICHMENT_UNAVAILABLE");
    expect(&w, AUDIT_PLACEHOLDER, 1);
}
END_TEST

START_TEST(no_more_than_five_examples_are_kept)
{
    struct graph_audit a;
    int i;

    ck_assert_int_eq(graph_audit_init(&a, NOW), 0);
    for (i = 0; i < 9; i++)
        audit_find(&a, AUDIT_TIMES, "number %d", i);
    ck_assert_uint_eq(a.findings[AUDIT_TIMES].count, 9);
    ck_assert_uint_eq(a.findings[AUDIT_TIMES].n, AUDIT_EXAMPLES);
    ck_assert_str_eq(a.findings[AUDIT_TIMES].examples[4], "number 4");
    graph_audit_release(&a);
}
END_TEST

/* --- baselines -------------------------------------------------------------------------- */

static int held(const struct audit_expectation *e, uint32_t n, const char *name)
{
    uint32_t i;

    for (i = 0; i < n; i++)
        if (strcmp(e[i].name, name) == 0)
            return e[i].held;
    ck_abort_msg("no expectation %s", name);
    return 0;
}

static void keep(struct world *w, const char *path, int64_t unique, int64_t in_graph)
{
    struct graph_audit a = audit(w, NULL);
    struct sluice_error err = {.struct_size = sizeof err};
    json_t *json = audit_json(&a, "p/sqlite");

    ck_assert_ptr_nonnull(json);
    if (unique >= 0)
        (void)json_object_set_new(
            json, "users_file",
            json_pack("{s:I, s:I}", "unique", (json_int_t)unique, "in_graph", (json_int_t)in_graph));
    ck_assert_msg(audit_baseline_save(path, json, &err) == 0, "%s", err.message);
    json_decref(json);
    graph_audit_release(&a);
}

START_TEST(a_baseline_comes_back_as_it_was_kept)
{
    char *dir = temp_dir_make(), path[4200];
    struct sluice_error err = {.struct_size = sizeof err};
    struct world w = sound();
    struct audit_baseline b;

    (void)snprintf(path, sizeof path, "%s/base.json", dir);
    w.at.count = 4;
    keep(&w, path, 7, 3);
    ck_assert_int_eq(audit_baseline_load(path, &b, &err), 0);
    ck_assert_uint_eq(b.counts[AUDIT_PURCHASES], 2);
    ck_assert_uint_eq(b.findings[AUDIT_AT_UNEXPLAINED], 1);
    ck_assert_uint_eq(b.users_unique, 7);
    ck_assert_uint_eq(b.users_in_graph, 3);
    temp_dir_remove(dir);
}
END_TEST

START_TEST(a_file_that_is_no_baseline_is_refused)
{
    char *dir = temp_dir_make(), path[4200];
    struct sluice_error err = {.struct_size = sizeof err};
    struct audit_baseline b;
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/base.json", dir);
    ck_assert_int_eq(audit_baseline_load(path, &b, &err), -1);
    f = fopen(path, "w");
    fputs("{\"counts\":{}}", f);
    (void)fclose(f);
    ck_assert_int_eq(audit_baseline_load(path, &b, &err), -1);
    ck_assert_msg(strstr(err.message, "no baseline") != NULL, "%s", err.message);
    temp_dir_remove(dir);
}
END_TEST

START_TEST(a_comparison_holds_what_a_backfill_promises)
{
    struct audit_expectation e[AUDIT_EXPECTATIONS];
    struct world w = sound();
    struct graph_audit a = audit(&w, NULL);
    struct audit_baseline b;
    uint32_t n;

    memset(&b, 0, sizeof b);
    memcpy(b.counts, a.counts, sizeof b.counts);
    n = audit_compare_judge(&a, &b, e);
    ck_assert_uint_le(n, AUDIT_EXPECTATIONS);
    while (n > 0)
        ck_assert_msg(e[--n].held, "%s: %s", e[n].name, e[n].text);
    b.counts[AUDIT_PRODUCTS] = 2;
    b.counts[AUDIT_USERS] = 2;
    n = audit_compare_judge(&a, &b, e);
    ck_assert_int_eq(held(e, n, "products"), 0);
    ck_assert_int_eq(held(e, n, "users"), 0);
    ck_assert_int_eq(held(e, n, "purchased"), 1);
    graph_audit_release(&a);
}
END_TEST

START_TEST(only_a_new_critical_finding_fails_a_comparison)
{
    struct audit_expectation e[AUDIT_EXPECTATIONS];
    struct world w = sound();
    struct graph_audit a;
    struct audit_baseline b;

    w.at.count = 4;
    a = audit(&w, NULL);
    memset(&b, 0, sizeof b);
    ck_assert_int_eq(held(e, audit_compare_judge(&a, &b, e), "no_new_critical"), 0);
    b.findings[AUDIT_AT_UNEXPLAINED] = 1;
    ck_assert_int_eq(held(e, audit_compare_judge(&a, &b, e), "no_new_critical"), 1);
    graph_audit_release(&a);
}
END_TEST

START_TEST(users_are_those_before_and_those_of_the_file)
{
    struct audit_expectation e[AUDIT_EXPECTATIONS];
    struct world w = sound();
    struct graph_audit a;
    struct audit_baseline b;
    struct key_table wanted;
    int added;

    key_table_init(&wanted);
    (void)key_table_add(&wanted, S("u"), &added);
    a = audit(&w, &wanted);
    ck_assert_uint_eq(audit_users_seen(&wanted), 1);
    memset(&b, 0, sizeof b);
    b.has_users_file = 1;
    b.users_unique = 1;
    ck_assert_int_eq(held(e, audit_compare_judge(&a, &b, e), "users"), 1); /* 0 before, 1 new */
    b.counts[AUDIT_USERS] = 1;
    ck_assert_int_eq(held(e, audit_compare_judge(&a, &b, e), "users"), 0); /* 1 before, 1 new: 2 */
    b.users_in_graph = 1;
    ck_assert_int_eq(held(e, audit_compare_judge(&a, &b, e), "users"), 1); /* it was there */
    graph_audit_release(&a);
    (void)key_table_add(&wanted, S("missing"), &added);
    a = audit(&w, &wanted);
    ck_assert_int_eq(held(e, audit_compare_judge(&a, &b, e), "users_of_file"), 0);
    ck_assert_int_eq(held(e, audit_compare_judge(&a, &b, e), "users"), 0); /* another file */
    graph_audit_release(&a);
    key_table_release(&wanted);
}
END_TEST

START_TEST(a_users_file_may_have_a_header_and_crlf)
{
    char *dir = temp_dir_make(), path[4200];
    struct sluice_error err = {.struct_size = sizeof err};
    struct key_table users;
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/users.txt", dir);
    f = fopen(path, "w");
    fputs("user_id\r\na\r\nb\n\na\n", f);
    (void)fclose(f);
    key_table_init(&users);
    ck_assert_int_eq(audit_users_load(path, &users, &err), 0);
    ck_assert_uint_eq(users.n, 2);
    ck_assert_uint_ne(key_table_find(&users, S("a")), KEY_NONE);
    key_table_release(&users);
    temp_dir_remove(dir);
}
END_TEST

START_TEST(a_table_of_many_keys_finds_each)
{
    struct key_table t;
    char key[32];
    unsigned i;
    int added;

    key_table_init(&t);
    ck_assert_uint_eq(key_table_find(&t, S("k")), KEY_NONE);
    for (i = 0; i < 20000; i++) {
        (void)snprintf(key, sizeof key, "key %u", i);
        ck_assert_uint_eq(key_table_add(&t, sluice_str_of(key), &added), i);
        ck_assert_int_eq(added, 1);
    }
    for (i = 0; i < 20000; i++) {
        (void)snprintf(key, sizeof key, "key %u", i);
        ck_assert_uint_eq(key_table_find(&t, sluice_str_of(key)), i);
        ck_assert_uint_eq(key_table_add(&t, sluice_str_of(key), &added), i);
        ck_assert_int_eq(added, 0);
    }
    key_table_release(&t);
}
END_TEST

ONE_SUITE("graph_audit", 20, a_sound_graph_is_healthy_and_counted, a_key_twice_is_found,
          an_edge_twice_is_found, an_empty_id_is_found, an_edge_to_a_missing_node_is_found,
          a_wrong_number_of_times_is_found, visits_that_no_receipt_explains_are_found,
          arrays_out_of_order_or_of_unequal_length_are_found, a_wrong_last_moment_is_found,
          a_wrong_interval_and_a_wrong_likelihood_are_found, a_moment_of_the_day_after_tomorrow_is_found,
          shops_in_that_differs_from_the_purchases_is_found, a_category_without_an_edge_is_found,
          hierarchy_and_category_id_belong_together_where_ids_are_used,
          a_placeholder_for_missing_data_is_found, no_more_than_five_examples_are_kept,
          a_baseline_comes_back_as_it_was_kept, a_file_that_is_no_baseline_is_refused,
          a_comparison_holds_what_a_backfill_promises, only_a_new_critical_finding_fails_a_comparison,
          users_are_those_before_and_those_of_the_file, a_users_file_may_have_a_header_and_crlf,
          a_table_of_many_keys_finds_each)
