/* uuid: UUIDs from names (RFC 4122, version 5: SHA-1).
 *
 * The same namespace and name give the same UUID on every machine and at any time. */
#ifndef SLUICE_PLUGINS_UUID_H
#define SLUICE_PLUGINS_UUID_H

#include <stddef.h>
#include <stdint.h>

#define UUID_LEN 36u

struct uuid {
    unsigned char bytes[16];
};

/* 1 if the text is a UUID (8-4-4-4-12 hex digits of either case). */
int uuid_parse(const char *text, size_t len, struct uuid *out);
/* Lower case, NUL-terminated. */
void uuid_format(const struct uuid *u, char out[UUID_LEN + 1]);
/* Version 5 of the name in the namespace.  0, or -1: libcrypto has no memory, or no SHA-1. */
int uuid_v5(const struct uuid *space, const void *name, size_t len, struct uuid *out);

#endif
