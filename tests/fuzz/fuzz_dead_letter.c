/* fuzz_dead_letter: what goes in comes out, and no file is trusted.
 *
 * First byte: 'L' letters made of the rest are put and must come back equal;
 * 'F' the rest is the database file; 'E' the rest are edits (offset of 3 bytes, value)
 * of a good database file.  A file may be refused; it may not crash or hang. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dead_letter.h"
#include "state_db_sql.h"

#define LETTERS 4u

static char root[64], letters_dir[96], file_dir[96];
static struct state_db *letters_db;
static uint8_t *good;
static size_t good_size;
static struct sluice_error err;

#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, err.message);                \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

static void remove_state(const char *dir)
{
    static const char *const names[] = {"state.db", "state.db-wal", "state.db-shm", "lock"};
    char path[256];
    size_t i;

    for (i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

static void leave(void)
{
    state_db_close(letters_db);
    remove_state(letters_dir);
    remove_state(file_dir);
    (void)rmdir(root);
    free(good);
}

/* A good file with a few letters, small and chunked, to be damaged by 'E'. */
static void make_good(void)
{
    static char payload[1200000];
    struct dead_letter l[2];
    struct state_db *db = state_db_open(file_dir, STATE_RUN, &err);
    char path[256];
    struct stat st;
    FILE *f;

    MUST(db != NULL);
    memset(l, 0, sizeof l);
    l[0].pipeline = l[1].pipeline = "receipts";
    l[0].step = l[1].step = l[0].stage = l[1].stage = "s";
    l[0].lane = l[1].lane = "lane";
    l[0].reason = l[1].reason = "bad";
    l[1].position = 1;
    l[0].payload = sluice_str_of("payload");
    l[0].size = 7;
    l[1].payload.data = payload;
    l[1].payload.len = l[1].size = sizeof payload;
    MUST(dead_letter_put(db, l, 2, NULL, NULL, &err) == SLUICE_OK);
    state_db_close(db);
    (void)snprintf(path, sizeof path, "%s/state.db", file_dir);
    f = fopen(path, "rb");
    MUST(f != NULL && fstat(fileno(f), &st) == 0);
    good_size = (size_t)st.st_size;
    good = malloc(good_size);
    MUST(good != NULL && fread(good, 1, good_size, f) == good_size);
    fclose(f);
}

