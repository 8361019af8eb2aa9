/* lookup: asks a service about many ids at once and remembers what it said.
 *
 *   POST URL/products:batchGet  {"ids": ["p1", "p2", …]}
 *   200                         {"products": [{"id": "p1", …}, …]}
 *
 * Over HTTP only through the host's service, which tries again, honours Retry-After,
 * limits and breaks.  One deadline spans all requests of a fetch.  [parallel] */
#ifndef SLUICE_PLUGINS_LOOKUP_H
#define SLUICE_PLUGINS_LOOKUP_H

#include <sluice/http.h>

#include "lookup_cache.h"
#include "strbuf.h"

/* Strings are borrowed for as long as the lookup lives. */
struct lookup_options {
    const char *url;  /* of the service */
    const char *path; /* behind it */
    const char *method;
    const char *ids;     /* member of the request that holds the ids */
    const char *token;   /* NULL: none */
    const char *ca_file; /* NULL: the system's */
    struct lookup_spec spec;
    uint32_t batch; /* ids a request, 1 … LOOKUP_MAX_BATCH */
    uint32_t max_parallel, attempts, timeout_ms;
    double per_second;
    uint64_t cache_bytes;
    int64_t ttl_ms, unknown_ttl_ms;
};

struct lookup {
    const struct sluice_host *host;
    const struct sluice_http_api *http;
    struct sluice_http_client *client;
    struct lookup_options options;
    struct strbuf url, bearer;
    struct sluice_str headers[6];
    uint32_t n_headers; /* pairs */
    struct lookup_cache cache;
    uint32_t metric_lookups, metric_answers, metric_batches, metric_bytes, metric_ids;
};

/* In create.  OK, or INVALID or FATAL with err and nothing left behind. */
uint32_t lookup_open(struct lookup *l, const struct sluice_host *host, const struct lookup_options *options,
                     struct sluice_error *err);
void lookup_close(struct lookup *l);

/* n distinct ids.  When it returns every entry is settled (or NULL: no memory); how is
 * the caller's scratch of n.  Give the entries back by lookup_cache_give. */
void lookup_fetch(struct lookup *l, const struct sluice_str *ids, uint32_t n, struct lookup_entry **entries,
                  enum lookup_how *how);
/* One round trip about an id that nobody has. */
uint32_t lookup_probe(struct lookup *l, struct sluice_error *err);
void lookup_stats(struct lookup *l);

/* lookup_ask.c: asks about entries that were MADE, and settles each. */
void lookup_ask(struct lookup *l, struct lookup_entry **entries, uint32_t n);
/* Fills a request about n ids; body lives in out.  0: no memory. */
int lookup_request(const struct lookup *l, struct lookup_entry *const *entries, uint32_t n,
                   struct strbuf *out, struct sluice_http_request *request);
/* What an answer other than a good one means for all its ids; text for people, *split:
 * asking in two halves may help. */
enum lookup_state lookup_trouble(const struct sluice_host *host, const char *url,
                                 const struct sluice_http_response *r, int *split, char *text, size_t cap);

#endif
