/* enrich/user-load: a user id becomes the message that asks a worker to load the user.
 *
 * Invariant: of one user a run lets one record through, however often that record is
 * tried; and what identifies the message depends on job and user alone. */
#include <stdlib.h>
#include <time.h>

#include <sluice/plugin.h>

#include "../common/timestamp.h"
#include "../common/uuid.h"
#include "user_id.h"
#include "user_seen.h"

#define LOAD_REQUEST_PREFIX "backfill-"
#define LOAD_JOB_MAX 128u
#define LOAD_TIME_SIZE 32u

struct user_load {
    const struct sluice_host *host;
    const char *job_id, *reason, *priority;
    const char *requested_at; /* NULL: now */
    int64_t lookback_days;
    uint64_t max_length, max_users;
    int force;
    struct uuid job;
    struct user_seen seen;
    uint32_t metric_users, metric_left_out;
};

static const struct sluice_option load_options[] = {
    {.name = "job_id",
     .type = SLUICE_STRING,
     .flags = SLUICE_REQUIRED,
     .summary = "the job that the messages belong to; with the user it makes the request id",
     .details = "Letters, digits, dot, colon, _ and -. A new run of the same users needs a new one, or the "
                "workers take the messages for repetitions.",
     .example = "2ed6657d-e927-568b-95e1-2665a8aea6a2"},
    {.name = "lookback_days",
     .type = SLUICE_INTEGER,
     .default_text = "365",
     .min = "1",
     .max = "36500",
     .summary = "days of history that a worker shall load"},
    {.name = "reason",
     .type = SLUICE_STRING,
     .default_text = "batch_backfill",
     .summary = "why the user is loaded: batch_backfill, enrollment, …"},
    {.name = "priority",
     .type = SLUICE_STRING,
     .default_text = "low",
     .summary = "priority of the message, as its readers understand it"},
    {.name = "requested_at",
     .type = SLUICE_STRING,
     .summary = "when the load was asked for (RFC 3339); if not given, when the message is made",
     .example = "2026-01-31T08:00:00Z"},
    {.name = "force",
     .type = SLUICE_BOOLEAN,
     .default_text = "false",
     .summary = "ask the workers to load users whom they have loaded lately, too"},
    {.name = "max_length",
     .type = SLUICE_INTEGER,
     .default_text = "128",
     .min = "1",
     .max = "512",
     .summary = "longest user id, in bytes"},
    {.name = "max_users",
     .type = SLUICE_INTEGER,
     .default_text = "10000000",
     .min = "1",
     .max = "1000000000",
     .summary = "most users of a run; the memory of duplicates grows with them"},
};

/* --- life ------------------------------------------------------------------------- */

static int is_job_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._:-", c) != NULL);
}

/* A job that is no UUID gets one of its own. */
static uint32_t read_job(struct user_load *l, struct sluice_error *err)
{
    static const struct uuid url_space = {
        {0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}};
    size_t len = strlen(l->job_id), i;

    for (i = 0; i < len && is_job_byte(l->job_id[i]); i++)
        ;
    if (len == 0 || len > LOAD_JOB_MAX || i < len)
        return sluice_fail(err, SLUICE_INVALID, "job_id",
                           "job_id needs 1 to %u letters, digits, dots, colons, _ or -", LOAD_JOB_MAX);
    if (!uuid_parse(l->job_id, len, &l->job) && uuid_v5(&url_space, l->job_id, len, &l->job) != 0)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory, or libcrypto has no SHA-1");
    return SLUICE_OK;
}

static uint32_t read_options(struct user_load *l, const struct sluice_config *config,
                             struct sluice_error *err)
{
    const struct sluice_host *host = l->host;
    const char *why;
    int64_t ms;

    l->job_id = host->option_string(config, "job_id");
    l->reason = host->option_string(config, "reason");
    l->priority = host->option_string(config, "priority");
    l->requested_at = host->option_string(config, "requested_at");
    l->lookback_days = host->option_integer(config, "lookback_days");
    l->max_length = (uint64_t)host->option_integer(config, "max_length");
    l->max_users = (uint64_t)host->option_integer(config, "max_users");
    l->force = host->option_integer(config, "force") != 0;
    if (l->requested_at != NULL && !timestamp_parse(l->requested_at, strlen(l->requested_at), &ms, &why))
        return sluice_fail(err, SLUICE_INVALID, "requested_at", "requested_at: %.40s %s", l->requested_at,
                           why);
    return read_job(l, err);
}

