#include "backfill_resume.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file_write.h"
#include "strbuf.h"

#define RESUME_TRIES 1000u
#define RESUME_COMMAND_MAX 65536u

/* A name that nothing has yet; NULL: no memory, or too many. */
static char *free_name(const struct backfill_resume *r)
{
    struct strbuf name;
    unsigned i;

    if (r->old != NULL)
        return strdup(r->old);
    strbuf_init(&name, PATH_MAX);
    for (i = 1; i <= RESUME_TRIES; i++) {
        strbuf_clear(&name);
        strbuf_printf(&name, "%s.resume", r->list != NULL ? r->list : r->job->id);
        if (i > 1)
            strbuf_printf(&name, "-%u", i);
        if (name.failed)
            break;
        if (access(strbuf_text(&name), F_OK) != 0)
            return strbuf_take(&name);
    }
    strbuf_release(&name);
    return NULL;
}

/* A word as a shell reads it back. */
static void add_word(struct strbuf *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,=";

    strbuf_putc(out, ' ');
    if (word[0] != '\0' && strspn(word, plain) == strlen(word)) {
        strbuf_puts(out, word);
        return;
    }
    strbuf_putc(out, '\'');
    for (; *word != '\0'; word++)
        if (*word == '\'')
            strbuf_puts(out, "'\\''");
        else
            strbuf_putc(out, *word);
    strbuf_putc(out, '\'');
}

static void add_option(struct strbuf *out, const char *name, const char *value)
{
    if (value == NULL)
        return;
    strbuf_printf(out, " %s", name);
    add_word(out, value);
}

static char *make_command(const struct backfill_resume *r)
{
    struct strbuf out;
    size_t i;

    strbuf_init(&out, RESUME_COMMAND_MAX);
    strbuf_puts(&out, "sluice backfill");
    for (i = 0; r->files[i] != NULL; i++)
        add_option(&out, "-c", r->files[i]);
    add_option(&out, "--env", r->env);
    add_option(&out, "--resume-from", r->file);
    add_option(&out, "--job-id", r->job->id);
    add_option(&out, "--queue-url", r->queue_url);
    strbuf_printf(&out, " --rate-limit %.10g --lookback-days %" PRId64 "%s", r->job->rate,
                  r->job->lookback_days, r->job->force ? " --force" : "");
    return strbuf_take(&out);
}

int backfill_resume_write(struct backfill_resume *r, const char *text, size_t len, struct sluice_error *err)
{
    char why[300];

    r->file = free_name(r);
    r->command = r->file == NULL ? NULL : make_command(r);
    if (r->command == NULL) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "no memory, or no free name for the resume file");
        return -1;
    }
    if (file_write(&file_calls_system, r->file, text, len, 0644, why, sizeof why) == 0)
        return 0;
    (void)sluice_fail(err, SLUICE_FATAL, NULL, "%s", why);
    backfill_resume_release(r);
    return -1;
}

void backfill_resume_release(struct backfill_resume *r)
{
    free(r->file);
    free(r->command);
    r->file = r->command = NULL;
}
