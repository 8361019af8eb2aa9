/* The ledger of jobs over its store: SQLite here; with SLUICE_TEST_VALKEY=host:port the same
 * cases over that server (tests/integration/jobs.sh). */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger_fixture.h"
#include "one_suite.h"

struct seen {
    char text[4096];
    uint32_t n;
};

static int see(void *context, const struct job_user *u)
{
    struct seen *s = context;
    size_t at = strlen(s->text);

    s->n++;
    (void)snprintf(s->text + at, sizeof s->text - at, "%s:%s%s%s%s%s ", u->user,
                   job_user_state_name(u->state), u->reason[0] != '\0' ? ":" : "", u->reason,
                   u->step[0] != '\0' ? "@" : "", u->step);
    return 0;
}

static const char *users_of(const char *id, const enum job_user_state *state, uint32_t limit)
{
    static struct seen s;
    char after[JOB_USER_MAX + 1] = "", next[JOB_USER_MAX + 1];

    memset(&s, 0, sizeof s);
    do {
        fail_now(job_scan(ledger, id, state, after, limit, see, &s, next, &err));
        memcpy(after, next, sizeof after);
    } while (next[0] != '\0');
    return s.text;
}

START_TEST(a_new_job_is_kept_as_it_was_given)
{
    make("j1", -1);
    job_ledger_close(ledger);
    ledger = open_one();
    fail_now(job_get(ledger, "j1", &job, &err));
    ck_assert_str_eq(job.id, "j1");
    ck_assert_str_eq(job.kind, "user_ids");
    ck_assert_str_eq(job.source, "a \"list\"");
    ck_assert_str_eq(job.sender, "{\"queue\":\"q\"}");
    ck_assert_str_eq(job.requester, "me");
    ck_assert_str_eq(job.cursor, "");
    ck_assert_int_eq(job.state, JOB_RUNNING);
    ck_assert_double_eq(job.rate, 12.5);
    ck_assert_uint_eq(job.lookback_days, 365);
    ck_assert_uint_eq(job.force, 1);
    ck_assert_int_eq(job.total, -1);
    ck_assert_int_gt(job.created_ms, 1600000000000);
    ck_assert_int_eq(job.created_ms, job.changed_ms);
    fail_now(job_set_total(ledger, "j1", 77, &err));
    fail_now(job_get(ledger, "j1", &job, &err));
    ck_assert_int_eq(job.total, 77);
}
END_TEST

START_TEST(an_id_is_made_where_none_is_given_and_never_used_twice)
{
    struct job_new j = {.kind = "user_ids", .total = -1};
    char one[JOB_ID_MAX + 1], two[JOB_ID_MAX + 1];

    fail_now(job_create(ledger, &j, one, &err));
    fail_now(job_create(ledger, &j, two, &err));
    ck_assert_int_eq(strncmp(one, "backfill-", 9), 0);
    ck_assert_uint_eq(strlen(one), 9 + 36);
    ck_assert_str_ne(one, two);
    j.id = one;
    ck_assert_uint_eq(job_create(ledger, &j, NULL, &err), SLUICE_INVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "already"));
}
END_TEST

START_TEST(who_is_not_there_is_told_by_name)
{
    struct seen s = {"", 0};

    ck_assert_uint_eq(job_get(ledger, "nobody", &job, &err), SLUICE_REJECT);
    ck_assert_ptr_nonnull(strstr(err.message, "nobody"));
    ck_assert_uint_eq(job_add_users(ledger, "nobody", NULL, 0, NULL, NULL, &err), SLUICE_REJECT);
    ck_assert_uint_eq(job_mark(ledger, "nobody", NULL, 0, NULL, 0, NULL, &err), SLUICE_REJECT);
    ck_assert_uint_eq(job_set_state(ledger, "nobody", JOB_WAITING, NULL, &err), SLUICE_REJECT);
    ck_assert_uint_eq(job_set_total(ledger, "nobody", 1, &err), SLUICE_REJECT);
    ck_assert_uint_eq(job_cancel(ledger, "nobody", &err), SLUICE_REJECT);
    ck_assert_uint_eq(job_retry(ledger, "nobody", NULL, &err), SLUICE_REJECT);
    ck_assert_uint_eq(job_delete(ledger, "nobody", &err), SLUICE_REJECT);
    ck_assert_uint_eq(job_lease(ledger, "nobody", "me", 1, NULL, &err), SLUICE_REJECT);
    ck_assert_uint_eq(job_scan(ledger, "nobody", NULL, NULL, 0, see, &s, NULL, &err), SLUICE_REJECT);
    ck_assert_uint_eq(job_get(ledger, "no good id", &job, &err), SLUICE_REJECT);
    make("j", -1);
    ck_assert_uint_eq(job_find_user(ledger, "j", "nobody", see, &s, &err), SLUICE_REJECT);
    ck_assert_ptr_nonnull(strstr(err.message, "nobody"));
}
END_TEST

