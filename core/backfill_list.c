/* backfill_list: the list of users, read once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backfill.h"
#include "record.h"

#define LIST_TICK_MS 10

struct collecting {
    struct backfill_list *list;
    int lost; /* no memory for a finding */
};

static void note_bad(struct collecting *c, const struct pipeline_end *end)
{
    struct backfill_list *list = c->list;
    struct sluice_str payload = end->record->payload;
    struct backfill_bad *bad;
    size_t i, n;

    list->invalid++;
    if (list->n_bad == BACKFILL_BAD_KEPT)
        return;
    if (list->bad == NULL)
        list->bad = calloc(BACKFILL_BAD_KEPT, sizeof *list->bad);
    if (list->bad == NULL) {
        c->lost = 1;
        return;
    }
    bad = &list->bad[list->n_bad++];
    bad->line = end->record->ordinal;
    n = payload.len < sizeof bad->text ? (size_t)payload.len : sizeof bad->text - 1;
    if (n > 0)
        memcpy(bad->text, payload.data, n);
    for (i = 0; i < n; i++) /* it goes to a terminal */
        if ((unsigned char)bad->text[i] < 0x20 || (unsigned char)bad->text[i] > 0x7e)
            bad->text[i] = '?';
    (void)snprintf(bad->detail, sizeof bad->detail, "%s", end->detail != NULL ? end->detail : end->reason);
}

/* Under the pipeline's lock, so nobody else is here. */
static void on_end(void *context, const struct pipeline_end *end)
{
    struct collecting *c = context;

    if (end->end == PIPELINE_WRITTEN)
        c->list->users++;
    else if (end->end == PIPELINE_DEAD)
        note_bad(c, end);
    else if (strcmp(end->reason, "header") == 0)
        c->list->header++;
    else
        c->list->duplicates++;
}

static int by_line(const void *a, const void *b)
{
    const struct backfill_bad *x = a, *y = b;

    return x->line < y->line ? -1 : x->line > y->line;
}

int backfill_collect(struct config *config, const struct registry *registry, struct backfill_list *list,
                     int (*stop)(void *context), void *context, struct problems *p)
{
    const struct timespec tick = {0, LIST_TICK_MS * 1000000L};
    struct collecting c = {list, 0};
    struct backfill_pass *pass;
    int stopped = 0;
    char why[512];

    memset(list, 0, sizeof *list);
    pass = backfill_pass_start(config, registry, on_end, &c, p);
    if (pass == NULL)
        return -1;
    while (!stopped && !backfill_pass_over(pass)) {
        (void)nanosleep(&tick, NULL);
        stopped = stop != NULL && stop(context);
    }
    list->blank = backfill_pass_source_count(pass, "blank_lines_total");
    if (!backfill_pass_join(pass)) {
        problem_add(p, (struct origin){NULL, 0, 0}, NULL, "the source of the users does not stop");
        return -1; /* a thread is still in there: nothing can be freed */
    }
    if (!stopped && pipeline_state(backfill_pass_pipeline(pass)) == PIPELINE_FAILED) {
        pipeline_error(backfill_pass_pipeline(pass), why, sizeof why);
        problem_add(p, (struct origin){NULL, 0, 0}, NULL, "the users cannot be read: %s", why);
    }
    if (c.lost)
        problem_add(p, (struct origin){NULL, 0, 0}, NULL, "out of memory");
    backfill_pass_free(pass);
    if (list->n_bad > 1)
        qsort(list->bad, (size_t)list->n_bad, sizeof *list->bad, by_line);
    return stopped || problems_failed(p) ? -1 : 0;
}

void backfill_list_release(struct backfill_list *list)
{
    free(list->bad);
    memset(list, 0, sizeof *list);
}
