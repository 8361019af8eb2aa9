/* sluice/plugin.h: the one header a plugin includes.
 *
 * A module (.so) exports one symbol, which returns a table of plugins.  A plugin
 * is a descriptor: kind, name, options, a life cycle, and the calls of its kind.
 *
 *    load -> init -> create -> start -> [ work ... ] -> stop -> destroy -> fini
 *    [main]  [main]  [instance]           |  ^           [instance]        [main]
 *                                         v  |
 *                                      keepalive             cancel, stats [any]
 *
 *    check = load, create, destroy     check --online = + start, probe, stop
 *    inspect = load only
 */
#ifndef SLUICE_PLUGIN_H
#define SLUICE_PLUGIN_H

#include <sluice/abi.h>
#include <sluice/host.h>
#include <sluice/option.h>
#include <sluice/record.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds. */
#define SLUICE_SOURCE 1u
#define SLUICE_DECODER 2u
#define SLUICE_GATE 3u
#define SLUICE_ENRICHER 4u
#define SLUICE_SINK 5u

/* Flags of a plugin: promises that the host builds on. */
#define SLUICE_PARALLEL 0x1u     /* the work calls of its kind may run at once on one instance */
#define SLUICE_ANY_ORDER 0x2u    /* source: settles records one by one, not by prefix */
#define SLUICE_FINITE 0x4u       /* source: answers END (it may depend on options) */
#define SLUICE_ATOMIC 0x8u       /* sink: a write applies all of a batch or nothing */
#define SLUICE_IDEMPOTENT 0x10u  /* sink: writing a record again changes nothing */
#define SLUICE_COMMUTATIVE 0x20u /* sink: the order of records does not matter to the result */
#define SLUICE_TWO_PHASE 0x40u   /* gate: has conclude; may not stand inside any or not */

/* Life of an instance.  create and destroy are required. */
struct sluice_lifecycle {
    uint32_t struct_size;
    uint32_t reserved;

    /* [instance] Checks options and makes *self.  No I/O, no thread: `check` runs
     * it anywhere.  host and config live until destroy has returned.  On failure
     * nothing is left behind and *self is not written.
     * OK | INVALID (an option) | FATAL (no memory). */
    uint32_t (*create)(const struct sluice_host *host, const struct sluice_config *config, void **self,
                       struct sluice_error *err);

    /* [instance] Frees self.  Once for each create that answered OK, and never
     * otherwise; never before stop if start answered OK. */
    void (*destroy)(void *self);

    /* [instance] Opens, connects, starts own threads.  May be called again after stop.
     * OK | RETRY, DISCONNECTED (the host tries again) | FATAL. */
    uint32_t (*start)(void *self, struct sluice_error *err);

    /* [instance] Closes and joins own threads within deadline_ms.  Called once for
     * each start that answered OK, after the last work call has returned. */
    uint32_t (*stop)(void *self, uint32_t deadline_ms, struct sluice_error *err);

    /* [instance] One round trip to the other side, between start and stop. */
    uint32_t (*probe)(void *self, struct sluice_error *err);

    /* [any] Makes a blocked call return soon with CANCELLED.  Only sets a flag or
     * writes to a pipe; host->cancelled already says 1. */
    void (*cancel)(void *self);

    /* [any] Before each scrape, between start and stop: publish gauges. */
    void (*stats)(void *self);

    /* [any] Unproven interfaces of the plugin, by string id ("sluice.draft.graph.1", see
     * graph.h); NULL: not here. */
    const void *(*extension)(void *self, const char *id);
};

/* What the source may forget. */
struct sluice_ack {
    uint32_t lane;
    uint32_t reserved;
    uint64_t next;     /* ordered: all records up to this `next` are done; ANY_ORDER: this one is */
    uint64_t position; /* of that record */
    uint64_t ordinal;  /* of that record */
};

struct sluice_acks {
    uint32_t n;
    uint32_t stride;
    const void *items; /* struct sluice_ack */
};

struct sluice_source_ops {
    uint32_t struct_size;
    uint32_t reserved;

    /* [instance] Adds up to max records to batch, blocking for at most timeout_ms
     * while there is none.  What was added stays valid until the next poll.
     * OK (also with none) | END | DISCONNECTED | CANCELLED | FATAL. */
    uint32_t (*poll)(void *self, struct sluice_batch *batch, uint64_t max, uint32_t timeout_ms,
                     struct sluice_error *err);

    /* [instance] Durably forgets what is done; never asked for more than was
     * delivered.  OK | RETRY, DISCONNECTED (asked again later, with more) | FATAL. */
    uint32_t (*settle)(void *self, const struct sluice_acks *acks, struct sluice_error *err);

    /* [instance] Instead of poll while down-stream is full: stay alive, fetch
     * nothing.  Optional. */
    uint32_t (*keepalive)(void *self, struct sluice_error *err);

    /* [instance] Bytes of an oversize record of the last poll, from offset on, so
     * that a dead letter keeps it whole.  Returns how many (0 at the end), or -1.
     * Required of a source that delivers oversize records. */
    int64_t (*fetch)(void *self, uint32_t lane, uint64_t position, uint64_t offset, void *out, uint64_t cap,
                     struct sluice_error *err);
};

/* How peek found a field. */
#define SLUICE_PEEK_WHOLE 1u  /* each name was found or is certainly absent */
#define SLUICE_PEEK_BROKEN 2u /* the bytes broke before that was known: decode to hear why */

/* A question about top-level members.  values is n x n_names, a row a record;
 * write data NULL for absent.  status is one byte a record. */