START_TEST(users_are_added_once_and_the_cursor_moves_with_them)
{
    static const char *const more[] = {"c", "d", "c"};

    make("j", 4);
    ck_assert_uint_eq(add("j", abc, 3, "line 3"), 3);
    ck_assert_uint_eq(mark("j", "a", JOB_EVENT_SENT, JOB_NO_STEP, NULL), 0);
    ck_assert_uint_eq(add("j", abc, 3, NULL), 0);
    ck_assert_uint_eq(add("j", more, 3, "line 6"), 1);
    counts("j", 3, 1, 0, 0, 0);
    ck_assert_str_eq(job.cursor, "line 6");
    ck_assert_uint_eq(job_added(&job), 4);
    ck_assert_str_eq(users_of("j", NULL, 2), "a:sent b:pending c:pending d:pending ");
}
END_TEST

START_TEST(a_user_is_done_when_every_step_is)
{
    make("j", 3);
    (void)add("j", abc, 3, NULL);
    (void)mark("j", "a", JOB_EVENT_SENT, JOB_NO_STEP, NULL);
    (void)mark("j", "a", JOB_EVENT_LOADED, 0, NULL);
    (void)mark("j", "a", JOB_EVENT_LOADED, 0, NULL);
    counts("j", 2, 1, 0, 0, 0);
    (void)mark("j", "a", JOB_EVENT_LOADED, 1, NULL);
    (void)mark("j", "b", JOB_EVENT_FAILED, 1, "rejected: it is broken");
    (void)mark("j", "c", JOB_EVENT_SKIPPED, 0, "not_enrolled");
    (void)mark("j", "c", JOB_EVENT_SKIPPED, 1, "not_enrolled");
    counts("j", 0, 0, 1, 1, 1);
    ck_assert_uint_eq(job.n_steps, 2);
    ck_assert_str_eq(job.steps[0], "receipts");
    ck_assert_str_eq(job.steps[1], "shop-orders");
    ck_assert_uint_eq(job.loaded[0], 1);
    ck_assert_uint_eq(job.loaded[1], 1);
    ck_assert_str_eq(users_of("j", NULL, 0),
                     "a:done b:failed:rejected: it is broken@shop-orders c:skipped:not_enrolled@receipts ");
}
END_TEST

START_TEST(marks_of_one_call_are_taken_in_their_order_and_strangers_are_counted)
{
    struct job_mark m[] = {{sluice_str_of("b"), JOB_EVENT_FAILED, 0, "first"},
                           {sluice_str_of("x"), JOB_EVENT_LOADED, 0, NULL},
                           {sluice_str_of("a"), JOB_EVENT_LOADED, 1, NULL},
                           {sluice_str_of("b"), JOB_EVENT_LOADED, 0, NULL},
                           {sluice_str_of("a"), JOB_EVENT_LOADED, 0, NULL},
                           {sluice_str_of("b"), JOB_EVENT_FAILED, 1, "second"},
                           {sluice_str_of("x"), JOB_EVENT_LOADED, 1, NULL}};
    uint64_t unknown = 0;

    make("j", 3);
    (void)add("j", abc, 3, NULL);
    fail_now(job_mark(ledger, "j", two_steps, 2, m, 7, &unknown, &err));
    ck_assert_uint_eq(unknown, 2);
    ck_assert_str_eq(users_of("j", NULL, 0), "a:done b:failed:second@shop-orders c:pending ");
    fail_now(job_mark(ledger, "j", two_steps, 2, m, 7, &unknown, &err)); /* the same once more */
    ck_assert_str_eq(users_of("j", NULL, 0), "a:done b:failed:second@shop-orders c:pending ");
    fail_now(job_get(ledger, "j", &job, &err));
    ck_assert_uint_eq(job.loaded[0], 2);
    ck_assert_uint_eq(job.loaded[1], 1);
}
END_TEST

