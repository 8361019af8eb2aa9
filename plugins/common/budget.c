/* budget: see budget.h. */
#include "budget.h"

#include <stdlib.h>
#include <string.h>

#define PAUSE_MAX_MS 3600000u

/* ARGV: microseconds a request, of a bulk, how many are wanted.  The value is the time of the server's
 * clock up to which all is given away; further ahead than a bulk it can't be, unless the clock was set. */
static const char lease_script[] =
    "local pause = redis.call('PTTL', KEYS[2])\n"
    "if pause > 0 then return {0, 0, pause} end\n"
    "local t = redis.call('TIME')\n"
    "local now = t[1] * 1000000 + t[2]\n"
    "local step, bulk = tonumber(ARGV[1]), tonumber(ARGV[2])\n"
    "local given = tonumber(redis.call('GET', KEYS[1]) or '') or 0\n"
    "given = math.min(math.max(given, now), now + bulk)\n"
    "local n = math.min(tonumber(ARGV[3]), math.floor((now + bulk - given) / step + 0.001))\n"
    "if n < 1 then return {0, math.ceil((given + step - bulk - now) / 1000), 0} end\n"
    "given = given + n * step\n"
    "redis.call('SET', KEYS[1], string.format('%.0f', given), 'PX', math.ceil((given - now) / 1000) + 1000)\n"
    "return {n, 0, 0}\n";

/* A pause is never made shorter. */
static const char pause_script[] = "if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then "
                                   "redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) end\n"
                                   "return {0, 0, 0}\n";

static int give_up(void *context)
{
    const struct budget *b = context;

    return b->host->cancelled(b->host) != 0;
}

static uint32_t configure(struct budget *b, const struct sluice_config *config, struct sluice_error *err)
{
    const struct sluice_host *host = b->host;
    double per_second = host->option_number(config, "per_second");

    if (per_second <= 0)
        return sluice_fail(err, SLUICE_INVALID, "budget_address",
                           "a budget is so many requests a second; set per_second");
    b->key = host->option_string(config, "budget_key");
    if (b->key[0] == '\0' || strlen(b->key) > sizeof b->pause_key - 8)
        return sluice_fail(err, SLUICE_INVALID, "budget_key", "the key is empty or longer than %u bytes",
                           (unsigned)sizeof b->pause_key - 8);
    (void)snprintf(b->pause_key, sizeof b->pause_key, "%s:pause", b->key);
    budget_core_init(&b->core, per_second,
                     (enum budget_fallback)host->option_integer(config, "budget_fallback"),
                     (uint32_t)host->option_integer(config, "budget_workers"));
    b->metric_tokens = host->metric(host, SLUICE_COUNTER, "budget_requests_total",
                                    "Requests that the budget let pass, by where it came from", "from");
    b->metric_pauses = host->metric(host, SLUICE_COUNTER, "budget_pauses_total",
                                    "Pauses that all workers were told of", NULL);
    b->link.host = host;
    b->link.settings = &b->settings;
    b->link.what = "the shared budget cannot be asked";
    b->link.give_up = give_up;
    b->link.context = b;
    return SLUICE_OK;
}

uint32_t budget_new(const struct sluice_host *host, const struct sluice_config *config, struct budget **out,
                    struct sluice_error *err)
{
    struct budget *b = calloc(1, sizeof *b);
    uint32_t code;

