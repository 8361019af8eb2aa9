/* config: YAML and JSON read into one tree that remembers where every value
 * came from.
 *
 * Loading does, in this order: parse (with limits on size, depth and aliases),
 * merge keys (<<), overlays, and then ${VAR}, ${VAR:-default} and ${file:PATH}
 * in scalars.  Scalars keep their text; what they mean is decided by who reads
 * them (YAML 1.2: `no` is a string).  */
#ifndef SLUICE_CORE_CONFIG_H
#define SLUICE_CORE_CONFIG_H

#include <stddef.h>

#include "problem.h"

enum config_type { CONFIG_NULL, CONFIG_SCALAR, CONFIG_LIST, CONFIG_MAP };

struct config_value {
    enum config_type type;
    struct origin origin;
    char *text;      /* SCALAR, after substitution; NUL-terminated.  NULL: the word as written, or NULL */
    size_t text_len; /* bytes; a scalar holds no NUL */
    int quoted;      /* SCALAR: written in quotes, so surely a string */
    int secret;      /* SCALAR: came from ${file:…}: never printed */
    char *source;    /* SCALAR: "${file:/run/x}" or "${URL}" before substitution, or NULL */
    struct config_value **items; /* LIST, MAP, in order */
    char **keys;                 /* MAP */
    struct origin *key_origins;  /* MAP */
    size_t n;
    size_t cap;      /* members allocated */
    unsigned height; /* levels below it: 0 for a scalar */
    int anchored;    /* it, or something in it, has an anchor (&name) */
};

struct config {
    struct config_value *root;
    char **files; /* every file read, in order */
    size_t n_files;
};

/* Reads the files, merged left to right; with env, each BASE.yaml is followed by
 * BASE.ENV.yaml where that exists (one must).  Returns NULL with problems. */
struct config *config_load(const char *const *files, size_t n, const char *env, struct problems *p);
/* The same from memory, for tests and `plugin test`; name stands for the file. */
struct config *config_parse(const char *name, const char *text, size_t len, struct problems *p);
void config_free(struct config *c);

/* Member of a map; NULL if absent, or value is not a map. */
const struct config_value *config_get(const struct config_value *map, const char *key);
const char *config_type_name(const struct config_value *v); /* "a map", "a list", "text" */

#endif
