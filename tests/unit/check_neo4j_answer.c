/* Answers of Neo4j, in both shapes, whole and broken; and what its codes mean. */
#include <string.h>

#include "../../plugins/common/neo4j.h"
#include "one_suite.h"

static struct neo4j_reply reply;
static struct neo4j_rows rows;
static struct arena arena;

static void before(void)
{
    memset(&reply, 0, sizeof reply);
    arena_init(&arena, 65536);
}

static void after(void)
{
    arena_release(&arena);
}

static int read_text(const char *text)
{
    return neo4j_answer_read(&reply, sluice_str_of(text));
}

static void two_rows(void)
{
    struct sluice_str text, *list;
    int64_t number, *numbers;
    uint64_t n;
    double real;
    int flag;

    neo4j_rows_open(&rows, &reply, 0);
    ck_assert_int_eq(neo4j_row(&rows), 1);
    ck_assert_int_eq(neo4j_text(&rows, &arena, &text), 1);
    ck_assert_str_eq(text.data, "a\"\xc3\xa9");
    ck_assert_int_eq(neo4j_integer(&rows, &number, 0), 1);
    ck_assert_int_eq(number, -7);
    ck_assert_int_eq(neo4j_float(&rows, &real, 0), 1);
    ck_assert_double_eq(real, 0.5);
    ck_assert_int_eq(neo4j_boolean(&rows, &flag, 0), 1);
    ck_assert_int_eq(flag, 1);
    ck_assert_int_eq(neo4j_texts(&rows, &arena, &list, &n), 1);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(list[1].data, "y");
    ck_assert_int_eq(neo4j_integers(&rows, &arena, &numbers, &n), 1);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(numbers[1], 2);
    ck_assert_int_eq(neo4j_row(&rows), 1);
    ck_assert_int_eq(neo4j_text(&rows, &arena, &text), 1);
    ck_assert_ptr_null(text.data);
    ck_assert_int_eq(neo4j_integer(&rows, &number, 42), 1);
    ck_assert_int_eq(number, 42);
    ck_assert_int_eq(neo4j_row(&rows), 0); /* what was not read of the row is skipped */
    ck_assert_int_eq(rows.broken, 0);
}

#define ROW "[\"a\\\"\\u00e9\",-7,0.5,true,[\"x\",null,\"y\"],[1,2]]"
#define NULLS "[null,null,null,null,null,null]"

START_TEST(rows_of_tx_commit_are_read)
{
    ck_assert_int_eq(
        read_text("{\"results\":[{\"columns\":[\"a\"],\"data\":[{\"row\":" ROW
                  ",\"meta\":[null,{\"id\":1}]}, {\"row\":" NULLS ",\"meta\":[]}]}],\"errors\":[],"
                  "\"commit\":\"http://h:1/db/neo4j/tx/17/commit\",\"lastBookmarks\":[\"FB:x\"]}"),
        1);
    ck_assert_str_eq(reply.id, "17");
    ck_assert_str_eq(reply.bookmark, "FB:x");
    ck_assert_str_eq(reply.code, "");
    two_rows();
}
END_TEST

START_TEST(rows_of_the_query_api_are_read)
{
    ck_assert_int_eq(read_text("{\"data\":{\"fields\":[\"a\"],\"values\":[" ROW "," NULLS
                               "]},\"bookmarks\":[\"FB:y\"],"
                               "\"transaction\":{\"id\":\"d1b2\",\"expires\":\"z\"}}"),
                     1);
    ck_assert_str_eq(reply.id, "d1b2");
    two_rows();
}
END_TEST

START_TEST(the_first_error_is_kept_even_after_data)
{
    ck_assert_int_eq(
        read_text(
            "{\"data\":{\"fields\":[],\"values\":[[1]]},\"errors\":[{\"code\":\"Neo.A\",\"message\":\"m\"},"
            "{\"code\":\"Neo.B\",\"message\":\"n\"}]}"),
        1);
    ck_assert_str_eq(reply.code, "Neo.A");
    ck_assert_str_eq(reply.message, "m");
}
END_TEST

START_TEST(no_part_of_an_answer_passes_for_the_whole)
{
    const char *whole =
        "{\"results\":[{\"columns\":[\"a\"],\"data\":[{\"row\":[1],\"meta\":[null]}]}],\"errors\":[]}";
    size_t len;

    ck_assert_int_eq(read_text(whole), 1);
    for (len = 0; len < strlen(whole); len++) {
        memset(&reply, 0, sizeof reply);
        ck_assert_msg(neo4j_answer_read(&reply, (struct sluice_str){whole, len}) == 0, "%zu bytes passed",
                      len);
    }
}
END_TEST

START_TEST(a_value_of_another_type_breaks_the_rows)
{
    int64_t number;

    ck_assert_int_eq(read_text("{\"data\":{\"fields\":[],\"values\":[[\"text\"]]}}"), 1);
    neo4j_rows_open(&rows, &reply, 0);
    ck_assert_int_eq(neo4j_row(&rows), 1);
    ck_assert_int_eq(neo4j_integer(&rows, &number, 0), 0);
    ck_assert_int_eq(rows.broken, 1);
    ck_assert_int_eq(neo4j_row(&rows), 0);
}
END_TEST

static uint32_t meaning(const char *code, int commit)
{
    enum neo4j_trouble trouble;

    return neo4j_classify(code, 1, 1, commit, &trouble);
}

START_TEST(codes_mean_what_time_can_mend)
{
    ck_assert_uint_eq(meaning("Neo.TransientError.Transaction.DeadlockDetected", 1), SLUICE_RETRY);
    ck_assert_uint_eq(meaning("Neo.TransientError.General.DatabaseUnavailable", 1), SLUICE_DISCONNECTED);
    ck_assert_uint_eq(meaning("Neo.TransientError.Cluster.ReplicationFailure", 0), SLUICE_DISCONNECTED);
    ck_assert_uint_eq(meaning("Neo.TransientError.Something.New", 1), SLUICE_DISCONNECTED);
    ck_assert_uint_eq(meaning("Neo.ClientError.Statement.TypeError", 1), SLUICE_SPLIT);
    ck_assert_uint_eq(meaning("Neo.ClientError.Schema.ConstraintValidationFailed", 1), SLUICE_SPLIT);
    ck_assert_uint_eq(meaning("Neo.ClientError.Statement.SyntaxError", 1), SLUICE_FATAL);
    ck_assert_uint_eq(meaning("Neo.ClientError.Transaction.TransactionNotFound", 0), SLUICE_RETRY);
    ck_assert_uint_eq(meaning("Neo.ClientError.Transaction.TransactionNotFound", 1), SLUICE_UNSURE);
    ck_assert_uint_eq(meaning("Neo.DatabaseError.Transaction.TransactionCommitFailed", 1), SLUICE_UNSURE);
    ck_assert_uint_eq(meaning("something else", 1), SLUICE_UNSURE);
    ck_assert_uint_eq(meaning("something else", 0), SLUICE_DISCONNECTED);
}
END_TEST

ONE_SUITE_WITH("neo4j_answer", 10, before, after, rows_of_tx_commit_are_read, rows_of_the_query_api_are_read,
               the_first_error_is_kept_even_after_data, no_part_of_an_answer_passes_for_the_whole,
               a_value_of_another_type_breaks_the_rows, codes_mean_what_time_can_mend)
