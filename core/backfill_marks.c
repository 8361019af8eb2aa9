#include "backfill_marks.h"

#include <stdlib.h>
#include <string.h>

#define MARKS_TEXT_MAX ((size_t)1 << 30)
#define MARKS_AT_ONCE 1000u

int backfill_marks_init(struct backfill_marks *m)
{
    memset(m, 0, sizeof *m);
    strbuf_init(&m->text, MARKS_TEXT_MAX);
    return pthread_mutex_init(&m->lock, NULL) == 0 ? 0 : -1;
}

void backfill_marks_release(struct backfill_marks *m)
{
    (void)pthread_mutex_destroy(&m->lock);
    free(m->items);
    strbuf_release(&m->text);
}

/* An id has neither quotes nor backslashes (user_id.h). */
static struct sluice_str user_of(struct sluice_str line)
{
    const size_t head = sizeof BACKFILL_FORCED_HEAD - 1;
    const char *end;

    if (line.len <= head || memcmp(line.data, BACKFILL_FORCED_HEAD, head) != 0)
        return line;
    line.data += head;
    line.len -= head;
    end = memchr(line.data, '"', (size_t)line.len);
    line.len = end == NULL ? line.len : (uint64_t)(end - line.data);
    return line;
}

static int room(struct backfill_marks *m)
{
    size_t cap = m->cap == 0 ? 256 : m->cap * 2;
    struct backfill_mark *grown;

    if (m->n < m->cap)
        return 1;
    grown = realloc(m->items, cap * sizeof *grown);
    if (grown == NULL)
        return 0;
    m->items = grown;
    m->cap = cap;
    return 1;
}

void backfill_marks_add(void *context, struct sluice_str text, int sent, const char *why)
{
    struct backfill_marks *m = context;
    struct sluice_str user = user_of(text);

    pthread_mutex_lock(&m->lock);
    if (room(m) && !m->text.failed) {
        struct backfill_mark *mark = &m->items[m->n];

        mark->sent = sent;
        mark->user = m->text.len;
        mark->user_len = (size_t)user.len;
        strbuf_add(&m->text, user.data, (size_t)user.len);
        mark->why = m->text.len;
        if (!sent) {
            strbuf_puts(&m->text, why);
            strbuf_add(&m->text, "", 1);
        }
        m->n += !m->text.failed;
    }
    pthread_mutex_unlock(&m->lock);
}

static uint32_t tell(const struct backfill_mark *items, size_t n, const char *text, struct job_ledger *ledger,
                     const char *id, struct sluice_error *err)
{
    struct job_mark marks[MARKS_AT_ONCE];
    size_t i;

    for (i = 0; i < n; i++)
        marks[i] = (struct job_mark){.user = {text + items[i].user, items[i].user_len},
                                     .event = items[i].sent ? JOB_EVENT_SENT : JOB_EVENT_FAILED,
                                     .step = JOB_NO_STEP,
                                     .reason = items[i].sent ? NULL : text + items[i].why};
    return job_mark(ledger, id, NULL, 0, marks, (uint32_t)n, NULL, err);
}

uint32_t backfill_marks_flush(struct backfill_marks *m, struct job_ledger *ledger, const char *id,
                              struct sluice_error *err)
{
    struct backfill_mark *items;
    struct strbuf text;
    size_t n, at = 0, part;
    uint32_t code = SLUICE_OK;

    pthread_mutex_lock(&m->lock);
    items = m->items;
    n = m->n;
    text = m->text;
    m->items = NULL;
    m->n = m->cap = 0;
    strbuf_init(&m->text, MARKS_TEXT_MAX);
    pthread_mutex_unlock(&m->lock);
    for (; code == SLUICE_OK && at < n; at += part) {
        part = n - at < MARKS_AT_ONCE ? n - at : MARKS_AT_ONCE;
        code = tell(items + at, part, strbuf_text(&text), ledger, id, err);
        if (code != SLUICE_OK)
            break;
    }
    for (; at < n; at++) /* back to where new ones may have come meanwhile */
        backfill_marks_add(m, (struct sluice_str){strbuf_text(&text) + items[at].user, items[at].user_len},
                           items[at].sent, items[at].sent ? NULL : strbuf_text(&text) + items[at].why);
    free(items);
    strbuf_release(&text);
    return code;
}
