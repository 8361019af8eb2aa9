#include "admin_backfill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_json.h"
#include "clock.h"
#include "log.h"
#include "user_id.h"

#define PAGE 1000u
#define RATE_MAX 1e9
#define DAYS_MAX 36500.0

/* What is asked for. */
struct asked {
    json_t *users; /* borrowed; NULL: another source */
    const char *s3_uri, *source;
    struct job_new job;
    const char *reason;
};

static int is_configured(const struct admin_backfill *b, struct http_answer *answer)
{
    if (b != NULL && b->ledger != NULL)
        return 1;
    http_answer_error(
        answer, 501, "not_configured",
        "this worker sends no backfills: its config needs `jobs` and `backfill: { queue: ... }`");
    return 0;
}

/* A ledger that did not do it. */
static void tell_ledger(struct http_answer *answer, uint32_t code, const struct sluice_error *err)
{
    if (code == SLUICE_REJECT)
        http_answer_error(answer, 404, "no_such_job", "there is no job of that id");
    else if (code == SLUICE_INVALID)
        admin_json_error(answer, 409, "not_possible", "%s", err->message);
    else
        admin_json_error(answer, 503, "ledger_away", "the ledger of jobs does not answer: %s", err->message);
}

static void log_write(const struct http_request *request, const char *job, const char *what, uint64_t users)
{
    struct log_field fields[] = {LOG_TEXT("peer", request->peer), LOG_TEXT("job", job),
                                 LOG_TEXT("what", what), LOG_NUMBER("users", users)};

    log_event(SLUICE_INFO, "admin_backfill", fields, 4);
}

/* --- making ------------------------------------------------------------------------------- */

static int check_users(json_t *users, struct http_answer *answer)
{
    char why[USER_ID_WHY];
    size_t i;

    if (!json_is_array(users) || json_array_size(users) == 0) {
        http_answer_error(answer, 400, "bad_request", "user_ids needs to be a list of user ids, not empty");
        return 0;
    }
    for (i = 0; i < json_array_size(users); i++) {
        const json_t *id = json_array_get(users, i);

        if (!json_is_string(id)) {
            admin_json_error(answer, 400, "invalid_id", "user_ids[%zu] is not a text", i);
            return 0;
        }
        if (!user_id_check(json_string_value(id), json_string_length(id), USER_ID_MAX, why)) {
            admin_json_error(answer, 400, "invalid_id", "user_ids[%zu]: %s", i, why);
            return 0;
        }
    }
    return 1;
}

static int check_source(struct asked *a, const json_t *body, struct http_answer *answer)
{
    const char *bucket;
    int sources;

    a->users = json_object_get(body, "user_ids");
    if (json_is_null(a->users))
        a->users = NULL;
    if (!admin_json_text(body, "s3_uri", JOB_TEXT_MAX, &a->s3_uri, answer) ||
        !admin_json_text(body, "source", 16, &a->source, answer))
        return 0;
    sources = (a->users != NULL) + (a->s3_uri != NULL) + (a->source != NULL);
    if (sources != 1) {
        http_answer_error(answer, 400, "bad_request",
                          "give one of user_ids, s3_uri and source: which users are meant?");
        return 0;
    }
    if (a->users != NULL)
        return check_users(a->users, answer);
    if (a->source != NULL && strcmp(a->source, "neo4j") != 0) {
        http_answer_error(answer, 400, "bad_request", "source can only be \"neo4j\"");
        return 0;
    }
    if (a->s3_uri != NULL) {
        bucket = strncmp(a->s3_uri, "s3://", 5) == 0 ? a->s3_uri + 5 : "";
        if (bucket[0] == '\0' || bucket[0] == '/' || strchr(bucket, '/') == NULL ||
            strchr(bucket, '/')[1] == '\0') {
            http_answer_error(answer, 400, "bad_request", "s3_uri needs to be s3://bucket/key");
            return 0;
        }
    }
    return 1;
}

static int read_asked(const struct admin_backfill *b, struct asked *a, const json_t *body,
                      struct http_answer *answer)
{
    double rate = b->spec->rate_limit, days = (double)b->spec->lookback_days;

