/* aws_identity: the account that the keys of a chain belong to, as STS tells it.
 *
 * The question (GetCallerIdentity) needs no permission. */
#ifndef SLUICE_PLUGINS_AWS_IDENTITY_H
#define SLUICE_PLUGINS_AWS_IDENTITY_H

#include <sluice/identity.h>

#include "aws_chain.h"

/* For sluice_identity's tell of SLUICE_AWS_ACCOUNT.  AWS_ENDPOINT_URL_STS is heeded.  OK | RETRY,
 * DISCONNECTED | FATAL. */
uint32_t aws_identity_tell(struct aws_chain *chain, uint32_t timeout_ms,
                           const struct sluice_identity_visitor *visitor, struct sluice_error *err);

#endif
