/* Any bytes as an answer of SQS, or as the text of a message or the host of a queue (the first byte
 * chooses).  Traps unless: an entry has one fate and printable words; a message that is made has an id
 * and a body that lie in the answer; a text that is taken is UTF-8 without control characters; a region
 * that is found stands in the host's name. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../plugins/source-sqs/source_sqs.h"
#include "utf8.h"

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

static void try_message(json_t *json)
{
    struct sqs_message *m = sqs_message_make(json);
    uint64_t i;

    if (m == NULL)
        return;
    check(m->id.len > 0 && strlen(m->id.data) == m->id.len);
    check(m->body.data != NULL && m->body.data[m->body.len] == '\0');
    check(m->position <= INT64_MAX && m->n_headers <= SQS_MAX_HEADERS && m->sent_ms >= 0);
    for (i = 0; i < 2 * m->n_headers; i++)
        check(m->headers[i].data != NULL);
    (void)sqs_receive_count(m);
    (void)sqs_is_redriven(m);
    sqs_message_free(m);
}

static void try_answer(const char *text, size_t len)
{
    json_t *answer = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
    const json_t *list = json_object_get(answer, "Messages");
    struct aws_sqs_entry e;
    uint32_t i;

    for (i = 0; i < 12; i++) {
        aws_sqs_entry(answer, i, &e);
        is_printable(e.code, sizeof e.code);
        is_printable(e.message, sizeof e.message);
        check(e.fate == AWS_SQS_DONE || e.fate == AWS_SQS_LATER || e.fate == AWS_SQS_REFUSED);
        check(json_is_object(answer) || e.fate == AWS_SQS_LATER);
    }
    for (i = 0; i < json_array_size(list); i++)
        try_message(json_array_get(list, i));
    json_decref(answer);
}

static void try_text(const char *text, size_t len)
{
    size_t i;

    if (aws_sqs_text_problem(text, len) != NULL)
        return;
    check(len > 0 && utf8_valid_prefix(text, len) == len);
    for (i = 0; i < len; i++)
        check((unsigned char)text[i] >= 0x20 || strchr("\t\n\r", text[i]) != NULL);
}

static void try_host(const char *text)
{
    char region[48];

    if (!aws_sqs_region_of(text, region, sizeof region))
        return;
    check(strlen(region) >= 6 && strlen(region) < sizeof region);
    check(strstr(text, region) != NULL || strncmp(text, "queue.amazonaws.com", 19) == 0);
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
    if (data[0] == 't')
        try_text(text, size - 1);
    else if (data[0] == 'h')
        try_host(text);
    else
        try_answer(text, size - 1);
    free(text);
    return 0;
}
