/* The state folder: one holder, readable always, never another's database. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "state_db_sql.h"
#include "temp_dir.h"

static char *dir;
static struct sluice_error err;

static void setup(void)
{
    memset(&err, 0, sizeof err);
    err.struct_size = sizeof err;
    dir = temp_dir_make();
}

static void teardown(void)
{
    temp_dir_remove(dir);
}

static struct state_db *opened(enum state_mode mode)
{
    struct state_db *db = state_db_open(dir, mode, &err);

    ck_assert_msg(db != NULL, "%s", err.message);
    return db;
}

static void refused(enum state_mode mode, const char *words)
{
    ck_assert_ptr_null(state_db_open(dir, mode, &err));
    ck_assert_msg(strstr(err.message, words) != NULL, "'%s' is not in: %s", words, err.message);
}

/* A file in dir. */
static void write_file(const char *name, const void *data, size_t len, off_t at)
{
    char path[4096];
    int fd;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, data, len, at), (ssize_t)len);
    close(fd);
}

START_TEST(a_kept_value_comes_back_after_closing)
{
    struct state_db *db = opened(STATE_RUN);
    char out[16];

    ck_assert_uint_eq(state_db_put(db, "p/i", "k", "one", 3, &err), SLUICE_OK);
    ck_assert_uint_eq(state_db_put(db, "p/i", "k", "second", 6, &err), SLUICE_OK);
    state_db_close(db);
    db = opened(STATE_RUN);
    ck_assert_int_eq(state_db_get(db, "p/i", "k", out, sizeof out, &err), 6);
    ck_assert_int_eq(memcmp(out, "second", 6), 0);
    state_db_close(db);
}
END_TEST

START_TEST(an_absent_value_is_told_from_an_empty_one_and_from_another_owners)
{
    struct state_db *db = opened(STATE_RUN);
    char out[4];

    ck_assert_uint_eq(state_db_put(db, "a", "k", NULL, 0, &err), SLUICE_OK);
    ck_assert_int_eq(state_db_get(db, "a", "k", out, sizeof out, &err), 0);
    ck_assert_int_eq(state_db_get(db, "b", "k", out, sizeof out, &err), -1);
    state_db_close(db);
}
END_TEST

START_TEST(a_value_that_does_not_fit_is_measured_and_not_written)
{
    struct state_db *db = opened(STATE_RUN);
    char out[4] = "abc";

    ck_assert_uint_eq(state_db_put(db, "a", "k", "12345", 5, &err), SLUICE_OK);
    ck_assert_int_eq(state_db_get(db, "a", "k", out, sizeof out, &err), 5);
    ck_assert_str_eq(out, "abc");
    state_db_close(db);
}
END_TEST

START_TEST(too_large_a_key_or_value_is_refused)
{
    struct state_db *db = opened(STATE_RUN);
    static char big[70000];
    char key[300];

    memset(key, 'k', sizeof key);
    key[256] = '\0';
    ck_assert_uint_eq(state_db_put(db, "a", key, "v", 1, &err), SLUICE_INVALID);
    ck_assert_uint_eq(state_db_put(db, "a", "", "v", 1, &err), SLUICE_INVALID);
    ck_assert_uint_eq(state_db_put(db, "a", "k", big, 65537, &err), SLUICE_INVALID);
    ck_assert_uint_eq(state_db_put(db, "a", "k", big, 65536, &err), SLUICE_OK);
    state_db_close(db);
}
END_TEST

START_TEST(the_second_opener_is_told_who_holds_it)
{
    struct state_db *db = opened(STATE_RUN);
    char pid[40], host[200];

    (void)snprintf(pid, sizeof pid, "pid %ld on ", (long)getpid());
    ck_assert_int_eq(gethostname(host, sizeof host), 0);
    refused(STATE_RUN, pid);
    ck_assert_ptr_nonnull(strstr(err.message, host));
    ck_assert_ptr_nonnull(strstr(err.message, "since 20"));
    ck_assert_ptr_nonnull(strstr(err.message, "stop that run"));
    ck_assert_str_eq(err.option, "state_dir");
    state_db_close(db);
    state_db_close(opened(STATE_RUN));
}
END_TEST

START_TEST(a_reader_works_while_a_run_holds_it_and_writes_nothing)
{
    struct state_db *db = opened(STATE_RUN), *reader = opened(STATE_READ);
    char out[8];

    ck_assert_uint_eq(state_db_put(db, "a", "k", "v1", 2, &err), SLUICE_OK);
    ck_assert_int_eq(state_db_get(reader, "a", "k", out, sizeof out, &err), 2);
    ck_assert_uint_eq(state_db_put(db, "a", "k", "v22", 3, &err), SLUICE_OK);
    ck_assert_int_eq(state_db_get(reader, "a", "k", out, sizeof out, &err), 3);
    ck_assert_uint_eq(state_db_put(reader, "a", "k", "x", 1, &err), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(err.message, "only for reading"));
    state_db_close(reader);
    state_db_close(db);
}
END_TEST

START_TEST(a_reader_of_a_folder_without_state_is_told_so)
{
    refused(STATE_READ, "there is no state in");
}
END_TEST

START_TEST(the_folder_is_made_with_its_parents_and_only_for_its_owner)
{
    char *base = dir, path[4096];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/a/b", base);
    dir = path;
    state_db_close(opened(STATE_RUN));
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0700);
    (void)snprintf(path, sizeof path, "%s/a/b/state.db", base);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    dir = base;
}
END_TEST

