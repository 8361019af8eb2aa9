/* aws_sqs_ask: calls, and what becomes of them.
 *
 * Invariant: trouble that is not about what was asked (no connection, no or wrong credentials,
 * throttling, their 5xx) is DISCONNECTED, so that it costs no record an attempt. */
#include <strings.h>

#include "aws_sqs.h"

#define HEADERS_MAX 6u

/* What one call needs while it is under way. */
struct sending {
    struct aws_signed s;
    char target[64];
    struct sluice_str headers[2 * HEADERS_MAX];
    uint32_t n_headers;
    int is_signed;
};

void aws_sqs_ask_init(struct aws_sqs_ask *a, const char *action, size_t max)
{
    memset(a, 0, sizeof *a);
    a->action = action;
    strbuf_init(&a->body, max);
}

void aws_sqs_ask_clear(struct aws_sqs_ask *a)
{
    json_decref(a->answer);
    a->answer = NULL;
    a->code = SLUICE_NONE;
    a->retry_after_ms = 0;
    a->message[0] = '\0';
    strbuf_clear(&a->body);
}

void aws_sqs_ask_release(struct aws_sqs_ask *a)
{
    json_decref(a->answer);
    strbuf_release(&a->body);
    memset(a, 0, sizeof *a);
}

uint32_t aws_sqs_fail(const struct aws_sqs_ask *a, struct sluice_error *err)
{
    if (err != NULL)
        err->retry_after_ms = a->retry_after_ms;
    return sluice_fail(err, a->code, NULL, "%s", a->message);
}

static void add_header(struct sending *s, const char *name, const char *value)
{
    s->headers[2 * s->n_headers] = sluice_str_of(name);
    s->headers[2 * s->n_headers++ + 1] = sluice_str_of(value);
}

static uint32_t sign(const struct aws_sqs *q, struct aws_sqs_ask *a, const struct aws_keys *keys,
                     const char *region, struct sending *s, struct sluice_error *err)
{
    struct aws_pair signed_headers[2];
    struct aws_request r = {.method = "POST", .service = "sqs", .headers = signed_headers, .n_headers = 2};

    memset(s, 0, sizeof *s);
    (void)snprintf(s->target, sizeof s->target, "AmazonSQS.%s", a->action);
    add_header(s, "Content-Type", "application/x-amz-json-1.0");
    add_header(s, "X-Amz-Target", s->target);
    signed_headers[0] = (struct aws_pair){s->headers[0], s->headers[1]};
    signed_headers[1] = (struct aws_pair){s->headers[2], s->headers[3]};
    r.scheme = q->scheme;
    r.host = q->address;
    r.path = sluice_str_of(q->base);
    r.body = (struct sluice_str){strbuf_text(&a->body), a->body.len};
    r.region = region;
    r.encode_twice = 1;
    if (a->body.failed)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a request");
    if (aws_sign(&r, keys, q->host->now_ms(q->host), 0, &s->s, err) != 0)
        return err->code;
    s->is_signed = 1;
    add_header(s, "Authorization", strbuf_text(&s->s.authorization));
    add_header(s, "X-Amz-Date", s->s.date);
    if (keys->token != NULL)
        add_header(s, "X-Amz-Security-Token", keys->token);
    return SLUICE_OK;
}

/* Codes that are about the queue's state or its key, not about what was asked. */
static const char *queue_trouble(const struct aws_error *e)
{
    if (strcasecmp(e->code, "OverLimit") == 0)
        return "as many messages are in work as SQS allows for a queue (120,000, FIFO 20,000): are "
               "messages processed and not deleted?";
    if (strncasecmp(e->code, "Kms", 3) == 0)
        return "the queue's encryption key cannot be used: is it enabled, and do the credentials' policies "
               "allow it?";
    return NULL;
}

static void judge_refusal(const struct aws_sqs *q, struct aws_sqs_ask *a,
                          const struct sluice_http_response *r)
{
    struct sluice_error err = {.struct_size = sizeof err};
    const char *why;
    char what[160];

    aws_error_read(r, &a->refusal);
    (void)snprintf(what, sizeof what, "queue %s: %s", q->name, a->action);
    (void)aws_error_tell(&a->refusal, r->status, what, &err);
    if (a->refusal.trouble == AWS_EXPIRED || a->refusal.trouble == AWS_BAD_KEYS)
        aws_chain_forget(q->chain);
    a->retry_after_ms = r->retry_after_ms;
    a->code = a->refusal.trouble == AWS_OTHER && r->status >= 400 && r->status < 500 ? SLUICE_REJECT
                                                                                     : SLUICE_DISCONNECTED;
    if (r->status == 500 || r->status == 502 || r->status == 504)
        a->code = SLUICE_UNSURE; /* who says that nothing was done? */
    if ((why = queue_trouble(&a->refusal)) != NULL) {
        a->code = SLUICE_DISCONNECTED;
        (void)snprintf(a->message, sizeof a->message, "%s: %s (%.60s)", what, why, a->refusal.code);
    } else {
        (void)snprintf(a->message, sizeof a->message, "%.250s%s%.140s", err.message,
                       a->refusal.trouble == AWS_OTHER ? ": " : "",
                       a->refusal.trouble == AWS_OTHER ? a->refusal.message : "");
    }
}

