#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "record.h"

static char *lane_attributes[] = {"csv.header", "id,name"};
static struct lane_info lane = {.name = "a.csv", .attributes = lane_attributes, .n_attributes = 1};
static const struct lane_info *const lanes[] = {&lane};

static struct sluice_batch batch;

static void set_up(void)
{
    ck_assert_int_eq(batch_init(&batch, 4, 2, 1 << 20), 0);
    batch.lanes = lanes;
    batch.n_lanes = 1;
}

static void tear_down(void)
{
    batch_release(&batch);
}

static struct sluice_item item_of(const char *text)
{
    struct sluice_item item = {.struct_size = sizeof item, .lane = 1, .data = text, .len = strlen(text)};

    item.size = item.len;
    return item;
}

static struct sluice_record *add(const char *text)
{
    struct sluice_item item = item_of(text);

    ck_assert_uint_eq(batch_add(&batch, &item, 1, sizeof item), 1);
    return batch.refs[batch.n - 1];
}

static void expect_str(struct sluice_str s, const char *text)
{
    ck_assert_ptr_nonnull(s.data);
    ck_assert_uint_eq(s.len, strlen(text));
    ck_assert_mem_eq(s.data, text, s.len);
}

START_TEST(a_full_batch_takes_no_more_items)
{
    struct sluice_item items[6];
    int i;

    for (i = 0; i < 6; i++)
        items[i] = item_of("x");
    ck_assert_uint_eq(batch_add(&batch, items, 6, sizeof items[0]), 4);
    ck_assert_uint_eq(batch.n, 4);
    ck_assert_uint_eq(batch.bytes, 4);
}
END_TEST

START_TEST(items_of_an_older_smaller_struct_are_taken_by_their_stride)
{
    struct sluice_item whole[2] = {item_of("one"), item_of("two")};
    size_t stride = offsetof(struct sluice_item, headers);
    char *old = malloc(2 * stride);

    ck_assert_ptr_nonnull(old);
    memcpy(old, &whole[0], stride);
    memcpy(old + stride, &whole[1], stride);
    ck_assert_uint_eq(batch_add(&batch, (const struct sluice_item *)(const void *)old, 2, stride), 2);
    expect_str(record_api.payload(batch.refs[1]), "two");
    ck_assert_uint_eq(batch.refs[1]->n_headers, 0);
    free(old);
}
END_TEST

START_TEST(an_item_of_a_lane_that_was_never_opened_is_not_taken)
{
    struct sluice_item item = item_of("x");

    item.lane = 2;
    ck_assert_uint_eq(batch_add(&batch, &item, 1, sizeof item), 0);
    item.lane = 0;
    ck_assert_uint_eq(batch_add(&batch, &item, 1, sizeof item), 0);
}
END_TEST

START_TEST(attributes_are_found_in_lane_key_and_headers)
{
    struct sluice_str headers[2] = {sluice_str_of("trace"), sluice_str_of("t1")};
    struct sluice_item item = item_of("x");

    item.key = sluice_str_of("k1");
    item.headers = headers;
    item.n_headers = 1;
    ck_assert_uint_eq(batch_add(&batch, &item, 1, sizeof item), 1);
    expect_str(record_api.attribute(batch.refs[0], "lane"), "a.csv");
    expect_str(record_api.attribute(batch.refs[0], "csv.header"), "id,name");
    expect_str(record_api.attribute(batch.refs[0], "key"), "k1");
    expect_str(record_api.attribute(batch.refs[0], "trace"), "t1");
    ck_assert_ptr_null(record_api.attribute(batch.refs[0], "message_id").data);
    ck_assert_ptr_null(record_api.attribute(batch.refs[0], "other").data);
}
END_TEST

