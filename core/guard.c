/* guard: see guard.h.  Invariant: whatever the plugins print to stdout ends on
 * stderr; stdout gets what show wrote, whole, or nothing. */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "module_load.h"

#define LOAD_LIMIT_MS 10000 /* for one file */
#define MOST_DEADLY 64u     /* files; after that the command gives up */
#define FINISHED '\1'

struct deadly {
    char file[4096];
    char reason[160];
};

struct guard {
    struct deadly *deadly;
    size_t n_deadly;
    int progress; /* the child tells here what it opens: name, NUL */
};

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* registry.before_file in the child. */
static int announce(void *context, const char *file)
{
    struct guard *g = context;
    size_t i;

    for (i = 0; i < g->n_deadly; i++)
        if (strcmp(g->deadly[i].file, file) == 0)
            return 0;
    return write_all(g->progress, file, strlen(file) + 1) == 0;
}

static void load(struct registry *r, const struct guard_request *request)
{
    char warning[1024];
    size_t i;

    if (request->file != NULL) {
        (void)registry_load(r, request->file, warning, sizeof warning);
        if (warning[0] != '\0')
            fprintf(stderr, "sluice: warning: %s\n", warning);
        return;
    }
    if (request->n_dirs == 0)
        registry_scan_standard(r);
    for (i = 0; i < request->n_dirs; i++)
        registry_scan(r, request->dirs[i]);
}

/* The child's whole life. */
static int child_main(struct guard *g, const struct guard_request *request, guard_show show, void *context)
{
    int out_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3), code;
    struct registry *r = registry_new();
    struct strbuf out;
    size_t i;
    char done = FINISHED;

    if (out_fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 || r == NULL)
        return EXIT_FAILED;
    r->before_file = announce;
    r->context = g;
    for (i = 0; i < g->n_deadly; i++)
        (void)registry_refuse(r, g->deadly[i].file, "remove the file, or ask the plugin's author", "%s",
                              g->deadly[i].reason);
    load(r, request);
    strbuf_init(&out, GUARD_MAX_OUTPUT);
    code = show(r, context, &out);
    if (out.failed || r->lost) {
        fputs("sluice: out of memory\n", stderr);
        code = EXIT_FAILED;
    } else if (write_all(out_fd, strbuf_text(&out), out.len) != 0) {
        fprintf(stderr, "sluice: cannot write to stdout: %s\n", strerror(errno));
        code = EXIT_FAILED;
    }
    (void)fflush(NULL);
    (void)write_all(g->progress, &done, 1);
    return code;
}

/* Reads what the child opens until it ends or one file takes too long.  1 if it
 * finished; last holds the file that was being opened. */
static int follow(int fd, pid_t child, char *last, size_t cap, int *timed_out)
{
    int64_t deadline = clock_steady_ms() + LOAD_LIMIT_MS;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    size_t len = 0;
    char c;

    last[0] = '\0';
    for (;;) {
        int64_t left = deadline - clock_steady_ms();

        if (left <= 0 || (poll(&p, 1, (int)left) == 0)) {
            *timed_out = 1;
            (void)kill(child, SIGKILL);
            return 0;
        }
        if (read(fd, &c, 1) <= 0)
            return 0;
        if (c == FINISHED && len == 0)
            return 1;
        if (len < cap)
            last[len] = c;
        len = c == '\0' || len + 1 >= cap ? 0 : len + 1;
        if (c == '\0')
            deadline = clock_steady_ms() + LOAD_LIMIT_MS;
    }
}

static void say_how(char *out, size_t cap, int status, int timed_out)
{
    if (timed_out)
        (void)snprintf(out, cap, "did not come back within %d s of being loaded", LOAD_LIMIT_MS / 1000);
    else if (WIFSIGNALED(status))
        (void)snprintf(out, cap, "killed the process with signal %d (%s) when it was loaded",
                       WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        (void)snprintf(out, cap, "ended the process with exit code %d when it was loaded",
                       WEXITSTATUS(status));
}

/* One child.  The exit code, or -1 after one more file proved deadly. */
static int run_once(struct guard *g, const struct guard_request *request, guard_show show, void *context)
{
    struct deadly *d = &g->deadly[g->n_deadly];
    int pipe_fds[2], status = 0, finished, timed_out = 0;
    pid_t child;

    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        fprintf(stderr, "sluice: cannot make a pipe: %s\n", strerror(errno));
        return EXIT_FAILED;
    }
    (void)fflush(NULL);
    child = fork();
    if (child == 0) {
        (void)close(pipe_fds[0]);
        g->progress = pipe_fds[1];
        _exit(child_main(g, request, show, context));
    }
    (void)close(pipe_fds[1]);
    if (child < 0) {
        fprintf(stderr, "sluice: cannot start a process: %s\n", strerror(errno));
        (void)close(pipe_fds[0]);
        return EXIT_FAILED;
    }
    finished = follow(pipe_fds[0], child, d->file, sizeof d->file, &timed_out);
    (void)close(pipe_fds[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (finished && WIFEXITED(status))
        return WEXITSTATUS(status);
    say_how(d->reason, sizeof d->reason, status, timed_out);
    if (d->file[0] == '\0') {
        fprintf(stderr, "sluice: the process that loads plugins died before the first one: it %s\n",
                d->reason);
        return EXIT_FAILED;
    }
    g->n_deadly++;
    return -1;
}

int guard_run(const struct guard_request *request, guard_show show, void *context)
{
    struct guard g = {NULL, 0, -1};
    int code = -1;

    g.deadly = calloc(MOST_DEADLY, sizeof *g.deadly);
    if (g.deadly == NULL) {
        fputs("sluice: out of memory\n", stderr);
        return EXIT_FAILED;
    }
    while (code < 0 && g.n_deadly < MOST_DEADLY)
        code = run_once(&g, request, show, context);
    if (code < 0)
        fprintf(stderr, "sluice: %u files killed the process that loaded them; the last one, %s, %s\n",
                MOST_DEADLY, g.deadly[MOST_DEADLY - 1].file, g.deadly[MOST_DEADLY - 1].reason);
    free(g.deadly);
    return code < 0 ? EXIT_FAILED : code;
}