static void judge(const struct aws_sqs *q, struct aws_sqs_ask *a, const struct sluice_http_response *r)
{
    a->code = r->code;
    if (r->code != SLUICE_OK) {
        a->retry_after_ms = r->retry_after_ms;
        if (r->code == SLUICE_RETRY)
            a->code = SLUICE_DISCONNECTED;
        (void)snprintf(a->message, sizeof a->message, "queue %s: %s: %.190s", q->name, a->action, r->message);
        return;
    }
    if (r->status != 200) {
        judge_refusal(q, a, r);
        return;
    }
    a->answer = r->body.len == 0 ? json_object()
                                 : json_loadb(r->body.data, (size_t)r->body.len, JSON_ALLOW_NUL, NULL);
    if (json_is_object(a->answer))
        return;
    json_decref(a->answer);
    a->answer = NULL;
    a->code = SLUICE_UNSURE;
    (void)snprintf(a->message, sizeof a->message,
                   "queue %s: %s: the answer is not of SQS; is the address right", q->name, a->action);
}

static void fail_all(struct aws_sqs_ask *const *asks, uint32_t n, const struct aws_sqs *q,
                     const struct sluice_error *err)
{
    uint32_t i;

    for (i = 0; i < n; i++) {
        asks[i]->code = err->code == SLUICE_CANCELLED ? SLUICE_CANCELLED : SLUICE_DISCONNECTED;
        asks[i]->retry_after_ms = err->retry_after_ms;
        (void)snprintf(asks[i]->message, sizeof asks[i]->message, "queue %s: %.280s", q->name, err->message);
    }
}

/* Signs and sends; -1 with err: nothing was sent. */
static int send_all(const struct aws_sqs *q, struct sluice_http_client *client,
                    struct aws_sqs_ask *const *asks, uint32_t n, uint32_t timeout_ms,
                    const struct aws_keys *keys, const char *region, struct sluice_error *err)
{
    struct sending sending[AWS_SQS_ASKS];
    struct sluice_http_request requests[AWS_SQS_ASKS];
    struct sluice_http_response responses[AWS_SQS_ASKS];
    uint32_t i, ready = 0, code = SLUICE_OK;

    memset(requests, 0, sizeof requests);
    memset(responses, 0, sizeof responses);
    for (; ready < n && code == SLUICE_OK; ready++) {
        struct sluice_http_request *r = &requests[ready];

        code = sign(q, asks[ready], keys, region, &sending[ready], err);
        r->struct_size = sizeof *r;
        r->flags = asks[ready]->repeat ? SLUICE_HTTP_REPEAT : 0;
        r->method = "POST";
        r->url = strbuf_text(&sending[ready].s.url);
        r->headers = sending[ready].headers;
        r->n_headers = sending[ready].n_headers;
        r->body = (struct sluice_str){strbuf_text(&asks[ready]->body), asks[ready]->body.len};
        responses[ready].struct_size = sizeof responses[ready];
    }
    if (code == SLUICE_OK)
        code = q->http->perform(client, requests, n, sizeof requests[0], responses, sizeof responses[0],
                                timeout_ms, err);
    if (code == SLUICE_OK) {
        for (i = 0; i < n; i++)
            judge(q, asks[i], &responses[i]);
        q->http->release(responses, n, sizeof responses[0]);
    }
    for (i = 0; i < ready; i++)
        if (sending[i].is_signed)
            aws_signed_release(&sending[i].s);
    return code == SLUICE_OK ? 0 : -1;
}

void aws_sqs_perform(const struct aws_sqs *q, struct sluice_http_client *client,
                     struct aws_sqs_ask *const *asks, uint32_t n, uint32_t timeout_ms)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct aws_held held;
    char region[64];

    if (n == 0)
        return;
    if (aws_chain_keys(q->chain, &held, &err) != 0) {
        fail_all(asks, n, q, &err);
        return;
    }
    if (aws_chain_region(q->chain, region, sizeof region, &err) != 0 ||
        send_all(q, client != NULL ? client : q->client, asks, n, timeout_ms, &held.keys, region, &err) != 0)
        fail_all(asks, n, q, &err);
    aws_held_release(&held);
}
