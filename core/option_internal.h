/* option_internal: the typed values of one block, shared by the parts of option. */
#ifndef SLUICE_CORE_OPTION_INTERNAL_H
#define SLUICE_CORE_OPTION_INTERNAL_H

#include "option.h"

/* One key of a MAP with its values. */
struct option_entry {
    char *key;
    char **values;
    size_t n;
};

struct option_value {
    const struct sluice_option *option;
    struct origin origin;
    int given;  /* written in the config */
    int secret; /* wiped on free, in no message */
    int64_t integer;
    double number;
    char *text;                   /* STRING, CHOICE, URL, PATH, FIELD */
    char **items;                 /* LIST */
    size_t n;                     /* of items or entries */
    struct option_entry *entries; /* MAP */
};

struct sluice_config {
    char *owner;
    struct origin origin;        /* of the block */
    struct option_value *values; /* one an option of the table, same order */
    size_t n;
};

/* What went wrong with a text: a sentence's end, "is not a duration …". */
struct option_fault {
    char message[256];
    char hint[160]; /* or empty */
};

/* Reads a scalar as the option's type into out (integer, number or text; PATH relative to
 * the folder of file) and checks its bounds.  1; 0 with the fault; -1: no memory. */
int option_read_scalar(const struct sluice_option *o, const char *text, const char *file, int secret,
                       struct option_value *out, struct option_fault *fault);
void option_value_release(struct option_value *v);
/* The value of a default, as if it stood in the config.  1; 0: told; v is the caller's to release. */
int option_read_default(const struct option_table *table, const struct sluice_option *o, struct origin at,
                        struct option_value *v, struct problems *p);
/* Reads any node.  1; 0: told. */
int option_read_node(const struct option_table *table, const struct sluice_option *o,
                     const struct config_value *node, struct option_value *v, struct problems *p);
/* text as an absolute path, beside `file` if it is relative; the caller frees; NULL: no memory. */
char *option_path_absolute(const char *text, const char *file);
int option_is_text(uint32_t type); /* kept as text: STRING, CHOICE, URL, PATH, FIELD */

#endif