    memset(a, 0, sizeof *a);
    if (!check_source(a, body, answer) ||
        !admin_json_number(body, "rate_limit", 0, RATE_MAX, 0, &rate, answer) ||
        !admin_json_number(body, "lookback_days", 1, DAYS_MAX, 1, &days, answer) ||
        !admin_json_flag(body, "force", &a->job.force, answer))
        return 0;
    a->job.rate = rate;
    a->job.lookback_days = (uint32_t)days;
    a->job.kind = a->users != NULL ? "user_ids" : a->s3_uri != NULL ? "s3" : "neo4j";
    a->job.source = a->s3_uri;
    a->job.total = -1;
    return 1;
}

/* The users of the request, the last page with the cursor that says so. */
static uint32_t add_users(const struct admin_backfill *b, const char *id, json_t *users, uint64_t *fresh,
                          struct sluice_error *err)
{
    struct sluice_str page[PAGE];
    size_t n = json_array_size(users), at, i, part;
    uint32_t code = SLUICE_OK;
    uint64_t added;

    *fresh = 0;
    for (at = 0; code == SLUICE_OK && at < n; at += part) {
        part = n - at < PAGE ? n - at : PAGE;
        for (i = 0; i < part; i++)
            page[i] = sluice_str_of(json_string_value(json_array_get(users, at + i)));
        added = 0;
        code =
            job_add_users(b->ledger, id, page, (uint32_t)part, at + part == n ? "listed" : NULL, &added, err);
        *fresh += added;
    }
    if (code == SLUICE_OK)
        code = job_set_total(b->ledger, id, (int64_t)*fresh, err);
    return code;
}

/* The job with its users; what is half made is taken away again. */
static uint32_t make_job(const struct admin_backfill *b, const struct asked *a, char id[JOB_ID_MAX + 1],
                         uint64_t *users, struct sluice_error *err)
{
    struct sluice_error ignored = {.struct_size = sizeof ignored};
    uint32_t code = job_create(b->ledger, &a->job, id, err);

    *users = 0;
    if (code != SLUICE_OK || a->users == NULL)
        return code;
    code = add_users(b, id, a->users, users, err);
    if (code != SLUICE_OK)
        (void)job_delete(b->ledger, id, &ignored);
    return code;
}

static json_t *made_json(const char *id, const struct asked *a, uint64_t users)
{
    json_t *o = json_pack("{s:s, s:s, s:s, s:f, s:I, s:b}", "job_id", id, "status", "accepted", "source",
                          a->job.kind, "rate_limit", a->job.rate, "lookback_days",
                          (json_int_t)a->job.lookback_days, "force", a->job.force != 0);

    if (a->users != NULL) {
        (void)json_object_set_new(o, "users", json_integer((json_int_t)users));
        (void)json_object_set_new(o, "duplicates",
                                  json_integer((json_int_t)(json_array_size(a->users) - (size_t)users)));
    }
    return o;
}

void admin_backfill_create(const struct admin_backfill *b, const struct http_request *request,
                           struct http_answer *answer)
{
    static const char *const known[] = {"user_ids",      "s3_uri", "source", "rate_limit",
                                        "lookback_days", "force",  NULL};
    struct sluice_error err = {.struct_size = sizeof err};
    char id[JOB_ID_MAX + 1];
    struct asked a;
    uint64_t users;
    uint32_t code;
    json_t *body;

    if (!is_configured(b, answer) || (body = admin_json_read(request, known, answer)) == NULL)
        return;
    if (read_asked(b, &a, body, answer)) {
        a.job.requester = request->peer;
        code = make_job(b, &a, id, &users, &err);
        if (code != SLUICE_OK) {
            tell_ledger(answer, code, &err);
        } else {
            log_write(request, id, a.job.kind, users);
            if (b->wake != NULL)
                b->wake(b->context);
            admin_json_answer(answer, 202, made_json(id, &a, users));
        }
    }
    json_decref(body);
}

/* --- showing and cancelling ----------------------------------------------------------------- */

