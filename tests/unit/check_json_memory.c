/* The same code over an arena that fails when told to, and that gives every piece
 * its own memory, so that a sanitizer sees each byte past an end. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "record.h"

#define MAX_PIECES 4096

static void *pieces[MAX_PIECES];
static size_t n_pieces;
static long until_failure = -1; /* < 0: never */

/* In place of core/arena.c, which the linker then leaves out. */
void arena_init(struct arena *a, size_t keep)
{
    memset(a, 0, sizeof *a);
    a->keep = keep;
}

void arena_clear(struct arena *a)
{
    (void)a;
    while (n_pieces > 0)
        free(pieces[--n_pieces]);
}

void arena_release(struct arena *a)
{
    arena_clear(a);
}

void *arena_alloc(struct arena *a, size_t size)
{
    (void)a;
    if (until_failure == 0 || n_pieces == MAX_PIECES)
        return NULL;
    if (until_failure > 0)
        until_failure--;
    pieces[n_pieces] = malloc(size > 0 ? size : 1);
    return pieces[n_pieces] == NULL ? NULL : pieces[n_pieces++];
}

char *arena_copy(struct arena *a, const void *data, size_t len)
{
    char *out = arena_alloc(a, len + 1);

    if (out == NULL)
        return NULL;
    if (len > 0)
        memcpy(out, data, len);
    out[len] = '\0';
    return out;
}

static const char text[] = "{\"a\\u0062\":[1,2.5,\"x\",null,true,{\"b\":{}}],\"id\":\"\\u0041\",\"n\":1e3}";
static struct sluice_batch batch;

static void set_up(void)
{
    until_failure = -1;
    ck_assert_int_eq(batch_init(&batch, 2, 2, 0), 0);
}

static void tear_down(void)
{
    batch_release(&batch);
}

START_TEST(a_parse_that_finds_no_memory_says_so_at_each_allocation)
{
    struct sluice_node *root = NULL;
    struct sluice_error err = {.struct_size = sizeof err};
    long k;

    for (k = 0; root == NULL; k++) {
        until_failure = k;
        root = json_parse_text(&batch.arena, sluice_str_of(text), &err);
        ck_assert(root != NULL || err.code == SLUICE_RETRY);
        ck_assert_int_lt(k, 100);
    }
    ck_assert_int_gt(k, 10);
}
END_TEST

START_TEST(a_peek_that_finds_no_memory_is_not_whole)
{
    struct sluice_str names[2] = {sluice_str_of("id"), sluice_str_of("n")};
    struct sluice_str values[2];
    long k;

    for (k = 0; k < 2; k++) {
        until_failure = k;
        ck_assert_uint_eq(json_peek(sluice_str_of(text), names, 2, values, &batch.arena), SLUICE_PEEK_BROKEN);
    }
    until_failure = -1;
    ck_assert_uint_eq(json_peek(sluice_str_of(text), names, 2, values, &batch.arena), SLUICE_PEEK_WHOLE);
    ck_assert_uint_eq(values[1].len, 6);
}
END_TEST

START_TEST(nodes_without_memory_are_not_made_and_change_nothing)
{
    struct sluice_record r = {.batch = &batch};
    struct sluice_node *o = document_api.make(&r, SLUICE_OBJECT);
    struct sluice_node *v = document_api.make_int(&r, 1);

    until_failure = 0;
    ck_assert_ptr_null(document_api.make(&r, SLUICE_ARRAY));
    ck_assert_ptr_null(document_api.make_bool(&r, 1));
    ck_assert_ptr_null(document_api.make_int(&r, 1));
    ck_assert_ptr_null(document_api.make_real(&r, 1));
    ck_assert_ptr_null(document_api.make_text(&r, "x", 1));
    ck_assert_uint_eq(document_api.set(&r, o, "a", 1, v), 0);
    ck_assert_uint_eq(document_api.count(o), 0);
    ck_assert_ptr_null(record_api.text(&r, "x", 1));
    until_failure = 1;
    ck_assert_ptr_null(document_api.make_text(&r, "x", 1));
    until_failure = -1;
    ck_assert_uint_eq(document_api.set(&r, o, "a", 1, v), 1);
}
END_TEST

START_TEST(a_copy_without_memory_leaves_the_batch_as_it_was)
{
    struct sluice_record r = {.payload = {"abc", 3}, .size = 3, .batch = &batch};

    until_failure = 0;
    ck_assert_ptr_null(batch_copy(&batch, &r));
    ck_assert_uint_eq(batch.n, 0);
    ck_assert_uint_eq(batch.bytes, 0);
    until_failure = -1;
    ck_assert_ptr_nonnull(batch_copy(&batch, &r));
}
END_TEST

START_TEST(a_decoder_without_memory_asks_to_try_again)
{
    const struct sluice_decoder_ops *ops = json_module.plugins[0]->ops;
    struct sluice_record r = {.payload = sluice_str_of(text), .size = sizeof text - 1, .batch = &batch};
    struct sluice_record *records[1] = {&r};
    struct sluice_verdict verdict = {0};
    struct sluice_verdicts verdicts = {1, sizeof verdict, &verdict};
    struct sluice_error err = {.struct_size = sizeof err};

    until_failure = 3;
    ck_assert_uint_eq(ops->decode(&batch, records, 1, &verdicts, &err), SLUICE_OK);
    ck_assert_uint_eq(verdict.code, SLUICE_RETRY);
    ck_assert_ptr_null(r.document);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("json memory");
    TCase *t = tcase_create("json memory");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_parse_that_finds_no_memory_says_so_at_each_allocation);
    tcase_add_test(t, a_peek_that_finds_no_memory_is_not_whole);
    tcase_add_test(t, nodes_without_memory_are_not_made_and_change_nothing);
    tcase_add_test(t, a_copy_without_memory_leaves_the_batch_as_it_was);
    tcase_add_test(t, a_decoder_without_memory_asks_to_try_again);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
