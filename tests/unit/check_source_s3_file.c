/* check_source_s3_file: source/s3-file over a server that cuts, changes, deletes and refuses. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "one_suite.h"
#include "plugin_host_private.h"
#include "s3_double.h"
#include "strbuf.h"
#include "temp_dir.h"

#define ALL UINT64_MAX
#define PATH "/bucket/users.txt"

static struct s3_double *server;
static char *dir;
static struct plugin_host *host;
static struct strbuf seen;
static struct sluice_error err;
static struct strbuf text; /* of the object */

static void set_up(void)
{
    ck_assert_int_eq(setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1), 0);
    ck_assert_int_eq(setenv("AWS_SECRET_ACCESS_KEY", "canary", 1), 0);
    ck_assert_int_eq(setenv("AWS_EC2_METADATA_DISABLED", "true", 1), 0);
    server = s3_double_start();
    dir = temp_dir_make();
    strbuf_init(&seen, 64u << 20);
    strbuf_init(&text, 64u << 20);
}

static void close_host(void)
{
    if (host != NULL)
        plugin_host_close(host);
    host = NULL;
}

static void tear_down(void)
{
    close_host();
    s3_double_stop(server);
    temp_dir_remove(dir);
    strbuf_release(&seen);
    strbuf_release(&text);
}

static void open_at(const char *key, const char *yaml)
{
    struct plugin_host_setup setup = {.state_dir = NULL};
    char block[1024], state[512];

    close_host();
    (void)snprintf(state, sizeof state, "%s/state", dir);
    setup.state_dir = state;
    (void)snprintf(block, sizeof block,
                   "url: s3://bucket/%s\naws_region: us-east-1\naws_endpoint: %s\n"
                   "max_record: 1KiB\n%s%s",
                   key, s3_double_url(server), strstr(yaml, "range:") == NULL ? "range: 64KiB\n" : "", yaml);
    host = plugin_host_open_with("source", "s3-file", block, &setup);
}

static void open_host(const char *yaml)
{
    open_at("users.txt", yaml);
}

static void see(void *context, const struct sluice_record *r)
{
    (void)context;
    strbuf_add(&seen, r->payload.data, r->payload.len);
    strbuf_putc(&seen, '\n');
}

static uint32_t drive(uint64_t limit)
{
    error_clear(&err);
    return plugin_host_drive(host, see, NULL, limit, 3, &err);
}

/* A source that answers DISCONNECTED is asked again, as the host does. */
static uint32_t drive_on(uint64_t limit, uint32_t *times)
{
    uint32_t code;

    for (*times = 0; (code = drive(limit)) == SLUICE_DISCONNECTED && *times < 100;)
        (*times)++;
    return code;
}

static void start(const char *yaml)
{
    open_host(yaml);
    plugin_host_start(host);
}

static void start_at(const char *key, const char *yaml)
{
    open_at(key, yaml);
    plugin_host_start(host);
}

static uint32_t try_start(const char *yaml)
{
    open_host(yaml);
    error_clear(&err);
    return plugin_host_try_start(host, &err);
}

/* n lines of 37 bytes, as user ids have them. */
static void write_ids(uint32_t n, uint32_t salt)
{
    uint32_t i;

    strbuf_clear(&text);
    for (i = 0; i < n; i++)
        strbuf_printf(&text, "%08x-0000-4000-8000-%012x\n", salt, i);
    s3_double_put(server, PATH, text.data, text.len);
}

static void put_text(const char *t)
{
    s3_double_put(server, PATH, t, strlen(t));
}

static void same_as_text(void)
{
    ck_assert_uint_eq(seen.len, text.len);
    ck_assert_int_eq(memcmp(seen.data, text.data, text.len), 0);
}

static void said(const char *part)
{
    ck_assert_msg(strstr(err.message, part) != NULL, "'%s' does not say '%s'", err.message, part);
    ck_assert_ptr_null(strstr(err.message, "canary"));
}

