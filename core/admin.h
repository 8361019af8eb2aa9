/* admin: what a run answers over HTTP: /metrics, /healthz, /readyz, /pipelines and / (a
 * page for people). */
#ifndef SLUICE_CORE_ADMIN_H
#define SLUICE_CORE_ADMIN_H

#include <stdint.h>
#include <sluice/abi.h>

#include "admin_backfill.h"
#include "strbuf.h"

/* Where the answers come from.  Called by the listener's thread, one at a time, between
 * admin_start and admin_stop; must not wait for a pipeline. */
struct admin_source {
    void *context;
    /* Prometheus text, as metrics_render. */
    void (*render_metrics)(void *context, struct strbuf *out);
    /* 1 if ready; else 0 and one reason a line in reasons. */
    int (*ready)(void *context, struct strbuf *reasons);
    /* One JSON value about all pipelines; what it holds is shown on the page as it is. */
    void (*pipelines)(void *context, struct strbuf *json);
    /* Backfills and enrolment; borrowed.  NULL: this run has none. */
    const struct admin_backfill *backfill;
    int open; /* no token is asked for on any address */
};

struct admin;

/* listen, token: as http_server_start.  source is copied. */
struct admin *admin_start(const char *listen, const char *token, const struct admin_source *source,
                          struct sluice_error *err);
void admin_stop(struct admin *a);
uint16_t admin_port(const struct admin *a);

/* The page; json as the source gave it. */
void admin_page(struct strbuf *out, int ready, const char *reasons, const struct strbuf *json);

#endif
