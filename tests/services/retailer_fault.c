/*
 * How each service misbehaves for now, and what it was asked: one lock over both, held for
 * moments only.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "retailer.h"

const char *const service_names[SERVICE_COUNT] = {"fps", "category", "flags", "files", "purchases", "orders"};

#define RECENT 4096u /* requests whose times are kept */

struct service_state {
    struct fault fault;
    int64_t times;  /* requests that the fault still lasts; -1: until reset */
    uint64_t every; /* only each so many-th request */
    uint64_t seen;  /* since the fault was set */
    uint64_t requests, ids, faults, under_way, most_under_way, ids_in_largest;
    int64_t times_ms[RECENT]; /* of the last requests, a ring */
    int64_t first_ms;
    uint64_t most_in_a_second; /* in any second, not only in whole ones; up to RECENT */
    json_t *distinct;
    json_t *by_status;
    json_t *users;   /* the fault is for these alone; NULL: for everybody */
    json_t *by_user; /* histories: user -> [requests, those for a first page] */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct service_state states[SERVICE_COUNT];
static const struct fault none = {.cut_after_bytes = FAULT_NO_CUT};

enum service service_find(const char *name)
{
    int i = 0;
    while (i < SERVICE_COUNT && strcmp(name, service_names[i]) != 0) {
        i++;
    }
    return (enum service)i;
}

void fault_reset(void)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < SERVICE_COUNT; i++) {
        uint64_t under_way = states[i].under_way;
        json_decref(states[i].distinct);
        json_decref(states[i].by_status);
        json_decref(states[i].users);
        json_decref(states[i].by_user);
        states[i] = (struct service_state){.fault = none,
                                           .under_way = under_way,
                                           .distinct = json_object(),
                                           .by_status = json_object(),
                                           .by_user = json_object()};
    }
    pthread_mutex_unlock(&lock);
}

/* A member that must be a number from 0 to max. */
static int number(const json_t *request, const char *name, json_int_t max, json_int_t *out)
{
    const json_t *value = json_object_get(request, name);
    if (value == NULL) {
        return 0;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > max) {
        return -1;
    }
    *out = json_integer_value(value);
    return 0;
}

/* The texts of a list as the members of an object. */
static json_t *set_of(const json_t *list)
{
    json_t *set = json_object(), *one;
    size_t i;
    json_array_foreach((json_t *)list, i, one)
    {
        if (json_is_string(one)) {
            (void)json_object_set_new(set, json_string_value(one), json_true());
        }
    }
    return set;
}

