/* flipper_case: the world of a test of gate/feature-flipper. */
#include "flipper_case.h"

#include <stdio.h>
#include <stdlib.h>

#include <check.h>

#include "temp_dir.h"
#include "test_file.h"

#define FLAG "GET /flags/f"

char *flipper_dir, *flipper_path;
struct http_double *flipper_server;
atomic_llong flipper_steady;

static int64_t test_steady(void)
{
    return atomic_load(&flipper_steady);
}

void flipper_before(void)
{
    flipper_dir = temp_dir_make();
    flipper_path = test_file_path(flipper_dir, "flag.json");
    flipper_server = http_double_start();
    atomic_store(&flipper_steady, 1000);
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "canary-secret", 1);
    setenv("AWS_REGION", "us-east-1", 1);
}

void flipper_after(void)
{
    http_double_stop(flipper_server);
    free(flipper_path);
    temp_dir_remove(flipper_dir);
}

/* The thread looks once a day, so that only the test's own reload counts. */
struct plugin_host *flipper_open(const char *yaml)
{
    static const struct plugin_host_setup with = {.steady_ms = test_steady};
    struct plugin_host *h = plugin_host_open_with("gate", "feature-flipper", yaml, &with);

    plugin_host_start(h);
    return h;
}

struct plugin_host *flipper_file(const char *flag, const char *more)
{
    char yaml[8192];

    test_file_text(flipper_path, flag);
    (void)snprintf(yaml, sizeof yaml, "flag: f\nfile: %s\ninterval: 1d\nmax_age: 1d\n%s", flipper_path, more);
    return flipper_open(yaml);
}

struct plugin_host *flipper_url(const char *more)
{
    char yaml[8192];

    (void)snprintf(yaml, sizeof yaml, "flag: f\nurl: http://127.0.0.1:%u\ninterval: 1h\nmax_age: 2h\n%s",
                   http_double_port(flipper_server), more);
    return flipper_open(yaml);
}

void flipper_serve(const char *etag, const char *flag)
{
    http_double_set(flipper_server, FLAG, 200, etag, NULL, flag);
}

uint32_t flipper_decision(struct plugin_host *h, const char *user)
{
    char json[1024];

    (void)snprintf(json, sizeof json, "{\"user_id\":\"%s\",\"status\":\"FINISHED\"}", user);
    return plugin_host_one(h, json)->code;
}

void flipper_check(struct plugin_host *h, const char *user, uint32_t code, const char *reason)
{
    uint32_t said = flipper_decision(h, user);
    const struct sluice_verdict *v = plugin_host_verdict(h, 0);

    ck_assert_msg(said == code, "%s: %u, %s", user, said, v->reason == NULL ? "" : v->reason);
    if (reason != NULL)
        ck_assert_str_eq(v->reason, reason);
    else
        ck_assert_ptr_null(v->reason);
}
