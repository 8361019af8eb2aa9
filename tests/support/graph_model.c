/* graph_model: every edge is worked out from all records anew. */
#include "graph_model.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph_lines.h"

static uint64_t state;

unsigned graph_model_pick(unsigned n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(state >> 33) % n;
}

void graph_model_records(struct model_record *records, uint64_t seed)
{
    unsigned i, j;

    state = seed * 7919 + 1;
    for (i = 0; i < MODEL_RECORDS; i++) {
        records[i].user = graph_model_pick(MODEL_USERS);
        records[i].n = graph_model_pick(MODEL_MOST + 1);
        for (j = 0; j < records[i].n; j++) {
            struct model_purchase *p = &records[i].purchases[j];

            p->product = graph_model_pick(MODEL_PRODUCTS);
            p->receipt = graph_model_pick(MODEL_RECEIPTS);
            p->store = graph_model_pick(MODEL_STORES + 1);
            p->time = (int64_t)graph_model_pick(40) * 43200000 +
                      (graph_model_pick(3) == 0 ? graph_model_pick(1000) : 0);
            p->with_category = graph_model_pick(5) > 0;
        }
    }
}

/* Products 0 and up: one in three has no category; names of a category differ in case. */
static int category_of(unsigned product)
{
    return product % 3 == 2 ? -1 : (int)(product % MODEL_CATEGORIES);
}

void graph_model_json(const struct model_record *r, struct strbuf *out)
{
    unsigned j;

    strbuf_printf(out, "{\"user_id\":\"u%u\",\"purchases\":[", r->user);
    for (j = 0; j < r->n; j++) {
        const struct model_purchase *p = &r->purchases[j];

        strbuf_printf(
            out, "%s{\"receipt_id\":\"r%u\",\"time\":%" PRId64 ",\"product_id\":\"p%u\",\"name\":\"N%u\"",
            j == 0 ? "" : ",", p->receipt, p->time, p->product, p->product);
        if (p->store < MODEL_STORES)
            strbuf_printf(out, ",\"retailer\":\"S%u\"", p->store);
        if (p->with_category && category_of(p->product) >= 0)
            strbuf_printf(out, ",\"category\":\"%s %d\"", p->product % 2 ? "Cat" : "CAT",
                          category_of(p->product));
        strbuf_puts(out, "}");
    }
    strbuf_puts(out, "]}");
}

/* --- the model ------------------------------------------------------------------------ */

