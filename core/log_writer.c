/* log_writer: the only place that may wait for the log's descriptor.
 *
 * Invariant: the descriptor is shared with others and may block, so it is asked with
 * poll and then given at most PIPE_BUF bytes, which a pipe that polls writable takes.
 * Should it block all the same, only this thread does. */
#include "log_writer.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log_line.h"
#include "strbuf.h"

#define PROGRESS_MAX 400u
#define TAKE_MAX (64u * 1024u)
#define POLL_MS 100

struct log_writer {
    pthread_mutex_t lock;
    pthread_cond_t wake; /* something to do */
    pthread_cond_t gone; /* the thread is done */
    pthread_t thread;
    int fd;
    int terminal;
    int stopping;  /* write what is left, then end */
    int abandoned; /* nobody waits any more: the thread frees w */
    int done;
    int64_t give_up_ms; /* steady; while stopping */
    char *ring;
    size_t size, start, used;
    size_t in_hand; /* lines taken out of the ring and not yet written */
    char progress[PROGRESS_MAX];
    int progress_changed;
    uint64_t lost_told;
    int torn; /* the last write ended within a line */
};

static uint64_t count_lines(const char *data, size_t len)
{
    uint64_t n = 0;
    size_t i;

    for (i = 0; i < len; i++)
        n += data[i] == '\n';
    return n;
}

static int should_give_up(struct log_writer *w)
{
    int yes;

    if (w == NULL)
        return 0;
    pthread_mutex_lock(&w->lock);
    yes = w->abandoned || (w->stopping && clock_steady_ms() >= w->give_up_ms);
    pthread_mutex_unlock(&w->lock);
    return yes;
}

/* Bytes written; less than len if the descriptor failed or it was time to give up. */
static size_t write_some(struct log_writer *w, int fd, const char *data, size_t len, int wait)
{
    struct pollfd p = {fd, POLLOUT, 0};
    size_t done = 0;
    ssize_t n;
    int ready;

    while (done < len) {
        ready = poll(&p, 1, wait ? POLL_MS : 0);
        if (ready == 0 || (ready < 0 && errno == EINTR)) {
            if (!wait || should_give_up(w))
                break;
            continue;
        }
        n = write(fd, data + done, len - done > PIPE_BUF ? PIPE_BUF : len - done);
        if (n > 0)
            done += (size_t)n;
        else if (n < 0 && errno != EINTR && errno != EAGAIN)
            break;
    }
    return done;
}

int log_write_plain(int fd, const char *line, size_t len, int wait)
{
    return write_some(NULL, fd, line, len, wait) == len;
}

/* Cut to the width of the terminal, without control characters. */
static void progress_copy(char *out, size_t cap, int fd, const char *text)
{
    struct winsize size;
    size_t width = 79, columns = 0, left = strlen(text), n, at = 0;

    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
        width = (size_t)size.ws_col - 1;
    for (; left > 0 && columns < width; text += n, left -= n, columns++) {
        n = utf8_length(text, left);
        if (at + (n == 0 ? 1 : n) >= cap)
            break;
        if (n == 0 || (n == 1 && ((unsigned char)*text < ' ' || *text == 0x7f))) {
            out[at++] = '?';
            n = 1;
        } else {
            memcpy(out + at, text, n);
            at += n;
        }
    }
    out[at] = '\0';
}

void log_progress_plain(int fd, const char *text)
{
    char cut[PROGRESS_MAX], line[PROGRESS_MAX + 8];
    int n;

    if (!isatty(fd))
        return;
    progress_copy(cut, sizeof cut, fd, text);
    n = snprintf(line, sizeof line, "\r\033[K%s", cut);
    (void)write_some(NULL, fd, line, (size_t)n, 0);
}

int log_writer_add(struct log_writer *w, const char *line, size_t len)
{
    size_t end, first;
    int fits;

    pthread_mutex_lock(&w->lock);
    fits = len <= w->size - w->used;
    if (fits) {
        end = (w->start + w->used) % w->size;
        first = w->size - end < len ? w->size - end : len;
        memcpy(w->ring + end, line, first);
        memcpy(w->ring, line + first, len - first);
        w->used += len;
        pthread_cond_signal(&w->wake);
    }
    pthread_mutex_unlock(&w->lock);
    return fits;
}

