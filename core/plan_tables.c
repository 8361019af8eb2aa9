/* plan_tables: the options of the host's own blocks.
 *
 * One place for their bounds, defaults and words; the reference page is made
 * from it.  Invariant: every upper bound fits the member of the plan that the
 * value goes to, so conversions there lose nothing. */
#include "../plugins/common/valkey.h"
#include "plan_internal.h"

static const struct sluice_option top[] = {
    {.name = "state_dir",
     .type = SLUICE_PATH,
     .flags = SLUICE_CREATES,
     .summary = "folder of what must outlive the process: positions, keys, dead letters",
     .details = "One `run` at a time holds it.  It is made if it is not there.",
     .example = "/var/lib/sluice"},
    {.name = "plugin_dirs",
     .type = SLUICE_LIST,
     .summary = "folders to search for plugins, before SLUICE_PLUGIN_PATH and the installed ones",
     .details = "Nobody but their owner may be able to write them.",
     .example = "[/opt/acme/sluice]"},
    {.name = "strict_secrets",
     .type = SLUICE_BOOLEAN,
     .default_text = "false",
     .summary = "refuse secret files that group or others can read, instead of warning"},
    {.name = "drain",
     .type = SLUICE_DURATION,
     .default_text = "10s",
     .max = "1d",
     .summary = "how long a stop waits for what is in flight"},
};

static const struct sluice_option log_options[] = {
    {.name = "format",
     .type = SLUICE_CHOICE,
     .default_text = "logfmt",
     .choices = "json|logfmt",
     .summary = "how a log line is written"},
    {.name = "level",
     .type = SLUICE_CHOICE,
     .default_text = "info",
     .choices = "debug|info|warn|error",
     .summary = "the least important level that is logged",
     .flags = SLUICE_RELOADABLE},
};

static const struct sluice_option http_options[] = {
    {.name = "listen",
     .type = SLUICE_STRING,
     .default_text = "127.0.0.1:9090",
     .summary = "address and port for metrics, health and administration; port 0 takes a free one",
     .details = "An address other than loopback needs token_file.",
     .example = "127.0.0.1:9090"},
    {.name = "token_file",
     .type = SLUICE_PATH,
     .summary = "file with the bearer token that requests must carry",
     .example = "/run/secrets/sluice-token"},
    {.name = "allow_anonymous",
     .type = SLUICE_BOOLEAN,
     .default_text = "false",
     .summary = "listen on any address without a token: whoever reaches it may read and start backfills",
     .details = "Logged as a warning at each start. `admin: { allow_anonymous: true }` is the same."},
};

static const struct sluice_option admin_options[] = {
    {.name = "allow_anonymous",
     .type = SLUICE_BOOLEAN,
     .default_text = "false",
     .summary = "the same as allow_anonymous of http"},
};

static const struct sluice_option expect_options[] = {
    {.name = "aws_account",
     .type = SLUICE_LIST,
     .summary = "AWS account (twelve digits) that the credentials of every instance must belong to",
     .details =
         "`run`, and whatever writes, asks before it reads the first record and stops if it is another; "
         "so do kafka_cluster and neo4j_database.  A list means one of them.",
     .example = "\"123456789012\""},
    {.name = "kafka_cluster",
     .type = SLUICE_LIST,
     .summary = "id of the cluster that every Kafka instance must reach",
     .example = "MkU3OEVBNTcwNTJENDM2Qk"},
    {.name = "neo4j_database",
     .type = SLUICE_LIST,
     .summary = "name or id of the database that every Neo4j instance must reach",
     .details =
         "The id is the stronger one, since most databases are called neo4j: `CALL db.info()` shows it.",
     .example = "neo4j"},
    {.name = "user_file",
     .type = SLUICE_PATH,
     .summary = "user ids that the graph must hold after a backfill, one a line",
     .example = "users.txt"},
    {.name = "category_share",
     .type = SLUICE_NUMBER,
     .min = "0",
     .max = "1",
     .summary = "share of the products that should have a category id",
     .example = "0.47"},
};

static const struct sluice_option backfill_options[] = {
    {.name = "rate_limit",
     .type = SLUICE_NUMBER,
     .default_text = "10",
     .min = "0",
     .max = "1000000000",
     .summary = "users a second that are sent to the queue; 0: no limit"},
    {.name = "lookback_days",
     .type = SLUICE_INTEGER,
     .default_text = "365",
     .min = "1",
     .max = "36500",
     .summary = "days of history that the workers are asked to load"},
    {.name = "reason",
     .type = SLUICE_STRING,
     .default_text = "batch_backfill",
     .summary = "why users are loaded, as the message says it"},
    {.name = "give_up",
     .type = SLUICE_DURATION,
     .default_text = "2m",
     .max = "14d",
     .summary = "how long `sluice backfill` waits for a queue that takes nothing, before it leaves a resume "
                "file; 0: for ever"},
};

