/*
 * What a service answers, and how a fault spoils it on the way out.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "retailer.h"

void answer_error(struct answer *out, unsigned status, const char *message)
{
    strbuf_clear(&out->body);
    out->status = status;
    strbuf_puts(&out->body, "{\"error\":");
    strbuf_json(&out->body, message, strlen(message));
    strbuf_puts(&out->body, "}\n");
}

void answer_batch(const struct retailer_data *d, enum service service, const char *body, size_t len,
                  struct answer *out)
{
    const json_t *table = service == SERVICE_FPS ? d->products : d->categories;
    json_t *request = json_loadb(body, len, 0, NULL);
    json_t *ids = json_object_get(request, "ids"), *id;
    size_t i;
    int found = 0;
    if (!json_is_array(ids) || json_array_size(ids) == 0) {
        answer_error(out, 400, "the body must be {\"ids\": [...]} with at least one id");
        json_decref(request);
        return;
    }
    if (json_array_size(ids) > d->batch_max) {
        answer_error(out, 400, "too many ids");
        json_decref(request);
        return;
    }
    strbuf_printf(&out->body, "{\"%s\":[", service == SERVICE_FPS ? "products" : "categories");
    json_array_foreach(ids, i, id)
    {
        if (!json_is_string(id)) {
            answer_error(out, 400, "an id is not a string");
            json_decref(request);
            return;
        }
        const json_t *text = json_object_get(table, json_string_value(id));
        if (text != NULL) {
            strbuf_puts(&out->body, found++ ? "," : "");
            strbuf_add(&out->body, json_string_value(text), json_string_length(text));
        }
    }
    strbuf_puts(&out->body, "]}\n");
    out->ids = json_incref(ids);
    json_decref(request);
}

/* A name that cannot leave the folder. */
static int safe_name(const char *name)
{
    return *name != '\0' && *name != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(name);
}

/* The file is read each time, so that a test changes a flag by writing it. */
void answer_file(const char *folder, const char *name, const char *suffix, const char *if_none_match,
                 struct answer *out)
{
    char chunk[65536];
    size_t n;
    uint64_t hash = 14695981039346656037u;
    struct strbuf path;
    strbuf_init(&path, 4096);
    strbuf_printf(&path, "%s/%s%s", folder != NULL ? folder : "", name, suffix);
    FILE *file = folder != NULL && safe_name(name) ? fopen(strbuf_text(&path), "rb") : NULL;
    strbuf_release(&path);
    if (file == NULL) {
        answer_error(out, 404, "there is nothing of this name");
        return;
    }
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0) {
        strbuf_add(&out->body, chunk, n);
        for (size_t i = 0; i < n; i++) {
            hash = (hash ^ (unsigned char)chunk[i]) * 1099511628211u;
        }
    }
    (void)fclose(file);
    (void)snprintf(out->etag, sizeof out->etag, "\"%016llx\"", (unsigned long long)hash);
    if (*suffix == '\0') {
        out->type = "text/plain";
    }
    if (if_none_match != NULL && strcmp(if_none_match, out->etag) == 0) {
        strbuf_clear(&out->body);
        out->status = 304;
    }
}

/* The day, as in 2025-06-01, that lies so many days before `today`; 0 if either is nonsense. */
static int day_before(const char *today, const char *days, char out[11])
{
    struct tm day = {0};
    char *end;
    long n = strtol(days, &end, 10);
    if (sscanf(today, "%4d-%2d-%2d", &day.tm_year, &day.tm_mon, &day.tm_mday) != 3 || *end != '\0' ||
        end == days || n < 0 || n > 36500) {
        return 0;
    }
    day.tm_year -= 1900;
    day.tm_mon -= 1;
    time_t then = timegm(&day) - (time_t)n * 86400;
    return gmtime_r(&then, &day) != NULL && strftime(out, 11, "%Y-%m-%d", &day) == 10;
}

/* Whether the time that an entry's text tells is of this day or later; one that tells none is kept. */
static int is_recent(const char *text, enum service service, const char *first_day)
{
    const char *member = service == SERVICE_PURCHASES ? "\"purchased_at\":\"" : "\"orderedAt\":\"";
    const char *at = strstr(text, member);
    return at == NULL || strncmp(at + strlen(member), first_day, 10) >= 0;
}

