/* check_purchase_bad: every member of a receipt and of a shop order made wrong in every
 * way, one at a time.  Each message ends OK, DROP or REJECT; a refusal has a token to
 * count, and words that name the member. */
#include <stdio.h>
#include <string.h>

#include "one_suite.h"
#include "plugin_host.h"
#include "strbuf.h"
#include "utf8.h"

#define P1 "00112233-4455-6677-8899-aabbccddeeff"

/* A template holds its members as $a, $b …; each is a pair "name":value. */
struct message {
    const char *from;
    const char *text;
    struct {
        const char *pair; /* with a good value */
        const char *name; /* that a refusal's words must hold */
    } member[16];
};

static const struct message messages[] = {
    {"from: receipt\n",
     "{$a,$b,$c,$d,$e,$f,$g,$h}",
     {{"\"receipt_id\":\"r1\"", "receipt_id"},
      {"\"user_id\":\"u1\"", "user_id"},
      {"\"status\":\"FINISHED\"", "status"},
      {"\"purchased_at\":\"2017-01-06T12:47:01Z\"", "purchased_at"},
      {"\"store_name\":\"Shop\"", "store_name"},
      {"\"digital_receipt_data\":null", "digital_receipt_data"},
      {"\"timezone\":\"Europe/Berlin\"", "timezone"},
      {"\"items\":[{\"fido\":\"" P1 "\"}]", "items"}}},
    {"from: receipt\n",
     "{\"receipt_id\":\"r1\",\"user_id\":\"u1\",\"status\":\"FINISHED\",\"purchased_at\":\"2017-01-06T12:47:"
     "01Z\","
     "\"items\":[{$a,$b,$c,$d}]}",
     {{"\"fido\":\"" P1 "\"", "items[0]"},
      {"\"description\":\"MILK\"", "items[0].description"},
      {"\"quantity\":2", "items[0].quantity"},
      {"\"price_cents\":119", "price_cents"}}},
    {"from: shop-order\n",
     "{$a,$b,$c,$d,$e,$f}",
     {{"\"user_id\":\"u1\"", "user_id"},
      {"\"source\":\"SHOP\"", "source"},
      {"\"event_type\":\"ORDER_FINALIZED\"", "event_type"},
      {"\"summary_id\":\"s1\"", "summary_id"},
      {"\"occurred_at\":\"2017-01-06T12:47:01Z\"", "occurred_at"},
      {"\"data\":{\"fidos\":[{\"id\":\"" P1 "\"}]}", "data"}}},
    {"from: shop-order\n",
     "{\"user_id\":\"u1\",\"source\":\"SHOP\",\"event_type\":\"ORDER_FINALIZED\",\"summary_id\":\"s1\","
     "\"occurred_at\":\"2017-01-06T12:47:01Z\",\"data\":{$a,$b,$c}}",
     {{"\"fidos\":[{\"id\":\"" P1 "\"}]", "data.fidos"},
      {"\"fido_count\":1", "fido_count"},
      {"\"retailer_info\":{\"name\":\"Shop\"}", "data.retailer_info"}}},
    {"from: shop-order\n",
     "{\"user_id\":\"u1\",\"source\":\"SHOP\",\"event_type\":\"ORDER_FINALIZED\",\"summary_id\":\"s1\","
     "\"occurred_at\":\"2017-01-06T12:47:01Z\",\"data\":{\"fidos\":[{$a,$b}],\"fido_count\":1,\"retailer_"
     "info\":{$c}}}",
     {{"\"id\":\"" P1 "\"", "data.fidos[0]"},
      {"\"quantity\":1", "data.fidos[0].quantity"},
      {"\"name\":\"Shop\"", "data.retailer_info.name"}}},
};

/* JSON values; NULL: the member is left out; "HUGE": a text of 200,000 bytes. */
static const char *const values[] = {
    NULL,
    "null",
    "true",
    "false",
    "0",
    "-1",
    "7",
    "1e308",
    "-1e-320",
    "9223372036854775807",
    "18446744073709551615",
    "0.1",
    "\"\"",
    "\" \"",
    "\"x\"",
    "\"\\u0000\"",
    "\"a\\nb\"",
    "\"\\u0085\"",
    "\"\\ud834\\udd1e\"",
    "\"FINISHED \"",
    "\"null\"",
    "\"123\"",
    "\"=\"",
    "[]",
    "{}",
    "[null]",
    "[[]]",
    "[{}]",
    "[1,2,3]",
    "{\"fido\":1}",
    "HUGE",
    "\"2017-01-06\"",
    "\"2017-01-06T12:47:01\"",
    "\"0000-01-01T00:00:00Z\"",
    "\"9999-12-31T23:59:59Z\"",
    "\"2017-02-29T00:00:00Z\"",
    "\"99999999999999999999\"",
    "1483706821",
    "1483706821000",
};
#define N_VALUES (sizeof values / sizeof values[0])

