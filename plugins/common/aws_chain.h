/* aws_chain: where the keys come from, as AWS's own tools look for them.
 *
 * Environment, shared files (AWS_PROFILE), web identity, container endpoint, instance
 * metadata (version 2); the first that has keys counts.  Temporary keys are fetched again five
 * minutes before they end; if that fails, the old ones serve until their end.  One
 * fetch at a time, whoever asks.  Calls may block for as long as timeout_ms says,
 * so none belongs into a gate's decide. */
#ifndef SLUICE_PLUGINS_AWS_CHAIN_H
#define SLUICE_PLUGINS_AWS_CHAIN_H

#include <sluice/http.h>

#include "aws_sigv4.h"

struct aws_options {
    const struct sluice_host *host;     /* clock and log */
    const struct sluice_http_api *http; /* NULL: only what needs no network */
    struct sluice_http_client *client;
    const char *profile;                  /* option of the plugin; NULL: AWS_PROFILE, then "default" */
    const char *region;                   /* the same; NULL: AWS_REGION, AWS_DEFAULT_REGION, the profile's */
    uint32_t timeout_ms;                  /* of one round trip; 0: 5000 */
    const char *(*env)(const char *name); /* NULL: the process's environment */
};

struct aws_chain;

/* Reads and asks nothing.  The strings of options are borrowed for the chain's life. */
struct aws_chain *aws_chain_new(const struct aws_options *options); /* NULL: no memory */
void aws_chain_free(struct aws_chain *c);

/* Keys of the caller's own. */
struct aws_held {
    struct aws_keys keys; /* into text */
    char *text;
    int64_t expires_ms; /* 0: never */
    const char *source; /* for people: "the environment", "profile stage", … */
};
/* Good for the next request.  0, or -1 with err: RETRY (something did not answer), FATAL (there are none,
 * with every place that was looked at). */
int aws_chain_keys(struct aws_chain *c, struct aws_held *out, struct sluice_error *err);
void aws_held_release(struct aws_held *h);
/* AWS called the keys expired or unknown: ask their source again at the next call. */
void aws_chain_forget(struct aws_chain *c);
/* The region.  0, or -1 with err. */
int aws_chain_region(struct aws_chain *c, char *out, size_t size, struct sluice_error *err);
/* What the options gave. */
const struct aws_options *aws_chain_options(const struct aws_chain *c);

#endif
