/* http_check: what a request must be before any handler sees it.
 *
 * Invariant: a request that two readers could understand differently (two lengths, two
 * hosts, length and chunks) or that a foreign page could have sent (its Origin, its
 * Host) is refused. */
#include "http_internal.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

struct header_tally {
    uint32_t hosts, lengths, encodings, origins, authorizations;
    const char *host, *length, *authorization;
    size_t length_size;
    int odd; /* a value with a NUL */
};

static enum MHD_Result tally_header(void *context, enum MHD_ValueKind kind, const char *key, size_t key_size,
                                    const char *value, size_t value_size)
{
    struct header_tally *t = context;

    (void)kind;
    if (value == NULL)
        value = "";
    if (strlen(key) != key_size || strlen(value) != value_size)
        t->odd = 1;
    if (strcasecmp(key, "host") == 0) {
        t->hosts++;
        t->host = value;
    } else if (strcasecmp(key, "content-length") == 0) {
        t->lengths++;
        t->length = value;
        t->length_size = value_size;
    } else if (strcasecmp(key, "transfer-encoding") == 0) {
        t->encodings++;
    } else if (strcasecmp(key, "origin") == 0) {
        t->origins++;
    } else if (strcasecmp(key, "authorization") == 0) {
        t->authorizations++;
        t->authorization = value;
    }
    return MHD_YES;
}

/* The time taken depends on the length of what was sent, not on where it differs. */
static int same_token(const char *expected, const char *given)
{
    size_t n_expected = strlen(expected), n_given = strlen(given), i;
    volatile unsigned char differ = n_expected == n_given ? 0 : 1;

    for (i = 0; i < n_given; i++)
        differ = (unsigned char)(differ | (expected[i % (n_expected + 1)] ^ given[i]));
    return differ == 0;
}

static int token_given(const struct http_server *s, const struct header_tally *t)
{
    static const char scheme[] = "Bearer ";
    const char *given;

    if (t->authorizations != 1 || strncasecmp(t->authorization, scheme, sizeof scheme - 1) != 0)
        return 0;
    for (given = t->authorization + sizeof scheme - 1; *given == ' '; given++)
        continue;
    return same_token(s->token, given);
}

/* An address, or localhost: never a name, since a foreign page can give a name of its
 * own the address of this machine, and is then let in by the browser. */
static int host_is_numeric(const char *host)
{
    unsigned char binary[16];
    char name[64];
    size_t len;

    len = host[0] == '[' ? strcspn(host, "]") : strcspn(host, ":");
    if (host[0] == '[') {
        if (host[len] != ']' || (host[len + 1] != '\0' && host[len + 1] != ':'))
            return 0;
        host++;
        len--;
    }
    if (len == 0 || len >= sizeof name)
        return 0;
    memcpy(name, host, len);
    name[len] = '\0';
    return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, binary) == 1 ||
           inet_pton(AF_INET6, name, binary) == 1;
}

static int is_length(const char *text)
{
    size_t n = strspn(text, "0123456789");

    return n > 0 && n <= 18 && text[n] == '\0';
}

static int above(const char *digits, uint64_t max)
{
    uint64_t n = 0;

    for (; *digits != '\0'; digits++)
        n = n * 10 + (uint64_t)(*digits - '0');
    return n > max;
}

static int is_read(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static struct http_refusal check_framing(const struct header_tally *t)
{
    if (t->odd)
        return (struct http_refusal){400, "bad_header", "a header holds a NUL byte"};
    if (t->lengths > 1 || (t->lengths == 1 && !is_length(t->length)))
        return (struct http_refusal){400, "bad_content_length",
                                     "Content-Length must be given at most once, as a plain number"};
    if (t->encodings > 1 || (t->encodings == 1 && t->lengths == 1))
        return (struct http_refusal){400, "bad_transfer_encoding",
                                     "give either one Transfer-Encoding or one Content-Length"};
    if (t->lengths == 1 && above(t->length, HTTP_BODY_MAX))
        return (struct http_refusal){413, "body_too_large", "a body may have at most 1 MiB"};
    return (struct http_refusal){0, NULL, NULL};
}

struct http_refusal http_check_request(const struct http_server *s, struct MHD_Connection *c,
                                       const char *path, const char *method)
{
    const union MHD_ConnectionInfo *size =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    struct http_refusal refusal;
    struct header_tally t;

    memset(&t, 0, sizeof t);
    (void)MHD_get_connection_values_n(c, MHD_HEADER_KIND, tally_header, &t);
    if (size == NULL || size->header_size > HTTP_HEADER_MAX)
        return (struct http_refusal){431, "header_too_large", "a request header may have at most 8 KiB"};
    refusal = check_framing(&t);
    if (refusal.status != 0)
        return refusal;
    if (t.hosts != 1 || t.host[0] == '\0')
        return (struct http_refusal){400, "bad_host", "a request must have one Host header"};
    if (s->token == NULL && !s->open && !host_is_numeric(t.host))
        return (struct http_refusal){421, "host_unknown",
                                     "without a token, only localhost or a numeric address is taken as Host"};
    if (t.origins > 0 && !is_read(method))
        return (struct http_refusal){403, "origin_refused",
                                     "changes are not taken from web pages (Origin is set)"};
    if (s->token != NULL && strcmp(path, "/healthz") != 0 && strcmp(path, "/readyz") != 0 &&
        !token_given(s, &t))
        return (struct http_refusal){401, "unauthorized",
                                     "this needs the header Authorization: Bearer TOKEN"};
    return (struct http_refusal){0, NULL, NULL};
}

static int path_matches(const char *pattern, const char *path)
{
    size_t n = strlen(pattern);

    if (n > 0 && pattern[n - 1] == '*')
        return strncmp(pattern, path, n - 1) == 0;
    return strcmp(pattern, path) == 0;
}

const struct http_route *http_find_route(const struct http_server *s, const char *path, const char *method,
                                         struct http_refusal *refusal, struct strbuf *allow)
{
    uint32_t i;

    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    for (i = 0; i < s->n_routes; i++) {
        if (!path_matches(s->routes[i].path, path))
            continue;
        if (strcmp(s->routes[i].method, method) == 0)
            return &s->routes[i];
        strbuf_printf(allow, "%s%s%s", allow->len > 0 ? ", " : "", s->routes[i].method,
                      strcmp(s->routes[i].method, "GET") == 0 ? ", HEAD" : "");
    }
    if (allow->len > 0)
        *refusal = (struct http_refusal){405, "method_not_allowed", "this path does not take that method"};
    else
        *refusal = (struct http_refusal){404, "not_found", "there is no such path"};
    return NULL;
}
