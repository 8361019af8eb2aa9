/* flag_wait: see flag_wait.h.
 *
 * The version of a flag is made of what the flag and its lists say, so a worker that shows the version that
 * this process has just found all users in lets them through, too. */
#include "flag_wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "http_client.h"

#define AGAIN_MS 500
#define ASK_MS 10000u

struct looking {
    struct flag_look *out;
    struct key_table *users;
    const char *list;
    int in_list; /* the segment that is shown names the list */
};

static uint32_t see_flag(void *context, const char *version, uint32_t enabled)
{
    struct looking *l = context;

    (void)version;
    l->out->enabled = enabled != 0;
    return SLUICE_OK;
}

static uint32_t see_segment(void *context, const struct sluice_flag_segment *s)
{
    struct looking *l = context;

    l->in_list = s->list.data != NULL && s->list.len == strlen(l->list) &&
                 memcmp(s->list.data, l->list, (size_t)s->list.len) == 0;
    if (!l->in_list)
        return SLUICE_OK;
    if (!l->out->has_segment || s->rollout > l->out->rollout) {
        l->out->rollout = s->rollout;
        (void)snprintf(l->out->segment, sizeof l->out->segment, "%.*s",
                       s->name.len < 99 ? (int)s->name.len : 99, s->name.data == NULL ? "" : s->name.data);
    }
    l->out->has_segment = 1;
    return SLUICE_OK;
}

static uint32_t see_user(void *context, const struct sluice_flag_user *user)
{
    struct looking *l = context;
    uint32_t i = key_table_find(l->users, user->id);

    if (i == KEY_NONE) {
        l->out->leaving += (uint64_t)l->in_list;
    } else if (user->on && l->users->entries[i].bits == 0) {
        l->users->entries[i].bits = 1;
        l->out->on++;
    }
    return SLUICE_OK;
}

uint32_t flag_look(const struct flag_gate *g, struct key_table *users, const char *list,
                   struct flag_look *out, struct sluice_error *err)
{
    struct looking l = {out, users, list, 0};
    const struct sluice_flag_visitor visitor = {.struct_size = sizeof visitor,
                                                .context = &l,
                                                .flag = see_flag,
                                                .segment = see_segment,
                                                .user = see_user};
    uint32_t i;

    memset(out, 0, sizeof *out);
    for (i = 0; i < users->n; i++)
        users->entries[i].bits = 0;
    error_clear(err);
    return g->flag->users(g->self, &visitor, err);
}

/* 1: version holds the version that was in use before and after all users were found behind the flag. */
static int look_here(struct flag_wait *w)
{
    struct sluice_error err;
    struct flag_look look;
    char before[128];

    w->version[0] = '\0';
    if (flag_gate_look(w->gate, &err) != SLUICE_OK ||
        flag_look(w->gate, w->users, w->list, &look, &err) != SLUICE_OK) {
        (void)snprintf(w->why, sizeof w->why, "the flag cannot be read: %.400s", err.message);
        return 0;
    }
    if (!look.enabled || look.on < w->users->n) {
        (void)snprintf(w->why, sizeof w->why, "the flag is %s and lets %u of the %u users through%s",
                       look.enabled ? "on" : "off", look.enabled ? look.on : 0, w->users->n,
                       look.has_segment ? "" : "; no segment names the list");
        return 0;
    }
    if (!w->gate->flag->version(w->gate->self, before, sizeof before) ||
        flag_gate_look(w->gate, &err) != SLUICE_OK ||
        !w->gate->flag->version(w->gate->self, w->version, sizeof w->version) ||
        strcmp(before, w->version) != 0) {
        w->version[0] = '\0';
        (void)snprintf(w->why, sizeof w->why, "the flag has just changed");
        return 0;
    }
    return 1;
}

/* Of a worker's /pipelines: 1 if each gate of the flag has the version; seen says what it has. */
static int judge_worker(const struct flag_wait *w, const json_t *j, char *seen, size_t size)
{
    const json_t *pipeline, *flag;
    int gates = 0, good = 0;
    size_t i, k;

    json_array_foreach(json_object_get(j, "pipelines"), i, pipeline)
    {
        json_array_foreach(json_object_get(pipeline, "flags"), k, flag)
        {
            const char *name = json_string_value(json_object_get(flag, "flag"));
            const char *version = json_string_value(json_object_get(flag, "version"));

            if (name == NULL || strcmp(name, w->flag) != 0)
                continue;
            gates++;
            if (version != NULL && strcmp(version, w->version) == 0)
                good++;
            else
                (void)snprintf(seen, size, "has version %.100s", version == NULL ? "none" : version);
        }
    }
    if (gates == 0)
        (void)snprintf(seen, size, "has no gate of the flag %.100s", w->flag);
    else if (good == gates)
        (void)snprintf(seen, size, "has it");
    return gates > 0 && good == gates;
}

