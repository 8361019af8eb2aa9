/* The log: never in the way, nothing forged, what is lost is counted. */
#include <check.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "log_line.h"

static int fds[2]; /* a pipe: the log writes to fds[1] */

static void setup(void)
{
    ck_assert_int_eq(pipe(fds), 0);
}

static void teardown(void)
{
    log_stop();
    close(fds[0]);
    close(fds[1]);
}

/* What the log wrote; call after log_stop, and it fits into the pipe. */
static char *written(void)
{
    static char text[70000];
    struct pollfd p = {fds[0], POLLIN, 0};
    size_t len = 0;
    ssize_t n;

    while (poll(&p, 1, 0) == 1 && (n = read(fds[0], text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    return text;
}

static char *line_of(enum log_format format, const struct log_field *fields, uint32_t n)
{
    static char text[LOG_LINE_MAX + 1];
    struct strbuf out;

    strbuf_init(&out, LOG_LINE_MAX);
    log_line(&out, format, 1700000000123, SLUICE_WARN, "it_broke", fields, n);
    ck_assert_int_eq(out.failed, 0);
    memcpy(text, out.data, out.len + 1);
    strbuf_release(&out);
    return text;
}

START_TEST(a_logfmt_line_has_time_level_event_and_fields)
{
    struct log_field f[] = {LOG_TEXT("pipeline", "receipts"), LOG_NUMBER("rows", -3), LOG_TEXT("none", NULL),
                            LOG_TEXT("why", "two words")};

    ck_assert_str_eq(line_of(LOG_LOGFMT, f, 4), "time=2023-11-14T22:13:20.123Z level=warn event=it_broke "
                                                "pipeline=receipts rows=-3 why=\"two words\"\n");
}
END_TEST

START_TEST(a_json_line_has_time_level_event_and_fields)
{
    struct log_field f[] = {LOG_TEXT("pipeline", "receipts"), LOG_NUMBER("rows", INT64_MIN)};

    ck_assert_str_eq(line_of(LOG_JSON, f, 2),
                     "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"warn\",\"event\":\"it_broke\","
                     "\"pipeline\":\"receipts\",\"rows\":-9223372036854775808}\n");
}
END_TEST

static const char *const nasty[] = {
    "",
    "\"",
    "a\\",
    "line\nlevel=error event=forged",
    "tab\tcr\r",
    "\x01\x1b[2J\x7f",
    "\xff\xfe",
    "\xc3\xa9",
    ("\xc2\x9b"
     "31m"), /* two literals, so that the 3 is no part of the escape */
    "=",
    " ",
    "\xed\xa0\x80",
    "{\"a\":1}",
    "\xf0\x9f\x8c\xb1",
};

START_TEST(json_lines_parse_and_give_back_the_text)
{
    struct log_field f = LOG_TEXT("text", nasty[_i]);
    char *line = line_of(LOG_JSON, &f, 1);
    json_error_t why;
    json_t *parsed = json_loads(line, JSON_REJECT_DUPLICATES, &why);
    const char *text;

    ck_assert_msg(parsed != NULL, "%s: %s", why.text, line);
    text = json_string_value(json_object_get(parsed, "text"));
    ck_assert_ptr_nonnull(text);
    /* Invalid bytes become U+FFFD; everything else comes back as it was. */
    if (strchr(text, '\xef') == NULL)
        ck_assert_str_eq(text, nasty[_i]);
    else
        ck_assert_uint_eq(utf8_length(nasty[_i], strlen(nasty[_i])), 0);
    json_decref(parsed);
}
END_TEST

START_TEST(no_text_forges_a_line_or_reaches_the_terminal_raw)
{
    struct log_field f[2] = {LOG_TEXT("text", nasty[_i]), LOG_TEXT(nasty[_i], "x")};
    char *line;
    size_t i, len;
    int format;

    for (format = LOG_LOGFMT; format <= LOG_JSON; format++) {
        line = line_of((enum log_format)format, f, 2);
        len = strlen(line);
        ck_assert_int_eq(line[len - 1], '\n');
        for (i = 0; i + 1 < len; i++) {
            ck_assert_msg((unsigned char)line[i] >= ' ' && line[i] != 0x7f, "raw control in %s", line);
            ck_assert_msg(!((unsigned char)line[i] == 0xc2 && (unsigned char)line[i + 1] < 0xa0), "raw C1");
        }
    }
}
END_TEST

START_TEST(a_long_value_is_cut_and_says_so)
{
    static char big[30000];
    struct log_field f = LOG_TEXT("text", big);
    char *line;

    memset(big, 'x', sizeof big - 1);
    line = line_of(LOG_LOGFMT, &f, 1);
    ck_assert_ptr_nonnull(strstr(line, "xxx … (cut, 29999 bytes in all)\"\n"));
    ck_assert_uint_lt(strlen(line), LOG_TEXT_MAX + 200);
}
END_TEST

START_TEST(lines_below_the_level_are_not_written)
{
    ck_assert_int_eq(log_start(LOG_LOGFMT, SLUICE_WARN, fds[1]), 0);
    log_event(SLUICE_INFO, "quiet", NULL, 0);
    log_event(SLUICE_WARN, "loud", NULL, 0);
    log_set_level(SLUICE_DEBUG);
    log_event(SLUICE_DEBUG, "all", NULL, 0);
    log_stop();
    ck_assert_ptr_null(strstr(written(), "quiet"));
    log_set_level(SLUICE_INFO);
}
END_TEST

START_TEST(stopping_writes_what_is_queued_in_order)
{
    char *text;

    ck_assert_int_eq(log_start(LOG_LOGFMT, SLUICE_INFO, fds[1]), 0);
    log_event(SLUICE_INFO, "first", NULL, 0);
    log_event(SLUICE_INFO, "second", NULL, 0);
    log_stop();
    text = written();
    ck_assert_ptr_nonnull(strstr(text, "event=first\n"));
    ck_assert_ptr_nonnull(strstr(strstr(text, "event=first\n"), "event=second\n"));
}
END_TEST

START_TEST(after_stopping_lines_are_written_at_once)
{
    ck_assert_int_eq(log_start(LOG_LOGFMT, SLUICE_INFO, fds[1]), 0);
    log_stop();
    log_event(SLUICE_INFO, "late", NULL, 0);
    ck_assert_ptr_nonnull(strstr(written(), "event=late\n"));
}
END_TEST

START_TEST(a_second_start_is_refused)
{
    ck_assert_int_eq(log_start(LOG_LOGFMT, SLUICE_INFO, fds[1]), 0);
    ck_assert_int_eq(log_start(LOG_LOGFMT, SLUICE_INFO, fds[1]), -1);
}
END_TEST

#define MANY 40000u

/* Logs more than ring and pipe hold together. */
static void log_many(void)
{
    struct log_field f = LOG_TEXT("text", "some words that make the line of a usual length");
    uint32_t i;

    for (i = 0; i < MANY; i++)
        log_event(SLUICE_INFO, "many", &f, 1);
}

START_TEST(a_blocked_pipe_blocks_nobody_and_stopping_takes_about_a_second)
{
    int64_t before = clock_steady_ms();
    uint64_t lost = log_lost();

    ck_assert_int_eq(log_start(LOG_LOGFMT, SLUICE_INFO, fds[1]), 0);
    log_many();
    ck_assert_uint_gt(log_lost(), lost);
    log_stop();
    /* An unread pipe would hold a blocking writer for ever. */
    ck_assert_int_lt(clock_steady_ms() - before, 20000);
    /* After that nobody waits for it either. */
    log_event(SLUICE_INFO, "late", NULL, 0);
    ck_assert_uint_gt(log_lost() - lost, MANY / 2);
}
END_TEST

struct reader {
    uint64_t many, told;
};

static void *read_all(void *context)
{
    struct reader *r = context;
    FILE *f = fdopen(dup(fds[0]), "r");
    char line[1000], *at;

    while (fgets(line, sizeof line, f) != NULL) {
        if (strstr(line, "event=many ") != NULL)
            r->many++;
        at = strstr(line, "event=log_lines_lost lines=");
        if (at != NULL)
            r->told += strtoull(at + 27, NULL, 10);
    }
    fclose(f);
    return NULL;
}

START_TEST(lost_lines_are_counted_and_told_once_the_pipe_is_read_again)
{
    struct reader r = {0, 0};
    uint64_t lost = log_lost();
    pthread_t thread;

    ck_assert_int_eq(log_start(LOG_LOGFMT, SLUICE_INFO, fds[1]), 0);
    log_many();
    ck_assert_int_eq(pthread_create(&thread, NULL, read_all, &r), 0);
    log_stop();
    close(fds[1]);
    pthread_join(thread, NULL);
    fds[1] = dup(fds[0]);
    ck_assert_uint_gt(log_lost() - lost, 0);
    ck_assert_uint_eq(r.told, log_lost() - lost);
    ck_assert_uint_eq(r.many + r.told, MANY);
}
END_TEST

START_TEST(a_full_disk_loses_lines_and_counts_them)
{
    int full = open("/dev/full", O_WRONLY);
    uint64_t lost = log_lost();
    int i;

    ck_assert_int_ge(full, 0);
    ck_assert_int_eq(log_start(LOG_LOGFMT, SLUICE_INFO, full), 0);
    for (i = 0; i < 7; i++)
        log_event(SLUICE_INFO, "gone", NULL, 0);
    log_stop();
    ck_assert_uint_eq(log_lost() - lost, 7);
    close(full);
}
END_TEST

START_TEST(a_closed_pipe_kills_nobody)
{
    uint64_t lost = log_lost();

    close(fds[0]);
    ck_assert_int_eq(log_start(LOG_LOGFMT, SLUICE_INFO, fds[1]), 0);
    log_event(SLUICE_INFO, "gone", NULL, 0);
    log_stop();
    ck_assert_uint_eq(log_lost() - lost, 1);
    fds[0] = dup(fds[1]);
}
END_TEST

static void *log_numbered(void *context)
{
    struct log_field f = LOG_NUMBER("from", *(int *)context);
    int i;

    for (i = 0; i < 100; i++)
        log_event(SLUICE_INFO, "thread", &f, 1);
    return NULL;
}

START_TEST(lines_of_many_threads_stay_whole)
{
    int ids[4] = {0, 1, 2, 3}, i, n = 0;
    pthread_t threads[4];
    char *line, *next;

    ck_assert_int_eq(log_start(LOG_JSON, SLUICE_INFO, fds[1]), 0);
    for (i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, log_numbered, &ids[i]), 0);
    for (i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    log_stop();
    for (line = written(); *line != '\0'; line = next + 1, n++) {
        json_t *parsed;

        next = strchr(line, '\n');
        ck_assert_ptr_nonnull(next);
        *next = '\0';
        parsed = json_loads(line, 0, NULL);
        ck_assert_msg(parsed != NULL, "%s", line);
        json_decref(parsed);
    }
    ck_assert_int_eq(n, 400);
}
END_TEST

/* A terminal of 40 columns; the log writes to *slave. */
static int open_terminal(int *slave)
{
    struct winsize size = {24, 40, 0, 0};
    int master = posix_openpt(O_RDWR | O_NOCTTY);

    ck_assert_int_ge(master, 0);
    ck_assert_int_eq(grantpt(master), 0);
    ck_assert_int_eq(unlockpt(master), 0);
    *slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    ck_assert_int_ge(*slave, 0);
    ck_assert_int_eq(ioctl(*slave, TIOCSWINSZ, &size), 0);
    return master;
}

START_TEST(on_a_terminal_log_lines_go_above_the_progress_line)
{
    static char text[8192];
    struct pollfd p;
    int slave, master = open_terminal(&slave);
    size_t len = 0;
    const char *at;
    ssize_t n;

    ck_assert_int_eq(log_start(LOG_LOGFMT, SLUICE_INFO, slave), 0);
    log_progress("12 % of it, and text that is wider than the forty columns");
    p.fd = master;
    p.events = POLLIN;
    /* Wait for the first drawing, so that the line comes after it. */
    while (strstr(text, "12 %") == NULL && poll(&p, 1, 10000) == 1) {
        n = read(master, text + len, sizeof text - 1 - len);
        ck_assert_int_gt(n, 0);
        len += (size_t)n;
    }
    ck_assert_ptr_null(strstr(text, "columns"));
    log_event(SLUICE_INFO, "above", NULL, 0);
    while ((at = strstr(text, "event=above")) == NULL || strstr(at, "12 %") == NULL) {
        ck_assert_int_eq(poll(&p, 1, 10000), 1);
        n = read(master, text + len, sizeof text - 1 - len);
        ck_assert_int_gt(n, 0);
        len += (size_t)n;
    }
    log_stop();
    while (poll(&p, 1, 0) == 1 && (n = read(master, text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    ck_assert_ptr_nonnull(strstr(text, "\r\033[Ktime="));
    /* Taken away at the end. */
    ck_assert_str_eq(text + len - 4, "\r\033[K");
    close(slave);
    close(master);
}
END_TEST

START_TEST(without_a_terminal_there_is_no_progress_line)
{
    ck_assert_int_eq(log_start(LOG_LOGFMT, SLUICE_INFO, fds[1]), 0);
    log_progress("12 %");
    log_stop();
    log_progress("13 %");
    ck_assert_str_eq(written(), "");
}
END_TEST

START_TEST(levels_are_known_by_name)
{
    uint32_t level = 99;

    ck_assert_int_eq(log_parse_level("warn", &level), 1);
    ck_assert_uint_eq(level, SLUICE_WARN);
    ck_assert_int_eq(log_parse_level("loud", &level), 0);
    ck_assert_uint_eq(level, SLUICE_WARN);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("log");
    TCase *t = tcase_create("log");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_logfmt_line_has_time_level_event_and_fields);
    tcase_add_test(t, a_json_line_has_time_level_event_and_fields);
    tcase_add_loop_test(t, json_lines_parse_and_give_back_the_text, 0, (int)(sizeof nasty / sizeof *nasty));
    tcase_add_loop_test(t, no_text_forges_a_line_or_reaches_the_terminal_raw, 0,
                        (int)(sizeof nasty / sizeof *nasty));
    tcase_add_test(t, a_long_value_is_cut_and_says_so);
    tcase_add_test(t, lines_below_the_level_are_not_written);
    tcase_add_test(t, stopping_writes_what_is_queued_in_order);
    tcase_add_test(t, after_stopping_lines_are_written_at_once);
    tcase_add_test(t, a_second_start_is_refused);
    tcase_add_test(t, a_blocked_pipe_blocks_nobody_and_stopping_takes_about_a_second);
    tcase_add_test(t, lost_lines_are_counted_and_told_once_the_pipe_is_read_again);
    tcase_add_test(t, a_full_disk_loses_lines_and_counts_them);
    tcase_add_test(t, a_closed_pipe_kills_nobody);
    tcase_add_test(t, lines_of_many_threads_stay_whole);
    tcase_add_test(t, on_a_terminal_log_lines_go_above_the_progress_line);
    tcase_add_test(t, without_a_terminal_there_is_no_progress_line);
    tcase_add_test(t, levels_are_known_by_name);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
