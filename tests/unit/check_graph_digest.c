/* The fingerprint, against the example of docs/reference/fingerprint.md, which was
 * computed by another program. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "graph_digest.h"
#include "one_suite.h"

#define EXAMPLE "v1:2c404c15346848e2d843b9a1fc6b3623769f64c37c794e475bb1e9b60e096185"
#define T INT64_C(1483706821000)

static const struct sluice_graph_node nodes[] = {
    {.type = SLUICE_NODE_USER, .id = {"u1", 2}, .timezone = {"UTC", 3}},
    {.type = SLUICE_NODE_PRODUCT, .id = {"p1", 2}, .name = {"Milk", 4}},
    {.type = SLUICE_NODE_RETAILER, .id = {"RET_Shop", 8}, .name = {"Shop", 4}, .venue_type = {"Grocery", 7}},
};
static const struct sluice_str receipt = {"r1", 2};
static const int64_t moment = T;
static const struct sluice_graph_edge edges[] = {
    {.type = SLUICE_EDGE_PURCHASED,
     .from = {"u1", 2},
     .to = {"p1", 2},
     .receipts = &receipt,
     .times = &moment,
     .n_receipts = 1,
     .n_times = 1,
     .count = 1,
     .last_ms = T},
    {.type = SLUICE_EDGE_SHOPS_AT,
     .from = {"u1", 2},
     .to = {"RET_Shop", 8},
     .receipts = &receipt,
     .times = &moment,
     .n_receipts = 1,
     .n_times = 1,
     .count = 1,
     .last_ms = T},
};

static void expect(const struct graph_digest *d, const char *text)
{
    char out[GRAPH_DIGEST_TEXT];

    graph_digest_text(d, out);
    ck_assert_str_eq(out, text);
}

START_TEST(an_empty_graph_sums_to_zero)
{
    struct graph_digest d;

    ck_assert_int_eq(graph_digest_init(&d), 0);
    expect(&d, "v1:0000000000000000000000000000000000000000000000000000000000000000");
    graph_digest_release(&d);
}
END_TEST

START_TEST(the_documented_example_comes_out_in_any_order)
{
    struct graph_digest d;
    int i;

    ck_assert_int_eq(graph_digest_init(&d), 0);
    for (i = 0; i < 3; i++)
        ck_assert_int_eq(graph_digest_node(&d, &nodes[i]), 0);
    for (i = 0; i < 2; i++)
        ck_assert_int_eq(graph_digest_edge(&d, &edges[i]), 0);
    expect(&d, EXAMPLE);
    graph_digest_release(&d);
    ck_assert_int_eq(graph_digest_init(&d), 0);
    for (i = 1; i >= 0; i--)
        ck_assert_int_eq(graph_digest_edge(&d, &edges[i]), 0);
    for (i = 2; i >= 0; i--)
        ck_assert_int_eq(graph_digest_node(&d, &nodes[i]), 0);
    expect(&d, EXAMPLE);
    graph_digest_release(&d);
}
END_TEST

START_TEST(fields_are_escaped_so_that_no_two_nodes_share_a_line)
{
    struct sluice_graph_node node = {
        .type = SLUICE_NODE_CATEGORY, .id = {"a\tb\\", 4}, .name = {"c\nd\r", 4}};
    struct graph_digest d;

    ck_assert_int_eq(graph_digest_init(&d), 0);
    ck_assert_int_eq(graph_digest_node(&d, &node), 0);
    ck_assert_str_eq(strbuf_text(&d.line), "Category\ta\\tb\\\\\tc\\nd\\r");
    graph_digest_release(&d);
}
END_TEST

START_TEST(a_hierarchy_follows_a_product_level_by_level)
{
    const struct sluice_str levels[] = {{"root", 4}, {"leaf", 4}};
    struct sluice_graph_node node = {.type = SLUICE_NODE_PRODUCT,
                                     .id = {"p", 1},
                                     .category = {"C", 1},
                                     .hierarchy = levels,
                                     .n_hierarchy = 2};
    struct graph_digest d;

    ck_assert_int_eq(graph_digest_init(&d), 0);
    ck_assert_int_eq(graph_digest_node(&d, &node), 0);
    ck_assert_str_eq(strbuf_text(&d.line), "Product\tp\t\t\tC\t\troot\tleaf");
    graph_digest_release(&d);
}
END_TEST

START_TEST(receipts_of_a_visit_are_a_set_and_those_of_a_purchase_a_sequence)
{
    const struct sluice_str receipts[] = {{"b", 1}, {"a", 1}};
    const int64_t times[] = {1, 2};
    struct sluice_graph_edge e = {.type = SLUICE_EDGE_SHOPS_IN,
                                  .from = {"u", 1},
                                  .to = {"CAT_x", 5},
                                  .receipts = receipts,
                                  .times = times,
                                  .n_receipts = 2,
                                  .n_times = 2,
                                  .count = 3,
                                  .last_ms = 2};
    struct graph_digest d;

    ck_assert_int_eq(graph_digest_init(&d), 0);
    ck_assert_int_eq(graph_digest_edge(&d, &e), 0);
    ck_assert_str_eq(strbuf_text(&d.line), "SHOPS_IN\tu\tCAT_x\t3\t2\ta\tb");
    e.type = SLUICE_EDGE_PURCHASED;
    e.likelihood = 2.0 / 3.0;
    ck_assert_int_eq(graph_digest_edge(&d, &e), 0);
    ck_assert_str_eq(strbuf_text(&d.line), "PURCHASED\tu\tCAT_x\t3\t2\t0\t0.666667\t1\tb\t2\ta");
    graph_digest_release(&d);
}
END_TEST

START_TEST(a_line_that_occurs_twice_counts_twice)
{
    struct graph_digest once, twice;
    char a[GRAPH_DIGEST_TEXT], b[GRAPH_DIGEST_TEXT];

    ck_assert_int_eq(graph_digest_init(&once), 0);
    ck_assert_int_eq(graph_digest_init(&twice), 0);
    ck_assert_int_eq(graph_digest_node(&once, &nodes[0]), 0);
    ck_assert_int_eq(graph_digest_node(&twice, &nodes[0]), 0);
    ck_assert_int_eq(graph_digest_node(&twice, &nodes[0]), 0);
    graph_digest_text(&once, a);
    graph_digest_text(&twice, b);
    ck_assert_str_ne(a, b);
    graph_digest_release(&once);
    graph_digest_release(&twice);
}
END_TEST

ONE_SUITE("graph_digest", 10, an_empty_graph_sums_to_zero, the_documented_example_comes_out_in_any_order,
          fields_are_escaped_so_that_no_two_nodes_share_a_line, a_hierarchy_follows_a_product_level_by_level,
          receipts_of_a_visit_are_a_set_and_those_of_a_purchase_a_sequence,
          a_line_that_occurs_twice_counts_twice)