struct sluice_peek {
    uint32_t struct_size;
    uint32_t n;
    struct sluice_record *const *records;
    const struct sluice_str *names;
    uint64_t n_names;
    struct sluice_str *values; /* slices of the payload, or of record->text */
    uint8_t *status;
};

struct sluice_decoder_ops {
    uint32_t struct_size;
    uint32_t reserved;

    /* [parallel] Bytes to documents.  Verdicts OK | REJECT (reason and detail) | RETRY. */
    uint32_t (*decode)(void *self, struct sluice_record *const *records, uint32_t n,
                       const struct sluice_verdicts *verdicts, struct sluice_error *err);

    /* [parallel] Named members without a document.  Optional: without it the host
     * decodes before it asks a gate. */
    uint32_t (*peek)(void *self, const struct sluice_peek *peek, struct sluice_error *err);
};

/* What became of a record that a two-phase gate admitted. */
struct sluice_outcome {
    uint32_t code; /* OK written: commit | RETRY: release | REJECT dead: release */
    uint32_t reserved;
};

struct sluice_gate_ops {
    uint32_t struct_size;
    uint32_t reserved;

    /* [parallel] Verdicts ADMIT | DENY (reason) | UNKNOWN (reason) | RETRY | REJECT (the
     * record lacks what the gate needs).  The source is not polled meanwhile, so this
     * must not block: a gate that has to ask somebody answers UNKNOWN until it knows,
     * unless it is TWO_PHASE.  It may wait for one round trip about the whole batch, for
     * a bounded time (milliseconds, an option), and never for somebody who is away. */
    uint32_t (*decide)(void *self, const struct sluice_record *const *records, uint32_t n,
                       const struct sluice_verdicts *verdicts, struct sluice_error *err);

    /* [parallel] TWO_PHASE: the end of each record that decide admitted; exactly
     * once each unless the process dies.  RETRY: nothing was concluded, and the same
     * comes again. */
    uint32_t (*conclude)(void *self, const struct sluice_record *const *records, uint32_t n,
                         const struct sluice_outcome *outcomes, uint64_t stride, struct sluice_error *err);

    /* [any] Re-reads what the gate reads from files, if it changed.  Optional. */
    uint32_t (*reload)(void *self, struct sluice_error *err);
};

struct sluice_enricher_ops {
    uint32_t struct_size;
    uint32_t reserved;

    /* [parallel] Changes documents.  The whole batch, so that look-ups can be joined.
     * Verdicts OK | DROP | RETRY | REJECT; DISCONNECTED for the call. */
    uint32_t (*enrich)(void *self, struct sluice_record *const *records, uint32_t n,
                       const struct sluice_verdicts *verdicts, struct sluice_error *err);
};

struct sluice_sink_ops {
    uint32_t struct_size;
    uint32_t reserved;

    /* [parallel] Makes the batch durable.  The call answers OK when the verdicts are
     * written; any other answer stands for all records without one.  Records of
     * one order key come in order; a sink that is not COMMUTATIVE and answers
     * RETRY for one answers RETRY for the later ones of that key. */
    uint32_t (*write)(void *self, struct sluice_record *const *records, uint32_t n,
                      const struct sluice_verdicts *verdicts, struct sluice_error *err);

    /* [instance] Whatever still has to reach the destination, within deadline_ms. */
    uint32_t (*flush)(void *self, uint32_t deadline_ms, struct sluice_error *err);
};

struct sluice_plugin {
    uint32_t struct_size;
    uint32_t min_host_minor; /* the oldest host this plugin can live with */
    uint32_t kind;
    uint32_t flags;
    const char *name;    /* [a-z0-9-]+; kind/name is the identity */
    const char *version; /* of the plugin, e.g. "1.2.0" */
    const char *summary; /* one line */
    const char *licence; /* SPDX */
    const struct sluice_option *options;
    uint32_t n_options;
    uint32_t option_size; /* sizeof(struct sluice_option) as the plugin was built: the stride */
    const struct sluice_lifecycle *lifecycle;
    const void *ops;     /* struct sluice_<kind>_ops */
    const char *example; /* a block fit to paste into a config, or NULL */
};

struct sluice_module {
    uint32_t struct_size;
    uint32_t abi_major;
    uint32_t abi_minor;
    uint32_t reserved;
    const char *name;
    /* [main] Once, before any thread; may be NULL.  A module that was initialised
     * stays loaded for ever. */
    uint32_t (*init)(struct sluice_error *err);
    void (*fini)(void);                         /* [main] after all threads are joined; may be NULL */
    const struct sluice_plugin *const *plugins; /* NULL-terminated */
};

/* The one exported symbol.  No side effects. */
SLUICE_EXPORT const struct sluice_module *sluice_plugin_entry_v1(void);

/* Defines it: SLUICE_MODULE("acme", NULL, NULL, &acme_source, &acme_sink); */
#define SLUICE_MODULE(module_name, init_fn, fini_fn, ...)                                                    \
    SLUICE_EXPORT const struct sluice_module *sluice_plugin_entry_v1(void)                                   \
    {                                                                                                        \
        static const struct sluice_plugin *const list[] = {__VA_ARGS__, NULL};                               \
        static const struct sluice_module module = {                                                         \
            sizeof module, SLUICE_ABI_MAJOR, SLUICE_ABI_MINOR, 0, module_name, init_fn, fini_fn, list};      \
        return &module;                                                                                      \
    }                                                                                                        \
    struct sluice_module_end_of_macro

#define SLUICE_OPTIONS(table)                                                                                \
    .options = (table), .n_options = (uint32_t)(sizeof(table) / sizeof((table)[0])),                         \
    .option_size = (uint32_t)sizeof(struct sluice_option)

#ifdef __cplusplus
}
#endif
#endif
