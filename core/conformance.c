/* conformance: the parent: one child a case, a time limit, the report.
 *
 * Invariant: what a case came to is read from shared memory and the child's end
 * only; the plugin's code never runs in this process. */
#include "conformance.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "conformance_child.h"
#include "conformance_host.h"

#define MOST_PLUGINS 32
#define USUAL_LIMIT_S 20u
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWER 5u
#else
#define SLOWER 1u
#endif

/* What a first child found in the file. */
struct found_plugin {
    uint32_t kind;
    char name[80];
};

struct found {
    uint32_t n;
    struct found_plugin plugins[MOST_PLUGINS];
    char refusal[2048];
    char warning[1024];
};

struct tally {
    unsigned passed, failed, skipped;
    int json_items;
};

const struct conf_case *const conf_case_lists[] = {
    conf_load_cases,
    conf_option_cases,
    conf_life_cases,
    conf_fault_cases,
    conf_work_cases,
    conf_kind_cases,
    conf_gate_cases,
    conf_source_cases,
    conf_settle_cases,
    conf_flow_cases,
    NULL,
};

_Noreturn static void end_case(struct conf *c, int result, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

_Noreturn static void end_case(struct conf *c, int result, const char *fmt, va_list args)
{
    (void)vsnprintf(c->shared->message, sizeof c->shared->message, fmt, args);
    atomic_store(&c->shared->result, result);
    _exit(0);
}

void conf_fail(struct conf *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    end_case(c, CONF_FAILED, fmt, args);
}

void conf_skip(struct conf *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    end_case(c, CONF_SKIPPED, fmt, args);
}

uint64_t conf_random(struct conf *c)
{
    /* splitmix64 */
    uint64_t z = (c->random += UINT64_C(0x9E3779B97F4A7C15));

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static void find_plugins(struct conf *c, void *context)
{
    struct found *found = context;
    struct registry *r = registry_new();
    size_t i;

    if (r == NULL)
        _exit(1);
    found->refusal[0] = '\0';
    (void)registry_load(r, c->request->file, found->warning, sizeof found->warning);
    if (r->n_refusals > 0)
        (void)snprintf(found->refusal, sizeof found->refusal, "%s (remedy: %s)", r->refusals[0].reason,
                       r->refusals[0].remedy);
    for (i = 0; i < r->n_plugins && found->n < MOST_PLUGINS; i++)
        if (strcmp(r->plugins[i]->file, "built in") != 0) {
            found->plugins[found->n].kind = r->plugins[i]->desc.kind;
            (void)snprintf(found->plugins[found->n].name, sizeof found->plugins[0].name, "%s",
                           r->plugins[i]->desc.name);
            found->n++;
        }
}

struct case_run {
    const struct conf_case *the_case;
    const struct found_plugin *plugin; /* NULL: the module */
};

static void run_case(struct conf *c, void *context)
{
    const struct case_run *run = context;
    char warning[1024];

    c->random = c->request->seed;
    mock_world_init(c);
    if (run->plugin != NULL) {
        c->registry = registry_new();
        if (c->registry == NULL || registry_load(c->registry, c->request->file, warning, sizeof warning) != 0)
            conf_fail(c, "the module is refused");
        c->plugin = registry_find(c->registry, run->plugin->kind, run->plugin->name);
        if (c->plugin == NULL)
            conf_fail(c, "the plugin is not there at the second load");
        conf_write_samples(c, 200);
    }
    run->the_case->run(c);
    atomic_store(&c->shared->result, CONF_PASSED);
}

static void say_death(struct conf_shared *shared, int status, uint32_t limit_s)
{
    char *m = shared->message;
    const char *in = shared->doing[0] == '\0' ? "" : " in ";

    if (status == -1)
        (void)snprintf(m, sizeof shared->message, "did not end within %u s%s%s", limit_s, in, shared->doing);
    else if (WIFSIGNALED(status))
        (void)snprintf(m, sizeof shared->message, "died of signal %d (%s)%s%s", WTERMSIG(status),
                       strsignal(WTERMSIG(status)), in, shared->doing);
    else
        (void)snprintf(m, sizeof shared->message, "ended the process with exit code %d%s%s",
                       WEXITSTATUS(status), in, shared->doing);
    atomic_store(&shared->result, CONF_FAILED);
}

/* The last lines of what the child printed: a sanitizer's report, say. */
static void print_tail(const char *path)
{
    FILE *in = fopen(path, "r");
    char text[2000];
    size_t n;

    if (in == NULL)
        return;
    n = fread(text, 1, sizeof text - 1, in);
    text[n] = '\0';
    if (n > 0)
        fprintf(stderr, "--- it printed:\n%s\n---\n", text);
    (void)fclose(in);
}

static void report_text(const char *id, const struct conf_case *k, const struct conf_shared *s, int result)
{
    static const char *const words[] = {"FAIL", "pass", "FAIL", "skip"};

    printf("%s  %-20s %-26s %s\n", words[result], id, k->name, k->summary);
    if (result != CONF_PASSED)
        printf("      %s\n", s->message);
}

static void report_json(const char *id, const struct conf_case *k, const struct conf_shared *s, int result,
                        struct tally *t)
{
    static const char *const words[] = {"fail", "pass", "fail", "skip"};
    struct strbuf out;

    strbuf_init(&out, 16384);
    strbuf_puts(&out, t->json_items++ == 0 ? "\n  {\"plugin\": " : ",\n  {\"plugin\": ");
    strbuf_json(&out, id, strlen(id));
    strbuf_printf(&out, ", \"case\": \"%s\", \"result\": \"%s\", \"reason\": ", k->name, words[result]);
    strbuf_json(&out, s->message, strlen(s->message));
    strbuf_puts(&out, "}");
    fputs(strbuf_text(&out), stdout);
    strbuf_release(&out);
}

static void try_case(struct conf *c, const struct conf_case *k, const struct found_plugin *plugin,
                     const char *base, struct tally *t)
{
    struct case_run run = {k, plugin};
    uint32_t limit_s = (k->limit_s == 0 ? USUAL_LIMIT_S : k->limit_s) * SLOWER;
    char tmp[256], output[300], id[128];
    int result, status;

    (void)snprintf(tmp, sizeof tmp, "%s/case", base);
    (void)snprintf(output, sizeof output, "%s/output", base);
    if (mkdir(tmp, 0700) != 0) {
        fprintf(stderr, "sluice: cannot make %s: %s\n", tmp, strerror(errno));
        t->failed++;
        return;
    }
    memset(c->shared, 0, sizeof *c->shared);
    c->tmp = tmp;
    status = child_run(run_case, c, &run, output, (int64_t)limit_s * 1000);
    if (atomic_load(&c->shared->result) == CONF_DIED || status == -1)
        say_death(c->shared, status, limit_s);
    result = atomic_load(&c->shared->result);
    if (plugin == NULL)
        (void)snprintf(id, sizeof id, "module");
    else
        (void)snprintf(id, sizeof id, "%s/%s", kind_name(plugin->kind), plugin->name);
    if (c->request->json)
        report_json(id, k, c->shared, result, t);
    else
        report_text(id, k, c->shared, result);
    if (result == CONF_FAILED && !c->request->json)
        print_tail(output);
    t->passed += result == CONF_PASSED;
    t->failed += result == CONF_FAILED;
    t->skipped += result == CONF_SKIPPED;
    child_remove_tree(tmp);
}

static int is_wanted(const struct conformance_request *q, const char *name)
{
    size_t i;

    for (i = 0; i < q->n_only; i++)
        if (strcmp(q->only[i], name) == 0)
            return 1;
    return q->n_only == 0;
}

static void try_all(struct conf *c, const struct found *found, const char *base, struct tally *t)
{
    const struct conf_case *const *list, *k;
    uint32_t i;

    for (list = conf_case_lists; *list != NULL; list++)
        for (k = *list; k->name != NULL; k++)
            if (k->kinds == CONF_MODULE && is_wanted(c->request, k->name))
                try_case(c, k, NULL, base, t);
    for (i = 0; i < found->n; i++)
        for (list = conf_case_lists; *list != NULL; list++)
            for (k = *list; k->name != NULL; k++)
                if ((k->kinds & CONF_BIT(found->plugins[i].kind)) != 0 && is_wanted(c->request, k->name))
                    try_case(c, k, &found->plugins[i], base, t);
}

static int is_case(const char *name)
{
    const struct conf_case *const *list, *k;

    for (list = conf_case_lists; *list != NULL; list++)
        for (k = *list; k->name != NULL; k++)
            if (strcmp(k->name, name) == 0)
                return 1;
    return 0;
}

static int check_names(const struct conformance_request *q)
{
    size_t i;

    for (i = 0; i < q->n_only; i++)
        if (!is_case(q->only[i])) {
            fprintf(stderr, "sluice: there is no case '%s'; `sluice plugin test --list` shows them\n",
                    q->only[i]);
            return -1;
        }
    return 0;
}

static void close_report(const struct conformance_request *q, const struct tally *t)
{
    if (q->json)
        printf("],\n \"passed\": %u, \"failed\": %u, \"skipped\": %u}\n", t->passed, t->failed, t->skipped);
    else
        printf("\n%s: %u passed, %u failed, %u skipped\n", q->file, t->passed, t->failed, t->skipped);
}

static int run_suite(struct conf *c, struct found *found, const char *base)
{
    struct tally t = {0, 0, 0, 0};
    char output[300];
    int status;

    (void)snprintf(output, sizeof output, "%s/output", base);
    (void)snprintf(found->refusal, sizeof found->refusal, "kills the process that loads it");
    status = child_run(find_plugins, c, found, output, 10000);
    if (found->warning[0] != '\0')
        fprintf(stderr, "sluice: warning: %s\n", found->warning);
    if (found->refusal[0] != '\0' || found->n == 0) {
        if (status != 0) {
            say_death(c->shared, status, 10);
            fprintf(stderr, "sluice: %s is refused: it %s when it was loaded\n", c->request->file,
                    c->shared->message);
        } else {
            fprintf(stderr, "sluice: %s is refused: it %s\n", c->request->file, found->refusal);
        }
        return EXIT_FAILED;
    }
    if (c->request->json)
        fputs("{\"cases\": [", stdout);
    try_all(c, found, base, &t);
    close_report(c->request, &t);
    return t.failed == 0 ? EXIT_OK : EXIT_FAILED;
}

int conformance_run(const struct conformance_request *request)
{
    const char *tmp = getenv("TMPDIR");
    char base[200];
    struct conf c;
    struct found *found = child_share(sizeof *found);
    int code;

    memset(&c, 0, sizeof c);
    c.request = request;
    c.shared = child_share(sizeof *c.shared);
    if (check_names(request) != 0)
        return EXIT_USAGE;
    if (snprintf(base, sizeof base, "%s/sluice-test.XXXXXX", tmp == NULL || tmp[0] == '\0' ? "/tmp" : tmp) >=
            (int)sizeof base ||
        found == NULL || c.shared == NULL || mkdtemp(base) == NULL) {
        fprintf(stderr, "sluice: cannot make a scratch folder: %s\n", strerror(errno));
        return EXIT_FAILED;
    }
    code = run_suite(&c, found, base);
    child_remove_tree(base);
    (void)munmap(found, sizeof *found);
    (void)munmap(c.shared, sizeof *c.shared);
    return code;
}

void conformance_list(int json)
{
    const struct conf_case *const *list, *k;
    int n = 0;

    if (json)
        fputs("[", stdout);
    for (list = conf_case_lists; *list != NULL; list++)
        for (k = *list; k->name != NULL; k++) {
            if (json)
                printf("%s\n {\"case\": \"%s\", \"summary\": \"%s\"}", n == 0 ? "" : ",", k->name,
                       k->summary);
            else
                printf("%-26s %s\n", k->name, k->summary);
            n++;
        }
    if (json)
        fputs("]\n", stdout);
    else
        printf("\n%d cases\n", n);
}
