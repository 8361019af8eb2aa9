/* dead_letter_count: how many letters wait, by pipeline and reason.
 *
 * Invariant: a run is the only writer, so the numbers it read after its last commit
 * are the numbers in the database.  If they could not be read, the old ones stay
 * and no pipeline falls to 0: resolve is then asked once too often, never too
 * seldom. */
#include "dead_letter_internal.h"

#include <stdlib.h>
#include <string.h>

#include "state_db_sql.h"

static const char doing[] = "counting dead letters";

struct tally_list {
    struct letter_count *items;
    uint32_t n;
    int failed;
};

static void counts_free(struct letter_count *items, uint32_t n)
{
    uint32_t i;

    for (i = 0; i < n; i++)
        free(items[i].pipeline);
    free(items);
}

static int tally_add(void *context, const char *pipeline, const char *reason, uint64_t n)
{
    struct tally_list *list = context;
    struct letter_count *grown;
    uint32_t i;

    (void)reason;
    for (i = 0; i < list->n; i++)
        if (strcmp(list->items[i].pipeline, pipeline) == 0) {
            list->items[i].n += n;
            return 0;
        }
    grown = realloc(list->items, (list->n + 1) * sizeof *grown);
    if (grown == NULL) {
        list->failed = 1;
        return 1;
    }
    list->items = grown;
    grown[list->n].pipeline = strdup(pipeline);
    if (grown[list->n].pipeline == NULL) {
        list->failed = 1;
        return 1;
    }
    grown[list->n++].n = n;
    return 0;
}

uint32_t dead_letter_counts(struct state_db *db, dead_letter_tally fn, void *context,
                            struct sluice_error *err)
{
    static const char sql[] = "SELECT pipeline, reason, n FROM letter_counts WHERE n > 0 ORDER BY 1, 2";
    const char *pipeline, *reason;
    uint32_t code = SLUICE_OK;
    sqlite3_stmt *s = NULL;
    int rc, stop = 0;

    pthread_mutex_lock(&db->lock);
    rc = sqlite3_prepare_v2(db->sql, sql, -1, &s, NULL);
    while (rc == SQLITE_OK && !stop) {
        rc = sqlite3_step(s);
        if (rc != SQLITE_ROW)
            break;
        pipeline = (const char *)sqlite3_column_text(s, 0);
        reason = (const char *)sqlite3_column_text(s, 1);
        stop = fn(context, pipeline == NULL ? "" : pipeline, reason == NULL ? "" : reason,
                  (uint64_t)sqlite3_column_int64(s, 2));
        rc = SQLITE_OK;
    }
    if (rc != SQLITE_OK && rc != SQLITE_DONE)
        code = state_db_fail(db, doing, err);
    sqlite3_finalize(s);
    pthread_mutex_unlock(&db->lock);
    return code;
}

uint32_t dead_letter_recount(struct state_db *db, struct sluice_error *err)
{
    struct tally_list list = {NULL, 0, 0};
    uint32_t code = dead_letter_counts(db, tally_add, &list, err);

    if (code == SLUICE_OK && list.failed)
        code = sluice_fail(err, SLUICE_RETRY, NULL, "no memory for %s", doing);
    pthread_mutex_lock(&db->count_lock);
    if (code == SLUICE_OK) {
        struct letter_count *old = db->counts;
        uint32_t n_old = db->n_counts;

        db->counts = list.items;
        db->n_counts = list.n;
        list.items = old;
        list.n = n_old;
        db->counts_unsure = 0;
    } else {
        db->counts_unsure = 1;
    }
    pthread_mutex_unlock(&db->count_lock);
    counts_free(list.items, list.n);
    return code;
}

void dead_letter_forget_counts(struct state_db *db)
{
    counts_free(db->counts, db->n_counts);
    db->counts = NULL;
    db->n_counts = 0;
}

uint64_t dead_letter_count(struct state_db *db, const char *pipeline)
{
    uint64_t n = 0;
    uint32_t i;

    if (db->mode == STATE_READ) {
        /* Another process writes: ask each time. */
        pthread_mutex_lock(&db->lock);
        (void)dead_letter_recount(db, NULL);
        pthread_mutex_unlock(&db->lock);
    }
    pthread_mutex_lock(&db->count_lock);
    for (i = 0; i < db->n_counts; i++)
        if (strcmp(db->counts[i].pipeline, pipeline) == 0)
            n = db->counts[i].n;
    if (n == 0 && db->counts_unsure)
        n = 1;
    pthread_mutex_unlock(&db->count_lock);
    return n;
}