static void set_time(json_t *o, const char *name, int64_t ms)
{
    char text[32];

    clock_format(ms, text, sizeof text);
    (void)json_object_set_new(o, name, json_string(text));
}

static json_t *job_json(const struct job *j)
{
    json_t *users = json_object(), *steps = json_object(), *o;
    uint64_t added = job_added(j), left = j->users[JOB_USER_PENDING], ended = 0;
    uint32_t i;

    for (i = 0; i < JOB_USER_STATES; i++)
        (void)json_object_set_new(users, job_user_state_name((enum job_user_state)i),
                                  json_integer((json_int_t)j->users[i]));
    (void)json_object_set_new(users, "total",
                              j->total < 0 ? json_null() : json_integer((json_int_t)j->total));
    for (i = 0; i < j->n_steps && i < JOB_MAX_STEPS; i++)
        (void)json_object_set_new(steps, j->steps[i], json_integer((json_int_t)j->loaded[i]));
    ended = j->users[JOB_USER_DONE] + j->users[JOB_USER_FAILED] + j->users[JOB_USER_SKIPPED];
    o = json_pack("{s:s, s:s, s:s, s:o, s:o, s:f, s:I, s:b}", "job_id", j->id, "status",
                  job_state_name(j->state), "source", j->kind, "users", users, "loaded", steps, "rate_limit",
                  j->rate, "lookback_days", (json_int_t)j->lookback_days, "force", j->force != 0);
    if (j->source[0] != '\0')
        (void)json_object_set_new(o, "s3_uri", json_string(j->source));
    if (j->error[0] != '\0')
        (void)json_object_set_new(o, "error", json_string(j->error));
    if (j->requester[0] != '\0')
        (void)json_object_set_new(o, "requester", json_string(j->requester));
    (void)json_object_set_new(o, "sent", json_integer((json_int_t)(added - left)));
    (void)json_object_set_new(o, "percent",
                              json_real(j->total > 0 ? 100.0 * (double)ended / (double)j->total : 0.0));
    (void)json_object_set_new(o, "seconds_to_send",
                              j->state == JOB_RUNNING && j->rate > 0 ? json_real((double)left / j->rate)
                                                                     : json_null());
    set_time(o, "created_at", j->created_ms);
    set_time(o, "changed_at", j->changed_ms);
    return o;
}

/* The id of /admin/backfill/ID and /admin/backfill/ID/cancel; *rest is what follows it ("" or "/…").  0:
 * none. */
static int path_id(const char *path, char id[JOB_ID_MAX + 1], const char **rest)
{
    size_t len;

    path += sizeof ADMIN_BACKFILL_PATH - 1;
    if (*path == '/')
        path++;
    len = strcspn(path, "/");
    *rest = path + len;
    if (len == 0 || len > JOB_ID_MAX)
        return 0;
    memcpy(id, path, len);
    id[len] = '\0';
    return 1;
}

static void show(const struct admin_backfill *b, const char *id, struct http_answer *answer)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct job *job = malloc(sizeof *job);
    uint32_t code;

    if (job == NULL) {
        http_answer_error(answer, 503, "no_memory", "there is no memory for the answer");
        return;
    }
    code = job_get(b->ledger, id, job, &err);
    if (code == SLUICE_OK)
        admin_json_answer(answer, 200, job_json(job));
    else
        tell_ledger(answer, code == SLUICE_INVALID ? SLUICE_REJECT : code, &err);
    free(job);
}

void admin_backfill_show(const struct admin_backfill *b, const struct http_request *request,
                         struct http_answer *answer)
{
    char id[JOB_ID_MAX + 1];
    const char *rest;

    if (!is_configured(b, answer))
        return;
    if (!path_id(request->path, id, &rest) || *rest != '\0')
        http_answer_error(answer, 404, "no_such_job", "there is no job of that id");
    else
        show(b, id, answer);
}

void admin_backfill_act(const struct admin_backfill *b, const struct http_request *request,
                        struct http_answer *answer)
{
    struct sluice_error err = {.struct_size = sizeof err};
    char id[JOB_ID_MAX + 1];
    const char *rest;
    uint32_t code;

