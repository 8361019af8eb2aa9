/* decoder_lines: decoder/lines, built in: a line of text becomes {"line": text}. */
#include <stdlib.h>

#include <sluice/plugin.h>

#include "json.h"
#include "record.h"
#include "utf8.h"

struct lines {
    struct sluice_str field; /* the option's string, which outlives us */
};

static const struct sluice_option lines_options[] = {
    {.name = "field",
     .type = SLUICE_STRING,
     .default_text = "line",
     .summary = "member of the document that holds the line",
     .details = "With field: user_id a file of plain user ids feeds whatever reads user_id.",
     .example = "user_id"},
};

static uint32_t lines_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                             struct sluice_error *err)
{
    const char *field = host->option_string(config, "field");
    struct lines *l;

    if (field == NULL || field[0] == '\0')
        return sluice_fail(err, SLUICE_INVALID, "field",
                           "the name is empty; leave the option out for \"line\"");
    l = calloc(1, sizeof *l);
    if (l == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    l->field = sluice_str_of(field);
    *self = l;
    return SLUICE_OK;
}

static void lines_destroy(void *self)
{
    free(self);
}

static void decode_one(const struct lines *l, struct sluice_record *r, const struct sluice_verdicts *verdicts,
                       uint32_t i)
{
    struct sluice_str text = r->payload.data == NULL ? sluice_str_of("") : r->payload;
    size_t valid = utf8_valid_prefix(text.data, text.len);
    struct sluice_node *root;
    struct sluice_node *value;
    char detail[80];

    if (r->size > r->payload.len) {
        sluice_verdict_set(verdicts, i, SLUICE_REJECT, "oversize", "the record is larger than max_record");
        return;
    }
    if (valid < text.len) {
        (void)snprintf(detail, sizeof detail, "byte %llu of the line is not UTF-8",
                       (unsigned long long)valid + 1);
        sluice_verdict_set(verdicts, i, SLUICE_REJECT, "bad_utf8",
                           record_api.text(r, detail, strlen(detail)));
        return;
    }
    root = document_api.make(r, SLUICE_OBJECT);
    value = document_api.make_text(r, text.data, text.len);
    if (root == NULL || value == NULL || !document_api.set(r, root, l->field.data, l->field.len, value)) {
        sluice_verdict_set(verdicts, i, SLUICE_RETRY, "no_memory", NULL);
        return;
    }
    r->document = root;
    sluice_verdict_set(verdicts, i, SLUICE_OK, NULL, NULL);
}

static uint32_t lines_decode(void *self, struct sluice_record *const *records, uint32_t n,
                             const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    uint32_t i;

    (void)err;
    for (i = 0; i < n; i++)
        decode_one(self, records[i], verdicts, i);
    return SLUICE_OK;
}

static uint32_t lines_peek(void *self, const struct sluice_peek *peek, struct sluice_error *err)
{
    const struct lines *l = self;
    uint64_t j;
    uint32_t i;

    (void)err;
    for (i = 0; i < peek->n; i++) {
        const struct sluice_record *r = peek->records[i];
        struct sluice_str text = r->payload.data == NULL ? sluice_str_of("") : r->payload;
        int whole = r->size <= text.len && utf8_valid_prefix(text.data, text.len) == text.len;

        for (j = 0; j < peek->n_names; j++) {
            struct sluice_str *value = &peek->values[i * peek->n_names + j];

            if (whole && sluice_str_equal(peek->names[j], l->field))
                *value = text;
            else
                *value = (struct sluice_str){NULL, 0};
        }
        peek->status[i] = whole ? SLUICE_PEEK_WHOLE : SLUICE_PEEK_BROKEN;
    }
    return SLUICE_OK;
}

static const struct sluice_lifecycle lines_lifecycle = {
    .struct_size = sizeof lines_lifecycle,
    .create = lines_create,
    .destroy = lines_destroy,
};

static const struct sluice_decoder_ops lines_ops = {
    .struct_size = sizeof lines_ops,
    .decode = lines_decode,
    .peek = lines_peek,
};

static const struct sluice_plugin lines_plugin = {
    .struct_size = sizeof lines_plugin,
    .kind = SLUICE_DECODER,
    .flags = SLUICE_PARALLEL,
    .name = "lines",
    .version = "0.1.0",
    .summary = "a line of text to a document with one member",
    .licence = "MIT",
    SLUICE_OPTIONS(lines_options),
    .lifecycle = &lines_lifecycle,
    .ops = &lines_ops,
    .example = "plugin: lines\nfield: user_id\n",
};

static const struct sluice_plugin *const lines_list[] = {&lines_plugin, NULL};

const struct sluice_module lines_module = {
    .struct_size = sizeof lines_module,
    .abi_major = SLUICE_ABI_MAJOR,
    .abi_minor = SLUICE_ABI_MINOR,
    .name = "lines",
    .plugins = lines_list,
};
