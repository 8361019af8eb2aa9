/* record: the batch that holds records, and the table through which plugins see
 * them. */
#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "json.h"

int batch_init(struct sluice_batch *b, uint64_t cap, uint64_t n_fields, size_t keep)
{
    memset(b, 0, sizeof *b);
    arena_init(&b->arena, keep);
    b->cap = cap;
    b->n_fields = n_fields;
    b->records = calloc(cap > 0 ? cap : 1, sizeof *b->records);
    b->refs = calloc(cap > 0 ? cap : 1, sizeof(struct sluice_record *));
    b->status = calloc(cap > 0 ? cap : 1, 1);
    if (n_fields == 0 || cap <= SIZE_MAX / sizeof *b->values / n_fields)
        b->values = calloc(cap > 0 && n_fields > 0 ? cap * n_fields : 1, sizeof *b->values);
    if (b->records == NULL || b->refs == NULL || b->status == NULL || b->values == NULL) {
        batch_release(b);
        return -1;
    }
    return 0;
}

void batch_release(struct sluice_batch *b)
{
    free(b->records);
    free(b->refs);
    free(b->values);
    free(b->status);
    arena_release(&b->arena);
    memset(b, 0, sizeof *b);
}

void batch_clear(struct sluice_batch *b)
{
    b->n = 0;
    b->bytes = 0;
    arena_clear(&b->arena);
}

/* The next free record, emptied; not counted yet. */
static struct sluice_record *next_record(struct sluice_batch *b)
{
    struct sluice_record *r;

    if (b->n >= b->cap)
        return NULL;
    r = &b->records[b->n];
    memset(r, 0, sizeof *r);
    r->batch = b;
    return r;
}

static void count_record(struct sluice_batch *b, struct sluice_record *r)
{
    b->refs[b->n++] = r;
    b->bytes += r->payload.len;
}

static int add_item(struct sluice_batch *b, const struct sluice_item *item)
{
    struct sluice_record *r;

    if (item->lane == 0 || item->lane > b->n_lanes || (item->data == NULL && item->len > 0))
        return 0;
    r = next_record(b);
    if (r == NULL)
        return 0;
    r->payload.data = item->data;
    r->payload.len = item->len;
    r->size = item->size > item->len ? item->size : item->len;
    r->position = item->position;
    r->next = item->next;
    r->ordinal = item->ordinal;
    r->time_ms = item->time_ms;
    r->key = item->key;
    r->message_id = item->message_id;
    r->headers = item->headers;
    r->n_headers = item->headers == NULL ? 0 : item->n_headers;
    r->lane_id = item->lane;
    r->lane = b->lanes[item->lane - 1];
    r->generation = r->lane->generation;
    count_record(b, r);
    return 1;
}

uint64_t batch_add(struct sluice_batch *b, const struct sluice_item *items, uint64_t n, uint64_t stride)
{
    uint64_t i;

    for (i = 0; i < n; i++) {
        const char *at = (const char *)items + i * stride;
        struct sluice_item item = {0};

        memcpy(&item, at, stride < sizeof item ? stride : sizeof item);
        if (!add_item(b, &item))
            break;
    }
    return i;
}

static int is_inside(struct sluice_str part, struct sluice_str whole)
{
    return whole.data != NULL && (uintptr_t)part.data >= (uintptr_t)whole.data &&
           (uintptr_t)part.data + part.len <= (uintptr_t)whole.data + whole.len;
}

static uint64_t field_count(const struct sluice_record *r)
{
    return r->fields == NULL ? 0 : r->batch == NULL ? r->n_fields : r->batch->n_fields;
}

/* Headers come first in the copy, for their alignment. */
uint64_t record_bytes(const struct sluice_record *r)
{
    uint64_t bytes = r->n_headers * 2 * sizeof(struct sluice_str);
    uint64_t i;

    bytes += r->payload.len + r->key.len + r->message_id.len;
    for (i = 0; i < r->n_headers * 2; i++)
        bytes += r->headers[i].len;
    for (i = 0; i < field_count(r); i++)
        if (r->fields[i].data != NULL && !is_inside(r->fields[i], r->payload))
            bytes += r->fields[i].len;
    return bytes;
}

/* Copies s to *at, which moves on; absent stays absent. */
static struct sluice_str carve(char **at, struct sluice_str s)
{
    char *to = *at;

    if (s.data == NULL)
        return s;
    memcpy(to, s.data, s.len);
    *at += s.len;
    s.data = to;
    return s;
}

