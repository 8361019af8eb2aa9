/* config_parse: libyaml's events to a tree.
 *
 * Invariant: recursion ends at CONFIG_MAX_DEPTH, and every value made counts
 * against the limits of the load, so that no input of 4 MiB can hurt. */
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"
#include "config_yaml.h"

struct anchor {
    char *name;
    struct config_value *value; /* NULL while it is being read */
};

struct reader {
    struct loader *l;
    yaml_parser_t yaml;
    const char *file;
    const char *text;
    size_t len;
    unsigned depth;
    struct anchor *anchors; /* last one of a name wins */
    size_t n_anchors;
    struct config_value *dropped; /* out of the tree, but an anchor may still point there */
};

static struct config_value *read_value(struct reader *r, yaml_event_t *event);

static struct origin origin_of(const struct reader *r, yaml_mark_t mark)
{
    struct origin at = {r->file, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1};

    return at;
}

/* 1, or 0 told. */
static int next_event(struct reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->yaml, event))
        return 1;
    config_yaml_problem(r->l, r->file, &r->yaml, r->text, r->len);
    return 0;
}

static struct config_value *make(struct reader *r, enum config_type type, yaml_mark_t mark)
{
    struct config_value *v;

    if (++r->l->values > CONFIG_MAX_VALUES) {
        problem_add(r->l->problems, origin_of(r, mark), "put long lists into a file of their own",
                    "the config has more than %u values", CONFIG_MAX_VALUES);
        return NULL;
    }
    v = value_new(type, origin_of(r, mark));
    if (v == NULL)
        loader_no_memory(r->l);
    return v;
}

static int anchor_open(struct reader *r, const yaml_char_t *name, size_t *index)
{
    struct anchor *grown;

    *index = r->n_anchors;
    if (name == NULL)
        return 1;
    if (r->n_anchors >= CONFIG_MAX_ANCHORS) {
        problem_add(r->l->problems, (struct origin){r->file, (uint32_t)r->yaml.mark.line + 1, 1}, NULL,
                    "the file has more than %u anchors", CONFIG_MAX_ANCHORS);
        return 0;
    }
    grown = realloc(r->anchors, (r->n_anchors + 1) * sizeof *grown);
    if (grown == NULL) {
        loader_no_memory(r->l);
        return 0;
    }
    r->anchors = grown;
    grown[r->n_anchors].value = NULL;
    grown[r->n_anchors].name = strdup((const char *)name);
    if (grown[r->n_anchors].name == NULL) {
        loader_no_memory(r->l);
        return 0;
    }
    r->n_anchors++;
    return 1;
}

static void anchor_close(struct reader *r, const yaml_char_t *name, size_t index, struct config_value *v)
{
    if (name != NULL)
        r->anchors[index].value = v;
    v->anchored = r->n_anchors > index;
}

static struct config_value *read_alias(struct reader *r, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    struct origin at = origin_of(r, event->start_mark);
    size_t i = r->n_anchors;

    while (i-- > 0)
        if (strcmp(r->anchors[i].name, name) == 0)
            break;
    if (i == (size_t)-1) {
        problem_add(r->l->problems, at, "an anchor stands before its aliases, in the same file",
                    "there is no anchor '&%s' before this alias", name);
        return NULL;
    }
    if (r->anchors[i].value == NULL) {
        problem_add(r->l->problems, at, NULL, "'*%s' stands inside '&%s': a value cannot hold itself", name,
                    name);
        return NULL;
    }
    if (r->depth + r->anchors[i].value->height > CONFIG_MAX_DEPTH + 1) {
        problem_add(r->l->problems, at, NULL, "with '*%s' values are nested deeper than %u", name,
                    CONFIG_MAX_DEPTH);
        return NULL;
    }
    return value_copy(r->l, r->anchors[i].value, at);
}

static int is_null(const char *text, size_t len)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    size_t i;

    for (i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0)
            return 1;
    return 0;
}

/* Only the tags of the types that a config has. */
static int tag_check(struct reader *r, const yaml_char_t *tag, yaml_mark_t mark)
{
    static const char *const known[] = {YAML_STR_TAG, YAML_MAP_TAG, YAML_SEQ_TAG, "!"};
    size_t i;

    if (tag == NULL)
        return 1;
    for (i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], (const char *)tag) == 0)
            return 1;
    problem_add(r->l->problems, origin_of(r, mark), "leave it out: the option decides what a value means",
                "tags such as '%s' are not used in a config", (const char *)tag);
    return 0;
}

