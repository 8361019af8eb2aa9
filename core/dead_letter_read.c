/* dead_letter_read: letters back out of the database.
 *
 * Invariant: bytes in the database are not trusted: what does not have the shape that
 * put writes is refused with the letter's id, never followed. */
#include "dead_letter_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state_db_sql.h"

#define HEADER_ABSENT 0xffffffffu

static const char doing[] = "reading a dead letter";

static void pack_one(struct strbuf *out, struct sluice_str v)
{
    if (v.data == NULL) {
        strbuf_printf(out, "%08x", HEADER_ABSENT);
        return;
    }
    if (v.len >= HEADER_ABSENT) {
        out->failed = 1;
        return;
    }
    strbuf_printf(out, "%08x", (unsigned)v.len);
    strbuf_add(out, v.data, (size_t)v.len);
}

void letter_headers_pack(struct strbuf *out, const struct sluice_str *headers, uint64_t n)
{
    uint64_t i;

    for (i = 0; i < 2 * n && !out->failed; i++)
        pack_one(out, headers[i]);
}

uint64_t letter_headers_size(const struct sluice_str *headers, uint64_t n)
{
    uint64_t bytes = 0, i;

    for (i = 0; i < 2 * n; i++)
        bytes += 8 + headers[i].len;
    return bytes;
}

/* One string; bytes it took, or 0 if there is none. */
static uint64_t unpack_one(const char *data, uint64_t left, struct sluice_str *v)
{
    uint64_t len = 0;
    int i;

    if (left < 8)
        return 0;
    for (i = 0; i < 8; i++) {
        char c = data[i];

        if (c >= '0' && c <= '9')
            len = len << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            len = len << 4 | (uint64_t)(c - 'a' + 10);
        else
            return 0;
    }
    if (len == HEADER_ABSENT) {
        v->data = NULL;
        v->len = 0;
        return 8;
    }
    if (len > left - 8)
        return 0;
    v->data = data + 8;
    v->len = len;
    return 8 + len;
}

struct sluice_str *letter_headers_unpack(const void *data, uint64_t len, uint64_t *pairs)
{
    struct sluice_str *all, one;
    const char *s = data;
    uint64_t at, took, n = 0;

    for (at = 0; at < len; at += took, n++) {
        took = unpack_one(s + at, len - at, &one);
        if (took == 0)
            return NULL;
    }
    if (n % 2 != 0)
        return NULL;
    all = calloc((size_t)n + 1, sizeof *all);
    if (all == NULL)
        return NULL;
    for (at = 0, n = 0; at < len; n++)
        at += unpack_one(s + at, len - at, &all[n]);
    *pairs = n / 2;
    return all;
}

static const char *text_at(sqlite3_stmt *s, int column)
{
    const char *text = (const char *)sqlite3_column_text(s, column);

    return text == NULL ? "" : text;
}

/* Absent for NULL, and also when there is no memory, which errcode then tells. */
static struct sluice_str str_at(sqlite3_stmt *s, int column)
{
    struct sluice_str v = {NULL, 0};
    const void *data;

    if (sqlite3_column_type(s, column) == SQLITE_NULL)
        return v;
    data = sqlite3_column_blob(s, column);
    v.len = (uint64_t)sqlite3_column_bytes(s, column);
    v.data = data == NULL ? "" : data;
    if (data == NULL)
        v.len = 0;
    return v;
}

/* Columns in the order of struct dead_letter. */
#define LETTER_COLUMNS                                                                                       \
    "id, pipeline, step, stage, lane, position, ordinal, reason, detail, attempts, time_ms, order_key,"      \
    " key, payload, size, headers, resolved_ms"

static uint32_t row_to_letter(struct state_db *db, sqlite3_stmt *s, struct dead_letter *l,
                              struct sluice_str **headers, struct sluice_error *err)
{
    struct sluice_str packed;

    memset(l, 0, sizeof *l);
    l->pipeline = text_at(s, 1);
    l->step = text_at(s, 2);
    l->stage = text_at(s, 3);
    l->lane = text_at(s, 4);
    l->position = (uint64_t)sqlite3_column_int64(s, 5);
    l->ordinal = (uint64_t)sqlite3_column_int64(s, 6);
    l->reason = text_at(s, 7);
    l->detail = (const char *)sqlite3_column_text(s, 8);
    l->attempts = (uint32_t)sqlite3_column_int64(s, 9);
    l->time_ms = sqlite3_column_int64(s, 10);
    l->order_key = str_at(s, 11);
    l->key = str_at(s, 12);
    l->payload = str_at(s, 13);
    l->size = (uint64_t)sqlite3_column_int64(s, 14);
    packed = str_at(s, 15);
    l->resolved_ms = sqlite3_column_int64(s, 16);
    if (sqlite3_errcode(db->sql) == SQLITE_NOMEM)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for %s", doing);
    if (l->size < l->payload.len)
        l->size = l->payload.len;
    *headers = letter_headers_unpack(packed.data, packed.len, &l->n_headers);
    if (*headers == NULL)
        return sluice_fail(
            err, SLUICE_FATAL, NULL,
            "dead letter %lld in %s/state.db has damaged headers, or no memory: restore a copy of "
            "the database, or delete this letter from it",
            (long long)sqlite3_column_int64(s, 0), db->dir);
    l->headers = *headers;
    return SLUICE_OK;
}

