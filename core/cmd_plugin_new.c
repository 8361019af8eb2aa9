/* cmd_plugin_new: writes a plugin that builds against the installed sluice, passes
 * `plugin test` and runs in a pipeline.
 *
 * The files come from include/template, which is installed beside the headers; the
 * only thing done to them is to fill in names.  A file is never overwritten. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "cmd_plugin.h"
#include "command.h"
#include "module.h"
#include "strbuf.h"

#define MOST_FILE ((size_t)1 << 20)
#define MOST_NAME 48u

/* %{kind} in a name of either side is the kind, %{name} the name. */
struct template_file {
    const char *from;
    const char *to;
    mode_t mode;
};

static const struct template_file template_files[] = {
    {"autogen.sh", "autogen.sh", 0755},
    {"configure.ac.in", "configure.ac", 0644},
    {"Makefile.am.in", "Makefile.am", 0644},
    {"README.md.in", "README.md", 0644},
    {"gitignore.in", ".gitignore", 0644},
    {"%{kind}.c.in", "src/%{kind}-%{name}.c", 0644},
    {"tests/conformance.sh.in", "tests/conformance.sh", 0755},
    {"tests/pipeline.sh.in", "tests/pipeline.sh", 0755},
    {"tests/%{kind}.yaml", "tests/pipeline.yaml", 0644},
    {"tests/%{kind}.input", "tests/input.txt", 0644},
    {"tests/%{kind}.expected", "tests/expected.txt", 0644},
};

struct names {
    const char *kind;
    const char *name;
    char id[MOST_NAME + 16];    /* a C identifier */
    char upper[MOST_NAME + 16]; /* the same in capitals */
    char ident[MOST_NAME + 32]; /* kind_name, as automake spells it */
};

