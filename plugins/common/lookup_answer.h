/* lookup_answer: what a look-up service said about the ids it was asked.
 *
 *   {"products": [{"id": "p1", "name": "Milk", …}, …]}
 *
 * Ids that a service does not know are absent.  Invariant: an id counts as unknown only
 * if the answer is beyond doubt; whatever is odd about it makes a failure. */
#ifndef SLUICE_PLUGINS_LOOKUP_ANSWER_H
#define SLUICE_PLUGINS_LOOKUP_ANSWER_H

#include <sluice/abi.h>

#define LOOKUP_MAX_BATCH 1000u
#define LOOKUP_MAX_FIELDS 16u

/* What may stand in a member of the answer (null and "" are always "nothing"). */
enum lookup_type { LOOKUP_ANY, LOOKUP_TEXT, LOOKUP_LIST };

struct lookup_field {
    const char *from; /* member of the answer's item */
    enum lookup_type type;
};

struct lookup_spec {
    const char *list; /* member of the answer that holds the items */
    const char *id;   /* member of an item that holds its id */
    uint32_t n_fields;
    struct lookup_field fields[LOOKUP_MAX_FIELDS];
};

enum lookup_state {
    LOOKUP_FLYING,   /* being asked */
    LOOKUP_FOUND,    /* has a value */
    LOOKUP_UNKNOWN,  /* the service does not know it */
    LOOKUP_FAILED,   /* cannot be told; another time, perhaps */
    LOOKUP_AWAY,     /* the service is away, or does not want to be asked now */
    LOOKUP_CANCELLED /* the host asked to stop */
};

/* The fields of one id, packed; malloc'ed. */
struct lookup_value {
    uint64_t size; /* bytes in all */
    char data[];
};

struct lookup_item {
    struct sluice_str id;
    enum lookup_state state;    /* FOUND, UNKNOWN or FAILED */
    struct lookup_value *value; /* of FOUND; the caller frees it */
    const char *why;            /* of FAILED; a literal */
};

/* Fills items (distinct ids, n <= LOOKUP_MAX_BATCH).  NULL, or why the whole answer is
 * worth nothing: a literal; the items are then left without values. */
const char *lookup_answer_read(const struct lookup_spec *spec, const char *body, size_t len,
                               struct lookup_item *items, uint32_t n);

/* Walks a value: one call of next_field a field, then so many of next_text. */
struct lookup_cursor {
    const char *at;
};
void lookup_value_begin(const struct lookup_value *v, struct lookup_cursor *c);
/* How many texts follow; *is_list: also one text is a list. */
uint32_t lookup_next_field(struct lookup_cursor *c, int *is_list);
struct sluice_str lookup_next_text(struct lookup_cursor *c);

#endif
