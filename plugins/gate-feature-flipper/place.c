/* place: one function a kind. */
#include "place.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "../common/file_text.h"

static const char no_memory[] = "there is no memory for it";

static char *copy_base(const char *text)
{
    size_t len = strlen(text);

    while (len > 0 && text[len - 1] == '/')
        len--;
    return strndup(text, len);
}

static const char *parse_s3(const char *rest, struct place *out)
{
    size_t len = strcspn(rest, "/");
    const char *why;

    out->bucket = strndup(rest, len);
    if (out->bucket == NULL)
        return no_memory;
    why = aws_s3_bucket_problem(out->bucket);
    if (why != NULL)
        return why;
    while (rest[len] == '/')
        len++;
    out->base = copy_base(rest + len);
    return out->base == NULL ? no_memory : NULL;
}

const char *place_parse(const char *text, struct place *out)
{
    const char *why = NULL;

    memset(out, 0, sizeof *out);
    if (strncmp(text, "s3://", 5) == 0) {
        out->kind = PLACE_S3;
        why = parse_s3(text + 5, out);
    } else if (strncmp(text, "file:///", 8) == 0) {
        out->kind = PLACE_FILE;
        out->base = copy_base(text + 7);
        why = out->base == NULL ? no_memory : NULL;
    } else if (strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0) {
        out->kind = PLACE_HTTP;
        out->base = copy_base(text);
        why = out->base == NULL               ? no_memory
              : strpbrk(text, "?#@ ") != NULL ? "it has a '?', '#', '@' or space"
                                              : NULL;
    } else {
        why = "it is none of s3://bucket/prefix, file:///folder, http://host/path";
    }
    if (why != NULL)
        place_release(out);
    return why;
}

void place_release(struct place *p)
{
    free(p->base);
    free(p->bucket);
    memset(p, 0, sizeof *p);
}

static void keep_etag(struct fetched *out, struct sluice_str etag)
{
    if (etag.data == NULL || etag.len >= sizeof out->etag)
        return;
    memcpy(out->etag, etag.data, (size_t)etag.len);
    out->etag[etag.len] = '\0';
}

