/* s3_double: see s3_double.h. */
#include "s3_double.h"

#include <check.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECTS 8u

struct object {
    char path[200];
    char *data;
    size_t len;
    uint32_t version;
};

struct s3_double {
    struct MHD_Daemon *daemon;
    char url[64];
    pthread_mutex_t lock;
    struct object objects[OBJECTS];
    struct object later; /* takes the place of its namesake */
    uint32_t later_after;
    int has_later, later_gone;
    uint32_t versions, asked;
    uint64_t sent;
    struct s3_fault fault;
    char range[80], if_match[80];
};

/* A body on its way: a copy, so that the object may change meanwhile. */
struct body {
    char *data;
    uint64_t len, cut;
};

struct upload {
    char *data;
    size_t len;
};

static struct object *find(struct s3_double *s, const char *path)
{
    uint32_t i;

    for (i = 0; i < OBJECTS; i++)
        if (s->objects[i].data != NULL && strcmp(s->objects[i].path, path) == 0)
            return &s->objects[i];
    return NULL;
}

static void put(struct s3_double *s, const char *path, const void *data, size_t len)
{
    struct object *o = find(s, path);
    uint32_t i;

    for (i = 0; o == NULL && i < OBJECTS; i++)
        if (s->objects[i].data == NULL)
            o = &s->objects[i];
    ck_assert_ptr_nonnull(o);
    free(o->data);
    o->data = malloc(len + 1);
    ck_assert_ptr_nonnull(o->data);
    memcpy(o->data, data, len);
    o->data[len] = '\0';
    o->len = len;
    o->version = ++s->versions;
    (void)snprintf(o->path, sizeof o->path, "%s", path);
}

static void gone(struct s3_double *s, const char *path)
{
    struct object *o = find(s, path);

    if (o == NULL)
        return;
    free(o->data);
    o->data = NULL;
}

static ssize_t give(void *context, uint64_t at, char *out, size_t max)
{
    struct body *b = context;
    uint64_t end = b->cut > 0 && b->cut < b->len ? b->cut : b->len;

    if (at >= end)
        return end < b->len ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    if (max > end - at)
        max = (size_t)(end - at);
    memcpy(out, b->data + at, max);
    return (ssize_t)max;
}

static void give_no_more(void *context)
{
    struct body *b = context;

    free(b->data);
    free(b);
}

static struct MHD_Response *make_body(const void *data, uint64_t len, uint64_t cut)
{
    struct body *b = calloc(1, sizeof *b);

    ck_assert_ptr_nonnull(b);
    b->data = malloc(len + 1);
    ck_assert_ptr_nonnull(b->data);
    memcpy(b->data, data, len);
    b->len = len;
    b->cut = cut;
    return MHD_create_response_from_callback(len, 65536, give, b, give_no_more);
}

static unsigned refuse(struct MHD_Response **r, unsigned status, const char *code)
{
    char xml[300];

    (void)snprintf(xml, sizeof xml,
                   "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>as told</Message></Error>", code);
    *r = make_body(xml, strlen(xml), 0);
    return status;
}

/* Is this request the fault's? */
static int faulty(struct s3_double *s)
{
    if (s->fault.after > 0) {
        s->fault.after--;
        return 0;
    }
    if (s->fault.times == 0)
        return 0;
    s->fault.times--;
    return 1;
}

static void become_later(struct s3_double *s)
{
    if (!s->has_later || s->later_after-- > 0)
        return;
    s->has_later = 0;
    if (s->later_gone)
        gone(s, s->later.path);
    else
        put(s, s->later.path, s->later.data, s->later.len);
    free(s->later.data);
    s->later.data = NULL;
}

static unsigned serve(struct s3_double *s, const char *path, const char *range, const char *if_match,
                      struct MHD_Response **r)
{
    static const struct s3_fault none;
    struct s3_fault f = faulty(s) ? s->fault : none;
    unsigned long long from = 0, to = UINT64_MAX >> 1;
    struct object *o;
    char etag[40], text[100];
    int ranged;

