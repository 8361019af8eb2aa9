/* job_known: what is known of a user of a job, and the state that follows from it.
 *
 * Of each step loaded beats failed beats skipped, so reports commute: any order and any
 * repetition of the same reports ends in the same state (the clock and the words of the
 * reason aside). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job_private.h"

#define PACK_VERSION "1"
#define APART '\x1e'

void job_known_new(struct job_known *k, int64_t now_ms)
{
    memset(k, 0, offsetof(struct job_known, reasons));
    k->changed_ms = now_ms;
}

static uint32_t reason_at(const struct job_known *k, uint32_t step)
{
    uint32_t i = 0;

    while (i < k->n_reasons && k->reasons[i].step != step)
        i++;
    return i;
}

static void drop_reason(struct job_known *k, uint32_t step)
{
    uint32_t i = reason_at(k, step);

    if (i < k->n_reasons)
        k->reasons[i] = k->reasons[--k->n_reasons];
}

/* Cut at a whole character; control characters would spoil a list of users. */
static void set_reason(struct job_known *k, uint32_t step, const char *text)
{
    uint32_t i = reason_at(k, step);
    struct job_reason *r = &k->reasons[i];
    size_t n = 0, length;

    if (i == k->n_reasons)
        k->n_reasons++;
    r->step = step;
    text = text == NULL || text[0] == '\0' ? "unknown" : text;
    while (text[n] != '\0' && n < JOB_REASON_MAX) {
        length = utf8_length(text + n, strlen(text + n));
        if (length == 0) {
            r->text[n++] = '?';
            continue;
        }
        if (n + length > JOB_REASON_MAX)
            break;
        memcpy(r->text + n, text + n, length);
        if (length == 1 && (unsigned char)r->text[n] < 0x20)
            r->text[n] = ' ';
        n += length;
    }
    r->text[n] = '\0';
}

static int fail_step(struct job_known *k, uint32_t step, uint64_t bit, const char *reason)
{
    if (((k->loaded | k->failed) & bit) != 0)
        return 0;
    k->failed |= bit;
    k->skipped &= ~bit;
    set_reason(k, step, reason);
    return 1;
}

static int skip_step(struct job_known *k, uint32_t step, uint64_t bit, const char *reason)
{
    if (((k->loaded | k->failed | k->skipped) & bit) != 0)
        return 0;
    k->skipped |= bit;
    set_reason(k, step, reason);
    return 1;
}

static int load_step(struct job_known *k, uint32_t step, uint64_t bit)
{
    if ((k->loaded & bit) != 0)
        return 0;
    k->loaded |= bit;
    k->failed &= ~bit;
    k->skipped &= ~bit;
    drop_reason(k, step);
    return 1;
}

/* What the sender says of a user. */
static int set_base(struct job_known *k, enum job_base base, const char *reason)
{
    if (k->base == base)
        return 0;
    k->base = base;
    if (base == JOB_BASE_SENT || base == JOB_BASE_PENDING)
        drop_reason(k, JOB_NO_STEP);
    else
        set_reason(k, JOB_NO_STEP, reason);
    return 1;
}

static int try_again(struct job_known *k)
{
    uint32_t i;

    if (job_known_state(k) != JOB_USER_FAILED)
        return 0;
    for (i = JOB_MAX_STEPS; i-- > 0;)
        if ((k->failed >> i & 1) != 0)
            drop_reason(k, i);
    (void)set_base(k, JOB_BASE_PENDING, NULL);
    k->failed = 0;
    k->need = 0; /* the steps may have changed meanwhile: the next report names them */
    k->retries++;
    return 1;
}

