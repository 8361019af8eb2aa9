/* gate/list: admits the records whose user (or other field) stands in a list.
 *
 * Invariant: a decision is made on one whole version of the list and takes no lock.
 * A list that cannot be read any more counts for max_age; after that the gate says
 * UNKNOWN rather than deny users on old knowledge. */
#include <stdlib.h>

#include "../common/kept.h"
#include "id_file.h"

#define LIST_CHUNK 32u /* look-ups whose memory is fetched together */

struct list {
    const struct sluice_host *host;
    struct id_file file;
    const struct sluice_config *config; /* for the inline ids */
    struct kept kept;
    int64_t max_age_ms;
    int allow_empty;
    int deny_listed;
    uint32_t slot;
    const char *field;
    char no_field[80]; /* reason: "no_user_id" */
    uint32_t metric_ids, metric_ignored, metric_age;
};

static const struct sluice_option list_options[] = {
    {.name = "path",
     .type = SLUICE_PATH,
     .summary = "file of ids, one a line or in the first column",
     .details =
         "CRLF, a byte order mark, blank lines, repeated ids and a missing last newline are fine. Read again "
         "when it changes.",
     .example = "users.txt"},
    {.name = "ids",
     .type = SLUICE_LIST,
     .summary = "ids given here, alone or besides the file",
     .example = "[ u1, u2 ]"},
    {.name = "field",
     .type = SLUICE_FIELD,
     .default_text = "user_id",
     .summary = "top-level member of the record that is looked up"},
    {.name = "format",
     .type = SLUICE_CHOICE,
     .default_text = "auto",
     .choices = "auto|lines|csv",
     .summary = "how the file is read",
     .details = "lines: a whole line is an id. csv: the first column is. auto: csv if the name ends in .csv, "
                "else lines."},
    {.name = "header",
     .type = SLUICE_BOOLEAN,
     .default_text = "false",
     .summary = "the file's first line is a header, not an id"},
    {.name = "deny_listed",
     .type = SLUICE_BOOLEAN,
     .default_text = "false",
     .summary = "turn the list round: those who stand in it are denied"},
    {.name = "allow_empty",
     .type = SLUICE_BOOLEAN,
     .default_text = "false",
     .summary = "take a file without ids for what it says",
     .details = "Without this, an empty file counts as broken: it is more often a file that is just being "
                "written than "
                "the wish to deny everybody."},
    {.name = "check_interval",
     .type = SLUICE_DURATION,
     .default_text = "1s",
     .min = "10ms",
     .max = "1d",
     .summary = "how often the file is looked at"},
    {.name = "max_age",
     .type = SLUICE_DURATION,
     .default_text = "1h",
     .summary = "how long the last good list counts once the file is gone or broken",
     .details = "After that the gate answers UNKNOWN (reason list_stale), and `unavailable` of the stage "
                "decides. 0: for ever."},
    {.name = "max_ids",
     .type = SLUICE_INTEGER,
     .default_text = "10000000",
     .min = "1",
     .max = "1000000000",
     .summary = "most lines the file may have",
     .details = "A million ids take 21 MB, and as much again while a changed file is read."},
};

/* --- the list of one moment ------------------------------------------------------ */

static int add_inline(const struct list *l, struct idset *s, struct sluice_error *err)
{
    uint64_t i, n = l->host->option_count(l->config, "ids");

    for (i = 0; i < n; i++) {
        const char *id = l->host->option_item(l->config, "ids", i);

        if (idset_add(s, id, strlen(id)) < 0) {
            (void)sluice_fail(err, SLUICE_RETRY, "path", "%s changed while it was read", l->file.path);
            return -1;
        }
    }
    return 0;
}