START_TEST(an_object_is_read_whole_range_by_range)
{
    char range[80], if_match[80];

    write_ids(20000, 1);
    start("");
    ck_assert_uint_eq(drive(ALL), SLUICE_END);
    same_as_text();
    ck_assert_uint_eq(s3_double_asked(server), (text.len + 65535) / 65536);
    ck_assert_uint_eq(s3_double_sent(server), text.len);
    s3_double_last(server, range, if_match, sizeof range);
    ck_assert_str_eq(if_match, "\"v1\"");
    ck_assert_double_eq(plugin_host_metric(host, "size_bytes", NULL), (double)text.len);
    ck_assert_double_eq(plugin_host_metric(host, "cuts_total", NULL), 0);
}
END_TEST

START_TEST(crlf_header_blanks_and_duplicates_are_counted)
{
    put_text("\xef\xbb\xbfuser_id\r\nu1\r\n\r\nu2\r\nu1\r\n\r\nu3");
    start("");
    ck_assert_uint_eq(drive(ALL), SLUICE_END);
    ck_assert_str_eq(strbuf_text(&seen), "u1\nu2\nu1\nu3\n");
    ck_assert_double_eq(plugin_host_metric(host, "blank_lines_total", NULL), 2);
    ck_assert_double_eq(plugin_host_metric(host, "duplicates_total", NULL), 1);
    ck_assert_int_eq(plugin_host_logged(host, "2 blank lines were skipped"), 1);
    ck_assert_int_eq(plugin_host_logged(host, "1 records are the same as an earlier one"), 1);
}
END_TEST

START_TEST(the_header_is_what_the_option_says)
{
    put_text("user_id\nu1\n");
    start("header: no\n");
    ck_assert_uint_eq(drive(ALL), SLUICE_END);
    ck_assert_str_eq(strbuf_text(&seen), "user_id\nu1\n");
    strbuf_clear(&seen);
    put_text("u0\nu1\n");
    start("header: yes\non_change: restart\n");
    ck_assert_uint_eq(drive(ALL), SLUICE_END);
    ck_assert_str_eq(strbuf_text(&seen), "u1\n");
    strbuf_clear(&seen);
    put_text("a,b\n1,\"x\ny\"\n");
    start("format: csv\non_change: restart\n");
    ck_assert_uint_eq(drive(ALL), SLUICE_END);
    ck_assert_str_eq(strbuf_text(&seen), "1,\"x\ny\"\n");
}
END_TEST

START_TEST(duplicates_beyond_the_memory_are_said_to_be_more)
{
    uint32_t i;

    strbuf_clear(&text);
    for (i = 0; i < 20000; i++)
        strbuf_printf(&text, "u%u\nu%u\n", i, i);
    s3_double_put(server, PATH, text.data, text.len);
    start("duplicates_memory: 64KiB\n");
    ck_assert_uint_eq(drive(ALL), SLUICE_END);
    same_as_text();
    ck_assert_double_eq(plugin_host_metric(host, "duplicates_total", NULL), 64.0 * 1024 * 3 / 4 / 16);
    ck_assert_int_eq(plugin_host_logged(host, "duplicates_memory did not suffice"), 1);
}
END_TEST

START_TEST(a_connection_cut_at_a_byte_goes_on_at_a_byte)
{
    uint32_t times;

    write_ids(20000, 1);
    s3_double_fault(server, &(struct s3_fault){.times = 1, .cut = 1000});
    /* The first range is cut at start: the host tries again. */
    ck_assert_uint_eq(try_start("range: 256KiB\n"), SLUICE_DISCONNECTED);
    s3_double_fault(server, &(struct s3_fault){.after = 1, .times = 2, .cut = 12345});
    start("range: 256KiB\n");
    ck_assert_uint_eq(drive_on(ALL, &times), SLUICE_END);
    ck_assert_uint_eq(times, 2);
    same_as_text();
    ck_assert_double_eq(plugin_host_metric(host, "cuts_total", NULL), 2);
    ck_assert_int_eq(plugin_host_logged(host, "2 ranges did not come whole and were asked for again"), 1);
}
END_TEST