START_TEST(steps_are_known_by_name_whatever_their_order)
{
    static const char *const turned[] = {"shop-orders", "receipts"};
    struct job_mark m = {sluice_str_of("a"), JOB_EVENT_LOADED, 0, NULL};

    make("j", 1);
    (void)add("j", abc, 1, NULL);
    (void)mark("j", "a", JOB_EVENT_LOADED, 0, NULL); /* receipts */
    fail_now(job_mark(ledger, "j", turned, 2, &m, 1, NULL, &err));
    counts("j", 0, 0, 1, 0, 0);
    ck_assert_uint_eq(job.n_steps, 2);
}
END_TEST

START_TEST(the_only_step_of_a_pipeline_has_no_name)
{
    static const char *const unnamed[] = {""};
    struct job_mark m = {sluice_str_of("a"), JOB_EVENT_LOADED, 0, NULL};

    make("j", 1);
    (void)add("j", abc, 1, NULL);
    fail_now(job_mark(ledger, "j", unnamed, 1, &m, 1, NULL, &err));
    counts("j", 0, 0, 1, 0, 0);
    ck_assert_uint_eq(job.n_steps, 1);
    ck_assert_str_eq(job.steps[0], "");
    ck_assert_uint_eq(job.loaded[0], 1);
}
END_TEST

START_TEST(a_job_ends_by_its_users)
{
    make("j", 2);
    (void)add("j", abc, 2, NULL);
    ck_assert_uint_eq(job_set_state(ledger, "j", JOB_DONE, NULL, &err), SLUICE_INVALID);
    (void)mark("j", "a", JOB_EVENT_SKIPPED, JOB_NO_STEP, "duplicate");
    (void)mark("j", "b", JOB_EVENT_SENT, JOB_NO_STEP, NULL);
    fail_now(job_set_state(ledger, "j", JOB_WAITING, NULL, &err));
    fail_now(job_get(ledger, "j", &job, &err));
    ck_assert_int_eq(job.state, JOB_WAITING);
    (void)mark("j", "b", JOB_EVENT_LOADED, 0, NULL);
    (void)mark("j", "b", JOB_EVENT_FAILED, 1, "no");
    fail_now(job_get(ledger, "j", &job, &err));
    ck_assert_int_eq(job.state, JOB_FINISHED_FAILED);
    (void)mark("j", "b", JOB_EVENT_LOADED, 1, NULL);
    fail_now(job_get(ledger, "j", &job, &err));
    ck_assert_int_eq(job.state, JOB_DONE);
    ck_assert_uint_eq(job_cancel(ledger, "j", &err), SLUICE_INVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "over"));
}
END_TEST

