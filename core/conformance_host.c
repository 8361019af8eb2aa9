/* conformance_host: see conformance_host.h.
 *
 * Invariant: what the mock keeps for a plugin (state, lanes, log) is never the
 * plugin's own memory, so that a plugin which frees too early is seen, not helped. */
#include "conformance_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "extension.h"

#include <sluice/http.h>

#define MOST_STATE 4096u /* keys */

struct state_entry {
    struct state_entry *next;
    char *name; /* "instance/key" */
    char *data;
    uint64_t len;
};

struct mock_world mock_world;
void (*mock_before_create)(struct conf *c);
static struct state_entry *mock_state;
static struct sluice_record_api mock_record_api;
static struct sluice_document_api mock_document_api;

static struct mock *mock_of(const struct sluice_host *host)
{
    return host->context;
}

/* Shall this call of a service that may fail do so? */
static int service_fails(void)
{
    uint64_t n = atomic_fetch_add(&mock_world.service_calls, 1) + 1;
    unsigned percent = atomic_load(&mock_world.fail_percent);

    if (n == atomic_load(&mock_world.service_fail))
        return 1;
    /* A fixed pattern that is spread well enough: no random state in many threads. */
    return percent > 0 && (n * UINT64_C(0x9E3779B97F4A7C15) >> 32) % 100 < percent;
}

static char *mock_text(const struct sluice_record *r, const char *data, uint64_t len)
{
    return service_fails() ? NULL : record_api.text(r, data, len);
}

static struct sluice_node *mock_parse_json(struct sluice_record *r, struct sluice_str json,
                                           struct sluice_error *err)
{
    if (!service_fails())
        return record_api.parse_json(r, json, err);
    (void)sluice_fail(err, SLUICE_RETRY, NULL, "out of memory");
    return NULL;
}

static struct sluice_node *mock_make(struct sluice_record *r, uint32_t type)
{
    return service_fails() ? NULL : document_api.make(r, type);
}

static struct sluice_node *mock_make_bool(struct sluice_record *r, uint32_t value)
{
    return service_fails() ? NULL : document_api.make_bool(r, value);
}

static struct sluice_node *mock_make_int(struct sluice_record *r, int64_t value)
{
    return service_fails() ? NULL : document_api.make_int(r, value);
}

static struct sluice_node *mock_make_real(struct sluice_record *r, double value)
{
    return service_fails() ? NULL : document_api.make_real(r, value);
}

static struct sluice_node *mock_make_text(struct sluice_record *r, const char *data, uint64_t len)
{
    return service_fails() ? NULL : document_api.make_text(r, data, len);
}

static uint32_t mock_set(struct sluice_record *r, struct sluice_node *object, const char *key, uint64_t len,
                         struct sluice_node *value)
{
    return service_fails() ? 0 : document_api.set(r, object, key, len, value);
}

static void mock_log(const struct sluice_host *host, uint32_t level, const char *text)
{
    struct mock *m = mock_of(host);

    (void)pthread_mutex_lock(&mock_world.lock);
    strbuf_printf(&mock_world.log, "%u %s\n", level, text);
    (void)pthread_mutex_unlock(&mock_world.lock);
    if (strchr(text, '\n') != NULL)
        conf_fail(m->c, "logged a text of several lines: %.200s", text);
}

static uint32_t mock_declare_field(const struct sluice_host *host, const char *name, uint32_t *slot)
{
    struct mock *m = mock_of(host);
    uint32_t n;

    if (!m->creating)
        conf_fail(m->c, "called declare_field(\"%s\") outside of create", name);
    for (n = 0; n < mock_world.n_fields; n++)
        if (strcmp(mock_world.fields[n], name) == 0)
            break;
    if (n == mock_world.n_fields) {
        if (n == RECORD_MAX_FIELDS || service_fails() || (mock_world.fields[n] = strdup(name)) == NULL)
            return 0;
        mock_world.n_fields++;
    }
    *slot = n;
    return 1;
}

