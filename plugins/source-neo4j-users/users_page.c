/* users_page: the next ids from the server.
 *
 * A page is what comes behind the last id, in the order of the index, not a number of rows to
 * skip: whoever comes or goes meanwhile moves nobody else into another page. */
#include <stdlib.h>
#include <string.h>

#include "users_source.h"

void users_page_free(struct users_page *p)
{
    if (p == NULL)
        return;
    arena_release(&p->arena);
    strbuf_release(&p->text);
    free(p);
}

/* What a read came to, in the words of a source. */
static uint32_t users_code(const struct users_source *s, uint32_t code, struct sluice_error *err)
{
    if (code == SLUICE_RETRY || (code == SLUICE_SPLIT && s->reply.trouble == NEO4J_MEMORY))
        code = SLUICE_DISCONNECTED;
    else if (code != SLUICE_OK && code != SLUICE_DISCONNECTED && code != SLUICE_CANCELLED)
        code = SLUICE_FATAL;
    if (err != NULL && code != SLUICE_OK)
        err->code = code;
    return code;
}

static uint32_t users_run(struct users_source *s, struct sluice_error *err)
{
    uint32_t code = neo4j_read(&s->neo4j, &s->call, &s->reply, err);

    if (code != SLUICE_OK)
        neo4j_reply_release(&s->neo4j, &s->reply);
    return users_code(s, code, err);
}

static uint32_t page_broken(struct users_source *s, int memory, struct sluice_error *err)
{
    if (memory)
        return sluice_fail(err, SLUICE_DISCONNECTED, NULL,
                           "no memory for a page of ids; a smaller `page` needs less");
    return sluice_fail(err, SLUICE_FATAL, NULL, "%s gave something else than a list of ids", s->neo4j.url);
}

static int page_room(const struct users_source *s, struct users_page *p)
{
    p->ids = arena_alloc(&p->arena, (uint64_t)s->page_size * sizeof *p->ids);
    p->starts = arena_alloc(&p->arena, ((uint64_t)s->page_size + 1) * sizeof *p->starts);
    return p->ids != NULL && p->starts != NULL;
}

/* The answer's rows into the page. */
static uint32_t page_fill(struct users_source *s, struct users_page *p, struct sluice_error *err)
{
    struct sluice_str id;
    struct neo4j_rows rows;

    neo4j_rows_open(&rows, &s->reply, 0);
    while (p->n < s->page_size && neo4j_row(&rows)) {
        if (!neo4j_text(&rows, &p->arena, &id) || id.data == NULL)
            return page_broken(s, !rows.broken, err);
        if (id.len > USERS_ID_MAX)
            return sluice_fail(
                err, SLUICE_FATAL, "property",
                "%s: a value of %s has %llu bytes, more than any id (%u): is it the right property?",
                s->neo4j.url, s->name, (unsigned long long)id.len, USERS_ID_MAX);
        p->ids[p->n] = id;
        p->starts[p->n++] = p->text.len;
        strbuf_puts(&p->text, "{\"user_id\":");
        strbuf_json(&p->text, id.data, (size_t)id.len);
        strbuf_putc(&p->text, '}');
    }
    p->starts[p->n] = p->text.len;
    if (rows.broken || p->text.failed)
        return page_broken(s, p->text.failed, err);
    return SLUICE_OK;
}

int users_after(struct users_source *s, struct sluice_str id)
{
    char *copy = malloc((size_t)id.len + 1);

    if (copy == NULL)
        return -1;
    memcpy(copy, id.data, (size_t)id.len);
    copy[id.len] = '\0';
    free(s->after);
    s->after = copy;
    s->after_len = (size_t)id.len;
    return 0;
}

static uint32_t page_take(struct users_source *s, struct users_page *p, struct sluice_error *err)
{
    uint32_t code = page_room(s, p) ? page_fill(s, p, err) : page_broken(s, 1, err);

    if (code != SLUICE_OK)
        return code;
    if (p->n > 0 && users_after(s, p->ids[p->n - 1]) != 0)
        return page_broken(s, 1, err);
    s->exhausted = p->n < s->page_size;
    p->first = s->ordinal + 1;
    s->ordinal += p->n;
    return SLUICE_OK;
}

uint32_t users_page_read(struct users_source *s, struct sluice_error *err)
{
    struct users_page *p;
    uint32_t code;

    neo4j_call_clear(&s->call);
    neo4j_statement(&s->call, s->page_statement);
    neo4j_param_text(&s->call, "after", (struct sluice_str){s->after == NULL ? "" : s->after, s->after_len});
    neo4j_param_integer(&s->call, "limit", s->page_size);
    neo4j_statement_end(&s->call);
    code = users_run(s, err);
    if (code != SLUICE_OK)
        return code;
    p = calloc(1, sizeof *p);
    if (p == NULL) {
        code = page_broken(s, 1, err);
    } else {
        arena_init(&p->arena, 0);
        strbuf_init(&p->text, (size_t)s->page_size * (6 * USERS_ID_MAX + 16));
        code = page_take(s, p, err);
    }
    neo4j_reply_release(&s->neo4j, &s->reply);
    if (code != SLUICE_OK || p->n == 0) {
        users_page_free(p);
        return code;
    }
    if (s->last == NULL)
        s->pages = p;
    else
        s->last->next = p;
    s->last = p;
    return SLUICE_OK;
}

uint32_t users_unusable(struct users_source *s, int64_t *n, struct sluice_error *err)
{
    struct neo4j_rows rows;
    uint32_t code;

    neo4j_call_clear(&s->call);
    neo4j_statement(&s->call, s->count_statement);
    neo4j_statement_end(&s->call);
    code = users_run(s, err);
    if (code != SLUICE_OK)
        return code;
    neo4j_rows_open(&rows, &s->reply, 0);
    if (!neo4j_row(&rows) || !neo4j_integer(&rows, n, 0))
        code = page_broken(s, 0, err);
    neo4j_reply_release(&s->neo4j, &s->reply);
    return code;
}

void users_look_for_index(struct users_source *s)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct neo4j_rows rows;
    int there;

    neo4j_call_clear(&s->call);
    neo4j_statement(&s->call, s->index_statement);
    neo4j_statement_end(&s->call);
    if (users_run(s, &err) != SLUICE_OK)
        return; /* one may not be allowed to look */
    neo4j_rows_open(&rows, &s->reply, 0);
    there = neo4j_row(&rows);
    neo4j_reply_release(&s->neo4j, &s->reply);
    if (!there)
        sluice_log(s->host, SLUICE_WARN,
                   "%s: no index on %s, so each page looks at every node; CREATE INDEX FOR (n:%s) ON (n.%s) "
                   "makes one",
                   s->neo4j.url, s->name, s->label, s->property);
}
