/* interposed_alloc: failing_alloc.h for the whole process, libyaml and jansson included,
 * and a count of what is not given back.
 *
 * It takes the place of libc's malloc, so it cannot be linked with a sanitizer, which does
 * the same; there tests/support/failing_alloc.c stands in. */
#include "interposed_alloc.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "failing_alloc.h"

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *p);

/* Hidden, they would serve the test's own objects only. */
#define EXPORTED __attribute__((visibility("default")))

static unsigned countdown;
static _Atomic long live; /* of all threads */

void failing_alloc_at(unsigned n)
{
    countdown = n;
}

long interposed_alloc_live(void)
{
    return live;
}

static int fails(void)
{
    if (countdown == 0 || --countdown > 0)
        return 0;
    errno = ENOMEM;
    return 1;
}

static void *counted(void *p)
{
    live += p != NULL;
    return p;
}

EXPORTED void *malloc(size_t size)
{
    return fails() ? NULL : counted(__libc_malloc(size));
}

EXPORTED void *calloc(size_t n, size_t size)
{
    return fails() ? NULL : counted(__libc_calloc(n, size));
}

EXPORTED void *realloc(void *old, size_t size)
{
    void *p;

    if (fails())
        return NULL;
    p = __libc_realloc(old, size);
    if (old == NULL)
        live += p != NULL;
    return p;
}

EXPORTED void free(void *p)
{
    live -= p != NULL;
    __libc_free(p);
}
