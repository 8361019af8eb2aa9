/* Dead letters: kept whole or not at all, found again, counted. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dead_letter.h"
#include "state_db_sql.h"
#include "temp_dir.h"

#define MIB (1024u * 1024u)

static char *dir;
static struct state_db *db;
static struct sluice_error err;

static void setup(void)
{
    memset(&err, 0, sizeof err);
    err.struct_size = sizeof err;
    dir = temp_dir_make();
    db = state_db_open(dir, STATE_RUN, &err);
    ck_assert_msg(db != NULL, "%s", err.message);
}

static void teardown(void)
{
    state_db_close(db);
    temp_dir_remove(dir);
}

static struct dead_letter letter_at(uint64_t position)
{
    struct dead_letter l;

    memset(&l, 0, sizeof l);
    l.pipeline = "receipts";
    l.step = "";
    l.stage = "decoder/json";
    l.lane = "in.jsonl";
    l.position = position;
    l.ordinal = position + 1;
    l.reason = "bad_json";
    l.detail = "no } at byte 7";
    l.attempts = 2;
    l.time_ms = 1700000000123;
    l.order_key = sluice_str_of("u1");
    l.payload = sluice_str_of("{\"a\":1");
    l.size = l.payload.len;
    return l;
}

static void put(const struct dead_letter *l)
{
    ck_assert_msg(dead_letter_put(db, l, 1, NULL, NULL, &err) == SLUICE_OK, "%s", err.message);
}

/* What list says: ids and the last letter's texts. */
struct seen {
    uint32_t n;
    int64_t ids[64];
    char text[512];
};

static int see(void *context, int64_t id, const struct dead_letter *l)
{
    struct seen *s = context;

    s->ids[s->n++] = id;
    (void)snprintf(s->text, sizeof s->text, "%s|%s|%s|%s|%llu|%llu|%s|%s|%u|%lld|%.*s|%s|%.*s|%llu",
                   l->pipeline, l->step, l->stage, l->lane, (unsigned long long)l->position,
                   (unsigned long long)l->ordinal, l->reason, l->detail == NULL ? "(none)" : l->detail,
                   l->attempts, (long long)l->time_ms, (int)l->order_key.len,
                   l->order_key.data == NULL ? "" : l->order_key.data, l->key.data == NULL ? "(none)" : "key",
                   (int)(l->payload.len > 60 ? 60 : l->payload.len),
                   l->payload.data == NULL ? "" : l->payload.data, (unsigned long long)l->size);
    return s->n == 64;
}

static struct seen listed(struct dead_letter_filter filter)
{
    struct seen s;

    memset(&s, 0, sizeof s);
    ck_assert_msg(dead_letter_list(db, &filter, see, &s, &err) == SLUICE_OK, "%s", err.message);
    return s;
}

START_TEST(a_letter_comes_back_as_it_was)
{
    struct dead_letter l = letter_at(70);
    struct seen s;

    put(&l);
    s = listed((struct dead_letter_filter){.limit = 0});
    ck_assert_uint_eq(s.n, 1);
    ck_assert_str_eq(s.text,
                     "receipts||decoder/json|in.jsonl|70|71|bad_json|no } at byte 7|2|1700000000123|u1|"
                     "(none)|{\"a\":1|6");
}
END_TEST

static int see_headers(void *context, int64_t id, const struct dead_letter *l)
{
    (void)id;
    *(int *)context = 1;
    ck_assert_uint_eq(l->n_headers, 2);
    ck_assert_int_eq(memcmp(l->headers[0].data, "na\0me", 5), 0);
    ck_assert_ptr_null(l->headers[1].data);
    ck_assert_uint_eq(l->headers[3].len, 0);
    ck_assert_ptr_nonnull(l->headers[3].data);
    ck_assert_uint_eq(l->payload.len, 3);
    ck_assert_int_eq(memcmp(l->payload.data, "\0\xff\n", 3), 0);
    ck_assert_ptr_nonnull(l->order_key.data);
    ck_assert_uint_eq(l->order_key.len, 0);
    ck_assert_ptr_null(l->detail);
    return 0;
}

