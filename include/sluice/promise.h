/* sluice/promise.h (draft): a sink whose promises depend on its options.
 *
 * A plugin's flags hold for every instance.  A sink that runs statements of the user's
 * own cannot promise what they do; it returns this from lifecycle.extension(self,
 * SLUICE_PROMISE_ID), between create and destroy, and takes promises back.
 */
#ifndef SLUICE_PROMISE_H
#define SLUICE_PROMISE_H

#include <sluice/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_PROMISE_ID "sluice.draft.promise.1"

struct sluice_promise {
    uint32_t struct_size;
    uint32_t reserved;
    /* [instance] SLUICE_ATOMIC, SLUICE_IDEMPOTENT and SLUICE_COMMUTATIVE of this instance;
     * what the plugin's descriptor does not say does not count here either. */
    uint32_t (*flags)(void *self);
};

#ifdef __cplusplus
}
#endif
#endif
