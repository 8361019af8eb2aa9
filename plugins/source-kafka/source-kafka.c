/* source-kafka: the messages of Kafka topics, as a member of a consumer group. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kafka_source.h"

static const struct sluice_option kafka_options[] = {
    {.name = "brokers",
     .type = SLUICE_LIST,
     .flags = SLUICE_REQUIRED,
     .summary = "host:port of some brokers; the others are learnt from them",
     .example = "kafka-1:9092"},
    {.name = "topic",
     .type = SLUICE_LIST,
     .flags = SLUICE_REQUIRED,
     .summary = "the topic, or a list of topics",
     .example = "receipts"},
    {.name = "group",
     .type = SLUICE_STRING,
     .flags = SLUICE_REQUIRED,
     .summary = "consumer group: its members share the partitions, and it keeps the offsets",
     .example = "receipts-worker"},
    {.name = "instance_id",
     .type = SLUICE_STRING,
     .summary = "name of this member that outlives a restart (static membership); unique in the group",
     .details = "With it a restart within session_timeout moves no partition.",
     .example = "worker-1"},
    {.name = "start",
     .type = SLUICE_CHOICE,
     .default_text = "earliest",
     .choices = "earliest|latest",
     .summary = "where a partition begins for which the group has no offset"},
    {.name = "on_out_of_range",
     .type = SLUICE_CHOICE,
     .default_text = "stop",
     .choices = "stop|earliest|latest",
     .summary = "what to do when the group's offset is not there any more: stop, or go on at the oldest or "
                "newest message",
     .details = "What is skipped then is logged and counted in skipped_offsets_total."},
    {.name = "tombstones",
     .type = SLUICE_CHOICE,
     .default_text = "record",
     .choices = "record|skip",
     .summary = "messages without a payload: records like others, or passed over (counted)",
     .details = "A record without payload is nothing that the json decoder could read: it ends in the dead "
                "letters as `tombstone`, with its key."},
    {.name = "until_end",
     .type = SLUICE_BOOLEAN,
     .default_text = "false",
     .summary = "stop once all is read that was there when the partitions were assigned"},
    {.name = "tls", .type = SLUICE_BOOLEAN, .default_text = "false", .summary = "speak TLS to the brokers"},
    {.name = "ca_file",
     .type = SLUICE_PATH,
     .summary = "PEM file of the authorities that sign the brokers' certificates",
     .details = "Without it those of the system are trusted."},
    {.name = "cert_file", .type = SLUICE_PATH, .summary = "PEM file of the client's own certificate"},
    {.name = "key_file", .type = SLUICE_PATH, .summary = "PEM file of the key to cert_file"},
    {.name = "key_password",
     .type = SLUICE_STRING,
     .flags = SLUICE_SECRET,
     .summary = "password of key_file"},
    {.name = "insecure",
     .type = SLUICE_BOOLEAN,
     .default_text = "false",
     .summary = "do not verify the brokers' certificates; logged at each start"},
    {.name = "mechanism",
     .type = SLUICE_CHOICE,
     .default_text = "none",
     .choices = "none|plain|scram-sha-256|scram-sha-512|aws-msk-iam",
     .summary = "how to log in (SASL)",
     .details = "aws-msk-iam is for Amazon MSK (port 9098, tls: true): no name and password, but AWS "
                "credentials, and an IAM policy that allows kafka-cluster:Connect and to read topic and "
                "group."},
    {.name = "username", .type = SLUICE_STRING, .summary = "user that logs in", .example = "worker"},
    {.name = "password", .type = SLUICE_STRING, .flags = SLUICE_SECRET, .summary = "password of the user"},
    {.name = "aws_profile",
     .type = SLUICE_STRING,
     .summary = "aws-msk-iam: profile of the AWS config and credentials files",
     .details = "Without it: AWS_ACCESS_KEY_ID and its like, then AWS_PROFILE or the default profile, web "
                "identity, container and instance, as AWS's own tools look."},
    {.name = "aws_region",
     .type = SLUICE_STRING,
     .summary = "aws-msk-iam: region of the brokers",
     .details = "Without it: AWS_REGION, AWS_DEFAULT_REGION, the profile's.",
     .example = "us-east-1"},
    {.name = "queue",
     .type = SLUICE_SIZE,
     .default_text = "4MiB",
     .min = "64KiB",
     .max = "2047MiB",
     .summary = "bytes of messages fetched ahead, over all partitions"},
    {.name = "fetch",
     .type = SLUICE_SIZE,
     .default_text = "1MiB",
     .min = "16KiB",
     .max = "900MiB",
     .summary = "bytes asked of a broker at a time",
     .details = "They may be compressed: what they unpack to is in memory at once.  A message larger than "
                "this still comes."},
    {.name = "session_timeout",
     .type = SLUICE_DURATION,
     .default_text = "45s",
     .min = "1s",
     .max = "5m",
     .summary = "after so long without a sign of life others get the partitions"},
    {.name = "properties",
     .type = SLUICE_MAP,
     .summary = "further properties of librdkafka, by name",
     .details =
         "Allowed: broker.address.family, broker.address.ttl, check.crcs, client.id, client.rack, "
         "connections.max.idle.ms, coordinator.query.interval.ms, debug, fetch.error.backoff.ms, "
         "fetch.max.bytes, fetch.min.bytes, fetch.wait.max.ms, heartbeat.interval.ms, isolation.level, "
         "log.connection.close, max.poll.interval.ms, metadata.max.age.ms, partition.assignment.strategy "
         "(range, roundrobin), queued.min.messages, receive.message.max.bytes, reconnect.backoff.max.ms, "
         "reconnect.backoff.ms, session.timeout.ms, socket.connection.setup.timeout.ms, "
         "socket.keepalive.enable, socket.max.fails, socket.nagle.disable, socket.receive.buffer.bytes, "
         "socket.send.buffer.bytes, socket.timeout.ms, ssl.cipher.suites, ssl.crl.location, "
         "ssl.curves.list, ssl.sigalgs.list, topic.metadata.refresh.fast.interval.ms, "
         "topic.metadata.refresh.interval.ms.",
     .example = "{ client.rack: eu-1a }"},
};

static void kafka_destroy(void *self)
{
    struct kafka_source *k = self;

    kafka_forget_parts(k);
    kafka_login_free(&k->login);
    if (k->wake >= 0)
        (void)close(k->wake);
    pthread_cond_destroy(&k->kick.wake);
    pthread_mutex_destroy(&k->kick.lock);
    pthread_mutex_destroy(&k->stats_lock);
    pthread_mutex_destroy(&k->lock);
    free(k->headers);
    free(k);
}

static uint32_t kafka_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                             struct sluice_error *err)
{
    struct kafka_source *k;
    uint32_t i, code = kafka_conf_make(host, config, NULL, err);
    const char *user;

    if (code != SLUICE_OK)
        return code;
    k = calloc(1, sizeof *k);
    if (k == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    code = kafka_login_make(&k->login, host, config, err);
    if (code != SLUICE_OK) {
        free(k);
        return code;
    }
    k->host = host;
    k->config = config;
    k->wake = -1;
    user = host->option_string(config, "username");
    (void)snprintf(k->name, sizeof k->name, "%s", user == NULL ? "" : user);
    k->from_latest = host->option_integer(config, "start") == 1;
    k->out_of_range = (int)host->option_integer(config, "on_out_of_range");
    k->skip_tombstones = host->option_integer(config, "tombstones") == 1;
    k->until_end = host->option_integer(config, "until_end") != 0;
    k->insecure = host->option_integer(config, "insecure") != 0;
    k->plain_login =
        host->option_integer(config, "mechanism") == 1 && host->option_integer(config, "tls") == 0;
    for (i = 0; i < sizeof k->items / sizeof k->items[0]; i++)
        k->items[i].struct_size = sizeof k->items[i];
    (void)pthread_mutex_init(&k->lock, NULL); /* without attributes they cannot fail here */
    (void)pthread_mutex_init(&k->stats_lock, NULL);
    (void)pthread_mutex_init(&k->kick.lock, NULL);
    (void)pthread_cond_init(&k->kick.wake, NULL);
    k->kick.limit = (uint64_t)host->option_integer(config, "queue");
    k->kick.size = 1024;
    kafka_register_metrics(k);
    *self = k;
    return SLUICE_OK;
}

