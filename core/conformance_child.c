/* conformance_child: see conformance_child.h. */
#include "conformance_child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

void child_remove_tree(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    char inner[4096];

    while (d != NULL && (e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (snprintf(inner, sizeof inner, "%s/%s", path, e->d_name) >= (int)sizeof inner)
            continue;
        if (unlink(inner) != 0 && (errno == EISDIR || errno == EPERM))
            child_remove_tree(inner);
    }
    if (d != NULL)
        (void)closedir(d);
    (void)rmdir(path);
}

/* Reads until the other end is closed.  0: it was not within the limit. */
static int wait_closed(int fd, int64_t limit_ms)
{
    int64_t deadline = clock_steady_ms() + limit_ms, left;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char c;

    while ((left = deadline - clock_steady_ms()) > 0)
        if (poll(&p, 1, (int)left) > 0 && read(fd, &c, 1) <= 0)
            return 1;
    return 0;
}

int child_run(void (*fn)(struct conf *c, void *context), struct conf *c, void *context, const char *output,
              int64_t limit_ms)
{
    int fds[2], status = 0, in_time, out;
    pid_t child;

    if (pipe2(fds, O_CLOEXEC) != 0)
        return -1;
    (void)fflush(NULL);
    child = fork();
    if (child == 0) {
        (void)setpgid(0, 0);
        (void)close(fds[0]);
        out = open(output, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
        if (out < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
            _exit(1);
        (void)close(out);
        fn(c, context);
        _exit(0);
    }
    (void)close(fds[1]);
    if (child < 0) {
        (void)close(fds[0]);
        return -1;
    }
    in_time = wait_closed(fds[0], limit_ms);
    (void)close(fds[0]);
    (void)kill(-child, SIGKILL);
    if (!in_time)
        (void)kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return in_time ? status : -1;
}

void *child_share(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}
