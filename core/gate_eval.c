#include "gate_eval.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gate_node {
    enum gate_operator op;
    struct instance *instance; /* LEAF */
    struct gate_node **children;
    size_t n;
    char *reason; /* NOT: what a denial is called */
    /* For the batch at hand, each of cap members. */
    struct sluice_record **asked; /* the records that are still undecided */
    uint32_t *place;              /* where their answers stand */
    struct gate_answer *answers;  /* of one child */
    struct sluice_verdict *verdicts;
    struct sluice_record **admitted; /* two-phase LEAF */
    struct sluice_outcome *outcomes;
    uint32_t n_admitted;
};

struct gate_eval {
    struct gate_node *root;
    enum gate_unavailable unavailable;
    int two_phase;
};

static void free_node(struct gate_node *node)
{
    size_t i;

    if (node == NULL)
        return;
    for (i = 0; i < node->n && node->children != NULL; i++)
        free_node(node->children[i]);
    free(node->children);
    free(node->reason);
    free(node->asked);
    free(node->place);
    free(node->answers);
    free(node->verdicts);
    free(node->admitted);
    free(node->outcomes);
    free(node);
}

static int is_two_phase(const struct instance *i)
{
    return (instance_plugin(i)->desc.flags & SLUICE_TWO_PHASE) != 0;
}

/* "not_<name>", as a token. */
static char *not_reason(const struct gate_expr *child)
{
    const char *name = child->op == GATE_LEAF ? child->leaf->name : "gates";
    size_t len = strlen(name) + 5;
    char *reason = malloc(len), *c;

    if (reason == NULL)
        return NULL;
    (void)snprintf(reason, len, "not_%s", name);
    for (c = reason; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c))
            *c = '_';
    return reason;
}

static int make_leaf(struct gate_eval *e, struct gate_node *node, const struct gate_expr *expr,
                     gate_find_instance find, void *context, uint64_t cap)
{
    node->instance = find(context, expr->leaf);
    node->verdicts = calloc(cap, sizeof *node->verdicts);
    if (node->instance == NULL || node->verdicts == NULL)
        return -1;
    if (!is_two_phase(node->instance))
        return 0;
    e->two_phase = 1;
    node->admitted = calloc(cap, sizeof(struct sluice_record *));
    node->outcomes = calloc(cap, sizeof *node->outcomes);
    return node->admitted == NULL || node->outcomes == NULL ? -1 : 0;
}

static struct gate_node *make_node(struct gate_eval *e, const struct gate_expr *expr, gate_find_instance find,
                                   void *context, uint64_t cap)
{
    struct gate_node *node = calloc(1, sizeof *node);

    if (node == NULL)
        return NULL;
    node->op = expr->op;
    if (expr->op == GATE_LEAF) {
        if (make_leaf(e, node, expr, find, context, cap) != 0)
            goto fail;
        return node;
    }
    node->asked = calloc(cap, sizeof(struct sluice_record *));
    node->place = calloc(cap, sizeof *node->place);
    node->answers = calloc(cap, sizeof *node->answers);
    node->children = calloc(expr->n, sizeof(struct gate_node *));
    if (node->asked == NULL || node->place == NULL || node->answers == NULL || node->children == NULL)
        goto fail;
    if (expr->op == GATE_NOT && (node->reason = not_reason(expr->children[0])) == NULL)
        goto fail;
    for (; node->n < expr->n; node->n++) {
        node->children[node->n] = make_node(e, expr->children[node->n], find, context, cap);
        if (node->children[node->n] == NULL)
            goto fail;
    }
    return node;
fail:
    free_node(node);
    return NULL;
}

struct gate_eval *gate_eval_new(const struct gate_expr *expr, enum gate_unavailable unavailable,
                                gate_find_instance find, void *context, uint64_t cap)
{
    struct gate_eval *e = calloc(1, sizeof *e);

    if (e == NULL)
        return NULL;
    e->unavailable = unavailable;
    e->root = make_node(e, expr, find, context, cap);
    if (e->root == NULL) {
        free(e);
        return NULL;
    }
    return e;
}

void gate_eval_free(struct gate_eval *e)
{
    if (e == NULL)
        return;
    free_node(e->root);
    free(e);
}

int gate_eval_two_phase(const struct gate_eval *e)
{
    return e->two_phase;
}

/* A verdict of a gate as an answer; what a gate must not say is a defect, and the
 * record waits for somebody to mend the plugin rather than being let through. */
