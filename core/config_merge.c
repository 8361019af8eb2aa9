/* config_merge: merge keys and overlays.
 *
 * Maps merge by key.  What an overlay may say of a list depends on where it
 * stands: stages, steps, and the parts of any and all are matched by the names of
 * the instances in them; any other list is replaced.  Invariant: values move from
 * one tree to the other and are never in both. */
#include <string.h>

#include "config_internal.h"

#define MERGE_MAX_ITEMS 1000u /* of a list of instances: names are compared pairwise */
#define MERGE_MAX_NAMES 32u

/* What stands where a value is. */
enum place {
    PLACE_ANY, /* nothing special below */
    PLACE_ROOT,
    PLACE_PIPELINES,
    PLACE_PIPELINE,
    PLACE_STEPS,
    PLACE_STEP,
    PLACE_STAGES,
    PLACE_STAGE,
    PLACE_GATES,
    PLACE_GATE,
    PLACE_BLOCK, /* of one instance */
    PLACE_ONCE   /* of gate/once, or its key alone */
};

static int merge_value(struct loader *l, enum place place, struct config_value **base,
                       struct config_value **over);

int config_merge_key(struct loader *l, struct config_value *map, struct origin at, struct config_value *from)
{
    size_t i;

    if (from->type == CONFIG_LIST) {
        for (i = 0; i < from->n; i++) {
            if (from->items[i]->type != CONFIG_MAP) {
                problem_add(l->problems, from->items[i]->origin, NULL, "'<<' merges maps, this is %s",
                            config_type_name(from->items[i]));
                return -1;
            }
            if (config_merge_key(l, map, at, from->items[i]) != 0)
                return -1;
        }
        return 0;
    }
    if (from->type != CONFIG_MAP) {
        problem_add(l->problems, at, "write <<: *anchor", "'<<' needs a map or a list of maps, not %s",
                    config_type_name(from));
        return -1;
    }
    for (i = 0; i < from->n; i++) {
        if (value_find(map, from->keys[i]) < map->n)
            continue;
        if (map->n >= CONFIG_MAX_MEMBERS) {
            problem_add(l->problems, at, NULL, "the map has more than %u members", CONFIG_MAX_MEMBERS);
            return -1;
        }
        if (value_add(map, from->keys[i], from->key_origins[i], from->items[i]) != 0) {
            loader_no_memory(l);
            return -1;
        }
        from->items[i] = NULL;
    }
    return 0;
}

static enum place place_below(enum place place, const char *key)
{
    static const struct {
        enum place from;
        const char *key;
        enum place to;
    } ways[] = {
        {PLACE_ROOT, "pipelines", PLACE_PIPELINES}, {PLACE_PIPELINE, "source", PLACE_BLOCK},
        {PLACE_PIPELINE, "decoder", PLACE_BLOCK},   {PLACE_PIPELINE, "sink", PLACE_BLOCK},
        {PLACE_PIPELINE, "stages", PLACE_STAGES},   {PLACE_PIPELINE, "steps", PLACE_STEPS},
        {PLACE_STEP, "stages", PLACE_STAGES},       {PLACE_STEP, "sink", PLACE_BLOCK},
        {PLACE_STEP, "once", PLACE_ONCE},           {PLACE_STAGE, "gate", PLACE_GATE},
        {PLACE_STAGE, "enrich", PLACE_BLOCK},       {PLACE_GATE, "any", PLACE_GATES},
        {PLACE_GATE, "all", PLACE_GATES},           {PLACE_GATE, "not", PLACE_GATE},
    };
    size_t i;

    if (place == PLACE_PIPELINES)
        return PLACE_PIPELINE;
    for (i = 0; i < sizeof ways / sizeof *ways; i++)
        if (ways[i].from == place && strcmp(ways[i].key, key) == 0)
            return ways[i].to;
    return PLACE_ANY;
}

static const char *scalar_of(const struct config_value *map, const char *key)
{
    const struct config_value *v = config_get(map, key);

    /* `plugin: null` names the plugin null */
    return v != NULL && (v->type == CONFIG_SCALAR || v->type == CONFIG_NULL) ? v->text : NULL;
}

/* The operator of a gate, or NULL for one plugin. */
static const char *gate_operator(const struct config_value *gate)
{
    static const char *const operators[] = {"any", "all", "not"};
    size_t i;

    for (i = 0; i < 3; i++)
        if (config_get(gate, operators[i]) != NULL)
            return operators[i];
    return NULL;
}

struct names {
    const char *text[MERGE_MAX_NAMES];
    size_t n;
};

/* Collects the names of the instances in a stage, a gate or a block. */
static void names_of(const struct config_value *v, enum place place, struct names *names)
{
    const char *name = scalar_of(v, "name");
    const struct config_value *below;
    size_t i;

    if (v->type == CONFIG_LIST && place == PLACE_GATES) {
        for (i = 0; i < v->n; i++)
            names_of(v->items[i], PLACE_GATE, names);
        return;
    }
    if (place == PLACE_STAGE || (place == PLACE_GATE && gate_operator(v) != NULL)) {
        for (i = 0; v->type == CONFIG_MAP && i < v->n; i++) {
            below = v->items[i];
            if (place_below(place, v->keys[i]) != PLACE_ANY)
                names_of(below, place_below(place, v->keys[i]), names);
        }
        return;
    }
    if (name == NULL && place != PLACE_STEP)
        name = scalar_of(v, "plugin");
    if (name != NULL && names->n < MERGE_MAX_NAMES)
        names->text[names->n++] = name;
}

