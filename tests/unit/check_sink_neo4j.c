/* sink/neo4j against a server that a test scripts: which requests it makes, and what it
 * calls each trouble.  Errors come with success codes, as Neo4j sends them. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "http_script.h"
#include "one_suite.h"
#include "plugin_host.h"

#define SETUP 8u /* POSTs of a start: a ping, SHOW, four constraints, an index, awaiting it */
#define READ (SETUP + 1)
#define COMMIT (SETUP + 2)

/* What the server does at one POST, or from it on. */
struct trouble {
    uint32_t at, until; /* POSTs, from 1 */
    uint32_t status;    /* 0: as usual */
    const char *body;   /* NULL: a good answer */
    int cut;
};

static struct {
    pthread_mutex_t lock;
    struct http_script *server;
    int query_only;
    uint32_t posts, deletes;
    struct trouble trouble;
    uint32_t clashes; /* so many commits clash, and one more deadlocks */
    char paths[64][128];
    char authorization[256];
    char last[65536]; /* body */
    char all[262144]; /* bodies, one after the other */
} neo4j = {.lock = PTHREAD_MUTEX_INITIALIZER};

static char *text(const char *s)
{
    char *copy = strdup(s);

    ck_assert_ptr_nonnull(copy);
    return copy;
}

static void discovery(struct http_script_reply *reply)
{
    reply->body = text(
        neo4j.query_only ? "{\"query\":\"http://x/db/{databaseName}/query/v2\",\"neo4j_version\":\"5.26.12\"}"
                         : "{\"query\":\"x\",\"transaction\":\"x\",\"neo4j_version\":\"5.26.12\"}");
}

/* As many empty results as there are statements. */
static void good(const struct http_script_request *q, struct http_script_reply *reply)
{
    char body[8192];
    const char *at = q->body;
    size_t n = 0;
    int first = 1;

    if (strstr(q->path, "/query/v2") != NULL) {
        reply->status = 202;
        reply->body = text("{\"data\":{\"fields\":[],\"values\":[]},\"transaction\":{\"id\":\"ab12\"},"
                           "\"bookmarks\":[\"FB:1\"]}");
        return;
    }
    n = (size_t)snprintf(body, sizeof body, "{\"results\":[");
    while ((at = strstr(at, "{\"statement\":")) != NULL) {
        n += (size_t)snprintf(body + n, sizeof body - n, "%s{\"columns\":[],\"data\":[]}", first ? "" : ",");
        first = 0;
        at++;
    }
    (void)snprintf(body + n, sizeof body - n,
                   "],\"errors\":[],\"commit\":\"http://elsewhere:1/db/neo4j/tx/7/"
                   "commit\",\"lastBookmarks\":[\"FB:1\"]}");
    reply->body = text(body);
}

#define ERROR(code, message)                                                                                 \
    "{\"results\":[],\"errors\":[{\"code\":\"" code "\",\"message\":\"" message "\"}]}"
#define DEADLOCK "Neo.TransientError.Transaction.DeadlockDetected"
#define CLASH                                                                                                \
    ERROR("Neo.ClientError.Statement.ArithmeticError",                                                       \
          "result of 9223372036854775807 + 1 cannot be represented as an integer")

static void clash(struct http_script_reply *reply)
{
    free(reply->body);
    reply->body = text(--neo4j.clashes > 0 ? CLASH : ERROR(DEADLOCK, "a lock"));
}

