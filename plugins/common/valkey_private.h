/* valkey_private: what the parts of valkey share.
 *
 *   valkey_settings.c  the options
 *   valkey_resolve.c   a host's addresses within a deadline
 *   valkey_socket.c    a socket that is connected within a deadline
 *   valkey.c           logging in, batches
 *   valkey_words.c     what went wrong, for people */
#ifndef SLUICE_PLUGINS_VALKEY_PRIVATE_H
#define SLUICE_PLUGINS_VALKEY_PRIVATE_H

#include <netdb.h>

#include "strbuf.h"
#include "valkey.h"

struct valkey_resolving;

struct valkey {
    const struct valkey_settings *settings;
    valkey_give_up give_up;
    void *context;
    int fd; /* -1: closed */
    redisReader *reader;
    struct strbuf out; /* the batch */
    uint32_t n;        /* commands in it */
    int hung_up;       /* the server ended the last batch */
    uint32_t tries;    /* failed connects in a row */
    uint64_t random;
    struct valkey_resolving *resolving; /* one that was late, or NULL */
    char name[VALKEY_HOST_MAX + 8];     /* host:port, for people */
};

/* Steady milliseconds. */
int64_t valkey_clock_ms(void);
/* Waits for events (POLLIN …); 1 ready, 0 the deadline has passed, -1 given up. */
int valkey_wait(const struct valkey *v, int fd, short events, int64_t deadline_ms);
/* Sleeps; 0, or -1 if a signal came. */
int valkey_nap(uint32_t ms);
/* The addresses of the host (freeaddrinfo), or DISCONNECTED, CANCELLED. */
uint32_t valkey_resolve(struct valkey *v, int64_t deadline_ms, struct addrinfo **list,
                        struct sluice_error *err);
/* Leaves one that is under way to itself. */
void valkey_resolve_abandon(struct valkey *v);
/* The connected socket, or -1 with err. */
int valkey_socket(struct valkey *v, int64_t deadline_ms, struct sluice_error *err);

#endif
