/* check_elf_file: no cut and no flipped bit of a shared object may be read past its
 * end, and every cut is refused. */
#include <check.h>
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf_file.h"

static unsigned char *sound;
static size_t sound_len;

static void read_sound(void)
{
    const char *build = getenv("top_builddir");
    struct elf_reason why = {"", ""};
    char path[4096];

    (void)snprintf(path, sizeof path, "%s/tests/modules/.libs/load.so", build == NULL ? "." : build);
    sound = elf_read(path, &sound_len, &why);
    ck_assert_msg(sound != NULL, "%s: %s", path, why.reason);
}

static void free_sound(void)
{
    free(sound);
}

/* A copy of exactly len bytes, so that a sanitizer sees each byte too far. */
static int check_copy(const unsigned char *data, size_t len, struct elf_reason *why)
{
    unsigned char *copy = malloc(len == 0 ? 1 : len);
    int result;

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, data, len);
    result = elf_check(copy, len, why);
    free(copy);
    return result;
}

START_TEST(a_sound_shared_object_is_accepted)
{
    struct elf_reason why = {"", ""};

    ck_assert_msg(elf_check(sound, sound_len, &why) == 0, "%s", why.reason);
}
END_TEST

START_TEST(every_cut_is_refused_with_a_reason_and_a_remedy)
{
    struct elf_reason why;
    size_t len;

    for (len = 0; len < sound_len; len = len < 1024 || len + 1024 >= sound_len ? len + 1 : len + 61) {
        memset(&why, 0, sizeof why);
        ck_assert_msg(check_copy(sound, len, &why) == -1, "%zu of %zu bytes were accepted", len, sound_len);
        ck_assert_str_ne(why.reason, "");
        ck_assert_str_ne(why.remedy, "");
    }
}
END_TEST

static void count_export(void *context, const char *name)
{
    ck_assert_str_eq(name, "sluice_plugin_entry_v1");
    (*(int *)context)++;
}

static void any_export(void *context, const char *name)
{
    *(size_t *)context += strlen(name);
}

START_TEST(a_flipped_bit_in_a_header_is_refused_or_harmless_but_never_followed)
{
    struct elf_reason why;
    Elf64_Ehdr header;
    size_t i, bytes = 0, refused = 0;
    unsigned bit;

    memcpy(&header, sound, sizeof header);
    for (i = 0; i < sizeof header + (size_t)header.e_phnum * sizeof(Elf64_Phdr); i++)
        for (bit = 0; bit < 8; bit++) {
            sound[i] = (unsigned char)(sound[i] ^ (1u << bit));
            refused += check_copy(sound, sound_len, &why) != 0;
            (void)elf_exports(sound, sound_len, any_export, &bytes);
            sound[i] = (unsigned char)(sound[i] ^ (1u << bit));
        }
    ck_assert_uint_gt(refused, 500);
}
END_TEST

START_TEST(a_flipped_bit_in_the_section_headers_never_leads_out_of_the_file)
{
    Elf64_Ehdr header;
    size_t i, bytes = 0;
    unsigned bit;
    unsigned char *copy = malloc(sound_len);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, sound, sound_len);
    memcpy(&header, sound, sizeof header);
    for (i = header.e_shoff; i < sound_len; i++)
        for (bit = 0; bit < 8; bit++) {
            copy[i] = (unsigned char)(copy[i] ^ (1u << bit));
            (void)elf_exports(copy, sound_len, any_export, &bytes);
            copy[i] = (unsigned char)(copy[i] ^ (1u << bit));
        }
    ck_assert_int_eq(memcmp(copy, sound, sound_len), 0);
    free(copy);
}
END_TEST

START_TEST(exports_are_the_entry_and_nothing_else)
{
    int n = 0;

    ck_assert_int_eq(elf_exports(sound, sound_len, count_export, &n), 1);
    ck_assert_int_eq(n, 1);
}
END_TEST

struct edit {
    size_t offset;
    unsigned char value;
    const char *says;
};

static const struct edit edits[] = {
    {0, 'x', "is not a shared object"},
    {EI_CLASS, ELFCLASS32, "32-bit"},
    {EI_DATA, ELFDATA2MSB, "byte order"},
    {offsetof(Elf64_Ehdr, e_machine), EM_SPARC, "another processor"},
    {offsetof(Elf64_Ehdr, e_type), ET_EXEC, "is not a shared object but ELF type 2"},
    {offsetof(Elf64_Ehdr, e_phentsize), 1, "program headers"},
    {offsetof(Elf64_Ehdr, e_phoff) + 4, 1, "cut short"},
};

START_TEST(each_kind_of_wrong_file_is_named)
{
    const struct edit *edit = &edits[_i];
    struct elf_reason why = {"", ""};

    sound[edit->offset] = edit->value;
    ck_assert_int_eq(elf_check(sound, sound_len, &why), -1);
    ck_assert_msg(strstr(why.reason, edit->says) != NULL, "said: %s", why.reason);
}
END_TEST

START_TEST(a_directory_is_no_plugin)
{
    struct elf_reason why = {"", ""};
    size_t len = 0;

    ck_assert_ptr_null(elf_read("/", &len, &why));
    ck_assert_str_eq(why.reason, "is not a regular file");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("elf_file");
    TCase *t = tcase_create("elf_file");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, read_sound, free_sound);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_sound_shared_object_is_accepted);
    tcase_add_test(t, every_cut_is_refused_with_a_reason_and_a_remedy);
    tcase_add_test(t, a_flipped_bit_in_a_header_is_refused_or_harmless_but_never_followed);
    tcase_add_test(t, a_flipped_bit_in_the_section_headers_never_leads_out_of_the_file);
    tcase_add_test(t, exports_are_the_entry_and_nothing_else);
    tcase_add_loop_test(t, each_kind_of_wrong_file_is_named, 0, (int)(sizeof edits / sizeof edits[0]));
    tcase_add_test(t, a_directory_is_no_plugin);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
