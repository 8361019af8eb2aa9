/* json_write: nodes to compact JSON.
 *
 * Walks by parent and sibling links, so depth costs no stack.  Runs twice: once
 * to know the length, once to write, because a caller's buffer that is too small
 * must stay untouched. */
#include <string.h>

#include "document.h"
#include "json.h"
#include "json_scan.h"
#include "utf8.h"

struct json_out {
    char *at; /* NULL: only count */
    uint64_t len;
};

static void put(struct json_out *o, const char *data, size_t len)
{
    if (o->at != NULL) {
        memcpy(o->at, data, len);
        o->at += len;
    }
    o->len += len;
}

static void put_escape(struct json_out *o, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char *const short_forms = "\bb\ff\nn\rr\tt\"\"\\\\";
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    const char *p;

    for (p = short_forms; *p != '\0'; p += 2)
        if ((unsigned char)*p == c) {
            text[1] = p[1];
            put(o, text, 2);
            return;
        }
    put(o, text, 6);
}

/* Bytes that are not UTF-8, which only a plugin can have put there, become U+FFFD: what
 * is written is always JSON. */
static void put_string(struct json_out *o, const char *data, uint64_t len)
{
    const char *p = data;
    const char *end = data + len;

    put(o, "\"", 1);
    while (p < end) {
        const char *run = p;
        size_t n;

        p = json_plain_run(p, end);
        put(o, run, (size_t)(p - run));
        if (p == end)
            break;
        if ((unsigned char)*p < 0x80) {
            put_escape(o, (unsigned char)*p++);
            continue;
        }
        n = utf8_char(p, end);
        if (n == 0)
            put(o, "\xef\xbf\xbd", 3);
        else
            put(o, p, n);
        p += n == 0 ? 1 : n;
    }
    put(o, "\"", 1);
}

static void put_integer(struct json_out *o, uint64_t value, int negative)
{
    char text[24];
    char *at = text + sizeof text;

    do
        *--at = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    if (negative)
        *--at = '-';
    put(o, at, (size_t)(text + sizeof text - at));
}

static void put_scalar(struct json_out *o, const struct sluice_node *node)
{
    uint64_t bits = node->as.uinteger;
    char text[32];

    switch (node->type) {
    case SLUICE_BOOL:
        put(o, node->as.boolean ? "true" : "false", node->as.boolean ? 4 : 5);
        break;
    case SLUICE_INT:
        put_integer(o, node->as.integer < 0 ? 0 - bits : bits, node->as.integer < 0);
        break;
    case SLUICE_UINT:
        put_integer(o, bits, 0);
        break;
    case SLUICE_REAL:
        put(o, text, json_format_real(node->as.real, text));
        break;
    case SLUICE_TEXT:
        put_string(o, node->as.text.data, node->as.text.len);
        break;
    default:
        put(o, "null", 4);
    }
}

/* Writes node; 1 if it is a container whose children come next. */
static int put_node(struct json_out *o, const struct sluice_node *node)
{
    if (node->type != SLUICE_OBJECT && node->type != SLUICE_ARRAY) {
        put_scalar(o, node);
        return 0;
    }
    if (node->as.children.first == NULL) {
        put(o, node->type == SLUICE_OBJECT ? "{}" : "[]", 2);
        return 0;
    }
    put(o, node->type == SLUICE_OBJECT ? "{" : "[", 1);
    return 1;
}

static void walk(struct json_out *o, const struct sluice_node *top)
{
    const struct sluice_node *node = top;

    for (;;) {
        if (node != top && node->key != NULL) {
            put_string(o, node->key, node->key_len);
            put(o, ":", 1);
        }
        if (put_node(o, node)) {
            node = node->as.children.first;
            continue;
        }
        while (node != top && node->next == NULL) {
            node = node->parent;
            put(o, node->type == SLUICE_OBJECT ? "}" : "]", 1);
        }
        if (node == top)
            return;
        put(o, ",", 1);
        node = node->next;
    }
}

uint64_t json_write(const struct sluice_node *node, char *out, uint64_t cap)
{
    static const struct sluice_node null_node = {.type = SLUICE_NULL};
    struct json_out o = {NULL, 0};
    uint64_t len;

    if (node == NULL)
        node = &null_node;
    walk(&o, node);
    len = o.len;
    if (out != NULL && len <= cap) {
        o.at = out;
        walk(&o, node);
    }
    return len;
}
