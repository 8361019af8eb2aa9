/* check_lookup: how often a service is asked, and what is remembered; the service is a
 * table of the test. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lookup.h"
#include "one_suite.h"

#define THREADS 1000

/* --- a host and a service ----------------------------------------------------------- */

static _Atomic int64_t now;
static _Atomic uint32_t cancelled, requests, ids_asked, joined, largest;
static _Atomic uint32_t wait_for_joined; /* an answer is held back until so many joined */
static uint32_t status, retry_after_ms, failing;
static const char *poison; /* requests that hold it are refused with 400 */

static int64_t steady_ms(const struct sluice_host *host)
{
    (void)host;
    return atomic_load(&now);
}

static uint32_t is_cancelled(const struct sluice_host *host)
{
    (void)host;
    return atomic_load(&cancelled);
}

static uint32_t metric(const struct sluice_host *host, uint32_t kind, const char *name, const char *help,
                       const char *label)
{
    (void)host;
    (void)kind;
    (void)help;
    (void)label;
    return strcmp(name, "lookups_total") == 0 ? 1 : 2;
}

static void metric_add(const struct sluice_host *host, uint32_t id, const char *label, uint64_t n)
{
    (void)host;
    if (id == 1 && strcmp(label, "joined") == 0)
        atomic_fetch_add(&joined, (uint32_t)n);
}

/* {"ids":["a","b"]} to {"items":[{"id":"a","name":"name of a"}, …]}; "u…" is unknown. */
static char *answer_to(struct sluice_str body)
{
    const char *at = strchr(body.data, '[');
    uint32_t n = 0, known = 0;
    struct strbuf out;
    char *text;

    ck_assert_ptr_nonnull(at);
    strbuf_init(&out, 1 << 20);
    strbuf_puts(&out, "{\"items\":[");
    while ((at = strchr(at, '"')) != NULL) {
        const char *end = strchr(at + 1, '"');
        int len = (int)(end - at - 1);

        n++;
        if (at[1] != 'u')
            strbuf_printf(&out, "%s{\"id\":\"%.*s\",\"name\":\"name of %.*s\"}", known++ > 0 ? "," : "", len,
                          at + 1, len, at + 1);
        at = end + 1;
    }
    strbuf_puts(&out, "]}");
    atomic_fetch_add(&ids_asked, n);
    if (n > atomic_load(&largest))
        atomic_store(&largest, n);
    text = strbuf_take(&out);
    ck_assert_ptr_nonnull(text);
    return text;
}

static void answer_one(const struct sluice_http_request *request, struct sluice_http_response *r)
{
    atomic_fetch_add(&requests, 1);
    r->code = SLUICE_OK;
    r->status = status;
    r->retry_after_ms = retry_after_ms;
    r->body = (struct sluice_str){NULL, 0};
    if (failing != 0) {
        r->code = failing;
        (void)snprintf(r->message, sizeof r->message, "as the test wants it");
    } else if (poison != NULL && strstr(request->body.data, poison) != NULL) {
        r->status = 400;
    } else if (status == 200) {
        r->body.data = answer_to(request->body);
        r->body.len = strlen(r->body.data);
    }
}

static uint32_t perform(struct sluice_http_client *client, const struct sluice_http_request *all, uint32_t n,
                        uint32_t stride, struct sluice_http_response *responses, uint32_t r_stride,
                        uint32_t deadline_ms, struct sluice_error *err)
{
    uint32_t i;

    (void)client;
    (void)deadline_ms;
    (void)err;
    while (atomic_load(&joined) < atomic_load(&wait_for_joined))
        ;
    for (i = 0; i < n; i++)
        answer_one((const void *)((const char *)all + (size_t)i * stride),
                   (void *)((char *)responses + (size_t)i * r_stride));
    return SLUICE_OK;
}

static void release(struct sluice_http_response *responses, uint32_t n, uint32_t r_stride)
{
    uint32_t i;

    for (i = 0; i < n; i++)
        free((char *)(uintptr_t)((struct sluice_http_response *)(void *)((char *)responses + i * r_stride))
                 ->body.data);
}

static int a_client;

static struct sluice_http_client *make_client(const struct sluice_host *host,
                                              const struct sluice_http_options *options,
                                              struct sluice_error *err)
{
    (void)host;
    (void)options;
    (void)err;
    return (void *)&a_client;
}

