/* resp_server: see resp_server.h.  One thread polls all sockets; the test talks to it by
 * fields under a lock and a byte in a pipe. */
#include "resp_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNS 16
#define KEYS 4096
#define COMMANDS 8
#define TEXT 256
#define BATCH 65536

struct conn {
    int fd; /* -1: free */
    redisReader *reader;
    int logged_in;
};

struct command {
    char name[16];
    char raw[TEXT];
    uint64_t count;
};

struct resp_server {
    pthread_t thread;
    int pipe[2];
    int listener; /* bound; listens while up */
    char address[32];
    struct conn conns[CONNS]; /* the thread's */
    char *out;                /* its answers to one read */
    size_t out_len;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t done;
    int quit, hold, drop, up, was_up, cut, db;
    char *keys[KEYS];
    size_t n_keys;
    char user[TEXT], password[TEXT], say[TEXT];
    struct command commands[COMMANDS];
    resp_eval eval;
    void *eval_context;
};

static void die(const char *what)
{
    perror(what);
    exit(99);
}

/* Lock held. */
static struct command *command_of(struct resp_server *s, const char *name)
{
    int i;

    for (i = 0; i < COMMANDS; i++) {
        if (s->commands[i].name[0] == '\0')
            (void)snprintf(s->commands[i].name, sizeof s->commands[i].name, "%s", name);
        if (strcmp(s->commands[i].name, name) == 0)
            return &s->commands[i];
    }
    die("too many commands");
    return NULL;
}

static void poke(struct resp_server *s)
{
    if (write(s->pipe[1], "x", 1) != 1)
        die("write");
}

/* A socket bound to the port (0: any) that does not listen yet. */
static int bound_to(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t len = sizeof at;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        die("bind");
    *port = ntohs(at.sin_port);
    return fd;
}

/* --- the thread ------------------------------------------------------------------------ */

static void close_conn(struct conn *c)
{
    close(c->fd);
    redisReaderFree(c->reader);
    c->fd = -1;
    c->reader = NULL;
}

static void answer(struct resp_server *s, const char *raw)
{
    size_t len = strlen(raw);

    if (s->out_len + len > BATCH * 8)
        die("too many answers");
    memcpy(s->out + s->out_len, raw, len);
    s->out_len += len;
}

static int has_key(const struct resp_server *s, const char *key)
{
    size_t i;

    for (i = 0; i < s->n_keys; i++)
        if (strcmp(s->keys[i], key) == 0)
            return 1;
    return 0;
}

