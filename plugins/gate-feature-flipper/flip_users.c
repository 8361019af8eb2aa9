/* flip_users: the people behind the flag, read anew from where they stand: what decisions are
 * made on keeps no ids. */
#include <stdio.h>
#include <stdlib.h>

#include "flipper.h"

struct showing {
    const struct flipper *f;
    const struct sluice_flag_visitor *visitor;
    uint32_t threshold;
};

static int show_user(void *context, struct sluice_str id)
{
    const struct showing *s = context;
    struct sluice_flag_user user = {.struct_size = sizeof user, .id = id};

    user.on = flag_bucket(&s->f->bucket_key, id.data, (size_t)id.len) < s->threshold;
    return (int)s->visitor->user(s->visitor->context, &user);
}

/* Visitors answer SLUICE_OK to go on, id_text wants 0. */
static int show_one(void *context, struct sluice_str id)
{
    int said = show_user(context, id);

    return said == (int)SLUICE_OK ? 0 : said;
}

static uint32_t answer_of(int said)
{
    return said == 0 ? SLUICE_OK : (uint32_t)said;
}

static uint32_t show_list(const struct flipper *f, struct showing *s, const struct place *place,
                          const char *name, struct sluice_error *err)
{
    struct id_count count = {0, 0, 0, 0, 0};
    struct fetched got;
    uint32_t code = place_fetch(&f->fetcher, place, name, NULL, &got, err);
    int said;

    if (code != SLUICE_OK)
        return code;
    said = got.data.len == 0 ? 0 : id_text_each(got.data, '\n', &count, show_one, s);
    fetched_release(&f->fetcher, &got);
    return answer_of(said);
}

static uint32_t show_segment(const struct flipper *f, struct showing *s, const struct flag *flag, uint32_t i,
                             struct sluice_error *err)
{
    const struct flag_segment *from = &flag->segments[i];
    struct sluice_flag_segment segment = {.struct_size = sizeof segment,
                                          .internal = (uint32_t)from->internal};
    uint32_t code;

    segment.name = sluice_str_of(from->name);
    segment.list = sluice_str_of(from->list);
    segment.rollout = s->threshold = from->threshold;
    segment.listable = !from->internal || f->internal_users.kind != PLACE_NONE;
    code = s->visitor->segment(s->visitor->context, &segment);
    if (code == SLUICE_OK)
        code = answer_of(flag_each_id(flag, i, show_one, s));
    if (code == SLUICE_OK && from->list != NULL)
        code = show_list(f, s, &f->lists, from->list, err);
    if (code == SLUICE_OK && from->internal && segment.listable)
        code = show_list(f, s, &f->internal_users, NULL, err);
    return code;
}

static uint32_t users_show(void *self, const struct sluice_flag_visitor *visitor, struct sluice_error *err)
{
    struct sluice_error own = {.struct_size = sizeof own};
    const struct flipper *f = self;
    struct showing s = {f, visitor, 0};
    char version[FLIPPER_VERSION];
    struct fetched got;
    struct flag *flag;
    uint32_t code = place_fetch(&f->fetcher, &f->flag_place, NULL, NULL, &got, &own), i;

    if (code == SLUICE_OK) {
        flag = flag_parse(got.data, &f->key, &own);
        fetched_release(&f->fetcher, &got);
        code = flag == NULL ? own.code : SLUICE_OK;
    }
    if (code != SLUICE_OK)
        return sluice_fail(err, code, own.option, "flag %.100s: %.300s", f->name, own.message);
    (void)flip_version(self, version, sizeof version);
    code = visitor->flag(visitor->context, version, (uint32_t)flag->enabled);
    for (i = 0; code == SLUICE_OK && i < flag->n; i++) {
        code = show_segment(f, &s, flag, i, &own);
        if (code != SLUICE_OK && own.message[0] != '\0')
            (void)sluice_fail(err, code, own.option, "flag %.60s, segment %.60s: %.280s", f->name,
                              flag->segments[i].name, own.message);
    }
    flag_free(flag);
    return code;
}

static const char *users_name(void *self)
{
    return ((const struct flipper *)self)->name;
}

uint32_t flip_version(void *self, char *out, uint64_t cap)
{
    struct flipper *f = self;
    const struct flip_view *v;
    unsigned ticket;
    uint32_t there;

    if (cap == 0)
        return 0;
    out[0] = '\0';
    v = published_enter(&f->published, &ticket);
    there = v != NULL && strlen(v->version) < cap;
    if (there)
        memcpy(out, v->version, strlen(v->version) + 1);
    published_leave(&f->published, ticket);
    return there;
}

static uint32_t flip_lists(void *self, char *out, uint64_t cap)
{
    const struct flipper *f = self;
    const struct place *p = &f->lists;
    int len = -1;

    if (cap == 0)
        return 0;
    out[0] = '\0';
    if (p->kind == PLACE_S3)
        len = snprintf(out, cap, "s3://%s%s%s", p->bucket, p->base[0] != '\0' ? "/" : "", p->base);
    else if (p->kind != PLACE_NONE)
        len = snprintf(out, cap, "%s%s", p->kind == PLACE_FILE ? "file://" : "", p->base);
    if (len >= 0 && (uint64_t)len < cap)
        return 1;
    out[0] = '\0';
    return 0;
}

static uint32_t flip_put_list(void *self, const char *name, struct sluice_str ids, struct sluice_error *err)
{
    const struct flipper *f = self;

    return place_store(&f->fetcher, &f->lists, name, ids, err);
}

const void *flip_extension(void *self, const char *id)
{
    static const struct sluice_flag flag = {.struct_size = sizeof flag,
                                            .name = users_name,
                                            .version = flip_version,
                                            .users = users_show,
                                            .lists = flip_lists,
                                            .put_list = flip_put_list};

    (void)self;
    return strcmp(id, SLUICE_FLAG_ID) == 0 ? &flag : NULL;
}
