/* sqs_double: the queue, and one function an action. */
#include "sqs_double.h"

#include <check.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "http_script.h"

#define MESSAGES_MAX 4096u
#define CALLS_MAX 4096u
#define FAULTS_MAX 16u

struct message {
    char *id, *body, *more;
    char handle[64];
    unsigned received;
    int64_t visible_at;
    int deleted, sent;
};

struct fault {
    char action[40], holding[80], code[80], text[120];
    int whole, sender_fault, times;
    unsigned status;
};

struct sqs_double {
    struct http_script *server;
    pthread_mutex_t lock;
    struct message messages[MESSAGES_MAX];
    unsigned n;
    struct fault faults[FAULTS_MAX];
    unsigned n_faults;
    struct {
        char action[40];
        char *body;
    } calls[CALLS_MAX];
    unsigned n_calls, n_handles;
    char yaml[1000];
};

/* --- what the test says ------------------------------------------------------------- */

static struct message *add(struct sqs_double *d, const char *id, const char *body, const char *more)
{
    struct message *m = &d->messages[d->n];

    ck_assert_uint_lt(d->n, MESSAGES_MAX);
    m->id = strdup(id);
    m->body = strdup(body);
    m->more = strdup(more);
    ck_assert(m->id != NULL && m->body != NULL && m->more != NULL);
    d->n++;
    return m;
}

void sqs_double_put(struct sqs_double *d, const char *id, const char *body, const char *more)
{
    pthread_mutex_lock(&d->lock);
    (void)add(d, id, body, more);
    pthread_mutex_unlock(&d->lock);
}

static struct message *find(struct sqs_double *d, const char *id)
{
    unsigned i;

    for (i = 0; i < d->n; i++)
        if (strcmp(d->messages[i].id, id) == 0)
            return &d->messages[i];
    return NULL;
}

void sqs_double_expire(struct sqs_double *d, const char *id)
{
    pthread_mutex_lock(&d->lock);
    find(d, id)->visible_at = 0;
    pthread_mutex_unlock(&d->lock);
}

int sqs_double_visible(struct sqs_double *d, const char *id)
{
    const struct message *m;
    int visible;

    pthread_mutex_lock(&d->lock);
    m = find(d, id);
    visible = m != NULL && !m->deleted && m->visible_at <= clock_steady_ms();
    pthread_mutex_unlock(&d->lock);
    return visible;
}

static void add_fault(struct sqs_double *d, struct fault f)
{
    pthread_mutex_lock(&d->lock);
    ck_assert_uint_lt(d->n_faults, FAULTS_MAX);
    d->faults[d->n_faults++] = f;
    pthread_mutex_unlock(&d->lock);
}

void sqs_double_fail(struct sqs_double *d, const char *action, const char *holding, const char *code,
                     int sender_fault, int times)
{
    struct fault f = {.sender_fault = sender_fault, .times = times};

    (void)snprintf(f.action, sizeof f.action, "%s", action);
    (void)snprintf(f.holding, sizeof f.holding, "%s", holding);
    (void)snprintf(f.code, sizeof f.code, "%s", code);
    add_fault(d, f);
}

void sqs_double_refuse(struct sqs_double *d, const char *action, unsigned status, const char *type,
                       const char *message, int times)
{
    struct fault f = {.whole = 1, .status = status, .times = times};

    (void)snprintf(f.action, sizeof f.action, "%s", action);
    (void)snprintf(f.code, sizeof f.code, "%s", type == NULL ? "" : type);
    (void)snprintf(f.text, sizeof f.text, "%s", message == NULL ? "" : message);
    add_fault(d, f);
}

static struct fault *fault_of(struct sqs_double *d, const char *action, int whole, const char *text)
{
    unsigned i;

    for (i = 0; i < d->n_faults; i++) {
        struct fault *f = &d->faults[i];

        if (f->times > 0 && f->whole == whole && strcmp(f->action, action) == 0 &&
            (whole || strstr(text, f->holding) != NULL)) {
            f->times--;
            return f;
        }
    }
    return NULL;
}

/* --- what the test asks ------------------------------------------------------------- */

