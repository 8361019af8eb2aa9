/* Seeded documents; each property holds for all of them. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "json.h"
#include "json_scan.h"
#include "record.h"
#include "strbuf.h"

#define ROUNDS 3000

static uint64_t seed;
static struct sluice_batch batch;
static struct sluice_error err;
static struct strbuf text;

static void set_up(void)
{
    seed = 88172645463325252u;
    memset(&err, 0, sizeof err);
    err.struct_size = sizeof err;
    strbuf_init(&text, 1 << 20);
    ck_assert_int_eq(batch_init(&batch, 1, 0, 1 << 20), 0);
}

static void tear_down(void)
{
    strbuf_release(&text);
    batch_release(&batch);
}

static uint32_t draw(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % n;
}

static void put_space(void)
{
    static const char *const spaces[] = {"", "", "", " ", "\n\t", "  \r\n "};

    strbuf_puts(&text, spaces[draw(6)]);
}

static void put_text(void)
{
    static const char *const parts[] = {"a",        "user",         "\\n",  "\\u0041", "\\ud83d\\ude00",
                                        "\xc3\xa9", "\xe2\x82\xac", "\\\"", "\\\\",    "0123456789abcdefghij",
                                        "\\u0000",  "{[",           "]},:"};
    uint32_t n = draw(5);

    strbuf_putc(&text, '"');
    while (n-- > 0)
        strbuf_puts(&text, parts[draw(13)]);
    strbuf_putc(&text, '"');
}

static void put_key(void)
{
    static const char *const keys[] = {"\"id\"",    "\"user_id\"", "\"\\u0069d\"", "\"user\\u005fid\"",
                                       "\"items\"", "\"\"",        "\"i\""};

    if (draw(3) == 0)
        put_text();
    else
        strbuf_puts(&text, keys[draw(7)]);
}

static void put_number(void)
{
    static const char *const numbers[] = {"0",
                                          "-0",
                                          "-0.0",
                                          "1.0",
                                          "17",
                                          "-9223372036854775808",
                                          "18446744073709551615",
                                          "1e2",
                                          "1E-7",
                                          "0.1",
                                          "123456789.125",
                                          "5e-324",
                                          "3.141592653589793238462643383279"};

    if (draw(2) == 0)
        strbuf_puts(&text, numbers[draw(13)]);
    else
        strbuf_printf(&text, "%d", (int)draw(100000) - 50000);
}

static void put_value(uint32_t depth)
{
    static const char *const words[] = {"true", "false", "null"};
    uint32_t kind = draw(depth > 4 ? 4 : 7);
    uint32_t n = draw(5);
    int object = kind >= 5;

    put_space();
    if (kind == 0) {
        strbuf_puts(&text, words[draw(3)]);
    } else if (kind == 1) {
        put_number();
    } else if (kind < 4) {
        put_text();
    } else {
        strbuf_putc(&text, object ? '{' : '[');
        while (n-- > 0) {
            put_space();
            if (object) {
                put_key();
                put_space();
                strbuf_putc(&text, ':');
            }
            put_value(depth + 1);
            if (n > 0)
                strbuf_putc(&text, ',');
        }
        put_space();
        strbuf_putc(&text, object ? '}' : ']');
    }
    put_space();
}

static void make_document(void)
{
    strbuf_clear(&text);
    do {
        strbuf_clear(&text);
        put_value(0);
    } while (draw(8) != 0 && strchr(text.data, '{') == NULL);
    batch_clear(&batch);
}

static struct sluice_str whole(void)
{
    return (struct sluice_str){text.data, text.len};
}

static int equal(const struct sluice_node *a, const struct sluice_node *b)
{
    const struct sluice_node *x;
    const struct sluice_node *y;

    if (a->type != b->type || !sluice_str_equal(document_api.key(a), document_api.key(b)))
        return 0;
    switch (a->type) {
    case SLUICE_ARRAY:
    case SLUICE_OBJECT:
        x = document_api.first(a);
        y = document_api.first(b);
        for (; x != NULL && y != NULL; x = x->next, y = y->next)
            if (!equal(x, y))
                return 0;
        return x == y;
    case SLUICE_TEXT:
        return sluice_str_equal(a->as.text, b->as.text);
    case SLUICE_BOOL:
        return a->as.boolean == b->as.boolean;
    case SLUICE_NULL:
        return 1;
    default:
        return a->as.uinteger == b->as.uinteger; /* the bits, of reals too */
    }
}

