/* valkey: see valkey.h.  Logging in and batches. */
#include "valkey.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "valkey_private.h"

#define OUT_MAX (64u << 20) /* bytes of a batch */
#define IN_MAX (64u << 20)  /* bytes of a reply */
#define READ_SIZE 16384u
#define DELAY_MIN_MS 50u
#define DELAY_MAX_MS 2000u

struct valkey *valkey_new(const struct valkey_settings *settings, valkey_give_up give_up, void *context)
{
    struct valkey *v = calloc(1, sizeof *v);

    if (v == NULL)
        return NULL;
    v->settings = settings;
    v->give_up = give_up;
    v->context = context;
    v->fd = -1;
    v->random = (uint64_t)valkey_clock_ms() ^ (uint64_t)(uintptr_t)v;
    strbuf_init(&v->out, OUT_MAX);
    (void)snprintf(v->name, sizeof v->name, strchr(settings->host, ':') != NULL ? "[%s]%s%s" : "%s%s%s",
                   settings->host, settings->port[0] != '\0' ? ":" : "", settings->port);
    return v;
}

void valkey_close(struct valkey *v)
{
    if (v->fd >= 0)
        close(v->fd);
    v->fd = -1;
    if (v->reader != NULL)
        redisReaderFree(v->reader);
    v->reader = NULL;
}

void valkey_free(struct valkey *v)
{
    if (v == NULL)
        return;
    valkey_close(v);
    valkey_resolve_abandon(v);
    strbuf_release(&v->out);
    free(v);
}

int valkey_is_open(const struct valkey *v)
{
    return v->fd >= 0;
}

int valkey_hung_up(const struct valkey *v)
{
    return v->hung_up;
}

uint32_t valkey_delay_ms(struct valkey *v)
{
    uint32_t ceiling = DELAY_MIN_MS << (v->tries < 6 ? v->tries : 6);

    v->random = v->random * 6364136223846793005u + 1442695040888963407u;
    if (ceiling > DELAY_MAX_MS)
        ceiling = DELAY_MAX_MS;
    return ceiling / 2 + (uint32_t)((v->random >> 33) % (ceiling / 2 + 1));
}

/* --- batches ------------------------------------------------------------------------ */

void valkey_add(struct valkey *v, uint32_t n, const struct sluice_str *words)
{
    uint32_t i;

    strbuf_printf(&v->out, "*%u\r\n", n);
    for (i = 0; i < n; i++) {
        strbuf_printf(&v->out, "$%llu\r\n", (unsigned long long)words[i].len);
        strbuf_add(&v->out, words[i].data, (size_t)words[i].len);
        strbuf_add(&v->out, "\r\n", 2);
    }
    v->n++;
}

/* One run of a batch. */
struct run {
    struct valkey *v;
    valkey_each each;
    void *context;
    uint32_t answered;
    size_t sent;
    int64_t deadline_ms;
    uint32_t limit_ms;
    const char *option; /* that holds the limit */
    struct sluice_error *err;
};

static uint32_t lost(const struct run *r, const char *what)
{
    return sluice_fail(r->err, SLUICE_DISCONNECTED, "address", "%s %s", r->v->name, what);
}

