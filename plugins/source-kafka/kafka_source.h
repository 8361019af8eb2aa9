/* kafka_source: one instance of source/kafka and its parts.
 *
 * conf:   options to librdkafka's properties; property: which of those a user may give
 * client: start, stop and probe; what librdkafka reports
 * group:  partitions that come and go, where each begins
 * poll:   messages to records, keepalive, fetch
 * commit: what is done, told to the brokers
 * login:  tokens, where there is no password
 * words:  error codes as sentences
 *
 * Invariants: one thread at a time calls all of it but stats, cancel and lag.  Messages are
 * taken from a queue of their own (data), so that events (main) can be served without
 * taking one.  An offset is committed only for a partition that is owned, never beyond
 * what settle said of this ownership.  held[0 .. delivered) is what the last poll handed
 * out and stays until the next one. */
#ifndef SLUICE_PLUGINS_KAFKA_SOURCE_H
#define SLUICE_PLUGINS_KAFKA_SOURCE_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

#include <sluice/identity.h>
#include <sluice/lag.h>
#include <sluice/plugin.h>

#include "../common/aws_chain.h"

#define KAFKA_BATCH 1024u
#define KAFKA_SPARE 64u              /* for messages among the events, which divert() leaves none */
#define KAFKA_HEADERS_MAX (1u << 20) /* strings of headers in one poll */
#define KAFKA_NONE (-1)              /* no offset known */
#define KAFKA_MSK_IAM 4              /* of the choices of mechanism */

/* A partition that was owned at some time.  Entries are made once and stay. */
struct kafka_part {
    char *topic;
    int32_t partition;
    char *label;          /* "topic/3": the lane's name, and the metrics' label */
    const void *rkt;      /* the topic handle of its last message, for a quick look-up */
    uint32_t lane;        /* 0: not owned */
    int paused;           /* librdkafka fetches nothing of it */
    int reset;            /* its offset is out of range, and a new one is to be found */
    int64_t bad;          /* that offset */
    int64_t taken;        /* offset to take from the queue next: what is below was taken before */
    int64_t next;         /* offset to deliver next */
    int64_t skip;         /* one past the last tombstone passed over by this poll */
    int64_t last;         /* one past the last record delivered; the begin if there is none */
    int64_t settled;      /* all before it are done; the begin at first */
    int64_t passed;       /* the end was seen here: no message is between next and this */
    int64_t goal;         /* until_end: the end when the partition was assigned */
    int64_t sent;         /* committed in this ownership, or by the group before; KAFKA_NONE */
    _Atomic int owned;    /* the same as lane != 0, for stats */
    _Atomic int64_t told; /* next, for stats */
    _Atomic int64_t committed;
    _Atomic int64_t end;
    int64_t end_at; /* steady ms at which `end` was last known to be fresh; of stats */
};

struct kafka_metrics {
    uint32_t bytes, tombstones, duplicates, out_of_range, skipped, rebalances, commits, commit_failures,
        stale_acks, position, end, lag, assigned;
};

/* What is wrong with the brokers, in words; code 0: nothing. */
struct kafka_trouble {
    uint32_t code; /* DISCONNECTED | FATAL */
    int reach;     /* the brokers are not reached: asking them tells when it is over */
    char option[64];
    char words[400];
};

/* The thread that wakes broker threads, see kafka_kick.c. */
struct kafka_kick {
    pthread_t thread;
    pthread_mutex_t lock; /* list, stop */
    pthread_cond_t wake;
    int running, stop;
    rd_kafka_topic_partition_list_t *list;
    uint64_t since; /* bytes delivered since the last time */
    uint64_t size;  /* bytes of a message, about */
    uint64_t limit; /* bytes of the queue */
};

/* What tokens are made of; chain is NULL where the login needs none. */
struct kafka_login {
    const struct sluice_host *host;
    const struct sluice_http_api *http;
    struct sluice_http_client *client;
    struct aws_chain *chain;
};

