/* source-neo4j-users: the ids of all users that a graph in Neo4j has, each once, in order.
 *
 * Invariant: whoever is there all the time is delivered exactly once, whatever is written
 * meanwhile; who comes or goes meanwhile is delivered at most once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "users_source.h"

#define CALL_MAX (UINT32_C(1) << 20)
#define ANSWER_MAX (UINT64_C(64) << 20)
#define ITEMS 256u

static const struct sluice_option users_options[] = {
    NEO4J_OPTIONS,
    {.name = "label", .type = SLUICE_STRING, .default_text = "User", .summary = "which nodes are users"},
    {.name = "property",
     .type = SLUICE_STRING,
     .default_text = "user_id",
     .summary = "which of their properties is the id; an index or a constraint on it makes pages cheap"},
    {.name = "page",
     .type = SLUICE_INTEGER,
     .default_text = "1000",
     .min = "1",
     .max = "10000",
     .summary = "how many ids are asked for at a time"},
    {.name = "resume",
     .type = SLUICE_BOOLEAN,
     .default_text = "true",
     .summary = "go on behind the last user done; false: each start begins at the first",
     .details =
         "A walk that came to its end is over: the next start finds only users whose ids come behind."},
};

/* Goes into a statement, between backticks. */
static int users_is_name(const char *name)
{
    const char *p;

    for (p = name; *p != '\0'; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_' ||
              (*p >= '0' && *p <= '9' && p > name)))
            return 0;
    return p > name && (size_t)(p - name) <= USERS_NAME_MAX;
}

static uint32_t users_configure(struct users_source *s, const struct sluice_config *config,
                                struct sluice_error *err)
{
    const struct sluice_host *host = s->host;
    const char *l, *p;

    s->label = l = host->option_string(config, "label");
    s->property = p = host->option_string(config, "property");
    s->page_size = (uint32_t)host->option_integer(config, "page");
    s->resume = host->option_integer(config, "resume") != 0;
    if (!users_is_name(l))
        return sluice_fail(err, SLUICE_INVALID, "label",
                           "must be a name of at most %u letters, digits and underscores", USERS_NAME_MAX);
    if (!users_is_name(p))
        return sluice_fail(err, SLUICE_INVALID, "property",
                           "must be a name of at most %u letters, digits and underscores", USERS_NAME_MAX);
    (void)snprintf(s->name, sizeof s->name, "%s.%s", l, p);
    (void)snprintf(
        s->page_statement, sizeof s->page_statement,
        "MATCH (u:`%s`) WHERE u.`%s` > $after WITH DISTINCT u.`%s` AS id ORDER BY id LIMIT $limit RETURN id",
        l, p, p);
    (void)snprintf(
        s->count_statement, sizeof s->count_statement,
        "MATCH (u:`%s`) WHERE NOT coalesce(u.`%s` = toStringOrNull(u.`%s`) AND u.`%s` <> '', false) "
        "RETURN count(u)",
        l, p, p, p);
    (void)snprintf(
        s->index_statement, sizeof s->index_statement,
        "SHOW INDEXES YIELD labelsOrTypes, properties WHERE labelsOrTypes = ['%s'] AND properties = ['%s'] "
        "RETURN 1",
        l, p);
    return neo4j_open(&s->neo4j, host, config, ANSWER_MAX, err);
}

static void users_forget(struct users_source *s)
{
    struct users_page *p;

    while ((p = s->pages) != NULL) {
        s->pages = p->next;
        users_page_free(p);
    }
    s->last = NULL;
    free(s->after);
    s->after = NULL;
    s->after_len = 0;
    s->ordinal = s->settled = 0;
    s->exhausted = s->ended = 0;
    neo4j_call_release(&s->call);
}

static void users_destroy(void *self)
{
    struct users_source *s = self;

    users_forget(s);
    neo4j_close(&s->neo4j);
    free(s);
}

static uint32_t users_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                             struct sluice_error *err)
{
    struct users_source *s = calloc(1, sizeof *s);
    uint32_t code;

    if (s == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory for the source");
    s->host = host;
    neo4j_call_init(&s->call, CALL_MAX);
    code = users_configure(s, config, err);
    if (code != SLUICE_OK) {
        users_destroy(s);
        return code;
    }
    s->metric_users = host->metric(host, SLUICE_COUNTER, "users_total", "Users delivered.", NULL);
    s->metric_position = host->metric(host, SLUICE_GAUGE, "position",
                                      "How many users the walk has delivered since its begin.", NULL);
    s->metric_unusable =
        host->metric(host, SLUICE_GAUGE, "unusable",
                     "Nodes of the label without a text in the property, found at the end.", NULL);
    *self = s;
    return SLUICE_OK;
}

static uint32_t users_start(void *self, struct sluice_error *err)
{
    struct users_source *s = self;
    uint32_t code = neo4j_connect(&s->neo4j, err);

    if (code != SLUICE_OK)
        return code;
    users_look_for_index(s);
    code = users_state_load(s, err);
    if (code == SLUICE_OK && (s->lane = s->host->lane_open(s->host, s->name, NULL, 0)) == 0)
        code = sluice_fail(err, SLUICE_FATAL, NULL, "no memory for a lane");
    atomic_store(&s->position, s->ordinal);
    if (code != SLUICE_OK)
        users_forget(s);
    return code;
}

static uint32_t users_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    (void)deadline_ms;
    (void)err;
    users_forget(self);
    return SLUICE_OK;
}

