/* job_sqlite_users: users of a job in SQLite; see job_store_sqlite.c.
 *
 * Invariant: what is known of a user changes only inside one BEGIN IMMEDIATE, so two
 * processes that report at once take turns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "job_sqlite.h"

static uint32_t keep_cursor(struct job_sqlite *d, int64_t job, const char *cursor, struct sluice_error *err)
{
    static const char sql[] = "UPDATE jobs SET cursor = ?2 WHERE n = ?1";
    sqlite3_stmt *s = job_sqlite_statement(d, sql, err);

    if (s == NULL)
        return err->code;
    (void)sqlite3_bind_int64(s, 1, job);
    (void)sqlite3_bind_text(s, 2, cursor, -1, SQLITE_STATIC);
    return job_sqlite_run(d, s, "keeping the source's cursor", err);
}

static uint32_t insert_users(struct job_sqlite *d, int64_t job, const struct sluice_str *users, uint32_t n,
                             uint64_t *added, struct sluice_error *err)
{
    static const char sql[] =
        "INSERT INTO users(job, user, state, value) VALUES(?1, ?2, 0, ?3) ON CONFLICT DO NOTHING";
    sqlite3_stmt *s = job_sqlite_statement(d, sql, err);
    uint32_t i, code = s == NULL ? err->code : SLUICE_OK;

    job_known_new(d->known, clock_now_ms());
    strbuf_clear(&d->value);
    job_known_pack(d->known, &d->value);
    for (i = 0; i < n && code == SLUICE_OK; i++) {
        (void)sqlite3_bind_int64(s, 1, job);
        (void)sqlite3_bind_text(s, 2, users[i].data, (int)users[i].len, SQLITE_STATIC);
        (void)sqlite3_bind_text(s, 3, strbuf_text(&d->value), (int)d->value.len, SQLITE_STATIC);
        code = job_sqlite_run(d, s, "adding users", err);
        if (code == SLUICE_OK)
            *added += (uint64_t)sqlite3_changes(d->sql);
    }
    return code;
}

uint32_t job_sqlite_add(struct job_ledger *l, const char *id, const struct sluice_str *users, uint32_t n,
                        const char *cursor, uint64_t *added, struct sluice_error *err)
{
    static const char doing[] = "adding users";
    struct job_sqlite *d = l->self;
    uint32_t code = job_sqlite_begin(d, doing, err);
    int64_t job = 0;

    if (code != SLUICE_OK)
        return code;
    code = job_sqlite_number(d, id, &job, err);
    if (code == SLUICE_OK)
        code = insert_users(d, job, users, n, added, err);
    if (code == SLUICE_OK && cursor != NULL)
        code = keep_cursor(d, job, cursor, err);
    if (code == SLUICE_OK)
        code = job_sqlite_touch(d, job, err);
    return job_sqlite_end(d, code, doing, err);
}

/* --- marks --------------------------------------------------------------------------------- */

/* One call of mark. */
struct marking {
    struct job_sqlite *d;
    int64_t job;
    uint32_t index[JOB_MAX_STEPS]; /* of the caller's steps in the job's */
    uint64_t all;
    int64_t now_ms;
    uint64_t loaded[JOB_MAX_STEPS]; /* newly, by the job's steps */
    int changed;
    struct sluice_error *err;
};

/* The job's steps with those of the caller. */
static uint32_t find_steps(struct marking *m, const char *const *steps, uint32_t n)
{
    static const char read[] = "SELECT steps FROM jobs WHERE n = ?1";
    static const char write[] = "UPDATE jobs SET steps = ?2 WHERE n = ?1";
    struct job_sqlite *d = m->d;
    sqlite3_stmt *s = job_sqlite_statement(d, read, m->err);
    uint32_t i, before;
    int at;

    if (s == NULL)
        return m->err->code;
    (void)sqlite3_bind_int64(s, 1, m->job);
    d->job->n_steps = 0;
    if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_text(s, 0) != NULL)
        job_steps_unpack(d->job, (const char *)sqlite3_column_text(s, 0));
    job_sqlite_done(s);
    before = d->job->n_steps;
    for (i = 0; i < n; i++) {
        at = job_steps_index(d->job, steps[i]);
        if (at < 0)
            return sluice_fail(m->err, SLUICE_INVALID, NULL,
                               "the job has %u steps already; '%.63s' is one more", JOB_MAX_STEPS, steps[i]);
        m->index[i] = (uint32_t)at;
        m->all |= (uint64_t)1 << at;
    }
    if (d->job->n_steps == before)
        return SLUICE_OK;
    s = job_sqlite_statement(d, write, m->err);
    if (s == NULL)
        return m->err->code;
    strbuf_clear(&d->value);
    job_steps_pack(d->job, &d->value);
    (void)sqlite3_bind_int64(s, 1, m->job);
    (void)sqlite3_bind_text(s, 2, strbuf_text(&d->value), (int)d->value.len, SQLITE_STATIC);
    return job_sqlite_run(d, s, "keeping the steps of a job", m->err);
}

