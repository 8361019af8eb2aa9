/* aws_text: the forms in which signatures carry hashes, dates and names. */
#include <openssl/evp.h>
#include <time.h>

#include "aws_sigv4.h"

void aws_hex(const unsigned char *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t i;

    for (i = 0; i < len; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15u];
    }
    out[2 * len] = '\0';
}

int aws_sha256_hex(const void *data, size_t len, char out[AWS_HEX_SIZE])
{
    unsigned char hash[32];

    if (EVP_Digest(data == NULL ? "" : data, len, hash, NULL, EVP_sha256(), NULL) != 1)
        return -1;
    aws_hex(hash, sizeof hash, out);
    return 0;
}

int aws_date(int64_t now_ms, char out[AWS_DATE_SIZE])
{
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm tm;

    if (now_ms < 0 || gmtime_r(&seconds, &tm) == NULL || tm.tm_year > 9999 - 1900)
        return -1;
    return strftime(out, AWS_DATE_SIZE, "%Y%m%dT%H%M%SZ", &tm) == AWS_DATE_SIZE - 1 ? 0 : -1;
}

static int is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void aws_encode(struct strbuf *out, struct sluice_str text, int keep_slash)
{
    uint64_t i;

    for (i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (is_unreserved(c) || (keep_slash && c == '/'))
            strbuf_putc(out, (char)c);
        else
            strbuf_printf(out, "%%%02X", c);
    }
}
