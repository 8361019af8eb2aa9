#include "enroll.h"

/* The key of a user, if it is made of nothing but his id. */
static uint32_t make_key(const struct key_template *key, struct sluice_str user, char out[KEY_MAX],
                         uint64_t *len, struct sluice_error *err)
{
    uint32_t i;

    *len = 0;
    for (i = 0; i < key->n; i++) {
        struct sluice_str part = sluice_str_of(key->part[i].text);

        if (key->part[i].member && strcmp(key->part[i].text, "user_id") != 0)
            return sluice_fail(err, SLUICE_INVALID, "key",
                               "the key needs {%.40s}, and all that is known here is the user_id",
                               key->part[i].text);
        if (key->part[i].member)
            part = user;
        if (part.len > KEY_MAX - *len)
            return sluice_fail(err, SLUICE_INVALID, "key", "the key is longer than %u bytes", KEY_MAX);
        memcpy(out + *len, part.data, (size_t)part.len);
        *len += part.len;
    }
    return SLUICE_OK;
}

struct answer_of {
    const struct valkey *v;
    struct sluice_error *err;
    uint32_t code, fresh;
};

/* EXISTS answers 0 or 1; SET with NX answers OK, or nothing if the key was there. */
static void on_reply(void *context, uint32_t i, const redisReply *reply)
{
    struct answer_of *a = context;

    (void)i;
    a->code = SLUICE_OK;
    if (reply->type == REDIS_REPLY_INTEGER)
        a->fresh = reply->integer == 0;
    else if (reply->type == REDIS_REPLY_STATUS)
        a->fresh = 1;
    else if (reply->type == REDIS_REPLY_NIL)
        a->fresh = 0;
    else if (reply->type == REDIS_REPLY_ERROR)
        a->code = valkey_explain(a->v, reply->str, a->err);
    else
        a->code = sluice_fail(a->err, SLUICE_FATAL, "address", "an answer that no Valkey gives");
}

uint32_t enroll_user(const struct key_template *key, const struct valkey_settings *settings,
                     struct sluice_str user, int look_only, uint32_t *fresh, struct sluice_error *err)
{
    struct answer_of a = {NULL, err, SLUICE_OK, 0};
    struct sluice_str words[4];
    char text[KEY_MAX];
    struct valkey *v;
    uint64_t len;
    uint32_t code = make_key(key, user, text, &len, err);

    if (code != SLUICE_OK)
        return code;
    v = valkey_new(settings, NULL, NULL);
    if (v == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
    a.v = v;
    code = valkey_connect(v, err);
    if (code == SLUICE_OK) {
        words[0] = sluice_str_of(look_only ? "EXISTS" : "SET");
        words[1] = (struct sluice_str){text, len};
        words[2] = sluice_str_of("1");
        words[3] = sluice_str_of("NX");
        valkey_add(v, look_only ? 2 : 4, words);
        code = valkey_run(v, on_reply, &a, err);
    }
    valkey_free(v);
    if (code == SLUICE_OK)
        code = a.code;
    if (code == SLUICE_OK)
        *fresh = a.fresh;
    return code;
}
