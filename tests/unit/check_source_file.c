#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "file_drive.h"
#include "one_suite.h"
#include "plugin_host_private.h"

#define ALL UINT64_MAX

/* Runs over the text to its end; what was seen. */
static const char *records_of(struct file_drive *d, const char *yaml, const char *text)
{
    file_drive_forget(d);
    file_drive_text(d, text);
    ck_assert_uint_eq(file_drive_run(d, yaml, ALL), SLUICE_END);
    return file_drive_seen(d);
}

START_TEST(lines_end_in_any_way_and_blank_ones_are_skipped)
{
    struct file_drive d;

    file_drive_begin(&d);
    ck_assert_str_eq(records_of(&d, "", "\xef\xbb\xbf{\"a\":1}\n\r\n  \n{\"a\":2}\r\n\n[3]"),
                     "1:{\"a\":1}|4:{\"a\":2}|6:[3]|");
    ck_assert_str_eq(records_of(&d, "format: lines\n", "a\n \nb\r\n\nc\r"), "1:a|2: |3:b|5:c|");
    ck_assert_str_eq(records_of(&d, "", ""), "");
    ck_assert_str_eq(records_of(&d, "", "\xef\xbb\xbf"), "");
    ck_assert_str_eq(records_of(&d, "", "\n\n"), "");
    ck_assert_str_eq(records_of(&d, "", "x"), "1:x|");
    file_drive_end(&d);
}
END_TEST

START_TEST(a_nul_stays_in_its_record)
{
    struct file_drive d;

    file_drive_begin(&d);
    file_drive_write(&d, "a\0b\nc\n", 6);
    ck_assert_uint_eq(file_drive_run(&d, "format: lines\n", ALL), SLUICE_END);
    ck_assert_mem_eq(d.seen.data, "1:a\0b|2:c|", 10);
    file_drive_end(&d);
}
END_TEST

static struct sluice_str last_header(struct file_drive *d)
{
    uint32_t n;
    struct sluice_record *const *records = plugin_host_records(d->host, &n);

    ck_assert_uint_gt(n, 0);
    return record_api.attribute(records[n - 1], "csv.header");
}

START_TEST(the_first_row_of_csv_goes_along_as_header)
{
    struct file_drive d;
    struct sluice_str header;

    file_drive_begin(&d);
    file_drive_text(&d, "\xef\xbb\xbf\"a\",b\r\n1,\"x\ny\"\r\n2,z\n");
    file_drive_open(&d, "format: csv\n");
    plugin_host_start(d.host);
    ck_assert_uint_eq(file_drive_on(&d, 2), SLUICE_OK);
    header = last_header(&d);
    ck_assert_uint_eq(header.len, 5);
    ck_assert_mem_eq(header.data, "\"a\",b", 5);
    ck_assert_str_eq(file_drive_seen(&d), "2:1,\"x\ny\"|3:2,z|");
    file_drive_close(&d);
    ck_assert_str_eq(records_of(&d, "format: csv\nheader: false\n", "a,b\n1,2\n"), "1:a,b|2:1,2|");
    ck_assert_str_eq(records_of(&d, "format: csv\n", "a,b\n"), "");
    ck_assert_str_eq(records_of(&d, "format: csv\n", ""), "");
    file_drive_end(&d);
}
END_TEST

START_TEST(a_bad_quote_costs_its_line_only)
{
    struct file_drive d;

    file_drive_begin(&d);
    ck_assert_str_eq(records_of(&d, "format: csv\n", "a,b\n1,\"x\n2,y\n3,\"z\"\n"),
                     "2:1,\"x|3:2,y|4:3,\"z\"|");
    ck_assert_str_eq(records_of(&d, "format: csv\n", "a,b\n1,\"x\"q\n2,y\n"), "2:1,\"x\"q|3:2,y|");
    ck_assert_str_eq(records_of(&d, "format: csv\nmax_record: 16\n", "a,b\n\"x\n2,y\n3,yyyyyyyyyyyyyyyy\n"),
                     "2:\"x|3:2,y|4:3,yyyyyyyyyyyyyy|");
    file_drive_end(&d);
}
END_TEST

