/* lookup_records: the ids of a batch of records, and what was found set beside each.
 *
 * Invariant: a record is changed only if all that it needs could be told, so a record
 * that comes again has lost nothing and holds nothing half. */
#include <stdlib.h>

#include "lookup_enrich.h"

#define FIRST_PLACES 256u

/* One id at one place of one record. */
struct place {
    struct sluice_node *object;
    uint32_t record, id;
};

struct gathering {
    struct lookup_enricher *self;
    struct sluice_record *const *records;
    uint32_t record;
    struct place *places;
    uint32_t n_places, max_places;
    struct sluice_str *ids; /* distinct */
    uint32_t n_ids, max_ids;
    uint32_t *slots; /* index of an id + 1, by hash; 0: free */
    uint32_t n_slots;
    struct lookup_entry **entries;
    enum lookup_how *how;
    uint64_t no_key;
    int no_memory;
};

/* --- ids -------------------------------------------------------------------------- */

static int room(void *array, uint32_t n, uint32_t *max, size_t size)
{
    uint32_t wanted = *max == 0 ? FIRST_PLACES : *max * 2;
    void *grown, *old;

    if (n < *max)
        return 1;
    if (*max > UINT32_MAX / 4)
        return 0;
    memcpy(&old, array, sizeof old);
    grown = realloc(old, wanted * size);
    if (grown == NULL)
        return 0;
    memcpy(array, &grown, sizeof grown);
    *max = wanted;
    return 1;
}

static uint32_t *slot_of(struct gathering *g, struct sluice_str id)
{
    uint64_t at = hash128(&g->self->lookup.cache.key, id.data, (size_t)id.len).lo;

    for (;; at++) {
        uint32_t *slot = &g->slots[at & (g->n_slots - 1)];

        if (*slot == 0 || sluice_str_equal(g->ids[*slot - 1], id))
            return slot;
    }
}

static int grow_slots(struct gathering *g)
{
    uint32_t n = g->n_slots == 0 ? 4 * FIRST_PLACES : g->n_slots * 2, i;
    uint32_t *slots;

    if (g->n_ids * 2 < g->n_slots)
        return 1;
    slots = calloc(n, sizeof *slots);
    if (slots == NULL)
        return 0;
    free(g->slots);
    g->slots = slots;
    g->n_slots = n;
    for (i = 0; i < g->n_ids; i++)
        *slot_of(g, g->ids[i]) = i + 1;
    return 1;
}

static int add_place(struct gathering *g, struct sluice_node *object, struct sluice_str id)
{
    uint32_t *slot;

    if (!room(&g->places, g->n_places, &g->max_places, sizeof *g->places) ||
        !room(&g->ids, g->n_ids, &g->max_ids, sizeof *g->ids) || !grow_slots(g))
        return 0;
    slot = slot_of(g, id);
    if (*slot == 0) {
        g->ids[g->n_ids++] = id;
        *slot = g->n_ids;
    }
    g->places[g->n_places++] = (struct place){object, g->record, *slot - 1};
    return 1;
}

static int on_object(void *context, struct sluice_node *object)
{
    struct gathering *g = context;
    const struct sluice_host *host = g->self->host;
    const struct key_path *path = &g->self->path;
    const struct sluice_node *node =
        host->document->get(object, path->part[path->n - 1].name, path->part[path->n - 1].len);
    struct sluice_str id = host->document->string(node);
    char digits[32];

    if (host->document->type(node) == SLUICE_INT || host->document->type(node) == SLUICE_UINT) {
        id.len = host->document->write_json(node, digits, sizeof digits);
        id.data = host->record->text(g->records[g->record], digits, id.len);
        if (id.data == NULL)
            g->no_memory = 1;
    }
    if (id.data == NULL || id.len == 0)
        g->no_key++;
    else if (!add_place(g, object, id))
        g->no_memory = 1;
    return !g->no_memory;
}

static int gather(struct gathering *g, uint32_t n)
{
    const struct sluice_host *host = g->self->host;

    for (g->record = 0; g->record < n && !g->no_memory; g->record++)
        (void)key_path_walk(host->document, &g->self->path, host->record->document(g->records[g->record]),
                            on_object, g);
    if (g->no_memory)
        return 0;
    if (g->n_ids == 0)
        return 1;
    g->entries = calloc(g->n_ids, sizeof(struct lookup_entry *));
    g->how = calloc(g->n_ids, sizeof *g->how);
    return g->entries != NULL && g->how != NULL;
}

/* --- what was found --------------------------------------------------------------- */

static int set_field(struct gathering *g, const struct place *p, const struct lookup_target *target,
                     struct lookup_cursor *c)
{
    const struct sluice_host *host = g->self->host;
    struct sluice_record *record = g->records[p->record];
    struct sluice_node *node, *list = NULL;
    struct sluice_str text;
    int is_list, keep;
    uint32_t n = lookup_next_field(c, &is_list), i;

