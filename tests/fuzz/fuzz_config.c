/* fuzz_config: any bytes as a config, as YAML and as JSON; what is accepted is shown, read
 * back, and checked against a table. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config_show.h"
#include "option.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sluice_option options[] = {
    {.name = "a", .type = SLUICE_INTEGER, .min = "0", .max = "9", .summary = "a"},
    {.name = "b", .type = SLUICE_NUMBER, .summary = "b"},
    {.name = "c", .type = SLUICE_BOOLEAN, .summary = "c"},
    {.name = "d", .type = SLUICE_SIZE, .summary = "d"},
    {.name = "e", .type = SLUICE_DURATION, .summary = "e"},
    {.name = "f", .type = SLUICE_CHOICE, .choices = "x|y", .summary = "f"},
    {.name = "g", .type = SLUICE_URL, .summary = "g"},
    {.name = "h", .type = SLUICE_LIST, .summary = "h"},
    {.name = "i", .type = SLUICE_MAP, .summary = "i"},
    {.name = "j", .type = SLUICE_FIELD, .summary = "j"},
    {.name = "k", .type = SLUICE_PATH, .summary = "k"},
    {.name = "l", .type = SLUICE_STRING, .flags = SLUICE_SECRET, .summary = "l"},
};
static const struct option_table table = {"fuzz", options, sizeof options / sizeof *options};

static void check_table(const struct config *config)
{
    struct problems p;

    problems_init(&p);
    option_free(option_parse(&table, config->root, NULL, &p));
    problems_release(&p);
}

/* What is shown must read back, and then show the same values. */
static void show_and_read_back(const struct config *config)
{
    struct strbuf first, second, again;
    struct config *copy;
    struct problems p;

    strbuf_init(&first, CONFIG_SHOW_MAX);
    strbuf_init(&second, CONFIG_SHOW_MAX);
    strbuf_init(&again, CONFIG_SHOW_MAX);
    problems_init(&p);
    config_show_yaml(config->root, &first);
    config_show_json(config->root, &again);
    copy =
        first.failed || first.len > (4u << 20) ? NULL : config_parse("fuzz.yaml", first.data, first.len, &p);
    if (copy != NULL && config_show_diff(config->root, copy->root, "a", "b", 0, &second) > 0 &&
        strstr(strbuf_text(&first), "***") == NULL)
        abort();
    if (copy == NULL && !first.failed && first.len <= (4u << 20) && !p.lost)
        abort();
    config_free(copy);
    problems_release(&p);
    strbuf_release(&first);
    strbuf_release(&second);
    strbuf_release(&again);
}

static void parse(const char *name, const uint8_t *data, size_t size)
{
    struct problems p;
    struct config *config;

    problems_init(&p);
    config = config_parse(name, (const char *)data, size, &p);
    if ((config == NULL) != (problems_failed(&p) != 0))
        abort();
    if (config != NULL) {
        check_table(config);
        show_and_read_back(config);
    }
    config_free(config);
    problems_release(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse("fuzz.yaml", data, size);
    parse("fuzz.json", data, size);
    return 0;
}
