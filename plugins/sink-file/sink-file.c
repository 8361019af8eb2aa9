/* sink/file: appends records to a file, one line each.
 *
 * Invariant: `good` is where the file ends with whole, durable lines.  Whatever goes
 * wrong, the file is cut back to `good` before anything else is written, so it never
 * holds half a line, and a record that was told OK is on the disk. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sink_file.h"

static const struct sluice_option file_options[] = {
    {.name = "path",
     .type = SLUICE_PATH,
     .flags = SLUICE_REQUIRED | SLUICE_CREATES,
     .summary = "file to append to; made if it is not there",
     .example = "out.jsonl"},
    {.name = "write",
     .type = SLUICE_CHOICE,
     .default_text = "document",
     .choices = "document|payload",
     .summary = "what of a record becomes a line",
     .details =
         "document: the document as compact JSON, as the stages left it. payload: the bytes as the source "
         "delivered them; a payload with a newline inside is refused."},
};

static uint32_t file_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                            struct sluice_error *err)
{
    struct file_sink *s = calloc(1, sizeof *s);

    if (s == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    s->host = host;
    s->path = host->option_string(config, "path");
    s->payload = host->option_integer(config, "write") == 1;
    s->fd = -1;
    *self = s;
    return SLUICE_OK;
}

static void file_destroy(void *self)
{
    struct file_sink *s = self;

    free(s->lines);
    free(s);
}

/* --- opening ----------------------------------------------------------------------- */

uint32_t file_say(const struct file_sink *s, uint32_t code, struct sluice_error *err, const char *what)
{
    return sluice_fail(err, code, "path", "%s: %s: %s", s->path, what, strerror(errno));
}

/* Once made, the name of the file must survive a power cut too. */
static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    char *folder = slash == NULL ? strdup(".") : strndup(path, len == 0 ? 1 : len);
    int fd, failed;

    if (folder == NULL)
        return -1;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd < 0)
        return -1;
    failed = fsync(fd) != 0;
    (void)close(fd);
    return failed ? -1 : 0;
}

/* Offset behind the last newline before size; 0 if there is none; -1 failed. */
static off_t last_line_end(int fd, off_t size)
{
    char block[4096];

    while (size > 0) {
        size_t want = size < (off_t)sizeof block ? (size_t)size : sizeof block;
        ssize_t got = pread(fd, block, want, size - (off_t)want);
        const char *newline;

        if (got != (ssize_t)want)
            return -1;
        newline = memrchr(block, '\n', want);
        if (newline != NULL)
            return size - (off_t)want + (newline - block) + 1;
        size -= (off_t)want;
    }
    return 0;
}

/* What stands behind good is half a line that a crash left. */
uint32_t file_find_good(struct file_sink *s, struct sluice_error *err)
{
    struct stat st;

    if (fstat(s->fd, &st) != 0)
        return file_say(s, SLUICE_RETRY, err, "cannot be looked at");
    if (!S_ISREG(st.st_mode))
        return sluice_fail(err, SLUICE_FATAL, "path",
                           "%s is not a regular file; its lines could not be made durable", s->path);
    s->good = last_line_end(s->fd, st.st_size);
    if (s->good < 0)
        return file_say(s, SLUICE_RETRY, err, "cannot be read");
    if (s->good == 0 && st.st_size > 0)
        return sluice_fail(err, SLUICE_FATAL, "path",
                           "%s holds %lld bytes and no whole line; if it is the rest of a crash remove it, "
                           "else name another file",
                           s->path, (long long)st.st_size);
    s->torn = s->good < st.st_size;
    if (s->torn)
        sluice_log(s->host, SLUICE_WARN,
                   "%s ends with %lld bytes of half a line, never acknowledged; they are cut off", s->path,
                   (long long)(st.st_size - s->good));
    return SLUICE_OK;
}

static void file_close(struct file_sink *s)
{
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
}

/* Is the open file still the one of that name?  It is not once it was moved away. */
static int is_current(const struct file_sink *s)
{
    struct stat open_one, named;

    return fstat(s->fd, &open_one) == 0 && stat(s->path, &named) == 0 && open_one.st_dev == named.st_dev &&
           open_one.st_ino == named.st_ino;
}

static uint32_t open_locked(struct file_sink *s, struct sluice_error *err)
{
    s->fd = open(s->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (s->fd < 0)
        return file_say(s, SLUICE_RETRY, err, "cannot be opened");
    if (flock(s->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return sluice_fail(err, SLUICE_RETRY, "path", "%s is written by another sink; give each its own file",
                           s->path);
    if (sync_folder(s->path) != 0)
        return file_say(s, SLUICE_RETRY, err, "its folder cannot be synced");
    return file_find_good(s, err);
}

uint32_t file_open(struct file_sink *s, struct sluice_error *err)
{
    uint32_t code;

    if (s->fd >= 0) {
        if (s->torn || is_current(s))
            return SLUICE_OK;
        sluice_log(s->host, SLUICE_INFO, "%s was moved or removed; a new one is begun", s->path);
        file_close(s);
    }
    code = open_locked(s, err);
    if (code != SLUICE_OK)
        file_close(s);
    return code;
}

static uint32_t file_start(void *self, struct sluice_error *err)
{
    return file_open(self, err);
}

static uint32_t file_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    struct file_sink *s = self;
    int failed;

    (void)deadline_ms;
    failed = s->fd >= 0 && close(s->fd) != 0;
    s->fd = -1;
    s->torn = 0; /* the next start looks for itself */
    return failed ? file_say(s, SLUICE_RETRY, err, "closing failed") : SLUICE_OK;
}

static const struct sluice_lifecycle file_lifecycle = {
    .struct_size = sizeof file_lifecycle,
    .create = file_create,
    .destroy = file_destroy,
    .start = file_start,
    .stop = file_stop,
};

static const struct sluice_sink_ops file_ops = {
    .struct_size = sizeof file_ops,
    .write = file_write,
};

static const struct sluice_plugin file_plugin = {
    .struct_size = sizeof file_plugin,
    .min_host_minor = 1,
    .kind = SLUICE_SINK,
    .flags = 0,
    .name = "file",
    .version = "0.1.0",
    .summary = "appends records to a file, one JSON line each",
    .licence = "MIT",
    SLUICE_OPTIONS(file_options),
    .lifecycle = &file_lifecycle,
    .ops = &file_ops,
    .example = "plugin: file\n"
               "path: ${tmp}/out.jsonl\n",
};

SLUICE_MODULE("sink-file", NULL, NULL, &file_plugin);
