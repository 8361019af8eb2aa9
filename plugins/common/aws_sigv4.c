/* aws_sigv4: canonical request -> string to sign -> signature, as AWS documents it.
 *
 * Invariant: names of headers are compared in lower case and as whole names, values are
 * trimmed, parameters are sorted by their encoded form. */
#include "aws_sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#define SIGNED_MAX (256u * 1024u) /* of each text that is made here */
#define SCOPE_MAX 200u

struct signing {
    const struct aws_request *r;
    char date[AWS_DATE_SIZE];
    char scope[SCOPE_MAX]; /* 20150830/us-east-1/s3/aws4_request */
    struct aws_pair headers[AWS_HEADERS + 4];
    uint32_t n_headers;
    struct aws_pair params[AWS_PARAMS + 6];
    uint32_t n_params;
    struct strbuf query;     /* encoded and sorted */
    struct strbuf names;     /* of the headers: "host;x-amz-date" */
    struct strbuf canonical; /* the canonical request */
    char signature[AWS_HEX_SIZE];
};

/* --- headers ------------------------------------------------------------------------ */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int names_compare(struct sluice_str a, struct sluice_str b)
{
    uint64_t i;

    for (i = 0; i < a.len && i < b.len; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return (unsigned char)lower(a.data[i]) < (unsigned char)lower(b.data[i]) ? -1 : 1;
    return a.len < b.len ? -1 : a.len > b.len;
}

/* Insertion keeps the order of values under one name. */
static void header_insert(struct signing *s, struct sluice_str name, struct sluice_str value)
{
    uint32_t at = s->n_headers++;

    while (at > 0 && names_compare(s->headers[at - 1].name, name) > 0) {
        s->headers[at] = s->headers[at - 1];
        at--;
    }
    s->headers[at].name = name;
    s->headers[at].value = value;
}

/* Without space at the ends, and one for several within. */
static void add_trimmed(struct strbuf *out, struct sluice_str value)
{
    uint64_t i, end = value.len;
    int space = 0, any = 0;

    while (end > 0 && (value.data[end - 1] == ' ' || value.data[end - 1] == '\t'))
        end--;
    for (i = 0; i < end; i++) {
        if (value.data[i] == ' ' || value.data[i] == '\t') {
            space = any;
            continue;
        }
        if (space)
            strbuf_putc(out, ' ');
        space = 0;
        any = 1;
        strbuf_putc(out, value.data[i]);
    }
}

static void add_headers(struct signing *s)
{
    uint32_t i;
    uint64_t c;

    for (i = 0; i < s->n_headers; i++) {
        if (i > 0 && names_compare(s->headers[i - 1].name, s->headers[i].name) == 0) {
            strbuf_putc(&s->canonical, ',');
        } else {
            if (i > 0) {
                strbuf_putc(&s->canonical, '\n');
                strbuf_putc(&s->names, ';');
            }
            for (c = 0; c < s->headers[i].name.len; c++) {
                strbuf_putc(&s->canonical, lower(s->headers[i].name.data[c]));
                strbuf_putc(&s->names, lower(s->headers[i].name.data[c]));
            }
            strbuf_putc(&s->canonical, ':');
        }
        add_trimmed(&s->canonical, s->headers[i].value);
    }
    strbuf_putc(&s->canonical, '\n');
}

/* --- query -------------------------------------------------------------------------- */

static int encoded_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One "name=value" a parameter; '=' sorts below every character that may stand in a
 * name but '-', '.', digits and '%', so \1 stands in its place while they are sorted. */
static char *param_text(const struct aws_pair *p)
{
    struct strbuf b;

    strbuf_init(&b, SIGNED_MAX);
    aws_encode(&b, p->name, 0);
    strbuf_putc(&b, '\1');
    aws_encode(&b, p->value, 0);
    return strbuf_take(&b);
}

static int add_query(struct signing *s)
{
    char *texts[AWS_PARAMS + 6];
    uint32_t i, made;
    int failed;

    for (made = 0; made < s->n_params; made++)
        if ((texts[made] = param_text(&s->params[made])) == NULL)
            break;
    failed = made < s->n_params;
    if (!failed)
        qsort(texts, made, sizeof texts[0], encoded_compare);
    for (i = 0; i < made; i++) {
        if (!failed) {
            *strchr(texts[i], '\1') = '=';
            if (i > 0)
                strbuf_putc(&s->query, '&');
            strbuf_puts(&s->query, texts[i]);
        }
        free(texts[i]);
    }
    return failed ? -1 : 0;
}

/* --- signature ---------------------------------------------------------------------- */

static int hmac(const unsigned char *key, size_t key_len, const char *text, size_t len, unsigned char out[32])
{
    unsigned n = 32;

    return HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, len, out, &n) == NULL ? -1 : 0;
}

