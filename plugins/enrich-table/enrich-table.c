/* enrich/table: looks keys of a record up in a CSV or JSON file and sets what it finds.
 *
 * Invariant: a batch sees one whole version of the table.  An empty value sets
 * nothing, so what the record already knows is never wiped. */
#include <stdlib.h>

#include "../common/kept.h"
#include "table.h"
#include "../common/key_path.h"

#define TABLE_MAX_TARGETS 32u

enum table_missing { MISSING_KEEP, MISSING_REJECT, MISSING_DROP };

struct table_target {
    const char *name;
    uint32_t n; /* columns; several make a list */
    uint32_t columns[TABLE_MAX_COLUMNS];
};

struct table_enricher {
    const struct sluice_host *host;
    struct table_plan plan;
    struct key_path path;
    const char *from; /* the path's text */
    enum table_missing missing;
    struct table_target targets[TABLE_MAX_TARGETS];
    uint32_t n_targets;
    struct kept kept;
    uint32_t metric_lookups, metric_rows;
};

static const struct sluice_option table_options[] = {
    {.name = "path",
     .type = SLUICE_PATH,
     .flags = SLUICE_REQUIRED,
     .summary = "the table: CSV with a header, or JSON; gzip too",
     .details = "JSON may be a list of objects, an object of objects by key, or one object a line. Read at "
                "start and "
                "again when it changes; a broken new file leaves the old table in use.",
     .example = "products.csv"},
    {.name = "format",
     .type = SLUICE_CHOICE,
     .default_text = "auto",
     .choices = "auto|csv|json",
     .summary = "how the file is read",
     .details = "auto: json if the name ends in .json, .jsonl or .ndjson (or that and .gz) or the file "
                "begins with { or [; else csv."},
    {.name = "key",
     .type = SLUICE_STRING,
     .flags = SLUICE_REQUIRED,
     .summary = "column of the table that holds the key",
     .example = "product_id"},
    {.name = "from",
     .type = SLUICE_FIELD,
     .flags = SLUICE_REQUIRED,
     .summary = "where the keys stand in the record",
     .details = "What is found is set beside the key, in the same object.",
     .example = "purchases[].product_id"},
    {.name = "set",
     .type = SLUICE_MAP,
     .flags = SLUICE_REQUIRED,
     .summary = "members to set, and the column of each",
     .details = "One column gives its value; several columns make a list of those that are not empty. Empty "
                "values set nothing.",
     .example = "{ name: name, category_hierarchy: [ department, aisle ] }"},
    {.name = "missing",
     .type = SLUICE_CHOICE,
     .default_text = "keep",
     .choices = "keep|reject|drop",
     .summary = "what becomes of a record with a key that is absent or not in the table",
     .details = "keep: it stays as it is, and is counted. reject: it goes to the dead letters. drop: it ends "
                "as gated."},
    {.name = "duplicates",
     .type = SLUICE_CHOICE,
     .default_text = "refuse",
     .choices = "refuse|first|last",
     .summary = "what a key that stands in the table twice means",
     .details = "refuse: the table is not taken, both lines are named."},
    {.name = "check_interval",
     .type = SLUICE_DURATION,
     .default_text = "1s",
     .min = "10ms",
     .max = "1d",
     .summary = "how often the file is looked at"},
    {.name = "max_size",
     .type = SLUICE_SIZE,
     .default_text = "256MiB",
     .min = "1KiB",
     .max = "64GiB",
     .summary = "largest table, unpacked"},
};

/* --- options ---------------------------------------------------------------------- */

/* Index of the column among those that rows keep; TABLE_MAX_COLUMNS: too many. */
static uint32_t keep_column(struct table_plan *plan, const char *name)
{
    uint32_t i;

    for (i = 0; i < plan->n_columns; i++)
        if (strcmp(plan->columns[i], name) == 0)
            return i;
    if (i < TABLE_MAX_COLUMNS)
        plan->columns[plan->n_columns++] = name;
    return i;
}

static uint32_t read_target(struct table_enricher *t, const struct sluice_config *config, uint32_t i,
                            struct sluice_error *err)
{
    const struct sluice_host *host = t->host;
    struct table_target *target = &t->targets[i];
    uint64_t n = host->option_values(config, "set", i), j;

    target->name = host->option_item(config, "set", i);
    if (n == 0 || n > TABLE_MAX_COLUMNS)
        return sluice_fail(err, SLUICE_INVALID, "set", "set: %.60s needs one to %u columns", target->name,
                           TABLE_MAX_COLUMNS);
    target->n = (uint32_t)n;
    for (j = 0; j < n; j++) {
        const char *column = host->option_value(config, "set", i, j);

        if (column[0] == '\0')
            return sluice_fail(err, SLUICE_INVALID, "set", "set: %.60s has a column without a name",
                               target->name);
        target->columns[j] = keep_column(&t->plan, column);
        if (target->columns[j] == TABLE_MAX_COLUMNS)
            return sluice_fail(err, SLUICE_INVALID, "set", "set: more than %u columns in all",
                               TABLE_MAX_COLUMNS);
    }
    return SLUICE_OK;
}

