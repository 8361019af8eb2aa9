/* graph: ids and figures of the purchase graph (domain.md, section 5).
 *
 * The likelihood is computed from whole milliseconds: n·Σg² − (Σg)² is exact in 128
 * bits, so neither the order of summing nor the unit can change its last digit. */
#include "graph.h"

#include <math.h>
#include <string.h>

size_t graph_category_id(const char *name, size_t len, char *out)
{
    size_t i, n = 4;
    int in_run = 0;

    memcpy(out, "CAT_", 4);
    for (i = 0; i < len; i++) {
        char c = name[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            out[n++] = c;
            in_run = 0;
        } else if (!in_run) {
            out[n++] = '_';
            in_run = 1;
        }
    }
    return n;
}

size_t graph_retailer_id(const char *name, size_t len, char *out)
{
    memcpy(out, "RET_", 4);
    memcpy(out + 4, name, len);
    return len + 4;
}

int64_t graph_interval_days(const int64_t *times, size_t n)
{
    int64_t span, unit;

    if (n < 2)
        return 0;
    span = times[n - 1] - times[0];
    unit = (int64_t)(n - 1) * GRAPH_DAY_MS;
    /* floor(span / unit + 1/2), without the fraction */
    return span / unit + (span % unit >= unit - span % unit ? 1 : 0);
}

double graph_likelihood(const int64_t *times, size_t n)
{
    __int128 squares = 0, span, spread;
    double cv = 0.0;
    size_t i;

    if (n < 2)
        return 0.0;
    span = times[n - 1] - times[0];
    for (i = 1; i < n; i++) {
        __int128 gap = times[i] - times[i - 1];

        squares += gap * gap;
    }
    /* cv² = (mean of squares − mean²) / mean² = ((n−1)·Σg² − (Σg)²) / (Σg)² */
    spread = (__int128)(n - 1) * squares - span * span;
    if (span > 0 && spread > 0)
        cv = sqrt((double)spread) / (double)span;
    return (1.0 - 1.0 / (double)n) / (1.0 + cv);
}

int graph_compare(struct sluice_str a, struct sluice_str b)
{
    uint64_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);

    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}
