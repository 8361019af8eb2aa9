/* simulation: the flow under a seeded world that fails in every way it can.
 *
 * One thread, one seed, no clock: a source with lanes, workers, gates, sinks, a
 * dead-letter store, rebalances, stops and deaths.  What survives a death (the
 * truth) stands apart from what does not (the life).  After each event the flow is
 * held against a model of its own promises; at the end of the seed the faults stop
 * and every record must have come to the end that was meant for it. */
#ifndef SLUICE_TESTS_SIMULATION_H
#define SLUICE_TESTS_SIMULATION_H

#include <stdint.h>
#include <stdio.h>

/* What a run of seeds met, so that a test can prove that nothing was left out. */
struct sim_stats {
    uint64_t events;
    uint64_t records;
    uint64_t kills;
    uint64_t stops;
    uint64_t rebalances;
    uint64_t retries;
    uint64_t holds;
    uint64_t unsure;
    uint64_t disconnected;
    uint64_t partial; /* deaths between an effect and its verdict */
    uint64_t dead;
    uint64_t burial_failures;
    uint64_t settle_failures;
    uint64_t parked; /* waited behind an earlier record of the key */
    uint64_t full;   /* polls that found no room */
    uint64_t pauses;
    uint64_t lane_waits;    /* polls that left out a full lane and took records of another */
    uint64_t again_in_poll; /* lanes gained anew before all of a poll had entered */
};

/* Runs one seed; 0, or -1 with the broken promise in why.  trace may be NULL.
 * Adds to stats and folds what happened into *digest. */
int sim_run(uint64_t seed, FILE *trace, char *why, size_t cap, struct sim_stats *stats, uint64_t *digest);

#endif
