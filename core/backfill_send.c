/* backfill_send: the users of a spool to the queue.
 *
 * Invariant: a user's bit is set only after his message is durable in the queue, so what
 * backfill_unsent gives may hold somebody who was sent, but never lacks one who was not. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backfill.h"
#include "record.h"

#define UNSENT_MAX ((size_t)1 << 30)

struct backfill_send {
    struct backfill_pass *pass;
    pthread_mutex_t lock;
    unsigned char *bits; /* by line, from 1 */
    uint64_t users, sent, failed;
    char why[400]; /* of the last dead one */
    backfill_told told;
    void *context;
};

static int is_sent(const struct backfill_send *s, uint64_t line)
{
    return line >= 1 && line <= s->users && (s->bits[line / 8] >> (line % 8) & 1) != 0;
}

static void on_end(void *context, const struct pipeline_end *end)
{
    struct backfill_send *s = context;
    uint64_t line = end->record->ordinal;
    int sent = end->end == PIPELINE_WRITTEN;
    const char *why = end->detail != NULL ? end->detail : end->reason;

    pthread_mutex_lock(&s->lock);
    if (sent && line >= 1 && line <= s->users) {
        s->bits[line / 8] = (unsigned char)(s->bits[line / 8] | 1u << (line % 8));
        s->sent++;
    } else if (!sent) {
        s->failed++;
        (void)snprintf(s->why, sizeof s->why, "%s", why);
    }
    pthread_mutex_unlock(&s->lock);
    if (s->told != NULL)
        s->told(s->context, end->record->payload, sent, sent ? NULL : why);
}

struct backfill_send *backfill_send_start(struct config *config, const struct registry *registry,
                                          uint64_t users, backfill_told told, void *context,
                                          struct problems *p)
{
    struct backfill_send *s = calloc(1, sizeof *s);

    if (s != NULL)
        s->bits = calloc((size_t)(users / 8 + 1), 1);
    if (s == NULL || s->bits == NULL || pthread_mutex_init(&s->lock, NULL) != 0) {
        problem_add(p, (struct origin){NULL, 0, 0}, NULL, "out of memory");
        if (s != NULL)
            free(s->bits);
        free(s);
        config_free(config);
        return NULL;
    }
    s->users = users;
    s->told = told;
    s->context = context;
    s->pass = backfill_pass_start(config, registry, on_end, s, p);
    if (s->pass == NULL) {
        backfill_send_free(s);
        return NULL;
    }
    return s;
}

void backfill_send_look(struct backfill_send *s, struct backfill_send_state *out)
{
    struct pipeline *pipeline = backfill_pass_pipeline(s->pass);
    enum pipeline_state state = pipeline_state(pipeline);
    struct strbuf reasons;

    memset(out, 0, sizeof *out);
    strbuf_init(&reasons, 64u * 1024);
    out->over = backfill_pass_over(s->pass);
    if (state == PIPELINE_FAILED)
        pipeline_error(pipeline, out->why, sizeof out->why);
    else if (!pipeline_ready(pipeline, &reasons) && !out->over) {
        out->waiting = 1; /* also when the list is read to its end, and the rest is in work */
        (void)snprintf(out->why, sizeof out->why, "%.*s", (int)strcspn(strbuf_text(&reasons), "\n"),
                       strbuf_text(&reasons));
    }
    strbuf_release(&reasons);
    pthread_mutex_lock(&s->lock);
    out->sent = s->sent;
    out->failed = s->failed;
    if (out->why[0] == '\0')
        (void)snprintf(out->why, sizeof out->why, "%s", s->why);
    pthread_mutex_unlock(&s->lock);
}

void backfill_send_drain(struct backfill_send *s)
{
    pipeline_drain(backfill_pass_pipeline(s->pass));
}

int backfill_send_join(struct backfill_send *s)
{
    return backfill_pass_join(s->pass);
}

char *backfill_unsent(const struct backfill_send *s, const char *spool, size_t *len, uint64_t *n,
                      struct sluice_error *err)
{
    FILE *in = fopen(spool, "re");
    struct strbuf out;
    char *line = NULL;
    size_t cap = 0;
    uint64_t number = 0;
    ssize_t got;

    *n = 0;
    strbuf_init(&out, UNSENT_MAX);
    while (in != NULL && (got = getline(&line, &cap, in)) > 0) {
        if (is_sent(s, ++number))
            continue;
        strbuf_add(&out, line, (size_t)got);
        ++*n;
    }
    free(line);
    if (in == NULL || ferror(in) || out.failed)
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "the list %.200s cannot be read again: %s", spool,
                          in == NULL || ferror(in) ? strerror(errno) : "no memory, or it is above 1 GiB");
    else
        err = NULL;
    if (in != NULL)
        (void)fclose(in);
    *len = out.len;
    if (err == NULL && out.data == NULL)
        return calloc(1, 1);
    if (err == NULL)
        return strbuf_take(&out);
    strbuf_release(&out);
    return NULL;
}

void backfill_send_free(struct backfill_send *s)
{
    if (s == NULL)
        return;
    backfill_pass_free(s->pass);
    (void)pthread_mutex_destroy(&s->lock);
    free(s->bits);
    free(s);
}