static uint32_t read_options(struct table_enricher *t, const struct sluice_config *config,
                             struct sluice_error *err)
{
    const struct sluice_host *host = t->host;
    uint64_t n = host->option_count(config, "set");
    const char *why;
    uint32_t i, code;

    t->plan.path = host->option_string(config, "path");
    t->plan.format = (enum table_format)host->option_integer(config, "format");
    t->plan.duplicates = (enum table_duplicates)host->option_integer(config, "duplicates");
    t->plan.max_size = (uint64_t)host->option_integer(config, "max_size");
    t->plan.key = host->option_string(config, "key");
    t->missing = (enum table_missing)host->option_integer(config, "missing");
    t->from = host->option_string(config, "from");
    if (t->plan.key[0] == '\0')
        return sluice_fail(err, SLUICE_INVALID, "key", "key needs the name of a column");
    why = key_path_parse(&t->path, t->from);
    if (why != NULL)
        return sluice_fail(err, SLUICE_INVALID, "from", "from: %.100s %s", t->from, why);
    if (n == 0 || n > TABLE_MAX_TARGETS)
        return sluice_fail(err, SLUICE_INVALID, "set", "set needs one to %u members", TABLE_MAX_TARGETS);
    for (i = 0; i < n; i++) {
        code = read_target(t, config, i, err);
        if (code != SLUICE_OK)
            return code;
    }
    t->n_targets = (uint32_t)n;
    return SLUICE_OK;
}

/* --- life ------------------------------------------------------------------------- */

static void *table_make(void *context, struct sluice_error *err)
{
    struct table_enricher *t = context;
    struct table *made = table_read(&t->plan, err);

    if (made != NULL)
        t->host->metric_set(t->host, t->metric_rows, NULL, (double)made->n);
    return made;
}

static void table_drop(void *thing)
{
    table_free(thing);
}

static uint32_t table_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                             struct sluice_error *err)
{
    struct table_enricher *t = calloc(1, sizeof *t);
    uint32_t code;

    if (t == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    t->host = host;
    code = read_options(t, config, err);
    if (code != SLUICE_OK) {
        free(t);
        return code;
    }
    t->kept.host = host;
    t->kept.path = t->plan.path;
    t->kept.interval_ms = (uint32_t)host->option_integer(config, "check_interval");
    t->kept.context = t;
    t->kept.make = table_make;
    t->kept.drop = table_drop;
    t->metric_lookups =
        host->metric(host, SLUICE_COUNTER, "lookups_total", "Keys looked up, by what came of it", "result");
    t->metric_rows = host->metric(host, SLUICE_GAUGE, "rows", "Rows of the table", NULL);
    *self = t;
    return SLUICE_OK;
}

static void table_destroy(void *self)
{
    free(self);
}

static uint32_t table_start(void *self, struct sluice_error *err)
{
    struct table_enricher *t = self;

    return kept_start(&t->kept, err);
}

static uint32_t table_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    struct table_enricher *t = self;

    (void)deadline_ms;
    (void)err;
    kept_stop(&t->kept);
    return SLUICE_OK;
}

/* --- look-ups --------------------------------------------------------------------- */

struct lookup {
    const struct table_enricher *self;
    const struct table *table;
    struct sluice_record *record;
    struct sluice_verdict answer;
    uint64_t found, missing, no_key; /* of the batch */
};

static int no_memory(struct lookup *l)
{
    l->answer.code = SLUICE_RETRY;
    l->answer.reason = "no_memory";
    l->answer.detail = "no memory for what the table adds";
    return 0;
}

static struct sluice_node *cell_node(struct lookup *l, const struct table_cell *cell)
{
    const struct sluice_host *host = l->self->host;
    struct sluice_error err = {.struct_size = sizeof err};

    if (cell->json)
        return host->record->parse_json(l->record, cell->text, &err);
    return host->document->make_text(l->record, cell->text.data, cell->text.len);
}