static struct gate_answer answer_of(const struct sluice_verdict *v, uint32_t call,
                                    const struct sluice_error *err)
{
    struct gate_answer a = {v->code, v->retry_after_ms, v->reason, v->detail};

    switch (v->code) {
    case SLUICE_OK:
        a.code = SLUICE_ADMIT;
        break;
    case SLUICE_DROP:
        a.code = SLUICE_DENY;
        break;
    case SLUICE_ADMIT:
    case SLUICE_DENY:
    case SLUICE_UNKNOWN:
    case SLUICE_RETRY:
    case SLUICE_REJECT:
        break;
    default:
        a.code = call == SLUICE_OK ? SLUICE_RETRY : SLUICE_UNKNOWN;
        a.reason = call == SLUICE_OK ? "no_verdict" : "gate_unavailable";
        a.retry_after_ms = call == SLUICE_OK ? 0 : err->retry_after_ms;
    }
    return a;
}

static uint32_t ask_leaf(struct gate_node *node, struct sluice_record *const *records, uint32_t n,
                         struct gate_answer *out, struct sluice_error *err)
{
    const struct sluice_gate_ops *ops = &instance_plugin(node->instance)->ops.gate;
    struct sluice_verdicts verdicts = {n, sizeof *node->verdicts, node->verdicts};
    uint32_t call, i;

    memset(node->verdicts, 0, n * sizeof *node->verdicts);
    error_clear(err);
    instance_enter(node->instance);
    call = ops->decide(instance_self(node->instance), (const struct sluice_record *const *)records, n,
                       &verdicts, err);
    instance_leave(node->instance);
    if (call == SLUICE_FATAL)
        return SLUICE_FATAL;
    for (i = 0; i < n; i++)
        out[i] = answer_of(&node->verdicts[i], call, err);
    if (node->admitted != NULL) {
        node->n_admitted = 0;
        for (i = 0; i < n; i++)
            if (out[i].code == SLUICE_ADMIT)
                node->admitted[node->n_admitted++] = records[i];
    }
    return SLUICE_OK;
}

/* Of two answers that decide nothing, the one to show: REJECT, RETRY, UNKNOWN. */
static int weight(uint32_t code)
{
    return code == SLUICE_REJECT ? 3 : code == SLUICE_RETRY ? 2 : code == SLUICE_UNKNOWN ? 1 : 0;
}

/* Joins a child's answer into what is known: `decider` ends it (ADMIT for any, DENY for all). */
static void join(struct gate_answer *known, const struct gate_answer *child, uint32_t decider)
{
    if (child->code == decider || weight(child->code) > weight(known->code))
        *known = *child;
}

static uint32_t ask(struct gate_node *node, struct sluice_record *const *records, uint32_t n,
                    struct gate_answer *out, struct sluice_error *err);

static uint32_t ask_many(struct gate_node *node, struct sluice_record *const *records, uint32_t n,
                         struct gate_answer *out, struct sluice_error *err)
{
    uint32_t decider = node->op == GATE_ANY ? SLUICE_ADMIT : SLUICE_DENY, i, left, code;
    size_t c;

    code = ask(node->children[0], records, n, out, err);
    for (c = 1; c < node->n && code == SLUICE_OK; c++) {
        for (i = 0, left = 0; i < n; i++)
            if (out[i].code != decider) {
                node->asked[left] = records[i];
                node->place[left++] = i;
            }
        if (left == 0)
            break;
        code = ask(node->children[c], node->asked, left, node->answers, err);
        for (i = 0; i < left && code == SLUICE_OK; i++)
            join(&out[node->place[i]], &node->answers[i], decider);
    }
    return code;
}

static uint32_t ask(struct gate_node *node, struct sluice_record *const *records, uint32_t n,
                    struct gate_answer *out, struct sluice_error *err)
{
    uint32_t code, i;

    if (n == 0)
        return SLUICE_OK;
    if (node->op == GATE_LEAF)
        return ask_leaf(node, records, n, out, err);
    if (node->op != GATE_NOT)
        return ask_many(node, records, n, out, err);
    code = ask(node->children[0], records, n, out, err);
    for (i = 0; i < n && code == SLUICE_OK; i++) {
        if (out[i].code == SLUICE_ADMIT)
            out[i] = (struct gate_answer){SLUICE_DENY, 0, node->reason, NULL};
        else if (out[i].code == SLUICE_DENY)
            out[i] = (struct gate_answer){SLUICE_ADMIT, 0, NULL, NULL};
    }
    return code;
}

