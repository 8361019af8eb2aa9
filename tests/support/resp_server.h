/* resp_server: a server that speaks the protocol of Valkey and does what a test says.
 *
 * A thread of its own on a port of its own; it knows PING, AUTH, SELECT and EXISTS.
 * Make it in a test's body, not in a fixture (its thread does not survive a fork).
 * All calls are [any]. */
#ifndef SLUICE_TESTS_RESP_SERVER_H
#define SLUICE_TESTS_RESP_SERVER_H

#include <stddef.h>
#include <stdint.h>

struct redisReply;
struct resp_server;
/* Answers an EVAL (its words) into out; in the server's thread. */
typedef void (*resp_eval)(void *context, const struct redisReply *words, char *out, size_t cap);

struct resp_server *resp_server_new(void);
void resp_server_free(struct resp_server *s);
const char *resp_server_address(const struct resp_server *s); /* 127.0.0.1:port */

/* The key exists (1) or not (0). */
void resp_server_key(struct resp_server *s, const char *key, int exists);
/* Who plays the scripts.  The server itself knows no Lua. */
void resp_server_eval(struct resp_server *s, resp_eval eval, void *context);
/* Asks for this login from now on; user NULL: AUTH password. */
void resp_server_login(struct resp_server *s, const char *user, const char *password);
/* Answers every command of this name with these bytes; NULL: as it should. */
void resp_server_answer(struct resp_server *s, const char *command, const char *raw);
/* 1: takes commands and answers nothing; 0: answers them all. */
void resp_server_hold(struct resp_server *s, int hold);
/* Ends the connection in the place of the answer after n more, once.  A script is run first. */
void resp_server_cut(struct resp_server *s, int n);
/* Says these bytes on all connections, unasked; returns when they are sent. */
void resp_server_say(struct resp_server *s, const char *raw);
/* Ends all connections; returns when they are closed. */
void resp_server_drop(struct resp_server *s);
/* Ends all connections and refuses new ones, until up. */
void resp_server_down(struct resp_server *s);
void resp_server_up(struct resp_server *s);
/* How many commands of this name came; connections with "connect". */
uint64_t resp_server_count(struct resp_server *s, const char *command);
/* The number of the last SELECT, -1: none. */
int resp_server_db(struct resp_server *s);

#endif
