/* graph_model: random purchases, and the graph that they must give, by brute force.
 *
 * Shares no code with the sinks. */
#ifndef SLUICE_TESTS_GRAPH_MODEL_H
#define SLUICE_TESTS_GRAPH_MODEL_H

#include <stdint.h>

#include "strbuf.h"

#define MODEL_USERS 6u
#define MODEL_PRODUCTS 9u
#define MODEL_STORES 4u
#define MODEL_CATEGORIES 3u
#define MODEL_RECEIPTS 14u
#define MODEL_RECORDS 70u
#define MODEL_MOST 4u /* purchases a record */

struct model_purchase {
    unsigned product, receipt, store; /* store MODEL_STORES: not known */
    int64_t time;
    int with_category;
};
struct model_record {
    unsigned user, n;
    struct model_purchase purchases[MODEL_MOST];
};

/* MODEL_RECORDS records, the same for the same seed; pick goes on from there. */
void graph_model_records(struct model_record *records, uint64_t seed);
unsigned graph_model_pick(unsigned n);                                   /* 0 to n - 1 */
void graph_model_json(const struct model_record *r, struct strbuf *out); /* the purchase document */
/* The canonical lines of the graph of all records, sorted; free() it. */
char *graph_model_lines(const struct model_record *records);

#endif
