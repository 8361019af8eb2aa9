/* sluice/identity.h (draft): who is at the other end.
 *
 * `expect:` in a config names what belongs to this environment: an AWS account, a Kafka
 * cluster, a Neo4j database.  Before the first record is read the host asks every instance
 * that talks to such a thing, through this interface, which a plugin returns from
 * lifecycle.extension(self, SLUICE_IDENTITY_ID).  It works between create and destroy,
 * without start, and changes nothing anywhere.
 */
#ifndef SLUICE_IDENTITY_H
#define SLUICE_IDENTITY_H

#include <sluice/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_IDENTITY_ID "sluice.draft.identity.1"

/* What can be asked for; more may come. */
#define SLUICE_AWS_ACCOUNT "aws_account"       /* twelve digits */
#define SLUICE_KAFKA_CLUSTER "kafka_cluster"   /* the cluster's id */
#define SLUICE_NEO4J_DATABASE "neo4j_database" /* its name, and its id */

struct sluice_identity_visitor {
    uint32_t struct_size;
    uint32_t reserved;
    void *context;
    /* Once for each name of the one thing; an expectation holds if it is one of them.  value lives until it
     * returns. */
    void (*name)(void *context, struct sluice_str value);
};

struct sluice_identity {
    uint32_t struct_size;
    uint32_t reserved;
    /* [instance] 1 if this instance talks to such a thing.  No I/O. */
    uint32_t (*knows)(void *self, const char *what);
    /* [instance] Asks, within about timeout_ms.  OK | RETRY, DISCONNECTED: nobody answered | FATAL. */
    uint32_t (*tell)(void *self, const char *what, uint32_t timeout_ms,
                     const struct sluice_identity_visitor *visitor, struct sluice_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