static int64_t mock_now_ms(const struct sluice_host *host)
{
    (void)host;
    return clock_now_ms() + atomic_load(&mock_world.clock_offset);
}

static int64_t mock_steady_ms(const struct sluice_host *host)
{
    (void)host;
    return clock_steady_ms();
}

static uint32_t mock_cancelled(const struct sluice_host *host)
{
    return atomic_load(&mock_of(host)->cancelled) != 0;
}

static uint32_t mock_wait(const struct sluice_host *host, uint32_t ms)
{
    struct mock *m = mock_of(host);
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    (void)pthread_mutex_lock(&m->lock);
    while (!atomic_load(&m->cancelled))
        if (pthread_cond_timedwait(&m->wake, &m->lock, &until) != 0)
            break;
    (void)pthread_mutex_unlock(&m->lock);
    return mock_cancelled(host);
}

static uint32_t mock_metric(const struct sluice_host *host, uint32_t kind, const char *name, const char *help,
                            const char *label_name)
{
    struct mock *m = mock_of(host);

    (void)label_name;
    if (!m->creating)
        conf_fail(m->c, "registered the metric %s outside of create", name);
    if (kind != SLUICE_COUNTER && kind != SLUICE_GAUGE)
        conf_fail(m->c, "registered the metric %s of no known kind", name);
    if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0' || help == NULL ||
        help[0] == '\0')
        conf_fail(m->c, "registered the metric %s with a bad name or without help", name);
    return service_fails() ? 0 : 1;
}

static void mock_metric_add(const struct sluice_host *host, uint32_t id, const char *label, uint64_t n)
{
    (void)host;
    (void)id;
    (void)label;
    (void)n;
}

static void mock_metric_set(const struct sluice_host *host, uint32_t id, const char *label, double value)
{
    (void)host;
    (void)id;
    (void)label;
    (void)value;
}

static struct state_entry *find_state(const char *name)
{
    struct state_entry *e;

    for (e = mock_state; e != NULL; e = e->next)
        if (strcmp(e->name, name) == 0)
            break;
    return e;
}

static int state_name(const struct mock *m, const char *key, char *out, size_t cap)
{
    return strlen(key) <= 255 && snprintf(out, cap, "%s/%s", m->name, key) < (int)cap;
}

static int64_t mock_state_get(const struct sluice_host *host, const char *key, void *out, uint64_t cap,
                              struct sluice_error *err)
{
    struct mock *m = mock_of(host);
    struct state_entry *e;
    char name[512];
    int64_t len = -1;

    if (!m->started)
        conf_fail(m->c, "called state_get outside of start and stop");
    if (!state_name(m, key, name, sizeof name) || service_fails()) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "the state cannot be read now");
        return -2;
    }
    (void)pthread_mutex_lock(&mock_world.lock);
    e = find_state(name);
    if (e != NULL) {
        len = (int64_t)e->len;
        if (e->len <= cap)
            memcpy(out, e->data, e->len);
    }
    (void)pthread_mutex_unlock(&mock_world.lock);
    return len;
}

static uint32_t put_state(const char *name, const void *data, uint64_t len)
{
    struct state_entry *e = find_state(name);
    char *copy = malloc(len + 1);

    if (copy == NULL)
        return SLUICE_RETRY;
    memcpy(copy, data, len);
    if (e == NULL) {
        e = calloc(1, sizeof *e);
        if (e == NULL || (e->name = strdup(name)) == NULL) {
            free(e);
            free(copy);
            return SLUICE_RETRY;
        }
        e->next = mock_state;
        mock_state = e;
    }
    free(e->data);
    e->data = copy;
    e->len = len;
    return SLUICE_OK;
}

static uint32_t mock_state_put(const struct sluice_host *host, const char *key, const void *data,
                               uint64_t len, struct sluice_error *err)
{
    struct mock *m = mock_of(host);
    char name[512];
    uint32_t code;

    if (!m->started)
        conf_fail(m->c, "called state_put outside of start and stop");
    if (len > 65536)
        return sluice_fail(err, SLUICE_INVALID, NULL, "a value of the state may have 64 KiB");
    if (!state_name(m, key, name, sizeof name) || service_fails())
        return sluice_fail(err, SLUICE_RETRY, NULL, "the state cannot be written now");
    (void)pthread_mutex_lock(&mock_world.lock);
    code = put_state(name, data, len);
    (void)pthread_mutex_unlock(&mock_world.lock);
    return code;
}

