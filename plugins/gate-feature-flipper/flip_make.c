/* flip_make: from options to a gate that has not asked anybody anything yet. */
#include <stdlib.h>

#include "../common/file_text.h"
#include "flipper.h"

/* The HTTP client asks its host whether to give up; ours says yes once stop was called. */
static uint32_t http_cancelled(const struct sluice_host *host)
{
    const struct flipper *f = (const void *)((const char *)host - offsetof(struct flipper, http_host));

    return atomic_load(&f->stopping) || f->host->cancelled(f->host);
}

static int is_flag_name(const char *name)
{
    size_t i, len = strlen(name);

    for (i = 0; i < len; i++)
        if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
              (name[i] >= '0' && name[i] <= '9') || strchr("._-", name[i]) != NULL))
            return 0;
    return len > 0 && len <= 200 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static uint32_t no_memory(struct sluice_error *err)
{
    return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
}

/* url + path with the flag's name in it. */
static uint32_t make_address(struct flipper *f, const char *url, const char *path, struct sluice_error *err)
{
    const char *at = strstr(path, "{flag}");
    size_t len = strlen(url);
    struct strbuf b;

    if (path[0] != '/' || strpbrk(path, " #\r\n\t") != NULL)
        return sluice_fail(err, SLUICE_INVALID, "path",
                           "path: it must start with '/' and have no space or '#'");
    if (at == NULL)
        return sluice_fail(err, SLUICE_INVALID, "path",
                           "path: {flag} is not in it, so every flag would be the same");
    while (len > 0 && url[len - 1] == '/')
        len--;
    strbuf_init(&b, 4096);
    strbuf_add(&b, url, len);
    strbuf_add(&b, path, (size_t)(at - path));
    strbuf_puts(&b, f->name);
    strbuf_puts(&b, at + 6);
    f->flag_place.kind = PLACE_HTTP;
    f->flag_place.base = strbuf_take(&b);
    strbuf_release(&b);
    return f->flag_place.base == NULL ? no_memory(err) : SLUICE_OK;
}

static uint32_t file_place(struct place *p, const char *path, struct sluice_error *err)
{
    p->kind = PLACE_FILE;
    p->base = strdup(path);
    return p->base == NULL ? no_memory(err) : SLUICE_OK;
}

static uint32_t take_places(struct flipper *f, const struct sluice_config *config, struct sluice_error *err)
{
    const struct sluice_host *host = f->host;
    const char *url = host->option_string(config, "url"), *file = host->option_string(config, "file");
    const char *lists = host->option_string(config, "lists"), *why;
    const char *internal = host->option_string(config, "internal_users");
    uint32_t code;

    f->name = host->option_string(config, "flag");
    if (!is_flag_name(f->name))
        return sluice_fail(err, SLUICE_INVALID, "flag", "flag: letters, digits and ._- only, at most 200");
    if ((url == NULL) == (file == NULL))
        return sluice_fail(err, SLUICE_INVALID, url == NULL ? "url" : "file",
                           url == NULL
                               ? "the flag comes from a service or a file: give url or file"
                               : "the flag comes from a service or a file: give url or file, not both");
    code = url != NULL ? make_address(f, url, host->option_string(config, "path"), err)
                       : file_place(&f->flag_place, file, err);
    if (code == SLUICE_OK && lists != NULL && (why = place_parse(lists, &f->lists)) != NULL)
        code = sluice_fail(err, SLUICE_INVALID, "lists", "lists: %.200s: %s", lists, why);
    if (code == SLUICE_OK && internal != NULL)
        code = file_place(&f->internal_users, internal, err);
    return code;
}

