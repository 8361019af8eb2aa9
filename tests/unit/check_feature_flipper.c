/* check_feature_flipper: for whom a flag is on. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flipper_case.h"
#include "one_suite.h"
#include "temp_dir.h"
#include "test_file.h"

/* --- segments ------------------------------------------------------------------------- */

START_TEST(inline_ids_are_admitted_and_others_are_not_in_the_flag)
{
    struct plugin_host *h =
        flipper_file("{\"enabled\":true,\"segments\":[{\"name\":\"a\",\"allowedIDs\":\" u1 "
                     ",u2,,\\r\\nu1,u 9\",\"rollout\":100}]}",
                     "");

    flipper_check(h, "u1", SLUICE_ADMIT, NULL);
    flipper_check(h, "u2", SLUICE_ADMIT, NULL);
    flipper_check(h, "u3", SLUICE_DENY, "not_in_flag");
    flipper_check(h, "u", SLUICE_DENY, "not_in_flag");
    ck_assert_double_eq(plugin_host_metric(h, "ids", NULL), 2);
    ck_assert_double_eq(plugin_host_metric(h, "ids_ignored", "repeated"), 1);
    ck_assert_double_eq(plugin_host_metric(h, "ids_ignored", "blank"), 1);
    ck_assert_double_eq(plugin_host_metric(h, "ids_ignored", "bad"), 1);
    plugin_host_close(h);
}
END_TEST

START_TEST(segments_are_joined_by_or)
{
    struct plugin_host *h = flipper_file("{\"enabled\":true,\"segments\":["
                                         "{\"name\":\"a\",\"allowedIDs\":\"u1\",\"rollout\":0},"
                                         "{\"name\":\"b\",\"allowedIDs\":[\"u1\",\"u2\"],\"rollout\":100},"
                                         "{\"name\":\"c\",\"allowedIDs\":\"u3\",\"rollout\":0}]}",
                                         "");

    flipper_check(h, "u1", SLUICE_ADMIT, NULL);
    flipper_check(h, "u2", SLUICE_ADMIT, NULL);
    flipper_check(h, "u3", SLUICE_DENY, "rollout");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_disabled_flag_denies_everybody)
{
    struct plugin_host *h =
        flipper_file("{\"enabled\":false,\"segments\":[{\"allowedIDs\":\"u1\",\"rollout\":100}]}", "");

    flipper_check(h, "u1", SLUICE_DENY, "flag_disabled");
    ck_assert_double_eq(plugin_host_metric(h, "enabled", NULL), 0);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_segment_that_names_nobody_is_on_for_nobody)
{
    struct plugin_host *h =
        flipper_file("{\"enabled\":true,\"segments\":[{\"name\":\"x\",\"rollout\":100}]}", "");

    flipper_check(h, "u1", SLUICE_DENY, "not_in_flag");
    plugin_host_close(h);
}
END_TEST

START_TEST(polarity_turns_the_answers_round)
{
    struct plugin_host *h = flipper_file(
        "{\"enabled\":true,\"segments\":[{\"allowedIDs\":\"u1\",\"rollout\":100}]}", "polarity: on_denies\n");

    flipper_check(h, "u1", SLUICE_DENY, "flag_on");
    flipper_check(h, "u2", SLUICE_ADMIT, NULL);
    plugin_host_close(h);
}
END_TEST

START_TEST(internal_users_come_from_their_file)
{
    char *list = test_file_path(flipper_dir, "internal.txt"), more[4200];
    struct plugin_host *h;

    test_file_text(list, "user_id\r\ni1\r\ni2\r\n");
    (void)snprintf(more, sizeof more, "internal_users: %s\n", list);
    h = flipper_file("{\"enabled\":true,\"segments\":[{\"internalUsers\":true,\"rollout\":100}]}", more);
    flipper_check(h, "i1", SLUICE_ADMIT, NULL);
    flipper_check(h, "u1", SLUICE_DENY, "not_in_flag");
    plugin_host_close(h);
    free(list);
}
END_TEST

