/* newer: a plugin as a later minor would build it: every struct has members behind
 * those of today.  It does not insist on them, so today's host must load it and read
 * nothing of them. */
#include <signal.h>
#include <stdlib.h>

#include <sluice/plugin.h>

struct newer_option {
    struct sluice_option option;
    const char *colour;
    uint64_t weight;
};

struct newer_lifecycle {
    struct sluice_lifecycle lifecycle;
    void (*dream)(void *self);
};

struct newer_ops {
    struct sluice_sink_ops ops;
    void (*unwrite)(void *self);
};

struct newer_plugin {
    struct sluice_plugin plugin;
    const char *motto;
};

static const struct newer_option newer_options[] = {
    {{.name = "first", .type = SLUICE_INTEGER, .default_text = "1", .summary = "the first one"}, "red", 7},
    {{.name = "second", .type = SLUICE_STRING, .default_text = "two", .summary = "the second one"},
     "blue",
     8},
};

static uint32_t newer_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                             struct sluice_error *err)
{
    void *made = malloc(1);

    (void)host;
    (void)config;
    if (made == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "out of memory");
    *self = made;
    return SLUICE_OK;
}

static void newer_destroy(void *self)
{
    free(self);
}

static void newer_never(void *self)
{
    (void)self;
    (void)raise(SIGSEGV); /* a host that calls this one dies */
}

static uint32_t newer_write(void *self, struct sluice_record *const *records, uint32_t n,
                            const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    uint32_t i;

    (void)self;
    (void)records;
    (void)err;
    for (i = 0; i < n; i++)
        sluice_verdict_set(verdicts, i, SLUICE_OK, NULL, NULL);
    return SLUICE_OK;
}

static const struct newer_lifecycle newer_lifecycle = {
    {.struct_size = sizeof(struct newer_lifecycle), .create = newer_create, .destroy = newer_destroy},
    newer_never,
};

static const struct newer_ops newer_ops = {
    {.struct_size = sizeof(struct newer_ops), .write = newer_write},
    newer_never,
};

static const struct newer_plugin newer_plugin = {
    {
        .struct_size = sizeof(struct newer_plugin),
        .kind = SLUICE_SINK,
        .flags = 0x40000000u, /* a promise that today's host does not know */
        .name = "newer",
        .version = "2.0.0",
        .summary = "comes from the future",
        .licence = "0BSD",
        .options = &newer_options[0].option,
        .n_options = 2,
        .option_size = sizeof(struct newer_option),
        .lifecycle = &newer_lifecycle.lifecycle,
        .ops = &newer_ops,
    },
    "per aspera",
};

SLUICE_EXPORT const struct sluice_module *sluice_plugin_entry_v1(void)
{
    static const struct sluice_plugin *const list[] = {&newer_plugin.plugin, NULL};
    static const struct sluice_module module = {
        sizeof module, SLUICE_ABI_MAJOR, SLUICE_ABI_MINOR + 50, 0, "newer", NULL, NULL, list,
    };

    return &module;
}
