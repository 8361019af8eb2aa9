/* A disk that is really full: a tmpfs of 256 KiB, mounted where only this process sees it. */
#include <check.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "dead_letter.h"
#include "temp_dir.h"

static char *dir;
static struct sluice_error err;
static struct state_db *db;

static struct dead_letter letter_at(uint64_t position, const char *payload, uint64_t len)
{
    struct dead_letter l;

    memset(&l, 0, sizeof l);
    l.pipeline = "p";
    l.step = "";
    l.stage = "s";
    l.lane = "l";
    l.reason = "r";
    l.position = position;
    l.payload.data = payload;
    l.payload.len = l.size = len;
    return l;
}

static int count_one(void *context, int64_t id, const struct dead_letter *l)
{
    (void)id;
    ck_assert_uint_eq(l->payload.len, l->size);
    ++*(uint32_t *)context;
    return 0;
}

static uint32_t letters_kept(void)
{
    struct dead_letter_filter all = {.limit = 0};
    uint32_t n = 0;

    ck_assert_msg(dead_letter_list(db, &all, count_one, &n, &err) == SLUICE_OK, "%s", err.message);
    return n;
}

static void setup(void)
{
    memset(&err, 0, sizeof err);
    err.struct_size = sizeof err;
    dir = temp_dir_make();
    ck_assert_int_eq(mount("tmpfs", dir, "tmpfs", 0, "size=256k,mode=0700"), 0);
    db = state_db_open(dir, STATE_RUN, &err);
    ck_assert_msg(db != NULL, "%s", err.message);
}

static void teardown(void)
{
    state_db_close(db);
    umount(dir);
    temp_dir_remove(dir);
}

START_TEST(a_letter_that_does_not_fit_is_refused_with_words_and_earlier_ones_stay)
{
    static char payload[300000];
    struct dead_letter l = letter_at(1, payload, 2000);

    ck_assert_msg(dead_letter_put(db, &l, 1, NULL, NULL, &err) == SLUICE_OK, "%s", err.message);
    l = letter_at(2, payload, sizeof payload);
    ck_assert_uint_eq(dead_letter_put(db, &l, 1, NULL, NULL, &err), SLUICE_RETRY);
    ck_assert_msg(strstr(err.message, "the disk is full") != NULL, "%s", err.message);
    ck_assert_uint_eq(letters_kept(), 1);
    l = letter_at(3, payload, 100);
    ck_assert_msg(dead_letter_put(db, &l, 1, NULL, NULL, &err) == SLUICE_OK, "%s", err.message);
    ck_assert_uint_eq(letters_kept(), 2);
}
END_TEST

START_TEST(filling_the_disk_letter_by_letter_keeps_exactly_those_that_were_told_as_kept)
{
    static char payload[1000];
    struct dead_letter l;
    uint32_t kept = 0, i;

    for (i = 0; i < 1000; i++) {
        l = letter_at(i, payload, sizeof payload);
        if (dead_letter_put(db, &l, 1, NULL, NULL, &err) != SLUICE_OK)
            break;
        kept++;
    }
    ck_assert_uint_lt(i, 1000);
    ck_assert_msg(strstr(err.message, "the disk is full") != NULL, "%s", err.message);
    ck_assert_uint_eq(letters_kept(), kept);
    state_db_close(db);
    db = state_db_open(dir, STATE_RUN, &err);
    ck_assert_msg(db != NULL, "%s", err.message);
    ck_assert_uint_eq(letters_kept(), kept);
}
END_TEST

int main(void)
{
    Suite *s;
    TCase *t;
    SRunner *r;
    int failed;

    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", "/mnt", "tmpfs", 0, "size=64k") != 0) {
        fprintf(stderr, "SKIP: a tmpfs cannot be mounted here: %s\n", strerror(errno));
        return 77;
    }
    s = suite_create("disk_full");
    t = tcase_create("disk_full");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_letter_that_does_not_fit_is_refused_with_words_and_earlier_ones_stay);
    tcase_add_test(t, filling_the_disk_letter_by_letter_keeps_exactly_those_that_were_told_as_kept);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
