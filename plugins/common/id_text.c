/* id_text: nothing is copied; an id is a slice of the text. */
#include "id_text.h"

#include <strings.h>

static void trim(struct sluice_str *s)
{
    while (s->len > 0 &&
           (s->data[0] == ' ' || s->data[0] == '\t' || s->data[0] == '\r' || s->data[0] == '\n')) {
        s->data++;
        s->len--;
    }
    while (s->len > 0 && (s->data[s->len - 1] == ' ' || s->data[s->len - 1] == '\t' ||
                          s->data[s->len - 1] == '\r' || s->data[s->len - 1] == '\n'))
        s->len--;
}

int id_is_valid(struct sluice_str s)
{
    uint64_t i;

    if (s.len == 0 || s.len > ID_TEXT_MAX_ID)
        return 0;
    for (i = 0; i < s.len; i++)
        if ((unsigned char)s.data[i] <= ' ' || s.data[i] == 0x7f || s.data[i] == '"')
            return 0;
    return 1;
}

int id_is_header(struct sluice_str s)
{
    static const char *const names[] = {"user_id", "user_ids", "userid", "userids",
                                        "id",      "ids",      "user",   "users"};
    size_t i;

    for (i = 0; i < sizeof names / sizeof names[0]; i++)
        if (s.len == strlen(names[i]) && strncasecmp(s.data, names[i], s.len) == 0)
            return 1;
    return 0;
}

/* The first column of a line, without quotes around it. */
static void first_column(struct sluice_str *s)
{
    const char *comma = memchr(s->data, ',', (size_t)s->len);

    if (comma != NULL)
        s->len = (uint64_t)(comma - s->data);
    trim(s);
    if (s->len >= 2 && s->data[0] == '"' && s->data[s->len - 1] == '"') {
        s->data++;
        s->len -= 2;
        trim(s);
    }
}

uint64_t id_text_room(struct sluice_str text, char separator)
{
    const char *at = text.data, *end = at == NULL ? NULL : at + text.len;
    uint64_t n = 1;

    while (at < end && (at = memchr(at, separator, (size_t)(end - at))) != NULL) {
        at++;
        n++;
    }
    return n;
}

int id_text_each(struct sluice_str text, char separator, struct id_count *count,
                 int (*each)(void *context, struct sluice_str id), void *context)
{
    const char *at = text.data, *end, *stop;
    struct sluice_str id;
    int first = 1, answer;

    if (text.len >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    for (end = text.data + text.len; at < end; at = stop == NULL ? end : stop + 1) {
        stop = memchr(at, separator, (size_t)(end - at));
        id.data = at;
        id.len = (uint64_t)((stop == NULL ? end : stop) - at);
        trim(&id);
        if (separator == '\n' && id.len > 0)
            first_column(&id);
        if (id.len == 0) {
            count->blank++;
            continue;
        }
        if (separator == '\n' && first && id_is_header(id)) {
            count->header++;
        } else if (!id_is_valid(id)) {
            count->bad++;
        } else {
            answer = each(context, id);
            if (answer != 0)
                return answer;
        }
        first = 0;
    }
    return 0;
}

struct adding {
    struct idset *set;
    struct id_count *count;
};

static int add_one(void *context, struct sluice_str id)
{
    struct adding *a = context;

    switch (idset_add(a->set, id.data, (size_t)id.len)) {
    case 1:
        a->count->ids++;
        return 0;
    case 0:
        a->count->repeated++;
        return 0;
    default:
        return -1;
    }
}

int id_text_add(struct idset *s, struct sluice_str text, char separator, struct id_count *count)
{
    struct adding a = {s, count};

    return text.len == 0 ? 0 : id_text_each(text, separator, count, add_one, &a);
}
