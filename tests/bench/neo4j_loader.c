/* neo4j_loader: the hand-written program that sink/neo4j is measured against.
 *
 * One thread, libcurl, tx/commit, one request a batch: nodes and their links when first seen, users
 * locked, one statement an edge type that joins, orders and computes on the server.  It writes the whole
 * model (tests/bench/neo4j compares the fingerprints).  It knows only these two tables, takes no second
 * time of a receipt, never looks whether a product changed, and survives nothing but a deadlock.
 *
 *   neo4j_loader URL USER:PASSWORD PURCHASES.csv PRODUCTS.csv BATCH      prints rows and seconds
 *
 * PRODUCTS.csv: product_id, department, brand, category, type; no quotes, no empty field. */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <search.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct product {
    char department[64], brand[32], category[64], type[64];
    char category_id[72];
};

struct line {
    char user[24], store[24], receipt[32], product[24];
    long long ms;
    const struct product *of; /* NULL: not in the table */
};

/* Which edges: what their target is. */
enum target { PRODUCTS, STORES, CATEGORIES };

struct text {
    char *data;
    size_t len, cap;
};

static struct text body, answer;
static CURL *curl;
static struct curl_slist *headers;

static void die(const char *what)
{
    fprintf(stderr, "neo4j_loader: %s\n", what);
    exit(1);
}

static void add(struct text *t, const char *data, size_t len)
{
    if (t->len + len + 1 > t->cap) {
        t->cap = (t->len + len + 1) * 2;
        t->data = realloc(t->data, t->cap);
        if (t->data == NULL)
            die("no memory");
    }
    memcpy(t->data + t->len, data, len);
    t->len += len;
    t->data[t->len] = '\0';
}

static void puts_to(struct text *t, const char *s)
{
    add(t, s, strlen(s));
}

static size_t on_answer(char *data, size_t size, size_t n, void *context)
{
    (void)context;
    add(&answer, data, size * n);
    return size * n;
}

/* Sends what was written; a deadlock is tried again. */
static void commit(void)
{
    int tries;

    puts_to(&body, "]}");
    for (tries = 0; tries < 100; tries++) {
        answer.len = 0;
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body.len);
        if (curl_easy_perform(curl) != CURLE_OK)
            die("no answer");
        if (strstr(answer.data, "\"errors\":[]") != NULL)
            return;
        if (strstr(answer.data, "DeadlockDetected") == NULL)
            die(answer.data);
    }
    die("deadlocks without end");
}

static void statement(const char *text)
{
    puts_to(&body, body.len == 0 ? "{\"statements\":[{\"statement\":\"" : ",{\"statement\":\"");
    puts_to(&body, text);
    puts_to(&body, "\",\"parameters\":{\"rows\":[");
}

/* 1 if the key of this kind was not seen before. */
static int first_seen(char kind, const char *key)
{
    char name[40];
    ENTRY e, *found;

    snprintf(name, sizeof name, "%c%s", kind, key);
    e.key = name;
    e.data = NULL;
    if (hsearch(e, FIND) != NULL)
        return 0;
    e.key = strdup(name);
    found = e.key == NULL ? NULL : hsearch(e, ENTER);
    if (found == NULL)
        die("no memory for keys");
    return 1;
}

/* The product of the table, or NULL; with p: it is put there. */
static const struct product *product_of(const char *id, struct product *p)
{
    char name[40];
    ENTRY e, *found;

    snprintf(name, sizeof name, "P%s", id);
    e.key = name;
    e.data = NULL;
    if (p == NULL)
        return (found = hsearch(e, FIND)) == NULL ? NULL : found->data;
    e.key = strdup(name);
    e.data = p;
    found = e.key == NULL ? NULL : hsearch(e, ENTER);
    if (found == NULL)
        die("no memory for products");
    return found->data;
}

