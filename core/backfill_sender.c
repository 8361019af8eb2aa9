/* backfill_sender: the life of one job here: lease, list, send, mark.
 *
 * Invariant: a user is added to the ledger before he is sent and marked only after his message is
 * in the queue; so a process that ends between any two lines of this file loses nobody. */
#include "backfill_sender.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backfill.h"
#include "backfill_folder.h"
#include "backfill_marks.h"
#include "clock.h"
#include "log.h"

#define LEASE_MS 30000u
#define LEASE_RENEW_MS 1000 /* also how soon a cancelled job stops */
#define TICK_MS 50
#define DRAIN_MS 10000
#define PAGE 1000u
#define AGAIN_MS 1000
#define UNLISTED_MS 60000 /* a request that made a job has added its users by then */
#define LISTED "listed"   /* the cursor once all users are in the ledger */

enum step_end { STEP_DONE, STEP_LATER, STEP_STUCK };

struct sending {
    const struct backfill_sender *s;
    struct job job;
    struct backfill_job plan;
    char *folder;
    unsigned round; /* files of this job are numbered */
    int64_t leased_ms;
    int lost; /* cancelled, or somebody else's now */
};

static int stopping(const struct sending *x)
{
    return atomic_load(x->s->stopping);
}

static void nap(uint32_t ms)
{
    const struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000L};

    (void)nanosleep(&t, NULL);
}

static void say(const struct sending *x, uint32_t level, const char *event, const char *text)
{
    struct log_field fields[] = {LOG_TEXT("job", x->s->id), LOG_TEXT("message", text)};

    log_event(level, event, fields, 2);
}

/* Asks the ledger until it answers with something else than "not now".  1: OK. */
static int settled(const struct sending *x, uint32_t code, const struct sluice_error *err)
{
    if (code == SLUICE_OK)
        return 1;
    if (code != SLUICE_CANCELLED)
        say(x, SLUICE_WARN, "job_ledger", err->message);
    return 0;
}

/* Renews the lease when it is time, and hears whether the job is still ours to send. */
static int ours(struct sending *x)
{
    struct sluice_error err = {.struct_size = sizeof err};
    enum job_state state = JOB_RUNNING;
    int64_t now = clock_steady_ms();
    uint32_t code;

    if (x->lost || now - x->leased_ms < LEASE_RENEW_MS)
        return !x->lost;
    code = job_lease(x->s->ledger, x->s->id, x->s->owner, LEASE_MS, &state, &err);
    if (code == SLUICE_OK) {
        x->leased_ms = now;
        x->lost = state != JOB_RUNNING;
    } else if (code == SLUICE_RETRY || code == SLUICE_DISCONNECTED) {
        /* Not heard, or somebody else's: until the lease ran out nobody else sends. */
        x->lost = now - x->leased_ms > LEASE_MS - 5000;
    } else {
        x->lost = 1;
    }
    return !x->lost;
}

static void broken(struct sending *x, const char *why)
{
    struct sluice_error err = {.struct_size = sizeof err};

    say(x, SLUICE_ERROR, "job_broken", why);
    (void)settled(x, job_set_state(x->s->ledger, x->s->id, JOB_BROKEN, why, &err), &err);
}

/* --- the list ----------------------------------------------------------------------------- */

static int give_up_list(void *context)
{
    struct sending *x = context;

    return stopping(x) || !ours(x);
}

/* Lines of the spool to the ledger; the last page carries the cursor. */
static enum step_end add_page(struct sending *x, char **users, uint32_t n, const char *cursor)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct sluice_str ids[PAGE];
    uint32_t i;

    for (i = 0; i < n; i++)
        ids[i] = sluice_str_of(users[i]);
    if (!settled(x, job_add_users(x->s->ledger, x->s->id, ids, n, cursor, NULL, &err), &err))
        return STEP_LATER;
    return STEP_DONE;
}

/* A line of the spool: an id, or an object that holds one (with members which the job does not keep). */
static char *line_user(char *line)
{
    json_t *object;
    char *id = NULL;

    line[strcspn(line, "\r\n")] = '\0';
    while (*line == ' ' || *line == '\t')
        line++;
    if (*line != '{') {
        id = strdup(line);
        if (id != NULL)
            id[strcspn(id, " \t")] = '\0';
        return id;
    }
    object = json_loads(line, 0, NULL);
    if (json_is_string(json_object_get(object, "user_id")))
        id = strdup(json_string_value(json_object_get(object, "user_id")));
    json_decref(object);
    return id;
}

static enum step_end add_spool(struct sending *x, const char *spool)
{
    FILE *in = fopen(spool, "re");
    enum step_end end = in == NULL ? STEP_LATER : STEP_DONE;
    char *line = NULL, *users[PAGE];
    uint32_t n = 0, i;
    size_t cap = 0;
    int more = in != NULL;

