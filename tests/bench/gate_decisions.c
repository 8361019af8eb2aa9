/* gate_decisions: how many decisions a second one core gets out of a gate, and nothing else.
 *
 *   gate_decisions GATE.so IDS RECORDS OPTION=VALUE...
 *
 * A mock host of the fewest services loads the gate; RECORDS records are made beforehand, each a user
 * id drawn at random: one in twenty is one of the IDS ids of the file that `make` wrote (OPTION values
 * may say @IDS for its path and @DIR for its folder, @FLAG for a flag with that list, @HALF for the same at
 * half rollout).  Batches of 256; users are spread over more memory than the caches hold. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sluice/plugin.h>

#define BATCH 256u
#define ROUNDS 5u

struct sluice_record {
    struct sluice_str user;
};

static char dir[] = "/tmp/sluice-decisions.XXXXXX";
static int n_words;
static char **words;
static const struct sluice_plugin *plugin;

static void need(int holds, const char *what)
{
    if (holds)
        return;
    (void)fprintf(stderr, "gate_decisions: %s\n", what);
    exit(1);
}

static int64_t steady(const struct sluice_host *host)
{
    struct timespec t;

    (void)host;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static double seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- options: what stands on the command line, else the table's default -------------------- */

static const struct sluice_option *option(const char *name)
{
    uint32_t i;

    for (i = 0; i < plugin->n_options; i++) {
        const struct sluice_option *o =
            (const void *)((const char *)plugin->options + (size_t)i * plugin->option_size);

        if (strcmp(o->name, name) == 0)
            return o;
    }
    return NULL;
}

static const char *given(const struct sluice_config *config, const char *name)
{
    size_t len = strlen(name);
    int i;

    (void)config;
    for (i = 0; i < n_words; i++)
        if (strncmp(words[i], name, len) == 0 && words[i][len] == '=')
            return words[i] + len + 1;
    return option(name) == NULL ? NULL : option(name)->default_text;
}

static int64_t integer(const struct sluice_config *config, const char *name)
{
    const char *text = given(config, name), *at, *choices = option(name)->choices;
    int64_t n, index = 0;
    char *end;

    if (text == NULL || strcmp(text, "false") == 0)
        return 0;
    if (strcmp(text, "true") == 0)
        return 1;
    for (at = choices; at != NULL; at = strchr(at, '|'), at = at == NULL ? NULL : at + 1, index++)
        if (strncmp(at, text, strlen(text)) == 0 && strchr("|", at[strlen(text)]) != NULL)
            return index;
    n = strtoll(text, &end, 10);
    if (strcmp(end, "s") == 0)
        n *= 1000;
    else if (strcmp(end, "h") == 0)
        n *= 3600000;
    else if (strcmp(end, "MiB") == 0)
        n *= 1 << 20;
    return n;
}

static uint64_t count(const struct sluice_config *config, const char *name)
{
    (void)config;
    (void)name;
    return 0;
}

static uint32_t declare(const struct sluice_host *host, const char *name, uint32_t *slot)
{
    (void)host;
    (void)name;
    *slot = 0;
    return 1;
}

static void log_line(const struct sluice_host *host, uint32_t level, const char *text)
{
    (void)host;
    if (level >= SLUICE_WARN)
        (void)fprintf(stderr, "gate_decisions: %s\n", text);
}

static uint32_t metric(const struct sluice_host *host, uint32_t kind, const char *name, const char *help,
                       const char *label)
{
    (void)host;
    (void)kind;
    (void)name;
    (void)help;
    (void)label;
    return 0;
}

static void metric_add(const struct sluice_host *host, uint32_t id, const char *label, uint64_t n)
{
    (void)host;
    (void)id;
    (void)label;
    (void)n;
}

static void metric_set(const struct sluice_host *host, uint32_t id, const char *label, double value)
{
    (void)host;
    (void)id;
    (void)label;
    (void)value;
}

static uint32_t cancelled(const struct sluice_host *host)
{
    (void)host;
    return 0;
}

static const void *extension(const struct sluice_host *host, const char *id)
{
    (void)host;
    (void)id;
    return NULL;
}

static struct sluice_str field(const struct sluice_record *record, uint32_t slot)
{
    (void)slot;
    return record->user;
}

static const struct sluice_record_api record_api = {.struct_size = sizeof record_api, .field = field};

static const struct sluice_host host = {.struct_size = sizeof host,
                                        .abi_minor = SLUICE_ABI_MINOR,
                                        .record = &record_api,
                                        .instance_name = "bench",
                                        .pipeline_name = "bench",
                                        .log = log_line,
                                        .option_string = given,
                                        .option_integer = integer,
                                        .option_count = count,
                                        .declare_field = declare,
                                        .now_ms = steady,
                                        .steady_ms = steady,
                                        .cancelled = cancelled,
                                        .metric = metric,
                                        .metric_add = metric_add,
                                        .metric_set = metric_set,
                                        .extension = extension};

/* --- data ---------------------------------------------------------------------------------- */

static uint64_t seed = 88172645463325252u;

static uint64_t next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void user_text(char *out, size_t size, uint64_t n)
{
    (void)snprintf(out, size, "%08x-%04x-4000-8000-%012llx", (unsigned)(n * 2654435761u),
                   (unsigned)(n & 0xffffu), (unsigned long long)n);
}

