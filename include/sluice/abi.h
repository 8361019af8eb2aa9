/* sluice/abi.h: the words every other header is made of.
 *
 * Growth rules of everything under sluice/ (kept by tests/abi):
 *   - structs only grow at the end; nothing moves, changes meaning or is reused;
 *   - a struct that one side fills and the other reads starts with struct_size,
 *     set by the side that owns the memory; readers take min(theirs, ours);
 *   - an array of structs carries a stride; strings are UTF-8;
 *   - no tail padding, bit-field, bool, bare enum, long, time_t, FILE *;
 *   - a promise about threads or order is part of the ABI.
 *
 * Four rules of ownership:
 *   1. Whoever allocates frees; nobody calls free() on the other side's memory.
 *   2. A pointer passed into a call is borrowed until the call returns, unless
 *      its comment says otherwise.
 *   3. Records, documents and batches belong to the host.
 *   4. Descriptors, option tables and the strings in them live as long as the
 *      process.
 *
 * Thread tags, used on every callback:
 *   [main]      while no other thread of the host exists
 *   [instance]  never two at once for one instance; may move between threads
 *   [parallel]  several at once, only if the plugin set SLUICE_PARALLEL
 *   [any]       any thread, any time between create and destroy
 *
 * ABI major 0 is not frozen: a minor may break it, and the loader then refuses
 * by name.  From major 1 on, old plugins load for ever.
 */
#ifndef SLUICE_ABI_H
#define SLUICE_ABI_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_ABI_MAJOR 0u
#define SLUICE_ABI_MINOR 2u

#if defined(__GNUC__)
#define SLUICE_EXPORT __attribute__((visibility("default")))
#define SLUICE_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define SLUICE_EXPORT
#define SLUICE_PRINTF(fmt, args)
#endif

/* A piece of bytes: not NUL-terminated unless said.  data is NULL only for
 * "absent"; an empty string has data and len 0.  This struct never grows. */
struct sluice_str {
    const char *data;
    uint64_t len; /* bytes */
};

/* What a call, or the part of it about one record, came to.  Plugins classify;
 * the host acts.  Values are ABI; 0 is never an answer, so that a verdict which
 * a plugin forgot to write is seen. */
#define SLUICE_NONE 0u         /* not written: a defect of the plugin */
#define SLUICE_OK 1u           /* done; from a sink: durable at the destination */
#define SLUICE_DROP 2u         /* filtered on purpose, with a reason: ends as "gated" */
#define SLUICE_RETRY 3u        /* may succeed later; spends one of the record's attempts */
#define SLUICE_REJECT 4u       /* this record can never succeed: dead letter */
#define SLUICE_SPLIT 5u        /* some record of this batch is bad: the host bisects */
#define SLUICE_UNSURE 6u       /* may have been applied; repeated only if SLUICE_IDEMPOTENT */
#define SLUICE_DISCONNECTED 7u /* the other side is away: pause the stage, spend no attempt */
#define SLUICE_FATAL 8u        /* the instance cannot go on: the pipeline stops */
#define SLUICE_CANCELLED 9u    /* given up because the host asked */
#define SLUICE_END 10u         /* poll: a finite source has no more records */
#define SLUICE_ADMIT 11u       /* gate: let pass */
#define SLUICE_DENY 12u        /* gate: filter, with a reason */
#define SLUICE_UNKNOWN 13u     /* gate: cannot tell now */
#define SLUICE_INVALID 14u     /* create: an option's value cannot work (name it) */

/* The host's error slot, passed last to most calls.  Written only on failure. */
struct sluice_error {
    uint32_t struct_size;    /* set by the host */
    uint32_t code;           /* a SLUICE_ code */
    uint32_t retry_after_ms; /* for RETRY and DISCONNECTED; 0: the host chooses */
    uint32_t reserved;
    char option[64];   /* name of the option at fault, or empty: the host adds file:line:column */
    char message[432]; /* what happened and what to do; lower case, no final full stop, no secret */
};

/* The verdict on one record.  reason is a short token [a-z0-9_]+ for counting
 * (a string that lives as long as the instance: a literal, as a rule).  detail
 * is for people and may be NULL; take it from sluice_record_text(). */
struct sluice_verdict {
    uint32_t code;
    uint32_t retry_after_ms; /* RETRY, DISCONNECTED: not before; 0: the host chooses */
    const char *reason;
    const char *detail;
};

/* Verdicts of a batch, same order as its records, all SLUICE_NONE at first. */
struct sluice_verdicts {
    uint32_t n;
    uint32_t stride; /* bytes from one verdict to the next */
    void *items;
};

/* The i-th verdict; i < v->n.  Valid during the call. */
static inline struct sluice_verdict *sluice_verdict_at(const struct sluice_verdicts *v, uint32_t i)
{
    return (struct sluice_verdict *)(void *)((char *)v->items + (size_t)i * v->stride);
}

/* Writes the i-th verdict.  reason and detail may be NULL for OK and ADMIT. */
static inline void sluice_verdict_set(const struct sluice_verdicts *v, uint32_t i, uint32_t code,
                                      const char *reason, const char *detail)
{
    struct sluice_verdict *at = sluice_verdict_at(v, i);

    at->code = code;
    at->reason = reason;
    at->detail = detail;
}

/* Fills the error slot and returns code, so that "return sluice_fail(…)" reads
 * well.  err may be NULL.  option may be NULL.  Long messages are cut. */
static inline uint32_t sluice_fail(struct sluice_error *err, uint32_t code, const char *option,
                                   const char *fmt, ...) SLUICE_PRINTF(4, 5);
static inline uint32_t sluice_fail(struct sluice_error *err, uint32_t code, const char *option,
                                   const char *fmt, ...)
{
    va_list args;

    if (err == NULL)
        return code;
    err->code = code;
    err->option[0] = '\0';
    if (option != NULL) {
        strncpy(err->option, option, sizeof err->option - 1);
        err->option[sizeof err->option - 1] = '\0';
    }
    va_start(args, fmt);
    (void)vsnprintf(err->message, sizeof err->message, fmt, args);
    va_end(args);
    return code;
}

/* A sluice_str of a NUL-terminated string, borrowed.  NULL gives "absent". */
static inline struct sluice_str sluice_str_of(const char *text)
{
    struct sluice_str s = {text, text == NULL ? 0 : strlen(text)};
    return s;
}

/* 1 if both hold the same bytes (absent equals only absent). */
static inline int sluice_str_equal(struct sluice_str a, struct sluice_str b)
{
    if (a.data == NULL || b.data == NULL)
        return a.data == b.data;
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

#ifdef __cplusplus
}
#endif
#endif