static const char *mock_state_dir(const struct sluice_host *host)
{
    return mock_of(host)->state_dir;
}

static char **copy_pairs(const struct sluice_str *pairs, uint64_t n)
{
    char **copies = calloc(2 * n + 1, sizeof *copies);
    uint64_t i;

    for (i = 0; copies != NULL && i < 2 * n; i++)
        copies[i] = pairs[i].data == NULL ? strdup("") : strndup(pairs[i].data, pairs[i].len);
    return copies;
}

static uint32_t mock_lane_open(const struct sluice_host *host, const char *name,
                               const struct sluice_str *attributes, uint64_t n)
{
    struct mock *m = mock_of(host);
    struct lane_info *lane;
    uint32_t i;

    if (m->polled == NULL && !m->in_keepalive && !m->in_start)
        conf_fail(m->c, "called lane_open outside of start, poll and keepalive");
    if (name == NULL || name[0] == '\0')
        conf_fail(m->c, "opened a lane without a name");
    for (i = 0; i < m->n_lanes; i++)
        if (strcmp(m->lanes[i]->name, name) == 0)
            return i + 1;
    if (m->n_lanes == MOCK_MAX_LANES || service_fails())
        return 0;
    lane = calloc(1, sizeof *lane);
    if (lane == NULL || (lane->name = strdup(name)) == NULL ||
        (lane->attributes = copy_pairs(attributes, n)) == NULL)
        return 0;
    lane->n_attributes = n;
    m->lanes[m->n_lanes++] = lane;
    if (m->polled != NULL)
        m->polled->n_lanes = m->n_lanes;
    return m->n_lanes;
}

static void mock_lane_lost(const struct sluice_host *host, uint32_t lane)
{
    struct mock *m = mock_of(host);

    if (lane == 0 || lane > m->n_lanes)
        conf_fail(m->c, "lost the lane %u, which was never opened", lane);
}

/* Full from mock_world.lane_window records of the poll on. */
static uint32_t mock_lane_full(const struct sluice_host *host, uint32_t lane)
{
    struct mock *m = mock_of(host);
    uint64_t i, n = 0;

    if (m->polled == NULL && !m->in_keepalive)
        conf_fail(m->c, "called lane_full outside of poll and keepalive");
    if (lane == 0 || lane > m->n_lanes)
        conf_fail(m->c, "asked about the lane %u, which was never opened", lane);
    atomic_fetch_add(&mock_world.lane_asked, 1);
    for (i = 0; m->polled != NULL && i < m->polled->n; i++)
        n += m->polled->records[i].lane_id == lane;
    return n >= atomic_load(&mock_world.lane_window);
}

static uint64_t mock_batch_add(struct sluice_batch *batch, const struct sluice_item *items, uint64_t n,
                               uint64_t stride)
{
    uint64_t room = atomic_load(&mock_world.batch_room), taken;

    atomic_fetch_add(&mock_world.offered, n);
    taken = batch_add(batch, items, n < room ? n : room, stride);
    atomic_store(&mock_world.batch_room, room - taken);
    return taken;
}

static const void *mock_extension(const struct sluice_host *host, const char *id)
{
    (void)host;
    return extension_find(id);
}

void mock_world_init(struct conf *c)
{
    (void)c;
    /* What the first use of a service sets up is the host's, not the plugin's. */
    (void)extension_find(SLUICE_HTTP_ID);
    mock_record_api = record_api;
    mock_record_api.text = mock_text;
    mock_record_api.parse_json = mock_parse_json;
    mock_document_api = document_api;
    mock_document_api.make = mock_make;
    mock_document_api.make_bool = mock_make_bool;
    mock_document_api.make_int = mock_make_int;
    mock_document_api.make_real = mock_make_real;
    mock_document_api.make_text = mock_make_text;
    mock_document_api.set = mock_set;
    atomic_store(&mock_world.batch_room, UINT64_MAX);
    atomic_store(&mock_world.lane_window, UINT64_MAX);
    strbuf_init(&mock_world.log, (size_t)4 << 20);
    (void)pthread_mutex_init(&mock_world.lock, NULL);
}

