#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "config_module.h"
#include "plan.h"

static struct problems problems;
static struct registry *registry;
static struct config *config;
static struct plan *plan;

static void setup(void)
{
    problems_init(&problems);
    registry = registry_new();
    ck_assert_ptr_nonnull(registry);
    ck_assert_int_eq(registry_add(registry, &config_module, "built in"), 0);
    config = NULL;
    plan = NULL;
}

static void teardown(void)
{
    plan_free(plan);
    config_free(config);
    registry_free(registry);
    problems_release(&problems);
}

/* Places are told by line and column, so the state_dir goes behind the text. */
static void build(const char *text)
{
    struct plan_flags flags = {0};
    char with[8192];

    (void)snprintf(with, sizeof with, "%s%s", text,
                   strstr(text, "state_dir") == NULL ? "\nstate_dir: state\n" : "");
    config = config_parse("/etc/sluice/test.yaml", with, strlen(with), &problems);
    if (config != NULL)
        plan = plan_build(config, registry, flags, &problems);
}

static void accepted(const char *text)
{
    build(text);
    if (plan == NULL)
        problems_print(&problems, stderr);
    ck_assert_ptr_nonnull(plan);
    ck_assert_uint_eq(problems.errors, 0);
}

#define SMALL "pipelines: {p: {source: {plugin: mem}, sink: {plugin: graph, url: x}}}\n"

START_TEST(a_small_config_gets_every_default)
{
    const struct pipeline_spec *p;

    accepted(SMALL);
    p = &plan->pipelines[0];
    ck_assert_str_eq(p->name, "p");
    ck_assert_str_eq(p->decoder->plugin->desc.name, "json");
    ck_assert_str_eq(p->order_key, "user_id");
    ck_assert_uint_eq(p->n_steps, 1);
    ck_assert_ptr_null(p->steps[0].name);
    ck_assert_str_eq(p->steps[0].sink->name, "graph");
    ck_assert_uint_eq(p->steps[0].sink->writers, 1);
    ck_assert_uint_eq(p->n_instances, 3);
    ck_assert_uint_eq(p->batch_records, 1000);
    ck_assert_uint_eq(p->batch_bytes, 4u << 20);
    ck_assert_uint_eq(p->linger_ms, 5);
    ck_assert_uint_eq(p->memory_bytes, 24u << 20);
    ck_assert_uint_eq(p->max_in_flight, 20000);
    ck_assert_uint_eq(p->lane_window, 100000);
    ck_assert_uint_eq(p->max_record, 1u << 20);
    ck_assert_uint_eq(p->commit_ms, 1000);
    ck_assert_double_eq(p->rate_limit, 0);
    ck_assert_uint_eq(p->retry.attempts, 8);
    ck_assert_uint_eq(p->retry.min_ms, 100);
    ck_assert_uint_eq(p->retry.max_ms, 30000);
    ck_assert_uint_eq(p->retry.deadline_ms, 600000);
    ck_assert_uint_eq(p->breaker.failures, 5);
    ck_assert_uint_eq(p->breaker.open_ms, 5000);
    ck_assert_uint_eq(plan->drain_ms, 10000);
    ck_assert_str_eq(plan->log_format, "logfmt");
    ck_assert_str_eq(plan->log_level, "info");
    ck_assert_ptr_null(plan->http_listen);
    ck_assert_uint_eq(problems.n, 0);
}
END_TEST

START_TEST(a_config_without_a_place_for_dead_letters_is_refused)
{
    struct plan_flags flags = {0};

    config = config_parse("/etc/sluice/test.yaml", SMALL, strlen(SMALL), &problems);
    plan = plan_build(config, registry, flags, &problems);
    ck_assert_ptr_null(plan);
    ck_assert_uint_eq(problems.errors, 1);
    ck_assert_ptr_nonnull(strstr(problems.items[0].message, "no `state_dir`"));
}
END_TEST

START_TEST(the_top_level_reaches_the_plan)
{
    accepted("state_dir: state\ndrain: 2s\nlog: {format: json, level: warn}\nhttp: {listen: '127.0.0.1:0'}\n"
             "strict_secrets: true\nexpect: {category_share: 0.47}\nplugin_dirs: [/x]\nx-notes: {any: "
             "thing}\n" SMALL);
    ck_assert_uint_eq(problems.n, 0);
    ck_assert_str_eq(plan->state_dir, "/etc/sluice/state");
    ck_assert_uint_eq(plan->drain_ms, 2000);
    ck_assert_str_eq(plan->log_format, "json");
    ck_assert_str_eq(plan->log_level, "warn");
    ck_assert_str_eq(plan->http_listen, "127.0.0.1:0");
}
END_TEST

