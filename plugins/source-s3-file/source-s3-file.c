/* source-s3-file: the records of one object of S3: lines, CSV rows or JSON lines, plain or gzip, read
 * range by range and from where an earlier run was settled. */
#include <stdlib.h>

#include "s3_source.h"

#define ANSWER_ROOM (64u * 1024u) /* what an error's text may take besides a range */

static const struct sluice_option s3_options[] = {
    {.name = "url",
     .type = SLUICE_STRING,
     .flags = SLUICE_REQUIRED,
     .summary = "the object: s3://bucket/key; gzip is recognised by its first bytes",
     .example = "s3://prod-backfill/users.csv"},
    {.name = "format",
     .type = SLUICE_CHOICE,
     .default_text = "lines",
     .choices = "jsonl|csv|lines",
     .summary = "where records end: at each line end, or for csv at line ends outside quotes"},
    {.name = "header",
     .type = SLUICE_CHOICE,
     .default_text = "auto",
     .choices = "auto|yes|no",
     .summary = "is the first line a header",
     .details =
         "yes: csv: it names the columns; lines: it is passed over. auto: csv as yes; lines pass over a "
         "first line that is user_id, id or their like. jsonl has none."},
    {.name = "separator",
     .type = SLUICE_STRING,
     .default_text = ",",
     .summary = "csv: byte between fields, or tab; the same as the decoder's",
     .example = ";"},
    {.name = "quote",
     .type = SLUICE_STRING,
     .default_text = "\"",
     .summary = "csv: byte around fields, or none; the same as the decoder's",
     .example = "none"},
    {.name = "on_change",
     .type = SLUICE_CHOICE,
     .default_text = "stop",
     .choices = "stop|restart",
     .summary = "what to do when another object stands at the key: stop, or read that one from its start"},
    {.name = "range",
     .type = SLUICE_SIZE,
     .default_text = "1MiB",
     .min = "64KiB",
     .max = "64MiB",
     .summary = "bytes asked for at a time"},
    {.name = "max_record",
     .type = SLUICE_SIZE,
     .default_text = "1MiB",
     .min = "16",
     .max = "256MiB",
     .summary = "longest record; longer ones go to the dead letters, whole",
     .details = "A CSV row that has no end within this size is taken as a line."},
    {.name = "duplicates_memory",
     .type = SLUICE_SIZE,
     .default_text = "8MiB",
     .max = "1GiB",
     .summary = "memory for counting records that are the same as an earlier one; 0: they are not counted",
     .details = "21 to 43 bytes a record. They are counted and never left out."},
    {.name = "timeout",
     .type = SLUICE_DURATION,
     .default_text = "30s",
     .min = "100ms",
     .max = "10m",
     .summary = "how long one range may take"},
    {.name = "aws_profile",
     .type = SLUICE_STRING,
     .summary = "profile of the AWS config and credentials files",
     .details = "Without it: AWS_ACCESS_KEY_ID and its like, then AWS_PROFILE or the default profile, web "
                "identity, container and instance, as AWS's own tools look."},
    {.name = "aws_region",
     .type = SLUICE_STRING,
     .summary = "region of the bucket",
     .details = "Without it: AWS_REGION, AWS_DEFAULT_REGION, the profile's.",
     .example = "us-east-1"},
    {.name = "aws_endpoint",
     .type = SLUICE_URL,
     .summary = "address of an S3-compatible server in place of AWS",
     .example = "http://127.0.0.1:5000"},
    {.name = "path_style",
     .type = SLUICE_CHOICE,
     .default_text = "auto",
     .choices = "auto|yes|no",
     .summary = "does the bucket stand in the path, or before the host's name",
     .details = "auto: in the path with aws_endpoint, and for a bucket with a dot."},
};

static enum stream_fill no_more(struct record_stream *s)
{
    s->at_end = 1;
    return STREAM_FILLED;
}

/* The ETag holds, so this is the state's word against the object's: it was written by hand. */
static void shrank(struct record_stream *s, uint64_t size, uint64_t read)
{
    stream_break(s, "%s has %llu bytes, and was read up to byte %llu before; use another state_dir", s->name,
                 (unsigned long long)size, (unsigned long long)read);
}

static uint32_t later(struct record_stream *s, struct sluice_error *err)
{
    const struct s3_source *f = s->self;

    (void)sluice_fail(err, SLUICE_DISCONNECTED, f->why.option[0] != '\0' ? f->why.option : NULL, "%s",
                      f->why.message);
    err->retry_after_ms = f->why.retry_after_ms;
    return SLUICE_DISCONNECTED;
}

