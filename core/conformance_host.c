/* conformance_host: see conformance_host.h.
 *
 * Invariant: create, start, stop and destroy are called in the order that
 * sluice/plugin.h promises, whatever a case does. */
#include "conformance_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conformance_services.h"

void (*mock_before_create)(struct conf *c);

static struct mock *mock_alloc(struct conf *c, const char *name, struct sluice_config *config)
{
    struct mock *m = calloc(1, sizeof *m);
    pthread_condattr_t attributes;

    if (m == NULL)
        conf_fail(c, "the suite is out of memory");
    m->c = c;
    m->plugin = c->plugin;
    m->config = config;
    (void)snprintf(m->name, sizeof m->name, "%s", name);
    (void)snprintf(m->state_dir, sizeof m->state_dir, "%s/state-%s", c->tmp, name);
    (void)mkdir(m->state_dir, 0700);
    (void)pthread_mutex_init(&m->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&m->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    m->host = mock_host;
    m->host.context = m;
    m->host.instance_name = m->name;
    return m;
}

static void mock_release(struct mock *m)
{
    mock_lanes_release(m);
    (void)pthread_cond_destroy(&m->wake);
    (void)pthread_mutex_destroy(&m->lock);
    option_free(m->config);
    free(m);
}

static void doing(struct conf *c, const char *call)
{
    (void)snprintf(c->shared->doing, sizeof c->shared->doing, "%s", call);
}

uint32_t mock_try(struct conf *c, const char *name, struct sluice_config *config, struct mock **out,
                  struct sluice_error *err)
{
    static char untouched;
    struct mock *m = mock_alloc(c, name, config);
    uint32_t code;

    mock_error(err);
    m->creating = 1;
    m->self = &untouched;
    doing(c, "create");
    if (mock_before_create != NULL)
        mock_before_create(c);
    code = c->plugin->lifecycle.create(&m->host, config, &m->self, err);
    doing(c, "");
    m->creating = 0;
    if (code == SLUICE_OK) {
        CONF_REQUIRE(c, m->self != &untouched, "create answered OK and did not write *self");
        *out = m;
        return code;
    }
    CONF_REQUIRE(c, code == SLUICE_INVALID || code == SLUICE_FATAL || code == SLUICE_RETRY,
                 "create answered %s; a create that fails answers INVALID or FATAL", mock_code(code));
    CONF_REQUIRE(c, m->self == &untouched, "create failed and wrote *self");
    mock_release(m);
    return code;
}

struct mock *mock_new(struct conf *c, const char *name)
{
    const char *tmp = c->tmp;
    struct sluice_error err;
    struct mock *m;
    char own[300];
    uint32_t code;

    /* A second instance writes to files of its own. */
    if (strcmp(name, "a") != 0) {
        (void)snprintf(own, sizeof own, "%s/%s", tmp, name);
        c->tmp = own;
        if (mkdir(own, 0700) == 0)
            conf_write_samples(c, 200);
    }
    code = mock_try(c, name, conf_config(c), &m, &err);
    c->tmp = tmp;
    CONF_REQUIRE(c, code == SLUICE_OK, "create answered %s: %s%s%s", mock_code(code), err.option,
                 err.option[0] == '\0' ? "" : ": ", mock_said(&err));
    return m;
}

void mock_free(struct mock *m)
{
    if (m->started)
        mock_stop(m);
    doing(m->c, "destroy");
    m->plugin->lifecycle.destroy(m->self);
    doing(m->c, "");
    mock_release(m);
}

uint32_t mock_try_start(struct mock *m, struct sluice_error *err)
{
    uint32_t code = SLUICE_OK;

    mock_error(err);
    atomic_store(&m->cancelled, 0);
    m->started = 1;
    doing(m->c, "start");
    m->in_start = 1;
    if (m->plugin->lifecycle.start != NULL)
        code = m->plugin->lifecycle.start(m->self, err);
    m->in_start = 0;
    doing(m->c, "");
    m->started = code == SLUICE_OK;
    CONF_REQUIRE(m->c,
                 code == SLUICE_OK || code == SLUICE_RETRY || code == SLUICE_DISCONNECTED ||
                     code == SLUICE_FATAL,
                 "start answered %s; it may answer OK, RETRY, DISCONNECTED or FATAL", mock_code(code));
    return code;
}

void mock_start(struct mock *m)
{
    struct sluice_error err;
    uint32_t code = mock_try_start(m, &err);

    mock_need_service(m->c, code, &err);
    CONF_REQUIRE(m->c, code == SLUICE_OK, "start answered %s: %s", mock_code(code), mock_said(&err));
}

void mock_need_service(struct conf *c, uint32_t code, struct sluice_error *err)
{
    if (code == SLUICE_DISCONNECTED)
        conf_skip(c, "what it talks to is not there; name one by --set or --config: %s", mock_said(err));
}

void mock_stop(struct mock *m)
{
    struct sluice_error err;
    uint32_t code = SLUICE_OK;

    mock_error(&err);
    doing(m->c, "stop");
    if (m->plugin->lifecycle.stop != NULL)
        code = m->plugin->lifecycle.stop(m->self, 5000, &err);
    doing(m->c, "");
    m->started = 0;
    CONF_REQUIRE(m->c, code == SLUICE_OK, "stop answered %s: %s", mock_code(code), mock_said(&err));
}

void mock_cancel(struct mock *m)
{
    (void)pthread_mutex_lock(&m->lock);
    atomic_store(&m->cancelled, 1);
    (void)pthread_cond_broadcast(&m->wake);
    (void)pthread_mutex_unlock(&m->lock);
    if (m->plugin->lifecycle.cancel != NULL)
        m->plugin->lifecycle.cancel(m->self);
}

void mock_error(struct sluice_error *err)
{
    memset(err, 0, sizeof *err);
    err->struct_size = sizeof *err;
}

const char *mock_said(struct sluice_error *err)
{
    err->message[sizeof err->message - 1] = '\0';
    return err->message[0] == '\0' ? "(no message)" : err->message;
}

const char *mock_code(uint32_t code)
{
    static const char *const names[] = {
        "NONE",  "OK",        "DROP", "RETRY", "REJECT", "SPLIT",   "UNSURE",  "DISCONNECTED",
        "FATAL", "CANCELLED", "END",  "ADMIT", "DENY",   "UNKNOWN", "INVALID",
    };

    return code < sizeof names / sizeof names[0] ? names[code] : "a code that does not exist";
}
