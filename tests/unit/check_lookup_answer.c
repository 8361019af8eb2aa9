/* check_lookup_answer: what an answer says about each id, and which answers say nothing. */
#include <stdlib.h>
#include <string.h>

#include "lookup_answer.h"
#include "one_suite.h"

static const struct lookup_spec spec = {
    .list = "products",
    .id = "id",
    .n_fields = 3,
    .fields = {{"name", LOOKUP_TEXT}, {"path", LOOKUP_LIST}, {"any", LOOKUP_ANY}},
};

static struct lookup_item items[3];

static void clear(void)
{
    int i;

    for (i = 0; i < 3; i++) {
        free(items[i].value);
        items[i].value = NULL;
    }
}

/* Reads an answer about p3, p1 and p2. */
static const char *read_answer(const char *body)
{
    clear();
    items[0].id = sluice_str_of("p3");
    items[1].id = sluice_str_of("p1");
    items[2].id = sluice_str_of("p2");
    return lookup_answer_read(&spec, body, strlen(body), items, 3);
}

static void check_text(struct lookup_cursor *c, const char *want)
{
    struct sluice_str text = lookup_next_text(c);

    ck_assert_msg(sluice_str_equal(text, sluice_str_of(want)), "%.*s", (int)text.len, text.data);
}

START_TEST(each_id_gets_its_own_item_and_absent_ones_are_unknown)
{
    struct lookup_cursor c;
    int is_list;

    ck_assert_ptr_null(read_answer(
        "{\"products\":[{\"id\":\"p1\",\"name\":\"Milk\",\"path\":[\"a\",\"\",null,\"b\"],\"any\":\"x\"},"
        "{\"id\":\"p3\",\"name\":null,\"path\":[],\"any\":[\"y\"],\"more\":{\"deep\":[1]}}],\"took\":1}"));
    ck_assert_int_eq(items[2].state, LOOKUP_UNKNOWN);
    ck_assert_int_eq(items[1].state, LOOKUP_FOUND);
    lookup_value_begin(items[1].value, &c);
    ck_assert_uint_eq(lookup_next_field(&c, &is_list), 1);
    ck_assert_int_eq(is_list, 0);
    check_text(&c, "Milk");
    ck_assert_uint_eq(lookup_next_field(&c, &is_list), 2);
    ck_assert_int_eq(is_list, 1);
    check_text(&c, "a");
    check_text(&c, "b");
    ck_assert_uint_eq(lookup_next_field(&c, &is_list), 1);
    ck_assert_int_eq(is_list, 0);
    check_text(&c, "x");
    ck_assert_int_eq(items[0].state, LOOKUP_FOUND);
    lookup_value_begin(items[0].value, &c);
    ck_assert_uint_eq(lookup_next_field(&c, &is_list), 0);
    ck_assert_uint_eq(lookup_next_field(&c, &is_list), 0);
    ck_assert_uint_eq(lookup_next_field(&c, &is_list), 1);
    ck_assert_int_eq(is_list, 1);
    check_text(&c, "y");
}
END_TEST

START_TEST(an_answer_that_is_none_fails_every_id)
{
    static const char *const bad[][2] = {
        {"", "not JSON"},
        {"{\"products\":[{\"id\":\"p1\"", "not JSON"},
        {"<html>", "not JSON"},
        {"[]", "not a JSON object"},
        {"{}", "no list"},
        {"{\"products\":null}", "no list"},
        {"{\"products\":{\"p1\":{}}}", "no list"},
        {"{\"products\":[7]}", "not an object"},
        {"{\"products\":[{\"name\":\"x\"}]}", "without id"},
        {"{\"products\":[{\"id\":7}]}", "without id"},
        {"{\"products\":[{\"id\":\"p1\",\"name\":\"x\"},null]}", "not an object"},
    };
    size_t i;
    int j;

    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *why = read_answer(bad[i][0]);

        ck_assert_msg(why != NULL && strstr(why, bad[i][1]) != NULL, "%s: %s", bad[i][0], why);
        for (j = 0; j < 3; j++) {
            ck_assert_int_eq(items[j].state, LOOKUP_FAILED);
            ck_assert_ptr_null(items[j].value);
        }
    }
}
END_TEST

START_TEST(a_wrong_type_fails_that_id_alone)
{
    static const char *const wrong[] = {
        "\"name\":7",        "\"name\":[\"a\"]", "\"path\":\"a\"",         "\"path\":[\"a\",7]",
        "\"any\":{\"a\":1}", "\"any\":true",     "\"name\":\"a\\u0000b\"", "\"path\":[[\"a\"]]",
    };
    char body[200];
    size_t i;

    for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        (void)snprintf(body, sizeof body, "{\"products\":[{\"id\":\"p2\"},{\"id\":\"p1\",%s}]}", wrong[i]);
        ck_assert_ptr_null(read_answer(body));
        ck_assert_int_eq(items[1].state, LOOKUP_FAILED);
        ck_assert_ptr_nonnull(strstr(items[1].why, "wrong type"));
        ck_assert_int_eq(items[2].state, LOOKUP_FOUND);
        ck_assert_int_eq(items[0].state, LOOKUP_UNKNOWN);
    }
}
END_TEST

START_TEST(an_id_twice_counts_if_both_say_the_same)
{
    ck_assert_ptr_null(read_answer("{\"products\":[{\"id\":\"p1\",\"name\":\"a\"},{\"id\":\"p1\",\"name\":"
                                   "\"a\"},{\"id\":\"p2\",\"name\":\"a\"},{\"id\":\"p2\",\"name\":\"b\"},"
                                   "{\"id\":\"p2\",\"name\":\"a\"}]}"));
    ck_assert_int_eq(items[1].state, LOOKUP_FOUND);
    ck_assert_int_eq(items[2].state, LOOKUP_FAILED);
    ck_assert_ptr_nonnull(strstr(items[2].why, "twice"));
    ck_assert_ptr_null(items[2].value);
}
END_TEST

START_TEST(ids_that_nobody_asked_for_make_the_missing_ones_doubtful)
{
    const char *why = read_answer("{\"products\":[{\"id\":\"p1\"},{\"id\":\"P2\"},{\"id\":\"P3\"}]}");

    ck_assert_ptr_nonnull(why);
    ck_assert_ptr_nonnull(strstr(why, "not asked"));
    ck_assert_int_eq(items[2].state, LOOKUP_FAILED);
    ck_assert_ptr_null(
        read_answer("{\"products\":[{\"id\":\"p1\"},{\"id\":\"p2\"},{\"id\":\"p3\"},{\"id\":\"p4\"}]}"));
    ck_assert_int_eq(items[0].state, LOOKUP_FOUND);
}
END_TEST

ONE_SUITE_WITH("lookup_answer", 10, NULL, clear, each_id_gets_its_own_item_and_absent_ones_are_unknown,
               an_answer_that_is_none_fails_every_id, a_wrong_type_fails_that_id_alone,
               an_id_twice_counts_if_both_say_the_same,
               ids_that_nobody_asked_for_make_the_missing_ones_doubtful)
