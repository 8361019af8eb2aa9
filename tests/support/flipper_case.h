/* flipper_case: a gate/feature-flipper of a test, over a file or a server double.
 *
 * Its thread looks so seldom that only the test's own reload counts; steady time is the test's. */
#ifndef SLUICE_TESTS_FLIPPER_CASE_H
#define SLUICE_TESTS_FLIPPER_CASE_H

#include <stdatomic.h>

#include "http_double.h"
#include "plugin_host.h"

extern char *flipper_dir, *flipper_path; /* of the flag's file */
extern struct http_double *flipper_server;
extern atomic_llong flipper_steady;

/* For u1; for u2; for u1 and whoever is in the list beta.csv. */
#define FLIPPER_ONE "{\"enabled\":true,\"segments\":[{\"name\":\"a\",\"allowedIDs\":\"u1\",\"rollout\":100}]}"
#define FLIPPER_TWO "{\"enabled\":true,\"segments\":[{\"name\":\"a\",\"allowedIDs\":\"u2\",\"rollout\":100}]}"
#define FLIPPER_LISTED                                                                                       \
    "{\"enabled\":true,\"segments\":[{\"name\":\"a\",\"allowedIDs\":\"u1\",\"rollout\":100},"                \
    "{\"name\":\"s\",\"allowedS3IDs\":\"beta.csv\",\"rollout\":100}]}"

void flipper_before(void); /* the checked fixture */
void flipper_after(void);

/* Started, flag "f".  more: further lines of the block. */
struct plugin_host *flipper_open(const char *yaml);
struct plugin_host *flipper_file(const char *flag, const char *more);
struct plugin_host *flipper_url(const char *more); /* GET /flags/f of the server */
void flipper_serve(const char *etag, const char *flag);

/* What the gate says about a user; check compares it with its reason (NULL: none). */
uint32_t flipper_decision(struct plugin_host *h, const char *user);
void flipper_check(struct plugin_host *h, const char *user, uint32_t code, const char *reason);

#endif