static void prepare(void)
{
    err.struct_size = sizeof err;
    (void)snprintf(root, sizeof root, "%s/sluice-fuzz-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    MUST(mkdtemp(root) != NULL);
    (void)snprintf(letters_dir, sizeof letters_dir, "%s/l", root);
    (void)snprintf(file_dir, sizeof file_dir, "%s/f", root);
    letters_db = state_db_open(letters_dir, STATE_RUN, &err);
    MUST(letters_db != NULL);
    make_good();
    (void)atexit(leave);
}

/* --- letters ------------------------------------------------------------- */

struct input {
    const uint8_t *data;
    size_t left;
};

static uint64_t take_number(struct input *in)
{
    uint64_t v = 0;
    size_t n = in->left < 8 ? in->left : 8;

    memcpy(&v, in->data, n);
    in->data += n;
    in->left -= n;
    return v;
}

static struct sluice_str take_bytes(struct input *in)
{
    struct sluice_str s = {NULL, 0};
    size_t n;

    if (in->left == 0 || in->data[0] == 0xff)
        return s;
    n = in->data[0] < in->left - 1 ? in->data[0] : in->left - 1;
    s.data = (const char *)in->data + 1;
    s.len = n;
    in->data += n + 1;
    in->left -= n + 1;
    return s;
}

/* A C string: the bytes before the first NUL. */
static char *take_text(struct input *in)
{
    struct sluice_str s = take_bytes(in);
    char *text = strndup(s.data == NULL ? "" : s.data, s.len);

    MUST(text != NULL);
    return text;
}

static void take_letter(struct input *in, struct dead_letter *l, struct sluice_str *headers)
{
    memset(l, 0, sizeof *l);
    l->pipeline = take_text(in);
    l->step = take_text(in);
    l->stage = take_text(in);
    l->lane = take_text(in);
    l->reason = take_text(in);
    l->detail = take_text(in);
    l->position = take_number(in);
    l->ordinal = take_number(in);
    l->attempts = (uint32_t)take_number(in);
    l->time_ms = (int64_t)take_number(in);
    l->order_key = take_bytes(in);
    l->key = take_bytes(in);
    headers[0] = take_bytes(in);
    headers[1] = take_bytes(in);
    l->headers = headers;
    l->n_headers = take_number(in) & 1;
    l->payload = take_bytes(in);
    l->size = l->payload.len;
}

static void drop_letter(struct dead_letter *l)
{
    free((char *)(uintptr_t)l->pipeline);
    free((char *)(uintptr_t)l->step);
    free((char *)(uintptr_t)l->stage);
    free((char *)(uintptr_t)l->lane);
    free((char *)(uintptr_t)l->reason);
    free((char *)(uintptr_t)l->detail);
}

static int same_record(const struct dead_letter *a, const struct dead_letter *b)
{
    return strcmp(a->pipeline, b->pipeline) == 0 && strcmp(a->step, b->step) == 0 &&
           strcmp(a->lane, b->lane) == 0 && a->position == b->position;
}

struct expected {
    const struct dead_letter *letters;
    uint32_t n, seen;
};

static int compare(void *context, int64_t id, const struct dead_letter *l)
{
    struct expected *e = context;
    const struct dead_letter *want = NULL;
    char payload[300];
    int64_t n;
    uint32_t i;

    /* The last one of a record counts. */
    for (i = 0; i < e->n; i++)
        if (same_record(&e->letters[i], l))
            want = &e->letters[i];
    MUST(want != NULL);
    MUST(strcmp(want->stage, l->stage) == 0 && strcmp(want->reason, l->reason) == 0);
    MUST(l->detail != NULL && strcmp(want->detail, l->detail) == 0);
    MUST(want->ordinal == l->ordinal && want->attempts == l->attempts && want->time_ms == l->time_ms);
    MUST(sluice_str_equal(want->order_key, l->order_key) && sluice_str_equal(want->key, l->key));
    MUST(sluice_str_equal(want->payload, l->payload) && want->size == l->size);
    MUST(want->n_headers == l->n_headers);
    for (i = 0; i < 2 * l->n_headers; i++)
        MUST(sluice_str_equal(want->headers[i], l->headers[i]));
    n = dead_letter_read(letters_db, id, 0, payload, sizeof payload, &err);
    MUST(n == (int64_t)want->payload.len);
    MUST(n == 0 || memcmp(payload, want->payload.data, (size_t)n) == 0);
    e->seen++;
    return 0;
}

static void fuzz_letters(struct input in)
{
    struct sluice_str headers[LETTERS][2];
    struct dead_letter letters[LETTERS];
    struct dead_letter_filter all = {.resolved = 1};
    struct expected e = {letters, 0, 0};
    uint32_t n = 0, distinct = 0, i, j;

    while (n < LETTERS && in.left > 0) {
        take_letter(&in, &letters[n], headers[n]);
        n++;
    }
    for (i = 0; i < n; i++) {
        for (j = 0; j < i && !same_record(&letters[i], &letters[j]); j++)
            continue;
        distinct += j == i;
    }
    e.n = n;
    MUST(dead_letter_put(letters_db, letters, n, NULL, NULL, &err) == SLUICE_OK);
    MUST(dead_letter_list(letters_db, &all, compare, &e, &err) == SLUICE_OK);
    MUST(e.seen == distinct);
    for (i = 0; i < n; i++)
        MUST(dead_letter_count(letters_db, letters[i].pipeline) > 0);
    for (i = 0; i < n; i++)
        MUST(dead_letter_resolve(letters_db, letters[i].pipeline, letters[i].step, letters[i].lane,
                                 &letters[i].position, 1, &err) == SLUICE_OK);
    for (i = 0; i < n; i++) {
        MUST(dead_letter_count(letters_db, letters[i].pipeline) == 0);
        drop_letter(&letters[i]);
    }
    MUST(sqlite3_exec(letters_db->sql, "DELETE FROM letters; DELETE FROM letter_counts", NULL, NULL, NULL) ==
         SQLITE_OK);
}

/* --- files --------------------------------------------------------------- */

static int read_letter(void *context, int64_t id, const struct dead_letter *l)
{
    char buf[4096];
    uint64_t i, sum = l->payload.len + strlen(l->pipeline) + strlen(l->reason);

    for (i = 0; i < 2 * l->n_headers; i++)
        sum += l->headers[i].len;
    *(uint64_t *)context += sum;
    (void)dead_letter_read(letters_db, id, 1048500, buf, sizeof buf, NULL);
    return 0;
}

static int tally(void *context, const char *pipeline, const char *reason, uint64_t n)
{
    *(uint64_t *)context += strlen(pipeline) + strlen(reason) + n;
    return 0;
}

static void use_file(enum state_mode mode)
{
    struct dead_letter_filter all = {.resolved = 1};
    struct dead_letter l;
    struct state_db *db = state_db_open(file_dir, mode, &err), *kept = letters_db;
    uint64_t sum = 0, position = 0;
    char value[64];

    if (db == NULL) {
        MUST(err.message[0] != '\0');
        return;
    }
    memset(&l, 0, sizeof l);
    l.pipeline = l.step = l.stage = l.lane = l.reason = "x";
    letters_db = db;
    (void)dead_letter_list(db, &all, read_letter, &sum, &err);
    (void)dead_letter_counts(db, tally, &sum, &err);
    (void)state_db_get(db, "a", "k", value, sizeof value, &err);
    (void)state_db_put(db, "a", "k", "v", 1, &err);
    (void)dead_letter_put(db, &l, 1, NULL, NULL, &err);
    (void)dead_letter_resolve(db, "receipts", "s", "lane", &position, 1, &err);
    letters_db = kept;
    state_db_close(db);
}

static void fuzz_file(const uint8_t *data, size_t size)
{
    char path[256];
    FILE *f;

    remove_state(file_dir);
    MUST(mkdir(file_dir, 0700) == 0);
    (void)snprintf(path, sizeof path, "%s/state.db", file_dir);
    f = fopen(path, "wb");
    MUST(f != NULL && fwrite(data, 1, size, f) == size && fclose(f) == 0);
    use_file(STATE_READ);
    use_file(STATE_RUN);
}

static void fuzz_edits(struct input in)
{
    uint8_t *copy = malloc(good_size);

    MUST(copy != NULL);
    memcpy(copy, good, good_size);
    for (; in.left >= 4; in.data += 4, in.left -= 4)
        copy[((size_t)in.data[0] << 16 | (size_t)in.data[1] << 8 | in.data[2]) % good_size] = in.data[3];
    fuzz_file(copy, good_size);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in;

    if (letters_db == NULL)
        prepare();
    if (size == 0)
        return 0;
    in.data = data + 1;
    in.left = size - 1;
    if (data[0] == 'F')
        fuzz_file(in.data, in.left);
    else if (data[0] == 'E')
        fuzz_edits(in);
    else
        fuzz_letters(in);
    return 0;
}
