/* conformance_services: what the parts of the mock host share.  Only they include this. */
#ifndef SLUICE_CORE_CONFORMANCE_SERVICES_H
#define SLUICE_CORE_CONFORMANCE_SERVICES_H

#include "conformance_host.h"

/* The table that every instance gets a copy of. */
extern const struct sluice_host mock_host;

struct mock *mock_of(const struct sluice_host *host);
/* Shall this call of a service that may fail do so?  [any] */
int mock_service_fails(void);

/* --- small durable state: conformance_state.c -------------------------------------- */

int64_t mock_state_get(const struct sluice_host *host, const char *key, void *out, uint64_t cap,
                       struct sluice_error *err);
uint32_t mock_state_put(const struct sluice_host *host, const char *key, const void *data, uint64_t len,
                        struct sluice_error *err);
const char *mock_state_dir(const struct sluice_host *host);

/* --- lanes and batches of a source: conformance_lane.c ----------------------------- */

uint32_t mock_lane_open(const struct sluice_host *host, const char *name, const struct sluice_str *attributes,
                        uint64_t n);
void mock_lane_lost(const struct sluice_host *host, uint32_t lane);
uint32_t mock_lane_full(const struct sluice_host *host, uint32_t lane);
uint64_t mock_batch_add(struct sluice_batch *batch, const struct sluice_item *items, uint64_t n,
                        uint64_t stride);
void mock_lanes_release(struct mock *m);

#endif
