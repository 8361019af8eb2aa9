/* users_source: one instance of source/neo4j-users and its parts.
 *
 *   source-neo4j-users.c  options, life cycle, poll and settle
 *   users_page.c          the next ids from the server
 *   users_state.c         the position that survives a restart
 *
 * Invariants: ids are delivered in Neo4j's order of texts, each once; pages hold every id
 * that was delivered and not settled, so a position (a number) leads back to its id. */
#ifndef SLUICE_PLUGINS_USERS_SOURCE_H
#define SLUICE_PLUGINS_USERS_SOURCE_H

#include <stdatomic.h>

#include "../common/neo4j.h"

#define USERS_NAME_MAX 64u  /* of a label or a property */
#define USERS_ID_MAX 16384u /* bytes; an index of Neo4j holds texts of half that */

/* What one request brought. */
struct users_page {
    struct users_page *next;
    struct arena arena;
    struct strbuf text;     /* payloads, one after the other */
    struct sluice_str *ids; /* in the arena */
    size_t *starts;         /* of each payload in text; n + 1 of them */
    uint64_t first;         /* ordinal of ids[0] */
    uint32_t n;
    uint32_t given; /* so many were delivered */
};

struct users_source {
    const struct sluice_host *host;
    struct neo4j neo4j;
    const char *label, *property;
    uint32_t page_size;
    int resume;
    char name[2 * USERS_NAME_MAX + 2]; /* "User.user_id": of the lane and in the state */
    char page_statement[512], count_statement[512], index_statement[512];
    uint32_t metric_users, metric_position, metric_unusable;

    /* Between start and stop. */
    struct neo4j_call call;
    struct neo4j_reply reply;
    struct users_page *pages; /* the oldest first */
    struct users_page *last;  /* the one that is being delivered */
    char *after;              /* the id that the next page begins behind; NULL: the first */
    size_t after_len;
    uint64_t ordinal; /* of that id */
    uint64_t settled; /* ordinal up to which all is done */
    uint32_t lane;
    int exhausted; /* the last page was not full */
    int ended;
    _Atomic uint64_t position; /* ordinal, for stats */
};

void users_page_free(struct users_page *p);
/* The ids behind `after` as a new last page, unless there is none (then exhausted is set).
 * OK | DISCONNECTED | CANCELLED | FATAL. */
uint32_t users_page_read(struct users_source *s, struct sluice_error *err);
/* The next page begins behind this id.  -1: no memory. */
int users_after(struct users_source *s, struct sluice_str id);
/* How many nodes have the label and no text in the property. */
uint32_t users_unusable(struct users_source *s, int64_t *n, struct sluice_error *err);
/* Warns if each page has to look at all nodes.  Never fails. */
void users_look_for_index(struct users_source *s);

uint32_t users_state_load(struct users_source *s, struct sluice_error *err);
uint32_t users_state_store(struct users_source *s, struct sluice_str id, uint64_t ordinal,
                           struct sluice_error *err);

#endif
