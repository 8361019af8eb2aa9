/* source/neo4j-users against a server that plays pages of ids: nobody is lost and nobody comes twice,
 * whatever happens to the graph, to the server and to the walk meanwhile. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "http_script.h"
#include "one_suite.h"
#include "plugin_host_private.h"
#include "temp_dir.h"

#define MOST 64

static struct {
    pthread_mutex_t lock;
    struct http_script *server;
    char ids[MOST][40]; /* ascending */
    int n;
    int no_index, unusable;
    int pages;           /* asked for so far */
    int before_page;     /* then this happens, once */
    void (*event)(void); /* lock held */
    int down;            /* so many pages are answered 503 */
    char body[256];      /* of the last page's request */
} graph = {.lock = PTHREAD_MUTEX_INITIALIZER};

static char *text(const char *s)
{
    char *copy = strdup(s);

    ck_assert_ptr_nonnull(copy);
    return copy;
}

static void rows(struct http_script_reply *reply, const char *data)
{
    char body[8192];

    (void)snprintf(
        body, sizeof body,
        "{\"results\":[{\"columns\":[\"x\"],\"data\":[%s]}],\"errors\":[],\"lastBookmarks\":[\"FB:1\"]}",
        data);
    reply->body = text(body);
}

/* What stands behind $after, at most $limit. */
static void page(const char *request, struct http_script_reply *reply)
{
    char data[6144] = "", after[64] = "";
    const char *at = strstr(request, "\"after\":\""), *end;
    size_t len = 0;
    int i, limit, n = 0;

    ck_assert_ptr_nonnull(at);
    at += 9;
    end = strchr(at, '"');
    (void)snprintf(after, sizeof after, "%.*s", (int)(end - at), at);
    ck_assert_int_eq(sscanf(strstr(request, "\"limit\":"), "\"limit\":%d", &limit), 1);
    (void)snprintf(graph.body, sizeof graph.body, "%.250s", request);
    graph.pages++;
    if (graph.event != NULL && graph.pages == graph.before_page)
        graph.event();
    if (graph.down > 0) {
        graph.down--;
        reply->status = 503;
        return;
    }
    for (i = 0; i < graph.n && n < limit; i++)
        if (strcmp(graph.ids[i], after) > 0)
            len += (size_t)snprintf(data + len, sizeof data - len, "%s{\"row\":[\"%s\"],\"meta\":[null]}",
                                    n++ == 0 ? "" : ",", graph.ids[i]);
    rows(reply, data);
}

static void answer(void *context, const struct http_script_request *q, struct http_script_reply *reply)
{
    char count[64];

    (void)context;
    pthread_mutex_lock(&graph.lock);
    if (strcmp(q->method, "GET") == 0) {
        reply->body = text("{\"query\":\"x\",\"transaction\":\"x\",\"neo4j_version\":\"5.26.12\"}");
    } else if (strstr(q->body, "\"after\":") != NULL) {
        page(q->body, reply);
    } else if (strstr(q->body, "SHOW INDEXES") != NULL) {
        rows(reply, graph.no_index ? "" : "{\"row\":[1]}");
    } else {
        (void)snprintf(count, sizeof count, "{\"row\":[%d]}", graph.unusable);
        rows(reply, count);
    }
    pthread_mutex_unlock(&graph.lock);
}

static void fill(int n)
{
    for (graph.n = 0; graph.n < n; graph.n++)
        (void)snprintf(graph.ids[graph.n], sizeof graph.ids[0], "u%02d0", graph.n);
}

static void before(void)
{
    graph.no_index = graph.unusable = graph.pages = graph.before_page = graph.down = 0;
    graph.event = NULL;
    fill(25);
    graph.server = http_script_start(answer, NULL);
}

static void after(void)
{
    http_script_stop(graph.server);
}

static struct plugin_host *source_with(const char *options, const struct plugin_host_setup *with)
{
    char yaml[1024];

    (void)snprintf(yaml, sizeof yaml, "url: %s\npage: 10\n%s", http_script_url(graph.server), options);
    return plugin_host_open_with("source", "neo4j-users", yaml, with);
}

/* What was delivered, one payload after the other. */
static char got[8192];

static void each(void *context, const struct sluice_record *record)
{
    size_t len = strlen(got);

    (void)context;
    (void)snprintf(got + len, sizeof got - len, "%.*s", (int)record->payload.len, record->payload.data);
}

/* Walks on until limit users or the end. */
static uint32_t walk(struct plugin_host *h, uint64_t limit, struct sluice_error *err)
{
    struct sluice_error own = {.struct_size = sizeof own};

    got[0] = '\0';
    return plugin_host_drive(h, each, NULL, limit, 3, err == NULL ? &own : err);
}

