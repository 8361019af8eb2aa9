/* utf8: is this text UTF-8?  Plugins link it too. */
#ifndef SLUICE_CORE_UTF8_H
#define SLUICE_CORE_UTF8_H

#include <stddef.h>

/* Bytes of the character at p (1 to 4), or 0 if none that is valid starts there.
 * p < end.  Overlong forms, surrogates and values above U+10FFFF are not valid. */
size_t utf8_char(const char *p, const char *end);
/* Offset of the first byte that is not UTF-8; len if there is none. */
size_t utf8_valid_prefix(const char *data, size_t len);

#endif
