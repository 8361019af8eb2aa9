/* aws_remote: the places that hand out temporary keys over HTTP.
 *
 * An endpoint that the environment names is asked only where the token cannot leak: over
 * https, or on this machine and the link-local addresses that AWS uses. */
#include <jansson.h>
#include <stdlib.h>

#include "aws_chain_private.h"
#include "aws_error.h"
#include "file_text.h"
#include "timestamp.h"

#define TOKEN_FILE_MAX 65536u
#define IMDS "http://169.254.169.254"
#define IMDS_TIMEOUT_MS 1000u /* off AWS nobody answers there */

static const struct sluice_http_response no_answer = {.struct_size = sizeof no_answer};

/* One request; 0 with an answer to release, or -1. */
static int ask(const struct aws_options *o, const char *method, const char *url,
               const struct sluice_str *header, uint32_t n_headers, const char *body, uint32_t timeout_ms,
               struct sluice_http_response *answer, struct sluice_error *err)
{
    struct sluice_http_request r = {.struct_size = sizeof r, .method = method, .url = url};

    *answer = no_answer;
    r.headers = header;
    r.n_headers = n_headers;
    if (body != NULL)
        r.body = sluice_str_of(body);
    return o->http->perform(o->client, &r, 1, sizeof r, answer, sizeof *answer, timeout_ms, err) == SLUICE_OK
               ? 0
               : -1;
}

static void done(const struct aws_options *o, struct sluice_http_response *answer)
{
    o->http->release(answer, 1, sizeof *answer);
}

static int keep_text(char *out, size_t size, const char *text, size_t len)
{
    if (text == NULL || len == 0 || len >= size)
        return -1;
    memcpy(out, text, len);
    out[len] = '\0';
    return 0;
}

static int keep_expiry(struct aws_found *out, const char *text, size_t len)
{
    const char *why;

    return text != NULL && timestamp_parse(text, len, &out->expires_ms, &why) ? 0 : -1;
}

/* {"AccessKeyId": …, "SecretAccessKey": …, "Token": …, "Expiration": …} */
static int read_json(struct sluice_str body, const char *who, struct aws_found *out, struct sluice_error *err)
{
    json_t *j = json_loadb(body.data, (size_t)body.len, 0, NULL);
    const char *id = json_string_value(json_object_get(j, "AccessKeyId"));
    const char *secret = json_string_value(json_object_get(j, "SecretAccessKey"));
    const char *token = json_string_value(json_object_get(j, "Token"));
    const char *end = json_string_value(json_object_get(j, "Expiration"));
    int failed = id == NULL || secret == NULL || end == NULL;

    failed = failed || keep_text(out->id, sizeof out->id, id, strlen(id)) != 0 ||
             keep_text(out->secret, sizeof out->secret, secret, strlen(secret)) != 0 ||
             keep_expiry(out, end, strlen(end)) != 0;
    if (!failed && token != NULL && token[0] != '\0')
        failed = keep_text(out->token, sizeof out->token, token, strlen(token)) != 0;
    json_decref(j);
    if (failed) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "%s answered something that is not credentials", who);
        return -1;
    }
    (void)snprintf(out->source, sizeof out->source, "%s", who);
    return 1;
}

static int no_http(const struct aws_options *o, const char *who, struct sluice_error *err)
{
    if (o->http != NULL && o->client != NULL)
        return 0;
    (void)sluice_fail(err, SLUICE_FATAL, NULL, "%s cannot be asked: this host has no HTTP service", who);
    return 1;
}

/* A status other than 200, or no answer at all. */
static int refused(const struct sluice_http_response *answer, const char *who, struct sluice_error *err)
{
    struct aws_error e;

    if (answer->code != SLUICE_OK) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "%s does not answer: %s", who, answer->message);
        return -1;
    }
    aws_error_read(answer, &e);
    (void)aws_error_tell(&e, answer->status, who, err);
    return -1;
}

/* --- web identity --------------------------------------------------------------------- */

int aws_sts_url(const struct aws_options *o, const char *region, char *out, size_t size)
{
    const char *given = aws_env(o, "AWS_ENDPOINT_URL_STS");

    if (region == NULL)
        region = o->region != NULL ? o->region : aws_env(o, "AWS_REGION");
    if (region == NULL)
        region = aws_env(o, "AWS_DEFAULT_REGION");
    if (given != NULL)
        return snprintf(out, size, "%s", given) < (int)size;
    if (region == NULL)
        return snprintf(out, size, "https://sts.amazonaws.com/") < (int)size;
    return snprintf(out, size, "https://sts.%s.amazonaws.com%s/", region,
                    strncmp(region, "cn-", 3) == 0 ? ".cn" : "") < (int)size;
}

