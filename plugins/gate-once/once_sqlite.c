/* once_sqlite: the store in the state_dir.  One transaction a batch. */
#include <stdlib.h>

#include "once.h"
#include "once_db.h"

struct sqlite_store {
    struct once_store base;
    struct once_db db;
};

static struct once_db *db_of(struct once_store *s)
{
    return &((struct sqlite_store *)s)->db;
}

static uint32_t store_open(struct once_store *s, struct sluice_error *err)
{
    const char *dir = s->setup->host->state_dir(s->setup->host);

    if (dir == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL,
                           "once keeps its keys in the state_dir and the config has none; set state_dir, or "
                           "address for keys in Valkey");
    return once_db_open(db_of(s), dir, err);
}

static void store_close(struct once_store *s)
{
    once_db_close(db_of(s));
}

static void store_free(struct once_store *s)
{
    free(s);
}

/* --- reserve ------------------------------------------------------------------------ */

/* What is there; RESERVED: it may be taken. */
static void judge(struct once_store *s, const struct once_row *row, int64_t now, struct once_key *key)
{
    int64_t ttl_ms = s->setup->ttl_ms, left = row->until - now;

    key->answer = ONCE_RESERVED;
    if (row->state == ONCE_IS_DONE && !key->force && (ttl_ms == 0 || now - row->until < ttl_ms)) {
        key->answer = ONCE_DONE;
        key->age_ms = now - row->until;
        key->left_ms = ttl_ms == 0 ? -1 : ttl_ms - key->age_ms;
    } else if (row->state == ONCE_IS_LEASED && left > 0 && once_db_lives(db_of(s), row->owner)) {
        key->answer = ONCE_LEASED;
        key->left_ms = left;
    }
}

static int reserve_one(struct once_store *s, struct once_key *key, int64_t now)
{
    struct once_row row;
    int code = once_db_find(db_of(s), key->text, key->len, &row);

    if (code != SQLITE_OK)
        return code;
    judge(s, &row, now, key);
    return key->answer != ONCE_RESERVED
               ? SQLITE_OK
               : once_db_put(db_of(s), key->text, key->len, ONCE_IS_LEASED, now + s->setup->lease_ms);
}

/* The end of a transaction that began. */
static int end(struct once_db *db, int code)
{
    if (code == SQLITE_OK)
        code = once_db_commit(db);
    if (code != SQLITE_OK)
        once_db_rollback(db);
    return code;
}

static uint32_t answer(struct once_store *s, int code, struct sluice_error *err)
{
    if (code == SQLITE_OK)
        return SLUICE_OK;
    sluice_log(s->setup->host, SLUICE_WARN, "the store of keys cannot be read or written: %s",
               sqlite3_errstr(code));
    return sluice_fail(err, SLUICE_RETRY, NULL, "the store of keys cannot be read or written: %s",
                       sqlite3_errstr(code));
}

static uint32_t store_reserve(struct once_store *s, struct once_key *keys, uint32_t n,
                              struct sluice_error *err)
{
    int64_t now = s->setup->host->now_ms(s->setup->host);
    int code = once_db_begin(db_of(s));
    uint32_t i;

    for (i = 0; i < n && code == SQLITE_OK; i++)
        code = reserve_one(s, &keys[i], now);
    return answer(s, end(db_of(s), code), err);
}

/* --- the end -------------------------------------------------------------------------- */

static uint32_t store_conclude(struct once_store *s, const struct once_key *keys, uint32_t n,
                               struct sluice_error *err)
{
    int64_t now = s->setup->host->now_ms(s->setup->host);
    int code = once_db_begin(db_of(s));
    uint32_t i;

    for (i = 0; i < n && code == SQLITE_OK; i++)
        code = keys[i].commit ? once_db_put(db_of(s), keys[i].text, keys[i].len, ONCE_IS_DONE, now)
                              : once_db_release(db_of(s), keys[i].text, keys[i].len);
    return answer(s, end(db_of(s), code), err);
}

static uint32_t store_keep_up(struct once_store *s, struct sluice_error *err)
{
    int64_t now = s->setup->host->now_ms(s->setup->host);
    int code = once_db_renew(db_of(s), now + s->setup->lease_ms);

    if (code == SQLITE_OK && s->setup->ttl_ms > 0)
        code = once_db_purge(db_of(s), now - s->setup->ttl_ms);
    return answer(s, code, err);
}

static uint32_t store_probe(struct once_store *s, const struct once_key *key, struct sluice_error *err)
{
    struct once_row row;

    return answer(s, once_db_find(db_of(s), key->text, key->len, &row), err);
}

static const struct once_store_ops ops = {
    .away = "store_failed",
    .open = store_open,
    .close = store_close,
    .reserve = store_reserve,
    .conclude = store_conclude,
    .keep_up = store_keep_up,
    .probe = store_probe,
    .free = store_free,
};

struct once_store *once_sqlite_new(const struct once_setup *setup)
{
    struct sqlite_store *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->base.ops = &ops;
    s->base.setup = setup;
    s->db.lock_fd = -1;
    return &s->base;
}