static void decide_unknown(const struct gate_eval *e, struct gate_answer *a)
{
    if (a->code != SLUICE_UNKNOWN)
        return;
    if (e->two_phase) /* who is at work on it will let go: hold */
        return;
    if (e->unavailable == UNAVAILABLE_ADMIT) {
        a->code = SLUICE_ADMIT;
    } else if (e->unavailable == UNAVAILABLE_DENY) {
        a->code = SLUICE_DENY;
        a->reason = "gate_unavailable";
    }
}

/* Calls fn for each two-phase leaf. */
static uint32_t each_two_phase(struct gate_node *node, uint32_t (*fn)(struct gate_node *, void *),
                               void *context)
{
    uint32_t code = SLUICE_OK, c;
    size_t i;

    if (node->admitted != NULL)
        return fn(node, context);
    for (i = 0; i < node->n; i++) {
        c = each_two_phase(node->children[i], fn, context);
        if (c != SLUICE_OK)
            code = c;
    }
    return code;
}

static uint32_t forget_leaf(struct gate_node *node, void *context)
{
    (void)context;
    node->n_admitted = 0;
    return SLUICE_OK;
}

struct refused {
    struct sluice_record *const *records;
    const struct gate_answer *answers;
    uint32_t n;
    struct sluice_error *err;
};

static uint32_t call_conclude(struct gate_node *node, struct sluice_record **records, uint32_t n,
                              struct sluice_error *err)
{
    const struct sluice_gate_ops *ops = &instance_plugin(node->instance)->ops.gate;
    uint32_t code;

    if (n == 0)
        return SLUICE_OK;
    error_clear(err);
    instance_enter(node->instance);
    code = ops->conclude(instance_self(node->instance), (const struct sluice_record *const *)records, n,
                         node->outcomes, sizeof *node->outcomes, err);
    instance_leave(node->instance);
    return code;
}

/* What this leaf admitted and the whole expression did not is released at once.
 * Both lists are in the order of the batch. */
static uint32_t release_refused(struct gate_node *node, void *context)
{
    struct refused *r = context;
    uint32_t i, at = 0, keep = 0, gone = 0, n = node->n_admitted, code;
    struct sluice_record *kept;

    for (i = 0; i < n; i++) {
        while (r->records[at] != node->admitted[i])
            at++;
        if (r->answers[at].code == SLUICE_ADMIT) {
            kept = node->admitted[i];
            memmove(&node->admitted[keep + 1], &node->admitted[keep],
                    (i - keep) * sizeof(struct sluice_record *));
            node->admitted[keep++] = kept;
        } else {
            node->outcomes[gone++] = (struct sluice_outcome){SLUICE_RETRY, 0};
        }
    }
    code = call_conclude(node, node->admitted + keep, gone, r->err);
    node->n_admitted = keep;
    return code;
}

uint32_t gate_evaluate(struct gate_eval *e, struct sluice_record *const *records, uint32_t n,
                       struct gate_answer *answers, struct sluice_error *err)
{
    struct refused refused = {records, answers, n, err};
    uint32_t code, i;

    if (e->two_phase)
        (void)each_two_phase(e->root, forget_leaf, NULL);
    code = ask(e->root, records, n, answers, err);
    if (code != SLUICE_OK)
        return code;
    for (i = 0; i < n; i++)
        decide_unknown(e, &answers[i]);
    if (e->two_phase)
        (void)each_two_phase(e->root, release_refused, &refused);
    return SLUICE_OK;
}

struct conclusion {
    const uint32_t *codes;
    struct sluice_error *err;
};

static uint32_t conclude_leaf(struct gate_node *node, void *context)
{
    struct conclusion *c = context;
    uint32_t i, code, n = node->n_admitted;

    for (i = 0; i < n; i++) {
        const struct sluice_record *r = node->admitted[i];

        node->outcomes[i] = (struct sluice_outcome){c->codes[r - r->batch->records], 0};
    }
    code = call_conclude(node, node->admitted, n, c->err);
    if (code == SLUICE_OK)
        node->n_admitted = 0;
    return code;
}

uint32_t gate_conclude(struct gate_eval *e, const uint32_t *codes, struct sluice_error *err)
{
    struct conclusion c = {codes, err};

    return e->two_phase ? each_two_phase(e->root, conclude_leaf, &c) : SLUICE_OK;
}
