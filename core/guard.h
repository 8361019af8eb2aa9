/* guard: loads plugins in a child process and tells of those that kill it.
 *
 * A module's constructors run in dlopen, so one that crashes, exits or hangs would
 * take the command with it.  The child says which file it is about to open; when it
 * dies, that file is refused and another child starts without it. */
#ifndef SLUICE_CORE_GUARD_H
#define SLUICE_CORE_GUARD_H

#include "module.h"
#include "strbuf.h"

#define GUARD_MAX_OUTPUT ((size_t)16 << 20)

/* What to load: the file, or the directories, or (neither) the standard ones. */
struct guard_request {
    const char *file;
    const char *const *dirs;
    size_t n_dirs;
};

/* Called in the child, once everything is loaded.  What it writes into out goes to
 * stdout; its answer is that of guard_run. */
typedef int (*guard_show)(struct registry *r, void *context, struct strbuf *out);

/* The exit code for the program. */
int guard_run(const struct guard_request *request, guard_show show, void *context);

#endif