    keep = n == 0 || (target->only_absent &&
                      host->document->type(sluice_get(host, p->object, target->member)) != SLUICE_NULL);
    if (!keep && is_list && (list = host->document->make(record, SLUICE_ARRAY)) == NULL)
        return 0;
    for (i = 0; i < n; i++) {
        text = lookup_next_text(c);
        if (keep)
            continue;
        node = host->document->make_text(record, text.data, text.len);
        if (node == NULL || (is_list && !host->document->push(list, node)) ||
            (!is_list && !sluice_set(host, record, p->object, target->member, node)))
            return 0;
    }
    return keep || !is_list || sluice_set(host, record, p->object, target->member, list);
}

static int set_all(struct gathering *g, const struct place *p)
{
    const struct lookup_entry *e = g->entries[p->id];
    struct lookup_cursor c;
    uint32_t i;

    if (e->state != LOOKUP_FOUND)
        return 1;
    lookup_value_begin(e->value, &c);
    for (i = 0; i < g->self->lookup.options.spec.n_fields; i++)
        if (!set_field(g, p, &g->self->targets[i], &c))
            return 0;
    return 1;
}

/* --- verdicts --------------------------------------------------------------------- */

static int badness(const struct lookup_entry *e)
{
    if (e == NULL)
        return 1;
    return e->state == LOOKUP_CANCELLED ? 3 : e->state == LOOKUP_AWAY ? 2 : e->state == LOOKUP_FAILED;
}

/* About the record whose places are first … last - 1. */
static struct sluice_verdict verdict_of(struct gathering *g, uint32_t first, uint32_t last)
{
    static const uint32_t codes[] = {SLUICE_OK, SLUICE_RETRY, SLUICE_DISCONNECTED, SLUICE_CANCELLED};
    static const char *const reasons[] = {NULL, "lookup_failed", "lookup_away", "cancelled"};
    struct sluice_verdict v = {.code = SLUICE_OK};
    const struct lookup_entry *worst = NULL;
    uint32_t i, id = 0;
    int bad = 0;

    for (i = first; i < last; i++)
        if (badness(g->entries[g->places[i].id]) > bad) {
            id = g->places[i].id;
            worst = g->entries[id];
            bad = badness(worst);
        }
    for (i = first; i < last && bad == 0; i++)
        if (!set_all(g, &g->places[i]))
            bad = 1;
    v.code = codes[bad];
    v.reason = reasons[bad];
    if (bad == 0)
        return v;
    v.retry_after_ms = worst == NULL ? 0 : worst->retry_after_ms;
    v.detail = sluice_record_text(g->self->host, g->records[g->places[first].record], "%.*s: %s",
                                  (int)(g->ids[id].len > 80 ? 80 : g->ids[id].len), g->ids[id].data,
                                  worst == NULL || worst->why == NULL ? "no memory" : worst->why);
    return v;
}

static uint32_t judge(struct gathering *g, uint32_t n, const struct sluice_verdicts *verdicts,
                      struct sluice_error *err)
{
    uint32_t code = SLUICE_OK, first = 0, last, i;
    const char *why = NULL;
    uint32_t retry_after_ms = 0;

    for (i = 0; i < n; i++, first = last) {
        struct sluice_verdict v;

        for (last = first; last < g->n_places && g->places[last].record == i; last++)
            ;
        v = verdict_of(g, first, last);
        if (v.code == SLUICE_DISCONNECTED && v.retry_after_ms > retry_after_ms)
            retry_after_ms = v.retry_after_ms;
        if (v.code == SLUICE_DISCONNECTED || v.code == SLUICE_CANCELLED) {
            code = code == SLUICE_CANCELLED ? code : v.code;
            why = v.detail;
            continue; /* the call's answer is this record's too */
        }
        sluice_verdict_set(verdicts, i, v.code, v.reason, v.detail);
        sluice_verdict_at(verdicts, i)->retry_after_ms = v.retry_after_ms;
    }
    if (code != SLUICE_OK) {
        (void)sluice_fail(err, code, NULL, "%.400s", why == NULL ? "no memory" : why);
        if (err != NULL)
            err->retry_after_ms = retry_after_ms;
    }
    return code;
}

uint32_t lookup_enricher_enrich(void *self, struct sluice_record *const *records, uint32_t n,
                                const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    struct gathering g = {.self = self, .records = records};
    struct lookup *l = &g.self->lookup;
    uint32_t code;

    if (gather(&g, n)) {
        if (g.n_ids > 0)
            lookup_fetch(l, g.ids, g.n_ids, g.entries, g.how);
        if (g.no_key > 0)
            l->host->metric_add(l->host, g.self->metric_no_key, NULL, g.no_key);
        code = judge(&g, n, verdicts, err);
        if (g.n_ids > 0)
            lookup_cache_give(&l->cache, g.entries, g.n_ids);
    } else {
        code = sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
    }
    free(g.places);
    free(g.ids);
    free(g.slots);
    free(g.entries);
    free(g.how);
    return code;
}