static void log_in(struct resp_server *s, struct conn *c, const redisReply *words)
{
    size_t n = words->elements;
    const char *user = n > 2 ? words->element[1]->str : "";
    const char *password = words->element[n - 1]->str;

    if (s->password[0] == '\0') {
        answer(s, "-ERR AUTH <password> called without any password configured for the default user. Are you "
                  "sure your configuration is correct?\r\n");
        return;
    }
    c->logged_in = strcmp(user, s->user) == 0 && strcmp(password, s->password) == 0;
    answer(s,
           c->logged_in ? "+OK\r\n" : "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
}

static void run_script(struct resp_server *s, const redisReply *words, int unheard)
{
    char *raw = malloc(BATCH * 4);

    if (raw == NULL || s->eval == NULL)
        die("eval");
    s->eval(s->eval_context, words, raw, BATCH * 4);
    if (!unheard)
        answer(s, raw);
    free(raw);
}

/* 0, or -1: the connection ends here.  Lock held. */
static int obey(struct resp_server *s, struct conn *c, const redisReply *words)
{
    const char *name = words->element[0]->str;
    struct command *command = command_of(s, name);

    command->count++;
    if (s->cut >= 0 && s->cut-- == 0) {
        if (strcmp(name, "EVAL") == 0)
            run_script(s, words, 1);
        return -1;
    }
    if (command->raw[0] != '\0') {
        answer(s, command->raw);
    } else if (strcmp(name, "AUTH") == 0) {
        log_in(s, c, words);
    } else if (s->password[0] != '\0' && !c->logged_in) {
        answer(s, "-NOAUTH Authentication required.\r\n");
    } else if (strcmp(name, "PING") == 0) {
        answer(s, "+PONG\r\n");
    } else if (strcmp(name, "SELECT") == 0) {
        s->db = (int)strtol(words->element[1]->str, NULL, 10);
        answer(s, "+OK\r\n");
    } else if (strcmp(name, "EXISTS") == 0) {
        answer(s, has_key(s, words->element[1]->str) ? ":1\r\n" : ":0\r\n");
    } else if (strcmp(name, "EVAL") == 0) {
        run_script(s, words, 0);
    } else {
        answer(s, "-ERR unknown command\r\n");
    }
    return 0;
}

static void send_all(int fd, const char *data, size_t len)
{
    struct pollfd p = {fd, POLLOUT, 0};
    ssize_t n;

    while (len > 0 && poll(&p, 1, 5000) == 1) {
        n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        data += n;
        len -= (size_t)n;
    }
}

/* Answers what was read whole.  Lock held. */
static void obey_all(struct resp_server *s, struct conn *c)
{
    void *words;
    int over = 0;

    if (s->hold)
        return;
    s->out_len = 0;
    while (!over && redisReaderGetReply(c->reader, &words) == REDIS_OK && words != NULL) {
        over = obey(s, c, words) != 0;
        freeReplyObject(words);
    }
    send_all(c->fd, s->out, s->out_len);
    if (over)
        close_conn(c);
}

static void read_conn(struct resp_server *s, struct conn *c)
{
    static const size_t size = BATCH;
    char *bytes = malloc(size);
    ssize_t n;

    if (bytes == NULL)
        die("malloc");
    n = recv(c->fd, bytes, size, 0);
    if (n <= 0 || redisReaderFeed(c->reader, bytes, (size_t)n) != REDIS_OK)
        close_conn(c);
    else
        obey_all(s, c);
    free(bytes);
}

static void take_conn(struct resp_server *s)
{
    int i, fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    for (i = 0; fd >= 0 && i < CONNS; i++)
        if (s->conns[i].fd < 0) {
            s->conns[i] = (struct conn){fd, redisReaderCreate(), 0};
            command_of(s, "connect")->count++;
            return;
        }
    if (fd >= 0)
        die("too many connections");
}

/* What the test asked for; lock held. */
static void change(struct resp_server *s)
{
    uint16_t port = (uint16_t)strtoul(strchr(s->address, ':') + 1, NULL, 10);
    int i, next;

    if (s->up && !s->was_up && listen(s->listener, CONNS) != 0)
        die("listen");
    if (!s->up && s->was_up) { /* the port stays ours: the next socket is bound before this one goes */
        next = bound_to(&port);
        close(s->listener);
        s->listener = next;
    }
    s->was_up = s->up;
    for (i = 0; i < CONNS; i++)
        if (s->conns[i].fd >= 0) {
            send_all(s->conns[i].fd, s->say, strlen(s->say));
            if (s->drop)
                close_conn(&s->conns[i]);
            else
                obey_all(s, &s->conns[i]);
        }
    s->drop = 0;
    s->say[0] = '\0';
    pthread_cond_broadcast(&s->done);
}

static void serve_once(struct resp_server *s)
{
    struct pollfd p[CONNS + 2] = {{s->pipe[0], POLLIN, 0}, {-1, POLLIN, 0}};
    char bytes[16];
    int i;

    p[1].fd = s->was_up ? s->listener : -1;
    for (i = 0; i < CONNS; i++)
        p[i + 2] = (struct pollfd){s->conns[i].fd, POLLIN, 0};
    if (poll(p, CONNS + 2, -1) < 0)
        die("poll");
    pthread_mutex_lock(&s->lock);
    for (i = 0; i < CONNS; i++)
        if (s->conns[i].fd >= 0 && p[i + 2].revents != 0)
            read_conn(s, &s->conns[i]);
    if (p[1].revents != 0)
        take_conn(s);
    if (p[0].revents != 0) {
        (void)!read(s->pipe[0], bytes, sizeof bytes);
        change(s);
    }
    pthread_mutex_unlock(&s->lock);
}

static void *serve(void *context)
{
    struct resp_server *s = context;
    int quit = 0, i;

    while (!quit) {
        serve_once(s);
        pthread_mutex_lock(&s->lock);
        quit = s->quit;
        pthread_mutex_unlock(&s->lock);
    }
    for (i = 0; i < CONNS; i++)
        if (s->conns[i].fd >= 0)
            close_conn(&s->conns[i]);
    close(s->listener);
    return NULL;
}

/* --- the test ---------------------------------------------------------------------------- */

struct resp_server *resp_server_new(void)
{
    struct resp_server *s = calloc(1, sizeof *s);
    uint16_t port = 0;
    int i;

    if (s == NULL || (s->out = malloc(BATCH * 8)) == NULL || pipe2(s->pipe, O_CLOEXEC) != 0)
        die("resp_server");
    s->listener = bound_to(&port);
    (void)snprintf(s->address, sizeof s->address, "127.0.0.1:%u", port);
    for (i = 0; i < CONNS; i++)
        s->conns[i].fd = -1;
    s->cut = s->db = -1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->done, NULL);
    if (pthread_create(&s->thread, NULL, serve, s) != 0)
        die("pthread_create");
    resp_server_up(s);
    return s;
}

