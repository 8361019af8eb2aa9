/* file_state: the mark of a file in the host's state, as text that a person can read. */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>
#include <sys/stat.h>

#include "file_source.h"

#define STATE_KEY "position"
#define STATE_FORMAT                                                                                         \
    "v1 next=%" SCNu64 " ordinal=%" SCNu64 " size=%" SCNu64 " device=%" SCNu64 " inode=%" SCNu64             \
    " head=%" SCNu32 ":%" SCNx64 " generation=%" SCNu32 "%n"

uint64_t file_hash(const void *data, size_t len)
{
    const unsigned char *p = data;
    uint64_t h = 14695981039346656037u;
    size_t i;

    for (i = 0; i < len; i++)
        h = (h ^ p[i]) * 1099511628211u;
    return h;
}

int file_head_hash(int fd, uint32_t len, uint64_t *hash)
{
    char head[FILE_IDENTITY_BYTES];
    size_t have = 0;
    ssize_t n;

    if (len > sizeof head)
        return -1;
    while (have < len) {
        n = pread(fd, head + have, len - have, (off_t)have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        have += (size_t)n;
    }
    *hash = file_hash(head, len);
    return 0;
}

uint32_t file_state_load(struct file_source *f, struct file_mark *mark, int *found, struct sluice_error *err)
{
    char text[512];
    int used = 0;
    int64_t n = f->host->state_get(f->host, STATE_KEY, text, sizeof text - 1, err);

    *found = 0;
    if (n == -1)
        return SLUICE_OK;
    if (n == -2)
        return err != NULL && err->code != SLUICE_NONE ? err->code : SLUICE_FATAL;
    if (n < (int64_t)sizeof text) {
        text[n] = '\0';
        if (sscanf(text, STATE_FORMAT, &mark->next, &mark->ordinal, &mark->size, &mark->device, &mark->inode,
                   &mark->head_len, &mark->head_hash, &mark->generation, &used) == 8 &&
            used == n && mark->head_len <= FILE_IDENTITY_BYTES) {
            *found = 1;
            return SLUICE_OK;
        }
    }
    return sluice_fail(err, SLUICE_FATAL, NULL,
                       "the stored position of this source is not one that this version wrote; use another state_dir "
                       "or another instance name to read %s from its start", f->path);
}

uint32_t file_state_store(struct file_source *f, struct sluice_error *err)
{
    struct file_mark *m = &f->mark;
    char text[512];
    struct stat st;
    uint64_t head;
    uint32_t code;
    int n;

    if (fstat(f->fd, &st) == 0)
        m->size = (uint64_t)st.st_size;
    /* The head that is final: what is done of a plain file, all of a gzip file. */
    head = f->reader.gzip ? m->size : m->next;
    m->head_len = head < FILE_IDENTITY_BYTES ? (uint32_t)head : FILE_IDENTITY_BYTES;
    if (file_head_hash(f->fd, m->head_len, &m->head_hash) != 0) {
        m->head_len = 0; /* it shrank meanwhile; poll will say so */
        m->head_hash = file_hash("", 0);
    }
    n = snprintf(text, sizeof text,
                 "v1 next=%" PRIu64 " ordinal=%" PRIu64 " size=%" PRIu64 " device=%" PRIu64 " inode=%" PRIu64
                 " head=%" PRIu32 ":%" PRIx64 " generation=%" PRIu32,
                 m->next, m->ordinal, m->size, m->device, m->inode, m->head_len, m->head_hash, m->generation);
    code = f->host->state_put(f->host, STATE_KEY, text, (uint64_t)n, err);
    if (code == SLUICE_OK)
        f->stored_next = m->next;
    return code;
}

uint32_t file_settle(void *self, const struct sluice_acks *acks, struct sluice_error *err)
{
    struct file_source *f = self;
    const struct sluice_ack *last = NULL;
    struct file_mark before;
    uint32_t code;
    uint32_t i;

    for (i = 0; i < acks->n; i++) {
        const struct sluice_ack *ack = (const void *)((const char *)acks->items + (size_t)i * acks->stride);

        if (ack->lane == f->lane && (last == NULL || ack->next > last->next))
            last = ack;
    }
    if (last == NULL || (last->next <= f->mark.next && f->stored_next == f->mark.next))
        return SLUICE_OK;
    before = f->mark;
    f->mark.next = last->next;
    f->mark.ordinal = last->ordinal;
    code = file_state_store(f, err);
    if (code != SLUICE_OK)
        f->mark = before; /* asked again later */
    return code;
}
