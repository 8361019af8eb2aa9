/* plugin_host: a shipped plugin, loaded from the build tree and run from a test.
 *
 * The .so comes through the real loader, its options through the real option
 * tables and its services from the real instance, so a test of a plugin sees what
 * `run` would see.  Everything that goes wrong in the helper itself fails the
 * running test with words; the functions return only what a test wants to look at.
 *
 *   struct plugin_host *h = plugin_host_open("gate", "list", "path: ids.txt\n");
 *   plugin_host_start(h);
 *   ck_assert_uint_eq(plugin_host_one(h, "{\"user_id\":\"u1\"}")->code, SLUICE_ADMIT);
 *   plugin_host_close(h);
 */
#ifndef SLUICE_TESTS_PLUGIN_HOST_H
#define SLUICE_TESTS_PLUGIN_HOST_H

#include <sluice/plugin.h>

struct plugin_host;

#define PLUGIN_HOST_BATCH 4096u /* most records between two clears */

struct plugin_host_setup {
    const char *state_dir;        /* NULL: the config has none; made if needed */
    struct plugin_host *state_of; /* or share the state of another, which is closed later */
    int64_t (*now_ms)(void);      /* NULL: the machine's clock */
    int64_t (*steady_ms)(void);
};

/* Creates an instance of plugins/<kind>-<name>.  yaml is the block without `plugin:`;
 * kind is "source", "decoder", "gate", "enrich" or "sink".  with may be NULL. */
struct plugin_host *plugin_host_open(const char *kind, const char *name, const char *yaml);
struct plugin_host *plugin_host_open_with(const char *kind, const char *name, const char *yaml,
                                          const struct plugin_host_setup *with);
/* What is said when options or create refuse the block (free() it); fails the test
 * if the block is accepted. */
char *plugin_host_refusal(const char *kind, const char *name, const char *yaml);
void plugin_host_close(struct plugin_host *h); /* stops if started, destroys */

void plugin_host_start(struct plugin_host *h); /* must answer OK */
uint32_t plugin_host_try_start(struct plugin_host *h, struct sluice_error *err);
void plugin_host_stop(struct plugin_host *h);

/* The batch.  A record's payload is the text given; for gates its declared fields
 * are peeked from it, for enrichers and sinks it is parsed into the document. */
void plugin_host_clear(struct plugin_host *h);
void plugin_host_add(struct plugin_host *h, const char *json);
void plugin_host_add_bytes(struct plugin_host *h, const void *data, size_t len); /* no document is made */
/* Decode, decide, enrich or write over the batch; the call's own answer. */
uint32_t plugin_host_call(struct plugin_host *h, struct sluice_error *err);
/* After a call, until the next clear. */
const struct sluice_verdict *plugin_host_verdict(struct plugin_host *h, uint32_t i);
const char *plugin_host_document(struct plugin_host *h, uint32_t i); /* compact JSON, or NULL */
/* clear, add, call (must answer OK), verdict of the one record. */
const struct sluice_verdict *plugin_host_one(struct plugin_host *h, const char *json);
/* Gates with conclude: tells the outcome of every record of the batch. */
uint32_t plugin_host_conclude(struct plugin_host *h, uint32_t outcome, struct sluice_error *err);
/* Gates with reload. */
uint32_t plugin_host_reload(struct plugin_host *h, struct sluice_error *err);

/* Sources: polls (into a cleared batch) and gives each record to each; settles
 * after every poll.  Ends at END (returned), at limit records, or at any other
 * answer than OK (returned, with err); OK: limit reached, or idle_polls empty polls. */
typedef void (*plugin_host_each)(void *context, const struct sluice_record *record);
uint32_t plugin_host_drive(struct plugin_host *h, plugin_host_each each, void *context, uint64_t limit,
                           uint32_t idle_polls, struct sluice_error *err);

/* One poll into a cleared batch (see plugin_host_records), settling nothing; and a settle of
 * some of what any poll gave, by their `next`, in lane 1. */
uint32_t plugin_host_poll(struct plugin_host *h, uint64_t max, uint32_t timeout_ms, struct sluice_error *err);
uint32_t plugin_host_settle(struct plugin_host *h, const uint64_t *next, uint32_t n,
                            struct sluice_error *err);

/* lane_full says so of the lane from now on; how often the source lost it. */
void plugin_host_fill_lane(struct plugin_host *h, const char *name, int full);
uint32_t plugin_host_lost(struct plugin_host *h, const char *name);

/* For threads of a test's own: the raw call on self. */
void *plugin_host_self(struct plugin_host *h);
const struct sluice_gate_ops *plugin_host_gate(struct plugin_host *h);
struct sluice_record *const *plugin_host_records(struct plugin_host *h, uint32_t *n);

/* Value of the plugin's own metric ("ids", not "sluice_gate_list_ids"), of the series whose
 * label has this value (NULL: any); 0 if there is none. */
double plugin_host_metric(struct plugin_host *h, const char *name, const char *label);
/* 1 once a log line holds the text; waits for the log's writer up to 5 s. */
int plugin_host_logged(struct plugin_host *h, const char *text);

#endif