static void answer(void *context, const struct http_script_request *q, struct http_script_reply *reply)
{
    const struct trouble *t = &neo4j.trouble;
    size_t len;

    (void)context;
    pthread_mutex_lock(&neo4j.lock);
    if (strcmp(q->method, "GET") == 0) {
        discovery(reply);
    } else if (strcmp(q->method, "DELETE") == 0) {
        neo4j.deletes++;
        reply->body = text("{\"results\":[],\"errors\":[]}");
    } else {
        (void)snprintf(neo4j.paths[neo4j.posts++ % 64], sizeof neo4j.paths[0], "%s", q->path);
        (void)snprintf(neo4j.authorization, sizeof neo4j.authorization, "%s", q->authorization);
        (void)snprintf(neo4j.last, sizeof neo4j.last, "%s", q->body);
        len = strlen(neo4j.all);
        (void)snprintf(neo4j.all + len, sizeof neo4j.all - len, "%s\n", q->body);
        good(q, reply);
        if (neo4j.clashes > 0 && strstr(q->body, "MERGE (u:User") != NULL)
            clash(reply);
        if (neo4j.posts >= t->at && neo4j.posts <= t->until) {
            reply->cut = t->cut;
            if (t->status != 0)
                reply->status = t->status;
            if (t->body != NULL) {
                free(reply->body);
                reply->body = text(t->body);
            }
        }
    }
    pthread_mutex_unlock(&neo4j.lock);
}

static void before(void)
{
    neo4j.query_only = 0;
    neo4j.posts = neo4j.deletes = neo4j.clashes = 0;
    memset(&neo4j.trouble, 0, sizeof neo4j.trouble);
    neo4j.last[0] = neo4j.all[0] = '\0';
    neo4j.server = http_script_start(answer, NULL);
}

static void after(void)
{
    http_script_stop(neo4j.server);
}

static void trouble(uint32_t at, uint32_t status, const char *body, int cut)
{
    neo4j.trouble = (struct trouble){at, at, status, body, cut};
}

#define LOGIN "user: neo4j\npassword: test1234\n"
#define RECORD(user)                                                                                         \
    "{\"user_id\":\"" user                                                                                   \
    "\",\"purchases\":[{\"receipt_id\":\"r1\",\"time\":86400000,\"product_id\":\"p\","                       \
    "\"retailer\":\"Shop\",\"category\":\"Milk\"}]}"

static struct plugin_host *sink(const char *options)
{
    char yaml[2048];

    (void)snprintf(yaml, sizeof yaml, "url: %s/\n%s", http_script_url(neo4j.server), options);
    return plugin_host_open("sink", "neo4j", yaml);
}

static struct plugin_host *started(const char *options)
{
    struct plugin_host *h = sink(options);

    plugin_host_start(h);
    return h;
}

/* What a write of n records answers. */
static uint32_t written(struct plugin_host *h, int n, struct sluice_error *err)
{
    plugin_host_clear(h);
    plugin_host_add(h, RECORD("u1"));
    if (n > 1)
        plugin_host_add(h, RECORD("u2"));
    memset(err, 0, sizeof *err);
    err->struct_size = sizeof *err;
    return plugin_host_call(h, err);
}

static void write_expect(const char *options, int n, uint32_t code, const char *words)
{
    struct plugin_host *h = started(options);
    struct sluice_error err;
    uint32_t got = written(h, n, &err);

    ck_assert_msg(got == code, "answered %u, should be %u: %s", got, code, err.message);
    ck_assert_msg(strstr(err.message, words) != NULL, "says: %s", err.message);
    plugin_host_close(h);
}

START_TEST(a_batch_is_read_by_one_request_and_written_by_one)
{
    struct plugin_host *h = started(LOGIN);
    struct sluice_error err;

    ck_assert_uint_eq(neo4j.posts, SETUP);
    ck_assert_str_eq(neo4j.paths[0], "/db/neo4j/tx/commit");
    ck_assert_uint_eq(written(h, 2, &err), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 1)->code, SLUICE_OK);
    ck_assert_uint_eq(neo4j.posts, SETUP + 2);
    ck_assert_str_eq(neo4j.paths[SETUP], "/db/neo4j/tx/commit");
    ck_assert_str_eq(neo4j.paths[SETUP + 1], "/db/neo4j/tx/commit");
    ck_assert_ptr_nonnull(strstr(neo4j.last, "CREATE (u)-[:PURCHASED"));
    ck_assert_uint_eq(neo4j.deletes, 0);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_server_without_tx_commit_is_served_through_the_query_api)
{
    struct plugin_host *h;
    struct sluice_error err;

    neo4j.query_only = 1;
    h = started(LOGIN);
    ck_assert_str_eq(neo4j.paths[0], "/db/neo4j/query/v2");
    ck_assert_uint_eq(written(h, 1, &err), SLUICE_OK);
    ck_assert_uint_eq(neo4j.posts, SETUP + 5); /* users, three types of edges, and all writing at once */
    ck_assert_str_eq(neo4j.paths[SETUP + 4], "/db/neo4j/query/v2");
    ck_assert_ptr_nonnull(strstr(neo4j.last, "CALL { UNWIND $s0.rows AS row MERGE (p:Product"));
    ck_assert_ptr_nonnull(strstr(neo4j.last, "AS ok0 } CALL {"));
    ck_assert_ptr_nonnull(strstr(neo4j.last, "\"parameters\":{\"s0\":{\"now\":"));
    plugin_host_close(h);
}
END_TEST

