/* explain_gates: makes the gate instances of each pipeline, asks, and puts them away. */
#include "explain_gates.h"

#include <stdlib.h>
#include <string.h>

#include "strbuf.h"

#define STOP_MS 5000u
#define KEEP_BYTES 65536u

struct asking {
    const struct pipeline_spec *pipe;
    const char *user;
    struct instance_env env;
    struct instance **instances; /* by place in pipe->instances; only gates */
    struct explain_gates *out;
    struct problems *problems;
};

static struct instance *ask_find(void *context, const struct instance_spec *spec)
{
    struct asking *a = context;
    size_t i;

    for (i = 0; i < a->pipe->n_instances; i++)
        if (a->pipe->instances[i] == spec)
            return a->instances[i];
    return NULL;
}

/* 0, or -1: a gate does not start (told). */
static int ask_start(struct asking *a)
{
    struct sluice_error err;
    size_t i;

    for (i = 0; i < a->pipe->n_instances; i++) {
        const struct instance_spec *spec = a->pipe->instances[i];

        if (spec->plugin->desc.kind != SLUICE_GATE)
            continue;
        a->instances[i] = instance_new(spec, &a->env, a->problems);
        if (a->instances[i] == NULL)
            return -1;
        error_clear(&err);
        if (instance_start(a->instances[i], &err) != SLUICE_OK) {
            problem_add(a->problems, spec->origin, NULL, "gate '%s' of pipeline '%s' does not start: %s",
                        spec->name, a->pipe->name, err.message);
            instance_free(a->instances[i]);
            a->instances[i] = NULL;
            return -1;
        }
    }
    return 0;
}

static void ask_stop(struct asking *a)
{
    struct sluice_error err;
    size_t i;

    for (i = 0; i < a->pipe->n_instances; i++) {
        if (a->instances[i] == NULL)
            continue;
        error_clear(&err);
        (void)instance_stop(a->instances[i], STOP_MS, &err);
        instance_free(a->instances[i]);
    }
    for (i = 0; i < a->env.n_fields; i++)
        free(a->env.fields[i]);
}

static void ask_name(const struct gate_expr *e, struct strbuf *out)
{
    static const char *const words[] = {"", "any", "all", "not"};
    size_t i;

    if (e->op == GATE_LEAF) {
        strbuf_puts(out, e->leaf->name);
        return;
    }
    strbuf_printf(out, "%s(", words[e->op]);
    for (i = 0; i < e->n; i++) {
        if (i > 0)
            strbuf_puts(out, ", ");
        ask_name(e->children[i], out);
    }
    strbuf_putc(out, ')');
}

/* A record of the user: payload, document and fields with the id and nothing else. */
static struct sluice_record *ask_record(struct asking *a, struct sluice_batch *b, struct strbuf *json)
{
    static const struct lane_info nowhere = {.name = (char *)"explain"};
    static const struct lane_info *const lanes[] = {&nowhere};
    struct sluice_item item = {.struct_size = sizeof item, .lane = 1};
    struct sluice_error err;
    struct sluice_record *record;
    struct sluice_node *document;
    uint32_t i;

    strbuf_putc(json, '{');
    strbuf_json(json, a->pipe->order_key, strlen(a->pipe->order_key));
    strbuf_putc(json, ':');
    strbuf_json(json, a->user, strlen(a->user));
    strbuf_putc(json, '}');
    b->lanes = lanes;
    b->n_lanes = 1;
    item.data = json->data;
    item.len = item.size = json->len;
    if (json->failed || batch_add(b, &item, 1, sizeof item) != 1)
        return NULL;
    record = &b->records[0];
    b->refs[0] = record;
    record->fields = b->values;
    error_clear(&err);
    document = record_api.parse_json(record, record->payload, &err);
    if (document == NULL)
        return NULL;
    record_api.set_document(record, document);
    for (i = 0; i < a->env.n_fields; i++)
        if (strcmp(a->env.fields[i], a->pipe->order_key) == 0 || strcmp(a->env.fields[i], "user_id") == 0)
            record->fields[i] = sluice_str_of(a->user);
    return record;
}

/* 0, or -1: no memory. */
static int ask_answer(struct explain_gate *gate, const struct gate_answer *answer)
{
    struct strbuf why;

    gate->says = answer->code == SLUICE_ADMIT  ? "admits"
                 : answer->code == SLUICE_DENY ? "denies"
                                               : "cannot tell";
    if (answer->reason == NULL && answer->detail == NULL)
        return 0;
    strbuf_init(&why, 4096);
    strbuf_puts(&why, answer->reason == NULL ? "" : answer->reason);
    if (answer->detail != NULL)
        strbuf_printf(&why, "%s%s", answer->reason == NULL ? "" : ": ", answer->detail);
    gate->why = strbuf_take(&why);
    return gate->why == NULL ? -1 : 0;
}