void log_writer_progress(struct log_writer *w, const char *text)
{
    if (!w->terminal)
        return;
    pthread_mutex_lock(&w->lock);
    progress_copy(w->progress, sizeof w->progress, w->fd, text);
    w->progress_changed = 1;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

/* Whole lines out of the ring into out, and what stands around them. [lock held] */
static void take(struct log_writer *w, struct strbuf *out)
{
    size_t n = w->used < TAKE_MAX ? w->used : TAKE_MAX, i, first;

    if (n < w->used) {
        /* A line is at most LOG_LINE_MAX, so there is a newline in reach. */
        for (i = n; i > 0 && w->ring[(w->start + i - 1) % w->size] != '\n'; i--)
            continue;
        n = i;
    }
    if (w->progress[0] != '\0' || w->progress_changed)
        strbuf_puts(out, "\r\033[K");
    first = w->size - w->start < n ? w->size - w->start : n;
    strbuf_add(out, w->ring + w->start, first);
    strbuf_add(out, w->ring, n - first);
    w->start = (w->start + n) % w->size;
    w->used -= n;
    w->in_hand = count_lines(strbuf_text(out), out->len);
    strbuf_puts(out, w->progress);
    w->progress_changed = 0;
}

/* Says how many lines went missing since it was last said. */
static void tell_lost(struct log_writer *w, struct strbuf *out)
{
    uint64_t lost = log_lost();
    struct log_field fields[] = {LOG_NUMBER("lines", lost - w->lost_told), LOG_NUMBER("lines_total", lost)};

    if (lost == w->lost_told)
        return;
    strbuf_clear(out);
    log_line(out, log_current_format(), clock_now_ms(), SLUICE_WARN, "log_lines_lost", fields, 2);
    if (!out->failed && write_some(w, w->fd, out->data, out->len, 1) == out->len)
        w->lost_told = lost;
}

/* Writes what was taken; what could not be written is lost. */
static void write_out(struct log_writer *w, struct strbuf *out)
{
    size_t done = 0;
    uint64_t lost;
    int abandoned;

    if (w->torn && write_some(w, w->fd, "\n", 1, 1) == 1)
        w->torn = 0;
    if (!out->failed && !w->torn)
        done = write_some(w, w->fd, strbuf_text(out), out->len, 1);
    if (done > 0 && done < out->len)
        w->torn = out->data[done - 1] != '\n';
    lost = w->in_hand - count_lines(strbuf_text(out), done);
    pthread_mutex_lock(&w->lock);
    abandoned = w->abandoned;
    w->in_hand = 0;
    pthread_mutex_unlock(&w->lock);
    if (!abandoned && lost > 0)
        log_count_lost(lost);
    if (!abandoned && lost == 0)
        tell_lost(w, out);
    if (done < out->len && !should_give_up(w)) {
        /* The descriptor fails (a full disk): a moment, and not a busy loop. */
        struct timespec moment = {0, 20 * 1000 * 1000};

        (void)nanosleep(&moment, NULL);
    }
}

static void writer_destroy(struct log_writer *w)
{
    (void)pthread_mutex_destroy(&w->lock);
    (void)pthread_cond_destroy(&w->wake);
    (void)pthread_cond_destroy(&w->gone);
    free(w->ring);
    free(w);
}

static void *writer_main(void *context)
{
    struct log_writer *w = context;
    struct strbuf out;
    sigset_t all;
    int abandoned;

    /* Signals are for others; also SIGPIPE, which a closed pipe sends to its writer. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
    strbuf_init(&out, TAKE_MAX + PROGRESS_MAX + 64);
    pthread_mutex_lock(&w->lock);
    while (!w->abandoned && !(w->stopping && clock_steady_ms() >= w->give_up_ms)) {
        if (w->used == 0 && !w->progress_changed) {
            if (w->stopping)
                break;
            pthread_cond_wait(&w->wake, &w->lock);
            continue;
        }
        strbuf_clear(&out);
        take(w, &out);
        pthread_mutex_unlock(&w->lock);
        write_out(w, &out);
        pthread_mutex_lock(&w->lock);
    }
    abandoned = w->abandoned;
    w->done = 1;
    pthread_cond_signal(&w->gone);
    pthread_mutex_unlock(&w->lock);
    strbuf_release(&out);
    if (abandoned)
        writer_destroy(w);
    return NULL;
}

struct log_writer *log_writer_new(int fd, size_t ring)
{
    struct log_writer *w = calloc(1, sizeof *w);
    pthread_condattr_t steady;

    if (w == NULL)
        return NULL;
    w->ring = malloc(ring);
    if (w->ring == NULL) {
        free(w);
        return NULL;
    }
    w->fd = fd;
    w->size = ring;
    w->terminal = isatty(fd);
    w->lost_told = log_lost();
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->wake, NULL);
    (void)pthread_cond_init(&w->gone, &steady);
    (void)pthread_condattr_destroy(&steady);
    if (pthread_create(&w->thread, NULL, writer_main, w) != 0) {
        writer_destroy(w);
        return NULL;
    }
    return w;
}

int log_writer_free(struct log_writer *w, int ms)
{
    /* The thread gives up by itself first; the rest is for a write that hangs. */
    int64_t until = clock_steady_ms() + ms;
    struct timespec limit = {(time_t)((until + 200) / 1000), (long)((until + 200) % 1000) * 1000000};
    uint64_t lost;
    int rc = 0;

    pthread_mutex_lock(&w->lock);
    w->progress[0] = '\0';
    w->progress_changed = w->terminal;
    w->stopping = 1;
    w->give_up_ms = until;
    pthread_cond_signal(&w->wake);
    while (!w->done && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&w->gone, &w->lock, &limit);
    lost = w->in_hand;
    while (w->used > 0) {
        lost += w->ring[w->start] == '\n';
        w->start = (w->start + 1) % w->size;
        w->used--;
    }
    log_count_lost(lost);
    if (!w->done) {
        w->abandoned = 1;
        (void)pthread_detach(w->thread);
        pthread_mutex_unlock(&w->lock);
        return 0;
    }
    pthread_mutex_unlock(&w->lock);
    (void)pthread_join(w->thread, NULL);
    writer_destroy(w);
    return lost == 0;
}
