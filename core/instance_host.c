/* instance_host: the services of struct sluice_host for one instance. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/check.h>

#include "clock.h"
#include "extension.h"
#include "instance_private.h"
#include "log.h"

#define LOG_LINES_A_SECOND 20.0
#define LOG_BURST 200.0

static struct instance *instance_of(const struct sluice_host *host)
{
    return host->context;
}

static int64_t host_now_ms(const struct sluice_host *host)
{
    const struct instance_env *env = instance_of(host)->env;

    return env->now_ms != NULL ? env->now_ms() : clock_now_ms();
}

static int64_t host_steady_ms(const struct sluice_host *host)
{
    const struct instance_env *env = instance_of(host)->env;

    return env->steady_ms != NULL ? env->steady_ms() : clock_steady_ms();
}

/* A plugin in a loop must not bury the log: what is over the limit is counted,
 * and the count is told with the next line that passes. */
static void host_log(const struct sluice_host *host, uint32_t level, const char *text)
{
    struct instance *i = instance_of(host);
    struct log_field fields[4];
    uint64_t suppressed = 0;
    uint32_t n = 0;
    int pass;

    if (level < log_level())
        return;
    pthread_mutex_lock(&i->lock);
    pass = level >= SLUICE_ERROR || limit_take(&i->log_limit, 1, clock_steady_ms()) == 1;
    if (pass) {
        suppressed = i->log_suppressed;
        i->log_suppressed = 0;
    } else {
        i->log_suppressed++;
    }
    pthread_mutex_unlock(&i->lock);
    if (!pass)
        return;
    fields[n++] = LOG_TEXT("pipeline", i->env->pipeline_name);
    fields[n++] = LOG_TEXT("instance", i->spec->name);
    fields[n++] = LOG_TEXT("message", text);
    if (suppressed > 0)
        fields[n++] = LOG_NUMBER("suppressed", suppressed);
    log_event(level, "plugin", fields, n);
}

static uint32_t host_declare_field(const struct sluice_host *host, const char *name, uint32_t *slot)
{
    struct instance *i = instance_of(host);
    struct instance_env *env = i->env;
    uint32_t n;

    if (!i->creating || name == NULL)
        return 0;
    for (n = 0; n < env->n_fields; n++)
        if (strcmp(env->fields[n], name) == 0)
            break;
    if (n == env->n_fields) {
        if (n == RECORD_MAX_FIELDS || (env->fields[n] = strdup(name)) == NULL)
            return 0;
        env->n_fields++;
    }
    *slot = n;
    return 1;
}

static uint32_t host_cancelled(const struct sluice_host *host)
{
    return atomic_load(&instance_of(host)->cancelled) != 0;
}

static uint32_t host_wait(const struct sluice_host *host, uint32_t ms)
{
    struct instance *i = instance_of(host);
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&i->lock);
    while (!atomic_load(&i->cancelled))
        if (pthread_cond_timedwait(&i->wake, &i->lock, &until) != 0)
            break;
    pthread_mutex_unlock(&i->lock);
    return host_cancelled(host);
}

static struct instance_series *new_series(struct instance *i, struct instance_metric *m, const char *label)
{
    const char *values[3] = {i->env->pipeline_name, i->spec->name, label};
    struct instance_series *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    if (label != NULL && (s->label = strdup(label)) == NULL) {
        free(s);
        return NULL;
    }
    s->series = metric_series(m->family, values);
    s->next = m->series;
    m->series = s;
    m->n_series++;
    return s;
}

static uint32_t host_metric(const struct sluice_host *host, uint32_t kind, const char *name, const char *help,
                            const char *label_name)
{
    struct instance *i = instance_of(host);
    const char *labels[3] = {"pipeline", "instance", label_name};
    struct metric_family *family;
    char full[128], *c;

    if (i->env->metrics == NULL || !i->creating || i->n_metrics == INSTANCE_MAX_METRICS || name == NULL)
        return 0;
    if (snprintf(full, sizeof full, "sluice_%s_%s_%s", kind_name(i->spec->plugin->desc.kind),
                 i->spec->plugin->desc.name, name) >= (int)sizeof full)
        return 0;
    for (c = full; *c != '\0'; c++)
        if (*c == '-')
            *c = '_';
    family = metric_family(i->env->metrics, kind, full, help, labels, label_name == NULL ? 2 : 3);
    if (family == NULL)
        return 0;
    i->metrics[i->n_metrics].family = family;
    i->metrics[i->n_metrics].labelled = label_name != NULL;
    if (label_name == NULL) /* known from the start, so that work allocates nothing for it */
        (void)new_series(i, &i->metrics[i->n_metrics], NULL);
    return ++i->n_metrics;
}

static struct instance_series *find_label(const struct instance_metric *m, const char *label)
{
    struct instance_series *s;

    for (s = m->series; s != NULL; s = s->next)
        if (label == NULL || strcmp(s->label, label) == 0)
            break;
    return s;
}

static struct metric_series *find_series(struct instance *i, uint32_t id, const char *label)
{
    static const char other[] = "other"; /* as the metrics call it */
    struct instance_metric *m;
    struct instance_series *s;

