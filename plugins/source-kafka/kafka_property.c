/* kafka_property: which of librdkafka's properties a user may give.
 *
 * An allow-list, since some of them load code into the process, some carry secrets past
 * the redaction, and some would commit what is not done.  Those that people are likely
 * to try are refused with the way to go. */
#include <string.h>

#include "kafka_source.h"

static const char *const allowed[] = {
    "broker.address.family",
    "broker.address.ttl",
    "check.crcs",
    "client.id",
    "client.rack",
    "connections.max.idle.ms",
    "coordinator.query.interval.ms",
    "debug",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.min.bytes",
    "fetch.wait.max.ms",
    "heartbeat.interval.ms",
    "isolation.level",
    "log.connection.close",
    "max.poll.interval.ms",
    "metadata.max.age.ms",
    "partition.assignment.strategy",
    "queued.min.messages",
    "receive.message.max.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "session.timeout.ms",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.max.fails",
    "socket.nagle.disable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "socket.timeout.ms",
    "ssl.cipher.suites",
    "ssl.crl.location",
    "ssl.curves.list",
    "ssl.sigalgs.list",
    "topic.metadata.refresh.fast.interval.ms",
    "topic.metadata.refresh.interval.ms",
};

#define OWN_OFFSETS "offsets are committed by sluice alone, and only for what is done"
#define LOADS_CODE "it loads code into the process; plugins are the way to do that"

/* name, or the start of names if it ends with a dot. */
static const struct {
    const char *name;
    const char *why;
} refused[] = {
    {"plugin.library.paths", LOADS_CODE},
    {"ssl.engine.location", LOADS_CODE},
    {"ssl.providers", LOADS_CODE},
    {"enable.auto.commit", OWN_OFFSETS},
    {"enable.auto.offset.store", OWN_OFFSETS},
    {"auto.commit.", OWN_OFFSETS},
    {"offset.store.", OWN_OFFSETS},
    {"auto.offset.reset", "use the options start and on_out_of_range"},
    {"bootstrap.servers", "use the option brokers"},
    {"metadata.broker.list", "use the option brokers"},
    {"group.id", "use the option group"},
    {"group.instance.id", "use the option instance_id"},
    {"security.protocol", "use the options tls and mechanism"},
    {"sasl.mechanism", "use the option mechanism"},
    {"sasl.mechanisms", "use the option mechanism"},
    {"sasl.username", "use the option username"},
    {"sasl.password", "use the option password, which is kept secret"},
    {"sasl.", "logins are those of the option mechanism: by name and password, and aws-msk-iam"},
    {"ssl.ca.", "use the option ca_file"},
    {"ssl.certificate.", "use the option cert_file"},
    {"ssl.key.", "use the options key_file and key_password, which is kept secret"},
    {"ssl.keystore.", "use PEM files: cert_file and key_file"},
    {"enable.ssl.certificate.verification", "use the option insecure"},
    {"ssl.endpoint.identification.algorithm", "use the option insecure"},
    {"queued.max.messages.kbytes", "use the option queue"},
    {"fetch.message.max.bytes", "use the option fetch"},
    {"max.partition.fetch.bytes", "use the option fetch"},
    {"enable.partition.eof", "sluice needs it as it is"},
    {"statistics.interval.ms", "lag, position and end are metrics of this source already"},
    {"test.mock.", "the brokers must be real ones"},
};

static int matches(const char *pattern, const char *name)
{
    size_t len = strlen(pattern);

    return pattern[len - 1] == '.' ? strncmp(name, pattern, len) == 0 : strcmp(name, pattern) == 0;
}

const char *kafka_property_refusal(const char *name, const char *value)
{
    size_t i;

    for (i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (matches(refused[i].name, name))
            return refused[i].why;
    if (strcmp(name, "partition.assignment.strategy") == 0 && strstr(value, "sticky") != NULL)
        return "cooperative-sticky can lose an assignment in librdkafka 2.0; use range or roundrobin";
    for (i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        if (strcmp(allowed[i], name) == 0)
            return NULL;
    return "it is not on the list of properties that are known to do no harm here (the page of source/kafka "
           "has the list)";
}