    if (!is_configured(b, answer))
        return;
    if (!path_id(request->path, id, &rest) || strcmp(rest, "/cancel") != 0) {
        http_answer_error(answer, 404, "not_found",
                          "POST takes /admin/backfill and /admin/backfill/ID/cancel");
        return;
    }
    code = job_cancel(b->ledger, id, &err);
    if (code != SLUICE_OK) {
        tell_ledger(answer, code, &err);
        return;
    }
    log_write(request, id, "cancel", 0);
    if (b->wake != NULL)
        b->wake(b->context);
    show(b, id, answer);
}

/* --- enrolment ------------------------------------------------------------------------------- */

static void tell_enroll(struct http_answer *answer, const struct sluice_error *err)
{
    admin_json_error(answer, 503, "enrollment_away", "the store of enrolments does not answer: %s",
                     err->message);
}

/* The backfill of one user, made before his key: after a crash between them he is asked for again, and
 * loaded twice rather than never. */
static uint32_t enroll_job(const struct admin_backfill *b, const char *user, const char *peer,
                           char id[JOB_ID_MAX + 1], struct sluice_error *err)
{
    json_t *users = json_pack("[s]", user);
    struct asked a = {.users = users,
                      .job = {.kind = "user_ids",
                              .sender = "{\"reason\":\"enrollment\"}",
                              .requester = peer,
                              .rate = 0,
                              .lookback_days = (uint32_t)b->spec->lookback_days,
                              .total = -1}};
    uint64_t n;
    uint32_t code = users == NULL ? SLUICE_RETRY : make_job(b, &a, id, &n, err);

    json_decref(users);
    return code;
}

static void enroll(const struct admin_backfill *b, const struct http_request *request, const char *user,
                   struct http_answer *answer)
{
    struct sluice_error err = {.struct_size = sizeof err};
    char id[JOB_ID_MAX + 1] = "";
    uint32_t fresh = 0, code;
    json_t *o;

    if (b->enroll(b->context, sluice_str_of(user), 1, &fresh, &err) != SLUICE_OK) {
        tell_enroll(answer, &err);
        return;
    }
    if (fresh && (code = enroll_job(b, user, request->peer, id, &err)) != SLUICE_OK) {
        tell_ledger(answer, code, &err);
        return;
    }
    if (b->enroll(b->context, sluice_str_of(user), 0, &fresh, &err) != SLUICE_OK) {
        tell_enroll(answer, &err);
        return;
    }
    log_write(request, id[0] != '\0' ? id : NULL, "enroll", 1);
    if (id[0] != '\0' && b->wake != NULL)
        b->wake(b->context);
    o = json_pack("{s:s, s:b, s:b}", "user_id", user, "enrolled", 1, "first_contact", id[0] != '\0');
    (void)json_object_set_new(o, "job_id", id[0] != '\0' ? json_string(id) : json_null());
    admin_json_answer(answer, id[0] != '\0' ? 202 : 200, o);
}

void admin_backfill_enroll(const struct admin_backfill *b, const struct http_request *request,
                           struct http_answer *answer)
{
    static const char *const known[] = {"user_id", NULL};
    const char *user = NULL;
    char why[USER_ID_WHY];
    json_t *body;

    if (!is_configured(b, answer))
        return;
    if (b->enroll == NULL) {
        http_answer_error(answer, 501, "not_configured",
                          "no gate of this worker's config keeps enrolments (gate/valkey-enrollment)");
        return;
    }
    body = admin_json_read(request, known, answer);
    if (body == NULL)
        return;
    if (admin_json_text(body, "user_id", 4096, &user, answer)) {
        if (user == NULL)
            http_answer_error(answer, 400, "bad_request", "user_id is missing");
        else if (!user_id_check(user, strlen(user), USER_ID_MAX, why))
            admin_json_error(answer, 400, "invalid_id", "user_id: %s", why);
        else
            enroll(b, request, user, answer);
    }
    json_decref(body);
}
