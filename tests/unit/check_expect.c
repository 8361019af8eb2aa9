/* check_expect: what the other end must be called is asked of everybody who can tell, and nothing is
 * passed in silence. */
#include <stdlib.h>
#include <string.h>

#include <sluice/identity.h>

#include "config_module.h"
#include "expect.h"
#include "one_suite.h"

static struct problems problems;
static struct registry *registry;
static struct config *config;
static struct plan *plan;

/* What sink/place answers: its option `says`; "away": nobody; "soon": nobody at first. */
static unsigned asked, made, freed;

struct place {
    const struct sluice_host *host;
    const char *says;
    int is_soon;
};

static uint32_t place_create(const struct sluice_host *host, const struct sluice_config *config_, void **self,
                             struct sluice_error *err)
{
    struct place *p = calloc(1, sizeof *p);

    (void)err;
    ck_assert_ptr_nonnull(p);
    p->host = host;
    p->says = host->option_string(config_, "says");
    made++;
    *self = p;
    return SLUICE_OK;
}

static void place_destroy(void *self)
{
    freed++;
    free(self);
}

static uint32_t place_knows(void *self, const char *what)
{
    (void)self;
    return strcmp(what, SLUICE_KAFKA_CLUSTER) == 0;
}

static uint32_t place_tell(void *self, const char *what, uint32_t timeout_ms,
                           const struct sluice_identity_visitor *visitor, struct sluice_error *err)
{
    struct place *p = self;

    ck_assert_str_eq(what, SLUICE_KAFKA_CLUSTER);
    ck_assert_uint_gt(timeout_ms, 0);
    asked++;
    if (strcmp(p->says, "away") == 0 || (strcmp(p->says, "soon") == 0 && asked == 1))
        return sluice_fail(err, SLUICE_DISCONNECTED, "says", "nobody answers");
    visitor->name(visitor->context, sluice_str_of("other name"));
    visitor->name(visitor->context, sluice_str_of(p->says));
    return SLUICE_OK;
}

static const void *place_extension(void *self, const char *id)
{
    static const struct sluice_identity identity = {
        .struct_size = sizeof identity, .knows = place_knows, .tell = place_tell};

    (void)self;
    return strcmp(id, SLUICE_IDENTITY_ID) == 0 ? &identity : NULL;
}

static uint32_t place_write(void *self, struct sluice_record *const *records, uint32_t n,
                            const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    (void)self, (void)records, (void)n, (void)verdicts, (void)err;
    return SLUICE_OK;
}

static const struct sluice_option place_options[] = {
    {.name = "says", .type = SLUICE_STRING, .default_text = "here", .summary = "its name"},
};
static const struct sluice_lifecycle place_lifecycle = {.struct_size = sizeof place_lifecycle,
                                                        .create = place_create,
                                                        .destroy = place_destroy,
                                                        .extension = place_extension};
static const struct sluice_sink_ops place_ops = {.struct_size = sizeof place_ops, .write = place_write};
static const struct sluice_plugin place = {.struct_size = sizeof place,
                                           .kind = SLUICE_SINK,
                                           .name = "place",
                                           .version = "1",
                                           .summary = "tells its name",
                                           .licence = "MIT",
                                           SLUICE_OPTIONS(place_options),
                                           .lifecycle = &place_lifecycle,
                                           .ops = &place_ops};
static const struct sluice_plugin *const places[] = {&place, NULL};
static const struct sluice_module place_module = {.struct_size = sizeof place_module,
                                                  .abi_major = SLUICE_ABI_MAJOR,
                                                  .abi_minor = SLUICE_ABI_MINOR,
                                                  .name = "place",
                                                  .plugins = places};

static void begin(void)
{
    problems_init(&problems);
    registry = registry_new();
    ck_assert_ptr_nonnull(registry);
    ck_assert_int_eq(registry_add(registry, &config_module, "built in"), 0);
    ck_assert_int_eq(registry_add(registry, &place_module, "built in"), 0);
    config = NULL;
    plan = NULL;
    asked = made = freed = 0;
}

static void end(void)
{
    ck_assert_uint_eq(made, freed);
    plan_free(plan);
    config_free(config);
    registry_free(registry);
    problems_release(&problems);
}

/* expect: the block's text; says: of two pipelines. */
static void build(const char *expect, const char *one, const char *two)
{
    char text[2048];

    (void)snprintf(text, sizeof text,
                   "expect: %s\nstate_dir: state\npipelines:\n"
                   "  a: {source: {plugin: mem}, sink: {plugin: place, says: %s}}\n"
                   "  b: {source: {plugin: mem}, sink: {plugin: place, says: %s}}\n",
                   expect, one, two);
    config = config_parse("/etc/sluice/test.yaml", text, strlen(text), &problems);
    ck_assert_ptr_nonnull(config);
    plan = plan_build(config, registry, (struct plan_flags){0}, &problems);
}

