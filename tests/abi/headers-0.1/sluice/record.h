/* sluice/record.h: records and documents, as plugins see them.
 *
 * A record is payload bytes, attributes, and, once a decoder made it, a
 * document: a mutable tree of JSON values in memory of the batch.  Everything
 * here is opaque and reached through the two tables below, which the host hands
 * out in struct sluice_host.  Pointers and strings obtained from a record live
 * until the call they were obtained in returns, no longer.
 *
 * All calls are [instance] with respect to the record: two threads never hold
 * one record.  None of them blocks.  Those that build return NULL (or 0) when
 * memory ran out, and the plugin then answers SLUICE_RETRY for the record.
 */
#ifndef SLUICE_RECORD_H
#define SLUICE_RECORD_H

#include <sluice/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sluice_record; /* one unit of work and of acknowledgement */
struct sluice_batch;  /* what poll fills */
struct sluice_node;   /* one value of a document */

/* Value types of a node. */
#define SLUICE_NULL 0u
#define SLUICE_BOOL 1u
#define SLUICE_INT 2u  /* fits int64_t */
#define SLUICE_UINT 3u /* fits uint64_t, not int64_t */
#define SLUICE_REAL 4u
#define SLUICE_TEXT 5u
#define SLUICE_ARRAY 6u
#define SLUICE_OBJECT 7u

struct sluice_record_api {
    uint32_t struct_size;
    uint32_t reserved;

    /* The bytes as the source delivered them. */
    struct sluice_str (*payload)(const struct sluice_record *record);

    /* An attribute: "lane" (a name), "key", "message_id", one of the lane's
     * attributes ("csv.header"), or a header of the message.  Absent: data NULL. */
    struct sluice_str (*attribute)(const struct sluice_record *record, const char *name);

    /* A field that this instance declared (sluice_declare_field), by its slot.
     * Text as it is, numbers and booleans as their JSON text; data NULL: absent, null, or
     * not a scalar. */
    struct sluice_str (*field)(const struct sluice_record *record, uint32_t slot);

    /* Time of the message at its source, milliseconds since 1970 UTC; 0: unknown. */
    int64_t (*time_ms)(const struct sluice_record *record);

    /* Where it stands in its lane: the source's own position, and the ordinal
     * (1 = first record or line; 0 unknown). */
    uint64_t (*position)(const struct sluice_record *record);
    uint64_t (*ordinal)(const struct sluice_record *record);

    /* How often it was tried before: 0 at the first time. */
    uint32_t (*attempts)(const struct sluice_record *record);

    /* Root of the document; NULL before a decoder ran. */
    struct sluice_node *(*document)(const struct sluice_record *record);
    /* Makes node (from this record) the document. */
    void (*set_document)(struct sluice_record *record, struct sluice_node *node);

    /* A copy of text that lives as long as the record's batch; NULL: no memory.
     * Allowed on const records too, since gates explain themselves. */
    char *(*text)(const struct sluice_record *record, const char *data, uint64_t len);

    /* Parses JSON into nodes of the record.  NULL: not JSON, or too deep, or no
     * memory; err says which, with the byte. */
    struct sluice_node *(*parse_json)(struct sluice_record *record, struct sluice_str json,
                                      struct sluice_error *err);
};

struct sluice_document_api {
    uint32_t struct_size;
    uint32_t reserved;

    /* Reading.  A NULL node is of type SLUICE_NULL, has no children and no text,
     * so that lookups chain. */
    uint32_t (*type)(const struct sluice_node *node);
    uint64_t (*count)(const struct sluice_node *node); /* children */
    /* Member of an object; the first of that name; NULL if there is none. */
    struct sluice_node *(*get)(const struct sluice_node *object, const char *key, uint64_t key_len);
    /* Children in order: first(c), then next(child) until NULL. */
    struct sluice_node *(*first)(const struct sluice_node *container);
    struct sluice_node *(*next)(const struct sluice_node *child);
    struct sluice_str (*key)(const struct sluice_node *member);
    struct sluice_str (*string)(const struct sluice_node *node); /* TEXT only, else absent */
    /* 1 and *out if the node is a number of that value without loss, else 0. */
    uint32_t (*integer)(const struct sluice_node *node, int64_t *out);
    uint32_t (*real)(const struct sluice_node *node, double *out);
    uint32_t (*boolean)(const struct sluice_node *node, uint32_t *out);

    /* Building.  Nodes live with the record's batch; text is copied. */
    struct sluice_node *(*make)(struct sluice_record *record, uint32_t type); /* null, array, object */
    struct sluice_node *(*make_bool)(struct sluice_record *record, uint32_t value);
    struct sluice_node *(*make_int)(struct sluice_record *record, int64_t value);
    struct sluice_node *(*make_real)(struct sluice_record *record, double value);
    struct sluice_node *(*make_text)(struct sluice_record *record, const char *data, uint64_t len);
    /* Puts value under key (copied), in place of what was there.  A node has one
     * parent at most.  1, or 0 for no memory or a node that has a parent. */
    uint32_t (*set)(struct sluice_record *record, struct sluice_node *object, const char *key,
                    uint64_t key_len, struct sluice_node *value);
    uint32_t (*push)(struct sluice_node *array, struct sluice_node *value);
    /* Takes a child out of its parent; the node may be put elsewhere. */
    void (*detach)(struct sluice_node *child);

    /* Writes the node as compact JSON.  Returns its length; writes only if it is
     * <= cap.  The text has no NUL. */
    uint64_t (*write_json)(const struct sluice_node *node, char *out, uint64_t cap);
};

#ifdef __cplusplus
}
#endif
#endif