static int share_a_name(const struct config_value *a, const struct config_value *b, enum place place)
{
    struct names x, y;
    size_t i, j;

    x.n = 0;
    y.n = 0;
    names_of(a, place, &x);
    names_of(b, place, &y);
    for (i = 0; i < x.n; i++)
        for (j = 0; j < y.n; j++)
            if (strcmp(x.text[i], y.text[j]) == 0)
                return 1;
    return 0;
}

static int same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Does the overlay change what stands here rather than details of it? */
static int replaces(enum place place, const struct config_value *base, const struct config_value *over)
{
    const char *plugin = scalar_of(over, "plugin");

    if (base->type != CONFIG_MAP || over->type != CONFIG_MAP)
        return 1;
    if (place == PLACE_STAGE)
        return (config_get(base, "gate") != NULL) != (config_get(over, "gate") != NULL);
    if (place == PLACE_GATE && !same_text(gate_operator(base), gate_operator(over)) &&
        (gate_operator(over) != NULL || plugin != NULL))
        return 1;
    if (place == PLACE_BLOCK || place == PLACE_GATE)
        return plugin != NULL && !same_text(plugin, scalar_of(base, "plugin"));
    return 0;
}

static void swap_values(struct config_value **a, struct config_value **b)
{
    struct config_value *other = *a;

    *a = *b;
    *b = other;
}

/* Puts the items of over into base: onto the item that shares a name, else at the end. */
static int merge_list(struct loader *l, enum place place, struct config_value *base,
                      struct config_value *over)
{
    size_t known = base->n, i, j;

    if (base->n > MERGE_MAX_ITEMS || over->n > MERGE_MAX_ITEMS) {
        problem_add(l->problems, over->origin, NULL, "a list of stages has more than %u items",
                    MERGE_MAX_ITEMS);
        return -1;
    }
    for (i = 0; i < over->n; i++) {
        for (j = 0; j < known; j++)
            if (share_a_name(base->items[j], over->items[i], place))
                break;
        if (j < known) {
            if (merge_value(l, place, &base->items[j], &over->items[i]) != 0)
                return -1;
            continue;
        }
        if (value_add(base, NULL, over->origin, over->items[i]) != 0) {
            loader_no_memory(l);
            return -1;
        }
        over->items[i] = NULL;
    }
    return 0;
}

static int merge_map(struct loader *l, enum place place, struct config_value *base, struct config_value *over)
{
    size_t i, at;

    for (i = 0; i < over->n; i++) {
        at = value_find(base, over->keys[i]);
        if (at < base->n) {
            if (place == PLACE_ROOT && base->items[at]->anchored && over->items[i]->type == CONFIG_MAP)
                problem_warn(l->problems, over->key_origins[i], "overlay the places that use it",
                             "'%s' holds an anchor of %s:%u: its aliases there keep what that file says",
                             over->keys[i], base->items[at]->origin.file, base->items[at]->origin.line);
            if (over->items[i]->type == CONFIG_SCALAR || over->items[i]->type == CONFIG_NULL)
                base->key_origins[at] = over->key_origins[i];
            if (merge_value(l, place_below(place, over->keys[i]), &base->items[at], &over->items[i]) != 0)
                return -1;
            continue;
        }
        if (base->n >= CONFIG_MAX_MEMBERS) {
            problem_add(l->problems, over->key_origins[i], NULL, "the map has more than %u members",
                        CONFIG_MAX_MEMBERS);
            return -1;
        }
        if (value_add(base, over->keys[i], over->key_origins[i], over->items[i]) != 0) {
            loader_no_memory(l);
            return -1;
        }
        over->items[i] = NULL;
    }
    return 0;
}

/* TEXT of `once` becomes { key: TEXT }. */
static int spell_out(struct loader *l, struct config_value **once)
{
    struct config_value *map;

    if ((*once)->type != CONFIG_SCALAR)
        return 0;
    map = value_new(CONFIG_MAP, (*once)->origin);
    if (map == NULL || value_add(map, "key", (*once)->origin, *once) != 0) {
        value_free(map);
        loader_no_memory(l);
        return -1;
    }
    *once = map;
    return 0;
}

static int merge_value(struct loader *l, enum place place, struct config_value **base,
                       struct config_value **over)
{
    static const enum place items[] = {[PLACE_STAGES] = PLACE_STAGE,
                                       [PLACE_STEPS] = PLACE_STEP,
                                       [PLACE_GATES] = PLACE_GATE,
                                       [PLACE_ONCE] = PLACE_ANY};

    if (*over == NULL)
        return 0;
    if (place == PLACE_ONCE && (*base)->type != (*over)->type &&
        (spell_out(l, base) != 0 || spell_out(l, over) != 0))
        return -1;
    if ((*base)->type == CONFIG_LIST && (*over)->type == CONFIG_LIST && items[place] != PLACE_ANY)
        return merge_list(l, items[place], *base, *over);
    if (replaces(place, *base, *over)) {
        swap_values(base, over);
        return 0;
    }
    return merge_map(l, place, *base, *over);
}

int config_overlay(struct loader *l, struct config_value *base, struct config_value *over)
{
    return merge_map(l, PLACE_ROOT, base, over);
}
