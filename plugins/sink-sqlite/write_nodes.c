/* write_nodes: text keys to rowids, and properties that only ever improve.
 *
 * Invariant: of two deliveries in either order the same properties remain (for a
 * fixed catalogue): non-empty never gives way to empty, a catalogue's name beats a
 * description, of two descriptions or two names of one category the bytewise
 * smaller stays, of two time zones the one delivered with the later purchase. */
#include <string.h>

#include "graph_sink.h"

#define DOING "writing nodes"

static struct sluice_str write_column(sqlite3_stmt *statement, int at)
{
    struct sluice_str text = {(const char *)sqlite3_column_text(statement, at), 0};

    if (text.data != NULL)
        text.len = (uint64_t)sqlite3_column_bytes(statement, at);
    return text;
}

/* The rowid by the statement's first column, or 0 if there is no row. */
static uint32_t write_find(struct graph_sink *s, enum db_statement which, struct sluice_str key,
                           int64_t *rowid, struct sluice_error *err)
{
    sqlite3_stmt *find = s->db.statements[which];
    int rc;

    db_bind_text(find, 1, key);
    rc = sqlite3_step(find);
    *rowid = rc == SQLITE_ROW ? sqlite3_column_int64(find, 0) : 0;
    if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        (void)sqlite3_reset(find);
        return SLUICE_OK;
    }
    (void)sqlite3_reset(find);
    return db_fail(&s->db, rc, DOING, err);
}

/* The time zone of the latest purchase stays; of two at one moment the smaller. */
static uint32_t write_zone(struct graph_sink *s, const struct graph_record *r, int64_t user,
                           struct sluice_error *err)
{
    sqlite3_stmt *zone = s->db.statements[DB_USER_ZONE];
    int64_t latest = GRAPH_MIN_TIME;
    uint64_t i;

    for (i = 0; i < r->n; i++)
        if (r->purchases[i].time > latest)
            latest = r->purchases[i].time;
    (void)sqlite3_bind_int64(zone, 1, user);
    db_bind_text(zone, 2, r->timezone);
    (void)sqlite3_bind_int64(zone, 3, latest);
    (void)sqlite3_bind_int64(zone, 4, s->now_ms);
    return db_run(&s->db, DB_USER_ZONE, DOING, err);
}

static uint32_t write_user(struct graph_sink *s, const struct graph_record *r, int64_t *user,
                           struct sluice_error *err)
{
    const struct hash128 key = node_cache_key(&s->users, r->user);
    struct node_entry *known = node_cache_find(&s->users, key);
    sqlite3_stmt *add = s->db.statements[DB_USER_ADD];
    uint32_t code = SLUICE_OK;

    if (known != NULL) {
        *user = known->rowid;
    } else {
        code = write_find(s, DB_USER_FIND, r->user, user, err);
        if (code == SLUICE_OK && *user == 0) {
            db_bind_text(add, 1, r->user);
            (void)sqlite3_bind_int64(add, 2, s->now_ms);
            code = db_run(&s->db, DB_USER_ADD, DOING, err);
            *user = sqlite3_last_insert_rowid(s->db.handle);
        }
        if (code == SLUICE_OK)
            node_cache_put(&s->users, key, *user, 0);
    }
    if (code == SLUICE_OK && r->timezone.data != NULL)
        code = write_zone(s, r, *user, err);
    return code;
}

static uint32_t write_category_named(struct graph_sink *s, struct sluice_str id, struct sluice_str name,
                                     int64_t *category, struct sluice_error *err)
{
    sqlite3_stmt *find = s->db.statements[DB_CATEGORY_FIND];
    sqlite3_stmt *change;
    uint32_t code;
    int rc, smaller;

    db_bind_text(find, 1, id);
    rc = sqlite3_step(find);
    if (rc == SQLITE_ROW) {
        *category = sqlite3_column_int64(find, 0);
        smaller = graph_compare(name, write_column(find, 1)) < 0;
        (void)sqlite3_reset(find);
        if (!smaller)
            return SLUICE_OK;
        change = s->db.statements[DB_CATEGORY_RENAME];
        (void)sqlite3_bind_int64(change, 1, *category);
        db_bind_text(change, 2, name);
        return db_run(&s->db, DB_CATEGORY_RENAME, DOING, err);
    }
    (void)sqlite3_reset(find);
    if (rc != SQLITE_DONE)
        return db_fail(&s->db, rc, DOING, err);
    change = s->db.statements[DB_CATEGORY_ADD];
    db_bind_text(change, 1, id);
    db_bind_text(change, 2, name);
    (void)sqlite3_bind_int64(change, 3, s->now_ms);
    code = db_run(&s->db, DB_CATEGORY_ADD, DOING, err);
    *category = sqlite3_last_insert_rowid(s->db.handle);
    return code;
}