static uint32_t damaged(struct job_sqlite *d, struct sluice_error *err)
{
    return sluice_fail(err, SLUICE_FATAL, "state_dir",
                       "%s holds a user in a form that this sluice does not know: use the one that wrote it",
                       d->path);
}

/* Into d->known; *found. */
static uint32_t read_user(struct marking *m, const struct sluice_str *user, int *found)
{
    static const char sql[] = "SELECT value FROM users WHERE job = ?1 AND user = ?2";
    struct job_sqlite *d = m->d;
    sqlite3_stmt *s = job_sqlite_statement(d, sql, m->err);
    uint32_t code = SLUICE_OK;
    int rc;

    if (s == NULL)
        return m->err->code;
    (void)sqlite3_bind_int64(s, 1, m->job);
    (void)sqlite3_bind_text(s, 2, user->data, (int)user->len, SQLITE_STATIC);
    rc = sqlite3_step(s);
    *found = rc == SQLITE_ROW;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        code = job_sqlite_fail(d, "reading a user", m->err);
    else if (rc == SQLITE_ROW && sqlite3_column_text(s, 0) == NULL)
        code = sluice_fail(m->err, SLUICE_RETRY, NULL, "no memory");
    else if (rc == SQLITE_ROW && job_known_unpack((const char *)sqlite3_column_text(s, 0),
                                                  (size_t)sqlite3_column_bytes(s, 0), d->known) != 0)
        code = damaged(d, m->err);
    job_sqlite_done(s);
    return code;
}

static uint32_t write_user(struct marking *m, const struct sluice_str *user)
{
    static const char sql[] = "UPDATE users SET state = ?3, value = ?4 WHERE job = ?1 AND user = ?2";
    struct job_sqlite *d = m->d;
    sqlite3_stmt *s = job_sqlite_statement(d, sql, m->err);

    if (s == NULL)
        return m->err->code;
    strbuf_clear(&d->value);
    job_known_pack(d->known, &d->value);
    if (d->value.failed)
        return sluice_fail(m->err, SLUICE_RETRY, NULL, "no memory");
    (void)sqlite3_bind_int64(s, 1, m->job);
    (void)sqlite3_bind_text(s, 2, user->data, (int)user->len, SQLITE_STATIC);
    (void)sqlite3_bind_int(s, 3, (int)job_known_state(d->known));
    (void)sqlite3_bind_text(s, 4, strbuf_text(&d->value), (int)d->value.len, SQLITE_STATIC);
    return job_sqlite_run(d, s, "keeping what happened to a user", m->err);
}

static uint32_t mark_one(struct marking *m, const struct job_mark *mark, uint64_t *unknown)
{
    struct job_known *k = m->d->known;
    uint32_t step = mark->step == JOB_NO_STEP ? JOB_NO_STEP : m->index[mark->step], i;
    uint64_t before;
    uint32_t code;
    int found = 0;

    code = read_user(m, &mark->user, &found);
    if (code != SLUICE_OK || !found) {
        *unknown += code == SLUICE_OK;
        return code;
    }
    before = k->loaded;
    if (!job_known_apply(k, (int)mark->event, step, m->all, mark->reason, m->now_ms))
        return SLUICE_OK;
    m->changed = 1;
    for (i = 0; i < JOB_MAX_STEPS; i++)
        m->loaded[i] += (k->loaded & ~before) >> i & 1;
    return write_user(m, &mark->user);
}

static uint32_t add_loaded(struct marking *m)
{
    static const char sql[] = "INSERT INTO loaded VALUES(?1, ?2, ?3)"
                              " ON CONFLICT(job, step) DO UPDATE SET n = n + excluded.n";
    uint32_t i, code = SLUICE_OK;

    for (i = 0; i < JOB_MAX_STEPS && code == SLUICE_OK; i++) {
        sqlite3_stmt *s = m->loaded[i] == 0 ? NULL : job_sqlite_statement(m->d, sql, m->err);

        if (m->loaded[i] == 0)
            continue;
        if (s == NULL)
            return m->err->code;
        (void)sqlite3_bind_int64(s, 1, m->job);
        (void)sqlite3_bind_int64(s, 2, i);
        (void)sqlite3_bind_int64(s, 3, (int64_t)m->loaded[i]);
        code = job_sqlite_run(m->d, s, "counting what is loaded", m->err);
    }
    return code;
}