static void free_client(struct sluice_http_client *client)
{
    ck_assert_ptr_eq(client, &a_client);
}

static const struct sluice_http_api http = {.struct_size = sizeof http,
                                            .client = make_client,
                                            .free = free_client,
                                            .perform = perform,
                                            .release = release};

static const void *extension(const struct sluice_host *host, const char *id)
{
    (void)host;
    return strcmp(id, SLUICE_HTTP_ID) == 0 ? &http : NULL;
}

static const struct sluice_host host = {.struct_size = sizeof host,
                                        .steady_ms = steady_ms,
                                        .cancelled = is_cancelled,
                                        .metric = metric,
                                        .metric_add = metric_add,
                                        .extension = extension};

static struct lookup l;
static struct lookup_options options;

static void setup(void)
{
    atomic_store(&now, 1000);
    atomic_store(&cancelled, 0);
    atomic_store(&requests, 0);
    atomic_store(&ids_asked, 0);
    atomic_store(&joined, 0);
    atomic_store(&largest, 0);
    atomic_store(&wait_for_joined, 0);
    status = 200;
    retry_after_ms = failing = 0;
    poison = NULL;
    options = (struct lookup_options){.url = "http://service/",
                                      .path = "/items",
                                      .method = "POST",
                                      .ids = "ids",
                                      .spec = {"items", "id", 1, {{"name", LOOKUP_TEXT}}},
                                      .batch = 100,
                                      .max_parallel = 8,
                                      .attempts = 4,
                                      .timeout_ms = 1000,
                                      .cache_bytes = 1 << 20,
                                      .ttl_ms = 60000,
                                      .unknown_ttl_ms = 5000};
}

static void open_lookup(void)
{
    struct sluice_error err = {.struct_size = sizeof err};

    ck_assert_uint_eq(lookup_open(&l, &host, &options, &err), SLUICE_OK);
}

static void teardown(void)
{
    lookup_close(&l);
}

/* State of one id, asked for alone. */
static enum lookup_state ask(const char *id)
{
    struct sluice_str ids = sluice_str_of(id);
    struct lookup_entry *entry;
    enum lookup_state state;
    enum lookup_how how;

    lookup_fetch(&l, &ids, 1, &entry, &how);
    state = entry->state;
    lookup_cache_give(&l.cache, &entry, 1);
    return state;
}

/* Asks for prefix + from … prefix + (from + n - 1) in one call; how many got the state. */
static uint32_t ask_range(const char *prefix, uint32_t from, uint32_t n, enum lookup_state state)
{
    struct lookup_entry **entries = calloc(n, sizeof *entries);
    enum lookup_how *how = calloc(n, sizeof *how);
    struct sluice_str *ids = calloc(n, sizeof *ids);
    char(*texts)[24] = calloc(n, sizeof *texts);
    uint32_t i, found = 0;

    ck_assert(entries != NULL && how != NULL && ids != NULL && texts != NULL);
    for (i = 0; i < n; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "%s%u", prefix, from + i);
        ids[i] = sluice_str_of(texts[i]);
    }
    lookup_fetch(&l, ids, n, entries, how);
    for (i = 0; i < n; i++)
        found += entries[i]->state == state;
    lookup_cache_give(&l.cache, entries, n);
    free(entries);
    free(how);
    free(ids);
    free(texts);
    return found;
}

/* --- asking ------------------------------------------------------------------------- */

START_TEST(ids_are_asked_for_in_batches_and_then_remembered)
{
    open_lookup();
    ck_assert_uint_eq(ask_range("p", 0, 250, LOOKUP_FOUND), 250);
    ck_assert_uint_eq(atomic_load(&requests), 3);
    ck_assert_uint_eq(atomic_load(&ids_asked), 250);
    ck_assert_uint_eq(atomic_load(&largest), 100);
    ck_assert_uint_eq(ask_range("p", 0, 250, LOOKUP_FOUND), 250);
    ck_assert_uint_eq(atomic_load(&requests), 3);
    ck_assert_uint_eq(ask_range("p", 200, 100, LOOKUP_FOUND), 100);
    ck_assert_uint_eq(atomic_load(&ids_asked), 300);
}
END_TEST

