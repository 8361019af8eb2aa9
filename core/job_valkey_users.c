/* job_valkey_users: users of a job in Valkey; see job_valkey.h.
 *
 * Invariant: what is known of a user is replaced only if it is still what was read; who came
 * second reads again.  So two workers that report at once lose nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "job_valkey.h"

#define ROUNDS 50 /* of reading and replacing: each time somebody else got through */

static uint32_t take_added(void *context, const redisReply *r, struct sluice_error *err)
{
    if (r->type != REDIS_REPLY_INTEGER)
        return job_valkey_damaged(err);
    *(uint64_t *)context = (uint64_t)r->integer;
    return SLUICE_OK;
}

uint32_t job_valkey_add(struct job_ledger *l, const char *id, const struct sluice_str *users, uint32_t n,
                        const char *cursor, uint64_t *added, struct sluice_error *err)
{
    static const char script[] =
        "if none() then return redis.error_reply('NOJOB') end local n=0 for i=A+3,#ARGV do "
        "if redis.call('HSETNX',U,ARGV[i],ARGV[A+2])==1 then n=n+1 redis.call('ZADD',J..':0',0,ARGV[i]) end "
        "end if ARGV[A]=='1' then redis.call('HSET',J,'cursor',ARGV[A+1]) end touch() return n";
    struct job_valkey *d = l->self;
    uint32_t i;

    job_known_new(d->known, clock_now_ms());
    strbuf_clear(&d->text);
    job_known_pack(d->known, &d->text);
    job_valkey_begin(d, script, id);
    job_valkey_text(d, cursor == NULL ? "0" : "1");
    job_valkey_text(d, cursor == NULL ? "" : cursor);
    job_valkey_text(d, strbuf_text(&d->text));
    for (i = 0; i < n; i++)
        job_valkey_arg(d, users[i]);
    return job_valkey_run(d, take_added, added, err);
}

/* --- marks ----------------------------------------------------------------------------------- */

/* One user of a call, with all its marks of him. */
struct person {
    uint32_t first, n;                       /* in order[] */
    size_t old_at, old_len, new_at, new_len; /* in d->text; old_len 0: not in the job */
    enum job_user_state old_state, new_state;
    char loaded[JOB_MAX_STEPS * 3 + 1]; /* "0,3": newly */
    int conflict;
};

struct marking {
    struct job_valkey *d;
    const char *id;
    const struct job_mark *marks;
    uint32_t *order; /* marks by user, then as they came */
    struct person *people;
    uint32_t n_people;
    uint32_t index[JOB_MAX_STEPS]; /* of the caller's steps in the job's */
    uint64_t all;
    uint32_t n_steps;
    uint64_t strangers;
};

