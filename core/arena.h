/* arena: memory that is given back all at once.
 *
 * Blocks are kept over arena_clear, so a steady load allocates nothing.
 * Alignment is 16.  Not thread-safe: an arena has one owner at a time. */
#ifndef SLUICE_CORE_ARENA_H
#define SLUICE_CORE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *first;
    struct arena_block *current;
    size_t used; /* bytes handed out since the last clear */
    size_t held; /* bytes of all blocks */
    size_t keep; /* clear gives blocks beyond this many bytes back */
};

void arena_init(struct arena *a, size_t keep); /* allocates nothing */
void arena_release(struct arena *a);
void arena_clear(struct arena *a);
void *arena_alloc(struct arena *a, size_t size);                 /* not zeroed; NULL: no memory */
char *arena_copy(struct arena *a, const void *data, size_t len); /* NUL-terminated */

#endif
