/* module_load: what the parts of module share.  Nobody else includes it. */
#ifndef SLUICE_CORE_MODULE_LOAD_H
#define SLUICE_CORE_MODULE_LOAD_H

#include "module.h"

/* The oldest minor of this major that the host still takes.  Raised by a change
 * that breaks plugins, which only major 0 allows. */
#define MODULE_OLDEST_MINOR 0u

/* Adds a refusal and returns -1.  The reason is one sentence that follows the
 * file's name: "is not a shared object". */
int registry_refuse(struct registry *r, const char *file, const char *remedy, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Is path (a directory or file) safe from everybody but root and the caller?
 * 1, or 0 with a reason and a remedy. */
int module_is_safe(const char *path, char *reason, size_t reason_cap, char *remedy, size_t remedy_cap);

/* Checks one descriptor and copies it.  NULL with a refusal. */
struct plugin *module_copy_plugin(struct registry *r, const char *file, const struct sluice_module *module,
                                  const struct sluice_plugin *theirs);
void module_free_plugin(struct plugin *p);

#endif
