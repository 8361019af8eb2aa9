/* aws_chain_private: what the parts of the chain share. */
#ifndef SLUICE_PLUGINS_AWS_CHAIN_PRIVATE_H
#define SLUICE_PLUGINS_AWS_CHAIN_PRIVATE_H

#include <pthread.h>

#include "aws_chain.h"
#include "aws_profile.h"

#define AWS_VALUE_MAX 8192u /* a session token is 400 to 3,000 bytes */

/* Keys as they are found: buffers, so that nothing leaks on the way. */
struct aws_found {
    char id[256];
    char secret[256];
    char token[AWS_VALUE_MAX];
    int64_t expires_ms;
    char source[200];
};

struct aws_chain {
    struct aws_options o;
    pthread_mutex_t lock;
    struct aws_found *now; /* NULL: none yet */
    int forgotten;
    int64_t tried_ms; /* steady: when a refresh failed */
};

/* 1 found, 0 this place has none, -1 err. */
int aws_web_identity(const struct aws_options *o, const char *token_file, const char *role,
                     const char *session, const char *region, struct aws_found *out,
                     struct sluice_error *err);
/* Where STS is; region may be NULL.  1, or 0: it does not fit. */
int aws_sts_url(const struct aws_options *o, const char *region, char *out, size_t size);
int aws_container(const struct aws_options *o, struct aws_found *out, struct sluice_error *err);
int aws_instance(const struct aws_options *o, struct aws_found *out, struct sluice_error *err);

/* The environment's value, or NULL if it is unset or empty. */
const char *aws_env(const struct aws_options *o, const char *name);

#endif