void resp_server_free(struct resp_server *s)
{
    size_t i;

    pthread_mutex_lock(&s->lock);
    s->quit = 1;
    pthread_mutex_unlock(&s->lock);
    poke(s);
    pthread_join(s->thread, NULL);
    for (i = 0; i < s->n_keys; i++)
        free(s->keys[i]);
    close(s->pipe[0]);
    close(s->pipe[1]);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->done);
    free(s->out);
    free(s);
}

const char *resp_server_address(const struct resp_server *s)
{
    return s->address;
}

void resp_server_key(struct resp_server *s, const char *key, int exists)
{
    size_t i;

    pthread_mutex_lock(&s->lock);
    for (i = 0; i < s->n_keys && strcmp(s->keys[i], key) != 0; i++)
        ;
    if (exists && i == s->n_keys) {
        if (i == KEYS || (s->keys[s->n_keys++] = strdup(key)) == NULL)
            die("keys");
    } else if (!exists && i < s->n_keys) {
        free(s->keys[i]);
        s->keys[i] = s->keys[--s->n_keys];
    }
    pthread_mutex_unlock(&s->lock);
}

void resp_server_eval(struct resp_server *s, resp_eval eval, void *context)
{
    pthread_mutex_lock(&s->lock);
    s->eval = eval;
    s->eval_context = context;
    pthread_mutex_unlock(&s->lock);
}

void resp_server_login(struct resp_server *s, const char *user, const char *password)
{
    pthread_mutex_lock(&s->lock);
    (void)snprintf(s->user, sizeof s->user, "%s", user != NULL ? user : "");
    (void)snprintf(s->password, sizeof s->password, "%s", password);
    pthread_mutex_unlock(&s->lock);
}

void resp_server_answer(struct resp_server *s, const char *command, const char *raw)
{
    pthread_mutex_lock(&s->lock);
    (void)snprintf(command_of(s, command)->raw, TEXT, "%s", raw != NULL ? raw : "");
    pthread_mutex_unlock(&s->lock);
}

void resp_server_hold(struct resp_server *s, int hold)
{
    pthread_mutex_lock(&s->lock);
    s->hold = hold;
    pthread_mutex_unlock(&s->lock);
    poke(s);
}

void resp_server_cut(struct resp_server *s, int n)
{
    pthread_mutex_lock(&s->lock);
    s->cut = n;
    pthread_mutex_unlock(&s->lock);
}

/* Tells the thread and waits until it has done so. */
static void order(struct resp_server *s, int drop, int up)
{
    pthread_mutex_lock(&s->lock);
    s->drop = drop;
    s->up = up;
    poke(s);
    while (s->drop || s->say[0] != '\0' || s->was_up != s->up)
        pthread_cond_wait(&s->done, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

void resp_server_say(struct resp_server *s, const char *raw)
{
    pthread_mutex_lock(&s->lock);
    (void)snprintf(s->say, sizeof s->say, "%s", raw);
    pthread_mutex_unlock(&s->lock);
    order(s, 0, 1);
}

void resp_server_drop(struct resp_server *s)
{
    order(s, 1, 1);
}

void resp_server_down(struct resp_server *s)
{
    order(s, 1, 0);
}

void resp_server_up(struct resp_server *s)
{
    order(s, 0, 1);
}

uint64_t resp_server_count(struct resp_server *s, const char *command)
{
    uint64_t n;

    pthread_mutex_lock(&s->lock);
    n = command_of(s, command)->count;
    pthread_mutex_unlock(&s->lock);
    return n;
}

int resp_server_db(struct resp_server *s)
{
    int db;

    pthread_mutex_lock(&s->lock);
    db = s->db;
    pthread_mutex_unlock(&s->lock);
    return db;
}
