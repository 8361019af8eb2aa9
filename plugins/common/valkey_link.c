/* valkey_link: see valkey_link.h. */
#include "valkey_link.h"

#include <string.h>

#include "valkey_private.h"

uint32_t valkey_link_open(struct valkey_link *l, struct sluice_error *err)
{
    l->retry_ms = 0;
    l->down = 0;
    l->why[0] = '\0';
    l->valkey = valkey_new(l->settings, l->give_up, l->context);
    return l->valkey != NULL ? SLUICE_OK : sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a connection");
}

void valkey_link_close(struct valkey_link *l)
{
    valkey_free(l->valkey);
    l->valkey = NULL;
}

uint32_t valkey_link_explain(const struct valkey_link *l, const redisReply *reply, struct sluice_error *err)
{
    return reply->type == REDIS_REPLY_ERROR ? valkey_explain(l->valkey, reply->str, err) : SLUICE_OK;
}

struct link_run {
    valkey_take take;
    void *context;
    uint32_t code;
    struct sluice_error *err;
};

static void take_reply(void *context, uint32_t i, const redisReply *reply)
{
    struct link_run *r = context;

    if (r->code == SLUICE_OK)
        r->code = r->take(r->context, i, reply, r->err);
}

static uint32_t connect_now(struct valkey_link *l, struct sluice_error *err)
{
    uint32_t code = valkey_connect(l->valkey, err);

    l->host->metric_add(l->host, l->metric_connects, code == SLUICE_OK ? "ok" : "failed", 1);
    return code;
}

static uint32_t trip(struct valkey_link *l, valkey_add_all add, struct link_run *r)
{
    uint32_t code;

    r->code = SLUICE_OK;
    add(r->context, l->valkey);
    code = valkey_run(l->valkey, take_reply, r, r->err);
    l->host->metric_add(l->host, l->metric_trips, NULL, 1);
    return r->code != SLUICE_OK ? r->code : code;
}

/* Says each change once, and when the next try is due. */
static void note(struct valkey_link *l, uint32_t code, struct sluice_error *err)
{
    uint32_t delay_ms;

    if (code == SLUICE_OK) {
        if (l->down)
            sluice_log(l->host, SLUICE_INFO, "connected again");
        l->down = 0;
        return;
    }
    if (code == SLUICE_CANCELLED)
        return;
    delay_ms = valkey_delay_ms(l->valkey);
    l->retry_ms = valkey_clock_ms() + delay_ms;
    err->retry_after_ms = delay_ms;
    if (!l->down || strcmp(l->why, err->message) != 0)
        sluice_log(l->host, SLUICE_WARN, "%s: %s", l->what, err->message);
    (void)snprintf(l->why, sizeof l->why, "%s", err->message);
    l->down = 1;
}

uint32_t valkey_link_run(struct valkey_link *l, valkey_add_all add, valkey_take take, void *context,
                         struct sluice_error *err)
{
    struct sluice_error own = {.struct_size = sizeof own};
    struct link_run r = {take, context, SLUICE_OK, err != NULL ? err : &own};
    int64_t left = l->retry_ms - valkey_clock_ms();
    uint32_t code;

    if (!valkey_is_open(l->valkey) && l->down && left > 0) {
        code = sluice_fail(r.err, SLUICE_DISCONNECTED, NULL, "%s", l->why);
        r.err->retry_after_ms = (uint32_t)left;
        return code;
    }
    code = valkey_is_open(l->valkey) ? SLUICE_OK : connect_now(l, r.err);
    if (code == SLUICE_OK) {
        code = trip(l, add, &r);
        if (code == SLUICE_DISCONNECTED && valkey_hung_up(l->valkey) &&
            (code = connect_now(l, r.err)) == SLUICE_OK)
            code = trip(l, add, &r);
    }
    if (code != SLUICE_OK)
        valkey_close(l->valkey);
    note(l, code, r.err);
    return code;
}
