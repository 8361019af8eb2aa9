/* option: a block of the config checked against an option table.
 *
 * The result is the struct sluice_config that plugins read through the host.
 * The same tables serve the host's own blocks (pipeline, retry, batch, http …),
 * so one code validates, documents and redacts everything. */
#ifndef SLUICE_CORE_OPTION_H
#define SLUICE_CORE_OPTION_H

#include <sluice/host.h>
#include <sluice/option.h>

#include "config.h"

struct sluice_config;

/* What is said of the table in messages: "gate/list", "pipeline". */
struct option_table {
    const char *owner;
    const struct sluice_option *options; /* of the host's own size (see module.h) */
    size_t n;
};

/* Checks every member of block but those named in skip (NULL-terminated; may be
 * NULL) against the table.  All findings go to p; NULL if one of them is an
 * error.  Paths are made absolute against the file that names them. */
struct sluice_config *option_parse(const struct option_table *table, const struct config_value *block,
                                   const char *const *skip, struct problems *p);
void option_free(struct sluice_config *c); /* wipes secrets */

/* Opens each PATH that is not SLUICE_CREATES, to hear now what run would hear. */
void option_check_files(const struct sluice_config *c, struct problems *p);
/* Is the table itself sound (names, defaults parse, choices, summaries)? */
void option_table_check(const struct option_table *table, struct problems *p);

/* Where the option was written, or else the block it is missing from. */
struct origin option_origin(const struct sluice_config *c, const char *name);

/* The getters of struct sluice_host. */
uint32_t option_given(const struct sluice_config *c, const char *name);
const char *option_string(const struct sluice_config *c, const char *name);
int64_t option_integer(const struct sluice_config *c, const char *name);
double option_number(const struct sluice_config *c, const char *name);
uint64_t option_count(const struct sluice_config *c, const char *name);
const char *option_item(const struct sluice_config *c, const char *name, uint64_t i);
uint64_t option_values(const struct sluice_config *c, const char *name, uint64_t i);
const char *option_value(const struct sluice_config *c, const char *name, uint64_t i, uint64_t j);

/* Text to value, as in a config; 1 if it parses.  Also for the command line. */
int option_parse_size(const char *text, int64_t *bytes);
int option_parse_duration(const char *text, int64_t *ms);
const char *option_type_name(uint32_t type); /* "duration (5s, 2h)" */

#endif