/* u000, u010 … : those from `from` to `to`, both included. */
static void expect_users(int from, int to)
{
    char want[8192] = "";
    size_t len = 0;
    int i;

    for (i = from; i <= to; i++)
        len += (size_t)snprintf(want + len, sizeof want - len, "{\"user_id\":\"u%02d0\"}", i);
    ck_assert_str_eq(got, want);
}

START_TEST(every_user_comes_once_in_order)
{
    struct plugin_host *h = source_with("", NULL);

    plugin_host_start(h);
    ck_assert_uint_eq(walk(h, UINT64_MAX, NULL), SLUICE_END);
    expect_users(0, 24);
    ck_assert_int_eq(graph.pages, 3);
    ck_assert_uint_eq(walk(h, UINT64_MAX, NULL), SLUICE_END);
    ck_assert_str_eq(got, "");
    ck_assert_int_eq(graph.pages, 3);
    ck_assert_double_eq(plugin_host_metric(h, "users_total", NULL), 25.0);
    ck_assert_double_eq(plugin_host_metric(h, "position", NULL), 25.0);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_full_last_page_and_no_user_at_all_are_ends_too)
{
    struct plugin_host *h = source_with("", NULL);

    fill(20);
    plugin_host_start(h);
    ck_assert_uint_eq(walk(h, UINT64_MAX, NULL), SLUICE_END);
    expect_users(0, 19);
    plugin_host_stop(h);
    fill(0);
    plugin_host_start(h);
    ck_assert_uint_eq(walk(h, UINT64_MAX, NULL), SLUICE_END);
    ck_assert_str_eq(got, "");
    plugin_host_close(h);
}
END_TEST

/* Two go from pages that were read and one from a page to come; one comes before and one behind. */
static void people_come_and_go(void)
{
    memmove(graph.ids[3], graph.ids[5], (size_t)(graph.n - 5) * sizeof graph.ids[0]); /* u030, u040 */
    graph.n -= 2;
    memmove(graph.ids[19], graph.ids[20], (size_t)(graph.n - 20) * sizeof graph.ids[0]); /* u210 */
    graph.n--;
    memmove(graph.ids[1], graph.ids[0], (size_t)graph.n * sizeof graph.ids[0]);
    (void)snprintf(graph.ids[0], sizeof graph.ids[0], "a");
    graph.n++;
    (void)snprintf(graph.ids[graph.n++], sizeof graph.ids[0], "z");
}

START_TEST(who_comes_or_goes_meanwhile_moves_nobody_else)
{
    struct plugin_host *h = source_with("", NULL);
    char want[8192];
    size_t len = 0;
    int i;

    graph.before_page = 2;
    graph.event = people_come_and_go;
    plugin_host_start(h);
    ck_assert_uint_eq(walk(h, UINT64_MAX, NULL), SLUICE_END);
    for (i = 0; i < 25; i++)
        if (i != 21)
            len += (size_t)snprintf(want + len, sizeof want - len, "{\"user_id\":\"u%02d0\"}", i);
    (void)snprintf(want + len, sizeof want - len, "{\"user_id\":\"z\"}");
    ck_assert_str_eq(got, want);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_restart_goes_on_behind_the_last_one_done)
{
    char *dir = temp_dir_make();
    struct plugin_host_setup with = {.state_dir = dir};
    struct plugin_host *h = source_with("", &with), *again;

    plugin_host_start(h);
    ck_assert_uint_eq(walk(h, 13, NULL), SLUICE_OK);
    expect_users(0, 12);
    plugin_host_stop(h);
    with.state_dir = NULL;
    with.state_of = h;
    again = source_with("", &with);
    plugin_host_start(again);
    ck_assert_uint_eq(walk(again, UINT64_MAX, NULL), SLUICE_END);
    expect_users(13, 24);
    plugin_host_close(again);
    plugin_host_close(h);
    temp_dir_remove(dir);
}
END_TEST

START_TEST(without_resume_each_start_begins_at_the_first)
{
    char *dir = temp_dir_make();
    struct plugin_host_setup with = {.state_dir = dir};
    struct plugin_host *h = source_with("resume: false\n", &with);

    plugin_host_start(h);
    ck_assert_uint_eq(walk(h, 13, NULL), SLUICE_OK);
    plugin_host_stop(h);
    plugin_host_start(h);
    ck_assert_uint_eq(walk(h, UINT64_MAX, NULL), SLUICE_END);
    expect_users(0, 24);
    plugin_host_close(h);
    temp_dir_remove(dir);
}
END_TEST

START_TEST(a_position_of_another_walk_is_refused)
{
    char *dir = temp_dir_make();
    struct plugin_host_setup with = {.state_dir = dir};
    struct plugin_host *h = source_with("", &with), *other;
    struct sluice_error err = {.struct_size = sizeof err};

    plugin_host_start(h);
    ck_assert_uint_eq(walk(h, 13, NULL), SLUICE_OK);
    plugin_host_stop(h);
    with.state_dir = NULL;
    with.state_of = h;
    other = source_with("label: Customer\n", &with);
    ck_assert_uint_eq(plugin_host_try_start(other, &err), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(err.message, "User.user_id"));
    ck_assert_ptr_nonnull(strstr(err.message, "resume: false"));
    plugin_host_close(other);
    plugin_host_close(h);
    temp_dir_remove(dir);
}
END_TEST

