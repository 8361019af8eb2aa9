/* aws_profile: "[name]" in the credentials file, "[profile name]" (or "[default]") in the
 * config file; "key = value" below; '#' and ';' begin a comment line, indented lines
 * belong to a nested setting and are passed over. */
#include "aws_profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "file_text.h"

#define PROFILE_FILE_MAX (1024u * 1024u)

static int read_one(const char *(*env)(const char *name), const char *variable, const char *below_home,
                    char **out, struct sluice_error *err)
{
    const char *path = env(variable), *home = env("HOME");
    char made[4096];

    *out = NULL;
    if (path == NULL || path[0] == '\0') {
        if (home == NULL || snprintf(made, sizeof made, "%s/.aws/%s", home, below_home) >= (int)sizeof made)
            return 0;
        path = made;
    }
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return 0;
    *out = file_text_read(path, PROFILE_FILE_MAX, NULL, err);
    return *out == NULL ? -1 : 0;
}

int aws_profiles_read(const char *(*env)(const char *name), struct aws_profiles *out,
                      struct sluice_error *err)
{
    if (read_one(env, "AWS_CONFIG_FILE", "config", &out->config, err) != 0)
        return -1;
    if (read_one(env, "AWS_SHARED_CREDENTIALS_FILE", "credentials", &out->credentials, err) == 0)
        return 0;
    file_text_free(out->config);
    out->config = NULL;
    return -1;
}

void aws_profiles_release(struct aws_profiles *p)
{
    file_text_free(p->config);
    file_text_free(p->credentials);
    p->config = p->credentials = NULL;
}

static void trim(struct sluice_str *s)
{
    while (s->len > 0 && (s->data[0] == ' ' || s->data[0] == '\t')) {
        s->data++;
        s->len--;
    }
    while (s->len > 0 &&
           (s->data[s->len - 1] == ' ' || s->data[s->len - 1] == '\t' || s->data[s->len - 1] == '\r'))
        s->len--;
}

/* The next line; 0 at the end. */
static int next_line(const char **at, struct sluice_str *line)
{
    const char *end;

    if (**at == '\0')
        return 0;
    end = strchr(*at, '\n');
    line->data = *at;
    line->len = end == NULL ? strlen(*at) : (uint64_t)(end - *at);
    *at = end == NULL ? *at + line->len : end + 1;
    return 1;
}

static int is_section(struct sluice_str line, const char *profile, int of_config)
{
    struct sluice_str name = line;
    const char *end = memchr(line.data, ']', (size_t)line.len);

    if (end == NULL)
        return 0;
    name.data++;
    name.len = (uint64_t)(end - name.data);
    trim(&name);
    if (of_config && name.len > 8 && memcmp(name.data, "profile", 7) == 0 &&
        (name.data[7] == ' ' || name.data[7] == '\t')) {
        name.data += 8;
        name.len -= 8;
        trim(&name);
    } else if (of_config && strcmp(profile, "default") != 0) {
        return 0;
    }
    return sluice_str_equal(name, sluice_str_of(profile));
}

/* key NULL: whether the section is there at all. */
static int search(const char *text, const char *profile, int of_config, const char *key,
                  struct sluice_str *found)
{
    struct sluice_str line, name;
    const char *at = text, *equals;
    int inside = 0, seen = 0;

    found->data = NULL;
    while (text != NULL && next_line(&at, &line)) {
        int indented = line.len > 0 && (line.data[0] == ' ' || line.data[0] == '\t');

        trim(&line);
        if (line.len == 0 || line.data[0] == '#' || line.data[0] == ';')
            continue;
        if (line.data[0] == '[' && !indented) {
            inside = is_section(line, profile, of_config);
            seen |= inside;
            continue;
        }
        equals = memchr(line.data, '=', (size_t)line.len);
        if (!inside || indented || key == NULL || equals == NULL)
            continue;
        name.data = line.data;
        name.len = (uint64_t)(equals - line.data);
        trim(&name);
        if (!sluice_str_equal(name, sluice_str_of(key)))
            continue;
        found->data = equals + 1; /* the last one counts */
        found->len = (uint64_t)(line.data + line.len - found->data);
        trim(found);
    }
    return seen;
}

int aws_profile_exists(const struct aws_profiles *p, const char *profile)
{
    struct sluice_str ignored;

    return search(p->credentials, profile, 0, NULL, &ignored) ||
           search(p->config, profile, 1, NULL, &ignored);
}

int aws_profile_get(const struct aws_profiles *p, const char *profile, const char *key, char *out,
                    size_t size)
{
    struct sluice_str found;

    (void)search(p->credentials, profile, 0, key, &found);
    if (found.data == NULL || found.len == 0)
        (void)search(p->config, profile, 1, key, &found);
    if (found.data == NULL || found.len == 0 || found.len >= size)
        return 0;
    memcpy(out, found.data, (size_t)found.len);
    out[found.len] = '\0';
    return 1;
}