static int read_sts(struct sluice_str xml, const char *role, struct aws_found *out, struct sluice_error *err)
{
    struct sluice_str id = aws_xml_text(xml, "AccessKeyId"), secret = aws_xml_text(xml, "SecretAccessKey");
    struct sluice_str token = aws_xml_text(xml, "SessionToken"), end = aws_xml_text(xml, "Expiration");

    if (keep_text(out->id, sizeof out->id, id.data, (size_t)id.len) != 0 ||
        keep_text(out->secret, sizeof out->secret, secret.data, (size_t)secret.len) != 0 ||
        keep_text(out->token, sizeof out->token, token.data, (size_t)token.len) != 0 ||
        keep_expiry(out, end.data, (size_t)end.len) != 0) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "STS answered something that is not credentials");
        return -1;
    }
    (void)snprintf(out->source, sizeof out->source, "web identity, role %.150s", role);
    return 1;
}

static void add_param(struct strbuf *b, const char *name, struct sluice_str value)
{
    strbuf_printf(b, "&%s=", name);
    aws_encode(b, value, 0);
}

int aws_web_identity(const struct aws_options *o, const char *token_file, const char *role,
                     const char *session, const char *region, struct aws_found *out, struct sluice_error *err)
{
    static const struct sluice_str type[] = {{"Content-Type", 12}, {"application/x-www-form-urlencoded", 33}};
    struct sluice_http_response answer;
    struct sluice_str token = {NULL, 0};
    struct strbuf body;
    char url[512];
    size_t len;
    int found = -1;

    if (no_http(o, "STS", err))
        return -1;
    if ((token.data = file_text_read(token_file, TOKEN_FILE_MAX, &len, err)) == NULL)
        return -1;
    while (len > 0 && (token.data[len - 1] == '\n' || token.data[len - 1] == '\r'))
        len--;
    token.len = len;
    strbuf_init(&body, 4 * TOKEN_FILE_MAX);
    strbuf_puts(&body, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15");
    add_param(&body, "RoleArn", sluice_str_of(role));
    add_param(&body, "RoleSessionName", sluice_str_of(session != NULL ? session : "sluice"));
    add_param(&body, "WebIdentityToken", token);
    if (body.failed || !aws_sts_url(o, region, url, sizeof url))
        (void)sluice_fail(err, SLUICE_RETRY, NULL,
                          "no memory for the question to STS, or its address is too long");
    else if (ask(o, "POST", url, type, 1, body.data, o->timeout_ms, &answer, err) == 0) {
        found = answer.code == SLUICE_OK && answer.status == 200
                    ? read_sts(answer.body, role, out, err)
                    : refused(&answer, "STS, for the web identity's role", err);
        done(o, &answer);
    }
    if (body.data != NULL)
        explicit_bzero(body.data, body.len);
    strbuf_release(&body);
    file_text_free((char *)(uintptr_t)token.data);
    return found;
}

/* --- container ------------------------------------------------------------------------ */

static int is_safe(const char *url)
{
    static const char *const hosts[] = {"127.0.0.1",     "localhost",      "[::1]",
                                        "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
    size_t i, len;

    if (strncmp(url, "https://", 8) == 0)
        return 1;
    if (strncmp(url, "http://", 7) != 0)
        return 0;
    for (i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        len = strlen(hosts[i]);
        if (strncmp(url + 7, hosts[i], len) == 0 &&
            (url[7 + len] == '\0' || url[7 + len] == '/' || url[7 + len] == ':'))
            return 1;
    }
    return 0;
}

/* The value of Authorization, or NULL with *failed told. */
static char *container_token(const struct aws_options *o, int *failed, struct sluice_error *err)
{
    const char *file = aws_env(o, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *given = aws_env(o, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    char *token = NULL;

    *failed = 0;
    if (file != NULL)
        token = file_text_read(file, TOKEN_FILE_MAX, NULL, err);
    else if (given != NULL && (token = strdup(given)) == NULL)
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the container's token");
    if (token != NULL)
        token[strcspn(token, "\r\n")] = '\0';
    *failed = token == NULL && (file != NULL || given != NULL);
    return token;
}

int aws_container(const struct aws_options *o, struct aws_found *out, struct sluice_error *err)
{
    static const char who[] = "the container's credentials endpoint";
    const char *relative = aws_env(o, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = aws_env(o, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    struct sluice_str header[2] = {{"Authorization", 13}, {NULL, 0}};
    struct sluice_http_response answer;
    char url[1024], *token;
    int failed, found = -1;

    if (relative == NULL && full == NULL)
        return 0;
    if (no_http(o, who, err))
        return -1;
    if (snprintf(url, sizeof url, "%s%s", relative != NULL ? "http://169.254.170.2" : "",
                 relative != NULL ? relative : full) >= (int)sizeof url ||
        (relative != NULL && relative[0] != '/') || !is_safe(url)) {
        (void)sluice_fail(
            err, SLUICE_FATAL, NULL,
            "%s would be asked over plain http outside this machine; it must be https, loopback, "
            "169.254.170.2, 169.254.170.23 or [fd00:ec2::23]",
            who);
        return -1;
    }
    token = container_token(o, &failed, err);
    if (failed)
        return -1;
    header[1] = sluice_str_of(token);
    if (ask(o, "GET", url, header, token != NULL ? 1 : 0, NULL, o->timeout_ms, &answer, err) == 0) {
        found = answer.code == SLUICE_OK && answer.status == 200 ? read_json(answer.body, who, out, err)
                                                                 : refused(&answer, who, err);
        done(o, &answer);
    }
    file_text_free(token);
    return found;
}

/* --- instance ------------------------------------------------------------------------- */

/* The first line of an answer of 200; -1 otherwise. */
static int first_line(const struct aws_options *o, const char *method, const char *url,
                      const struct sluice_str *header, char *out, size_t size, struct sluice_error *err)
{
    struct sluice_http_response answer;
    uint32_t timeout = o->timeout_ms < IMDS_TIMEOUT_MS ? o->timeout_ms : IMDS_TIMEOUT_MS;
    int failed = -1;

    if (ask(o, method, url, header, 1, NULL, timeout, &answer, err) != 0)
        return -1;
    if (answer.code == SLUICE_OK && answer.status == 200)
        failed = keep_text(out, size, answer.body.data, strcspn(answer.body.data, "\r\n"));
    if (failed)
        (void)refused(&answer, "the instance's metadata", err);
    done(o, &answer);
    return failed;
}

int aws_instance(const struct aws_options *o, struct aws_found *out, struct sluice_error *err)
{
    static const char path[] = "/latest/meta-data/iam/security-credentials/";
    struct sluice_str header[2] = {{"x-aws-ec2-metadata-token-ttl-seconds", 36}, {"21600", 5}};
    const char *base = aws_env(o, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *off = aws_env(o, "AWS_EC2_METADATA_DISABLED");
    struct sluice_error own = {.struct_size = sizeof own};
    struct sluice_http_response answer;
    char url[1024], token[2048], role[256];
    size_t len;
    int found = -1;

    if ((off != NULL && strcasecmp(off, "true") == 0) || o->http == NULL || o->client == NULL)
        return 0;
    if (base == NULL)
        base = IMDS;
    len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    if (len > 512)
        return 0;
    (void)snprintf(url, sizeof url, "%.*s/latest/api/token", (int)len, base);
    if (first_line(o, "PUT", url, header, token, sizeof token, &own) != 0)
        return 0; /* not on an instance */
    header[0] = sluice_str_of("x-aws-ec2-metadata-token");
    header[1] = sluice_str_of(token);
    (void)snprintf(url, sizeof url, "%.*s%s", (int)len, base, path);
    if (first_line(o, "GET", url, header, role, sizeof role, err) != 0)
        return -1;
    (void)snprintf(url, sizeof url, "%.*s%s%s", (int)len, base, path, role);
    if (ask(o, "GET", url, header, 1, NULL, o->timeout_ms, &answer, err) != 0)
        return -1;
    found = answer.code == SLUICE_OK && answer.status == 200
                ? read_json(answer.body, "the instance's role", out, err)
                : refused(&answer, "the instance's role", err);
    done(o, &answer);
    explicit_bzero(token, sizeof token);
    return found;
}