static void expect_break(struct file_drive *d, const char *yaml, const char *text, size_t len,
                         const char *part)
{
    file_drive_forget(d);
    file_drive_write(d, text, len);
    ck_assert_uint_eq(file_drive_run(d, yaml, ALL), SLUICE_FATAL);
    ck_assert_msg(strstr(d->err.message, part) != NULL, "'%s' does not say '%s'", d->err.message, part);
    ck_assert_str_eq(file_drive_seen(d), "");
}

START_TEST(a_header_that_nobody_can_use_stops_the_source)
{
    struct file_drive d;

    file_drive_begin(&d);
    expect_break(&d, "format: csv\n", "a,\xff\n1,2\n", 8, "is not UTF-8");
    expect_break(&d, "format: csv\n", "a,\0\n1,2\n", 8, "NUL");
    expect_break(&d, "format: csv\n", "a,\"b\n1,2\n", 9, "a quote that is never closed");
    expect_break(&d, "format: csv\nmax_record: 16\n", "aaaaaaaaaaaaaaaaaaaa,b\n1,2\n", 27,
                 "longer than max_record");
    file_drive_end(&d);
}
END_TEST

START_TEST(gzip_is_recognised_with_all_its_members)
{
    struct file_drive d;

    file_drive_begin(&d);
    file_drive_gzip(&d, "{\"a\":1}\n{\"a\"", 12);
    file_drive_gzip(&d, "", 0);
    file_drive_gzip(&d, ":2}\n", 4);
    file_drive_append(&d, "\0\0\0", 3); /* padding, as tape tools add it */
    ck_assert_uint_eq(file_drive_run(&d, "", ALL), SLUICE_END);
    ck_assert_str_eq(file_drive_seen(&d), "1:{\"a\":1}|2:{\"a\":2}|");
    file_drive_end(&d);
}
END_TEST

static void write_numbers(struct file_drive *d, int from, int to, int gzip)
{
    struct strbuf b;
    int i;

    strbuf_init(&b, 1 << 24);
    for (i = from; i <= to; i++)
        strbuf_printf(&b, "%d\n", i);
    if (gzip)
        file_drive_gzip(d, b.data, b.len);
    else
        file_drive_append(d, b.data, b.len);
    strbuf_release(&b);
}

START_TEST(gzip_that_is_cut_gives_all_whole_records_and_then_fails_with_the_byte)
{
    struct file_drive d;
    size_t size;
    char byte[40];

    file_drive_begin(&d);
    write_numbers(&d, 1, 20000, 1);
    size = file_drive_size(&d) / 2;
    file_drive_cut(&d, size);
    file_drive_open(&d, "");
    plugin_host_start(d.host);
    ck_assert_uint_eq(file_drive_on(&d, ALL), SLUICE_FATAL);
    (void)snprintf(byte, sizeof byte, "at byte %zu", size + 1);
    ck_assert_msg(strstr(d.err.message, byte) != NULL, "%s", d.err.message);
    ck_assert_ptr_nonnull(strstr(d.err.message, "the file was cut off"));
    ck_assert_uint_gt(d.records, 5000);
    ck_assert_ptr_nonnull(strstr(d.seen.data, "|5000:5000|"));
    ck_assert_double_eq(plugin_host_metric(d.host, "breaks_total", NULL), 1);
    file_drive_end(&d);
}
END_TEST

START_TEST(gzip_followed_by_something_else_or_damaged_fails_after_the_records)
{
    struct file_drive d;

    file_drive_begin(&d);
    file_drive_gzip(&d, "1\n2\n", 4);
    file_drive_append(&d, "junk", 4);
    ck_assert_uint_eq(file_drive_run(&d, "", ALL), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(d.err.message, "is followed by something else"));
    ck_assert_str_eq(file_drive_seen(&d), "1:1|2:2|");
    file_drive_forget(&d);
    file_drive_write(&d, "\x1f\x8b\x08\0\0\0\0\0\0\x03\xff\xff\xff\xff", 14);
    ck_assert_uint_eq(file_drive_run(&d, "", ALL), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(d.err.message, "is damaged"));
    file_drive_end(&d);
}
END_TEST