START_TEST(who_is_internal_is_unknown_without_a_file_unless_another_segment_admits)
{
    struct plugin_host *h = flipper_file("{\"enabled\":true,\"segments\":["
                                         "{\"internalUsers\":true,\"rollout\":100},"
                                         "{\"allowedIDs\":\"u1\",\"rollout\":100}]}",
                                         "");

    flipper_check(h, "u1", SLUICE_ADMIT, NULL);
    flipper_check(h, "u2", SLUICE_UNKNOWN, "internal_unknown");
    plugin_host_close(h);
    h = flipper_file("{\"enabled\":true,\"segments\":[{\"internalUsers\":true,\"rollout\":0}]}", "");
    flipper_check(h, "u2", SLUICE_DENY, "not_in_flag"); /* nobody's bucket is below 0 */
    plugin_host_close(h);
}
END_TEST

START_TEST(a_record_without_the_field_is_refused_by_its_name)
{
    struct plugin_host *h = flipper_file(
        "{\"enabled\":true,\"segments\":[{\"allowedIDs\":\"7\",\"rollout\":100}]}", "field: Shop-Id\n");
    const struct sluice_verdict *v = plugin_host_one(h, "{\"user_id\":\"u1\"}");

    ck_assert_uint_eq(v->code, SLUICE_REJECT);
    ck_assert_str_eq(v->reason, "no_shop_id");
    ck_assert_uint_eq(plugin_host_one(h, "{\"Shop-Id\":7}")->code, SLUICE_ADMIT);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_batch_larger_than_a_chunk_is_decided_in_order)
{
    struct plugin_host *h = flipper_file(
        "{\"enabled\":true,\"segments\":[{\"allowedIDs\":\"u0,u31,u32,u63,u64,u99\",\"rollout\":100}]}", "");
    char json[64];
    uint32_t i;

    plugin_host_clear(h);
    for (i = 0; i < 100; i++) {
        (void)snprintf(json, sizeof json, "{\"user_id\":\"u%u\"}", i);
        plugin_host_add(h, json);
    }
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    for (i = 0; i < 100; i++)
        ck_assert_uint_eq(plugin_host_verdict(h, i)->code,
                          i == 0 || i == 31 || i == 32 || i == 63 || i == 64 || i == 99 ? SLUICE_ADMIT
                                                                                        : SLUICE_DENY);
    plugin_host_close(h);
}
END_TEST

/* --- global --------------------------------------------------------------------------- */

static const struct {
    const char *flag;
    uint32_t code;
    const char *reason;
} globals[] = {
    {"{\"enabled\":true}", SLUICE_ADMIT, NULL},
    {"{\"enabled\":true,\"segments\":null}", SLUICE_ADMIT, NULL},
    {"{\"enabled\":true,\"segments\":[]}", SLUICE_ADMIT, NULL},
    {"{\"enabled\":false,\"segments\":[]}", SLUICE_DENY, "flag_disabled"},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":100}]}", SLUICE_ADMIT, NULL},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":0}]}", SLUICE_DENY, "rollout"},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":50}]}", SLUICE_UNKNOWN, "partial_rollout"},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":100,\"allowedIDs\":\"u1\"}]}", SLUICE_UNKNOWN,
     "names_users"},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":100,\"allowedS3IDs\":\"x\"}]}", SLUICE_UNKNOWN,
     "names_users"},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":0,\"allowedIDs\":\"u1\"}]}", SLUICE_DENY, "rollout"},
};

START_TEST(a_killswitch_is_read_without_a_user)
{
    size_t i;

    for (i = 0; i < sizeof globals / sizeof globals[0]; i++) {
        struct plugin_host *h = flipper_file(globals[i].flag, "subject: global\n");
        const struct sluice_verdict *v = plugin_host_one(h, "{\"nobody\":1}");

        ck_assert_msg(v->code == globals[i].code, "%s: %u", globals[i].flag, v->code);
        if (globals[i].reason != NULL)
            ck_assert_str_eq(v->reason, globals[i].reason);
        plugin_host_close(h);
    }
}
END_TEST

/* --- rollout -------------------------------------------------------------------------- */

/* SipHash as `openssl mac` computes it: key of the flag, then of the user, low half, mod 10,000. */
static const struct {
    const char *user;
    uint32_t bucket;
} golden[] = {{"u1", 7378},
              {"u2", 4823},
              {"00000000-0001-4000-8000-000000000000", 5291},
              {"5f2b0c9e7a", 8058},
              {"somebody@example.org", 7870}};

