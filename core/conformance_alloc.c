/* conformance_alloc: makes the n-th allocation of a plugin's own code fail.
 *
 * The entries of the plugin's global offset table that lead to malloc and its
 * relatives are bent to functions here.  Only calls that the plugin's own objects
 * make are met: the host and the libraries that it links keep working. */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conformance_private.h"

static _Atomic uint64_t alloc_calls, alloc_fail_at;
static _Atomic int alloc_failed;

static int fails(void)
{
    uint64_t at = atomic_load(&alloc_fail_at);

    if (at == 0 || atomic_fetch_add(&alloc_calls, 1) + 1 != at)
        return 0;
    atomic_store(&alloc_failed, 1);
    errno = ENOMEM;
    return 1;
}

static void *bent_malloc(size_t n)
{
    return fails() ? NULL : malloc(n);
}

static void *bent_calloc(size_t n, size_t size)
{
    return fails() ? NULL : calloc(n, size);
}

static void *bent_realloc(void *p, size_t n)
{
    return fails() ? NULL : realloc(p, n);
}

static void *bent_reallocarray(void *p, size_t n, size_t size)
{
    return fails() ? NULL : reallocarray(p, n, size);
}

static void *bent_aligned_alloc(size_t alignment, size_t n)
{
    return fails() ? NULL : aligned_alloc(alignment, n);
}

static int bent_posix_memalign(void **out, size_t alignment, size_t n)
{
    return fails() ? ENOMEM : posix_memalign(out, alignment, n);
}

static char *bent_strdup(const char *s)
{
    return fails() ? NULL : strdup(s);
}

static char *bent_strndup(const char *s, size_t n)
{
    return fails() ? NULL : strndup(s, n);
}

static FILE *bent_fopen(const char *path, const char *mode)
{
    return fails() ? NULL : fopen(path, mode);
}

typedef void (*any_function)(void);

struct bend {
    const char *name;
    any_function to;
};

static const struct bend bends[] = {
    {"malloc", (any_function)bent_malloc},
    {"calloc", (any_function)bent_calloc},
    {"realloc", (any_function)bent_realloc},
    {"reallocarray", (any_function)bent_reallocarray},
    {"aligned_alloc", (any_function)bent_aligned_alloc},
    {"posix_memalign", (any_function)bent_posix_memalign},
    {"strdup", (any_function)bent_strdup},
    {"__strdup", (any_function)bent_strdup},
    {"strndup", (any_function)bent_strndup},
    {"__strndup", (any_function)bent_strndup},
    {"fopen", (any_function)bent_fopen},
    {"fopen64", (any_function)bent_fopen},
};

#if defined(__x86_64__)
#define IS_SLOT(type) ((type) == R_X86_64_JUMP_SLOT || (type) == R_X86_64_GLOB_DAT || (type) == R_X86_64_64)
#elif defined(__aarch64__)
#define IS_SLOT(type)                                                                                        \
    ((type) == R_AARCH64_JUMP_SLOT || (type) == R_AARCH64_GLOB_DAT || (type) == R_AARCH64_ABS64)
#endif

#ifdef IS_SLOT

static int bend_slot(char *slot, any_function to)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *start = slot - (size_t)slot % page;

    if (mprotect(start, page, PROT_READ | PROT_WRITE) != 0)
        return -1;
    memcpy(slot, &to, sizeof to);
    return 0;
}

static int bend_table(const struct link_map *map, const char *table, size_t bytes, const ElfW(Sym) * symbols,
                      const char *names)
{
    size_t at, i;
    int bent = 0;

    for (at = 0; table != NULL && at + sizeof(ElfW(Rela)) <= bytes; at += sizeof(ElfW(Rela))) {
        ElfW(Rela) r;
        const char *name;

        memcpy(&r, table + at, sizeof r);
        if (!IS_SLOT(ELF64_R_TYPE(r.r_info)))
            continue;
        name = names + symbols[ELF64_R_SYM(r.r_info)].st_name;
        for (i = 0; i < sizeof bends / sizeof bends[0]; i++)
            if (strcmp(name, bends[i].name) == 0) {
                if (bend_slot((char *)map->l_addr + r.r_offset, bends[i].to) != 0)
                    return -1;
                bent++;
            }
    }
    return bent;
}

/* How many slots now lead here; -1: it cannot be done. */
static int bend_module(const char *file)
{
    void *handle = dlopen(file, RTLD_NOW | RTLD_NOLOAD);
    struct link_map *map = NULL;
    const ElfW(Sym) *symbols = NULL;
    const char *names = NULL, *rela = NULL, *jmprel = NULL;
    size_t rela_bytes = 0, jmprel_bytes = 0;
    const ElfW(Dyn) * d;
    int a, b;

    if (handle == NULL || dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || map == NULL)
        return -1;
    for (d = map->l_ld; d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_SYMTAB)
            symbols = (const ElfW(Sym) *)d->d_un.d_ptr;
        else if (d->d_tag == DT_STRTAB)
            names = (const char *)d->d_un.d_ptr;
        else if (d->d_tag == DT_RELA)
            rela = (const char *)d->d_un.d_ptr;
        else if (d->d_tag == DT_RELASZ)
            rela_bytes = d->d_un.d_val;
        else if (d->d_tag == DT_JMPREL)
            jmprel = (const char *)d->d_un.d_ptr;
        else if (d->d_tag == DT_PLTRELSZ)
            jmprel_bytes = d->d_un.d_val;
    }
    if (symbols == NULL || names == NULL)
        return -1;
    a = bend_table(map, rela, rela_bytes, symbols, names);
    b = bend_table(map, jmprel, jmprel_bytes, symbols, names);
    return a < 0 || b < 0 ? -1 : a + b;
}

#else

static int bend_module(const char *file)
{
    (void)file;
    return -1;
}

#endif

int conf_alloc_fail(struct conf *c, uint64_t n)
{
    static int bent = -2;

    if (bent == -2)
        bent = bend_module(c->plugin->file);
    atomic_store(&alloc_failed, 0);
    atomic_store(&alloc_calls, 0);
    atomic_store(&alloc_fail_at, n);
    return bent < 0 ? -1 : 0;
}

int conf_alloc_failed(void)
{
    return atomic_load(&alloc_failed);
}
