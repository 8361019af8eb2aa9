/* flag: JSON to a flag.  The digest is made from what the members mean, not from their
 * spelling, so that two workers agree on it whatever order a service writes them in. */
#include "flag.h"

#include <jansson.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "../common/aws_sigv4.h"

static const struct hash128 zero_key = {0, 0};

void flag_bucket_key(const char *flag_name, struct hash128 *key)
{
    *key = hash128(&zero_key, flag_name, strlen(flag_name));
}

void flag_free(struct flag *f)
{
    uint32_t i;

    if (f == NULL)
        return;
    for (i = 0; i < f->n; i++) {
        free(f->segments[i].name);
        free(f->segments[i].list);
        idset_free(f->segments[i].ids);
    }
    free(f->segments);
    free(f->text);
    free(f);
}

/* --- members ------------------------------------------------------------------------ */

static int refuse(struct sluice_error *err, uint32_t segment, const char *what)
{
    if (segment == 0)
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "the answer is no flag: %s", what);
    else
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "the answer is no flag: segment %u: %s", segment, what);
    return -1;
}

static int no_memory(struct sluice_error *err)
{
    (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the flag");
    return -1;
}

/* true or false; absent and null count as absent_is, or as a mistake if that is -1. */
static int read_bool(const json_t *object, const char *name, int absent_is, int *out)
{
    const json_t *j = json_object_get(object, name);

    if (j == NULL || json_is_null(j)) {
        *out = absent_is;
        return absent_is < 0 ? -1 : 0;
    }
    *out = json_is_true(j);
    return json_is_boolean(j) ? 0 : -1;
}

static int read_rollout(const json_t *j, uint32_t *threshold)
{
    double value = json_number_value(j);

    if (!json_is_number(j) || !(value >= 0) || value > 100)
        return -1;
    /* The least whole number that no bucket below rollout reaches; 1e-9 for 0.1 and its like. */
    *threshold = (uint32_t)ceil(value * (FLAG_BUCKETS / 100) - 1e-9);
    return 0;
}

/* A path below the lists' folder: nothing that climbs out of it or ends a header. */
static int is_list_name(const char *name, size_t len)
{
    const char *part = name, *slash;
    size_t i;

    if (len == 0 || len > 200 || strlen(name) != len || name[0] == '/')
        return 0;
    for (i = 0; i < len; i++)
        if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
              (name[i] >= '0' && name[i] <= '9') || strchr("._-/=+@", name[i]) != NULL))
            return 0;
    for (;; part = slash + 1) {
        slash = strchr(part, '/');
        i = slash == NULL ? strlen(part) : (size_t)(slash - part);
        if (i == 0 || (i == 1 && part[0] == '.') || (i == 2 && memcmp(part, "..", 2) == 0))
            return 0;
        if (slash == NULL)
            return 1;
    }
}

static struct sluice_str text_of(const json_t *j)
{
    struct sluice_str s = {json_string_value(j), json_string_length(j)};

    return s;
}

static int read_ids(const json_t *j, const struct hash128 *key, struct flag_segment *s, uint32_t number,
                    struct sluice_error *err)
{
    uint64_t room = 1;
    const json_t *item;
    size_t i;

    if (j == NULL || json_is_null(j))
        return 0;
    if (!json_is_string(j) && !json_is_array(j))
        return refuse(err, number, "allowedIDs is neither a text of ids with commas between them nor a list");
    if (json_is_string(j))
        room = id_text_room(text_of(j), ',');
    json_array_foreach((json_t *)(uintptr_t)j, i, item)
    {
        if (!json_is_string(item))
            return refuse(err, number, "allowedIDs holds something that is not a text");
        room += id_text_room(text_of(item), ',');
    }
    s->ids = idset_new_keyed(room, key);
    if (s->ids == NULL)
        return no_memory(err);
    if (json_is_string(j))
        (void)id_text_add(s->ids, text_of(j), ',', &s->count);
    json_array_foreach((json_t *)(uintptr_t)j, i, item)(void)
        id_text_add(s->ids, text_of(item), ',', &s->count);
    return 0;
}

static int read_list(const json_t *j, struct flag_segment *s, uint32_t number, struct sluice_error *err)
{
    if (j == NULL || json_is_null(j) || (json_is_string(j) && json_string_length(j) == 0))
        return 0;
    if (!json_is_string(j))
        return refuse(err, number, "allowedS3IDs is not the name of a file");
    if (!is_list_name(json_string_value(j), json_string_length(j)))
        return refuse(err, number,
                      "allowedS3IDs is no file name: letters, digits and ._-=+@ with '/' between folders");
    s->list = strdup(json_string_value(j));
    return s->list == NULL ? no_memory(err) : 0;
}

static int read_segment(const json_t *j, const struct hash128 *key, struct flag_segment *s, uint32_t number,
                        struct sluice_error *err)
{
    const json_t *name = json_object_get(j, "name");
    char made[24];