static void copy_fields(struct sluice_record *r, const struct sluice_record *from, char **at)
{
    uint64_t n = field_count(from);
    uint64_t i;

    r->fields = &r->batch->values[(uint64_t)(r - r->batch->records) * r->batch->n_fields];
    for (i = 0; i < r->batch->n_fields; i++) {
        struct sluice_str s = {NULL, 0};

        if (i < n)
            s = from->fields[i];
        if (s.data != NULL && is_inside(s, from->payload))
            s.data = r->payload.data + (s.data - from->payload.data);
        else
            s = carve(at, s);
        r->fields[i] = s;
    }
}

struct sluice_record *batch_copy(struct sluice_batch *b, const struct sluice_record *from)
{
    struct sluice_record *r = next_record(b);
    struct sluice_str *headers;
    uint64_t i;
    char *at;

    if (r == NULL)
        return NULL;
    at = arena_alloc(&b->arena, record_bytes(from) + 1); /* + 1: an empty text has an address too */
    if (at == NULL)
        return NULL;
    *r = *from;
    r->batch = b;
    r->document = NULL;
    r->fields = NULL;
    headers = (struct sluice_str *)(void *)at;
    at += from->n_headers * 2 * sizeof *headers;
    r->headers = from->n_headers > 0 ? headers : NULL;
    r->payload = carve(&at, from->payload);
    r->key = carve(&at, from->key);
    r->message_id = carve(&at, from->message_id);
    for (i = 0; i < from->n_headers * 2; i++)
        headers[i] = carve(&at, from->headers[i]);
    if (from->fields != NULL && b->n_fields > 0)
        copy_fields(r, from, &at);
    count_record(b, r);
    return r;
}

static const struct sluice_str absent = {NULL, 0};

static struct sluice_str record_payload(const struct sluice_record *r)
{
    return r->payload;
}

static struct sluice_str record_attribute(const struct sluice_record *r, const char *name)
{
    struct sluice_str want = sluice_str_of(name);
    uint64_t i;

    if (strcmp(name, "key") == 0)
        return r->key;
    if (strcmp(name, "message_id") == 0)
        return r->message_id;
    if (r->lane != NULL) {
        if (strcmp(name, "lane") == 0)
            return sluice_str_of(r->lane->name);
        for (i = 0; i < r->lane->n_attributes; i++)
            if (strcmp(r->lane->attributes[2 * i], name) == 0)
                return sluice_str_of(r->lane->attributes[2 * i + 1]);
    }
    for (i = 0; i < r->n_headers; i++)
        if (sluice_str_equal(r->headers[2 * i], want))
            return r->headers[2 * i + 1];
    return absent;
}

static struct sluice_str record_field(const struct sluice_record *r, uint32_t slot)
{
    return slot < field_count(r) ? r->fields[slot] : absent;
}

static int64_t record_time_ms(const struct sluice_record *r)
{
    return r->time_ms;
}

static uint64_t record_position(const struct sluice_record *r)
{
    return r->position;
}

static uint64_t record_ordinal(const struct sluice_record *r)
{
    return r->ordinal;
}

static uint32_t record_attempts(const struct sluice_record *r)
{
    return r->attempts;
}

static struct sluice_node *record_document(const struct sluice_record *r)
{
    return r->document;
}

static void record_set_document(struct sluice_record *r, struct sluice_node *node)
{
    document_api.detach(node); /* a root has no siblings */
    r->document = node;
}

static char *record_text(const struct sluice_record *r, const char *data, uint64_t len)
{
    return arena_copy(&r->batch->arena, data, len);
}

static struct sluice_node *record_parse_json(struct sluice_record *r, struct sluice_str json,
                                             struct sluice_error *err)
{
    return json_parse_text(&r->batch->arena, json, err);
}

const struct sluice_record_api record_api = {
    .struct_size = sizeof record_api,
    .payload = record_payload,
    .attribute = record_attribute,
    .field = record_field,
    .time_ms = record_time_ms,
    .position = record_position,
    .ordinal = record_ordinal,
    .attempts = record_attempts,
    .document = record_document,
    .set_document = record_set_document,
    .text = record_text,
    .parse_json = record_parse_json,
};

struct sluice_str record_document_field(const struct sluice_record *r, const char *name)
{
    const struct sluice_node *node = document_api.get(r->document, name, strlen(name));
    uint64_t len;
    char *text;

    switch (document_api.type(node)) {
    case SLUICE_TEXT:
        return node->as.text;
    case SLUICE_BOOL:
    case SLUICE_INT:
    case SLUICE_UINT:
    case SLUICE_REAL:
        text = arena_alloc(&r->batch->arena, 32);
        if (text == NULL)
            return absent;
        len = json_write(node, text, 32);
        return (struct sluice_str){text, len};
    default:
        return absent;
    }
}
