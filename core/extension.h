/* extension: what host->extension hands out, by id. */
#ifndef SLUICE_CORE_EXTENSION_H
#define SLUICE_CORE_EXTENSION_H

/* The table of that id, or NULL.  Tables live as long as the process.  [any] */
const void *extension_find(const char *id);

#endif
