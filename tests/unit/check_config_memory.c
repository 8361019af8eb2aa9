/* Every allocation of reading, planning and showing a config fails once: it is told, it does
 * not crash, and nothing is left behind. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "config_module.h"
#include "config_show.h"
#include "failing_alloc.h"
#include "interposed_alloc.h"
#include "one_suite.h"
#include "plan.h"

#define MOST_ALLOCATIONS 100000u

#ifdef ALLOC_INTERPOSED
#define LIVE() interposed_alloc_live()
#else
#define LIVE() 0L /* a sanitizer counts */
#endif

static const char yaml[] =
    "neo4j: &graph {url: \"${SLUICE_TEST_A}\", user: neo4j, password: \"${SLUICE_TEST_B:-x}\"}\n"
    "state_dir: /tmp/none\nplugin_dirs: [a, b]\nlog: {format: json}\nhttp: {listen: '127.0.0.1:0'}\n"
    "pipelines:\n  one:\n    source: {plugin: mem, path: here}\n    stages:\n"
    "      - gate: {any: [{not: {plugin: list, name: n, users: [u, v]}}, {plugin: list}], unavailable: "
    "deny}\n"
    "      - enrich: {plugin: table, url: 'https://h', map: {a: b, c: [d, e]}}\n"
    "    sink: {plugin: graph, <<: *graph, writers: 2}\n    retry: {attempts: 3}\n"
    "  two:\n    source: {plugin: mem}\n    steps:\n      - {name: s, once: 'k-{id}', sink: {plugin: "
    "'null'}}\n";
static const char json[] =
    "{\"pipelines\": {\"p\": {\"source\": {\"plugin\": \"mem\"}, \"sink\": {\"plugin\": \"null\"}}}}";
static const char broken[] =
    "drain: x\nlogg: y\npipelines: {p: {source: {plugin: mum}, sink: {plugin: graph, mode: f}}}\n";

static struct registry *registry;

/* 1 if a plan came of it; *shown if it could be shown. */
static int run_once(const char *name, const char *text, struct problems *p, int *shown)
{
    struct config *config = config_parse(name, text, strlen(text), p);
    struct plan_flags flags = {.no_files = 1};
    struct plan *plan = NULL;
    struct strbuf out;

    *shown = 0;
    if (config != NULL) {
        plan = plan_build(config, registry, flags, p);
        config_mark_secrets(config->root, registry);
        strbuf_init(&out, CONFIG_SHOW_MAX);
        config_show_yaml(config->root, &out);
        config_show_json(config->root, &out);
        *shown = !out.failed;
        strbuf_release(&out);
    }
    plan_free(plan);
    config_free(config);
    return plan != NULL;
}

/* Fails the first allocation, the second, … until a run needs no more. */
static unsigned sweep(const char *name, const char *text)
{
    struct problems p;
    long left; /* measured with no assertion between: Check allocates too */
    unsigned n;
    int made, shown, told;

    for (n = 1; n < MOST_ALLOCATIONS; n++) {
        problems_init(&p);
        left = LIVE();
        failing_alloc_at(n);
        made = run_once(name, text, &p, &shown);
        failing_alloc_at(0);
        told = problems_failed(&p);
        problems_release(&p);
        left = LIVE() - left;
        ck_assert_msg(made || told, "allocation %u failed and nobody said so", n);
        ck_assert_msg(left == 0, "%ld blocks are lost after allocation %u failed", left, n);
        if (made && shown)
            break;
    }
    return n;
}

static void start(void)
{
    setenv("SLUICE_TEST_A", "bolt", 1);
    registry = registry_new();
    ck_assert_ptr_nonnull(registry);
    ck_assert_int_eq(registry_add(registry, &config_module, "built in"), 0);
}

START_TEST(a_yaml_config_survives_every_failing_allocation)
{
    start();
    ck_assert_uint_gt(sweep("t.yaml", yaml), 300);
    registry_free(registry);
}
END_TEST

START_TEST(a_json_config_survives_every_failing_allocation)
{
    start();
    ck_assert_uint_gt(sweep("t.json", json), 50);
    registry_free(registry);
}
END_TEST

START_TEST(a_broken_config_is_never_accepted_for_want_of_memory)
{
    unsigned n;
    struct problems p;
    long left;
    int made, shown, told;

    start();
    for (n = 1; n < 600; n++) {
        problems_init(&p);
        left = LIVE();
        failing_alloc_at(n);
        made = run_once("t.yaml", broken, &p, &shown);
        failing_alloc_at(0);
        told = problems_failed(&p);
        problems_release(&p);
        left = LIVE() - left;
        ck_assert_int_eq(made, 0);
        ck_assert_int_eq(told, 1);
        ck_assert_int_eq(left, 0);
    }
    registry_free(registry);
}
END_TEST

ONE_SUITE("config_memory", 120, a_yaml_config_survives_every_failing_allocation,
          a_json_config_survives_every_failing_allocation,
          a_broken_config_is_never_accepted_for_want_of_memory)
