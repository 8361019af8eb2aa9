/* key_template: a template of literal text and {members}.  At least one member: a key
 * that is the same for all records tells nothing about any of them. */
#include "key_template.h"

#include <stdlib.h>

static char *reason_of(const char *name)
{
    size_t len = strlen(name), i;
    char *reason = malloc(len + 4);

    if (reason == NULL)
        return NULL;
    memcpy(reason, "no_", 3);
    for (i = 0; i < len; i++) {
        char c = name[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        reason[i + 3] = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
    }
    reason[len + 3] = '\0';
    return reason;
}

static uint32_t add_part(struct key_template *key, const struct sluice_host *host, const char *text,
                         size_t len, int member, struct sluice_error *err)
{
    uint32_t i = key->n;

    if (i == KEY_MAX_PARTS)
        return sluice_fail(err, SLUICE_INVALID, "key", "the key has more than %u parts", KEY_MAX_PARTS);
    key->part[i].text = strndup(text, len);
    if (key->part[i].text == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    key->n++;
    key->part[i].member = member;
    if (!member)
        return SLUICE_OK;
    key->part[i].reason = reason_of(key->part[i].text);
    if (key->part[i].reason == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    if (!host->declare_field(host, key->part[i].text, &key->part[i].slot))
        return sluice_fail(err, SLUICE_FATAL, "key",
                           "member %.100s cannot be peeked: the pipeline peeks too many fields already",
                           key->part[i].text);
    return SLUICE_OK;
}

static uint32_t parse_parts(struct key_template *key, const struct sluice_host *host, const char *at,
                            struct sluice_error *err)
{
    uint32_t code = SLUICE_OK;

    while (*at != '\0' && code == SLUICE_OK) {
        size_t len = strcspn(at, "{}");

        if (len > 0) {
            code = add_part(key, host, at, len, 0, err);
            at += len;
            continue;
        }
        len = strcspn(at + 1, "{}");
        if (*at != '{' || at[1 + len] != '}')
            return sluice_fail(err, SLUICE_INVALID, "key",
                               "a brace without its partner; write members as {request_id}");
        if (len == 0 || memchr(at + 1, '.', len) != NULL || memchr(at + 1, '[', len) != NULL)
            return sluice_fail(
                err, SLUICE_INVALID, "key",
                "{%.*s} is not the name of a top-level member; gates decide before the document is built",
                (int)(len > 100 ? 100 : len), at + 1);
        code = add_part(key, host, at + 1, len, 1, err);
        at += len + 2;
    }
    return code;
}

uint32_t key_template_parse(struct key_template *key, const struct sluice_host *host, const char *text,
                            struct sluice_error *err)
{
    uint32_t code, i;

    memset(key, 0, sizeof *key);
    code = parse_parts(key, host, text, err);
    if (code != SLUICE_OK)
        return code;
    for (i = 0; i < key->n; i++)
        if (key->part[i].member)
            return SLUICE_OK;
    return sluice_fail(
        err, SLUICE_INVALID, "key",
        "the key names no member, so it is the same for all records; write it like receipt-{request_id}");
}

void key_template_release(struct key_template *key)
{
    uint32_t i;

    for (i = 0; i < key->n; i++) {
        free(key->part[i].text);
        free(key->part[i].reason);
    }
    key->n = 0;
}

int64_t key_template_make(const struct key_template *key, const struct sluice_host *host,
                          const struct sluice_record *record, char out[KEY_MAX],
                          struct sluice_verdict *verdict)
{
    size_t len = 0;
    uint32_t i;

    for (i = 0; i < key->n; i++) {
        struct sluice_str text = sluice_str_of(key->part[i].text);

        if (key->part[i].member) {
            text = host->record->field(record, key->part[i].slot);
            if (text.len == 0) {
                verdict->code = SLUICE_REJECT;
                verdict->reason = key->part[i].reason;
                verdict->detail = sluice_record_text(
                    host, record, "%.100s is missing or empty: the key needs it", key->part[i].text);
                return -1;
            }
        }
        if (text.len > KEY_MAX - len) {
            verdict->code = SLUICE_REJECT;
            verdict->reason = "key_too_long";
            verdict->detail = "the key would be longer than 1024 bytes";
            return -1;
        }
        memcpy(out + len, text.data, (size_t)text.len);
        len += (size_t)text.len;
    }
    return (int64_t)len;
}
