/* job_retry: failed users once more; and what both stores do alike with steps and users.
 *
 * Invariant: at no point a job waits while it has pending users: it is running before the
 * first user is pending, and is set running again after the last, since a sender that
 * takes it up at once may find only some of them. */
#include <stdlib.h>
#include <string.h>

#include "job_private.h"

#define PAGE 1000u

int job_steps_index(struct job *job, const char *name)
{
    uint32_t i;

    for (i = 0; i < job->n_steps; i++)
        if (strcmp(job->steps[i], name) == 0)
            return (int)i;
    if (i == JOB_MAX_STEPS)
        return -1;
    memcpy(job->steps[i], name, strlen(name) + 1); /* job_mark looked at its length */
    job->n_steps++;
    return (int)i;
}

/* Each name ends with a line's end, since the only step of a pipeline has none. */
void job_steps_pack(const struct job *job, struct strbuf *out)
{
    uint32_t i;

    for (i = 0; i < job->n_steps; i++)
        strbuf_printf(out, "%s\n", job->steps[i]);
}

void job_steps_unpack(struct job *job, const char *text)
{
    const char *end;

    for (job->n_steps = 0; job->n_steps < JOB_MAX_STEPS && (end = strchr(text, '\n')) != NULL;
         text = end + 1) {
        size_t n = (size_t)(end - text);

        if (n >= sizeof job->steps[0])
            return;
        memcpy(job->steps[job->n_steps], text, n);
        job->steps[job->n_steps++][n] = '\0';
    }
}

int job_tell_user(const struct job *job, const char *user, const struct job_known *k, job_user_each each,
                  void *context)
{
    const struct job_reason *reason = job_known_reason(k);
    struct job_user u = {.user = user,
                         .state = job_known_state(k),
                         .retries = k->retries,
                         .loaded = k->loaded,
                         .reason = reason == NULL ? "" : reason->text,
                         .step = "",
                         .changed_ms = k->changed_ms};

    if (reason != NULL && reason->step < job->n_steps)
        u.step = job->steps[reason->step];
    return each(context, &u);
}

struct retry_page {
    struct strbuf names; /* each with its NUL */
    uint32_t n;
};

static int take_name(void *context, const struct job_user *u)
{
    struct retry_page *p = context;

    strbuf_add(&p->names, u->user, strlen(u->user) + 1);
    p->n++;
    return p->names.failed;
}

static uint32_t retry_page(struct job_ledger *l, const char *id, struct retry_page *p, struct job_mark *marks,
                           struct sluice_error *err)
{
    const char *at = p->names.data;
    uint64_t unknown;
    uint32_t i;

    if (p->names.failed)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a page of users");
    memset(marks, 0, p->n * sizeof *marks);
    for (i = 0; i < p->n; i++, at += strlen(at) + 1) {
        marks[i].user = sluice_str_of(at);
        marks[i].event = (enum job_event)JOB_EVENT_RETRY;
        marks[i].step = JOB_NO_STEP;
    }
    return l->store->mark(l, id, NULL, 0, marks, p->n, &unknown, err);
}

static uint32_t retry_all(struct job_ledger *l, const char *id, uint64_t *users, struct sluice_error *err)
{
    const enum job_user_state failed = JOB_USER_FAILED;
    struct job_mark *marks = calloc(PAGE, sizeof *marks);
    char next[JOB_USER_MAX + 1] = "";
    uint32_t code = marks == NULL ? sluice_fail(err, SLUICE_RETRY, NULL, "no memory") : SLUICE_OK;
    struct retry_page p = {.n = 1};

    strbuf_init(&p.names, PAGE * (JOB_USER_MAX + 1));
    while (code == SLUICE_OK) {
        struct job_page page = {.limit = PAGE, .each = take_name, .context = &p};
        char after[JOB_USER_MAX + 1];

        memcpy(after, next, sizeof after);
        page.after = after;
        page.next = next;
        p.n = 0;
        strbuf_clear(&p.names);
        code = l->store->scan(l, id, &failed, &page, err);
        if (code == SLUICE_OK && p.n > 0)
            code = retry_page(l, id, &p, marks, err);
        if (code == SLUICE_OK)
            *users += p.n;
        if (next[0] == '\0')
            break;
    }
    strbuf_release(&p.names);
    free(marks);
    return code;
}

uint32_t job_retry_locked(struct job_ledger *l, const char *id, uint64_t *users, struct sluice_error *err)
{
    struct job *j = malloc(sizeof *j);
    uint32_t code;
    int stopped;

    if (j == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
    code = l->store->get(l, id, j, err);
    stopped = code == SLUICE_OK && (j->state == JOB_CANCELLED || j->state == JOB_BROKEN);
    if (code == SLUICE_OK && (stopped || j->users[JOB_USER_FAILED] > 0))
        code = l->store->set_state(l, id, JOB_RUNNING, "", 1, err);
    if (code == SLUICE_OK)
        code = retry_all(l, id, users, err);
    if (code == SLUICE_OK)
        code = l->store->get(l, id, j, err);
    if (code == SLUICE_OK && j->users[JOB_USER_PENDING] > 0)
        code = l->store->set_state(l, id, JOB_RUNNING, "", 1, err);
    free(j);
    return code;
}
