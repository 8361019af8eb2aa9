/* The ledger of jobs under load and between processes: many reporters, a large job, kill -9, old
 * jobs, a file that is none.  SQLite; with SLUICE_TEST_VALKEY=host:port what is not of the file. */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "ledger_fixture.h"
#include "one_suite.h"
#include "temp_dir.h"

/* Four who report and one who sends, all at once: the same users, steps in turn. */
struct reporter {
    uint32_t step, first;
};

static void *report_all(void *context)
{
    const struct reporter *r = context;
    struct sluice_error mine = {.struct_size = sizeof mine};
    struct job_ledger *l = job_ledger_open(&plan, JOB_LEDGER_USE, &mine);
    struct job_mark m[20];
    char name[20][16];
    uint32_t i, j, code;

    if (l == NULL)
        return (void *)"no ledger";
    for (i = 0; i < 10; i++) {
        for (j = 0; j < 20; j++) {
            (void)snprintf(name[j], sizeof name[j], "u%u", (r->first + i * 20 + j) % 200);
            m[j] = (struct job_mark){sluice_str_of(name[j]), r->step == 2 ? JOB_EVENT_SENT : JOB_EVENT_LOADED,
                                     r->step == 2 ? JOB_NO_STEP : r->step, NULL};
        }
        do
            code =
                job_mark(l, "j", r->step == 2 ? NULL : two_steps, r->step == 2 ? 0 : 2, m, 20, NULL, &mine);
        while (code == SLUICE_RETRY);
        if (code != SLUICE_OK)
            return (void *)"a report failed";
    }
    job_ledger_close(l);
    return NULL;
}

START_TEST(many_who_report_at_once_lose_nothing)
{
    static const struct reporter who[] = {{0, 0}, {1, 0}, {0, 100}, {1, 37}, {2, 5}};
    pthread_t threads[5];
    struct sluice_str users[200];
    char name[200][16];
    void *said;
    uint32_t i;

    make("j", 200);
    for (i = 0; i < 200; i++) {
        (void)snprintf(name[i], sizeof name[i], "u%u", i);
        users[i] = sluice_str_of(name[i]);
    }
    fail_now(job_add_users(ledger, "j", users, 200, NULL, NULL, &err));
    for (i = 0; i < 5; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, report_all, (void *)(uintptr_t)&who[i]), 0);
    for (i = 0; i < 5; i++) {
        pthread_join(threads[i], &said);
        ck_assert_msg(said == NULL, "%s", (const char *)said);
    }
    counts("j", 0, 0, 200, 0, 0);
    ck_assert_uint_eq(job.loaded[0], 200);
    ck_assert_uint_eq(job.loaded[1], 200);
}
END_TEST

