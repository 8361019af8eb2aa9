/* Any bytes as an answer of AWS, as a config file, or as what is to be signed (the first byte chooses).
 * Traps unless: what is told ends, holds printable text only and fits; a setting that is found stands in
 * the file; a URL that is signed holds nothing but what a URL may, and both forms name the same path. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../plugins/common/aws_error.h"
#include "../../plugins/common/aws_profile.h"
#include "../../plugins/common/aws_sigv4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds)
        __builtin_trap();
}

static void is_printable(const char *text, size_t size)
{
    size_t i;

    check(memchr(text, '\0', size) != NULL);
    for (i = 0; text[i] != '\0'; i++)
        check(text[i] >= 0x20 && text[i] <= 0x7e);
}

/* Status, then headers and body with a NUL between them. */
static void try_answer(const char *text, size_t len)
{
    struct sluice_http_response answer;
    struct sluice_error err = {.struct_size = sizeof err};
    const char *split = memchr(text, '\0', len);
    struct aws_error e;

    memset(&answer, 0, sizeof answer);
    answer.struct_size = sizeof answer;
    answer.code = SLUICE_OK;
    answer.status = 200 + 100 * (uint32_t)(len % 4);
    answer.headers.data = split == NULL ? "" : text;
    answer.headers.len = split == NULL ? 0 : (uint64_t)(split - text);
    answer.body.data = split == NULL ? text : split + 1;
    answer.body.len = split == NULL ? len : (uint64_t)(text + len - (split + 1));
    aws_error_read(&answer, &e);
    is_printable(e.code, sizeof e.code);
    is_printable(e.message, sizeof e.message);
    is_printable(e.region, sizeof e.region);
    check(aws_error_tell(&e, answer.status, "what", &err) == err.code && err.message[0] != '\0');
}

static void try_profiles(char *text)
{
    static const char *const names[] = {"default", "a", "stage"};
    static const char *const keys[] = {"region", "aws_access_key_id", "k"};
    struct aws_profiles p = {text, text};
    char out[64];
    size_t i, j;

    for (i = 0; i < 3; i++)
        for (j = 0; j < 3; j++)
            if (aws_profile_get(&p, names[i], keys[j], out, sizeof out)) {
                check(aws_profile_exists(&p, names[i]));
                check(out[0] != '\0' && strlen(out) < sizeof out);
                check(strstr(text, out) != NULL && strchr(out, '\n') == NULL);
            }
}

static void try_signing(const char *text, size_t len)
{
    static const struct aws_keys keys = {"AKID", "secret", "token"};
    struct aws_pair pair = {{text, len / 2}, {text + len / 2, len - len / 2}};
    struct aws_request r = {.method = "GET", .scheme = "https", .host = "h", .region = "r", .service = "s"};
    struct sluice_error err = {.struct_size = sizeof err};
    struct aws_signed a, b;
    size_t i;

    r.path.data = text;
    r.path.len = len;
    r.params = r.headers = &pair;
    r.n_params = r.n_headers = 1;
    r.encode_twice = (int)(len % 2);
    if (aws_sign(&r, &keys, 1440938160000, 1, &a, &err) != 0)
        return;
    for (i = 0; i < a.url.len; i++)
        check(a.url.data[i] > ' ' && a.url.data[i] < 0x7f && a.url.data[i] != '#' && a.url.data[i] != '"');
    check(strlen(a.url.data) == a.url.len);
    check(aws_presign(&r, &keys, 1440938160000, 60, NULL, &b, &err) == 0);
    check(strcspn(a.url.data, "?") == strcspn(b.url.data, "?") &&
          memcmp(a.url.data, b.url.data, strcspn(a.url.data, "?")) == 0);
    aws_signed_release(&a);
    aws_signed_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (size == 0)
        return 0;
    text = malloc(size);
    check(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] == 'p')
        try_profiles(text);
    else if (data[0] == 's')
        try_signing(text, size - 1);
    else
        try_answer(text, size - 1);
    free(text);
    return 0;
}
