/* check_module: what the loader takes, and that each refusal names the file, the
 * reason and the remedy. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "module.h"

static struct registry *registry;
static char dir[64];

static void make(void)
{
    registry = registry_new();
    ck_assert_ptr_nonnull(registry);
    (void)snprintf(dir, sizeof dir, "/tmp/check_module.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void drop(void)
{
    char command[128];

    registry_free(registry);
    /* Only files that these tests made. */
    (void)snprintf(command, sizeof command, "%s/load.so", dir);
    (void)unlink(command);
    (void)snprintf(command, sizeof command, "%s/other.so", dir);
    (void)unlink(command);
    (void)rmdir(dir);
}

static const char *module_path(const char *name)
{
    static char path[4096];
    const char *build = getenv("top_builddir");

    (void)snprintf(path, sizeof path, "%s/tests/modules/.libs/%s.so", build == NULL ? "." : build, name);
    return path;
}

/* Copies a module into the scratch directory, at most max bytes of it. */
static const char *copy_module(const char *name, const char *to, size_t max, mode_t mode)
{
    static char path[128];
    static char bytes[1 << 20];
    FILE *in = fopen(module_path(name), "rb"), *out;
    size_t n;

    ck_assert_ptr_nonnull(in);
    n = fread(bytes, 1, sizeof bytes, in);
    ck_assert_uint_lt(n, sizeof bytes);
    ck_assert_int_eq(fclose(in), 0);
    (void)snprintf(path, sizeof path, "%s/%s", dir, to);
    out = fopen(path, "wb");
    ck_assert_ptr_nonnull(out);
    n = n < max ? n : max;
    ck_assert_uint_eq(fwrite(bytes, 1, n, out), n);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_int_eq(chmod(path, mode), 0);
    return path;
}

static void load(const char *file)
{
    char warning[1024];

    (void)registry_load(registry, file, warning, sizeof warning);
}

static void assert_refused(const char *file, const char *reason)
{
    size_t i;

    ck_assert_uint_gt(registry->n_refusals, 0);
    for (i = 0; i < registry->n_refusals; i++) {
        ck_assert_str_ne(registry->refusals[i].remedy, "");
        if (strstr(registry->refusals[i].reason, reason) != NULL) {
            ck_assert_msg(strstr(registry->refusals[i].file, file) != NULL, "named %s",
                          registry->refusals[i].file);
            return;
        }
    }
    ck_abort_msg("%s said: %s", file, registry->refusals[0].reason);
}

START_TEST(a_sound_module_is_loaded_and_found_by_kind_and_name)
{
    const struct plugin *p;

    load(module_path("load"));
    ck_assert_uint_eq(registry->n_refusals, 0);
    p = registry_find(registry, SLUICE_SINK, "load");
    ck_assert_ptr_nonnull(p);
    ck_assert_ptr_nonnull(p->ops.sink.write);
    ck_assert_ptr_null(p->ops.sink.flush);
    ck_assert_str_eq(p->options[0].name, "pause");
    ck_assert_ptr_null(registry_find(registry, SLUICE_GATE, "load"));
}
END_TEST

START_TEST(a_module_of_a_newer_minor_that_does_not_insist_is_loaded)
{
    load(module_path("load-newer-minor"));
    ck_assert_uint_eq(registry->n_refusals, 0);
    ck_assert_ptr_nonnull(registry_find(registry, SLUICE_SINK, "load-newer-minor"));
}
END_TEST

struct refused {
    const char *module;
    const char *reason;
};

