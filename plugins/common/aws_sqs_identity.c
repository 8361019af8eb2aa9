/* aws_sqs_identity: the account that the queue belongs to, as the queue itself says. */
#include "aws_sqs.h"

#define MAX_ASK 4096u
#define DIGITS 12u

uint32_t aws_sqs_knows(const char *what)
{
    return strcmp(what, SLUICE_AWS_ACCOUNT) == 0;
}

/* "arn:aws:sqs:us-east-1:123456789012:users": the fifth part; absent: none. */
static struct sluice_str account_of(const char *arn)
{
    struct sluice_str none = {NULL, 0}, account;
    int i;

    for (i = 0; i < 4 && arn != NULL; i++) {
        arn = strchr(arn, ':');
        arn = arn == NULL ? NULL : arn + 1;
    }
    if (arn == NULL)
        return none;
    account.data = arn;
    account.len = strspn(arn, "0123456789");
    return account.len == DIGITS && arn[DIGITS] == ':' ? account : none;
}

uint32_t aws_sqs_tell_account(const struct aws_sqs *q, uint32_t timeout_ms,
                              const struct sluice_identity_visitor *visitor, struct sluice_error *err)
{
    struct sluice_str account;
    struct aws_sqs_ask a, *ask = &a;
    uint32_t code;

    aws_sqs_ask_init(&a, "GetQueueAttributes", MAX_ASK);
    strbuf_puts(&a.body, "{\"QueueUrl\":");
    strbuf_json(&a.body, q->url, strlen(q->url));
    strbuf_puts(&a.body, ",\"AttributeNames\":[\"QueueArn\"]}");
    a.repeat = 1;
    aws_sqs_perform(q, NULL, &ask, 1, timeout_ms);
    if (a.code != SLUICE_OK) {
        code = aws_sqs_fail(&a, err);
        if (code == SLUICE_REJECT || code == SLUICE_UNSURE)
            code = err->code = SLUICE_DISCONNECTED;
    } else {
        account = account_of(
            json_string_value(json_object_get(json_object_get(a.answer, "Attributes"), "QueueArn")));
        if (account.data != NULL)
            visitor->name(visitor->context, account);
        code = account.data != NULL ? SLUICE_OK
                                    : sluice_fail(err, SLUICE_FATAL, "queue_url",
                                                  "queue %s does not say of which account it is", q->name);
    }
    aws_sqs_ask_release(&a);
    return code;
}