START_TEST(retry_takes_up_the_failed_and_only_them)
{
    uint64_t n = 9;

    make("j", 3);
    (void)add("j", abc, 3, NULL);
    (void)mark("j", "a", JOB_EVENT_LOADED, 0, NULL);
    (void)mark("j", "a", JOB_EVENT_LOADED, 1, NULL);
    (void)mark("j", "b", JOB_EVENT_LOADED, 0, NULL);
    (void)mark("j", "b", JOB_EVENT_FAILED, 1, "no");
    (void)mark("j", "c", JOB_EVENT_FAILED, JOB_NO_STEP, "not sent");
    fail_now(job_set_state(ledger, "j", JOB_WAITING, NULL, &err));
    fail_now(job_retry(ledger, "j", &n, &err));
    ck_assert_uint_eq(n, 2);
    counts("j", 2, 0, 1, 0, 0);
    ck_assert_int_eq(job.state, JOB_RUNNING);
    ck_assert_str_eq(users_of("j", NULL, 0), "a:done b:pending c:pending ");
    fail_now(job_retry(ledger, "j", &n, &err));
    ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(a_cancelled_job_stays_so_until_it_is_retried)
{
    enum job_state state;
    uint64_t n;

    make("j", 1);
    (void)add("j", abc, 1, NULL);
    fail_now(job_lease(ledger, "j", "me", 60000, &state, &err));
    ck_assert_int_eq(state, JOB_RUNNING);
    fail_now(job_cancel(ledger, "j", &err));
    fail_now(job_lease(ledger, "j", "me", 60000, &state, &err)); /* its sender hears of it here */
    ck_assert_int_eq(state, JOB_CANCELLED);
    ck_assert_uint_eq(job_set_state(ledger, "j", JOB_WAITING, NULL, &err), SLUICE_INVALID);
    (void)mark("j", "a", JOB_EVENT_LOADED, 0, NULL); /* a report still counts */
    (void)mark("j", "a", JOB_EVENT_LOADED, 1, NULL);
    counts("j", 0, 0, 1, 0, 0);
    ck_assert_int_eq(job.state, JOB_CANCELLED);
    fail_now(job_retry(ledger, "j", &n, &err));
    fail_now(job_get(ledger, "j", &job, &err));
    ck_assert_int_eq(job.state, JOB_RUNNING);
}
END_TEST

START_TEST(a_broken_job_says_why)
{
    make("j", 1);
    fail_now(job_set_state(ledger, "j", JOB_BROKEN, "the file is gone", &err));
    fail_now(job_get(ledger, "j", &job, &err));
    ck_assert_int_eq(job.state, JOB_BROKEN);
    ck_assert_str_eq(job.error, "the file is gone");
}
END_TEST

START_TEST(one_sender_at_a_time)
{
    struct job_ledger *other = open_one();

    make("j", 1);
    fail_now(job_lease(ledger, "j", "worker 1", 60000, NULL, &err));
    ck_assert_uint_eq(job_lease(other, "j", "worker 2", 60000, NULL, &err), SLUICE_RETRY);
    ck_assert_ptr_nonnull(strstr(err.message, "worker 1"));
    ck_assert_uint_gt(err.retry_after_ms, 0);
    fail_now(job_lease(ledger, "j", "worker 1", 60000, NULL, &err));
    fail_now(job_get(other, "j", &job, &err));
    ck_assert_str_eq(job.owner, "worker 1");
    fail_now(job_lease_end(other, "j", "worker 2", &err)); /* not his to give back */
    ck_assert_uint_eq(job_lease(other, "j", "worker 2", 60000, NULL, &err), SLUICE_RETRY);
    fail_now(job_lease_end(ledger, "j", "worker 1", &err));
    fail_now(job_lease(other, "j", "worker 2", 1, NULL, &err));
    do /* it runs out by the store's clock; each answer is a round trip */
        fail_now(job_get(ledger, "j", &job, &err));
    while (job.owner[0] != '\0');
    fail_now(job_lease(ledger, "j", "worker 1", 60000, NULL, &err));
    job_ledger_close(other);
}
END_TEST

static int collect_ids(void *context, const struct job *j)
{
    struct seen *s = context;
    size_t at = strlen(s->text);

    (void)snprintf(s->text + at, sizeof s->text - at, "%s ", j->id);
    return 0;
}

START_TEST(jobs_are_listed_and_deleted)
{
    struct seen all = {"", 0}, open = {"", 0}, rest = {"", 0};

    make("j1", 0);
    make("j2", 1);
    make("j3", 1);
    (void)add("j2", abc, 3, NULL);
    (void)add("j3", abc, 3, NULL);
    fail_now(job_set_state(ledger, "j1", JOB_WAITING, NULL, &err)); /* done: it has no users */
    fail_now(job_list(ledger, 0, collect_ids, &all, &err));
    ck_assert_uint_eq(strlen(all.text), 9);
    fail_now(job_list(ledger, 1, collect_ids, &open, &err));
    ck_assert_ptr_null(strstr(open.text, "j1"));
    ck_assert_ptr_nonnull(strstr(open.text, "j3"));
    fail_now(job_delete(ledger, "j2", &err));
    fail_now(job_list(ledger, 0, collect_ids, &rest, &err));
    ck_assert_ptr_null(strstr(rest.text, "j2"));
    counts("j3", 3, 0, 0, 0, 0);
    make("j2", 1); /* the name is free, and nothing of the old one is left */
    counts("j2", 0, 0, 0, 0, 0);
    ck_assert_str_eq(users_of("j2", NULL, 0), "");
}
END_TEST

START_TEST(scans_page_by_state)
{
    const enum job_user_state sent = JOB_USER_SENT, done = JOB_USER_DONE;
    char name[8][32];
    const char *names[8];
    uint32_t i;

    make("j", 8);
    for (i = 0; i < 8; i++) {
        (void)snprintf(name[i], sizeof name[i], "user-%u", i);
        names[i] = name[i];
    }
    (void)add("j", names, 8, NULL);
    for (i = 0; i < 8; i += 2)
        (void)mark("j", name[i], JOB_EVENT_SENT, JOB_NO_STEP, NULL);
    ck_assert_str_eq(users_of("j", &sent, 3), "user-0:sent user-2:sent user-4:sent user-6:sent ");
    ck_assert_str_eq(users_of("j", &sent, 4), "user-0:sent user-2:sent user-4:sent user-6:sent ");
    ck_assert_str_eq(users_of("j", &sent, 1), "user-0:sent user-2:sent user-4:sent user-6:sent ");
    ck_assert_str_eq(users_of("j", &done, 3), "");
    ck_assert_str_eq(users_of("j", NULL, 3),
                     "user-0:sent user-1:pending user-2:sent user-3:pending user-4:sent user-5:pending "
                     "user-6:sent user-7:pending ");
}
END_TEST

START_TEST(what_cannot_be_kept_is_refused_before_anything_is)
{
    struct sluice_str users[2] = {sluice_str_of("good"), sluice_str_of("")};
    struct job_new j = {.id = "a b", .kind = "x", .total = -1};
    char longest[JOB_USER_MAX + 2];

    make("j", 1);
    ck_assert_uint_eq(job_add_users(ledger, "j", users, 2, NULL, NULL, &err), SLUICE_INVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "user 2 of 2"));
    users[1] = sluice_str_of("new\nline");
    ck_assert_uint_eq(job_add_users(ledger, "j", users, 2, NULL, NULL, &err), SLUICE_INVALID);
    memset(longest, 'u', sizeof longest);
    users[1] = (struct sluice_str){longest, JOB_USER_MAX + 1};
    ck_assert_uint_eq(job_add_users(ledger, "j", users, 2, NULL, NULL, &err), SLUICE_INVALID);
    users[1].len = JOB_USER_MAX;
    fail_now(job_add_users(ledger, "j", users, 2, NULL, NULL, &err));
    counts("j", 2, 0, 0, 0, 0);
    ck_assert_uint_eq(job_create(ledger, &j, NULL, &err), SLUICE_INVALID);
    j.id = NULL;
    j.kind = "a name of a kind that is far too long for one";
    ck_assert_uint_eq(job_create(ledger, &j, NULL, &err), SLUICE_INVALID);
}
END_TEST

START_TEST(a_closed_ledger_answers_at_once)
{
    make("j", 1);
    job_ledger_cancel(ledger);
    ck_assert_uint_eq(job_get(ledger, "j", &job, &err), SLUICE_CANCELLED);
}
END_TEST

ONE_SUITE_WITH("job_store", 120, ledger_setup, ledger_teardown, a_new_job_is_kept_as_it_was_given,
               an_id_is_made_where_none_is_given_and_never_used_twice, who_is_not_there_is_told_by_name,
               users_are_added_once_and_the_cursor_moves_with_them, a_user_is_done_when_every_step_is,
               marks_of_one_call_are_taken_in_their_order_and_strangers_are_counted,
               steps_are_known_by_name_whatever_their_order, the_only_step_of_a_pipeline_has_no_name,
               a_job_ends_by_its_users, retry_takes_up_the_failed_and_only_them,
               a_cancelled_job_stays_so_until_it_is_retried, a_broken_job_says_why, one_sender_at_a_time,
               jobs_are_listed_and_deleted, scans_page_by_state,
               what_cannot_be_kept_is_refused_before_anything_is, a_closed_ledger_answers_at_once)