static const struct refused refused[] = {
    {"bad-major", "is built for plugin interface 7."},
    {"bad-needs-newer", "which needs plugin interface 0.98"},
    {"bad-no-entry", "does not export sluice_plugin_entry_v1"},
    {"bad-next-generation", "exports sluice_plugin_entry_v2, a generation"},
    {"bad-undefined", "undefined symbol: nobody_defines_this"},
    {"bad-init", "could not be initialised: the library of load is too old"},
    {"bad-no-write", "sink/load without the required call write"},
    {"bad-no-calls", "sink/load without the required call destroy"},
    {"bad-name", "named 'Load_Me', which is no name"},
    {"bad-default", "bad option table"},
    {"bad-option-name", "bad option table"},
    {"bad-two-phase", "SLUICE_TWO_PHASE but without the call conclude"},
    {"bad-flag", "which a sink cannot have"},
    {"bad-size", "descriptor of 8 bytes"},
    {"bad-kind", "of kind 9, which this sluice does not know"},
    {"bad-summary", "without a summary"},
    {"bad-null", "entry that returns no module"},
    {"bad-empty", "module without plugins"},
    {"bad-twice", "holds sink/load twice"},
};

START_TEST(a_bad_module_is_refused_by_name_and_leaves_no_plugin)
{
    size_t before = registry->n_plugins;

    load(module_path(refused[_i].module));
    assert_refused(refused[_i].module, refused[_i].reason);
    ck_assert_uint_eq(registry->n_plugins, before);
}
END_TEST

START_TEST(every_missing_call_is_told)
{
    load(module_path("bad-no-calls"));
    ck_assert_uint_eq(registry->n_refusals, 3);
}
END_TEST

START_TEST(a_second_plugin_of_the_same_name_is_refused_naming_both_files)
{
    load(module_path("load"));
    load(module_path("load-again"));
    assert_refused("load-again.so", "load.so holds already");
}
END_TEST

START_TEST(the_same_file_twice_is_one_plugin)
{
    size_t n;

    load(module_path("load"));
    n = registry->n_plugins;
    load(module_path("load"));
    ck_assert_uint_eq(registry->n_plugins, n);
    ck_assert_uint_eq(registry->n_refusals, 0);
}
END_TEST

START_TEST(a_cut_file_and_garbage_are_refused_and_the_process_lives)
{
    load(copy_module("load", "load.so", 3000, 0644));
    assert_refused("load.so", "is cut short");
    load("/etc/passwd");
    assert_refused("/etc/passwd", "is not a shared object");
    load("/nowhere/at-all.so");
    assert_refused("at-all.so", "cannot be opened");
}
END_TEST

START_TEST(a_directory_that_the_group_can_write_is_refused_with_the_chmod)
{
    (void)copy_module("load", "load.so", SIZE_MAX, 0644);
    ck_assert_int_eq(chmod(dir, 0770), 0);
    registry_scan(registry, dir);
    assert_refused(dir, "can be written by its group");
    ck_assert_ptr_nonnull(strstr(registry->refusals[0].remedy, "chmod g-w"));
    ck_assert_ptr_null(registry_find(registry, SLUICE_SINK, "load"));
}
END_TEST

START_TEST(a_file_that_others_can_write_is_refused_in_a_scan)
{
    (void)copy_module("load", "load.so", SIZE_MAX, 0646);
    registry_scan(registry, dir);
    assert_refused("load.so", "can be written by everybody");
    ck_assert_ptr_null(registry_find(registry, SLUICE_SINK, "load"));
}
END_TEST

START_TEST(a_file_named_by_hand_is_loaded_in_spite_of_its_modes_with_a_warning)
{
    char warning[1024];

    ck_assert_int_eq(
        registry_load(registry, copy_module("load", "load.so", SIZE_MAX, 0666), warning, sizeof warning), 0);
    ck_assert_ptr_nonnull(strstr(warning, "can be written by everybody"));
}
END_TEST

START_TEST(a_link_out_of_a_safe_directory_does_not_hide_an_unsafe_one)
{
    char link_path[128], unsafe[64] = "/tmp/check_module.XXXXXX", file[128];

    (void)copy_module("load", "load.so", SIZE_MAX, 0644);
    ck_assert_ptr_nonnull(mkdtemp(unsafe));
    ck_assert_int_eq(chmod(unsafe, 0777), 0);
    (void)snprintf(file, sizeof file, "%s/load.so", unsafe);
    (void)snprintf(link_path, sizeof link_path, "%s/load.so", dir);
    ck_assert_int_eq(rename(link_path, file), 0);
    ck_assert_int_eq(symlink(file, link_path), 0);
    registry_scan(registry, dir);
    (void)unlink(file);
    (void)rmdir(unsafe);
    assert_refused("load.so", "stands in a directory that can be written by everybody");
}
END_TEST