static void nodes(char kind, const struct line *lines, size_t n, const char *text)
{
    size_t i;
    int any = 0;

    for (i = 0; i < n; i++) {
        const char *key = kind == 'u' ? lines[i].user : kind == 'p' ? lines[i].product : lines[i].store;

        if (!first_seen(kind, key))
            continue;
        if (!any)
            statement(text);
        puts_to(&body, any ? ",\"" : "\"");
        puts_to(&body, key);
        puts_to(&body, "\"");
        any = 1;
    }
    if (any)
        puts_to(&body, "]}}");
}

static const char *target_of(const struct line *l, enum target target)
{
    return target == PRODUCTS ? l->product
           : target == STORES ? l->store
           : l->of == NULL    ? ""
                              : l->of->category_id;
}

static int by_target(const struct line *x, const struct line *y, enum target target)
{
    int order = strcmp(x->user, y->user);

    if (order == 0)
        order = strcmp(target_of(x, target), target_of(y, target));
    return order != 0 ? order : strcmp(x->receipt, y->receipt);
}

static int by_product(const void *a, const void *b)
{
    return by_target(a, b, PRODUCTS);
}

static int by_store(const void *a, const void *b)
{
    return by_target(a, b, STORES);
}

static int by_category(const void *a, const void *b)
{
    return by_target(a, b, CATEGORIES);
}

/* What the batch brings of the catalogue that was not seen before: products with what is known of them,
 * categories, and the links between them. */
static void catalogue(const struct line *lines, size_t n)
{
    char row[512];
    size_t i;
    int any = 0;

    for (i = 0; i < n; i++) {
        const struct product *p = lines[i].of;

        if (p == NULL || !first_seen('l', lines[i].product))
            continue;
        if (!any)
            statement(
                "UNWIND $rows AS row MERGE (c:Category {category_id: row.k}) ON CREATE SET c.name = row.c, "
                "c.created_at = datetime() MERGE (p:Product {product_id: row.p}) ON CREATE SET p.created_at "
                "= "
                "datetime() SET p.name = row.t, p.name_is_catalogue = true, p.brand = row.b, p.category = "
                "row.c, "
                "p.category_hierarchy = [row.d, row.c, row.t] MERGE (p)-[:IN_CATEGORY]->(c)");
        snprintf(row, sizeof row,
                 "%s{\"p\":\"%s\",\"d\":\"%s\",\"b\":\"%s\",\"c\":\"%s\",\"t\":\"%s\",\"k\":\"%s\"}",
                 any ? "," : "", lines[i].product, p->department, p->brand, p->category, p->type,
                 p->category_id);
        puts_to(&body, row);
        any = 1;
    }
    if (any)
        puts_to(&body, "]}}");
}

static void times(const struct line *lines, size_t from, size_t to, int receipts)
{
    char number[40];
    size_t i;
    int any = 0;

    for (i = from; i < to; i++) {
        if (i > from && strcmp(lines[i].receipt, lines[i - 1].receipt) == 0)
            continue;
        if (any++)
            puts_to(&body, ",");
        if (receipts)
            snprintf(number, sizeof number, "\"%s\"", lines[i].receipt);
        else
            snprintf(number, sizeof number, "%lld", lines[i].ms);
        puts_to(&body, number);
    }
}

/* One row an edge. */
static void edges(const struct line *lines, size_t n, enum target target, const char *text)
{
    size_t i, end;
    char row[160];
    int any = 0;

    for (i = 0; i < n; i = end) {
        const char *to = target_of(&lines[i], target);

        for (end = i + 1; end < n && strcmp(lines[i].user, lines[end].user) == 0 &&
                          strcmp(to, target_of(&lines[end], target)) == 0;
             end++)
            ;
        if (to[0] == '\0')
            continue;
        if (!any)
            statement(text);
        snprintf(row, sizeof row, "%s{\"u\":\"%s\",\"x\":\"%s\",\"r\":[", any ? "," : "", lines[i].user, to);
        any = 1;
        puts_to(&body, row);
        times(lines, i, end, 1);
        puts_to(&body, "],\"t\":[");
        times(lines, i, end, 0);
        puts_to(&body, "]}");
    }
    if (any)
        puts_to(&body, "]}}");
}

