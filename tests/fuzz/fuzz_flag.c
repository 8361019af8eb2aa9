/* Any bytes as a feature flag or as a list of ids (the first byte chooses).  Traps unless: what is
 * accepted reads back with the same digest; every id that is taken is found; counts add up; an
 * address is refused or within its folder. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../plugins/gate-feature-flipper/flag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct hash128 key = {1, 2};

static void check(int holds)
{
    if (!holds)
        __builtin_trap();
}

static int find_one(void *context, struct sluice_str id)
{
    const struct idset *s = context;

    check(id.len > 0 && id.len <= ID_TEXT_MAX_ID);
    check(idset_has(s, idset_hash(s, id.data, (size_t)id.len)));
    return 0;
}

static void try_list(struct sluice_str text, char separator)
{
    struct id_count count = {0, 0, 0, 0, 0}, again = {0, 0, 0, 0, 0};
    uint64_t room = id_text_room(text, separator);
    struct idset *s = idset_new_keyed(room, &key);

    check(s != NULL);
    check(id_text_add(s, text, separator, &count) == 0);
    check(count.ids == s->n);
    check(count.ids + count.repeated + count.bad + count.blank + count.header <= room);
    if (text.len > 0)
        check(id_text_each(text, separator, &again, find_one, s) == 0);
    check(again.bad == count.bad && again.blank == count.blank && again.header == count.header);
    idset_free(s);
}

static int stays_below(const char *name)
{
    size_t len = strlen(name);

    return name[0] != '/' && strncmp(name, "../", 3) != 0 && strstr(name, "/../") == NULL &&
           strcmp(name, "..") != 0 && (len < 3 || strcmp(name + len - 3, "/..") != 0) &&
           strchr(name, '\n') == NULL;
}

static void try_flag(struct sluice_str text)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct flag *f = flag_parse(text, &key, &err), *again;
    uint32_t i;

    if (f == NULL) {
        check(err.code == SLUICE_FATAL && err.message[0] != '\0');
        return;
    }
    check(f->n <= FLAG_MAX_SEGMENTS);
    for (i = 0; i < f->n; i++) {
        check(f->segments[i].threshold <= FLAG_BUCKETS);
        check(f->segments[i].list == NULL || stays_below(f->segments[i].list));
    }
    again = flag_parse((struct sluice_str){f->text, f->text_len}, &key, &err);
    check(again != NULL && strcmp(again->digest, f->digest) == 0 && again->n == f->n);
    flag_free(again);
    flag_free(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sluice_str text;
    char *copy;

    if (size == 0)
        return 0;
    copy = malloc(size); /* one byte too many where the text is empty, so that reads beyond are seen */
    check(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    text.data = copy;
    text.len = size - 1;
    if (data[0] == 'l')
        try_list(text, '\n');
    else if (data[0] == 'i')
        try_list(text, ',');
    else
        try_flag(text);
    free(copy);
    return 0;
}
