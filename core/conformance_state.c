/* conformance_state: the mock host's small durable state.
 *
 * Invariant: what is kept for a plugin is never the plugin's own memory, so that a
 * plugin which frees too early is seen, not helped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance_services.h"

struct state_entry {
    struct state_entry *next;
    char *name; /* "instance/key" */
    char *data;
    uint64_t len;
};

static struct state_entry *mock_state;

static struct state_entry *find_state(const char *name)
{
    struct state_entry *e;

    for (e = mock_state; e != NULL; e = e->next)
        if (strcmp(e->name, name) == 0)
            break;
    return e;
}

static int state_name(const struct mock *m, const char *key, char *out, size_t cap)
{
    return strlen(key) <= 255 && snprintf(out, cap, "%s/%s", m->name, key) < (int)cap;
}

int64_t mock_state_get(const struct sluice_host *host, const char *key, void *out, uint64_t cap,
                       struct sluice_error *err)
{
    struct mock *m = mock_of(host);
    struct state_entry *e;
    char name[512];
    int64_t len = -1;

    if (!m->started)
        conf_fail(m->c, "called state_get outside of start and stop");
    if (!state_name(m, key, name, sizeof name) || mock_service_fails()) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "the state cannot be read now");
        return -2;
    }
    (void)pthread_mutex_lock(&mock_world.lock);
    e = find_state(name);
    if (e != NULL) {
        len = (int64_t)e->len;
        if (e->len <= cap)
            memcpy(out, e->data, e->len);
    }
    (void)pthread_mutex_unlock(&mock_world.lock);
    return len;
}

static uint32_t put_state(const char *name, const void *data, uint64_t len)
{
    struct state_entry *e = find_state(name);
    char *copy = malloc(len + 1);

    if (copy == NULL)
        return SLUICE_RETRY;
    memcpy(copy, data, len);
    if (e == NULL) {
        e = calloc(1, sizeof *e);
        if (e == NULL || (e->name = strdup(name)) == NULL) {
            free(e);
            free(copy);
            return SLUICE_RETRY;
        }
        e->next = mock_state;
        mock_state = e;
    }
    free(e->data);
    e->data = copy;
    e->len = len;
    return SLUICE_OK;
}

uint32_t mock_state_put(const struct sluice_host *host, const char *key, const void *data, uint64_t len,
                        struct sluice_error *err)
{
    struct mock *m = mock_of(host);
    char name[512];
    uint32_t code;

    if (!m->started)
        conf_fail(m->c, "called state_put outside of start and stop");
    if (len > 65536)
        return sluice_fail(err, SLUICE_INVALID, NULL, "a value of the state may have 64 KiB");
    if (!state_name(m, key, name, sizeof name) || mock_service_fails())
        return sluice_fail(err, SLUICE_RETRY, NULL, "the state cannot be written now");
    (void)pthread_mutex_lock(&mock_world.lock);
    code = put_state(name, data, len);
    (void)pthread_mutex_unlock(&mock_world.lock);
    return code;
}

const char *mock_state_dir(const struct sluice_host *host)
{
    return mock_of(host)->state_dir;
}