/* Joins with what the edge has, in order. */
#define JOIN(times)                                                                                          \
    "WITH e, row, coalesce(e.receipt_ids, []) AS ids, " times " AS ts "                                      \
    "WITH e, row, ids, ts, [i IN range(0, size(row.r) - 1) WHERE NOT row.r[i] IN ids] AS ix "                \
    "WHERE size(ix) > 0 WITH e, ids + [i IN ix | row.r[i]] AS ids, ts + [i IN ix | row.t[i]] AS ts "         \
    "CALL { WITH ids, ts UNWIND range(0, size(ids) - 1) AS k WITH ids[k] AS id, ts[k] AS t ORDER BY t, id "  \
    "RETURN collect(id) AS r, collect(t) AS s } "

static void write_batch(struct line *lines, size_t n)
{
    size_t i;
    int any = 0;

    body.len = 0;
    catalogue(lines, n);
    nodes('p', lines, n,
          "UNWIND $rows AS id MERGE (p:Product {product_id: id}) ON CREATE SET p.created_at = datetime()");
    nodes('s', lines, n,
          "UNWIND $rows AS id MERGE (r:Retailer {retailer_id: 'RET_' + id}) ON CREATE SET r.name = id, "
          "r.venue_type = 'Grocery'");
    nodes('u', lines, n,
          "UNWIND $rows AS id MERGE (u:User {user_id: id}) ON CREATE SET u.timezone = 'UTC', u.created_at = "
          "datetime()");
    qsort(lines, n, sizeof *lines, by_product);
    statement("UNWIND $rows AS id MATCH (u:User {user_id: id}) SET u.revision = coalesce(u.revision, 0) + 1, "
              "u.last_updated_at = datetime()");
    for (i = 0; i < n; i++) {
        if (i > 0 && strcmp(lines[i].user, lines[i - 1].user) == 0)
            continue;
        puts_to(&body, any++ ? ",\"" : "\"");
        puts_to(&body, lines[i].user);
        puts_to(&body, "\"");
    }
    puts_to(&body, "]}}");
    edges(
        lines, n, PRODUCTS,
        "UNWIND $rows AS row MATCH (u:User {user_id: row.u}) MATCH (x:Product {product_id: row.x}) MERGE "
        "(u)-[e:PURCHASED]->(x) " JOIN(
            "[y IN coalesce(e.timestamps, []) | y.epochMillis]") "WITH e, r, s, size(s) AS n, last(s) - "
                                                                 "head(s) AS span, reduce(q = 0.0, k IN "
                                                                 "range(1, size(s) - 1) | q + toFloat(s[k] - "
                                                                 "s[k - 1]) * (s[k] - s[k - 1])) AS squares "
                                                                 "SET e.receipt_ids = r, e.timestamps = [y "
                                                                 "IN s | datetime({epochMillis: y})], "
                                                                 "e.times = n, e.last = "
                                                                 "datetime({epochMillis: last(s)}), "
                                                                 "e.avg_interval_days = CASE WHEN n < 2 THEN "
                                                                 "0 ELSE toInteger(floor(span / 86400000.0 / "
                                                                 "(n - 1) + 0.5)) END, "
                                                                 "e.repurchase_likelihood = CASE WHEN n < 2 "
                                                                 "THEN 0.0 WHEN span = 0 THEN 1 - 1.0 / n "
                                                                 "ELSE (1 - 1.0 / n) / (1 + sqrt(abs((n - 1) "
                                                                 "* squares - toFloat(span) * span)) / span) "
                                                                 "END");
    qsort(lines, n, sizeof *lines, by_store);
    edges(lines, n, STORES,
          "UNWIND $rows AS row MATCH (u:User {user_id: row.u}) MATCH (x:Retailer {retailer_id: 'RET_' + "
          "row.x}) MERGE (u)-[e:SHOPS_AT]->(x) " JOIN(
              "coalesce(e.receipt_times, [])") "SET e.receipt_ids = r, e.receipt_times = s, e.frequency = "
                                               "size(r), e.last_visit = datetime({epochMillis: last(s)})");
    qsort(lines, n, sizeof *lines, by_category);
    edges(lines, n, CATEGORIES,
          "UNWIND $rows AS row MATCH (u:User {user_id: row.u}) MATCH (x:Category {category_id: row.x}) MERGE "
          "(u)-[e:SHOPS_IN]->(x) " JOIN(
              "coalesce(e.receipt_times, [])") "SET e.receipt_ids = r, e.receipt_times = s, e.frequency = "
                                               "size(r), e.last_purchase = datetime({epochMillis: last(s)})");
    commit();
}