const char *fault_control(const json_t *request)
{
    static const char *const known[] = {"service",         "latency_ms", "status",           "retry_after",
                                        "cut_after_bytes", "wrong_json", "drip_bytes_per_s", "times",
                                        "every",           "users"};
    const char *name = json_string_value(json_object_get(request, "service"));
    enum service first = name != NULL ? service_find(name) : SERVICE_COUNT;
    enum service last = first;
    json_t *users = json_object_get(request, "users");
    json_int_t latency = 0, status = 0, retry_after = 0, cut = -1, drip = 0, times = -1, every = 1;
    const char *key;
    json_t *value;
    if (name != NULL && strcmp(name, "all") == 0) {
        first = 0;
        last = SERVICE_COUNT - 1;
    } else if (first == SERVICE_COUNT) {
        return "service must be fps, category, flags, files, purchases, orders or all";
    }
    json_object_foreach((json_t *)request, key, value)
    {
        size_t i = 0;
        while (i < sizeof known / sizeof *known && strcmp(key, known[i]) != 0) {
            i++;
        }
        if (i == sizeof known / sizeof *known) {
            return "unknown member";
        }
    }
    if (number(request, "latency_ms", 600000, &latency) != 0 ||
        number(request, "status", 599, &status) != 0 ||
        number(request, "retry_after", 3600, &retry_after) != 0 ||
        number(request, "cut_after_bytes", 1 << 30, &cut) != 0 ||
        number(request, "drip_bytes_per_s", 1 << 30, &drip) != 0 ||
        number(request, "times", 1 << 30, &times) != 0 || number(request, "every", 1 << 30, &every) != 0 ||
        every == 0 || (status != 0 && status < 200)) {
        return "a number is missing or out of range";
    }
    if (users != NULL && !json_is_array(users)) {
        return "users must be a list of user ids";
    }
    pthread_mutex_lock(&lock);
    for (int i = (int)first; i <= (int)last; i++) {
        struct service_state *s = &states[i];
        s->fault = (struct fault){.latency_ms = (unsigned)latency,
                                  .status = (unsigned)status,
                                  .retry_after = (unsigned)retry_after,
                                  .cut_after_bytes = cut < 0 ? FAULT_NO_CUT : (uint64_t)cut,
                                  .drip_bytes_per_s = (uint64_t)drip,
                                  .wrong_json = json_is_true(json_object_get(request, "wrong_json"))};
        json_decref(s->users);
        s->users = users != NULL ? set_of(users) : NULL;
        s->times = times;
        s->every = (uint64_t)every;
        s->seen = 0;
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

static int64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The time of the request that was counted last; lock held. */
static void note_time(struct service_state *s)
{
    int64_t now = clock_ms();
    uint64_t n = 1;
    s->times_ms[(s->requests - 1) % RECENT] = now;
    if (s->requests == 1) {
        s->first_ms = now;
    }
    while (n < s->requests && n < RECENT && s->times_ms[(s->requests - 1 - n) % RECENT] > now - 1000) {
        n++;
    }
    if (n > s->most_in_a_second) {
        s->most_in_a_second = n;
    }
}

/* One request more of the user's; lock held. */
static void count_user(struct service_state *s, const char *user, int first_page)
{
    const json_t *so_far = json_object_get(s->by_user, user);
    json_int_t all = json_integer_value(json_array_get(so_far, 0));
    json_int_t first = json_integer_value(json_array_get(so_far, 1));
    (void)json_object_set_new(s->by_user, user, json_pack("[I, I]", all + 1, first + first_page));
}

struct fault fault_take(enum service service, const char *user, int first_page)
{
    struct service_state *s = &states[service];
    struct fault f = none;
    pthread_mutex_lock(&lock);
    s->requests++;
    note_time(s);
    s->under_way++;
    if (s->under_way > s->most_under_way) {
        s->most_under_way = s->under_way;
    }
    if (*user != '\0') {
        count_user(s, user, first_page);
    }
    int meant = s->users == NULL || json_object_get(s->users, user) != NULL;
    if (meant && s->times != 0 && s->every > 0 && ++s->seen % s->every == 0) {
        f = s->fault;
        if (memcmp(&f, &none, sizeof f) != 0) {
            s->faults++;
        }
        if (s->times > 0) {
            s->times--;
        }
    }
    pthread_mutex_unlock(&lock);
    return f;
}

void fault_done(enum service service, unsigned status, const json_t *ids)
{
    struct service_state *s = &states[service];
    char code[16];
    size_t i;
    json_t *id;
    struct strbuf text;
    strbuf_init(&text, sizeof code);
    strbuf_printf(&text, "%u", status);
    pthread_mutex_lock(&lock);
    s->under_way--;
    s->ids += json_array_size(ids);
    if (json_array_size(ids) > s->ids_in_largest) {
        s->ids_in_largest = json_array_size(ids);
    }
    json_array_foreach((json_t *)ids, i, id)
    {
        (void)json_object_set_new(s->distinct, json_string_value(id), json_true());
    }
    json_int_t so_far = json_integer_value(json_object_get(s->by_status, strbuf_text(&text)));
    (void)json_object_set_new(s->by_status, strbuf_text(&text), json_integer(so_far + 1));
    pthread_mutex_unlock(&lock);
    strbuf_release(&text);
}

void fault_stats(struct strbuf *out)
{
    pthread_mutex_lock(&lock);
    strbuf_putc(out, '{');
    for (int i = 0; i < SERVICE_COUNT; i++) {
        const struct service_state *s = &states[i];
        char *status = json_dumps(s->by_status, JSON_COMPACT | JSON_SORT_KEYS);
        strbuf_printf(out,
                      "%s\"%s\":{\"requests\":%" PRIu64 ",\"ids\":%" PRIu64
                      ",\"distinct_ids\":%zu,\"faults\":%" PRIu64 ",\"most_under_way\":%" PRIu64
                      ",\"ids_in_largest\":%" PRIu64 ",\"most_in_a_second\":%" PRIu64 ",\"span_ms\":%" PRId64
                      ",\"status\":%s}",
                      i > 0 ? "," : "", service_names[i], s->requests, s->ids, json_object_size(s->distinct),
                      s->faults, s->most_under_way, s->ids_in_largest, s->most_in_a_second,
                      s->requests > 0 ? s->times_ms[(s->requests - 1) % RECENT] - s->first_ms : 0,
                      status != NULL ? status : "{}");
        free(status);
    }
    strbuf_puts(out, "}\n");
    pthread_mutex_unlock(&lock);
}

void fault_users(struct strbuf *out)
{
    pthread_mutex_lock(&lock);
    for (int i = SERVICE_PURCHASES; i <= SERVICE_ORDERS; i++) {
        char *text = json_dumps(states[i].by_user, JSON_COMPACT | JSON_SORT_KEYS);
        strbuf_printf(out, "%s\"%s\":", i == SERVICE_PURCHASES ? "{" : ",", service_names[i]);
        strbuf_puts(out, text != NULL ? text : "{}");
        free(text);
    }
    strbuf_puts(out, "}\n");
    pthread_mutex_unlock(&lock);
}
