/* sluice dlq: what a person and a script see of dead letters. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dead_letter.h"
#include "temp_dir.h"

static char *dir;
static struct state_db *db;
static struct sluice_error err;

/* What the program said: stdout, stderr, exit code. */
static struct {
    char out[4u << 20];
    char told[8192];
    size_t len;
    int status;
} got;

static size_t read_all(int fd, char *out, size_t cap)
{
    size_t len = 0;
    ssize_t n;

    while ((n = read(fd, out + len, cap - 1 - len)) > 0)
        len += (size_t)n;
    out[len] = '\0';
    close(fd);
    return len;
}

static void run(const char *a, const char *b, const char *c, const char *d)
{
    const char *top = getenv("top_builddir");
    char program[4096];
    int out[2], told[2], status;
    pid_t child;

    (void)snprintf(program, sizeof program, "%s/sluice", top == NULL ? "." : top);
    ck_assert_int_eq(pipe(out), 0);
    ck_assert_int_eq(pipe(told), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        dup2(out[1], 1);
        dup2(told[1], 2);
        close(out[0]);
        close(told[0]);
        execl(program, "sluice", "dlq", a, "--state-dir", dir, b, c, d, (char *)NULL);
        _exit(99);
    }
    close(out[1]);
    close(told[1]);
    got.len = read_all(out[0], got.out, sizeof got.out);
    (void)read_all(told[0], got.told, sizeof got.told);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    got.status = WEXITSTATUS(status);
}

static void put(uint64_t position, const char *user, const char *reason, const char *payload, size_t len)
{
    static const struct sluice_str headers[] = {{"trace", 5}, {"t-1", 3}};
    struct dead_letter l;

    memset(&l, 0, sizeof l);
    l.pipeline = "receipts";
    l.step = "";
    l.stage = "decoder/json";
    l.lane = "in.jsonl";
    l.position = position;
    l.ordinal = position + 1;
    l.reason = reason;
    l.detail = "what \x1b[31m went wrong";
    l.time_ms = 1700000000123;
    l.order_key = sluice_str_of(user);
    l.payload.data = payload;
    l.payload.len = l.size = len;
    l.headers = headers;
    l.n_headers = 1;
    ck_assert_msg(dead_letter_put(db, &l, 1, NULL, NULL, &err) == SLUICE_OK, "%s", err.message);
}

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

START_TEST(list_shows_a_letter_a_line_while_a_run_holds_the_folder)
{
    put(7, "u1", "bad_json", "{", 1);
    put(8, NULL, "no_user", "{}", 2);
    run("list", NULL, NULL, NULL);
    ck_assert_msg(got.status == 0, "%s", got.told);
    ck_assert_str_eq(got.out,
                     "1  2023-11-14T22:13:20.123Z  receipts  bad_json  user u1  in.jsonl@8  1 bytes\n"
                     "    what \\x1b[31m went wrong\n"
                     "2  2023-11-14T22:13:20.123Z  receipts  no_user  user -  in.jsonl@9  2 bytes\n"
                     "    what \\x1b[31m went wrong\n");
    ck_assert_str_eq(got.told, "2 dead letters\n");
}
END_TEST

START_TEST(list_filters_by_user_and_reason)
{
    put(7, "u1", "bad_json", "{", 1);
    put(8, "u2", "bad_json", "{", 1);
    put(9, "u2", "no_user", "{", 1);
    run("list", "--user=u2", "--reason=bad_json", "--pipeline=receipts");
    ck_assert_msg(strstr(got.out, "2  2023") == got.out, "%s%s", got.out, got.told);
    ck_assert_str_eq(got.told, "1 dead letter\n");
    run("list", "--limit=1", NULL, NULL);
    ck_assert_str_eq(got.told, "1 dead letter\n");
    run("list", "--limit=none", NULL, NULL);
    ck_assert_int_eq(got.status, 2);
}
END_TEST