    while (more && end == STEP_DONE) {
        more = getline(&line, &cap, in) > 0;
        if (more && (users[n] = line_user(line)) == NULL)
            end = STEP_LATER;
        else
            n += more != 0;
        if (end == STEP_DONE && (n == PAGE || !more)) {
            end = ours(x) ? add_page(x, users, n, more ? NULL : LISTED) : STEP_LATER;
            for (i = 0; i < n; i++)
                free(users[i]);
            n = 0;
        }
    }
    for (i = 0; i < n; i++)
        free(users[i]);
    if (in != NULL && ferror(in))
        end = STEP_LATER;
    if (in != NULL)
        (void)fclose(in);
    free(line);
    return end;
}

static void say_list(const struct sending *x, const struct backfill_list *list)
{
    struct log_field fields[] = {LOG_TEXT("job", x->s->id), LOG_NUMBER("users", list->users),
                                 LOG_NUMBER("duplicates", list->duplicates),
                                 LOG_NUMBER("invalid", list->invalid), LOG_NUMBER("blank", list->blank)};

    log_event(list->invalid > 0 ? SLUICE_WARN : SLUICE_INFO, "job_listed", fields, 5);
}

static void break_by(struct sending *x, const struct problems *p)
{
    broken(x, p->n > 0 ? p->items[0].message : "the users cannot be read");
}

/* All users of S3 or Neo4j into the ledger. */
static enum step_end list_users(struct sending *x)
{
    struct sluice_error err = {.struct_size = sizeof err};
    const char *where = x->job.source[0] != '\0' ? x->job.source : NULL;
    char *spool = backfill_folder_file(x->folder, "list"),
         *state = backfill_folder_file(x->folder, "list-state");
    struct backfill_list list = {.users = 0};
    enum step_end end = STEP_LATER;
    struct problems p;

    problems_init(&p);
    if (spool != NULL && state != NULL &&
        backfill_collect(
            backfill_config_collect(x->s->plan->backfill.block, &x->plan,
                                    strcmp(x->job.kind, "neo4j") == 0 ? BACKFILL_NEO4J : BACKFILL_S3, where,
                                    state, spool, &p),
            x->s->registry, &list, give_up_list, x, &p) == 0) {
        say_list(x, &list);
        end = add_spool(x, spool);
        if (end == STEP_DONE)
            (void)settled(x, job_set_total(x->s->ledger, x->s->id, (int64_t)list.users, &err), &err);
    } else if (problems_failed(&p)) {
        break_by(x, &p);
    }
    backfill_list_release(&list);
    problems_release(&p);
    free(spool);
    free(state);
    return end;
}

static enum step_end ensure_listed(struct sending *x)
{
    if (strcmp(x->job.cursor, LISTED) == 0)
        return STEP_DONE;
    if (strcmp(x->job.kind, "s3") == 0 || strcmp(x->job.kind, "neo4j") == 0)
        return list_users(x);
    if (clock_now_ms() - x->job.created_ms > UNLISTED_MS)
        broken(x, "the request that made this job did not end: ask for it again");
    return STEP_LATER;
}

/* --- sending ------------------------------------------------------------------------------ */

struct spooling {
    FILE *out;
    int force;
    uint64_t n;
};

static int spool_user(void *context, const struct job_user *u)
{
    struct spooling *s = context;
    int put = s->force || u->retries > 0
                  ? fprintf(s->out, BACKFILL_FORCED_HEAD "%s\",\"force\":true}\n", u->user)
                  : fprintf(s->out, "%s\n", u->user);

    s->n += put > 0;
    return put > 0 ? 0 : -1;
}

/* The pending users as a file; how many in *n. */
static enum step_end spool_pending(struct sending *x, const char *path, uint64_t *n)
{
    const enum job_user_state pending = JOB_USER_PENDING;
    struct sluice_error err = {.struct_size = sizeof err};
    struct spooling s = {fopen(path, "we"), x->job.force != 0, 0};
    char after[JOB_USER_MAX + 1] = "", next[JOB_USER_MAX + 1] = "";
    uint32_t code = SLUICE_OK;
    int bad;

    if (s.out == NULL) {
        say(x, SLUICE_ERROR, "job_spool", strerror(errno));
        return STEP_LATER;
    }
    do {
        memcpy(after, next, sizeof after);
        code = job_scan(x->s->ledger, x->s->id, &pending, after[0] == '\0' ? NULL : after, PAGE, spool_user,
                        &s, next, &err);
    } while (code == SLUICE_OK && next[0] != '\0' && ours(x) && !stopping(x));
    bad = ferror(s.out);
    bad |= fclose(s.out) != 0;
    *n = s.n;
    return bad || !settled(x, code, &err) || x->lost || stopping(x) ? STEP_LATER : STEP_DONE;
}

/* Marks until there is nothing to mark; gives up when the ledger does not take it for long. */
static int flush_all(struct sending *x, struct backfill_marks *marks)
{
    struct sluice_error err = {.struct_size = sizeof err};
    int64_t until = clock_steady_ms() + DRAIN_MS;
    uint32_t code;

    while ((code = backfill_marks_flush(marks, x->s->ledger, x->s->id, &err)) != SLUICE_OK &&
           code != SLUICE_FATAL && clock_steady_ms() < until)
        nap(TICK_MS);
    return settled(x, code, &err);
}