START_TEST(buckets_are_the_same_for_ever)
{
    struct plugin_host *h;
    char flag[300];
    size_t i;

    for (i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        (void)snprintf(flag, sizeof flag,
                       "{\"enabled\":true,\"segments\":[{\"allowedIDs\":\"%s\",\"rollout\":%u.%02u}]}",
                       golden[i].user, golden[i].bucket / 100, golden[i].bucket % 100);
        h = flipper_file(flag, "");
        flipper_check(h, golden[i].user, SLUICE_DENY, "rollout");
        plugin_host_close(h);
        (void)snprintf(flag, sizeof flag,
                       "{\"enabled\":true,\"segments\":[{\"allowedIDs\":\"%s\",\"rollout\":%u.%02u}]}",
                       golden[i].user, (golden[i].bucket + 1) / 100, (golden[i].bucket + 1) % 100);
        h = flipper_file(flag, "");
        flipper_check(h, golden[i].user, SLUICE_ADMIT, NULL);
        plugin_host_close(h);
    }
}
END_TEST

START_TEST(a_rollout_admits_its_share_and_grows_without_losing_anybody)
{
    static char flag[20000];
    static unsigned char was[1000];
    unsigned admitted = 0, before_it = 0, i, share;
    struct plugin_host *h;
    char user[16];

    for (share = 25; share <= 50; share += 25) {
        size_t len = (size_t)snprintf(
            flag, sizeof flag, "{\"enabled\":true,\"segments\":[{\"rollout\":%u,\"allowedIDs\":\"", share);

        for (i = 0; i < 1000; i++)
            len += (size_t)snprintf(flag + len, sizeof flag - len, "user%u,", i);
        (void)snprintf(flag + len, sizeof flag - len, "\"}]}");
        h = flipper_file(flag, "");
        for (admitted = i = 0; i < 1000; i++) {
            (void)snprintf(user, sizeof user, "user%u", i);
            if (flipper_decision(h, user) == SLUICE_ADMIT) {
                admitted++;
                was[i] = 1;
            } else {
                ck_assert_uint_eq(was[i], 0);
            }
        }
        ck_assert_uint_ge(admitted, share * 10 - 50);
        ck_assert_uint_le(admitted, share * 10 + 50);
        ck_assert_uint_gt(admitted, before_it);
        before_it = admitted;
        plugin_host_close(h);
    }
}
END_TEST

/* --- broken flags --------------------------------------------------------------------- */

static const struct {
    const char *flag, *words;
} broken[] = {
    {"", "no JSON"},
    {"{\"enabled\":true", "no JSON"},
    {"<html>", "no JSON"},
    {"[]", "not a JSON object"},
    {"null", "no JSON"},
    {"{}", "enabled is missing"},
    {"{\"enabled\":null}", "enabled is missing"},
    {"{\"enabled\":\"true\"}", "enabled is missing"},
    {"{\"enabled\":1}", "enabled is missing"},
    {"{\"enabled\":true,\"enabled\":false}", "no JSON"},
    {"{\"enabled\":true,\"segments\":{}}", "segments is not a list"},
    {"{\"enabled\":true,\"segments\":[1]}", "segment 1: it is not an object"},
    {"{\"enabled\":true,\"segments\":[{\"allowedIDs\":\"a\"}]}", "segment 1: rollout"},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":100},{\"rollout\":101}]}", "segment 2: rollout"},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":-0.1}]}", "segment 1: rollout"},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":\"100\"}]}", "segment 1: rollout"},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":1e999}]}", "no JSON"},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":100,\"allowedIDs\":7}]}", "allowedIDs"},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":100,\"allowedIDs\":[7]}]}", "allowedIDs"},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":100,\"allowedS3IDs\":7}]}", "allowedS3IDs"},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":100,\"allowedS3IDs\":\"../x\"}]}", "allowedS3IDs"},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":100,\"allowedS3IDs\":\"/etc/passwd\"}]}", "allowedS3IDs"},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":100,\"allowedS3IDs\":\"a?b\"}]}", "allowedS3IDs"},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":100,\"allowedS3IDs\":\"a//b\"}]}", "allowedS3IDs"},
    {"{\"enabled\":true,\"segments\":[{\"rollout\":100,\"internalUsers\":\"yes\"}]}", "internalUsers"},
};

