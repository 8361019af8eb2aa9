/* plugin_text: a plugin's descriptor written for people and programs.  The
 * descriptor is the only source, so that nothing told here can be out of date. */
#ifndef SLUICE_CORE_PLUGIN_TEXT_H
#define SLUICE_CORE_PLUGIN_TEXT_H

#include "module.h"
#include "strbuf.h"

void plugin_text(const struct plugin *p, struct strbuf *out);
void plugin_json(const struct plugin *p, struct strbuf *out);
/* A section of the reference pages. */
void plugin_markdown(const struct plugin *p, struct strbuf *out);
/* Just the table of options; "None." if there are none. */
void plugin_options_markdown(const struct sluice_option *options, size_t n, struct strbuf *out);

/* A block fit to paste into a config: the plugin's own example, or one made from
 * its required options. */
void plugin_example(const struct plugin *p, const char *indent, struct strbuf *out);
/* "one call at a time" or "several calls at once", for the plugin's threads. */
const char *plugin_threads(const struct plugin *p);
/* The promises of the flags, comma separated; "" if there are none. */
void plugin_promises(const struct plugin *p, struct strbuf *out);
/* "1 to 100", "at least 1", "at most 100", "a|b"; nothing if unbounded. */
void plugin_option_bounds(const struct sluice_option *o, struct strbuf *out);

#endif
