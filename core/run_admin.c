/* run_admin: what the HTTP listener shows of a run. */
#include <stdio.h>
#include <string.h>

#include "admin.h"
#include "log.h"
#include "run.h"

static void render_metrics(void *context, struct strbuf *out)
{
    struct run *r = context;

    metrics_render(r->metrics, out);
}

static int ready(void *context, struct strbuf *reasons)
{
    struct run *r = context;
    int all = 1;
    size_t i;

    for (i = 0; i < r->n; i++)
        all &= pipeline_ready(r->pipelines[i], reasons);
    return all;
}

static void pipelines(void *context, struct strbuf *json)
{
    struct run *r = context;
    size_t i;

    strbuf_puts(json, "{\"pipelines\":[");
    for (i = 0; i < r->n; i++) {
        if (i > 0)
            strbuf_putc(json, ',');
        pipeline_json(r->pipelines[i], json);
    }
    strbuf_puts(json, "]}");
}

int run_read_token(const char *file, char *token, size_t cap, struct sluice_error *err)
{
    FILE *in = fopen(file, "re");
    size_t n;

    if (in == NULL) {
        (void)sluice_fail(err, SLUICE_INVALID, "token_file", "cannot open %.200s", file);
        return -1;
    }
    n = fread(token, 1, cap, in);
    (void)fclose(in);
    if (n == cap) {
        (void)sluice_fail(err, SLUICE_INVALID, "token_file", "%.200s is too long for a token", file);
        return -1;
    }
    while (n > 0 && (token[n - 1] == '\n' || token[n - 1] == '\r'))
        n--;
    token[n] = '\0';
    if (n == 0 || strlen(token) != n) {
        (void)sluice_fail(err, SLUICE_INVALID, "token_file", "%.200s holds no token", file);
        return -1;
    }
    return 0;
}

int run_admin_start(struct run *r, struct sluice_error *err)
{
    const struct plan *plan = r->app.plan;
    struct admin_source source = {r,         render_metrics,        ready,
                                  pipelines, run_backfill_admin(r), plan->http_anonymous};
    char token[RUN_TOKEN_MAX];

    if (plan->http_listen == NULL)
        return 0;
    if (plan->http_token_file != NULL && run_read_token(plan->http_token_file, token, sizeof token, err) != 0)
        return -1;
    r->admin = admin_start(plan->http_listen, plan->http_token_file != NULL ? token : NULL, &source, err);
    explicit_bzero(token, sizeof token);
    if (r->admin == NULL)
        return -1;
    return 0;
}

void run_admin_say(const struct run *r)
{
    if (r->admin != NULL) {
        struct log_field fields[] = {LOG_TEXT("listen", r->app.plan->http_listen),
                                     LOG_NUMBER("port", admin_port(r->admin))};

        log_event(SLUICE_INFO, "http_listening", fields, 2);
        if (r->app.plan->http_anonymous) {
            struct log_field warning[] = {
                fields[0], LOG_TEXT("message", "allow_anonymous: whoever reaches this address may read all "
                                               "that is shown and start backfills")};

            log_event(SLUICE_WARN, "http_without_token", warning, 2);
        }
    }
}

void run_admin_stop(struct run *r)
{
    if (r->admin != NULL)
        admin_stop(r->admin);
    r->admin = NULL;
}
