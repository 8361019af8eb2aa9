/* conformance_config: what an instance is tested with: options, files, records.
 *
 * The plugin's own example is the block, so an example that does not work is found
 * here.  ${tmp} in it is the scratch folder; a PATH that does not exist there is
 * filled with samples that fit its name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conformance_host.h"

#define MOST_FILES 3

static const char *const samples[] = {
    "{\"user_id\":\"u1\",\"receipt_id\":\"r%u\",\"status\":\"FINISHED\",\"purchased_at\":\"2024-03-01T10:20:"
    "30Z\","
    "\"store_name\":\"Corner Shop\",\"items\":[{\"fido\":\"0b9a4e6c-59a5-4f1c-9a3e-7a9f6c6b2d%02x\","
    "\"description\":\"MILK\",\"quantity\":2,\"price_cents\":119}]}",
    "{\"user_id\":\"u2\",\"timezone\":\"Europe/"
    "Berlin\",\"purchases\":[{\"receipt_id\":\"r%u\",\"time\":1709288430000,"
    "\"product_id\":\"p%u\",\"retailer\":\"Corner Shop\",\"name\":\"Milk\",\"category\":\"Dairy\"}]}",
    "{\"user_id\":\"u3\",\"source\":\"SHOP\",\"event_type\":\"ORDER_FINALIZED\",\"summary_id\":\"s%u\","
    "\"occurred_at\":\"2024-03-02T08:00:00Z\",\"data\":{\"fidos\":[{\"id\":\"0b9a4e6c-59a5-4f1c-9a3e-"
    "7a9f6c6b2d%02x\","
    "\"quantity\":1}],\"fido_count\":1,\"retailer_info\":{\"name\":\"Web Shop\"}}}",
    "{\"user_id\":\"u4\",\"event_type\":\"user_load_request\",\"request_id\":\"backfill-%u\",\"lookback_"
    "days\":365,"
    "\"priority\":\"low\",\"n\":%u}",
    "{\"user_id\":\"u%u\",\"purchases\":[],\"name\":\"Gr\\u00fc\\u00dfe\",\"value\":%u}",
    "{\"id\":\"k%u\",\"key\":\"value\",\"list\":[1,2.5,true,null,\"x\"],\"deep\":{\"a\":{\"b\":{\"c\":%u}}}}",
    "user_id=u6;id=k%u;name=Milk;value=%u",
    "u7,r%u,2024-03-03T00:00:00Z,p%u,Corner Shop,3",
};

#define N_SAMPLES (sizeof samples / sizeof samples[0])

static void format_sample(uint64_t i, char *out, size_t cap)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(out, cap, samples[i % N_SAMPLES], (unsigned)i, (unsigned)(i % 256));
#pragma GCC diagnostic pop
}

/* Lines of --records, read once. */
static char **own_lines;
static size_t n_own_lines;

static void read_own_lines(struct conf *c)
{
    FILE *in = fopen(c->request->records, "r");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    CONF_REQUIRE(c, in != NULL, "the records file %s cannot be opened", c->request->records);
    while ((n = getline(&line, &cap, in)) > 0) {
        char **more = reallocarray(own_lines, n_own_lines + 1, sizeof *more);

        CONF_REQUIRE(c, more != NULL, "the suite is out of memory");
        own_lines = more;
        if (line[n - 1] == '\n')
            line[n - 1] = '\0';
        own_lines[n_own_lines++] = line;
        line = NULL;
        cap = 0;
    }
    free(line);
    (void)fclose(in);
    CONF_REQUIRE(c, n_own_lines > 0, "the records file %s is empty", c->request->records);
}

struct sluice_str conf_sample(struct conf *c, uint64_t i)
{
    static char text[1024];

    if (c->request->records != NULL) {
        if (own_lines == NULL)
            read_own_lines(c);
        return sluice_str_of(own_lines[i % n_own_lines]);
    }
    format_sample(i, text, sizeof text);
    return sluice_str_of(text);
}

static FILE *open_sample(struct conf *c, const char *name)
{
    char path[4096];
    FILE *out;

    (void)snprintf(path, sizeof path, "%s/%s", c->tmp, name);
    out = fopen(path, "w");
    CONF_REQUIRE(c, out != NULL, "the suite cannot write %s", path);
    return out;
}

static void write_lines(struct conf *c, FILE *out, const char *name, unsigned n)
{
    size_t len = strlen(name);
    unsigned i;

    if (len > 4 && strcmp(name + len - 4, ".csv") == 0) {
        fputs("id,user_id,receipt_id,product_id,time,retailer,quantity,name,brand,category,category_id\n",
              out);
        for (i = 0; i < n; i++)
            fprintf(out, "k%u,u%u,r%u,p%u,2024-03-01T10:20:30Z,\"Corner, Shop\",1,Milk,Best,Dairy,c1\n", i,
                    i % 50, i, i % 20);
    } else if (len > 4 && strcmp(name + len - 4, ".txt") == 0) {
        for (i = 0; i < n; i++)
            fprintf(out, "u%u\n", i);
    } else {
        for (i = 0; i < n; i++) {
            struct sluice_str s = conf_sample(c, i);

            fprintf(out, "%.*s\n", (int)s.len, s.data);
        }
    }
}

