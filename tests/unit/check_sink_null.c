/* check_sink_null: what the drill sink fails, and how. */
#include "one_suite.h"
#include "plugin_host.h"

static struct plugin_host *open_null(const char *yaml, uint32_t n)
{
    struct plugin_host *h = plugin_host_open("sink", "null", yaml);
    uint32_t i;

    plugin_host_start(h);
    plugin_host_clear(h);
    for (i = 0; i < n; i++)
        plugin_host_add(h, "{}");
    return h;
}

START_TEST(every_record_is_ok_and_counted)
{
    struct plugin_host *h = open_null("", 100);
    uint32_t i;

    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    for (i = 0; i < 100; i++)
        ck_assert_uint_eq(plugin_host_verdict(h, i)->code, SLUICE_OK);
    ck_assert_double_eq(plugin_host_metric(h, "records_total", "ok"), 100);
    plugin_host_close(h);
}
END_TEST

START_TEST(every_third_record_fails_however_they_are_batched)
{
    struct plugin_host *h = open_null("fail: reject\nfail_every: 3\n", 4);

    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 1)->code, SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 2)->code, SLUICE_REJECT);
    ck_assert_str_eq(plugin_host_verdict(h, 2)->reason, "drill");
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 0)->code, SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 1)->code, SLUICE_REJECT);
    ck_assert_uint_eq(plugin_host_verdict(h, 3)->code, SLUICE_OK);
    plugin_host_close(h);
}
END_TEST

START_TEST(retry_is_asked_for_a_record)
{
    struct plugin_host *h = open_null("fail: retry\n", 1);

    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 0)->code, SLUICE_RETRY);
    plugin_host_close(h);
}
END_TEST

START_TEST(disconnected_from_the_first_on_accepts_nothing)
{
    struct plugin_host *h = open_null("fail: disconnected\n", 3);
    uint32_t i;

    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_DISCONNECTED);
    for (i = 0; i < 3; i++)
        ck_assert_uint_eq(plugin_host_verdict(h, i)->code, SLUICE_DISCONNECTED);
    ck_assert_double_eq(plugin_host_metric(h, "records_total", "ok"), 0);
    plugin_host_close(h);
}
END_TEST

START_TEST(how_often_without_how_is_refused)
{
    char *said = plugin_host_refusal("sink", "null", "fail_every: 2\n");

    ck_assert_ptr_nonnull(strstr(said, "fail has to say how"));
    free(said);
}
END_TEST

ONE_SUITE("sink_null", 10, every_record_is_ok_and_counted, every_third_record_fails_however_they_are_batched,
          retry_is_asked_for_a_record, disconnected_from_the_first_on_accepts_nothing,
          how_often_without_how_is_refused)
