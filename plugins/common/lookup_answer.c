/* lookup_answer: see lookup_answer.h.
 *
 * An answer that holds ids which nobody asked for is taken only as far as all that were
 * asked are there: a service that spells ids its own way would otherwise look as if it
 * knew none of ours. */
#include "lookup_answer.h"

#include <jansson.h>
#include <stdlib.h>

#define LIST_FLAG 0x80000000u
#define VALUE_MAX (1u << 20)

struct reading {
    const struct lookup_spec *spec;
    struct lookup_item *sorted[LOOKUP_MAX_BATCH];
    uint32_t n;
    uint32_t not_asked;
};

static int compare_ids(struct sluice_str a, struct sluice_str b)
{
    uint64_t len = a.len < b.len ? a.len : b.len;
    int order = memcmp(a.data, b.data, len);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_items(const void *a, const void *b)
{
    const struct lookup_item *const *x = a, *const *y = b;

    return compare_ids((*x)->id, (*y)->id);
}

static struct lookup_item *item_of(struct reading *r, struct sluice_str id)
{
    struct lookup_item wanted = {.id = id}, *key = &wanted, **found;

    found = bsearch(&key, r->sorted, r->n, sizeof *r->sorted, compare_items);
    return found == NULL ? NULL : *found;
}

/* --- packing ---------------------------------------------------------------------- */

static int is_text(const json_t *value)
{
    return json_is_string(value) && memchr(json_string_value(value), '\0', json_string_length(value)) == NULL;
}

static int is_empty(const json_t *value)
{
    return value == NULL || json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0);
}

/* Bytes that the field takes; 0: of the wrong type. */
static size_t field_size(const json_t *value, enum lookup_type type)
{
    size_t size = sizeof(uint32_t), i;

    if (is_empty(value))
        return size;
    if (is_text(value) && type != LOOKUP_LIST)
        return size + sizeof(uint32_t) + json_string_length(value);
    if (!json_is_array(value) || type == LOOKUP_TEXT)
        return 0;
    for (i = 0; i < json_array_size(value); i++) {
        const json_t *text = json_array_get(value, i);

        if (is_empty(text))
            continue;
        if (!is_text(text))
            return 0;
        size += sizeof(uint32_t) + json_string_length(text);
    }
    return size;
}

static char *put_number(char *at, uint32_t n)
{
    memcpy(at, &n, sizeof n);
    return at + sizeof n;
}

static char *put_text(char *at, const json_t *text)
{
    size_t len = json_string_length(text);

    at = put_number(at, (uint32_t)len);
    memcpy(at, json_string_value(text), len);
    return at + len;
}

static char *put_field(char *at, const json_t *value)
{
    char *count = at;
    uint32_t n = 0;
    size_t i;

    at += sizeof n;
    if (json_is_array(value)) {
        for (i = 0; i < json_array_size(value); i++) {
            if (is_empty(json_array_get(value, i)))
                continue;
            at = put_text(at, json_array_get(value, i));
            n++;
        }
        if (n > 0)
            n |= LIST_FLAG;
    } else if (!is_empty(value)) {
        at = put_text(at, value);
        n = 1;
    }
    (void)put_number(count, n);
    return at;
}

/* NULL with *why: the item cannot be used, or there is no memory. */
static struct lookup_value *pack(const struct lookup_spec *spec, const json_t *object, const char **why)
{
    size_t size = sizeof(struct lookup_value), one;
    struct lookup_value *v;
    uint32_t i;
    char *at;

    for (i = 0; i < spec->n_fields; i++) {
        one = field_size(json_object_get(object, spec->fields[i].from), spec->fields[i].type);
        if (one == 0) {
            *why = "a member of it is of the wrong type";
            return NULL;
        }
        size += one;
    }
    v = size > VALUE_MAX ? NULL : malloc(size);
    if (v == NULL) {
        *why = size > VALUE_MAX ? "what is known of it is above 1 MiB" : "no memory";
        return NULL;
    }
    v->size = size;
    at = v->data;
    for (i = 0; i < spec->n_fields; i++)
        at = put_field(at, json_object_get(object, spec->fields[i].from));
    return v;
}

