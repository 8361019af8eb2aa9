/* config_internal: what the parts of config share and nobody else sees. */
#ifndef SLUICE_CORE_CONFIG_INTERNAL_H
#define SLUICE_CORE_CONFIG_INTERNAL_H

#include "config.h"

#define CONFIG_MAX_FILE (4u * 1024 * 1024)
#define CONFIG_MAX_SECRET (64u * 1024)
#define CONFIG_MAX_DEPTH 64u
#define CONFIG_MAX_VALUES 200000u           /* written in all files together */
#define CONFIG_MAX_MEMBERS 5000u            /* of one map: keys are compared pairwise */
#define CONFIG_MAX_KEY 160u                 /* bytes; libyaml reads no key beyond 1024 in its longest form */
#define CONFIG_MAX_ANCHORS 1000u            /* of one file */
#define CONFIG_MAX_EXPANDED 100000u         /* values made by aliases */
#define CONFIG_MAX_TEXT (16u * 1024 * 1024) /* bytes made by aliases and substitution */

/* One load: limits are of the whole, not of a file. */
struct loader {
    struct config *config;
    struct problems *problems;
    size_t values;
    size_t expanded;
    size_t made; /* bytes of text that aliases and substitution added */
};

/* Values.  NULL: no memory. */
struct config_value *value_new(enum config_type type, struct origin origin);
void value_free(struct config_value *v);                                  /* wipes secrets */
int value_set_text(struct config_value *v, const char *text, size_t len); /* 0, or -1 no memory */
/* Appends item, and in a map key (copied).  Takes item only if it answers 0; -1: no memory. */
int value_add(struct config_value *v, const char *key, struct origin key_origin, struct config_value *item);
/* Takes the i-th member out; the caller owns it. */
struct config_value *value_take(struct config_value *v, size_t i);
/* Index of a key, or v->n. */
size_t value_find(const struct config_value *map, const char *key);
/* A copy as an alias makes it; NULL with a problem at `at`. */
struct config_value *value_copy(struct loader *l, const struct config_value *v, struct origin at);

void loader_no_memory(struct loader *l);
/* The file's name as the config keeps it; NULL: no memory (told). */
const char *loader_intern(struct loader *l, const char *name);

/* A whole regular file.  0 with *data (NUL-terminated, the caller frees) and *len; -1 with
 * a problem at `at`, or, if missing is not NULL and the file is not there, *missing = 1. */
int file_read(const char *path, size_t max, struct origin at, struct problems *p, char **data, size_t *len,
              unsigned *mode, int *missing);
/* Is it text that a config may hold?  Else a problem at the byte.  0 or -1. */
int text_check(const char *file, const char *text, size_t len, struct problems *p);
/* Bytes of the UTF-8 sequence at s, 0 if it is none; *point its code. */
size_t utf8_read(const unsigned char *s, size_t left, unsigned *point);

/* One document of YAML, or of JSON if is_json, to a map.  file is interned.  NULL with problems. */
struct config_value *config_read_text(struct loader *l, const char *file, char *text, size_t len,
                                      int is_json);
/* Refuses what is not strict JSON; rewrites escapes that YAML does not know.  0 or -1. */
int config_check_json(struct loader *l, const char *file, char *text, size_t len);

/* Adds the members of `from` (a map or a list of maps) that map does not have. 0 or -1. */
int config_merge_key(struct loader *l, struct config_value *map, struct origin at, struct config_value *from);
/* Lays over on *base, and takes it apart.  0 or -1; both stay valid and the caller's. */
int config_overlay(struct loader *l, struct config_value *base, struct config_value *over);
/* Replaces ${…} in all scalars of root. */
void config_substitute(struct loader *l, struct config_value *root);

#endif