START_TEST(what_is_known_is_not_asked_for_again)
{
    struct plugin_host *h = started(LOGIN);
    struct sluice_error err;

    ck_assert_uint_eq(written(h, 1, &err), SLUICE_OK);
    ck_assert_ptr_nonnull(strstr(neo4j.all, "MERGE (p:Product"));
    neo4j.all[0] = '\0';
    ck_assert_uint_eq(written(h, 1, &err), SLUICE_OK);
    ck_assert_ptr_null(strstr(neo4j.all, "MERGE (p:Product"));
    ck_assert_ptr_null(strstr(neo4j.all, "MERGE (c:Category"));
    ck_assert_ptr_null(strstr(neo4j.all, "MERGE (r:Retailer"));
    ck_assert_ptr_nonnull(strstr(neo4j.all, "MERGE (u:User"));
    plugin_host_close(h);
}
END_TEST

START_TEST(a_deadlock_with_status_200_is_tried_again)
{
    struct plugin_host *h = started(LOGIN);
    struct sluice_error err;

    trouble(COMMIT, 200, ERROR(DEADLOCK, "a lock"), 0);
    ck_assert_uint_eq(written(h, 2, &err), SLUICE_OK);
    ck_assert_uint_eq(neo4j.posts, SETUP + 4);
    ck_assert_double_eq(plugin_host_metric(h, "deadlocks_total", NULL), 1.0);
    ck_assert_double_eq(plugin_host_metric(h, "retries_total", "deadlock"), 1.0);
    plugin_host_close(h);
}
END_TEST

START_TEST(deadlocks_without_end_cost_no_record_an_attempt)
{
    neo4j.trouble = (struct trouble){COMMIT, UINT32_MAX, 200, ERROR(DEADLOCK, "a lock"), 0};
    write_expect(LOGIN, 1, SLUICE_DISCONNECTED, "waits for its turn");
}
END_TEST

#define CLASHES 12u /* more than deadlocks may come in a row */

/* Commits clash so often, then one deadlocks, then all is well. */
START_TEST(a_deadlock_after_many_clashes_is_tried_again)
{
    struct plugin_host *h = started(LOGIN);
    struct sluice_error err;

    neo4j.clashes = CLASHES + 1;
    ck_assert_uint_eq(written(h, 1, &err), SLUICE_OK);
    ck_assert_double_eq(plugin_host_metric(h, "retries_total", "clash"), CLASHES);
    ck_assert_double_eq(plugin_host_metric(h, "retries_total", "deadlock"), 1.0);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_deadlock_with_status_202_beside_data_is_tried_again)
{
    struct plugin_host *h;
    struct sluice_error err;

    neo4j.query_only = 1;
    h = started(LOGIN);
    trouble(READ + 1, 202,
            "{\"data\":{\"fields\":[\"x\"],\"values\":[[1]]},\"errors\":[{\"code\":\"" DEADLOCK
            "\",\"message\":\"m\"}]}",
            0);
    ck_assert_uint_eq(written(h, 1, &err), SLUICE_OK);
    ck_assert_double_eq(plugin_host_metric(h, "deadlocks_total", NULL), 1.0);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_commit_whose_answer_is_cut_is_unsure)
{
    trouble(COMMIT, 0, NULL, 1);
    write_expect(LOGIN, 1, SLUICE_UNSURE, "outcome is unknown");
}
END_TEST