static char *write_file(const char *name, const char *text, uint64_t ids)
{
    char path[100], user[48];
    FILE *out;
    uint64_t i;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    out = fopen(path, "w");
    need(out != NULL, "cannot write below /tmp");
    if (text != NULL)
        (void)fputs(text, out);
    for (i = 0; i < ids; i++) {
        user_text(user, sizeof user, i);
        (void)fprintf(out, "%s\n", user);
    }
    need(fclose(out) == 0, "cannot write below /tmp");
    return strdup(path);
}

static void remove_files(void)
{
    static const char *const names[] = {"ids", "flag", "half"};
    char path[100];
    size_t i;

    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

static struct sluice_record *make_records(uint64_t ids, uint64_t n)
{
    struct sluice_record *records = calloc(n, sizeof *records);
    char user[48];
    uint64_t i;

    need(records != NULL, "no memory");
    for (i = 0; i < n; i++) {
        user_text(user, sizeof user, next() % 20 == 0 ? next() % ids : ids + next() % 100000000u);
        records[i].user.data = strdup(user);
        records[i].user.len = strlen(user);
    }
    return records;
}

static void replace(char **word, const char *sign, const char *path)
{
    char *at = strstr(*word, sign), *made = malloc(strlen(*word) + strlen(path) + 1);

    need(made != NULL, "no memory");
    if (at == NULL) {
        free(made);
        return;
    }
    (void)snprintf(made, strlen(*word) + strlen(path) + 1, "%.*s%s%s", (int)(at - *word), *word, path,
                   at + strlen(sign));
    *word = made;
}

/* --- measuring ------------------------------------------------------------------------------ */

static double run(void *self, const struct sluice_gate_ops *ops, const struct sluice_record *records,
                  uint64_t n, uint64_t *admitted)
{
    const struct sluice_record **batch = calloc(n, sizeof *batch);
    struct sluice_verdict items[BATCH];
    struct sluice_verdicts verdicts = {BATCH, sizeof items[0], items};
    struct sluice_error err = {.struct_size = sizeof err};
    double began;
    uint64_t i, k;

    need(batch != NULL, "no memory");
    for (i = 0; i < n; i++)
        batch[i] = &records[i];
    *admitted = 0;
    began = seconds();
    for (i = 0; i + BATCH <= n; i += BATCH) {
        memset(items, 0, sizeof items);
        (void)ops->decide(self, batch + i, BATCH, &verdicts, &err);
        for (k = 0; k < BATCH; k++) {
            need(items[k].code == SLUICE_ADMIT || items[k].code == SLUICE_DENY, "a record without an answer");
            *admitted += items[k].code == SLUICE_ADMIT;
        }
    }
    began = seconds() - began;
    free(batch);
    return (double)i / began;
}

int main(int argc, char **argv)
{
    struct sluice_error err = {.struct_size = sizeof err};
    const struct sluice_module *(*entry)(void);
    uint64_t ids, n, admitted = 0;
    struct sluice_record *records;
    double best = 0, rate;
    void *so, *self;
    unsigned i;
    int w;

    need(argc >= 4, "usage: gate_decisions GATE.so IDS RECORDS OPTION=VALUE...");
    so = dlopen(argv[1], RTLD_NOW);
    need(so != NULL, "no such gate");
    *(void **)&entry = dlsym(so, "sluice_plugin_entry_v1");
    need(entry != NULL, "no gate");
    plugin = entry()->plugins[0];
    ids = strtoull(argv[2], NULL, 10);
    n = strtoull(argv[3], NULL, 10);
    need(ids > 0 && n >= BATCH && mkdtemp(dir) != NULL, "no ids, too few records, or no folder below /tmp");
    words = argv + 4;
    n_words = argc - 4;
    {
        char *list = write_file("ids", NULL, ids);
        char *flag = write_file(
            "flag", "{\"enabled\":true,\"segments\":[{\"allowedS3IDs\":\"ids\",\"rollout\":100}]}", 0);
        char *half = write_file(
            "half", "{\"enabled\":true,\"segments\":[{\"allowedS3IDs\":\"ids\",\"rollout\":50}]}", 0);

        for (w = 0; w < n_words; w++) {
            replace(&words[w], "@IDS", list);
            replace(&words[w], "@FLAG", flag);
            replace(&words[w], "@HALF", half);
            replace(&words[w], "@DIR", dir);
        }
        records = make_records(ids, n);
        need(plugin->lifecycle->create(&host, NULL, &self, &err) == SLUICE_OK, err.message);
        need(plugin->lifecycle->start(self, &err) == SLUICE_OK, err.message);
    }
    for (i = 0; i < ROUNDS; i++) {
        rate = run(self, plugin->ops, records, n, &admitted);
        best = rate > best ? rate : best;
    }
    (void)printf("%.1f M decisions/s a core, %.1f %% admitted\n", best / 1e6,
                 100.0 * (double)admitted / (double)n);
    (void)plugin->lifecycle->stop(self, 1000, &err);
    remove_files();
    plugin->lifecycle->destroy(self);
    return 0;
}
