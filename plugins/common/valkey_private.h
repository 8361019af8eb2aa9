/* valkey_private: what the parts of valkey share.
 *
 *   valkey_settings.c  the options
 *   valkey_socket.c    a socket that is connected within a deadline
 *   valkey.c           logging in, batches
 *   valkey_words.c     what went wrong, for people */
#ifndef SLUICE_PLUGINS_VALKEY_PRIVATE_H
#define SLUICE_PLUGINS_VALKEY_PRIVATE_H

#include "strbuf.h"
#include "valkey.h"

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
    char name[VALKEY_HOST_MAX + 8]; /* host:port, for people */
};

/* Steady milliseconds. */
int64_t valkey_clock_ms(void);
/* Waits for events (POLLIN …); 1 ready, 0 the deadline has passed, -1 given up. */
int valkey_wait(const struct valkey *v, int fd, short events, int64_t deadline_ms);
/* The connected socket, or -1 with err. */
int valkey_socket(const struct valkey *v, int64_t deadline_ms, struct sluice_error *err);

#endif
