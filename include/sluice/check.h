/* sluice/check.h (draft): an instance that is only looked at.
 *
 * `sluice check --online` starts, probes and stops every instance of a config, against the
 * servers that workers may be using at that moment.  A start that would be noticed there
 * (it joins a consumer group, makes constraints, takes a lease) leaves that out where
 *
 *     host->extension(host, SLUICE_CHECK_ID) != NULL
 *
 * which is so for all of the instance's life.  What is returned holds nothing yet.
 */
#ifndef SLUICE_CHECK_H
#define SLUICE_CHECK_H

#include <sluice/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_CHECK_ID "sluice.draft.check.1"

struct sluice_check {
    uint32_t struct_size;
    uint32_t reserved;
};

#ifdef __cplusplus
}
#endif
#endif