START_TEST(after_an_outage_the_same_page_is_asked_for)
{
    struct plugin_host *h = source_with("", NULL);
    struct sluice_error err = {.struct_size = sizeof err};

    plugin_host_start(h);
    ck_assert_uint_eq(walk(h, 10, NULL), SLUICE_OK);
    expect_users(0, 9);
    graph.down = 2;
    ck_assert_uint_eq(walk(h, UINT64_MAX, &err), SLUICE_DISCONNECTED);
    ck_assert_ptr_nonnull(strstr(err.message, "503"));
    ck_assert_uint_eq(walk(h, UINT64_MAX, &err), SLUICE_DISCONNECTED);
    ck_assert_uint_eq(walk(h, UINT64_MAX, NULL), SLUICE_END);
    expect_users(10, 24);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_full_lane_waits)
{
    struct plugin_host *h = source_with("", NULL);

    plugin_host_start(h);
    ck_assert_uint_eq(walk(h, 4, NULL), SLUICE_OK);
    plugin_host_fill_lane(h, "User.user_id", 1);
    ck_assert_uint_eq(walk(h, UINT64_MAX, NULL), SLUICE_OK);
    ck_assert_str_eq(got, "");
    plugin_host_fill_lane(h, "User.user_id", 0);
    ck_assert_uint_eq(walk(h, UINT64_MAX, NULL), SLUICE_END);
    expect_users(4, 24);
    plugin_host_close(h);
}
END_TEST

START_TEST(who_has_no_usable_id_is_counted)
{
    struct plugin_host *h = source_with("", NULL);

    graph.unusable = 7;
    plugin_host_start(h);
    ck_assert_uint_eq(walk(h, UINT64_MAX, NULL), SLUICE_END);
    ck_assert_double_eq(plugin_host_metric(h, "unusable", NULL), 7.0);
    ck_assert_int_eq(plugin_host_logged(h, "7 nodes :User have no text in user_id"), 1);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_missing_index_is_told)
{
    struct plugin_host *h = source_with("label: Customer\nproperty: number\n", NULL);

    graph.no_index = 1;
    plugin_host_start(h);
    ck_assert_int_eq(plugin_host_logged(h, "CREATE INDEX FOR (n:Customer) ON (n.number)"), 1);
    ck_assert_uint_eq(walk(h, UINT64_MAX, NULL), SLUICE_END);
    ck_assert_ptr_nonnull(strstr(graph.body, "MATCH (u:`Customer`) WHERE u.`number` > $after"));
    plugin_host_close(h);
}
END_TEST

START_TEST(an_id_of_any_characters_is_json)
{
    struct plugin_host *h = source_with("", NULL);

    fill(0);
    graph.n = 1;
    (void)snprintf(graph.ids[0], sizeof graph.ids[0], "a\\\"\\\\\\n\xc3\xa4");
    plugin_host_start(h);
    ck_assert_uint_eq(walk(h, UINT64_MAX, NULL), SLUICE_END);
    ck_assert_str_eq(got, "{\"user_id\":\"a\\\"\\\\\\n\xc3\xa4\"}");
    plugin_host_close(h);
}
END_TEST

static void refused(const char *options, const char *words)
{
    char yaml[512];
    char *said;

    (void)snprintf(yaml, sizeof yaml, "url: http://127.0.0.1:1\n%s", options);
    said = plugin_host_refusal("source", "neo4j-users", yaml);
    ck_assert_msg(strstr(said, words) != NULL, "says: %s", said);
    free(said);
}

START_TEST(what_is_no_name_goes_into_no_statement)
{
    refused("label: 'User`) DETACH DELETE u //'\n", "label");
    refused("label: ''\n", "label");
    refused("property: '1st'\n", "property");
    refused("page: 0\n", "page");
    refused("user: neo4j\n", "password");
}
END_TEST

ONE_SUITE_WITH("source_neo4j_users", 60, before, after, every_user_comes_once_in_order,
               a_full_last_page_and_no_user_at_all_are_ends_too,
               who_comes_or_goes_meanwhile_moves_nobody_else, a_restart_goes_on_behind_the_last_one_done,
               without_resume_each_start_begins_at_the_first, a_position_of_another_walk_is_refused,
               after_an_outage_the_same_page_is_asked_for, a_full_lane_waits, who_has_no_usable_id_is_counted,
               a_missing_index_is_told, an_id_of_any_characters_is_json,
               what_is_no_name_goes_into_no_statement)
