/* enrich_purchase: what the parts of enrich/purchase share.
 *
 * Invariant: a record's document is replaced only when the whole of it was read,
 * so a record that is dropped or rejected keeps the document it came with. */
#ifndef SLUICE_PLUGINS_ENRICH_PURCHASE_H
#define SLUICE_PLUGINS_ENRICH_PURCHASE_H

#include <sluice/plugin.h>

#define PURCHASE_MAX_ID 512u /* bytes of a user, receipt, product or retailer id */
#define PURCHASE_MAX_TIMEZONE 64u
#define PURCHASE_MAX_TEXT 65536u
#define PURCHASE_FUTURE_MS INT64_C(86400000)

enum purchase_from { PURCHASE_FROM_RECEIPT, PURCHASE_FROM_SHOP_ORDER, PURCHASE_FROM_ROW };
enum purchase_clock { PURCHASE_RFC3339, PURCHASE_EPOCH_S, PURCHASE_EPOCH_MS };

/* What a row's column may become. */
enum purchase_target {
    TARGET_USER_ID,
    TARGET_RECEIPT_ID,
    TARGET_PRODUCT_ID,
    TARGET_TIME,
    TARGET_RETAILER,
    TARGET_QUANTITY,
    TARGET_DESCRIPTION,
    TARGET_TIMEZONE,
    TARGET_NAME,
    TARGET_BRAND,
    TARGET_CATEGORY,
    TARGET_CATEGORY_ID,
    TARGET_COUNT
};

/* A member of a message, and the reasons it can give. */
struct purchase_member {
    const char *name;
    const char *no;
    const char *bad;
};
#define PURCHASE_MEMBER(name, token)                                                                         \
    {                                                                                                        \
        (name), "no_" token, "bad_" token                                                                    \
    }

struct purchase {
    const struct sluice_host *host;
    enum purchase_from from;
    enum purchase_clock clock;
    uint32_t items_left_out;                      /* metric, by reason */
    const char *columns[TARGET_COUNT];            /* rows; NULL: not mapped */
    struct purchase_member members[TARGET_COUNT]; /* rows: named by their column */
};

/* The work on one record; answer is written once, by whatever ends it. */
struct purchase_work {
    const struct purchase *self;
    struct sluice_record *record;
    struct sluice_verdict answer;
    const char *list; /* name of the list that item counts, or NULL */
    uint64_t item;
};

/* One purchase before it becomes nodes.  Absent texts have data NULL. */
struct purchase_line {
    struct sluice_str receipt_id, product_id, retailer, description;
    struct sluice_str name, brand, category, category_id;
    int64_t time;
    const struct sluice_node *quantity; /* a number, or NULL */
};

/* --- purchase_value.c: members to values.  1, or 0 with the answer written. ---- */
int purchase_end(struct purchase_work *w, uint32_t code, const char *reason, const char *fmt, ...)
    SLUICE_PRINTF(4, 5);
int purchase_no_memory(struct purchase_work *w);
/* REJECT with the member's bad reason (no reason if it is not there): what was expected, what is there. */
int purchase_unfit(struct purchase_work *w, const struct purchase_member *m, const struct sluice_node *node,
                   const char *expected);
/* How the node reads in a message: a quoted text (cut), a number, "null", "a list". */
#define PURCHASE_SHOW 80u
const char *purchase_show(const struct purchase_work *w, const struct sluice_node *node,
                          char out[PURCHASE_SHOW]);
int purchase_object(struct purchase_work *w, const struct sluice_node *node, const struct purchase_member *m);
int purchase_list(struct purchase_work *w, const struct sluice_node *node, const struct purchase_member *m);
/* An id: 1 to 512 bytes without control characters.  In rows an integer is its digits. */
int purchase_id(struct purchase_work *w, const struct sluice_node *node, const struct purchase_member *m,
                struct sluice_str *out);
/* A text that may be absent, null or empty: then data is NULL. */
int purchase_text(struct purchase_work *w, const struct sluice_node *node, const struct purchase_member *m,
                  uint64_t max, struct sluice_str *out);
/* A number that may be absent or null: then *out is NULL. */
int purchase_number(struct purchase_work *w, const struct sluice_node *node, const struct purchase_member *m,
                    const struct sluice_node **out);
/* Milliseconds since 1970, not more than a day ahead of now. */
int purchase_time(struct purchase_work *w, const struct sluice_node *node, const struct purchase_member *m,
                  int64_t *out);

/* --- purchase_build.c: values to the document ----------------------------------- */
/* The document and its list of purchases. */
int purchase_begin(struct purchase_work *w, struct sluice_str user_id, struct sluice_str timezone,
                   struct sluice_node **root, struct sluice_node **list);
int purchase_push(struct purchase_work *w, struct sluice_node *list, const struct purchase_line *line);
/* Makes root the document and answers OK. */
int purchase_finish(struct purchase_work *w, struct sluice_node *root);

/* --- the readings ---------------------------------------------------------------- */
int purchase_from_receipt(struct purchase_work *w, const struct sluice_node *root);
int purchase_from_shop_order(struct purchase_work *w, const struct sluice_node *root);
int purchase_from_row(struct purchase_work *w, const struct sluice_node *root);
/* One receipt, or one order of the shop-order service, of a history: its lines go to the
 * end of list.  0: the answer says why it is left out (DROP, REJECT), or RETRY. */
int purchase_add_receipt(struct purchase_work *w, const struct sluice_node *receipt,
                         struct sluice_node *list);
int purchase_add_order(struct purchase_work *w, const struct sluice_node *order, struct sluice_node *list);
/* Reads the option `fields`; OK or INVALID. */
uint32_t purchase_row_fields(struct purchase *p, const struct sluice_config *config,
                             struct sluice_error *err);

#endif