START_TEST(what_is_no_flag_is_refused_in_words_and_makes_the_gate_unknown)
{
    struct plugin_host *h;
    size_t i;

    for (i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        h = flipper_file(broken[i].flag, "");
        flipper_check(h, "u1", SLUICE_UNKNOWN, "flag_unread");
        ck_assert_msg(plugin_host_logged(h, broken[i].words), "%s: \"%s\" is not in the log", broken[i].flag,
                      broken[i].words);
        plugin_host_close(h);
    }
}
END_TEST

START_TEST(a_broken_answer_leaves_the_last_good_flag)
{
    struct plugin_host *h =
        flipper_file("{\"enabled\":true,\"segments\":[{\"allowedIDs\":\"u1\",\"rollout\":100}]}", "");
    struct sluice_error err = {.struct_size = sizeof err};

    test_file_text(flipper_path, "{\"enabled\":tru");
    ck_assert_uint_eq(plugin_host_reload(h, &err), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(err.message, "no JSON"));
    flipper_check(h, "u1", SLUICE_ADMIT, NULL);
    ck_assert_double_eq(plugin_host_metric(h, "refreshes_total", "failed"), 1);
    ck_assert_double_eq(plugin_host_metric(h, "refreshes_total", "changed"), 1);
    plugin_host_close(h);
}
END_TEST

/* --- many ids, many threads ----------------------------------------------------------- */

#define MANY 200000

static long resident_kib(void)
{
    long total = 0, resident = 0;
    FILE *in = fopen("/proc/self/statm", "r");

    ck_assert_ptr_nonnull(in);
    ck_assert_int_eq(fscanf(in, "%ld %ld", &total, &resident), 2);
    (void)fclose(in);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

START_TEST(two_hundred_thousand_uuids_take_less_than_32_mib)
{
    char *list = test_file_path(flipper_dir, "beta.csv"), more[4200];
    FILE *out = fopen(list, "w");
    struct plugin_host *h;
    long before_it;
    int i;

    ck_assert_ptr_nonnull(out);
    for (i = 0; i < MANY; i++)
        (void)fprintf(out, "%08x-0001-4000-8000-%012x\r\n", (unsigned)i * 2654435761u, (unsigned)i);
    ck_assert_int_eq(fclose(out), 0);
    (void)snprintf(more, sizeof more, "lists: file://%s\n", flipper_dir);
    before_it = resident_kib();
    h = flipper_file(FLIPPER_LISTED, more);
    ck_assert_double_eq(plugin_host_metric(h, "ids", NULL), MANY + 1);
    flipper_check(h, "00000000-0001-4000-8000-000000000000", SLUICE_ADMIT, NULL);
    flipper_check(h, "00000000-0002-4000-8000-000000000000", SLUICE_DENY, "not_in_flag");
#ifndef SANITIZED
    ck_assert_int_lt(resident_kib() - before_it, 32 * 1024);
#else
    (void)before_it;
#endif
    plugin_host_close(h);
    free(list);
}
END_TEST

struct decider {
    struct plugin_host *h;
    const struct sluice_record *const *records;
    atomic_int *stop;
    atomic_uint wrong;
    atomic_ullong rounds;
};

/* In each version either a or b is in the flag, and always c. */
static void *decide_on(void *context)
{
    struct decider *d = context;
    struct sluice_verdict items[3];
    struct sluice_verdicts verdicts = {3, sizeof items[0], items};
    struct sluice_error err = {.struct_size = sizeof err};

    while (!atomic_load(d->stop)) {
        memset(items, 0, sizeof items);
        if (plugin_host_gate(d->h)->decide(plugin_host_self(d->h), d->records, 3, &verdicts, &err) !=
                SLUICE_OK ||
            items[2].code != SLUICE_ADMIT ||
            (items[0].code == SLUICE_ADMIT) == (items[1].code == SLUICE_ADMIT))
            atomic_fetch_add(&d->wrong, 1);
        atomic_fetch_add(&d->rounds, 1);
    }
    return NULL;
}

START_TEST(every_batch_sees_one_whole_version_while_the_flag_changes)
{
    static const char *const versions[] = {
        "{\"enabled\":true,\"segments\":[{\"allowedIDs\":\"a,c\",\"rollout\":100}]}",
        "{\"enabled\":true,\"segments\":[{\"allowedIDs\":\"b\",\"rollout\":100},{\"allowedIDs\":\"c\","
        "\"rollout\":100}]}"};
    struct plugin_host *h = flipper_file(versions[0], "");
    struct decider d[3];
    pthread_t threads[3];
    atomic_int stop = 0;
    uint32_t n;
    int i;

    plugin_host_clear(h);
    plugin_host_add(h, "{\"user_id\":\"a\"}");
    plugin_host_add(h, "{\"user_id\":\"b\"}");
    plugin_host_add(h, "{\"user_id\":\"c\"}");
    for (i = 0; i < 3; i++) {
        d[i].h = h;
        d[i].records = (const struct sluice_record *const *)plugin_host_records(h, &n);
        d[i].stop = &stop;
        atomic_init(&d[i].wrong, 0);
        atomic_init(&d[i].rounds, 0);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, decide_on, &d[i]), 0);
    }
    for (i = 0; i < 200; i++) {
        test_file_text(flipper_path, versions[1 - i % 2]);
        ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    }
    for (i = 0; i < 3; i++)
        while (atomic_load(&d[i].rounds) == 0)
            (void)sched_yield();
    atomic_store(&stop, 1);
    for (i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_uint_eq(atomic_load(&d[i].wrong), 0);
    }
    plugin_host_close(h);
}
END_TEST

