/* admin_json: the JSON of a request's body, whatever its Content-Type says. */
#ifndef SLUICE_CORE_ADMIN_JSON_H
#define SLUICE_CORE_ADMIN_JSON_H

#include <jansson.h>

#include "http_server.h"

#define ADMIN_JSON_DEPTH 32u

/* An object; or NULL, and the answer says what is wrong: empty_body, too_deep, bad_json, not_an_object,
 * unknown_member.  known: names of the members, NULL-terminated. */
json_t *admin_json_read(const struct http_request *request, const char *const *known,
                        struct http_answer *answer);
/* 1 unless the answer tells of a wrong type or value (bad_request): member absent or null is 1, *out
 * untouched. */
int admin_json_number(const json_t *body, const char *name, double min, double max, int whole, double *out,
                      struct http_answer *answer);
int admin_json_flag(const json_t *body, const char *name, uint32_t *out, struct http_answer *answer);
int admin_json_text(const json_t *body, const char *name, size_t max, const char **out,
                    struct http_answer *answer);
/* The value, or null, as the answer's body; 503 no_memory.  Takes it. */
void admin_json_answer(struct http_answer *answer, uint32_t status, json_t *value);
/* http_answer_error with a message that is made. */
void admin_json_error(struct http_answer *answer, uint32_t status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
