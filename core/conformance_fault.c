/* conformance_fault: memory that runs out, services that fail, clocks that jump, and
 * secrets that must not be told meanwhile. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "conformance_host.h"

#define MOST_FAILURES 150u
#define CANARY "canary-c3f1a9e7"

/* Which service, or which allocation, fails in the call that is repeated. */
static uint64_t failing;
static int fail_services;

static void fail_at(struct conf *c, uint64_t n)
{
    if (fail_services) {
        atomic_store(&mock_world.service_calls, 0);
        atomic_store(&mock_world.service_fail, n);
    } else if (conf_alloc_fail(c, n) != 0) {
        conf_skip(c, "allocations cannot be made to fail on this machine");
    }
}

static int has_failed(void)
{
    if (fail_services)
        return atomic_load(&mock_world.service_calls) >= atomic_load(&mock_world.service_fail);
    return conf_alloc_failed();
}

static void check_words(struct conf *c, const struct sluice_error *err)
{
    size_t n = strnlen(err->message, sizeof err->message);

    CONF_REQUIRE(c, n > 0 && n < sizeof err->message, "a call failed and gave no message");
    CONF_REQUIRE(c, strchr(err->message, '\n') == NULL, "the message has several lines: %s", err->message);
    CONF_REQUIRE(c, err->message[n - 1] != '.', "the message ends with a full stop: %s", err->message);
    CONF_REQUIRE(c, !isupper((unsigned char)err->message[0]) || isupper((unsigned char)err->message[1]),
                 "the message starts with a capital: %s", err->message);
}

/* One create with a failure in it; 1 if the failure happened. */
static int create_with_failure(struct conf *c)
{
    struct sluice_error err;
    struct sluice_config *config = conf_config(c);
    struct mock *m = NULL;
    uint32_t code;
    int failed;

    fail_at(c, failing);
    code = mock_try(c, "a", config, &m, &err);
    failed = has_failed();
    fail_at(c, 0);
    if (code == SLUICE_OK)
        mock_free(m);
    else
        check_words(c, &err);
    CONF_REQUIRE(c, failed || code == SLUICE_OK, "create answered %s though nothing failed: %s",
                 mock_code(code), mock_said(&err));
    return failed;
}

static void create_failing(struct conf *c)
{
    (void)create_with_failure(c);
}

static void create_survives(struct conf *c)
{
    struct conf_watch before;

    failing = 0;
    (void)create_with_failure(c);
    conf_watch(&before);
    for (failing = 1; failing < MOST_FAILURES; failing++)
        if (!create_with_failure(c))
            break;
    conf_watch_same(c, &before, "a create that failed");
    if (failing == 1)
        conf_skip(c, "create asks for nothing that could fail");
}

static void create_survives_no_memory(struct conf *c)
{
    create_survives(c);
}

static void create_survives_no_service(struct conf *c)
{
    fail_services = 1;
    create_survives(c);
}

static void failed_create_leaves_nothing(struct conf *c)
{
    uint64_t n, last;

    for (failing = 1; failing < 12; failing++)
        if (!create_with_failure(c))
            break;
    last = failing;
    for (n = 1; n < last; n++) {
        failing = n;
        conf_watch_heap(c, create_failing, 30, "a create that fails");
    }
    if (last == 1)
        conf_skip(c, "create allocates nothing");
}

static void start_survives_no_memory(struct conf *c)
{
    struct sluice_error err;
    struct mock *m = mock_new(c, "a");
    struct conf_watch before;
    uint64_t n;

    mock_start(m);
    mock_stop(m);
    conf_watch(&before);
    for (n = 1; n < MOST_FAILURES; n++) {
        uint32_t code;
        int failed;

        fail_at(c, n);
        code = mock_try_start(m, &err);
        failed = has_failed();
        fail_at(c, 0);
        if (code == SLUICE_OK)
            mock_stop(m);
        else
            check_words(c, &err);
        if (!failed)
            break;
    }
    mock_start(m);
    mock_stop(m);
    conf_watch_same(c, &before, "a start that failed");
    mock_free(m);
    if (n == 1)
        conf_skip(c, "start allocates nothing");
}

