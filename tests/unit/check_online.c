/* check_online: who is asked, how long, and what is told of those who do not answer. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "check_online.h"
#include "one_suite.h"

#define MANY 8u

/* What the instances do, by the place of each in the test. */
static const struct sluice_host *hosts[MANY];
static atomic_uint created, started, probed, stopped;
static uint32_t (*on_start)(uint32_t self, struct sluice_error *err);
static uint32_t (*on_probe)(uint32_t self, struct sluice_error *err);
static uint32_t selves[MANY];

static uint32_t fake_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                            struct sluice_error *err)
{
    uint32_t i = atomic_fetch_add(&created, 1);

    (void)config;
    (void)err;
    hosts[i] = host;
    selves[i] = i;
    *self = &selves[i];
    return SLUICE_OK;
}

static void fake_destroy(void *self)
{
    (void)self;
}

static uint32_t fake_start(void *self, struct sluice_error *err)
{
    atomic_fetch_add(&started, 1);
    return on_start == NULL ? SLUICE_OK : on_start(*(uint32_t *)self, err);
}

static uint32_t fake_probe(void *self, struct sluice_error *err)
{
    atomic_fetch_add(&probed, 1);
    return on_probe == NULL ? SLUICE_OK : on_probe(*(uint32_t *)self, err);
}

static uint32_t fake_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    (void)self;
    (void)deadline_ms;
    (void)err;
    atomic_fetch_add(&stopped, 1);
    return SLUICE_OK;
}

static struct plugin fake = {
    .desc = {.kind = SLUICE_SINK, .name = "fake"},
    .lifecycle = {.create = fake_create,
                  .destroy = fake_destroy,
                  .start = fake_start,
                  .probe = fake_probe,
                  .stop = fake_stop},
};
static char name[] = "fake-1";
static struct instance_spec spec = {.plugin = &fake, .name = name, .origin = {"a.yaml", 7, 3}, .writers = 1};
static struct instance_env env;
static struct problems problems;
static struct instance *instances[MANY];
static struct online *online;

static void reset(void)
{
    atomic_store(&created, 0);
    atomic_store(&started, 0);
    atomic_store(&probed, 0);
    atomic_store(&stopped, 0);
    on_start = on_probe = NULL;
    memset(&env, 0, sizeof env);
    problems_init(&problems);
    online = NULL;
}

static void clean_up(void)
{
    uint32_t i;

    online_free(online);
    for (i = 0; i < atomic_load(&created); i++)
        instance_free(instances[i]);
    problems_release(&problems);
}

static int ask(uint32_t n, uint32_t deadline_ms)
{
    uint32_t i;

    online = online_new(n);
    ck_assert_ptr_nonnull(online);
    for (i = 0; i < n; i++) {
        instances[i] = instance_new(&spec, &env, &problems);
        ck_assert_ptr_nonnull(instances[i]);
        online_add(online, "p", &spec, instances[i]);
    }
    return online_run(online, deadline_ms);
}

/* Comes back once all have been asked. */
static uint32_t wait_for_the_others(uint32_t self, struct sluice_error *err)
{
    (void)err;
    while (atomic_load(&probed) < MANY)
        if (hosts[self]->wait(hosts[self], 1))
            return SLUICE_CANCELLED;
    return SLUICE_OK;
}

START_TEST(all_are_asked_at_once)
{
    on_probe = wait_for_the_others;
    ck_assert_int_eq(ask(MANY, 20000), 0);
    ck_assert_uint_eq(online_tell(online, &problems), 0);
    ck_assert_uint_eq(problems.n, 0);
    ck_assert_uint_eq(atomic_load(&stopped), MANY);
}
END_TEST

static uint32_t refuse(uint32_t self, struct sluice_error *err)
{
    return self == 1 ? sluice_fail(err, SLUICE_DISCONNECTED, NULL, "nobody is there") : SLUICE_OK;
}

START_TEST(who_does_not_answer_is_told_by_place_name_and_words)
{
    on_probe = refuse;
    ck_assert_int_eq(ask(3, 20000), 0);
    ck_assert_uint_eq(online_tell(online, &problems), 1);
    ck_assert_uint_eq(problems.items[0].origin.line, 7);
    ck_assert_str_eq(problems.items[0].message,
                     "sink/fake (instance 'fake-1' of pipeline 'p') does not answer: nobody is there");
    ck_assert_uint_eq(atomic_load(&stopped), 3);
}
END_TEST

START_TEST(who_does_not_start_is_neither_asked_nor_stopped)
{
    on_start = refuse;
    ck_assert_int_eq(ask(3, 20000), 0);
    ck_assert_uint_eq(online_tell(online, &problems), 1);
    ck_assert_ptr_nonnull(strstr(problems.items[0].message, "does not start: nobody is there"));
    ck_assert_uint_eq(atomic_load(&probed), 2);
    ck_assert_uint_eq(atomic_load(&stopped), 2);
}
END_TEST

static uint32_t hang(uint32_t self, struct sluice_error *err)
{
    (void)err;
    if (self != 2)
        return SLUICE_OK;
    while (!hosts[self]->wait(hosts[self], 1000))
        ;
    return SLUICE_CANCELLED;
}

START_TEST(who_hangs_is_cancelled_at_the_deadline_and_told)
{
    on_probe = hang;
    ck_assert_int_eq(ask(4, 50), 0);
    ck_assert_uint_eq(online_tell(online, &problems), 1);
    ck_assert_ptr_nonnull(strstr(problems.items[0].message, "does not answer: it took longer than"));
    ck_assert_uint_eq(atomic_load(&stopped), 4);
}
END_TEST

START_TEST(the_report_for_programs_says_who_and_why)
{
    struct strbuf out;

    on_probe = refuse;
    ck_assert_int_eq(ask(2, 20000), 0);
    strbuf_init(&out, 65536);
    online_json(online, &out);
    ck_assert_int_eq(out.failed, 0);
    ck_assert_ptr_nonnull(strstr(out.data, "{\"ok\":true,\"pipeline\":\"p\",\"instance\":\"fake-1\","
                                           "\"plugin\":\"sink/fake\""));
    ck_assert_ptr_nonnull(strstr(out.data, "\"failed_to\":\"answer\",\"message\":\"nobody is there\"}"));
    strbuf_release(&out);
}
END_TEST

ONE_SUITE_WITH("online", 60, reset, clean_up, all_are_asked_at_once,
               who_does_not_answer_is_told_by_place_name_and_words,
               who_does_not_start_is_neither_asked_nor_stopped,
               who_hangs_is_cancelled_at_the_deadline_and_told, the_report_for_programs_says_who_and_why)
