/* kafka_conf: the options as librdkafka's configuration.  No I/O: files are named here and
 * opened by start, so that `check` can make an instance anywhere. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kafka_source.h"

#define NAMES_MAX 4096u

static const char *const mechanisms[] = {"", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"};

/* What no option says and the defaults of the library get wrong for this use; measured. */
static const char *const fixed[][2] = {
    {"enable.auto.commit", "false"},       {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "error"}, /* asked for here: start, on_out_of_range */
    {"enable.partition.eof", "true"},      {"partition.assignment.strategy", "range,roundrobin"},
    {"allow.auto.create.topics", "false"}, {"client.id", "sluice"},
    {"log.connection.close", "false"},     {"socket.nagle.disable", "true"},
    {"fetch.error.backoff.ms", "50"},      {"queued.min.messages", "1000000"}, /* bytes are the limit */
};

static uint32_t kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value, const char *option,
                          struct sluice_error *err)
{
    char why[256];

    if (value == NULL)
        return SLUICE_OK;
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return SLUICE_OK;
    return sluice_fail(err, SLUICE_INVALID, option, "librdkafka refuses %s: %s", name, why);
}

/* The items of a list with commas between. */
static uint32_t kafka_join(const struct sluice_host *host, const struct sluice_config *config,
                           const char *option, char out[NAMES_MAX], struct sluice_error *err)
{
    uint64_t n = host->option_count(config, option), i;
    size_t used = 0;

    for (i = 0; i < n; i++) {
        const char *item = host->option_item(config, option, i);
        size_t len = strlen(item);

        if (len == 0 || strchr(item, ',') != NULL || strchr(item, ' ') != NULL)
            return sluice_fail(err, SLUICE_INVALID, option,
                               "'%s' is not one address; write a list: [a:9092, b:9092]", item);
        if (used + len + 2 > NAMES_MAX)
            return sluice_fail(err, SLUICE_INVALID, option, "more than %u bytes of addresses", NAMES_MAX);
        if (used > 0)
            out[used++] = ',';
        memcpy(out + used, item, len);
        used += len;
    }
    out[used] = '\0';
    if (used == 0)
        return sluice_fail(err, SLUICE_INVALID, option, "at least one is needed");
    return SLUICE_OK;
}

static uint32_t kafka_check_topics(const struct sluice_host *host, const struct sluice_config *config,
                                   struct sluice_error *err)
{
    uint64_t n = host->option_count(config, "topic"), i, j;

    if (n == 0)
        return sluice_fail(err, SLUICE_INVALID, "topic", "at least one topic is needed");
    for (i = 0; i < n; i++) {
        const char *name = host->option_item(config, "topic", i);

        if (name[0] == '^')
            return sluice_fail(err, SLUICE_INVALID, "topic", "'%s' is a pattern; name each topic", name);
        if (name[0] == '\0' || strlen(name) > 249 ||
            strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != strlen(name))
            return sluice_fail(err, SLUICE_INVALID, "topic",
                               "'%s' cannot be a topic: letters, digits, '.', '_' and '-', at most 249",
                               name);
        for (j = 0; j < i; j++)
            if (strcmp(name, host->option_item(config, "topic", j)) == 0)
                return sluice_fail(err, SLUICE_INVALID, "topic", "'%s' is named twice", name);
    }
    return SLUICE_OK;
}

/* A name and a password, AWS credentials, or nothing. */
static uint32_t kafka_check_login(const struct sluice_host *host, const struct sluice_config *config,
                                  struct sluice_error *err)
{
    static const char *const of_user[] = {"username", "password"}, *const of_aws[] = {"aws_profile",
                                                                                      "aws_region"};
    int64_t mechanism = host->option_integer(config, "mechanism");
    size_t i;