static struct config_value *read_scalar(struct reader *r, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length, anchor;
    int plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && event->data.scalar.tag == NULL;
    struct config_value *v;

    if (!tag_check(r, event->data.scalar.tag, event->start_mark) ||
        !anchor_open(r, event->data.scalar.anchor, &anchor))
        return NULL;
    if (memchr(text, '\0', len) != NULL) {
        problem_add(r->l->problems, origin_of(r, event->start_mark), NULL, "text cannot hold a NUL (\\0)");
        return NULL;
    }
    v = make(r, plain && is_null(text, len) ? CONFIG_NULL : CONFIG_SCALAR, event->start_mark);
    if (v == NULL)
        return NULL;
    v->quoted = !plain;
    if ((v->type == CONFIG_SCALAR || len > 0) && value_set_text(v, text, len) != 0) {
        loader_no_memory(r->l);
        value_free(v);
        return NULL;
    }
    anchor_close(r, event->data.scalar.anchor, anchor, v);
    return v;
}

static struct config_value *read_list(struct reader *r, const yaml_event_t *start)
{
    struct config_value *list, *item;
    yaml_event_t event;
    size_t anchor;

    if (!tag_check(r, start->data.sequence_start.tag, start->start_mark) ||
        !anchor_open(r, start->data.sequence_start.anchor, &anchor))
        return NULL;
    list = make(r, CONFIG_LIST, start->start_mark);
    while (list != NULL) {
        if (!next_event(r, &event))
            break;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            anchor_close(r, start->data.sequence_start.anchor, anchor, list);
            return list;
        }
        item = read_value(r, &event);
        if (item == NULL)
            break;
        if (value_add(list, NULL, item->origin, item) != 0) {
            loader_no_memory(r->l);
            value_free(item);
            break;
        }
    }
    value_free(list);
    return NULL;
}

/* A key as text; NULL: told.  The caller frees. */
static char *read_key(struct reader *r, const yaml_event_t *event)
{
    struct origin at = origin_of(r, event->start_mark);
    const char *text = (const char *)event->data.scalar.value;
    char *key;

    if (event->type != YAML_SCALAR_EVENT) {
        problem_add(r->l->problems, at, "braces in a value, as in {{name}}, need quotes around it",
                    "a key must be text");
        return NULL;
    }
    if (event->data.scalar.length == 0 || strlen(text) != event->data.scalar.length) {
        problem_add(r->l->problems, at, NULL, "a key must not be empty or hold a NUL");
        return NULL;
    }
    if (event->data.scalar.length > CONFIG_MAX_KEY) {
        problem_add(r->l->problems, at, NULL, "a key is longer than %u bytes", CONFIG_MAX_KEY);
        return NULL;
    }
    if (!tag_check(r, event->data.scalar.tag, event->start_mark))
        return NULL;
    if (event->data.scalar.anchor != NULL) {
        problem_add(r->l->problems, at, "put the anchor before the value", "a key cannot have an anchor");
        return NULL;
    }
    key = strdup(text);
    if (key == NULL)
        loader_no_memory(r->l);
    return key;
}

/* Takes a value that does not go into the tree; it is freed when no alias can follow.
 * 1, or 0: no memory, told and fatal. */
static int drop_value(struct reader *r, struct config_value *v)
{
    if (value_add(r->dropped, NULL, v->origin, v) == 0)
        return 1;
    loader_no_memory(r->l);
    value_free(v);
    return 0;
}

/* Puts value under key.  Takes value.  1, or 0: told and fatal. */
static int put_member(struct reader *r, struct config_value *map, const char *key, struct origin at,
                      struct config_value *value)
{
    size_t i = value_find(map, key);

    if (i < map->n) {
        problem_add(r->l->problems, at,
                    strcmp(key, "<<") == 0 ? "to merge several maps write <<: [*a, *b]" : NULL,
                    "'%s' is given twice: first in line %u, column %u", key, map->key_origins[i].line,
                    map->key_origins[i].column);
        return drop_value(r, value);
    }
    if (map->n >= CONFIG_MAX_MEMBERS) {
        problem_add(r->l->problems, at, NULL, "the map has more than %u members", CONFIG_MAX_MEMBERS);
        value_free(value);
        return 0;
    }
    if (value_add(map, key, at, value) != 0) {
        loader_no_memory(r->l);
        value_free(value);
        return 0;
    }
    return 1;
}