/* Follows a send to its end.  1: all that it does is done; 0: it was told to end. */
static int follow(struct sending *x, struct backfill_send *send, struct backfill_marks *marks)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct backfill_send_state now;
    int64_t drain_until = -1;

    for (;;) {
        backfill_send_look(send, &now);
        (void)backfill_marks_flush(marks, x->s->ledger, x->s->id, &err);
        if (now.over || (drain_until >= 0 && clock_steady_ms() >= drain_until))
            return now.over && drain_until < 0;
        if ((stopping(x) || !ours(x)) && drain_until < 0) {
            drain_until = clock_steady_ms() + DRAIN_MS;
            backfill_send_drain(send);
        }
        nap(TICK_MS);
    }
}

static enum step_end send_spool(struct sending *x, const char *spool, const char *state, uint64_t n)
{
    struct backfill_marks marks;
    struct backfill_send *send = NULL;
    struct backfill_send_state now;
    enum step_end end = STEP_LATER;
    struct problems p;

    if (backfill_marks_init(&marks) != 0)
        return STEP_LATER;
    problems_init(&p);
    {
        struct config *config = backfill_config_send(x->s->plan->backfill.block, &x->plan, state, spool, &p);

        if (config != NULL)
            send = backfill_send_start(config, x->s->registry, n, backfill_marks_add, &marks, &p);
    }
    if (send == NULL) {
        break_by(x, &p);
    } else {
        int whole = follow(x, send, &marks), joined = backfill_send_join(send), marked = flush_all(x, &marks);

        backfill_send_look(send, &now);
        if (!joined) {
            say(x, SLUICE_ERROR, "job_stuck", "the queue's plugin does not come back");
            return STEP_STUCK; /* its threads still use all this */
        }
        if (whole && now.sent + now.failed < n)
            broken(x, now.why);
        else if (whole && marked)
            end = STEP_DONE;
        backfill_send_free(send);
    }
    backfill_marks_release(&marks);
    problems_release(&p);
    return end;
}

/* One pass over the pending users; *none: there were none. */
static enum step_end send_pending(struct sending *x, int *none)
{
    char name[48], *spool, *state;
    enum step_end end = STEP_LATER;
    uint64_t n = 0;

    (void)snprintf(name, sizeof name, "users-%u", x->round);
    spool = backfill_folder_file(x->folder, name);
    (void)snprintf(name, sizeof name, "state-%u", x->round++);
    state = backfill_folder_file(x->folder, name);
    *none = 0;
    if (spool != NULL && state != NULL && (end = spool_pending(x, spool, &n)) == STEP_DONE) {
        *none = n == 0;
        if (n > 0)
            end = send_spool(x, spool, state, n);
    }
    if (end != STEP_STUCK && spool != NULL)
        (void)remove(spool);
    free(spool);
    free(state);
    return end;
}

/* --- the job ------------------------------------------------------------------------------- */

static void read_plan(struct sending *x, json_t *sender)
{
    const char *reason = json_string_value(json_object_get(sender, "reason"));

    x->plan = (struct backfill_job){.id = x->s->id,
                                    .rate = x->job.rate,
                                    .lookback_days = x->job.lookback_days,
                                    .force = 0, /* told of each user, who may be one of a retry */
                                    .reason = reason != NULL ? reason : x->s->plan->backfill.reason};
}

static enum step_end send_job(struct sending *x)
{
    struct sluice_error err = {.struct_size = sizeof err};
    enum step_end end = ensure_listed(x);
    int none = 0;

    while (end == STEP_DONE && !none && !stopping(x) && ours(x))
        end = send_pending(x, &none);
    if (end != STEP_DONE || !none || !ours(x))
        return end == STEP_STUCK ? end : STEP_LATER;
    if (!settled(x, job_set_state(x->s->ledger, x->s->id, JOB_WAITING, NULL, &err), &err))
        return STEP_LATER;
    say(x, SLUICE_INFO, "job_sent", "every user is sent; the workers report what they load");
    return STEP_DONE;
}

int backfill_sender_run(const struct backfill_sender *s)
{
    struct sending x = {.s = s, .leased_ms = INT64_MIN / 2};
    struct sluice_error err = {.struct_size = sizeof err};
    enum step_end end = STEP_LATER;
    json_t *sender = NULL;

    if (!ours(&x) || x.leased_ms < 0)
        return 0;
    if (settled(&x, job_get(s->ledger, s->id, &x.job, &err), &err)) {
        sender = json_loads(x.job.sender, 0, NULL);
        read_plan(&x, sender);
        x.folder = backfill_folder_make(s->plan->state_dir, &err);
        if (x.folder != NULL)
            end = send_job(&x);
        else
            say(&x, SLUICE_ERROR, "job_folder", err.message);
    }
    if (end == STEP_STUCK)
        return -1;
    (void)job_lease_end(s->ledger, s->id, s->owner, &err);
    backfill_folder_remove(x.folder);
    json_decref(sender);
    if (end == STEP_LATER && !stopping(&x))
        nap(AGAIN_MS); /* so that what does not work is not tried all the time */
    return end == STEP_DONE;
}