unsigned sqs_double_calls(struct sqs_double *d, const char *action)
{
    unsigned i, n = 0;

    pthread_mutex_lock(&d->lock);
    for (i = 0; i < d->n_calls; i++)
        n += strcmp(d->calls[i].action, action) == 0;
    pthread_mutex_unlock(&d->lock);
    return n;
}

const char *sqs_double_body(struct sqs_double *d, const char *action, unsigned call)
{
    const char *body = NULL;
    unsigned i;

    pthread_mutex_lock(&d->lock);
    for (i = 0; i < d->n_calls && body == NULL; i++)
        if (strcmp(d->calls[i].action, action) == 0 && call-- == 0)
            body = d->calls[i].body;
    pthread_mutex_unlock(&d->lock);
    return body;
}

static unsigned count(struct sqs_double *d, const char *body, int sent)
{
    unsigned i, n = 0;

    pthread_mutex_lock(&d->lock);
    for (i = 0; i < d->n; i++)
        n += !d->messages[i].deleted && d->messages[i].sent >= sent &&
             (body == NULL || strcmp(d->messages[i].body, body) == 0);
    pthread_mutex_unlock(&d->lock);
    return n;
}

unsigned sqs_double_left(struct sqs_double *d)
{
    return count(d, NULL, 0);
}

unsigned sqs_double_count(struct sqs_double *d, const char *body)
{
    return count(d, body, 0);
}

const char *sqs_double_sent(struct sqs_double *d, unsigned n)
{
    const char *body = NULL;
    unsigned i;

    pthread_mutex_lock(&d->lock);
    for (i = 0; i < d->n && body == NULL; i++)
        if (d->messages[i].sent && n-- == 0)
            body = d->messages[i].body;
    pthread_mutex_unlock(&d->lock);
    return body;
}

/* --- the actions -------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

static json_t *receive(struct sqs_double *d, const json_t *ask)
{
    json_int_t most = json_integer_value(json_object_get(ask, "MaxNumberOfMessages"));
    json_int_t seconds = json_integer_value(json_object_get(ask, "VisibilityTimeout"));
    json_t *list = json_array(), *one;
    int64_t now = clock_steady_ms();
    unsigned i;

    for (i = 0; i < d->n && json_array_size(list) < (size_t)most; i++) {
        struct message *m = &d->messages[i];
        char times[16], more[1000];

        if (m->deleted || m->visible_at > now)
            continue;
        m->received++;
        m->visible_at = now + seconds * 1000;
        (void)snprintf(m->handle, sizeof m->handle, "%s#%u", m->id, ++d->n_handles);
        (void)snprintf(times, sizeof times, "%u", m->received);
        (void)snprintf(more, sizeof more, "{%s}", m->more);
        one = json_loads(more, 0, NULL);
        ck_assert_msg(one != NULL, "%s", more);
        json_object_set_new(one, "MessageId", json_string(m->id));
        json_object_set_new(one, "ReceiptHandle", json_string(m->handle));
        json_object_set_new(one, "Body", json_string(m->body));
        if (json_object_get(one, "Attributes") == NULL)
            json_object_set_new(one, "Attributes", json_object());
        json_object_set_new(json_object_get(one, "Attributes"), "ApproximateReceiveCount",
                            json_string(times));
        json_array_append_new(list, one);
    }
    return json_pack("{s:o}", "Messages", list);
}

/* What one entry does; NULL, or the code it fails with. */
static const char *apply(struct sqs_double *d, const char *action, const json_t *entry)
{
    const char *handle = text_of(entry, "ReceiptHandle");
    char id[80];
    unsigned i;

    if (strcmp(action, "SendMessageBatch") == 0) {
        (void)snprintf(id, sizeof id, "sent-%u", d->n);
        add(d, id, text_of(entry, "MessageBody"), "")->sent = 1;
        return NULL;
    }
    for (i = 0; i < d->n; i++) {
        struct message *m = &d->messages[i];

        if (m->handle[0] == '\0' || strcmp(m->handle, handle) != 0)
            continue;
        if (strcmp(action, "DeleteMessageBatch") == 0)
            m->deleted = 1;
        else
            m->visible_at =
                clock_steady_ms() + 1000 * json_integer_value(json_object_get(entry, "VisibilityTimeout"));
        return NULL;
    }
    return "ReceiptHandleIsInvalid";
}