START_TEST(a_fatal_break_waits_until_all_before_it_is_settled)
{
    struct file_drive d;
    struct sluice_error err;
    struct sluice_ack ack = {.lane = 1};
    struct sluice_acks acks = {1, sizeof ack, &ack};
    const struct sluice_source_ops *ops;
    void *self;

    file_drive_begin(&d);
    write_numbers(&d, 1, 1000, 1);
    file_drive_cut(&d, file_drive_size(&d) - 4);
    file_drive_open(&d, "");
    plugin_host_start(d.host);
    ops = &d.host->plugin->ops.source;
    self = plugin_host_self(d.host);
    error_clear(&err);
    ck_assert_uint_eq(ops->poll(self, &d.host->batch, PLUGIN_HOST_BATCH, 10, &err), SLUICE_OK);
    ck_assert_uint_eq(d.host->batch.n, 1000);
    ack.next = d.host->batch.records[999].next;
    plugin_host_clear(d.host);
    ck_assert_uint_eq(ops->poll(self, &d.host->batch, PLUGIN_HOST_BATCH, 1, &err), SLUICE_OK);
    ck_assert_uint_eq(d.host->batch.n, 0);
    ck_assert_uint_eq(ops->settle(self, &acks, &err), SLUICE_OK);
    ck_assert_uint_eq(ops->poll(self, &d.host->batch, PLUGIN_HOST_BATCH, 1, &err), SLUICE_FATAL);
    file_drive_end(&d);
}
END_TEST

static void see_nothing_new(struct file_drive *d, const char *yaml)
{
    file_drive_open(d, yaml);
    plugin_host_start(d->host);
    ck_assert_uint_eq(file_drive_on(d, ALL), SLUICE_END);
    ck_assert_str_eq(file_drive_seen(d), "");
    ck_assert_int_eq(plugin_host_logged(d->host, "nothing new"), 1);
    file_drive_close(d);
}

START_TEST(a_second_run_goes_on_where_the_first_was_settled)
{
    struct file_drive d;

    file_drive_begin(&d);
    file_drive_text(&d, "a\n\nb\nc\nd\n");
    ck_assert_uint_eq(file_drive_run(&d, "", 2), SLUICE_OK);
    ck_assert_str_eq(file_drive_seen(&d), "1:a|3:b|");
    ck_assert_uint_eq(file_drive_run(&d, "", 1), SLUICE_OK);
    file_drive_append(&d, "e\n", 2);
    ck_assert_uint_eq(file_drive_run(&d, "", ALL), SLUICE_END);
    ck_assert_str_eq(file_drive_seen(&d), "4:c|5:d|6:e|");
    see_nothing_new(&d, "");
    file_drive_end(&d);
}
END_TEST

START_TEST(a_second_run_over_csv_has_the_header_again)
{
    struct file_drive d;

    file_drive_begin(&d);
    file_drive_text(&d, "a,b\n1,2\n3,4\n");
    ck_assert_uint_eq(file_drive_run(&d, "format: csv\n", 1), SLUICE_OK);
    file_drive_open(&d, "format: csv\n");
    plugin_host_start(d.host);
    ck_assert_uint_eq(file_drive_on(&d, 1), SLUICE_OK);
    ck_assert_mem_eq(last_header(&d).data, "a,b", 3);
    ck_assert_str_eq(file_drive_seen(&d), "2:1,2|3:3,4|");
    see_nothing_new(&d, "format: csv\n");
    file_drive_end(&d);
}
END_TEST

