/* temp_dir: mkdtemp and its undoing. */
#include "temp_dir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *temp_dir_make(void)
{
    const char *base = getenv("TMPDIR");
    char path[4096], *dir;

    if (base == NULL || base[0] == '\0')
        base = "/tmp";
    if (snprintf(path, sizeof path, "%s/sluice-test-XXXXXX", base) >= (int)sizeof path)
        return NULL;
    dir = mkdtemp(path);
    if (dir == NULL) {
        perror("temp_dir_make");
        exit(99);
    }
    return strdup(dir);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void temp_dir_remove(char *dir)
{
    if (dir != NULL)
        (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    free(dir);
}