START_TEST(trouble_of_the_other_side_is_waited_for)
{
    uint32_t times;

    write_ids(20000, 1);
    start("");
    s3_double_fault(server, &(struct s3_fault){.after = 2, .times = 1, .status = 503, .code = "SlowDown"});
    ck_assert_uint_eq(drive_on(ALL, &times), SLUICE_END);
    ck_assert_uint_eq(times, 1);
    same_as_text();
    strbuf_clear(&seen);
    s3_double_fault(server, &(struct s3_fault){.times = 1, .status = 500});
    ck_assert_uint_eq(try_start("on_change: restart\n"), SLUICE_DISCONNECTED);
    said("AWS has trouble of its own");
}
END_TEST

START_TEST(an_object_that_is_replaced_meanwhile_stops_the_source)
{
    struct strbuf other;
    uint64_t at;

    write_ids(20000, 1);
    strbuf_init(&other, 1 << 20);
    strbuf_puts(&other, "another\n");
    start("");
    s3_double_replace(server, 3, PATH, other.data, other.len);
    ck_assert_uint_eq(drive(ALL), SLUICE_FATAL);
    said("was replaced by another object after");
    ck_assert_str_eq(err.option, "on_change");
    ck_assert_ptr_null(strstr(strbuf_text(&seen), "another"));
    ck_assert_uint_gt(seen.len, 100000); /* what was whole before was given */
    ck_assert_int_eq(memcmp(seen.data, text.data, seen.len), 0);
    ck_assert_double_eq(plugin_host_metric(host, "breaks_total", NULL), 1);
    at = seen.len;
    /* A restart finds the same trouble, and with the option reads the new one. */
    ck_assert_uint_eq(try_start(""), SLUICE_FATAL);
    said("is not the object that was read up to byte");
    start("on_change: restart\n");
    ck_assert_uint_eq(drive(ALL), SLUICE_END);
    ck_assert_str_eq(strbuf_text(&seen) + at, "another\n");
    strbuf_release(&other);
}
END_TEST

START_TEST(an_object_that_is_replaced_meanwhile_is_read_anew_if_told)
{
    write_ids(20000, 1);
    start("on_change: restart\n");
    s3_double_replace(server, 3, PATH, "another\n", 8);
    ck_assert_uint_eq(drive(ALL), SLUICE_END);
    ck_assert_str_eq(strbuf_text(&seen) + seen.len - 8, "another\n");
    ck_assert_int_eq(memcmp(seen.data, text.data, seen.len - 8), 0);
    ck_assert_uint_eq(plugin_host_lost(host, "s3://bucket/users.txt"), 1);
    ck_assert_int_eq(plugin_host_logged(host, "reading that one from its start (on_change: restart)"), 1);
}
END_TEST

START_TEST(an_object_that_is_deleted_meanwhile_stops_the_source)
{
    write_ids(20000, 1);
    start("on_change: restart\n");
    s3_double_replace(server, 3, PATH, NULL, 0);
    ck_assert_uint_eq(drive(ALL), SLUICE_FATAL);
    said("was deleted after a part of its 740000 bytes");
    ck_assert_int_eq(memcmp(seen.data, text.data, seen.len), 0);
    ck_assert_uint_eq(try_start(""), SLUICE_FATAL);
    said("was deleted after a part of its 740000 bytes");
    ck_assert_str_eq(err.option, "url");
}
END_TEST

START_TEST(a_server_that_cannot_do_ranges_is_not_believed)
{
    write_ids(20000, 1);
    s3_double_fault(server, &(struct s3_fault){.times = 1, .shifted = 1});
    ck_assert_uint_eq(try_start(""), SLUICE_FATAL);
    said("another range than was asked for");
    s3_double_fault(server, &(struct s3_fault){.times = 1, .no_etag = 1});
    ck_assert_uint_eq(try_start(""), SLUICE_FATAL);
    said("gives no ETag");
    s3_double_fault(server, &(struct s3_fault){.times = 1, .whole = 1});
    ck_assert_uint_eq(try_start(""), SLUICE_FATAL); /* above the range and its room */
    s3_double_fault(server, &(struct s3_fault){.times = 1, .whole = 1});
    put_text("u1\n");
    start("");
    ck_assert_uint_eq(drive(ALL), SLUICE_END);
    ck_assert_str_eq(strbuf_text(&seen), "u1\n");
}
END_TEST

