/* module: finding, checking and loading plugins.
 *
 * The registry holds every plugin as the host sees it: the descriptor and its
 * tables copied into structs of the host's own size, so that the rest of the
 * core never asks how old a plugin is.  Loading is [main]: it happens before
 * any thread exists, and nothing is ever unloaded. */
#ifndef SLUICE_CORE_MODULE_H
#define SLUICE_CORE_MODULE_H

#include <sluice/plugin.h>

#include "problem.h"

struct plugin {
    struct sluice_plugin desc;     /* desc.options points at options below */
    struct sluice_option *options; /* n_options, of the host's size */
    struct sluice_lifecycle lifecycle;
    union {
        struct sluice_source_ops source;
        struct sluice_decoder_ops decoder;
        struct sluice_gate_ops gate;
        struct sluice_enricher_ops enricher;
        struct sluice_sink_ops sink;
    } ops;
    const char *file;   /* the .so, or "built in" */
    const char *module; /* its module's name */
    uint32_t abi_major, abi_minor;
};

/* Why a file gave no plugin. */
struct refusal {
    char *file;
    char *reason; /* one sentence */
    char *remedy; /* what to do */
};

struct registry {
    struct plugin **plugins;
    size_t n_plugins;
    struct refusal *refusals;
    size_t n_refusals;
    char **dirs; /* as searched */
    size_t n_dirs;
    char **files; /* the names that plugins point at */
    size_t n_files;
    struct registry_module *modules; /* initialised, in order */
    size_t n_modules;
    int lost; /* 1: memory ran out and something is missing here */
    /* Asked before a file is opened; 0 leaves it out.  May be NULL. */
    int (*before_file)(void *context, const char *file);
    void *context;
};

struct registry *registry_new(void);    /* with the built-in plugins; NULL: no memory */
void registry_free(struct registry *r); /* calls fini of the modules, unloads nothing */

/* Loads every *.so of the directory.  What is refused is kept in refusals; a
 * directory that cannot be used at all is a refusal too. */
void registry_scan(struct registry *r, const char *dir);
/* The directories of SLUICE_PLUGIN_PATH (separated by ':') if it is set, else the
 * one that plugins are installed in.  Comes after plugin_dirs of the config. */
void registry_scan_standard(struct registry *r);
/* Loads one file that a person named: modes only warn (into warning, cap bytes).
 * 0, or -1 with one more refusal. */
int registry_load(struct registry *r, const char *file, char *warning, size_t cap);
/* A module of this process; file lives as long as the registry.  0 or -1 with a refusal. */
int registry_add(struct registry *r, const struct sluice_module *module, const char *file);

/* The plugin kind/name; NULL if there is none (explain it with registry_missing). */
const struct plugin *registry_find(const struct registry *r, uint32_t kind, const char *name);
/* Says why kind/name is not there: the nearest name, the directories, a refusal
 * of a file whose name fits.  Adds one problem. */
void registry_missing(const struct registry *r, uint32_t kind, const char *name, struct origin at,
                      struct problems *p);

const char *kind_name(uint32_t kind);  /* "source", …; "unknown" */
uint32_t kind_parse(const char *name); /* 0 if unknown */

#endif