static void work_with_failures(struct conf *c)
{
    struct sluice_error err;
    struct mock *m = mock_new(c, "a");
    struct work w;
    uint64_t n;

    mock_start(m);
    work_init(m, &w);
    for (n = 1; n < MOST_FAILURES; n++) {
        uint32_t code;
        int failed;

        work_clear(&w);
        work_samples(&w, 0, 16);
        fail_at(c, n);
        code = work_call(&w, &err);
        failed = has_failed();
        fail_at(c, 0);
        work_check(&w, code, &err, WORK_WRITTEN | WORK_LEGAL);
        if (!failed)
            break;
    }
    work_clear(&w);
    work_samples(&w, 0, 16);
    work_check(&w, work_call(&w, &err), &err, WORK_ALL);
    work_release(&w);
    mock_free(m);
    if (n == 1)
        conf_skip(c, "the call asks for nothing that could fail");
}

static void work_survives_no_memory(struct conf *c)
{
    work_with_failures(c);
}

static void work_survives_no_service(struct conf *c)
{
    fail_services = 1;
    work_with_failures(c);
}

static void clock_may_jump(struct conf *c)
{
    const int64_t day = 86400000, jumps[] = {day, -day, -clock_now_ms(), 100 * 365 * day, 0};
    struct sluice_error err;
    struct mock *m = mock_new(c, "a");
    struct work w;
    size_t i;

    mock_start(m);
    work_init(m, &w);
    for (i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        atomic_store(&mock_world.clock_offset, jumps[i]);
        work_clear(&w);
        work_samples(&w, 0, 16);
        work_check(&w, work_call(&w, &err), &err, WORK_ALL);
    }
    work_release(&w);
    mock_free(m);
}

static void must_not_tell(struct conf *c, const char *where, const char *text)
{
    CONF_REQUIRE(c, text == NULL || strstr(text, CANARY) == NULL, "told the secret in %s", where);
}

static void work_with_secret(struct conf *c, struct mock *m)
{
    struct sluice_error err;
    struct work w;
    uint32_t i;

    work_init(m, &w);
    work_samples(&w, 0, 32);
    (void)work_call(&w, &err);
    must_not_tell(c, "an error", mock_said(&err));
    for (i = 0; i < w.batch.n; i++) {
        must_not_tell(c, "a reason", work_verdict(&w, i)->reason);
        must_not_tell(c, "a verdict's detail", work_verdict(&w, i)->detail);
    }
    work_release(&w);
}

static void secrets_stay_secret(struct conf *c)
{
    struct strbuf overrides;
    struct sluice_error err;
    struct sluice_config *config;
    struct problems p;
    struct mock *m = NULL;
    uint32_t i, n = 0;

    strbuf_init(&overrides, 65536);
    for (i = 0; i < c->plugin->desc.n_options; i++)
        if ((c->plugin->options[i].flags & SLUICE_SECRET) != 0) {
            strbuf_printf(&overrides, "%s: %s\n", c->plugin->options[i].name, CANARY);
            n++;
        }
    if (n == 0)
        conf_skip(c, "no option is a secret");
    problems_init(&p);
    config = conf_config_try(c, strbuf_text(&overrides), NULL, &p);
    CONF_REQUIRE(c, config != NULL, "a text is refused as a secret: %s", p.n > 0 ? p.items[0].message : "");
    if (mock_try(c, "a", config, &m, &err) == SLUICE_OK) {
        if (mock_try_start(m, &err) == SLUICE_OK && m->plugin->desc.kind != SLUICE_SOURCE)
            work_with_secret(c, m);
        must_not_tell(c, "the error of start", mock_said(&err));
        mock_free(m);
    } else {
        must_not_tell(c, "the error of create", mock_said(&err));
    }
    must_not_tell(c, "the log", strbuf_text(&mock_world.log));
}

const struct conf_case conf_fault_cases[] = {
    {"create-survives-no-memory", "create says so when any allocation fails", CONF_ALL, 60,
     create_survives_no_memory},
    {"create-survives-no-service", "create says so when any service of the host fails", CONF_ALL, 60,
     create_survives_no_service},
    {"failed-create-leaves-none", "leaves nothing behind when create fails", CONF_ALL, 120,
     failed_create_leaves_nothing},
    {"start-survives-no-memory", "start says so when any allocation fails", CONF_ALL, 60,
     start_survives_no_memory},
    {"work-survives-no-memory", "gives each record a verdict when any allocation fails", CONF_WORK, 60,
     work_survives_no_memory},
    {"work-survives-no-service", "gives each record a verdict when any service of the host fails", CONF_WORK,
     60, work_survives_no_service},
    {"clock-may-jump", "works on when the wall clock jumps", CONF_WORK, 0, clock_may_jump},
    {"secrets-stay-secret", "tells no secret in logs, errors and verdicts", CONF_ALL, 0, secrets_stay_secret},
    {NULL, NULL, 0, 0, NULL},
};