static const void *kafka_extension(void *self, const char *id)
{
    (void)self;
    if (strcmp(id, SLUICE_IDENTITY_ID) == 0)
        return &kafka_identity;
    return strcmp(id, SLUICE_LAG_ID) == 0 ? &kafka_lag : NULL;
}

static const struct sluice_lifecycle kafka_lifecycle = {
    .struct_size = sizeof kafka_lifecycle,
    .create = kafka_create,
    .destroy = kafka_destroy,
    .start = kafka_start,
    .stop = kafka_stop,
    .probe = kafka_probe,
    .cancel = kafka_cancel,
    .stats = kafka_stats,
    .extension = kafka_extension,
};

static const struct sluice_source_ops kafka_ops = {
    .struct_size = sizeof kafka_ops,
    .poll = kafka_poll,
    .settle = kafka_settle,
    .keepalive = kafka_keepalive,
    .fetch = kafka_fetch,
};

static const struct sluice_plugin source_kafka = {
    .struct_size = sizeof source_kafka,
    .kind = SLUICE_SOURCE,
    .flags = SLUICE_FINITE,
    .name = "kafka",
    .version = "0.1.0",
    .summary = "messages of Kafka topics, as a member of a consumer group",
    .licence = "MIT",
    SLUICE_OPTIONS(kafka_options),
    .lifecycle = &kafka_lifecycle,
    .ops = &kafka_ops,
    .example = "plugin: kafka\nbrokers: 127.0.0.1:9092\ntopic: receipts\ngroup: receipts-worker\n",
};

SLUICE_MODULE("source-kafka", NULL, NULL, &source_kafka);
