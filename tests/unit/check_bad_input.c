/* Every byte of a source may be wrong.  Each case here ends as a record or as a rejection
 * with a reason and words for a person, and what follows it in the file is delivered. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file_drive.h"
#include "json.h"
#include "one_suite.h"
#include "plugin_host_private.h"

#define ALL UINT64_MAX
#define IDLE_POLLS 100000u /* a long record may take many polls */

enum outcome { TAKEN, REJECTED, OVERSIZE };

struct result {
    enum outcome outcome;
    char reason[32];
    char detail[200];
};

struct run {
    struct plugin_host *source;
    struct plugin_host *csv; /* decoder; NULL: json */
    struct result *results;  /* by record, in order */
    size_t n;
    size_t cap;
    uint32_t code; /* of the last poll */
    struct sluice_error err;
};

static uint32_t decode(struct run *run, struct sluice_record *r, struct sluice_verdict *verdict)
{
    const struct sluice_decoder_ops *json = json_module.plugins[0]->ops;
    struct sluice_record *records[1] = {r};
    struct sluice_verdicts verdicts = {1, sizeof *verdict, verdict};

    if (run->csv == NULL)
        return json->decode(NULL, records, 1, &verdicts, &run->err);
    return run->csv->plugin->ops.decoder.decode(plugin_host_self(run->csv), records, 1, &verdicts, &run->err);
}

static void judge(void *context, const struct sluice_record *record)
{
    struct run *run = context;
    struct sluice_verdict verdict = {0};
    struct result *result;

    if (run->n == run->cap) {
        run->cap = run->cap == 0 ? 64 : 2 * run->cap;
        run->results = realloc(run->results, run->cap * sizeof *run->results);
        ck_assert_ptr_nonnull(run->results);
    }
    result = &run->results[run->n++];
    memset(result, 0, sizeof *result);
    if (record->size > record->payload.len) { /* the host keeps it whole as a dead letter */
        result->outcome = OVERSIZE;
        return;
    }
    ck_assert_uint_eq(decode(run, (struct sluice_record *)(uintptr_t)record, &verdict), SLUICE_OK);
    if (verdict.code == SLUICE_OK) {
        ck_assert_ptr_nonnull(record->document);
        return;
    }
    ck_assert_uint_eq(verdict.code, SLUICE_REJECT);
    result->outcome = REJECTED;
    (void)snprintf(result->reason, sizeof result->reason, "%s", verdict.reason);
    (void)snprintf(result->detail, sizeof result->detail, "%s", verdict.detail);
    ck_assert_msg(verdict.reason[0] != '\0' && strlen(verdict.detail) > 8, "no words: '%s'", verdict.detail);
}

/* Reads the file as it is now; results are there until run_release. */
static void run_over(struct run *run, const struct file_drive *d, const char *yaml, const char *csv_yaml)
{
    char text[1024];

    memset(run, 0, sizeof *run);
    (void)snprintf(text, sizeof text, "path: %s\n%s", d->path, yaml);
    run->source = plugin_host_open("source", "file", text);
    plugin_host_start(run->source);
    if (csv_yaml != NULL)
        run->csv = plugin_host_open("decoder", "csv", csv_yaml);
    run->code = plugin_host_drive(run->source, judge, run, ALL, IDLE_POLLS, &run->err);
}

static void run_release(struct run *run)
{
    if (run->csv != NULL)
        plugin_host_close(run->csv);
    plugin_host_close(run->source);
    free(run->results);
}

/* Lines of cases, a good one before and after each. */
struct table {
    struct strbuf text;
    size_t cases;
};

static void add_case(struct table *t, const void *data, size_t len)
{
    strbuf_add(&t->text, data, len);
    strbuf_printf(&t->text, "\n{\"good\":%zu}\n", ++t->cases);
}

static void add_text(struct table *t, const char *text)
{
    add_case(t, text, strlen(text));
}

static void add_bytes(struct table *t)
{
    char text[16];
    int c;

    for (c = 0; c < 256; c++) {
        if (c == '\n' || (c >= 0x20 && c < 0x80))
            continue;
        memcpy(text, "{\"user_id\":\"a?b\"}", 16);
        text[13] = (char)c;
        add_case(t, text, 16);
        memcpy(text, "[?]", 3);
        text[1] = (char)c;
        if (c != '\t' && c != '\r')
            add_case(t, text, 3);
    }
}