static int read_answer(const struct flag_wait *w, const struct sluice_http_response *r, char *seen,
                       size_t size)
{
    json_t *j;
    int good;

    if (r->code != SLUICE_OK || r->status != 200) {
        if (r->code != SLUICE_OK)
            (void)snprintf(seen, size, "does not answer: %.150s", r->message);
        else
            (void)snprintf(seen, size, "answers %u%s", r->status,
                           r->status == 401 ? " (give its token with --token-file)" : "");
        return 0;
    }
    j = json_loadb(r->body.data, (size_t)r->body.len, 0, NULL);
    if (j == NULL)
        (void)snprintf(seen, size, "answers no JSON at /pipelines");
    good = j != NULL && judge_worker(w, j, seen, size);
    json_decref(j);
    return good;
}

static int ask_worker(const struct flag_wait *w, struct sluice_http_client *client, const char *url,
                      char *seen, size_t size)
{
    const struct sluice_http_api *http = http_client_api();
    struct sluice_http_request r = {.struct_size = sizeof r, .method = "GET"};
    struct sluice_http_response answer;
    struct sluice_str headers[2];
    struct sluice_error err;
    char address[1100], bearer[1100];
    size_t len = strlen(url);
    int good;

    while (len > 0 && url[len - 1] == '/')
        len--;
    if (snprintf(address, sizeof address, "%.*s/pipelines", (int)len, url) >= (int)sizeof address) {
        (void)snprintf(seen, size, "has too long an address");
        return 0;
    }
    r.url = address;
    r.headers = headers;
    if (w->token != NULL) {
        (void)snprintf(bearer, sizeof bearer, "Bearer %s", w->token);
        headers[0] = sluice_str_of("Authorization");
        headers[1] = sluice_str_of(bearer);
        r.n_headers = 1;
    }
    memset(&answer, 0, sizeof answer);
    answer.struct_size = sizeof answer;
    error_clear(&err);
    if (http->perform(client, &r, 1, sizeof r, &answer, sizeof answer, ASK_MS, &err) != SLUICE_OK) {
        (void)snprintf(seen, size, "cannot be asked: %.150s", err.message);
        return 0;
    }
    good = read_answer(w, &answer, seen, size);
    http->release(&answer, 1, sizeof answer);
    return good;
}

/* 1: each worker has the version. */
static int look_at_workers(struct flag_wait *w, struct sluice_http_client *client)
{
    size_t i, good = 0;

    json_decref(w->report);
    w->report = json_array();
    for (i = 0; i < w->workers->n; i++) {
        char seen[300] = "";
        int has = ask_worker(w, client, w->workers->items[i], seen, sizeof seen);

        good += (size_t)has;
        if (!has)
            (void)snprintf(w->why, sizeof w->why, "%.200s %s, and the version that holds the users is %.100s",
                           w->workers->items[i], seen, w->version);
        (void)json_array_append_new(w->report, json_pack("{s:s, s:b, s:s}", "worker", w->workers->items[i],
                                                         "ready", has, "state", seen));
    }
    return good == w->workers->n;
}

static void say(const struct flag_wait *w, char *said, size_t size)
{
    if (strcmp(w->why, said) == 0)
        return;
    (void)snprintf(said, size, "%s", w->why);
    fprintf(stderr, "waiting: %s\n", w->why);
}

int flag_wait(struct flag_wait *w)
{
    const struct timespec again = {0, AGAIN_MS * 1000000L};
    int64_t until = clock_steady_ms() + w->timeout_ms;
    struct sluice_http_client *client = NULL;
    struct sluice_error err;
    char said[900] = "";
    int done = 0;

    error_clear(&err);
    if (flag_gate_start(w->gate, &err) != SLUICE_OK) {
        (void)snprintf(w->why, sizeof w->why, "the gate does not start: %.400s", err.message);
        return 1;
    }
    if (w->workers->n > 0) {
        client = http_client_api() == NULL
                     ? NULL
                     : http_client_api()->client(instance_host(w->gate->instance), NULL, &err);
        if (client == NULL) {
            (void)snprintf(w->why, sizeof w->why, "the workers cannot be asked: %.400s", err.message);
            return 1;
        }
    }
    for (;;) {
        done = look_here(w) && (w->workers->n == 0 || look_at_workers(w, client));
        if (done || clock_steady_ms() >= until)
            break;
        say(w, said, sizeof said);
        (void)nanosleep(&again, NULL);
    }
    if (client != NULL)
        http_client_api()->free(client);
    return done ? 0 : 1;
}
