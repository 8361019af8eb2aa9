/* config: files in, one tree out.
 *
 * Invariant: every origin in the tree points at a name in files, which lives as
 * long as the config. */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"
#include "strbuf.h"

static const struct origin nowhere = {NULL, 0, 0};

void loader_no_memory(struct loader *l)
{
    problem_add(l->problems, nowhere, NULL, "out of memory");
}

const char *loader_intern(struct loader *l, const char *name)
{
    struct config *c = l->config;
    char **grown;
    size_t i;

    for (i = 0; i < c->n_files; i++)
        if (strcmp(c->files[i], name) == 0)
            return c->files[i];
    grown = realloc(c->files, (c->n_files + 1) * sizeof *grown);
    if (grown != NULL) {
        c->files = grown;
        c->files[c->n_files] = strdup(name);
        if (c->files[c->n_files] != NULL)
            return c->files[c->n_files++];
    }
    loader_no_memory(l);
    return NULL;
}

void config_free(struct config *c)
{
    size_t i;

    if (c == NULL)
        return;
    value_free(c->root);
    for (i = 0; i < c->n_files; i++)
        free(c->files[i]);
    free(c->files);
    free(c);
}

static int ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), e = strlen(end);

    return n > e && strcmp(name + n - e, end) == 0;
}

/* Lays one more tree over what is there; takes root. */
static void load_tree(struct loader *l, struct config_value *root)
{
    if (root == NULL)
        return;
    if (l->config->root == NULL) {
        l->config->root = root;
        return;
    }
    (void)config_overlay(l, l->config->root, root);
    value_free(root);
}

/* Reads one file.  With missing, a file that is not there is no problem. */
static void load_file(struct loader *l, const char *name, int *missing)
{
    struct origin at = nowhere;
    char *text = NULL;
    size_t len = 0;

    at.file = name;
    if (file_read(name, CONFIG_MAX_FILE, at, l->problems, &text, &len, NULL, missing) != 0)
        return;
    at.file = loader_intern(l, name);
    if (at.file != NULL)
        load_tree(l, config_read_text(l, at.file, text, len, ends_with(name, ".json")));
    explicit_bzero(text, len);
    free(text);
}

/* BASE.yaml and prod give BASE.prod.yaml; the caller frees. */
static char *overlay_name(const char *name, const char *env)
{
    static const char *const endings[] = {".yaml", ".yml", ".json"};
    const char *ending = "";
    struct strbuf b;
    size_t i;

    for (i = 0; i < 3; i++)
        if (ends_with(name, endings[i]))
            ending = endings[i];
    strbuf_init(&b, 8192);
    strbuf_add(&b, name, strlen(name) - strlen(ending));
    strbuf_printf(&b, ".%s%s", env, ending[0] == '\0' ? ".yaml" : ending);
    return strbuf_take(&b);
}

/* 1 if an overlay of the file was there. */
static int load_overlay(struct loader *l, const char *name, const char *env)
{
    char *overlay = overlay_name(name, env);
    int missing = 0;

    if (overlay == NULL) {
        loader_no_memory(l);
        return 1;
    }
    load_file(l, overlay, &missing);
    free(overlay);
    return !missing;
}

static int env_check(struct loader *l, const char *env)
{
    size_t i;

    for (i = 0; env[i] != '\0'; i++)
        if (!isalnum((unsigned char)env[i]) && env[i] != '-' && env[i] != '_')
            break;
    if (i > 0 && env[i] == '\0')
        return 1;
    problem_add(l->problems, nowhere, "for example --env prod",
                "the name of an environment has letters, digits, '-' and '_' only");
    return 0;
}

/* The config if all went well, else NULL. */
static struct config *load_end(struct loader *l)
{
    struct config *c = l->config;

    if (!problems_failed(l->problems) && c->root != NULL)
        config_substitute(l, c->root);
    if (!problems_failed(l->problems) && c->root != NULL)
        return c;
    config_free(c);
    return NULL;
}

static int load_start(struct loader *l, struct problems *p)
{
    memset(l, 0, sizeof *l);
    l->problems = p;
    l->config = calloc(1, sizeof *l->config);
    if (l->config == NULL)
        loader_no_memory(l);
    return l->config != NULL;
}

struct config *config_load(const char *const *files, size_t n, const char *env, struct problems *p)
{
    struct loader l;
    size_t i, overlays = 0;

    if (!load_start(&l, p))
        return NULL;
    if (env != NULL && !env_check(&l, env))
        return load_end(&l);
    for (i = 0; i < n; i++) {
        load_file(&l, files[i], NULL);
        if (env != NULL)
            overlays += (size_t)load_overlay(&l, files[i], env);
    }
    if (n == 0)
        problem_add(p, nowhere, "name it with -c FILE", "no config file is given");
    else if (env != NULL && overlays == 0)
        problem_add(p, (struct origin){files[0], 0, 0},
                    "the overlay of BASE.yaml is BASE.ENV.yaml, beside it",
                    "there is no overlay for the environment '%s'", env);
    return load_end(&l);
}

struct config *config_parse(const char *name, const char *text, size_t len, struct problems *p)
{
    struct origin at = {name, 0, 0};
    struct loader l;
    char *copy;

    if (!load_start(&l, p))
        return NULL;
    if (len > CONFIG_MAX_FILE) {
        problem_add(p, at, NULL, "the config is larger than %u bytes", CONFIG_MAX_FILE);
        return load_end(&l);
    }
    copy = malloc(len + 1);
    at.file = loader_intern(&l, name);
    if (copy == NULL) {
        loader_no_memory(&l);
    } else if (at.file != NULL) {
        if (len > 0)
            memcpy(copy, text, len);
        copy[len] = '\0';
        load_tree(&l, config_read_text(&l, at.file, copy, len, ends_with(name, ".json")));
        explicit_bzero(copy, len);
    }
    free(copy);
    return load_end(&l);
}