static int sign_text(struct signing *s, const char *secret, const char *text, size_t len)
{
    unsigned char key[32];
    struct strbuf first;
    int failed;

    strbuf_init(&first, 4096);
    strbuf_puts(&first, "AWS4");
    strbuf_puts(&first, secret);
    failed = first.failed || hmac((unsigned char *)first.data, first.len, s->date, 8, key) != 0 ||
             hmac(key, 32, s->r->region, strlen(s->r->region), key) != 0 ||
             hmac(key, 32, s->r->service, strlen(s->r->service), key) != 0 ||
             hmac(key, 32, "aws4_request", 12, key) != 0 || hmac(key, 32, text, len, key) != 0;
    if (first.data != NULL)
        OPENSSL_cleanse(first.data, first.len);
    strbuf_release(&first);
    if (!failed)
        aws_hex(key, sizeof key, s->signature);
    OPENSSL_cleanse(key, sizeof key);
    return failed ? -1 : 0;
}

/* The path as it is sent. */
static void add_path(struct strbuf *out, const struct aws_request *r)
{
    aws_encode(out, r->path, 1);
}

static void add_canonical_path(struct signing *s)
{
    struct strbuf once;

    strbuf_init(&once, SIGNED_MAX);
    add_path(&once, s->r);
    if (once.failed)
        s->canonical.failed = 1;
    else if (s->r->encode_twice)
        aws_encode(&s->canonical, (struct sluice_str){strbuf_text(&once), once.len}, 1);
    else
        strbuf_puts(&s->canonical, strbuf_text(&once));
    strbuf_release(&once);
}

/* The names must be known before the query of a presigned URL can be written. */
static int compute(struct signing *s, const char *secret, const char *payload_hash)
{
    struct strbuf text;
    char hash[AWS_HEX_SIZE];
    int failed;

    strbuf_printf(&s->canonical, "%s\n", s->r->method);
    add_canonical_path(s);
    strbuf_printf(&s->canonical, "\n%s\n", strbuf_text(&s->query));
    strbuf_clear(&s->names);
    add_headers(s);
    strbuf_printf(&s->canonical, "\n%s\n%s", strbuf_text(&s->names), payload_hash);
    if (s->canonical.failed || s->names.failed || s->query.failed ||
        aws_sha256_hex(s->canonical.data, s->canonical.len, hash) != 0)
        return -1;
    strbuf_init(&text, 1024);
    strbuf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", s->date, s->scope, hash);
    failed = text.failed || sign_text(s, secret, text.data, text.len) != 0;
    strbuf_release(&text);
    return failed ? -1 : 0;
}

static int no_memory(struct sluice_error *err)
{
    (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory to sign a request, or it is above 256 KiB");
    return -1;
}

static int signing_begin(struct signing *s, const struct aws_request *r, int64_t now_ms,
                         struct sluice_error *err)
{
    uint32_t i;

    memset(s, 0, sizeof *s);
    s->r = r;
    strbuf_init(&s->query, SIGNED_MAX);
    strbuf_init(&s->names, 4096);
    strbuf_init(&s->canonical, SIGNED_MAX);
    if (r->n_headers > AWS_HEADERS || r->n_params > AWS_PARAMS) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "a request of more than %u headers or %u parameters",
                          AWS_HEADERS, AWS_PARAMS);
        return -1;
    }
    if (aws_date(now_ms, s->date) != 0) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "this machine's clock shows no year that can be signed");
        return -1;
    }
    if (snprintf(s->scope, sizeof s->scope, "%.8s/%s/%s/aws4_request", s->date, r->region, r->service) >=
        (int)sizeof s->scope) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "the region's or the service's name is too long");
        return -1;
    }
    header_insert(s, sluice_str_of("host"), sluice_str_of(r->host));
    for (i = 0; i < r->n_headers; i++)
        header_insert(s, r->headers[i].name, r->headers[i].value);
    for (i = 0; i < r->n_params; i++)
        s->params[s->n_params++] = r->params[i];
    return 0;
}

