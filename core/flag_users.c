/* flag_users: `sluice flag users [FLAG]`: who is behind a feature flag of the config: inline, in the files of
 * its segments, and extra ids, each once.
 *
 * Invariant: reads only, and knows no flag service: a gate shows its flag through sluice/flag.h.
 * stdout has ids (or the JSON report) and nothing else; the summary goes to stderr. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "audit_baseline.h"
#include "cli.h"
#include "command.h"
#include "file_write.h"
#include "flag_gate.h"
#include "json_report.h"

#define IDS_MAX ((size_t)1 << 30)

struct flag_users {
    struct cli_list files, words, extra;
    const char *env, *extra_file, *output;
    char name[256]; /* of the flag */
    int json, any_rollout;
    struct problems problems;
    struct app app;
    struct key_table users;
    json_t *segments;
    char segment[160]; /* the one whose users come now */
    uint64_t seen, fresh, outside;
    uint32_t rollout, internal, listable;
    int has_segment, enabled, unlisted;
};

static void flag_problem(struct flag_users *u, const char *hint, const char *text)
{
    problem_add(&u->problems, (struct origin){NULL, 0, 0}, hint, "%s", text);
}

/* --- what the gate shows ---------------------------------------------------------------- */

/* The segment before is complete. */
static void segment_end(struct flag_users *u)
{
    if (!u->has_segment)
        return;
    u->has_segment = 0;
    u->unlisted |= !u->listable;
    if (!u->json)
        fprintf(stderr,
                "segment %s: rollout %u.%02u, %" PRIu64 " ids, %" PRIu64 " new, %" PRIu64
                " outside the rollout%s\n",
                u->segment, u->rollout / 100, u->rollout % 100, u->seen, u->fresh, u->outside,
                u->listable   ? ""
                : u->internal ? "; its internal users cannot be listed: give the gate internal_users"
                              : "; not all of it can be listed");
    (void)json_array_append_new(u->segments,
                                json_pack("{s:s, s:f, s:I, s:I, s:I, s:b, s:b}", "name", u->segment,
                                          "rollout", u->rollout / 100.0, "ids", (json_int_t)u->seen, "new",
                                          (json_int_t)u->fresh, "outside_rollout", (json_int_t)u->outside,
                                          "internal", u->internal != 0, "listable", u->listable != 0));
}

static uint32_t on_flag(void *context, const char *version, uint32_t enabled)
{
    struct flag_users *u = context;

    (void)version; /* of a gate that decides; this one was not started */
    u->enabled = enabled != 0;
    if (!enabled && !u->json)
        fprintf(stderr, "flag %s is disabled: at present it lets nobody through\n", u->name);
    return SLUICE_OK;
}

static uint32_t on_segment(void *context, const struct sluice_flag_segment *segment)
{
    struct flag_users *u = context;
    size_t i;

    segment_end(u);
    (void)snprintf(u->segment, sizeof u->segment, "%.*s",
                   segment->name.len < sizeof u->segment ? (int)segment->name.len
                                                         : (int)sizeof u->segment - 1,
                   segment->name.data == NULL ? "" : segment->name.data);
    for (i = 0; u->segment[i] != '\0'; i++) /* it goes to a terminal */
        if ((unsigned char)u->segment[i] < 0x20 || (unsigned char)u->segment[i] > 0x7e)
            u->segment[i] = '?';
    u->rollout = segment->rollout;
    u->internal = segment->internal;
    u->listable = segment->listable;
    u->seen = u->fresh = u->outside = 0;
    u->has_segment = 1;
    return SLUICE_OK;
}

static uint32_t on_user(void *context, const struct sluice_flag_user *user)
{
    struct flag_users *u = context;
    int added;

    u->seen++;
    if (!user->on && !u->any_rollout) {
        u->outside++;
        return SLUICE_OK;
    }
    if (key_table_add(&u->users, user->id, &added) == KEY_NONE)
        return SLUICE_RETRY;
    u->fresh += added != 0;
    return SLUICE_OK;
}

/* --- the gate --------------------------------------------------------------------------- */

/* Everybody behind the flag. */
static void ask_gate(struct flag_users *u)
{
    const struct sluice_flag_visitor visitor = {
        .struct_size = sizeof visitor, .context = u, .flag = on_flag, .segment = on_segment, .user = on_user};
    struct flag_gate gate;
    struct sluice_error err;

    error_clear(&err);
    if (flag_gate_open(&gate, u->app.plan, u->name, sizeof u->name, &u->problems) == 0) {
        if (gate.flag->users(gate.self, &visitor, &err) != SLUICE_OK)
            problem_add(&u->problems, gate.spec->origin, NULL, "%s",
                        err.message[0] != '\0' ? err.message : "no memory for the users");
        segment_end(u);
    }
    flag_gate_close(&gate);
}

/* --- ids of one's own, and the end ------------------------------------------------------ */

