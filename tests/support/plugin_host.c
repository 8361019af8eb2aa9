/* plugin_host: the life of an instance.  One registry a process: what was loaded once
 * stays loaded, as in the host. */
#include "plugin_host_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"

static struct registry *host_registry;
static int log_fd = -1;
static unsigned log_users;

static const struct plugin *load_plugin(const char *kind, const char *name)
{
    const char *top = getenv("top_builddir");
    const struct plugin *plugin;
    char file[4096], warning[1024];

    if (host_registry == NULL)
        host_registry = registry_new();
    ck_assert_ptr_nonnull(host_registry);
    plugin = registry_find(host_registry, kind_parse(kind), name);
    if (plugin != NULL)
        return plugin;
    (void)snprintf(file, sizeof file, "%s/plugins/%s-%s/.libs/%s-%s.so", top == NULL ? "." : top, kind, name,
                   kind, name);
    if (registry_load(host_registry, file, warning, sizeof warning) != 0) {
        const struct refusal *why = &host_registry->refusals[host_registry->n_refusals - 1];

        ck_abort_msg("%s: %s; %s", why->file, why->reason, why->remedy);
    }
    plugin = registry_find(host_registry, kind_parse(kind), name);
    ck_assert_msg(plugin != NULL, "%s holds no %s/%s", file, kind, name);
    return plugin;
}

/* Log lines of all instances go to one file in memory. */
static void log_begin(void)
{
    if (log_users++ > 0)
        return;
    log_fd = memfd_create("log", MFD_CLOEXEC);
    ck_assert_int_ge(log_fd, 0);
    ck_assert_int_eq(log_start(LOG_LOGFMT, SLUICE_DEBUG, log_fd), 0);
}

static void log_end(void)
{
    if (--log_users > 0)
        return;
    log_stop();
    (void)close(log_fd);
    log_fd = -1;
}

int plugin_host_logged(struct plugin_host *h, const char *text)
{
    static char held[1 << 20];
    struct timespec moment = {0, 1000000};
    int tries;

    (void)h;
    for (tries = 0; tries < 5000; tries++) {
        ssize_t got = pread(log_fd, held, sizeof held - 1, 0);

        ck_assert_int_ge(got, 0);
        held[got] = '\0';
        if (strstr(held, text) != NULL)
            return 1;
        (void)nanosleep(&moment, NULL);
    }
    return 0;
}

static uint32_t lane_open(void *context, const char *name, const struct sluice_str *attributes, uint64_t n)
{
    struct plugin_host *h = context;
    struct lane_info *lane;
    uint32_t i;

    for (i = 0; i < h->n_lanes; i++)
        if (strcmp(h->lanes[i]->name, name) == 0)
            return i + 1;
    ck_assert_uint_lt(h->n_lanes, PLUGIN_HOST_LANES);
    lane = calloc(1, sizeof *lane);
    ck_assert_ptr_nonnull(lane);
    lane->name = strdup(name);
    lane->n_attributes = n;
    lane->attributes = calloc(n > 0 ? 2 * n : 1, sizeof(char *));
    ck_assert_ptr_nonnull(lane->attributes);
    for (i = 0; i < 2 * n; i++)
        lane->attributes[i] = strndup(attributes[i].data, attributes[i].len);
    h->lanes[h->n_lanes++] = lane;
    h->batch.n_lanes = h->n_lanes;
    return h->n_lanes;
}

static uint32_t lane_full(void *context, uint32_t lane)
{
    const struct plugin_host *h = context;

    return lane == 0 || lane > h->n_lanes ? 1 : h->full[lane - 1];
}

static void lane_lost(void *context, uint32_t lane)
{
    struct plugin_host *h = context;

    ck_assert_uint_gt(lane, 0);
    ck_assert_uint_le(lane, h->n_lanes);
    h->lost[lane - 1]++;
}

static uint32_t lane_named(const struct plugin_host *h, const char *name)
{
    uint32_t i;

    for (i = 0; i < h->n_lanes; i++)
        if (strcmp(h->lanes[i]->name, name) == 0)
            return i;
    ck_abort_msg("the lane '%s' was never opened", name);
}

void plugin_host_fill_lane(struct plugin_host *h, const char *name, int full)
{
    h->full[lane_named(h, name)] = (uint32_t)full;
}

uint32_t plugin_host_lost(struct plugin_host *h, const char *name)
{
    return h->lost[lane_named(h, name)];
}

static struct plugin_host *host_new(const char *kind, const char *name, const struct plugin_host_setup *with)
{
    struct plugin_host *h = calloc(1, sizeof *h);
    struct sluice_error err = {.struct_size = sizeof err};