static uint32_t send_some(struct run *r)
{
    struct valkey *v = r->v;
    ssize_t n;

    while (r->sent < v->out.len) {
        n = send(v->fd, v->out.data + r->sent, v->out.len - r->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return SLUICE_OK;
        v->hung_up = n < 0;
        if (n < 0)
            return lost(r, "closed the connection");
        r->sent += (size_t)n;
    }
    return SLUICE_OK;
}

/* Hands over the replies that are whole. */
static uint32_t take_replies(struct run *r)
{
    void *reply;

    while (r->answered < r->v->n) {
        if (redisReaderGetReply(r->v->reader, &reply) != REDIS_OK)
            return sluice_fail(r->err, SLUICE_DISCONNECTED, "address",
                               "%s does not speak the protocol of Valkey (%.80s); look at host and port",
                               r->v->name, r->v->reader->errstr);
        if (reply == NULL)
            break;
        r->each(r->context, r->answered++, reply);
        freeReplyObject(reply);
    }
    if (r->answered == r->v->n && r->v->reader->pos < r->v->reader->len)
        return lost(r, "answered more than it was asked");
    if (r->v->reader->len > IN_MAX)
        return lost(r, "sent an answer of more than 64 MiB");
    return SLUICE_OK;
}

static uint32_t read_some(struct run *r)
{
    char bytes[READ_SIZE];
    ssize_t n = recv(r->v->fd, bytes, sizeof bytes, 0);

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return SLUICE_OK;
    r->v->hung_up = n <= 0;
    if (n <= 0)
        return lost(r, n < 0 ? "cut the connection" : "closed the connection");
    if (redisReaderFeed(r->v->reader, bytes, (size_t)n) != REDIS_OK)
        return lost(r, "sent an answer for which there is no memory");
    return take_replies(r);
}

static uint32_t run_batch(struct run *r)
{
    uint32_t code = send_some(r);

    while (code == SLUICE_OK && r->answered < r->v->n) {
        short events = r->sent < r->v->out.len ? POLLIN | POLLOUT : POLLIN;
        int ready = valkey_wait(r->v, r->v->fd, events, r->deadline_ms);

        if (ready < 0)
            return sluice_fail(r->err, SLUICE_CANCELLED, NULL, "given up while waiting for %s", r->v->name);
        if (ready == 0)
            return sluice_fail(r->err, SLUICE_DISCONNECTED, "address", "%s did not answer within %s (%u ms)",
                               r->v->name, r->option, r->limit_ms);
        code = read_some(r);
        if (code == SLUICE_OK && r->sent < r->v->out.len)
            code = send_some(r);
    }
    return code;
}

/* What came since the last batch answers nothing: bytes would be taken for the reply to the
 * first command, and an end is better known before anything is sent. */
static uint32_t look_first(struct run *r)
{
    char byte;
    ssize_t n = recv(r->v->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    r->v->hung_up = n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
    if (r->v->hung_up)
        return lost(r, "closed the connection");
    return n > 0 ? lost(r, "spoke without being asked") : SLUICE_OK;
}

static void forget_batch(struct valkey *v)
{
    v->n = 0;
    strbuf_clear(&v->out);
}

static uint32_t run_within(struct valkey *v, valkey_each each, void *context, int64_t deadline_ms,
                           uint32_t limit_ms, const char *option, struct sluice_error *err)
{
    struct run r = {v, each, context, 0, 0, deadline_ms, limit_ms, option, err};
    uint32_t code;

    if (v->out.failed)
        code = sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a batch of %u commands", v->n);
    else if (v->fd < 0)
        code = lost(&r, "is not connected");
    else if ((code = look_first(&r)) == SLUICE_OK)
        code = run_batch(&r);
    if (code == SLUICE_DISCONNECTED || code == SLUICE_CANCELLED)
        valkey_close(v);
    forget_batch(v);
    return code;
}

uint32_t valkey_run(struct valkey *v, valkey_each each, void *context, struct sluice_error *err)
{
    return run_within(v, each, context, valkey_clock_ms() + v->settings->command_ms, v->settings->command_ms,
                      "command_timeout", err);
}

/* --- logging in ----------------------------------------------------------------------- */

struct greeting {
    const struct valkey *v;
    struct sluice_error *err;
    uint32_t code, heard;
};

/* The first error is the one that tells; the others follow from it. */
static void greeting_reply(void *context, uint32_t i, const redisReply *reply)
{
    struct greeting *g = context;

    (void)i;
    g->heard++;
    if (reply->type == REDIS_REPLY_ERROR && g->code == SLUICE_OK)
        g->code = valkey_explain(g->v, reply->str, g->err);
}

static void add_greeting(struct valkey *v)
{
    const struct valkey_settings *s = v->settings;
    struct sluice_str words[3];
    uint32_t n = 0;
    char db[24];

    if (s->password != NULL) {
        words[n++] = sluice_str_of("AUTH");
        if (s->user != NULL)
            words[n++] = sluice_str_of(s->user);
        words[n++] = sluice_str_of(s->password);
        valkey_add(v, n, words);
    }
    if (s->db > 0) {
        (void)snprintf(db, sizeof db, "%lld", (long long)s->db);
        words[0] = sluice_str_of("SELECT");
        words[1] = sluice_str_of(db);
        valkey_add(v, 2, words);
    }
    words[0] = sluice_str_of("PING");
    valkey_add(v, 1, words);
}

static uint32_t greet(struct valkey *v, int64_t deadline_ms, struct sluice_error *err)
{
    struct greeting g = {v, err, SLUICE_OK, 0};
    uint32_t code;

    add_greeting(v);
    code = run_within(v, greeting_reply, &g, deadline_ms, v->settings->connect_ms, "connect_timeout", err);
    if (v->out.data != NULL) /* the password was in it */
        explicit_bzero(v->out.data, v->out.cap);
    if (g.code != SLUICE_OK) /* it said why before it hung up */
        return valkey_close(v), g.code;
    if (code == SLUICE_DISCONNECTED && g.heard == 0 && v->hung_up)
        (void)sluice_fail(err, code, "address",
                          "%s took the connection and closed it without a word; a server that wants TLS does "
                          "that, and this build has none",
                          v->name);
    return code;
}

uint32_t valkey_connect(struct valkey *v, struct sluice_error *err)
{
    int64_t deadline_ms = valkey_clock_ms() + v->settings->connect_ms;
    uint32_t code;

    valkey_close(v);
    forget_batch(v);
    v->hung_up = 0;
    v->fd = valkey_socket(v, deadline_ms, err);
    if (v->fd < 0) {
        v->tries++;
        return err->code;
    }
    v->reader = redisReaderCreate();
    if (v->reader == NULL) {
        valkey_close(v);
        return sluice_fail(err, SLUICE_DISCONNECTED, NULL, "no memory for a connection");
    }
    code = greet(v, deadline_ms, err);
    v->tries = code == SLUICE_OK ? 0 : v->tries + 1;
    return code;
}
