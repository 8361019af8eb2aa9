/* kafka_words: librdkafka's error codes as sentences that say what to do. */
#include <string.h>

#include "kafka_source.h"

static const struct {
    rd_kafka_resp_err_t code;
    uint32_t answer;
    const char *option;
    const char *what; /* "%s": what librdkafka said */
} sentences[] = {
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, SLUICE_DISCONNECTED, "brokers",
     "no broker answers; check brokers, and whether this machine reaches them"},
    {RD_KAFKA_RESP_ERR__TRANSPORT, SLUICE_DISCONNECTED, "brokers", "a broker is away"},
    {RD_KAFKA_RESP_ERR__TIMED_OUT, SLUICE_DISCONNECTED, "brokers", "no broker answered in time"},
    {RD_KAFKA_RESP_ERR__RESOLVE, SLUICE_DISCONNECTED, "brokers",
     "a broker's name has no address; check brokers, and the addresses that the brokers advertise"},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, SLUICE_DISCONNECTED, "password",
     "the brokers refuse the login; check username, password and mechanism"},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, SLUICE_DISCONNECTED, "password",
     "the brokers refuse the login; check username, password and mechanism"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, SLUICE_DISCONNECTED, "mechanism",
     "the brokers do not offer this mechanism"},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, SLUICE_DISCONNECTED, "mechanism",
     "the brokers lack something that the options ask for"},
    {RD_KAFKA_RESP_ERR__SSL, SLUICE_DISCONNECTED, "ca_file",
     "TLS with a broker failed; check that the port speaks TLS, that ca_file has the authority of the "
     "broker's certificate, and that the certificate names the host in brokers"},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, SLUICE_DISCONNECTED, "topic",
     "the brokers have no such topic; create it, or correct topic"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, SLUICE_DISCONNECTED, "topic",
     "the brokers have no such topic; create it, or correct topic"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, SLUICE_DISCONNECTED, "topic", "the topic lost this partition"},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, SLUICE_DISCONNECTED, "topic", "the brokers refuse the topic"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, SLUICE_DISCONNECTED, "topic",
     "the user may not read the topic; grant READ and DESCRIBE on it"},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, SLUICE_DISCONNECTED, "group",
     "the user may not use the group; grant READ on it"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, SLUICE_DISCONNECTED, "username",
     "the user may not use the cluster"},
    {RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT, SLUICE_FATAL, "session_timeout",
     "the brokers allow no such session timeout (group.min.session.timeout.ms to "
     "group.max.session.timeout.ms)"},
    {RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, SLUICE_DISCONNECTED, "group",
     "other members of the group use another assignment strategy; stop them, or use another group"},
    {RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED, SLUICE_DISCONNECTED, "group",
     "the group has as many members as the brokers allow"},
    {RD_KAFKA_RESP_ERR_INVALID_GROUP_ID, SLUICE_FATAL, "group", "the brokers refuse the name of the group"},
    {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, SLUICE_FATAL, "instance_id",
     "another member joined with the same instance_id; give each worker its own"},
    {RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED, SLUICE_DISCONNECTED, NULL,
     "the group gave the partitions away, since nothing was polled for max.poll.interval.ms (the process "
     "stood still); they come back by themselves"},
    {RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, SLUICE_DISCONNECTED, "brokers",
     "the group has no coordinator at the moment"},
};

/* 1: there was no token to log in with; what is said tells why. */
static int kafka_token_words(const char *said, struct kafka_trouble *t)
{
    static const char begin[] = "Failed to acquire SASL OAUTHBEARER token: "; /* librdkafka's */

    if (said == NULL || strncmp(said, begin, sizeof begin - 1) != 0)
        return 0;
    said += sizeof begin - 1;
    t->code = SLUICE_DISCONNECTED;
    (void)snprintf(t->option, sizeof t->option, "%s",
                   strstr(said, "AWS region") != NULL ? "aws_region" : "aws_profile");
    (void)snprintf(t->words, sizeof t->words, "no token for the login: %s", said);
    return 1;
}

/* 1: the broker ended the handshake for the client's certificate, or for the lack of one. */
static int kafka_certificate_words(const struct kafka_source *k, const char *said, struct kafka_trouble *t)
{
    static const char *const alerts[] = {"alert bad certificate",     "alert certificate unknown",
                                         "alert certificate expired", "alert certificate required",
                                         "alert unknown ca",          "alert unsupported certificate",
                                         "alert certificate revoked", "certificate required"};
    size_t i, n = sizeof alerts / sizeof alerts[0];

    for (i = 0; said != NULL && i < n && strstr(said, alerts[i]) == NULL; i++)
        ;
    if (said == NULL || i == n)
        return 0;
    t->code = SLUICE_DISCONNECTED;
    (void)snprintf(t->option, sizeof t->option, "cert_file");
    (void)snprintf(
        t->words, sizeof t->words, "%s (%s)",
        k->host->option_given(k->config, "cert_file")
            ? "the broker does not take the client's certificate; check that an authority that the "
              "brokers trust signed cert_file, and that its time is not over"
            : "the broker wants a certificate of the client; set cert_file and key_file",
        said);
    return 1;
}

void kafka_words(const struct kafka_source *k, rd_kafka_resp_err_t code, const char *said,
                 struct kafka_trouble *t)
{
    const char *what = "the brokers report trouble", *option = NULL;
    const char *detail = said == NULL || said[0] == '\0' ? rd_kafka_err2str(code) : said;
    char who[96] = "";
    size_t i;

    if (kafka_token_words(said, t) || kafka_certificate_words(k, said, t))
        return;
    if (said != NULL && strstr(said, "SSL routines") != NULL) /* comes with one code or the other */
        code = RD_KAFKA_RESP_ERR__SSL;
    t->code = SLUICE_DISCONNECTED;
    for (i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        if (sentences[i].code != code)
            continue;
        t->code = sentences[i].answer;
        what = sentences[i].what;
        option = sentences[i].option;
        break;
    }
    if (k->login.chain != NULL && option != NULL && strcmp(option, "password") == 0) {
        option = "mechanism";
        what = "the brokers refuse the IAM login; check that the AWS credentials may do "
               "kafka-cluster:Connect on this cluster, that aws_region is the cluster's, and this machine's "
               "clock";
    }
    if (k->name[0] != '\0' && option != NULL && strcmp(option, "password") == 0)
        (void)snprintf(who, sizeof who, "user '%s': ", k->name);
    (void)snprintf(t->option, sizeof t->option, "%s", option == NULL ? "" : option);
    (void)snprintf(t->words, sizeof t->words, "%s%s (%s)", who, what, detail);
}
