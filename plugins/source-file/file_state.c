/* file_state: the mark of a file in the host's state, as text that a person can read. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/stat.h>

#include "file_source.h"

#define STATE_KEY "position"
#define STATE_FORMAT                                                                                         \
    "v1 next=%" SCNu64 " ordinal=%" SCNu64 " size=%" SCNu64 " device=%" SCNu64 " inode=%" SCNu64             \
    " generation=%" SCNu32 " heads=%n"

uint32_t file_heads(int fd, uint64_t most, uint64_t heads[FILE_HEADS])
{
    unsigned char bytes[1u << (FILE_HEADS - 1)];
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    uint64_t have = 0;
    uint64_t i;
    uint32_t n = 0;

    if (most > sizeof bytes)
        most = sizeof bytes;
    while (have < most) {
        ssize_t got = pread(fd, bytes + have, most - have, (off_t)have);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        have += (uint64_t)got;
    }
    for (i = 0; i < have; i++) {
        hash = (hash ^ bytes[i]) * 1099511628211u;
        if (i + 1 == (uint64_t)1 << n)
            heads[n++] = hash;
    }
    return n;
}

/* The hashes at the end of the text; 1 if they are well formed. */
static int read_heads(const char *at, struct file_mark *mark)
{
    mark->n_heads = 0;
    while (*at != '\0') {
        char *end;

        if (mark->n_heads == FILE_HEADS)
            return 0;
        errno = 0;
        mark->heads[mark->n_heads++] = strtoull(at, &end, 16);
        if (end == at || errno != 0 || (*end != '\0' && *end != ','))
            return 0;
        at = *end == ',' ? end + 1 : end;
    }
    return 1;
}

uint32_t file_state_load(struct file_source *f, struct stream_mark *at, struct file_mark *mark, int *found,
                         struct sluice_error *err)
{
    char text[768];
    int used = 0;
    int64_t n = f->host->state_get(f->host, STATE_KEY, text, sizeof text - 1, err);

    *found = 0;
    if (n == -1)
        return SLUICE_OK;
    if (n == -2)
        return err != NULL && err->code != SLUICE_NONE ? err->code : SLUICE_FATAL;
    if (n < (int64_t)sizeof text) {
        text[n] = '\0';
        if (sscanf(text, STATE_FORMAT, &at->next, &at->ordinal, &mark->size, &mark->device, &mark->inode,
                   &at->generation, &used) == 6 &&
            used > 0 && read_heads(text + used, mark)) {
            *found = 1;
            return SLUICE_OK;
        }
    }
    return sluice_fail(
        err, SLUICE_FATAL, NULL,
        "the stored position of this source is not one that this version wrote; use another state_dir "
        "or another instance name to read %s from its start",
        f->path);
}

uint32_t file_state_store(struct record_stream *s, struct sluice_error *err)
{
    struct file_source *f = s->self;
    struct file_mark *m = &f->mark;
    char text[768];
    struct stat st;
    uint32_t i;
    int n;

    if (fstat(f->fd, &st) == 0)
        m->size = (uint64_t)st.st_size;
    /* The bytes that are final: what is done of a plain file, all of a gzip file. */
    m->n_heads = file_heads(f->fd, s->reader.gzip ? m->size : s->mark.next, m->heads);
    n = snprintf(text, sizeof text,
                 "v1 next=%" PRIu64 " ordinal=%" PRIu64 " size=%" PRIu64 " device=%" PRIu64 " inode=%" PRIu64
                 " generation=%" PRIu32 " heads=",
                 s->mark.next, s->mark.ordinal, m->size, m->device, m->inode, s->mark.generation);
    for (i = 0; i < m->n_heads; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%" PRIx64, i > 0 ? "," : "", m->heads[i]);
    return f->host->state_put(f->host, STATE_KEY, text, (uint64_t)n, err);
}
