/* job: the calls of job.h: what may be kept, then the store's part under the lock. */
#include "job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "job_private.h"
#include "option.h"

static const char *const state_names[] = {"running", "waiting", "done", "failed", "cancelled", "broken"};
static const char *const user_names[] = {"pending", "sent", "done", "failed", "skipped"};

const char *job_state_name(enum job_state s)
{
    return state_names[s];
}

int job_state_is_over(enum job_state s)
{
    return s != JOB_RUNNING && s != JOB_WAITING;
}

const char *job_user_state_name(enum job_user_state s)
{
    return user_names[s];
}

int job_user_state_parse(const char *text, enum job_user_state *out)
{
    uint32_t i;

    for (i = 0; i < JOB_USER_STATES; i++)
        if (strcmp(text, user_names[i]) == 0) {
            *out = (enum job_user_state)i;
            return 1;
        }
    return 0;
}

uint64_t job_added(const struct job *j)
{
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < JOB_USER_STATES; i++)
        n += j->users[i];
    return n;
}

/* --- what may be kept ------------------------------------------------------------------ */

uint32_t job_no_such(struct sluice_error *err, const char *id)
{
    return sluice_fail(err, SLUICE_REJECT, NULL, "there is no job '%.80s'; `sluice job list` shows them", id);
}

static int id_good(const char *id)
{
    size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:");

    return n > 0 && n <= JOB_ID_MAX && id[n] == '\0';
}

static int user_good(const struct sluice_str *user)
{
    uint64_t i;

    if (user->data == NULL || user->len == 0 || user->len > JOB_USER_MAX)
        return 0;
    for (i = 0; i < user->len; i++)
        if ((unsigned char)user->data[i] < 0x20 || user->data[i] == 0x7f)
            return 0;
    return 1;
}

static uint32_t check_users(const struct sluice_str *users, uint32_t n, size_t stride,
                            struct sluice_error *err)
{
    uint32_t i;

    if (n > JOB_AT_ONCE)
        return sluice_fail(err, SLUICE_INVALID, NULL, "%u users at once; at most %u go into one call", n,
                           JOB_AT_ONCE);
    for (i = 0; i < n; i++)
        if (!user_good((const void *)((const char *)users + i * stride)))
            return sluice_fail(err, SLUICE_INVALID, NULL,
                               "user %u of %u has no usable id: 1 to %u bytes without control characters",
                               i + 1, n, JOB_USER_MAX);
    return SLUICE_OK;
}

static uint32_t copy_text(char *out, size_t cap, const char *what, const char *text, struct sluice_error *err)
{
    if (text == NULL)
        text = "";
    if (strlen(text) >= cap)
        return sluice_fail(err, SLUICE_INVALID, NULL, "%s has %zu bytes; a job keeps up to %zu", what,
                           strlen(text), cap - 1);
    memcpy(out, text, strlen(text) + 1);
    return SLUICE_OK;
}

/* --- life -------------------------------------------------------------------------------- */

struct job_ledger *job_ledger_open(const struct plan *plan, enum job_ledger_mode mode,
                                   struct sluice_error *err)
{
    struct job_ledger *l = calloc(1, sizeof *l);
    uint32_t code;

    if (l == NULL) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
        return NULL;
    }
    (void)pthread_mutex_init(&l->lock, NULL);
    l->keep_ms = option_integer(plan->jobs, "keep");
    code = strcmp(option_string(plan->jobs, "store"), "valkey") == 0
               ? job_valkey_open(l, plan->jobs, err)
               : job_sqlite_open(l, plan->state_dir, mode, err);
    if (code == SLUICE_OK)
        return l;
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
    return NULL;
}