static sqlite3_stmt *filter_statement(struct state_db *db, const struct dead_letter_filter *f,
                                      struct sluice_error *err)
{
    sqlite3_stmt *s = NULL;
    struct strbuf sql;

    strbuf_init(&sql, 4096);
    strbuf_puts(&sql, "SELECT " LETTER_COLUMNS " FROM letters WHERE 1");
    if (f->pipeline != NULL)
        strbuf_puts(&sql, " AND pipeline = :pipeline");
    if (f->reason != NULL)
        strbuf_puts(&sql, " AND reason = :reason");
    if (f->order_key != NULL)
        strbuf_puts(&sql, " AND order_key = :order_key");
    if (f->id > 0)
        strbuf_puts(&sql, " AND id = :id");
    if (!f->resolved)
        strbuf_puts(&sql, " AND resolved_ms IS NULL");
    strbuf_puts(&sql, " ORDER BY id");
    if (f->limit > 0)
        strbuf_puts(&sql, " LIMIT :limit");
    if (sql.failed)
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory for %s", doing);
    else if (sqlite3_prepare_v2(db->sql, strbuf_text(&sql), -1, &s, NULL) != SQLITE_OK)
        (void)state_db_fail(db, doing, err);
    strbuf_release(&sql);
    if (s == NULL)
        return NULL;
    /* A name that the statement lacks has index 0, and binding that does nothing. */
    (void)sqlite3_bind_text(s, sqlite3_bind_parameter_index(s, ":pipeline"), f->pipeline, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(s, sqlite3_bind_parameter_index(s, ":reason"), f->reason, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(s, sqlite3_bind_parameter_index(s, ":order_key"), f->order_key, -1,
                            SQLITE_STATIC);
    (void)sqlite3_bind_int64(s, sqlite3_bind_parameter_index(s, ":id"), f->id);
    (void)sqlite3_bind_int64(s, sqlite3_bind_parameter_index(s, ":limit"),
                             f->limit > INT64_MAX ? INT64_MAX : (int64_t)f->limit);
    return s;
}

uint32_t dead_letter_list(struct state_db *db, const struct dead_letter_filter *filter, dead_letter_each fn,
                          void *context, struct sluice_error *err)
{
    struct sluice_str *headers;
    struct dead_letter letter;
    uint32_t code = SLUICE_OK;
    sqlite3_stmt *s;
    int rc, stop = 0;

    pthread_mutex_lock(&db->lock);
    s = filter_statement(db, filter, err);
    if (s == NULL)
        code = SLUICE_RETRY;
    while (code == SLUICE_OK && !stop) {
        rc = sqlite3_step(s);
        if (rc == SQLITE_DONE)
            break;
        headers = NULL;
        code =
            rc == SQLITE_ROW ? row_to_letter(db, s, &letter, &headers, err) : state_db_fail(db, doing, err);
        if (code == SLUICE_OK)
            stop = fn(context, sqlite3_column_int64(s, 0), &letter);
        free(headers);
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&db->lock);
    return code;
}

/* A slice of one piece: of the row for 0, else of a chunk. */
static int64_t read_piece(struct state_db *db, int64_t id, uint64_t n, uint64_t from, char *out, uint64_t cap,
                          struct sluice_error *err)
{
    static const char first[] = "SELECT payload FROM letters WHERE id = ?1";
    static const char other[] = "SELECT data FROM chunks WHERE letter = ?1 AND n = ?2";
    sqlite3_stmt *s = state_db_statement(db, n == 0 ? first : other, err);
    struct sluice_str piece;
    int64_t took = -1;
    int rc;

    if (s == NULL)
        return -1;
    (void)sqlite3_bind_int64(s, 1, id);
    if (n > 0)
        (void)sqlite3_bind_int64(s, 2, (int64_t)n);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        piece = str_at(s, 0);
        took = 0;
        if (from < piece.len) {
            took = (int64_t)(piece.len - from < cap ? piece.len - from : cap);
            memcpy(out, piece.data + from, (size_t)took);
        }
    } else if (rc == SQLITE_DONE && n > 0) {
        took = 0;
    } else if (rc == SQLITE_DONE) {
        (void)sluice_fail(err, SLUICE_REJECT, NULL, "there is no dead letter %lld in %s", (long long)id,
                          db->dir);
    } else {
        (void)state_db_fail(db, doing, err);
    }
    (void)sqlite3_reset(s);
    return took;
}

int64_t dead_letter_read(struct state_db *db, int64_t id, uint64_t offset, void *out, uint64_t cap,
                         struct sluice_error *err)
{
    uint64_t done = 0;
    int64_t took;

    pthread_mutex_lock(&db->lock);
    do {
        took = read_piece(db, id, (offset + done) / LETTER_CHUNK, (offset + done) % LETTER_CHUNK,
                          (char *)out + done, cap - done, err);
        if (took > 0)
            done += (uint64_t)took;
    } while (took > 0 && done < cap);
    pthread_mutex_unlock(&db->lock);
    return took < 0 ? -1 : (int64_t)done;
}
