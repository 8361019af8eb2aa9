/* ledger_fixture: an empty ledger of jobs around each test: SQLite in a folder of the test's, or
 * the Valkey of SLUICE_TEST_VALKEY=host:port under a prefix of the test's. */
#ifndef SLUICE_TESTS_LEDGER_FIXTURE_H
#define SLUICE_TESTS_LEDGER_FIXTURE_H

#include "job_private.h"

extern char *dir;
extern struct plan plan;
extern struct job_ledger *ledger;
extern struct sluice_error err;
extern struct job job; /* what counts() read */
extern const char *const abc[3];
extern const char *const two_steps[2];

void ledger_setup(void);
void ledger_teardown(void);
struct job_ledger *open_one(void); /* one more, of the same store */
void fail_now(uint32_t code);      /* unless it is OK */
void make(const char *id, int64_t total);
uint64_t add(const char *id, const char *const *users, uint32_t n, const char *cursor); /* how many are new */
uint64_t mark(const char *id, const char *user, enum job_event event, uint32_t step, const char *reason);
void counts(const char *id, uint64_t pending, uint64_t sent, uint64_t done, uint64_t failed,
            uint64_t skipped);

#endif
