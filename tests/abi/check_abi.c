/* check_abi: plugins of an older and of a newer minor load and are read rightly; one of
 * another major is refused by name. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "module.h"
#include "one_suite.h"

static struct registry *load(const char *file)
{
    const char *build = getenv("top_builddir");
    struct registry *r = registry_new();
    char path[4096], warning[512];

    ck_assert_ptr_nonnull(r);
    (void)snprintf(path, sizeof path, "%s/tests/%s", build == NULL ? "." : build, file);
    (void)registry_load(r, path, warning, sizeof warning);
    return r;
}

static const struct plugin *loaded(struct registry *r, uint32_t kind, const char *name)
{
    ck_assert_msg(r->n_refusals == 0, "%s", r->n_refusals > 0 ? r->refusals[0].reason : "");
    ck_assert_ptr_nonnull(registry_find(r, kind, name));
    return registry_find(r, kind, name);
}

START_TEST(an_older_plugin_has_its_options_at_its_own_stride)
{
    struct registry *r = load("abi/.libs/old.so");
    const struct plugin *p = loaded(r, SLUICE_ENRICHER, "old");

    ck_assert_uint_eq(p->desc.n_options, 3);
    ck_assert_str_eq(p->options[0].name, "first");
    ck_assert_str_eq(p->options[1].name, "second");
    ck_assert_str_eq(p->options[2].default_text, "3s");
    registry_free(r);
}
END_TEST

START_TEST(what_an_older_plugin_does_not_have_is_null)
{
    struct registry *r = load("abi/.libs/old.so");
    const struct plugin *p = loaded(r, SLUICE_ENRICHER, "old");

    ck_assert_uint_eq(p->abi_minor, 0);
    ck_assert_ptr_null(p->desc.example);
    ck_assert_ptr_null(p->lifecycle.extension);
    ck_assert_ptr_null(p->options[0].since);
    ck_assert_ptr_null(p->options[0].replaced_by);
    ck_assert_ptr_null(p->options[2].replaced_by);
    registry_free(r);
}
END_TEST

START_TEST(a_plugin_of_the_minor_before_is_what_it_was)
{
    struct registry *r = load("abi/.libs/minor1.so");
    const struct plugin *p = loaded(r, SLUICE_SOURCE, "minor1");

    ck_assert_uint_eq(p->abi_minor, 1);
    ck_assert_str_eq(p->desc.example, "plugin: minor1\n");
    ck_assert_ptr_nonnull(p->ops.source.poll);
    ck_assert_ptr_null(p->ops.source.keepalive);
    registry_free(r);
}
END_TEST

START_TEST(a_newer_plugin_is_read_as_far_as_this_host_knows)
{
    struct registry *r = load("abi/.libs/newer.so");
    const struct plugin *p = loaded(r, SLUICE_SINK, "newer");

    ck_assert_uint_gt(p->abi_minor, SLUICE_ABI_MINOR);
    ck_assert_str_eq(p->options[1].name, "second");
    ck_assert_ptr_null(p->options[0].replaced_by);
    ck_assert_ptr_nonnull(p->ops.sink.write);
    ck_assert_uint_eq(p->ops.sink.struct_size, sizeof(struct sluice_sink_ops));
    ck_assert_uint_eq(p->desc.flags, 0);
    registry_free(r);
}
END_TEST

START_TEST(a_plugin_of_another_major_is_refused_by_name)
{
    struct registry *r = load("modules/.libs/bad-major.so");

    ck_assert_uint_eq(r->n_refusals, 1);
    ck_assert_ptr_nonnull(strstr(r->refusals[0].reason, "is built for plugin interface 7."));
    ck_assert_ptr_nonnull(strstr(r->refusals[0].file, "bad-major.so"));
    registry_free(r);
}
END_TEST

ONE_SUITE("abi", 20, an_older_plugin_has_its_options_at_its_own_stride,
          what_an_older_plugin_does_not_have_is_null, a_plugin_of_the_minor_before_is_what_it_was,
          a_newer_plugin_is_read_as_far_as_this_host_knows, a_plugin_of_another_major_is_refused_by_name)
