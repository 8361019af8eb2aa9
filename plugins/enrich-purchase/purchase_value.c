/* purchase_value: members of a message to values, each refusal with a token to
 * count and words that name the member, what was expected and what was there. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#include "../common/timestamp.h"
#include "enrich_purchase.h"

int purchase_end(struct purchase_work *w, uint32_t code, const char *reason, const char *fmt, ...)
{
    char text[400];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    w->answer.code = code;
    w->answer.reason = reason;
    w->answer.detail = w->self->host->record->text(w->record, text, strlen(text));
    return 0;
}

int purchase_no_memory(struct purchase_work *w)
{
    w->answer.code = SLUICE_RETRY;
    w->answer.reason = "no_memory";
    w->answer.detail = "no memory for the purchase document";
    return 0;
}

/* A quoted text of at most 40 bytes, cut between characters, control characters as '?'. */
static void show_text(struct sluice_str text, char out[PURCHASE_SHOW])
{
    size_t len = text.len > 40 ? 40 : (size_t)text.len;
    size_t i;

    while (len > 0 && len < text.len && ((unsigned char)text.data[len] & 0xc0u) == 0x80u)
        len--;
    out[0] = '"';
    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        out[i + 1] = c < 0x20 || c == 0x7f ? '?' : text.data[i];
    }
    (void)snprintf(out + len + 1, PURCHASE_SHOW - len - 1, len < text.len ? "…\"" : "\"");
}

const char *purchase_show(const struct purchase_work *w, const struct sluice_node *node,
                          char out[PURCHASE_SHOW])
{
    const struct sluice_document_api *document = w->self->host->document;
    uint64_t len;

    if (node == NULL)
        return "nothing";
    switch (document->type(node)) {
    case SLUICE_TEXT:
        show_text(document->string(node), out);
        return out;
    case SLUICE_ARRAY:
        return "a list";
    case SLUICE_OBJECT:
        return "an object";
    default:
        len = document->write_json(node, out, PURCHASE_SHOW - 1);
        if (len >= PURCHASE_SHOW)
            return "a number";
        out[len] = '\0';
        return out;
    }
}

/* "items[3].quantity" or "user_id". */
static const char *member_path(const struct purchase_work *w, const struct purchase_member *m, char *out,
                               size_t cap)
{
    if (w->list == NULL)
        return m->name;
    (void)snprintf(out, cap, "%s[%llu].%s", w->list, (unsigned long long)w->item, m->name);
    return out;
}

int purchase_unfit(struct purchase_work *w, const struct purchase_member *m, const struct sluice_node *node,
                   const char *expected)
{
    int absent = w->self->host->document->type(node) == SLUICE_NULL;
    char path[160], shown[PURCHASE_SHOW];

    return purchase_end(w, SLUICE_REJECT, absent ? m->no : m->bad, "%s: expected %s, found %s",
                        member_path(w, m, path, sizeof path), expected, purchase_show(w, node, shown));
}

int purchase_object(struct purchase_work *w, const struct sluice_node *node, const struct purchase_member *m)
{
    if (w->self->host->document->type(node) != SLUICE_OBJECT)
        return purchase_unfit(w, m, node, "an object");
    return 1;
}

int purchase_list(struct purchase_work *w, const struct sluice_node *node, const struct purchase_member *m)
{
    if (w->self->host->document->type(node) != SLUICE_ARRAY)
        return purchase_unfit(w, m, node, "a list");
    return 1;
}

/* Texts as they are; in rows also integers, since a table of JSON rows may hold
 * numeric ids.  Absent for anything else. */
static struct sluice_str scalar_text(struct purchase_work *w, const struct sluice_node *node)
{
    const struct sluice_host *host = w->self->host;
    uint32_t type = host->document->type(node);
    struct sluice_str out = {NULL, 0};
    char digits[32];
    uint64_t len;

    if (type == SLUICE_TEXT)
        return host->document->string(node);
    if (w->self->from != PURCHASE_FROM_ROW || (type != SLUICE_INT && type != SLUICE_UINT))
        return out;
    len = host->document->write_json(node, digits, sizeof digits);
    if (len > sizeof digits)
        return out;
    out.data = host->record->text(w->record, digits, len);
    out.len = out.data == NULL ? 0 : len;
    return out;
}

/* U+0000 to U+001F, U+007F, and U+0080 to U+009F (in UTF-8 c2 80 to c2 9f). */
static int has_control(struct sluice_str text)
{
    uint64_t i;

    for (i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c < 0x20 || c == 0x7f)
            return 1;
        if (c == 0xc2 && i + 1 < text.len && (unsigned char)text.data[i + 1] < 0xa0)
            return 1;
    }
    return 0;
}

int purchase_id(struct purchase_work *w, const struct sluice_node *node, const struct purchase_member *m,
                struct sluice_str *out)
{
    struct sluice_str text = scalar_text(w, node);
    char path[160];

    if (text.data == NULL)
        return purchase_unfit(w, m, node, "a text");
    if (text.len == 0)
        return purchase_end(w, SLUICE_REJECT, m->no, "%s: expected a text, found an empty one",
                            member_path(w, m, path, sizeof path));
    if (text.len > PURCHASE_MAX_ID)
        return purchase_end(w, SLUICE_REJECT, m->bad, "%s: expected at most %u bytes, found %llu",
                            member_path(w, m, path, sizeof path), PURCHASE_MAX_ID,
                            (unsigned long long)text.len);
    if (has_control(text))
        return purchase_unfit(w, m, node, "a text without control characters");
    *out = text;
    return 1;
}

