/* json_report: see json_report.h.
 *
 * Invariant: a report with a hole is never printed; jansson asks for memory nowhere
 * but through json_report_alloc once a report has begun. */
#include "json_report.h"

#include <stdlib.h>

#include "strbuf.h"

#define TEXT_MAX ((size_t)1 << 30)

static int short_of_memory;

static void *json_report_alloc(size_t size)
{
    void *p = malloc(size);

    if (p == NULL)
        short_of_memory = 1;
    return p;
}

void json_report_begin(void)
{
    short_of_memory = 0;
    json_set_alloc_funcs(json_report_alloc, free);
}

json_t *json_report_text(const char *data, size_t len)
{
    struct strbuf quoted; /* which makes UTF-8 of what is none */
    json_t *value = NULL;

    strbuf_init(&quoted, TEXT_MAX);
    strbuf_json(&quoted, data, len);
    if (!quoted.failed)
        value = json_loadb(quoted.data, quoted.len, JSON_DECODE_ANY, NULL);
    strbuf_release(&quoted);
    if (value == NULL)
        short_of_memory = 1;
    return value;
}

void json_report_print(const json_t *report, struct problems *p)
{
    char *text = NULL;

    if (report != NULL && !short_of_memory)
        text = json_dumps(report, JSON_INDENT(2));
    /* jansson does not look whether the key of a member found room */
    if (short_of_memory) {
        free(text);
        text = NULL;
    }
    if (text == NULL) {
        problem_add(p, (struct origin){NULL, 0, 0}, NULL, "no memory for the report");
        return;
    }
    (void)puts(text); /* whether it got out is asked of stdout at the end */
    free(text);
}
