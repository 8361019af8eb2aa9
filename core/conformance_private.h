/* conformance_private: what the parts of the conformance suite share.
 *
 * A case is a function that returns if the plugin passed and calls conf_fail or
 * conf_skip otherwise.  Those end the child, so a case cleans nothing up. */
#ifndef SLUICE_CORE_CONFORMANCE_PRIVATE_H
#define SLUICE_CORE_CONFORMANCE_PRIVATE_H

#include <stdatomic.h>

#include "conformance.h"
#include "module.h"
#include "option.h"
#include "record.h"
#include "strbuf.h"

enum conf_result { CONF_DIED, CONF_PASSED, CONF_FAILED, CONF_SKIPPED };

/* Where the child leaves its result; shared with the parent. */
struct conf_shared {
    _Atomic int result;
    char doing[64]; /* the call of the plugin that is running */
    char message[1024];
};

struct conf {
    const struct conformance_request *request;
    struct conf_shared *shared;
    const char *tmp;  /* scratch folder of this case */
    int case_uses_io; /* 0: sample files are not needed */
    struct registry *registry;
    const struct plugin *plugin;
    uint64_t random;
};

/* Kinds that a case is for, one bit a kind. */
#define CONF_BIT(kind) (1u << (kind))
#define CONF_MODULE 0u /* once a file */
#define CONF_SOURCE CONF_BIT(SLUICE_SOURCE)
#define CONF_DECODER CONF_BIT(SLUICE_DECODER)
#define CONF_GATE CONF_BIT(SLUICE_GATE)
#define CONF_ENRICHER CONF_BIT(SLUICE_ENRICHER)
#define CONF_SINK CONF_BIT(SLUICE_SINK)
#define CONF_WORK (CONF_DECODER | CONF_GATE | CONF_ENRICHER | CONF_SINK) /* record by record */
#define CONF_ALL (CONF_SOURCE | CONF_WORK)

struct conf_case {
    const char *name;
    const char *summary; /* what a plugin that passes does */
    uint32_t kinds;
    uint32_t limit_s; /* 0: the usual one */
    void (*run)(struct conf *c);
};

/* Each part lists its own; ends with name NULL. */
extern const struct conf_case conf_load_cases[], conf_option_cases[], conf_life_cases[], conf_fault_cases[],
    conf_work_cases[], conf_kind_cases[], conf_gate_cases[], conf_source_cases[], conf_settle_cases[],
    conf_flow_cases[];
extern const struct conf_case *const conf_case_lists[];

_Noreturn void conf_fail(struct conf *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void conf_skip(struct conf *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define CONF_REQUIRE(c, condition, ...)                                                                      \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            conf_fail(c, __VA_ARGS__);                                                                       \
    } while (0)
uint64_t conf_random(struct conf *c); /* from the seed */

/* --- config: conformance_config.c ------------------------------------------------ */

/* The options to test with: the block, then --set, then overrides ("key: value\n" lines
 * of YAML, may be NULL), without the member named without.  NULL with problems. */
struct sluice_config *conf_config_try(struct conf *c, const char *overrides, const char *without,
                                      struct problems *p);
struct sluice_config *conf_config(struct conf *c); /* ends the case if it is refused */
/* Sample files in the scratch folder, with so many records. */
void conf_write_samples(struct conf *c, unsigned n);
/* The i-th sample record, a line of text. */
struct sluice_str conf_sample(struct conf *c, uint64_t i);

/* --- what a process has: conformance_watch.c ------------------------------------- */

struct conf_watch {
    int fds, threads;
    size_t heap; /* bytes in use */
};

void conf_watch(struct conf_watch *w);
/* Ends the case if there are more fds or threads than before. */
void conf_watch_same(struct conf *c, const struct conf_watch *before, const char *after_what);
/* Runs the call again and again and ends the case if each round leaves memory. */
void conf_watch_heap(struct conf *c, void (*call)(struct conf *c), unsigned rounds, const char *what);
/* Signal handlers, locale, folder, umask: text that is equal if they are. */
void conf_process_state(struct strbuf *out);
/* From now on a system call that opens, connects or starts something fails the case,
 * naming it.  0 if this machine has no way to do it. */
int conf_forbid_io(struct conf *c);

/* --- allocations that fail: conformance_alloc.c ---------------------------------- */

/* Lets the n-th allocation that the plugin's own code makes from now on fail (0: none).
 * -1: cannot be done on this machine. */
int conf_alloc_fail(struct conf *c, uint64_t n);
int conf_alloc_failed(void); /* did one fail since? */

#endif