START_TEST(a_copy_holds_everything_itself_but_the_document)
{
    char text[] = "{\"user_id\":\"u1\"}";
    char key[] = "k1";
    char name[] = "trace";
    char value[] = "t1";
    struct sluice_str headers[2] = {sluice_str_of(name), sluice_str_of(value)};
    struct sluice_item item = item_of(text);
    struct sluice_str other = sluice_str_of("elsewhere");
    struct sluice_batch to;
    struct sluice_record *r;

    item.key = sluice_str_of(key);
    item.headers = headers;
    item.n_headers = 1;
    item.ordinal = 7;
    ck_assert_uint_eq(batch_add(&batch, &item, 1, sizeof item), 1);
    batch.refs[0]->fields = batch.values;
    batch.values[0] = (struct sluice_str){text + 12, 2};
    batch.values[1] = other;
    ck_assert_int_eq(batch_init(&to, 1, 2, 0), 0);
    r = batch_copy(&to, batch.refs[0]);
    ck_assert_ptr_nonnull(r);
    memset(text, 'x', sizeof text - 1);
    memset(key, 'x', 2);
    memset(value, 'x', 2);
    memset(name, 'x', 5);
    expect_str(record_api.payload(r), "{\"user_id\":\"u1\"}");
    expect_str(record_api.attribute(r, "key"), "k1");
    expect_str(record_api.attribute(r, "trace"), "t1");
    expect_str(record_api.field(r, 0), "u1");
    expect_str(record_api.field(r, 1), "elsewhere");
    ck_assert_ptr_null(record_api.field(r, 2).data);
    ck_assert_uint_eq(record_api.ordinal(r), 7);
    ck_assert_ptr_null(batch_copy(&to, batch.refs[0]));
    batch_release(&to);
}
END_TEST

START_TEST(record_bytes_is_what_a_copy_takes)
{
    struct sluice_record *r = add("{\"user_id\":\"u1\"}");

    ck_assert_uint_eq(record_bytes(r), 16);
    r->fields = batch.values;
    r->fields[0] = (struct sluice_str){r->payload.data + 12, 2};
    ck_assert_uint_eq(record_bytes(r), 16);
    r->fields[1] = sluice_str_of("abc");
    ck_assert_uint_eq(record_bytes(r), 19);
}
END_TEST

START_TEST(a_node_gets_one_parent_only)
{
    struct sluice_record *r = add("x");
    struct sluice_node *a = document_api.make(r, SLUICE_ARRAY);
    struct sluice_node *b = document_api.make(r, SLUICE_ARRAY);
    struct sluice_node *n = document_api.make_int(r, 1);

    ck_assert_uint_eq(document_api.push(a, n), 1);
    ck_assert_uint_eq(document_api.push(b, n), 0);
    document_api.detach(n);
    ck_assert_uint_eq(document_api.count(a), 0);
    ck_assert_uint_eq(document_api.push(b, n), 1);
}
END_TEST

START_TEST(a_loop_of_nodes_is_refused)
{
    struct sluice_record *r = add("x");
    struct sluice_node *outer = document_api.make(r, SLUICE_OBJECT);
    struct sluice_node *inner = document_api.make(r, SLUICE_ARRAY);

    ck_assert_uint_eq(document_api.set(r, outer, "a", 1, inner), 1);
    ck_assert_uint_eq(document_api.push(inner, outer), 0);
    ck_assert_uint_eq(document_api.push(inner, inner), 0);
}
END_TEST

START_TEST(set_replaces_in_place_and_keeps_the_order)
{
    struct sluice_record *r = add("x");
    struct sluice_error err = {.struct_size = sizeof err};
    struct sluice_node *o = record_api.parse_json(r, sluice_str_of("{\"a\":1,\"b\":2,\"c\":3}"), &err);
    char text[64];
    uint64_t n;

    ck_assert_ptr_nonnull(o);
    ck_assert_uint_eq(document_api.set(r, o, "b", 1, document_api.make_text(r, "x", 1)), 1);
    ck_assert_uint_eq(document_api.set(r, o, "a", 1, document_api.make_bool(r, 1)), 1);
    ck_assert_uint_eq(document_api.set(r, o, "c", 1, document_api.make(r, SLUICE_NULL)), 1);
    ck_assert_uint_eq(document_api.set(r, o, "d", 1, document_api.make_real(r, 0.5)), 1);
    n = document_api.write_json(o, text, sizeof text);
    expect_str((struct sluice_str){text, n}, "{\"a\":true,\"b\":\"x\",\"c\":null,\"d\":0.5}");
    ck_assert_uint_eq(document_api.count(o), 4);
    document_api.detach(document_api.get(o, "a", 1));
    document_api.detach(document_api.get(o, "d", 1));
    n = document_api.write_json(o, text, sizeof text);
    expect_str((struct sluice_str){text, n}, "{\"b\":\"x\",\"c\":null}");
}
END_TEST