START_TEST(gates_nest_and_keep_their_shape)
{
    const struct gate_expr *g;

    accepted("pipelines:\n  p:\n    source: {plugin: mem}\n    sink: {plugin: graph, url: x}\n    stages:\n"
             "      - gate: {any: [{not: {plugin: list, name: a}}, {all: [{plugin: list, name: b}, "
             "{plugin: list, name: c}]}], unavailable: deny}\n"
             "      - enrich: {plugin: table}\n      - gate: {plugin: list, unavailable: admit}\n");
    g = plan->pipelines[0].steps[0].stages[0].gate;
    ck_assert_int_eq(g->op, GATE_ANY);
    ck_assert_uint_eq(g->n, 2);
    ck_assert_int_eq(g->children[0]->op, GATE_NOT);
    ck_assert_str_eq(g->children[0]->children[0]->leaf->name, "a");
    ck_assert_int_eq(g->children[1]->op, GATE_ALL);
    ck_assert_str_eq(g->children[1]->children[1]->leaf->name, "c");
    ck_assert_int_eq(plan->pipelines[0].steps[0].stages[0].unavailable, UNAVAILABLE_DENY);
    ck_assert_ptr_null(plan->pipelines[0].steps[0].stages[1].gate);
    ck_assert_str_eq(plan->pipelines[0].steps[0].stages[1].enricher->name, "table");
    ck_assert_int_eq(plan->pipelines[0].steps[0].stages[2].unavailable, UNAVAILABLE_ADMIT);
    ck_assert_uint_eq(plan->pipelines[0].n_instances, 8);
}
END_TEST

START_TEST(steps_have_their_own_once_stages_and_sink)
{
    const struct pipeline_spec *p;

    accepted(
        "pipelines:\n  load:\n    source: {plugin: mem}\n    stages: [{gate: {plugin: list}}]\n    steps:\n"
        "      - name: receipts\n        once: 'receipt-{request_id}'\n        stages: [{enrich: {plugin: "
        "table}}]\n"
        "        sink: {plugin: graph, url: x}\n"
        "      - name: shop\n        stages: [{enrich: {plugin: table}}]\n        sink: {plugin: graph, url: "
        "x}\n");
    p = &plan->pipelines[0];
    ck_assert_uint_eq(p->n_stages, 1);
    ck_assert_uint_eq(p->n_steps, 2);
    ck_assert_str_eq(p->steps[0].name, "receipts");
    ck_assert_uint_eq(p->steps[0].n_stages, 2);
    ck_assert_str_eq(p->steps[0].stages[0].gate->leaf->plugin->desc.name, "once");
    ck_assert_str_eq(option_string(p->steps[0].stages[0].gate->leaf->config, "key"), "receipt-{request_id}");
    ck_assert_str_eq(p->steps[0].stages[1].enricher->name, "receipts.table");
    ck_assert_str_eq(p->steps[1].stages[0].enricher->name, "shop.table");
    ck_assert_str_eq(p->steps[1].sink->name, "shop.graph");
}
END_TEST

START_TEST(once_may_be_a_block_of_its_plugin)
{
    const struct gate_expr *gate;

    accepted("pipelines:\n  load:\n    source: {plugin: mem}\n    steps:\n      - name: receipts\n        "
             "once: {key: 'receipt-{request_id}', name: guard}\n        sink: {plugin: graph, url: x}\n");
    ck_assert_uint_eq(plan->pipelines[0].steps[0].n_stages, 1);
    gate = plan->pipelines[0].steps[0].stages[0].gate;
    ck_assert_str_eq(gate->leaf->plugin->desc.name, "once");
    ck_assert_str_eq(gate->leaf->name, "guard");
    ck_assert_str_eq(option_string(gate->leaf->config, "key"), "receipt-{request_id}");
}
END_TEST

START_TEST(one_plugin_name_for_two_kinds_gives_two_names)
{
    accepted("pipelines: {p: {source: {plugin: mem}, sink: {plugin: mem}}}");
    ck_assert_str_eq(plan->pipelines[0].source->name, "mem");
    ck_assert_str_eq(plan->pipelines[0].steps[0].sink->name, "sink-mem");
}
END_TEST

START_TEST(a_plugin_may_be_named_null)
{
    accepted("pipelines: {p: {source: {plugin: mem}, sink: {plugin: null}}}");
    ck_assert_str_eq(plan->pipelines[0].steps[0].sink->plugin->desc.name, "null");
}
END_TEST