static uint32_t load_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                            struct sluice_error *err)
{
    struct user_load *l = calloc(1, sizeof *l);
    uint32_t code;

    if (l == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    l->host = host;
    code = read_options(l, config, err);
    if (code != SLUICE_OK) {
        free(l);
        return code;
    }
    l->metric_users = host->metric(host, SLUICE_GAUGE, "users", "Different users met in this run", NULL);
    l->metric_left_out = host->metric(host, SLUICE_COUNTER, "left_out_total",
                                      "Records that became no message, by reason", "reason");
    *self = l;
    return SLUICE_OK;
}

static void load_destroy(void *self)
{
    struct user_load *l = self;

    user_seen_release(&l->seen);
    free(l);
}

static uint32_t load_start(void *self, struct sluice_error *err)
{
    (void)self;
    (void)err;
    return SLUICE_OK;
}

/* A run ends here: the next one begins with no user met. */
static uint32_t load_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    struct user_load *l = self;

    (void)deadline_ms;
    (void)err;
    user_seen_release(&l->seen);
    return SLUICE_OK;
}

/* --- one record ------------------------------------------------------------------- */

struct making {
    struct user_load *self;
    struct sluice_record *record;
    struct sluice_node *given; /* the object that names the user; NULL: a plain line */
    struct sluice_str id;
    struct sluice_verdict answer;
};

static int answer(struct making *m, uint32_t code, const char *reason, const char *detail)
{
    m->answer.code = code;
    m->answer.reason = reason;
    m->answer.detail = detail;
    return 0;
}

static int no_memory(struct making *m)
{
    return answer(m, SLUICE_RETRY, "no_memory", "no memory for the message");
}

/* Names of the column that a list may begin with. */
static int is_header(const struct making *m)
{
    static const char *const names[] = {"user_id", "userid", "user", "id"};
    size_t i, j;

    if (m->given != NULL || m->self->host->record->ordinal(m->record) != 1)
        return 0;
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) != m->id.len)
            continue;
        for (j = 0; j < m->id.len && (m->id.data[j] | 0x20) == (names[i][j] | 0x20); j++)
            ;
        if (j == m->id.len)
            return 1;
    }
    return 0;
}

static int check_id(struct making *m)
{
    char why[USER_ID_WHY];

    if (m->id.data == NULL)
        return answer(m, SLUICE_REJECT, "invalid_id", "there is no text user_id");
    if (user_id_check(m->id.data, (size_t)m->id.len, (size_t)m->self->max_length, why))
        return 1;
    return answer(m, SLUICE_REJECT, "invalid_id", sluice_record_text(m->self->host, m->record, "%s", why));
}

static void trim(struct sluice_str *s)
{
    while (s->len > 0 && (s->data[0] == ' ' || s->data[0] == '\t')) {
        s->data++;
        s->len--;
    }
    while (s->len > 0 &&
           (s->data[s->len - 1] == ' ' || s->data[s->len - 1] == '\t' || s->data[s->len - 1] == '\r'))
        s->len--;
}

/* Where the user id stands: in an object, as a plain line (a document of one member), or in
 * an object that stands on a plain line. */
static int find_id(struct making *m)
{
    const struct sluice_host *host = m->self->host;
    const struct sluice_document_api *document = host->document;
    struct sluice_node *root = host->record->document(m->record);
    struct sluice_node *only = document->count(root) == 1 ? document->first(root) : NULL;
    struct sluice_str line = document->string(only), key = document->key(only);
    struct sluice_error err = {.struct_size = sizeof err};

    m->given = root;
    if (line.data != NULL &&
        (sluice_str_equal(key, sluice_str_of("user_id")) || sluice_str_equal(key, sluice_str_of("line")))) {
        trim(&line);
        m->given = NULL;
        m->id = line;
        if (line.len == 0 || line.data[0] != '{')
            return 1;
        m->given = host->record->parse_json(m->record, line, &err);
        if (m->given == NULL)
            return answer(
                m, err.code == SLUICE_RETRY ? SLUICE_RETRY : SLUICE_REJECT, "invalid_id",
                sluice_record_text(host, m->record, "the line is no JSON object: %.200s", err.message));
    }
    m->id = document->string(sluice_get(host, m->given, "user_id"));
    return 1;
}

static struct sluice_node *text_node(struct making *m, const char *text)
{
    return m->self->host->document->make_text(m->record, text, strlen(text));
}

static struct sluice_node *time_node(struct making *m)
{
    const struct user_load *l = m->self;
    time_t now = (time_t)(l->host->now_ms(l->host) / 1000);
    char text[LOAD_TIME_SIZE];
    struct tm tm;