static void signing_end(struct signing *s)
{
    strbuf_release(&s->query);
    strbuf_release(&s->names);
    strbuf_release(&s->canonical);
}

static void make_url(const struct signing *s, struct aws_signed *out, const char *signature)
{
    strbuf_printf(&out->url, "%s://%s", s->r->scheme, s->r->host);
    add_path(&out->url, s->r);
    if (s->query.len > 0)
        strbuf_printf(&out->url, "?%s", strbuf_text(&s->query));
    if (signature != NULL)
        strbuf_printf(&out->url, "&X-Amz-Signature=%s", signature);
}

static void signed_init(struct aws_signed *out)
{
    memset(out, 0, sizeof *out);
    strbuf_init(&out->url, SIGNED_MAX);
    strbuf_init(&out->authorization, 8192);
}

int aws_sign(const struct aws_request *r, const struct aws_keys *keys, int64_t now_ms, int sign_content,
             struct aws_signed *out, struct sluice_error *err)
{
    struct signing s;
    int failed;

    signed_init(out);
    if (signing_begin(&s, r, now_ms, err) != 0) {
        signing_end(&s);
        return -1;
    }
    memcpy(out->date, s.date, sizeof out->date);
    header_insert(&s, sluice_str_of("x-amz-date"), sluice_str_of(out->date));
    if (keys->token != NULL)
        header_insert(&s, sluice_str_of("x-amz-security-token"), sluice_str_of(keys->token));
    failed = aws_sha256_hex(r->body.data, (size_t)r->body.len, out->content_sha256) != 0;
    if (sign_content)
        header_insert(&s, sluice_str_of("x-amz-content-sha256"), sluice_str_of(out->content_sha256));
    failed = failed || add_query(&s) != 0 || compute(&s, keys->secret, out->content_sha256) != 0;
    if (!failed) {
        make_url(&s, out, NULL);
        strbuf_printf(&out->authorization,
                      "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                      keys->access_key_id, s.scope, strbuf_text(&s.names), s.signature);
        failed = out->url.failed || out->authorization.failed;
    }
    signing_end(&s);
    if (!failed)
        return 0;
    aws_signed_release(out);
    return no_memory(err);
}

static void param_add(struct signing *s, const char *name, const char *value)
{
    s->params[s->n_params].name = sluice_str_of(name);
    s->params[s->n_params++].value = sluice_str_of(value);
}

int aws_presign(const struct aws_request *r, const struct aws_keys *keys, int64_t now_ms, uint32_t seconds,
                const char *payload_hash, struct aws_signed *out, struct sluice_error *err)
{
    struct signing s;
    struct strbuf credential, ignored;
    char expires[16];
    int failed;

    signed_init(out);
    strbuf_init(&credential, 1024);
    if (signing_begin(&s, r, now_ms, err) != 0) {
        signing_end(&s);
        return -1;
    }
    memcpy(out->date, s.date, sizeof out->date);
    strbuf_printf(&credential, "%s/%s", keys->access_key_id, s.scope);
    (void)snprintf(expires, sizeof expires, "%u", seconds);
    add_headers(&s); /* for their names only */
    ignored = s.canonical;
    strbuf_init(&s.canonical, SIGNED_MAX);
    strbuf_release(&ignored);
    param_add(&s, "X-Amz-Algorithm", "AWS4-HMAC-SHA256");
    param_add(&s, "X-Amz-Credential", strbuf_text(&credential));
    param_add(&s, "X-Amz-Date", out->date);
    param_add(&s, "X-Amz-Expires", expires);
    param_add(&s, "X-Amz-SignedHeaders", strbuf_text(&s.names));
    if (keys->token != NULL)
        param_add(&s, "X-Amz-Security-Token", keys->token);
    failed = aws_sha256_hex(r->body.data, (size_t)r->body.len, out->content_sha256) != 0;
    failed = failed || credential.failed || add_query(&s) != 0 ||
             compute(&s, keys->secret, payload_hash != NULL ? payload_hash : out->content_sha256) != 0;
    if (!failed) {
        make_url(&s, out, s.signature);
        failed = out->url.failed;
    }
    strbuf_release(&credential);
    signing_end(&s);
    if (!failed)
        return 0;
    aws_signed_release(out);
    return no_memory(err);
}

void aws_signed_release(struct aws_signed *s)
{
    strbuf_release(&s->url);
    strbuf_release(&s->authorization);
}