START_TEST(a_newer_version_is_refused_by_name)
{
    struct state_db *db = opened(STATE_RUN);

    ck_assert_int_eq(sqlite3_exec(db->sql, "UPDATE schema_version SET version = 7", NULL, NULL, NULL),
                     SQLITE_OK);
    state_db_close(db);
    refused(STATE_RUN, "has version 7 and this sluice knows versions up to 1");
    refused(STATE_READ, "has version 7");
}
END_TEST

START_TEST(a_database_of_another_program_is_refused_and_left_alone)
{
    char path[4096];
    sqlite3 *sql;

    (void)snprintf(path, sizeof path, "%s/state.db", dir);
    ck_assert_int_eq(sqlite3_open(path, &sql), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(sql, "CREATE TABLE theirs(x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(sql);
    refused(STATE_RUN, "a database of another program");
}
END_TEST

START_TEST(a_file_that_is_no_database_is_refused_with_what_to_do)
{
    char garbage[8192];

    memset(garbage, 'x', sizeof garbage);
    write_file("state.db", garbage, sizeof garbage, 0);
    refused(STATE_RUN, "is damaged");
    ck_assert_ptr_nonnull(strstr(err.message, "move it away"));
    refused(STATE_READ, "is damaged");
}
END_TEST

START_TEST(a_database_with_a_broken_page_is_refused_with_what_to_do)
{
    struct state_db *db = opened(STATE_RUN);
    char garbage[4096], key[16];
    int i;

    for (i = 0; i < 200; i++) {
        (void)snprintf(key, sizeof key, "%d", i);
        ck_assert_uint_eq(state_db_put(db, "a", key, garbage, 200, &err), SLUICE_OK);
    }
    state_db_close(db);
    memset(garbage, 0xa5, sizeof garbage);
    write_file("state.db", garbage, sizeof garbage, 3 * 4096);
    refused(STATE_RUN, "is damaged");
}
END_TEST

START_TEST(a_folder_that_cannot_be_made_is_named)
{
    char *base = dir, path[4096];

    write_file("file", "x", 1, 0);
    (void)snprintf(path, sizeof path, "%s/file/state", base);
    dir = path;
    refused(STATE_RUN, "cannot make the folder");
    dir = base;
}
END_TEST

/* Writes "n" under key n for ever, telling each one once it is kept. */
static void write_until_killed(int out)
{
    struct state_db *db = state_db_open(dir, STATE_RUN, &err);
    char key[16];
    uint32_t i;

    for (i = 0; db != NULL; i++) {
        (void)snprintf(key, sizeof key, "%u", i);
        if (state_db_put(db, "a", key, key, strlen(key), &err) != SLUICE_OK)
            break;
        if (write(out, &i, sizeof i) != (ssize_t)sizeof i)
            break;
    }
    _exit(1);
}

START_TEST(a_writer_killed_anywhere_leaves_all_that_it_told_as_kept)
{
    struct timespec pause = {0, (long)_i * 1700 * 1000};
    struct state_db *db;
    uint32_t i, told = 0, n;
    char key[16], out[16];
    int fds[2], status;
    pid_t child;

    ck_assert_int_eq(pipe(fds), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        close(fds[0]);
        write_until_killed(fds[1]);
    }
    close(fds[1]);
    /* Not a wait for something: it only varies the moment of the kill. */
    nanosleep(&pause, NULL);
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    while (read(fds[0], &n, sizeof n) == (ssize_t)sizeof n)
        told = n + 1;
    close(fds[0]);
    db = opened(STATE_RUN);
    for (i = 0; i < told; i++) {
        (void)snprintf(key, sizeof key, "%u", i);
        ck_assert_int_eq(state_db_get(db, "a", key, out, sizeof out, &err), (int64_t)strlen(key));
        ck_assert_int_eq(memcmp(out, key, strlen(key)), 0);
    }
    /* One more may be on disk that was not told yet; the one after it may not. */
    (void)snprintf(key, sizeof key, "%u", told + 1);
    ck_assert_int_eq(state_db_get(db, "a", key, out, sizeof out, &err), -1);
    state_db_close(db);
}
END_TEST

START_TEST(the_lock_of_a_killed_run_is_free)
{
    int fds[2], status;
    pid_t child;
    char c;

    ck_assert_int_eq(pipe(fds), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (state_db_open(dir, STATE_RUN, &err) == NULL || write(fds[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(fds[0], &c, 1), 1);
    refused(STATE_RUN, "is in use by pid");
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    state_db_close(opened(STATE_RUN));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("state_db");
    TCase *t = tcase_create("state_db");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_kept_value_comes_back_after_closing);
    tcase_add_test(t, an_absent_value_is_told_from_an_empty_one_and_from_another_owners);
    tcase_add_test(t, a_value_that_does_not_fit_is_measured_and_not_written);
    tcase_add_test(t, too_large_a_key_or_value_is_refused);
    tcase_add_test(t, the_second_opener_is_told_who_holds_it);
    tcase_add_test(t, a_reader_works_while_a_run_holds_it_and_writes_nothing);
    tcase_add_test(t, a_reader_of_a_folder_without_state_is_told_so);
    tcase_add_test(t, the_folder_is_made_with_its_parents_and_only_for_its_owner);
    tcase_add_test(t, a_newer_version_is_refused_by_name);
    tcase_add_test(t, a_database_of_another_program_is_refused_and_left_alone);
    tcase_add_test(t, a_file_that_is_no_database_is_refused_with_what_to_do);
    tcase_add_test(t, a_database_with_a_broken_page_is_refused_with_what_to_do);
    tcase_add_test(t, a_folder_that_cannot_be_made_is_named);
    tcase_add_loop_test(t, a_writer_killed_anywhere_leaves_all_that_it_told_as_kept, 0, 30);
    tcase_add_test(t, the_lock_of_a_killed_run_is_free);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