void answer_history(const struct retailer_data *d, enum service service, const char *user, const char *cursor,
                    const char *days, struct answer *out)
{
    const json_t *list = json_object_get(service == SERVICE_PURCHASES ? d->purchases : d->orders, user);
    char first_day[11] = "";
    char *end = NULL;
    unsigned long long from = cursor != NULL && *cursor != '\0' ? strtoull(cursor, &end, 10) : 0;
    size_t all = json_array_size(list), given = 0, i;
    if ((end != NULL && *end != '\0') || from > all) {
        answer_error(out, 400, "this cursor was never given out");
        return;
    }
    if (days != NULL && d->today != NULL && !day_before(d->today, days, first_day)) {
        answer_error(out, 400, "lookback_days must be a number of days");
        return;
    }
    strbuf_printf(&out->body, "{\"%s\":[", service == SERVICE_PURCHASES ? "receipts" : "orders");
    for (i = (size_t)from; i < all && given < d->page; i++) {
        const json_t *text = json_array_get(list, i);
        if (!is_recent(json_string_value(text), service, first_day)) {
            continue;
        }
        strbuf_puts(&out->body, given++ > 0 ? "," : "");
        strbuf_add(&out->body, json_string_value(text), json_string_length(text));
    }
    if (i < all) {
        strbuf_printf(&out->body, "],\"next_cursor\":\"%zu\"}\n", i);
    } else {
        strbuf_puts(&out->body, "],\"next_cursor\":null}\n");
    }
    out->ids = json_pack("[s]", user);
}

/* --- on the way out --------------------------------------------------------------------------- */

struct spoiled {
    struct strbuf body;
    uint64_t cut;
    uint64_t rate;
};

static atomic_int stopping;

void answer_stop(void)
{
    atomic_store(&stopping, 1);
}

/* In short pieces: the server ends at once, whatever latency it was told. */
static void pause_ms(uint64_t ms)
{
    while (ms > 0 && !atomic_load(&stopping)) {
        uint64_t piece = ms < 50 ? ms : 50;
        struct timespec left = {.tv_sec = 0, .tv_nsec = (long)piece * 1000000};
        while (nanosleep(&left, &left) != 0 && errno == EINTR) {
        }
        ms -= piece;
    }
}

/* A tenth of a second's worth at a time; an error in mid-body closes the connection. */
static ssize_t spoiled_read(void *arg, uint64_t at, char *out, size_t room)
{
    const struct spoiled *s = arg;
    uint64_t end = s->cut < s->body.len ? s->cut : s->body.len;
    if (at >= end) {
        return s->cut < s->body.len ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    }
    size_t n = end - at < room ? (size_t)(end - at) : room;
    if (s->rate > 0) {
        uint64_t step = s->rate / 10 > 0 ? s->rate / 10 : 1;
        n = n < step ? n : (size_t)step;
        pause_ms(1000 * n / s->rate);
    }
    memcpy(out, s->body.data + at, n);
    return (ssize_t)n;
}

static void spoiled_free(void *arg)
{
    struct spoiled *s = arg;
    strbuf_release(&s->body);
    free(s);
}

static struct MHD_Response *spoil(const struct answer *a, const struct fault *f)
{
    struct spoiled *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    strbuf_init(&s->body, RETAILER_ANSWER_MAX);
    strbuf_add(&s->body, strbuf_text(&a->body), a->body.len);
    s->cut = f->cut_after_bytes;
    s->rate = f->drip_bytes_per_s;
    struct MHD_Response *response =
        MHD_create_response_from_callback(a->body.len, 16384, spoiled_read, s, spoiled_free);
    if (response == NULL) {
        spoiled_free(s);
    }
    return response;
}

enum MHD_Result answer_send(struct MHD_Connection *connection, const struct answer *a, const struct fault *f)
{
    char seconds[16];
    struct MHD_Response *response;
    pause_ms(f->latency_ms);
    if (f->cut_after_bytes != FAULT_NO_CUT || f->drip_bytes_per_s > 0) {
        response = spoil(a, f);
    } else {
        response = MHD_create_response_from_buffer(a->body.len, (void *)strbuf_text(&a->body),
                                                   MHD_RESPMEM_MUST_COPY);
    }
    if (response == NULL) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, "Content-Type", a->type);
    if (a->etag[0] != '\0') {
        (void)MHD_add_response_header(response, "ETag", a->etag);
    }
    if (f->retry_after > 0) {
        (void)snprintf(seconds, sizeof seconds, "%u", f->retry_after);
        (void)MHD_add_response_header(response, "Retry-After", seconds);
    }
    enum MHD_Result result = MHD_queue_response(connection, a->status, response);
    MHD_destroy_response(response);
    return result;
}