/* 0, or -1: no memory. */
static int ask_stage(struct asking *a, const struct stage_spec *stage, const char *step)
{
    struct explain_gate *gate = &a->out->items[a->out->n];
    struct gate_eval *eval = gate_eval_new(stage->gate, stage->unavailable, ask_find, a, 1);
    struct sluice_batch batch;
    struct gate_answer answer = {.code = SLUICE_UNKNOWN};
    struct sluice_record *record;
    struct sluice_error err;
    struct strbuf json, name;
    int failed = -1;

    if (eval == NULL)
        return -1;
    memset(gate, 0, sizeof *gate);
    strbuf_init(&json, KEEP_BYTES);
    strbuf_init(&name, KEEP_BYTES);
    ask_name(stage->gate, &name);
    if (batch_init(&batch, 1, a->env.n_fields, KEEP_BYTES) == 0) {
        gate->pipeline = a->pipe->name;
        gate->step = step;
        gate->gate = strbuf_take(&name);
        record = ask_record(a, &batch, &json);
        error_clear(&err);
        if (gate->gate != NULL)
            a->out->n++;
        if (gate->gate == NULL) {
            record = NULL; /* no memory */
        } else if (gate_eval_two_phase(eval)) {
            gate->says = "not asked (asking would reserve)";
            failed = 0;
        } else if (record != NULL) {
            if (gate_evaluate(eval, batch.refs, 1, &answer, &err) != SLUICE_OK)
                answer = (struct gate_answer){SLUICE_UNKNOWN, 0, "failed", err.message};
            failed = ask_answer(gate, &answer);
        }
        batch_release(&batch);
    }
    strbuf_release(&json);
    strbuf_release(&name);
    gate_eval_free(eval);
    return failed;
}

static int ask_stages(struct asking *a, const struct stage_spec *stages, size_t n, const char *step)
{
    struct explain_gate *grown;
    size_t i;

    for (i = 0; i < n; i++) {
        if (stages[i].gate == NULL)
            continue;
        grown = realloc(a->out->items, (a->out->n + 1) * sizeof *grown);
        if (grown == NULL)
            return -1;
        a->out->items = grown;
        if (ask_stage(a, &stages[i], step) != 0)
            return -1;
    }
    return 0;
}

static int ask_pipeline(struct asking *a)
{
    const struct pipeline_spec *pipe = a->pipe;
    int failed;
    size_t i;

    a->instances = calloc(pipe->n_instances + 1, sizeof(struct instance *));
    a->env.fields[0] = strdup(pipe->order_key);
    a->env.n_fields = 1;
    failed = a->instances == NULL || a->env.fields[0] == NULL || ask_start(a) != 0;
    if (!failed)
        failed = ask_stages(a, pipe->stages, pipe->n_stages, NULL) != 0;
    for (i = 0; !failed && i < pipe->n_steps; i++)
        failed = ask_stages(a, pipe->steps[i].stages, pipe->steps[i].n_stages, pipe->steps[i].name) != 0;
    if (a->instances != NULL)
        ask_stop(a);
    else
        free(a->env.fields[0]);
    free(a->instances);
    return failed ? -1 : 0;
}

int explain_gates_ask(struct explain_gates *g, const struct plan *plan, const char *user,
                      struct state_db *state, struct problems *p)
{
    size_t i;

    memset(g, 0, sizeof *g);
    for (i = 0; i < plan->n_pipelines; i++) {
        struct asking a = {.pipe = &plan->pipelines[i], .user = user, .out = g, .problems = p};

        a.env.pipeline_name = a.pipe->name;
        a.env.state = state;
        if (ask_pipeline(&a) == 0)
            continue;
        if (!problems_failed(p))
            problem_add(p, a.pipe->origin, NULL, "no memory to ask the gates of pipeline '%s'", a.pipe->name);
        return -1;
    }
    return 0;
}

void explain_gates_release(struct explain_gates *g)
{
    size_t i;

    for (i = 0; i < g->n; i++) {
        free(g->items[i].gate);
        free(g->items[i].why);
    }
    free(g->items);
    memset(g, 0, sizeof *g);
}
