/* pipeline_job: tells the ledger of jobs what became of the users of this pipeline's records.
 *
 * The end of a step is noted in memory, under the pipeline's lock, together with the event
 * that tells the flow; the source's thread takes the notes to the ledger, many at once, before
 * it settles with the source.  Invariant: a record is settled only after the ledger has all
 * its notes; a crash before repeats the record, and with it the notes.  While the ledger is
 * away nothing is settled, and nothing more is polled once NOTES_MAX wait: never a drop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "pipeline_private.h"

#define NOTES_MAX 20000u /* that may wait before polling stops */
#define MARKS_AT_ONCE 1000u

/* In the buffer; then id, user and reason, each with a NUL. */
struct note {
    uint32_t size; /* with the texts, in whole words */
    uint16_t event, step;
    uint16_t id_len, user_len, reason_len;
    uint16_t done; /* the ledger has it */
};

#define NOTE_SIZE_MAX (sizeof(struct note) + JOB_ID_MAX + JOB_USER_MAX + JOB_REASON_MAX + 16u)

struct notes {
    char *data;
    size_t len, cap;
    uint32_t n;
};

struct pipeline_jobs {
    struct job_ledger *ledger;
    uint32_t id_slot, user_slot; /* of the peeked fields */
    struct notes fresh;          /* under the pipeline's lock */
    struct notes leaving;        /* of the source's thread; fresh ones of an earlier moment */
    const char **steps;
    struct job_mark *marks;
    struct note **marked;
    uint64_t kept, unknown, ignored; /* notes: by the ledger; of nobody's job; that no job can have */
    char error[432];                 /* "" while the ledger answers; under the lock */
    int told_ignored;
};

/* --- making --------------------------------------------------------------------------------- */

static int add_field(struct pipeline *p, const char *name, uint32_t *slot)
{
    for (*slot = 0; *slot < p->env.n_fields; ++*slot)
        if (strcmp(p->env.fields[*slot], name) == 0)
            return 0;
    if (p->env.n_fields == RECORD_MAX_FIELDS)
        return -1;
    p->env.fields[p->env.n_fields] = strdup(name);
    return p->env.fields[p->env.n_fields] == NULL ? -1 : (p->env.n_fields++, 0);
}

int pipeline_make_jobs(struct pipeline *p)
{
    struct pipeline_jobs *j;
    size_t i;

    if (p->spec->job_id == NULL)
        return 0;
    j = calloc(1, sizeof *j);
    p->jobs = j;
    if (j == NULL)
        return -1;
    j->steps = calloc(p->spec->n_steps, sizeof *j->steps);
    j->marks = calloc(MARKS_AT_ONCE, sizeof *j->marks);
    j->marked = calloc(MARKS_AT_ONCE, sizeof *j->marked);
    if (j->steps == NULL || j->marks == NULL || j->marked == NULL)
        return -1;
    for (i = 0; i < p->spec->n_steps; i++)
        j->steps[i] = p->spec->steps[i].name == NULL ? "" : p->spec->steps[i].name;
    return add_field(p, p->spec->job_id, &j->id_slot) != 0 ||
                   add_field(p, p->spec->job_user, &j->user_slot) != 0
               ? -1
               : 0;
}

void pipeline_free_jobs(struct pipeline *p)
{
    struct pipeline_jobs *j = p->jobs;

    if (j == NULL)
        return;
    free(j->fresh.data);
    free(j->leaving.data);
    free(j->steps);
    free(j->marks);
    free(j->marked);
    free(j);
}

void pipeline_report_to(struct pipeline *p, struct job_ledger *ledger)
{
    if (p->jobs != NULL)
        p->jobs->ledger = ledger;
}

int pipeline_is_job_field(const struct pipeline *p, uint32_t slot)
{
    return p->jobs != NULL && (slot == p->jobs->id_slot || slot == p->jobs->user_slot);
}

/* --- noting ---------------------------------------------------------------------------------- */

static int reserve(struct notes *n, size_t more)
{
    size_t cap = n->cap == 0 ? 4096 : n->cap;
    char *grown;

    while (cap < n->len + more)
        cap *= 2;
    if (cap == n->cap)
        return 0;
    grown = realloc(n->data, cap);
    if (grown == NULL)
        return -1;
    n->data = grown;
    n->cap = cap;
    return 0;
}

int pipeline_reserve_note(struct pipeline *p)
{
    return p->jobs == NULL ? 0 : reserve(&p->jobs->fresh, NOTE_SIZE_MAX);
}

static void add_text(struct notes *n, const char *data, size_t len)
{
    memcpy(n->data + n->len, data, len);
    n->data[n->len + len] = '\0';
    n->len += len + 1;
}