int purchase_text(struct purchase_work *w, const struct sluice_node *node, const struct purchase_member *m,
                  uint64_t max, struct sluice_str *out)
{
    struct sluice_str text;
    char path[160];

    out->data = NULL;
    out->len = 0;
    if (w->self->host->document->type(node) == SLUICE_NULL)
        return 1;
    text = scalar_text(w, node);
    if (text.data == NULL)
        return purchase_unfit(w, m, node, "a text");
    if (text.len > max)
        return purchase_end(w, SLUICE_REJECT, m->bad, "%s: expected at most %llu bytes, found %llu",
                            member_path(w, m, path, sizeof path), (unsigned long long)max,
                            (unsigned long long)text.len);
    if (max <= PURCHASE_MAX_ID && has_control(text))
        return purchase_unfit(w, m, node, "a text without control characters");
    if (text.len > 0)
        *out = text;
    return 1;
}

/* A number written as text, as in a CSV row; 1 and *value. */
static int text_number(struct sluice_str text, double *value)
{
    char copy[64], *end;

    if (text.len == 0 || text.len >= sizeof copy || memchr(text.data, '\0', (size_t)text.len) != NULL)
        return 0;
    memcpy(copy, text.data, (size_t)text.len);
    copy[text.len] = '\0';
    /* strtod takes more than numbers: hexadecimal, inf, nan, leading space. */
    if (strspn(copy, "0123456789+-.eE") != text.len)
        return 0;
    *value = strtod(copy, &end);
    return *end == '\0' && isfinite(*value);
}

int purchase_number(struct purchase_work *w, const struct sluice_node *node, const struct purchase_member *m,
                    const struct sluice_node **out)
{
    const struct sluice_host *host = w->self->host;
    uint32_t type = host->document->type(node);
    struct sluice_str text = host->document->string(node);
    double value;

    *out = NULL;
    if (type == SLUICE_NULL || (w->self->from == PURCHASE_FROM_ROW && type == SLUICE_TEXT && text.len == 0))
        return 1;
    if (type == SLUICE_INT || type == SLUICE_UINT || type == SLUICE_REAL) {
        *out = node;
        return 1;
    }
    if (w->self->from != PURCHASE_FROM_ROW || type != SLUICE_TEXT || !text_number(text, &value))
        return purchase_unfit(w, m, node, "a number");
    if (value >= -9007199254740992.0 && value <= 9007199254740992.0 && value == floor(value))
        *out = host->document->make_int(w->record, (int64_t)value);
    else
        *out = host->document->make_real(w->record, value);
    return *out != NULL ? 1 : purchase_no_memory(w);
}

static int time_from_text(struct purchase_work *w, const struct sluice_node *node,
                          const struct purchase_member *m, int64_t *out)
{
    struct sluice_str text = w->self->host->document->string(node);
    char path[160], shown[PURCHASE_SHOW];
    const char *why;

    if (timestamp_parse(text.data, (size_t)text.len, out, &why))
        return 1;
    return purchase_end(w, SLUICE_REJECT, text.len == 0 ? m->no : m->bad,
                        "%s: expected a time as in RFC 3339, found %s, which %s",
                        member_path(w, m, path, sizeof path), purchase_show(w, node, shown), why);
}

static int time_from_number(struct purchase_work *w, const struct sluice_node *node,
                            const struct purchase_member *m, int64_t *out)
{
    const struct sluice_document_api *document = w->self->host->document;
    struct sluice_str text = document->string(node);
    int64_t scale = w->self->clock == PURCHASE_EPOCH_S ? 1000 : 1;
    int64_t whole;
    double value = 0.0;

    if (document->integer(node, &whole)) {
        if (whole >= TIMESTAMP_MIN / scale && whole <= TIMESTAMP_MAX / scale) {
            *out = whole * scale;
            return 1;
        }
    } else if (document->type(node) == SLUICE_REAL
                   ? document->real(node, &value) != 0
                   : w->self->from == PURCHASE_FROM_ROW && text_number(text, &value)) {
        value = floor(value * (double)scale + 1e-4);
        if (value >= (double)TIMESTAMP_MIN && value <= (double)TIMESTAMP_MAX) {
            *out = (int64_t)value;
            return 1;
        }
    }
    return purchase_unfit(
        w, m, node,
        scale == 1 ? "milliseconds since 1970 (time_format: epoch_ms), within the years 0001 to 9999"
                   : "seconds since 1970 (time_format: epoch_s), within the years 0001 to 9999");
}

int purchase_time(struct purchase_work *w, const struct sluice_node *node, const struct purchase_member *m,
                  int64_t *out)
{
    const struct sluice_host *host = w->self->host;
    uint32_t type = host->document->type(node);
    char path[160], shown[PURCHASE_SHOW];

    if (w->self->clock == PURCHASE_RFC3339) {
        if (type == SLUICE_INT || type == SLUICE_UINT || type == SLUICE_REAL)
            return purchase_unfit(
                w, m, node, "a time as in RFC 3339 (for numbers set time_format to epoch_s or epoch_ms)");
        if (type != SLUICE_TEXT)
            return purchase_unfit(w, m, node, "a time as in RFC 3339");
        if (!time_from_text(w, node, m, out))
            return 0;
    } else if (!time_from_number(w, node, m, out)) {
        return 0;
    }
    if (*out - host->now_ms(host) > PURCHASE_FUTURE_MS)
        return purchase_end(w, SLUICE_REJECT, "future", "%s: %s is more than a day ahead of now",
                            member_path(w, m, path, sizeof path), purchase_show(w, node, shown));
    return 1;
}