struct kafka_source {
    const struct sluice_host *host;
    const struct sluice_config *config;
    char name[64]; /* of the user that logs in, for words */
    int from_latest;
    int out_of_range; /* 0 stop, 1 earliest, 2 latest */
    int skip_tombstones;
    int until_end;
    int insecure;
    int plain_login; /* a password goes over the wire as it is */
    struct kafka_metrics metric;
    struct kafka_login login;

    rd_kafka_t *rk; /* between start and stop */
    rd_kafka_queue_t *main;
    rd_kafka_queue_t *data;
    _Atomic int wake; /* eventfd: something is in main or data, or cancel; from the first start to destroy,
                       * so that a late cancel never writes elsewhere */
    struct kafka_trouble trouble;
    char said[200];          /* of the last connection that failed */
    int64_t trouble_look_at; /* steady ms; not before it the brokers are asked whether they are back */

    struct kafka_part **parts;
    uint32_t n_parts;
    pthread_mutex_t stats_lock;               /* held by stats, and while rk goes */
    pthread_mutex_t lock;                     /* the array `parts`, and rk, against stats */
    rd_kafka_topic_partition_list_t *pending; /* assigned, and not begun yet */
    int64_t pending_at;
    int begun; /* some assignment was begun since start */
    int n_reset;
    int64_t divert_until, divert_at;
    int pending_told;

    int commit_under_way;
    char commit_error[400]; /* "" while commits work */
    int64_t commit_at;      /* after a failure: not before */

    rd_kafka_message_t *held[KAFKA_BATCH + KAFKA_SPARE], *scratch[KAFKA_BATCH + KAFKA_SPARE];
    struct kafka_part *last_part; /* of the last message looked up */
    uint32_t n_held;
    uint32_t delivered;
    struct sluice_item items[KAFKA_BATCH + KAFKA_SPARE];
    struct sluice_str *headers;
    size_t n_headers, cap_headers;
    int64_t stats_at;
    struct kafka_kick kick;
};

/* kafka_conf.c: every option to a property, without I/O.  OK | INVALID | FATAL. */
uint32_t kafka_conf_make(const struct sluice_host *host, const struct sluice_config *config,
                         rd_kafka_conf_t **conf, struct sluice_error *err);
/* kafka_login.c */
uint32_t kafka_login_make(struct kafka_login *l, const struct sluice_host *host,
                          const struct sluice_config *config, struct sluice_error *err); /* OK | FATAL */
void kafka_login_free(struct kafka_login *l); /* no client is left */
/* For every client: before rd_kafka_new, and after it (OK | FATAL); refresh calls kafka_login_refresh. */
void kafka_login_prepare(const struct kafka_login *l, rd_kafka_conf_t *conf,
                         void (*refresh)(rd_kafka_t *rk, const char *config, void *opaque));
uint32_t kafka_login_begin(const struct kafka_login *l, rd_kafka_t *rk, struct sluice_error *err);
void kafka_login_refresh(struct kafka_login *l, rd_kafka_t *rk);
/* kafka_property.c: NULL if a user may give the property, or why not. */
const char *kafka_property_refusal(const char *name, const char *value);

/* kafka_client.c */
uint32_t kafka_start(void *self, struct sluice_error *err);
uint32_t kafka_stop(void *self, uint32_t deadline_ms, struct sluice_error *err);
uint32_t kafka_probe(void *self, struct sluice_error *err);
void kafka_cancel(void *self);
/* Serves events: rebalances, commits, errors. */
void kafka_serve(struct kafka_source *k);
/* 1 if brokers that did not answer do so again, or always did. */
int kafka_is_back(struct kafka_source *k);
void kafka_note_trouble(struct kafka_source *k, rd_kafka_resp_err_t code, const char *said);

