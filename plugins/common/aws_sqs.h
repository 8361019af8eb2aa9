/* aws_sqs: one queue of SQS, or of what speaks like it: signed calls of the JSON protocol.
 *
 * [instance] open, close; [any] perform and what reads answers. */
#ifndef SLUICE_PLUGINS_AWS_SQS_H
#define SLUICE_PLUGINS_AWS_SQS_H

#include <jansson.h>
#include <sluice/identity.h>
#include <sluice/option.h>

#include "aws_chain.h"
#include "aws_error.h"

#define AWS_SQS_BATCH 10u            /* most entries of a batch call */
#define AWS_SQS_ASKS 16u             /* most calls of one perform */
#define AWS_SQS_MAX_MESSAGE 1048576u /* bytes of a message, and of a batch */

/* Where the queue is and who asks: the options that everything about SQS has. */
#define AWS_SQS_OPTIONS                                                                                      \
    {.name = "queue_url",                                                                                    \
     .type = SLUICE_URL,                                                                                     \
     .flags = SLUICE_REQUIRED,                                                                               \
     .summary = "URL of the queue, as SQS names it",                                                         \
     .example = "https://sqs.us-east-1.amazonaws.com/123456789012/users"},                                   \
        {.name = "aws_region",                                                                               \
         .type = SLUICE_STRING,                                                                              \
         .summary = "region of the queue; else that of its URL, AWS_REGION, or the profile's",               \
         .example = "us-east-1"},                                                                            \
        {.name = "aws_endpoint",                                                                             \
         .type = SLUICE_URL,                                                                                 \
         .summary = "where to ask, in place of the host in queue_url",                                       \
         .example = "http://127.0.0.1:9324"},                                                                \
        {.name = "aws_profile",                                                                              \
         .type = SLUICE_STRING,                                                                              \
         .summary = "profile of the shared AWS files; else AWS_PROFILE, then default",                       \
         .example = "stage"},                                                                                \
        {.name = "ca_file",                                                                                  \
         .type = SLUICE_PATH,                                                                                \
         .summary = "certificates to trust, PEM, in place of the system's"},                                 \
    {                                                                                                        \
        .name = "timeout", .type = SLUICE_DURATION, .default_text = "10s", .min = "100ms", .max = "2m",      \
        .summary = "of one call; a long poll may last as long again as it waits"                             \
    }

struct aws_sqs {
    const struct sluice_host *host;
    const struct sluice_http_api *http;
    struct sluice_http_client *client; /* of all calls but those that name their own */
    struct aws_chain *chain;
    const char *url; /* of the queue */
    char scheme[8];
    char address[264]; /* host, and the port if it is not the scheme's own */
    char base[256];    /* path of the endpoint: "/" as a rule */
    char region[48];   /* empty: that of the chain */
    char name[96];     /* of the queue, for people */
    uint32_t timeout_ms;
    int fifo;
};

/* Reads the options above.  chain_host: what the chain and the client take for their host (its clock,
 * and when to give up).  OK | INVALID | FATAL; close in both cases. */
uint32_t aws_sqs_open(struct aws_sqs *q, const struct sluice_host *host, const struct sluice_host *chain_host,
                      const struct sluice_config *config, uint32_t parallel, struct sluice_error *err);
void aws_sqs_close(struct aws_sqs *q);
/* The region that stands in the name of a host of AWS, or 0. */
int aws_sqs_region_of(const char *address, char *out, size_t size);

/* One call.  Before: action, body (a JSON object), repeat.  After: code and what belongs to it.
 * code: OK            the queue has answered: answer
 *       DISCONNECTED  nothing came of it, whatever the message says: later, all the same
 *       UNSURE        it may have been done, and no word of it came
 *       REJECT        what was asked cannot be done: refusal says why
 *       CANCELLED */
struct aws_sqs_ask {
    const char *action; /* "SendMessageBatch" */
    const char *url;    /* of another queue than q's; NULL */
    struct strbuf body;
    int repeat; /* doing it twice is as good as once */
    uint32_t code;
    uint32_t retry_after_ms;
    json_t *answer; /* an object */
    struct aws_error refusal;
    char message[400]; /* of other than OK */
};

void aws_sqs_ask_init(struct aws_sqs_ask *a, const char *action, size_t max);
/* Frees the answer and empties the body, keeping its memory. */
void aws_sqs_ask_clear(struct aws_sqs_ask *a);
void aws_sqs_ask_release(struct aws_sqs_ask *a);
/* All at once, at most AWS_SQS_ASKS.  client NULL: q's own. */
void aws_sqs_perform(const struct aws_sqs *q, struct sluice_http_client *client,
                     struct aws_sqs_ask *const *asks, uint32_t n, uint32_t timeout_ms);
/* The code and the message of an ask that is not OK. */
uint32_t aws_sqs_fail(const struct aws_sqs_ask *a, struct sluice_error *err);

/* aws_sqs_answer.c: the entry with this Id ("0", "1" …) in the answer of a batch call. */
enum aws_sqs_fate {
    AWS_SQS_DONE,   /* in Successful */
    AWS_SQS_LATER,  /* in Failed, and it may pass; or in neither */
    AWS_SQS_REFUSED /* in Failed, through the sender's fault */
};
struct aws_sqs_entry {
    enum aws_sqs_fate fate;
    char code[80];     /* of Failed; printable */
    char message[160]; /* the same */
};
void aws_sqs_entry(const json_t *answer, uint32_t id, struct aws_sqs_entry *out);

/* NULL if SQS takes the text for a message, else why not. */
const char *aws_sqs_text_problem(const char *data, size_t len);

/* aws_sqs_depth.c: sluice/queue.h for a queue, and the round trip of a probe. */
struct sluice_queue_visitor;
uint32_t aws_sqs_depth(const struct aws_sqs *q, const struct sluice_queue_visitor *visitor,
                       uint32_t timeout_ms, struct sluice_error *err);
/* OK with the queue's longest message, 0: not told. */
uint32_t aws_sqs_probe(const struct aws_sqs *q, uint64_t *max_message, struct sluice_error *err);

/* aws_sqs_identity.c: sluice/identity.h: the AWS account of the queue. */
uint32_t aws_sqs_knows(const char *what);
uint32_t aws_sqs_tell_account(const struct aws_sqs *q, uint32_t timeout_ms,
                              const struct sluice_identity_visitor *visitor, struct sluice_error *err);

#endif