static void add_value(struct strbuf *out, const char *value)
{
    int i;

    if (strcmp(value, "HUGE") != 0) {
        strbuf_puts(out, value);
        return;
    }
    strbuf_putc(out, '"');
    for (i = 0; i < 20000; i++)
        strbuf_puts(out, "0123456789");
    strbuf_putc(out, '"');
}

/* The message with its bad-th member holding the value. */
static void make(struct strbuf *out, const struct message *m, int bad, const char *value)
{
    const char *at;

    strbuf_clear(out);
    for (at = m->text; *at != '\0'; at++) {
        const char *pair;
        int which;

        if (*at != '$') {
            strbuf_putc(out, *at);
            continue;
        }
        which = *++at - 'a';
        pair = m->member[which].pair;
        if (which != bad) {
            strbuf_puts(out, pair);
        } else if (value == NULL) {
            strbuf_printf(out, "\"left_out\":%d", which);
        } else {
            strbuf_add(out, pair, (size_t)(strchr(pair, ':') - pair) + 1);
            add_value(out, value);
        }
    }
    ck_assert_int_eq(out->failed, 0);
}

static int is_token(const char *reason)
{
    return reason != NULL && reason[0] != '\0' &&
           strspn(reason, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(reason);
}

/* Words for people: one line, UTF-8, and not the whole of what was wrong. */
static int is_readable(const char *detail)
{
    size_t len = detail == NULL ? 0 : strlen(detail), i;

    for (i = 0; i < len; i++)
        if ((unsigned char)detail[i] < 0x20)
            return 0;
    return len > 0 && len < 400 && utf8_valid_prefix(detail, len) == len;
}

static void check_one(struct plugin_host *h, const char *text, const char *name)
{
    const struct sluice_verdict *v = plugin_host_one(h, text);

    if (v->code == SLUICE_OK) {
        ck_assert_ptr_nonnull(strstr(plugin_host_document(h, 0), "\"product_id\":\"" P1 "\""));
        return;
    }
    ck_assert_msg(v->code == SLUICE_DROP || v->code == SLUICE_REJECT, "code %u for %.300s", v->code, text);
    ck_assert_msg(is_token(v->reason), "reason of %.300s", text);
    ck_assert_msg(is_readable(v->detail), "detail of %.300s: %s", text, v->detail);
    ck_assert_msg(strcmp(v->reason, "no_fido") == 0 || strcmp(v->reason, "not_shop") == 0 ||
                      strcmp(v->reason, "not_finalized") == 0 || strstr(v->detail, name) != NULL,
                  "\"%s\" does not name %s in %.300s", v->detail, name, text);
    ck_assert_msg(strcmp(plugin_host_document(h, 0), "") != 0, "the document is gone: %.300s", text);
}

START_TEST(each_wrong_member_has_an_end_with_a_reason_and_its_name)
{
    const struct message *m = &messages[_i];
    struct plugin_host *h = plugin_host_open("enrich", "purchase", m->from);
    struct strbuf text;
    size_t v;
    int bad;

    plugin_host_start(h);
    strbuf_init(&text, 1u << 20);
    make(&text, m, -1, NULL);
    ck_assert_uint_eq(plugin_host_one(h, strbuf_text(&text))->code, SLUICE_OK);
    for (bad = 0; m->member[bad].pair != NULL; bad++)
        for (v = 0; v < N_VALUES; v++) {
            make(&text, m, bad, values[v]);
            check_one(h, strbuf_text(&text), m->member[bad].name);
        }
    strbuf_release(&text);
    plugin_host_close(h);
}
END_TEST

START_TEST(there_are_at_least_200_cases)
{
    size_t cases = 0, i;
    int bad;

    for (i = 0; i < sizeof messages / sizeof messages[0]; i++)
        for (bad = 0; messages[i].member[bad].pair != NULL; bad++)
            cases += N_VALUES;
    ck_assert_uint_ge(cases, 200);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("purchase_bad");
    TCase *t = tcase_create("purchase_bad");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, each_wrong_member_has_an_end_with_a_reason_and_its_name, 0,
                        (int)(sizeof messages / sizeof messages[0]));
    tcase_add_test(t, there_are_at_least_200_cases);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