START_TEST(nul_bytes_absent_and_empty_values_are_told_apart)
{
    struct sluice_str headers[4] = {{"na\0me", 5}, {NULL, 0}, {"x", 1}, {"", 0}};
    struct dead_letter_filter all = {.limit = 0};
    struct dead_letter l = letter_at(1);
    int called = 0;

    l.headers = headers;
    l.n_headers = 2;
    l.payload.data = "\0\xff\n";
    l.payload.len = l.size = 3;
    l.order_key = sluice_str_of("");
    l.detail = NULL;
    put(&l);
    ck_assert_uint_eq(dead_letter_list(db, &all, see_headers, &called, &err), SLUICE_OK);
    ck_assert_int_eq(called, 1);
}
END_TEST

static int see_large_header(void *context, int64_t id, const struct dead_letter *l)
{
    (void)id;
    ck_assert_uint_eq(l->n_headers, 1);
    ck_assert_uint_eq(l->headers[1].len, (uint64_t)5 << 20);
    ck_assert_int_eq(l->headers[1].data[(5 << 20) - 1], 'h');
    *(int *)context = 1;
    return 0;
}

static int see_words_for_headers(void *context, int64_t id, const struct dead_letter *l)
{
    (void)id;
    ck_assert_uint_eq(l->n_headers, 0);
    ck_assert_str_eq(l->detail, "no } at byte 7; its headers are not kept: 67108881 bytes, and a dead letter "
                                "takes 64 MiB of them");
    *(int *)context = 1;
    return 0;
}

static void put_with_header(uint64_t bytes, dead_letter_each look)
{
    struct sluice_str headers[2] = {{"h", 1}, {NULL, bytes}};
    struct dead_letter_filter all = {.limit = 0};
    struct dead_letter l = letter_at(1);
    char *text = malloc(bytes);
    int called = 0;

    ck_assert_ptr_nonnull(text);
    memset(text, 'h', bytes);
    headers[1].data = text;
    l.headers = headers;
    l.n_headers = 1;
    put(&l);
    free(text);
    ck_assert_uint_eq(dead_letter_list(db, &all, look, &called, &err), SLUICE_OK);
    ck_assert_int_eq(called, 1);
}

START_TEST(large_headers_are_kept_whole)
{
    put_with_header((uint64_t)5 << 20, see_large_header);
}
END_TEST

START_TEST(headers_above_all_measure_are_left_out_and_the_letter_says_so)
{
    put_with_header((uint64_t)64 << 20, see_words_for_headers);
}
END_TEST

START_TEST(a_record_that_dies_again_replaces_its_letter)
{
    struct dead_letter l = letter_at(1);
    struct seen first, second;

    put(&l);
    first = listed((struct dead_letter_filter){.limit = 0});
    l.reason = "no_user";
    l.payload = sluice_str_of("new");
    l.size = 3;
    put(&l);
    second = listed((struct dead_letter_filter){.limit = 0});
    ck_assert_uint_eq(second.n, 1);
    ck_assert_int_eq(second.ids[0], first.ids[0]);
    ck_assert_ptr_nonnull(strstr(second.text, "|no_user|"));
    ck_assert_ptr_nonnull(strstr(second.text, "|new|3"));
    ck_assert_uint_eq(dead_letter_count(db, "receipts"), 1);
}
END_TEST