    ck_assert_ptr_nonnull(h);
    log_begin();
    h->plugin = load_plugin(kind, name);
    problems_init(&h->problems);
    h->env.pipeline_name = "test";
    h->env.metrics = metrics_new();
    ck_assert_ptr_nonnull(h->env.metrics);
    h->env.lane_open = lane_open;
    h->env.lane_lost = lane_lost;
    h->env.lane_full = lane_full;
    h->env.lane_context = h;
    if (with != NULL) {
        h->env.now_ms = with->now_ms;
        h->env.steady_ms = with->steady_ms;
        if (with->state_of != NULL)
            h->env.state = with->state_of->env.state;
        h->shared_state = with->state_of != NULL;
        if (with->state_dir != NULL) {
            h->env.state = state_db_open(with->state_dir, STATE_RUN, &err);
            ck_assert_msg(h->env.state != NULL, "%s", err.message);
        }
    }
    h->spec.plugin = h->plugin;
    h->spec.writers = 1;
    (void)snprintf(h->name, sizeof h->name, "%s-%s", kind, name);
    h->spec.name = h->name;
    return h;
}

/* Options and create, as `check` does them; 1 if the block is accepted. */
static int host_create(struct plugin_host *h, const char *yaml)
{
    struct option_table table = {h->name, h->plugin->options, h->plugin->desc.n_options};
    const char *text = yaml[0] == '\0' ? "{}" : yaml;

    h->config = config_parse("test.yaml", text, strlen(text), &h->problems);
    if (h->config == NULL)
        return 0;
    h->spec.config = option_parse(&table, h->config->root, NULL, &h->problems);
    if (h->spec.config == NULL)
        return 0;
    h->instance = instance_new(&h->spec, &h->env, &h->problems);
    return h->instance != NULL;
}

static void host_batch(struct plugin_host *h)
{
    uint32_t lane;

    ck_assert_int_eq(batch_init(&h->batch, PLUGIN_HOST_BATCH, h->env.n_fields, 1u << 20), 0);
    h->batch.lanes = (const struct lane_info *const *)h->lanes;
    h->batch.n_lanes = h->n_lanes;
    if (h->plugin->desc.kind == SLUICE_SOURCE)
        return;
    lane = lane_open(h, "test", NULL, 0);
    ck_assert_uint_eq(lane, 1);
}

static char *problem_text(const struct plugin_host *h)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    ck_assert_ptr_nonnull(out);
    problems_print(&h->problems, out);
    (void)fclose(out);
    return text;
}

struct plugin_host *plugin_host_open_with(const char *kind, const char *name, const char *yaml,
                                          const struct plugin_host_setup *with)
{
    struct plugin_host *h = host_new(kind, name, with);

    if (!host_create(h, yaml))
        ck_abort_msg("%s", problem_text(h));
    host_batch(h);
    return h;
}

struct plugin_host *plugin_host_open(const char *kind, const char *name, const char *yaml)
{
    return plugin_host_open_with(kind, name, yaml, NULL);
}

char *plugin_host_refusal(const char *kind, const char *name, const char *yaml)
{
    struct plugin_host *h = host_new(kind, name, NULL);
    char *text;

    ck_assert_msg(!host_create(h, yaml), "this was accepted:\n%s", yaml);
    text = problem_text(h);
    plugin_host_close(h);
    return text;
}

void plugin_host_close(struct plugin_host *h)
{
    uint32_t i;
    size_t a;

    if (h->started)
        plugin_host_stop(h);
    instance_free(h->instance);
    option_free(h->spec.config);
    config_free(h->config);
    problems_release(&h->problems);
    if (h->env.state != NULL && !h->shared_state)
        state_db_close(h->env.state);
    metrics_free(h->env.metrics);
    for (i = 0; i < h->env.n_fields; i++)
        free(h->env.fields[i]);
    for (i = 0; i < h->n_lanes; i++) {
        for (a = 0; a < 2 * h->lanes[i]->n_attributes; a++)
            free(h->lanes[i]->attributes[a]);
        free(h->lanes[i]->attributes);
        free(h->lanes[i]->name);
        free(h->lanes[i]);
    }
    batch_release(&h->batch);
    free(h);
    log_end();
}

uint32_t plugin_host_try_start(struct plugin_host *h, struct sluice_error *err)
{
    uint32_t code = instance_start(h->instance, err);

    h->started = code == SLUICE_OK;
    return code;
}

void plugin_host_start(struct plugin_host *h)
{
    struct sluice_error err;

    error_clear(&err);
    ck_assert_msg(plugin_host_try_start(h, &err) == SLUICE_OK, "start: %s", err.message);
}

void plugin_host_stop(struct plugin_host *h)
{
    struct sluice_error err;

    error_clear(&err);
    ck_assert_msg(instance_stop(h->instance, 5000, &err) == SLUICE_OK, "stop: %s", err.message);
    h->started = 0;
}
