#include "backfill_folder.h"

#include <errno.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "strbuf.h"

#define FOLDER_NAME "sluice-backfill.XXXXXX"
#define FOLDER_PATTERN "sluice-backfill.??????"
#define FOLDER_FDS 16

char *backfill_folder_file(const char *folder, const char *name)
{
    struct strbuf b;

    strbuf_init(&b, PATH_MAX + 256u);
    strbuf_printf(&b, "%s/%s", folder, name);
    return strbuf_take(&b);
}

char *backfill_folder_make(const char *parent, struct sluice_error *err)
{
    char *absolute, *folder;

    if (parent == NULL)
        parent = getenv("TMPDIR");
    if (parent == NULL || parent[0] == '\0')
        parent = "/tmp";
    absolute = realpath(parent, NULL);
    folder = absolute == NULL ? NULL : backfill_folder_file(absolute, FOLDER_NAME);
    if (folder == NULL || mkdtemp(folder) == NULL) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "no folder can be made in %.200s: %s", parent,
                          strerror(errno));
        free(folder);
        folder = NULL;
    }
    free(absolute);
    return folder;
}

static int remove_one(const char *path, const struct stat *st, int what, struct FTW *at)
{
    (void)st;
    (void)what;
    (void)at;
    (void)remove(path);
    return 0;
}

void backfill_folder_remove(char *folder)
{
    if (folder == NULL)
        return;
    (void)nftw(folder, remove_one, FOLDER_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    free(folder);
}

void backfill_folder_sweep(const char *parent)
{
    char *pattern = backfill_folder_file(parent, FOLDER_PATTERN);
    glob_t found;
    size_t i;

    if (pattern != NULL && strpbrk(parent, "*?[\\") == NULL && glob(pattern, 0, NULL, &found) == 0) {
        for (i = 0; i < found.gl_pathc; i++)
            (void)nftw(found.gl_pathv[i], remove_one, FOLDER_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
        globfree(&found);
    }
    free(pattern);
}
