/* run_sink: a sink that keeps its promises, and, by one macro each, one that breaks
 * exactly one of them.  The conformance suite must find each by the case made for it. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sluice/plugin.h>

#ifdef BAD_NOT_IDEMPOTENT
#define RUN_FLAGS SLUICE_IDEMPOTENT
#else
#define RUN_FLAGS 0
#endif
#ifdef BAD_EXAMPLE
#define RUN_EXAMPLE "plugin: run\npaht: x\n"
#else
#define RUN_EXAMPLE "plugin: run\npath: ${tmp}/out\n"
#endif

struct run {
    const struct sluice_host *host;
    const struct sluice_config *config;
    char *buffer;
    FILE *out;
    int starts;
};

static const struct sluice_option run_options[] = {
    {.name = "path",
     .type = SLUICE_PATH,
     .flags = SLUICE_CREATES | SLUICE_REQUIRED,
     .summary = "file to write"},
    {.name = "token", .type = SLUICE_STRING, .flags = SLUICE_SECRET, .summary = "what to log in with"},
    {.name = "size",
     .type = SLUICE_INTEGER,
     .default_text = "5",
     .min = "1",
     .max = "10",
     .summary = "a size"},
};

#ifdef BAD_SHARED_SELF
static struct run shared_self;
#endif

static void run_init(struct run *s, const struct sluice_host *host, const struct sluice_config *config)
{
    s->host = host;
    s->config = config;
#ifdef BAD_IO_IN_CREATE
    (void)close(open("/dev/null", O_RDONLY | O_CLOEXEC));
#endif
#ifdef BAD_LEAKS_FD
    (void)open("/dev/null", O_RDONLY | O_CLOEXEC);
#endif
}

static uint32_t run_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                           struct sluice_error *err)
{
#ifdef BAD_SHARED_SELF
    struct run *s = &shared_self;
#else
    struct run *s = calloc(1, sizeof *s);
#endif

    if (s == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "out of memory");
    s->buffer = malloc(100);
    if (s->buffer == NULL) {
#if !defined BAD_FAILED_CREATE_LEAKS && !defined BAD_SHARED_SELF
        free(s);
#endif
#ifdef BAD_MESSAGE
        return sluice_fail(err, SLUICE_FATAL, NULL, "Out of memory.");
#else
        return sluice_fail(err, SLUICE_FATAL, NULL, "out of memory");
#endif
    }
    run_init(s, host, config);
    *self = s;
    return SLUICE_OK;
}

static void run_destroy(void *self)
{
    struct run *s = self;

#ifndef BAD_LEAKS_HEAP
    free(s->buffer);
#endif
#ifndef BAD_SHARED_SELF
    free(s);
#endif
}

#ifdef BAD_LEAKS_THREAD
static void *sit(void *unused)
{
    (void)unused;
    for (;;)
        (void)pause();
    return NULL;
}
#endif

static uint32_t run_start(void *self, struct sluice_error *err)
{
    struct run *s = self;

    s->out = fopen(s->host->option_string(s->config, "path"), "a");
    if (s->out == NULL)
        return sluice_fail(err, SLUICE_FATAL, "path", "the file cannot be opened");
#ifdef BAD_ONE_START
    if (s->starts++ > 0) {
        (void)fclose(s->out);
        return sluice_fail(err, SLUICE_FATAL, NULL, "was started before");
    }
#endif
#ifdef BAD_LEAKS_THREAD
    {
        pthread_t thread;

        if (pthread_create(&thread, NULL, sit, NULL) == 0)
            (void)pthread_detach(thread);
    }
#endif
#ifdef BAD_PRINTS
    puts("hello");
#endif
#ifdef BAD_LOGS_SECRET
    {
        const char *token = s->host->option_string(s->config, "token");

        sluice_log(s->host, SLUICE_INFO, "log in with %s", token == NULL ? "nothing" : token);
    }
#endif
#ifdef BAD_FOLDER
    if (chdir("/") != 0)
        return SLUICE_FATAL;
#endif
#ifdef BAD_SIGNAL
    (void)signal(SIGUSR1, SIG_IGN);
#endif
    return SLUICE_OK;
}

static uint32_t run_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    struct run *s = self;

    (void)deadline_ms;
    (void)err;
#ifdef BAD_SLOW_STOP
    (void)nanosleep(&(struct timespec){2, 0}, NULL);
#endif
    (void)fclose(s->out);
    return SLUICE_OK;
}

static const void *run_extension(void *self, const char *id)
{
    (void)id;
#ifdef BAD_EXTENSION
    return self;
#else
    (void)self;
    return NULL;
#endif
}

static uint32_t run_one(struct run *s, struct sluice_record *record)
{
    struct sluice_node *document = s->host->record->document(record);
    char *volatile copy = malloc(64); /* volatile, or it is optimised away */