START_TEST(a_second_run_over_gzip_passes_over_what_is_done)
{
    struct file_drive d;

    file_drive_begin(&d);
    write_numbers(&d, 1, 300000, 1);
    ck_assert_uint_eq(file_drive_run(&d, "buffer: 4KiB\nmax_record: 1KiB\n", 250000), SLUICE_OK);
    (void)file_drive_seen(&d);
    ck_assert_uint_eq(file_drive_run(&d, "", 2), SLUICE_OK);
    ck_assert_str_eq(file_drive_seen(&d), "250001:250001|250002:250002|");
    file_drive_end(&d);
}
END_TEST

START_TEST(another_file_at_the_path_is_read_from_its_start)
{
    struct file_drive d;

    file_drive_begin(&d);
    file_drive_text(&d, "a\nb\nc\n");
    ck_assert_uint_eq(file_drive_run(&d, "", ALL), SLUICE_END);
    file_drive_text(&d, "x\ny\n");
    (void)file_drive_seen(&d);
    file_drive_open(&d, "");
    plugin_host_start(d.host);
    ck_assert_uint_eq(file_drive_on(&d, ALL), SLUICE_END);
    ck_assert_str_eq(file_drive_seen(&d), "1:x|2:y|");
    ck_assert_int_eq(plugin_host_logged(d.host, "is not the file that was read"), 1);
    see_nothing_new(&d, "");
    file_drive_end(&d);
}
END_TEST

START_TEST(a_file_that_shrank_is_refused_or_read_again_as_told)
{
    struct file_drive d;

    file_drive_begin(&d);
    file_drive_text(&d, "a\nb\nc\n");
    ck_assert_uint_eq(file_drive_run(&d, "", ALL), SLUICE_END);
    (void)file_drive_seen(&d);
    file_drive_cut(&d, 4);
    file_drive_open(&d, "");
    error_clear(&d.err);
    ck_assert_uint_eq(plugin_host_try_start(d.host, &d.err), SLUICE_FATAL);
    ck_assert_ptr_nonnull(
        strstr(d.err.message, "it shrank; put the whole file back, or set on_shrink: restart"));
    ck_assert_uint_eq(file_drive_run(&d, "on_shrink: restart\n", ALL), SLUICE_END);
    ck_assert_str_eq(file_drive_seen(&d), "1:a|2:b|");
    file_drive_end(&d);
}
END_TEST

START_TEST(a_file_that_shrinks_while_it_is_read_stops_or_starts_again)
{
    struct file_drive d;

    file_drive_begin(&d);
    write_numbers(&d, 1, 10000, 0);
    file_drive_open(&d, "buffer: 4KiB\nmax_record: 1KiB\n");
    plugin_host_start(d.host);
    ck_assert_uint_eq(file_drive_on(&d, 2000), SLUICE_OK);
    file_drive_cut(&d, 100);
    ck_assert_uint_eq(file_drive_on(&d, ALL), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(d.err.message, "shrank to 100 bytes"));
    file_drive_close(&d);
    file_drive_text(&d, "x\n"); /* another file */
    write_numbers(&d, 1, 10000, 0);
    (void)file_drive_seen(&d);
    file_drive_open(&d, "buffer: 4KiB\nmax_record: 1KiB\non_shrink: restart\n");
    plugin_host_start(d.host);
    ck_assert_uint_eq(file_drive_on(&d, 2000), SLUICE_OK);
    file_drive_cut(&d, 6);
    ck_assert_uint_eq(file_drive_on(&d, ALL), SLUICE_END);
    ck_assert_ptr_nonnull(strstr(file_drive_seen(&d), "|1:x|2:1|3:2|"));
    file_drive_end(&d);
}
END_TEST