/* The cache is by name: once a name was taken in, the stored one is it or smaller. */
static uint32_t write_category(struct graph_sink *s, struct sluice_str name, int64_t *category,
                               struct sluice_error *err)
{
    const struct hash128 key = node_cache_key(&s->categories, name);
    struct node_entry *known = node_cache_find(&s->categories, key);
    char made[GRAPH_ID_ROOM];
    struct sluice_str id = {made, 0};
    uint32_t code;

    if (known != NULL) {
        *category = known->rowid;
        return SLUICE_OK;
    }
    id.len = graph_category_id(name.data, name.len, made);
    code = write_category_named(s, id, name, category, err);
    if (code == SLUICE_OK)
        node_cache_put(&s->categories, key, *category, 0);
    return code;
}

static uint32_t write_retailer(struct graph_sink *s, struct sluice_str name, int64_t *retailer,
                               struct sluice_error *err)
{
    const struct hash128 key = node_cache_key(&s->retailers, name);
    struct node_entry *known = node_cache_find(&s->retailers, key);
    sqlite3_stmt *add = s->db.statements[DB_RETAILER_ADD];
    char made[GRAPH_ID_ROOM];
    struct sluice_str id = {made, 0};
    uint32_t code;

    if (known != NULL) {
        *retailer = known->rowid;
        return SLUICE_OK;
    }
    id.len = graph_retailer_id(name.data, name.len, made);
    code = write_find(s, DB_RETAILER_FIND, id, retailer, err);
    if (code == SLUICE_OK && *retailer == 0) {
        db_bind_text(add, 1, id);
        db_bind_text(add, 2, name);
        db_bind_text(add, 3, sluice_str_of(GRAPH_DEFAULT_VENUE));
        code = db_run(&s->db, DB_RETAILER_ADD, DOING, err);
        *retailer = sqlite3_last_insert_rowid(s->db.handle);
    }
    if (code == SLUICE_OK)
        node_cache_put(&s->retailers, key, *retailer, 0);
    return code;
}

/* --- products ---------------------------------------------------------------- */

struct product {
    struct sluice_str name;
    struct sluice_str brand;
    struct sluice_str category;
    struct sluice_str category_id;
    struct sluice_str hierarchy; /* a JSON array */
    int catalogue;               /* name comes from the catalogue */
};

/* Takes the delivered text if there is one that differs; 1 if it did. */
static int write_take(struct sluice_str *stored, struct sluice_str delivered)
{
    if (delivered.data == NULL || sluice_str_equal(*stored, delivered))
        return 0;
    *stored = delivered;
    return 1;
}

/* What remains of the stored and the delivered product; 1 if it is not the stored one. */
static int write_merge(struct product *stored, const struct product *delivered)
{
    int changed = 0;

    if (delivered->catalogue) {
        changed |= write_take(&stored->name, delivered->name);
        changed |= !stored->catalogue;
        stored->catalogue = 1;
    } else if (!stored->catalogue && delivered->name.data != NULL &&
               (stored->name.data == NULL || graph_compare(delivered->name, stored->name) < 0)) {
        stored->name = delivered->name;
        changed = 1;
    }
    changed |= write_take(&stored->brand, delivered->brand);
    changed |= write_take(&stored->category, delivered->category);
    changed |= write_take(&stored->category_id, delivered->category_id);
    changed |= write_take(&stored->hierarchy, delivered->hierarchy);
    return changed;
}

static void write_bind_product(sqlite3_stmt *statement, struct sluice_str id, const struct product *p)
{
    db_bind_text(statement, 1, id);
    db_bind_text(statement, 2, p->name);
    (void)sqlite3_bind_int(statement, 3, p->catalogue);
    db_bind_text(statement, 4, p->brand);
    db_bind_text(statement, 5, p->category);
    db_bind_text(statement, 6, p->category_id);
    db_bind_text(statement, 7, p->hierarchy);
}

static uint32_t write_in_category(struct graph_sink *s, int64_t product, int64_t category,
                                  struct sluice_error *err)
{
    sqlite3_stmt *link = s->db.statements[DB_IN_CATEGORY];

    if (category == 0)
        return SLUICE_OK;
    (void)sqlite3_bind_int64(link, 1, product);
    (void)sqlite3_bind_int64(link, 2, category);
    return db_run(&s->db, DB_IN_CATEGORY, DOING, err);
}

/* Merges with the row that find stands on.  The stored texts live until find is reset,
 * so the change is written before that. */
static uint32_t write_product_change(struct graph_sink *s, sqlite3_stmt *find, struct sluice_str id,
                                     const struct product *delivered, int64_t category, int64_t *rowid,
                                     struct sluice_error *err)
{
    struct product stored;
    uint32_t code = SLUICE_OK;

    *rowid = sqlite3_column_int64(find, 0);
    stored.name = write_column(find, 1);
    stored.catalogue = sqlite3_column_int(find, 2) != 0;
    stored.brand = write_column(find, 3);
    stored.category = write_column(find, 4);
    stored.category_id = write_column(find, 5);
    stored.hierarchy = write_column(find, 6);
    if (write_merge(&stored, delivered)) {
        write_bind_product(s->db.statements[DB_PRODUCT_CHANGE], id, &stored);
        code = db_run(&s->db, DB_PRODUCT_CHANGE, DOING, err);
        if (code == SLUICE_OK)
            code = write_in_category(s, *rowid, category, err);
    }
    (void)sqlite3_reset(find);
    return code;
}

