/* Any bytes as the answer of a look-up service.  Traps unless: an answer that is refused
 * as a whole leaves every id failed; a value stands with FOUND alone, a reason with FAILED
 * alone; every value walks to its end and holds no empty text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../plugins/common/lookup_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct lookup_spec spec = {
    .list = "l",
    .id = "i",
    .n_fields = 3,
    .fields = {{"t", LOOKUP_TEXT}, {"s", LOOKUP_LIST}, {"a", LOOKUP_ANY}},
};

static void check(int holds)
{
    if (!holds)
        __builtin_trap();
}

static void walk(const struct lookup_value *v)
{
    struct lookup_cursor c;
    uint32_t i, n;
    int is_list;

    lookup_value_begin(v, &c);
    for (i = 0; i < spec.n_fields; i++) {
        n = lookup_next_field(&c, &is_list);
        check(is_list ? i != 0 && n > 0 : n <= 1 && (n == 0 || i != 1));
        for (; n > 0; n--) {
            struct sluice_str text = lookup_next_text(&c);

            check(text.len > 0 && memchr(text.data, '\0', text.len) == NULL);
        }
    }
    check(c.at == (const char *)v + v->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const ids[] = {"a", "b", "\xc3\xa4", "long-id-of-something"};
    struct lookup_item items[4] = {{.id = {NULL, 0}}};
    char *body = malloc(size + 1);
    const char *why;
    uint32_t i;

    if (body == NULL)
        abort();
    memcpy(body, data, size);
    body[size] = '\0';
    for (i = 0; i < 4; i++)
        items[i].id = sluice_str_of(ids[i]);
    why = lookup_answer_read(&spec, body, size, items, 4);
    for (i = 0; i < 4; i++) {
        check((items[i].state == LOOKUP_FOUND) == (items[i].value != NULL));
        check(items[i].state == LOOKUP_FOUND || items[i].state == LOOKUP_UNKNOWN ||
              items[i].state == LOOKUP_FAILED);
        check((items[i].state == LOOKUP_FAILED) == (items[i].why != NULL));
        check(why == NULL || items[i].state == LOOKUP_FAILED);
        if (items[i].value != NULL)
            walk(items[i].value);
        free(items[i].value);
    }
    free(body);
    return 0;
}
