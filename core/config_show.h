/* config_show: a merged config as text, without its secrets. */
#ifndef SLUICE_CORE_CONFIG_SHOW_H
#define SLUICE_CORE_CONFIG_SHOW_H

#include "config.h"
#include "module.h"
#include "strbuf.h"

#define CONFIG_SHOW_MAX (64u * 1024 * 1024)

/* Marks as secret what the plugins of the registry call so, wherever a block names them, and,
 * where a block's plugin is not known or a block names none, whatever is named like a secret. */
void config_mark_secrets(struct config_value *root, const struct registry *r);

/* YAML, with "# file:line" behind each value and "from ${VAR}" where it was substituted. */
void config_show_yaml(const struct config_value *root, struct strbuf *out);
/* {"value": …, "origins": {"path": {"file", "line", "column", "from"}}} */
void config_show_json(const struct config_value *root, struct strbuf *out);
/* One entry a differing value, named by its path.  Returns how many. */
size_t config_show_diff(const struct config_value *a, const struct config_value *b, const char *a_name,
                        const char *b_name, int json, struct strbuf *out);

#endif
