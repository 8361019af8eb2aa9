/* aws_msk: the token with which a client logs in to Amazon MSK by IAM.
 *
 * A presigned request that nobody sends: the brokers take it apart and have AWS check its
 * signature.  SASL OAUTHBEARER carries it, in base64 for URLs and without padding.  No I/O. */
#ifndef SLUICE_PLUGINS_AWS_MSK_H
#define SLUICE_PLUGINS_AWS_MSK_H

#include "aws_sigv4.h"

#define AWS_MSK_SECONDS 900u /* the longest that the brokers take */

/* Appends the token to out.  agent: what AWS's logs say who it was, such as "sluice/0.1.0".
 * 0; -1 with err: no memory, or no such year. */
int aws_msk_token(const struct aws_keys *keys, const char *region, const char *agent, int64_t now_ms,
                  struct strbuf *out, struct sluice_error *err);
/* When a token made now ends: with its 900 seconds, or earlier with the keys (0: they do not). */
int64_t aws_msk_expiry(int64_t now_ms, int64_t keys_expire_ms);

#endif
