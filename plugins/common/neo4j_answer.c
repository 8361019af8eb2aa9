/* neo4j_answer: the two shapes of an answer, and values of rows.
 *
 *   tx/commit  {"results":[{"columns":[…],"data":[{"row":[…],"meta":[…]},…]},…],"errors":[…],"commit":URL}
 *   Query API  {"data":{"fields":[…],"values":[[…],…]},"errors":[…],"transaction":{"id":…}} */
#include "neo4j_answer_private.h"

#include <string.h>

/* A string value, unescaped, cut to what fits. */
static int answer_copy(struct json_scan *s, char *out, size_t cap)
{
    struct sluice_str raw;
    const char *p, *end;
    size_t n = 0;
    int escaped;

    if (s->at >= s->end || *s->at != '"' || !json_scan_string(s, &raw, &escaped))
        return json_scan_value(s);
    for (p = raw.data, end = raw.data + raw.len; p < end && n + 5 < cap;)
        n += json_unescape_char(&p, out + n);
    out[n] = '\0';
    return 1;
}

static int answer_error(struct neo4j_reply *reply, struct json_scan *s)
{
    int first = reply->code[0] == '\0';
    struct sluice_str key;

    if (!neo4j_answer_char(s, '{'))
        return 0;
    while (neo4j_answer_member(s, &key)) {
        int good;

        if (first && neo4j_answer_is(key, "code"))
            good = answer_copy(s, reply->code, sizeof reply->code);
        else if (first && neo4j_answer_is(key, "message"))
            good = answer_copy(s, reply->message, sizeof reply->message);
        else
            good = json_scan_value(s);
        if (!good)
            return 0;
    }
    if (first && reply->code[0] == '\0')
        memcpy(reply->code, "?", 2);
    return neo4j_answer_char(s, '}');
}

static int answer_list(struct neo4j_reply *reply, struct json_scan *s,
                       int (*each)(struct neo4j_reply *, struct json_scan *))
{
    if (!neo4j_answer_char(s, '['))
        return 0;
    while (!neo4j_answer_char(s, ']')) {
        (void)neo4j_answer_char(s, ',');
        json_scan_space(s);
        if (!each(reply, s))
            return 0;
    }
    return 1;
}

/* {"columns":…,"data":[…]} or {"fields":…,"values":[…]}. */
static int answer_result(struct neo4j_reply *reply, struct json_scan *s)
{
    struct sluice_str key;

    if (!neo4j_answer_char(s, '{'))
        return 0;
    while (neo4j_answer_member(s, &key)) {
        const char *from = s->at;

        if (!json_scan_value(s))
            return 0;
        if (neo4j_answer_is(key, reply->is_query ? "values" : "data") && reply->n < NEO4J_ANSWERS) {
            reply->rows[reply->n] = from;
            reply->ends[reply->n++] = s->at;
        }
    }
    return neo4j_answer_char(s, '}');
}

/* "commit": ".../db/neo4j/tx/17/commit" */
static int answer_commit(struct neo4j_reply *reply, struct json_scan *s)
{
    char url[512] = "";
    const char *end, *from;

    if (!answer_copy(s, url, sizeof url))
        return 0;
    end = strrchr(url, '/');
    if (end == NULL)
        return 1;
    for (from = end; from > url && from[-1] != '/'; from--)
        ;
    if ((size_t)(end - from) < sizeof reply->id) {
        memcpy(reply->id, from, (size_t)(end - from));
        reply->id[end - from] = '\0';
    }
    return 1;
}

static int answer_transaction(struct neo4j_reply *reply, struct json_scan *s)
{
    struct sluice_str key;

    if (!neo4j_answer_char(s, '{'))
        return 0;
    while (neo4j_answer_member(s, &key))
        if (!(neo4j_answer_is(key, "id") ? answer_copy(s, reply->id, sizeof reply->id) : json_scan_value(s)))
            return 0;
    return neo4j_answer_char(s, '}');
}

static int answer_bookmark(struct neo4j_reply *reply, struct json_scan *s)
{
    return answer_copy(s, reply->bookmark, sizeof reply->bookmark);
}

static int answer_top(struct neo4j_reply *reply, struct json_scan *s, struct sluice_str key)
{
    if (neo4j_answer_is(key, "errors") && *s->at == '[')
        return answer_list(reply, s, answer_error);
    if (neo4j_answer_is(key, "results") && *s->at == '[')
        return answer_list(reply, s, answer_result);
    if (neo4j_answer_is(key, "data") && *s->at == '{') {
        reply->is_query = 1;
        return answer_result(reply, s);
    }
    if (neo4j_answer_is(key, "commit"))
        return answer_commit(reply, s);
    if (neo4j_answer_is(key, "transaction") && *s->at == '{')
        return answer_transaction(reply, s);
    if ((neo4j_answer_is(key, "lastBookmarks") || neo4j_answer_is(key, "bookmarks")) && *s->at == '[')
        return answer_list(reply, s, answer_bookmark);
    return json_scan_value(s);
}

int neo4j_answer_read(struct neo4j_reply *reply, struct sluice_str body)
{
    struct json_scan s;
    struct sluice_str key;

    json_scan_init(&s, body);
    if (!neo4j_answer_char(&s, '{'))
        return 0;
    while (neo4j_answer_member(&s, &key))
        if (!answer_top(reply, &s, key))
            return 0;
    if (!neo4j_answer_char(&s, '}'))
        return 0;
    json_scan_space(&s);
    return s.at == s.end;
}