static uint64_t resident_kib(void)
{
    unsigned long long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%llu %llu", &pages, &resident), 2);
    fclose(f);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

static int count_user(void *context, const struct job_user *u)
{
    (void)u;
    ++*(uint32_t *)context;
    return 0;
}

/* Pages of 1,000: the memory of the process does not grow with the job. */
START_TEST(a_job_of_200000_users_takes_no_more_memory_than_one_of_2000)
{
    static char names[1000][24];
    static struct sluice_str users[1000];
    static struct job_mark marks[1000];
    const enum job_user_state sent = JOB_USER_SENT;
    char after[JOB_USER_MAX + 1] = "", next[JOB_USER_MAX + 1];
    uint64_t small = 0, large;
    uint32_t page, i, seen = 0;

    make("j", 200000);
    for (page = 0; page < 200; page++) {
        for (i = 0; i < 1000; i++) {
            (void)snprintf(names[i], sizeof names[i], "5f3759df-%07u", page * 1000 + i);
            users[i] = sluice_str_of(names[i]);
            marks[i] = (struct job_mark){users[i], JOB_EVENT_SENT, JOB_NO_STEP, NULL};
        }
        fail_now(job_add_users(ledger, "j", users, 1000, names[999], NULL, &err));
        fail_now(job_mark(ledger, "j", NULL, 0, marks, 1000, NULL, &err));
        if (page == 1)
            small = resident_kib();
    }
    do {
        fail_now(job_scan(ledger, "j", &sent, after, 1000, count_user, &seen, next, &err));
        memcpy(after, next, sizeof after);
    } while (next[0] != '\0');
    large = resident_kib();
    ck_assert_uint_eq(seen, 200000);
    counts("j", 0, 200000, 0, 0, 0);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    small = large; /* a sanitizer keeps what was freed */
#endif
    ck_assert_msg(large < small + 4096, "%llu KiB after 2,000 users, %llu after 200,000",
                  (unsigned long long)small, (unsigned long long)large);
    fail_now(job_delete(ledger, "j", &err));
}
END_TEST

/* Only of the file: a job that nothing changed in goes, one with a lease stays. */
START_TEST(old_jobs_are_deleted)
{
    uint64_t deleted = 9;

    if (getenv("SLUICE_TEST_VALKEY") != NULL)
        return; /* the server expires them by its own clock */
    make("old", 1);
    make("held", 1);
    (void)add("old", abc, 3, NULL);
    fail_now(job_ledger_expire(ledger, &deleted, &err));
    ck_assert_uint_eq(deleted, 0);
    clock_skip_ms(31ll * 86400 * 1000);
    fail_now(job_lease(ledger, "held", "me", 60000, NULL, &err));
    make("new", 1);
    fail_now(job_ledger_expire(ledger, &deleted, &err));
    ck_assert_uint_eq(deleted, 1);
    ck_assert_uint_eq(job_get(ledger, "old", &job, &err), SLUICE_REJECT);
    fail_now(job_get(ledger, "held", &job, &err));
    fail_now(job_get(ledger, "new", &job, &err));
}
END_TEST

/* Only of the file: what a process that was killed had been told is there. */
START_TEST(a_killed_process_leaves_what_it_was_told)
{
    struct sluice_str u;
    char name[16];
    int ends[2], n = 0, told = 0;
    pid_t child;

    if (getenv("SLUICE_TEST_VALKEY") != NULL)
        return;
    make("j", 1);
    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        struct job_ledger *l = job_ledger_open(&plan, JOB_LEDGER_USE, &err);

        for (;; n++) {
            (void)snprintf(name, sizeof name, "u%06d", n);
            u = sluice_str_of(name);
            if (job_add_users(l, "j", &u, 1, name, NULL, &err) != SLUICE_OK ||
                write(ends[1], &n, sizeof n) != sizeof n)
                _exit(1);
        }
    }
    while (told < 40 && read(ends[0], &told, sizeof told) == sizeof told)
        ;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ends[1]);
    while (read(ends[0], &n, sizeof n) == sizeof n)
        told = n;
    close(ends[0]);
    fail_now(job_get(ledger, "j", &job, &err));
    ck_assert_uint_ge(job_added(&job), (uint64_t)told + 1);
    ck_assert_uint_le(job_added(&job), (uint64_t)told + 2);
    (void)snprintf(name, sizeof name, "u%06d", (int)job_added(&job) - 1);
    ck_assert_str_eq(job.cursor, name); /* users and cursor moved together */
}
END_TEST

START_TEST(a_look_at_a_folder_without_jobs_says_so)
{
    char *empty;

    if (getenv("SLUICE_TEST_VALKEY") != NULL)
        return;
    empty = temp_dir_make();
    plan.state_dir = empty;
    ck_assert_ptr_null(job_ledger_open(&plan, JOB_LEDGER_LOOK, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "no jobs"));
    plan.state_dir = dir;
    temp_dir_remove(empty);
}
END_TEST

START_TEST(a_database_of_somebody_else_is_refused)
{
    char path[4096];
    FILE *f;

    if (getenv("SLUICE_TEST_VALKEY") != NULL)
        return;
    job_ledger_close(ledger);
    (void)snprintf(path, sizeof path, "%s/jobs.sqlite", dir);
    (void)unlink(path);
    f = fopen(path, "w");
    fputs("this is no database, but it is long enough to look like a header of one ...", f);
    fclose(f);
    ck_assert_ptr_null(job_ledger_open(&plan, JOB_LEDGER_USE, &err));
    ck_assert_msg(strstr(err.message, "damaged") != NULL, "%s", err.message);
    ck_assert_int_eq(unlink(path), 0);
    ledger = open_one();
}
END_TEST

ONE_SUITE_WITH("job_store_load", 120, ledger_setup, ledger_teardown, many_who_report_at_once_lose_nothing,
               a_job_of_200000_users_takes_no_more_memory_than_one_of_2000, old_jobs_are_deleted,
               a_killed_process_leaves_what_it_was_told, a_look_at_a_folder_without_jobs_says_so,
               a_database_of_somebody_else_is_refused)