START_TEST(letters_of_other_steps_lanes_and_pipelines_are_others)
{
    struct dead_letter l[4] = {letter_at(1), letter_at(1), letter_at(1), letter_at(1)};

    l[1].step = "shop";
    l[2].lane = "other";
    l[3].pipeline = "shop-orders";
    ck_assert_uint_eq(dead_letter_put(db, l, 4, NULL, NULL, &err), SLUICE_OK);
    ck_assert_uint_eq(listed((struct dead_letter_filter){.limit = 0}).n, 4);
    ck_assert_uint_eq(dead_letter_count(db, "receipts"), 3);
    ck_assert_uint_eq(dead_letter_count(db, "shop-orders"), 1);
    ck_assert_uint_eq(dead_letter_count(db, "none"), 0);
}
END_TEST

START_TEST(a_resolved_letter_is_no_longer_counted_and_shown_only_if_asked_for)
{
    struct dead_letter l[2] = {letter_at(1), letter_at(2)};
    uint64_t positions[] = {2, 99};

    ck_assert_uint_eq(dead_letter_put(db, l, 2, NULL, NULL, &err), SLUICE_OK);
    ck_assert_uint_eq(dead_letter_resolve(db, "receipts", "", "in.jsonl", positions, 2, &err), SLUICE_OK);
    ck_assert_uint_eq(dead_letter_count(db, "receipts"), 1);
    ck_assert_uint_eq(listed((struct dead_letter_filter){.limit = 0}).n, 1);
    ck_assert_uint_eq(listed((struct dead_letter_filter){.resolved = 1}).n, 2);
    put(&l[1]);
    ck_assert_uint_eq(dead_letter_count(db, "receipts"), 2);
}
END_TEST

START_TEST(filters_choose_by_pipeline_reason_user_id_and_number)
{
    struct dead_letter l[3] = {letter_at(1), letter_at(2), letter_at(3)};
    struct seen all;

    l[1].reason = "no_user";
    l[1].order_key = sluice_str_of("u2");
    l[2].pipeline = "shop";
    ck_assert_uint_eq(dead_letter_put(db, l, 3, NULL, NULL, &err), SLUICE_OK);
    all = listed((struct dead_letter_filter){.limit = 0});
    ck_assert_uint_eq(all.n, 3);
    ck_assert_uint_eq(listed((struct dead_letter_filter){.pipeline = "receipts"}).n, 2);
    ck_assert_uint_eq(listed((struct dead_letter_filter){.reason = "no_user"}).n, 1);
    ck_assert_uint_eq(listed((struct dead_letter_filter){.order_key = "u2", .reason = "bad_json"}).n, 0);
    ck_assert_uint_eq(listed((struct dead_letter_filter){.order_key = "u2"}).n, 1);
    ck_assert_int_eq(listed((struct dead_letter_filter){.id = all.ids[2]}).ids[0], all.ids[2]);
    ck_assert_uint_eq(listed((struct dead_letter_filter){.limit = 2}).n, 2);
}
END_TEST

static int tally(void *context, const char *pipeline, const char *reason, uint64_t n)
{
    char *out = context;
    size_t len = strlen(out);

    (void)snprintf(out + len, 200 - len, "%s/%s=%llu ", pipeline, reason, (unsigned long long)n);
    return 0;
}

START_TEST(counts_by_reason_follow_put_replace_and_resolve)
{
    struct dead_letter l[3] = {letter_at(1), letter_at(2), letter_at(3)};
    uint64_t three = 3;
    char text[200] = "";

    ck_assert_uint_eq(dead_letter_put(db, l, 3, NULL, NULL, &err), SLUICE_OK);
    l[1].reason = "no_user";
    put(&l[1]);
    put(&l[1]);
    ck_assert_uint_eq(dead_letter_resolve(db, "receipts", "", "in.jsonl", &three, 1, &err), SLUICE_OK);
    ck_assert_uint_eq(dead_letter_counts(db, tally, text, &err), SLUICE_OK);
    ck_assert_str_eq(text, "receipts/bad_json=1 receipts/no_user=1 ");
}
END_TEST

