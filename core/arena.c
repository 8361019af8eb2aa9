#include "arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_ALIGN 16u
#define ARENA_BLOCK (64u * 1024u)

struct arena_block {
    struct arena_block *next;
    size_t size; /* bytes after the header */
    size_t used;
    size_t pad; /* keeps the data 16-aligned */
};

void arena_init(struct arena *a, size_t keep)
{
    memset(a, 0, sizeof *a);
    a->keep = keep;
}

static void free_blocks(struct arena_block *block)
{
    struct arena_block *next;

    for (; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
}

void arena_release(struct arena *a)
{
    free_blocks(a->first);
    arena_init(a, a->keep);
}

void arena_clear(struct arena *a)
{
    struct arena_block **link = &a->first;
    size_t held = 0;

    while (*link != NULL && held + (*link)->size <= a->keep) {
        (*link)->used = 0;
        held += (*link)->size;
        link = &(*link)->next;
    }
    free_blocks(*link);
    *link = NULL;
    a->current = a->first;
    a->held = held;
    a->used = 0;
}

static struct arena_block *new_block(struct arena *a, size_t size)
{
    size_t want = size > ARENA_BLOCK ? size : ARENA_BLOCK;
    struct arena_block *block;

    if (want > SIZE_MAX - sizeof *block)
        return NULL;
    block = malloc(sizeof *block + want);
    if (block == NULL)
        return NULL;
    block->size = want;
    block->used = 0;
    if (a->current == NULL) {
        block->next = a->first;
        a->first = block;
    } else {
        block->next = a->current->next;
        a->current->next = block;
    }
    a->held += want;
    return block;
}

void *arena_alloc(struct arena *a, size_t size)
{
    struct arena_block *block = a->current;
    void *out;

    if (size > SIZE_MAX - ARENA_ALIGN)
        return NULL;
    size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    while (block != NULL && block->size - block->used < size) {
        block = block->next;
        if (block != NULL)
            a->current = block;
    }
    if (block == NULL) {
        block = new_block(a, size);
        if (block == NULL)
            return NULL;
        a->current = block;
    }
    out = (char *)(block + 1) + block->used;
    block->used += size;
    a->used += size;
    return out;
}

char *arena_copy(struct arena *a, const void *data, size_t len)
{
    char *out = len == SIZE_MAX ? NULL : arena_alloc(a, len + 1);

    if (out == NULL)
        return NULL;
    if (len > 0)
        memcpy(out, data, len);
    out[len] = '\0';
    return out;
}
