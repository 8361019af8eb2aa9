/* file_drive: see file_drive.h. */
#include "file_drive.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <zlib.h>

#include "plugin_host_private.h"
#include "temp_dir.h"

#define IDLE_POLLS 3u

static char *join(const char *dir, const char *name)
{
    size_t len = strlen(dir) + strlen(name) + 2;
    char *path = malloc(len);

    ck_assert_ptr_nonnull(path);
    (void)snprintf(path, len, "%s/%s", dir, name);
    return path;
}

void file_drive_begin(struct file_drive *d)
{
    memset(d, 0, sizeof *d);
    d->dir = temp_dir_make();
    d->path = join(d->dir, "input");
    d->state = join(d->dir, "state");
    strbuf_init(&d->seen, 64u << 20);
}

void file_drive_end(struct file_drive *d)
{
    file_drive_close(d);
    strbuf_release(&d->seen);
    free(d->path);
    free(d->state);
    temp_dir_remove(d->dir);
}

static void put(struct file_drive *d, int flags, const void *data, size_t len)
{
    int fd = open(d->path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
    (void)close(fd);
}

void file_drive_write(struct file_drive *d, const void *data, size_t len)
{
    (void)unlink(d->path); /* a new file, not the old one changed */
    put(d, 0, data, len);
}

void file_drive_append(struct file_drive *d, const void *data, size_t len)
{
    put(d, O_APPEND, data, len);
}

void file_drive_text(struct file_drive *d, const char *text)
{
    file_drive_write(d, text, strlen(text));
}

void file_drive_gzip(struct file_drive *d, const void *data, size_t len)
{
    gzFile gz = gzopen(d->path, "ab");

    ck_assert_ptr_nonnull(gz);
    if (len > 0)
        ck_assert_int_eq(gzwrite(gz, data, (unsigned)len), (int)len);
    ck_assert_int_eq(gzclose(gz), Z_OK);
}

size_t file_drive_size(const struct file_drive *d)
{
    struct stat st;

    ck_assert_int_eq(stat(d->path, &st), 0);
    return (size_t)st.st_size;
}

void file_drive_cut(struct file_drive *d, size_t len)
{
    ck_assert_int_eq(truncate(d->path, (off_t)len), 0);
}

void file_drive_open(struct file_drive *d, const char *yaml)
{
    struct plugin_host_setup setup = {.state_dir = d->state};
    char text[2048];

    file_drive_close(d);
    (void)snprintf(text, sizeof text, "path: %s\n%s", d->path, yaml);
    d->host = plugin_host_open_with("source", "file", text, &setup);
    d->lane = 0;
}

void file_drive_forget(struct file_drive *d)
{
    struct sluice_error err;
    struct state_db *db = state_db_open(d->state, STATE_RUN, &err);

    ck_assert_ptr_nonnull(db);
    state_db_close(db);
    temp_dir_remove(d->state);
    d->state = join(d->dir, "state");
}

void file_drive_close(struct file_drive *d)
{
    if (d->host != NULL)
        plugin_host_close(d->host);
    d->host = NULL;
}

static void see(void *context, const struct sluice_record *r)
{
    struct file_drive *d = context;

    if (r->lane_id != d->lane)
        d->last_next = 0;
    d->lane = r->lane_id;
    ck_assert_uint_ge(r->position, d->last_next); /* positions grow and records do not overlap */
    ck_assert_uint_gt(r->next, r->position);
    d->last_next = r->next;
    d->records++;
    strbuf_printf(&d->seen, "%llu:", (unsigned long long)r->ordinal);
    strbuf_add(&d->seen, r->payload.data, r->payload.len);
    strbuf_putc(&d->seen, '|');
    ck_assert_int_eq(d->seen.failed, 0);
}

uint32_t file_drive_on(struct file_drive *d, uint64_t limit)
{
    error_clear(&d->err);
    return plugin_host_drive(d->host, see, d, limit, IDLE_POLLS, &d->err);
}

uint32_t file_drive_run(struct file_drive *d, const char *yaml, uint64_t limit)
{
    uint32_t code;

    file_drive_open(d, yaml);
    plugin_host_start(d->host);
    code = file_drive_on(d, limit);
    file_drive_close(d);
    return code;
}

const char *file_drive_seen(struct file_drive *d)
{
    static char *text;

    free(text);
    text = strdup(strbuf_text(&d->seen));
    ck_assert_ptr_nonnull(text);
    strbuf_clear(&d->seen);
    return text;
}