static const struct sluice_host mock_host = {
    .struct_size = sizeof(struct sluice_host),
    .abi_minor = SLUICE_ABI_MINOR,
    .record = &mock_record_api,
    .document = &mock_document_api,
    .pipeline_name = "conformance",
    .log = mock_log,
    .option_given = option_given,
    .option_string = option_string,
    .option_integer = option_integer,
    .option_number = option_number,
    .option_count = option_count,
    .option_item = option_item,
    .option_values = option_values,
    .option_value = option_value,
    .declare_field = mock_declare_field,
    .now_ms = mock_now_ms,
    .steady_ms = mock_steady_ms,
    .cancelled = mock_cancelled,
    .wait = mock_wait,
    .metric = mock_metric,
    .metric_add = mock_metric_add,
    .metric_set = mock_metric_set,
    .state_get = mock_state_get,
    .state_put = mock_state_put,
    .state_dir = mock_state_dir,
    .lane_open = mock_lane_open,
    .lane_lost = mock_lane_lost,
    .batch_add = mock_batch_add,
    .extension = mock_extension,
    .lane_full = mock_lane_full,
};

static struct mock *mock_alloc(struct conf *c, const char *name, struct sluice_config *config)
{
    struct mock *m = calloc(1, sizeof *m);
    pthread_condattr_t attributes;

    if (m == NULL)
        conf_fail(c, "the suite is out of memory");
    m->c = c;
    m->plugin = c->plugin;
    m->config = config;
    (void)snprintf(m->name, sizeof m->name, "%s", name);
    (void)snprintf(m->state_dir, sizeof m->state_dir, "%s/state-%s", c->tmp, name);
    (void)mkdir(m->state_dir, 0700);
    (void)pthread_mutex_init(&m->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&m->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    m->host = mock_host;
    m->host.context = m;
    m->host.instance_name = m->name;
    return m;
}

static void mock_release(struct mock *m)
{
    uint32_t i;
    uint64_t j;

    for (i = 0; i < m->n_lanes; i++) {
        for (j = 0; j < 2 * m->lanes[i]->n_attributes; j++)
            free(m->lanes[i]->attributes[j]);
        free(m->lanes[i]->attributes);
        free(m->lanes[i]->name);
        free(m->lanes[i]);
    }
    (void)pthread_cond_destroy(&m->wake);
    (void)pthread_mutex_destroy(&m->lock);
    option_free(m->config);
    free(m);
}

static void doing(struct conf *c, const char *call)
{
    (void)snprintf(c->shared->doing, sizeof c->shared->doing, "%s", call);
}

uint32_t mock_try(struct conf *c, const char *name, struct sluice_config *config, struct mock **out,
                  struct sluice_error *err)
{
    static char untouched;
    struct mock *m = mock_alloc(c, name, config);
    uint32_t code;

    mock_error(err);
    m->creating = 1;
    m->self = &untouched;
    doing(c, "create");
    if (mock_before_create != NULL)
        mock_before_create(c);
    code = c->plugin->lifecycle.create(&m->host, config, &m->self, err);
    doing(c, "");
    m->creating = 0;
    if (code == SLUICE_OK) {
        CONF_REQUIRE(c, m->self != &untouched, "create answered OK and did not write *self");
        *out = m;
        return code;
    }
    CONF_REQUIRE(c, code == SLUICE_INVALID || code == SLUICE_FATAL || code == SLUICE_RETRY,
                 "create answered %s; a create that fails answers INVALID or FATAL", mock_code(code));
    CONF_REQUIRE(c, m->self == &untouched, "create failed and wrote *self");
    mock_release(m);
    return code;
}

struct mock *mock_new(struct conf *c, const char *name)
{
    const char *tmp = c->tmp;
    struct sluice_error err;
    struct mock *m;
    char own[300];
    uint32_t code;

