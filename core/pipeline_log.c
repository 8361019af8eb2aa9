/* pipeline_log: the line that a pipeline with `log_records` writes at the end of each record and step.
 *
 * Whoever looks for one user in the logs finds what became of each step and why.  The fields are
 * what gates and the order key read of the record (user_id, request_id) and how many members
 * each list of its document has (purchases). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "pipeline_private.h"

#define TEXT_MAX 256u /* of a field's value; a longer one is cut, and ends in "..." */
#define NAME_MAX 40u
#define LISTS_MAX 4u
#define FIELDS_MAX (RECORD_MAX_FIELDS + LISTS_MAX + 6u)

struct end_line {
    struct log_field fields[FIELDS_MAX];
    uint32_t n;
    char texts[RECORD_MAX_FIELDS][TEXT_MAX];
    char names[LISTS_MAX][NAME_MAX];
};

static void add_text(struct end_line *l, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0')
        l->fields[l->n++] = LOG_TEXT(name, text);
}

/* What gates and the order key read of it. */
static void add_members(struct end_line *l, const struct pipeline *p, const struct sluice_record *r)
{
    uint32_t i;

    for (i = 0; r->fields != NULL && i < p->env.n_fields && i < RECORD_MAX_FIELDS; i++) {
        struct sluice_str v = r->fields[i];
        size_t len = v.len < TEXT_MAX ? (size_t)v.len : TEXT_MAX - 4;

        if (v.data == NULL)
            continue;
        memcpy(l->texts[i], v.data, len);
        (void)snprintf(l->texts[i] + len, TEXT_MAX - len, "%s", v.len < TEXT_MAX ? "" : "...");
        add_text(l, p->env.fields[i], l->texts[i]);
    }
}

static void add_counts(struct end_line *l, const struct sluice_record *r)
{
    const struct sluice_node *member;
    struct sluice_str name;
    uint32_t n = 0;

    if (r->document == NULL || document_api.type(r->document) != SLUICE_OBJECT)
        return;
    for (member = document_api.first(r->document); member != NULL && n < LISTS_MAX;
         member = document_api.next(member)) {
        name = document_api.key(member);
        if (document_api.type(member) != SLUICE_ARRAY || name.len >= NAME_MAX)
            continue;
        (void)snprintf(l->names[n], NAME_MAX, "%.*s", (int)name.len, name.data);
        l->fields[l->n++] = LOG_NUMBER(l->names[n], document_api.count(member));
        n++;
    }
}

void pipeline_log_end(const struct pipeline *p, const struct sluice_record *r, uint32_t step,
                      enum pipeline_outcome outcome, const struct ending *why)
{
    static const char *const words[] = {"written", "gated", "dead", "retry"};
    static const uint32_t levels[] = {SLUICE_INFO, SLUICE_INFO, SLUICE_WARN, SLUICE_DEBUG};
    struct end_line l;

    if (p->spec->log_records == NULL || levels[outcome] < log_level())
        return;
    l.n = 0;
    add_text(&l, "pipeline", p->spec->name);
    add_members(&l, p, r);
    add_text(&l, "step", step < p->n_steps ? p->steps[step].name : "");
    add_text(&l, "outcome", words[outcome]);
    if (outcome != OUTCOME_WRITTEN)
        add_text(&l, "reason", why->reason);
    if (outcome == OUTCOME_WRITTEN)
        add_counts(&l, r);
    l.fields[l.n++] = LOG_NUMBER("attempts", (int64_t)r->attempts + 1);
    if (outcome != OUTCOME_WRITTEN)
        add_text(&l, "message", why->detail);
    log_event(levels[outcome], p->spec->log_records, l.fields, l.n);
}