    if (!json_is_object(j))
        return refuse(err, number, "it is not an object");
    (void)snprintf(made, sizeof made, "%u", number);
    s->name = strdup(json_is_string(name) ? json_string_value(name) : made);
    if (s->name == NULL)
        return no_memory(err);
    if (read_bool(j, "internalUsers", 0, &s->internal) != 0)
        return refuse(err, number, "internalUsers is neither true nor false");
    if (read_rollout(json_object_get(j, "rollout"), &s->threshold) != 0)
        return refuse(err, number, "rollout is not a number from 0 to 100");
    if (read_list(json_object_get(j, "allowedS3IDs"), s, number, err) != 0)
        return -1;
    return read_ids(json_object_get(j, "allowedIDs"), key, s, number, err);
}

/* --- digest ------------------------------------------------------------------------- */

static void digest_text(EVP_MD_CTX *d, const char *data, size_t len)
{
    uint64_t n = len; /* the length first, so that no two lists of texts look alike */

    (void)EVP_DigestUpdate(d, &n, sizeof n);
    (void)EVP_DigestUpdate(d, data, len);
}

static void digest_segment(EVP_MD_CTX *d, const json_t *j, const struct flag_segment *s)
{
    const json_t *ids = json_object_get(j, "allowedIDs"), *item;
    uint32_t head[2] = {s->threshold, (uint32_t)s->internal};
    size_t i;

    (void)EVP_DigestUpdate(d, head, sizeof head);
    digest_text(d, s->name, strlen(s->name));
    digest_text(d, s->list == NULL ? "" : s->list, s->list == NULL ? 0 : strlen(s->list));
    if (json_is_string(ids))
        digest_text(d, json_string_value(ids), json_string_length(ids));
    json_array_foreach((json_t *)(uintptr_t)ids, i, item)
        digest_text(d, json_string_value(item), json_string_length(item));
}

static int make_digest(struct flag *f, const json_t *segments)
{
    EVP_MD_CTX *d = EVP_MD_CTX_new();
    unsigned char hash[32];
    uint32_t head[2] = {(uint32_t)f->enabled, f->n}, i;
    int failed = d == NULL || EVP_DigestInit_ex(d, EVP_sha256(), NULL) != 1;

    if (!failed) {
        (void)EVP_DigestUpdate(d, head, sizeof head);
        for (i = 0; i < f->n; i++)
            digest_segment(d, json_array_get(segments, i), &f->segments[i]);
        failed = EVP_DigestFinal_ex(d, hash, NULL) != 1;
    }
    EVP_MD_CTX_free(d);
    if (!failed)
        aws_hex(hash, sizeof hash, f->digest);
    return failed ? -1 : 0;
}

/* --- whole -------------------------------------------------------------------------- */

static int read_flag(const json_t *j, const struct hash128 *key, struct flag *f, struct sluice_error *err)
{
    const json_t *segments = json_object_get(j, "segments");
    size_t n = json_array_size(segments), i;

    if (!json_is_object(j))
        return refuse(err, 0, "it is not a JSON object");
    if (read_bool(j, "enabled", -1, &f->enabled) != 0)
        return refuse(err, 0, "enabled is missing or neither true nor false");
    if (segments != NULL && !json_is_null(segments) && !json_is_array(segments))
        return refuse(err, 0, "segments is not a list");
    if (n > FLAG_MAX_SEGMENTS)
        return refuse(err, 0, "it has more than 256 segments");
    f->segments = calloc(n + 1, sizeof *f->segments);
    if (f->segments == NULL)
        return no_memory(err);
    for (i = 0; i < n; i++) {
        f->n++;
        if (read_segment(json_array_get(segments, i), key, &f->segments[i], (uint32_t)i + 1, err) != 0)
            return -1;
    }
    return make_digest(f, segments) == 0 ? 0 : no_memory(err);
}

struct flag *flag_parse(struct sluice_str json, const struct hash128 *key, struct sluice_error *err)
{
    struct flag *f = calloc(1, sizeof *f);
    json_error_t at;
    json_t *j;

    if (f == NULL || (f->text = malloc((size_t)json.len + 1)) == NULL) {
        free(f);
        (void)no_memory(err);
        return NULL;
    }
    memcpy(f->text, json.data == NULL ? "" : json.data, (size_t)json.len);
    f->text[json.len] = '\0';
    f->text_len = (size_t)json.len;
    j = json_loadb(f->text, f->text_len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &at);
    if (j == NULL) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "the answer is no JSON: line %d: %.100s", at.line,
                          at.text);
    } else if (read_flag(j, key, f, err) == 0) {
        json_decref(j);
        return f;
    }
    json_decref(j);
    flag_free(f);
    return NULL;
}

int flag_each_id(const struct flag *f, uint32_t segment, int (*each)(void *context, struct sluice_str id),
                 void *context)
{
    struct id_count count = {0, 0, 0, 0, 0};
    json_t *j = json_loadb(f->text, f->text_len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    const json_t *ids =
        json_object_get(json_array_get(json_object_get(j, "segments"), segment), "allowedIDs");
    const json_t *item;
    int said = j == NULL ? (int)SLUICE_RETRY : 0;
    size_t i;

    if (said == 0 && json_is_string(ids) && json_string_length(ids) > 0)
        said = id_text_each(text_of(ids), ',', &count, each, context);
    for (i = 0; said == 0 && i < json_array_size(ids); i++) {
        item = json_array_get(ids, i);
        if (json_string_length(item) > 0)
            said = id_text_each(text_of(item), ',', &count, each, context);
    }
    json_decref(j);
    return said;
}
