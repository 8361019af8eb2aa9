/* source_sqs: one instance of source/sqs and its parts.
 *
 * receive: threads that fetch messages; keep: the thread that keeps them invisible to others;
 * poll: messages to records; settle: deleting; held: what was received and is not deleted.
 *
 * `lock` guards everything below it.  Entries are made by receivers and removed by the host's
 * calls (poll, settle, stop) and, once DONE, by whoever holds `deleting`. */
#ifndef SLUICE_PLUGINS_SOURCE_SQS_H
#define SLUICE_PLUGINS_SOURCE_SQS_H

#include <pthread.h>
#include <stdatomic.h>

#include <sluice/plugin.h>

#include "../common/aws_sqs.h"

#define SQS_MAX_RECEIVERS 16u
#define SQS_MAX_HEADERS 32u /* pairs of one record; SQS has at most 10 + 9 */
#define SQS_ITEMS 64u
#define SQS_GONE 1024u /* messages remembered whose delete was refused */
#define SQS_SLICE_MS 100u

/* What a record's bytes point into; lives until the poll after the one that handed it out. */
struct sqs_message {
    struct sqs_message *after;
    json_t *json;
    uint64_t position;
    int64_t sent_ms;
    struct sluice_str body, key, id;
    uint64_t n_headers;
    struct sluice_str headers[2 * SQS_MAX_HEADERS];
};

enum held_state {
    HELD_READY, /* received, not handed out */
    HELD_OUT,   /* the host has it */
    HELD_DONE,  /* to be deleted */
    HELD_GONE   /* done, and its handle could not be deleted: if it comes again it is deleted unseen */
};

struct held {
    struct held *by_next, *by_id; /* of the same bucket */
    struct held *before, *after;  /* of all */
    struct held *queued;          /* of ready, or of done */
    enum held_state state;
    uint64_t next, position;
    int64_t until;               /* steady: nobody else gets it before */
    uint32_t delivery;           /* grows with each handle */
    int lost;                    /* it can't be kept invisible any more */
    struct sqs_message *message; /* READY */
    char *id, *handle;
};

struct held_queue {
    struct held *first, **last;
};

struct held_table {
    struct held **next_buckets, **id_buckets;
    size_t n_buckets; /* a power of two */
    size_t n;
    struct held *all;
};

struct sqs_metrics {
    uint32_t messages, twice, expired, extended, lost, deleted, undeleted, returned, held;
};

struct sqs_source {
    const struct sluice_host *host;
    struct sluice_host http_host; /* the host as our threads' clients see it: cancelled once cut */
    struct aws_sqs queue;         /* its client: keep, and stop */
    struct sluice_http_client *receiving_client, *settling_client;
    uint32_t wait_s, visibility_s, receivers;
    int until_empty;
    struct sqs_metrics metric;
    uint32_t lane;
    atomic_int cut;

    struct sqs_message *given; /* of the last poll; the source's thread only */
    pthread_mutex_t deleting;  /* taken before lock */

    pthread_mutex_t lock;
    pthread_cond_t wake; /* something below changed */
    struct held_table table;
    struct held_queue ready, done;
    size_t n_ready;
    uint64_t last_next;
    uint64_t gone[SQS_GONE]; /* `next` of entries that are GONE; a ring */
    uint64_t n_gone;
    uint32_t n_receiving;  /* calls under way */
    uint32_t empty_streak; /* receives in a row that found nothing */
    int stopping, started;
    int late;          /* done holds entries that no settle is going to ask for */
    char trouble[400]; /* why nothing is received; empty: all is well */
    uint32_t trouble_retry_ms;
    pthread_t threads[SQS_MAX_RECEIVERS], keeper;
    uint32_t n_threads;
};

/* held.c.  0, or -1 no memory (h is then still the caller's). */
int held_add(struct held_table *t, struct held *h);
void held_remove(struct held_table *t, struct held *h); /* out of the table and freed */
struct held *held_by_next(const struct held_table *t, uint64_t next);
struct held *held_by_id(const struct held_table *t, uint64_t position, const char *id);
void held_free(struct held *h);
void held_release(struct held_table *t); /* frees all of it */
void held_push(struct held_queue *q, struct held *h);
void held_unpop(struct held_queue *q, struct held *h); /* in front */
struct held *held_pop(struct held_queue *q);           /* NULL: empty */

/* sqs_message.c */
struct sqs_message *sqs_message_make(json_t *json); /* borrows json; NULL: not a message, or no memory */
void sqs_message_free(struct sqs_message *m);
uint32_t sqs_receive_count(const struct sqs_message *m);
int sqs_is_redriven(const struct sqs_message *m);

/* sqs_receive.c */
void *sqs_receive_run(void *context);
/* Waits for `wake` up to ms, with lock held. */
void sqs_wait(struct sqs_source *s, uint32_t ms);

/* sqs_keep.c */
void *sqs_keep_run(void *context);
void sqs_return_all(struct sqs_source *s, uint32_t deadline_ms);

/* sqs_settle.c */
uint32_t sqs_settle(void *self, const struct sluice_acks *acks, struct sluice_error *err);
/* Deletes all that is DONE.  OK | RETRY | DISCONNECTED | CANCELLED; what is left stays DONE. */
uint32_t sqs_delete_done(struct sqs_source *s, struct sluice_http_client *client, struct sluice_error *err);

/* sqs_poll.c */
uint32_t sqs_poll(void *self, struct sluice_batch *batch, uint64_t max, uint32_t timeout_ms,
                  struct sluice_error *err);
int64_t sqs_fetch(void *self, uint32_t lane, uint64_t position, uint64_t offset, void *out, uint64_t cap,
                  struct sluice_error *err);
void sqs_forget_given(struct sqs_source *s);

#endif
