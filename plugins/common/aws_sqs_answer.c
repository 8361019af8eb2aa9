/* aws_sqs_answer: entries of batch calls, and what a message may be made of. */
#include <strings.h>

#include "aws_sqs.h"
#include "utf8.h"

static void copy_printable(char *out, size_t size, const char *text)
{
    size_t i;

    for (i = 0; text != NULL && text[i] != '\0' && i + 1 < size; i++)
        out[i] = text[i] < 0x20 || text[i] > 0x7e ? ' ' : text[i];
    out[i] = '\0';
}

static const json_t *find(const json_t *list, const char *id)
{
    const char *at;
    size_t i;

    for (i = 0; i < json_array_size(list); i++) {
        at = json_string_value(json_object_get(json_array_get(list, i), "Id"));
        if (at != NULL && strcmp(at, id) == 0)
            return json_array_get(list, i);
    }
    return NULL;
}

/* Throttling is called the sender's fault by some. */
static int may_pass(const char *code)
{
    return strcasestr(code, "throttl") != NULL || strcasecmp(code, "RequestLimitExceeded") == 0 ||
           strcasecmp(code, "SlowDown") == 0 || strcasecmp(code, "InternalError") == 0 ||
           strcasecmp(code, "ServiceUnavailable") == 0;
}

void aws_sqs_entry(const json_t *answer, uint32_t id, struct aws_sqs_entry *out)
{
    const json_t *failed;
    char text[16];

    memset(out, 0, sizeof *out);
    (void)snprintf(text, sizeof text, "%u", id);
    failed = find(json_object_get(answer, "Failed"), text);
    if (failed != NULL) {
        copy_printable(out->code, sizeof out->code, json_string_value(json_object_get(failed, "Code")));
        copy_printable(out->message, sizeof out->message,
                       json_string_value(json_object_get(failed, "Message")));
        out->fate = json_is_true(json_object_get(failed, "SenderFault")) && !may_pass(out->code)
                        ? AWS_SQS_REFUSED
                        : AWS_SQS_LATER;
        return;
    }
    if (find(json_object_get(answer, "Successful"), text) != NULL) {
        out->fate = AWS_SQS_DONE;
        return;
    }
    out->fate = AWS_SQS_LATER;
    copy_printable(out->code, sizeof out->code, "NotMentioned");
    copy_printable(out->message, sizeof out->message, "the answer says nothing of this entry");
}

/* #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF */
const char *aws_sqs_text_problem(const char *data, size_t len)
{
    size_t i = 0, n;

    if (len == 0)
        return "it is empty, and SQS takes no empty message";
    while (i < len) {
        unsigned char c = (unsigned char)data[i];

        if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
            return "it has a control character that SQS does not take";
        n = c < 0x80 ? 1 : utf8_char(data + i, data + len);
        if (n == 0)
            return "it is not UTF-8, and SQS takes text only";
        if (n == 3 && memcmp(data + i, "\xef\xbf", 2) == 0 && (unsigned char)data[i + 2] >= 0xbe)
            return "it has the character U+FFFE or U+FFFF, which SQS does not take";
        i += n;
    }
    return NULL;
}