START_TEST(a_file_that_grows_is_followed_and_an_unfinished_line_waits)
{
    struct file_drive d;

    file_drive_begin(&d);
    file_drive_text(&d, "");
    file_drive_open(&d, "follow: true\n");
    plugin_host_start(d.host);
    ck_assert_uint_eq(file_drive_on(&d, ALL), SLUICE_OK);
    file_drive_append(&d, "a", 1);
    ck_assert_uint_eq(file_drive_on(&d, ALL), SLUICE_OK);
    ck_assert_str_eq(file_drive_seen(&d), "");
    file_drive_append(&d, "b\nc", 3);
    ck_assert_uint_eq(file_drive_on(&d, ALL), SLUICE_OK);
    ck_assert_str_eq(file_drive_seen(&d), "1:ab|");
    file_drive_append(&d, "\n", 1);
    ck_assert_uint_eq(file_drive_on(&d, ALL), SLUICE_OK);
    ck_assert_str_eq(file_drive_seen(&d), "2:c|");
    file_drive_end(&d);
}
END_TEST

START_TEST(a_followed_file_that_is_replaced_is_read_to_its_end_and_then_the_new_one)
{
    struct file_drive d;
    char old[512];

    file_drive_begin(&d);
    file_drive_text(&d, "a\nb");
    file_drive_open(&d, "follow: true\n");
    plugin_host_start(d.host);
    ck_assert_uint_eq(file_drive_on(&d, ALL), SLUICE_OK);
    (void)snprintf(old, sizeof old, "%s.1", d.path);
    ck_assert_int_eq(rename(d.path, old), 0);
    file_drive_text(&d, "c\n");
    ck_assert_uint_eq(file_drive_on(&d, 1), SLUICE_OK);
    ck_assert_str_eq(file_drive_seen(&d), "1:a|2:b|");
    ck_assert_uint_eq(file_drive_on(&d, ALL), SLUICE_OK);
    ck_assert_str_eq(file_drive_seen(&d), "1:c|");
    file_drive_end(&d);
}
END_TEST

/* The oversize record of the last poll, fetched in pieces. */
static void expect_fetch(struct file_drive *d, uint64_t size, char first, char last)
{
    const struct sluice_source_ops *ops = &d->host->plugin->ops.source;
    const struct sluice_record *r = d->host->batch.refs[0];
    struct sluice_error err;
    static char piece[40000];
    uint64_t offset = 0;
    int64_t n;
    char end = 0;

    ck_assert_uint_eq(d->host->batch.n, 1);
    ck_assert_uint_eq(r->size, size);
    ck_assert_uint_lt(r->payload.len, size);
    error_clear(&err);
    while ((n = ops->fetch(plugin_host_self(d->host), r->lane_id, r->position, offset, piece, sizeof piece,
                           &err)) > 0) {
        if (offset == 0)
            ck_assert_int_eq(piece[0], first);
        end = piece[n - 1];
        offset += (uint64_t)n;
    }
    ck_assert_msg(n == 0, "%s", err.message);
    ck_assert_uint_eq(offset, size);
    ck_assert_int_eq(end, last);
    ck_assert_int_eq(ops->fetch(plugin_host_self(d->host), r->lane_id, r->position + 1, 0, piece, 1, &err),
                     -1);
}

static void see_oversize(int gzip)
{
    const size_t size = 5 << 20;
    struct file_drive d;
    char *text = malloc(size + 6);

    ck_assert_ptr_nonnull(text);
    memset(text, 'x', size + 6);
    memcpy(text, "a\n[", 3);
    memcpy(text + size + 1, "]\r\nb\n", 5);
    file_drive_begin(&d);
    if (gzip)
        file_drive_gzip(&d, text, size + 6);
    else
        file_drive_write(&d, text, size + 6);
    file_drive_open(&d, "");
    plugin_host_start(d.host);
    ck_assert_uint_eq(file_drive_on(&d, 1), SLUICE_OK);
    do /* a poll may end before the line does */
        ck_assert_uint_eq(file_drive_on(&d, 1), SLUICE_OK);
    while (d.host->batch.n == 0);
    ck_assert_uint_eq(d.host->batch.refs[0]->payload.len, 64 << 10);
    expect_fetch(&d, size, '[', ']');
    ck_assert_double_eq(plugin_host_metric(d.host, "oversize_records_total", NULL), 1);
    (void)file_drive_seen(&d);
    ck_assert_uint_eq(file_drive_on(&d, ALL), SLUICE_END);
    ck_assert_str_eq(file_drive_seen(&d), "3:b|");
    free(text);
    file_drive_end(&d);
}

