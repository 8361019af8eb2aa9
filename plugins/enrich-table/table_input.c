/* table_input: zlib reads plain files and gzip alike; a gzip that ends too early, or
 * unpacks to more than max_size, is an error and never a shorter table. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "table.h"

#define INPUT_BUFFER 65536u

struct table_input {
    const struct table_plan *plan;
    struct sluice_error *err;
    gzFile file;
    uint64_t line;
    uint64_t size; /* unpacked so far */
    size_t at, end;
    int failed;
    unsigned char buffer[INPUT_BUFFER];
};

struct table_input *table_input_open(const struct table_plan *plan, struct sluice_error *err)
{
    struct table_input *in = calloc(1, sizeof *in);
    int fd;

    if (in == NULL) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory to read %s", plan->path);
        return NULL;
    }
    in->plan = plan;
    in->err = err;
    in->line = 1;
    fd = open(plan->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        (void)sluice_fail(err, SLUICE_RETRY, "path", "%s: %s", plan->path, strerror(errno));
        free(in);
        return NULL;
    }
    in->file = gzdopen(fd, "rb");
    if (in->file == NULL) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory to read %s", plan->path);
        (void)close(fd);
        free(in);
        return NULL;
    }
    return in;
}

void table_input_close(struct table_input *in)
{
    (void)gzclose_r(in->file);
    free(in);
}

static int fail_read(struct table_input *in)
{
    int code = Z_OK;
    const char *what = gzerror(in->file, &code);

    in->failed = 1;
    if (code == Z_ERRNO)
        (void)sluice_fail(in->err, SLUICE_RETRY, "path", "%s: %s", in->plan->path, strerror(errno));
    else
        (void)sluice_fail(in->err, SLUICE_FATAL, "path", "%s: the gzip data is broken or cut off (%s)",
                          in->plan->path, what);
    return 0;
}

static int fill(struct table_input *in)
{
    int got, code = Z_OK;

    if (in->failed)
        return 0;
    got = gzread(in->file, in->buffer, sizeof in->buffer);
    if (got < 0)
        return fail_read(in);
    if (got == 0) {
        (void)gzerror(in->file, &code);
        return code == Z_OK || code == Z_STREAM_END ? 0 : fail_read(in);
    }
    in->at = 0;
    in->end = (size_t)got;
    in->size += (uint64_t)got;
    if (in->size > in->plan->max_size) {
        in->failed = 1;
        (void)sluice_fail(in->err, SLUICE_FATAL, "max_size",
                          "%s holds more than max_size (%llu bytes) unpacked", in->plan->path,
                          (unsigned long long)in->plan->max_size);
        return 0;
    }
    return 1;
}

int table_input_peek(struct table_input *in)
{
    if (in->failed || (in->at == in->end && !fill(in)))
        return -1;
    return in->buffer[in->at];
}

int table_input_next(struct table_input *in)
{
    int c = table_input_peek(in);

    if (c < 0)
        return -1;
    in->at++;
    if (c == '\n')
        in->line++;
    return c;
}

uint64_t table_input_line(const struct table_input *in)
{
    return in->line;
}

int table_input_failed(const struct table_input *in)
{
    return in->failed;
}

int table_input_refuse(struct table_input *in, uint64_t line, const char *fmt, ...)
{
    char text[300];
    va_list args;

    if (in->failed)
        return -1;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    in->failed = 1;
    (void)sluice_fail(in->err, SLUICE_FATAL, "path", "%s: line %llu: %s", in->plan->path,
                      (unsigned long long)line, text);
    return -1;
}

static int is_json(const struct table_plan *plan, struct table_input *in)
{
    size_t len = strlen(plan->path);
    const char *gz = len >= 3 && strcmp(plan->path + len - 3, ".gz") == 0 ? ".gz" : "";
    static const char *const endings[] = {".json", ".jsonl", ".ndjson"};
    char ending[32];
    size_t i, n;
    int c;

    if (plan->format != TABLE_AUTO)
        return plan->format == TABLE_JSON;
    for (i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        (void)snprintf(ending, sizeof ending, "%s%s", endings[i], gz);
        n = strlen(ending);
        if (len > n && strcmp(plan->path + len - n, ending) == 0)
            return 1;
    }
    c = table_input_peek(in);
    return c == '{' || c == '[';
}

struct table *table_read(const struct table_plan *plan, struct sluice_error *err)
{
    struct table *t = table_new(plan, err);
    struct table_input *in;
    int failed;

    if (t == NULL)
        return NULL;
    in = table_input_open(plan, err);
    if (in == NULL) {
        table_free(t);
        return NULL;
    }
    failed = is_json(plan, in) ? table_read_json(t, in, err) : table_read_csv(t, in, err);
    if (table_input_failed(in) || failed != 0) {
        table_free(t);
        t = NULL;
    } else {
        table_seal(t);
    }
    table_input_close(in);
    return t;
}