START_TEST(list_as_json_can_be_read_back)
{
    json_t *v, *letter;

    run("list", "--json", NULL, NULL);
    v = json_loads(got.out, 0, NULL);
    ck_assert_msg(v != NULL && json_array_size(json_object_get(v, "letters")) == 0, "%s", got.out);
    json_decref(v);
    put(7, "u\"1", "bad_json", "{", 1);
    put(8, NULL, "no_user", "{}", 2);
    run("list", "--json", NULL, NULL);
    v = json_loads(got.out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(v != NULL, "%s", got.out);
    ck_assert_int_eq(json_integer_value(json_object_get(v, "count")), 2);
    letter = json_array_get(json_object_get(v, "letters"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(letter, "user_id")), "u\"1");
    ck_assert_int_eq(json_integer_value(json_object_get(letter, "position")), 7);
    ck_assert(json_is_null(json_object_get(letter, "resolved")));
    letter = json_array_get(json_object_get(v, "letters"), 1);
    ck_assert(json_is_null(json_object_get(letter, "user_id")));
    json_decref(v);
}
END_TEST

START_TEST(a_resolved_letter_is_listed_only_with_all)
{
    uint64_t position = 7;

    put(7, "u1", "bad_json", "{", 1);
    ck_assert_uint_eq(dead_letter_resolve(db, "receipts", "", "in.jsonl", &position, 1, &err), SLUICE_OK);
    run("list", NULL, NULL, NULL);
    ck_assert_str_eq(got.out, "");
    run("list", "--all", NULL, NULL);
    ck_assert_ptr_nonnull(strstr(got.out, "  resolved\n"));
}
END_TEST

START_TEST(show_tells_all_about_one_letter)
{
    put(7, "u1", "bad_json", "{\x1b]0;x\x07\n", 8);
    run("show", "1", NULL, NULL);
    ck_assert_int_eq(got.status, 0);
    ck_assert_msg(strstr(got.out, "stage     decoder/json\nreason    bad_json\n") != NULL, "%s", got.out);
    ck_assert_ptr_nonnull(strstr(got.out, "header    trace: t-1\n"));
    ck_assert_ptr_nonnull(strstr(got.out, "payload   8 bytes\n{\\x1b]0;x\\x07\\n"));
    run("show", "1", "--json", NULL);
    ck_assert_ptr_nonnull(strstr(got.out, "\"headers\":[{\"name\":\"trace\",\"value\":\"t-1\"}]"));
    ck_assert_ptr_nonnull(strstr(got.out, "\"payload_whole\":true}"));
}
END_TEST

START_TEST(show_payload_gives_every_byte)
{
    size_t size = 3u * 1024 * 1024 + 17, i;
    char *payload = malloc(size);

    for (i = 0; i < size; i++)
        payload[i] = (char)(unsigned char)((i * 2654435761u) >> 9);
    put(7, "u1", "oversize", payload, size);
    run("show", "1", "--payload", NULL);
    ck_assert_int_eq(got.status, 0);
    ck_assert_uint_eq(got.len, size);
    ck_assert_int_eq(memcmp(got.out, payload, size), 0);
    run("show", "1", "--json", NULL);
    ck_assert_ptr_nonnull(strstr(got.out, "\"payload_whole\":false}"));
    free(payload);
}
END_TEST

START_TEST(a_letter_that_is_not_there_is_named)
{
    run("show", "41", NULL, NULL);
    ck_assert_int_eq(got.status, 1);
    ck_assert_ptr_nonnull(strstr(got.told, "there is no dead letter 41 in "));
    run("show", "x", NULL, NULL);
    ck_assert_int_eq(got.status, 2);
    ck_assert_ptr_nonnull(strstr(got.told, "'x' is no number of a letter"));
}
END_TEST

START_TEST(a_folder_without_state_is_named)
{
    char *kept = dir;

    dir = temp_dir_make();
    run("list", NULL, NULL, NULL);
    ck_assert_int_eq(got.status, 1);
    ck_assert_ptr_nonnull(strstr(got.told, "there is no state in "));
    temp_dir_remove(dir);
    dir = kept;
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dlq");
    TCase *t = tcase_create("dlq");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, list_shows_a_letter_a_line_while_a_run_holds_the_folder);
    tcase_add_test(t, list_filters_by_user_and_reason);
    tcase_add_test(t, list_as_json_can_be_read_back);
    tcase_add_test(t, a_resolved_letter_is_listed_only_with_all);
    tcase_add_test(t, show_tells_all_about_one_letter);
    tcase_add_test(t, show_payload_gives_every_byte);
    tcase_add_test(t, a_letter_that_is_not_there_is_named);
    tcase_add_test(t, a_folder_without_state_is_named);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