    for (i = 0; i < 2; i++) {
        int user = host->option_given(config, of_user[i]) != 0;

        if (mechanism != KAFKA_MSK_IAM && host->option_given(config, of_aws[i]))
            return sluice_fail(err, SLUICE_INVALID, of_aws[i], "this needs mechanism: aws-msk-iam");
        if (mechanism == 0 && user)
            return sluice_fail(err, SLUICE_INVALID, "mechanism",
                               "a user is given and no way to log in; set mechanism, for example "
                               "scram-sha-256");
        if (mechanism == KAFKA_MSK_IAM && user)
            return sluice_fail(err, SLUICE_INVALID, of_user[i],
                               "aws-msk-iam logs in with AWS credentials; a user goes with plain and scram");
        if (mechanism != 0 && mechanism != KAFKA_MSK_IAM && !user)
            return sluice_fail(err, SLUICE_INVALID, of_user[i], "mechanism needs a username and a password");
    }
    if (mechanism == KAFKA_MSK_IAM && host->option_integer(config, "tls") == 0)
        return sluice_fail(err, SLUICE_INVALID, "tls",
                           "aws-msk-iam needs tls: true: who reads the token on its way can log in with it");
    return SLUICE_OK;
}

/* Options that make no sense without another. */
static uint32_t kafka_check_security(const struct sluice_host *host, const struct sluice_config *config,
                                     struct sluice_error *err)
{
    static const char *const of_tls[] = {"ca_file", "cert_file", "key_file", "key_password"};
    int tls = host->option_integer(config, "tls") != 0;
    size_t i;

    for (i = 0; !tls && i < sizeof of_tls / sizeof of_tls[0]; i++)
        if (host->option_given(config, of_tls[i]))
            return sluice_fail(err, SLUICE_INVALID, of_tls[i], "this needs tls: true");
    if (!tls && host->option_integer(config, "insecure") != 0)
        return sluice_fail(err, SLUICE_INVALID, "insecure", "this needs tls: true");
    if (host->option_given(config, "cert_file") != host->option_given(config, "key_file"))
        return sluice_fail(err, SLUICE_INVALID,
                           host->option_given(config, "cert_file") ? "cert_file" : "key_file",
                           "cert_file and key_file go together");
    return kafka_check_login(host, config, err);
}

static uint32_t kafka_set_security(const struct sluice_host *host, const struct sluice_config *config,
                                   rd_kafka_conf_t *conf, struct sluice_error *err)
{
    static const char *const protocols[2][2] = {{"PLAINTEXT", "SASL_PLAINTEXT"}, {"SSL", "SASL_SSL"}};
    static const char *const texts[][2] = {{"ca_file", "ssl.ca.location"},
                                           {"cert_file", "ssl.certificate.location"},
                                           {"key_file", "ssl.key.location"},
                                           {"key_password", "ssl.key.password"}};
    int64_t mechanism = host->option_integer(config, "mechanism");
    int tls = host->option_integer(config, "tls") != 0;
    uint32_t code = kafka_check_security(host, config, err);
    size_t i;

    if (code == SLUICE_OK)
        code = kafka_set(conf, "security.protocol", protocols[tls][mechanism != 0], "tls", err);
    for (i = 0; tls && code == SLUICE_OK && i < sizeof texts / sizeof texts[0]; i++)
        code = kafka_set(conf, texts[i][1], host->option_string(config, texts[i][0]), texts[i][0], err);
    if (code == SLUICE_OK && tls && host->option_integer(config, "insecure") != 0) {
        code = kafka_set(conf, "enable.ssl.certificate.verification", "false", "insecure", err);
        if (code == SLUICE_OK)
            code = kafka_set(conf, "ssl.endpoint.identification.algorithm", "none", "insecure", err);
    } else if (code == SLUICE_OK && tls) {
        code = kafka_set(conf, "ssl.endpoint.identification.algorithm", "https", "tls", err);
    }
    if (code != SLUICE_OK || mechanism == 0)
        return code;
    code = kafka_set(conf, "sasl.mechanisms", mechanisms[mechanism], "mechanism", err);
    if (code == SLUICE_OK) /* both are unset where there is a token */
        code = kafka_set(conf, "sasl.username", host->option_string(config, "username"), "username", err);
    if (code == SLUICE_OK)
        code = kafka_set(conf, "sasl.password", host->option_string(config, "password"), "password", err);
    return code;
}

/* Sizes that librdkafka accepts only together are set together: else start would refuse
 * what check took. */
