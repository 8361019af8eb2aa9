/* aws_identity: see aws_identity.h. */
#include "aws_identity.h"

#include "aws_chain_private.h"
#include "aws_error.h"

static const char body[] = "Action=GetCallerIdentity&Version=2011-06-15";

/* The parts of "https://sts.eu-west-1.amazonaws.com/" or of the endpoint that the environment names. */
struct sts_place {
    char url[512];
    char scheme[8];
    char host[300];
    const char *path;
};

static int place_make(const struct aws_options *o, const char *region, struct sts_place *at,
                      struct sluice_error *err)
{
    const char *host, *scheme;
    size_t len;

    at->path = "/";
    if (!aws_sts_url(o, region, at->url, sizeof at->url) || (host = strstr(at->url, "://")) == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "AWS_ENDPOINT_URL_STS is no address") != SLUICE_OK;
    scheme = strncmp(at->url, "http://", 7) == 0 ? "http" : "https";
    (void)snprintf(at->scheme, sizeof at->scheme, "%s", scheme);
    host += 3;
    len = strcspn(host, "/?#");
    if (len == 0 || len >= sizeof at->host)
        return sluice_fail(err, SLUICE_FATAL, NULL, "AWS_ENDPOINT_URL_STS is no address") != SLUICE_OK;
    (void)snprintf(at->host, sizeof at->host, "%.*s", (int)len, host);
    if (host[len] == '/')
        at->path = host + len;
    return 0;
}

static uint32_t read_account(const struct sluice_http_response *answer,
                             const struct sluice_identity_visitor *visitor, struct sluice_error *err)
{
    struct sluice_str account = aws_xml_text(answer->body, "Account");
    struct aws_error e;

    if (answer->code != SLUICE_OK)
        return sluice_fail(err, SLUICE_DISCONNECTED, NULL, "STS does not answer: %s", answer->message);
    if (answer->status != 200) {
        aws_error_read(answer, &e);
        return aws_error_tell(&e, answer->status, "cannot ask STS for the account", err);
    }
    if (account.data == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "STS answered something that names no account");
    visitor->name(visitor->context, account);
    return SLUICE_OK;
}

static uint32_t send_question(const struct aws_options *o, const struct aws_signed *s,
                              const struct aws_keys *keys, uint32_t timeout_ms,
                              const struct sluice_identity_visitor *visitor, struct sluice_error *err)
{
    struct sluice_http_response answer = {.struct_size = sizeof answer};
    struct sluice_http_request r = {.struct_size = sizeof r, .method = "POST"};
    struct sluice_str headers[8] = {
        sluice_str_of("Content-Type"),         sluice_str_of("application/x-www-form-urlencoded"),
        sluice_str_of("Authorization"),        sluice_str_of(s->authorization.data),
        sluice_str_of("X-Amz-Date"),           sluice_str_of(s->date),
        sluice_str_of("X-Amz-Security-Token"), {NULL, 0}};
    uint32_t code;

    r.url = s->url.data;
    r.headers = headers;
    r.n_headers = keys->token != NULL ? 4 : 3;
    if (keys->token != NULL)
        headers[7] = sluice_str_of(keys->token);
    r.body = sluice_str_of(body);
    code = o->http->perform(o->client, &r, 1, sizeof r, &answer, sizeof answer, timeout_ms, err);
    if (code != SLUICE_OK)
        return code;
    code = read_account(&answer, visitor, err);
    o->http->release(&answer, 1, sizeof answer);
    return code;
}

uint32_t aws_identity_tell(struct aws_chain *chain, uint32_t timeout_ms,
                           const struct sluice_identity_visitor *visitor, struct sluice_error *err)
{
    const struct aws_options *o = aws_chain_options(chain);
    const struct aws_pair type = {sluice_str_of("content-type"),
                                  sluice_str_of("application/x-www-form-urlencoded")};
    struct aws_request request = {
        .method = "POST", .headers = &type, .n_headers = 1, .service = "sts", .encode_twice = 1};
    struct sluice_error own = {.struct_size = sizeof own};
    struct aws_held held;
    struct aws_signed s;
    struct sts_place at;
    char region[64];
    uint32_t code;

    if (o->http == NULL || o->client == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "STS cannot be asked: this host has no HTTP service");
    if (aws_chain_region(chain, region, sizeof region, &own) != 0)
        (void)snprintf(region, sizeof region, "us-east-1"); /* any region knows every account */
    if (place_make(o, region, &at, err) != 0 || aws_chain_keys(chain, &held, err) != 0)
        return err->code;
    request.scheme = at.scheme;
    request.host = at.host;
    request.path = sluice_str_of(at.path);
    request.region = region;
    request.body = sluice_str_of(body);
    code = SLUICE_FATAL;
    if (aws_sign(&request, &held.keys, o->host->now_ms(o->host), 0, &s, err) == 0) {
        code = send_question(o, &s, &held.keys, timeout_ms, visitor, err);
        aws_signed_release(&s);
    } else {
        code = err->code;
    }
    aws_held_release(&held);
    return code;
}
