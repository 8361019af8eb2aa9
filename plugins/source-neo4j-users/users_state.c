/* users_state: the last id that was done, in the host's state, as text that a person can read:
 *
 *     v1 done=1234 of=User.user_id
 *     the id                                                                             */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "users_source.h"

#define STATE_KEY "position"
#define STATE_ROOM (USERS_ID_MAX + 256u)

static uint32_t state_foreign(const struct users_source *s, const char *what, struct sluice_error *err)
{
    return sluice_fail(
        err, SLUICE_FATAL, NULL,
        "the stored position of this source is not one of %s (%s); use another state_dir or another "
        "instance name, or resume: false, to begin at the first user",
        s->name, what);
}

static uint32_t state_read(struct users_source *s, char *text, size_t len, struct sluice_error *err)
{
    char of[2 * USERS_NAME_MAX + 2];
    uint64_t done;
    int used = 0;

    text[len] = '\0';
    if (sscanf(text, "v1 done=%" SCNu64 " of=%129s%n", &done, of, &used) != 2 || used == 0 ||
        text[used] != '\n')
        return state_foreign(s, "another version wrote it", err);
    if (strcmp(of, s->name) != 0)
        return state_foreign(s, of, err);
    used++;
    if (users_after(s, (struct sluice_str){text + used, (uint64_t)(len - (size_t)used)}) != 0)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory for the position");
    s->ordinal = s->settled = done;
    return SLUICE_OK;
}

uint32_t users_state_load(struct users_source *s, struct sluice_error *err)
{
    char *text;
    int64_t len;
    uint32_t code = SLUICE_OK;

    if (!s->resume)
        return SLUICE_OK;
    text = malloc(STATE_ROOM + 1);
    if (text == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory for the position");
    len = s->host->state_get(s->host, STATE_KEY, text, STATE_ROOM, err);
    if (len == -2)
        code = err != NULL && err->code != SLUICE_NONE ? err->code : SLUICE_FATAL;
    else if (len > (int64_t)STATE_ROOM)
        code = state_foreign(s, "it is too long", err);
    else if (len >= 0)
        code = state_read(s, text, (size_t)len, err);
    free(text);
    return code;
}

uint32_t users_state_store(struct users_source *s, struct sluice_str id, uint64_t ordinal,
                           struct sluice_error *err)
{
    struct strbuf text;
    uint32_t code;

    if (!s->resume)
        return SLUICE_OK;
    strbuf_init(&text, STATE_ROOM);
    strbuf_printf(&text, "v1 done=%" PRIu64 " of=%s\n", ordinal, s->name);
    strbuf_add(&text, id.data, (size_t)id.len);
    code = text.failed ? sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the position")
                       : s->host->state_put(s->host, STATE_KEY, text.data, text.len, err);
    strbuf_release(&text);
    return code;
}