    if (id == 0 || id > i->n_metrics)
        return NULL;
    m = &i->metrics[id - 1];
    if (!m->labelled)
        label = NULL;
    else if (label == NULL)
        label = "";
    pthread_mutex_lock(&i->lock);
    s = find_label(m, label);
    if (s == NULL && m->n_series >= METRIC_MAX_SERIES)
        s = find_label(m, label = other);
    if (s == NULL)
        s = new_series(i, m, label);
    pthread_mutex_unlock(&i->lock);
    return s == NULL ? NULL : s->series;
}

static void host_metric_add(const struct sluice_host *host, uint32_t id, const char *label, uint64_t n)
{
    metric_add(find_series(instance_of(host), id, label), n);
}

static void host_metric_set(const struct sluice_host *host, uint32_t id, const char *label, double value)
{
    struct metric_series *s = find_series(instance_of(host), id, label);

    if (s != NULL)
        metric_set(s, value);
}

static int64_t host_state_get(const struct sluice_host *host, const char *key, void *out, uint64_t cap,
                              struct sluice_error *err)
{
    struct instance *i = instance_of(host);

    if (i->env->state == NULL)
        return -1;
    return state_db_get(i->env->state, i->state_owner, key, out, cap, err);
}

/* Without a state_dir nothing is kept over a restart; the plan has warned. */
static uint32_t host_state_put(const struct sluice_host *host, const char *key, const void *data,
                               uint64_t len, struct sluice_error *err)
{
    struct instance *i = instance_of(host);

    if (i->env->state == NULL)
        return SLUICE_OK;
    return state_db_put(i->env->state, i->state_owner, key, data, len, err);
}

static const char *host_state_dir(const struct sluice_host *host)
{
    struct instance *i = instance_of(host);

    return i->env->state == NULL ? NULL : state_db_dir(i->env->state);
}

static uint32_t host_lane_open(const struct sluice_host *host, const char *name,
                               const struct sluice_str *attributes, uint64_t n)
{
    struct instance_env *env = instance_of(host)->env;

    return env->lane_open == NULL ? 0 : env->lane_open(env->lane_context, name, attributes, n);
}

static void host_lane_lost(const struct sluice_host *host, uint32_t lane)
{
    struct instance_env *env = instance_of(host)->env;

    if (env->lane_lost != NULL)
        env->lane_lost(env->lane_context, lane);
}

static uint32_t host_lane_full(const struct sluice_host *host, uint32_t lane)
{
    struct instance_env *env = instance_of(host)->env;

    return env->lane_full == NULL ? 0 : env->lane_full(env->lane_context, lane);
}

static const void *host_extension(const struct sluice_host *host, const char *id)
{
    static const struct sluice_check check = {.struct_size = sizeof check};

    if (strcmp(id, SLUICE_CHECK_ID) == 0)
        return instance_of(host)->env->checking ? &check : NULL;
    return extension_find(id);
}

static char *join_owner(const char *pipeline, const char *name)
{
    size_t len = strlen(pipeline) + strlen(name) + 2;
    char *owner = malloc(len);

    if (owner != NULL)
        (void)snprintf(owner, len, "%s/%s", pipeline, name);
    return owner;
}

int instance_host_init(struct instance *i)
{
    const char *pipeline = i->env->pipeline_name != NULL ? i->env->pipeline_name : "";

    i->state_owner = join_owner(pipeline, i->spec->name);
    if (i->state_owner == NULL)
        return -1;
    limit_init(&i->log_limit, LOG_LINES_A_SECOND, LOG_BURST, clock_steady_ms());
    i->host = (struct sluice_host){
        .struct_size = sizeof i->host,
        .abi_minor = SLUICE_ABI_MINOR,
        .context = i,
        .record = &record_api,
        .document = &document_api,
        .instance_name = i->spec->name,
        .pipeline_name = pipeline,
        .log = host_log,
        .option_given = option_given,
        .option_string = option_string,
        .option_integer = option_integer,
        .option_number = option_number,
        .option_count = option_count,
        .option_item = option_item,
        .option_values = option_values,
        .option_value = option_value,
        .declare_field = host_declare_field,
        .now_ms = host_now_ms,
        .steady_ms = host_steady_ms,
        .cancelled = host_cancelled,
        .wait = host_wait,
        .metric = host_metric,
        .metric_add = host_metric_add,
        .metric_set = host_metric_set,
        .state_get = host_state_get,
        .state_put = host_state_put,
        .state_dir = host_state_dir,
        .lane_open = host_lane_open,
        .lane_lost = host_lane_lost,
        .batch_add = batch_add,
        .extension = host_extension,
        .lane_full = host_lane_full,
    };
    return 0;
}

void instance_host_release(struct instance *i)
{
    struct instance_series *s, *next;
    uint32_t n;

    for (n = 0; n < i->n_metrics; n++)
        for (s = i->metrics[n].series; s != NULL; s = next) {
            next = s->next;
            free(s->label);
            free(s);
        }
    free(i->state_owner);
}
