/* plan_pipeline: one member of `pipelines` to a pipeline_spec.
 *
 * Invariant: what is read is reachable from the pipeline at once, so that one
 * release frees it however far reading came. */
#include <stdlib.h>
#include <string.h>

#include "plan_internal.h"

#define MAX_STEPS 64u

/* Blocks of a pipeline that are not options of TABLE_PIPELINE. */
static const char *const blocks[] = {"source", "decoder", "stages",  "sink", "steps",
                                     "batch",  "retry",   "breaker", "job",  NULL};
static const char *const step_blocks[] = {"stages", "sink", "once", NULL};

void plan_stages_free(struct stage_spec *stages, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        plan_gate_free(stages[i].gate);
    free(stages);
}

void plan_pipeline_release(struct pipeline_spec *pipe)
{
    size_t i;

    plan_stages_free(pipe->stages, pipe->n_stages);
    for (i = 0; i < pipe->n_steps; i++) {
        plan_stages_free(pipe->steps[i].stages, pipe->steps[i].n_stages);
        free(pipe->steps[i].name);
    }
    free(pipe->steps);
    for (i = 0; i < pipe->n_instances; i++) {
        option_free(pipe->instances[i]->config);
        free(pipe->instances[i]->name);
        free(pipe->instances[i]);
    }
    free(pipe->instances);
    free(pipe->name);
    free(pipe->order_key);
    free(pipe->log_records);
    free(pipe->job_id);
    free(pipe->job_user);
}

static void read_stage(struct planner *b, const struct config_value *item, struct stage_spec *stage)
{
    static const char *const kinds[] = {"gate", "enrich"};
    const char *nearest;
    char hint[64] = "write - gate: {...} or - enrich: {...}";

    stage->origin = item->origin;
    if (item->type != CONFIG_MAP || item->n != 1) {
        problem_add(b->problems, item->origin, hint,
                    "a stage is a map with one member, `gate` or `enrich`, not %s",
                    item->type == CONFIG_MAP ? "with several or none" : config_type_name(item));
    } else if (strcmp(item->keys[0], "gate") == 0) {
        (void)plan_gate(b, item->items[0], stage);
    } else if (strcmp(item->keys[0], "enrich") == 0) {
        stage->enricher = plan_instance(b, SLUICE_ENRICHER, item->items[0], NULL);
    } else {
        nearest = nearest_name(item->keys[0], kinds, 2);
        if (nearest != NULL)
            (void)snprintf(hint, sizeof hint, "did you mean '%s'?", nearest);
        problem_add(b->problems, item->key_origins[0], hint, "a stage is a `gate` or an `enrich`, not '%s'",
                    item->keys[0]);
    }
}

void plan_stages(struct planner *b, const struct config_value *list, const struct config_value *once,
                 struct stage_spec **stages, size_t *n)
{
    size_t count = list == NULL ? 0 : list->n, i;

    if (list != NULL && list->type != CONFIG_LIST) {
        problem_add(b->problems, list->origin, "write - gate: {...} and - enrich: {...}",
                    "`stages` needs a list, not %s", config_type_name(list));
        count = 0;
    }
    *stages = calloc(count + 2, sizeof **stages);
    if (*stages == NULL) {
        plan_no_memory(b);
        return;
    }
    if (once != NULL)
        (void)plan_once(b, once, &(*stages)[(*n)++]);
    for (i = 0; i < count; i++)
        read_stage(b, list->items[i], &(*stages)[(*n)++]);
}

static void missing_block(struct planner *b, const char *what, const char *owner, struct origin at)
{
    char hint[64];

    (void)snprintf(hint, sizeof hint, "add %s: { plugin: NAME, ... }", what);
    problem_add(b->problems, at, hint, "%s has no `%s`", owner, what);
}

/* Stages and sink of one step. */
static void fill_step(struct planner *b, struct step_spec *step, const struct config_value *v)
{
    const struct config_value *sink = config_get(v, "sink");

    plan_stages(b, config_get(v, "stages"), config_get(v, "once"), &step->stages, &step->n_stages);
    if (sink != NULL)
        step->sink = plan_instance(b, SLUICE_SINK, sink, NULL);
    else
        missing_block(b, "sink", step->name != NULL ? "the step" : "the pipeline", step->origin);
}