/* "CAT_" and the name in lower case, each run of anything else than letters and digits an underscore. */
static void category_id(struct product *p)
{
    const char *c;
    size_t n = (size_t)snprintf(p->category_id, sizeof p->category_id, "CAT_");

    for (c = p->category; *c != '\0'; c++) {
        char lower = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;

        if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9'))
            p->category_id[n++] = lower;
        else if (n == 4 || p->category_id[n - 1] != '_')
            p->category_id[n++] = '_';
    }
    p->category_id[n] = '\0';
}

static void read_products(const char *path)
{
    FILE *in = fopen(path, "r");
    char row[512], id[24];

    if (in == NULL || fgets(row, sizeof row, in) == NULL)
        die("no products");
    while (fgets(row, sizeof row, in) != NULL) {
        struct product *p = calloc(1, sizeof *p);

        if (p == NULL || sscanf(row, "%23[^,],%63[^,],%31[^,],%63[^,],%63[^,\n]", id, p->department, p->brand,
                                p->category, p->type) != 5)
            die("a product of another shape");
        category_id(p);
        (void)product_of(id, p);
    }
    fclose(in);
}

static int read_line(FILE *in, struct line *l)
{
    char row[512], when[40];
    struct tm tm;

    if (fgets(row, sizeof row, in) == NULL)
        return 0;
    if (sscanf(row, "%23[^,],%23[^,],%31[^,],%23[^,],%*[^,],%*[^,],%*[^,],%*[^,],%*[^,],%*[^,],%39s", l->user,
               l->store, l->receipt, l->product, when) != 5)
        die("a row of another shape");
    memset(&tm, 0, sizeof tm);
    if (strptime(when, "%Y-%m-%dT%H:%M:%SZ", &tm) == NULL)
        die("a time of another shape");
    l->ms = (long long)timegm(&tm) * 1000;
    l->of = product_of(l->product, NULL);
    return 1;
}

int main(int argc, char **argv)
{
    struct timespec from, to;
    struct line *lines;
    char url[512], row[512];
    size_t batch, n = 0, all = 0;
    FILE *in;

    if (argc != 6)
        die("usage: neo4j_loader URL USER:PASSWORD PURCHASES.csv PRODUCTS.csv BATCH");
    batch = strtoul(argv[5], NULL, 10);
    in = fopen(argv[3], "r");
    lines = calloc(batch, sizeof *lines);
    if (in == NULL || lines == NULL || batch == 0 || fgets(row, sizeof row, in) == NULL)
        die("no input");
    snprintf(url, sizeof url, "%s/db/neo4j/tx/commit", argv[1]);
    curl = curl_easy_init();
    headers = curl_slist_append(curl_slist_append(NULL, "Content-Type: application/json"), "Expect:");
    if (curl == NULL || headers == NULL || hcreate(1u << 20) == 0)
        die("no memory");
    read_products(argv[4]);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_USERPWD, argv[2]);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
    clock_gettime(CLOCK_MONOTONIC, &from);
    while (read_line(in, &lines[n])) {
        all++;
        if (++n == batch) {
            write_batch(lines, n);
            n = 0;
        }
    }
    if (n > 0)
        write_batch(lines, n);
    clock_gettime(CLOCK_MONOTONIC, &to);
    printf("%zu %.3f\n", all, (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
    return 0;
}