static const struct sluice_option jobs_options[] = {
    {.name = "store",
     .type = SLUICE_CHOICE,
     .default_text = "sqlite",
     .choices = "sqlite|valkey",
     .summary = "where the ledger of jobs is: jobs.sqlite in the state_dir, or a Valkey that workers share",
     .details =
         "With several workers it has to be Valkey: then any of them answers for any job.  The options "
         "below but `keep` are for Valkey.",
     .example = "valkey"},
    VALKEY_OPTIONS,
    {.name = "prefix",
     .type = SLUICE_STRING,
     .default_text = "sluice:",
     .summary = "what the names of all keys in Valkey begin with"},
    {.name = "keep",
     .type = SLUICE_DURATION,
     .default_text = "30d",
     .min = "1m",
     .max = "3650d",
     .summary = "how long a job is kept after its last change"},
};

static const struct sluice_option job_options[] = {
    {.name = "id",
     .type = SLUICE_STRING,
     .default_text = "job_id",
     .summary = "top-level member that names the job; a record without it belongs to none"},
    {.name = "user",
     .type = SLUICE_STRING,
     .default_text = "user_id",
     .summary = "top-level member that names the user of the job"},
};

static const struct sluice_option pipeline_options[] = {
    {.name = "order_key",
     .type = SLUICE_STRING,
     .default_text = "user_id",
     .summary = "top-level member whose records are never in two workers at once"},
    {.name = "memory",
     .type = SLUICE_SIZE,
     .default_text = "24MiB",
     .min = "64KiB",
     .max = "64GiB",
     .summary = "most bytes of records in flight and of their documents; then nothing more is taken in"},
    {.name = "max_in_flight",
     .type = SLUICE_INTEGER,
     .default_text = "20000",
     .min = "1",
     .max = "1048574",
     .summary = "most records in flight"},
    {.name = "lane_window",
     .type = SLUICE_INTEGER,
     .default_text = "100000",
     .min = "1",
     .max = "1000000000",
     .summary = "records of a lane that may pass its oldest unsettled one"},
    {.name = "max_record",
     .type = SLUICE_SIZE,
     .default_text = "1MiB",
     .min = "1KiB",
     .max = "1GiB",
     .summary = "largest payload that is processed; larger ones are dead-lettered whole"},
    {.name = "commit_interval",
     .type = SLUICE_DURATION,
     .default_text = "1s",
     .min = "1ms",
     .max = "1h",
     .summary = "how often the source is told what is done"},
    {.name = "rate_limit",
     .type = SLUICE_NUMBER,
     .default_text = "0",
     .min = "0",
     .max = "1000000000",
     .summary = "most records a second taken from the source; 0: no limit"},
    {.name = "log_records",
     .type = SLUICE_STRING,
     .summary = "name of an event to log at the end of each record and step",
     .details = "With what gates and the order key read of the record, `step`, `outcome` (written, gated: "
                "level info; "
                "dead: warn; retry, which is no end: debug), `reason`, and how many members each list of the "
                "written "
                "document has. For pipelines whose records are few and large.",
     .example = "user_load"},
};

static const struct sluice_option batch_options[] = {
    {.name = "records",
     .type = SLUICE_INTEGER,
     .default_text = "1000",
     .min = "1",
     .max = "100000",
     .summary = "most records in one batch"},
    {.name = "bytes",
     .type = SLUICE_SIZE,
     .default_text = "4MiB",
     .min = "1KiB",
     .max = "1GiB",
     .summary = "most payload bytes in one batch"},
    {.name = "linger",
     .type = SLUICE_DURATION,
     .default_text = "5ms",
     .max = "1m",
     .summary = "longest wait for a fuller batch"},
};

