/* valkey: one connection to a Valkey (or Redis 6 and later) server, for commands in
 * pipelined batches.
 *
 *    valkey_add(v, 2, words) ...         any number of commands, no I/O
 *    valkey_run(v, each, context, &err)  one round trip: all go out, each reply comes back in order
 *
 * The socket is non-blocking and every wait has a deadline; hiredis reads the
 * replies (RESP2).  Invariant: a batch that was not answered in full closes the
 * connection, so that a late reply is never taken for the answer to another
 * command.  Such a batch may have been applied: the caller knows what that means.
 *
 * hiredis 0.14 has no TLS: `tls: true` and rediss:// are refused in words.
 *
 * Threads: a struct valkey belongs to one thread at a time; nothing is shared. */
#ifndef SLUICE_PLUGINS_VALKEY_H
#define SLUICE_PLUGINS_VALKEY_H

#include <hiredis/hiredis.h>

#include <sluice/plugin.h>

#define VALKEY_HOST_MAX 256u

/* The options that every plugin on Valkey has; the first entries of its table. */
#define VALKEY_OPTIONS VALKEY_OPTIONS_AS("", "where the server is", .default_text = "127.0.0.1:6379")

/* The same with a prefix before each name, what `address` means, and more members of that entry. */
#define VALKEY_OPTIONS_AS(prefix, where, ...)                                                                \
    {.name = prefix "address",                                                                               \
     .type = SLUICE_STRING,                                                                                  \
     .summary = where ": host:port, [v6]:port or unix:/path",                                                \
     .details = "valkey:// and redis:// before it are fine. One server, or a proxy: not a cluster, and no "  \
                "TLS.",                                                                                      \
     .example = "valkey.example.com:6379",                                                                   \
     __VA_ARGS__},                                                                                           \
        {.name = prefix "user",                                                                              \
         .type = SLUICE_STRING,                                                                              \
         .summary = "user of the server's access list; without it the password is that of the default "      \
                    "user"},                                                                                 \
        {.name = prefix "password",                                                                          \
         .type = SLUICE_STRING,                                                                              \
         .flags = SLUICE_SECRET,                                                                             \
         .summary = "password, if the server asks for one"},                                                 \
        {.name = prefix "db",                                                                                \
         .type = SLUICE_INTEGER,                                                                             \
         .default_text = "0",                                                                                \
         .min = "0",                                                                                         \
         .max = "65535",                                                                                     \
         .summary = "number of the database on the server"},                                                 \
        {.name = prefix "tls",                                                                               \
         .type = SLUICE_BOOLEAN,                                                                             \
         .default_text = "false",                                                                            \
         .summary = "must be false: this build speaks to Valkey without TLS",                                \
         .details = "hiredis 0.14 has none. Put a TLS proxy such as stunnel beside the worker and name its " \
                    "address."},                                                                             \
        {.name = prefix "connect_timeout",                                                                   \
         .type = SLUICE_DURATION,                                                                            \
         .default_text = "2s",                                                                               \
         .min = "10ms",                                                                                      \
         .max = "1m",                                                                                        \
         .summary = "how long finding the host, connecting and logging in may take"},                        \
    {                                                                                                        \
        .name = prefix "command_timeout", .type = SLUICE_DURATION, .default_text = "1s", .min = "10ms",      \
        .max = "1m", .summary = "how long the answers to a batch of commands may take"                       \
    }

/* What the options say; strings live as long as the instance. */
struct valkey_settings {
    char host[VALKEY_HOST_MAX]; /* name or address; or the path of a socket if port is "" */
    char port[8];
    const char *user;     /* or NULL */
    const char *password; /* or NULL */
    int64_t db;
    uint32_t connect_ms, command_ms;
};

/* [instance] In create: no I/O.  OK, or INVALID with the option's name. */
uint32_t valkey_settings_read(const struct sluice_host *host, const struct sluice_config *config,
                              struct valkey_settings *out, struct sluice_error *err);
/* The same for options with a prefix; without an address: host is "" and nothing else is read,
 * but INVALID if another one of them was given. */
uint32_t valkey_settings_read_as(const struct sluice_host *host, const struct sluice_config *config,
                                 const char *prefix, struct valkey_settings *out, struct sluice_error *err);
/* What valkey_ calls say of their option, with the prefix before its name. */
void valkey_error_as(const char *prefix, struct sluice_error *err);

/* Asked about every 50 ms of a wait; 1: give up with CANCELLED. */
typedef int (*valkey_give_up)(void *context);
/* A reply, borrowed; i counts the commands of the batch from 0.  Error replies come too. */
typedef void (*valkey_each)(void *context, uint32_t i, const redisReply *reply);

struct valkey;

/* Not yet connected.  settings must outlive it; give_up may be NULL.  NULL: no memory. */
struct valkey *valkey_new(const struct valkey_settings *settings, valkey_give_up give_up, void *context);
void valkey_free(struct valkey *v);
/* Connects, logs in, selects the database and asks for a PONG.  OK | DISCONNECTED: it may get
 * better by itself | FATAL: it cannot while the config stays (wrong password …) |
 * CANCELLED.  err names the option to look at.  connect_timeout bounds all of it; a resolver
 * that does not answer in time keeps a thread until it does, one a connection at most. */
uint32_t valkey_connect(struct valkey *v, struct sluice_error *err);
void valkey_close(struct valkey *v);
int valkey_is_open(const struct valkey *v);
/* 1: the server ended the connection in the last batch, so a fresh one may do at once. */
int valkey_hung_up(const struct valkey *v);
/* How long to wait before the next valkey_connect, growing to 2 s with jitter; a
 * connection that came about starts it anew. */
uint32_t valkey_delay_ms(struct valkey *v);

/* A command of the next batch: its words, copied. */
void valkey_add(struct valkey *v, uint32_t n, const struct sluice_str *words);
/* Runs the batch and forgets it.  OK: each was called for every command.  DISCONNECTED,
 * CANCELLED: it was called for some, and the connection is closed.  RETRY: no memory for
 * the batch, nothing was sent. */
uint32_t valkey_run(struct valkey *v, valkey_each each, void *context, struct sluice_error *err);

/* An error reply in words, with what to do: DISCONNECTED (LOADING, BUSY, …: it passes) or
 * FATAL (NOAUTH, MOVED, READONLY, …: somebody has to act); err names the option. */
uint32_t valkey_explain(const struct valkey *v, const char *reply, struct sluice_error *err);

#endif
