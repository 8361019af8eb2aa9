/* conformance_services: what the mock host does for a plugin.
 *
 * Invariant: each service that may fail in a real host can be made to fail here. */
#include "conformance_services.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "extension.h"

#include <sluice/http.h>

struct mock_world mock_world;
static struct sluice_record_api mock_record_api;
static struct sluice_document_api mock_document_api;

struct mock *mock_of(const struct sluice_host *host)
{
    return host->context;
}

/* Shall this call of a service that may fail do so? */
int mock_service_fails(void)
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
    return mock_service_fails() ? NULL : record_api.text(r, data, len);
}

static struct sluice_node *mock_parse_json(struct sluice_record *r, struct sluice_str json,
                                           struct sluice_error *err)
{
    if (!mock_service_fails())
        return record_api.parse_json(r, json, err);
    (void)sluice_fail(err, SLUICE_RETRY, NULL, "out of memory");
    return NULL;
}

static struct sluice_node *mock_make(struct sluice_record *r, uint32_t type)
{
    return mock_service_fails() ? NULL : document_api.make(r, type);
}

static struct sluice_node *mock_make_bool(struct sluice_record *r, uint32_t value)
{
    return mock_service_fails() ? NULL : document_api.make_bool(r, value);
}

static struct sluice_node *mock_make_int(struct sluice_record *r, int64_t value)
{
    return mock_service_fails() ? NULL : document_api.make_int(r, value);
}

static struct sluice_node *mock_make_real(struct sluice_record *r, double value)
{
    return mock_service_fails() ? NULL : document_api.make_real(r, value);
}

static struct sluice_node *mock_make_text(struct sluice_record *r, const char *data, uint64_t len)
{
    return mock_service_fails() ? NULL : document_api.make_text(r, data, len);
}

static uint32_t mock_set(struct sluice_record *r, struct sluice_node *object, const char *key, uint64_t len,
                         struct sluice_node *value)
{
    return mock_service_fails() ? 0 : document_api.set(r, object, key, len, value);
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
        if (n == RECORD_MAX_FIELDS || mock_service_fails() || (mock_world.fields[n] = strdup(name)) == NULL)
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
    return mock_service_fails() ? 0 : 1;
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

const struct sluice_host mock_host = {
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
