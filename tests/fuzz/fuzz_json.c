/* Any bytes as JSON.  Traps unless: parser and scanner take the same texts; what is
 * written reads back and writes the same; peek says what the document says. */
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "json.h"
#include "json_scan.h"
#include "record.h"

#define NAMES 4u
#define NAME_BYTES 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds)
        __builtin_trap();
}

/* The names to ask for: two that are usual, and the first and last of the document. */
static uint64_t choose_names(const struct sluice_node *root, char names[NAMES][NAME_BYTES])
{
    const struct sluice_node *ends[2] = {document_api.first(root), NULL};
    uint64_t n = 2;
    int i;

    memcpy(names[0], "user_id", 8);
    memcpy(names[1], "", 1);
    for (ends[1] = ends[0]; document_api.next(ends[1]) != NULL; ends[1] = document_api.next(ends[1]))
        ;
    for (i = 0; i < 2; i++) {
        struct sluice_str key = document_api.key(ends[i]);

        if (key.data == NULL || key.len >= NAME_BYTES || memchr(key.data, '\0', key.len) != NULL)
            continue;
        memcpy(names[n], key.data, key.len);
        names[n++][key.len] = '\0';
    }
    return n;
}

static void check_peek(struct sluice_record *r)
{
    char names[NAMES][NAME_BYTES];
    struct sluice_str asked[NAMES];
    struct sluice_str values[NAMES];
    uint64_t n = choose_names(r->document, names);
    uint64_t i;

    for (i = 0; i < n; i++)
        asked[i] = sluice_str_of(names[i]);
    check(json_peek(r->payload, asked, n, values, &r->batch->arena) == SLUICE_PEEK_WHOLE);
    for (i = 0; i < n; i++)
        check(sluice_str_equal(values[i], record_document_field(r, names[i])));
}

static void check_write(struct sluice_record *r)
{
    uint64_t len = json_write(r->document, NULL, 0);
    char *first = malloc(len);
    char *second = malloc(len);
    struct sluice_node *again;

    if (first == NULL || second == NULL)
        abort();
    check(json_write(r->document, first, len) == len);
    again = json_parse_text(&r->batch->arena, (struct sluice_str){first, len}, NULL);
    check(again != NULL);
    check(json_write(again, second, len) == len);
    check(memcmp(first, second, len) == 0);
    free(first);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sluice_batch batch;
    struct sluice_record r = {.batch = &batch};
    struct sluice_error err = {.struct_size = sizeof err};
    struct sluice_str name = {"id", 2};
    struct sluice_str value;
    struct json_scan scan;
    char *text = malloc(size > 0 ? size : 1); /* ends where its memory ends */

    if (text == NULL || batch_init(&batch, 1, 0, 1 << 20) != 0)
        abort();
    memcpy(text, data, size);
    r.payload = (struct sluice_str){text, size};
    r.document = json_parse_text(&batch.arena, r.payload, &err);
    json_scan_init(&scan, r.payload);
    scan.ranges = 1;
    check(json_scan_text(&scan) == (r.document != NULL));
    check(scan.at <= scan.end);
    if (r.document != NULL) {
        check_peek(&r);
        check_write(&r);
    } else {
        check(err.code == SLUICE_REJECT && err.message[0] != '\0');
        (void)json_peek(r.payload, &name, 1, &value, &batch.arena);
    }
    batch_release(&batch);
    free(text);
    return 0;
}