START_TEST(a_directory_that_is_not_there_is_a_refusal)
{
    registry_scan(registry, "/nowhere/at/all");
    assert_refused("/nowhere/at/all", "cannot be searched");
}
END_TEST

START_TEST(one_bad_file_of_a_directory_leaves_the_others)
{
    (void)copy_module("load", "load.so", SIZE_MAX, 0644);
    (void)copy_module("load", "other.so", 100, 0644);
    registry_scan(registry, dir);
    ck_assert_ptr_nonnull(registry_find(registry, SLUICE_SINK, "load"));
    ck_assert_uint_eq(registry->n_refusals, 1);
}
END_TEST

START_TEST(kinds_are_written_and_read_alike)
{
    uint32_t kind;

    for (kind = SLUICE_SOURCE; kind <= SLUICE_SINK; kind++)
        ck_assert_uint_eq(kind_parse(kind_name(kind)), kind);
    ck_assert_uint_eq(kind_parse("enricher"), SLUICE_ENRICHER);
    ck_assert_uint_eq(kind_parse("unknown"), 0);
    ck_assert_str_eq(kind_name(77), "unknown");
}
END_TEST

START_TEST(a_missing_plugin_is_explained_by_the_nearest_name_and_the_refused_file)
{
    struct problems p;
    struct origin nowhere = {NULL, 0, 0};

    load(module_path("load"));
    load(module_path("bad-major"));
    problems_init(&p);
    registry_missing(registry, SLUICE_SINK, "laod", nowhere, &p);
    registry_missing(registry, SLUICE_GATE, "load", nowhere, &p);
    registry_missing(registry, SLUICE_GATE, "bad-major", nowhere, &p);
    ck_assert_uint_eq(p.errors, 3);
    ck_assert_str_eq(p.items[0].message, "there is no plugin sink/laod");
    ck_assert_ptr_nonnull(strstr(p.items[0].hint, "did you mean 'load'?"));
    ck_assert_ptr_nonnull(strstr(p.items[1].hint, "there is a sink/load"));
    ck_assert_ptr_nonnull(strstr(p.items[2].hint, "is built for plugin interface 7."));
    problems_release(&p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("module");
    TCase *t = tcase_create("module");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, make, drop);
    tcase_add_test(t, a_sound_module_is_loaded_and_found_by_kind_and_name);
    tcase_add_test(t, a_module_of_a_newer_minor_that_does_not_insist_is_loaded);
    tcase_add_loop_test(t, a_bad_module_is_refused_by_name_and_leaves_no_plugin, 0,
                        (int)(sizeof refused / sizeof refused[0]));
    tcase_add_test(t, every_missing_call_is_told);
    tcase_add_test(t, a_second_plugin_of_the_same_name_is_refused_naming_both_files);
    tcase_add_test(t, the_same_file_twice_is_one_plugin);
    tcase_add_test(t, a_cut_file_and_garbage_are_refused_and_the_process_lives);
    tcase_add_test(t, a_directory_that_the_group_can_write_is_refused_with_the_chmod);
    tcase_add_test(t, a_file_that_others_can_write_is_refused_in_a_scan);
    tcase_add_test(t, a_file_named_by_hand_is_loaded_in_spite_of_its_modes_with_a_warning);
    tcase_add_test(t, a_link_out_of_a_safe_directory_does_not_hide_an_unsafe_one);
    tcase_add_test(t, a_directory_that_is_not_there_is_a_refusal);
    tcase_add_test(t, one_bad_file_of_a_directory_leaves_the_others);
    tcase_add_test(t, kinds_are_written_and_read_alike);
    tcase_add_test(t, a_missing_plugin_is_explained_by_the_nearest_name_and_the_refused_file);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
