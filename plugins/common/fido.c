/* fido: the one place that decides which product an item names, so that a receipt
 * and a shop order of the same purchase can never disagree. */
#include "fido.h"

#define FIDO_BYTES 16u

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int dash_at(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

static int uuid_lower(const char *text, size_t len, char out[FIDO_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    char lower[FIDO_LEN];
    size_t i;

    if (len != FIDO_LEN)
        return 0;
    for (i = 0; i < FIDO_LEN; i++) {
        int value = hex_value(text[i]);

        if (dash_at(i) ? text[i] != '-' : value < 0)
            return 0;
        lower[i] = dash_at(i) ? '-' : digits[value];
    }
    for (i = 0; i < FIDO_LEN; i++)
        out[i] = lower[i];
    out[FIDO_LEN] = '\0';
    return 1;
}

static void uuid_write(const unsigned char bytes[FIDO_BYTES], char out[FIDO_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    size_t i, at = 0;

    for (i = 0; i < FIDO_BYTES; i++) {
        if (dash_at(at))
            out[at++] = '-';
        out[at++] = digits[bytes[i] >> 4];
        out[at++] = digits[bytes[i] & 15];
    }
    out[at] = '\0';
}

/* Alphabet: bit 0 set for the standard one, bit 1 for the URL one. */
static int base64_value(char c, unsigned *alphabet)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '/') {
        *alphabet |= 1u;
        return c == '+' ? 62 : 63;
    }
    if (c == '-' || c == '_') {
        *alphabet |= 2u;
        return c == '-' ? 62 : 63;
    }
    return -1;
}

/* Length of the text without its padding, or 0 if the padding is wrong. */
static size_t base64_unpadded(const char *text, size_t len)
{
    size_t bare = len;

    while (bare > 0 && len - bare < 3 && text[bare - 1] == '=')
        bare--;
    if (bare != len && (len % 4 != 0 || len - bare > 2))
        return 0;
    return bare % 4 == 1 ? 0 : bare;
}

static int base64_only(const char *text, size_t len)
{
    unsigned alphabet = 0;
    size_t i;

    for (i = 0; i < len; i++)
        if (base64_value(text[i], &alphabet) < 0 || alphabet == 3u)
            return 0;
    return len > 0;
}

/* Bits left over after the last whole byte are not looked at, as usual decoders do:
 * they cannot change the id. */
static void base64_decode(const char *text, size_t len, unsigned char *out)
{
    unsigned alphabet = 0, bits = 0, held = 0;
    size_t i;

    for (i = 0; i < len; i++) {
        held = (held << 6 | (unsigned)base64_value(text[i], &alphabet)) & 0xffffu;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *out++ = (unsigned char)(held >> bits);
        }
    }
}

int fido_parse(const char *text, size_t len, char out[FIDO_LEN + 1], const char **reason)
{
    unsigned char bytes[FIDO_LEN];
    size_t bare;

    if (len == 0) {
        *reason = "empty";
        return 0;
    }
    if (uuid_lower(text, len, out))
        return 1;
    bare = base64_unpadded(text, len);
    if (!base64_only(text, bare)) {
        *reason = "not_base64";
        return 0;
    }
    if (bare * 6 / 8 != FIDO_BYTES && bare * 6 / 8 != FIDO_LEN) {
        *reason = "wrong_length";
        return 0;
    }
    base64_decode(text, bare, bytes);
    if (bare * 6 / 8 == FIDO_BYTES) {
        uuid_write(bytes, out);
        return 1;
    }
    *reason = "not_uuid";
    return uuid_lower((const char *)bytes, FIDO_LEN, out);
}
