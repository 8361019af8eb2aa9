/* flag_wait: what this process sees of a flag, and until the workers see the same. */
#ifndef SLUICE_CORE_FLAG_WAIT_H
#define SLUICE_CORE_FLAG_WAIT_H

#include <jansson.h>

#include "flag_gate.h"
#include "key_table.h"

/* A look at the flag, with the users of a file in mind. */
struct flag_look {
    int enabled;
    uint32_t on;      /* of the users: let through */
    uint64_t leaving; /* users of the segment that names the list who are not in the file */
    int has_segment;  /* a segment names the list */
    uint32_t rollout; /* of that segment, or the largest of several */
    char segment[100];
};

/* Asks the flag service, and the lists.  users' bits are written.  SLUICE_OK, or err. */
uint32_t flag_look(const struct flag_gate *g, struct key_table *users, const char *list,
                   struct flag_look *out, struct sluice_error *err);

struct flag_wait {
    struct flag_gate *gate;
    struct key_table *users;
    const char *flag, *list;
    const struct cli_list *workers; /* URLs */
    const char *token;              /* bearer of the workers, or NULL */
    int64_t timeout_ms;
    /* out */
    char version[128]; /* that this process decides on; empty: none holds all users yet */
    char why[900];     /* what is missing */
    json_t *report;    /* of the workers; NULL: no memory */
};

/* Starts the gate.  0: this process and each worker have a version that holds all users; 1: not within the
 * time, see why. */
int flag_wait(struct flag_wait *w);

#endif
