/* json: the event path's JSON: text to nodes (simdjson), nodes to text, and
 * peek, which finds a few top-level members without reading what follows. */
#ifndef SLUICE_CORE_JSON_H
#define SLUICE_CORE_JSON_H

#include <sluice/plugin.h>

#include "arena.h"

#ifdef __cplusplus
extern "C" {
#endif

#define JSON_MAX_DEPTH 64u

/* A parser keeps its buffers between documents; one thread at a time. */
struct json_parser;
struct json_parser *json_parser_new(void);
void json_parser_free(struct json_parser *p);

/* Text to nodes in the arena.  NULL with err: what is wrong at which byte; err->code is
 * SLUICE_REJECT for bad text, SLUICE_RETRY for no memory. */
struct sluice_node *json_parse(struct json_parser *p, struct arena *arena, struct sluice_str text,
                               struct sluice_error *err);
/* The same with a parser of this thread's own. */
struct sluice_node *json_parse_text(struct arena *arena, struct sluice_str text, struct sluice_error *err);

/* Looks for n_names top-level members; stops once all are found.  Values: text
 * without quotes (a slice if it has no escapes, else unescaped into the arena),
 * booleans and numbers as the document would write them, absent: data NULL; null,
 * objects and arrays count as absent.  The first of two equal names wins, here as in documents.
 * Returns SLUICE_PEEK_WHOLE or SLUICE_PEEK_BROKEN. */
uint8_t json_peek(struct sluice_str text, const struct sluice_str *names, uint64_t n_names,
                  struct sluice_str *values, struct arena *arena);

extern const struct sluice_module json_module;  /* decoder/json, built in */
extern const struct sluice_module lines_module; /* decoder/lines: {"line": text}, built in */

#ifdef __cplusplus
}
#endif
#endif
