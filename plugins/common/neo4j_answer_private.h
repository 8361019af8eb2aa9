/* neo4j_answer_private: the steps that reading the frame and reading rows have in common. */
#ifndef SLUICE_PLUGINS_NEO4J_ANSWER_PRIVATE_H
#define SLUICE_PLUGINS_NEO4J_ANSWER_PRIVATE_H

#include "neo4j_answer.h"

/* Takes the character, after space; 0: it is not what comes next. */
int neo4j_answer_char(struct json_scan *s, char c);
/* The next member of the object that is open: 1 with its key, at stands on its value. */
int neo4j_answer_member(struct json_scan *s, struct sluice_str *key);
int neo4j_answer_is(struct sluice_str key, const char *name);

#endif