    *out = NULL;
    if (b == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    b->host = host;
    code = valkey_settings_read_as(host, config, "budget_", &b->settings, err);
    if (code == SLUICE_OK && b->settings.host[0] == '\0') {
        free(b);
        return SLUICE_OK;
    }
    if (code == SLUICE_OK)
        code = configure(b, config, err);
    if (code == SLUICE_OK && pthread_mutex_init(&b->lock, NULL) != 0)
        code = sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    if (code != SLUICE_OK) {
        free(b);
        return code;
    }
    *out = b;
    return SLUICE_OK;
}

void budget_free(struct budget *b)
{
    if (b == NULL)
        return;
    pthread_mutex_destroy(&b->lock);
    free(b);
}

uint32_t budget_start(struct budget *b, struct sluice_error *err)
{
    return b == NULL ? SLUICE_OK : valkey_link_open(&b->link, err);
}

void budget_stop(struct budget *b)
{
    if (b != NULL)
        valkey_link_close(&b->link);
}

/* --- round trips ------------------------------------------------------------------------ */

struct asking {
    const struct budget *b;
    uint32_t want;     /* a lease */
    uint32_t pause_ms; /* or, above 0, a pause */
    uint32_t answer[3];
};

static void add(void *context, struct valkey *v)
{
    const struct asking *a = context;
    char step[40], bulk[40], want[16];
    double step_us = 1e6 / a->b->core.per_second;
    double bulk_us = BUDGET_BULK_MS * 1000.0 > step_us ? BUDGET_BULK_MS * 1000.0 : step_us;
    struct sluice_str words[8] = {sluice_str_of("EVAL")};
    uint32_t n = 1;

    (void)snprintf(step, sizeof step, "%.3f", step_us);
    (void)snprintf(bulk, sizeof bulk, "%.3f", bulk_us);
    (void)snprintf(want, sizeof want, "%u", a->pause_ms > 0 ? a->pause_ms : a->want);
    words[n++] = sluice_str_of(a->pause_ms > 0 ? pause_script : lease_script);
    words[n++] = sluice_str_of(a->pause_ms > 0 ? "1" : "2");
    if (a->pause_ms == 0)
        words[n++] = sluice_str_of(a->b->key);
    words[n++] = sluice_str_of(a->b->pause_key);
    if (a->pause_ms == 0) {
        words[n++] = sluice_str_of(step);
        words[n++] = sluice_str_of(bulk);
    }
    words[n++] = sluice_str_of(want);
    valkey_add(v, n, words);
}

static uint32_t take(void *context, uint32_t i, const redisReply *reply, struct sluice_error *err)
{
    struct asking *a = context;
    uint32_t k;

    (void)i;
    if (reply->type == REDIS_REPLY_ERROR)
        return valkey_link_explain(&a->b->link, reply, err);
    for (k = 0; reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 && k < 3; k++) {
        const redisReply *e = reply->element[k];

        if (e->type != REDIS_REPLY_INTEGER || e->integer < 0 || e->integer > UINT32_MAX)
            break;
        a->answer[k] = (uint32_t)e->integer;
        if (k == 2)
            return SLUICE_OK;
    }
    return sluice_fail(err, SLUICE_DISCONNECTED, "address",
                       "the script of the budget was not answered as it should be");
}

static uint32_t ask(struct budget *b, struct asking *a, struct sluice_error *err)
{
    return valkey_link_run(&b->link, add, take, a, err);
}

uint32_t budget_take(struct budget *b, uint32_t want, uint32_t *wait_ms)
{
    struct asking a = {b, budget_core_bulk(&b->core), 0, {0, 0, 0}};
    struct sluice_error err = {.struct_size = sizeof err};
    const char *from = "valkey";
    uint32_t n;
    int64_t now;

    pthread_mutex_lock(&b->lock);
    n = budget_core_take(&b->core, want, b->host->steady_ms(b->host), wait_ms);
    if (n == 0 && *wait_ms == 0) {
        uint32_t code = ask(b, &a, &err);

        now = b->host->steady_ms(b->host);
        if (code == SLUICE_OK) {
            budget_core_lease(&b->core, a.answer[0], a.answer[1], a.answer[2], now);
            n = budget_core_take(&b->core, want, now, wait_ms);
        } else {
            from = "share";
            n = budget_core_away(&b->core, want, now, wait_ms);
        }
        if (n == 0 && *wait_ms == 0)
            *wait_ms = 1;
    }
    pthread_mutex_unlock(&b->lock);
    b->host->metric_add(b->host, b->metric_tokens, from, n);
    return n;
}

void budget_pause(struct budget *b, uint32_t ms)
{
    struct asking a = {b, 0, ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS, {0, 0, 0}};
    struct sluice_error err = {.struct_size = sizeof err};

    if (ms == 0)
        return;
    pthread_mutex_lock(&b->lock);
    budget_core_pause(&b->core, a.pause_ms, b->host->steady_ms(b->host));
    (void)ask(b, &a, &err); /* away: then this worker alone pauses, and the others hear it from the service */
    pthread_mutex_unlock(&b->lock);
    b->host->metric_add(b->host, b->metric_pauses, NULL, 1);
}

uint32_t budget_probe(struct budget *b, struct sluice_error *err)
{
    struct asking a = {b, 0, 0, {0, 0, 0}};
    uint32_t code;

    if (b == NULL)
        return SLUICE_OK;
    pthread_mutex_lock(&b->lock);
    code = ask(b, &a, err);
    pthread_mutex_unlock(&b->lock);
    if (code != SLUICE_OK)
        valkey_error_as("budget_", err);
    return code;
}