    become_later(s);
    o = find(s, path);
    if (f.status != 0)
        return refuse(r, f.status, f.code != NULL ? f.code : "InternalError");
    if (o == NULL)
        return refuse(r, 404, "NoSuchKey");
    (void)snprintf(etag, sizeof etag, "\"v%u\"", o->version);
    if (if_match != NULL && strcmp(if_match, etag) != 0)
        return refuse(r, 412, "PreconditionFailed");
    ranged = range != NULL && !f.whole && sscanf(range, "bytes=%llu-%llu", &from, &to) == 2;
    from += ranged && f.shifted;
    if (ranged && from >= o->len) {
        (void)snprintf(text, sizeof text, "bytes */%zu", o->len);
        (void)refuse(r, 416, "InvalidRange");
        (void)MHD_add_response_header(*r, "Content-Range", text);
        return 416;
    }
    if (to >= o->len)
        to = o->len - 1;
    s->sent += o->len == 0 ? 0 : to - from + 1;
    *r = make_body(o->data + from, o->len == 0 ? 0 : to - from + 1, f.cut);
    (void)snprintf(text, sizeof text, "bytes %llu-%llu/%zu", from, to, o->len);
    if (ranged)
        (void)MHD_add_response_header(*r, "Content-Range", text);
    if (!f.no_etag)
        (void)MHD_add_response_header(*r, "ETag", etag);
    return ranged ? 206 : 200;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *data, size_t *size,
                                  void **own)
{
    const char *range = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Range");
    const char *if_match = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-Match");
    struct s3_double *s = context;
    struct upload *u = *own;
    struct MHD_Response *r;
    enum MHD_Result sent;
    unsigned status;

    (void)version;
    if (u == NULL) {
        *own = calloc(1, sizeof *u);
        return *own == NULL ? MHD_NO : MHD_YES;
    }
    if (*size > 0) {
        u->data = realloc(u->data, u->len + *size);
        ck_assert_ptr_nonnull(u->data);
        memcpy(u->data + u->len, data, *size);
        u->len += *size;
        *size = 0;
        return MHD_YES;
    }
    pthread_mutex_lock(&s->lock);
    s->asked++;
    (void)snprintf(s->range, sizeof s->range, "%s", range == NULL ? "" : range);
    (void)snprintf(s->if_match, sizeof s->if_match, "%s", if_match == NULL ? "" : if_match);
    if (strcmp(method, "PUT") == 0) {
        put(s, path, u->data == NULL ? "" : u->data, u->len);
        r = make_body("", 0, 0);
        status = 200;
    } else {
        status = serve(s, path, range, if_match, &r);
    }
    pthread_mutex_unlock(&s->lock);
    sent = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return sent;
}

static void on_end(void *context, struct MHD_Connection *c, void **own, enum MHD_RequestTerminationCode why)
{
    struct upload *u = *own;

    (void)context;
    (void)c;
    (void)why;
    if (u != NULL)
        free(u->data);
    free(u);
    *own = NULL;
}

struct s3_double *s3_double_start(void)
{
    struct s3_double *s = calloc(1, sizeof *s);
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const union MHD_DaemonInfo *info;

    ck_assert_ptr_nonnull(s);
    pthread_mutex_init(&s->lock, NULL);
    s->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL,
                                 NULL, on_request, s, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&local,
                                 MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_END);
    ck_assert_ptr_nonnull(s->daemon);
    info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
    (void)snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", info->port);
    return s;
}

void s3_double_stop(struct s3_double *s)
{
    uint32_t i;

    MHD_stop_daemon(s->daemon);
    for (i = 0; i < OBJECTS; i++)
        free(s->objects[i].data);
    free(s->later.data);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

const char *s3_double_url(const struct s3_double *s)
{
    return s->url;
}

void s3_double_put(struct s3_double *s, const char *path, const void *data, size_t len)
{
    pthread_mutex_lock(&s->lock);
    put(s, path, data, len);
    pthread_mutex_unlock(&s->lock);
}

void s3_double_delete(struct s3_double *s, const char *path)
{
    pthread_mutex_lock(&s->lock);
    gone(s, path);
    pthread_mutex_unlock(&s->lock);
}

void s3_double_fault(struct s3_double *s, const struct s3_fault *fault)
{
    pthread_mutex_lock(&s->lock);
    s->fault = *fault;
    pthread_mutex_unlock(&s->lock);
}

uint32_t s3_double_asked(struct s3_double *s)
{
    uint32_t n;

    pthread_mutex_lock(&s->lock);
    n = s->asked;
    pthread_mutex_unlock(&s->lock);
    return n;
}

uint64_t s3_double_sent(struct s3_double *s)
{
    uint64_t n;

    pthread_mutex_lock(&s->lock);
    n = s->sent;
    pthread_mutex_unlock(&s->lock);
    return n;
}

void s3_double_last(struct s3_double *s, char *range, char *if_match, size_t size)
{
    pthread_mutex_lock(&s->lock);
    (void)snprintf(range, size, "%s", s->range);
    (void)snprintf(if_match, size, "%s", s->if_match);
    pthread_mutex_unlock(&s->lock);
}

void s3_double_replace(struct s3_double *s, uint32_t after, const char *path, const void *data, size_t len)
{
    pthread_mutex_lock(&s->lock);
    free(s->later.data);
    s->later.data = NULL;
    (void)snprintf(s->later.path, sizeof s->later.path, "%s", path);
    s->later_gone = data == NULL;
    if (data != NULL) {
        s->later.data = malloc(len + 1);
        ck_assert_ptr_nonnull(s->later.data);
        memcpy(s->later.data, data, len);
    }
    s->later.len = len;
    s->later_after = after;
    s->has_later = 1;
    pthread_mutex_unlock(&s->lock);
}

char *s3_double_get(struct s3_double *s, const char *path, size_t *len)
{
    struct object *o;
    char *copy = NULL;

    pthread_mutex_lock(&s->lock);
    o = find(s, path);
    if (o != NULL) {
        copy = malloc(o->len + 1);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, o->data, o->len + 1);
        *len = o->len;
    }
    pthread_mutex_unlock(&s->lock);
    return copy;
}