/* One member, of which event is the key.  1, or 0: told and fatal. */
static int read_member(struct reader *r, struct config_value *map, const yaml_event_t *event, int *merges)
{
    struct origin at = origin_of(r, event->start_mark);
    char *key = read_key(r, event);
    yaml_event_t value_event;
    struct config_value *value = NULL;
    int good;

    if (key == NULL)
        return 0;
    if (strcmp(key, "<<") == 0 && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        *merges = 1;
    if (next_event(r, &value_event))
        value = read_value(r, &value_event);
    good = value != NULL && put_member(r, map, key, at, value);
    free(key);
    return good;
}

/* Resolves the member "<<".  1, or 0: told. */
static int merge_member(struct reader *r, struct config_value *map)
{
    size_t i = value_find(map, "<<");
    struct origin at = map->key_origins[i];
    struct config_value *from = value_take(map, i), *copy;
    int good;

    if (!from->anchored) {
        good = config_merge_key(r->l, map, at, from) == 0;
        value_free(from);
        return good;
    }
    copy = value_copy(r->l, from, at); /* merging takes it apart, and an alias may follow */
    good = copy != NULL && config_merge_key(r->l, map, at, copy) == 0;
    value_free(copy);
    return drop_value(r, from) && good;
}

static struct config_value *read_map(struct reader *r, const yaml_event_t *start)
{
    struct config_value *map;
    yaml_event_t event;
    size_t anchor;
    int merges = 0, good = 1;

    if (!tag_check(r, start->data.mapping_start.tag, start->start_mark) ||
        !anchor_open(r, start->data.mapping_start.anchor, &anchor))
        return NULL;
    map = make(r, CONFIG_MAP, start->start_mark);
    while (map != NULL && good) {
        if (!next_event(r, &event))
            break;
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            if (merges && !merge_member(r, map))
                break;
            anchor_close(r, start->data.mapping_start.anchor, anchor, map);
            return map;
        }
        good = read_member(r, map, &event, &merges);
        yaml_event_delete(&event);
    }
    value_free(map);
    return NULL;
}

/* The value that starts with event, which it deletes.  NULL: told, reading ends. */
static struct config_value *read_value(struct reader *r, yaml_event_t *event)
{
    struct config_value *v = NULL;

    if (r->depth >= CONFIG_MAX_DEPTH &&
        (event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT)) {
        problem_add(r->l->problems, origin_of(r, event->start_mark), NULL, "values are nested deeper than %u",
                    CONFIG_MAX_DEPTH);
        yaml_event_delete(event);
        return NULL;
    }
    r->depth++;
    if (event->type == YAML_ALIAS_EVENT)
        v = read_alias(r, event);
    else if (event->type == YAML_SCALAR_EVENT)
        v = read_scalar(r, event);
    else if (event->type == YAML_SEQUENCE_START_EVENT)
        v = read_list(r, event);
    else if (event->type == YAML_MAPPING_START_EVENT)
        v = read_map(r, event);
    r->depth--;
    yaml_event_delete(event);
    return v;
}

/* Events up to the first value, or to the end of an empty file. */
static struct config_value *read_document(struct reader *r)
{
    struct config_value *root = NULL;
    yaml_event_t event;
    yaml_mark_t start = {0, 0, 0};

    for (;;) {
        if (!next_event(r, &event))
            return NULL;
        if (event.type == YAML_STREAM_END_EVENT)
            return make(r, CONFIG_MAP, start);
        if (event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_START_EVENT)
            break;
        yaml_event_delete(&event);
    }
    start = event.start_mark;
    root = read_value(r, &event);
    if (root != NULL && root->type == CONFIG_NULL)
        root->type = CONFIG_MAP;
    if (root != NULL && root->type != CONFIG_MAP) {
        problem_add(r->l->problems, origin_of(r, start), "write it as `key: value` lines",
                    "the top level of a config must be a map, not %s", config_type_name(root));
        value_free(root);
        return NULL;
    }
    return root;
}

/* Nothing may follow the first document. */
static int read_end(struct reader *r)
{
    yaml_event_t event;
    yaml_event_type_t type;

    do {
        if (!next_event(r, &event))
            return 0;
        type = event.type;
        if (type == YAML_DOCUMENT_START_EVENT)
            problem_add(r->l->problems, origin_of(r, event.start_mark), "put it into a file of its own",
                        "a second document starts here; a config file holds one");
        yaml_event_delete(&event);
    } while (type == YAML_DOCUMENT_END_EVENT);
    return type != YAML_DOCUMENT_START_EVENT;
}

struct config_value *config_read_text(struct loader *l, const char *file, char *text, size_t len, int is_json)
{
    struct reader r = {.l = l, .file = file, .text = text, .len = len};
    struct config_value *root;
    size_t i;

    if (text_check(file, text, len, l->problems) != 0 ||
        (is_json && config_check_json(l, file, text, len) != 0))
        return NULL;
    r.dropped = value_new(CONFIG_LIST, (struct origin){file, 1, 1});
    if (r.dropped == NULL || !yaml_parser_initialize(&r.yaml)) {
        value_free(r.dropped);
        loader_no_memory(l);
        return NULL;
    }
    yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.yaml, (const unsigned char *)text, len);
    root = read_document(&r);
    if (root != NULL && !read_end(&r)) {
        value_free(root);
        root = NULL;
    }
    for (i = 0; i < r.n_anchors; i++)
        free(r.anchors[i].name);
    free(r.anchors);
    value_free(r.dropped);
    yaml_parser_delete(&r.yaml);
    return root;
}
