#include "parcel.h"

#include <stdlib.h>
#include <string.h>

/* Hands out pieces of the one allocation; with base NULL it only measures. */
struct packer {
    char *base;
    size_t used;
};

static void *pack(struct packer *p, const void *data, size_t len, size_t align)
{
    void *at;

    p->used = (p->used + align - 1) & ~(align - 1);
    at = p->base == NULL ? NULL : p->base + p->used;
    if (at != NULL && len > 0)
        memcpy(at, data, len);
    p->used += len;
    return at;
}

static struct sluice_str pack_str(struct packer *p, struct sluice_str s)
{
    if (s.data != NULL)
        s.data = pack(p, s.data, s.len, 1);
    return s;
}

static const char *pack_text(struct packer *p, const char *text)
{
    return text == NULL ? NULL : pack(p, text, strlen(text) + 1, 1);
}

static struct sluice_str *pack_strings(struct packer *p, const struct sluice_str *from, uint64_t n)
{
    struct sluice_str *list, s;
    uint64_t i;

    if (from == NULL || n == 0)
        return NULL;
    list = pack(p, from, n * sizeof *from, _Alignof(struct sluice_str));
    for (i = 0; i < n; i++) {
        s = pack_str(p, from[i]);
        if (list != NULL)
            list[i] = s;
    }
    return list;
}

static void pack_all(struct packer *p, struct parcel *to, const struct parcel *from, uint64_t n_fields)
{
    const struct sluice_record *r = &from->record;

    to->record.payload = pack_str(p, r->payload);
    to->record.key = pack_str(p, r->key);
    to->record.message_id = pack_str(p, r->message_id);
    to->record.headers = pack_strings(p, r->headers, r->n_headers * 2);
    to->record.fields = pack_strings(p, r->fields, n_fields);
    to->stage = pack_text(p, from->stage);
    to->reason = pack_text(p, from->reason);
    to->detail = pack_text(p, from->detail);
}

struct parcel *parcel_new(const struct sluice_record *record, uint64_t n_fields, const char *stage,
                          const char *reason, const char *detail)
{
    struct parcel from = {.record = *record, .stage = stage, .reason = reason, .detail = detail},
                  scratch = from;
    struct packer packer = {NULL, sizeof from};
    struct parcel *out;

    pack_all(&packer, &scratch, &from, n_fields);
    out = malloc(packer.used);
    if (out == NULL)
        return NULL;
    *out = from;
    packer.base = (char *)out;
    packer.used = sizeof from;
    pack_all(&packer, out, &from, n_fields);
    out->record.document = NULL;
    out->record.batch = NULL;
    out->record.n_fields = (uint32_t)n_fields;
    return out;
}

void parcel_free(struct parcel *p)
{
    free(p);
}
