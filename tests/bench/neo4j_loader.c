/* neo4j_loader: the hand-written program that sink/neo4j is measured against.
 *
 * One thread, libcurl, tx/commit, one request a batch: nodes when first seen, users locked,
 * one statement an edge type that joins, orders and computes on the server.  It knows only this
 * table, takes no second time of a receipt and survives nothing.
 *
 *   neo4j_loader URL USER:PASSWORD FILE.csv BATCH      prints rows and seconds */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <search.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct line {
    char user[24], store[24], receipt[32], product[24];
    long long ms;
};

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

static int by_product(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int order = strcmp(x->user, y->user);

    if (order == 0)
        order = strcmp(x->product, y->product);
    return order != 0 ? order : strcmp(x->receipt, y->receipt);
}

static int by_store(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int order = strcmp(x->user, y->user);

    if (order == 0)
        order = strcmp(x->store, y->store);
    return order != 0 ? order : strcmp(x->receipt, y->receipt);
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
static void edges(const struct line *lines, size_t n, int products, const char *text)
{
    size_t i, end;
    char row[160];

    statement(text);
    for (i = 0; i < n; i = end) {
        const char *target = products ? lines[i].product : lines[i].store;

        for (end = i + 1; end < n && strcmp(lines[i].user, lines[end].user) == 0 &&
                          strcmp(target, products ? lines[end].product : lines[end].store) == 0;
             end++)
            ;
        snprintf(row, sizeof row, "%s{\"u\":\"%s\",\"x\":\"%s\",\"r\":[", i > 0 ? "," : "", lines[i].user,
                 target);
        puts_to(&body, row);
        times(lines, i, end, 1);
        puts_to(&body, "],\"t\":[");
        times(lines, i, end, 0);
        puts_to(&body, "]}");
    }
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
    nodes('p', lines, n, "UNWIND $rows AS id MERGE (:Product {product_id: id})");
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
        lines, n, 1,
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
    edges(lines, n, 0,
          "UNWIND $rows AS row MATCH (u:User {user_id: row.u}) MATCH (x:Retailer {retailer_id: 'RET_' + "
          "row.x}) MERGE (u)-[e:SHOPS_AT]->(x) " JOIN(
              "coalesce(e.receipt_times, [])") "SET e.receipt_ids = r, e.receipt_times = s, e.frequency = "
                                               "size(r), e.last_visit = datetime({epochMillis: last(s)})");
    commit();
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
    return 1;
}

int main(int argc, char **argv)
{
    struct timespec from, to;
    struct line *lines;
    char url[512], row[512];
    size_t batch, n = 0, all = 0;
    FILE *in;

    if (argc != 5)
        die("usage: neo4j_loader URL USER:PASSWORD FILE.csv BATCH");
    batch = strtoul(argv[4], NULL, 10);
    in = fopen(argv[3], "r");
    lines = calloc(batch, sizeof *lines);
    if (in == NULL || lines == NULL || batch == 0 || fgets(row, sizeof row, in) == NULL)
        die("no input");
    snprintf(url, sizeof url, "%s/db/neo4j/tx/commit", argv[1]);
    curl = curl_easy_init();
    headers = curl_slist_append(curl_slist_append(NULL, "Content-Type: application/json"), "Expect:");
    if (curl == NULL || headers == NULL || hcreate(1u << 20) == 0)
        die("no memory");
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