START_TEST(a_read_whose_answer_is_cut_wrote_nothing)
{
    trouble(READ, 0, NULL, 1);
    write_expect(LOGIN, 1, SLUICE_DISCONNECTED, "nothing was written");
}
END_TEST

START_TEST(a_user_that_somebody_else_changed_meanwhile_is_read_again)
{
    struct plugin_host *h = started(LOGIN);
    struct sluice_error err;

    trouble(COMMIT, 200,
            ERROR("Neo.ClientError.Statement.ArithmeticError",
                  "result of 9223372036854775807 + 1 cannot be represented as an integer"),
            0);
    ck_assert_uint_eq(written(h, 1, &err), SLUICE_OK);
    ck_assert_uint_eq(neo4j.posts, SETUP + 4);
    ck_assert_double_eq(plugin_host_metric(h, "retries_total", "clash"), 1.0);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_commit_answered_by_somebody_else_is_unsure)
{
    trouble(COMMIT, 200, "<html>welcome</html>", 0);
    write_expect(LOGIN, 1, SLUICE_UNSURE, "not an answer of Neo4j");
}
END_TEST

START_TEST(a_gateway_that_times_out_while_committing_is_unsure)
{
    trouble(COMMIT, 504, "<html>gateway timeout</html>", 0);
    write_expect(LOGIN, 1, SLUICE_UNSURE, "504");
}
END_TEST

START_TEST(a_busy_server_is_an_outage)
{
    trouble(READ, 503, "", 0);
    write_expect(LOGIN, 1, SLUICE_DISCONNECTED, "503");
}
END_TEST

START_TEST(a_leader_switch_is_an_outage)
{
    trouble(COMMIT, 200, ERROR("Neo.ClientError.Cluster.NotALeader", "no leader"), 0);
    write_expect(LOGIN, 1, SLUICE_DISCONNECTED, "no leader");
}
END_TEST

/* What a cluster says while its leader moves.  Nothing was written, the batch comes again, and no record is
 * at fault. */
static const char *const routing[] = {
    "Neo.ClientError.Cluster.NotALeader",
    "Neo.ClientError.Cluster.Routing",
    "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase",
    "Neo.ClientError.General.WriteOnReadOnlyAccessDatabase",
    "Neo.TransientError.Transaction.LeaderSwitch",
    "Neo.TransientError.Cluster.ReplicationFailure",
    "Neo.TransientError.General.DatabaseUnavailable",
    "Neo.ClientError.Security.AuthorizationExpired",
};

static void routed(int query_only, uint32_t status)
{
    struct plugin_host *h;
    struct sluice_error err;
    char body[512];
    size_t i;

    neo4j.query_only = query_only;
    h = started(LOGIN);
    for (i = 0; i < sizeof routing / sizeof *routing; i++) {
        (void)snprintf(body, sizeof body,
                       "{\"results\":[],\"errors\":[{\"code\":\"%s\",\"message\":\"moved\"}]}", routing[i]);
        trouble(neo4j.posts + (query_only ? 5 : 2), status, body, 0);
        ck_assert_msg(written(h, 1, &err) == SLUICE_DISCONNECTED, "%s: %u", routing[i], err.code);
        ck_assert_ptr_nonnull(strstr(err.message, routing[i]));
        ck_assert_msg(written(h, 1, &err) == SLUICE_OK, "after %s: %s", routing[i], err.message);
    }
    plugin_host_close(h);
}

START_TEST(a_cluster_that_moves_its_leader_is_waited_for)
{
    routed(0, 200);
}
END_TEST

START_TEST(so_it_is_through_the_query_api)
{
    routed(1, 202);
}
END_TEST

START_TEST(so_it_is_when_the_statement_does_not_even_begin)
{
    routed(1, 400);
}
END_TEST