static uint32_t write_product_row(struct graph_sink *s, struct sluice_str id, const struct product *p,
                                  int64_t category, int64_t *rowid, struct sluice_error *err)
{
    sqlite3_stmt *find = s->db.statements[DB_PRODUCT_FIND], *add = s->db.statements[DB_PRODUCT_ADD];
    uint32_t code;
    int rc;

    db_bind_text(find, 1, id);
    rc = sqlite3_step(find);
    if (rc == SQLITE_ROW)
        return write_product_change(s, find, id, p, category, rowid, err);
    (void)sqlite3_reset(find);
    if (rc != SQLITE_DONE)
        return db_fail(&s->db, rc, DOING, err);
    write_bind_product(add, id, p);
    (void)sqlite3_bind_int64(add, 8, s->now_ms);
    code = db_run(&s->db, DB_PRODUCT_ADD, DOING, err);
    *rowid = sqlite3_last_insert_rowid(s->db.handle);
    return code == SLUICE_OK ? write_in_category(s, *rowid, category, err) : code;
}

/* A hash of what is delivered of a product; 0: nothing at all. */
static uint64_t write_seen(const struct graph_purchase *p, uint64_t epoch)
{
    const struct sluice_str texts[] = {p->name.data != NULL ? p->name : p->description, p->brand, p->category,
                                       p->category_id};
    uint64_t h = node_hash(p->name.data != NULL ? 2 : 1, &epoch, sizeof epoch), i;
    int any = p->n_hierarchy > 0;

    for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        any |= texts[i].data != NULL;
        h = node_hash(h + i, texts[i].data == NULL ? "" : texts[i].data, texts[i].len);
    }
    for (i = 0; i < p->n_hierarchy; i++)
        h = node_hash(h + i, p->hierarchy[i].data, p->hierarchy[i].len);
    return any ? h | 1 : 0;
}

static uint32_t write_product(struct graph_sink *s, const struct graph_purchase *p, int64_t category,
                              int64_t *product, struct sluice_error *err)
{
    const struct hash128 key = node_cache_key(&s->products, p->product);
    struct node_entry *known = node_cache_find(&s->products, key);
    uint64_t seen = write_seen(p, s->products.epoch), i;
    struct product delivered;
    uint32_t code;

    if (known != NULL && (seen == 0 || known->seen == seen)) {
        *product = known->rowid;
        return SLUICE_OK;
    }
    memset(&delivered, 0, sizeof delivered);
    delivered.catalogue = p->name.data != NULL;
    delivered.name = delivered.catalogue ? p->name : p->description;
    delivered.brand = p->brand;
    delivered.category = p->category;
    delivered.category_id = p->category_id;
    if (p->n_hierarchy > 0) {
        strbuf_clear(&s->text);
        for (i = 0; i < p->n_hierarchy; i++) {
            strbuf_putc(&s->text, i == 0 ? '[' : ',');
            strbuf_json(&s->text, p->hierarchy[i].data, p->hierarchy[i].len);
        }
        strbuf_putc(&s->text, ']');
        if (s->text.failed)
            return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a category hierarchy");
        delivered.hierarchy.data = s->text.data;
        delivered.hierarchy.len = s->text.len;
    }
    code = write_product_row(s, p->product, &delivered, category, product, err);
    if (code == SLUICE_OK)
        node_cache_put(&s->products, key, *product, seen);
    return code;
}

/* --- the batch ----------------------------------------------------------------- */

static uint32_t write_row(struct graph_sink *s, const struct graph_purchase *p, struct row *row,
                          struct sluice_error *err)
{
    uint32_t code = SLUICE_OK;

    row->retailer = 0;
    row->category = 0;
    row->time = p->time;
    row->receipt = p->receipt;
    if (p->category.data != NULL)
        code = write_category(s, p->category, &row->category, err);
    if (code == SLUICE_OK)
        code = write_product(s, p, row->category, &row->product, err);
    if (code == SLUICE_OK && p->retailer.data != NULL)
        code = write_retailer(s, graph_alias_of(&s->aliases, p->retailer), &row->retailer, err);
    return code;
}

uint32_t write_nodes(struct graph_sink *s, struct sluice_error *err)
{
    uint32_t code = SLUICE_OK;
    uint64_t i, j;

    s->n_rows = 0;
    for (i = 0; i < s->n_records && code == SLUICE_OK; i++) {
        struct graph_record *r = &s->records[i];
        int64_t user = 0;

        code = write_user(s, r, &user, err);
        s->users_of[i] = user;
        for (j = 0; j < r->n && code == SLUICE_OK; j++) {
            s->rows[s->n_rows].user = user;
            code = write_row(s, &r->purchases[j], &s->rows[s->n_rows], err);
            s->n_rows++;
        }
    }
    return code;
}
