/* plan_gate: the value of `gate` to an expression.
 *
 * Invariant: `unavailable` stands on the outermost gate only, and a two-phase
 * gate never below any or not, where its promise could not be kept. */
#include <stdlib.h>
#include <string.h>

#include "plan_internal.h"

static const char *const outer_members[] = {"unavailable", NULL};

static struct gate_expr *read_gate(struct planner *b, const struct config_value *v, int outer,
                                   const char *inside);

void plan_gate_free(struct gate_expr *gate)
{
    size_t i;

    if (gate == NULL)
        return;
    for (i = 0; i < gate->n; i++)
        plan_gate_free(gate->children[i]);
    free(gate->children);
    free(gate);
}

static struct gate_expr *gate_new(struct planner *b, enum gate_operator op, size_t children)
{
    struct gate_expr *gate = calloc(1, sizeof *gate);

    if (gate != NULL) {
        gate->op = op;
        gate->children = calloc(children + 1, sizeof(struct gate_expr *));
    }
    if (gate == NULL || gate->children == NULL) {
        plan_no_memory(b);
        free(gate);
        return NULL;
    }
    return gate;
}

static struct gate_expr *read_leaf(struct planner *b, const struct config_value *v, int outer,
                                   const char *inside)
{
    struct instance_spec *spec = plan_instance(b, SLUICE_GATE, v, outer ? outer_members : NULL);
    struct gate_expr *gate;

    if (spec == NULL)
        return NULL;
    if (inside != NULL && (spec->plugin->desc.flags & SLUICE_TWO_PHASE) != 0)
        problem_add(b->problems, v->origin, "make it a stage of its own",
                    "gate/%s holds something until the record ends, so it cannot stand inside `%s`",
                    spec->plugin->desc.name, inside);
    gate = gate_new(b, GATE_LEAF, 0);
    if (gate != NULL)
        gate->leaf = spec;
    return gate;
}

static int add_child(struct planner *b, struct gate_expr *gate, const struct config_value *v,
                     const char *inside)
{
    struct gate_expr *child = read_gate(b, v, 0, inside);

    if (child == NULL)
        return -1;
    gate->children[gate->n++] = child;
    return 0;
}

/* any, all or not; all children are read, so that all that is wrong is told. */
static struct gate_expr *read_operator(struct planner *b, enum gate_operator op, const char *word,
                                       const struct config_value *v, const char *inside)
{
    const char *below = op == GATE_ALL ? inside : word;
    struct gate_expr *gate;
    int bad = 0;
    size_t i;

    if (op != GATE_NOT && (v->type != CONFIG_LIST || v->n == 0)) {
        problem_add(b->problems, v->origin, "write [ { plugin: A, ... }, { plugin: B, ... } ]",
                    "`%s` needs a list of gates%s", word,
                    v->type == CONFIG_LIST ? ", this one is empty" : "");
        return NULL;
    }
    gate = gate_new(b, op, op == GATE_NOT ? 1 : v->n);
    if (gate == NULL)
        return NULL;
    if (op == GATE_NOT)
        bad = add_child(b, gate, v, below);
    for (i = 0; op != GATE_NOT && i < v->n; i++)
        bad |= add_child(b, gate, v->items[i], below);
    if (bad == 0)
        return gate;
    plan_gate_free(gate);
    return NULL;
}

/* Members beside an operator. */
static int operator_alone(struct planner *b, const struct config_value *v, const char *word, int outer)
{
    size_t i;

    for (i = 0; i < v->n; i++) {
        if (strcmp(v->keys[i], word) == 0 || (outer && strcmp(v->keys[i], "unavailable") == 0))
            continue;
        problem_add(b->problems, v->key_origins[i], "nest gates: { any: [ { not: ... }, { plugin: ... } ] }",
                    "'%s' cannot stand beside `%s` in a gate", v->keys[i], word);
        return 0;
    }
    return 1;
}

static struct gate_expr *read_gate(struct planner *b, const struct config_value *v, int outer,
                                   const char *inside)
{
    static const struct {
        const char *word;
        enum gate_operator op;
    } operators[] = {{"any", GATE_ANY}, {"all", GATE_ALL}, {"not", GATE_NOT}};
    const struct config_value *below;
    size_t i;

    if (!outer && config_get(v, "unavailable") != NULL) {
        problem_add(b->problems, v->key_origins[value_find(v, "unavailable")],
                    "move it beside the outermost gate", "`unavailable` stands on the outermost gate only");
        return NULL;
    }
    for (i = 0; i < 3; i++) {
        below = config_get(v, operators[i].word);
        if (below == NULL)
            continue;
        if (!operator_alone(b, v, operators[i].word, outer))
            return NULL;
        return read_operator(b, operators[i].op, operators[i].word, below, inside);
    }
    return read_leaf(b, v, outer, inside);
}