static int compare_users(const struct sluice_str *a, const struct sluice_str *b)
{
    size_t n = a->len < b->len ? a->len : b->len;
    int order = memcmp(a->data, b->data, n);

    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static int compare_marks(const void *a, const void *b, void *context)
{
    const struct marking *m = context;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = compare_users(&m->marks[x].user, &m->marks[y].user);

    return order != 0 ? order : (x > y) - (x < y);
}

static void find_people(struct marking *m, uint32_t n)
{
    struct person *p = NULL;
    uint32_t i;

    for (i = 0; i < n; i++)
        m->order[i] = i;
    qsort_r(m->order, n, sizeof *m->order, compare_marks, m);
    for (i = 0; i < n; i++) {
        if (p == NULL ||
            compare_users(&m->marks[m->order[p->first]].user, &m->marks[m->order[i]].user) != 0) {
            p = &m->people[m->n_people++];
            p->first = i;
        }
        p->n++;
    }
}

static const struct sluice_str *name_of(const struct marking *m, const struct person *p)
{
    return &m->marks[m->order[p->first]].user;
}

/* Steps in the job's order, then what is known of each person (nil: not in the job). */
static uint32_t take_people(void *context, const redisReply *r, struct sluice_error *err)
{
    struct marking *m = context;
    size_t i;

    if (r->type != REDIS_REPLY_ARRAY || r->elements != m->n_steps + m->n_people)
        return job_valkey_damaged(err);
    m->all = 0;
    for (i = 0; i < m->n_steps; i++) {
        m->index[i] = (uint32_t)r->element[i]->integer;
        m->all |= (uint64_t)1 << (m->index[i] & 63);
    }
    for (i = 0; i < m->n_people; i++) {
        const redisReply *value = r->element[m->n_steps + i];
        struct person *p = &m->people[i];

        p->old_at = m->d->text.len;
        p->old_len = value->type == REDIS_REPLY_STRING ? (size_t)value->len : 0;
        strbuf_add(&m->d->text, value->str == NULL ? "" : value->str, p->old_len);
        strbuf_putc(&m->d->text, '\0');
    }
    return m->d->text.failed ? sluice_fail(err, SLUICE_RETRY, NULL, "no memory for users") : SLUICE_OK;
}

static uint32_t read_people(struct marking *m, const char *const *steps, struct sluice_error *err)
{
    static const char script[] =
        "if none() then return redis.error_reply('NOJOB') end local n=tonumber(ARGV[A]) local out={} "
        "if n>0 then local s=redis.call('HGET',J,'steps') or '' local was,at,c=s,{},0 "
        "for name in string.gmatch(s,'([^\\n]*)\\n') do at[name]=c c=c+1 end "
        "for i=A+1,A+n do local name=ARGV[i] if not at[name] then "
        "if c>=64 then return redis.error_reply('STEPS') end at[name]=c c=c+1 s=s..name..'\\n' end "
        "out[#out+1]=at[name] end if s~=was then redis.call('HSET',J,'steps',s) end end "
        "for i=A+1+n,#ARGV do out[#out+1]=redis.call('HGET',U,ARGV[i]) end return out";
    char number[16];
    uint32_t i;

    (void)snprintf(number, sizeof number, "%" PRIu32, m->n_steps);
    strbuf_clear(&m->d->text);
    job_valkey_begin(m->d, script, m->id);
    job_valkey_text(m->d, number);
    for (i = 0; i < m->n_steps; i++)
        job_valkey_text(m->d, steps[i]);
    for (i = 0; i < m->n_people; i++)
        job_valkey_arg(m->d, *name_of(m, &m->people[i]));
    return job_valkey_run(m->d, take_people, m, err);
}

static void list_loaded(struct person *p, uint64_t bits)
{
    size_t at = 0;
    uint32_t i;

    p->loaded[0] = '\0';
    for (i = 0; i < JOB_MAX_STEPS; i++)
        if ((bits >> i & 1) != 0)
            at += (size_t)snprintf(p->loaded + at, sizeof p->loaded - at, at > 0 ? ",%u" : "%u", i);
}

/* All marks of one person; 1: he changed, 0, or -1: he cannot be read. */
static int apply_all(struct marking *m, struct person *p, int64_t now_ms)
{
    struct job_known *k = m->d->known;
    uint64_t before;
    uint32_t i;
    int changed = 0;

    if (job_known_unpack(m->d->text.data + p->old_at, p->old_len, k) != 0)
        return -1;
    before = k->loaded;
    p->old_state = job_known_state(k);
    for (i = 0; i < p->n; i++) {
        const struct job_mark *mark = &m->marks[m->order[p->first + i]];
        uint32_t step = mark->step == JOB_NO_STEP ? JOB_NO_STEP : m->index[mark->step];

        changed |= job_known_apply(k, (int)mark->event, step, m->all, mark->reason, now_ms);
    }
    p->new_state = job_known_state(k);
    list_loaded(p, k->loaded & ~before);
    if (changed) {
        p->new_at = m->d->text.len;
        job_known_pack(k, &m->d->text);
        p->new_len = m->d->text.len - p->new_at;
        strbuf_putc(&m->d->text, '\0');
    }
    return changed;
}

static void add_person(struct marking *m, struct person *p)
{
    static const char *const states[] = {"0", "1", "2", "3", "4"};
    const char *text = m->d->text.data;

    job_valkey_arg(m->d, *name_of(m, p));
    job_valkey_arg(m->d, (struct sluice_str){text + p->old_at, p->old_len});
    job_valkey_text(m->d, states[p->old_state]);
    job_valkey_arg(m->d, (struct sluice_str){text + p->new_at, p->new_len});
    job_valkey_text(m->d, states[p->new_state]);
    job_valkey_text(m->d, p->loaded);
}

/* 0 conflicts, or more. */
static uint32_t write_people(struct marking *m, uint64_t *conflicts, struct sluice_error *err)
{
    static const char script[] =
        "if none() then return redis.error_reply('NOJOB') end local bad=0 for i=A,#ARGV,6 do "
        "if redis.call('HGET',U,ARGV[i])==ARGV[i+1] then redis.call('HSET',U,ARGV[i],ARGV[i+3]) "
        "if ARGV[i+2]~=ARGV[i+4] then redis.call('ZREM',J..':'..ARGV[i+2],ARGV[i]) "
        "redis.call('ZADD',J..':'..ARGV[i+4],0,ARGV[i]) end "
        "for s in string.gmatch(ARGV[i+5],'%d+') do redis.call('HINCRBY',J,'l:'..s,1) end "
        "else bad=bad+1 end end touch() return bad";
    int64_t now_ms = clock_now_ms();
    uint32_t i, changed = 0;
    int rc;

    *conflicts = 0;
    m->strangers = 0;
    for (i = 0; i < m->n_people; i++) {
        struct person *p = &m->people[i];

        p->new_len = 0;
        if (p->old_len == 0) {
            m->strangers += p->n;
            continue;
        }
        rc = apply_all(m, p, now_ms);
        if (rc < 0)
            return job_valkey_damaged(err);
        changed += (uint32_t)rc;
    }
    if (m->d->text.failed)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for users");
    if (changed == 0)
        return SLUICE_OK;
    job_valkey_begin(m->d, script, m->id);
    for (i = 0; i < m->n_people; i++) /* the text stands still now */
        if (m->people[i].new_len > 0)
            add_person(m, &m->people[i]);
    return job_valkey_run(m->d, take_added, conflicts, err);
}

uint32_t job_valkey_mark(struct job_ledger *l, const char *id, const char *const *steps, uint32_t n_steps,
                         const struct job_mark *marks, uint32_t n, uint64_t *unknown,
                         struct sluice_error *err)
{
    struct marking m = {.d = l->self, .id = id, .marks = marks, .n_steps = n_steps};
    uint64_t conflicts = 1;
    uint32_t code = SLUICE_OK, round;

    m.order = calloc((size_t)n + 1, sizeof *m.order);
    m.people = calloc((size_t)n + 1, sizeof *m.people);
    if (m.order == NULL || m.people == NULL) {
        code = sluice_fail(err, SLUICE_RETRY, NULL, "no memory for users");
    } else {
        find_people(&m, n);
        for (round = 0; round < ROUNDS && code == SLUICE_OK && conflicts > 0; round++) {
            code = read_people(&m, steps, err);
            if (code == SLUICE_OK)
                code = write_people(&m, &conflicts, err);
        }
    }
    if (code == SLUICE_OK && conflicts > 0)
        code = sluice_fail(err, SLUICE_RETRY, NULL, "others changed the same users all the time");
    *unknown = m.strangers;
    free(m.order);
    free(m.people);
    return code;
}

/* --- scan ------------------------------------------------------------------------------------ */

struct found {
    size_t user_at, user_len, value_at, value_len; /* in d->text */
};

struct scanning {
    struct job_valkey *d;
    struct found *found;
    uint32_t n, cap;
};

static uint32_t take_users(void *context, const redisReply *r, struct sluice_error *err)
{
    struct scanning *s = context;
    struct strbuf *text = &s->d->text;
    size_t i;

    if (r->type != REDIS_REPLY_ARRAY)
        return job_valkey_damaged(err);
    for (i = 0; i + 1 < r->elements && s->n < s->cap; i += 2) {
        const redisReply *user = r->element[i], *value = r->element[i + 1];

        if (user->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING)
            continue; /* it expired meanwhile */
        s->found[s->n].user_at = text->len;
        s->found[s->n].user_len = (size_t)user->len;
        strbuf_add(text, user->str, (size_t)user->len + 1);
        s->found[s->n].value_at = text->len;
        s->found[s->n++].value_len = (size_t)value->len;
        strbuf_add(text, value->str, (size_t)value->len + 1);
    }
    return text->failed ? sluice_fail(err, SLUICE_RETRY, NULL, "no memory for users") : SLUICE_OK;
}

static int compare_found(const void *a, const void *b, void *context)
{
    const struct found *x = a, *y = b;
    const char *text = context;
    struct sluice_str one = {text + x->user_at, x->user_len}, two = {text + y->user_at, y->user_len};

    return compare_users(&one, &two);
}

static uint32_t show_found(struct scanning *s, const struct job_page *page, struct sluice_error *err)
{
    uint32_t i, shown = 0;
    const char *text = strbuf_text(&s->d->text), *last = "";
    int all = 1;

    qsort_r(s->found, s->n, sizeof *s->found, compare_found, (void *)(uintptr_t)text);
    for (i = 0; i < s->n && shown < page->limit && all; i++) {
        const char *user = text + s->found[i].user_at;

        if (job_known_unpack(text + s->found[i].value_at, s->found[i].value_len, s->d->known) != 0)
            return job_valkey_damaged(err);
        shown++;
        last = user;
        all = job_tell_user(s->d->job, user, s->d->known, page->each, page->context) == 0;
    }
    if (page->next != NULL)
        (void)snprintf(page->next, JOB_USER_MAX + 1, "%s", all && shown < page->limit ? "" : last);
    return SLUICE_OK;
}

/* The first `limit` of each state, so that the first `limit` of all are among them. */
static void ask_users(struct job_valkey *d, const char *id, const char *states, const char *after,
                      const char *limit)
{
    static const char script[] =
        "if none() then return redis.error_reply('NOJOB') end local out={} "
        "if ARGV[A]=='' then return {ARGV[A+1],redis.call('HGET',U,ARGV[A+1])} end "
        "for s in string.gmatch(ARGV[A],'%d') do local from='-' if ARGV[A+1]~='' then from='('..ARGV[A+1] "
        "end "
        "for _,u in ipairs(redis.call('ZRANGEBYLEX',J..':'..s,from,'+','LIMIT',0,ARGV[A+2])) do "
        "out[#out+1]=u out[#out+1]=redis.call('HGET',U,u) end end return out";

    job_valkey_begin(d, script, id);
    job_valkey_text(d, states);
    job_valkey_text(d, after);
    job_valkey_text(d, limit);
}

uint32_t job_valkey_scan(struct job_ledger *l, const char *id, const enum job_user_state *state,
                         const struct job_page *page, struct sluice_error *err)
{
    struct scanning s = {.d = l->self, .cap = page->limit * (state == NULL ? JOB_USER_STATES : 1)};
    char one[2] = {(char)('0' + (state == NULL ? 0 : (int)*state)), '\0'}, limit[16];
    uint32_t code = l->store->get(l, id, s.d->job, err); /* for the names of its steps */

    if (code != SLUICE_OK)
        return code;
    s.found = calloc((size_t)s.cap + 1, sizeof *s.found);
    if (s.found == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for users");
    (void)snprintf(limit, sizeof limit, "%" PRIu32, page->limit);
    strbuf_clear(&s.d->text);
    ask_users(s.d, id, page->one ? "" : state == NULL ? "01234" : one, page->after, limit);
    code = job_valkey_run(s.d, take_users, &s, err);
    if (code == SLUICE_OK && page->one && s.n == 0)
        code = sluice_fail(err, SLUICE_REJECT, NULL, "there is no user '%.255s' in job %s", page->after, id);
    if (code == SLUICE_OK)
        code = show_found(&s, page, err);
    free(s.found);
    return code;
}
