/* conformance_load: what a module is before any instance of it exists. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "conformance_private.h"
#include "elf_file.h"

#define LOAD_LIMIT_MS 1000

static void load(struct conf *c)
{
    char warning[1024];

    c->registry = registry_new();
    CONF_REQUIRE(c, c->registry != NULL, "the suite is out of memory");
    (void)snprintf(c->shared->doing, sizeof c->shared->doing, "load");
    if (registry_load(c->registry, c->request->file, warning, sizeof warning) != 0)
        conf_fail(c, "%s", c->registry->refusals[0].reason);
}

struct exports {
    struct conf *c;
    char other[200];
    int entries, others;
};

static void each_export(void *context, const char *name)
{
    struct exports *e = context;

    if (strcmp(name, "sluice_plugin_entry_v1") == 0) {
        e->entries++;
        return;
    }
    if (e->others++ == 0)
        (void)snprintf(e->other, sizeof e->other, "%s", name);
}

static void exports_one_symbol(struct conf *c)
{
    struct elf_reason why = {"", ""};
    struct exports e = {c, "", 0, 0};
    size_t len = 0;
    unsigned char *data = elf_read(c->request->file, &len, &why);

    CONF_REQUIRE(c, data != NULL, "%s", why.reason);
    if (elf_exports(data, len, each_export, &e) < 0)
        conf_skip(c, "the file has no section headers to read its symbols by");
    CONF_REQUIRE(c, e.entries == 1, "does not export sluice_plugin_entry_v1");
    CONF_REQUIRE(c, e.others == 0, "exports %d more symbols, %s for one; link with -export-symbols-regex",
                 e.others, e.other);
    free(data);
}

static void loads_fast(struct conf *c)
{
    int64_t before = clock_steady_ms(), took;

    load(c);
    took = clock_steady_ms() - before;
    CONF_REQUIRE(c, took < LOAD_LIMIT_MS, "took %lld ms to load; at most %d are fit", (long long)took,
                 LOAD_LIMIT_MS);
}

static void load_leaves_process_alone(struct conf *c)
{
    struct conf_watch before;
    struct strbuf was, is;

    conf_watch(&before);
    strbuf_init(&was, 65536);
    strbuf_init(&is, 65536);
    conf_process_state(&was);
    load(c);
    conf_process_state(&is);
    conf_watch_same(c, &before, "it was loaded");
    CONF_REQUIRE(c, strcmp(strbuf_text(&was), strbuf_text(&is)) == 0,
                 "loading changed a signal handler, the locale, the folder or the umask");
}

static void loads_quietly(struct conf *c)
{
    long size;

    load(c);
    (void)fflush(NULL);
    size = (long)lseek(STDOUT_FILENO, 0, SEEK_END);
    CONF_REQUIRE(c, size <= 0, "wrote %ld bytes to stdout or stderr when it was loaded", size);
}

static void entry_is_stable(struct conf *c)
{
    const struct sluice_module *(*entry)(void);
    void *handle, *symbol;

    load(c);
    handle = dlopen(c->registry->files[0], RTLD_NOW | RTLD_LOCAL);
    symbol = handle == NULL ? NULL : dlsym(handle, "sluice_plugin_entry_v1");
    CONF_REQUIRE(c, symbol != NULL, "cannot be opened a second time");
    memcpy(&entry, &symbol, sizeof entry);
    CONF_REQUIRE(c, entry() == entry(), "the entry returns another module at the second call");
    CONF_REQUIRE(c, entry()->plugins == entry()->plugins, "the entry changes the list of plugins");
}

const struct conf_case conf_load_cases[] = {
    {"exports-one-symbol", "exports its entry and nothing else", CONF_MODULE, 0, exports_one_symbol},
    {"loads-fast", "is linked and asked for its plugins within a second", CONF_MODULE, 0, loads_fast},
    {"load-leaves-process", "opens, starts and changes nothing when loaded", CONF_MODULE, 0,
     load_leaves_process_alone},
    {"loads-quietly", "prints nothing when loaded", CONF_MODULE, 0, loads_quietly},
    {"entry-is-stable", "returns the same module each time", CONF_MODULE, 0, entry_is_stable},
    {NULL, NULL, 0, 0, NULL},
};
