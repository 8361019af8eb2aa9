/* check_sink_file: whole lines on the disk, whatever goes wrong. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "one_suite.h"
#include "plugin_host.h"
#include "temp_dir.h"
#include "test_file.h"

static char *dir, *path;

static void make_files(void)
{
    dir = temp_dir_make();
    path = test_file_path(dir, "out.jsonl");
}

static void remove_files(void)
{
    free(path);
    temp_dir_remove(dir);
}

static struct plugin_host *open_sink(const char *more)
{
    char yaml[4096];

    (void)snprintf(yaml, sizeof yaml, "path: %s\n%s", path, more);
    return plugin_host_open("sink", "file", yaml);
}

static struct plugin_host *start_sink(const char *more)
{
    struct plugin_host *h = open_sink(more);

    plugin_host_start(h);
    return h;
}

static void check_file(const char *wanted)
{
    char *text = test_file_read(path, NULL);

    ck_assert_ptr_nonnull(text);
    ck_assert_str_eq(text, wanted);
    free(text);
}

static void write_two(struct plugin_host *h)
{
    plugin_host_clear(h);
    plugin_host_add(h, "{ \"a\" : 1 }");
    plugin_host_add(h, "{ \"b\" : [ true, null ] }");
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 0)->code, SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 1)->code, SLUICE_OK);
}

START_TEST(documents_become_lines_in_order)
{
    struct plugin_host *h = start_sink("");

    write_two(h);
    write_two(h);
    check_file("{\"a\":1}\n{\"b\":[true,null]}\n{\"a\":1}\n{\"b\":[true,null]}\n");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_second_run_appends)
{
    struct plugin_host *h = start_sink("");

    write_two(h);
    plugin_host_close(h);
    h = start_sink("");
    write_two(h);
    plugin_host_close(h);
    check_file("{\"a\":1}\n{\"b\":[true,null]}\n{\"a\":1}\n{\"b\":[true,null]}\n");
}
END_TEST

START_TEST(payloads_are_written_as_they_came)
{
    struct plugin_host *h = start_sink("write: payload\n");

    plugin_host_clear(h);
    plugin_host_add_bytes(h, "{ \"a\" : 1 }", 11);
    plugin_host_add_bytes(h, "\xff\x00x", 3);
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    {
        size_t len = 0;
        char *text = test_file_read(path, &len);

        ck_assert_uint_eq(len, 16);
        ck_assert_mem_eq(text, "{ \"a\" : 1 }\n\xff\x00x\n", 16);
        free(text);
    }
    plugin_host_close(h);
}
END_TEST

START_TEST(what_cannot_be_a_line_is_refused_and_the_rest_is_written)
{
    struct plugin_host *h = start_sink("write: payload\n");

    plugin_host_clear(h);
    plugin_host_add_bytes(h, "a\nb", 3);
    plugin_host_add_bytes(h, "c", 1);
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 0)->code, SLUICE_REJECT);
    ck_assert_str_eq(plugin_host_verdict(h, 0)->reason, "newline_in_payload");
    ck_assert_uint_eq(plugin_host_verdict(h, 1)->code, SLUICE_OK);
    check_file("c\n");
    plugin_host_close(h);
    h = start_sink("");
    plugin_host_clear(h);
    plugin_host_add_bytes(h, "{}", 2);
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    ck_assert_str_eq(plugin_host_verdict(h, 0)->reason, "no_document");
    plugin_host_close(h);
}
END_TEST

START_TEST(half_a_line_of_a_crash_is_cut_off_before_the_first_write)
{
    struct plugin_host *h;

    test_file_text(path, "{\"a\":1}\n{\"b\":[tr");
    h = start_sink("");
    ck_assert_int_eq(plugin_host_logged(h, "half a line"), 1);
    write_two(h);
    check_file("{\"a\":1}\n{\"a\":1}\n{\"b\":[true,null]}\n");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_file_without_any_line_is_left_alone)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct plugin_host *h;

    test_file_text(path, "something precious");
    h = open_sink("");
    ck_assert_uint_eq(plugin_host_try_start(h, &err), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(err.message, "no whole line"));
    plugin_host_close(h);
    check_file("something precious");
}
END_TEST

/* A limit on the size of files is a full disk that a test may have. */
START_TEST(a_full_disk_disconnects_and_leaves_whole_lines_only)
{
    struct plugin_host *h = start_sink("");
    struct rlimit was, small;
    struct sluice_error err = {.struct_size = sizeof err};

    write_two(h);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
    small = was;
    small.rlim_cur = 40;
    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    plugin_host_clear(h);
    plugin_host_add(h, "{\"a\":1}");
    plugin_host_add(h, "{\"c\":\"0123456789\"}");
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_DISCONNECTED);
    ck_assert_uint_eq(plugin_host_verdict(h, 0)->code, SLUICE_NONE);
    ck_assert_uint_eq(plugin_host_verdict(h, 1)->code, SLUICE_NONE);
    ck_assert_ptr_nonnull(strstr(err.message, "out.jsonl: cannot be written"));
    check_file("{\"a\":1}\n{\"b\":[true,null]}\n");
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    check_file("{\"a\":1}\n{\"b\":[true,null]}\n{\"a\":1}\n{\"c\":\"0123456789\"}\n");
    plugin_host_close(h);
}
END_TEST

