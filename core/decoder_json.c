/* decoder_json: decoder/json, built in: a payload of JSON becomes the document. */
#include <sluice/plugin.h>

#include "json.h"
#include "record.h"

static uint32_t json_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                            struct sluice_error *err)
{
    (void)config;
    (void)err;
    *self = (void *)(uintptr_t)host; /* it holds nothing of its own */
    return SLUICE_OK;
}

static void json_destroy(void *self)
{
    (void)self;
}

static void decode_one(struct sluice_record *r, const struct sluice_verdicts *verdicts, uint32_t i)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct sluice_node *root;

    if (r->size > r->payload.len) {
        sluice_verdict_set(verdicts, i, SLUICE_REJECT, "oversize", "the record is larger than max_record");
        return;
    }
    if (r->payload.data == NULL) {
        sluice_verdict_set(verdicts, i, SLUICE_REJECT, "tombstone", "a message without a value");
        return;
    }
    root = json_parse_text(&r->batch->arena, r->payload, &err);
    if (root == NULL) {
        const char *reason = err.code == SLUICE_RETRY ? "no_memory" : "bad_json";

        sluice_verdict_set(verdicts, i, err.code, reason,
                           record_api.text(r, err.message, strlen(err.message)));
        return;
    }
    r->document = root;
    sluice_verdict_set(verdicts, i, SLUICE_OK, NULL, NULL);
}

static uint32_t json_decode(void *self, struct sluice_record *const *records, uint32_t n,
                            const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    uint32_t i;

    (void)self;
    (void)err;
    for (i = 0; i < n; i++)
        decode_one(records[i], verdicts, i);
    return SLUICE_OK;
}

/* Of an oversize record only the first bytes are at hand: what they lack may come later. */
static uint8_t peek_one(const struct sluice_record *r, const struct sluice_peek *peek,
                        struct sluice_str *values)
{
    uint8_t status = json_peek(r->payload, peek->names, peek->n_names, values, &r->batch->arena);
    uint64_t i;

    for (i = 0; r->size > r->payload.len && i < peek->n_names; i++)
        if (values[i].data == NULL)
            return SLUICE_PEEK_BROKEN;
    return status;
}

static uint32_t json_peek_records(void *self, const struct sluice_peek *peek, struct sluice_error *err)
{
    uint32_t i;

    (void)self;
    (void)err;
    for (i = 0; i < peek->n; i++)
        peek->status[i] = peek_one(peek->records[i], peek, peek->values + i * peek->n_names);
    return SLUICE_OK;
}

static const struct sluice_lifecycle json_lifecycle = {
    .struct_size = sizeof json_lifecycle,
    .create = json_create,
    .destroy = json_destroy,
};

static const struct sluice_decoder_ops json_ops = {
    .struct_size = sizeof json_ops,
    .decode = json_decode,
    .peek = json_peek_records,
};

static const struct sluice_plugin json_plugin = {
    .struct_size = sizeof json_plugin,
    .kind = SLUICE_DECODER,
    .flags = SLUICE_PARALLEL,
    .name = "json",
    .version = "0.1.0",
    .summary = "JSON text to a document",
    .licence = "MIT",
    .option_size = sizeof(struct sluice_option),
    .lifecycle = &json_lifecycle,
    .ops = &json_ops,
    .example = "plugin: json\n",
};

static const struct sluice_plugin *const json_list[] = {&json_plugin, NULL};

const struct sluice_module json_module = {
    .struct_size = sizeof json_module,
    .abi_major = SLUICE_ABI_MAJOR,
    .abi_minor = SLUICE_ABI_MINOR,
    .name = "json",
    .plugins = json_list,
};
