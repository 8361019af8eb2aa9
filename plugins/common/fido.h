/* fido: a FIDO, as messages carry it, to a product id.
 *
 * UUID text is taken in lower case; else base64 (standard or URL alphabet, padded
 * or not) of 16 bytes, or of UUID text.  Anything else is a bad item. */
#ifndef SLUICE_PLUGINS_FIDO_H
#define SLUICE_PLUGINS_FIDO_H

#include <stddef.h>

#define FIDO_LEN 36u

/* 1 and the UUID text, NUL-terminated; or 0 and *reason, a token: empty | not_base64 |
 * wrong_length | not_uuid. */
int fido_parse(const char *text, size_t len, char out[FIDO_LEN + 1], const char **reason);

#endif
