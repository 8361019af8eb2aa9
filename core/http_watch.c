/* http_watch: how long a connection may live.
 *
 * MHD's own timeout starts anew with each byte, so a slow drip would keep a
 * connection for ever.  Here a connection has 5 s for its whole header and 30 s in
 * all, and if there are too many, the oldest without a header makes room.
 * Invariant: a descriptor in the list is open: MHD tells us before it closes one, and
 * that call takes the lock under which we shut it down. */
#include "http_internal.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "clock.h"

#define WATCH_MS 100

static void shut(struct http_connection *c)
{
    if (!c->shut)
        (void)shutdown(c->fd, SHUT_RDWR);
    c->shut = 1;
}

/* [lock held] */
static void shut_late(struct http_server *s, int64_t now)
{
    struct http_connection *c;

    for (c = s->oldest; c != NULL; c = c->next)
        if (now - c->since_ms > (c->header_done ? HTTP_TOTAL_MS : HTTP_HEADER_MS))
            shut(c);
}

static void *watch_main(void *context)
{
    struct http_server *s = context;
    struct timespec until;

    pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        if (s->oldest == NULL) {
            pthread_cond_wait(&s->wake, &s->lock);
            continue;
        }
        shut_late(s, clock_steady_ms());
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += WATCH_MS * 1000000L;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000L;
        }
        (void)pthread_cond_timedwait(&s->wake, &s->lock, &until);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

int http_watch_start(struct http_server *s)
{
    pthread_condattr_t steady;

    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->wake, &steady);
    (void)pthread_condattr_destroy(&steady);
    s->watching = pthread_create(&s->watchdog, NULL, watch_main, s) == 0;
    return s->watching;
}

void http_watch_stop(struct http_server *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = 1;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    if (s->watching)
        (void)pthread_join(s->watchdog, NULL);
    s->watching = 0;
}

/* [lock held] */
static void make_room(struct http_server *s)
{
    struct http_connection *c;

    for (c = s->oldest; c != NULL; c = c->next)
        if (!c->header_done && !c->shut) {
            shut(c);
            return;
        }
}

static void opened(struct http_server *s, struct MHD_Connection *connection, void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_connection *c = calloc(1, sizeof *c);

    *context = c;
    if (info == NULL || c == NULL) {
        /* Without a place in the list it would have no deadline: the handler refuses it. */
        free(c);
        *context = NULL;
        if (info != NULL)
            (void)shutdown(info->connect_fd, SHUT_RDWR);
        return;
    }
    c->fd = info->connect_fd;
    c->since_ms = clock_steady_ms();
    pthread_mutex_lock(&s->lock);
    if (s->n_connections >= HTTP_CROWDED)
        make_room(s);
    c->prev = s->newest;
    if (s->newest == NULL)
        s->oldest = c;
    else
        s->newest->next = c;
    s->newest = c;
    s->n_connections++;
    if (s->n_connections == 1)
        pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

static void closed(struct http_server *s, struct http_connection *c)
{
    if (c == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    if (c->prev == NULL)
        s->oldest = c->next;
    else
        c->prev->next = c->next;
    if (c->next == NULL)
        s->newest = c->prev;
    else
        c->next->prev = c->prev;
    s->n_connections--;
    pthread_mutex_unlock(&s->lock);
    free(c);
}

void http_watch_notify(void *server, struct MHD_Connection *connection, void **context,
                       enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        opened(server, connection, context);
    else
        closed(server, *context);
}

void http_watch_header_done(struct http_server *s, struct http_connection *c)
{
    pthread_mutex_lock(&s->lock);
    c->header_done = 1;
    pthread_mutex_unlock(&s->lock);
}