static void tells(const char *part)
{
    size_t i;

    for (i = 0; i < problems.n; i++)
        if (strstr(problems.items[i].message, part) != NULL)
            return;
    problems_print(&problems, stderr);
    ck_abort_msg("nothing says '%s'", part);
}

START_TEST(what_holds_is_asked_of_each_instance)
{
    build("{ kafka_cluster: here }", "here", "here");
    ck_assert_int_eq(expect_verify(plan, 5000, &problems), 0);
    ck_assert_uint_eq(asked, 2);
    ck_assert_uint_eq(problems.n, 0);
}
END_TEST

START_TEST(one_of_several_values_or_names_is_enough)
{
    build("{ kafka_cluster: [there, here] }", "here", "there");
    ck_assert_int_eq(expect_verify(plan, 5000, &problems), 0);
    plan_free(plan);
    config_free(config);
    build("{ kafka_cluster: other name }", "x", "y");
    ck_assert_int_eq(expect_verify(plan, 5000, &problems), 0);
}
END_TEST

START_TEST(another_one_is_told_with_place_expectation_and_what_was_found)
{
    build("{ kafka_cluster: here }", "here", "prod");
    ck_assert_int_eq(expect_verify(plan, 5000, &problems), -1);
    ck_assert_uint_eq(problems.errors, 1);
    tells("kafka_cluster: 'here' is expected, and sink/place (instance 'place' of pipeline 'b', line 5) "
          "talks to 'other name', 'prod'");
    ck_assert_str_eq(problems.items[0].origin.file, "/etc/sluice/test.yaml");
    ck_assert_uint_eq(problems.items[0].origin.line, 1);
    ck_assert_uint_eq(problems.items[0].origin.column, 26);
}
END_TEST

START_TEST(who_does_not_answer_is_asked_again_and_never_passed)
{
    build("{ kafka_cluster: soon }", "soon", "soon");
    ck_assert_int_eq(expect_verify(plan, 20000, &problems), 0);
    ck_assert_uint_eq(asked, 3);
    plan_free(plan);
    config_free(config);
    build("{ kafka_cluster: here }", "here", "away");
    ck_assert_int_eq(expect_verify(plan, 100, &problems), -1);
    tells("kafka_cluster could not be verified: sink/place (instance 'place' of pipeline 'b'): says: nobody "
          "answers");
}
END_TEST

START_TEST(what_nobody_can_tell_is_an_error_also_without_asking)
{
    build("{ kafka_cluster: here, aws_account: \"012345678901\" }", "here", "here");
    ck_assert_int_eq(expect_check(plan, &problems), -1);
    ck_assert_uint_eq(asked, 0);
    ck_assert_uint_eq(problems.errors, 1);
    tells("`aws_account` of expect: nothing in this config can tell it");
}
END_TEST

START_TEST(nothing_expected_makes_no_instance)
{
    build("{ category_share: 0.5 }", "here", "here");
    ck_assert_int_eq(expect_check(plan, &problems), 0);
    ck_assert_int_eq(expect_verify(plan, 5000, &problems), 0);
    ck_assert_uint_eq(made, 0);
}
END_TEST

START_TEST(values_that_cannot_be_are_refused)
{
    build("{ aws_account: 1234 }", "here", "here");
    ck_assert_ptr_null(plan);
    tells("`aws_account` of expect cannot be '1234': an account has twelve digits");
}
END_TEST

START_TEST(an_empty_list_is_refused)
{
    build("{ kafka_cluster: [] }", "here", "here");
    ck_assert_ptr_null(plan);
    tells("'kafka_cluster' needs text or a list of texts, not a list");
}
END_TEST

START_TEST(another_plan_is_asked_only_what_it_can_tell)
{
    build("{ kafka_cluster: here, aws_account: \"012345678901\" }", "here", "here");
    ck_assert_int_eq(expect_verify_used(config, plan, 5000, &problems), 0);
    ck_assert_uint_eq(asked, 2);
    plan_free(plan);
    config_free(config);
    build("{ kafka_cluster: here }", "here", "prod");
    ck_assert_int_eq(expect_verify_used(config, plan, 5000, &problems), -1);
    tells("kafka_cluster: 'here' is expected");
}
END_TEST

ONE_SUITE_WITH("expect", 60, begin, end, what_holds_is_asked_of_each_instance,
               one_of_several_values_or_names_is_enough,
               another_one_is_told_with_place_expectation_and_what_was_found,
               who_does_not_answer_is_asked_again_and_never_passed,
               what_nobody_can_tell_is_an_error_also_without_asking, nothing_expected_makes_no_instance,
               values_that_cannot_be_are_refused, an_empty_list_is_refused,
               another_plan_is_asked_only_what_it_can_tell)