/* An id or a user that no job can have: said once, counted always. */
static int ignore(struct pipeline *p)
{
    struct pipeline_jobs *j = p->jobs;
    struct log_field fields[] = {LOG_TEXT("pipeline", p->spec->name),
                                 LOG_TEXT("message", "a record names a job or a user that the ledger cannot "
                                                     "hold (too long, empty, or with control characters)")};

    j->ignored++;
    if (!j->told_ignored)
        log_event(SLUICE_WARN, "job_report_ignored", fields, 2);
    j->told_ignored = 1;
    return 0;
}

static int is_plain(const struct sluice_str *s, size_t max)
{
    size_t i;

    if (s->data == NULL || s->len == 0 || s->len > max)
        return 0;
    for (i = 0; i < s->len; i++)
        if ((unsigned char)s->data[i] < 0x20 || s->data[i] == 0x7f)
            return 0;
    return 1;
}

/* "reason: detail", cut to what a job keeps. */
static void words_of(char *out, size_t cap, const char *reason, const char *detail)
{
    (void)snprintf(out, cap, "%s%s%s", reason == NULL ? "" : reason, detail == NULL ? "" : ": ",
                   detail == NULL ? "" : detail);
}

int pipeline_note_job(struct pipeline *p, const struct sluice_record *r, uint32_t step, enum job_event event,
                      const char *reason, const char *detail)
{
    struct pipeline_jobs *j = p->jobs;
    struct sluice_str id, user;
    char words[JOB_REASON_MAX + 1];
    struct note *note;
    size_t at, size;

    if (j == NULL || j->ledger == NULL || r->fields == NULL || r->fields[j->id_slot].data == NULL)
        return 0;
    id = r->fields[j->id_slot];
    user = r->fields[j->user_slot];
    if (!is_plain(&id, JOB_ID_MAX) || !is_plain(&user, JOB_USER_MAX))
        return ignore(p);
    words_of(words, sizeof words, reason, detail);
    size = (sizeof *note + id.len + user.len + strlen(words) + 3 + 7) & ~(size_t)7;
    if (reserve(&j->fresh, size) != 0)
        return -1;
    at = j->fresh.len;
    note = (struct note *)(void *)(j->fresh.data + at);
    *note = (struct note){.size = (uint32_t)size,
                          .event = (uint16_t)event,
                          .step = (uint16_t)step,
                          .id_len = (uint16_t)id.len,
                          .user_len = (uint16_t)user.len,
                          .reason_len = (uint16_t)strlen(words)};
    j->fresh.len += sizeof *note;
    add_text(&j->fresh, id.data, id.len);
    add_text(&j->fresh, user.data, user.len);
    add_text(&j->fresh, words, strlen(words));
    j->fresh.len = at + size;
    j->fresh.n++;
    return 0;
}

int pipeline_note_job_end(struct pipeline *p, const struct sluice_record *r, uint32_t step,
                          const struct stage *s, const struct sluice_verdict *v)
{
    if (p->jobs == NULL)
        return 0;
    if (v->code == SLUICE_OK)
        return pipeline_note_job(p, r, step, JOB_EVENT_LOADED, NULL, NULL);
    if (v->code != SLUICE_DROP && v->code != SLUICE_DENY)
        return 0;
    /* The key of the step is committed: it was written, by an earlier delivery. */
    if (s->gate != NULL && s->gate->once && v->reason != NULL && strcmp(v->reason, "already_done") == 0)
        return pipeline_note_job(p, r, step, JOB_EVENT_LOADED, NULL, NULL);
    return pipeline_note_job(p, r, step, JOB_EVENT_SKIPPED, v->reason != NULL ? v->reason : "filtered",
                             v->detail);
}

int pipeline_note_job_denied(struct pipeline *p, const struct sluice_record *r, const char *reason,
                             const char *detail)
{
    uint32_t step;

    for (step = 0; p->jobs != NULL && step < p->spec->n_steps; step++)
        if (pipeline_note_job(p, r, step, JOB_EVENT_SKIPPED, reason, detail) != 0)
            return -1; /* those before are said twice, which changes nothing */
    return 0;
}

int pipeline_jobs_full(const struct pipeline *p)
{
    return p->jobs != NULL && p->jobs->fresh.n + p->jobs->leaving.n >= NOTES_MAX;
}

/* --- to the ledger ---------------------------------------------------------------------------- */

int pipeline_take_notes(struct pipeline *p)
{
    struct pipeline_jobs *j = p->jobs;
    struct notes swap;

    if (j == NULL)
        return 1;
    if (j->leaving.n > 0)
        return 0;
    swap = j->leaving;
    j->leaving = j->fresh;
    j->fresh = swap;
    j->fresh.len = 0;
    return 1;
}

static const char *id_of(const struct note *n)
{
    return (const char *)(n + 1);
}

static struct note *note_at(const struct notes *notes, size_t at)
{
    return (struct note *)(void *)(notes->data + at);
}

