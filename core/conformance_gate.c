/* conformance_gate: what only gates promise. */
#include <string.h>

#include "clock.h"
#include "conformance_host.h"

static void conclude_all(struct conf *c, struct work *w, uint32_t code)
{
    struct sluice_outcome outcomes[WORK_SAMPLES];
    const struct sluice_record *admitted[WORK_SAMPLES];
    struct sluice_error err;
    uint32_t i, n = 0, answer;

    for (i = 0; i < w->batch.n; i++)
        if (work_verdict(w, i)->code == SLUICE_ADMIT) {
            memset(&outcomes[n], 0, sizeof outcomes[n]);
            outcomes[n].code = code;
            admitted[n++] = w->batch.refs[i];
        }
    if (n == 0)
        conf_skip(c, "it admits none of the sample records; give some by --records");
    mock_error(&err);
    answer = c->plugin->ops.gate.conclude(w->m->self, admitted, n, outcomes, sizeof outcomes[0], &err);
    CONF_REQUIRE(c, answer == SLUICE_OK, "conclude answered %s: %s", mock_code(answer), mock_said(&err));
}

static uint32_t count_admitted(const struct work *w)
{
    uint32_t i, n = 0;

    for (i = 0; i < w->batch.n; i++)
        n += work_verdict(w, i)->code == SLUICE_ADMIT;
    return n;
}

static void need_two_phase(struct conf *c)
{
    if ((c->plugin->desc.flags & SLUICE_TWO_PHASE) == 0)
        conf_skip(c, "it does not say SLUICE_TWO_PHASE");
}

static void release_admits_again(struct conf *c)
{
    struct work w;
    struct mock *m;
    uint32_t before;

    need_two_phase(c);
    m = work_begin(c, &w);
    work_must(c, &w);
    before = count_admitted(&w);
    conclude_all(c, &w, SLUICE_RETRY);
    work_must(c, &w);
    CONF_REQUIRE(c, count_admitted(&w) == before, "%u records were released and %u are admitted again",
                 before, count_admitted(&w));
    conclude_all(c, &w, SLUICE_REJECT);
    work_must(c, &w);
    CONF_REQUIRE(c, count_admitted(&w) == before, "%u records died and %u are admitted again", before,
                 count_admitted(&w));
    mock_free(m);
}

static void commit_denies_again(struct conf *c)
{
    struct work w;
    struct mock *m;

    need_two_phase(c);
    m = work_begin(c, &w);
    work_must(c, &w);
    conclude_all(c, &w, SLUICE_OK);
    work_must(c, &w);
    CONF_REQUIRE(c, count_admitted(&w) == 0, "%u records were committed and are admitted again",
                 count_admitted(&w));
    mock_stop(m);
    mock_start(m);
    work_must(c, &w);
    CONF_REQUIRE(c, count_admitted(&w) == 0, "%u records were committed and are admitted after a restart",
                 count_admitted(&w));
    mock_free(m);
}

static void reload_is_harmless(struct conf *c)
{
    struct strbuf before, after;
    struct sluice_error err;
    struct work w;
    struct mock *m;
    uint32_t code;

    if (c->plugin->ops.gate.reload == NULL)
        conf_skip(c, "it has no reload");
    m = work_begin(c, &w);
    work_must(c, &w);
    work_dump_all(&w, &before);
    mock_error(&err);
    code = c->plugin->ops.gate.reload(m->self, &err);
    CONF_REQUIRE(c, code == SLUICE_OK, "reload answered %s: %s", mock_code(code), mock_said(&err));
    work_must(c, &w);
    work_dump_all(&w, &after);
    CONF_REQUIRE(c, strcmp(strbuf_text(&before), strbuf_text(&after)) == 0,
                 "reload of unchanged files changed a verdict");
    mock_free(m);
}

static void gate_does_not_block(struct conf *c)
{
    struct work w;
    struct mock *m = work_begin(c, &w);
    int64_t before, took;
    int i;

    if ((c->plugin->desc.flags & SLUICE_TWO_PHASE) != 0)
        conf_skip(c, "a two-phase gate may ask somebody");
    work_must(c, &w);
    before = clock_steady_ms();
    for (i = 0; i < 20; i++)
        work_must(c, &w);
    took = clock_steady_ms() - before;
    CONF_REQUIRE(c, took < 1000,
                 "20 batches of %u records took %lld ms; a gate that must ask answers UNKNOWN", WORK_SAMPLES,
                 (long long)took);
    mock_free(m);
}

const struct conf_case conf_gate_cases[] = {
    {"release-admits-again", "admits again what was released", CONF_GATE, 0, release_admits_again},
    {"commit-denies-again", "denies what was committed, also after a restart", CONF_GATE, 0,
     commit_denies_again},
    {"reload-is-harmless", "reload of unchanged files changes no verdict", CONF_GATE, 0, reload_is_harmless},
    {"gate-does-not-block", "answers at once", CONF_GATE, 0, gate_does_not_block},
    {NULL, NULL, 0, 0, NULL},
};
