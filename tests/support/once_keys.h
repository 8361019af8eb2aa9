/* once_keys: the keys of gate/once in a Valkey that a test can look into and whose time it moves.
 *
 * Without SLUICE_TEST_VALKEY=HOST:PORT it is a double that does in C what the scripts of
 * plugins/gate-once say, by the test's clock; with it, it is that server, where the keys of this
 * test are moved nearer to their end.  So the same cases hold the double to the truth.
 * Make it in a test's body. */
#ifndef SLUICE_TESTS_ONCE_KEYS_H
#define SLUICE_TESTS_ONCE_KEYS_H

#include <stdint.h>

#include "resp_server.h"

struct once_keys;

/* now: of the double. */
struct once_keys *once_keys_new(int64_t (*now)(void));
void once_keys_free(struct once_keys *k);
const char *once_keys_address(const struct once_keys *k);
/* Before every key of this test, so that tests share a server. */
const char *once_keys_prefix(const struct once_keys *k);
/* The double's server; NULL: it is a real one. */
struct resp_server *once_keys_server(struct once_keys *k);
/* Time that has passed for the real server's keys; the double has the test's clock. */
void once_keys_age(struct once_keys *k, int64_t ms);
/* The value under the prefix and name, as another worker may have written it. */
void once_keys_put(struct once_keys *k, const char *name, const char *value);
/* 1 if the key is there. */
int once_keys_has(struct once_keys *k, const char *name);

#endif