/* Notes of the same job as the first that is open, up to a full page; 0: none is open. */
static uint32_t gather(struct pipeline_jobs *j)
{
    const char *id = NULL;
    uint32_t n = 0;
    size_t at;

    for (at = 0; at < j->leaving.len && n < MARKS_AT_ONCE; at += note_at(&j->leaving, at)->size) {
        struct note *note = note_at(&j->leaving, at);
        const char *user = id_of(note) + note->id_len + 1;

        if (note->done || (id != NULL && strcmp(id, id_of(note)) != 0))
            continue;
        id = id_of(note);
        j->marked[n] = note;
        j->marks[n++] = (struct job_mark){.user = {user, note->user_len},
                                          .event = (enum job_event)note->event,
                                          .step = note->step,
                                          .reason = user + note->user_len + 1};
    }
    return n;
}

static void note_error(struct pipeline *p, const char *message)
{
    struct pipeline_jobs *j = p->jobs;
    struct log_field fields[] = {LOG_TEXT("pipeline", p->spec->name), LOG_TEXT("message", message)};
    int was_fine;

    pthread_mutex_lock(&p->lock);
    was_fine = j->error[0] == '\0';
    (void)snprintf(j->error, sizeof j->error, "%s", message);
    pthread_mutex_unlock(&p->lock);
    if (was_fine && message[0] != '\0')
        log_event(SLUICE_WARN, "job_report_failed", fields, 2);
    else if (!was_fine && message[0] == '\0')
        log_event(SLUICE_INFO, "job_report_works_again", fields, 1);
}

/* One page; a job that the ledger does not know (deleted, or another ledger's) is nobody's. */
static uint32_t send_page(struct pipeline *p, uint32_t n, struct sluice_error *err)
{
    struct pipeline_jobs *j = p->jobs;
    uint64_t strangers = 0;
    uint32_t i, code;

    error_clear(err);
    code = job_mark(j->ledger, id_of(j->marked[0]), j->steps, (uint32_t)p->spec->n_steps, j->marks, n,
                    &strangers, err);
    if (code == SLUICE_REJECT || code == SLUICE_INVALID) {
        strangers = n;
        code = SLUICE_OK;
    }
    if (code != SLUICE_OK)
        return code;
    for (i = 0; i < n; i++)
        j->marked[i]->done = 1;
    pthread_mutex_lock(&p->lock);
    j->kept += n - strangers;
    j->unknown += strangers;
    pthread_mutex_unlock(&p->lock);
    return code;
}

int pipeline_send_notes(struct pipeline *p)
{
    struct pipeline_jobs *j = p->jobs;
    struct sluice_error err;
    uint32_t n;

    if (j == NULL || j->leaving.n == 0)
        return 0;
    source_doing(p, "report to the ledger of jobs");
    while ((n = gather(j)) > 0)
        if (send_page(p, n, &err) != SLUICE_OK) {
            source_doing(p, NULL);
            note_error(p, err.message[0] != '\0' ? err.message : "it failed");
            return -1;
        }
    source_doing(p, NULL);
    pthread_mutex_lock(&p->lock);
    j->leaving.len = 0;
    j->leaving.n = 0;
    pthread_mutex_unlock(&p->lock);
    if (j->error[0] != '\0')
        note_error(p, "");
    return 0;
}

int pipeline_jobs_waiting(const struct pipeline *p)
{
    return p->jobs != NULL && p->jobs->error[0] != '\0';
}

void pipeline_jobs_ready(const struct pipeline *p, struct strbuf *reasons)
{
    if (pipeline_jobs_waiting(p))
        strbuf_printf(reasons, "%s: what became of the users of jobs cannot be reported: %s\n", p->spec->name,
                      p->jobs->error);
}

int pipeline_jobs_metrics(struct pipeline *p)
{
    static const char *const outcomes[] = {"kept", "unknown", "ignored"};
    const char *labels[2] = {"pipeline", "outcome"}, *values[2] = {p->spec->name, NULL};
    struct metric_family *f;
    size_t i;

    if (p->jobs == NULL)
        return 0;
    f = metric_family(p->metrics, SLUICE_COUNTER, "sluice_job_reports_total",
                      "Ends of steps of users of jobs, by what the ledger made of them.", labels, 2);
    if (f == NULL)
        return -1;
    for (i = 0; i < 3; i++) {
        values[1] = outcomes[i];
        p->m_job_reports[i] = metric_series(f, values);
    }
    f = metric_family(p->metrics, SLUICE_GAUGE, "sluice_job_reports_waiting",
                      "Ends of steps that the ledger has not heard of yet.", labels, 1);
    p->m_job_waiting = f == NULL ? NULL : metric_series(f, values);
    return p->m_job_waiting == NULL ? -1 : 0;
}

void pipeline_jobs_collect(struct pipeline *p)
{
    struct pipeline_jobs *j = p->jobs;

    if (j == NULL)
        return;
    metric_set(p->m_job_reports[0], (double)j->kept);
    metric_set(p->m_job_reports[1], (double)j->unknown);
    metric_set(p->m_job_reports[2], (double)j->ignored);
    metric_set(p->m_job_waiting, j->fresh.n + j->leaving.n);
}