START_TEST(a_second_run_goes_on_where_the_first_was_settled)
{
    uint64_t before;

    write_ids(20000, 1);
    start("");
    ck_assert_uint_eq(drive(15000), SLUICE_OK);
    close_host();
    before = s3_double_sent(server);
    start("");
    ck_assert_int_eq(plugin_host_logged(host, "going on after record"), 1);
    ck_assert_uint_eq(drive(ALL), SLUICE_END);
    same_as_text();
    ck_assert_uint_lt(s3_double_sent(server) - before, text.len / 2); /* not all of it again */
    close_host();
    start("");
    ck_assert_uint_eq(drive(ALL), SLUICE_END);
    same_as_text();
    ck_assert_int_eq(plugin_host_logged(host, "nothing new after byte"), 1);
    close_host();
    strbuf_clear(&seen);
    s3_double_put(server, "/bucket/other", "u1\n", 3);
    start_at("other", "");
    ck_assert_int_eq(plugin_host_logged(host, "the position that is kept is of another url"), 1);
    ck_assert_uint_eq(drive(ALL), SLUICE_END);
    ck_assert_str_eq(strbuf_text(&seen), "u1\n");
}
END_TEST

static void put_gzip(size_t cut)
{
    uLongf size = compressBound(text.len) + 100;
    Bytef *packed = malloc(size);
    z_stream z;

    ck_assert_ptr_nonnull(packed);
    memset(&z, 0, sizeof z);
    ck_assert_int_eq(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)text.data;
    z.avail_in = (uInt)text.len;
    z.next_out = packed;
    z.avail_out = (uInt)size;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    size -= z.avail_out;
    (void)deflateEnd(&z);
    ck_assert_uint_gt(size, cut + 1);
    s3_double_put(server, PATH, packed, size - cut);
    free(packed);
}

START_TEST(gzip_is_read_over_ranges_and_restarts)
{
    write_ids(60000, 7);
    put_gzip(0);
    start("");
    ck_assert_uint_eq(drive(30000), SLUICE_OK);
    start("");
    ck_assert_uint_eq(drive(ALL), SLUICE_END);
    same_as_text();
    ck_assert_uint_gt(s3_double_asked(server), 3);
}
END_TEST

START_TEST(gzip_that_is_truncated_gives_its_whole_records_and_then_fails)
{
    write_ids(60000, 7);
    put_gzip(5000);
    start("");
    ck_assert_uint_eq(drive(ALL), SLUICE_FATAL);
    said("the gzip data ends too early");
    ck_assert_uint_gt(seen.len, 1000000);
    ck_assert_int_eq(memcmp(seen.data, text.data, seen.len), 0);
}
END_TEST

START_TEST(an_empty_object_has_no_records)
{
    put_text("");
    start("");
    ck_assert_uint_eq(drive(ALL), SLUICE_END);
    ck_assert_uint_eq(seen.len, 0);
    ck_assert_int_eq(plugin_host_logged(host, "holds no records"), 1);
}
END_TEST