uint32_t job_sqlite_mark(struct job_ledger *l, const char *id, const char *const *steps, uint32_t n_steps,
                         const struct job_mark *marks, uint32_t n, uint64_t *unknown,
                         struct sluice_error *err)
{
    static const char doing[] = "keeping what happened to users";
    struct marking m = {.d = l->self, .now_ms = clock_now_ms(), .err = err};
    uint32_t i, code = job_sqlite_begin(m.d, doing, err);

    if (code != SLUICE_OK)
        return code;
    code = job_sqlite_number(m.d, id, &m.job, err);
    if (code == SLUICE_OK && n_steps > 0)
        code = find_steps(&m, steps, n_steps);
    for (i = 0; i < n && code == SLUICE_OK; i++)
        code = mark_one(&m, &marks[i], unknown);
    if (code == SLUICE_OK)
        code = add_loaded(&m);
    if (code == SLUICE_OK && m.changed)
        code = job_sqlite_touch(m.d, m.job, err);
    return job_sqlite_end(m.d, code, doing, err);
}

/* --- scan ---------------------------------------------------------------------------------- */

static const char *scan_sql(const enum job_user_state *state, const struct job_page *page)
{
    static const char of_state[] =
        "SELECT user, value FROM users WHERE job = ?1 AND user > ?2 AND state = ?4 ORDER BY user LIMIT ?3";
    static const char all[] =
        "SELECT user, value FROM users WHERE job = ?1 AND user > ?2 ORDER BY user LIMIT ?3";
    static const char one[] = "SELECT user, value FROM users WHERE job = ?1 AND user = ?2 LIMIT ?3";

    return page->one ? one : state != NULL ? of_state : all;
}

/* Shows the rows of s.  *shown: how many; *all: nobody wanted to stop before the end. */
static uint32_t show_rows(struct job_sqlite *d, sqlite3_stmt *s, const struct job_page *page, uint32_t *shown,
                          int *all, struct sluice_error *err)
{
    int rc;

    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        const char *user = (const char *)sqlite3_column_text(s, 0),
                   *value = (const char *)sqlite3_column_text(s, 1);

        if (user == NULL || value == NULL)
            return sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
        if (job_known_unpack(value, (size_t)sqlite3_column_bytes(s, 1), d->known) != 0)
            return damaged(d, err);
        ++*shown;
        if (page->next != NULL)
            (void)snprintf(page->next, JOB_USER_MAX + 1, "%s", user);
        *all = job_tell_user(d->job, user, d->known, page->each, page->context) == 0;
        if (!*all)
            return SLUICE_OK;
    }
    return rc == SQLITE_DONE ? SLUICE_OK : job_sqlite_fail(d, "reading users", err);
}

uint32_t job_sqlite_scan(struct job_ledger *l, const char *id, const enum job_user_state *state,
                         const struct job_page *page, struct sluice_error *err)
{
    struct job_sqlite *d = l->self;
    uint32_t code, shown = 0;
    int64_t job = 0;
    sqlite3_stmt *s;
    int all = 1;

    code = job_sqlite_number(d, id, &job, err);
    if (code == SLUICE_OK)
        code = l->store->get(l, id, d->job, err); /* for the names of its steps */
    s = code != SLUICE_OK ? NULL : job_sqlite_statement(d, scan_sql(state, page), err);
    if (s == NULL)
        return err->code;
    (void)sqlite3_bind_int64(s, 1, job);
    (void)sqlite3_bind_text(s, 2, page->after, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(s, 3, page->limit);
    if (state != NULL && !page->one)
        (void)sqlite3_bind_int(s, 4, (int)*state);
    code = show_rows(d, s, page, &shown, &all, err);
    job_sqlite_done(s);
    if (code == SLUICE_OK && page->one && shown == 0)
        return sluice_fail(err, SLUICE_REJECT, NULL, "there is no user '%.255s' in job %s", page->after, id);
    if (code == SLUICE_OK && page->next != NULL && all && shown < page->limit)
        page->next[0] = '\0';
    return code;
}
