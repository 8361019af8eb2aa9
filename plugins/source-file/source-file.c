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

static void register_metrics(struct file_source *f)
{
    const struct sluice_host *h = f->host;

    f->metric.bytes = h->metric(h, SLUICE_COUNTER, "read_bytes_total", "Bytes read, after gzip.", NULL);
    f->metric.blanks = h->metric(h, SLUICE_COUNTER, "blank_lines_total", "Blank lines skipped.", NULL);
    f->metric.oversize =
        h->metric(h, SLUICE_COUNTER, "oversize_records_total", "Records above max_record.", NULL);
    f->metric.breaks = h->metric(h, SLUICE_COUNTER, "breaks_total",
                                 "Times that no more could be read before the end.", NULL);
    f->metric.position = h->metric(h, SLUICE_GAUGE, "position_bytes", "Bytes of the file read so far.", NULL);
    f->metric.size = h->metric(h, SLUICE_GAUGE, "size_bytes", "Size of the file.", NULL);
}

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
    size_t window;
    int i;

    if (read_dialect(host, config, &dialect, err) != SLUICE_OK)
        return SLUICE_INVALID;
    f = calloc(1, sizeof *f);
    if (f == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    f->host = host;
    f->fd = -1;
    f->path = host->option_string(config, "path");
    f->json = host->option_integer(config, "format") == 0;
    f->framing.csv = host->option_integer(config, "format") == 1;
    f->framing.dialect = dialect;
    f->framing.max = (size_t)host->option_integer(config, "max_record");
    f->header = host->option_integer(config, "header") != 0;
    f->follow = host->option_integer(config, "follow") != 0;
    f->restart_on_shrink = host->option_integer(config, "on_shrink") == 1;
    f->cap = (size_t)host->option_integer(config, "buffer");
    window = FRAME_WINDOW(f->framing.max);
    if (f->cap < window)
        f->cap = window;
    for (i = 0; i < (int)FILE_ITEMS; i++)
        f->items[i].struct_size = sizeof f->items[i];
    register_metrics(f);
    *self = f;
    return SLUICE_OK;
}

static void release(struct file_source *f)
{
    file_close(f);
    free(f->buffer);
    free(f->head);
    f->buffer = f->head = NULL;
}

static uint32_t file_start(void *self, struct sluice_error *err)
{
    struct file_source *f = self;
    uint32_t code;

    f->buffer = malloc(f->cap);
    f->head = malloc(FILE_OVERSIZE_HEAD);
    if (f->buffer == NULL || f->head == NULL)
        code = sluice_fail(err, SLUICE_FATAL, NULL, "no memory for a buffer of %llu bytes",
                           (unsigned long long)f->cap);
    else
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

    f->host->metric_set(f->host, f->metric.position, NULL, (double)atomic_load(&f->raw_position));
    f->host->metric_set(f->host, f->metric.size, NULL, (double)atomic_load(&f->raw_size));
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
