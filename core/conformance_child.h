/* conformance_child: a child process for one case, what it shares, its scratch folder. */
#ifndef SLUICE_CORE_CONFORMANCE_CHILD_H
#define SLUICE_CORE_CONFORMANCE_CHILD_H

#include "conformance_private.h"

/* Runs fn in a child whose stdout and stderr go to the file; its wait status, or -1
 * if the time was over. */
int child_run(void (*fn)(struct conf *c, void *context), struct conf *c, void *context, const char *output,
              int64_t limit_ms);
/* Zeroed memory that children write and the parent reads; NULL if there is none.  munmap it. */
void *child_share(size_t size);
/* Removes a folder of ours with everything in it. */
void child_remove_tree(const char *path);

#endif