START_TEST(lines_larger_than_the_buffer_arrive_whole)
{
    struct plugin_host *h = start_sink("");
    size_t big = 3u << 20, len = 0, i;
    char *json = malloc(big + 16), *text;

    memcpy(json, "{\"x\":\"", 6);
    memset(json + 6, 'y', big);
    memcpy(json + 6 + big, "\"}", 3);
    plugin_host_clear(h);
    for (i = 0; i < 3; i++)
        plugin_host_add(h, json);
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    text = test_file_read(path, &len);
    ck_assert_uint_eq(len, 3 * (big + 9));
    ck_assert_mem_eq(text + big + 9, json, big + 8);
    free(text);
    free(json);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_file_that_was_moved_away_is_followed_by_a_new_one)
{
    struct plugin_host *h = start_sink("");
    char *old = test_file_path(dir, "out.jsonl.1");

    write_two(h);
    ck_assert_int_eq(rename(path, old), 0);
    write_two(h);
    check_file("{\"a\":1}\n{\"b\":[true,null]}\n");
    free(path);
    path = old;
    check_file("{\"a\":1}\n{\"b\":[true,null]}\n");
    plugin_host_close(h);
}
END_TEST

START_TEST(two_sinks_cannot_write_one_file)
{
    struct plugin_host *a = start_sink(""), *b = open_sink("");
    struct sluice_error err = {.struct_size = sizeof err};

    ck_assert_uint_eq(plugin_host_try_start(b, &err), SLUICE_RETRY);
    ck_assert_ptr_nonnull(strstr(err.message, "another sink"));
    plugin_host_close(b);
    plugin_host_close(a);
}
END_TEST

START_TEST(what_is_no_regular_file_is_refused)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct plugin_host *h;

    ck_assert_int_eq(mkfifo(path, 0600), 0);
    h = open_sink("");
    ck_assert_uint_eq(plugin_host_try_start(h, &err), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(err.message, "not a regular file"));
    plugin_host_close(h);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    h = open_sink("");
    ck_assert_uint_ne(plugin_host_try_start(h, &err), SLUICE_OK);
    plugin_host_close(h);
}
END_TEST

ONE_SUITE_WITH("sink_file", 20, make_files, remove_files, documents_become_lines_in_order,
               a_second_run_appends, payloads_are_written_as_they_came,
               what_cannot_be_a_line_is_refused_and_the_rest_is_written,
               half_a_line_of_a_crash_is_cut_off_before_the_first_write,
               a_file_without_any_line_is_left_alone, a_full_disk_disconnects_and_leaves_whole_lines_only,
               lines_larger_than_the_buffer_arrive_whole, a_file_that_was_moved_away_is_followed_by_a_new_one,
               two_sinks_cannot_write_one_file, what_is_no_regular_file_is_refused)
