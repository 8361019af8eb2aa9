/* place_store: a list of ids put where the gate will fetch it. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "place.h"

#define PUT_MS 120000u /* a list takes longer than the timeout of a look at a flag allows */

static uint32_t file_trouble(const char *path, int fd, const char *temp, struct sluice_error *err)
{
    int why = errno;

    if (fd >= 0)
        (void)close(fd);
    if (temp != NULL)
        (void)unlink(temp);
    return sluice_fail(err, SLUICE_FATAL, "lists", "%.300s cannot be written: %s", path, strerror(why));
}

/* Whole or not at all: a gate that looks meanwhile sees the old list or the new one. */
static uint32_t store_file(const char *path, struct sluice_str text, struct sluice_error *err)
{
    char temp[4300];
    uint64_t done = 0;
    ssize_t n;
    int fd;

    (void)snprintf(temp, sizeof temp, "%s.new", path);
    fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return file_trouble(path, fd, NULL, err);
    while (done < text.len) {
        n = write(fd, text.data + done, (size_t)(text.len - done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_trouble(path, fd, temp, err);
        done += (uint64_t)n;
    }
    if (fsync(fd) != 0)
        return file_trouble(path, fd, temp, err);
    if (close(fd) != 0 || rename(temp, path) != 0)
        return file_trouble(path, -1, temp, err);
    return SLUICE_OK;
}

uint32_t place_store(const struct fetcher *f, const struct place *p, const char *name, struct sluice_str text,
                     struct sluice_error *err)
{
    char full[4200];

    if (p->kind == PLACE_NONE)
        return sluice_fail(err, SLUICE_FATAL, "lists", "the option lists does not say where lists are");
    if (p->kind == PLACE_HTTP)
        return sluice_fail(
            err, SLUICE_FATAL, "lists",
            "lists are fetched from %.200s, and nothing is put there from here; put the file there "
            "yourself",
            p->base);
    if (text.len > f->max_bytes)
        return sluice_fail(err, SLUICE_FATAL, "max_bytes",
                           "%llu bytes are more than the gate takes of a list (max_bytes: %llu)",
                           (unsigned long long)text.len, (unsigned long long)f->max_bytes);
    if (place_join(p, name, full, sizeof full) != 0)
        return sluice_fail(err, SLUICE_FATAL, NULL, "an address of more than 4096 bytes");
    if (p->kind == PLACE_FILE)
        return store_file(full, text, err);
    return aws_s3_put(&f->s3, p->bucket, full, text, "text/csv",
                      f->timeout_ms > PUT_MS ? f->timeout_ms : PUT_MS, err);
}
