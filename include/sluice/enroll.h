/* sluice/enroll.h (draft): putting users where a gate looks for them.
 *
 * The admin API knows no store of enrolments: it asks the gates of the config through this
 * interface, which a gate returns from lifecycle.extension(self, SLUICE_ENROLL_ID).
 */
#ifndef SLUICE_ENROLL_H
#define SLUICE_ENROLL_H

#include <sluice/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_ENROLL_ID "sluice.draft.enroll.1"

struct sluice_enroll {
    uint32_t struct_size;
    uint32_t reserved;
    /* [instance] From create to destroy, started or not; blocks for the gate's time limits at most.
     * look_only 1: only tells.  OK, and *fresh is 1 if the user was not enrolled before |
     * INVALID: this gate's keys are made of more than a user id | RETRY, DISCONNECTED, FATAL (err). */
    uint32_t (*enroll)(void *self, struct sluice_str user, uint32_t look_only, uint32_t *fresh,
                       struct sluice_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
