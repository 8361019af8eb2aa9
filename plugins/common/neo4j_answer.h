/* neo4j_answer: what the server answered, read where it lies.
 *
 * Nothing is built: rows are walked in the answer's own bytes.  Invariant: a reader that
 * got 0 from a function has got nothing, and the row is broken or of another shape. */
#ifndef SLUICE_PLUGINS_NEO4J_ANSWER_H
#define SLUICE_PLUGINS_NEO4J_ANSWER_H

#include <sluice/http.h>

#include "arena.h"
#include "json_scan.h"

#define NEO4J_ANSWERS 24u

enum neo4j_trouble {
    NEO4J_FINE,
    NEO4J_DEADLOCK,
    NEO4J_MISSING, /* a statement did not find what it was sure of */
    NEO4J_CHANGED, /* what a statement found is not what was read before */
    NEO4J_MEMORY,  /* the server lacks memory for so much at once */
    NEO4J_LOST,    /* the transaction is not there any more */
    NEO4J_OTHER
};

struct neo4j_reply {
    struct sluice_http_response http[NEO4J_ANSWERS];
    uint32_t n_http;
    const char *rows[NEO4J_ANSWERS]; /* of each statement, the '[' before the first row */
    const char *ends[NEO4J_ANSWERS];
    uint32_t n;
    int is_query;
    enum neo4j_trouble trouble;
    char code[96];     /* of the server's first error */
    char message[320]; /* its words */
    char id[80];       /* of the transaction that was opened */
    char bookmark[160];
};

/* Reads one body into the reply; 0 if it is not an answer of Neo4j. */
int neo4j_answer_read(struct neo4j_reply *reply, struct sluice_str body);

struct neo4j_rows {
    struct json_scan scan;
    int is_query;
    int in_row;
    int broken;
};

void neo4j_rows_open(struct neo4j_rows *r, const struct neo4j_reply *reply, uint32_t statement);
/* 1: a row, its values are read one after the other; 0: no more, or broken. */
int neo4j_row(struct neo4j_rows *r);
/* Each reads the next value.  1, or 0: of another type (rows->broken is set). */
int neo4j_integer(struct neo4j_rows *r, int64_t *out, int64_t if_null);
int neo4j_float(struct neo4j_rows *r, double *out, double if_null);
int neo4j_boolean(struct neo4j_rows *r, int *out, int if_null);
/* Copied into the arena; null: absent. */
int neo4j_text(struct neo4j_rows *r, struct arena *arena, struct sluice_str *out);
/* Lists; null is an empty one, a null in it is left out. */
int neo4j_texts(struct neo4j_rows *r, struct arena *arena, struct sluice_str **out, uint64_t *n);
int neo4j_integers(struct neo4j_rows *r, struct arena *arena, int64_t **out, uint64_t *n);

#endif
