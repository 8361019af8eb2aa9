/* module_open: from directories and files to modules of this process.
 *
 * Invariant: nothing of a file runs before its modes and its ELF headers were
 * looked at.  A file that a person named by hand is loaded in spite of its modes,
 * with a warning; one that was found in a directory is not. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf_file.h"
#include "module_load.h"
#include "strbuf.h"

#define ENTRY "sluice_plugin_entry_v1"
#define NEWEST_ENTRY 9 /* generations looked for, to name a newer module */

typedef const struct sluice_module *(*entry_call)(void);

int module_is_safe(const char *path, char *reason, size_t reason_cap, char *remedy, size_t remedy_cap)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        (void)snprintf(reason, reason_cap, "cannot be looked at: %s", strerror(errno));
        (void)snprintf(remedy, remedy_cap, "check that it exists and that you may read it");
        return 0;
    }
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        (void)snprintf(reason, reason_cap,
                       "belongs to user %lu, who is neither root nor the one who runs sluice",
                       (unsigned long)st.st_uid);
        (void)snprintf(remedy, remedy_cap, "chown %s %s",
                       geteuid() == 0 ? "root" : "it to root or to yourself:", path);
        return 0;
    }
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        (void)snprintf(reason, reason_cap, "can be written by %s, who could make sluice run anything",
                       (st.st_mode & S_IWOTH) != 0 ? "everybody" : "its group");
        (void)snprintf(remedy, remedy_cap, "chmod %s %s", (st.st_mode & S_IWOTH) != 0 ? "go-w" : "g-w", path);
        return 0;
    }
    return 1;
}

/* The file as it will be mapped: its modes, and those of the directory it really
 * stands in, since a link in a safe directory may lead out of it. */
static int file_is_safe(const char *file, char *reason, size_t reason_cap, char *remedy, size_t remedy_cap)
{
    char real[PATH_MAX], *slash;
    char inner[256];

    if (realpath(file, real) == NULL) {
        (void)snprintf(reason, reason_cap, "cannot be looked at: %s", strerror(errno));
        (void)snprintf(remedy, remedy_cap, "check that it exists and that you may read it");
        return 0;
    }
    if (!module_is_safe(real, reason, reason_cap, remedy, remedy_cap))
        return 0;
    slash = strrchr(real, '/');
    if (slash == real)
        slash++;
    *slash = '\0';
    if (module_is_safe(real, inner, sizeof inner, remedy, remedy_cap))
        return 1;
    (void)snprintf(reason, reason_cap, "stands in a directory that %s", inner);
    return 0;
}

static const char *keep_file(struct registry *r, const char *file)
{
    char **more = reallocarray(r->files, r->n_files + 1, sizeof *more);
    char *copy = strdup(file);

    if (more != NULL)
        r->files = more;
    if (more == NULL || copy == NULL) {
        free(copy);
        r->lost = 1;
        return NULL;
    }
    r->files[r->n_files++] = copy;
    return copy;
}

/* The module has no entry of our generation: perhaps it has another one. */
static int refuse_entry(struct registry *r, const char *file, void *handle)
{
    char name[sizeof ENTRY + 16];
    int generation;

    for (generation = 2; generation <= NEWEST_ENTRY; generation++) {
        (void)snprintf(name, sizeof name, "sluice_plugin_entry_v%d", generation);
        if (dlsym(handle, name) != NULL)
            return registry_refuse(
                r, file, "use a newer sluice, or an older version of the plugin",
                "exports %s, a generation of the plugin interface that this sluice does not know", name);
    }
    return registry_refuse(r, file, "define it with SLUICE_MODULE(…), or remove the file from the directory",
                           "does not export " ENTRY ", so it is no plugin");
}

static int refuse_dlopen(struct registry *r, const char *file, const char *message)
{
    const char *start = message == NULL ? "no reason given" : message;
    size_t len = strlen(file);
    char remedy[PATH_MAX + 64];

    /* The linker starts with the file's name, which the refusal says already. */
    if (strncmp(start, file, len) == 0 && start[len] == ':')
        start += len + 1 + (start[len + 1] == ' ');
    (void)snprintf(remedy, sizeof remedy, "see what is missing: ldd -r %s", file);
    return registry_refuse(r, file, remedy, "cannot be linked: %s", start);
}