START_TEST(a_line_that_is_too_long_comes_with_its_size_and_can_be_fetched_whole)
{
    see_oversize(0);
    see_oversize(1);
}
END_TEST

START_TEST(a_line_is_too_long_from_max_record_on)
{
    struct file_drive d;

    file_drive_begin(&d);
    file_drive_text(&d, "0123456789abcdef\r\n0123456789abcdefg\n0123456789abcdefg");
    file_drive_open(&d, "max_record: 16\nformat: lines\n");
    plugin_host_start(d.host);
    ck_assert_uint_eq(file_drive_on(&d, 1), SLUICE_OK);
    ck_assert_uint_eq(d.host->batch.refs[0]->size, 16);
    ck_assert_uint_eq(d.host->batch.refs[0]->payload.len, 16);
    ck_assert_uint_eq(file_drive_on(&d, 1), SLUICE_OK);
    expect_fetch(&d, 17, '0', 'g');
    ck_assert_uint_eq(file_drive_on(&d, 1), SLUICE_OK);
    expect_fetch(&d, 17, '0', 'g');
    ck_assert_uint_eq(file_drive_on(&d, 1), SLUICE_END);
    file_drive_end(&d);
}
END_TEST

static void expect_refused(struct file_drive *d, const char *yaml, const char *part)
{
    file_drive_open(d, yaml);
    error_clear(&d->err);
    ck_assert_uint_eq(plugin_host_try_start(d->host, &d->err), SLUICE_FATAL);
    ck_assert_msg(strstr(d->err.message, part) != NULL, "'%s' does not say '%s'", d->err.message, part);
    file_drive_close(d);
}

static void make_socket(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_uint_lt(strlen(path), sizeof at.sun_path);
    memcpy(at.sun_path, path, strlen(path) + 1);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    (void)close(fd);
}

START_TEST(what_is_not_a_file_that_can_be_read_is_refused)
{
    struct file_drive d;
    char *file;

    file_drive_begin(&d);
    file = d.path;
    expect_refused(&d, "", "No such file or directory");
    d.path = d.dir;
    expect_refused(&d, "", "is a directory");
    d.path = (char *)(uintptr_t) "/dev/zero";
    expect_refused(&d, "", "is a device");
    d.path = file;
    ck_assert_int_eq(mkfifo(file, 0600), 0);
    expect_refused(&d, "", "is a pipe (FIFO)");
    (void)unlink(file);
    make_socket(file);
    expect_refused(&d, "", "is a socket");
    (void)unlink(file);
    file_drive_gzip(&d, "1\n", 2);
    expect_refused(&d, "follow: true\n", "cannot be followed");
    file_drive_end(&d);
}
END_TEST

START_TEST(a_file_without_permission_is_refused_with_what_to_do)
{
    struct file_drive d;
    uid_t user = geteuid();

    file_drive_begin(&d);
    file_drive_text(&d, "1\n");
    ck_assert_int_eq(chmod(d.path, 0), 0);
    file_drive_open(&d, "");
    if (user == 0)
        ck_assert_int_eq(setreuid(65534, (uid_t)-1) == 0 && seteuid(65534) == 0, 1);
    error_clear(&d.err);
    ck_assert_uint_eq(plugin_host_try_start(d.host, &d.err), SLUICE_FATAL);
    if (user == 0)
        ck_assert_int_eq(seteuid(0) == 0 && setreuid(0, (uid_t)-1) == 0, 1);
    ck_assert_ptr_nonnull(strstr(d.err.message, "give this user the right to read it"));
    file_drive_end(&d);
}
END_TEST

