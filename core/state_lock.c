/* state_lock: one run per state_dir.
 *
 * Invariant: who holds the lock is who has the flock on DIR/lock; the words in the
 * file only tell people about the holder.  The file is never removed, since a
 * second one of the same name would be a second lock. */
#include "state_db_sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "strbuf.h"

#define LOCK_MAX 512u

/* Words of the holder: "pid 12 on host x since 2026-…"; the holder may be just writing them. */
static void holder_read(int fd, char *out, size_t cap)
{
    const struct timespec moment = {0, 10 * 1000 * 1000};
    ssize_t n = 0;
    size_t i;
    int tries;

    for (tries = 0; tries < 20; tries++) {
        n = pread(fd, out, cap - 1, 0);
        if (n > 0 && memchr(out, '\n', (size_t)n) != NULL)
            break;
        (void)nanosleep(&moment, NULL);
    }
    if (n <= 0) {
        (void)snprintf(out, cap, "another process");
        return;
    }
    out[n] = '\0';
    out[strcspn(out, "\n")] = '\0';
    for (i = 0; out[i] != '\0'; i++)
        if (out[i] < ' ' || out[i] > '~')
            out[i] = '?';
}

/* Old words in a free lock mislead nobody, since they are read only while it is held:
 * so a failure changes nothing. */
static void forget_words(int fd)
{
    int ignored = ftruncate(fd, 0);

    (void)ignored;
}

static void holder_write(int fd)
{
    char host[256] = "", since[40], text[LOCK_MAX];
    int n;

    if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0')
        (void)snprintf(host, sizeof host, "an unnamed host");
    clock_format(clock_now_ms(), since, sizeof since);
    n = snprintf(text, sizeof text, "pid %ld on %s since %s\n", (long)getpid(), host, since);
    /* On a full disk the lock has no words but still locks. */
    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) != n)
        forget_words(fd);
}

int state_lock_take(const char *dir, struct sluice_error *err)
{
    char holder[LOCK_MAX];
    struct strbuf path;
    int fd, rc;

    strbuf_init(&path, 4096);
    strbuf_printf(&path, "%s/lock", dir);
    if (path.failed) {
        strbuf_release(&path);
        (void)sluice_fail(err, SLUICE_FATAL, "state_dir", "the name of state_dir is too long, or no memory");
        return -1;
    }
    fd = open(strbuf_text(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    strbuf_release(&path);
    if (fd < 0) {
        (void)sluice_fail(err, SLUICE_FATAL, "state_dir", "cannot open %s/lock: %s", dir, strerror(errno));
        return -1;
    }
    do
        rc = flock(fd, LOCK_EX | LOCK_NB);
    while (rc != 0 && errno == EINTR);
    if (rc == 0) {
        holder_write(fd);
        return fd;
    }
    if (errno == EWOULDBLOCK) {
        holder_read(fd, holder, sizeof holder);
        (void)sluice_fail(
            err, SLUICE_FATAL, "state_dir",
            "state_dir %s is in use by %s: stop that run, or give this one a state_dir of its own", dir,
            holder);
    } else {
        (void)sluice_fail(err, SLUICE_FATAL, "state_dir", "cannot lock %s/lock: %s", dir, strerror(errno));
    }
    (void)close(fd);
    return -1;
}

void state_lock_give(int fd)
{
    if (fd < 0)
        return;
    forget_words(fd);
    (void)close(fd);
}
