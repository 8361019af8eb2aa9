/* document: the node, for those in the core that build or read many of them.
 *
 * Invariant: a node is child of one parent at most; parent, next, prev and key
 * are all empty while it has none.  Memory is that of an arena, never freed alone. */
#ifndef SLUICE_CORE_DOCUMENT_H
#define SLUICE_CORE_DOCUMENT_H

#include <sluice/record.h>

#include "arena.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sluice_node {
    uint32_t type;
    uint32_t key_len;
    const char *key; /* NULL: not a member of an object */
    struct sluice_node *parent;
    struct sluice_node *next;
    struct sluice_node *prev;
    union {
        uint32_t boolean;
        int64_t integer;
        uint64_t uinteger;
        double real;
        struct sluice_str text;
        struct {
            struct sluice_node *first;
            struct sluice_node *last;
            uint64_t count;
        } children;
    } as;
};

/* A node without parent, its value zero.  NULL: no memory. */
struct sluice_node *node_new(struct arena *arena, uint32_t type);

/* Puts a child without parent last; inline because parsing does little else. */
static inline void node_append(struct sluice_node *parent, struct sluice_node *child)
{
    child->parent = parent;
    child->prev = parent->as.children.last;
    child->next = NULL;
    if (child->prev != NULL)
        child->prev->next = child;
    else
        parent->as.children.first = child;
    parent->as.children.last = child;
    parent->as.children.count++;
}

/* Writes a finite real as JSON, so that it reads back as the same REAL; at most
 * 32 bytes.  Returns the length. */
size_t json_format_real(double value, char out[32]);
/* Compact JSON; the contract of sluice_document_api.write_json. */
uint64_t json_write(const struct sluice_node *node, char *out, uint64_t cap);

#ifdef __cplusplus
}
#endif
#endif