START_TEST(options_that_cannot_work_are_refused)
{
    char *text = plugin_host_refusal("source", "file", "path: /tmp/x\nseparator: ab\n");

    ck_assert_ptr_nonnull(strstr(text, "one byte or tab was expected"));
    free(text);
    text = plugin_host_refusal("source", "file", "path: /tmp/x\nseparator: '\"'\n");
    ck_assert_ptr_nonnull(strstr(text, "the same byte"));
    free(text);
}
END_TEST

START_TEST(a_stored_position_of_another_kind_is_not_guessed_at)
{
    struct file_drive d;
    struct sluice_error err;

    file_drive_begin(&d);
    file_drive_text(&d, "1\n");
    file_drive_open(&d, "");
    error_clear(&err);
    ck_assert_uint_eq(state_db_put(d.host->env.state, "test/source-file", "position", "v9 x", 4, &err),
                      SLUICE_OK);
    ck_assert_uint_eq(plugin_host_try_start(d.host, &err), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(err.message, "not one that this version wrote"));
    file_drive_end(&d);
}
END_TEST

START_TEST(a_cancelled_poll_returns_at_once)
{
    struct file_drive d;

    file_drive_begin(&d);
    file_drive_text(&d, "");
    file_drive_open(&d, "follow: true\n");
    plugin_host_start(d.host);
    instance_cancel(d.host->instance);
    ck_assert_uint_eq(
        d.host->plugin->ops.source.poll(plugin_host_self(d.host), &d.host->batch, 10, 1000000, &d.err),
        SLUICE_CANCELLED);
    file_drive_end(&d);
}
END_TEST

START_TEST(gauges_tell_how_far_the_file_is_read)
{
    struct file_drive d;

    file_drive_begin(&d);
    file_drive_text(&d, "{\"a\":1}\n\n{\"a\":2}\n");
    file_drive_open(&d, "");
    plugin_host_start(d.host);
    ck_assert_uint_eq(file_drive_on(&d, ALL), SLUICE_END);
    ck_assert_double_eq(plugin_host_metric(d.host, "position_bytes", NULL), 17);
    ck_assert_double_eq(plugin_host_metric(d.host, "size_bytes", NULL), 17);
    ck_assert_double_eq(plugin_host_metric(d.host, "blank_lines_total", NULL), 1);
    file_drive_end(&d);
}
END_TEST

ONE_SUITE("source file", 60, lines_end_in_any_way_and_blank_ones_are_skipped, a_nul_stays_in_its_record,
          the_first_row_of_csv_goes_along_as_header, a_bad_quote_costs_its_line_only,
          a_header_that_nobody_can_use_stops_the_source, gzip_is_recognised_with_all_its_members,
          gzip_that_is_cut_gives_all_whole_records_and_then_fails_with_the_byte,
          gzip_followed_by_something_else_or_damaged_fails_after_the_records,
          a_fatal_break_waits_until_all_before_it_is_settled,
          a_second_run_goes_on_where_the_first_was_settled, a_second_run_over_csv_has_the_header_again,
          a_second_run_over_gzip_passes_over_what_is_done, another_file_at_the_path_is_read_from_its_start,
          a_file_that_shrank_is_refused_or_read_again_as_told,
          a_file_that_shrinks_while_it_is_read_stops_or_starts_again,
          a_file_that_grows_is_followed_and_an_unfinished_line_waits,
          a_followed_file_that_is_replaced_is_read_to_its_end_and_then_the_new_one,
          a_line_that_is_too_long_comes_with_its_size_and_can_be_fetched_whole,
          a_line_is_too_long_from_max_record_on, what_is_not_a_file_that_can_be_read_is_refused,
          a_file_without_permission_is_refused_with_what_to_do, options_that_cannot_work_are_refused,
          a_stored_position_of_another_kind_is_not_guessed_at, a_cancelled_poll_returns_at_once,
          gauges_tell_how_far_the_file_is_read)