int plan_gate_two_phase(const struct gate_expr *e)
{
    size_t i;

    if (e->op == GATE_LEAF)
        return (e->leaf->plugin->desc.flags & SLUICE_TWO_PHASE) != 0;
    for (i = 0; i < e->n; i++)
        if (plan_gate_two_phase(e->children[i]))
            return 1;
    return 0;
}

int plan_gate(struct planner *b, const struct config_value *v, struct stage_spec *stage)
{
    struct sluice_config *c;
    const char **skip;
    size_t n;

    stage->gate = read_gate(b, v, 1, NULL);
    if (v->type != CONFIG_MAP)
        return -1; /* told */
    skip = plan_unknown_of(b, &plan_tables(&n)[TABLE_GATE], v);
    c = skip == NULL ? NULL : plan_options(b, TABLE_GATE, v, skip);
    free(skip);
    if (c != NULL)
        stage->unavailable = (enum gate_unavailable)option_integer(c, "unavailable");
    if (stage->gate != NULL && stage->unavailable != UNAVAILABLE_HOLD && plan_gate_two_phase(stage->gate))
        problem_add(
            b->problems, option_origin(c, "unavailable"), "leave it out",
            "a two-phase gate that cannot tell now always holds: `unavailable` can't be other than hold");
    option_free(c);
    return stage->gate == NULL || c == NULL ? -1 : 0;
}

/* `once` as a gate's block: members of its own, and `plugin`.  Borrows everything but the arrays. */
struct once_block {
    struct config_value map, plugin, text;
    char name[5];
};

static int once_block(struct once_block *block, const struct config_value *once, size_t n)
{
    memset(block, 0, sizeof *block);
    memcpy(block->name, "once", sizeof block->name);
    block->plugin = (struct config_value){
        .type = CONFIG_SCALAR, .origin = once->origin, .text = block->name, .text_len = 4};
    block->text = *once;
    block->map.type = CONFIG_MAP;
    block->map.origin = once->origin;
    block->map.keys = calloc(n + 1, sizeof(char *));
    block->map.items = calloc(n + 1, sizeof(struct config_value *));
    block->map.key_origins = calloc(n + 1, sizeof *block->map.key_origins);
    return block->map.keys != NULL && block->map.items != NULL && block->map.key_origins != NULL ? 0 : -1;
}

static void once_block_free(struct once_block *block)
{
    free(block->map.keys);
    free(block->map.items);
    free(block->map.key_origins);
}

static void once_member(struct once_block *block, char *key, struct origin at, struct config_value *item)
{
    block->map.keys[block->map.n] = key;
    block->map.key_origins[block->map.n] = at;
    block->map.items[block->map.n++] = item;
}

static struct gate_expr *read_once(struct planner *b, const struct config_value *once)
{
    size_t n = once->type == CONFIG_MAP ? once->n : 1, i;
    struct gate_expr *gate = NULL;
    struct once_block block;
    char key[] = "key", plugin[] = "plugin";

    if (once_block(&block, once, n) != 0) {
        plan_no_memory(b);
    } else {
        once_member(&block, plugin, once->origin, &block.plugin);
        if (once->type != CONFIG_MAP)
            once_member(&block, key, once->origin, &block.text);
        for (i = 0; once->type == CONFIG_MAP && i < n; i++)
            once_member(&block, once->keys[i], once->key_origins[i], once->items[i]);
        gate = read_leaf(b, &block.map, 0, NULL);
    }
    once_block_free(&block);
    return gate;
}

int plan_once(struct planner *b, const struct config_value *once, struct stage_spec *stage)
{
    if (once->type == CONFIG_MAP && config_get(once, "plugin") != NULL) {
        problem_add(b->problems, once->key_origins[value_find(once, "plugin")], "leave it out",
                    "`once` is always gate/once; another gate stands in `stages`");
        return -1;
    }
    if (once->type != CONFIG_MAP && plan_text(b, "once", once) == NULL)
        return -1;
    stage->origin = once->origin;
    stage->gate = read_once(b, once);
    stage->once = 1;
    return stage->gate == NULL ? -1 : 0;
}