START_TEST(many_batches_go_in_several_rounds)
{
    options.batch = 1;
    open_lookup();
    ck_assert_uint_eq(ask_range("p", 0, 100, LOOKUP_FOUND), 100);
    ck_assert_uint_eq(atomic_load(&requests), 100);
}
END_TEST

static void *ask_thread(void *context)
{
    (void)context;
    return (void *)(intptr_t)ask("p1");
}

START_TEST(a_thousand_misses_of_one_id_are_one_request)
{
    static pthread_t threads[THREADS];
    pthread_attr_t attr;
    void *state;
    int i;

    open_lookup();
    atomic_store(&wait_for_joined, THREADS - 1);
    ck_assert_int_eq(pthread_attr_init(&attr), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&attr, 262144), 0);
    for (i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], &attr, ask_thread, NULL), 0);
    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &state), 0);
        ck_assert_int_eq((int)(intptr_t)state, LOOKUP_FOUND);
    }
    (void)pthread_attr_destroy(&attr);
    ck_assert_uint_eq(atomic_load(&requests), 1);
    ck_assert_uint_eq(atomic_load(&ids_asked), 1);
}
END_TEST

static void *ask_crossing(void *context)
{
    uint32_t from = *(const uint32_t *)context, i;

    for (i = 0; i < 200; i++) {
        atomic_fetch_add(&now, 1);
        ck_assert_uint_eq(ask_range("p", (from + i * 7) % 50, 40, LOOKUP_FOUND), 40);
    }
    return NULL;
}

START_TEST(calls_that_want_each_others_ids_all_come_to_an_end)
{
    static const uint32_t from[4] = {0, 10, 20, 30};
    pthread_t threads[4];
    int i;

    options.ttl_ms = 3;
    open_lookup();
    for (i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_crossing, (void *)(uintptr_t)&from[i]), 0);
    for (i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}
END_TEST

/* --- remembering -------------------------------------------------------------------- */

START_TEST(what_was_found_is_asked_for_again_after_its_time)
{
    open_lookup();
    ck_assert_int_eq(ask("p1"), LOOKUP_FOUND);
    atomic_store(&now, 1000 + 59999);
    ck_assert_int_eq(ask("p1"), LOOKUP_FOUND);
    ck_assert_uint_eq(atomic_load(&requests), 1);
    atomic_store(&now, 1000 + 60000);
    ck_assert_int_eq(ask("p1"), LOOKUP_FOUND);
    ck_assert_uint_eq(atomic_load(&requests), 2);
}
END_TEST

START_TEST(what_is_unknown_is_asked_for_again_sooner)
{
    open_lookup();
    ck_assert_int_eq(ask("u1"), LOOKUP_UNKNOWN);
    ck_assert_int_eq(ask("u1"), LOOKUP_UNKNOWN);
    ck_assert_uint_eq(atomic_load(&requests), 1);
    atomic_store(&now, 1000 + 5000);
    ck_assert_int_eq(ask("u1"), LOOKUP_UNKNOWN);
    ck_assert_uint_eq(atomic_load(&requests), 2);
}
END_TEST

START_TEST(the_cache_keeps_to_its_bytes_and_what_was_used_last)
{
    uint64_t bytes, known, unknown;
    uint32_t i;

    options.cache_bytes = 100000;
    open_lookup();
    for (i = 0; i < 50; i++) {
        (void)ask_range("p", i * 100, 100, LOOKUP_FOUND);
        (void)ask_range("u", i * 100, 100, LOOKUP_UNKNOWN);
        ck_assert_int_eq(ask("p0"), LOOKUP_FOUND);
    }
    lookup_cache_size(&l.cache, &bytes, &known, &unknown);
    ck_assert_uint_gt(known, 100);
    ck_assert_uint_gt(unknown, 10);
    ck_assert_uint_le(l.cache.known.bytes, 87500);
    ck_assert_uint_le(l.cache.unknown.bytes, 12500);
    ck_assert_uint_eq(atomic_load(&ids_asked), 10000); /* p0 was never forgotten */
    ck_assert_uint_eq(ask_range("p", 4999, 1, LOOKUP_FOUND), 1);
    ck_assert_uint_eq(atomic_load(&ids_asked), 10000);
    ck_assert_uint_eq(ask_range("p", 1, 1, LOOKUP_FOUND), 1);
    ck_assert_uint_eq(atomic_load(&ids_asked), 10001);
}
END_TEST