static const struct sluice_option retry_options[] = {
    {.name = "attempts",
     .type = SLUICE_INTEGER,
     .default_text = "8",
     .min = "1",
     .max = "1000000",
     .summary = "how often a record is tried in all before it is dead-lettered"},
    {.name = "min",
     .type = SLUICE_DURATION,
     .default_text = "100ms",
     .min = "1ms",
     .max = "1h",
     .summary = "first back-off; it doubles each time, with jitter"},
    {.name = "max",
     .type = SLUICE_DURATION,
     .default_text = "30s",
     .min = "1ms",
     .max = "1d",
     .summary = "longest back-off"},
    {.name = "deadline",
     .type = SLUICE_DURATION,
     .default_text = "10m",
     .max = "14d",
     .summary = "time from a record's first try after which it is dead-lettered; 0: none"},
};

static const struct sluice_option breaker_options[] = {
    {.name = "failures",
     .type = SLUICE_INTEGER,
     .default_text = "5",
     .min = "0",
     .max = "1000000",
     .summary = "failed calls in a row that pause a stage; 0: never"},
    {.name = "open",
     .type = SLUICE_DURATION,
     .default_text = "5s",
     .min = "1ms",
     .max = "1h",
     .summary = "pause before one call is tried again"},
};

static const struct sluice_option step_options[] = {
    {.name = "name",
     .type = SLUICE_STRING,
     .flags = SLUICE_REQUIRED,
     .summary = "name of the step, unique in its pipeline",
     .example = "receipts"},
    {.name = "once",
     .type = SLUICE_STRING,
     .summary = "idempotency key of the step, with {members} of the record: a gate/once before its stages",
     .details = "Or a block of its options: { key: ..., address: ... } keeps the keys in Valkey. The text is "
                "short for { key: TEXT }, also for an overlay.",
     .example = "\"receipt-{request_id}\""},
};

static const struct sluice_option gate_options[] = {
    {.name = "unavailable",
     .type = SLUICE_CHOICE,
     .default_text = "hold",
     .choices = "hold|deny|admit",
     .summary = "what happens to a record while the gate cannot tell; only on the outermost gate"},
};

/* `plugin` stands first: it is read before the others. */
#define INSTANCE_OPTIONS                                                                                     \
    {.name = "plugin",                                                                                       \
     .type = SLUICE_STRING,                                                                                  \
     .flags = SLUICE_REQUIRED,                                                                               \
     .summary = "name of the plugin; `sluice plugin list` shows them",                                       \
     .example = "file"},                                                                                     \
        {.name = "name",                                                                                     \
         .type = SLUICE_STRING,                                                                              \
         .summary = "name of the instance, unique in its pipeline; "                                         \
                    "the plugin's if not given"},                                                            \
    {                                                                                                        \
        .name = "rate_limit", .type = SLUICE_NUMBER, .default_text = "0", .min = "0", .max = "1000000000",   \
        .summary = "most records a second through this instance; 0: no limit"                                \
    }

static const struct sluice_option instance_options[] = {INSTANCE_OPTIONS};

static const struct sluice_option sink_options[] = {
    INSTANCE_OPTIONS,
    {.name = "writers",
     .type = SLUICE_INTEGER,
     .default_text = "1",
     .min = "1",
     .max = "64",
     .summary = "writes at once, sharded by order key; more than 1 only if the plugin is parallel"},
};

#define TABLE(title, list)                                                                                   \
    {                                                                                                        \
        title, list, sizeof(list) / sizeof(list)[0]                                                          \
    }

const struct option_table *plan_tables(size_t *n)
{
    static const struct option_table tables[TABLE_COUNT] = {
        [TABLE_TOP] = TABLE("the top level", top),
        [TABLE_LOG] = TABLE("log", log_options),
        [TABLE_HTTP] = TABLE("http", http_options),
        [TABLE_ADMIN] = TABLE("admin", admin_options),
        [TABLE_EXPECT] = TABLE("expect", expect_options),
        [TABLE_BACKFILL] = TABLE("backfill", backfill_options),
        [TABLE_JOBS] = TABLE("jobs", jobs_options),
        [TABLE_PIPELINE] = TABLE("a pipeline", pipeline_options),
        [TABLE_BATCH] = TABLE("batch", batch_options),
        [TABLE_RETRY] = TABLE("retry", retry_options),
        [TABLE_BREAKER] = TABLE("breaker", breaker_options),
        [TABLE_JOB] = TABLE("job", job_options),
        [TABLE_STEP] = TABLE("a step", step_options),
        [TABLE_GATE] = TABLE("a gate", gate_options),
        [TABLE_INSTANCE] = TABLE("an instance", instance_options),
        [TABLE_SINK] = TABLE("a sink", sink_options),
    };

    *n = TABLE_COUNT;
    return tables;
}
