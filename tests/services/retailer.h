/* The retailer double: one test server that plays the retailer's private services over files.
 *
 * Contracts: products and categories in batches, flags and list files with ETag, a user's
 * purchases and orders page by page; POST /_control makes a service misbehave (for some users only,
 * if it names them), GET /_stats and /_users tell what was asked.  One thread a connection: a slow
 * answer delays nobody else. */
#ifndef SLUICE_TESTS_RETAILER_H
#define SLUICE_TESTS_RETAILER_H

#include <jansson.h>
#include <microhttpd.h>
#include <stddef.h>
#include <stdint.h>

#include "strbuf.h"

enum service {
    SERVICE_FPS,
    SERVICE_CATEGORY,
    SERVICE_FLAGS,
    SERVICE_FILES,
    SERVICE_PURCHASES,
    SERVICE_ORDERS,
    SERVICE_COUNT
};
extern const char *const service_names[SERVICE_COUNT];
/* The service of this name, or SERVICE_COUNT. */
enum service service_find(const char *name);

#define RETAILER_BODY_MAX ((size_t)1 << 20)
#define RETAILER_ANSWER_MAX ((size_t)64 << 20)

/* --- data: read once, then only read ------------------------------------------------------ */

struct retailer_data {
    json_t *products;   /* id -> the object's JSON text */
    json_t *categories; /* id -> the object's JSON text */
    json_t *purchases;  /* user id -> texts of the receipts */
    json_t *orders;     /* user id -> texts of the orders */
    const char *today;  /* 2025-12-31: lookback_days count from here; NULL: nothing is too old */
    const char *flags;  /* folder, or NULL */
    const char *files;  /* folder, or NULL */
    size_t page;        /* receipts or orders a page */
    size_t batch_max;   /* ids a batchGet takes */
};

/* Each 0, or -1 after saying on stderr what is wrong with the file. */
int data_load_products(struct retailer_data *d, const char *path);
int data_load_categories(struct retailer_data *d, const char *path);
int data_load_purchases(struct retailer_data *d, const char *path);
int data_load_orders(struct retailer_data *d, const char *path);
void data_release(struct retailer_data *d);

/* --- faults and statistics ------------------------------------------------------------------ */

#define FAULT_NO_CUT UINT64_MAX

struct fault {
    unsigned latency_ms;
    unsigned status;           /* 0: as it would be */
    unsigned retry_after;      /* seconds; 0: no header */
    uint64_t cut_after_bytes;  /* of the body, then the connection is closed; FAULT_NO_CUT: never */
    uint64_t drip_bytes_per_s; /* 0: at once */
    int wrong_json;
};

void fault_reset(void);
/* A request of /_control: NULL, or what is wrong with it. */
const char *fault_control(const json_t *request);
/* What this request of the service has to suffer; counts it as begun.  user: whose history it asks
 * for, or "". */
struct fault fault_take(enum service service, const char *user, int first_page);
/* Counts the request's end; ids may be NULL. */
void fault_done(enum service service, unsigned status, const json_t *ids);
void fault_stats(struct strbuf *out);
/* Of the histories: how often each user was asked for, all pages and first pages. */
void fault_users(struct strbuf *out);

/* --- answers -------------------------------------------------------------------------------- */

struct answer {
    unsigned status;
    struct strbuf body;
    char etag[40]; /* "": none */
    const char *type;
    json_t *ids; /* asked for, for the statistics; owned */
};

void answer_batch(const struct retailer_data *d, enum service service, const char *body, size_t len,
                  struct answer *out);
void answer_file(const char *folder, const char *name, const char *suffix, const char *if_none_match,
                 struct answer *out);
/* One page of the user's purchases or orders; cursor and days (lookback_days) may be NULL. */
void answer_history(const struct retailer_data *d, enum service service, const char *user, const char *cursor,
                    const char *days, struct answer *out);
void answer_error(struct answer *out, unsigned status, const char *message);
/* Sends it, with what the fault does to it. */
enum MHD_Result answer_send(struct MHD_Connection *connection, const struct answer *a, const struct fault *f);

/* No answer is delayed any more. */
void answer_stop(void);

#endif