    /* A second instance writes to files of its own. */
    if (strcmp(name, "a") != 0) {
        (void)snprintf(own, sizeof own, "%s/%s", tmp, name);
        c->tmp = own;
        if (mkdir(own, 0700) == 0)
            conf_write_samples(c, 200);
    }
    code = mock_try(c, name, conf_config(c), &m, &err);
    c->tmp = tmp;
    CONF_REQUIRE(c, code == SLUICE_OK, "create answered %s: %s%s%s", mock_code(code), err.option,
                 err.option[0] == '\0' ? "" : ": ", mock_said(&err));
    return m;
}

void mock_free(struct mock *m)
{
    if (m->started)
        mock_stop(m);
    doing(m->c, "destroy");
    m->plugin->lifecycle.destroy(m->self);
    doing(m->c, "");
    mock_release(m);
}

uint32_t mock_try_start(struct mock *m, struct sluice_error *err)
{
    uint32_t code = SLUICE_OK;

    mock_error(err);
    atomic_store(&m->cancelled, 0);
    m->started = 1;
    doing(m->c, "start");
    m->in_start = 1;
    if (m->plugin->lifecycle.start != NULL)
        code = m->plugin->lifecycle.start(m->self, err);
    m->in_start = 0;
    doing(m->c, "");
    m->started = code == SLUICE_OK;
    CONF_REQUIRE(m->c,
                 code == SLUICE_OK || code == SLUICE_RETRY || code == SLUICE_DISCONNECTED ||
                     code == SLUICE_FATAL,
                 "start answered %s; it may answer OK, RETRY, DISCONNECTED or FATAL", mock_code(code));
    return code;
}

void mock_start(struct mock *m)
{
    struct sluice_error err;
    uint32_t code = mock_try_start(m, &err);

    mock_need_service(m->c, code, &err);
    CONF_REQUIRE(m->c, code == SLUICE_OK, "start answered %s: %s", mock_code(code), mock_said(&err));
}

void mock_need_service(struct conf *c, uint32_t code, struct sluice_error *err)
{
    if (code == SLUICE_DISCONNECTED)
        conf_skip(c, "what it talks to is not there; name one by --set or --config: %s", mock_said(err));
}

void mock_stop(struct mock *m)
{
    struct sluice_error err;
    uint32_t code = SLUICE_OK;

    mock_error(&err);
    doing(m->c, "stop");
    if (m->plugin->lifecycle.stop != NULL)
        code = m->plugin->lifecycle.stop(m->self, 5000, &err);
    doing(m->c, "");
    m->started = 0;
    CONF_REQUIRE(m->c, code == SLUICE_OK, "stop answered %s: %s", mock_code(code), mock_said(&err));
}

void mock_cancel(struct mock *m)
{
    (void)pthread_mutex_lock(&m->lock);
    atomic_store(&m->cancelled, 1);
    (void)pthread_cond_broadcast(&m->wake);
    (void)pthread_mutex_unlock(&m->lock);
    if (m->plugin->lifecycle.cancel != NULL)
        m->plugin->lifecycle.cancel(m->self);
}

void mock_error(struct sluice_error *err)
{
    memset(err, 0, sizeof *err);
    err->struct_size = sizeof *err;
}

const char *mock_said(struct sluice_error *err)
{
    err->message[sizeof err->message - 1] = '\0';
    return err->message[0] == '\0' ? "(no message)" : err->message;
}

const char *mock_code(uint32_t code)
{
    static const char *const names[] = {
        "NONE",  "OK",        "DROP", "RETRY", "REJECT", "SPLIT",   "UNSURE",  "DISCONNECTED",
        "FATAL", "CANCELLED", "END",  "ADMIT", "DENY",   "UNKNOWN", "INVALID",
    };

    return code < sizeof names / sizeof names[0] ? names[code] : "a code that does not exist";
}