static int is_keyword(const char *word)
{
    static const char *const keywords[] = {
        "auto",   "break",    "case",     "char",     "const", "continue", "default", "do",     "double",
        "else",   "enum",     "extern",   "float",    "for",   "goto",     "if",      "inline", "int",
        "long",   "register", "restrict", "return",   "short", "signed",   "sizeof",  "static", "struct",
        "switch", "typedef",  "union",    "unsigned", "void",  "volatile", "while",   "class",  "new",
    };
    size_t i;

    for (i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (strcmp(keywords[i], word) == 0)
            return 1;
    return 0;
}

static int make_names(struct names *n, const char *kind, const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"), i;
    uint32_t number = kind_parse(kind);

    if (number == 0) {
        fprintf(stderr, "sluice plugin new: '%s' is no kind; there are source, decoder, gate, enrich, sink\n",
                kind);
        return -1;
    }
    if (len == 0 || len > MOST_NAME || name[len] != '\0' || name[0] == '-') {
        fprintf(stderr, "sluice plugin new: '%s' is no name: [a-z0-9-], at most %u characters\n", name,
                MOST_NAME);
        return -1;
    }
    n->kind = kind_name(number);
    n->name = name;
    (void)snprintf(n->id, sizeof n->id, "%s%s", isdigit((unsigned char)name[0]) ? "p" : "", name);
    for (i = 0; n->id[i] != '\0'; i++)
        if (n->id[i] == '-')
            n->id[i] = '_';
    if (is_keyword(n->id))
        (void)snprintf(n->id + strlen(n->id), sizeof n->id - strlen(n->id), "_plugin");
    for (i = 0; n->id[i] != '\0'; i++)
        n->upper[i] = (char)toupper((unsigned char)n->id[i]);
    n->upper[i] = '\0';
    (void)snprintf(n->ident, sizeof n->ident, "%s_%s", n->kind, name);
    for (i = 0; n->ident[i] != '\0'; i++)
        if (n->ident[i] == '-')
            n->ident[i] = '_';
    return 0;
}

/* Copies text with the names filled in. */
static void fill_in(const struct names *n, const char *text, struct strbuf *out)
{
    const struct {
        const char *mark;
        const char *value;
    } marks[] = {
        {"%{kind}", n->kind},   {"%{name}", n->name},   {"%{id}", n->id},
        {"%{IDENT}", n->upper}, {"%{ident}", n->ident},
    };
    size_t i;

    while (*text != '\0') {
        for (i = 0; i < sizeof marks / sizeof marks[0]; i++)
            if (strncmp(text, marks[i].mark, strlen(marks[i].mark)) == 0)
                break;
        if (i < sizeof marks / sizeof marks[0]) {
            strbuf_puts(out, marks[i].value);
            text += strlen(marks[i].mark);
        } else {
            strbuf_putc(out, *text++);
        }
    }
}

static int read_whole(const char *path, struct strbuf *out)
{
    FILE *in = fopen(path, "r");
    char piece[4096];
    size_t got;

    if (in == NULL)
        return -1;
    while ((got = fread(piece, 1, sizeof piece, in)) > 0)
        strbuf_add(out, piece, got);
    if (ferror(in) || out->failed) {
        (void)fclose(in);
        return -1;
    }
    return fclose(in);
}

static int write_whole(const char *path, const struct strbuf *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

    if (out == NULL)
        return -1;
    if (fwrite(strbuf_text(text), 1, text->len, out) != text->len) {
        (void)fclose(out);
        return -1;
    }
    return fclose(out);
}

static int copy_file(const struct names *n, const struct template_file *f, const char *templates,
                     const char *dir)
{
    struct strbuf from, to, raw, text;
    int result = -1;

    strbuf_init(&from, 8192);
    strbuf_init(&to, 8192);
    strbuf_init(&raw, MOST_FILE);
    strbuf_init(&text, MOST_FILE);
    strbuf_printf(&from, "%s/", templates);
    fill_in(n, f->from, &from);
    strbuf_printf(&to, "%s/", dir);
    fill_in(n, f->to, &to);
    if (from.failed || to.failed || read_whole(from.data, &raw) != 0) {
        fprintf(stderr, "sluice plugin new: the template %s cannot be read: %s; is sluice installed whole?\n",
                strbuf_text(&from), strerror(errno));
    } else {
        fill_in(n, strbuf_text(&raw), &text);
        if (text.failed || write_whole(to.data, &text, f->mode) != 0)
            fprintf(stderr, "sluice plugin new: %s cannot be written: %s\n", to.data, strerror(errno));
        else
            result = 0;
    }
    strbuf_release(&from);
    strbuf_release(&to);
    strbuf_release(&raw);
    strbuf_release(&text);
    return result;
}

static int make_folder(const char *dir, const char *inner)
{
    struct strbuf path;
    int result = 0;

    strbuf_init(&path, 8192);
    strbuf_printf(&path, "%s%s", dir, inner);
    if (path.failed || (mkdir(path.data, 0755) != 0 && errno != EEXIST)) {
        fprintf(stderr, "sluice plugin new: %s cannot be made: %s\n", strbuf_text(&path), strerror(errno));
        result = -1;
    }
    strbuf_release(&path);
    return result;
}

static int make_skeleton(const struct names *n, const char *dir)
{
    const char *templates = getenv("SLUICE_TEMPLATE_DIR");
    size_t i;

    if (templates == NULL || templates[0] == '\0')
        templates = SLUICE_TEMPLATE_DIR;
    if (make_folder(dir, "") != 0 || make_folder(dir, "/src") != 0 || make_folder(dir, "/tests") != 0)
        return EXIT_FAILED;
    for (i = 0; i < sizeof template_files / sizeof template_files[0]; i++)
        if (copy_file(n, &template_files[i], templates, dir) != 0)
            return EXIT_FAILED;
    printf("%s\n", dir);
    fprintf(stderr, "made %s/%s in %s; next: cd %s && ./autogen.sh && ./configure && make check\n", n->kind,
            n->name, dir, dir);
    return EXIT_OK;
}

int cmd_plugin_new(int argc, char **argv)
{
    const char *dir = NULL;
    const struct cli_option options[] = {
        {.name = "--dir",
         .metavar = "DIR",
         .value = &dir,
         .help = "the folder to make (KIND-NAME if not given)"},
    };
    const struct cli_command command = {
        .name = "plugin new",
        .words = "KIND NAME",
        .summary = "write a plugin that builds, passes `plugin test` and runs in a pipeline",
        .options = options,
        .n = sizeof options / sizeof options[0],
        .min_words = 2,
        .max_words = 2,
    };
    struct cli_list words = {{NULL}, 0};
    struct names names;
    char usual[MOST_NAME + 32];
    int code = cli_parse(&command, argc, argv, &words);

    if (code != CLI_GO_ON)
        return code;
    if (make_names(&names, words.items[0], words.items[1]) != 0)
        return EXIT_USAGE;
    (void)snprintf(usual, sizeof usual, "%s-%s", names.kind, names.name);
    return make_skeleton(&names, dir == NULL ? usual : dir);
}