START_TEST(what_the_server_refuses_is_halved)
{
    trouble(COMMIT, 200, ERROR("Neo.DatabaseError.Statement.ExecutionFailed", "too large to index"), 0);
    write_expect(LOGIN, 2, SLUICE_SPLIT, "too large to index");
}
END_TEST

START_TEST(a_batch_too_large_for_the_servers_memory_is_halved)
{
    trouble(COMMIT, 200, ERROR("Neo.TransientError.General.MemoryPoolOutOfMemoryError", "memory"), 0);
    write_expect(LOGIN, 2, SLUICE_SPLIT, "memory");
}
END_TEST

START_TEST(one_record_too_large_for_the_servers_memory_is_not_at_fault)
{
    trouble(COMMIT, 200, ERROR("Neo.TransientError.General.MemoryPoolOutOfMemoryError", "memory"), 0);
    write_expect(LOGIN, 1, SLUICE_RETRY, "memory");
}
END_TEST

START_TEST(a_node_that_went_away_is_made_again)
{
    struct plugin_host *h = started(LOGIN);
    struct sluice_error err;

    ck_assert_uint_eq(written(h, 1, &err), SLUICE_OK);
    trouble(neo4j.posts + 2, 200, ERROR("Neo.ClientError.Statement.ArithmeticError", "/ by zero"), 0);
    neo4j.all[0] = '\0';
    ck_assert_uint_eq(written(h, 1, &err), SLUICE_OK);
    ck_assert_ptr_nonnull(strstr(neo4j.all, "MERGE (p:Product"));
    ck_assert_double_eq(plugin_host_metric(h, "retries_total", "missing_node"), 1.0);
    plugin_host_close(h);
}
END_TEST

static void start_expect(const char *options, uint32_t code, const char *words)
{
    struct plugin_host *h = sink(options);
    struct sluice_error err = {.struct_size = sizeof err};
    uint32_t got = plugin_host_try_start(h, &err);

    ck_assert_msg(got == code, "answered %u, should be %u: %s", got, code, err.message);
    ck_assert_msg(strstr(err.message, words) != NULL, "says: %s", err.message);
    ck_assert_ptr_null(strstr(err.message, "test1234"));
    plugin_host_close(h);
}

#define UNAUTHORIZED                                                                                         \
    "{\"errors\":[{\"code\":\"Neo.ClientError.Security.Unauthorized\",\"message\":\"Invalid "                \
    "credential.\"}]}"

START_TEST(a_wrong_password_is_told_in_words)
{
    trouble(1, 401, UNAUTHORIZED, 0);
    start_expect(LOGIN, SLUICE_FATAL, "does not accept the user name, password or token");
}
END_TEST

START_TEST(a_password_that_was_good_is_waited_for)
{
    trouble(READ, 401, UNAUTHORIZED, 0);
    write_expect(LOGIN, 1, SLUICE_DISCONNECTED, "does not accept");
}
END_TEST

START_TEST(an_unknown_database_is_named)
{
    trouble(1, 404, ERROR("Neo.ClientError.Database.DatabaseNotFound", "no"), 0);
    start_expect(LOGIN "database: sales\n", SLUICE_FATAL, "no database 'sales'");
}
END_TEST

START_TEST(a_constraint_that_cannot_be_made_is_a_refusal)
{
    trouble(3, 200, ERROR("Neo.DatabaseError.Schema.ConstraintCreationFailed", "both nodes 1 and 2"), 0);
    start_expect(LOGIN, SLUICE_FATAL, "the constraint on :User(user_id) cannot be made");
}
END_TEST

START_TEST(a_server_that_is_away_at_start_is_waited_for)
{
    trouble(2, 503, "", 0);
    start_expect(LOGIN, SLUICE_DISCONNECTED, "503");
}
END_TEST

START_TEST(user_and_password_go_as_basic_authorization)
{
    struct plugin_host *h = started(LOGIN);

    ck_assert_str_eq(neo4j.authorization, "Basic bmVvNGo6dGVzdDEyMzQ=");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_token_goes_as_bearer_authorization)
{
    struct plugin_host *h = started("token: a.b.c\n");

    ck_assert_str_eq(neo4j.authorization, "Bearer YS5iLmM=");
    plugin_host_close(h);
}
END_TEST

