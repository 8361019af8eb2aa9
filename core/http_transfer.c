/* http_transfer: one try of a request of the HTTP service.
 *
 * Invariant: the code of a response tells whether the other side may have seen the
 * request: DISCONNECTED and CANCELLED only if not one byte of it was sent. */
#include <stdio.h>
#include <string.h>

#include "http_client.h"

static void say(struct http_transfer *t, uint32_t code, const char *text)
{
    t->response->code = code;
    (void)snprintf(t->response->message, sizeof t->response->message, "%.190s", text);
}

/* A byte that would end the line ends in another header. */
static int has_line_end(struct sluice_str s)
{
    return s.data != NULL && (memchr(s.data, '\r', s.len) != NULL || memchr(s.data, '\n', s.len) != NULL ||
                              memchr(s.data, '\0', s.len) != NULL);
}

static int is_token(const char *s, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++)
        if (s[i] <= ' ' || s[i] > '~' || strchr("()<>@,;:\\\"/[]?={}", s[i]) != NULL)
            return 0;
    return len > 0;
}

/* 1, or 0 with the response filled. */
static int add_header(struct http_transfer *t, struct sluice_str name, struct sluice_str value)
{
    struct curl_slist *grown = NULL;
    struct strbuf line;

    if (name.data == NULL || !is_token(name.data, (size_t)name.len) || has_line_end(value)) {
        say(t, SLUICE_REJECT, "a header has a name or value that cannot be sent");
        return 0;
    }
    strbuf_init(&line, 64u * 1024u);
    strbuf_add(&line, name.data, (size_t)name.len);
    if (value.len > 0) {
        strbuf_puts(&line, ": ");
        strbuf_add(&line, value.data, (size_t)value.len);
    } else {
        strbuf_putc(&line, ';'); /* libcurl's way to send an empty value */
    }
    if (!line.failed)
        grown = curl_slist_append(t->headers, line.data);
    strbuf_release(&line);
    if (grown == NULL) {
        say(t, SLUICE_RETRY, "no memory for a header, or it is above 64 KiB");
        return 0;
    }
    t->headers = grown;
    return 1;
}

static int add_headers(struct http_transfer *t)
{
    const struct sluice_http_request *r = &t->request;
    uint64_t i;

    /* Without this libcurl asks first whether it may send, which costs a round trip. */
    t->headers = curl_slist_append(NULL, "Expect:");
    if (t->headers == NULL) {
        say(t, SLUICE_RETRY, "no memory");
        return 0;
    }
    for (i = 0; i < r->n_headers; i++)
        if (!add_header(t, r->headers[2 * i], r->headers[2 * i + 1]))
            return 0;
    return 1;
}

static size_t on_body(char *data, size_t size, size_t n, void *context)
{
    struct http_transfer *t = context;
    size_t len = size * n;

    if (len > t->body.max - t->body.len) {
        t->too_large = 1;
        return 0;
    }
    strbuf_add(&t->body, data, len);
    return t->body.failed ? 0 : len;
}

#define HEAD_MAX (64u * 1024u)

/* A line of the answer's head; a status line begins another one (100 before 200, say). */
static size_t on_head(char *data, size_t size, size_t n, void *context)
{
    struct http_transfer *t = context;
    size_t len = size * n;

    if (len >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        strbuf_clear(&t->head);
        return len;
    }
    if (len > 2)
        strbuf_add(&t->head, data, len);
    return t->head.failed ? 0 : len;
}

static CURLcode set_target(CURL *e, const struct sluice_http_client *c, const struct sluice_http_request *r)
{
    CURLcode rc = curl_easy_setopt(e, CURLOPT_URL, r->url);

    if (rc == CURLE_OK)
        rc = curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(e, CURLOPT_PROXY, "");
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (rc == CURLE_OK && c->ca_file != NULL)
        rc = curl_easy_setopt(e, CURLOPT_CAINFO, c->ca_file);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)c->connect_timeout_ms);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)c->try_timeout_ms); /* 0: none */
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    return rc;
}

static CURLcode set_content(struct http_transfer *t, const struct sluice_http_request *r)
{
    CURL *e = t->easy;
    CURLcode rc = curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);

    if (rc == CURLE_OK && strcmp(r->method, "HEAD") == 0)
        rc = curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    if (rc == CURLE_OK && r->body.data != NULL) {
        rc = curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
        if (rc == CURLE_OK)
            rc = curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body.data);
    }
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    if (rc == CURLE_OK && t->wants_head)
        rc = curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_head);
    if (rc == CURLE_OK && t->wants_head)
        rc = curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    return rc;
}