static int open_module(struct registry *r, const char *file)
{
    struct elf_reason why;
    entry_call entry;
    void *handle, *symbol;
    size_t len;
    unsigned char *data;
    const char *kept;
    int sound;

    data = elf_read(file, &len, &why);
    sound = data != NULL && elf_check(data, len, &why) == 0;
    free(data);
    if (!sound)
        return registry_refuse(r, file, why.remedy, "%s", why.reason);
    kept = keep_file(r, file);
    if (kept == NULL)
        return registry_refuse(r, file, "free some memory", "does not fit into memory");
    (void)dlerror();
    handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return refuse_dlopen(r, file, dlerror());
    symbol = dlsym(handle, ENTRY);
    if (symbol == NULL)
        return refuse_entry(r, file, handle);
    memcpy(&entry, &symbol, sizeof entry);
    return registry_add(r, entry(), kept);
}

int registry_load(struct registry *r, const char *file, char *warning, size_t cap)
{
    char reason[512], remedy[PATH_MAX + 64], real[PATH_MAX];

    if (cap > 0)
        warning[0] = '\0';
    if (r->before_file != NULL && !r->before_file(r->context, file))
        return -1;
    if (access(file, F_OK) == 0 && !file_is_safe(file, reason, sizeof reason, remedy, sizeof remedy))
        (void)snprintf(warning, cap, "%s %s; a pipeline would refuse it (remedy: %s)", file, reason, remedy);
    /* dlopen looks for a name without a slash elsewhere. */
    return open_module(r, realpath(file, real) == NULL ? file : real);
}

static int ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n > m && strcmp(text + n - m, end) == 0;
}

static int only_modules(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && ends_with(entry->d_name, ".so");
}

static void scan_file(struct registry *r, const char *dir, const char *name)
{
    char reason[512], remedy[PATH_MAX + 64];
    struct strbuf path;

    strbuf_init(&path, PATH_MAX);
    strbuf_printf(&path, "%s/%s", dir, name);
    if (path.failed)
        (void)registry_refuse(r, dir, "use shorter names", "holds a file whose path is too long");
    else if (r->before_file != NULL && !r->before_file(r->context, path.data))
        ;
    else if (!file_is_safe(path.data, reason, sizeof reason, remedy, sizeof remedy))
        (void)registry_refuse(r, path.data, remedy, "%s", reason);
    else
        (void)open_module(r, path.data);
    strbuf_release(&path);
}

/* Remembers the directory; 0 if it was searched before, by this or another name. */
static int add_dir(struct registry *r, const char *real)
{
    char **more;
    size_t i;

    for (i = 0; i < r->n_dirs; i++)
        if (strcmp(r->dirs[i], real) == 0)
            return 0;
    more = reallocarray(r->dirs, r->n_dirs + 1, sizeof *more);
    if (more != NULL) {
        r->dirs = more;
        r->dirs[r->n_dirs] = strdup(real);
    }
    if (more == NULL || r->dirs[r->n_dirs] == NULL) {
        r->lost = 1;
        return 0;
    }
    r->n_dirs++;
    return 1;
}

void registry_scan(struct registry *r, const char *dir)
{
    char reason[512], remedy[PATH_MAX + 64], real[PATH_MAX];
    struct dirent **entries;
    int i, n;

    if (realpath(dir, real) == NULL) {
        (void)registry_refuse(r, dir, "make it, or name the directory that holds the plugins",
                              "cannot be searched for plugins: %s", strerror(errno));
        return;
    }
    if (!module_is_safe(real, reason, sizeof reason, remedy, sizeof remedy)) {
        (void)registry_refuse(r, real, remedy, "%s, so no plugin is taken from it", reason);
        return;
    }
    if (!add_dir(r, real))
        return;
    /* In the order of their names, so that two runs tell the same. */
    n = scandir(real, &entries, only_modules, alphasort);
    if (n < 0) {
        (void)registry_refuse(r, real, "name the directory that holds the plugins",
                              "cannot be searched for plugins: %s", strerror(errno));
        return;
    }
    for (i = 0; i < n; i++) {
        scan_file(r, real, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

void registry_scan_standard(struct registry *r)
{
    const char *path = getenv("SLUICE_PLUGIN_PATH");
    char *copy, *rest, *dir;

    if (path == NULL || path[0] == '\0') {
        /* Nothing installed yet is no fault. */
        if (access(SLUICE_PLUGIN_DIR, F_OK) == 0)
            registry_scan(r, SLUICE_PLUGIN_DIR);
        return;
    }
    copy = strdup(path);
    if (copy == NULL) {
        r->lost = 1;
        return;
    }
    for (rest = copy; (dir = strsep(&rest, ":")) != NULL;)
        if (dir[0] != '\0')
            registry_scan(r, dir);
    free(copy);
}
