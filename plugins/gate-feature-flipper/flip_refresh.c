/* flip_refresh: the flag and its lists, fetched if they changed, and published as a whole.
 *
 * Invariant: a new version replaces the old one only once everything it names was read;
 * until then the old one counts (and ages).  Where there is no whole version yet, one with
 * lists missing is better than none: its other segments can answer. */
#include <stdlib.h>

#include "flipper.h"

/* What the next version would be made of. */
struct next {
    struct flag *flag; /* the present one, or a new one */
    char flag_etag[PLACE_ETAG];
    struct flip_list *fresh; /* lists read anew; the others are the present ones, marked wanted */
    int changed;
    int unchecked; /* a present list could not be looked at */
};

static void list_free(struct flip_list *l)
{
    if (l == NULL)
        return;
    free(l->name);
    idset_free(l->set);
    free(l);
}

static void lists_free(struct flip_list *l)
{
    struct flip_list *next;

    for (; l != NULL; l = next) {
        next = l->next;
        list_free(l);
    }
}

/* --- one list ------------------------------------------------------------------------- */

static struct flip_list *list_make(const struct flipper *f, const char *name, const struct fetched *got,
                                   struct sluice_error *err)
{
    struct flip_list *l = calloc(1, sizeof *l);

    if (l != NULL && (name == NULL || (l->name = strdup(name)) != NULL))
        l->set = idset_new_keyed(id_text_room(got->data, '\n'), &f->key);
    if (l == NULL || l->set == NULL ||
        aws_sha256_hex(got->data.data, (size_t)got->data.len, l->digest) != 0) {
        list_free(l);
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the ids of %.150s",
                          name == NULL ? "internal_users" : name);
        return NULL;
    }
    memcpy(l->etag, got->etag, sizeof l->etag);
    (void)id_text_add(l->set, got->data, '\n', &l->count);
    if (l->count.ids == 0 && l->count.bad > 0) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "%.150s is no list of ids: none of its %llu lines is one",
                          name == NULL ? "internal_users" : name, (unsigned long long)l->count.bad);
        list_free(l);
        return NULL;
    }
    return l;
}

/* Among the wanted: the present one if it did not change, else one read anew. */
static uint32_t want_list(struct flipper *f, struct next *n, const struct place *place, const char *name,
                          struct sluice_error *err)
{
    struct flip_list *now = flip_list_find(f->list, name), *made;
    struct fetched got;
    uint32_t code;

    if (flip_list_find(n->fresh, name) != NULL || (now != NULL && now->wanted))
        return SLUICE_OK;
    code = place_fetch(&f->fetcher, place, name, now == NULL ? NULL : now->etag, &got, err);
    if (code != SLUICE_OK) {
        if (now != NULL)
            now->wanted = n->unchecked = 1;
        return code;
    }
    if (got.same && now != NULL) {
        now->wanted = 1;
        fetched_release(&f->fetcher, &got);
        return SLUICE_OK;
    }
    made = list_make(f, name, &got, err);
    fetched_release(&f->fetcher, &got);
    if (made == NULL) {
        if (now != NULL)
            now->wanted = n->unchecked = 1;
        return err->code;
    }
    made->next = n->fresh;
    n->fresh = made;
    if (now == NULL || strcmp(now->digest, made->digest) != 0)
        n->changed = 1;
    return SLUICE_OK;
}

/* Every list that an enabled flag names.  The first trouble is told, the rest is still read. */
static uint32_t want_lists(struct flipper *f, struct next *n, struct sluice_error *err)
{
    struct sluice_error own = {.struct_size = sizeof own};
    uint32_t i, code, first = SLUICE_OK;
    int internal = 0;

    for (i = 0; i < n->flag->n; i++) {
        const struct flag_segment *s = &n->flag->segments[i];

        internal |= s->internal;
        code = s->list == NULL ? SLUICE_OK : want_list(f, n, &f->lists, s->list, &own);
        if (code != SLUICE_OK && first == SLUICE_OK) {
            first = sluice_fail(err, code, own.option, "segment %.60s: %.300s", s->name, own.message);
            err->retry_after_ms = own.retry_after_ms;
        }
    }
    if (internal && f->internal_users.kind != PLACE_NONE) {
        code = want_list(f, n, &f->internal_users, NULL, &own);
        if (code != SLUICE_OK && first == SLUICE_OK)
            first = sluice_fail(err, code, "internal_users", "internal_users: %.350s", own.message);
    }
    return first;
}

