/* graph_digest: canonical lines, hashed and summed. */
#include "graph_digest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES ((size_t)1 << 30)

const char *graph_type_name(uint32_t type)
{
    static const char *const names[] = {"?",         "User",     "Product",  "Category",   "Retailer",
                                        "PURCHASED", "SHOPS_AT", "SHOPS_IN", "IN_CATEGORY"};

    return names[type < sizeof names / sizeof names[0] ? type : 0];
}

int graph_digest_init(struct graph_digest *d)
{
    memset(d, 0, sizeof *d);
    strbuf_init(&d->line, LINE_MAX_BYTES);
    /* A context of our own: where the memory for libcrypto's default one is lacking, OpenSSL 3.0
     * goes on with half of it and crashes. */
    d->library = OSSL_LIB_CTX_new();
    if (d->library == NULL)
        return -1;
    d->algorithm = EVP_MD_fetch(d->library, "SHA256", NULL);
    d->context = EVP_MD_CTX_new();
    if (d->algorithm != NULL && d->context != NULL)
        return 0;
    graph_digest_release(d);
    return -1;
}

void graph_digest_release(struct graph_digest *d)
{
    EVP_MD_free(d->algorithm);
    EVP_MD_CTX_free(d->context);
    OSSL_LIB_CTX_free(d->library);
    strbuf_release(&d->line);
    free(d->sorted);
    memset(d, 0, sizeof *d);
}

/* One more field: tab, backslash, line feed and carriage return are escaped. */
static void digest_field(struct graph_digest *d, struct sluice_str text)
{
    uint64_t i, from = 0;

    strbuf_putc(&d->line, '\t');
    for (i = 0; i < text.len; i++) {
        const char *escape;

        switch (text.data[i]) {
        case '\t':
            escape = "\\t";
            break;
        case '\n':
            escape = "\\n";
            break;
        case '\r':
            escape = "\\r";
            break;
        case '\\':
            escape = "\\\\";
            break;
        default:
            continue;
        }
        strbuf_add(&d->line, text.data + from, i - from);
        strbuf_puts(&d->line, escape);
        from = i + 1;
    }
    if (text.len > from)
        strbuf_add(&d->line, text.data + from, text.len - from);
}

static void digest_begin(struct graph_digest *d, uint32_t type)
{
    strbuf_clear(&d->line);
    strbuf_puts(&d->line, graph_type_name(type));
}

/* Adds the line's hash to the sum. */
static int digest_end(struct graph_digest *d)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned carry = 0;
    int i;

    if (d->line.failed || EVP_DigestInit_ex2(d->context, d->algorithm, NULL) != 1 ||
        EVP_DigestUpdate(d->context, d->line.data, d->line.len) != 1 ||
        EVP_DigestFinal_ex(d->context, hash, NULL) != 1)
        return -1;
    for (i = 31; i >= 0; i--) {
        carry += (unsigned)d->sum[i] + hash[i];
        d->sum[i] = (unsigned char)(carry & 0xff);
        carry >>= 8;
    }
    d->lines++;
    return 0;
}

int graph_digest_node(struct graph_digest *d, const struct sluice_graph_node *node)
{
    uint64_t i;

    digest_begin(d, node->type);
    digest_field(d, node->id);
    switch (node->type) {
    case SLUICE_NODE_USER:
        digest_field(d, node->timezone);
        break;
    case SLUICE_NODE_PRODUCT:
        digest_field(d, node->name);
        digest_field(d, node->brand);
        digest_field(d, node->category);
        digest_field(d, node->category_id);
        for (i = 0; i < node->n_hierarchy; i++)
            digest_field(d, node->hierarchy[i]);
        break;
    case SLUICE_NODE_RETAILER:
        digest_field(d, node->name);
        digest_field(d, node->venue_type);
        break;
    default:
        digest_field(d, node->name);
        break;
    }
    return digest_end(d);
}

static int digest_order(const void *a, const void *b)
{
    const struct sluice_str *x = *(const struct sluice_str *const *)a,
                            *y = *(const struct sluice_str *const *)b;
    int order = memcmp(x->data, y->data, x->len < y->len ? x->len : y->len);

    if (order != 0)
        return order;
    return x->len < y->len ? -1 : x->len > y->len;
}

/* SHOPS_* edges keep a set of receipts: bytewise order, no times. */
static int digest_receipts(struct graph_digest *d, const struct sluice_graph_edge *edge)
{
    uint64_t i;

    if (edge->n_receipts > d->sorted_cap) {
        const struct sluice_str **grown = realloc(d->sorted, edge->n_receipts * sizeof(struct sluice_str *));

        if (grown == NULL)
            return -1;
        d->sorted = grown;
        d->sorted_cap = edge->n_receipts;
    }
    for (i = 0; i < edge->n_receipts; i++)
        d->sorted[i] = &edge->receipts[i];
    if (edge->n_receipts > 1)
        qsort(d->sorted, edge->n_receipts, sizeof(struct sluice_str *), digest_order);
    for (i = 0; i < edge->n_receipts; i++)
        digest_field(d, *d->sorted[i]);
    return 0;
}

int graph_digest_edge(struct graph_digest *d, const struct sluice_graph_edge *edge)
{
    uint64_t i;

    digest_begin(d, edge->type);
    digest_field(d, edge->from);
    digest_field(d, edge->to);
    if (edge->type != SLUICE_EDGE_IN_CATEGORY)
        strbuf_printf(&d->line, "\t%" PRId64 "\t%" PRId64, edge->count, edge->last_ms);
    if (edge->type == SLUICE_EDGE_PURCHASED) {
        strbuf_printf(&d->line, "\t%" PRId64 "\t%.6f", edge->interval_days, edge->likelihood);
        for (i = 0; i < edge->n_receipts || i < edge->n_times; i++) {
            if (i < edge->n_times)
                strbuf_printf(&d->line, "\t%" PRId64, edge->times[i]);
            if (i < edge->n_receipts)
                digest_field(d, edge->receipts[i]);
        }
    } else if (edge->type != SLUICE_EDGE_IN_CATEGORY && digest_receipts(d, edge) != 0) {
        return -1;
    }
    return digest_end(d);
}

void graph_digest_text(const struct graph_digest *d, char out[GRAPH_DIGEST_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    size_t i;

    memcpy(out, "v1:", 3);
    for (i = 0; i < sizeof d->sum; i++) {
        out[3 + 2 * i] = digits[d->sum[i] >> 4];
        out[4 + 2 * i] = digits[d->sum[i] & 15];
    }
    out[GRAPH_DIGEST_TEXT - 1] = '\0';
}
