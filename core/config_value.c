/* config_value: the tree of a config.
 *
 * Invariant: a value has one owner; what an alias stands for is a copy, so that
 * overlays and substitution change one place only. */
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"

struct config_value *value_new(enum config_type type, struct origin origin)
{
    struct config_value *v = calloc(1, sizeof *v);

    if (v == NULL)
        return NULL;
    v->type = type;
    v->origin = origin;
    return v;
}

void value_free(struct config_value *v)
{
    size_t i;

    if (v == NULL)
        return;
    for (i = 0; i < v->n; i++) {
        value_free(v->items[i]);
        if (v->keys != NULL)
            free(v->keys[i]);
    }
    if (v->text != NULL && v->secret)
        explicit_bzero(v->text, v->text_len);
    free(v->text);
    free(v->source);
    free(v->items);
    free(v->keys);
    free(v->key_origins);
    free(v);
}

int value_set_text(struct config_value *v, const char *text, size_t len)
{
    char *copy = malloc(len + 1);

    if (copy == NULL)
        return -1;
    if (len > 0)
        memcpy(copy, text, len);
    copy[len] = '\0';
    free(v->text);
    v->text = copy;
    v->text_len = len;
    return 0;
}

static int value_room(struct config_value *v)
{
    size_t cap = v->cap == 0 ? 4 : v->cap * 2;
    void *grown;

    if (v->n < v->cap)
        return 0;
    grown = realloc(v->items, cap * sizeof *v->items);
    if (grown == NULL)
        return -1;
    v->items = grown;
    if (v->type == CONFIG_MAP) {
        grown = realloc(v->keys, cap * sizeof *v->keys);
        if (grown == NULL)
            return -1;
        v->keys = grown;
        grown = realloc(v->key_origins, cap * sizeof *v->key_origins);
        if (grown == NULL)
            return -1;
        v->key_origins = grown;
    }
    v->cap = cap;
    return 0;
}

int value_add(struct config_value *v, const char *key, struct origin key_origin, struct config_value *item)
{
    if (value_room(v) != 0)
        return -1;
    if (v->type == CONFIG_MAP) {
        v->keys[v->n] = strdup(key);
        if (v->keys[v->n] == NULL)
            return -1;
        v->key_origins[v->n] = key_origin;
    }
    v->items[v->n++] = item;
    if (v->height <= item->height)
        v->height = item->height + 1;
    return 0;
}

struct config_value *value_take(struct config_value *v, size_t i)
{
    struct config_value *taken = v->items[i];
    size_t after = v->n - i - 1;

    memmove(&v->items[i], &v->items[i + 1], after * sizeof *v->items);
    if (v->keys != NULL) {
        free(v->keys[i]);
        memmove(&v->keys[i], &v->keys[i + 1], after * sizeof *v->keys);
        memmove(&v->key_origins[i], &v->key_origins[i + 1], after * sizeof *v->key_origins);
    }
    v->n--;
    return taken;
}

size_t value_find(const struct config_value *map, const char *key)
{
    size_t i;

    for (i = 0; i < map->n; i++)
        if (strcmp(map->keys[i], key) == 0)
            return i;
    return map->n;
}

static struct config_value *copy_one(const struct config_value *v)
{
    struct config_value *copy = value_new(v->type, v->origin);

    if (copy == NULL)
        return NULL;
    copy->quoted = v->quoted;
    if (v->text != NULL && value_set_text(copy, v->text, v->text_len) != 0) {
        value_free(copy);
        return NULL;
    }
    return copy;
}

struct config_value *value_copy(struct loader *l, const struct config_value *v, struct origin at)
{
    struct config_value *copy, *item;
    size_t i;

    l->expanded++;
    l->made += v->text_len;
    if (l->expanded > CONFIG_MAX_EXPANDED || l->made > CONFIG_MAX_TEXT) {
        problem_add(l->problems, at, "write fewer aliases, or split the config",
                    "aliases make this config larger than %u values or %u bytes", CONFIG_MAX_EXPANDED,
                    CONFIG_MAX_TEXT);
        return NULL;
    }
    copy = copy_one(v);
    if (copy == NULL) {
        loader_no_memory(l);
        return NULL;
    }
    for (i = 0; i < v->n; i++) {
        item = value_copy(l, v->items[i], at);
        if (item == NULL) {
            value_free(copy);
            return NULL;
        }
        if (value_add(copy, v->keys != NULL ? v->keys[i] : NULL,
                      v->key_origins != NULL ? v->key_origins[i] : v->origin, item) != 0) {
            loader_no_memory(l);
            value_free(item);
            value_free(copy);
            return NULL;
        }
    }
    return copy;
}

const struct config_value *config_get(const struct config_value *map, const char *key)
{
    size_t i;

    if (map == NULL || map->type != CONFIG_MAP)
        return NULL;
    i = value_find(map, key);
    return i < map->n ? map->items[i] : NULL;
}

const char *config_type_name(const struct config_value *v)
{
    if (v == NULL || v->type == CONFIG_NULL)
        return "nothing";
    if (v->type == CONFIG_SCALAR)
        return "text";
    return v->type == CONFIG_LIST ? "a list" : "a map";
}
