/* json_scan: a strict reader of JSON text that builds nothing.
 *
 * peek skips with it, and when simdjson refuses a text it says where and why.
 * Invariants: start <= at <= end and nothing at or after end is read; a function
 * that answers 0 has left `why` and, in `at`, the byte it is about. */
#ifndef SLUICE_CORE_JSON_SCAN_H
#define SLUICE_CORE_JSON_SCAN_H

#include <sluice/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

struct json_scan {
    const char *start;
    const char *at;
    const char *end;
    const char *why; /* NULL while all is well */
    uint32_t depth;  /* containers that are open around `at` */
    int ranges;      /* 1: numbers must also fit 64 bits or a double */
};

void json_scan_init(struct json_scan *s, struct sluice_str text);
void json_scan_space(struct json_scan *s);
/* at stands on '"'.  *raw is what stands between the quotes; *escaped is 1 if it has a backslash. */
int json_scan_string(struct json_scan *s, struct sluice_str *raw, int *escaped);
/* Any value, with all that is in it. */
int json_scan_value(struct json_scan *s);
/* A whole text: one value and nothing after it. */
int json_scan_text(struct json_scan *s);
int json_scan_fail(struct json_scan *s, const char *at, const char *why);

/* First byte at or after p that is not plain ASCII text of a string (a quote, a backslash,
 * a control, or above 0x7f); end if there is none. */
const char *json_plain_run(const char *p, const char *end);

/* One character of a string that json_scan_string accepted, unescaped: its bytes to out,
 * how many is returned, *p moves on. */
size_t json_unescape_char(const char **p, char out[4]);

#ifdef __cplusplus
}
#endif
#endif