/* The reason for a record without the field: a token made of its name. */
static void name_reason(struct flipper *f)
{
    size_t i, len = strlen(f->field);

    (void)snprintf(f->no_field, sizeof f->no_field, "no_");
    for (i = 0; i < len && i + 4 < sizeof f->no_field; i++) {
        char c = f->field[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        f->no_field[i + 3] = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
        f->no_field[i + 4] = '\0';
    }
}

static uint32_t take_subject(struct flipper *f, const struct sluice_config *config, struct sluice_error *err)
{
    const struct sluice_host *host = f->host;

    f->global = host->option_integer(config, "subject") == 1;
    f->on_denies = host->option_integer(config, "polarity") == 1;
    f->field = host->option_string(config, "field");
    f->interval_ms = (uint32_t)host->option_integer(config, "interval");
    f->max_age_ms = host->option_integer(config, "max_age");
    if (f->max_age_ms != 0 && f->max_age_ms < (int64_t)f->interval_ms)
        return sluice_fail(
            err, SLUICE_INVALID, "max_age",
            "max_age: shorter than interval, so the flag would be too old before it is looked at again");
    if (f->global)
        return SLUICE_OK;
    if (strpbrk(f->field, ".[") != NULL)
        return sluice_fail(
            err, SLUICE_INVALID, "field",
            "field: %.100s is not a top-level member; gates decide before the document is built", f->field);
    if (!host->declare_field(host, f->field, &f->slot))
        return sluice_fail(err, SLUICE_FATAL, "field",
                           "field %.100s cannot be peeked: the pipeline peeks too many fields already",
                           f->field);
    name_reason(f);
    return SLUICE_OK;
}

static uint32_t take_token(struct flipper *f, const char *token, struct sluice_error *err)
{
    struct strbuf b;

    if (token == NULL)
        return SLUICE_OK;
    if (strpbrk(token, "\r\n") != NULL)
        return sluice_fail(err, SLUICE_INVALID, "token", "token: it has a line end in it");
    strbuf_init(&b, 16384);
    strbuf_printf(&b, "Bearer %s", token);
    f->authorization = strbuf_take(&b);
    strbuf_release(&b);
    return f->authorization == NULL ? no_memory(err) : SLUICE_OK;
}

static uint32_t make_clients(struct flipper *f, const struct sluice_config *config, struct sluice_error *err)
{
    struct sluice_http_options o = {.struct_size = sizeof o, .max_parallel = 2};
    const struct sluice_host *host = f->host;
    struct aws_options aws;
    uint32_t code = take_token(f, host->option_string(config, "token"), err);

    if (code != SLUICE_OK)
        return code;
    memset(&f->http_host, 0, sizeof f->http_host);
    memcpy(&f->http_host, host,
           host->struct_size < sizeof f->http_host ? host->struct_size : sizeof f->http_host);
    f->http_host.cancelled = http_cancelled;
    f->http = host->extension(host, SLUICE_HTTP_ID);
    o.max_body = (uint64_t)host->option_integer(config, "max_bytes");
    f->fetcher.timeout_ms = (uint32_t)host->option_integer(config, "timeout");
    o.connect_timeout_ms = f->fetcher.timeout_ms;
    if (f->http != NULL && (f->client = f->http->client(&f->http_host, &o, err)) == NULL)
        return SLUICE_FATAL;
    memset(&aws, 0, sizeof aws);
    aws.host = host;
    aws.http = f->http;
    aws.client = f->client;
    aws.profile = host->option_string(config, "aws_profile");
    aws.region = host->option_string(config, "aws_region");
    aws.timeout_ms = f->fetcher.timeout_ms;
    f->chain = aws_chain_new(&aws);
    if (f->chain == NULL)
        return no_memory(err);
    f->fetcher.host = host;
    f->fetcher.http = f->http;
    f->fetcher.client = f->client;
    f->fetcher.s3.chain = f->chain;
    f->fetcher.s3.endpoint = host->option_string(config, "aws_endpoint");
    f->fetcher.authorization = f->authorization;
    f->fetcher.max_bytes = (size_t)o.max_body;
    return SLUICE_OK;
}

static void make_metrics(struct flipper *f)
{
    const struct sluice_host *host = f->host;

    f->metric_ids = host->metric(host, SLUICE_GAUGE, "ids", "Ids in the flag and its lists", NULL);
    f->metric_ignored = host->metric(host, SLUICE_GAUGE, "ids_ignored",
                                     "What stood in the flag or its lists and brought no id, by why", "why");
    f->metric_age =
        host->metric(host, SLUICE_GAUGE, "age_seconds", "Since the flag was last seen whole", NULL);
    f->metric_version = host->metric(host, SLUICE_GAUGE, "version",
                                     "1 for the version of the flag in use, 0 for earlier ones", "version");
    f->metric_enabled = host->metric(host, SLUICE_GAUGE, "enabled", "1 if the flag is enabled", NULL);
    f->metric_refreshes = host->metric(host, SLUICE_COUNTER, "refreshes_total",
                                       "Looks at the flag, by what came of them", "result");
}

void flip_destroy(void *self)
{
    struct flipper *f = self;

    if (f->client != NULL)
        f->http->free(f->client);
    aws_chain_free(f->chain);
    file_text_free(f->authorization);
    place_release(&f->flag_place);
    place_release(&f->lists);
    place_release(&f->internal_users);
    (void)pthread_mutex_destroy(&f->looking);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

uint32_t flip_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                     struct sluice_error *err)
{
    struct flipper *f = calloc(1, sizeof *f);
    uint32_t code;

    if (f == NULL)
        return no_memory(err);
    f->host = host;
    atomic_init(&f->good_at, -1);
    atomic_init(&f->stopping, 0);
    published_init(&f->published, NULL);
    (void)pthread_mutex_init(&f->looking, NULL);
    (void)pthread_mutex_init(&f->lock, NULL);
    code = take_places(f, config, err);
    if (code == SLUICE_OK)
        code = take_subject(f, config, err);
    if (code == SLUICE_OK)
        code = make_clients(f, config, err);
    if (code == SLUICE_OK && hash_key_random(&f->key) != 0)
        code = sluice_fail(err, SLUICE_FATAL, NULL, "the system has no random numbers");
    if (code != SLUICE_OK) {
        flip_destroy(f);
        return code;
    }
    flag_bucket_key(f->name, &f->bucket_key);
    make_metrics(f);
    *self = f;
    return SLUICE_OK;
}
