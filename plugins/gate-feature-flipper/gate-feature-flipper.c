/* gate/feature-flipper: admits the users (or everything) for whom a feature flag is on.
 *
 * Invariant: a decision is made on one whole version of the flag and its lists, in memory, without a lock;
 * who fetches is a thread of the gate's own.  A flag that was never read, or not for max_age, makes the gate
 * say UNKNOWN rather than guess. */
#include "flipper.h"

static const struct sluice_option flipper_options[] = {
    {.name = "flag",
     .type = SLUICE_STRING,
     .flags = SLUICE_REQUIRED,
     .summary = "name of the feature flag",
     .details = "Letters, digits and ._- only, since it becomes part of an address.",
     .example = "consumer_graph_ingestion"},
    {.name = "url",
     .type = SLUICE_URL,
     .summary = "address of the feature flag service",
     .details = "Give this or file.",
     .example = "https://flipper.internal"},
    {.name = "path",
     .type = SLUICE_STRING,
     .default_text = "/flags/{flag}",
     .summary = "where below url a flag is; {flag} stands for its name"},
    {.name = "file",
     .type = SLUICE_PATH,
     .summary = "a file that holds the flag, in place of a service",
     .details =
         "The same JSON as the service answers: enabled, and segments with name, allowedIDs, allowedS3IDs, "
         "internalUsers, rollout.",
     .example = "flag.json"},
    {.name = "lists",
     .type = SLUICE_STRING,
     .summary = "where the files that allowedS3IDs names are",
     .details =
         "s3://bucket/prefix, file:///folder, or http(s)://host/path. Needed once a segment names a file.",
     .example = "s3://prod-feature-flipper"},
    {.name = "internal_users",
     .type = SLUICE_PATH,
     .summary = "file of the internal users, one id a line",
     .details =
         "Without it a segment with internalUsers answers UNKNOWN (internal_unknown) for everybody whom no "
         "other segment admits.",
     .example = "internal.txt"},
    {.name = "subject",
     .type = SLUICE_CHOICE,
     .default_text = "user",
     .choices = "user|global",
     .summary = "whom the flag is asked about",
     .details = "user: the record's user. global: nobody in particular, as a killswitch is read: on if it is "
                "enabled and has "
                "no segment, or one that names no users and has rollout 100."},
    {.name = "field",
     .type = SLUICE_FIELD,
     .default_text = "user_id",
     .summary = "top-level member of the record that holds the user"},
    {.name = "polarity",
     .type = SLUICE_CHOICE,
     .default_text = "on_admits",
     .choices = "on_admits|on_denies",
     .summary = "what a flag that is on means",
     .details = "on_denies turns the answers round, UNKNOWN stays: a killswitch that stops what it is on "
                "for. The same as "
                "`not` around the gate; use one of them."},
    {.name = "interval",
     .type = SLUICE_DURATION,
     .default_text = "30s",
     .min = "10ms",
     .max = "1d",
     .summary = "how often the flag and its lists are looked at, give or take a tenth"},
    {.name = "max_age",
     .type = SLUICE_DURATION,
     .default_text = "1h",
     .summary = "how long the last known good version counts while the flag cannot be read",
     .details =
         "After that the gate answers UNKNOWN (flag_stale), and `unavailable` of the stage decides. 0: for "
         "ever. Not shorter than interval."},
    {.name = "timeout",
     .type = SLUICE_DURATION,
     .default_text = "5s",
     .min = "10ms",
     .max = "10m",
     .summary = "how long one request may take"},
    {.name = "token",
     .type = SLUICE_STRING,
     .flags = SLUICE_SECRET,
     .summary = "bearer token for the service",
     .details = "Sent to url and to lists over http, not to S3.",
     .example = "${file:/run/secrets/flipper}"},
    {.name = "max_bytes",
     .type = SLUICE_SIZE,
     .default_text = "64MiB",
     .min = "1KiB",
     .max = "1GiB",
     .summary = "largest flag or list that is taken",
     .details = "200,000 UUIDs are 7.4 MB as a list and 4.3 MB in memory."},
    {.name = "aws_profile",
     .type = SLUICE_STRING,
     .summary = "profile of the AWS config and credentials files",
     .details = "Without it: AWS_ACCESS_KEY_ID and its like, then AWS_PROFILE or the default profile, web "
                "identity, container and "
                "instance, as AWS's own tools look."},
    {.name = "aws_region",
     .type = SLUICE_STRING,
     .summary = "region of the bucket",
     .details = "Without it: AWS_REGION, AWS_DEFAULT_REGION, the profile's.",
     .example = "us-east-1"},
    {.name = "aws_endpoint",
     .type = SLUICE_URL,
     .summary = "address of an S3-compatible server in place of AWS",
     .example = "http://127.0.0.1:5000"},
};