START_TEST(start_stop_start_leaves_a_working_gate)
{
    struct plugin_host *h = flipper_file(FLIPPER_ONE, "");

    plugin_host_stop(h);
    test_file_text(flipper_path, FLIPPER_TWO);
    plugin_host_start(h);
    flipper_check(h, "u2", SLUICE_ADMIT, NULL);
    plugin_host_close(h);
}
END_TEST

START_TEST(options_that_cannot_work_are_refused_by_name)
{
    static const char *const cases[][2] = {
        {"flag: f\n", "give url or file"},
        {"flag: f\nurl: http://h\nfile: /x\n", "not both"},
        {"flag: 'a/b'\nfile: /x\n", "letters, digits"},
        {"flag: f\nurl: http://h\npath: /flags\n", "{flag} is not in it"},
        {"flag: f\nurl: http://h\npath: 'flags/{flag}'\n", "start with '/'"},
        {"flag: f\nfile: /x\nlists: ftp://x\n", "none of s3://bucket/prefix"},
        {"flag: f\nfile: /x\nlists: s3://AB\n", "a bucket's name"},
        {"flag: f\nfile: /x\nfield: a.b\n", "top-level"},
        {"flag: f\nfile: /x\ninterval: 1m\nmax_age: 30s\n", "shorter than interval"},
        {"file: /x\n", "flag"},
    };
    size_t i;

    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *said = plugin_host_refusal("gate", "feature-flipper", cases[i][0]);

        ck_assert_msg(strstr(said, cases[i][1]) != NULL, "%s", said);
        free(said);
    }
}
END_TEST

ONE_SUITE_WITH("feature_flipper", 60, flipper_before, flipper_after,
               inline_ids_are_admitted_and_others_are_not_in_the_flag, segments_are_joined_by_or,
               a_disabled_flag_denies_everybody, a_segment_that_names_nobody_is_on_for_nobody,
               polarity_turns_the_answers_round, internal_users_come_from_their_file,
               who_is_internal_is_unknown_without_a_file_unless_another_segment_admits,
               a_record_without_the_field_is_refused_by_its_name,
               a_batch_larger_than_a_chunk_is_decided_in_order, a_killswitch_is_read_without_a_user,
               buckets_are_the_same_for_ever, a_rollout_admits_its_share_and_grows_without_losing_anybody,
               what_is_no_flag_is_refused_in_words_and_makes_the_gate_unknown,
               a_broken_answer_leaves_the_last_good_flag, two_hundred_thousand_uuids_take_less_than_32_mib,
               every_batch_sees_one_whole_version_while_the_flag_changes,
               start_stop_start_leaves_a_working_gate, options_that_cannot_work_are_refused_by_name)