static void *list_make(void *context, struct sluice_error *err)
{
    struct list *l = context;
    struct idset *s = l->file.path != NULL ? id_file_read(&l->file, err) : idset_new(l->file.extra);

    if (s == NULL) {
        if (l->file.path == NULL)
            (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the ids");
        return NULL;
    }
    if (s->n == 0 && l->file.path != NULL && !l->allow_empty) {
        (void)sluice_fail(err, SLUICE_FATAL, "path", "%s holds no id; set allow_empty: true if that is meant",
                          l->file.path);
        idset_free(s);
        return NULL;
    }
    if (add_inline(l, s, err) != 0) {
        idset_free(s);
        return NULL;
    }
    l->host->metric_set(l->host, l->metric_ids, NULL, (double)s->n);
    l->host->metric_set(l->host, l->metric_ignored, "blank", (double)s->blank);
    l->host->metric_set(l->host, l->metric_ignored, "repeated", (double)s->repeated);
    return s;
}

static void list_drop(void *thing)
{
    idset_free(thing);
}

/* --- life ------------------------------------------------------------------------- */

static int ends_in_csv(const char *path)
{
    size_t len = strlen(path);

    return len >= 4 && strcmp(path + len - 4, ".csv") == 0;
}

/* The reason for a record without the field: a token made of its name. */
static void name_reason(struct list *l)
{
    size_t i, len = strlen(l->field);

    (void)snprintf(l->no_field, sizeof l->no_field, "no_");
    for (i = 0; i < len && i + 4 < sizeof l->no_field; i++) {
        char c = l->field[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        l->no_field[i + 3] = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
        l->no_field[i + 4] = '\0';
    }
}

static uint32_t list_check(struct list *l, struct sluice_error *err)
{
    const struct sluice_host *host = l->host;
    uint64_t i;

    if (l->file.path == NULL && l->file.extra == 0)
        return sluice_fail(err, SLUICE_INVALID, "path", "a list needs path, ids, or both");
    if (strpbrk(l->field, ".[") != NULL)
        return sluice_fail(
            err, SLUICE_INVALID, "field",
            "field: %.100s is not a top-level member; gates decide before the document is built", l->field);
    for (i = 0; i < l->file.extra; i++) {
        size_t len = strlen(host->option_item(l->config, "ids", i));

        if (len == 0 || len > ID_FILE_MAX_ID)
            return sluice_fail(err, SLUICE_INVALID, "ids",
                               "ids: number %llu is empty or longer than 512 bytes",
                               (unsigned long long)i + 1);
    }
    if (!host->declare_field(host, l->field, &l->slot))
        return sluice_fail(err, SLUICE_FATAL, "field",
                           "field %.100s cannot be peeked: the pipeline peeks too many fields already",
                           l->field);
    return SLUICE_OK;
}

static uint32_t list_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                            struct sluice_error *err)
{
    struct list *l = calloc(1, sizeof *l);
    int64_t format = host->option_integer(config, "format");
    uint32_t code;

    if (l == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    l->host = host;
    l->config = config;
    l->field = host->option_string(config, "field");
    l->file.path = host->option_string(config, "path");
    l->file.csv = format == 2 || (format == 0 && l->file.path != NULL && ends_in_csv(l->file.path));
    l->file.header = host->option_integer(config, "header") != 0;
    l->file.max_ids = (uint64_t)host->option_integer(config, "max_ids");
    l->file.extra = host->option_count(config, "ids");
    l->deny_listed = host->option_integer(config, "deny_listed") != 0;
    l->allow_empty = host->option_integer(config, "allow_empty") != 0;
    l->max_age_ms = host->option_integer(config, "max_age");
    code = list_check(l, err);
    if (code != SLUICE_OK) {
        free(l);
        return code;
    }
    name_reason(l);
    l->kept.host = host;
    l->kept.path = l->file.path;
    l->kept.interval_ms = (uint32_t)host->option_integer(config, "check_interval");
    l->kept.context = l;
    l->kept.make = list_make;
    l->kept.drop = list_drop;
    l->metric_ids = host->metric(host, SLUICE_GAUGE, "ids", "Ids in the list", NULL);
    l->metric_ignored = host->metric(host, SLUICE_GAUGE, "lines_ignored",
                                     "Lines of the list that brought no id, by why", "why");
    l->metric_age = host->metric(host, SLUICE_GAUGE, "age_seconds",
                                 "Age of the list if its file is gone or broken, else 0", NULL);
    *self = l;
    return SLUICE_OK;
}

static void list_destroy(void *self)
{
    free(self);
}

static uint32_t list_start(void *self, struct sluice_error *err)
{
    struct list *l = self;

    return kept_start(&l->kept, err);
}

static uint32_t list_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    struct list *l = self;

    (void)deadline_ms;
    (void)err;
    kept_stop(&l->kept);
    return SLUICE_OK;
}

static void list_stats(void *self)
{
    struct list *l = self;

    l->host->metric_set(l->host, l->metric_age, NULL, (double)kept_age_ms(&l->kept) / 1000.0);
}

/* --- decisions -------------------------------------------------------------------- */

static void decide_chunk(const struct list *l, const struct idset *s,
                         const struct sluice_record *const *records, uint32_t from, uint32_t to,
                         const struct sluice_verdicts *verdicts)
{
    struct hash128 hashes[LIST_CHUNK];
    struct sluice_str id;
    uint64_t absent = 0;
    uint32_t i;

    for (i = from; i < to; i++) {
        id = l->host->record->field(records[i], l->slot);
        if (id.len == 0) {
            absent |= UINT64_C(1) << (i - from);
            continue;
        }
        hashes[i - from] = idset_hash(s, id.data, (size_t)id.len);
        __builtin_prefetch(&s->slots[idset_slot(s, hashes[i - from])]);
    }
    for (i = from; i < to; i++) {
        if (absent >> (i - from) & 1u)
            sluice_verdict_set(
                verdicts, i, SLUICE_REJECT, l->no_field,
                sluice_record_text(l->host, records[i],
                                   "%.100s is missing, empty or not a text: the list cannot be asked",
                                   l->field));
        else if (idset_has(s, hashes[i - from]) != l->deny_listed)
            sluice_verdict_set(verdicts, i, SLUICE_ADMIT, NULL, NULL);
        else
            sluice_verdict_set(verdicts, i, SLUICE_DENY, l->deny_listed ? "listed" : "not_listed", NULL);
    }
}

static uint32_t list_decide(void *self, const struct sluice_record *const *records, uint32_t n,
                            const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    struct list *l = self;
    unsigned ticket;
    const struct idset *s;
    uint32_t i;

    (void)err;
    if (l->max_age_ms > 0 && kept_age_ms(&l->kept) > l->max_age_ms) {
        for (i = 0; i < n; i++)
            sluice_verdict_set(verdicts, i, SLUICE_UNKNOWN, "list_stale",
                               "the list could not be read for longer than max_age");
        return SLUICE_OK;
    }
    s = kept_enter(&l->kept, &ticket);
    for (i = 0; i < n; i += LIST_CHUNK)
        decide_chunk(l, s, records, i, n - i < LIST_CHUNK ? n : i + LIST_CHUNK, verdicts);
    kept_leave(&l->kept, ticket);
    return SLUICE_OK;
}

static uint32_t list_reload(void *self, struct sluice_error *err)
{
    struct list *l = self;

    return kept_look(&l->kept, err);
}

static const struct sluice_lifecycle list_lifecycle = {
    .struct_size = sizeof list_lifecycle,
    .create = list_create,
    .destroy = list_destroy,
    .start = list_start,
    .stop = list_stop,
    .stats = list_stats,
};

static const struct sluice_gate_ops list_ops = {
    .struct_size = sizeof list_ops,
    .decide = list_decide,
    .reload = list_reload,
};

static const struct sluice_plugin list_plugin = {
    .struct_size = sizeof list_plugin,
    .min_host_minor = 1,
    .kind = SLUICE_GATE,
    .flags = SLUICE_PARALLEL,
    .name = "list",
    .version = "0.1.0",
    .summary = "admits the users who stand in a list",
    .licence = "MIT",
    SLUICE_OPTIONS(list_options),
    .lifecycle = &list_lifecycle,
    .ops = &list_ops,
    .example = "plugin: list\n"
               "path: ${tmp}/ids.txt\n",
};

SLUICE_MODULE("gate-list", NULL, NULL, &list_plugin);