/* --- life --------------------------------------------------------------------------- */

/* A service that does not answer now is no reason not to start: the gate says UNKNOWN until it does. */
static uint32_t flipper_start(void *self, struct sluice_error *err)
{
    struct flipper *f = self;

    atomic_store(&f->stopping, 0);
    atomic_store(&f->good_at, -1);
    (void)flip_look(f, NULL);
    if (flip_thread_start(f) == 0)
        return SLUICE_OK;
    flip_forget(f);
    return sluice_fail(err, SLUICE_RETRY, NULL, "no thread to look at the flag %.100s", f->name);
}

static uint32_t flipper_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    struct flipper *f = self;

    (void)deadline_ms;
    (void)err;
    flip_thread_stop(f);
    flip_forget(f);
    return SLUICE_OK;
}

static uint32_t flipper_probe(void *self, struct sluice_error *err)
{
    struct sluice_error own = {.struct_size = sizeof own};
    struct flipper *f = self;
    uint32_t code = flip_look(f, &own);

    if (code == SLUICE_OK)
        return SLUICE_OK;
    return sluice_fail(err, code == SLUICE_RETRY ? SLUICE_DISCONNECTED : code,
                       own.option[0] != '\0'              ? own.option
                       : f->flag_place.kind == PLACE_HTTP ? "url"
                                                          : "file",
                       "%s", own.message);
}

static uint32_t flipper_reload(void *self, struct sluice_error *err)
{
    struct sluice_error own = {.struct_size = sizeof own};
    uint32_t code = flip_look(self, &own);

    /* A service that is away is the thread's business and told in the log already. */
    if (code == SLUICE_OK || code == SLUICE_RETRY)
        return SLUICE_OK;
    return sluice_fail(err, code, NULL, "%s", own.message);
}

static int64_t age_ms(struct flipper *f)
{
    int64_t good_at = atomic_load(&f->good_at);

    return good_at < 0 ? 0 : f->host->steady_ms(f->host) - good_at;
}

static void flipper_stats(void *self)
{
    struct flipper *f = self;

    f->host->metric_set(f->host, f->metric_age, NULL, (double)age_ms(f) / 1000.0);
}

static void unknown_all(const struct sluice_verdicts *verdicts, uint32_t n, const char *reason,
                        const char *detail)
{
    uint32_t i;

    for (i = 0; i < n; i++)
        sluice_verdict_set(verdicts, i, SLUICE_UNKNOWN, reason, detail);
}

static uint32_t flipper_decide(void *self, const struct sluice_record *const *records, uint32_t n,
                               const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    struct flipper *f = self;
    const struct flip_view *v;
    unsigned ticket;

    (void)err;
    v = published_enter(&f->published, &ticket);
    if (v == NULL)
        unknown_all(verdicts, n, "flag_unread", "the flag was never read since the start");
    else if (f->max_age_ms > 0 && age_ms(f) > f->max_age_ms)
        unknown_all(verdicts, n, "flag_stale", "the flag could not be read for longer than max_age");
    else
        flip_decide(f, v, records, n, verdicts);
    published_leave(&f->published, ticket);
    return SLUICE_OK;
}

static const struct sluice_lifecycle flipper_life = {
    .struct_size = sizeof flipper_life,
    .create = flip_create,
    .destroy = flip_destroy,
    .start = flipper_start,
    .stop = flipper_stop,
    .probe = flipper_probe,
    .stats = flipper_stats,
    .extension = flip_extension,
};

static const struct sluice_gate_ops flipper_ops = {
    .struct_size = sizeof flipper_ops,
    .decide = flipper_decide,
    .reload = flipper_reload,
};

static const struct sluice_plugin flipper_plugin = {
    .struct_size = sizeof flipper_plugin,
    .min_host_minor = 1,
    .kind = SLUICE_GATE,
    .flags = SLUICE_PARALLEL,
    .name = "feature-flipper",
    .version = "0.1.0",
    .summary = "admits the users for whom a feature flag is on",
    .licence = "MIT",
    SLUICE_OPTIONS(flipper_options),
    .lifecycle = &flipper_life,
    .ops = &flipper_ops,
    .example = "plugin: feature-flipper\n"
               "url: http://127.0.0.1:1\n"
               "flag: consumer_graph_ingestion\n",
};

SLUICE_MODULE("gate-feature-flipper", NULL, NULL, &flipper_plugin);
