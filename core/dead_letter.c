/* dead_letter: keeps letters, resolves them, counts them.
 *
 * Invariant: all letters of one put are in the database, whole and durable, or none
 * is.  At most one piece of a payload (1 MiB) is in memory at a time. */
#include "dead_letter_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "state_db_sql.h"

static const char doing[] = "keeping a dead letter";

/* One payload on its way in: from memory first, then from more. */
struct payload_in {
    const struct dead_letter *letter;
    dead_letter_more more;
    void *context;
    uint64_t size;   /* as announced */
    uint64_t offset; /* next byte to take */
    char **scratch;  /* LETTER_CHUNK bytes, made when first needed */
    int ended;
};

/* The next piece.  Length, 0 at the end, -1 failed with err. */
static int64_t payload_next(struct payload_in *in, const char **piece, struct sluice_error *err)
{
    const struct sluice_str whole = in->letter->payload;
    uint64_t have = 0, want = in->size - in->offset;
    int64_t got;

    if (want > LETTER_CHUNK)
        want = LETTER_CHUNK;
    if (want == 0 || in->ended)
        return 0;
    if (in->offset + want <= whole.len) {
        *piece = whole.data + in->offset;
        in->offset += want;
        return (int64_t)want;
    }
    if (*in->scratch == NULL)
        *in->scratch = malloc(LETTER_CHUNK);
    if (*in->scratch == NULL) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory for %s", doing);
        return -1;
    }
    if (in->offset < whole.len) {
        have = whole.len - in->offset;
        memcpy(*in->scratch, whole.data + in->offset, (size_t)have);
    }
    while (have < want && !in->ended) {
        got = in->more(in->context, in->offset + have, *in->scratch + have, want - have, err);
        if (got < 0)
            return -1;
        if ((uint64_t)got > want - have) {
            (void)sluice_fail(err, SLUICE_RETRY, NULL, "the source gave more bytes than were asked for");
            return -1;
        }
        have += (uint64_t)got;
        in->ended = got == 0;
    }
    in->offset += have;
    *piece = *in->scratch;
    return (int64_t)have;
}

