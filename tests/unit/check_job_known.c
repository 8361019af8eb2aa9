/* What is known of a user of a job: the state follows from the set of reports, not from their
 * order or number; nothing that is loaded is ever forgotten. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "job_private.h"
#include "one_suite.h"

#define STEPS 3u
#define ALL 7u

static uint64_t seed = 1;

static uint32_t pick(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % n);
}

struct report {
    int event;
    uint32_t step;
};

static enum job_user_state after(const struct report *r, uint32_t n)
{
    struct job_known k;
    uint32_t i;

    job_known_new(&k, 0);
    for (i = 0; i < n; i++)
        (void)job_known_apply(&k, r[i].event, r[i].step, ALL, "why", (int64_t)i);
    return job_known_state(&k);
}

/* The rule in its plainest form, from the set. */
static enum job_user_state expected(const struct report *r, uint32_t n)
{
    int end[STEPS] = {0}; /* 0 none, 1 skipped, 2 failed, 3 loaded */
    int sent = 0, failed = 0, ended = 0, loaded = 0;
    uint32_t i;

    for (i = 0; i < n; i++) {
        int rank = r[i].event == JOB_EVENT_LOADED ? 3 : r[i].event == JOB_EVENT_FAILED ? 2 : 1;

        sent |= r[i].event == JOB_EVENT_SENT;
        if (r[i].event != JOB_EVENT_SENT && rank > end[r[i].step])
            end[r[i].step] = rank;
    }
    for (i = 0; i < STEPS; i++) {
        failed |= end[i] == 2;
        loaded |= end[i] == 3;
        ended += end[i] != 0;
    }
    if (failed)
        return JOB_USER_FAILED;
    if (ended == STEPS)
        return loaded ? JOB_USER_DONE : JOB_USER_SKIPPED;
    return sent || ended > 0 ? JOB_USER_SENT : JOB_USER_PENDING;
}

static void shuffle(struct report *r, uint32_t n)
{
    struct report swap;
    uint32_t i, j;

    for (i = n; i > 1; i--) {
        j = pick(i);
        swap = r[i - 1];
        r[i - 1] = r[j];
        r[j] = swap;
    }
}

START_TEST(any_order_of_the_same_reports_ends_in_the_same_state)
{
    static const int events[] = {JOB_EVENT_SENT, JOB_EVENT_LOADED, JOB_EVENT_FAILED, JOB_EVENT_SKIPPED};
    struct report r[24];
    uint32_t round, n, i, once;

    for (round = 0; round < 100000; round++) {
        n = once = pick(12);
        for (i = 0; i < n; i++) {
            r[i].event = events[pick(4)];
            r[i].step = r[i].event == JOB_EVENT_SENT ? JOB_NO_STEP : pick(STEPS);
        }
        for (; n < once * 2; n++) /* and some of them twice */
            r[n] = r[pick(once)];
        shuffle(r, n);
        ck_assert_msg(after(r, n) == expected(r, once * 2 < n ? n : n), "round %u: %s instead of %s", round,
                      job_user_state_name(after(r, n)), job_user_state_name(expected(r, n)));
    }
}
END_TEST

START_TEST(a_done_user_stays_done_whatever_is_replayed)
{
    struct job_known k;
    uint32_t round, i;

    for (round = 0; round < 20000; round++) {
        job_known_new(&k, 0);
        for (i = 0; i < STEPS; i++)
            (void)job_known_apply(&k, JOB_EVENT_LOADED, i, ALL, NULL, 0);
        ck_assert_int_eq(job_known_state(&k), JOB_USER_DONE);
        for (i = 0; i < 20; i++)
            (void)job_known_apply(&k, (int)pick(4) + JOB_EVENT_SENT, pick(STEPS), ALL, "late", 1);
        (void)job_known_apply(&k, JOB_EVENT_RETRY, JOB_NO_STEP, 0, NULL, 1);
        ck_assert_int_eq(job_known_state(&k), JOB_USER_DONE);
        ck_assert_uint_eq(k.n_reasons, 0);
    }
}
END_TEST

START_TEST(success_after_a_failure_is_done_and_the_reason_is_gone)
{
    struct job_known k;

    job_known_new(&k, 0);
    (void)job_known_apply(&k, JOB_EVENT_SENT, JOB_NO_STEP, 0, NULL, 1);
    (void)job_known_apply(&k, JOB_EVENT_LOADED, 0, 3, NULL, 2);
    (void)job_known_apply(&k, JOB_EVENT_FAILED, 1, 3, "rejected: no such shop", 3);
    ck_assert_int_eq(job_known_state(&k), JOB_USER_FAILED);
    ck_assert_str_eq(job_known_reason(&k)->text, "rejected: no such shop");
    ck_assert_uint_eq(job_known_reason(&k)->step, 1);
    ck_assert_int_eq(job_known_apply(&k, JOB_EVENT_RETRY, JOB_NO_STEP, 0, NULL, 4), 1);
    ck_assert_int_eq(job_known_state(&k), JOB_USER_PENDING);
    ck_assert_uint_eq(k.loaded, 1); /* never forgotten */
    ck_assert_uint_eq(k.retries, 1);
    (void)job_known_apply(&k, JOB_EVENT_LOADED, 0, 3, NULL,
                          5); /* late, of the first try: not sent again yet */
    ck_assert_int_eq(job_known_state(&k), JOB_USER_PENDING);
    (void)job_known_apply(&k, JOB_EVENT_SENT, JOB_NO_STEP, 0, NULL, 6);
    ck_assert_int_eq(job_known_state(&k), JOB_USER_SENT);
    (void)job_known_apply(&k, JOB_EVENT_LOADED, 1, 3, NULL, 7);
    ck_assert_int_eq(job_known_state(&k), JOB_USER_DONE);
    ck_assert_ptr_null(job_known_reason(&k));
}
END_TEST