START_TEST(without_a_cache_every_call_asks)
{
    options.cache_bytes = 0;
    open_lookup();
    ck_assert_int_eq(ask("p1"), LOOKUP_FOUND);
    ck_assert_int_eq(ask("p1"), LOOKUP_FOUND);
    ck_assert_int_eq(ask("u1"), LOOKUP_UNKNOWN);
    ck_assert_int_eq(ask("u1"), LOOKUP_UNKNOWN);
    ck_assert_uint_eq(atomic_load(&requests), 4);
}
END_TEST

/* --- failing ------------------------------------------------------------------------ */

START_TEST(what_failed_is_never_remembered)
{
    open_lookup();
    status = 500;
    ck_assert_int_eq(ask("p1"), LOOKUP_FAILED);
    status = 200;
    ck_assert_int_eq(ask("p1"), LOOKUP_FOUND);
}
END_TEST

START_TEST(a_status_tells_whether_the_service_is_away)
{
    static const struct {
        uint32_t status;
        enum lookup_state state;
    } want[] = {{429, LOOKUP_AWAY},   {503, LOOKUP_AWAY},  {502, LOOKUP_AWAY}, {504, LOOKUP_AWAY},
                {401, LOOKUP_AWAY},   {404, LOOKUP_AWAY},  {302, LOOKUP_AWAY}, {204, LOOKUP_AWAY},
                {500, LOOKUP_FAILED}, {400, LOOKUP_FAILED}};
    size_t i;

    open_lookup();
    for (i = 0; i < sizeof want / sizeof *want; i++) {
        status = want[i].status;
        ck_assert_int_eq(ask("p1"), want[i].state);
    }
}
END_TEST

START_TEST(no_answer_tells_whether_the_service_is_away)
{
    open_lookup();
    failing = SLUICE_DISCONNECTED;
    ck_assert_int_eq(ask("p1"), LOOKUP_AWAY);
    failing = SLUICE_UNSURE;
    ck_assert_int_eq(ask("p1"), LOOKUP_FAILED);
    failing = SLUICE_REJECT;
    ck_assert_int_eq(ask("p1"), LOOKUP_FAILED);
    failing = SLUICE_CANCELLED; /* its turn did not come */
    ck_assert_int_eq(ask("p1"), LOOKUP_AWAY);
    atomic_store(&cancelled, 1);
    ck_assert_int_eq(ask("p1"), LOOKUP_CANCELLED);
}
END_TEST

START_TEST(one_refused_id_does_not_cost_the_others_of_its_batch)
{
    open_lookup();
    poison = "\"p37\"";
    ck_assert_uint_eq(ask_range("p", 0, 100, LOOKUP_FOUND), 99);
    ck_assert_uint_le(atomic_load(&requests), 16);
    ck_assert_int_eq(ask("p37"), LOOKUP_FAILED);
}
END_TEST

START_TEST(a_service_that_refuses_everything_is_not_asked_about_each_id)
{
    open_lookup();
    status = 400;
    ck_assert_uint_eq(ask_range("p", 0, 1000, LOOKUP_FAILED), 1000);
    ck_assert_uint_le(atomic_load(&requests), 10 + 2 * 32);
}
END_TEST

ONE_SUITE_WITH("lookup", 60, setup, teardown, ids_are_asked_for_in_batches_and_then_remembered,
               many_batches_go_in_several_rounds, a_thousand_misses_of_one_id_are_one_request,
               calls_that_want_each_others_ids_all_come_to_an_end,
               what_was_found_is_asked_for_again_after_its_time, what_is_unknown_is_asked_for_again_sooner,
               the_cache_keeps_to_its_bytes_and_what_was_used_last, without_a_cache_every_call_asks,
               what_failed_is_never_remembered, a_status_tells_whether_the_service_is_away,
               no_answer_tells_whether_the_service_is_away,
               one_refused_id_does_not_cost_the_others_of_its_batch,
               a_service_that_refuses_everything_is_not_asked_about_each_id)