void job_ledger_close(struct job_ledger *l)
{
    if (l == NULL)
        return;
    l->store->close(l);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

void job_ledger_cancel(struct job_ledger *l)
{
    atomic_store(&l->cancelled, 1);
}

/* Before each call of the store; every path after it ends in leave. */
static uint32_t enter(struct job_ledger *l, const char *id, struct sluice_error *err)
{
    if (atomic_load(&l->cancelled))
        return sluice_fail(err, SLUICE_CANCELLED, NULL, "the ledger of jobs is being closed");
    if (id != NULL && !id_good(id))
        return job_no_such(err, id);
    pthread_mutex_lock(&l->lock);
    return SLUICE_OK;
}

static uint32_t leave(struct job_ledger *l, uint32_t code)
{
    pthread_mutex_unlock(&l->lock);
    return code;
}

uint32_t job_ledger_expire(struct job_ledger *l, uint64_t *deleted, struct sluice_error *err)
{
    uint64_t n = 0;
    uint32_t code = enter(l, NULL, err);

    if (code == SLUICE_OK)
        code = leave(l, l->store->expire(l, clock_now_ms() - l->keep_ms, &n, err));
    if (code == SLUICE_OK && deleted != NULL)
        *deleted = n;
    return code;
}

/* --- jobs -------------------------------------------------------------------------------- */

static uint32_t random_id(char *id, size_t cap, struct sluice_error *err)
{
    unsigned char b[16];

    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        return sluice_fail(err, SLUICE_RETRY, NULL, "the system gave no random bytes for an id");
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    (void)snprintf(id, cap, "backfill-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                   b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                   b[14], b[15]);
    return SLUICE_OK;
}

static uint32_t fill_new(struct job *j, const struct job_new *from, struct sluice_error *err)
{
    uint32_t code = SLUICE_OK;

    memset(j, 0, sizeof *j);
    if (from->id == NULL)
        code = random_id(j->id, sizeof j->id, err);
    else if (!id_good(from->id))
        code =
            sluice_fail(err, SLUICE_INVALID, NULL,
                        "'%.80s' cannot be the id of a job: 1 to %u of letters, digits, '-', '_', '.', ':'",
                        from->id, JOB_ID_MAX);
    else
        code = copy_text(j->id, sizeof j->id, "the id", from->id, err);
    if (code == SLUICE_OK)
        code = copy_text(j->kind, sizeof j->kind, "the kind", from->kind, err);
    if (code == SLUICE_OK)
        code = copy_text(j->source, sizeof j->source, "the source", from->source, err);
    if (code == SLUICE_OK)
        code = copy_text(j->sender, sizeof j->sender, "what the sender needs", from->sender, err);
    if (code == SLUICE_OK)
        code = copy_text(j->requester, sizeof j->requester, "the requester", from->requester, err);
    j->rate = from->rate;
    j->lookback_days = from->lookback_days;
    j->force = from->force;
    j->total = from->total;
    j->state = JOB_RUNNING;
    j->created_ms = j->changed_ms = clock_now_ms();
    return code;
}

uint32_t job_create(struct job_ledger *l, const struct job_new *from, char *id, struct sluice_error *err)
{
    struct job *j = malloc(sizeof *j);
    uint32_t code;

    if (j == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
    code = fill_new(j, from, err);
    if (code == SLUICE_OK)
        code = enter(l, j->id, err);
    if (code == SLUICE_OK)
        code = leave(l, l->store->create(l, j, err));
    if (code == SLUICE_OK && id != NULL)
        memcpy(id, j->id, sizeof j->id);
    free(j);
    return code;
}

/* What the store keeps becomes what is shown. */
static void derive(struct job *j)
{
    if (j->state == JOB_WAITING && j->users[JOB_USER_PENDING] + j->users[JOB_USER_SENT] == 0)
        j->state = j->users[JOB_USER_FAILED] > 0 ? JOB_FINISHED_FAILED : JOB_DONE;
    if (j->lease_until_ms <= clock_now_ms())
        j->owner[0] = '\0';
}

static uint32_t get_locked(struct job_ledger *l, const char *id, struct job *out, struct sluice_error *err)
{
    uint32_t code = l->store->get(l, id, out, err);

    if (code == SLUICE_OK)
        derive(out);
    return code;
}

uint32_t job_get(struct job_ledger *l, const char *id, struct job *out, struct sluice_error *err)
{
    uint32_t code = enter(l, id, err);

    return code != SLUICE_OK ? code : leave(l, get_locked(l, id, out, err));
}

struct listing {
    int only_open;
    job_each each;
    void *context;
};

static int list_one(void *context, const struct job *stored)
{
    struct listing *w = context;
    struct job *j = (struct job *)stored; /* the store's own, made for this call */

    derive(j);
    return w->only_open && job_state_is_over(j->state) ? 0 : w->each(w->context, j);
}

uint32_t job_list(struct job_ledger *l, int only_open, job_each each, void *context, struct sluice_error *err)
{
    struct listing w = {only_open, each, context};
    uint32_t code = enter(l, NULL, err);

    return code != SLUICE_OK ? code : leave(l, l->store->list(l, list_one, &w, err));
}

uint32_t job_delete(struct job_ledger *l, const char *id, struct sluice_error *err)
{
    uint32_t code = enter(l, id, err);

    return code != SLUICE_OK ? code : leave(l, l->store->remove(l, id, err));
}

uint32_t job_set_state(struct job_ledger *l, const char *id, enum job_state state, const char *error,
                       struct sluice_error *err)
{
    char text[JOB_TEXT_MAX + 1];
    uint32_t code;

    if (state == JOB_DONE || state == JOB_FINISHED_FAILED)
        return sluice_fail(err, SLUICE_INVALID, NULL,
                           "a job is done or failed by its users; it cannot be set");
    (void)snprintf(text, sizeof text, "%s", error == NULL ? "" : error);
    code = enter(l, id, err);
    return code != SLUICE_OK ? code : leave(l, l->store->set_state(l, id, state, text, 0, err));
}

uint32_t job_set_total(struct job_ledger *l, const char *id, int64_t total, struct sluice_error *err)
{
    uint32_t code = enter(l, id, err);

    return code != SLUICE_OK ? code : leave(l, l->store->set_total(l, id, total, err));
}

uint32_t job_cancel(struct job_ledger *l, const char *id, struct sluice_error *err)
{
    struct job *j = malloc(sizeof *j);
    uint32_t code;

    if (j == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
    code = enter(l, id, err);
    if (code == SLUICE_OK) {
        code = get_locked(l, id, j, err);
        if (code == SLUICE_OK && job_state_is_over(j->state))
            code = sluice_fail(err, SLUICE_INVALID, NULL, "job %s is over already: %s", id,
                               job_state_name(j->state));
        if (code == SLUICE_OK)
            code = l->store->set_state(l, id, JOB_CANCELLED, "", 0, err);
        code = leave(l, code);
    }
    free(j);
    return code;
}

uint32_t job_lease(struct job_ledger *l, const char *id, const char *owner, uint32_t ms,
                   enum job_state *state, struct sluice_error *err)
{
    struct job *j;
    uint32_t code;

    if (owner[0] == '\0' || strlen(owner) > JOB_NAME_MAX)
        return sluice_fail(err, SLUICE_INVALID, NULL, "the owner of a lease has a name of 1 to %u bytes",
                           JOB_NAME_MAX);
    j = malloc(sizeof *j);
    if (j == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
    code = enter(l, id, err);
    if (code == SLUICE_OK) {
        code = l->store->lease(l, id, owner, ms, err);
        if (code == SLUICE_OK)
            code = get_locked(l, id, j, err);
        code = leave(l, code);
    }
    if (code == SLUICE_OK && state != NULL)
        *state = j->state;
    free(j);
    return code;
}

uint32_t job_lease_end(struct job_ledger *l, const char *id, const char *owner, struct sluice_error *err)
{
    uint32_t code = enter(l, id, err);

    return code != SLUICE_OK ? code : leave(l, l->store->lease_end(l, id, owner, err));
}

/* --- users ------------------------------------------------------------------------------- */

uint32_t job_add_users(struct job_ledger *l, const char *id, const struct sluice_str *users, uint32_t n,
                       const char *cursor, uint64_t *added, struct sluice_error *err)
{
    uint32_t code = check_users(users, n, sizeof *users, err);
    uint64_t new = 0;

    if (code == SLUICE_OK && cursor != NULL && strlen(cursor) > JOB_TEXT_MAX)
        code = sluice_fail(err, SLUICE_INVALID, NULL, "the source's cursor has more than %u bytes",
                           JOB_TEXT_MAX);
    if (code == SLUICE_OK)
        code = enter(l, id, err);
    if (code != SLUICE_OK)
        return code;
    code = leave(l, l->store->add(l, id, users, n, cursor, &new, err));
    if (code == SLUICE_OK && added != NULL)
        *added = new;
    return code;
}

static uint32_t check_marks(const char *const *steps, uint32_t n_steps, const struct job_mark *marks,
                            uint32_t n, struct sluice_error *err)
{
    uint32_t i, code = n == 0 ? SLUICE_OK : check_users(&marks->user, n, sizeof *marks, err);

    for (i = 0; i < n_steps && code == SLUICE_OK; i++)
        if (n_steps > JOB_MAX_STEPS || strlen(steps[i]) > 63 || strchr(steps[i], '\n') != NULL)
            code = sluice_fail(err, SLUICE_INVALID, NULL,
                               "a job keeps up to %u steps, with names of up to 63 bytes", JOB_MAX_STEPS);
    for (i = 0; i < n && code == SLUICE_OK; i++)
        if (marks[i].step != JOB_NO_STEP && marks[i].step >= n_steps)
            code = sluice_fail(err, SLUICE_INVALID, NULL, "mark %u names step %u of %u", i, marks[i].step,
                               n_steps);
    return code;
}

uint32_t job_mark(struct job_ledger *l, const char *id, const char *const *steps, uint32_t n_steps,
                  const struct job_mark *marks, uint32_t n, uint64_t *unknown, struct sluice_error *err)
{
    uint32_t code = check_marks(steps, n_steps, marks, n, err);
    uint64_t strangers = 0;

    if (code == SLUICE_OK)
        code = enter(l, id, err);
    if (code != SLUICE_OK)
        return code;
    code = leave(l, l->store->mark(l, id, steps, n_steps, marks, n, &strangers, err));
    if (code == SLUICE_OK && unknown != NULL)
        *unknown = strangers;
    return code;
}

uint32_t job_scan(struct job_ledger *l, const char *id, const enum job_user_state *state, const char *after,
                  uint32_t limit, job_user_each each, void *context, char *next, struct sluice_error *err)
{
    struct job_page page = {.after = after == NULL ? "" : after,
                            .limit = limit == 0            ? 1000
                                     : limit > JOB_AT_ONCE ? JOB_AT_ONCE
                                                           : limit,
                            .each = each,
                            .context = context,
                            .next = next};
    uint32_t code = enter(l, id, err);

    return code != SLUICE_OK ? code : leave(l, l->store->scan(l, id, state, &page, err));
}

uint32_t job_find_user(struct job_ledger *l, const char *id, const char *user, job_user_each each,
                       void *context, struct sluice_error *err)
{
    struct job_page page = {.after = user, .limit = 1, .one = 1, .each = each, .context = context};
    uint32_t code = enter(l, id, err);

    return code != SLUICE_OK ? code : leave(l, l->store->scan(l, id, NULL, &page, err));
}

uint32_t job_retry(struct job_ledger *l, const char *id, uint64_t *users, struct sluice_error *err)
{
    uint64_t n = 0;
    uint32_t code = enter(l, id, err);

    if (code == SLUICE_OK)
        code = leave(l, job_retry_locked(l, id, &n, err));
    if (code == SLUICE_OK && users != NULL)
        *users = n;
    return code;
}
