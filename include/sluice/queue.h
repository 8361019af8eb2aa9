/* sluice/queue.h (draft): how many messages a queue has.
 *
 * `sluice queue depth` knows no queue service: it asks each source and sink of the config
 * through this interface, which the plugin returns from lifecycle.extension(self,
 * SLUICE_QUEUE_ID).  It works between create and destroy, without start, and takes no
 * part in the work: it receives no message.
 */
#ifndef SLUICE_QUEUE_H
#define SLUICE_QUEUE_H

#include <sluice/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_QUEUE_ID "sluice.draft.queue.1"

/* Numbers are -1 where the service does not tell them; services may only estimate them. */
struct sluice_queue_depth {
    uint32_t struct_size;
    uint32_t reserved;
    struct sluice_str name;
    struct sluice_str url;       /* what tells it from other queues */
    int64_t waiting;             /* to be received */
    int64_t in_work;             /* received and not deleted */
    int64_t delayed;             /* not to be received yet */
    struct sluice_str dead_name; /* of its dead-letter queue; absent: it has none */
    struct sluice_str dead_why;  /* why that could not be read; absent: it was */
    int64_t dead_waiting;
    int64_t dead_in_work;
};

struct sluice_queue_visitor {
    uint32_t struct_size;
    uint32_t reserved;
    void *context;
    void (*depth)(void *context, const struct sluice_queue_depth *depth); /* once */
};

struct sluice_queue {
    uint32_t struct_size;
    uint32_t reserved;
    /* [any] Shows the queue within timeout_ms for each round trip.  What the visitor is shown
     * lives until it returns.  OK | DISCONNECTED | FATAL | CANCELLED. */
    uint32_t (*read)(void *self, const struct sluice_queue_visitor *visitor, uint32_t timeout_ms,
                     struct sluice_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