/* kafka_group.c */
void kafka_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                     void *opaque);
struct kafka_part *kafka_part_of(struct kafka_source *k, const rd_kafka_message_t *m);
/* until_end: every message that was there at the assignment is taken. */
int kafka_at_goal(struct kafka_source *k);
/* Begins what was assigned and finds new offsets for what is out of range.  OK | FATAL. */
uint32_t kafka_begin_pending(struct kafka_source *k, struct sluice_error *err);
/* Pauses the partitions whose lane is full and resumes the others. */
void kafka_mind_windows(struct kafka_source *k);
void kafka_forget_parts(struct kafka_source *k); /* destroy */

/* kafka_poll.c */
uint32_t kafka_poll(void *self, struct sluice_batch *batch, uint64_t max, uint32_t timeout_ms,
                    struct sluice_error *err);
uint32_t kafka_keepalive(void *self, struct sluice_error *err);
int64_t kafka_fetch(void *self, uint32_t lane, uint64_t position, uint64_t offset, void *out, uint64_t cap,
                    struct sluice_error *err);
/* Gives up messages that were taken and not yet handed out: of one partition, or of all (NULL). */
void kafka_drop_taken(struct kafka_source *k, const struct kafka_part *part);
void kafka_drop_all(struct kafka_source *k); /* also what was handed out: stop */
/* Messages of the partition that were taken and not handed out. */
int kafka_has_taken(struct kafka_source *k, const struct kafka_part *part);
/* Keeps a message for delivery, or acts on the event that stands in its place; k->held has room. */
void kafka_hold(struct kafka_source *k, rd_kafka_message_t *m);

/* kafka_kick.c */
uint32_t kafka_kick_start(struct kafka_source *k, struct sluice_error *err); /* OK | RETRY */
void kafka_kick_stop(struct kafka_source *k);
/* After each poll, with what it delivered. */
void kafka_kick_mind(struct kafka_source *k, uint64_t messages, uint64_t bytes);

/* kafka_commit.c */
uint32_t kafka_settle(void *self, const struct sluice_acks *acks, struct sluice_error *err);
/* Sends what is done and not sent yet, unless a commit is under way. */
void kafka_commit_some(struct kafka_source *k);
/* Waits up to ms for it.  0; -1: not all is committed (said in commit_error). */
int kafka_commit_all(struct kafka_source *k, int ms);
void kafka_committed(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                     void *opaque);

/* kafka_words.c: fills t (option, words) from an error. */
void kafka_words(const struct kafka_source *k, rd_kafka_resp_err_t code, const char *said,
                 struct kafka_trouble *t);

/* kafka_stats.c */
void kafka_register_metrics(struct kafka_source *k);
void kafka_stats(void *self);

/* kafka_reader.c */
struct kafka_reader {
    struct kafka_source *source;
    rd_kafka_t *rk;
    int64_t until; /* steady ms, of the question that runs */
    char said[400];
    rd_kafka_resp_err_t said_code;
};
uint32_t kafka_reader_open(struct kafka_source *k, struct kafka_reader **reader,
                           struct sluice_error *err); /* OK | FATAL */
void kafka_reader_close(struct kafka_reader *r);
/* Begins a question; how many ms are left of it. */
void kafka_reader_ask(struct kafka_reader *r, uint32_t timeout_ms);
int kafka_reader_left(const struct kafka_reader *r);
/* All topics; to be destroyed.  OK, or err. */
uint32_t kafka_reader_metadata(struct kafka_reader *r, const struct rd_kafka_metadata **found,
                               struct sluice_error *err);
/* It failed: the reason of the connection, if there is one, says more. */
uint32_t kafka_reader_failed(struct kafka_reader *r, rd_kafka_resp_err_t code, const char *about,
                             struct sluice_error *err);

/* kafka_identity.c */
extern const struct sluice_identity kafka_identity;

/* kafka_lag.c */
extern const struct sluice_lag kafka_lag;

#endif