#ifdef BAD_NO_MEMORY_CRASH
    copy[0] = 'x';
#endif
    if (copy == NULL)
        return SLUICE_RETRY;
    free(copy);
    copy = s->host->record->text(record, "text", 4);
#ifdef BAD_NO_SERVICE_CRASH
    copy[0] = 'x';
#endif
    if (copy == NULL)
        return SLUICE_RETRY;
#ifdef BAD_NULL_DOCUMENT
    if (document == NULL)
        (void)raise(SIGSEGV);
#endif
#ifdef BAD_CHANGES_RECORD
    (void)sluice_set(s->host, record, document, "seen", s->host->document->make_bool(record, 1));
#endif
    return s->host->document->type(document) == SLUICE_OBJECT ? SLUICE_OK : SLUICE_REJECT;
}

static uint32_t run_write(void *self, struct sluice_record *const *records, uint32_t n,
                          const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    struct run *s = self;
    uint32_t i;

    (void)err;
    for (i = 0; i < n; i++) {
        uint32_t code = run_one(s, records[i]);
        const char *reason = code == SLUICE_RETRY ? "no_memory" : code == SLUICE_OK ? NULL : "not_an_object";

#ifdef BAD_REASON
        if (code == SLUICE_REJECT)
            reason = "Not an object!";
#endif
#ifdef BAD_NEVER_ENDS
        if (code == SLUICE_OK && s->host->record->payload(records[i]).len % 7 == 3)
            code = SLUICE_RETRY;
#endif
#ifdef BAD_VERDICT
        if (code == SLUICE_OK)
            code = SLUICE_ADMIT;
#endif
#ifdef BAD_NO_VERDICT
        if (i + 1 == n && n > 1)
            continue;
#endif
#ifdef BAD_STRIDE
        ((struct sluice_verdict *)verdicts->items)[i].code = code;
        ((struct sluice_verdict *)verdicts->items)[i].reason = reason;
#else
        sluice_verdict_set(verdicts, i, code, reason, NULL);
#endif
    }
    fprintf(s->out, "%u\n", n);
    (void)fflush(s->out);
#ifdef BAD_ANSWER
    return n == 0 ? SLUICE_END : SLUICE_OK;
#else
    return SLUICE_OK;
#endif
}

#if defined BAD_LOAD_PRINTS || defined BAD_LOAD_SIGNAL || defined BAD_LOAD_OPENS
__attribute__((constructor)) static void run_constructor(void)
{
#if defined BAD_LOAD_PRINTS
    puts("loaded");
#elif defined BAD_LOAD_SIGNAL
    (void)signal(SIGUSR1, SIG_IGN);
#else
    (void)open("/dev/null", O_RDONLY | O_CLOEXEC);
#endif
}
#endif

#ifdef BAD_EXPORTS
SLUICE_EXPORT int run_helper(void);
SLUICE_EXPORT int run_helper(void)
{
    return 1;
}
#endif

static const struct sluice_lifecycle run_lifecycle = {
    .struct_size = sizeof run_lifecycle,
    .create = run_create,
    .destroy = run_destroy,
    .start = run_start,
    .stop = run_stop,
    .extension = run_extension,
};

static const struct sluice_sink_ops run_ops = {.struct_size = sizeof run_ops, .write = run_write};

static const struct sluice_plugin run_plugin = {
    .struct_size = sizeof run_plugin,
    .kind = SLUICE_SINK,
    .flags = RUN_FLAGS,
    .name = "run",
    .version = "1.0.0",
    .summary = "counts its batches in a file",
    .licence = "0BSD",
    SLUICE_OPTIONS(run_options),
    .lifecycle = &run_lifecycle,
    .ops = &run_ops,
    .example = RUN_EXAMPLE,
};

SLUICE_MODULE("run-sink", NULL, NULL, &run_plugin);
