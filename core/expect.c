/* expect: see expect.h. */
#include "expect.h"

#include <sluice/identity.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "instance.h"
#include "log.h"
#include "strbuf.h"

#define AGAIN_MS 500 /* after nobody answered */
#define FOUND_MAX 512u

/* One instance that is asked about one expectation. */
struct asking {
    const struct expectation *expected;
    struct strbuf found; /* what it named, for people */
    int holds;
};

static void take_name(void *context, struct sluice_str value)
{
    struct asking *a = context;
    uint64_t i;

    for (i = 0; i < a->expected->n; i++)
        a->holds |= sluice_str_equal(sluice_str_of(a->expected->values[i]), value);
    strbuf_printf(&a->found, "%s'%.*s'", a->found.len > 0 ? ", " : "", value.len > 200 ? 200 : (int)value.len,
                  value.data == NULL ? "" : value.data);
}

static void pause_ms(int64_t ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};

    (void)nanosleep(&t, NULL);
}

/* What nobody answers is asked again until the time is over. */
static uint32_t ask(const struct sluice_identity *identity, struct instance *instance, struct asking *a,
                    uint32_t timeout_ms, struct sluice_error *err)
{
    const struct sluice_identity_visitor visitor = {sizeof visitor, 0, a, take_name};
    int64_t until = clock_steady_ms() + timeout_ms, left = timeout_ms;
    uint32_t code;

    for (;;) {
        error_clear(err);
        strbuf_clear(&a->found);
        a->holds = 0;
        instance_enter(instance);
        code = identity->tell(instance_self(instance), a->expected->what, (uint32_t)left, &visitor, err);
        instance_leave(instance);
        left = until - clock_steady_ms();
        if ((code != SLUICE_RETRY && code != SLUICE_DISCONNECTED) || left <= AGAIN_MS)
            return code;
        pause_ms(AGAIN_MS);
        left -= AGAIN_MS;
    }
}

static void tell_values(const struct expectation *e, struct strbuf *out)
{
    uint64_t i;

    for (i = 0; i < e->n; i++)
        strbuf_printf(out, "%s'%.200s'", i == 0 ? "" : " or ", e->values[i]);
}

static void ask_instance(const struct expectation *e, const struct pipeline_spec *pipe,
                         const struct instance_spec *spec, const struct sluice_identity *identity,
                         struct instance *instance, uint32_t timeout_ms, struct problems *p)
{
    struct asking a = {.expected = e};
    struct sluice_error err;
    struct strbuf wanted;
    uint32_t code;

    strbuf_init(&a.found, FOUND_MAX);
    strbuf_init(&wanted, FOUND_MAX);
    tell_values(e, &wanted);
    code = ask(identity, instance, &a, timeout_ms, &err);
    if (code != SLUICE_OK)
        problem_add(p, e->origin, NULL,
                    "%s could not be verified: %s/%s (instance '%s' of pipeline '%s'): %s%s%s", e->what,
                    kind_name(spec->plugin->desc.kind), spec->plugin->desc.name, spec->name, pipe->name,
                    err.option, err.option[0] != '\0' ? ": " : "", err.message);
    else if (!a.holds)
        problem_add(p, e->origin,
                    "nothing was read or written; is this the config, and are these the credentials, of "
                    "the environment that you mean?",
                    "%s: %s is expected, and %s/%s (instance '%s' of pipeline '%s', line %u) talks to %s",
                    e->what, strbuf_text(&wanted), kind_name(spec->plugin->desc.kind),
                    spec->plugin->desc.name, spec->name, pipe->name, spec->origin.line,
                    a.found.len > 0 ? strbuf_text(&a.found) : "something without a name");
    strbuf_release(&wanted);
    strbuf_release(&a.found);
}

struct verification {
    const struct plan *plan; /* whose expectations */
    uint32_t timeout_ms;     /* 0: only look who could tell */
    struct problems *problems;
    size_t *answerers; /* by expectation */
};

static void verify_instance(struct verification *v, const struct pipeline_spec *pipe,
                            const struct instance_spec *spec, struct instance_env *env)
{
    const struct sluice_identity *identity;
    struct instance *instance;
    size_t i;

    if (spec->plugin->lifecycle.extension == NULL)
        return;
    instance = instance_new(spec, env, v->problems);
    if (instance == NULL)
        return;
    identity = spec->plugin->lifecycle.extension(instance_self(instance), SLUICE_IDENTITY_ID);
    for (i = 0; identity != NULL && i < v->plan->n_expect; i++) {
        if (!identity->knows(instance_self(instance), v->plan->expect[i].what))
            continue;
        v->answerers[i]++;
        if (v->timeout_ms > 0)
            ask_instance(&v->plan->expect[i], pipe, spec, identity, instance, v->timeout_ms, v->problems);
    }
    instance_free(instance);
}

static void verify_pipeline(struct verification *v, const struct pipeline_spec *pipe)
{
    struct instance_env env = {.pipeline_name = pipe->name, .checking = 1};
    uint32_t f;
    size_t i;

    env.fields[0] = strdup(pipe->order_key); /* as in a pipeline that runs */
    env.n_fields = 1;
    if (env.fields[0] == NULL)
        problem_add(v->problems, pipe->origin, NULL, "out of memory");
    for (i = 0; env.fields[0] != NULL && i < pipe->n_instances; i++)
        verify_instance(v, pipe, pipe->instances[i], &env);
    for (f = 0; f < env.n_fields; f++)
        free(env.fields[f]);
}

/* plan: what is expected; used: who is asked.  all: what nobody can tell is an error. */
static int verify(const struct plan *plan, const struct plan *used, int all, uint32_t timeout_ms,
                  struct problems *p)
{
    struct verification v = {.plan = plan, .timeout_ms = timeout_ms, .problems = p};
    size_t i, errors = p->errors;

    if (plan->n_expect == 0)
        return 0;
    v.answerers = calloc(plan->n_expect, sizeof *v.answerers);
    if (v.answerers == NULL) {
        problem_add(p, (struct origin){NULL, 0, 0}, NULL, "out of memory");
        return -1;
    }
    for (i = 0; i < used->n_pipelines; i++)
        verify_pipeline(&v, &used->pipelines[i]);
    for (i = 0; all && i < plan->n_expect; i++)
        if (v.answerers[i] == 0)
            problem_add(p, plan->expect[i].origin,
                        "take it out, or check that the right plugins stand in the config",
                        "`%s` of expect: nothing in this config can tell it, so it would protect nothing",
                        plan->expect[i].what);
    free(v.answerers);
    return p->errors == errors && !p->lost ? 0 : -1;
}

int expect_check(const struct plan *plan, struct problems *p)
{
    return verify(plan, plan, 1, 0, p);
}

int expect_verify(const struct plan *plan, uint32_t timeout_ms, struct problems *p)
{
    return verify(plan, plan, 1, timeout_ms, p);
}

int expect_verify_used(const struct config *config, const struct plan *used, uint32_t timeout_ms,
                       struct problems *p)
{
    struct plan *plan = plan_expectations(config, p);
    int result = plan == NULL ? -1 : verify(plan, used, 0, timeout_ms, p);

    plan_free(plan);
    return result;
}
