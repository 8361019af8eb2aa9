/* flip_view: a flag and its lists put together, with a version that two workers who see the
 * same content agree on. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "../common/aws_sigv4.h"
#include "flipper.h"

struct flip_list *flip_list_find(struct flip_list *lists, const char *name)
{
    for (; lists != NULL; lists = lists->next)
        if (name == NULL ? lists->name == NULL : lists->name != NULL && strcmp(lists->name, name) == 0)
            return lists;
    return NULL;
}

/* Is a flag that nobody in particular is asked about on?  See the README. */
static void decide_global(struct flip_view *v)
{
    uint32_t i, restricted = 0, partial = 0;

    v->global = SLUICE_DENY;
    v->global_reason = "flag_disabled";
    if (!v->enabled)
        return;
    v->global_reason = "rollout";
    if (v->n == 0)
        v->global = SLUICE_ADMIT;
    for (i = 0; i < v->n; i++) {
        const struct flip_segment *s = &v->segments[i];

        if (s->threshold == 0)
            continue;
        if (s->ids != NULL || s->list != NULL || s->list_missing || s->internal)
            restricted = 1;
        else if (s->threshold == FLAG_BUCKETS)
            v->global = SLUICE_ADMIT;
        else
            partial = 1;
    }
    if (v->global != SLUICE_ADMIT && (restricted || partial)) {
        v->global = SLUICE_UNKNOWN;
        v->global_reason = partial ? "partial_rollout" : "names_users";
    }
}

static int make_version(struct flip_view *v, const struct flag *flag, struct flip_list *lists)
{
    EVP_MD_CTX *d = EVP_MD_CTX_new();
    const struct flip_list *l;
    unsigned char hash[32];
    char hex[65];
    uint32_t i;
    int failed = d == NULL || EVP_DigestInit_ex(d, EVP_sha256(), NULL) != 1;

    if (!failed) {
        (void)EVP_DigestUpdate(d, flag->digest, 64);
        for (i = 0; flag->enabled && i < flag->n; i++) {
            l = flag->segments[i].list == NULL ? NULL : flip_list_find(lists, flag->segments[i].list);
            (void)EVP_DigestUpdate(d, l == NULL ? "-" : l->digest, l == NULL ? 1 : 64);
        }
        l = v->internal == NULL ? NULL : flip_list_find(lists, NULL);
        if (l != NULL)
            (void)EVP_DigestUpdate(d, l->digest, 64);
        failed = EVP_DigestFinal_ex(d, hash, NULL) != 1;
    }
    EVP_MD_CTX_free(d);
    if (failed)
        return -1;
    aws_hex(hash, sizeof hash, hex);
    memcpy(v->version, hex, FLIPPER_VERSION - 1);
    return 0;
}

struct flip_view *flip_view_make(const struct flipper *f, const struct flag *flag, struct flip_list *lists)
{
    struct flip_view *v = calloc(1, sizeof *v + flag->n * sizeof v->segments[0]);
    struct flip_list *l;
    uint32_t i;

    if (v == NULL)
        return NULL;
    v->enabled = flag->enabled;
    v->n = flag->n;
    for (i = 0; i < flag->n; i++) {
        const struct flag_segment *from = &flag->segments[i];
        struct flip_segment *s = &v->segments[i];

        s->ids = from->ids != NULL && from->ids->n > 0 ? from->ids : NULL;
        s->internal = from->internal;
        s->threshold = from->threshold;
        l = from->list == NULL ? NULL : flip_list_find(lists, from->list);
        s->list = l == NULL ? NULL : l->set;
        s->list_missing = from->list != NULL && l == NULL && flag->enabled;
        v->missing += s->list_missing && !f->global; /* nobody's list is asked for then */
        if (s->internal && f->internal_users.kind != PLACE_NONE && flag->enabled && !f->global) {
            l = flip_list_find(lists, NULL);
            v->internal = l == NULL ? NULL : l->set;
            v->missing += l == NULL;
        }
    }
    decide_global(v);
    if (make_version(v, flag, lists) == 0)
        return v;
    free(v);
    return NULL;
}
