/* fault_alloc: preloaded into any program, makes its n-th allocation fail.
 *
 * Counted from main() on, over all threads, so that the same n means the same call as long
 * as the program does the same.  By environment:
 *   FAULT_ALLOC_AT=N      the first call that fails (1: the first; unset or 0: none)
 *   FAULT_ALLOC_TIMES=K   how many calls in a row fail (default 1)
 *   FAULT_ALLOC_REPORT=F  where "calls failed" is written when the process ends
 *   FAULT_ALLOC_TRACE=1   the stack of each failing call goes to stderr
 * strdup, asprintf, operator new and their like come here through malloc.  A child made by
 * fork counts on by itself and leaves the report alone. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

typedef int (*main_function)(int, char **, char **);
typedef int (*start_main)(main_function, int, char **, void (*)(void), void (*)(void), void (*)(void),
                          void *);
int __libc_start_main(main_function program, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end);

static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    main_function main;
} real = {.malloc = __libc_malloc, .calloc = __libc_calloc, .realloc = __libc_realloc};

static atomic_ulong calls;
static atomic_ulong failed;
static unsigned long first;
static unsigned long behind; /* first call that does not fail any more */
static atomic_int armed;
static int trace;
static pid_t owner;
static _Thread_local int inside;

static void tell_stack(unsigned long n)
{
    void *frames[48];

    inside = 1;
    dprintf(STDERR_FILENO, "fault_alloc: call %lu fails\n", n);
    backtrace_symbols_fd(frames, backtrace(frames, 48), STDERR_FILENO);
    inside = 0;
}

static int fails(void)
{
    unsigned long n;

    if (!atomic_load_explicit(&armed, memory_order_acquire) || inside)
        return 0;
    n = atomic_fetch_add(&calls, 1) + 1;
    if (n < first || n >= behind)
        return 0;
    atomic_fetch_add(&failed, 1);
    if (trace)
        tell_stack(n);
    errno = ENOMEM;
    return 1;
}

EXPORTED void *malloc(size_t size)
{
    return fails() ? NULL : real.malloc(size);
}

EXPORTED void *calloc(size_t n, size_t size)
{
    return fails() ? NULL : real.calloc(n, size);
}

EXPORTED void *realloc(void *old, size_t size)
{
    return fails() ? NULL : real.realloc(old, size);
}

EXPORTED int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (fails())
        return ENOMEM;
    if (real.posix_memalign == NULL)
        *(void **)&real.posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    return real.posix_memalign(out, alignment, size);
}

EXPORTED void *aligned_alloc(size_t alignment, size_t size)
{
    if (fails())
        return NULL;
    if (real.aligned_alloc == NULL)
        *(void **)&real.aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
    return real.aligned_alloc(alignment, size);
}

static unsigned long number(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);

    return text == NULL || *text == '\0' ? otherwise : strtoul(text, NULL, 10);
}

static void report(void)
{
    const char *path = getenv("FAULT_ALLOC_REPORT");
    char line[64];
    int fd;
    int len;

    atomic_store(&armed, 0);
    if (path == NULL || getpid() != owner)
        return;
    len = snprintf(line, sizeof line, "%lu %lu\n", atomic_load(&calls), atomic_load(&failed));
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, line, (size_t)len) != len)
        dprintf(STDERR_FILENO, "fault_alloc: no report: %s\n", strerror(errno));
    if (fd >= 0)
        close(fd);
}

static void tell_signal(int number)
{
    dprintf(2, "fault_alloc: signal %d\n", number);
    tell_stack(0);
    _exit(128 + number);
}

static int counted_main(int argc, char **argv, char **envp)
{
    void *frame;

    trace = number("FAULT_ALLOC_TRACE", 0) != 0;
    if (trace)
        (void)backtrace(&frame, 1); /* loads what it needs */
    if (trace)
        (void)signal(SIGSEGV, tell_signal);
    first = number("FAULT_ALLOC_AT", 0);
    behind = first == 0 ? 0 : first + number("FAULT_ALLOC_TIMES", 1);
    owner = getpid();
    atexit(report);
    atomic_store_explicit(&armed, 1, memory_order_release);
    return real.main(argc, argv, envp);
}

/* Everything is loaded and initialised when the program's start calls this. */
EXPORTED int __libc_start_main(main_function program, int argc, char **argv, void (*init)(void),
                               void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    start_main next;

    *(void **)&next = dlsym(RTLD_NEXT, "__libc_start_main");
    real.main = program;
    return next(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}