static void file_mark(const struct stat *st, char *out, size_t size)
{
    (void)snprintf(out, size, "%llx-%llx-%llx-%lld.%ld-%lld.%ld", (unsigned long long)st->st_dev,
                   (unsigned long long)st->st_ino, (unsigned long long)st->st_size,
                   (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec,
                   st->st_ctim.tv_nsec);
}

/* The mark is taken before and after: a file that is being written is not taken for whole. */
static uint32_t fetch_file(const struct fetcher *f, const char *path, const char *etag, struct fetched *out,
                           struct sluice_error *err)
{
    char after[PLACE_ETAG];
    struct stat st;
    size_t len;

    if (stat(path, &st) != 0)
        return sluice_fail(err, SLUICE_RETRY, NULL, "%.300s: %s", path, strerror(errno));
    file_mark(&st, out->etag, sizeof out->etag);
    if (etag != NULL && strcmp(etag, out->etag) == 0) {
        out->same = 1;
        return SLUICE_OK;
    }
    out->text = file_text_read(path, f->max_bytes, &len, err);
    if (out->text == NULL)
        return err->code;
    out->data.data = out->text;
    out->data.len = len;
    if (stat(path, &st) == 0)
        file_mark(&st, after, sizeof after);
    else
        after[0] = '\0';
    if (strcmp(after, out->etag) == 0)
        return SLUICE_OK;
    fetched_release(f, out);
    return sluice_fail(err, SLUICE_RETRY, NULL, "%.300s changed while it was read", path);
}

static uint32_t judge_http(const struct fetcher *f, const char *url, struct fetched *out,
                           struct sluice_error *err)
{
    const struct sluice_http_response *r = &out->response;
    uint32_t code = SLUICE_FATAL;

    if (r->code != SLUICE_OK) {
        code = sluice_fail(err, r->code == SLUICE_REJECT ? SLUICE_FATAL : SLUICE_RETRY, NULL, "%.200s: %s",
                           url, r->message);
    } else if (r->status == 200 || r->status == 304) {
        out->same = r->status == 304;
        out->data = out->same ? (struct sluice_str){NULL, 0} : r->body;
        keep_etag(out, sluice_http_header(r, "ETag"));
        return SLUICE_OK;
    } else if (r->status == 404) {
        (void)sluice_fail(err, code, NULL, "%.250s is not there (404)", url);
    } else if (r->status == 401 || r->status == 403) {
        (void)sluice_fail(err, code, NULL, "%.250s: not allowed (%u): is the token right", url, r->status);
    } else {
        code = r->status == 429 || r->status >= 500 ? SLUICE_RETRY : SLUICE_FATAL;
        (void)sluice_fail(err, code, NULL, "%.250s answered %u", url, r->status);
    }
    err->retry_after_ms = r->retry_after_ms;
    fetched_release(f, out);
    return code;
}

static uint32_t fetch_http(const struct fetcher *f, const char *url, const char *etag, struct fetched *out,
                           struct sluice_error *err)
{
    struct sluice_http_request r = {.struct_size = sizeof r, .method = "GET", .url = url};
    struct sluice_str headers[6];
    uint32_t code;

    if (f->http == NULL || f->client == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "this host has no HTTP service to ask %.200s with", url);
    headers[2 * r.n_headers] = sluice_str_of("Accept");
    headers[2 * r.n_headers++ + 1] = sluice_str_of("*/*");
    if (f->authorization != NULL) {
        headers[2 * r.n_headers] = sluice_str_of("Authorization");
        headers[2 * r.n_headers++ + 1] = sluice_str_of(f->authorization);
    }
    if (etag != NULL) {
        headers[2 * r.n_headers] = sluice_str_of("If-None-Match");
        headers[2 * r.n_headers++ + 1] = sluice_str_of(etag);
    }
    r.headers = headers;
    out->response.struct_size = sizeof out->response;
    code = f->http->perform(f->client, &r, 1, sizeof r, &out->response, sizeof out->response, f->timeout_ms,
                            err);
    return code == SLUICE_OK ? judge_http(f, url, out, err) : code;
}

static uint32_t fetch_s3(const struct fetcher *f, const struct place *p, const char *key, const char *etag,
                         struct fetched *out, struct sluice_error *err)
{
    uint32_t code = aws_s3_get(&f->s3, p->bucket, key, etag, f->timeout_ms, &out->response, err);

    if (code != SLUICE_OK)
        return code;
    out->same = out->response.status == 304;
    if (!out->same)
        out->data = out->response.body;
    keep_etag(out, sluice_http_header(&out->response, "ETag"));
    return SLUICE_OK;
}

int place_join(const struct place *p, const char *name, char *out, size_t size)
{
    int len = snprintf(out, size, "%s%s%s", p->base, name != NULL && p->base[0] != '\0' ? "/" : "",
                       name != NULL ? name : "");

    return len < 0 || (size_t)len >= size ? -1 : 0;
}

uint32_t place_fetch(const struct fetcher *f, const struct place *p, const char *name, const char *etag,
                     struct fetched *out, struct sluice_error *err)
{
    char full[4200];

    memset(out, 0, sizeof *out);
    if (etag != NULL && etag[0] == '\0')
        etag = NULL;
    if (p->kind == PLACE_NONE)
        return sluice_fail(
            err, SLUICE_FATAL, "lists",
            "the flag names the list %.150s, and the option lists does not say where lists are",
            name != NULL ? name : "?");
    if (place_join(p, name, full, sizeof full) != 0)
        return sluice_fail(err, SLUICE_FATAL, NULL, "an address of more than 4096 bytes");
    switch (p->kind) {
    case PLACE_FILE:
        return fetch_file(f, full, etag, out, err);
    case PLACE_HTTP:
        return fetch_http(f, full, etag, out, err);
    default:
        return fetch_s3(f, p, full, etag, out, err);
    }
}

void fetched_release(const struct fetcher *f, struct fetched *out)
{
    if (out->response.struct_size != 0 && f->http != NULL)
        f->http->release(&out->response, 1, sizeof out->response);
    file_text_free(out->text);
    memset(out, 0, sizeof *out);
}