#define CYPHER LOGIN "model: cypher\nstatement: 'UNWIND $rows AS row CREATE (:X {id: row.id})'\n"

START_TEST(a_statement_of_ones_own_gets_the_documents_in_one_request)
{
    struct plugin_host *h = started(CYPHER);

    ck_assert_uint_eq(neo4j.posts, 1);
    plugin_host_clear(h);
    plugin_host_add(h, "{\"id\":1}");
    plugin_host_add(h, "{\"id\":\"two\"}");
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    ck_assert_uint_eq(neo4j.posts, 2);
    ck_assert_str_eq(neo4j.paths[1], "/db/neo4j/tx/commit");
    ck_assert_ptr_nonnull(strstr(neo4j.last, "\"parameters\":{\"rows\":[{\"id\":1},{\"id\":\"two\"}]}"));
    plugin_host_close(h);
}
END_TEST

START_TEST(a_statement_that_does_not_parse_is_fatal)
{
    struct plugin_host *h = started(CYPHER);
    struct sluice_error err;

    trouble(2, 200, ERROR("Neo.ClientError.Statement.SyntaxError", "Invalid input"), 0);
    ck_assert_uint_eq(written(h, 2, &err), SLUICE_FATAL);
    plugin_host_close(h);
}
END_TEST

static void refused(const char *options, const char *words)
{
    char yaml[1024];
    char *said;

    (void)snprintf(yaml, sizeof yaml, "url: http://127.0.0.1:1\n%s", options);
    said = plugin_host_refusal("sink", "neo4j", yaml);
    ck_assert_msg(strstr(said, words) != NULL, "says: %s", said);
    free(said);
}

START_TEST(options_that_do_not_go_together_are_refused)
{
    refused("user: neo4j\n", "password");
    refused("password: x\n", "name the user");
    refused("token: t\nuser: u\npassword: p\n", "either token");
    refused("database: 'a/../b'\n", "a database has a name");
    refused("model: cypher\n", "needs it");
    refused("model: cypher\nstatement: RETURN 1\n", "must use $rows");
    refused("statement: 'UNWIND $rows AS r RETURN r'\n", "model: cypher only");
    refused("idempotent: true\n", "model: cypher only");
}
END_TEST

ONE_SUITE_WITH("sink_neo4j", 60, before, after, a_batch_is_read_by_one_request_and_written_by_one,
               a_server_without_tx_commit_is_served_through_the_query_api,
               what_is_known_is_not_asked_for_again, a_deadlock_with_status_200_is_tried_again,
               deadlocks_without_end_cost_no_record_an_attempt, a_deadlock_after_many_clashes_is_tried_again,
               a_deadlock_with_status_202_beside_data_is_tried_again, a_commit_whose_answer_is_cut_is_unsure,
               a_read_whose_answer_is_cut_wrote_nothing,
               a_user_that_somebody_else_changed_meanwhile_is_read_again,
               a_commit_answered_by_somebody_else_is_unsure,
               a_gateway_that_times_out_while_committing_is_unsure, a_busy_server_is_an_outage,
               a_leader_switch_is_an_outage, a_cluster_that_moves_its_leader_is_waited_for,
               so_it_is_through_the_query_api, so_it_is_when_the_statement_does_not_even_begin,
               what_the_server_refuses_is_halved, a_batch_too_large_for_the_servers_memory_is_halved,
               one_record_too_large_for_the_servers_memory_is_not_at_fault,
               a_node_that_went_away_is_made_again, a_wrong_password_is_told_in_words,
               a_password_that_was_good_is_waited_for, an_unknown_database_is_named,
               a_constraint_that_cannot_be_made_is_a_refusal, a_server_that_is_away_at_start_is_waited_for,
               user_and_password_go_as_basic_authorization, a_token_goes_as_bearer_authorization,
               a_statement_of_ones_own_gets_the_documents_in_one_request,
               a_statement_that_does_not_parse_is_fatal, options_that_do_not_go_together_are_refused)