void conf_write_samples(struct conf *c, unsigned n)
{
    static const char *const names[] = {"sample.jsonl", "sample.csv", "ids.txt"};
    size_t i;

    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        FILE *out = open_sample(c, names[i]);

        write_lines(c, out, names[i], n);
        CONF_REQUIRE(c, fclose(out) == 0, "the suite cannot write its samples");
    }
}

static void write_text(struct conf *c, char *path, size_t cap, const char *name, const char *text)
{
    FILE *out = open_sample(c, name);

    fputs(text, out);
    CONF_REQUIRE(c, fclose(out) == 0, "the suite cannot write its config");
    (void)snprintf(path, cap, "%s/%s", c->tmp, name);
}

static void write_sets(struct conf *c, char *path, size_t cap)
{
    struct strbuf text;
    size_t i;

    strbuf_init(&text, 65536);
    for (i = 0; i < c->request->n_sets; i++) {
        const char *set = c->request->sets[i];
        size_t n = strcspn(set, "=");

        strbuf_add(&text, set, n);
        strbuf_printf(&text, ": %s\n", set[n] == '=' ? set + n + 1 : "");
    }
    write_text(c, path, cap, "set.yaml", strbuf_text(&text));
    strbuf_release(&text);
}

/* The block may be the map itself, or stand under its place: "gate: { … }", "- sink: …". */
static const struct config_value *find_block(const struct config_value *v)
{
    int depth;

    for (depth = 0; depth < 4 && v != NULL; depth++) {
        if (v->type == CONFIG_MAP && (config_get(v, "plugin") != NULL || v->n != 1 ||
                                      v->items[0]->type == CONFIG_SCALAR || kind_parse(v->keys[0]) == 0))
            return v;
        if (v->type == CONFIG_SCALAR || v->n == 0)
            return v;
        v = v->items[0];
    }
    return v;
}

static void remove_member(const struct config_value *block, const char *name)
{
    struct config_value *v = (struct config_value *)(size_t)block;
    size_t i;

    for (i = 0; i < v->n; i++)
        if (strcmp(v->keys[i], name) == 0) {
            memmove(&v->items[i], &v->items[i + 1], (v->n - i - 1) * sizeof v->items[0]);
            memmove(&v->keys[i], &v->keys[i + 1], (v->n - i - 1) * sizeof v->keys[0]);
            memmove(&v->key_origins[i], &v->key_origins[i + 1], (v->n - i - 1) * sizeof v->key_origins[0]);
            v->n--;
            return;
        }
}

/* Input files that the block names and that are not there. */
static void make_files(struct conf *c, const struct sluice_config *config)
{
    size_t i;

    for (i = 0; i < c->plugin->desc.n_options; i++) {
        const struct sluice_option *o = &c->plugin->options[i];
        const char *path;
        FILE *out;

        if (o->type != SLUICE_PATH || (o->flags & SLUICE_CREATES) != 0)
            continue;
        path = option_string(config, o->name);
        if (path == NULL || strncmp(path, c->tmp, strlen(c->tmp)) != 0 || access(path, F_OK) == 0)
            continue;
        out = fopen(path, "w");
        if (out != NULL) {
            write_lines(c, out, path, 200);
            (void)fclose(out);
        }
    }
}

struct sluice_config *conf_config_try(struct conf *c, const char *overrides, const char *without,
                                      struct problems *p)
{
    static const char *const host_members[] = {"plugin",      "name",        "writers", "rate_limit",
                                               "unavailable", "rate_limits", NULL};
    static char owner[96];
    struct option_table table = {owner, c->plugin->options, c->plugin->desc.n_options};
    char paths[MOST_FILES][400];
    const char *files[MOST_FILES] = {paths[0], paths[1], paths[2]};
    const struct config_value *block;
    struct sluice_config *config;
    struct config *tree;
    size_t n = 0;

    (void)setenv("tmp", c->tmp, 1);
    (void)snprintf(owner, sizeof owner, "%s/%s", kind_name(c->plugin->desc.kind), c->plugin->desc.name);
    if (c->request->config != NULL)
        files[n] = c->request->config;
    else
        write_text(c, paths[n], sizeof paths[0], "example.yaml",
                   c->plugin->desc.example == NULL ? "{}\n" : c->plugin->desc.example);
    n++;
    if (c->request->n_sets > 0)
        write_sets(c, paths[n++], sizeof paths[0]);
    if (overrides != NULL)
        write_text(c, paths[n++], sizeof paths[0], "override.yaml", overrides);
    tree = config_load(files, n, NULL, p);
    if (tree == NULL)
        return NULL;
    block = find_block(tree->root);
    if (without != NULL)
        remove_member(block, without);
    config = option_parse(&table, block, host_members, p);
    if (config != NULL)
        make_files(c, config);
    config_free(tree); /* the options are copies; only their origins are gone */
    return config;
}

struct sluice_config *conf_config(struct conf *c)
{
    struct problems p;
    struct sluice_config *config;

    problems_init(&p);
    config = conf_config_try(c, NULL, NULL, &p);
    if (config == NULL)
        conf_fail(c, "%s: %s (set what is missing by --set, or --config)",
                  c->request->config == NULL ? "the plugin's example is refused" : "the config is refused",
                  p.n > 0 ? p.items[0].message : "no reason");
    problems_release(&p);
    return config;
}
