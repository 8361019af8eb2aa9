/* graph_digest: the fingerprint of a graph (docs/reference/fingerprint.md, version 1).
 *
 * The sum modulo 2^256 of the SHA-256 of one line per node and edge: no order matters,
 * and two graphs are equal, clock properties aside, when their sums are. */
#ifndef SLUICE_CORE_GRAPH_DIGEST_H
#define SLUICE_CORE_GRAPH_DIGEST_H

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sluice/graph.h>

#include "strbuf.h"

#define GRAPH_DIGEST_TEXT 68u /* "v1:", 64 hex digits, NUL */

struct graph_digest {
    OSSL_LIB_CTX *library;
    EVP_MD *algorithm;
    EVP_MD_CTX *context;
    unsigned char sum[32];            /* big endian */
    struct strbuf line;               /* the last canonical line, without newline */
    const struct sluice_str **sorted; /* scratch, grows */
    uint64_t sorted_cap;
    uint64_t lines;
};

int graph_digest_init(struct graph_digest *d); /* 0, or -1: no memory or no SHA-256 */
void graph_digest_release(struct graph_digest *d);
/* 0, or -1: no memory. */
int graph_digest_node(struct graph_digest *d, const struct sluice_graph_node *node);
int graph_digest_edge(struct graph_digest *d, const struct sluice_graph_edge *edge);
void graph_digest_text(const struct graph_digest *d, char out[GRAPH_DIGEST_TEXT]);

/* "User", …, "PURCHASED", …; "?" if unknown. */
const char *graph_type_name(uint32_t type);

#endif
