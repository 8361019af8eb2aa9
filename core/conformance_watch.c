/* conformance_watch: what a process has and does, before and after a plugin's call. */
#include <dirent.h>
#include <errno.h>
#include <locale.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conformance_private.h"

#if defined(__x86_64__)
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#define CAN_FORBID_IO 1
#endif

/* Under AddressSanitizer the C library's own counters stand still. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static int count_entries(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    int n = 0;

    if (d == NULL)
        return -1;
    while ((e = readdir(d)) != NULL)
        n += e->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

static size_t heap_in_use(void)
{
    struct mallinfo2 info;

    if (__sanitizer_get_current_allocated_bytes != NULL)
        return __sanitizer_get_current_allocated_bytes();
    info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

void conf_watch(struct conf_watch *w)
{
    w->fds = count_entries("/proc/self/fd");
    w->threads = count_entries("/proc/self/task");
    w->heap = heap_in_use();
}

void conf_watch_same(struct conf *c, const struct conf_watch *before, const char *after_what)
{
    struct conf_watch now;
    unsigned tries;

    /* A joined thread may stand in /proc for a moment longer. */
    for (tries = 0; tries < 100; tries++) {
        conf_watch(&now);
        if (now.threads <= before->threads)
            break;
        (void)usleep(1000);
    }
    CONF_REQUIRE(c, now.fds <= before->fds, "%d file descriptors are open that were not before %s",
                 now.fds - before->fds, after_what);
    CONF_REQUIRE(c, now.threads <= before->threads, "%d threads run that did not before %s",
                 now.threads - before->threads, after_what);
}

struct rounds {
    struct conf *c;
    void (*call)(struct conf *c);
    unsigned n;
};

static void *run_rounds(void *context)
{
    const struct rounds *r = context;
    unsigned i;

    for (i = 0; i < r->n; i++)
        r->call(r->c);
    return NULL;
}

/* In a thread of its own, since the C library counts what a thread keeps for its next
 * allocation as in use until the thread has ended. */
static size_t heap_after(struct rounds *r)
{
    pthread_t thread;

    CONF_REQUIRE(r->c, pthread_create(&thread, NULL, run_rounds, r) == 0, "the suite has no thread");
    (void)pthread_join(thread, NULL);
    return heap_in_use();
}

void conf_watch_heap(struct conf *c, void (*call)(struct conf *c), unsigned rounds, const char *what)
{
    struct rounds r = {c, call, rounds / 2 + 10};
    size_t least = SIZE_MAX, before = heap_after(&r), after, grown;
    unsigned block;

    r.n = rounds;
    /* Caches fill once; a leak grows in every block. */
    for (block = 0; block < 3; block++) {
        after = heap_after(&r);
        grown = after > before ? after - before : 0;
        least = grown < least ? grown : least;
        before = after;
    }
    /* Some libraries keep a few bytes for each of their threads (librdkafka with OpenSSL: 16). */
    CONF_REQUIRE(c, least < (size_t)rounds * 24, "%s leaves about %zu bytes of memory behind each time", what,
                 least / rounds);
}

void conf_process_state(struct strbuf *out)
{
    char cwd[4096];
    struct sigaction action;
    mode_t mask = umask(0);
    int n;

    (void)umask(mask);
    strbuf_printf(out, "folder %s\n", getcwd(cwd, sizeof cwd) == NULL ? "?" : cwd);
    strbuf_printf(out, "locale %s\n", setlocale(LC_ALL, NULL));
    strbuf_printf(out, "umask %o\n", (unsigned)mask);
    for (n = 1; n < NSIG; n++)
        if (sigaction(n, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
            strbuf_printf(out, "signal %d %p\n", n, (void *)(size_t)action.sa_handler);
}

#ifdef CAN_FORBID_IO

static struct conf *forbidding;

struct forbidden {
    int call;
    const char *name;
};

static const struct forbidden forbidden_calls[] = {
    {SYS_open, "open a file"},          {SYS_openat, "open a file"},
    {SYS_creat, "create a file"},       {SYS_socket, "make a socket"},
    {SYS_connect, "connect"},           {SYS_clone, "start a thread or process"},
    {SYS_clone3, "start a thread"},     {SYS_fork, "start a process"},
    {SYS_vfork, "start a process"},     {SYS_execve, "start a program"},
    {SYS_unlink, "remove a file"},      {SYS_unlinkat, "remove a file"},
    {SYS_mkdir, "make a folder"},       {SYS_mkdirat, "make a folder"},
    {SYS_rename, "rename a file"},      {SYS_renameat, "rename a file"},
    {SYS_nanosleep, "sleep"},           {SYS_clock_nanosleep, "sleep"},
    {SYS_stat, "look at a file"},       {SYS_lstat, "look at a file"},
    {SYS_access, "look at a file"},     {SYS_faccessat, "look at a file"},
    {SYS_newfstatat, "look at a file"},
};

#define N_FORBIDDEN (sizeof forbidden_calls / sizeof forbidden_calls[0])

static void on_forbidden(int signal_number, siginfo_t *info, void *context)
{
    size_t i;

    (void)signal_number;
    (void)context;
    for (i = 0; i < N_FORBIDDEN; i++)
        if (forbidden_calls[i].call == info->si_syscall)
            conf_fail(forbidding, "tried to %s, and neither load nor create may do I/O or start anything",
                      forbidden_calls[i].name);
    conf_fail(forbidding, "made the forbidden system call %d", info->si_syscall);
}

int conf_forbid_io(struct conf *c)
{
    struct sock_filter filter[N_FORBIDDEN + 6];
    struct sock_fprog program = {0, filter};
    struct sigaction action;
    unsigned short n = 0;
    size_t i;

    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_forbidden;
    action.sa_flags = SA_SIGINFO;
    forbidding = c;
    if (sigaction(SIGSYS, &action, NULL) != 0)
        return 0;
    filter[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, nr));
    for (i = 0; i < N_FORBIDDEN; i++)
        filter[n++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)forbidden_calls[i].call,
                                         (unsigned char)(N_FORBIDDEN - i), 0);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    program.len = n;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return 0;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#else

int conf_forbid_io(struct conf *c)
{
    (void)c;
    return 0;
}

#endif