static uint32_t kafka_set_sizes(const struct sluice_host *host, const struct sluice_config *config,
                                rd_kafka_conf_t *conf, struct sluice_error *err)
{
    int64_t fetch = host->option_integer(config, "fetch");
    int64_t session = host->option_integer(config, "session_timeout");
    const struct {
        const char *name, *option;
        int64_t value;
    } sizes[] = {
        {"queued.max.messages.kbytes", "queue", host->option_integer(config, "queue") / 1024},
        {"message.max.bytes", "fetch", fetch < 1000000 ? fetch : 1000000},
        {"fetch.message.max.bytes", "fetch", fetch},
        {"fetch.max.bytes", "fetch", fetch},
        {"receive.message.max.bytes", "fetch", fetch < 99000000 ? 100000000 : fetch + 1000000},
        {"session.timeout.ms", "session_timeout", session},
        /* two may be late; librdkafka's own 3 s would end a short session every time */
        {"heartbeat.interval.ms", "session_timeout", session / 3 < 3000 ? session / 3 : 3000},
    };
    uint32_t code = SLUICE_OK;
    char text[32];
    size_t i;

    for (i = 0; code == SLUICE_OK && i < sizeof sizes / sizeof sizes[0]; i++) {
        (void)snprintf(text, sizeof text, "%" PRId64, sizes[i].value);
        code = kafka_set(conf, sizes[i].name, text, sizes[i].option, err);
    }
    return code;
}

static uint32_t kafka_set_properties(const struct sluice_host *host, const struct sluice_config *config,
                                     rd_kafka_conf_t *conf, struct sluice_error *err)
{
    uint64_t n = host->option_count(config, "properties"), i;

    for (i = 0; i < n; i++) {
        const char *name = host->option_item(config, "properties", i);
        const char *value = host->option_values(config, "properties", i) == 1
                                ? host->option_value(config, "properties", i, 0)
                                : NULL;
        const char *why;
        uint32_t code;

        if (value == NULL)
            return sluice_fail(err, SLUICE_INVALID, "properties", "%s: one value was expected", name);
        why = kafka_property_refusal(name, value);
        if (why != NULL)
            return sluice_fail(err, SLUICE_INVALID, "properties", "%s is not allowed: %s", name, why);
        code = kafka_set(conf, name, value, "properties", err);
        if (code != SLUICE_OK)
            return code;
    }
    return SLUICE_OK;
}

static uint32_t kafka_set_all(const struct sluice_host *host, const struct sluice_config *config,
                              rd_kafka_conf_t *conf, struct sluice_error *err)
{
    char brokers[NAMES_MAX];
    uint32_t code = SLUICE_OK;
    size_t i;

    for (i = 0; code == SLUICE_OK && i < sizeof fixed / sizeof fixed[0]; i++)
        code = kafka_set(conf, fixed[i][0], fixed[i][1], NULL, err);
    if (code == SLUICE_OK)
        code = kafka_join(host, config, "brokers", brokers, err);
    if (code == SLUICE_OK)
        code = kafka_set(conf, "bootstrap.servers", brokers, "brokers", err);
    if (code == SLUICE_OK)
        code = kafka_set(conf, "group.id", host->option_string(config, "group"), "group", err);
    if (code == SLUICE_OK)
        code = kafka_set(conf, "group.instance.id", host->option_string(config, "instance_id"), "instance_id",
                         err);
    if (code == SLUICE_OK)
        code = kafka_check_topics(host, config, err);
    if (code == SLUICE_OK)
        code = kafka_set_security(host, config, conf, err);
    if (code == SLUICE_OK)
        code = kafka_set_sizes(host, config, conf, err);
    return code == SLUICE_OK ? kafka_set_properties(host, config, conf, err) : code;
}

uint32_t kafka_conf_make(const struct sluice_host *host, const struct sluice_config *config,
                         rd_kafka_conf_t **conf, struct sluice_error *err)
{
    rd_kafka_conf_t *made = rd_kafka_conf_new();
    uint32_t code = kafka_set_all(host, config, made, err);

    if (code == SLUICE_OK && conf != NULL)
        *conf = made;
    else
        rd_kafka_conf_destroy(made);
    return code;
}
