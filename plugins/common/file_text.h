/* file_text: a small file as one text, wiped when it is given back, since it may hold
 * secrets. */
#ifndef SLUICE_PLUGINS_FILE_TEXT_H
#define SLUICE_PLUGINS_FILE_TEXT_H

#include <sluice/abi.h>

/* NUL-terminated; *len may be NULL.  NULL with err: it cannot be read, is no regular file, or
 * is above max bytes. */
char *file_text_read(const char *path, size_t max, size_t *len, struct sluice_error *err);
void file_text_free(char *text);

#endif
