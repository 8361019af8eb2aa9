/* option_value: the values of a checked block: reading, and forgetting them.
 *
 * Invariant: what is secret is overwritten before its memory is given back. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "option_internal.h"

static void text_free(char *text, int secret)
{
    if (text != NULL && secret)
        explicit_bzero(text, strlen(text));
    free(text);
}

static void texts_free(char **texts, size_t n, int secret)
{
    size_t i;

    for (i = 0; texts != NULL && i < n; i++)
        text_free(texts[i], secret);
    free(texts);
}

void option_value_release(struct option_value *v)
{
    size_t i;

    text_free(v->text, v->secret);
    texts_free(v->items, v->n, v->secret);
    for (i = 0; v->entries != NULL && i < v->n; i++) {
        texts_free(v->entries[i].values, v->entries[i].n, v->secret);
        free(v->entries[i].key);
    }
    free(v->entries);
    memset(v, 0, sizeof *v);
}

void option_free(struct sluice_config *c)
{
    size_t i;

    if (c == NULL)
        return;
    for (i = 0; i < c->n; i++)
        option_value_release(&c->values[i]);
    free(c->values);
    free(c->owner);
    free(c);
}

static void check_file(const struct sluice_config *c, const struct option_value *v, struct problems *p)
{
    struct stat st;
    int fd;

    if (stat(v->text, &st) != 0) {
        problem_add(p, v->origin, "a relative path starts at the config file that names it",
                    "'%s' of %s: cannot open '%s': %s", v->option->name, c->owner, v->text, strerror(errno));
        return;
    }
    if (S_ISDIR(st.st_mode)) {
        problem_add(p, v->origin, NULL, "'%s' of %s: '%s' is a directory, a file was expected",
                    v->option->name, c->owner, v->text);
        return;
    }
    if (!S_ISREG(st.st_mode)) { /* opening a FIFO or a device may do something */
        if (access(v->text, R_OK) != 0)
            problem_add(p, v->origin, NULL, "'%s' of %s: cannot read '%s': %s", v->option->name, c->owner,
                        v->text, strerror(errno));
        return;
    }
    fd = open(v->text, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        problem_add(p, v->origin, "check the file's owner and mode", "'%s' of %s: cannot open '%s': %s",
                    v->option->name, c->owner, v->text, strerror(errno));
    else
        (void)close(fd);
}

void option_check_files(const struct sluice_config *c, struct problems *p)
{
    const struct option_value *v;
    size_t i;

    for (i = 0; i < c->n; i++) {
        v = &c->values[i];
        if (v->option->type == SLUICE_PATH && v->text != NULL && (v->option->flags & SLUICE_CREATES) == 0)
            check_file(c, v, p);
    }
}

/* NULL: the table has no such option. */
static const struct option_value *find_value(const struct sluice_config *c, const char *name)
{
    size_t i;

    for (i = 0; i < c->n; i++)
        if (strcmp(c->values[i].option->name, name) == 0)
            return &c->values[i];
    return NULL;
}

struct origin option_origin(const struct sluice_config *c, const char *name)
{
    const struct option_value *v = find_value(c, name);

    return v != NULL ? v->origin : c->origin;
}

uint32_t option_given(const struct sluice_config *c, const char *name)
{
    const struct option_value *v = find_value(c, name);

    return v != NULL && v->given;
}

const char *option_string(const struct sluice_config *c, const char *name)
{
    const struct option_value *v = find_value(c, name);

    return v != NULL ? v->text : NULL;
}

int64_t option_integer(const struct sluice_config *c, const char *name)
{
    const struct option_value *v = find_value(c, name);

    return v != NULL ? v->integer : 0;
}

double option_number(const struct sluice_config *c, const char *name)
{
    const struct option_value *v = find_value(c, name);

    if (v == NULL)
        return 0;
    return v->option->type == SLUICE_NUMBER ? v->number : (double)v->integer;
}

uint64_t option_count(const struct sluice_config *c, const char *name)
{
    const struct option_value *v = find_value(c, name);

    return v != NULL ? v->n : 0;
}

const char *option_item(const struct sluice_config *c, const char *name, uint64_t i)
{
    const struct option_value *v = find_value(c, name);

    if (v == NULL || i >= v->n)
        return NULL;
    return v->entries != NULL ? v->entries[i].key : v->items[i];
}

uint64_t option_values(const struct sluice_config *c, const char *name, uint64_t i)
{
    const struct option_value *v = find_value(c, name);

    return v != NULL && v->entries != NULL && i < v->n ? v->entries[i].n : 0;
}

const char *option_value(const struct sluice_config *c, const char *name, uint64_t i, uint64_t j)
{
    const struct option_value *v = find_value(c, name);

    if (v == NULL || v->entries == NULL || i >= v->n || j >= v->entries[i].n)
        return NULL;
    return v->entries[i].values[j];
}