START_TEST(counts_are_there_again_after_a_restart_and_for_a_reader)
{
    struct dead_letter l = letter_at(1);
    struct state_db *reader;

    put(&l);
    reader = state_db_open(dir, STATE_READ, &err);
    ck_assert_ptr_nonnull(reader);
    ck_assert_uint_eq(dead_letter_count(reader, "receipts"), 1);
    state_db_close(reader);
    state_db_close(db);
    db = state_db_open(dir, STATE_RUN, &err);
    ck_assert_uint_eq(dead_letter_count(db, "receipts"), 1);
}
END_TEST

/* Byte i of the made-up large payload. */
static unsigned char byte_at(uint64_t i)
{
    return (unsigned char)((i * 2654435761u) >> 11);
}

struct big {
    uint64_t size;
    uint64_t max_offset;
    int64_t fail_at; /* -1: never */
};

static int64_t big_more(void *context, uint64_t offset, void *out, uint64_t cap, struct sluice_error *e)
{
    struct big *b = context;
    unsigned char *to = out;
    uint64_t i, n = b->size > offset ? b->size - offset : 0;

    if (b->fail_at >= 0 && offset >= (uint64_t)b->fail_at) {
        (void)sluice_fail(e, SLUICE_RETRY, NULL, "the source is away");
        return -1;
    }
    /* Odd amounts, as a file or socket gives them. */
    if (n > cap)
        n = cap;
    if (n > 300007)
        n = 300007;
    for (i = 0; i < n; i++)
        to[i] = byte_at(offset + i);
    b->max_offset = offset + n;
    return (int64_t)n;
}

static struct dead_letter big_letter(struct big *b, uint64_t size, unsigned char *start)
{
    struct dead_letter l = letter_at(9);
    uint64_t i;

    memset(b, 0, sizeof *b);
    b->size = size;
    b->fail_at = -1;
    for (i = 0; i < 1000; i++)
        start[i] = byte_at(i);
    l.payload.data = (const char *)start;
    l.payload.len = 1000;
    l.size = size;
    return l;
}

static void check_big(int64_t id, uint64_t size)
{
    unsigned char *buf = malloc(MIB + 77);
    uint64_t at = 0, i;
    int64_t n;

    ck_assert_ptr_nonnull(buf);
    while ((n = dead_letter_read(db, id, at, buf, MIB + 77, &err)) > 0) {
        for (i = 0; i < (uint64_t)n; i++)
            if (buf[i] != byte_at(at + i))
                ck_abort_msg("byte %llu differs", (unsigned long long)(at + i));
        at += (uint64_t)n;
    }
    ck_assert_int_eq(n, 0);
    ck_assert_uint_eq(at, size);
    free(buf);
}

static long rss_kib(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[200];
    long kib = 0;

    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    if (f != NULL)
        fclose(f);
    return kib;
}

START_TEST(a_payload_of_100_mb_is_kept_whole_and_never_held_in_memory)
{
    unsigned char start[1000];
    struct big b;
    struct dead_letter l = big_letter(&b, 100u * MIB + 12345, start);
    long before = rss_kib();

    ck_assert_msg(dead_letter_put(db, &l, 1, big_more, &b, &err) == SLUICE_OK, "%s", err.message);
    check_big(listed((struct dead_letter_filter){.limit = 0}).ids[0], l.size);
#ifndef SANITIZED
    ck_assert_msg(rss_kib() - before < 8 * 1024, "the peak grew by %ld KiB", rss_kib() - before);
#else
    (void)before;
#endif
}
END_TEST

START_TEST(a_large_payload_in_memory_is_kept_whole)
{
    struct dead_letter l = letter_at(1);
    unsigned char *all = malloc(3 * MIB);
    uint64_t i;

    for (i = 0; i < 3 * MIB; i++)
        all[i] = byte_at(i);
    l.payload.data = (char *)all;
    l.payload.len = l.size = 3 * MIB - 1;
    put(&l);
    free(all);
    check_big(listed((struct dead_letter_filter){.limit = 0}).ids[0], l.size);
}
END_TEST

