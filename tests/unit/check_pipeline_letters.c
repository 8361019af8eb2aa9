/* Dead letters of a pipeline: none stays open for a record that is somebody else's now, and
 * what they are counted by is a token. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "dead_letter.h"
#include "one_suite.h"
#include "state_db_sql.h"
#include "toy.h"

static struct toy_run run;
static const char *const one_text[] = {"{\"user_id\":\"u\"}"};
static atomic_int in_commit, lost_now, again_now;

static void setup(void)
{
    toy_reset();
    atomic_store(&in_commit, 0);
    atomic_store(&lost_now, 0);
    atomic_store(&again_now, 0);
    toy.texts = one_text;
    toy.n_texts = 1;
}

static struct sluice_verdict reject(uint64_t position, uint32_t attempts)
{
    (void)position;
    (void)attempts;
    return (struct sluice_verdict){SLUICE_REJECT, 0, "bad", NULL};
}

static struct sluice_verdict reject_oddly(uint64_t position, uint32_t attempts)
{
    (void)position;
    (void)attempts;
    return (struct sluice_verdict){SLUICE_REJECT, 0, "Bad \"day\"", NULL};
}

static struct sluice_verdict reject_then_take(uint64_t position, uint32_t attempts)
{
    (void)position;
    (void)attempts;
    return atomic_load(&again_now) ? (struct sluice_verdict){SLUICE_OK, 0, NULL, NULL}
                                   : reject(position, attempts);
}

/* The lane goes while the letter is stored. */
static int lose_meanwhile(void *context)
{
    struct timespec pause = {0, 1000000};

    (void)context;
    atomic_store(&in_commit, 1);
    while (!atomic_load(&lost_now))
        (void)nanosleep(&pause, NULL);
    return 0;
}

static uint32_t poll_once_and_lose(const struct sluice_host *host, struct sluice_batch *batch, uint64_t *at,
                                   uint32_t call, struct sluice_error *err)
{
    uint32_t lane;

    (void)batch;
    (void)err;
    if (call == 0)
        return SLUICE_NONE;
    if (atomic_load(&in_commit) && !atomic_load(&lost_now)) {
        lane = host->lane_open(host, "toy", NULL, 0);
        host->lane_lost(host, lane);
        atomic_store(&lost_now, 1);
    }
    if (atomic_load(&again_now) == 1) {
        (void)host->lane_open(host, "toy", NULL, 0);
        *at = 0;
        atomic_store(&again_now, 2);
        return SLUICE_NONE;
    }
    return host->wait(host, 1) ? SLUICE_CANCELLED : SLUICE_OK;
}

static int is_returned_without_letter(void *context)
{
    (void)context;
    return toy_counts(&run, 0).returned == 1 && toy_letters(&run, NULL) == 0;
}

static int is_written(void *context)
{
    (void)context;
    return toy_counts(&run, 0).written == 1;
}

START_TEST(the_letter_of_a_record_whose_lane_was_lost_meanwhile_is_taken_back)
{
    toy.sink = reject_then_take;
    toy.poll = poll_once_and_lose;
    toy.endless = 1;
    toy_open(&run, "  p: {source: {plugin: toy}, sink: {plugin: toy}}\n");
    (void)sqlite3_commit_hook(run.state->sql, lose_meanwhile, NULL);
    toy_start(&run);
    toy_until(is_returned_without_letter, NULL);
    ck_assert_int_eq(atomic_load(&lost_now), 1);
    ck_assert_uint_eq(toy_counts(&run, 0).dead, 0);
    atomic_store(&again_now, 1);
    toy_until(is_written, NULL);
    ck_assert_uint_eq(toy_letters(&run, NULL), 0);
    toy_close(&run);
}
END_TEST

static int see_detail(void *context, int64_t id, const struct dead_letter *letter)
{
    (void)id;
    ck_assert_str_eq(letter->detail, "Bad \"day\"");
    *(int *)context = 1;
    return 0;
}

START_TEST(a_reason_that_is_no_token_is_counted_as_other_and_kept_as_words)
{
    struct dead_letter_filter filter = {.reason = "other"};
    struct sluice_error err = {.struct_size = sizeof err};
    struct strbuf text;
    int seen = 0;

    toy.sink = reject_oddly;
    toy_open(&run, "  p: {source: {plugin: toy}, sink: {plugin: toy}}\n");
    toy_start(&run);
    toy_wait(&run);
    ck_assert_uint_eq(dead_letter_list(run.state, &filter, see_detail, &seen, &err), SLUICE_OK);
    ck_assert_int_eq(seen, 1);
    strbuf_init(&text, (size_t)1 << 20);
    metrics_render(run.metrics, &text);
    ck_assert_ptr_nonnull(
        strstr(strbuf_text(&text), "sluice_dead_total{pipeline=\"p\",reason=\"other\"} 1\n"));
    ck_assert_ptr_null(strstr(strbuf_text(&text), "day"));
    strbuf_release(&text);
    toy_close(&run);
}
END_TEST

ONE_SUITE_WITH("pipeline_letters", 30, setup, NULL,
               the_letter_of_a_record_whose_lane_was_lost_meanwhile_is_taken_back,
               a_reason_that_is_no_token_is_counted_as_other_and_kept_as_words)