static void bind_str(sqlite3_stmt *s, int at, struct sluice_str v)
{
    if (v.data != NULL)
        (void)sqlite3_bind_text64(s, at, v.data, v.len, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
    (void)sqlite3_bind_text(s, at, text == NULL ? "" : text, -1, SQLITE_STATIC);
}

static void statement_done(sqlite3_stmt *s)
{
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
}

/* The row; an older letter of the same record is replaced and keeps its id. */
static uint32_t put_row(struct state_db *db, const struct dead_letter *l, const struct strbuf *headers,
                        const char *piece, int64_t len, int64_t *id, struct sluice_error *err)
{
    static const char sql[] =
        "INSERT INTO letters(pipeline, step, lane, position, ordinal, stage, reason, detail, attempts, "
        "time_ms,"
        " order_key, key, headers, size, payload) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)"
        " ON CONFLICT(pipeline, step, lane, position) DO UPDATE SET ordinal = excluded.ordinal,"
        " stage = excluded.stage, reason = excluded.reason, detail = excluded.detail,"
        " attempts = excluded.attempts, time_ms = excluded.time_ms, order_key = excluded.order_key,"
        " key = excluded.key, headers = excluded.headers, size = excluded.size, payload = excluded.payload,"
        " resolved_ms = NULL RETURNING id";
    sqlite3_stmt *s = state_db_statement(db, sql, err);
    uint32_t code = SLUICE_RETRY;

    if (s == NULL)
        return code;
    bind_text(s, 1, l->pipeline);
    bind_text(s, 2, l->step);
    bind_text(s, 3, l->lane);
    (void)sqlite3_bind_int64(s, 4, (int64_t)l->position);
    (void)sqlite3_bind_int64(s, 5, (int64_t)l->ordinal);
    bind_text(s, 6, l->stage);
    bind_text(s, 7, l->reason);
    if (l->detail != NULL)
        bind_text(s, 8, l->detail);
    (void)sqlite3_bind_int64(s, 9, l->attempts);
    (void)sqlite3_bind_int64(s, 10, l->time_ms);
    bind_str(s, 11, l->order_key);
    bind_str(s, 12, l->key);
    (void)sqlite3_bind_blob64(s, 13, strbuf_text(headers), headers->len, SQLITE_STATIC);
    (void)sqlite3_bind_int64(s, 14, (int64_t)l->size);
    if (l->payload.data != NULL || len > 0)
        (void)sqlite3_bind_blob64(s, 15, len == 0 ? "" : piece, (uint64_t)len, SQLITE_STATIC);
    if (sqlite3_step(s) == SQLITE_ROW) {
        *id = sqlite3_column_int64(s, 0);
        /* Only the step that ends the statement tells whether all of it was done. */
        if (sqlite3_step(s) == SQLITE_DONE)
            code = SLUICE_OK;
    }
    if (code != SLUICE_OK)
        code = state_db_fail(db, doing, err);
    statement_done(s);
    return code;
}

static uint32_t put_chunk(struct state_db *db, int64_t id, int64_t n, const char *piece, int64_t len,
                          struct sluice_error *err)
{
    static const char sql[] = "INSERT INTO chunks(letter, n, data) VALUES(?1, ?2, ?3)";
    sqlite3_stmt *s = state_db_statement(db, sql, err);
    uint32_t code = SLUICE_OK;

    if (s == NULL)
        return SLUICE_RETRY;
    (void)sqlite3_bind_int64(s, 1, id);
    (void)sqlite3_bind_int64(s, 2, n);
    (void)sqlite3_bind_blob64(s, 3, piece, (uint64_t)len, SQLITE_STATIC);
    if (sqlite3_step(s) != SQLITE_DONE)
        code = state_db_fail(db, doing, err);
    statement_done(s);
    return code;
}

/* Runs a statement about letter id; text, if not NULL, is its second parameter. */
static uint32_t change_letter(struct state_db *db, const char *sql, int64_t id, const char *text,
                              struct sluice_error *err)
{
    sqlite3_stmt *s = state_db_statement(db, sql, err);
    uint32_t code = SLUICE_OK;

    if (s == NULL)
        return SLUICE_RETRY;
    (void)sqlite3_bind_int64(s, 1, id);
    if (text != NULL)
        bind_text(s, 2, text);
    if (sqlite3_step(s) != SQLITE_DONE)
        code = state_db_fail(db, doing, err);
    statement_done(s);
    return code;
}

static const char add_detail[] =
    "UPDATE letters SET detail = coalesce(detail || '; ', '') || ?2 WHERE id = ?1";

/* The source no longer has all of it (a file that shrank): keep what there is, and say so. */
static uint32_t tell_short(struct state_db *db, int64_t id, const struct payload_in *in,
                           struct sluice_error *err)
{
    char text[160];

    (void)snprintf(text, sizeof text,
                   "only %" PRIu64 " of %" PRIu64 " bytes could still be read from the source", in->offset,
                   in->size);
    return change_letter(db, add_detail, id, text, err);
}

/* Headers that are too many for a row would keep the record from ever ending: the letter is
 * kept without them, and says so. */
static uint32_t tell_no_headers(struct state_db *db, int64_t id, uint64_t bytes, struct sluice_error *err)
{
    char text[160];

    (void)snprintf(text, sizeof text,
                   "its headers are not kept: %" PRIu64 " bytes, and a dead letter takes %u MiB of them",
                   bytes, LETTER_HEADERS_MAX >> 20);
    return change_letter(db, add_detail, id, text, err);
}

static uint32_t put_letter(struct state_db *db, struct payload_in *in, struct sluice_error *err)
{
    static const char forget[] = "DELETE FROM chunks WHERE letter = ?1";
    const struct dead_letter *l = in->letter;
    uint64_t header_bytes = letter_headers_size(l->headers, l->n_headers);
    const char *piece = NULL;
    struct strbuf headers;
    int64_t len, id = 0, n = 1;
    uint32_t code;

    strbuf_init(&headers, LETTER_HEADERS_MAX);
    if (header_bytes < LETTER_HEADERS_MAX)
        letter_headers_pack(&headers, l->headers, l->n_headers);
    if (headers.failed) {
        strbuf_release(&headers);
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the headers of a dead letter");
    }
    len = payload_next(in, &piece, err);
    code = len < 0 ? SLUICE_RETRY : put_row(db, l, &headers, piece, len, &id, err);
    strbuf_release(&headers);
    if (code == SLUICE_OK)
        code = change_letter(db, forget, id, NULL, err);
    if (code == SLUICE_OK && header_bytes >= LETTER_HEADERS_MAX)
        code = tell_no_headers(db, id, header_bytes, err);
    while (code == SLUICE_OK && len > 0) {
        len = payload_next(in, &piece, err);
        if (len < 0)
            code = SLUICE_RETRY;
        else if (len > 0)
            code = put_chunk(db, id, n++, piece, len, err);
    }
    if (code == SLUICE_OK && in->offset < in->size)
        code = tell_short(db, id, in, err);
    return code;
}

/* Whatever went wrong, the record stays in flight and the letter is tried again. */
static uint32_t retry_unless_ok(uint32_t code, struct sluice_error *err)
{
    if (code == SLUICE_OK)
        return SLUICE_OK;
    if (err != NULL)
        err->code = SLUICE_RETRY;
    return SLUICE_RETRY;
}

uint32_t dead_letter_put(struct state_db *db, const struct dead_letter *letters, uint32_t n,
                         dead_letter_more more, void *context, struct sluice_error *err)
{
    char *scratch = NULL;
    uint32_t code, i;

    pthread_mutex_lock(&db->lock);
    code = state_db_begin(db, doing, err);
    if (code == SLUICE_OK) {
        for (i = 0; i < n && code == SLUICE_OK; i++) {
            struct payload_in in = {&letters[i], more, context, letters[i].payload.len, 0, &scratch, 0};

            if (more != NULL && letters[i].size > in.size)
                in.size = letters[i].size;
            code = put_letter(db, &in, err);
        }
        if (code == SLUICE_OK)
            code = state_db_commit(db, doing, err);
        else
            state_db_rollback(db);
    }
    /* The letters are kept, even if counting them fails: a count too high costs a look-up only. */
    if (code == SLUICE_OK)
        (void)dead_letter_recount(db, NULL);
    pthread_mutex_unlock(&db->lock);
    free(scratch);
    return retry_unless_ok(code, err);
}

uint32_t dead_letter_resolve(struct state_db *db, const char *pipeline, const char *step, const char *lane,
                             const uint64_t *positions, uint32_t n, struct sluice_error *err)
{
    static const char sql[] = "UPDATE letters SET resolved_ms = ?5 WHERE pipeline = ?1 AND step = ?2"
                              " AND lane = ?3 AND position = ?4 AND resolved_ms IS NULL";
    static const char resolving[] = "resolving a dead letter";
    sqlite3_stmt *s;
    uint32_t code, i;

    if (n == 0 || dead_letter_count(db, pipeline) == 0)
        return SLUICE_OK;
    pthread_mutex_lock(&db->lock);
    code = state_db_begin(db, resolving, err);
    s = code == SLUICE_OK ? state_db_statement(db, sql, err) : NULL;
    if (s != NULL) {
        bind_text(s, 1, pipeline);
        bind_text(s, 2, step);
        bind_text(s, 3, lane);
        (void)sqlite3_bind_int64(s, 5, clock_now_ms());
        for (i = 0; i < n && code == SLUICE_OK; i++) {
            (void)sqlite3_bind_int64(s, 4, (int64_t)positions[i]);
            if (sqlite3_step(s) != SQLITE_DONE)
                code = state_db_fail(db, resolving, err);
            (void)sqlite3_reset(s);
        }
        statement_done(s);
        if (code == SLUICE_OK)
            code = state_db_commit(db, resolving, err);
        else
            state_db_rollback(db);
    } else if (code == SLUICE_OK) {
        state_db_rollback(db);
        code = SLUICE_RETRY;
    }
    if (code == SLUICE_OK)
        (void)dead_letter_recount(db, NULL);
    pthread_mutex_unlock(&db->lock);
    return retry_unless_ok(code, err);
}