START_TEST(an_oversize_record_can_be_fetched_whole)
{
    static char piece[70000];
    const size_t size = 300000;
    const struct sluice_record *r;
    uint64_t offset = 0;
    int64_t n;

    strbuf_puts(&text, "u1\n");
    while (text.len < size)
        strbuf_putc(&text, 'x');
    strbuf_puts(&text, "\nu2\n");
    s3_double_put(server, PATH, text.data, text.len);
    start("");
    ck_assert_uint_eq(drive(1), SLUICE_OK);
    do
        ck_assert_uint_eq(drive(1), SLUICE_OK);
    while (host->batch.n == 0);
    r = host->batch.refs[0];
    ck_assert_uint_eq(r->size, size - 3);
    while ((n = host->plugin->ops.source.fetch(plugin_host_self(host), r->lane_id, r->position, offset, piece,
                                               sizeof piece, &err)) > 0) {
        ck_assert_int_eq(memcmp(piece, text.data + 3 + offset, (size_t)n), 0);
        offset += (uint64_t)n;
    }
    ck_assert_int_eq(n, 0);
    ck_assert_uint_eq(offset, size - 3);
    strbuf_clear(&seen);
    ck_assert_uint_eq(drive(ALL), SLUICE_END);
    ck_assert_str_eq(strbuf_text(&seen), "u2\n");
}
END_TEST

static void refused(uint32_t status, const char *code, uint32_t answer, const char *words, const char *option)
{
    s3_double_fault(server, &(struct s3_fault){.times = 1, .status = status, .code = code});
    ck_assert_uint_eq(try_start(""), answer);
    said(words);
    ck_assert_str_eq(err.option, option);
}

START_TEST(each_refusal_has_words_and_the_option_it_points_at)
{
    put_text("u1\n");
    refused(403, "AccessDenied", SLUICE_FATAL, "their policy does not allow it", "aws_profile");
    refused(403, "RequestTimeTooSkewed", SLUICE_FATAL, "set the clock", "");
    refused(400, "ExpiredToken", SLUICE_DISCONNECTED, "have expired", "aws_profile");
    refused(403, "SignatureDoesNotMatch", SLUICE_FATAL, "does not belong to the access key id",
            "aws_profile");
    refused(403, "InvalidAccessKeyId", SLUICE_FATAL, "does not know these credentials", "aws_profile");
    refused(404, "NoSuchBucket", SLUICE_FATAL, "there is no such bucket", "url");
    refused(404, "NoSuchKey", SLUICE_FATAL, "there is no such thing under this key", "url");
    refused(301, "PermanentRedirect", SLUICE_FATAL, "in another region", "aws_region");
}
END_TEST

static void refuses(const char *yaml, const char *part)
{
    char *text_of = plugin_host_refusal("source", "s3-file", yaml);

    ck_assert_msg(strstr(text_of, part) != NULL, "'%s' does not say '%s'", text_of, part);
    free(text_of);
}

START_TEST(what_is_no_object_is_refused)
{
    refuses("url: /users.csv\n", "s3://bucket/key was expected");
    refuses("url: s3://Bucket/k\n", "lower case letters");
    refuses("url: s3://bucket\n", "it names no object");
    refuses("url: s3://bucket/folder/\n", "that is a folder");
    refuses("url: s3://bucket/a/../b\n", "which no address can carry");
    refuses("url: s3://bucket/k\nseparator: ab\n", "one byte or tab");
}
END_TEST

ONE_SUITE_WITH("source_s3_file", 60, set_up, tear_down, an_object_is_read_whole_range_by_range,
               crlf_header_blanks_and_duplicates_are_counted, the_header_is_what_the_option_says,
               duplicates_beyond_the_memory_are_said_to_be_more, a_connection_cut_at_a_byte_goes_on_at_a_byte,
               trouble_of_the_other_side_is_waited_for, an_object_that_is_replaced_meanwhile_stops_the_source,
               an_object_that_is_replaced_meanwhile_is_read_anew_if_told,
               an_object_that_is_deleted_meanwhile_stops_the_source,
               a_server_that_cannot_do_ranges_is_not_believed,
               a_second_run_goes_on_where_the_first_was_settled, gzip_is_read_over_ranges_and_restarts,
               gzip_that_is_truncated_gives_its_whole_records_and_then_fails, an_empty_object_has_no_records,
               an_oversize_record_can_be_fetched_whole, each_refusal_has_words_and_the_option_it_points_at,
               what_is_no_object_is_refused)