/* --- reading ---------------------------------------------------------------------- */

static void item_fail(struct lookup_item *item, const char *why)
{
    free(item->value);
    item->value = NULL;
    item->state = LOOKUP_FAILED;
    item->why = why;
}

static const char *read_object(struct reading *r, const json_t *object)
{
    const json_t *id = json_object_get(object, r->spec->id);
    struct lookup_item *item;
    struct lookup_value *v;
    const char *why = NULL;

    if (!json_is_object(object))
        return "its list holds something that is not an object";
    if (!json_is_string(id))
        return "its list holds an item without id, or with one that is no text";
    item = item_of(r, (struct sluice_str){json_string_value(id), json_string_length(id)});
    if (item == NULL) {
        r->not_asked++;
        return NULL;
    }
    if (item->state == LOOKUP_FAILED)
        return NULL;
    v = pack(r->spec, object, &why);
    if (v == NULL) {
        item_fail(item, why);
    } else if (item->state == LOOKUP_UNKNOWN) {
        item->state = LOOKUP_FOUND;
        item->value = v;
    } else {
        if (v->size != item->value->size || memcmp(v, item->value, (size_t)v->size) != 0)
            item_fail(item, "it stands in the answer twice, with different values");
        free(v);
    }
    return NULL;
}

static const char *read_root(struct reading *r, const json_t *root)
{
    const json_t *list = json_object_get(root, r->spec->list);
    const char *why = NULL;
    uint32_t i;
    size_t at;

    if (!json_is_object(root))
        return "it is not a JSON object";
    if (!json_is_array(list))
        return "it has no list where the items should be";
    for (at = 0; at < json_array_size(list) && why == NULL; at++)
        why = read_object(r, json_array_get(list, at));
    for (i = 0; i < r->n && why == NULL && r->not_asked > 0; i++)
        if (r->sorted[i]->state == LOOKUP_UNKNOWN)
            why = "it holds ids that were not asked and lacks some that were";
    return why;
}

const char *lookup_answer_read(const struct lookup_spec *spec, const char *body, size_t len,
                               struct lookup_item *items, uint32_t n)
{
    struct reading r = {.spec = spec, .n = n};
    json_error_t error;
    const char *why;
    json_t *root;
    uint32_t i;

    for (i = 0; i < n; i++) {
        items[i].state = LOOKUP_UNKNOWN;
        items[i].value = NULL;
        items[i].why = NULL;
        r.sorted[i] = &items[i];
    }
    qsort(r.sorted, n, sizeof *r.sorted, compare_items);
    root = json_loadb(body, len, JSON_ALLOW_NUL, &error);
    if (root == NULL)
        why = json_error_code(&error) == json_error_out_of_memory ? "no memory for it" : "it is not JSON";
    else
        why = read_root(&r, root);
    json_decref(root);
    for (i = 0; i < n && why != NULL; i++)
        item_fail(&items[i], why);
    return why;
}

/* --- values ----------------------------------------------------------------------- */

void lookup_value_begin(const struct lookup_value *v, struct lookup_cursor *c)
{
    c->at = v->data;
}

static uint32_t next_number(struct lookup_cursor *c)
{
    uint32_t n;

    memcpy(&n, c->at, sizeof n);
    c->at += sizeof n;
    return n;
}

uint32_t lookup_next_field(struct lookup_cursor *c, int *is_list)
{
    uint32_t n = next_number(c);

    *is_list = (n & LIST_FLAG) != 0;
    return n & ~LIST_FLAG;
}

struct sluice_str lookup_next_text(struct lookup_cursor *c)
{
    struct sluice_str text;

    text.len = next_number(c);
    text.data = c->at;
    c->at += text.len;
    return text;
}
