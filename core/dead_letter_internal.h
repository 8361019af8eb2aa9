/* dead_letter_internal: how letters lie in the database. */
#ifndef SLUICE_CORE_DEAD_LETTER_INTERNAL_H
#define SLUICE_CORE_DEAD_LETTER_INTERNAL_H

#include "dead_letter.h"
#include "strbuf.h"

#define LETTER_CHUNK (1024u * 1024u)             /* piece 0 is in the row of the letter */
#define LETTER_HEADERS_MAX (64u * 1024u * 1024u) /* more than a broker takes in one message */

/* Each string as 8 hex digits of its length (ffffffff: absent), then its bytes. */
void letter_headers_pack(struct strbuf *out, const struct sluice_str *headers, uint64_t n);
uint64_t letter_headers_size(const struct sluice_str *headers, uint64_t n); /* bytes that pack makes */
/* Slices into data; NULL if data is not what pack makes, or no memory.  free() it.
 * *pairs is 0 and the answer not NULL for no headers. */
struct sluice_str *letter_headers_unpack(const void *data, uint64_t len, uint64_t *pairs);

#endif
