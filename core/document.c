/* document: nodes in a batch's arena, and the table through which plugins reach
 * them.  A plugin cannot make a node with two parents, nor a loop: set and push
 * refuse. */
#include "document.h"

#include <math.h>
#include <string.h>

#include "record.h"

struct sluice_node *node_new(struct arena *arena, uint32_t type)
{
    struct sluice_node *node = arena_alloc(arena, sizeof *node);

    if (node == NULL)
        return NULL;
    memset(node, 0, sizeof *node);
    node->type = type;
    return node;
}

static int is_container(const struct sluice_node *node)
{
    return node != NULL && (node->type == SLUICE_ARRAY || node->type == SLUICE_OBJECT);
}

static uint32_t node_type(const struct sluice_node *node)
{
    return node == NULL ? SLUICE_NULL : node->type;
}

static uint64_t node_count(const struct sluice_node *node)
{
    return is_container(node) ? node->as.children.count : 0;
}

static struct sluice_node *node_get(const struct sluice_node *object, const char *key, uint64_t key_len)
{
    struct sluice_node *child;

    if (node_type(object) != SLUICE_OBJECT)
        return NULL;
    for (child = object->as.children.first; child != NULL; child = child->next)
        if (child->key_len == key_len && memcmp(child->key, key, key_len) == 0)
            return child;
    return NULL;
}

static struct sluice_node *node_first(const struct sluice_node *container)
{
    return is_container(container) ? container->as.children.first : NULL;
}

static struct sluice_node *node_next(const struct sluice_node *child)
{
    return child == NULL ? NULL : child->next;
}

static struct sluice_str node_key(const struct sluice_node *member)
{
    struct sluice_str none = {NULL, 0};

    if (member == NULL || member->key == NULL)
        return none;
    return (struct sluice_str){member->key, member->key_len};
}

static struct sluice_str node_string(const struct sluice_node *node)
{
    struct sluice_str none = {NULL, 0};

    return node_type(node) == SLUICE_TEXT ? node->as.text : none;
}

static uint32_t node_integer(const struct sluice_node *node, int64_t *out)
{
    if (node_type(node) == SLUICE_INT) {
        *out = node->as.integer;
        return 1;
    }
    if (node_type(node) != SLUICE_REAL)
        return 0;
    if (!(node->as.real >= -0x1p63 && node->as.real < 0x1p63) || trunc(node->as.real) != node->as.real)
        return 0;
    *out = (int64_t)node->as.real;
    return 1;
}

static uint32_t node_real(const struct sluice_node *node, double *out)
{
    double d;

    switch (node_type(node)) {
    case SLUICE_REAL:
        *out = node->as.real;
        return 1;
    case SLUICE_INT:
        d = (double)node->as.integer;
        if (d >= 0x1p63 || (int64_t)d != node->as.integer)
            return 0;
        break;
    case SLUICE_UINT:
        d = (double)node->as.uinteger;
        if (d >= 0x1p64 || (uint64_t)d != node->as.uinteger)
            return 0;
        break;
    default:
        return 0;
    }
    *out = d;
    return 1;
}

static uint32_t node_boolean(const struct sluice_node *node, uint32_t *out)
{
    if (node_type(node) != SLUICE_BOOL)
        return 0;
    *out = node->as.boolean;
    return 1;
}

static struct sluice_node *make(struct sluice_record *record, uint32_t type)
{
    if (type != SLUICE_NULL && type != SLUICE_ARRAY && type != SLUICE_OBJECT)
        return NULL;
    return node_new(&record->batch->arena, type);
}

static struct sluice_node *make_bool(struct sluice_record *record, uint32_t value)
{
    struct sluice_node *node = node_new(&record->batch->arena, SLUICE_BOOL);

    if (node != NULL)
        node->as.boolean = value != 0;
    return node;
}

static struct sluice_node *make_int(struct sluice_record *record, int64_t value)
{
    struct sluice_node *node = node_new(&record->batch->arena, SLUICE_INT);

    if (node != NULL)
        node->as.integer = value;
    return node;
}

static struct sluice_node *make_real(struct sluice_record *record, double value)
{
    struct sluice_node *node;

    if (!isfinite(value)) /* JSON has no such number */
        return NULL;
    node = node_new(&record->batch->arena, SLUICE_REAL);
    if (node != NULL)
        node->as.real = value;
    return node;
}

static struct sluice_node *make_text(struct sluice_record *record, const char *data, uint64_t len)
{
    struct sluice_node *node = node_new(&record->batch->arena, SLUICE_TEXT);

    if (node == NULL)
        return NULL;
    node->as.text.data = arena_copy(&record->batch->arena, data, len);
    node->as.text.len = len;
    return node->as.text.data == NULL ? NULL : node;
}

/* May value become a child of container?  Not if it has a parent, or holds container. */
static int may_adopt(const struct sluice_node *container, const struct sluice_node *value)
{
    if (value == NULL || value->parent != NULL || value == container)
        return 0;
    if (node_count(value) == 0)
        return 1;
    while (container->parent != NULL)
        container = container->parent;
    return container != value;
}

static void node_detach(struct sluice_node *child)
{
    struct sluice_node *parent;

    if (child == NULL || child->parent == NULL)
        return;
    parent = child->parent;
    if (child->prev != NULL)
        child->prev->next = child->next;
    else
        parent->as.children.first = child->next;
    if (child->next != NULL)
        child->next->prev = child->prev;
    else
        parent->as.children.last = child->prev;
    parent->as.children.count--;
    child->parent = child->next = child->prev = NULL;
    child->key = NULL;
    child->key_len = 0;
}

/* Puts value in the place of old among its siblings. */
static void node_replace(struct sluice_node *old, struct sluice_node *value)
{
    struct sluice_node *parent = old->parent;
    struct sluice_node *after = old->next;

    value->key = old->key;
    value->key_len = old->key_len;
    node_detach(old);
    if (after == NULL) {
        node_append(parent, value);
        return;
    }
    value->parent = parent;
    value->next = after;
    value->prev = after->prev;
    after->prev = value;
    if (value->prev != NULL)
        value->prev->next = value;
    else
        parent->as.children.first = value;
    parent->as.children.count++;
}

static uint32_t node_set(struct sluice_record *record, struct sluice_node *object, const char *key,
                         uint64_t key_len, struct sluice_node *value)
{
    struct sluice_node *old;
    char *copy;

    if (node_type(object) != SLUICE_OBJECT || key_len > UINT32_MAX || !may_adopt(object, value))
        return 0;
    old = node_get(object, key, key_len);
    if (old != NULL) {
        node_replace(old, value);
        return 1;
    }
    copy = arena_copy(&record->batch->arena, key, key_len);
    if (copy == NULL)
        return 0;
    value->key = copy;
    value->key_len = (uint32_t)key_len;
    node_append(object, value);
    return 1;
}

static uint32_t node_push(struct sluice_node *array, struct sluice_node *value)
{
    if (node_type(array) != SLUICE_ARRAY || !may_adopt(array, value))
        return 0;
    node_append(array, value);
    return 1;
}

const struct sluice_document_api document_api = {
    .struct_size = sizeof document_api,
    .type = node_type,
    .count = node_count,
    .get = node_get,
    .first = node_first,
    .next = node_next,
    .key = node_key,
    .string = node_string,
    .integer = node_integer,
    .real = node_real,
    .boolean = node_boolean,
    .make = make,
    .make_bool = make_bool,
    .make_int = make_int,
    .make_real = make_real,
    .make_text = make_text,
    .set = node_set,
    .push = node_push,
    .detach = node_detach,
    .write_json = json_write,
};
