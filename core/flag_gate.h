/* flag_gate: the gate of a config that reads a feature flag, opened to ask it. */
#ifndef SLUICE_CORE_FLAG_GATE_H
#define SLUICE_CORE_FLAG_GATE_H

#include <sluice/flag.h>

#include "cli.h"
#include "instance.h"

struct flag_gate {
    struct instance_env env;
    struct instance *instance; /* NULL: not open */
    const struct instance_spec *spec;
    const struct sluice_flag *flag;
    void *self;
    int started;
};

/* Opens (not started) the first gate of the flag.  name: the flag's, of `size` bytes; if empty, the one flag
 * of the config, written there.  0, or -1 with problems: no such flag, several, a gate that cannot be made.
 */
int flag_gate_open(struct flag_gate *g, const struct plan *plan, char *name, size_t size, struct problems *p);
/* Reads the flag, and again by flag_gate_look.  SLUICE_OK, or err. */
uint32_t flag_gate_start(struct flag_gate *g, struct sluice_error *err);
uint32_t flag_gate_look(struct flag_gate *g, struct sluice_error *err);
void flag_gate_close(struct flag_gate *g);

/* The words of `sluice flag`. */
int flag_users_main(int argc, char **argv);
int flag_upload_main(int argc, char **argv);

#endif
