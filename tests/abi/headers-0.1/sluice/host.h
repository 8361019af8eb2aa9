/* sluice/host.h: what the host does for a plugin.
 *
 * A struct of functions handed to create, one per instance, valid until destroy
 * has returned.  Nothing is linked: the same .so runs under the host, under the
 * conformance program and under a test's mock.  Every function is [any] unless
 * tagged.  A member past struct_size does not exist: SLUICE_HOST_HAS() tells.
 */
#ifndef SLUICE_HOST_H
#define SLUICE_HOST_H

#include <stddef.h>

#include <sluice/abi.h>
#include <sluice/record.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sluice_config; /* the validated options of one instance */
struct sluice_host;

/* Log levels. */
#define SLUICE_DEBUG 0u
#define SLUICE_INFO 1u
#define SLUICE_WARN 2u
#define SLUICE_ERROR 3u

/* Metric kinds. */
#define SLUICE_COUNTER 1u
#define SLUICE_GAUGE 2u

/* One record as a source hands it over.  Everything is borrowed and must stay
 * valid until the next poll, stop or destroy of the instance. */
struct sluice_item {
    uint32_t struct_size;
    uint32_t lane;     /* from lane_open */
    const char *data;  /* payload; for an oversize record its first bytes */
    uint64_t len;      /* bytes at data */
    uint64_t size;     /* whole payload in bytes; > len: oversize, see source_ops.fetch */
    uint64_t position; /* where it starts; unique in its lane */
    uint64_t next;     /* what settle gives back once this and all before it are done: grows in a lane */
    uint64_t ordinal;  /* 1 = first of the lane, for people; 0 unknown */
    int64_t time_ms;   /* 0 unknown */
    struct sluice_str key;
    struct sluice_str message_id;
    const struct sluice_str *headers; /* name, value, name, value … */
    uint64_t n_headers;               /* pairs */
};

struct sluice_host {
    uint32_t struct_size;
    uint32_t abi_minor;
    void *context; /* the host's own */
    const struct sluice_record_api *record;
    const struct sluice_document_api *document;

    /* Who am I: the instance's name in the config, and its pipeline's. */
    const char *instance_name;
    const char *pipeline_name;

    /* One line, no newline, no secret.  Rate limited per instance by the host. */
    void (*log)(const struct sluice_host *host, uint32_t level, const char *text);

    /* Options, by name.  Of the type that the table says; unset and without
     * default: NULL, 0, count 0 (option_given tells unset from zero).  Strings
     * live as long as the instance. */
    uint32_t (*option_given)(const struct sluice_config *config, const char *name);
    const char *(*option_string)(const struct sluice_config *config, const char *name);
    int64_t (*option_integer)(const struct sluice_config *config,
                              const char *name); /* also SIZE, DURATION, BOOLEAN; CHOICE: its index */
    double (*option_number)(const struct sluice_config *config, const char *name);
    uint64_t (*option_count)(const struct sluice_config *config, const char *name); /* LIST, MAP */
    const char *(*option_item)(const struct sluice_config *config, const char *name,
                               uint64_t i); /* LIST: item; MAP: key */
    uint64_t (*option_values)(const struct sluice_config *config, const char *name,
                              uint64_t i); /* MAP: values under key i */
    const char *(*option_value)(const struct sluice_config *config, const char *name, uint64_t i, uint64_t j);

    /* During create only [instance]: a top-level member that this instance wants to read
     * before a document exists.  *slot goes to record->field.  0: no memory. */
    uint32_t (*declare_field)(const struct sluice_host *host, const char *name, uint32_t *slot);

    /* Clocks: wall (may jump) and steady (never does), milliseconds. */
    int64_t (*now_ms)(const struct sluice_host *host);
    int64_t (*steady_ms)(const struct sluice_host *host);

    /* 1 once the host wants the instance's call to return soon. */
    uint32_t (*cancelled)(const struct sluice_host *host);
    /* Sleeps up to ms; 1 if cancelled meanwhile. */
    uint32_t (*wait)(const struct sluice_host *host, uint32_t ms);

    /* Metrics.  Registered in create [instance]; the host prefixes the name
     * "sluice_<kind>_<plugin>_" and adds the labels pipeline and instance.  label_name may be
     * NULL.  Returns an id > 0, or 0 (bad name, no memory: adding to 0 is harmless). */
    uint32_t (*metric)(const struct sluice_host *host, uint32_t kind, const char *name, const char *help,
                       const char *label_name);
    void (*metric_add)(const struct sluice_host *host, uint32_t id, const char *label, uint64_t n);
    void (*metric_set)(const struct sluice_host *host, uint32_t id, const char *label, double value);

    /* Small durable state of this instance (keys up to 255 bytes, values up to
     * 64 KiB), between start and stop.  get: length, or -1 absent, or -2 failed
     * (err says why); writes only if it fits.  put: SLUICE_OK once it is on disk. */
    int64_t (*state_get)(const struct sluice_host *host, const char *key, void *out, uint64_t cap,
                         struct sluice_error *err);
    uint32_t (*state_put)(const struct sluice_host *host, const char *key, const void *data, uint64_t len,
                          struct sluice_error *err);
    /* Folder for files of the instance's own; NULL: the config has no state_dir. */
    const char *(*state_dir)(const struct sluice_host *host);

    /* Sources, inside poll [instance].  lane_open names a lane and its attributes
     * (name, value, …; copied); the same name gives the same id.  0: no memory,
     * ids start at 1.  batch_add takes n items of the given stride; returns how
     * many fitted. */
    uint32_t (*lane_open)(const struct sluice_host *host, const char *name,
                          const struct sluice_str *attributes, uint64_t n_attributes);
    /* The source no longer owns the lane: its records in flight are given up and
     * never settled. */
    void (*lane_lost)(const struct sluice_host *host, uint32_t lane);
    uint64_t (*batch_add)(struct sluice_batch *batch, const struct sluice_item *items, uint64_t n,
                          uint64_t stride);

    /* Unproven interfaces, by string id ("sluice.draft.http.1"); NULL: not here. */
    const void *(*extension)(const struct sluice_host *host, const char *id);
};

#define SLUICE_HOST_HAS(host, member)                                                                        \
    ((host)->struct_size >= offsetof(struct sluice_host, member) + sizeof((host)->member))

/* Logs a formatted line; long ones are cut. */
static inline void sluice_log(const struct sluice_host *host, uint32_t level, const char *fmt, ...)
    SLUICE_PRINTF(3, 4);
static inline void sluice_log(const struct sluice_host *host, uint32_t level, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    host->log(host, level, text);
}

/* Formats the detail of a verdict into memory of the record's batch; NULL for no memory. */
static inline const char *sluice_record_text(const struct sluice_host *host,
                                             const struct sluice_record *record, const char *fmt, ...)
    SLUICE_PRINTF(3, 4);
static inline const char *sluice_record_text(const struct sluice_host *host,
                                             const struct sluice_record *record, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return host->record->text(record, text, strlen(text));
}

/* Member of an object by a NUL-terminated key. */
static inline struct sluice_node *sluice_get(const struct sluice_host *host, const struct sluice_node *object,
                                             const char *key)
{
    return host->document->get(object, key, strlen(key));
}

/* Puts value under a NUL-terminated key; 1, or 0 for no memory. */
static inline uint32_t sluice_set(const struct sluice_host *host, struct sluice_record *record,
                                  struct sluice_node *object, const char *key, struct sluice_node *value)
{
    return value == NULL ? 0 : host->document->set(record, object, key, strlen(key), value);
}

#ifdef __cplusplus
}
#endif
#endif
