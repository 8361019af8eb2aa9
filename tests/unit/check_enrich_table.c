/* check_enrich_table: what a table sets, and which tables are refused with which line. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "one_suite.h"
#include "plugin_host.h"
#include "temp_dir.h"
#include "test_file.h"

static char *dir, *csv, *json;

static void make_files(void)
{
    dir = temp_dir_make();
    csv = test_file_path(dir, "products.csv");
    json = test_file_path(dir, "products.json");
}

static void remove_files(void)
{
    free(csv);
    free(json);
    temp_dir_remove(dir);
}

#define PRODUCTS                                                                                             \
    "id,name,brand,category,department\n"                                                                    \
    "p1,Milk,Acme,DAIRY,GROCERY\n"                                                                           \
    "p2,\"Bread, \"\"dark\"\"\",,BAKERY,\n"
#define BY_ID                                                                                                \
    "key: id\nfrom: purchases[].product_id\nset: { name: name, brand: brand, path: [ department, category "  \
    "] }\n"

static struct plugin_host *open_table(const char *path, const char *yaml)
{
    char text[4096];

    (void)snprintf(text, sizeof text, "path: %s\ncheck_interval: 10ms\n%s", path, yaml);
    return plugin_host_open("enrich", "table", text);
}

static struct plugin_host *start_table(const char *path, const char *content, const char *yaml)
{
    struct plugin_host *h;

    test_file_text(path, content);
    h = open_table(path, yaml);
    plugin_host_start(h);
    return h;
}

static void check_made(struct plugin_host *h, const char *before, const char *after)
{
    const struct sluice_verdict *v = plugin_host_one(h, before);

    ck_assert_msg(v->code == SLUICE_OK, "%s: %s", v->reason, v->detail);
    ck_assert_str_eq(plugin_host_document(h, 0), after);
}

START_TEST(columns_are_set_beside_each_key)
{
    struct plugin_host *h = start_table(csv, PRODUCTS, BY_ID);

    check_made(
        h, "{\"purchases\":[{\"product_id\":\"p1\"},{\"product_id\":\"p2\"}]}",
        "{\"purchases\":[{\"product_id\":\"p1\",\"name\":\"Milk\",\"brand\":\"Acme\",\"path\":[\"GROCERY\","
        "\"DAIRY\"]},{\"product_id\":\"p2\",\"name\":\"Bread, \\\"dark\\\"\",\"path\":[\"BAKERY\"]}]}");
    ck_assert_double_eq(plugin_host_metric(h, "lookups_total", "found"), 2);
    ck_assert_double_eq(plugin_host_metric(h, "rows", NULL), 2);
    plugin_host_close(h);
}
END_TEST

START_TEST(an_empty_value_never_wipes_what_is_there)
{
    struct plugin_host *h = start_table(csv, PRODUCTS, BY_ID);

    check_made(
        h, "{\"purchases\":[{\"product_id\":\"p2\",\"name\":\"bread\",\"brand\":\"Own\"}]}",
        "{\"purchases\":[{\"product_id\":\"p2\",\"name\":\"Bread, \\\"dark\\\"\",\"brand\":\"Own\",\"path\":["
        "\"BAKERY\"]}]}");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_top_level_key_and_a_number_are_looked_up_too)
{
    struct plugin_host *h =
        start_table(csv, "store,city\n7,Berlin\n", "key: store\nfrom: shop\nset: { city: city }\n");

    check_made(h, "{\"shop\":7}", "{\"shop\":7,\"city\":\"Berlin\"}");
    check_made(h, "{\"shop\":\"7\"}", "{\"shop\":\"7\",\"city\":\"Berlin\"}");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_document_without_the_path_stays_as_it_is)
{
    struct plugin_host *h = start_table(csv, PRODUCTS, BY_ID);

    check_made(h, "{\"user_id\":\"u1\"}", "{\"user_id\":\"u1\"}");
    check_made(h, "{\"purchases\":[]}", "{\"purchases\":[]}");
    check_made(h, "{\"purchases\":{\"product_id\":\"p1\"}}", "{\"purchases\":{\"product_id\":\"p1\"}}");
    check_made(h, "{\"purchases\":[1,null,[]]}", "{\"purchases\":[1,null,[]]}");
    check_made(h, "[\"p1\"]", "[\"p1\"]");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_missing_key_keeps_rejects_or_drops)
{
    const char *unknown = "{\"purchases\":[{\"product_id\":\"p1\"},{\"product_id\":\"p9\"}]}";
    const char *absent = "{\"purchases\":[{\"product_id\":null}]}";
    struct plugin_host *h = start_table(csv, PRODUCTS, BY_ID);

    ck_assert_uint_eq(plugin_host_one(h, unknown)->code, SLUICE_OK);
    ck_assert_uint_eq(plugin_host_one(h, absent)->code, SLUICE_OK);
    ck_assert_double_eq(plugin_host_metric(h, "lookups_total", "missing"), 1);
    ck_assert_double_eq(plugin_host_metric(h, "lookups_total", "no_key"), 1);
    plugin_host_close(h);
    h = start_table(csv, PRODUCTS, BY_ID "missing: reject\n");
    ck_assert_uint_eq(plugin_host_one(h, unknown)->code, SLUICE_REJECT);
    ck_assert_str_eq(plugin_host_verdict(h, 0)->reason, "not_found");
    ck_assert_ptr_nonnull(strstr(plugin_host_verdict(h, 0)->detail, "\"p9\" is not in the table"));
    ck_assert_uint_eq(plugin_host_one(h, absent)->code, SLUICE_REJECT);
    ck_assert_str_eq(plugin_host_verdict(h, 0)->reason, "no_key");
    plugin_host_close(h);
    h = start_table(csv, PRODUCTS, BY_ID "missing: drop\n");
    ck_assert_uint_eq(plugin_host_one(h, unknown)->code, SLUICE_DROP);
    plugin_host_close(h);
}
END_TEST

START_TEST(csv_may_have_a_mark_crlf_blank_lines_and_line_breaks_in_quotes)
{
    struct plugin_host *h =
        start_table(csv, "\xef\xbb\xbfid,name\r\np1,\"two\r\nlines\"\r\n\r\np2,x\r\n\"p3\",\"\"",
                    "key: id\nfrom: p\nset: { name: name }\n");

    check_made(h, "{\"p\":\"p1\"}", "{\"p\":\"p1\",\"name\":\"two\\r\\nlines\"}");
    check_made(h, "{\"p\":\"p2\"}", "{\"p\":\"p2\",\"name\":\"x\"}");
    check_made(h, "{\"p\":\"p3\"}", "{\"p\":\"p3\"}");
    plugin_host_close(h);
}
END_TEST

#define BY_P "key: id\nfrom: p\nset: { name: name, tree: tree, n: n }\n"

START_TEST(json_is_taken_in_all_three_shapes_with_its_types)
{
    static const char *const shapes[] = {
        ("[{\"id\":\"p1\",\"name\":\"a \\\"}\",\"tree\":[\"x\",{\"y\":1}],\"n\":1.5},\n "
         "{\"id\":2,\"name\":null}]"),
        "{\"p1\":{\"name\":\"a \\\"}\",\"tree\":[\"x\",{\"y\":1}],\"n\":1.5},\"2\":{\"name\":\"\"}}",
        "{\"id\":\"p1\",\"name\":\"a \\\"}\",\"tree\":[\"x\",{\"y\":1}],\"n\":1.5}\n\n{\"id\":2}\n",
    };
    size_t i;

    for (i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct plugin_host *h = start_table(json, shapes[i], BY_P);

        check_made(h, "{\"p\":\"p1\"}",
                   "{\"p\":\"p1\",\"name\":\"a \\\"}\",\"tree\":[\"x\",{\"y\":1}],\"n\":1.5}");
        check_made(h, "{\"p\":2}", "{\"p\":2}");
        ck_assert_double_eq(plugin_host_metric(h, "lookups_total", "missing"), 0);
        plugin_host_close(h);
    }
}
END_TEST

START_TEST(a_table_without_rows_finds_nothing)
{
    static const char *const empty[] = {"[]", "{}", " [ ] \n", "{}\n"};
    size_t i;

    for (i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        struct plugin_host *h = start_table(json, empty[i], BY_P);

        check_made(h, "{\"p\":\"p1\"}", "{\"p\":\"p1\"}");
        plugin_host_close(h);
    }
}
END_TEST

static void write_gzip(const char *path, const char *text, size_t cut)
{
    char *data;
    size_t len = 0;
    gzFile out = gzopen(path, "wb");

    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(gzwrite(out, text, (unsigned)strlen(text)), (int)strlen(text));
    ck_assert_int_eq(gzclose(out), Z_OK);
    data = test_file_read(path, &len);
    test_file_write(path, data, len - cut);
    free(data);
}

static void check_no_start(const char *path, const char *yaml, const char *words)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct plugin_host *h = open_table(path, yaml);

    ck_assert_uint_eq(plugin_host_try_start(h, &err), SLUICE_FATAL);
    ck_assert_msg(strstr(err.message, words) != NULL, "\"%s\" does not say \"%s\"", err.message, words);
    plugin_host_close(h);
}

START_TEST(gzip_is_unpacked_and_a_cut_one_is_refused)
{
    char *gz = test_file_path(dir, "products.csv.gz");
    struct plugin_host *h;

    write_gzip(gz, PRODUCTS, 0);
    h = open_table(gz, BY_ID);
    plugin_host_start(h);
    check_made(
        h, "{\"purchases\":[{\"product_id\":\"p1\"}]}",
        "{\"purchases\":[{\"product_id\":\"p1\",\"name\":\"Milk\",\"brand\":\"Acme\",\"path\":[\"GROCERY\","
        "\"DAIRY\"]}]}");
    plugin_host_close(h);
    write_gzip(gz, PRODUCTS, 9);
    check_no_start(gz, BY_ID, "gzip data is broken or cut off");
    write_gzip(gz, PRODUCTS, 4);
    check_no_start(gz, BY_ID, "gzip data is broken or cut off");
    free(gz);
}
END_TEST

START_TEST(a_table_that_is_wrong_is_refused_with_its_line)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"", "line 1: no header"},
        {"id,brand\np1,x\n", "line 1: the header has no column name; it has id, brand"},
        {"code,name\np1,x\n", "no column id"},
        {"id,name\np1,x,y\n", "line 2: 3 columns, the header has 2"},
        {"id,name\np1,x\np2\n", "line 3: 1 columns, the header has 2"},
        {"id,name\n,x\n", "line 2: the key column id is empty"},
        {"id,name\np1,\"x\np2,y\n", "line 2: a quoted column without an end"},
        {"id,name\np1,\"x\"y\n", "line 2: text after a quoted column"},
        {"id,name\np1,x\"y\n", "line 2: a quote inside a column"},
        {"id,name\np1,\xff\n", "line 2: bytes that are not UTF-8"},
        {"id,name\np1,x\np2,y\n\np1,z\n", "line 2 and line 5 both have the key \"p1\""},
    };
    size_t i;

    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        test_file_text(csv, bad[i].text);
        check_no_start(csv, "key: id\nfrom: p\nset: { name: name }\n", bad[i].words);
    }
    test_file_write(csv, "id,name\np1,a\0b\n", 15);
    check_no_start(csv, "key: id\nfrom: p\nset: { name: name }\n", "line 2: a NUL byte");
}
END_TEST

START_TEST(json_that_is_wrong_is_refused_with_its_line)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"", "line 1: expected a list or an object"},
        {"\n\n7", "line 3: expected a list or an object"},
        {"[\n{\"id\":\"p1\"},\n{\"id\" \"p2\"}]", "line 3: "},
        {"[{\"id\":\"p1\"}", "expected , or ]"},
        {"[{\"id\":\"p1\"},]", "expected an object"},
        {"[{\"id\":\"p1\"}] x", "text after the end"},
        {"[{\"id\":\"p1\",\"name\":\"", "the file ends inside this row"},
        {"[{\"name\":\"x\"}]", "the key id is missing or empty"},
        {"[{\"id\":[]}]", "neither a text nor a whole number"},
        {"[{\"id\":\"p1\"},{\"id\":\"p1\"}]", "line 1 and line 1 both have the key"},
        {"{\"p1\":{},\n\"p1\":{}}", "line 1 and line 2 both have the key \"p1\""},
        {"{\"p1\":{},\"p2\":7}", "expected an object for this key"},
        {"{\"p1\":{}", "expected , or }"},
        {"{\"id\":\"p1\"}\n[]", "line 2: expected an object"},
        {"{\"id", "the file ends inside a text"},
        {"{\"id\"}", "expected :"},
        {"[{\"id\":\"p1\",\"id\":\"p2\"}]", "duplicate"},
    };
    size_t i;

    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        test_file_text(json, bad[i].text);
        check_no_start(json, BY_P, bad[i].words);
    }
}
END_TEST

START_TEST(duplicates_may_be_resolved_by_order)
{
    const char *twice = "id,name\np1,first\np2,x\np1,last\n";
    struct plugin_host *h =
        start_table(csv, twice, "key: id\nfrom: p\nset: { name: name }\nduplicates: first\n");

    check_made(h, "{\"p\":\"p1\"}", "{\"p\":\"p1\",\"name\":\"first\"}");
    plugin_host_close(h);
    h = start_table(csv, twice, "key: id\nfrom: p\nset: { name: name }\nduplicates: last\n");
    check_made(h, "{\"p\":\"p1\"}", "{\"p\":\"p1\",\"name\":\"last\"}");
    ck_assert_double_eq(plugin_host_metric(h, "rows", NULL), 2);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_table_larger_than_max_size_is_refused)
{
    char *text = malloc(3000);

    memset(text, 'x', 3000);
    memcpy(text, "id,name\np1,", 11);
    text[2999] = '\0';
    test_file_text(csv, text);
    check_no_start(csv, "key: id\nfrom: p\nset: { name: name }\nmax_size: 2KiB\n", "max_size");
    free(text);
}
END_TEST

static void wait_for(struct plugin_host *h, const char *name)
{
    struct timespec moment = {0, 2000000};
    int tries;

    for (tries = 0; tries < 2500; tries++) {
        ck_assert_uint_eq(plugin_host_one(h, "{\"p\":\"p1\"}")->code, SLUICE_OK);
        if (strstr(plugin_host_document(h, 0), name) != NULL)
            return;
        (void)nanosleep(&moment, NULL);
    }
    ck_abort_msg("%s never came", name);
}

START_TEST(a_changed_table_is_taken_and_a_broken_one_is_not)
{
    struct plugin_host *h = start_table(csv, "id,name\np1,one\n", "key: id\nfrom: p\nset: { name: name }\n");

    check_made(h, "{\"p\":\"p1\"}", "{\"p\":\"p1\",\"name\":\"one\"}");
    test_file_text(csv, "id,name\np1,two\n");
    wait_for(h, "two");
    test_file_text(csv, "id,name\np1,three,four\n");
    ck_assert_int_eq(plugin_host_logged(h, "line 2: 3 columns"), 1);
    check_made(h, "{\"p\":\"p1\"}", "{\"p\":\"p1\",\"name\":\"two\"}");
    test_file_text(csv, "id,name\np1,five\n");
    wait_for(h, "five");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_hundred_thousand_rows_are_found_each_by_its_key)
{
    struct plugin_host *h;
    FILE *out = fopen(csv, "w");
    long before = 0, after = 0, total;
    FILE *statm;
    char text[64], wanted[64];
    int i;

    ck_assert_ptr_nonnull(out);
    (void)fprintf(out, "id,name,brand\n");
    for (i = 0; i < 100000; i++)
        (void)fprintf(out, "%08x-0000-4000-8000-%08d,product name %07d,B%d\n", (unsigned)i * 2654435761u, i,
                      i, i % 100);
    ck_assert_int_eq(fclose(out), 0);
    h = open_table(csv, "key: id\nfrom: p\nset: { name: name, brand: brand }\n");
    statm = fopen("/proc/self/statm", "r");
    ck_assert_int_eq(fscanf(statm, "%ld %ld", &total, &before), 2);
    (void)fclose(statm);
    plugin_host_start(h);
    statm = fopen("/proc/self/statm", "r");
    ck_assert_int_eq(fscanf(statm, "%ld %ld", &total, &after), 2);
    (void)fclose(statm);
    for (i = 0; i < 100000; i += 997) {
        (void)snprintf(text, sizeof text, "{\"p\":\"%08x-0000-4000-8000-%08d\"}", (unsigned)i * 2654435761u,
                       i);
        ck_assert_uint_eq(plugin_host_one(h, text)->code, SLUICE_OK);
        (void)snprintf(wanted, sizeof wanted, "product name %07d", i);
        ck_assert_ptr_nonnull(strstr(plugin_host_document(h, 0), wanted));
    }
#if !defined(SANITIZED)
    ck_assert_int_lt((after - before) * (sysconf(_SC_PAGESIZE) / 1024), 20 * 1024);
#endif
    plugin_host_close(h);
}
END_TEST

START_TEST(options_that_cannot_work_are_refused_by_name)
{
    static const struct {
        const char *yaml, *words;
    } bad[] = {
        {"key: id\nfrom: p\nset: { a: b }\n", "path"},
        {"path: /dev/null\nfrom: p\nset: { a: b }\n", "key"},
        {"path: /dev/null\nkey: id\nset: { a: b }\n", "from"},
        {"path: /dev/null\nkey: id\nfrom: p\n", "set"},
        {"path: /dev/null\nkey: id\nfrom: purchases[]\nset: { a: b }\n", "ends in a list"},
        {"path: /dev/null\nkey: id\nfrom: a.b.c.d.e.f.g.h.i\nset: { a: b }\n", "deeper than 8"},
        {"path: /dev/null\nkey: id\nfrom: p\nset: { a: '' }\n", "column without a name"},
        {"path: /dev/null\nkey: ''\nfrom: p\nset: { a: b }\n", "key"},
    };
    size_t i;

    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *said = plugin_host_refusal("enrich", "table", bad[i].yaml);

        ck_assert_msg(strstr(said, bad[i].words) != NULL, "\"%s\" does not say \"%s\"", said, bad[i].words);
        free(said);
    }
}
END_TEST

ONE_SUITE_WITH("enrich_table", 60, make_files, remove_files, columns_are_set_beside_each_key,
               an_empty_value_never_wipes_what_is_there, a_top_level_key_and_a_number_are_looked_up_too,
               a_document_without_the_path_stays_as_it_is, a_missing_key_keeps_rejects_or_drops,
               csv_may_have_a_mark_crlf_blank_lines_and_line_breaks_in_quotes,
               json_is_taken_in_all_three_shapes_with_its_types, a_table_without_rows_finds_nothing,
               gzip_is_unpacked_and_a_cut_one_is_refused, a_table_that_is_wrong_is_refused_with_its_line,
               json_that_is_wrong_is_refused_with_its_line, duplicates_may_be_resolved_by_order,
               a_table_larger_than_max_size_is_refused, a_changed_table_is_taken_and_a_broken_one_is_not,
               a_hundred_thousand_rows_are_found_each_by_its_key,
               options_that_cannot_work_are_refused_by_name)
