/* sqs_double: a queue in memory that speaks the JSON protocol of SQS and fails as a test asks.
 *
 * For what a real server does not show: entries that fail, answers that never come, handles that
 * went stale.  It checks no signature; the integration tests do that against a server that does. */
#ifndef SLUICE_TESTS_SQS_DOUBLE_H
#define SLUICE_TESTS_SQS_DOUBLE_H

#include <stdint.h>

struct sqs_double;

/* Sets the AWS_ variables of the environment, too. */
struct sqs_double *sqs_double_start(void);
void sqs_double_stop(struct sqs_double *d);
/* "queue_url: …\naws_region: …\n" for a config; name is the queue's. */
const char *sqs_double_yaml(struct sqs_double *d, const char *name, const char *more);

/* A message in the queue.  more: further members of ReceiveMessage's entry, or "". */
void sqs_double_put(struct sqs_double *d, const char *id, const char *body, const char *more);
/* It becomes visible at once, whoever holds it. */
void sqs_double_expire(struct sqs_double *d, const char *id);

/* The next `times` entries of that action whose body or handle contains `holding` fail. */
void sqs_double_fail(struct sqs_double *d, const char *action, const char *holding, const char *code,
                     int sender_fault, int times);
/* The next `times` calls of that action are refused; status 0: never answered. */
void sqs_double_refuse(struct sqs_double *d, const char *action, unsigned status, const char *type,
                       const char *message, int times);

unsigned sqs_double_calls(struct sqs_double *d, const char *action);
/* Of the call with this number, from 0; until stop.  NULL: there was none. */
const char *sqs_double_body(struct sqs_double *d, const char *action, unsigned call);
unsigned sqs_double_left(struct sqs_double *d);                    /* messages not deleted */
unsigned sqs_double_count(struct sqs_double *d, const char *body); /* messages with this body */
int sqs_double_visible(struct sqs_double *d, const char *id);      /* 1: whoever receives now gets it */
/* Text of the n-th message that was sent, or NULL. */
const char *sqs_double_sent(struct sqs_double *d, unsigned n);

#endif
