/* run_decoder: a decoder that keeps its promises, and, by one macro each, one that
 * breaks exactly one of them. */
#include <stdlib.h>

#include <sluice/plugin.h>

struct run {
    const struct sluice_host *host;
    uint32_t calls;
};

static uint32_t run_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                           struct sluice_error *err)
{
    struct run *d = calloc(1, sizeof *d);

    (void)config;
    if (d == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "out of memory");
    d->host = host;
    *self = d;
    return SLUICE_OK;
}

static void run_destroy(void *self)
{
    free(self);
}

static uint32_t run_decode_one(struct run *d, struct sluice_record *record)
{
    struct sluice_node *object, *value;
    struct sluice_str text = d->host->record->payload(record);

    if (text.len == 0 || text.data[0] != '{')
        return SLUICE_REJECT;
#ifdef BAD_NO_DOCUMENT
    return SLUICE_OK;
#endif
    object = d->host->document->make(record, SLUICE_OBJECT);
    value = d->host->document->make_int(record, (int64_t)text.len);
#ifdef BAD_NOT_THE_SAME
    value = d->host->document->make_int(record, d->calls++);
#endif
    if (object == NULL || !sluice_set(d->host, record, object, "n", value))
        return SLUICE_RETRY;
    d->host->record->set_document(record, object);
    return SLUICE_OK;
}

static uint32_t run_decode(void *self, struct sluice_record *const *records, uint32_t n,
                           const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    uint32_t i;

    (void)err;
#ifdef BAD_ODD_RECORD
    for (i = 0; i < n; i++)
        if (((struct run *)self)->host->record->payload(records[i]).len == 0)
            return sluice_fail(err, SLUICE_FATAL, NULL, "a record is empty");
#endif
    for (i = 0; i < n; i++) {
        uint32_t code = run_decode_one(self, records[i]);

#ifdef BAD_NO_DETAIL
        sluice_verdict_set(verdicts, i, code, code == SLUICE_OK ? NULL : "no_object", NULL);
#else
        sluice_verdict_set(verdicts, i, code, code == SLUICE_OK ? NULL : "no_object",
                           code == SLUICE_REJECT ? "the text does not start with a brace" : NULL);
#endif
    }
    return SLUICE_OK;
}

static uint32_t run_peek(void *self, const struct sluice_peek *peek, struct sluice_error *err)
{
    const struct run *d = self;
    uint32_t i;
    uint64_t j;

    (void)err;
    for (i = 0; i < peek->n; i++) {
        struct sluice_str text = d->host->record->payload(peek->records[i]);
        int whole = text.len > 0 && text.data[0] == '{';

        peek->status[i] = whole ? SLUICE_PEEK_WHOLE : SLUICE_PEEK_BROKEN;
        for (j = 0; j < peek->n_names; j++) {
            struct sluice_str *value = &peek->values[i * peek->n_names + j];
            char number[24];
            int len = snprintf(number, sizeof number, "%llu", (unsigned long long)text.len);

            value->data = NULL;
            value->len = 0;
            if (!whole || !sluice_str_equal(peek->names[j], sluice_str_of("n")))
                continue;
#ifdef BAD_PEEK
            number[0] = 'x';
#endif
            value->data = d->host->record->text(peek->records[i], number, (uint64_t)len);
            value->len = (uint64_t)len;
            if (value->data == NULL)
                return SLUICE_RETRY;
        }
    }
    return SLUICE_OK;
}

static const struct sluice_lifecycle run_lifecycle = {
    .struct_size = sizeof run_lifecycle,
    .create = run_create,
    .destroy = run_destroy,
};

static const struct sluice_decoder_ops run_ops = {
    .struct_size = sizeof run_ops,
    .decode = run_decode,
    .peek = run_peek,
};

static const struct sluice_plugin run_plugin = {
    .struct_size = sizeof run_plugin,
    .kind = SLUICE_DECODER,
    .name = "run",
    .version = "1.0.0",
    .summary = "the length of a text",
    .licence = "0BSD",
    .lifecycle = &run_lifecycle,
    .ops = &run_ops,
    .example = "plugin: run\n",
};

SLUICE_MODULE("run-decoder", NULL, NULL, &run_plugin);