static int broken(struct record_stream *s)
{
    struct s3_source *f = s->self;

    if (f->changed && f->restart_on_change) {
        sluice_log(f->host, SLUICE_WARN, "%.350s: reading that one from its start (on_change: restart)",
                   f->why.message);
        s->phase = STREAM_AGAIN;
        return 1;
    }
    if (f->why.code == SLUICE_FATAL && f->why.option[0] != '\0')
        s->problem_option = f->why.option;
    return 0;
}

static const struct stream_owner s3_owner = {
    .no_more = no_more,
    .shrank = shrank,
    .again = s3_begin_again,
    .later = later,
    .broken = broken,
    .seen = s3_line_seen,
    .ended = s3_lines_told,
    .store = s3_store,
};

static void s3_destroy(void *self)
{
    struct s3_source *f = self;

    if (f->client != NULL)
        f->http->free(f->client);
    aws_chain_free(f->chain);
    idset_free(f->lines);
    free(f->bucket);
    free(f);
}

static uint32_t take_url(struct s3_source *f, const struct sluice_config *config, struct sluice_error *err)
{
    const char *url = f->host->option_string(config, "url"), *why, *rest;
    size_t len;

    if (strncmp(url, "s3://", 5) != 0)
        return sluice_fail(err, SLUICE_INVALID, "url", "url: s3://bucket/key was expected");
    rest = url + 5;
    len = strcspn(rest, "/");
    f->url = url;
    f->key = rest[len] == '/' ? rest + len + 1 : rest + len;
    f->bucket = strndup(rest, len);
    if (f->bucket == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    why = aws_s3_bucket_problem(f->bucket);
    if (why == NULL)
        why = aws_s3_key_problem(f->key);
    return why == NULL ? SLUICE_OK : sluice_fail(err, SLUICE_INVALID, "url", "url: %s", why);
}

static uint32_t take_framing(struct s3_source *f, const struct sluice_config *config,
                             struct sluice_error *err)
{
    const struct sluice_host *host = f->host;
    int64_t format = host->option_integer(config, "format"), header = host->option_integer(config, "header");
    struct framing *framing = &f->stream.framing;

    framing->csv = format == 1;
    framing->max = (size_t)host->option_integer(config, "max_record");
    f->stream.json = format == 0;
    if (format == 1)
        f->stream.header = header == 2 ? STREAM_HEADER_NONE : STREAM_HEADER_CSV;
    else if (format == 2)
        f->stream.header = header == 0   ? STREAM_HEADER_KNOWN_ID
                           : header == 1 ? STREAM_HEADER_LINE
                                         : STREAM_HEADER_NONE;
    if (!csv_parse_byte(host->option_string(config, "separator"), &framing->dialect.separator))
        return sluice_fail(err, SLUICE_INVALID, "separator", "one byte or tab was expected");
    if (!csv_parse_byte(host->option_string(config, "quote"), &framing->dialect.quote))
        return sluice_fail(err, SLUICE_INVALID, "quote", "one byte or none was expected");
    if (csv_dialect_problem(&framing->dialect) != NULL)
        return sluice_fail(err, SLUICE_INVALID, "separator", "%s", csv_dialect_problem(&framing->dialect));
    return SLUICE_OK;
}

static uint32_t make_client(struct s3_source *f, const struct sluice_config *config, struct sluice_error *err)
{
    struct sluice_http_options o = {.struct_size = sizeof o, .max_parallel = 1};
    const struct sluice_host *host = f->host;
    struct aws_options aws;

    f->http = host->extension(host, SLUICE_HTTP_ID);
    o.max_body = f->range + ANSWER_ROOM;
    if (f->http != NULL && (f->client = f->http->client(host, &o, err)) == NULL)
        return SLUICE_FATAL;
    memset(&aws, 0, sizeof aws);
    aws.host = host;
    aws.http = f->http;
    aws.client = f->client;
    aws.profile = host->option_string(config, "aws_profile");
    aws.region = host->option_string(config, "aws_region");
    f->chain = aws_chain_new(&aws);
    if (f->chain == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    f->s3.chain = f->chain;
    f->s3.endpoint = host->option_string(config, "aws_endpoint");
    f->s3.style = (enum aws_s3_style)host->option_integer(config, "path_style");
    return SLUICE_OK;
}

static void make_metrics(struct s3_source *f)
{
    const struct sluice_host *host = f->host;

    f->metric_requests = host->metric(host, SLUICE_COUNTER, "ranges_total", "Ranges asked for.", NULL);
    f->metric_cuts = host->metric(host, SLUICE_COUNTER, "cuts_total",
                                  "Ranges that did not come whole and are asked for again.", NULL);
    f->metric_duplicates = host->metric(host, SLUICE_COUNTER, "duplicates_total",
                                        "Records that are the same as an earlier one of the run.", NULL);
}

static uint32_t s3_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                          struct sluice_error *err)
{
    struct s3_source *f = calloc(1, sizeof *f);
    uint32_t code;

    if (f == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    f->host = host;
    f->range = f->ask = (uint64_t)host->option_integer(config, "range");
    f->timeout_ms = (uint32_t)host->option_integer(config, "timeout");
    f->restart_on_change = host->option_integer(config, "on_change") == 1;
    f->lines_max =
        (uint64_t)host->option_integer(config, "duplicates_memory") * 3 / 4 / sizeof(struct hash128);
    code = take_url(f, config, err);
    if (code == SLUICE_OK)
        code = take_framing(f, config, err);
    if (code == SLUICE_OK)
        code = make_client(f, config, err);
    if (code != SLUICE_OK) {
        s3_destroy(f);
        return code;
    }
    f->stream.name = f->url;
    stream_init(&f->stream, host, &s3_owner, f, (size_t)256 << 10);
    make_metrics(f);
    *self = f;
    return SLUICE_OK;
}

static void release(struct s3_source *f)
{
    stream_close(&f->stream);
    s3_range_drop(f);
    idset_free(f->lines);
    f->lines = NULL;
}

static uint32_t s3_start(void *self, struct sluice_error *err)
{
    struct s3_source *f = self;
    uint32_t code = stream_open(&f->stream, err);

    f->duplicates = f->cuts = 0;
    f->lines_full = 0;
    if (code == SLUICE_OK)
        code = s3_open(f, err);
    if (code != SLUICE_OK)
        release(f);
    return code;
}

static uint32_t s3_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    (void)deadline_ms;
    (void)err;
    release(self);
    return SLUICE_OK;
}

static uint32_t s3_probe(void *self, struct sluice_error *err)
{
    return s3_look(self, err);
}

static void s3_stats(void *self)
{
    stream_stats(&((struct s3_source *)self)->stream);
}

static uint32_t s3_poll(void *self, struct sluice_batch *batch, uint64_t max, uint32_t timeout_ms,
                        struct sluice_error *err)
{
    return stream_poll(&((struct s3_source *)self)->stream, batch, max, timeout_ms, err);
}

static uint32_t s3_settle(void *self, const struct sluice_acks *acks, struct sluice_error *err)
{
    return stream_settle(&((struct s3_source *)self)->stream, acks, err);
}

static int64_t s3_fetch(void *self, uint32_t lane, uint64_t position, uint64_t offset, void *out,
                        uint64_t cap, struct sluice_error *err)
{
    return stream_fetch(&((struct s3_source *)self)->stream, lane, position, offset, out, cap, err);
}

static const struct sluice_lifecycle s3_lifecycle = {
    .struct_size = sizeof s3_lifecycle,
    .create = s3_create,
    .destroy = s3_destroy,
    .start = s3_start,
    .stop = s3_stop,
    .probe = s3_probe,
    .stats = s3_stats,
};

static const struct sluice_source_ops s3_ops = {
    .struct_size = sizeof s3_ops,
    .poll = s3_poll,
    .settle = s3_settle,
    .fetch = s3_fetch,
};

static const struct sluice_plugin source_s3_file = {
    .struct_size = sizeof source_s3_file,
    .kind = SLUICE_SOURCE,
    .flags = SLUICE_FINITE,
    .name = "s3-file",
    .version = "0.1.0",
    .summary = "records of an object of S3: lines, CSV rows or JSON lines, plain or gzip",
    .licence = "MIT",
    SLUICE_OPTIONS(s3_options),
    .lifecycle = &s3_lifecycle,
    .ops = &s3_ops,
    .example = "plugin: s3-file\nurl: s3://some-bucket/users.csv\naws_endpoint: http://127.0.0.1:1\n",
};

SLUICE_MODULE("source-s3-file", NULL, NULL, &source_s3_file);