START_TEST(a_shorter_payload_that_replaces_a_large_one_leaves_nothing_of_it)
{
    unsigned char start[1000];
    struct big b;
    struct dead_letter l = big_letter(&b, 3 * MIB, start);

    ck_assert_uint_eq(dead_letter_put(db, &l, 1, big_more, &b, &err), SLUICE_OK);
    l.size = l.payload.len;
    put(&l);
    check_big(listed((struct dead_letter_filter){.limit = 0}).ids[0], 1000);
}
END_TEST

START_TEST(nothing_is_kept_if_the_source_fails_in_the_middle)
{
    unsigned char start[1000];
    struct big b;
    struct dead_letter l[2] = {letter_at(1), big_letter(&b, 5 * MIB, start)};

    b.fail_at = 3 * MIB;
    ck_assert_uint_eq(dead_letter_put(db, l, 2, big_more, &b, &err), SLUICE_RETRY);
    ck_assert_str_eq(err.message, "the source is away");
    ck_assert_uint_eq(listed((struct dead_letter_filter){.limit = 0}).n, 0);
    ck_assert_uint_eq(dead_letter_count(db, "receipts"), 0);
}
END_TEST

START_TEST(a_source_that_shrank_leaves_a_letter_that_says_so)
{
    unsigned char start[1000];
    struct big b;
    struct dead_letter l = big_letter(&b, 3 * MIB, start);
    struct seen s;

    b.size = 2 * MIB;
    ck_assert_uint_eq(dead_letter_put(db, &l, 1, big_more, &b, &err), SLUICE_OK);
    s = listed((struct dead_letter_filter){.limit = 0});
    ck_assert_msg(strstr(s.text, "only 2097152 of 3145728 bytes could still be read") != NULL, "%s", s.text);
    check_big(s.ids[0], 2 * MIB);
}
END_TEST

START_TEST(a_letter_that_does_not_exist_is_named)
{
    char c;

    ck_assert_int_eq(dead_letter_read(db, 42, 0, &c, 1, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.message, "there is no dead letter 42"));
}
END_TEST

START_TEST(damaged_headers_are_refused_with_the_number_of_the_letter)
{
    struct dead_letter_filter all = {.limit = 0};
    struct dead_letter l = letter_at(1);
    struct seen s;

    put(&l);
    memset(&s, 0, sizeof s);
    ck_assert_int_eq(
        sqlite3_exec(db->sql, "UPDATE letters SET headers = x'3030303030303939'", NULL, NULL, NULL),
        SQLITE_OK);
    ck_assert_uint_eq(dead_letter_list(db, &all, see, &s, &err), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(err.message, "dead letter 1 in "));
}
END_TEST

START_TEST(a_full_database_keeps_nothing_and_leaves_earlier_letters_readable)
{
    struct dead_letter l[2] = {letter_at(1), letter_at(2)};
    unsigned char start[1000];
    struct big b;

    put(&l[0]);
    sqlite3_exec(db->sql, "PRAGMA max_page_count = 64", NULL, NULL, NULL);
    l[1] = big_letter(&b, 2 * MIB, start);
    l[0].position = 8;
    ck_assert_uint_eq(dead_letter_put(db, l, 2, big_more, &b, &err), SLUICE_RETRY);
    ck_assert_msg(strstr(err.message, "the disk is full") != NULL, "%s", err.message);
    ck_assert_ptr_nonnull(strstr(err.message, dir));
    ck_assert_uint_eq(err.code, SLUICE_RETRY);
    ck_assert_uint_eq(listed((struct dead_letter_filter){.limit = 0}).n, 1);
    ck_assert_uint_eq(dead_letter_count(db, "receipts"), 1);
    sqlite3_exec(db->sql, "PRAGMA max_page_count = 100000", NULL, NULL, NULL);
    ck_assert_msg(dead_letter_put(db, l, 2, big_more, &b, &err) == SLUICE_OK, "%s", err.message);
    ck_assert_uint_eq(listed((struct dead_letter_filter){.limit = 0}).n, 3);
}
END_TEST

