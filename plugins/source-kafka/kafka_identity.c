/* kafka_identity: which cluster the brokers are of, and whose credentials log in. */
#include <string.h>

#include "../common/aws_identity.h"
#include "kafka_source.h"

static uint32_t kafka_knows(void *self, const char *what)
{
    const struct kafka_source *k = self;

    return strcmp(what, SLUICE_KAFKA_CLUSTER) == 0 ||
           (strcmp(what, SLUICE_AWS_ACCOUNT) == 0 && k->login.chain != NULL);
}

static uint32_t kafka_tell_cluster(struct kafka_source *k, uint32_t timeout_ms,
                                   const struct sluice_identity_visitor *visitor, struct sluice_error *err)
{
    const struct rd_kafka_metadata *found;
    struct kafka_reader *r;
    uint32_t code = kafka_reader_open(k, &r, err);
    char *id;

    if (code != SLUICE_OK)
        return code;
    kafka_reader_ask(r, timeout_ms);
    code = kafka_reader_metadata(r, &found, err);
    if (code == SLUICE_OK) {
        rd_kafka_metadata_destroy(found);
        id = rd_kafka_clusterid(r->rk, kafka_reader_left(r));
        if (id != NULL)
            visitor->name(visitor->context, sluice_str_of(id));
        else
            code = sluice_fail(err, SLUICE_FATAL, "brokers", "the brokers do not tell the cluster's id");
        if (id != NULL)
            rd_kafka_mem_free(r->rk, id);
    }
    kafka_reader_close(r);
    return code;
}

static uint32_t kafka_tell(void *self, const char *what, uint32_t timeout_ms,
                           const struct sluice_identity_visitor *visitor, struct sluice_error *err)
{
    struct kafka_source *k = self;

    return strcmp(what, SLUICE_AWS_ACCOUNT) == 0 ? aws_identity_tell(k->login.chain, timeout_ms, visitor, err)
                                                 : kafka_tell_cluster(k, timeout_ms, visitor, err);
}

const struct sluice_identity kafka_identity = {
    .struct_size = sizeof kafka_identity,
    .knows = kafka_knows,
    .tell = kafka_tell,
};
