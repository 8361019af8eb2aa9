/* plugin_host_private: what the two halves of plugin_host share. */
#ifndef SLUICE_TESTS_PLUGIN_HOST_PRIVATE_H
#define SLUICE_TESTS_PLUGIN_HOST_PRIVATE_H

#include <check.h>
#include <time.h>

#include "instance.h"
#include "plugin_host.h"

#define PLUGIN_HOST_LANES 64u

struct plugin_host {
    const struct plugin *plugin;
    struct config *config;
    struct problems problems;
    struct instance_spec spec;
    struct instance_env env;
    struct instance *instance;
    int started;
    int shared_state;
    char name[64];
    struct lane_info *lanes[PLUGIN_HOST_LANES];
    uint32_t full[PLUGIN_HOST_LANES], lost[PLUGIN_HOST_LANES];
    uint32_t n_lanes;
    struct sluice_batch batch;
    struct sluice_verdict verdicts[PLUGIN_HOST_BATCH];
};

#endif
