/* config_show_internal: rendering that show and diff share. */
#ifndef SLUICE_CORE_CONFIG_SHOW_INTERNAL_H
#define SLUICE_CORE_CONFIG_SHOW_INTERNAL_H

#include "config_show.h"

#define SHOW_MAX_PATH 65536u

/* "  # file:line from ${VAR}" */
void show_place(struct strbuf *out, const struct config_value *v);
/* The ${…} of a source, without their defaults; `between` stands before the first, ", " before others. */
void show_sources(struct strbuf *out, const char *source, const char *between);
/* The value as JSON, secrets hidden. */
void show_json(struct strbuf *out, const struct config_value *v);
void show_origin_json(struct strbuf *out, const struct config_value *v); /* members, without braces */
/* Appends the name of the i-th member: ".name" or "[i]". */
void show_path(struct strbuf *path, const struct config_value *v, size_t i);
void show_path_cut(struct strbuf *path, size_t len);

#endif