START_TEST(numbers_are_given_only_without_loss)
{
    struct sluice_record *r = add("x");
    struct sluice_error err = {.struct_size = sizeof err};
    struct sluice_node *a = record_api.parse_json(
        r, sluice_str_of("[3.0, 3.5, 9223372036854775807, 18446744073709551615, 9007199254740993, 1e300]"),
        &err);
    struct sluice_node *n = document_api.first(a);
    int64_t i = 0;
    double d = 0;

    ck_assert_uint_eq(document_api.integer(n, &i), 1);
    ck_assert_int_eq(i, 3);
    n = document_api.next(n);
    ck_assert_uint_eq(document_api.integer(n, &i), 0);
    n = document_api.next(n);
    ck_assert_uint_eq(document_api.integer(n, &i), 1);
    ck_assert_int_eq(i, INT64_MAX);
    ck_assert_uint_eq(document_api.real(n, &d), 0);
    n = document_api.next(n);
    ck_assert_uint_eq(document_api.type(n), SLUICE_UINT);
    ck_assert_uint_eq(document_api.integer(n, &i), 0);
    ck_assert_uint_eq(document_api.real(n, &d), 0);
    n = document_api.next(n);
    ck_assert_uint_eq(document_api.real(n, &d), 0);
    n = document_api.next(n);
    ck_assert_uint_eq(document_api.integer(n, &i), 0);
    ck_assert_uint_eq(document_api.real(n, &d), 1);
}
END_TEST

START_TEST(a_number_that_json_has_not_makes_no_node)
{
    struct sluice_record *r = add("x");

    ck_assert_ptr_null(document_api.make_real(r, strtod("nan", NULL)));
    ck_assert_ptr_null(document_api.make_real(r, strtod("inf", NULL)));
}
END_TEST

START_TEST(lookups_chain_through_what_is_not_there)
{
    struct sluice_record *r = add("x");
    struct sluice_node *text = document_api.make_text(r, "t", 1);

    ck_assert_ptr_null(document_api.get(document_api.get(NULL, "a", 1), "b", 1));
    ck_assert_ptr_null(document_api.get(text, "a", 1));
    ck_assert_ptr_null(document_api.first(text));
    ck_assert_uint_eq(document_api.type(NULL), SLUICE_NULL);
    ck_assert_ptr_null(document_api.string(NULL).data);
}
END_TEST

START_TEST(a_part_made_the_document_is_a_root)
{
    struct sluice_record *r = add("x");
    struct sluice_error err = {.struct_size = sizeof err};
    struct sluice_node *o = record_api.parse_json(r, sluice_str_of("{\"a\":{\"user_id\":7},\"b\":2}"), &err);

    record_api.set_document(r, document_api.get(o, "a", 1));
    ck_assert_ptr_null(document_api.next(record_api.document(r)));
    expect_str(record_document_field(r, "user_id"), "7");
    ck_assert_ptr_null(record_document_field(r, "b").data);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("record");
    TCase *t = tcase_create("record");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_full_batch_takes_no_more_items);
    tcase_add_test(t, items_of_an_older_smaller_struct_are_taken_by_their_stride);
    tcase_add_test(t, an_item_of_a_lane_that_was_never_opened_is_not_taken);
    tcase_add_test(t, attributes_are_found_in_lane_key_and_headers);
    tcase_add_test(t, a_copy_holds_everything_itself_but_the_document);
    tcase_add_test(t, record_bytes_is_what_a_copy_takes);
    tcase_add_test(t, a_node_gets_one_parent_only);
    tcase_add_test(t, a_loop_of_nodes_is_refused);
    tcase_add_test(t, set_replaces_in_place_and_keeps_the_order);
    tcase_add_test(t, numbers_are_given_only_without_loss);
    tcase_add_test(t, a_number_that_json_has_not_makes_no_node);
    tcase_add_test(t, lookups_chain_through_what_is_not_there);
    tcase_add_test(t, a_part_made_the_document_is_a_root);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