/* Puts letters of 2 MiB for ever. */
static void put_until_killed(void)
{
    unsigned char start[1000];
    struct big b;
    struct dead_letter l = big_letter(&b, 2 * MIB, start);
    struct state_db *own = state_db_open(dir, STATE_RUN, &err);

    for (l.position = 0; own != NULL; l.position++)
        if (dead_letter_put(own, &l, 1, big_more, &b, &err) != SLUICE_OK)
            break;
    _exit(1);
}

static int see_whole(void *context, int64_t id, const struct dead_letter *l)
{
    (void)context;
    ck_assert_uint_eq(l->size, 2 * MIB);
    check_big(id, l->size);
    return 0;
}

START_TEST(a_writer_killed_anywhere_leaves_only_whole_letters)
{
    struct timespec pause = {0, (long)_i * 9 * 1000 * 1000};
    struct dead_letter_filter all = {.limit = 0};
    int status;
    pid_t child;

    state_db_close(db);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        put_until_killed();
    /* Not a wait for something: it only varies the moment of the kill. */
    nanosleep(&pause, NULL);
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    db = state_db_open(dir, STATE_RUN, &err);
    ck_assert_msg(db != NULL, "%s", err.message);
    ck_assert_msg(dead_letter_list(db, &all, see_whole, NULL, &err) == SLUICE_OK, "%s", err.message);
    ck_assert_uint_eq(dead_letter_count(db, "receipts"), listed(all).n);
}
END_TEST

START_TEST(a_reader_keeps_nothing)
{
    struct dead_letter l = letter_at(1);
    struct state_db *reader = state_db_open(dir, STATE_READ, &err);

    ck_assert_ptr_nonnull(reader);
    ck_assert_uint_eq(dead_letter_put(reader, &l, 1, NULL, NULL, &err), SLUICE_RETRY);
    ck_assert_ptr_nonnull(strstr(err.message, "only for reading"));
    state_db_close(reader);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dead_letter");
    TCase *t = tcase_create("dead_letter");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_letter_comes_back_as_it_was);
    tcase_add_test(t, nul_bytes_absent_and_empty_values_are_told_apart);
    tcase_add_test(t, large_headers_are_kept_whole);
    tcase_add_test(t, headers_above_all_measure_are_left_out_and_the_letter_says_so);
    tcase_add_test(t, a_record_that_dies_again_replaces_its_letter);
    tcase_add_test(t, letters_of_other_steps_lanes_and_pipelines_are_others);
    tcase_add_test(t, a_resolved_letter_is_no_longer_counted_and_shown_only_if_asked_for);
    tcase_add_test(t, filters_choose_by_pipeline_reason_user_id_and_number);
    tcase_add_test(t, counts_by_reason_follow_put_replace_and_resolve);
    tcase_add_test(t, counts_are_there_again_after_a_restart_and_for_a_reader);
    tcase_add_test(t, a_payload_of_100_mb_is_kept_whole_and_never_held_in_memory);
    tcase_add_test(t, a_large_payload_in_memory_is_kept_whole);
    tcase_add_test(t, a_shorter_payload_that_replaces_a_large_one_leaves_nothing_of_it);
    tcase_add_test(t, nothing_is_kept_if_the_source_fails_in_the_middle);
    tcase_add_test(t, a_source_that_shrank_leaves_a_letter_that_says_so);
    tcase_add_test(t, a_letter_that_does_not_exist_is_named);
    tcase_add_test(t, damaged_headers_are_refused_with_the_number_of_the_letter);
    tcase_add_test(t, a_full_database_keeps_nothing_and_leaves_earlier_letters_readable);
    tcase_add_loop_test(t, a_writer_killed_anywhere_leaves_only_whole_letters, 0, 12);
    tcase_add_test(t, a_reader_keeps_nothing);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