static int set_target(struct lookup *l, struct sluice_node *object, const struct table_target *target,
                      const struct table_cell *cells)
{
    const struct sluice_host *host = l->self->host;
    struct sluice_node *list = NULL;
    uint32_t i;

    if (target->n == 1) {
        const struct table_cell *cell = &cells[target->columns[0]];

        return cell->text.len == 0 || sluice_set(host, l->record, object, target->name, cell_node(l, cell));
    }
    for (i = 0; i < target->n; i++) {
        const struct table_cell *cell = &cells[target->columns[i]];
        struct sluice_node *node;

        if (cell->text.len == 0)
            continue;
        if (list == NULL && (list = host->document->make(l->record, SLUICE_ARRAY)) == NULL)
            return 0;
        node = cell_node(l, cell);
        if (node == NULL || !host->document->push(list, node))
            return 0;
    }
    return list == NULL || sluice_set(host, l->record, object, target->name, list);
}

/* A key that is absent (key.data NULL) or not in the table. */
static int key_missing(struct lookup *l, struct sluice_str key)
{
    const struct table_enricher *t = l->self;

    *(key.data == NULL ? &l->no_key : &l->missing) += 1;
    if (t->missing == MISSING_KEEP)
        return 1;
    l->answer.code = t->missing == MISSING_DROP ? SLUICE_DROP : SLUICE_REJECT;
    l->answer.reason = key.data == NULL ? "no_key" : "not_found";
    if (key.data == NULL)
        l->answer.detail =
            sluice_record_text(t->host, l->record, "%.100s is missing: there is nothing to look up", t->from);
    else
        l->answer.detail =
            sluice_record_text(t->host, l->record, "%.100s: \"%.*s\" is not in the table %.200s", t->from,
                               (int)(key.len > 80 ? 80 : key.len), key.data, t->plan.path);
    return 0;
}

static int look_up(void *context, struct sluice_node *object)
{
    struct lookup *l = context;
    const struct table_enricher *t = l->self;
    const struct sluice_document_api *document = t->host->document;
    const struct sluice_node *node =
        document->get(object, t->path.part[t->path.n - 1].name, t->path.part[t->path.n - 1].len);
    struct table_cell cells[TABLE_MAX_COLUMNS];
    struct sluice_str key = document->string(node);
    char digits[32];
    uint32_t i;

    if (document->type(node) == SLUICE_INT || document->type(node) == SLUICE_UINT) {
        key.data = digits;
        key.len = document->write_json(node, digits, sizeof digits);
    }
    if (key.len == 0)
        key.data = NULL;
    if (key.data == NULL || !table_find(l->table, key.data, key.len, cells))
        return key_missing(l, key);
    l->found++;
    for (i = 0; i < t->n_targets; i++)
        if (!set_target(l, object, &t->targets[i], cells))
            return no_memory(l);
    return 1;
}

static uint32_t table_enrich(void *self, struct sluice_record *const *records, uint32_t n,
                             const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    struct table_enricher *t = self;
    const struct sluice_host *host = t->host;
    struct lookup l = {.self = t};
    unsigned ticket;
    uint32_t i;

    (void)err;
    l.table = kept_enter(&t->kept, &ticket);
    for (i = 0; i < n; i++) {
        l.record = records[i];
        memset(&l.answer, 0, sizeof l.answer);
        l.answer.code = SLUICE_OK;
        (void)key_path_walk(host->document, &t->path, host->record->document(records[i]), look_up, &l);
        sluice_verdict_set(verdicts, i, l.answer.code, l.answer.reason, l.answer.detail);
    }
    kept_leave(&t->kept, ticket);
    if (l.found > 0)
        host->metric_add(host, t->metric_lookups, "found", l.found);
    if (l.missing > 0)
        host->metric_add(host, t->metric_lookups, "missing", l.missing);
    if (l.no_key > 0)
        host->metric_add(host, t->metric_lookups, "no_key", l.no_key);
    return SLUICE_OK;
}

static const struct sluice_lifecycle table_lifecycle = {
    .struct_size = sizeof table_lifecycle,
    .create = table_create,
    .destroy = table_destroy,
    .start = table_start,
    .stop = table_stop,
};

static const struct sluice_enricher_ops table_ops = {
    .struct_size = sizeof table_ops,
    .enrich = table_enrich,
};

static const struct sluice_plugin table_plugin = {
    .struct_size = sizeof table_plugin,
    .min_host_minor = 1,
    .kind = SLUICE_ENRICHER,
    .flags = SLUICE_PARALLEL,
    .name = "table",
    .version = "0.1.0",
    .summary = "looks keys up in a CSV or JSON file",
    .licence = "MIT",
    SLUICE_OPTIONS(table_options),
    .lifecycle = &table_lifecycle,
    .ops = &table_ops,
    .example = "plugin: table\n"
               "path: ${tmp}/sample.csv\n"
               "key: id\n"
               "from: purchases[].product_id\n"
               "set: { name: name, brand: brand, category: category }\n",
};

SLUICE_MODULE("enrich-table", NULL, NULL, &table_plugin);