static json_t *batch(struct sqs_double *d, const char *action, const json_t *ask)
{
    json_t *done = json_array(), *failed = json_array(), *entry;
    size_t i;

    json_array_foreach(json_object_get(ask, "Entries"), i, entry)
    {
        char *text = json_dumps(entry, JSON_COMPACT);
        const struct fault *f = fault_of(d, action, 0, text);
        const char *code = f != NULL ? f->code : apply(d, action, entry);

        free(text);
        if (code == NULL)
            json_array_append_new(done, json_pack("{s:s}", "Id", text_of(entry, "Id")));
        else if (code[0] != '\0')
            json_array_append_new(failed, json_pack("{s:s,s:s,s:s,s:b}", "Id", text_of(entry, "Id"), "Code",
                                                    code, "Message", "as the test asked", "SenderFault",
                                                    f == NULL || f->sender_fault));
    }
    return json_pack("{s:o,s:o}", "Successful", done, "Failed", failed);
}

static json_t *act(struct sqs_double *d, const char *action, const json_t *ask)
{
    if (strcmp(action, "ReceiveMessage") == 0)
        return receive(d, ask);
    if (strcmp(action, "GetQueueAttributes") == 0)
        return json_pack("{s:{s:s,s:s,s:s,s:s}}", "Attributes", "ApproximateNumberOfMessages", "3",
                         "ApproximateNumberOfMessagesNotVisible", "2", "ApproximateNumberOfMessagesDelayed",
                         "1", "MaximumMessageSize", "262144");
    return batch(d, action, ask);
}

static void on_request(void *context, const struct http_script_request *request,
                       struct http_script_reply *reply)
{
    struct sqs_double *d = context;
    const char *action = strchr(request->target, '.');
    json_t *ask = json_loadb(request->body, request->body_len, 0, NULL), *answer;
    const struct fault *f;

    action = action == NULL ? "" : action + 1;
    pthread_mutex_lock(&d->lock);
    if (d->n_calls < CALLS_MAX) {
        (void)snprintf(d->calls[d->n_calls].action, sizeof d->calls[0].action, "%s", action);
        d->calls[d->n_calls++].body = strdup(request->body);
    }
    f = fault_of(d, action, 1, "");
    if (ask == NULL || strncmp(request->target, "AmazonSQS.", 10) != 0) {
        reply->status = 400;
    } else if (f != NULL && f->status == 0) {
        reply->hold = 1;
    } else {
        reply->status = f != NULL ? f->status : 200;
        answer =
            f != NULL ? json_pack("{s:s,s:s}", "__type", f->code, "message", f->text) : act(d, action, ask);
        reply->body = json_dumps(answer, JSON_COMPACT);
        json_decref(answer);
    }
    pthread_mutex_unlock(&d->lock);
    json_decref(ask);
}

/* --- its life ----------------------------------------------------------------------- */

struct sqs_double *sqs_double_start(void)
{
    struct sqs_double *d = calloc(1, sizeof *d);

    ck_assert_ptr_nonnull(d);
    (void)pthread_mutex_init(&d->lock, NULL);
    ck_assert_int_eq(setenv("AWS_ACCESS_KEY_ID", "AKIDTEST", 1), 0);
    ck_assert_int_eq(setenv("AWS_SECRET_ACCESS_KEY", "canary-secret", 1), 0);
    ck_assert_int_eq(unsetenv("AWS_SESSION_TOKEN"), 0);
    d->server = http_script_start(on_request, d);
    return d;
}

void sqs_double_stop(struct sqs_double *d)
{
    unsigned i;

    http_script_stop(d->server);
    for (i = 0; i < d->n; i++) {
        free(d->messages[i].id);
        free(d->messages[i].body);
        free(d->messages[i].more);
    }
    for (i = 0; i < d->n_calls; i++)
        free(d->calls[i].body);
    (void)pthread_mutex_destroy(&d->lock);
    free(d);
}

const char *sqs_double_yaml(struct sqs_double *d, const char *name, const char *more)
{
    (void)snprintf(d->yaml, sizeof d->yaml, "queue_url: %s/123456789012/%s\naws_region: us-east-1\n%s",
                   http_script_url(d->server), name, more);
    return d->yaml;
}
