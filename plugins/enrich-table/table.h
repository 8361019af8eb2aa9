/* table: what the parts of enrich/table share.
 *
 * A table is made once from a file and then only read, by any thread. */
#ifndef SLUICE_PLUGINS_TABLE_H
#define SLUICE_PLUGINS_TABLE_H

#include <sluice/plugin.h>

#include "../common/hash.h"

#define TABLE_MAX_COLUMNS 64u     /* that one table's `set` reads */
#define TABLE_MAX_CELL (1u << 20) /* bytes of one cell */
#define TABLE_MAX_WIDTH 4096u     /* columns of a CSV file */

enum table_format { TABLE_AUTO, TABLE_CSV, TABLE_JSON };
enum table_duplicates { TABLE_REFUSE, TABLE_FIRST, TABLE_LAST };

/* How a table is made: the same for each version of its file. */
struct table_plan {
    const char *path;
    enum table_format format;
    enum table_duplicates duplicates;
    const char *key;                        /* column */
    const char *columns[TABLE_MAX_COLUMNS]; /* that rows keep, each once */
    uint32_t n_columns;
    uint64_t max_size; /* bytes of the unpacked file */
};

/* A value of a row: JSON text, or plain text.  len 0: empty. */
struct table_cell {
    struct sluice_str text;
    int json;
};

/* --- table_index.c: rows packed one behind the other, found by key ---------------- */
struct table {
    const struct table_plan *plan;
    struct hash128 hash_key;
    char *rows;
    uint64_t used, cap;
    uint64_t *slots;  /* offset into rows + 1 in the low 40 bits, hash bits above; 0: empty */
    uint64_t n_slots; /* a power of two */
    uint64_t n;
    uint64_t repeated;
};

struct table *table_new(const struct table_plan *plan, struct sluice_error *err);
void table_free(struct table *t);
/* Adds a row of plan->n_columns cells.  0, or -1 with err: no memory, or the key was
 * there before (both lines are told) and duplicates are refused. */
int table_add(struct table *t, struct sluice_str key, const struct table_cell *cells, uint64_t line,
              struct sluice_error *err);
/* Gives spare memory back; the last call that changes the table. */
void table_seal(struct table *t);
/* 1 and the row's cells (plan->n_columns of them), which live as long as the table. */
int table_find(const struct table *t, const char *key, uint64_t len, struct table_cell *cells);

/* --- table_input.c: the file's bytes, unpacked, with a limit ----------------------- */
struct table_input;
/* NULL with err: RETRY it cannot be read. */
struct table_input *table_input_open(const struct table_plan *plan, struct sluice_error *err);
void table_input_close(struct table_input *in);
/* The next byte; -1 at the end, or once something failed. */
int table_input_next(struct table_input *in);
int table_input_peek(struct table_input *in);
uint64_t table_input_line(const struct table_input *in); /* from 1 */
/* 1 if reading failed; the error slot of open has the words. */
int table_input_failed(const struct table_input *in);
/* The file is not what it should be: FATAL with "path: line n: …".  -1. */
int table_input_refuse(struct table_input *in, uint64_t line, const char *fmt, ...) SLUICE_PRINTF(3, 4);

/* --- the formats: 0, or -1 with the words in the input's error slot ---------------- */
int table_read_csv(struct table *t, struct table_input *in, struct sluice_error *err);
int table_read_json(struct table *t, struct table_input *in, struct sluice_error *err);
/* The whole file as the plan says.  NULL with err. */
struct table *table_read(const struct table_plan *plan, struct sluice_error *err);

#endif