    if (l->requested_at != NULL)
        return text_node(m, l->requested_at);
    if (gmtime_r(&now, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        return NULL;
    return text_node(m, text);
}

static struct sluice_node *request_node(struct making *m)
{
    char text[sizeof LOAD_REQUEST_PREFIX + UUID_LEN];
    struct uuid u;

    if (uuid_v5(&m->self->job, m->id.data, (size_t)m->id.len, &u) != 0)
        return NULL;
    memcpy(text, LOAD_REQUEST_PREFIX, sizeof LOAD_REQUEST_PREFIX - 1);
    uuid_format(&u, text + sizeof LOAD_REQUEST_PREFIX - 1);
    return text_node(m, text);
}

/* Members of the given object that the message does not have yet. */
static int keep_others(struct making *m, struct sluice_node *message)
{
    const struct sluice_document_api *document = m->self->host->document;
    struct sluice_node *member, *next;

    for (member = document->first(m->given); member != NULL; member = next) {
        struct sluice_str key = document->key(member);

        next = document->next(member);
        if (document->get(message, key.data, key.len) != NULL)
            continue;
        document->detach(member);
        if (!document->set(m->record, message, key.data, key.len, member))
            return 0;
    }
    return 1;
}

static int make_message(struct making *m)
{
    const struct user_load *l = m->self;
    const struct sluice_host *host = l->host;
    struct sluice_node *root = host->document->make(m->record, SLUICE_OBJECT);
    int ok = root != NULL;

    ok = ok && sluice_set(host, m->record, root, "event_type", text_node(m, "user_load_request"));
    ok = ok && sluice_set(host, m->record, root, "user_id",
                          host->document->make_text(m->record, m->id.data, m->id.len));
    ok = ok && sluice_set(host, m->record, root, "reason", text_node(m, l->reason));
    ok = ok && sluice_set(host, m->record, root, "requested_at", time_node(m));
    ok = ok && sluice_set(host, m->record, root, "lookback_days",
                          host->document->make_int(m->record, l->lookback_days));
    ok = ok && sluice_set(host, m->record, root, "request_id", request_node(m));
    ok = ok && sluice_set(host, m->record, root, "priority", text_node(m, l->priority));
    ok = ok && sluice_set(host, m->record, root, "job_id", text_node(m, l->job_id));
    if (l->force)
        ok = ok && sluice_set(host, m->record, root, "force", host->document->make_bool(m->record, 1));
    ok = ok && keep_others(m, root);
    if (!ok)
        return no_memory(m);
    host->record->set_document(m->record, root);
    return 1;
}

/* Only one record a user goes on. */
static int meet(struct making *m)
{
    const struct sluice_host *host = m->self->host;

    switch (user_seen_add(&m->self->seen, m->id, host->record->attribute(m->record, "lane"),
                          host->record->position(m->record))) {
    case USER_DUPLICATE:
        return answer(m, SLUICE_DROP, "duplicate", "the user came before in this run");
    case USER_NO_MEMORY:
        return no_memory(m);
    default:
        return 1;
    }
}

static uint32_t load_enrich(void *self, struct sluice_record *const *records, uint32_t n,
                            const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    struct user_load *l = self;
    const struct sluice_host *host = l->host;
    struct making m = {.self = l};
    uint32_t i;

    for (i = 0; i < n; i++) {
        m.record = records[i];
        memset(&m.answer, 0, sizeof m.answer);
        m.answer.code = SLUICE_OK;
        if (find_id(&m) && is_header(&m))
            (void)answer(&m, SLUICE_DROP, "header", "the first line names the column");
        else if (m.answer.code == SLUICE_OK && check_id(&m) && meet(&m))
            (void)make_message(&m);
        if (l->seen.users > l->max_users)
            return sluice_fail(err, SLUICE_FATAL, "max_users",
                               "more than %llu different users: raise max_users, or split the list",
                               (unsigned long long)l->max_users);
        if (m.answer.code != SLUICE_OK && m.answer.code != SLUICE_RETRY)
            host->metric_add(host, l->metric_left_out, m.answer.reason, 1);
        sluice_verdict_set(verdicts, i, m.answer.code, m.answer.reason, m.answer.detail);
    }
    host->metric_set(host, l->metric_users, NULL, (double)l->seen.users);
    return SLUICE_OK;
}

static const struct sluice_lifecycle load_lifecycle = {
    .struct_size = sizeof load_lifecycle,
    .create = load_create,
    .destroy = load_destroy,
    .start = load_start,
    .stop = load_stop,
};

static const struct sluice_enricher_ops load_ops = {
    .struct_size = sizeof load_ops,
    .enrich = load_enrich,
};

static const struct sluice_plugin load_plugin = {
    .struct_size = sizeof load_plugin,
    .min_host_minor = 1,
    .kind = SLUICE_ENRICHER,
    .name = "user-load",
    .version = "0.1.0",
    .summary = "makes the message that asks a worker to load a user's history",
    .licence = "MIT",
    SLUICE_OPTIONS(load_options),
    .lifecycle = &load_lifecycle,
    .ops = &load_ops,
    .example = "plugin: user-load\n"
               "job_id: spring-cohort\n"
               "lookback_days: 365\n",
};

SLUICE_MODULE("enrich-user-load", NULL, NULL, &load_plugin);
