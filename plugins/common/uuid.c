#include "uuid.h"

#include <openssl/evp.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int uuid_parse(const char *text, size_t len, struct uuid *out)
{
    struct uuid u;
    size_t i, digits = 0;

    if (len != UUID_LEN)
        return 0;
    memset(&u, 0, sizeof u);
    for (i = 0; i < len; i++) {
        int value;

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return 0;
            continue;
        }
        value = hex_digit(text[i]);
        if (value < 0)
            return 0;
        u.bytes[digits / 2] = (unsigned char)(u.bytes[digits / 2] << 4 | value);
        digits++;
    }
    *out = u;
    return 1;
}

void uuid_format(const struct uuid *u, char out[UUID_LEN + 1])
{
    static const char hex[] = "0123456789abcdef";
    size_t i, at = 0;

    for (i = 0; i < sizeof u->bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[at++] = '-';
        out[at++] = hex[u->bytes[i] >> 4];
        out[at++] = hex[u->bytes[i] & 15];
    }
    out[at] = '\0';
}

int uuid_v5(const struct uuid *space, const void *name, size_t len, struct uuid *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int ok = context != NULL && EVP_DigestInit_ex(context, EVP_sha1(), NULL) == 1 &&
             EVP_DigestUpdate(context, space->bytes, sizeof space->bytes) == 1 &&
             EVP_DigestUpdate(context, name, len) == 1 && EVP_DigestFinal_ex(context, digest, NULL) == 1;

    EVP_MD_CTX_free(context);
    if (!ok)
        return -1;
    memcpy(out->bytes, digest, sizeof out->bytes);
    out->bytes[6] = (unsigned char)((out->bytes[6] & 0x0f) | 0x50);
    out->bytes[8] = (unsigned char)((out->bytes[8] & 0x3f) | 0x80);
    return 0;
}