/* --- the flag ------------------------------------------------------------------------- */

static uint32_t want_flag(struct flipper *f, struct next *n, struct sluice_error *err)
{
    struct fetched got;
    uint32_t code;

    code = place_fetch(&f->fetcher, &f->flag_place, NULL, f->flag == NULL ? NULL : f->flag_etag, &got, err);
    if (code != SLUICE_OK)
        return code;
    n->flag = f->flag;
    memcpy(n->flag_etag, f->flag_etag, sizeof n->flag_etag);
    if (!got.same || f->flag == NULL) {
        n->flag = flag_parse(got.data, &f->key, err);
        memcpy(n->flag_etag, got.etag, sizeof n->flag_etag);
    }
    fetched_release(&f->fetcher, &got);
    if (n->flag == NULL)
        return err->code;
    if (f->flag == NULL || strcmp(f->flag->digest, n->flag->digest) != 0)
        n->changed = 1;
    return SLUICE_OK;
}

/* --- publishing ----------------------------------------------------------------------- */

static void count_ids(struct flipper *f, const struct flag *flag, const struct flip_list *lists)
{
    struct id_count sum = {0, 0, 0, 0, 0};
    const struct flip_list *l;
    uint32_t i;

    for (i = 0; i < flag->n; i++) {
        sum.ids += flag->segments[i].count.ids;
        sum.repeated += flag->segments[i].count.repeated;
        sum.bad += flag->segments[i].count.bad;
        sum.blank += flag->segments[i].count.blank;
    }
    for (l = lists; l != NULL; l = l->next) {
        sum.ids += l->count.ids;
        sum.repeated += l->count.repeated;
        sum.bad += l->count.bad;
        sum.blank += l->count.blank;
        sum.header += l->count.header;
    }
    f->host->metric_set(f->host, f->metric_ids, NULL, (double)sum.ids);
    f->host->metric_set(f->host, f->metric_ignored, "repeated", (double)sum.repeated);
    f->host->metric_set(f->host, f->metric_ignored, "bad", (double)sum.bad);
    f->host->metric_set(f->host, f->metric_ignored, "blank", (double)sum.blank);
    f->host->metric_set(f->host, f->metric_ignored, "header", (double)sum.header);
    f->host->metric_set(f->host, f->metric_enabled, NULL, flag->enabled);
    if (sum.bad > 0)
        sluice_log(f->host, SLUICE_WARN,
                   "flag %.100s: %llu ids are none (longer than 512 bytes, or with spaces) and are left out",
                   f->name, (unsigned long long)sum.bad);
}

static void tell_version(struct flipper *f, const struct flip_view *before, const struct flip_view *v)
{
    if (before != NULL && strcmp(before->version, v->version) == 0)
        return;
    if (before != NULL)
        f->host->metric_set(f->host, f->metric_version, before->version, 0);
    f->host->metric_set(f->host, f->metric_version, v->version, 1);
    sluice_log(f->host, SLUICE_INFO, "flag %.100s is at version %s: %s, %u segments%s", f->name, v->version,
               v->enabled ? "enabled" : "disabled", v->n,
               v->missing ? ", not all of its lists could be read" : "");
    if (f->global && v->global == SLUICE_UNKNOWN)
        sluice_log(f->host, SLUICE_WARN,
                   "flag %.100s is read with subject: global, and %s: it is neither on nor off for everybody",
                   f->name,
                   strcmp(v->global_reason, "names_users") == 0 ? "its segments name users"
                                                                : "it is rolled out to a part");
}

/* Joins the wanted ones of the present lists and the fresh ones; *old gets the rest. */
static struct flip_list *join_lists(struct flipper *f, struct next *n, struct flip_list **old)
{
    struct flip_list *l, *next, *joined = n->fresh;

    *old = NULL;
    for (l = f->list; l != NULL; l = next) {
        struct flip_list **to = l->wanted ? &joined : old;

        next = l->next;
        l->wanted = 0;
        l->next = *to;
        *to = l;
    }
    return joined;
}

static void next_drop(struct flipper *f, struct next *n)
{
    struct flip_list *l;

    for (l = f->list; l != NULL; l = l->next)
        l->wanted = 0;
    lists_free(n->fresh);
    if (n->flag != f->flag)
        flag_free(n->flag);
}

