/* `log_records`: one line at the end of each record and step, with what became of it and why. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "one_suite.h"
#include "toy.h"

static struct toy_run run;
static const char *const texts[] = {
    "{\"user_id\":\"u0\",\"purchases\":[1,2,3]}",
    "{\"user_id\":\"u1\",\"purchases\":[]}",
    "{\"user_id\":\"u2\",\"purchases\":[1]}",
};
static char lines[16384];

static struct sluice_verdict second_is_denied(uint64_t position, uint32_t attempts)
{
    (void)attempts;
    return (struct sluice_verdict){position == 1 ? SLUICE_DENY : SLUICE_ADMIT, 0,
                                   position == 1 ? "already_done" : NULL, NULL};
}

static struct sluice_verdict third_is_refused(uint64_t position, uint32_t attempts)
{
    if (position == 0 && attempts == 0)
        return (struct sluice_verdict){SLUICE_RETRY, 0, "busy", NULL};
    return (struct sluice_verdict){position == 2 ? SLUICE_REJECT : SLUICE_OK, 0,
                                   position == 2 ? "too_many" : NULL, position == 2 ? "it has 7" : NULL};
}

/* Runs it and reads what was logged into lines. */
static void logged(uint32_t level, const char *option)
{
    FILE *file = tmpfile();
    char config[600];
    size_t len;

    ck_assert_ptr_nonnull(file);
    toy_reset();
    toy.texts = texts;
    toy.n_texts = 3;
    toy.gate = second_is_denied;
    toy.sink = third_is_refused;
    (void)snprintf(
        config, sizeof config,
        "  p: {source: {plugin: toy}, %s retry: {min: 1ms, max: 2ms}, breaker: {failures: 0}, steps: ["
        "{name: a, sink: {plugin: toy}}, "
        "{name: b, stages: [{gate: {plugin: toy}}], sink: {plugin: toy2}}]}\n",
        option);
    ck_assert_int_eq(log_start(LOG_LOGFMT, level, fileno(file)), 0);
    toy_open(&run, config);
    toy_start(&run);
    toy_wait(&run);
    toy_close(&run);
    log_stop();
    rewind(file);
    len = fread(lines, 1, sizeof lines - 1, file);
    lines[len] = '\0';
    (void)fclose(file);
}

/* How many lines hold all three. */
static unsigned lines_with(const char *a, const char *b, const char *c)
{
    char copy[sizeof lines], *line, *rest = copy;
    unsigned n = 0;

    memcpy(copy, lines, sizeof lines);
    while ((line = strsep(&rest, "\n")) != NULL)
        n += strstr(line, a) != NULL && strstr(line, b) != NULL && strstr(line, c) != NULL;
    return n;
}

START_TEST(each_record_and_step_has_one_line_with_its_end)
{
    logged(SLUICE_INFO, "log_records: user_load,");
    ck_assert_msg(lines_with("event=user_load", "pipeline=p", "step=") == 6, "%s", lines);
    ck_assert_uint_eq(lines_with("user_id=u0 step=a", "outcome=written", "purchases=3 attempts=2"), 1);
    ck_assert_uint_eq(lines_with("user_id=u0 step=b", "outcome=written", "attempts=1"), 1);
    ck_assert_uint_eq(lines_with("user_id=u1 step=a", "level=info", "purchases=0"), 1);
    ck_assert_uint_eq(lines_with("user_id=u1 step=b", "outcome=gated", "reason=already_done"), 1);
    ck_assert_uint_eq(lines_with("user_id=u2 step=a", "level=warn", "outcome=dead reason=too_many"), 1);
    ck_assert_uint_eq(lines_with("user_id=u2 step=a", "message=", "it has 7"), 1);
    ck_assert_uint_eq(lines_with("user_id=u2 step=b", "outcome=written", "purchases=1"), 1);
}
END_TEST

START_TEST(a_try_that_failed_is_told_at_debug)
{
    logged(SLUICE_DEBUG, "log_records: user_load,");
    ck_assert_uint_eq(lines_with("event=user_load", "user_id=u0 step=a", "outcome=retry reason=busy"), 1);
}
END_TEST

START_TEST(without_the_option_there_is_none)
{
    logged(SLUICE_DEBUG, "");
    ck_assert_uint_eq(lines_with("step=", "outcome=", ""), 0);
}
END_TEST

ONE_SUITE("pipeline_log", 60, each_record_and_step_has_one_line_with_its_end,
          a_try_that_failed_is_told_at_debug, without_the_option_there_is_none)
