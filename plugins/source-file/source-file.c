/* source-file: the records of one file: JSON lines, CSV rows or plain lines, plain
 * or gzip, to its end or for as long as it grows. */
#include <stdlib.h>

#include "file_source.h"

static const struct sluice_option file_options[] = {
    {.name = "path",
     .type = SLUICE_PATH,
     .flags = SLUICE_REQUIRED,
     .summary = "file to read; gzip is recognised by its first bytes",
     .example = "receipts.jsonl"},
    {.name = "format",
     .type = SLUICE_CHOICE,
     .default_text = "jsonl",
     .choices = "jsonl|csv|lines",
     .summary = "where records end: at each line end, or for csv at line ends outside quotes"},
    {.name = "header",
     .type = SLUICE_BOOLEAN,
     .default_text = "true",
     .summary = "csv: the first row names the columns and is not a record"},
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
    {.name = "follow",
     .type = SLUICE_BOOLEAN,
     .default_text = "false",
     .summary = "at the end wait for more, for ever",
     .details = "An unfinished last line waits for its end.  A file that another one replaces (log rotation) "
                "is read to "
                "its end, then the new one from its start."},
    {.name = "max_record",
     .type = SLUICE_SIZE,
     .default_text = "1MiB",
     .min = "16",
     .max = "256MiB",
     .summary = "longest record; longer ones go to the dead letters, whole",
     .details = "A CSV row that has no end within this size is taken as a line."},
    {.name = "buffer",
     .type = SLUICE_SIZE,
     .default_text = "1MiB",
     .min = "4KiB",
     .max = "256MiB",
     .summary = "bytes read at a time"},
    {.name = "on_shrink",
     .type = SLUICE_CHOICE,
     .default_text = "stop",
     .choices = "stop|restart",
     .summary = "what to do when the file has fewer bytes than were read: stop, or read it from its start"},
};

static void file_destroy(void *self)
{
    free(self);
}

static const struct stream_owner file_owner = {
    .no_more = file_no_more,
    .shrank = file_shrank,
    .again = file_begin_again,
    .store = file_state_store,
};

static uint32_t read_dialect(const struct sluice_host *host, const struct sluice_config *config,
                             struct csv_dialect *d, struct sluice_error *err)
{
    if (!csv_parse_byte(host->option_string(config, "separator"), &d->separator))
        return sluice_fail(err, SLUICE_INVALID, "separator", "one byte or tab was expected");
    if (!csv_parse_byte(host->option_string(config, "quote"), &d->quote))
        return sluice_fail(err, SLUICE_INVALID, "quote", "one byte or none was expected");
    if (csv_dialect_problem(d) != NULL)
        return sluice_fail(err, SLUICE_INVALID, "separator", "%s", csv_dialect_problem(d));
    return SLUICE_OK;
}

static uint32_t file_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                            struct sluice_error *err)
{
    struct csv_dialect dialect;
    struct file_source *f;

    if (read_dialect(host, config, &dialect, err) != SLUICE_OK)
        return SLUICE_INVALID;
    f = calloc(1, sizeof *f);
    if (f == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    f->host = host;
    f->fd = -1;
    f->path = host->option_string(config, "path");
    f->follow = host->option_integer(config, "follow") != 0;
    f->restart_on_shrink = host->option_integer(config, "on_shrink") == 1;
    f->stream.name = f->path;
    f->stream.json = host->option_integer(config, "format") == 0;
    f->stream.framing.csv = host->option_integer(config, "format") == 1;
    f->stream.framing.dialect = dialect;
    f->stream.framing.max = (size_t)host->option_integer(config, "max_record");
    f->stream.header = f->stream.framing.csv && host->option_integer(config, "header") != 0
                           ? STREAM_HEADER_CSV
                           : STREAM_HEADER_NONE;
    stream_init(&f->stream, host, &file_owner, f, (size_t)host->option_integer(config, "buffer"));
    *self = f;
    return SLUICE_OK;
}

static void release(struct file_source *f)
{
    file_close(f);
    stream_close(&f->stream);
}

static uint32_t file_start(void *self, struct sluice_error *err)
{
    struct file_source *f = self;
    uint32_t code;

    code = stream_open(&f->stream, err);
    if (code == SLUICE_OK)
        code = file_open(f, err);
    if (code != SLUICE_OK)
        release(f);
    return code;
}

static uint32_t file_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    (void)deadline_ms;
    (void)err;
    release(self);
    return SLUICE_OK;
}

static uint32_t file_probe(void *self, struct sluice_error *err)
{
    return file_look(self, err);
}

static void file_stats(void *self)
{
    struct file_source *f = self;

    stream_stats(&f->stream);
}

static uint32_t file_poll(void *self, struct sluice_batch *batch, uint64_t max, uint32_t timeout_ms,
                          struct sluice_error *err)
{
    return stream_poll(&((struct file_source *)self)->stream, batch, max, timeout_ms, err);
}

static uint32_t file_settle(void *self, const struct sluice_acks *acks, struct sluice_error *err)
{
    return stream_settle(&((struct file_source *)self)->stream, acks, err);
}

static int64_t file_fetch(void *self, uint32_t lane, uint64_t position, uint64_t offset, void *out,
                          uint64_t cap, struct sluice_error *err)
{
    return stream_fetch(&((struct file_source *)self)->stream, lane, position, offset, out, cap, err);
}

static const struct sluice_lifecycle file_lifecycle = {
    .struct_size = sizeof file_lifecycle,
    .create = file_create,
    .destroy = file_destroy,
    .start = file_start,
    .stop = file_stop,
    .probe = file_probe,
    .stats = file_stats,
};

static const struct sluice_source_ops file_ops = {
    .struct_size = sizeof file_ops,
    .poll = file_poll,
    .settle = file_settle,
    .fetch = file_fetch,
};

static const struct sluice_plugin source_file = {
    .struct_size = sizeof source_file,
    .kind = SLUICE_SOURCE,
    .flags = SLUICE_FINITE,
    .name = "file",
    .version = "0.1.0",
    .summary = "records of a file: JSON lines, CSV rows or lines, plain or gzip",
    .licence = "MIT",
    SLUICE_OPTIONS(file_options),
    .lifecycle = &file_lifecycle,
    .ops = &file_ops,
    .example = "plugin: file\npath: ${tmp}/sample.jsonl\n",
};

SLUICE_MODULE("source-file", NULL, NULL, &source_file);