static void name_step(struct planner *b, struct step_spec *step, const struct config_value *v)
{
    struct sluice_config *c = plan_options(b, TABLE_STEP, v, step_blocks);
    size_t i;

    if (c == NULL)
        return;
    for (i = 0; &b->pipe->steps[i] != step; i++)
        if (b->pipe->steps[i].name != NULL && strcmp(b->pipe->steps[i].name, option_string(c, "name")) == 0)
            problem_add(b->problems, option_origin(c, "name"), "their dead letters could not be told apart",
                        "two steps are named '%s'", b->pipe->steps[i].name);
    if (plan_name_good(b, "a step", option_string(c, "name"), option_origin(c, "name")))
        plan_copy(b, &step->name, option_string(c, "name"));
    option_free(c);
}

static void read_steps(struct planner *b, const struct config_value *list)
{
    struct step_spec *step;
    size_t i;

    if (list->type != CONFIG_LIST || list->n == 0 || list->n > MAX_STEPS) {
        problem_add(b->problems, list->origin, "write - name: ... with a sink each",
                    "`steps` needs a list of 1 to %u steps", MAX_STEPS);
        return;
    }
    b->pipe->steps = calloc(list->n, sizeof *b->pipe->steps);
    if (b->pipe->steps == NULL) {
        plan_no_memory(b);
        return;
    }
    for (i = 0; i < list->n; i++) {
        step = &b->pipe->steps[b->pipe->n_steps++];
        step->origin = list->items[i]->origin;
        if (list->items[i]->type != CONFIG_MAP) {
            problem_add(b->problems, step->origin, NULL, "a step needs a map, not %s",
                        config_type_name(list->items[i]));
            continue;
        }
        name_step(b, step, list->items[i]);
        b->step = step->name != NULL ? step->name : "?";
        fill_step(b, step, list->items[i]);
        b->step = NULL;
    }
}

