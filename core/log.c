/* log: the queue between those who log and the one thread that writes.
 *
 * Invariant: log_event does no I/O and waits for no I/O while the writer stands: it
 * copies its line into a ring under a lock that is never held over a write.  A line
 * is written whole, or counted as lost. */
#include "log.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log_line.h"
#include "log_writer.h"

#define LOG_RING (1024u * 1024u)
#define STOP_MS 1000

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_writer *writer; /* NULL: lines are written by the caller */
static int plain_fd = STDERR_FILENO;
static int plain_blocked; /* a writer had to be left behind: never wait for that fd again */
static _Atomic uint32_t min_level = SLUICE_INFO;
static _Atomic int line_format = LOG_LOGFMT;
static _Atomic uint64_t lost_lines;

uint64_t log_lost(void)
{
    return atomic_load(&lost_lines);
}

void log_count_lost(uint64_t lines)
{
    atomic_fetch_add(&lost_lines, lines);
}

void log_set_level(uint32_t level)
{
    atomic_store(&min_level, level);
}

uint32_t log_level(void)
{
    return atomic_load(&min_level);
}

enum log_format log_current_format(void)
{
    return (enum log_format)atomic_load(&line_format);
}

void log_event(uint32_t level, const char *event, const struct log_field *fields, uint32_t n)
{
    struct strbuf line;

    if (level < atomic_load_explicit(&min_level, memory_order_relaxed))
        return;
    strbuf_init(&line, LOG_LINE_MAX);
    log_line(&line, log_current_format(), clock_now_ms(), level, event, fields, n);
    if (line.failed) {
        log_count_lost(1);
        strbuf_release(&line);
        return;
    }
    pthread_mutex_lock(&log_lock);
    if (writer != NULL) {
        if (!log_writer_add(writer, line.data, line.len))
            log_count_lost(1);
    } else if (!log_write_plain(plain_fd, line.data, line.len, !plain_blocked)) {
        log_count_lost(1);
    }
    pthread_mutex_unlock(&log_lock);
    strbuf_release(&line);
}

void log_progress(const char *text)
{
    pthread_mutex_lock(&log_lock);
    if (writer != NULL)
        log_writer_progress(writer, text == NULL ? "" : text);
    else if (!plain_blocked)
        log_progress_plain(plain_fd, text == NULL ? "" : text);
    pthread_mutex_unlock(&log_lock);
}

int log_start(enum log_format format, uint32_t level, int fd)
{
    int rc = -1;

    pthread_mutex_lock(&log_lock);
    if (writer == NULL) {
        atomic_store(&line_format, (int)format);
        atomic_store(&min_level, level);
        plain_fd = fd;
        plain_blocked = 0;
        writer = log_writer_new(fd, LOG_RING);
        rc = writer == NULL ? -1 : 0;
    }
    pthread_mutex_unlock(&log_lock);
    return rc;
}

void log_stop(void)
{
    struct log_writer *w;

    pthread_mutex_lock(&log_lock);
    w = writer;
    writer = NULL;
    pthread_mutex_unlock(&log_lock);
    /* Lines of others may now pass those in the queue; none is lost by that. */
    if (w != NULL && !log_writer_free(w, STOP_MS)) {
        pthread_mutex_lock(&log_lock);
        plain_blocked = 1;
        pthread_mutex_unlock(&log_lock);
    }
}
