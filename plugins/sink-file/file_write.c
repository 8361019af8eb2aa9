/* file_write: a batch is in the file as a whole or not at all. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sink_file.h"

static int lines_reserve(struct file_sink *s, uint64_t more)
{
    size_t cap = s->cap == 0 ? 65536 : s->cap;
    char *grown;

    if (more > (uint64_t)FILE_MAX_LINE + FILE_WRITE_AT)
        return -1;
    while (cap - s->len < more)
        cap *= 2;
    if (cap == s->cap)
        return 0;
    grown = realloc(s->lines, cap);
    if (grown == NULL)
        return -1;
    s->lines = grown;
    s->cap = cap;
    return 0;
}

/* Empties, and gives back what one huge line needed. */
static void lines_clear(struct file_sink *s)
{
    s->len = 0;
    if (s->cap <= 4 * FILE_WRITE_AT)
        return;
    free(s->lines);
    s->lines = NULL;
    s->cap = 0;
}

static int lines_write(struct file_sink *s)
{
    size_t done = 0;

    if (s->len > 0)
        s->torn = 1;
    while (done < s->len) {
        ssize_t put = write(s->fd, s->lines + done, s->len - done);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return -1;
        done += (size_t)put;
    }
    lines_clear(s);
    return 0;
}

static int reject(const struct sluice_verdicts *verdicts, uint32_t i, const char *reason, const char *detail)
{
    sluice_verdict_set(verdicts, i, SLUICE_REJECT, reason, detail);
    return 0;
}

/* The record's line.  1, 0 with the verdict written since it gets none, -1 no memory. */
static int add_line(struct file_sink *s, struct sluice_record *record, const struct sluice_verdicts *verdicts,
                    uint32_t i)
{
    const struct sluice_host *host = s->host;
    const struct sluice_node *root = host->record->document(record);
    struct sluice_str payload = host->record->payload(record);
    uint64_t len = s->payload ? payload.len : host->document->write_json(root, NULL, 0);

    if (!s->payload && root == NULL)
        return reject(verdicts, i, "no_document",
                      "the record has no document; use write: payload, or a decoder");
    if (s->payload && len > 0 && memchr(payload.data, '\n', (size_t)len) != NULL)
        return reject(verdicts, i, "newline_in_payload",
                      "the payload holds a newline and would be two lines; use write: document");
    if (len > FILE_MAX_LINE)
        return reject(verdicts, i, "too_long", "the line would be longer than 256 MiB");
    if (lines_reserve(s, len + 1) != 0)
        return -1;
    if (!s->payload)
        (void)host->document->write_json(root, s->lines + s->len, len);
    else if (len > 0)
        memcpy(s->lines + s->len, payload.data, (size_t)len);
    s->len += (size_t)len;
    s->lines[s->len++] = '\n';
    return 1;
}

/* The file of that name, with nothing behind good. */
static uint32_t make_ready(struct file_sink *s, struct sluice_error *err)
{
    struct stat st;
    uint32_t code = file_open(s, err);

    if (code != SLUICE_OK)
        return code == SLUICE_FATAL ? code : SLUICE_DISCONNECTED;
    if (s->torn) {
        if (ftruncate(s->fd, s->good) != 0)
            return file_say(s, SLUICE_DISCONNECTED, err, "half a line cannot be cut off");
        s->torn = 0;
        return SLUICE_OK;
    }
    if (fstat(s->fd, &st) != 0)
        return file_say(s, SLUICE_DISCONNECTED, err, "cannot be looked at");
    if (st.st_size == s->good)
        return SLUICE_OK;
    sluice_log(s->host, SLUICE_WARN, "%s was changed by somebody else", s->path);
    code = file_find_good(s, err);
    if (code != SLUICE_OK)
        return code == SLUICE_FATAL ? code : SLUICE_DISCONNECTED;
    if (s->torn)
        return make_ready(s, err);
    return SLUICE_OK;
}

static int write_all(struct file_sink *s, struct sluice_record *const *records, uint32_t n,
                     const struct sluice_verdicts *verdicts, off_t *size, struct sluice_error *err)
{
    uint32_t i;

    for (i = 0; i < n; i++) {
        size_t before = s->len;
        int added = add_line(s, records[i], verdicts, i);

        if (added < 0) {
            (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a line of %s", s->path);
            return -1;
        }
        *size += (off_t)(s->len - before);
        if (s->len >= FILE_WRITE_AT && lines_write(s) != 0)
            break;
    }
    if (i < n || lines_write(s) != 0 || fdatasync(s->fd) != 0) {
        (void)file_say(s, SLUICE_DISCONNECTED, err, "cannot be written");
        return -1;
    }
    return 0;
}

uint32_t file_write(void *self, struct sluice_record *const *records, uint32_t n,
                    const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    struct file_sink *s = self;
    struct sluice_error own = {.struct_size = sizeof own};
    off_t size;
    uint32_t i, code = make_ready(s, err);

    if (code != SLUICE_OK)
        return code;
    size = s->good;
    if (write_all(s, records, n, verdicts, &size, &own) != 0) {
        lines_clear(s);
        /* Room that a full disk needs is given back now; if that fails, before the next write. */
        if (s->torn && ftruncate(s->fd, s->good) == 0)
            s->torn = 0;
        return sluice_fail(err, own.code, own.option, "%s", own.message);
    }
    s->good = size;
    s->torn = 0;
    for (i = 0; i < n; i++)
        if (sluice_verdict_at(verdicts, i)->code == SLUICE_NONE)
            sluice_verdict_set(verdicts, i, SLUICE_OK, NULL, NULL);
    return SLUICE_OK;
}