START_TEST(what_is_written_reads_back_equal)
{
    static char out[1 << 20];
    int i;

    for (i = 0; i < ROUNDS; i++) {
        struct sluice_node *first;
        struct sluice_node *again;
        uint64_t n;

        make_document();
        first = json_parse_text(&batch.arena, whole(), &err);
        ck_assert_msg(first != NULL, "%s: %s", text.data, err.message);
        n = json_write(first, out, sizeof out);
        again = json_parse_text(&batch.arena, (struct sluice_str){out, n}, &err);
        ck_assert_msg(again != NULL && equal(first, again), "%s became %.*s", text.data, (int)n, out);
    }
}
END_TEST

START_TEST(peek_says_what_the_document_says)
{
    static const char *const names[] = {"id", "user_id", "", "absent"};
    struct sluice_str asked[4];
    int i;
    int j;

    for (j = 0; j < 4; j++)
        asked[j] = sluice_str_of(names[j]);
    for (i = 0; i < ROUNDS; i++) {
        struct sluice_record r = {.batch = &batch};
        struct sluice_str values[4];
        uint64_t n = 1 + draw(4);

        make_document();
        r.document = json_parse_text(&batch.arena, whole(), &err);
        ck_assert_ptr_nonnull(r.document);
        ck_assert_uint_eq(json_peek(whole(), asked, n, values, &batch.arena), SLUICE_PEEK_WHOLE);
        for (j = 0; j < (int)n; j++) {
            struct sluice_str want = record_document_field(&r, names[j]);

            ck_assert_msg(sluice_str_equal(values[j], want), "%s of %s: peek '%.*s', document '%.*s'",
                          names[j], text.data, (int)values[j].len,
                          values[j].data == NULL ? "" : values[j].data, (int)want.len,
                          want.data == NULL ? "" : want.data);
        }
    }
}
END_TEST

static int is_scalar_text(void)
{
    return strpbrk(text.data, "{[\"") == NULL;
}

START_TEST(every_truncation_is_refused_and_never_read_past)
{
    struct sluice_str name = sluice_str_of("id");
    int i;

    for (i = 0; i < 300; i++) {
        size_t end;
        size_t n;

        make_document();
        if (is_scalar_text())
            continue; /* 17 cut to 1 is a number too */
        for (end = text.len; strchr(" \n\r\t", text.data[end - 1]) != NULL; end--)
            ;
        for (n = 0; n < end; n++) {
            char *cut = malloc(n > 0 ? n : 1); /* its end is the end of the memory */
            struct sluice_str value;

            ck_assert_ptr_nonnull(cut);
            memcpy(cut, text.data, n);
            ck_assert_msg(json_parse_text(&batch.arena, (struct sluice_str){cut, n}, &err) == NULL,
                          "%.*s is taken", (int)n, cut);
            ck_assert_uint_eq(err.code, SLUICE_REJECT);
            ck_assert_msg(strstr(err.message, "byte") != NULL || strstr(err.message, "empty") != NULL,
                          "no byte: %s", err.message);
            if (json_peek((struct sluice_str){cut, n}, &name, 1, &value, &batch.arena) == SLUICE_PEEK_WHOLE)
                ck_assert(text.data[strspn(text.data, " \n\r\t")] ==
                          '{'); /* found before the cut, or an array */
            free(cut);
        }
    }
}
END_TEST

START_TEST(the_scanner_and_the_parser_take_the_same_texts)
{
    int taken = 0;
    int refused = 0;
    int i;

    for (i = 0; i < ROUNDS * 5; i++) {
        struct json_scan s;
        uint32_t changes = 1 + draw(2);
        int parsed;

        make_document();
        if (text.len == 0)
            continue;
        while (changes-- > 0)
            text.data[draw((uint32_t)text.len)] = "\"\\{}[]:,0e.-+tn u\x80\xff\x01"[draw(20)];
        json_scan_init(&s, whole());
        s.ranges = 1;
        parsed = json_parse_text(&batch.arena, whole(), &err) != NULL;
        ck_assert_msg(parsed == json_scan_text(&s), "%s: parser %d, scanner %s", text.data, parsed, s.why);
        taken += parsed;
        refused += !parsed;
    }
    ck_assert_int_gt(taken, 100);
    ck_assert_int_gt(refused, 100);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("json property");
    TCase *t = tcase_create("json property");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, what_is_written_reads_back_equal);
    tcase_add_test(t, peek_says_what_the_document_says);
    tcase_add_test(t, every_truncation_is_refused_and_never_read_past);
    tcase_add_test(t, the_scanner_and_the_parser_take_the_same_texts);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