/* The whole of n becomes the present; nothing fails once the view is made. */
static uint32_t publish(struct flipper *f, struct next *n, struct sluice_error *err)
{
    struct flip_list *old, *l, *after;
    struct flip_view *view, *before;
    struct flag *old_flag = f->flag != n->flag ? f->flag : NULL;

    for (after = n->fresh; after != NULL && after->next != NULL; after = after->next)
        ;
    /* The view looks for its lists among the fresh ones first, then among the present. */
    if (after != NULL)
        after->next = f->list;
    view = flip_view_make(f, n->flag, after != NULL ? n->fresh : f->list);
    if (after != NULL)
        after->next = NULL;
    if (view == NULL) {
        next_drop(f, n);
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the flag");
    }
    f->list = join_lists(f, n, &old);
    f->flag = n->flag;
    memcpy(f->flag_etag, n->flag_etag, sizeof f->flag_etag);
    before = published_swap(&f->published, view);
    tell_version(f, before, view);
    count_ids(f, f->flag, f->list);
    free(before);
    flag_free(old_flag);
    for (; old != NULL; old = l) {
        l = old->next;
        list_free(old);
    }
    return SLUICE_OK;
}

/* --- looking -------------------------------------------------------------------------- */

/* Under looking.  *changed: something new was published. */
static uint32_t look(struct flipper *f, int *changed, struct sluice_error *err)
{
    struct sluice_error own = {.struct_size = sizeof own};
    struct flip_view *now = atomic_load(&f->published.now);
    struct next n;
    uint32_t code;

    memset(&n, 0, sizeof n);
    *changed = 0;
    code = want_flag(f, &n, err);
    if (code != SLUICE_OK)
        return code;
    if (n.flag->enabled && !f->global)
        code = want_lists(f, &n, err);
    if (code != SLUICE_OK && now != NULL && !now->missing) {
        next_drop(f, &n);
        return code; /* a whole version stays */
    }
    *changed = n.changed;
    /* New ETags of old content are taken over too, so that they are asked for next time. */
    if (now == NULL || n.flag != f->flag || n.fresh != NULL) {
        if (publish(f, &n, &own) != SLUICE_OK)
            return sluice_fail(err, own.code, NULL, "%s", own.message);
    } else {
        next_drop(f, &n);
    }
    if (!n.unchecked)
        atomic_store(&f->good_at, f->host->steady_ms(f->host));
    return code;
}

/* Once for each kind of trouble. */
static void tell_trouble(struct flipper *f, const char *what)
{
    const struct flip_view *now = atomic_load(&f->published.now);

    if (strncmp(f->told, what, sizeof f->told - 2) == 0)
        return;
    (void)snprintf(f->told, sizeof f->told, "%.298s", what);
    sluice_log(f->host, SLUICE_WARN, "flag %.100s: %.280s; %s", f->name, what,
               now == NULL    ? "it is unknown until it can be read"
               : now->missing ? "what could be read is in use"
                              : "what was read before stays in use");
}

uint32_t flip_look(struct flipper *f, struct sluice_error *err)
{
    struct sluice_error own = {.struct_size = sizeof own};
    uint32_t code;
    int changed;

    pthread_mutex_lock(&f->looking);
    code = look(f, &changed, &own);
    f->host->metric_add(f->host, f->metric_refreshes,
                        code != SLUICE_OK ? "failed"
                        : changed         ? "changed"
                                          : "same",
                        1);
    if (code == SLUICE_OK && f->told[0] != '\0') {
        f->told[0] = '\0';
        sluice_log(f->host, SLUICE_INFO, "flag %.100s can be read again", f->name);
    } else if (code != SLUICE_OK && !atomic_load(&f->stopping)) {
        tell_trouble(f, own.message);
    }
    pthread_mutex_unlock(&f->looking);
    if (code == SLUICE_OK)
        return SLUICE_OK;
    (void)sluice_fail(err, code, own.option, "flag %.100s: %.300s", f->name, own.message);
    if (err != NULL)
        err->retry_after_ms = own.retry_after_ms;
    return code;
}

void flip_forget(struct flipper *f)
{
    free(published_swap(&f->published, NULL));
    flag_free(f->flag);
    lists_free(f->list);
    f->flag = NULL;
    f->list = NULL;
    f->flag_etag[0] = f->told[0] = '\0';
}
