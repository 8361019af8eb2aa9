/* load: a sink that would work, and, by one macro each, the ways in which a module
 * is refused before any instance of it exists.  Invariant: each variant differs
 * from the sound one in exactly one point. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <sluice/plugin.h>

#ifndef BAD_NAME
#define BAD_NAME "load"
#endif
#ifndef BAD_MINOR
#define BAD_MINOR SLUICE_ABI_MINOR
#endif
#ifndef BAD_MAJOR
#define BAD_MAJOR SLUICE_ABI_MAJOR
#endif
#ifndef BAD_NEEDS
#define BAD_NEEDS 0
#endif
#ifndef BAD_KIND
#define BAD_KIND SLUICE_SINK
#endif
#ifndef BAD_FLAGS
#define BAD_FLAGS SLUICE_IDEMPOTENT
#endif
#ifndef BAD_SIZE
#define BAD_SIZE sizeof(struct sluice_plugin)
#endif
#ifndef BAD_SUMMARY
#define BAD_SUMMARY "takes records and forgets them"
#endif
#ifndef BAD_DEFAULT
#define BAD_DEFAULT "5s"
#endif
#ifndef BAD_OPTION
#define BAD_OPTION "pause"
#endif

#ifndef BAD_SKIP
#define BAD_SKIP 0
#endif

#ifdef BAD_UNDEFINED
extern uint32_t nobody_defines_this(void);
#endif

static const struct sluice_option load_options[] = {
    {.name = BAD_OPTION, .type = SLUICE_DURATION, .default_text = BAD_DEFAULT, .summary = "how long to wait"},
};

#ifndef BAD_NO_CREATE
static uint32_t load_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                            struct sluice_error *err)
{
    void *made = malloc(1);

    (void)config;
    (void)host;
    if (made == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "out of memory");
    *self = made;
    return SLUICE_OK;
}
#endif

#ifndef BAD_NO_DESTROY
static void load_destroy(void *self)
{
    free(self);
}
#endif

#ifndef BAD_NO_WRITE
static uint32_t load_write(void *self, struct sluice_record *const *records, uint32_t n,
                           const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    uint32_t i;

    (void)self;
    (void)records;
    (void)err;
    for (i = 0; i < n; i++)
        sluice_verdict_set(verdicts, i, SLUICE_OK, NULL, NULL);
#ifdef BAD_UNDEFINED
    return nobody_defines_this();
#else
    return SLUICE_OK;
#endif
}
#endif

#if defined BAD_CTOR_EXITS || defined BAD_CTOR_CRASHES || defined BAD_CTOR_HANGS
__attribute__((constructor)) static void load_constructor(void)
{
#if defined BAD_CTOR_EXITS
    _exit(0);
#elif defined BAD_CTOR_CRASHES
    (void)raise(SIGSEGV);
#else
    for (;;)
        (void)pause();
#endif
}
#endif

#ifdef BAD_INIT
static uint32_t load_init(struct sluice_error *err)
{
    return sluice_fail(err, SLUICE_FATAL, NULL, "the library of load is too old; install 2.0 or later");
}
#else
#define load_init NULL
#endif

static const struct sluice_lifecycle load_lifecycle = {
    .struct_size = sizeof(struct sluice_lifecycle),
#ifndef BAD_NO_CREATE
    .create = load_create,
#endif
#ifndef BAD_NO_DESTROY
    .destroy = load_destroy,
#endif
};

static const struct sluice_sink_ops load_ops = {
    .struct_size = sizeof(struct sluice_sink_ops),
#ifndef BAD_NO_WRITE
    .write = load_write,
#endif
};

#if defined BAD_NO_ENTRY
#define sluice_plugin_entry_v1 load_not_the_entry
#elif defined BAD_NEXT_GENERATION
#define sluice_plugin_entry_v1 sluice_plugin_entry_v2
#endif
SLUICE_EXPORT const struct sluice_module *sluice_plugin_entry_v1(void);

static const struct sluice_plugin load_sink = {
    .struct_size = BAD_SIZE,
    .min_host_minor = BAD_NEEDS,
    .kind = BAD_KIND,
    .flags = BAD_FLAGS,
    .name = BAD_NAME,
    .version = "1.0.0",
    .summary = BAD_SUMMARY,
    .licence = "0BSD",
    SLUICE_OPTIONS(load_options),
    .lifecycle = &load_lifecycle,
    .ops = &load_ops,
};

SLUICE_EXPORT const struct sluice_module *sluice_plugin_entry_v1(void)
{
    static const struct sluice_plugin *const list[] = {
        &load_sink,
#ifdef BAD_TWICE
        &load_sink,
#endif
        NULL,
    };
    static const struct sluice_module module = {
        sizeof module, BAD_MAJOR, BAD_MINOR, 0, "load", load_init, NULL, list + BAD_SKIP,
    };

#ifdef BAD_NULL
    return list[0] == NULL ? &module : NULL;
#else
    return &module;
#endif
}
