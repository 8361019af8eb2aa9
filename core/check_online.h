/* check_online: does everything that a plan names answer?
 *
 * Each instance has a thread of its own that starts, probes and stops it, all of them
 * within one deadline, so that ten services that hang take no longer than one.
 * Instances without probe are started and stopped too: a start may find out. */
#ifndef SLUICE_CORE_CHECK_ONLINE_H
#define SLUICE_CORE_CHECK_ONLINE_H

#include "instance.h"
#include "strbuf.h"

struct online;

/* For up to cap instances.  NULL: no memory. */
struct online *online_new(size_t cap);
void online_free(struct online *o); /* not after a run that answered -1 */
/* spec and instance outlive o; pipeline is the name of theirs. */
void online_add(struct online *o, const char *pipeline, const struct instance_spec *spec,
                struct instance *instance);
/* Asks all.  0; or -1: some call never came back, so that nothing of it may be freed. */
int online_run(struct online *o, uint32_t deadline_ms);
/* A problem for each one that did not do well, at the option that points at it; how many. */
size_t online_tell(const struct online *o, struct problems *p);
/* A line for each one that has somebody to ask. */
void online_print(const struct online *o, FILE *out);
/* The same as the members of a JSON array. */
void online_json(const struct online *o, struct strbuf *out);

#endif
