/* admin_backfill: the routes that make, show and cancel backfills, and enrol users.
 *
 *   POST /admin/backfill                  {user_ids | s3_uri | source: "neo4j", rate_limit, lookback_days,
 * force} GET  /admin/backfill/ID POST /admin/backfill/ID/cancel POST /consumer-graph-worker/enroll {user_id}
 *
 * A 202 says that the job is in the ledger: whatever happens to this process, it will be sent. */
#ifndef SLUICE_CORE_ADMIN_BACKFILL_H
#define SLUICE_CORE_ADMIN_BACKFILL_H

#include "http_server.h"
#include "job.h"

struct admin_backfill {
    struct job_ledger *ledger; /* NULL: the config has none, or no queue */
    const struct backfill_spec *spec;
    /* There is something new in the ledger; may be NULL. */
    void (*wake)(void *context);
    void *context;
    /* Sets the enrolment key of a user; NULL: the config has no gate for that.  OK, and *fresh whether he
     * had none | INVALID | RETRY, DISCONNECTED, FATAL with err. */
    uint32_t (*enroll)(void *context, struct sluice_str user, uint32_t look_only, uint32_t *fresh,
                       struct sluice_error *err);
};

/* b may be NULL: then all answer 501 not_configured. */
void admin_backfill_create(const struct admin_backfill *b, const struct http_request *request,
                           struct http_answer *answer);
void admin_backfill_show(const struct admin_backfill *b, const struct http_request *request,
                         struct http_answer *answer);
void admin_backfill_act(const struct admin_backfill *b, const struct http_request *request,
                        struct http_answer *answer);
void admin_backfill_enroll(const struct admin_backfill *b, const struct http_request *request,
                           struct http_answer *answer);

#define ADMIN_BACKFILL_PATH "/admin/backfill"
#define ADMIN_ENROLL_PATH "/consumer-graph-worker/enroll"

#endif