static void add_extra(struct flag_users *u)
{
    struct sluice_error err;
    uint32_t before = u->users.n;
    size_t i;
    int added;

    error_clear(&err);
    for (i = 0; i < u->extra.n; i++) {
        const char *at = u->extra.items[i];

        while (*at != '\0') {
            size_t len = strcspn(at, ", \n");

            if (len > 0 && key_table_add(&u->users, (struct sluice_str){at, len}, &added) == KEY_NONE)
                flag_problem(u, NULL, "no memory for the users");
            at += len + (at[len] != '\0');
        }
    }
    if (u->extra_file != NULL && audit_users_load(u->extra_file, &u->users, &err) != 0)
        flag_problem(u, NULL, err.message);
    if (!u->json && (u->extra.n > 0 || u->extra_file != NULL))
        fprintf(stderr, "extra ids: %u new\n", u->users.n - before);
}

static void write_users(struct flag_users *u)
{
    struct strbuf text;
    char why[300];
    uint32_t i;

    strbuf_init(&text, IDS_MAX);
    for (i = 0; i < u->users.n; i++) {
        strbuf_add(&text, u->users.entries[i].key.data, (size_t)u->users.entries[i].key.len);
        strbuf_putc(&text, '\n');
    }
    if (text.failed)
        flag_problem(u, NULL, "no memory for the users, or they are above 1 GiB");
    else if (u->output == NULL)
        (void)fwrite(strbuf_text(&text), 1, text.len, stdout);
    else if (file_write(&file_calls_system, u->output, strbuf_text(&text), text.len, 0644, why, sizeof why) !=
             0)
        flag_problem(u, NULL, why);
    strbuf_release(&text);
}

static int flag_run(struct flag_users *u)
{
    problems_init(&u->problems);
    key_table_init(&u->users);
    json_report_begin();
    u->segments = json_array();
    if (app_load(&u->app, u->files.items, u->files.n, u->env, (struct plan_flags){.no_files = 1},
                 &u->problems) == 0)
        ask_gate(u);
    if (!problems_failed(&u->problems))
        add_extra(u);
    if (!problems_failed(&u->problems))
        write_users(u);
    if (!problems_failed(&u->problems) && !u->json)
        fprintf(stderr, "%u users\n", u->users.n);
    if (!problems_failed(&u->problems) && u->json) {
        json_t *report =
            json_pack("{s:s, s:b, s:I, s:b, s:O}", "flag", u->name, "enabled", u->enabled, "users",
                      (json_int_t)u->users.n, "complete", !u->unlisted, "segments", u->segments);

        json_report_print(report, &u->problems);
        json_decref(report);
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        problem_add(&u->problems, (struct origin){NULL, 0, 0}, NULL, "cannot write: %s", strerror(errno));
    if (u->problems.n > 0 || problems_failed(&u->problems))
        app_report(&u->problems, u->json && problems_failed(&u->problems));
    return problems_failed(&u->problems) ? EXIT_FAILED : u->unlisted ? EXIT_FINDINGS : EXIT_OK;
}

int flag_users_main(int argc, char **argv)
{
    struct flag_users u = {.json = 0};
    const struct cli_option options[] = {
        CLI_CONFIG(&u.files),
        CLI_ENV(&u.env),
        {.name = "--output",
         .letter = 'o',
         .metavar = "FILE",
         .value = &u.output,
         .help = "write the ids there, whole or not at all, instead of to stdout"},
        {.name = "--ids", .metavar = "ID,ID…", .list = &u.extra, .help = "extra ids"},
        {.name = "--ids-file", .metavar = "FILE", .value = &u.extra_file, .help = "extra ids, one a line"},
        {.name = "--any-rollout",
         .flag = &u.any_rollout,
         .help = "also the users of a segment whom its rollout leaves out"},
        CLI_JSON(&u.json),
    };
    const struct cli_command command = {
        .name = "flag users",
        .words = "[FLAG]",
        .summary = "Lists the users behind a feature flag of the config: inline, from files, and extra ids, "
                   "each once.",
        .options = options,
        .n = sizeof options / sizeof *options,
        .max_words = 1,
        .more =
            "--json needs --output, since stdout is the report's then.\n"
            "exit codes: 0 ok, 1 failed, 2 misuse, 3 done, but a segment holds users who cannot be listed",
    };
    int code = cli_parse(&command, argc, argv, &u.words);

    if (code != CLI_GO_ON)
        return code;
    if (u.files.n == 0)
        return cli_misuse(&command, "no config is given; name it with -c FILE");
    if (u.json && u.output == NULL)
        return cli_misuse(&command, "--json prints the report; say with --output where the ids go");
    if (u.words.n > 0 && snprintf(u.name, sizeof u.name, "%s", u.words.items[0]) >= (int)sizeof u.name)
        return cli_misuse(&command, "a flag's name has at most 255 bytes");
    code = flag_run(&u);
    json_decref(u.segments);
    key_table_release(&u.users);
    app_free(&u.app);
    problems_release(&u.problems);
    return code;
}
