/* aws_sqs: where a queue is, from its URL and options. */
#include "aws_sqs.h"

#include <ctype.h>
#include <stdlib.h>

#define NAME_MAX_FIFO 80u
#define OLDEST "queue.amazonaws.com"

/* "us-east-1", "us-gov-west-1": two letters, words, and a number at the end. */
static int is_region(const char *label, size_t len)
{
    size_t i, hyphens = 0;

    if (len < 6 || len > 40 || label[2] != '-' || !isdigit((unsigned char)label[len - 1]))
        return 0;
    for (i = 0; i < len; i++) {
        if (label[i] == '-')
            hyphens++;
        else if (!islower((unsigned char)label[i]) && !isdigit((unsigned char)label[i]))
            return 0;
    }
    return hyphens >= 2 && islower((unsigned char)label[0]) && islower((unsigned char)label[1]);
}

static int ends_with(const char *text, size_t len, const char *end)
{
    size_t n = strlen(end);

    return len >= n && memcmp(text + len - n, end, n) == 0;
}

int aws_sqs_region_of(const char *address, char *out, size_t size)
{
    size_t len = strcspn(address, ":"), from = 0, n;

    if (!ends_with(address, len, ".amazonaws.com") && !ends_with(address, len, ".amazonaws.com.cn") &&
        !ends_with(address, len, ".api.aws"))
        return 0;
    if (len == strlen(OLDEST) &&
        memcmp(address, OLDEST, len) == 0) /* of before regions had names of their own */
        return (size_t)snprintf(out, size, "us-east-1") < size;
    for (; from < len; from += n + 1) {
        n = strcspn(address + from, ".:");
        if (is_region(address + from, n) && n < size) {
            (void)snprintf(out, size, "%.*s", (int)n, address + from);
            return 1;
        }
    }
    return 0;
}

/* scheme, address and base of "http://host:port/path".  NULL, or what is wrong. */
static const char *take_address(struct aws_sqs *q, const char *url)
{
    const char *at = strstr(url, "://"), *end;
    const char *own;

    if (at == NULL || (size_t)(at - url) >= sizeof q->scheme)
        return "is no http:// or https:// address";
    (void)snprintf(q->scheme, sizeof q->scheme, "%.*s", (int)(at - url), url);
    own = strcmp(q->scheme, "http") == 0 ? ":80" : ":443";
    at += 3;
    end = at + strcspn(at, "/?#");
    if (end == at || (size_t)(end - at) >= sizeof q->address)
        return "has no host, or one that is too long";
    (void)snprintf(q->address, sizeof q->address, "%.*s", (int)(end - at), at);
    if (ends_with(q->address, strlen(q->address), own))
        q->address[strlen(q->address) - strlen(own)] = '\0';
    return NULL;
}

static const char *take_base(struct aws_sqs *q, const char *endpoint)
{
    const char *at = strstr(endpoint, "://") + 3;

    at += strcspn(at, "/?#");
    if (strpbrk(at, "?#") != NULL || strlen(at) >= sizeof q->base)
        return "has a '?' or '#', or is too long";
    if (*at == '/')
        (void)snprintf(q->base, sizeof q->base, "%s", at);
    return NULL;
}

/* The last part of the queue's path. */
static const char *take_name(struct aws_sqs *q)
{
    const char *at = strrchr(q->url, '/');
    size_t i, len = at == NULL ? 0 : strlen(at + 1);

    if (len == 0 || at == strstr(q->url, "://") + 2)
        return "names no queue: it ends with the queue's name, like "
               "https://sqs.us-east-1.amazonaws.com/123456789012/users";
    if (len > NAME_MAX_FIFO)
        return "names a queue of more than 80 characters";
    for (i = 1; i <= len; i++)
        if (!isalnum((unsigned char)at[i]) && strchr("-_.", at[i]) == NULL)
            return "names a queue with other characters than letters, digits, '-', '_' and '.'";
    (void)snprintf(q->name, sizeof q->name, "%s", at + 1);
    q->fifo = ends_with(q->name, len, ".fifo");
    return NULL;
}

static uint32_t take_region(struct aws_sqs *q, const char *option, struct sluice_error *err)
{
    char told[48] = "";
    int known = aws_sqs_region_of(q->address, told, sizeof told);

    if (option != NULL && known && strcmp(option, told) != 0)
        return sluice_fail(
            err, SLUICE_INVALID, "aws_region",
            "aws_region is %.40s, and the address is of %s: leave it out, or correct one of them", option,
            told);
    if (option != NULL && strlen(option) >= sizeof q->region)
        return sluice_fail(err, SLUICE_INVALID, "aws_region", "aws_region: that is no region");
    (void)snprintf(q->region, sizeof q->region, "%s", option != NULL ? option : told);
    return SLUICE_OK;
}

static uint32_t take_place(struct aws_sqs *q, const struct sluice_config *config, struct sluice_error *err)
{
    const char *endpoint = q->host->option_string(config, "aws_endpoint"), *why;

    q->url = q->host->option_string(config, "queue_url");
    (void)snprintf(q->base, sizeof q->base, "/");
    if ((why = take_address(q, q->url)) != NULL || (why = take_name(q)) != NULL)
        return sluice_fail(err, SLUICE_INVALID, "queue_url", "queue_url: %.200s %s", q->url, why);
    if (endpoint != NULL &&
        ((why = take_address(q, endpoint)) != NULL || (why = take_base(q, endpoint)) != NULL))
        return sluice_fail(err, SLUICE_INVALID, "aws_endpoint", "aws_endpoint: %.200s %s", endpoint, why);
    return take_region(q, q->host->option_string(config, "aws_region"), err);
}

uint32_t aws_sqs_open(struct aws_sqs *q, const struct sluice_host *host, const struct sluice_host *chain_host,
                      const struct sluice_config *config, uint32_t parallel, struct sluice_error *err)
{
    struct sluice_http_options o = {.struct_size = sizeof o, .max_parallel = parallel, .max_body = 1u << 20};
    struct aws_options aws;
    uint32_t code;

    memset(q, 0, sizeof *q);
    q->host = host;
    code = take_place(q, config, err);
    if (code != SLUICE_OK)
        return code;
    q->timeout_ms = (uint32_t)host->option_integer(config, "timeout");
    o.ca_file = host->option_string(config, "ca_file");
    q->http = host->extension == NULL ? NULL : host->extension(host, SLUICE_HTTP_ID);
    if (q->http == NULL)
        return sluice_fail(err, SLUICE_INVALID, "queue_url", "this host has no HTTP for plugins (%s)",
                           SLUICE_HTTP_ID);
    q->client = q->http->client(chain_host, &o, err);
    if (q->client == NULL)
        return SLUICE_FATAL;
    memset(&aws, 0, sizeof aws);
    aws.host = host;
    aws.http = q->http;
    aws.client = q->client;
    aws.profile = host->option_string(config, "aws_profile");
    aws.region = q->region[0] != '\0' ? q->region : NULL;
    q->chain = aws_chain_new(&aws);
    return q->chain == NULL ? sluice_fail(err, SLUICE_FATAL, NULL, "no memory") : SLUICE_OK;
}

void aws_sqs_close(struct aws_sqs *q)
{
    if (q->chain != NULL)
        aws_chain_free(q->chain);
    if (q->client != NULL)
        q->http->free(q->client);
    memset(q, 0, sizeof *q);
}