START_TEST(the_sender_speaks_for_those_it_did_not_send)
{
    struct job_known k;

    job_known_new(&k, 0);
    (void)job_known_apply(&k, JOB_EVENT_FAILED, JOB_NO_STEP, 0, "SQS said no", 1);
    ck_assert_int_eq(job_known_state(&k), JOB_USER_FAILED);
    ck_assert_str_eq(job_known_reason(&k)->text, "SQS said no");
    (void)job_known_apply(&k, JOB_EVENT_RETRY, JOB_NO_STEP, 0, NULL, 2);
    ck_assert_int_eq(job_known_state(&k), JOB_USER_PENDING);
    ck_assert_ptr_null(job_known_reason(&k));
    (void)job_known_apply(&k, JOB_EVENT_SKIPPED, JOB_NO_STEP, 0, "invalid id", 3);
    ck_assert_int_eq(job_known_state(&k), JOB_USER_SKIPPED);
    (void)job_known_apply(&k, JOB_EVENT_LOADED, 0, 1, NULL, 4); /* a worker knows better */
    ck_assert_int_eq(job_known_state(&k), JOB_USER_DONE);
}
END_TEST

START_TEST(a_repeated_report_is_no_change)
{
    struct job_known k;

    job_known_new(&k, 0);
    ck_assert_int_eq(job_known_apply(&k, JOB_EVENT_SKIPPED, 0, 1, "not_enrolled", 1), 1);
    ck_assert_int_eq(job_known_apply(&k, JOB_EVENT_SKIPPED, 0, 1, "not_enrolled", 2), 0);
    ck_assert_int_eq(k.changed_ms, 1);
    ck_assert_int_eq(job_known_state(&k), JOB_USER_SKIPPED);
}
END_TEST

static void same(const struct job_known *a, const struct job_known *b)
{
    uint32_t i;

    ck_assert_int_eq(a->base, b->base);
    ck_assert_uint_eq(a->retries, b->retries);
    ck_assert_uint_eq(a->need, b->need);
    ck_assert_uint_eq(a->loaded, b->loaded);
    ck_assert_uint_eq(a->failed, b->failed);
    ck_assert_uint_eq(a->skipped, b->skipped);
    ck_assert_int_eq(a->changed_ms, b->changed_ms);
    ck_assert_uint_eq(a->n_reasons, b->n_reasons);
    for (i = 0; i < a->n_reasons; i++) {
        ck_assert_uint_eq(a->reasons[i].step, b->reasons[i].step);
        ck_assert_str_eq(a->reasons[i].text, b->reasons[i].text);
    }
}

START_TEST(what_is_packed_comes_back)
{
    static const char *const words[] = {"why",
                                        "",
                                        "a\x1e"
                                        "b\n\tc",
                                        "\xff\xfe",
                                        "caf\xc3\xa9",
                                        NULL};
    static char longest[400];
    struct job_known k, back;
    struct strbuf text;
    uint32_t round, i;

    memset(longest, 'x', sizeof longest - 1);
    strbuf_init(&text, JOB_VALUE_MAX);
    for (round = 0; round < 5000; round++) {
        job_known_new(&k, (int64_t)round);
        for (i = pick(80); i > 0; i--)
            (void)job_known_apply(&k, (int)pick(4) + JOB_EVENT_SENT, pick(10) == 0 ? JOB_NO_STEP : pick(64),
                                  UINT64_MAX, pick(7) == 6 ? longest : words[pick(6)], 1763950000000);
        strbuf_clear(&text);
        job_known_pack(&k, &text);
        ck_assert_int_eq(text.failed, 0);
        ck_assert_int_eq(job_known_unpack(strbuf_text(&text), text.len, &back), 0);
        same(&k, &back);
        if (text.len > 0) { /* half of it is never taken for something else */
            size_t cut = pick((uint32_t)text.len);

            text.data[cut] = '\0';
            if (job_known_unpack(text.data, cut, &back) == 0)
                ck_assert_uint_le(back.n_reasons, k.n_reasons);
        }
    }
    strbuf_release(&text);
}
END_TEST

START_TEST(a_cut_reason_is_still_text)
{
    struct job_known k;
    char words[300] = "";
    size_t i;

    for (i = 0; i + 3 < sizeof words; i += 2)
        memcpy(words + i, "\xc3\xa9", 3);
    job_known_new(&k, 0);
    (void)job_known_apply(&k, JOB_EVENT_FAILED, 0, 1, words, 1);
    ck_assert_uint_eq(strlen(job_known_reason(&k)->text), JOB_REASON_MAX - 1);
}
END_TEST

START_TEST(garbage_is_no_user)
{
    static const char *const bad[] = {"",
                                      "1",
                                      "2 0 0 0 0 0 0 0",
                                      "1 9 0 0 0 0 0 0",
                                      "1 0 0 0 0 0 0 0x",
                                      "1 0 0 0 0 0 0 0\x1e",
                                      "1 0 0 0 0 0 0 0\x1e"
                                      "99:x",
                                      "1 0 0 0 0 0 0 0\x1e"
                                      "1"};
    struct job_known k;
    size_t i;

    for (i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(job_known_unpack(bad[i], strlen(bad[i]), &k) != 0, "'%s' was taken", bad[i]);
}
END_TEST

ONE_SUITE("job_known", 60, any_order_of_the_same_reports_ends_in_the_same_state,
          a_done_user_stays_done_whatever_is_replayed, success_after_a_failure_is_done_and_the_reason_is_gone,
          the_sender_speaks_for_those_it_did_not_send, a_repeated_report_is_no_change,
          what_is_packed_comes_back, a_cut_reason_is_still_text, garbage_is_no_user)
