/* admin: the routes of a run.
 *
 * Invariant: only the routes of admin_backfill change anything, and all of those are POST;
 * health is told without a token and without details. */
#include "admin.h"

#include <stdlib.h>
#include <string.h>

#include "http_server.h"

#define PART_MAX (8u * 1024u * 1024u)

struct admin {
    struct admin_source source;
    struct http_server *server;
};

static void get_health(void *context, const struct http_request *request, struct http_answer *answer)
{
    (void)context;
    (void)request;
    strbuf_puts(&answer->body, "{\"status\":\"ok\"}\n");
}

/* "a\nb\n" to ["a","b"]. */
static void add_lines(struct strbuf *out, const char *text)
{
    const char *end;
    int first = 1;

    strbuf_putc(out, '[');
    for (; *text != '\0'; text = *end == '\0' ? end : end + 1) {
        end = strchrnul(text, '\n');
        if (end == text)
            continue;
        if (!first)
            strbuf_putc(out, ',');
        first = 0;
        strbuf_json(out, text, (size_t)(end - text));
    }
    strbuf_putc(out, ']');
}

static void get_ready(void *context, const struct http_request *request, struct http_answer *answer)
{
    const struct admin *a = context;
    struct strbuf reasons;

    (void)request;
    strbuf_init(&reasons, PART_MAX);
    if (a->source.ready(a->source.context, &reasons)) {
        strbuf_puts(&answer->body, "{\"status\":\"ready\"}\n");
    } else {
        answer->status = 503;
        strbuf_puts(&answer->body,
                    "{\"error\":{\"code\":\"not_ready\",\"message\":\"not ready\",\"reasons\":");
        add_lines(&answer->body, strbuf_text(&reasons));
        strbuf_puts(&answer->body, "}}\n");
    }
    strbuf_release(&reasons);
}

static void get_metrics(void *context, const struct http_request *request, struct http_answer *answer)
{
    const struct admin *a = context;

    (void)request;
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
    a->source.render_metrics(a->source.context, &answer->body);
}

static void get_pipelines(void *context, const struct http_request *request, struct http_answer *answer)
{
    const struct admin *a = context;

    (void)request;
    a->source.pipelines(a->source.context, &answer->body);
}

static void get_page(void *context, const struct http_request *request, struct http_answer *answer)
{
    const struct admin *a = context;
    struct strbuf json, reasons;
    int ready;

    (void)request;
    strbuf_init(&json, PART_MAX);
    strbuf_init(&reasons, PART_MAX);
    ready = a->source.ready(a->source.context, &reasons);
    a->source.pipelines(a->source.context, &json);
    answer->content_type = "text/html; charset=utf-8";
    admin_page(&answer->body, ready, strbuf_text(&reasons), &json);
    strbuf_release(&reasons);
    strbuf_release(&json);
}

static void post_backfill(void *context, const struct http_request *request, struct http_answer *answer)
{
    const struct admin *a = context;

    admin_backfill_create(a->source.backfill, request, answer);
}

static void get_backfill(void *context, const struct http_request *request, struct http_answer *answer)
{
    const struct admin *a = context;

    admin_backfill_show(a->source.backfill, request, answer);
}

static void post_cancel(void *context, const struct http_request *request, struct http_answer *answer)
{
    const struct admin *a = context;

    admin_backfill_act(a->source.backfill, request, answer);
}

static void post_enroll(void *context, const struct http_request *request, struct http_answer *answer)
{
    const struct admin *a = context;

    admin_backfill_enroll(a->source.backfill, request, answer);
}

static const struct http_route routes[] = {
    {"GET", "/", get_page},
    {"GET", "/healthz", get_health},
    {"GET", "/readyz", get_ready},
    {"GET", "/metrics", get_metrics},
    {"GET", "/pipelines", get_pipelines},
    {"POST", ADMIN_BACKFILL_PATH, post_backfill},
    {"GET", ADMIN_BACKFILL_PATH "/*", get_backfill},
    {"POST", ADMIN_BACKFILL_PATH "/*", post_cancel},
    {"POST", ADMIN_ENROLL_PATH, post_enroll},
};

struct admin *admin_start(const char *listen, const char *token, const struct admin_source *source,
                          struct sluice_error *err)
{
    struct admin *a = calloc(1, sizeof *a);

    if (a == NULL) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
        return NULL;
    }
    a->source = *source;
    if (source->open)
        a->server = http_server_start_open(listen, routes, sizeof routes / sizeof *routes, a, err);
    else
        a->server = http_server_start(listen, token, routes, sizeof routes / sizeof *routes, a, err);
    if (a->server == NULL) {
        free(a);
        return NULL;
    }
    return a;
}

void admin_stop(struct admin *a)
{
    if (a == NULL)
        return;
    http_server_stop(a->server);
    free(a);
}

uint16_t admin_port(const struct admin *a)
{
    return http_server_port(a->server);
}