/* An event's name is looked for by people and by machines: a token. */
static void read_log_records(struct planner *b, const struct sluice_config *c)
{
    const char *event = option_string(c, "log_records");

    if (event == NULL)
        return;
    if (event[0] == '\0' || strlen(event) > 40 ||
        strspn(event, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(event))
        problem_add(b->problems, option_origin(c, "log_records"), "write a word such as user_load",
                    "`log_records` is the name of an event: 1 to 40 of a-z, 0-9 and _");
    else
        plan_copy(b, &b->pipe->log_records, event);
}

static void read_numbers(struct planner *b, const struct config_value *v)
{
    struct pipeline_spec *pipe = b->pipe;
    struct sluice_config *c = plan_options(b, TABLE_PIPELINE, v, blocks);

    if (c == NULL)
        return;
    plan_copy(b, &pipe->order_key, option_string(c, "order_key"));
    if (option_string(c, "order_key")[0] == '\0')
        problem_add(b->problems, option_origin(c, "order_key"), "leave it out for user_id",
                    "`order_key` is empty");
    pipe->memory_bytes = (uint64_t)option_integer(c, "memory");
    pipe->max_in_flight = (uint64_t)option_integer(c, "max_in_flight");
    pipe->lane_window = (uint64_t)option_integer(c, "lane_window");
    pipe->max_record = (uint64_t)option_integer(c, "max_record");
    pipe->commit_ms = (uint32_t)option_integer(c, "commit_interval");
    pipe->rate_limit = option_number(c, "rate_limit");
    read_log_records(b, c);
    if (pipe->max_record > pipe->memory_bytes)
        problem_add(b->problems, option_origin(c, option_given(c, "max_record") ? "max_record" : "memory"),
                    "raise `memory` or lower `max_record`",
                    "`max_record` is larger than `memory`: such a record could never be taken");
    option_free(c);
}

static void read_batch(struct planner *b, const struct config_value *v)
{
    struct sluice_config *c = plan_options_or_default(b, TABLE_BATCH, config_get(v, "batch"), v->origin);

    if (c == NULL)
        return;
    b->pipe->batch_records = (uint64_t)option_integer(c, "records");
    b->pipe->batch_bytes = (uint64_t)option_integer(c, "bytes");
    b->pipe->linger_ms = (uint32_t)option_integer(c, "linger");
    option_free(c);
}

static void read_trouble(struct planner *b, const struct config_value *v)
{
    struct sluice_config *c = plan_options_or_default(b, TABLE_RETRY, config_get(v, "retry"), v->origin);

    if (c != NULL) {
        b->pipe->retry.attempts = (uint32_t)option_integer(c, "attempts");
        b->pipe->retry.min_ms = (uint32_t)option_integer(c, "min");
        b->pipe->retry.max_ms = (uint32_t)option_integer(c, "max");
        b->pipe->retry.deadline_ms = (uint32_t)option_integer(c, "deadline");
        if (b->pipe->retry.min_ms > b->pipe->retry.max_ms)
            problem_add(b->problems, option_origin(c, option_given(c, "min") ? "min" : "max"), NULL,
                        "the first back-off `min` is longer than the longest, `max`");
    }
    option_free(c);
    c = plan_options_or_default(b, TABLE_BREAKER, config_get(v, "breaker"), v->origin);
    if (c != NULL) {
        b->pipe->breaker.failures = (uint32_t)option_integer(c, "failures");
        b->pipe->breaker.open_ms = (uint32_t)option_integer(c, "open");
    }
    option_free(c);
}

/* The decoder; json if the pipeline names none. */
static void read_decoder(struct planner *b, const struct config_value *v)
{
    struct config_value json = {.type = CONFIG_SCALAR, .origin = v->origin};
    const struct config_value *given = config_get(v, "decoder");
    char name[] = "json";

    json.text = name;
    json.text_len = sizeof name - 1;
    b->pipe->decoder = plan_instance(b, SLUICE_DECODER, given != NULL ? given : &json, NULL);
}

static void read_single_step(struct planner *b, const struct config_value *v)
{
    b->pipe->steps = calloc(1, sizeof *b->pipe->steps);
    if (b->pipe->steps == NULL) {
        plan_no_memory(b);
        return;
    }
    b->pipe->n_steps = 1;
    b->pipe->steps[0].origin = b->pipe->origin;
    fill_step(b, &b->pipe->steps[0], v);
}

/* A gate that stands before the steps is asked in each of them. */
static void check_shared(struct planner *b)
{
    size_t i;

    for (i = 0; b->pipe->n_steps > 1 && i < b->pipe->n_stages; i++)
        if (b->pipe->stages[i].gate != NULL && plan_gate_two_phase(b->pipe->stages[i].gate))
            problem_add(b->problems, b->pipe->stages[i].origin, "give each step one, with a key of its own",
                        "a gate that holds its key until a step ends cannot stand before several steps: the "
                        "first one would end it for the others");
}

void plan_pipeline(struct planner *b, const char *name, struct origin at, const struct config_value *v,
                   struct pipeline_spec *pipe)
{
    const struct config_value *source = config_get(v, "source"), *steps = config_get(v, "steps");

    b->pipe = pipe;
    pipe->origin = at;
    plan_copy(b, &pipe->name, name);
    if (pipe->name == NULL || !plan_name_good(b, "a pipeline", name, at))
        return;
    if (v->type != CONFIG_MAP) {
        problem_add(b->problems, v->origin, NULL, "a pipeline needs a map with a source and a sink, not %s",
                    config_type_name(v));
        return;
    }
    read_numbers(b, v);
    read_batch(b, v);
    read_trouble(b, v);
    plan_pipeline_job(b, v);
    if (source != NULL)
        pipe->source = plan_instance(b, SLUICE_SOURCE, source, NULL);
    else
        missing_block(b, "source", "the pipeline", at);
    read_decoder(b, v);
    if (steps == NULL) {
        read_single_step(b, v);
        return;
    }
    plan_stages(b, config_get(v, "stages"), NULL, &pipe->stages, &pipe->n_stages);
    if (config_get(v, "sink") != NULL)
        problem_add(b->problems, v->key_origins[value_find(v, "sink")], "give each step its own",
                    "a pipeline has either `steps` or one `sink`");
    read_steps(b, steps);
    check_shared(b);
}