static uint32_t users_probe(void *self, struct sluice_error *err)
{
    return neo4j_ping(&((struct users_source *)self)->neo4j, err);
}

static void users_stats(void *self)
{
    struct users_source *s = self;

    s->host->metric_set(s->host, s->metric_position, NULL, (double)atomic_load(&s->position));
}

/* --- poll ------------------------------------------------------------------------- */

/* As much of the page as the batch and the lane take; 0 once they take no more. */
static int users_give(struct users_source *s, struct sluice_batch *batch, uint64_t max)
{
    struct users_page *p = s->last;
    struct sluice_item item = {.struct_size = sizeof item, .lane = s->lane};
    uint64_t given = 0;

    while (p->given < p->n && given < max) {
        uint32_t i = p->given;

        if (SLUICE_HOST_HAS(s->host, lane_full) && s->host->lane_full(s->host, s->lane))
            break;
        item.data = p->text.data + p->starts[i];
        item.len = item.size = p->starts[i + 1] - p->starts[i];
        item.position = item.next = item.ordinal = p->first + i;
        item.key = p->ids[i];
        if (s->host->batch_add(batch, &item, 1, sizeof item) == 0)
            break;
        p->given++;
        given++;
        atomic_store(&s->position, item.position);
    }
    if (given > 0)
        s->host->metric_add(s->host, s->metric_users, NULL, given);
    return given > 0;
}

/* The end: what could not be delivered is told. */
static uint32_t users_end(struct users_source *s, struct sluice_error *err)
{
    int64_t unusable = 0;
    uint32_t code = users_unusable(s, &unusable, err);

    if (code != SLUICE_OK)
        return code;
    s->ended = 1;
    s->host->metric_set(s->host, s->metric_unusable, NULL, (double)unusable);
    if (unusable > 0)
        sluice_log(s->host, SLUICE_WARN,
                   "%s: %lld nodes :%s have no text in %s, or an empty one, and were not delivered",
                   s->neo4j.url, (long long)unusable, s->label, s->property);
    return SLUICE_END;
}

/* Pages of which all is delivered and done. */
static void users_drop(struct users_source *s)
{
    struct users_page *p;

    while ((p = s->pages) != NULL && p->given == p->n && p->first + p->n - 1 <= s->settled) {
        s->pages = p->next;
        if (s->last == p)
            s->last = NULL;
        users_page_free(p);
    }
}

static uint32_t users_poll(void *self, struct sluice_batch *batch, uint64_t max, uint32_t timeout_ms,
                           struct sluice_error *err)
{
    struct users_source *s = self;
    uint32_t code;

    (void)timeout_ms; /* a page that was asked for is waited for: README */
    if (s->ended)
        return SLUICE_END;
    users_drop(s);
    if (s->last == NULL || s->last->given == s->last->n) {
        if (s->exhausted)
            return users_end(s, err);
        code = users_page_read(s, err);
        if (code != SLUICE_OK)
            return code;
        if (s->last == NULL || s->last->given == s->last->n)
            return users_end(s, err);
    }
    (void)users_give(s, batch, max);
    return SLUICE_OK;
}

/* --- settle ----------------------------------------------------------------------- */

static uint32_t users_settle(void *self, const struct sluice_acks *acks, struct sluice_error *err)
{
    struct users_source *s = self;
    const struct users_page *p;
    uint64_t next = 0;
    uint32_t code, i;

    for (i = 0; i < acks->n; i++) {
        const struct sluice_ack *ack = (const void *)((const char *)acks->items + (size_t)i * acks->stride);

        if (ack->lane == s->lane && ack->next > next)
            next = ack->next;
    }
    if (next <= s->settled)
        return SLUICE_OK;
    for (p = s->pages; p != NULL && p->first + p->n <= next; p = p->next)
        ;
    if (p == NULL || next < p->first || next >= p->first + p->given)
        return sluice_fail(err, SLUICE_FATAL, NULL, "the host settles user %llu, which was not delivered",
                           (unsigned long long)next);
    code = users_state_store(s, p->ids[next - p->first], next, err);
    if (code != SLUICE_OK)
        return code; /* asked again later, with more */
    s->settled = next;
    return SLUICE_OK;
}

static const struct sluice_lifecycle users_lifecycle = {
    .struct_size = sizeof users_lifecycle,
    .create = users_create,
    .destroy = users_destroy,
    .start = users_start,
    .stop = users_stop,
    .probe = users_probe,
    .stats = users_stats,
};

static const struct sluice_source_ops users_ops = {
    .struct_size = sizeof users_ops,
    .poll = users_poll,
    .settle = users_settle,
};

static const struct sluice_plugin source_neo4j_users = {
    .struct_size = sizeof source_neo4j_users,
    .min_host_minor = 1,
    .kind = SLUICE_SOURCE,
    .flags = SLUICE_FINITE,
    .name = "neo4j-users",
    .version = "0.1.0",
    .summary = "the ids of all users that a graph in Neo4j has",
    .licence = "MIT",
    SLUICE_OPTIONS(users_options),
    .lifecycle = &users_lifecycle,
    .ops = &users_ops,
    .example = "plugin: neo4j-users\nurl: http://127.0.0.1:7474\nuser: neo4j\npassword: example\n",
};

SLUICE_MODULE("source-neo4j-users", NULL, NULL, &source_neo4j_users);