static int by_string(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Latest time of each receipt on an edge; INT64_MIN: not counted. */
typedef int (*on_edge)(const struct model_record *r, const struct model_purchase *p, unsigned target);

static int on_product(const struct model_record *r, const struct model_purchase *p, unsigned target)
{
    (void)r;
    return p->product == target;
}

static int on_store(const struct model_record *r, const struct model_purchase *p, unsigned target)
{
    (void)r;
    return p->store == target;
}

static int on_category(const struct model_record *r, const struct model_purchase *p, unsigned target)
{
    (void)r;
    return p->with_category && category_of(p->product) == (int)target;
}

static unsigned model_receipts(const struct model_record *records, unsigned user, on_edge on, unsigned target,
                               int64_t *latest)
{
    unsigned i, j, n = 0;

    for (i = 0; i < MODEL_RECEIPTS; i++)
        latest[i] = INT64_MIN;
    for (i = 0; i < MODEL_RECORDS; i++)
        for (j = 0; records[i].user == user && j < records[i].n; j++) {
            const struct model_purchase *p = &records[i].purchases[j];

            if (on(&records[i], p, target) && p->time > latest[p->receipt]) {
                n += latest[p->receipt] == INT64_MIN;
                latest[p->receipt] = p->time;
            }
        }
    return n;
}

static void model_purchased(struct strbuf *out, unsigned user, unsigned product, const int64_t *latest,
                            unsigned n)
{
    int64_t times[MODEL_RECEIPTS], last = 0;
    char ids[MODEL_RECEIPTS][16];
    double mean = 0, variance = 0, likelihood = 0;
    unsigned i, j, k = 0, m;
    int done[MODEL_RECEIPTS] = {0};

    for (i = 0; i < n; i++) { /* by time, then id: the smallest of what is left, each time */
        int best = -1;

        for (j = 0; j < MODEL_RECEIPTS; j++) {
            char a[16], b[16];

            (void)snprintf(a, sizeof a, "r%u", j);
            (void)snprintf(b, sizeof b, "r%d", best);
            if (latest[j] != INT64_MIN && !done[j] &&
                (best < 0 || latest[j] < latest[best] || (latest[j] == latest[best] && strcmp(a, b) < 0)))
                best = (int)j;
        }
        done[best] = 1;
        times[k] = latest[best];
        (void)snprintf(ids[k++], sizeof ids[0], "r%d", best);
    }
    last = times[n - 1];
    if (n >= 2) {
        m = n - 1;
        mean = (double)(times[n - 1] - times[0]) / 86400000.0 / m;
        for (i = 1; i < n; i++)
            variance += pow((double)(times[i] - times[i - 1]) / 86400000.0 - mean, 2) / m;
        likelihood = (1 - 1.0 / n) / (1 + (mean > 0 ? sqrt(variance) / mean : 0));
    }
    strbuf_printf(out, "PURCHASED\tu%u\tp%u\t%u\t%" PRId64 "\t%.0f\t%.6f", user, product, n, last,
                  floor(mean + 0.5), likelihood);
    for (i = 0; i < n; i++)
        strbuf_printf(out, "\t%" PRId64 "\t%s", times[i], ids[i]);
    strbuf_putc(out, '\n');
}

static void model_shops(struct strbuf *out, const char *type, unsigned user, const char *target,
                        const int64_t *latest, unsigned n)
{
    char ids[MODEL_RECEIPTS][16], *sorted[MODEL_RECEIPTS];
    int64_t last = INT64_MIN;
    unsigned i, k = 0;

    for (i = 0; i < MODEL_RECEIPTS; i++) {
        if (latest[i] == INT64_MIN)
            continue;
        if (latest[i] > last)
            last = latest[i];
        (void)snprintf(ids[k], sizeof ids[k], "r%u", i);
        sorted[k] = ids[k];
        k++;
    }
    qsort(sorted, k, sizeof sorted[0], by_string);
    strbuf_printf(out, "%s\tu%u\t%s\t%u\t%" PRId64, type, user, target, n, last);
    for (i = 0; i < k; i++)
        strbuf_printf(out, "\t%s", sorted[i]);
    strbuf_putc(out, '\n');
}

static void model_user(struct strbuf *out, const struct model_record *records, unsigned user)
{
    int64_t latest[MODEL_RECEIPTS];
    char target[32];
    unsigned i, n;

    for (i = 0; i < MODEL_PRODUCTS; i++)
        if ((n = model_receipts(records, user, on_product, i, latest)) > 0)
            model_purchased(out, user, i, latest, n);
    for (i = 0; i < MODEL_STORES; i++)
        if ((n = model_receipts(records, user, on_store, i, latest)) > 0) {
            (void)snprintf(target, sizeof target, "RET_S%u", i);
            model_shops(out, "SHOPS_AT", user, target, latest, n);
        }
    for (i = 0; i < MODEL_CATEGORIES; i++)
        if ((n = model_receipts(records, user, on_category, i, latest)) > 0) {
            (void)snprintf(target, sizeof target, "CAT_cat_%u", i);
            model_shops(out, "SHOPS_IN", user, target, latest, n);
        }
}

char *graph_model_lines(const struct model_record *records)
{
    int users[MODEL_USERS] = {0}, stores[MODEL_STORES] = {0}, products[MODEL_PRODUCTS] = {0},
        categories[MODEL_PRODUCTS] = {0};
    const char *names[MODEL_CATEGORIES] = {NULL};
    struct strbuf out;
    unsigned i, j;
    char *sorted;

    strbuf_init(&out, 1 << 24);
    for (i = 0; i < MODEL_RECORDS; i++) {
        users[records[i].user] = 1;
        for (j = 0; j < records[i].n; j++) {
            const struct model_purchase *p = &records[i].purchases[j];

            products[p->product] = 1;
            categories[p->product] |= p->with_category && category_of(p->product) >= 0;
            if (p->store < MODEL_STORES)
                stores[p->store] = 1;
        }
    }
    for (i = 0; i < MODEL_USERS; i++) {
        if (users[i])
            strbuf_printf(&out, "User\tu%u\tUTC\n", i);
        model_user(&out, records, i);
    }
    for (i = 0; i < MODEL_STORES; i++)
        if (stores[i])
            strbuf_printf(&out, "Retailer\tRET_S%u\tS%u\tGrocery\n", i, i);
    for (i = 0; i < MODEL_PRODUCTS; i++) {
        const char *spelt = i % 2 ? "Cat" : "CAT";

        if (!products[i])
            continue;
        strbuf_printf(&out, "Product\tp%u\tN%u\t\t", i, i);
        if (categories[i]) {
            strbuf_printf(&out, "%s %d\t\nIN_CATEGORY\tp%u\tCAT_cat_%d\n", spelt, category_of(i), i,
                          category_of(i));
            if (names[category_of(i)] == NULL || strcmp(spelt, names[category_of(i)]) < 0)
                names[category_of(i)] = spelt;
        } else {
            strbuf_puts(&out, "\t\n");
        }
    }
    for (i = 0; i < MODEL_CATEGORIES; i++)
        if (names[i] != NULL)
            strbuf_printf(&out, "Category\tCAT_cat_%u\t%s %u\n", i, names[i], i);
    sorted = graph_lines_sort(strbuf_text(&out));
    strbuf_release(&out);
    return sorted;
}