static void add_truncations(struct table *t)
{
    static const char receipt[] =
        "{\"receipt_id\":\"r1\",\"user_id\":\"u\\u00e91\",\"purchased_at\":\"2024-01-02T03:04:05Z\","
        "\"items\":[{\"fido\":\"AAEC\",\"quantity\":1.5e1,\"ok\":true,\"none\":null}]}";
    size_t n;

    for (n = 1; n < sizeof receipt - 1; n++)
        add_case(t, receipt, n);
}

static const char *const bad_texts[] = {"{",
                                        "}",
                                        "[",
                                        "]",
                                        ",",
                                        ":",
                                        "\"",
                                        "\\",
                                        "{]",
                                        "[}",
                                        "[1}",
                                        "{\"a\":1]",
                                        "[,]",
                                        "[1,]",
                                        "[,1]",
                                        "[1,,2]",
                                        "{,}",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{\"a\":1,}",
                                        "{\"a\":1,,\"b\":2}",
                                        "{\"a\" 1}",
                                        "{\"a\"::1}",
                                        "{a:1}",
                                        "{'a':1}",
                                        "{1:2}",
                                        "{null:1}",
                                        "{\"a\":1 \"b\":2}",
                                        "[1 2]",
                                        "{}{}",
                                        "[][]",
                                        "1 2",
                                        "\"a\"\"b\"",
                                        "null null",
                                        "tru",
                                        "truee",
                                        "TRUE",
                                        "nul",
                                        "nulll",
                                        "NULL",
                                        "Null",
                                        "fals",
                                        "False",
                                        "undefined",
                                        "NaN",
                                        "nan",
                                        "Infinity",
                                        "-Infinity",
                                        "inf",
                                        "None",
                                        "[true false]",
                                        "/*x*/1",
                                        "1//x",
                                        "#",
                                        "<xml/>",
                                        "a,b,c",
                                        "user_id=1",
                                        "\"\\x41\"",
                                        "\"\\'\"",
                                        "\"\\u12\"",
                                        "\"\\u123g\"",
                                        "\"\\ud800\"",
                                        "\"\\ud800\\u0041\"",
                                        "\"\\udc00\"",
                                        "\"\\ud800\\ud800\"",
                                        "\"\\",
                                        "\"\\u",
                                        "\"a",
                                        "\xef\xbb\xbf{}",
                                        "\xff\xfe{\x00}",
                                        "\xc0\xaf",
                                        "\"\xc0\xaf\"",
                                        "\"\xe0\x80\xaf\"",
                                        "\"\xf0\x80\x80\xaf\"",
                                        "\"\xed\xa0\x80\"",
                                        "\"\xf4\x90\x80\x80\"",
                                        "\"\xf8\x88\x80\x80\x80\"",
                                        "\"\xe2\x82\"",
                                        "\"\xc3\"",
                                        "{\"\xff\":1}"};
static const char *const bad_numbers[] = {"01",
                                          "-01",
                                          "00",
                                          "+1",
                                          "-",
                                          "--1",
                                          "1.",
                                          ".1",
                                          "-.1",
                                          "1.e1",
                                          "1e",
                                          "1e+",
                                          "1E-",
                                          "1e1.5",
                                          "0x10",
                                          "1_000",
                                          "1,5",
                                          "1e999",
                                          "-1e999",
                                          "18446744073709551616",
                                          "-9223372036854775809",
                                          "99999999999999999999999999999999999999",
                                          "1.5.5",
                                          "1ee5",
                                          "1f",
                                          "0b1",
                                          "1n",
                                          "\xd9\xa1",
                                          "1 000",
                                          "$1"};

static void add_syntax(struct table *t)
{
    char text[128];
    size_t i;

    for (i = 0; i < sizeof bad_texts / sizeof bad_texts[0]; i++)
        add_text(t, bad_texts[i]);
    for (i = 0; i < sizeof bad_numbers / sizeof bad_numbers[0]; i++) {
        (void)snprintf(text, sizeof text, "{\"price_cents\":%s}", bad_numbers[i]);
        add_text(t, text);
    }
}

static void add_depths(struct table *t)
{
    static const int depths[] = {65, 66, 127, 1000, 1025, 100000};
    size_t i;
    int k;

    for (i = 0; i < sizeof depths / sizeof depths[0]; i++)
        for (k = 0; k < 2; k++) { /* closed, and left open */
            char *text = malloc(2 * (size_t)depths[i]);

            ck_assert_ptr_nonnull(text);
            memset(text, '[', (size_t)depths[i]);
            memset(text + depths[i], ']', (size_t)depths[i]);
            add_case(t, text, (size_t)depths[i] * (k == 0 ? 2 : 1));
            free(text);
        }
}

static void expect_all_rejected(const struct run *run, const struct table *t)
{
    size_t i;

    ck_assert_msg(run->code == SLUICE_END, "%s", run->err.message);
    ck_assert_uint_eq(run->n, 2 * t->cases);
    for (i = 0; i < t->cases; i++) {
        ck_assert_msg(run->results[2 * i].outcome == REJECTED, "case %zu of %zu was taken", i + 1, t->cases);
        ck_assert_str_eq(run->results[2 * i].reason, "bad_json");
        ck_assert_msg(strstr(run->results[2 * i].detail, "byte") != NULL, "%s", run->results[2 * i].detail);
        ck_assert_msg(run->results[2 * i + 1].outcome == TAKEN, "the record after case %zu was lost", i + 1);
    }
}

START_TEST(bad_json_is_rejected_line_by_line_plain_and_compressed)
{
    struct table t = {.cases = 0};
    struct file_drive d;
    struct run run;

    strbuf_init(&t.text, 64 << 20);
    add_bytes(&t);
    add_truncations(&t);
    add_syntax(&t);
    add_depths(&t);
    ck_assert_int_eq(t.text.failed, 0);
    ck_assert_uint_ge(t.cases, 500);
    file_drive_begin(&d);
    file_drive_write(&d, t.text.data, t.text.len);
    run_over(&run, &d, "", NULL);
    expect_all_rejected(&run, &t);
    run_release(&run);
    (void)unlink(d.path);
    file_drive_gzip(&d, t.text.data, t.text.len);
    run_over(&run, &d, "buffer: 4KiB\nmax_record: 1MiB\n", NULL);
    expect_all_rejected(&run, &t);
    run_release(&run);
    strbuf_release(&t.text);
    file_drive_end(&d);
}
END_TEST

/* A row between two good ones of three columns: what it becomes, in how many records. */
struct csv_case {
    const char *row;
    size_t records;     /* 0: blank */
    const char *reason; /* of the first; NULL: taken */
};

static const struct csv_case csv_cases[] = {{"", 0, NULL},
                                            {"1", 1, "bad_csv"},
                                            {"1,2", 1, "bad_csv"},
                                            {"1,2,3,4", 1, "bad_csv"},
                                            {",", 1, "bad_csv"},
                                            {",,", 1, NULL},
                                            {",,,", 1, "bad_csv"},
                                            {"\"1,2,3", 1, "bad_csv"},
                                            {"1,\"2,3", 1, "bad_csv"},
                                            {"1,2,\"3", 1, "bad_csv"},
                                            {"\"1\"x,2,3", 1, "bad_csv"},
                                            {"1,\"2\" ,3", 1, "bad_csv"},
                                            {"1,2,\"3\"\"", 1, "bad_csv"},
                                            {"\"\"\"1,2,3", 1, "bad_csv"},
                                            {"\"\"1,2,3", 1, "bad_csv"},
                                            {"1;2;3", 1, "bad_csv"},
                                            {"1\t2\t3", 1, "bad_csv"},
                                            {"1,2\xff,3", 1, "bad_utf8"},
                                            {"\xc0\xaf,2,3", 1, "bad_utf8"},
                                            {"1,\xed\xa0\x80,3", 1, "bad_utf8"},
                                            {"1,2,\xf4\x90\x80\x80", 1, "bad_utf8"},
                                            {"1,2,\xe2\x82", 1, "bad_utf8"},
                                            {"{\"a\":1}", 1, "bad_csv"},
                                            {"1,a\"b,3", 1, NULL},
                                            {"1,2,\"x\ny\"", 1, NULL},
                                            {"\"a\r\nb\",2,3", 1, NULL},
                                            {" \"1\",2,3", 1, NULL},
                                            {"1,2,\"\"", 1, NULL},
                                            {"1,'2,3", 1, NULL},
                                            {" ", 1, "bad_csv"},
                                            {"\"", 1, "bad_csv"},
                                            {"\"\"", 1, "bad_csv"},
                                            {"\"\"\"", 1, "bad_csv"},
                                            {"\"\"\"\"", 1, "bad_csv"},
                                            {"\r", 0, NULL}};

START_TEST(bad_rows_are_rejected_and_the_next_ones_delivered)
{
    struct file_drive d;
    size_t i;

    file_drive_begin(&d);
    for (i = 0; i < sizeof csv_cases / sizeof csv_cases[0]; i++) {
        const struct csv_case *c = &csv_cases[i];
        char text[256];
        struct run run;

        (void)snprintf(text, sizeof text, "a,b,c\ng,2,3\n%s\ng,4,5\ng,6,7", c->row);
        file_drive_text(&d, text);
        run_over(&run, &d, "format: csv\n", "");
        ck_assert_uint_eq(run.code, SLUICE_END);
        ck_assert_msg(run.n == 3 + c->records, "'%s' became %zu records", c->row, run.n - 3);
        ck_assert_int_eq(run.results[0].outcome, TAKEN);
        ck_assert_int_eq(run.results[run.n - 2].outcome, TAKEN);
        ck_assert_int_eq(run.results[run.n - 1].outcome, TAKEN);
        if (c->records > 0 && c->reason != NULL)
            ck_assert_msg(strcmp(run.results[1].reason, c->reason) == 0, "'%s': %s, %s", c->row,
                          run.results[1].reason, run.results[1].detail);
        else
            ck_assert_int_eq(run.results[1].outcome, TAKEN);
        run_release(&run);
    }
    file_drive_end(&d);
}
END_TEST

START_TEST(any_byte_in_a_row_is_text_or_a_rejection)
{
    struct file_drive d;
    int c;

    file_drive_begin(&d);
    for (c = 0; c < 256; c++) {
        char text[] = "a,b\ng,1\n?x,2\ng,3\n";
        struct run run;

        if (c == '\n')
            continue;
        text[8] = (char)c;
        file_drive_write(&d, text, sizeof text - 1);
        run_over(&run, &d, "format: csv\n", "");
        ck_assert_uint_eq(run.code, SLUICE_END);
        ck_assert_msg(run.n == 3, "byte %d: %zu records", c, run.n);
        ck_assert_int_eq(run.results[1].outcome, c == '"' || c == ',' || c >= 0x80 ? REJECTED : TAKEN);
        ck_assert_int_eq(run.results[2].outcome, TAKEN);
        run_release(&run);
    }
    file_drive_end(&d);
}
END_TEST

/* A small gzip file; its bytes. */
static size_t make_gzip(struct file_drive *d, unsigned char *bytes, size_t cap)
{
    struct strbuf b;
    FILE *f;
    size_t n;
    int i;

    strbuf_init(&b, 1 << 16);
    for (i = 0; i < 40; i++)
        strbuf_printf(&b, "{\"user_id\":\"u%d\",\"n\":%d}\n", i * 7919 % 97, i * i);
    (void)unlink(d->path);
    file_drive_gzip(d, b.data, b.len);
    strbuf_release(&b);
    f = fopen(d->path, "rb");
    ck_assert_ptr_nonnull(f);
    n = fread(bytes, 1, cap, f);
    (void)fclose(f);
    return n;
}

START_TEST(gzip_cut_anywhere_gives_what_is_whole_and_says_where)
{
    struct file_drive d;
    unsigned char bytes[4096];
    size_t n;
    size_t cut;

    file_drive_begin(&d);
    n = make_gzip(&d, bytes, sizeof bytes);
    ck_assert_uint_gt(n, 150);
    for (cut = 2; cut < n; cut++) {
        struct run run;
        char byte[32];
        size_t i;

        file_drive_write(&d, bytes, cut);
        run_over(&run, &d, "", NULL);
        (void)snprintf(byte, sizeof byte, "byte %zu", cut + 1);
        ck_assert_uint_eq(run.code, SLUICE_FATAL);
        ck_assert_msg(strstr(run.err.message, byte) != NULL, "cut at %zu: %s", cut, run.err.message);
        for (i = 0; i < run.n; i++)
            ck_assert_int_eq(run.results[i].outcome, TAKEN);
        run_release(&run);
    }
    file_drive_end(&d);
}
END_TEST

START_TEST(gzip_damaged_anywhere_is_noticed_or_harmless)
{
    struct file_drive d;
    unsigned char bytes[4096];
    size_t n;
    size_t at;

    file_drive_begin(&d);
    n = make_gzip(&d, bytes, sizeof bytes);
    for (at = 2; at < n; at++) {
        struct run run;

        bytes[at] ^= 0x55;
        file_drive_write(&d, bytes, n);
        run_over(&run, &d, "", NULL);
        bytes[at] ^= 0x55;
        ck_assert_msg(run.code == SLUICE_FATAL || (run.code == SLUICE_END && run.n == 40),
                      "byte %zu: %u, %zu records", at, run.code, run.n);
        ck_assert_msg(run.code == SLUICE_END || strstr(run.err.message, "byte") != NULL, "%s",
                      run.err.message);
        run_release(&run);
    }
    file_drive_end(&d);
}
END_TEST

/* A text of this size between two good lines. */
static void see_size(struct file_drive *d, size_t size, int gzip, const char *yaml)
{
    size_t len = size + 32;
    char *text = malloc(len);
    size_t n;
    struct run run;

    ck_assert_ptr_nonnull(text);
    n = (size_t)snprintf(text, len, "{\"a\":1}\n");
    memset(text + n, 'x', size);
    text[n] = '"';
    text[n + size - 1] = '"';
    n += size;
    n += (size_t)snprintf(text + n, len - n, "\r\n{\"a\":2}");
    (void)unlink(d->path);
    if (gzip)
        file_drive_gzip(d, text, n);
    else
        file_drive_write(d, text, n);
    run_over(&run, d, yaml, NULL);
    ck_assert_uint_eq(run.code, SLUICE_END);
    ck_assert_uint_eq(run.n, 3);
    ck_assert_msg(run.results[1].outcome == (size > 4096 ? OVERSIZE : TAKEN), "%zu bytes", size);
    ck_assert_int_eq(run.results[0].outcome, TAKEN);
    ck_assert_int_eq(run.results[2].outcome, TAKEN);
    run_release(&run);
    free(text);
}

START_TEST(records_of_any_size_are_taken_or_told_as_too_long)
{
    static const size_t sizes[] = {2,     3,     15,    16,     17,      4093,    4094,    4095, 4096,
                                   4097,  4098,  4099,  4100,   5000,    8190,    8191,    8192, 8193,
                                   65534, 65536, 65538, 131072, 1048576, 1048577, 20000000};
    struct file_drive d;
    size_t i;
    int gzip;

    file_drive_begin(&d);
    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (gzip = 0; gzip < 2; gzip++) {
            see_size(&d, sizes[i], gzip, "max_record: 4KiB\nbuffer: 4KiB\n");
            see_size(&d, sizes[i], gzip, "max_record: 4KiB\nbuffer: 1MiB\n");
            see_size(&d, sizes[i], gzip, "max_record: 4KiB\nformat: csv\nheader: false\n");
        }
    file_drive_end(&d);
}
END_TEST

ONE_SUITE("bad input", 120, bad_json_is_rejected_line_by_line_plain_and_compressed,
          bad_rows_are_rejected_and_the_next_ones_delivered, any_byte_in_a_row_is_text_or_a_rejection,
          gzip_cut_anywhere_gives_what_is_whole_and_says_where, gzip_damaged_anywhere_is_noticed_or_harmless,
          records_of_any_size_are_taken_or_told_as_too_long)