START_TEST(the_host_takes_its_members_and_leaves_the_rest_to_the_plugin)
{
    const struct instance_spec *sink;

    accepted("pipelines: {p: {source: {plugin: mem, rate_limit: 2.5}, decoder: lines, "
             "sink: {plugin: graph, name: g, writers: 4, rate_limit: 10, url: x, mode: incremental}}}");
    sink = plan->pipelines[0].steps[0].sink;
    ck_assert_str_eq(sink->name, "g");
    ck_assert_uint_eq(sink->writers, 4);
    ck_assert_double_eq(sink->rate_limit, 10);
    ck_assert_int_eq(option_integer(sink->config, "mode"), 1);
    ck_assert_double_eq(plan->pipelines[0].source->rate_limit, 2.5);
    ck_assert_str_eq(plan->pipelines[0].decoder->plugin->desc.name, "lines");
}
END_TEST

START_TEST(a_top_level_member_that_holds_an_anchor_is_free)
{
    accepted("neo4j: &graph {url: bolt, user: neo4j}\n"
             "pipelines: {p: {source: {plugin: mem}, sink: {plugin: graph, <<: *graph, mode: full}}}\n");
    ck_assert_str_eq(option_string(plan->pipelines[0].steps[0].sink->config, "user"), "neo4j");
}
END_TEST

START_TEST(all_that_is_wrong_is_told_in_one_go)
{
    build(
        "drain: soon\nlog: {level: loud}\npipelines:\n  p:\n    source: {plugin: mem, count: 10}\n"
        "    retry: {attempts: 0}\n    stages: [{gate: {plugin: lst}}, {enrich: {plugin: table, wait: 2m}}]\n"
        "    sink: {plugin: graph}\n  q: {}\n");
    ck_assert_ptr_null(plan);
    ck_assert_uint_eq(problems.errors, 9);
}
END_TEST

START_TEST(the_tables_of_the_host_are_sound)
{
    const struct option_table *tables;
    size_t n, i;

    tables = plan_tables(&n);
    for (i = 0; i < n; i++)
        option_table_check(&tables[i], &problems);
    if (problems.n > 0)
        problems_print(&problems, stderr);
    ck_assert_uint_eq(problems.n, 0);
}
END_TEST

START_TEST(plugin_dirs_are_absolute)
{
    char **dirs;

    config = config_parse("/etc/sluice/test.yaml", "plugin_dirs: [mine, /opt/x]", 27, &problems);
    ck_assert_ptr_nonnull(config);
    dirs = plan_plugin_dirs(config, &problems);
    ck_assert_str_eq(dirs[0], "/etc/sluice/mine");
    ck_assert_str_eq(dirs[1], "/opt/x");
    ck_assert_ptr_null(dirs[2]);
    free(dirs[0]);
    free(dirs[1]);
    free(dirs);
}
END_TEST

START_TEST(option_files_are_opened_unless_told_not_to)
{
    struct plan_flags flags = {.no_files = 1};

    build("pipelines: {p: {source: {plugin: mem, path: /nonexistent/x}, sink: {plugin: graph, url: x}}}");
    ck_assert_ptr_null(plan);
    ck_assert_uint_eq(problems.errors, 1);
    problems_release(&problems);
    plan = plan_build(config, registry, flags, &problems);
    ck_assert_ptr_nonnull(plan);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("plan");
    TCase *t = tcase_create("plan");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_small_config_gets_every_default);
    tcase_add_test(t, a_config_without_a_place_for_dead_letters_is_refused);
    tcase_add_test(t, the_top_level_reaches_the_plan);
    tcase_add_test(t, gates_nest_and_keep_their_shape);
    tcase_add_test(t, steps_have_their_own_once_stages_and_sink);
    tcase_add_test(t, once_may_be_a_block_of_its_plugin);
    tcase_add_test(t, one_plugin_name_for_two_kinds_gives_two_names);
    tcase_add_test(t, a_plugin_may_be_named_null);
    tcase_add_test(t, the_host_takes_its_members_and_leaves_the_rest_to_the_plugin);
    tcase_add_test(t, a_top_level_member_that_holds_an_anchor_is_free);
    tcase_add_test(t, all_that_is_wrong_is_told_in_one_go);
    tcase_add_test(t, the_tables_of_the_host_are_sound);
    tcase_add_test(t, plugin_dirs_are_absolute);
    tcase_add_test(t, option_files_are_opened_unless_told_not_to);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