int http_transfer_start(struct http_transfer *t, const struct sluice_http_client *c)
{
    const struct sluice_http_request *r = &t->request;
    CURLcode rc;

    strbuf_init(&t->body, (size_t)c->max_body);
    strbuf_init(&t->head, HEAD_MAX);
    t->too_large = 0;
    t->error[0] = '\0';
    if (r->method == NULL || !is_token(r->method, strlen(r->method)) || r->url == NULL) {
        say(t, SLUICE_REJECT, "a request needs a method and a url");
        return 0;
    }
    if (!add_headers(t))
        return 0;
    t->easy = curl_easy_init();
    rc = t->easy == NULL ? CURLE_OUT_OF_MEMORY : set_target(t->easy, c, r);
    if (rc == CURLE_OK)
        rc = set_content(t, r);
    if (rc != CURLE_OK) {
        say(t, rc == CURLE_OUT_OF_MEMORY ? SLUICE_RETRY : SLUICE_REJECT, curl_easy_strerror(rc));
        return 0;
    }
    return 1;
}

/* 1 if any byte of the request may have reached the other side. */
static int was_sent(CURL *easy)
{
    curl_off_t started = 0;
    long bytes = 0;

    (void)curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &bytes);
    (void)curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &started);
    return bytes > 0 || started > 0;
}

void http_transfer_finish(struct http_transfer *t, CURLcode result, uint64_t max_body)
{
    struct sluice_http_response *r = t->response;
    curl_off_t after = 0;
    char text[160];
    long status = 0;

    if (result == CURLE_OK) {
        (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        (void)curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &after);
        r->code = SLUICE_OK;
        r->status = (uint32_t)status;
        r->retry_after_ms = after <= 0 ? 0 : after > 86400 ? 86400000u : (uint32_t)after * 1000u;
        r->body.len = t->body.len;
        r->body.data = strbuf_take(&t->body);
        if (r->body.data == NULL) {
            r->body.len = 0;
            say(t, SLUICE_RETRY, "no memory for the answer");
        } else if (t->wants_head) {
            r->headers.len = t->head.len;
            r->headers.data = strbuf_take(&t->head);
            if (r->headers.data == NULL)
                say(t, SLUICE_RETRY, "no memory for the answer's headers");
        }
    } else if (t->head.failed) {
        say(t, SLUICE_REJECT, "the answer's headers are above 64 KiB, or there is no memory for them");
    } else if (t->too_large) {
        (void)snprintf(text, sizeof text, "the answer is above %llu bytes", (unsigned long long)max_body);
        say(t, SLUICE_REJECT, text);
    } else if (t->body.failed || result == CURLE_OUT_OF_MEMORY) {
        say(t, SLUICE_RETRY, "no memory for the answer");
    } else if (result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL) {
        say(t, SLUICE_REJECT, curl_easy_strerror(result));
    } else {
        say(t, was_sent(t->easy) ? SLUICE_UNSURE : SLUICE_DISCONNECTED,
            t->error[0] != '\0' ? t->error : curl_easy_strerror(result));
    }
}

void http_transfer_stop(struct http_transfer *t, int cancelled)
{
    say(t, was_sent(t->easy) ? SLUICE_UNSURE : SLUICE_CANCELLED,
        cancelled ? "given up because the host asked" : "no answer before the deadline");
}

void http_transfer_refuse(struct http_transfer *t, uint32_t code, const char *text)
{
    say(t, code, text);
}

void http_transfer_release(struct http_transfer *t)
{
    if (t->easy != NULL)
        curl_easy_cleanup(t->easy);
    t->easy = NULL;
    curl_slist_free_all(t->headers);
    t->headers = NULL;
    strbuf_release(&t->body);
    strbuf_release(&t->head);
}

int http_transfer_repeatable(const struct http_transfer *t)
{
    static const uint32_t passing[] = {408, 425, 429, 500, 502, 503, 504};
    const struct sluice_http_response *r = t->response;
    size_t i;

    if ((t->request.flags & SLUICE_HTTP_REPEAT) == 0)
        return 0;
    if (r->code == SLUICE_DISCONNECTED || r->code == SLUICE_UNSURE)
        return 1;
    for (i = 0; r->code == SLUICE_OK && i < sizeof passing / sizeof *passing; i++)
        if (r->status == passing[i])
            return 1;
    return 0;
}
