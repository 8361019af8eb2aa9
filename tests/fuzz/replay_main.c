/* replay_main: runs a fuzz target over files instead of under libFuzzer.
 *
 * With arguments: over those files and folders.  Without: over the target's own corpus,
 * tests/fuzz/corpus/NAME for replay_NAME, so that `make check` replays all that was ever
 * found.  An empty corpus is a failure: it would prove nothing. */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long replayed;

static int replay_file(const char *path, size_t size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(size + 1);
    size_t n = 0;
    int ok = f != NULL && data != NULL;

    if (ok)
        n = fread(data, 1, size, f);
    if (f != NULL)
        fclose(f);
    if (!ok || n != size) {
        fprintf(stderr, "cannot read %s\n", path);
        free(data);
        return 0;
    }
    /* If the target crashes, this is the input that did it. */
    printf("%s\n", path);
    fflush(stdout);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    replayed++;
    return 1;
}

static int replay(const char *path)
{
    char inner[4096];
    struct dirent *entry;
    struct stat st;
    DIR *dir;
    int ok = 1;

    if (stat(path, &st) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 0;
    }
    if (!S_ISDIR(st.st_mode))
        return replay_file(path, (size_t)st.st_size);
    dir = opendir(path);
    if (dir == NULL)
        return 0;
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) >= (int)sizeof inner ||
            !replay(inner))
            ok = 0;
    }
    closedir(dir);
    return ok;
}

int main(int argc, char **argv)
{
    const char *top = getenv("top_srcdir"), *name = strrchr(argv[0], '/');
    char corpus[4096];
    int i, ok = 1;

    for (i = 1; i < argc; i++)
        ok &= replay(argv[i]);
    if (argc < 2) {
        name = name == NULL ? argv[0] : name + 1;
        name = strstr(name, "replay_") == NULL ? name : strstr(name, "replay_") + 7;
        (void)snprintf(corpus, sizeof corpus, "%s/tests/fuzz/corpus/%s", top == NULL ? "." : top, name);
        ok = replay(corpus);
    }
    if (replayed == 0)
        fputs("nothing was replayed\n", stderr);
    return ok && replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
