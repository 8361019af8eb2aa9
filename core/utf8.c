/* utf8: ASCII is passed sixteen bytes at a time, the rest character by character.
 * No byte at or after the end is ever read. */
#include "utf8.h"

#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static int is_tail(const char *p)
{
    return ((unsigned char)*p & 0xc0u) == 0x80u;
}

size_t utf8_char(const char *p, const char *end)
{
    unsigned char c = (unsigned char)p[0];
    unsigned char d;

    if (c < 0x80)
        return 1;
    if (c < 0xc2 || c > 0xf4 || end - p < 2)
        return 0;
    d = (unsigned char)p[1];
    if (c < 0xe0)
        return is_tail(p + 1) ? 2 : 0;
    if (c < 0xf0) {
        if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f))
            return 0;
        return end - p >= 3 && is_tail(p + 1) && is_tail(p + 2) ? 3 : 0;
    }
    if ((c == 0xf0 && d < 0x90) || (c == 0xf4 && d > 0x8f))
        return 0;
    return end - p >= 4 && is_tail(p + 1) && is_tail(p + 2) && is_tail(p + 3) ? 4 : 0;
}

size_t utf8_valid_prefix(const char *data, size_t len)
{
    const char *p = data;
    const char *end = data + len;

    while (p < end) {
        size_t n;

#if defined(__SSE2__)
        while (end - p >= 16 && _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)p)) == 0)
            p += 16;
        if (p == end)
            break;
#endif
        n = utf8_char(p, end);
        if (n == 0)
            break;
        p += n;
    }
    return (size_t)(p - data);
}