int job_known_apply(struct job_known *k, int event, uint32_t step, uint64_t all, const char *reason,
                    int64_t now_ms)
{
    uint64_t bit = step < JOB_MAX_STEPS ? (uint64_t)1 << step : 0, need = k->need;
    int by_sender = step == JOB_NO_STEP, changed = 0;

    if (!by_sender)
        k->need |= all | bit;
    if (event == JOB_EVENT_SENT)
        changed = set_base(k, JOB_BASE_SENT, NULL);
    else if (event == JOB_EVENT_RETRY)
        changed = try_again(k);
    else if (event == JOB_EVENT_FAILED)
        changed = by_sender ? set_base(k, JOB_BASE_FAILED, reason) : fail_step(k, step, bit, reason);
    else if (event == JOB_EVENT_SKIPPED)
        changed = by_sender ? set_base(k, JOB_BASE_SKIPPED, reason) : skip_step(k, step, bit, reason);
    else if (event == JOB_EVENT_LOADED && !by_sender)
        changed = load_step(k, step, bit);
    changed |= k->need != need;
    if (changed)
        k->changed_ms = now_ms;
    return changed;
}

enum job_user_state job_known_state(const struct job_known *k)
{
    uint64_t ended = k->loaded | k->skipped;

    if (k->failed != 0)
        return JOB_USER_FAILED;
    if (k->need != 0 && (ended & k->need) == k->need)
        return k->loaded != 0 ? JOB_USER_DONE : JOB_USER_SKIPPED;
    if (k->base == JOB_BASE_FAILED)
        return JOB_USER_FAILED;
    if (k->base == JOB_BASE_SKIPPED)
        return JOB_USER_SKIPPED;
    /* Tried again: what an earlier try loaded does not say that he was sent again. */
    if (k->base == JOB_BASE_SENT || (k->retries == 0 && ended != 0))
        return JOB_USER_SENT;
    return JOB_USER_PENDING;
}

const struct job_reason *job_known_reason(const struct job_known *k)
{
    const struct job_reason *found = NULL;
    uint32_t i;

    for (i = 0; i < k->n_reasons; i++) {
        const struct job_reason *r = &k->reasons[i];
        int failed = r->step == JOB_NO_STEP ? k->base == JOB_BASE_FAILED : (k->failed >> r->step & 1) != 0;

        if (k->failed != 0 && !(failed && r->step != JOB_NO_STEP))
            continue; /* the step that failed, not one that was skipped */
        if (found == NULL || r->step < found->step)
            found = r;
    }
    return found;
}

void job_known_pack(const struct job_known *k, struct strbuf *out)
{
    uint32_t i;

    strbuf_printf(out, PACK_VERSION " %u %u %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRId64,
                  (unsigned)k->base, k->retries, k->need, k->loaded, k->failed, k->skipped, k->changed_ms);
    for (i = 0; i < k->n_reasons; i++)
        strbuf_printf(out, "%c%" PRIu32 ":%s", APART, k->reasons[i].step, k->reasons[i].text);
}

static int read_numbers(const char *text, struct job_known *k, int *at)
{
    unsigned version, base;

    if (sscanf(text, "%u %u %" SCNu32 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNd64 "%n",
               &version, &base, &k->retries, &k->need, &k->loaded, &k->failed, &k->skipped, &k->changed_ms,
               at) != 8 ||
        version != 1 || base > JOB_BASE_SKIPPED)
        return -1;
    k->base = (enum job_base)base;
    return 0;
}

/* One "\x1eSTEP:TEXT"; where it ends, or NULL. */
static const char *read_reason(const char *text, struct job_known *k)
{
    struct job_reason *r = &k->reasons[k->n_reasons];
    unsigned long step;
    size_t n;
    char *end;

    if (*text != APART || k->n_reasons > JOB_MAX_STEPS)
        return NULL;
    step = strtoul(text + 1, &end, 10);
    if (end == text + 1 || *end != ':' || (step >= JOB_MAX_STEPS && step != JOB_NO_STEP))
        return NULL;
    n = strcspn(end + 1, "\x1e");
    if (n > JOB_REASON_MAX)
        return NULL;
    r->step = (uint32_t)step;
    memcpy(r->text, end + 1, n);
    r->text[n] = '\0';
    k->n_reasons++;
    return end + 1 + n;
}

int job_known_unpack(const char *text, size_t len, struct job_known *k)
{
    const char *rest;
    int at = 0;

    job_known_new(k, 0);
    if (strlen(text) != len || read_numbers(text, k, &at) != 0)
        return -1;
    for (rest = text + at; *rest != '\0';) {
        rest = read_reason(rest, k);
        if (rest == NULL)
            return -1;
    }
    return 0;
}
