/* aws_sqs_depth: how many messages a queue has, and its dead-letter queue.
 *
 * The numbers are SQS's own estimates.  A dead-letter queue that cannot be read is told with
 * the reason and is no failure: a worker's policy rarely covers it. */
#include <stdlib.h>

#include <sluice/queue.h>

#include "aws_sqs.h"

#define MAX_ASK 4096u

static const char *const asked[] = {"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
                                    "ApproximateNumberOfMessagesDelayed", "RedrivePolicy",
                                    "MaximumMessageSize"};

static void make_body(struct aws_sqs_ask *a, const char *url)
{
    size_t i;

    strbuf_puts(&a->body, "{\"QueueUrl\":");
    strbuf_json(&a->body, url, strlen(url));
    strbuf_puts(&a->body, ",\"AttributeNames\":[");
    for (i = 0; i < sizeof asked / sizeof asked[0]; i++)
        strbuf_printf(&a->body, "%s\"%s\"", i > 0 ? "," : "", asked[i]);
    strbuf_puts(&a->body, "]}");
}

/* Numbers come as texts.  -1: absent or no number. */
static int64_t number(const json_t *answer, const char *name)
{
    const char *text = json_string_value(json_object_get(json_object_get(answer, "Attributes"), name));
    char *end;
    long long n;

    if (text == NULL || text[0] < '0' || text[0] > '9')
        return -1;
    n = strtoll(text, &end, 10);
    return *end == '\0' && n >= 0 && n < INT64_MAX ? (int64_t)n : -1;
}

/* Asks about one queue.  OK: a->answer has what is to be read. */
static uint32_t look(const struct aws_sqs *q, const char *url, struct aws_sqs_ask *a, uint32_t timeout_ms)
{
    make_body(a, url);
    a->repeat = 1;
    aws_sqs_perform(q, NULL, &a, 1, timeout_ms);
    if (a->code == SLUICE_REJECT || a->code == SLUICE_UNSURE)
        a->code = SLUICE_DISCONNECTED;
    if (a->code != SLUICE_OK || number(a->answer, asked[0]) >= 0)
        return a->code;
    (void)snprintf(a->message, sizeof a->message,
                   "queue %s: the answer holds no number of messages; is the address that of SQS", q->name);
    return a->code = SLUICE_DISCONNECTED;
}

/* "arn:aws:sqs:us-east-1:123456789012:name" of the RedrivePolicy, or NULL; the caller frees. */
static char *dead_arn(const json_t *answer)
{
    const json_t *text = json_object_get(json_object_get(answer, "Attributes"), "RedrivePolicy");
    json_t *policy = json_is_string(text) ? json_loads(json_string_value(text), 0, NULL) : NULL;
    const char *arn = json_string_value(json_object_get(policy, "deadLetterTargetArn"));
    char *copy = arn == NULL ? NULL : strdup(arn);

    json_decref(policy);
    return copy;
}

/* The dead-letter queue is in the same region, so only account and name differ. */
static int dead_url(const struct aws_sqs *q, const char *arn, char *out, size_t size)
{
    const char *name = strrchr(arn, ':'), *account, *last = strrchr(q->url, '/'), *before = last;
    size_t root;

    if (name == NULL || name == arn || name[1] == '\0' || strpbrk(arn, "/?#\\ ") != NULL)
        return -1;
    for (account = name; account > arn && account[-1] != ':'; account--)
        ;
    while (before > q->url && before[-1] != '/')
        before--;
    root = (size_t)(before - q->url);
    if (strchr("0123456789", *before) == NULL || account == arn) /* no account in the path */
        return (size_t)snprintf(out, size, "%.*s/%s", (int)(last - q->url), q->url, name + 1) < size ? 0 : -1;
    return (size_t)snprintf(out, size, "%.*s%.*s/%s", (int)root, q->url, (int)(name - account), account,
                            name + 1) < size
               ? 0
               : -1;
}

static void look_dead(const struct aws_sqs *q, const char *arn, uint32_t timeout_ms,
                      struct sluice_queue_depth *d, char *why, size_t why_size)
{
    const char *name = strrchr(arn, ':');
    struct aws_sqs_ask a;
    char url[600];

    d->dead_name = sluice_str_of(name == NULL ? arn : name + 1);
    if (dead_url(q, arn, url, sizeof url) != 0) {
        (void)snprintf(why, why_size, "its name in the redrive policy cannot be read");
        d->dead_why = sluice_str_of(why);
        return;
    }
    aws_sqs_ask_init(&a, "GetQueueAttributes", MAX_ASK);
    if (look(q, url, &a, timeout_ms) == SLUICE_OK) {
        d->dead_waiting = number(a.answer, asked[0]);
        d->dead_in_work = number(a.answer, asked[1]);
    } else {
        (void)snprintf(why, why_size, "%s", a.message);
        d->dead_why = sluice_str_of(why);
    }
    aws_sqs_ask_release(&a);
}

uint32_t aws_sqs_depth(const struct aws_sqs *q, const struct sluice_queue_visitor *visitor,
                       uint32_t timeout_ms, struct sluice_error *err)
{
    struct sluice_queue_depth d = {.struct_size = sizeof d, .dead_waiting = -1, .dead_in_work = -1};
    struct aws_sqs_ask a;
    char *arn = NULL, why[400] = "";
    uint32_t code;

    aws_sqs_ask_init(&a, "GetQueueAttributes", MAX_ASK);
    code = look(q, q->url, &a, timeout_ms);
    if (code != SLUICE_OK)
        (void)aws_sqs_fail(&a, err);
    if (code == SLUICE_OK) {
        d.name = sluice_str_of(q->name);
        d.url = sluice_str_of(q->url);
        d.waiting = number(a.answer, asked[0]);
        d.in_work = number(a.answer, asked[1]);
        d.delayed = number(a.answer, asked[2]);
        arn = dead_arn(a.answer);
        if (arn != NULL)
            look_dead(q, arn, timeout_ms, &d, why, sizeof why);
        visitor->depth(visitor->context, &d);
    }
    free(arn);
    aws_sqs_ask_release(&a);
    return code;
}

uint32_t aws_sqs_probe(const struct aws_sqs *q, uint64_t *max_message, struct sluice_error *err)
{
    struct aws_sqs_ask a;
    uint32_t code;
    int64_t most;

    aws_sqs_ask_init(&a, "GetQueueAttributes", MAX_ASK);
    code = look(q, q->url, &a, q->timeout_ms);
    if (code != SLUICE_OK) {
        (void)aws_sqs_fail(&a, err);
    } else if (max_message != NULL) {
        most = number(a.answer, asked[4]);
        *max_message = most > 0 ? (uint64_t)most : 0;
    }
    aws_sqs_ask_release(&a);
    return code;
}
