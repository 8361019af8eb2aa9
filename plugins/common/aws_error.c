/* aws_error: a table of codes, and one sentence for each kind of trouble. */
#include "aws_error.h"

#include <jansson.h>
#include <strings.h>

static const struct {
    const char *code;
    enum aws_trouble trouble;
} known[] = {
    {"RequestTimeTooSkewed", AWS_CLOCK},
    {"RequestExpired", AWS_CLOCK},
    {"ExpiredToken", AWS_EXPIRED},
    {"ExpiredTokenException", AWS_EXPIRED},
    {"TokenRefreshRequired", AWS_EXPIRED},
    {"RequestTokenExpired", AWS_EXPIRED},
    {"InvalidAccessKeyId", AWS_BAD_KEYS},
    {"InvalidClientTokenId", AWS_BAD_KEYS},
    {"UnrecognizedClientException", AWS_BAD_KEYS},
    {"SignatureDoesNotMatch", AWS_BAD_KEYS},
    {"InvalidSignatureException", AWS_BAD_KEYS},
    {"InvalidToken", AWS_BAD_KEYS},
    {"AuthFailure", AWS_BAD_KEYS},
    {"AccessDenied", AWS_DENIED},
    {"AccessDeniedException", AWS_DENIED},
    {"UnauthorizedOperation", AWS_DENIED},
    {"AllAccessDisabled", AWS_DENIED},
    {"AccountProblem", AWS_DENIED},
    {"NoSuchKey", AWS_NOT_FOUND},
    {"NoSuchBucket", AWS_NOT_FOUND},
    {"QueueDoesNotExist", AWS_NOT_FOUND},
    {"AWS.SimpleQueueService.NonExistentQueue", AWS_NOT_FOUND},
    {"PermanentRedirect", AWS_ELSEWHERE},
    {"TemporaryRedirect", AWS_ELSEWHERE},
    {"AuthorizationHeaderMalformed", AWS_ELSEWHERE},
    {"IllegalLocationConstraintException", AWS_ELSEWHERE},
    {"SlowDown", AWS_THROTTLED},
    {"Throttling", AWS_THROTTLED},
    {"ThrottlingException", AWS_THROTTLED},
    {"ThrottledException", AWS_THROTTLED},
    {"RequestThrottled", AWS_THROTTLED},
    {"RequestThrottledException", AWS_THROTTLED},
    {"RequestLimitExceeded", AWS_THROTTLED},
    {"TooManyRequestsException", AWS_THROTTLED},
    {"LimitExceededException", AWS_THROTTLED},
    {"InternalError", AWS_BROKEN},
    {"InternalFailure", AWS_BROKEN},
    {"ServiceUnavailable", AWS_BROKEN},
};

struct sluice_str aws_xml_text(struct sluice_str xml, const char *tag)
{
    struct sluice_str none = {NULL, 0}, found;
    const char *at = xml.data, *end = at == NULL ? NULL : at + xml.len, *stop;
    size_t len = strlen(tag);

    while (at != NULL && (at = memchr(at, '<', (size_t)(end - at))) != NULL) {
        at++;
        if ((size_t)(end - at) <= len || memcmp(at, tag, len) != 0 || at[len] != '>')
            continue;
        found.data = at + len + 1;
        stop = memchr(found.data, '<', (size_t)(end - found.data));
        if (stop == NULL)
            return none;
        found.len = (uint64_t)(stop - found.data);
        return found;
    }
    return none;
}

/* Printable bytes only: it goes to a log. */
static void copy_text(char *out, size_t size, struct sluice_str text)
{
    size_t i, n = text.len < size - 1 ? (size_t)text.len : size - 1;

    for (i = 0; i < n; i++)
        out[i] =
            (unsigned char)text.data[i] < 0x20 || (unsigned char)text.data[i] > 0x7e ? ' ' : text.data[i];
    out[n] = '\0';
}

/* "com.amazonaws.sqs#QueueDoesNotExist", "ThrottlingException:http://…" */
static void copy_code(struct aws_error *e, struct sluice_str code)
{
    const char *at = memchr(code.data, '#', (size_t)code.len);

    if (at != NULL) {
        code.len -= (uint64_t)(at + 1 - code.data);
        code.data = at + 1;
    }
    at = memchr(code.data, ':', (size_t)code.len);
    if (at == NULL)
        at = memchr(code.data, ';', (size_t)code.len);
    if (at != NULL)
        code.len = (uint64_t)(at - code.data);
    copy_text(e->code, sizeof e->code, code);
}

static void read_json(struct aws_error *e, struct sluice_str body)
{
    json_t *j = json_loadb(body.data, (size_t)body.len, 0, NULL);
    const char *code = json_string_value(json_object_get(j, "__type"));
    const char *text = json_string_value(json_object_get(j, "message"));

    if (code == NULL)
        code = json_string_value(json_object_get(j, "code"));
    if (text == NULL)
        text = json_string_value(json_object_get(j, "Message"));
    if (code != NULL)
        copy_code(e, sluice_str_of(code));
    if (text != NULL)
        copy_text(e->message, sizeof e->message, sluice_str_of(text));
    json_decref(j);
}

static void read_xml(struct aws_error *e, struct sluice_str body)
{
    struct sluice_str code = aws_xml_text(body, "Code"), text = aws_xml_text(body, "Message");
    struct sluice_str region = aws_xml_text(body, "Region");

    if (code.data != NULL)
        copy_code(e, code);
    if (text.data != NULL)
        copy_text(e->message, sizeof e->message, text);
    if (region.data != NULL)
        copy_text(e->region, sizeof e->region, region);
}

static enum aws_trouble trouble_of_status(uint32_t status)
{
    if (status == 404)
        return AWS_NOT_FOUND;
    if (status == 401 || status == 403)
        return AWS_DENIED;
    if (status == 301 || status == 307)
        return AWS_ELSEWHERE;
    if (status == 429)
        return AWS_THROTTLED;
    return status >= 500 ? AWS_BROKEN : AWS_OTHER;
}

/* Some services call a wrong clock a wrong signature, and say so only in the text. */
static int text_tells_clock(const struct aws_error *e)
{
    return strstr(e->message, "Signature expired") != NULL ||
           strstr(e->message, "Signature not yet current") != NULL ||
           strstr(e->message, "Request has expired") != NULL;
}

void aws_error_read(const struct sluice_http_response *answer, struct aws_error *out)
{
    struct sluice_str header;
    size_t i;

    memset(out, 0, sizeof *out);
    if (answer->body.len > 0 && memchr(answer->body.data, '<', (size_t)answer->body.len) != NULL &&
        aws_xml_text(answer->body, "Code").data != NULL)
        read_xml(out, answer->body);
    else if (answer->body.len > 0)
        read_json(out, answer->body);
    header = sluice_http_header(answer, "x-amzn-errortype");
    if (out->code[0] == '\0' && header.data != NULL)
        copy_code(out, header);
    header = sluice_http_header(answer, "x-amz-bucket-region");
    if (out->region[0] == '\0' && header.data != NULL)
        copy_text(out->region, sizeof out->region, header);
    out->trouble = trouble_of_status(answer->status);
    for (i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcasecmp(out->code, known[i].code) == 0)
            out->trouble = known[i].trouble;
    if ((out->trouble == AWS_BAD_KEYS || out->trouble == AWS_DENIED) && text_tells_clock(out))
        out->trouble = AWS_CLOCK;
}

static const char *remedy(const struct aws_error *e)
{
    switch (e->trouble) {
    case AWS_CLOCK:
        return "this machine's clock and AWS's differ by more than AWS allows; set the clock (is NTP on?)";
    case AWS_EXPIRED:
        return "the temporary credentials have expired; log in again or renew what provides them";
    case AWS_BAD_KEYS:
        return strcasecmp(e->code, "SignatureDoesNotMatch") == 0 ||
                       strcasecmp(e->code, "InvalidSignatureException") == 0
                   ? "the secret does not belong to the access key id"
                   : "AWS does not know these credentials; are they of this account, and not deleted";
    case AWS_DENIED:
        return "the credentials are valid and their policy does not allow it";
    case AWS_NOT_FOUND:
        if (strcasecmp(e->code, "NoSuchBucket") == 0)
            return "there is no such bucket";
        if (strcasecmp(e->code, "NoSuchKey") == 0)
            return "the bucket is there; there is no such thing under this key, or the credentials may not "
                   "list it";
        return "there is no such thing, or the credentials may not list it";
    case AWS_ELSEWHERE:
        return "it is in another region than the one configured";
    case AWS_THROTTLED:
        return "AWS asks to slow down";
    case AWS_BROKEN:
        return "AWS has trouble of its own";
    default:
        return "AWS refused";
    }
}

uint32_t aws_error_tell(const struct aws_error *e, uint32_t status, const char *what,
                        struct sluice_error *err)
{
    int passes = e->trouble == AWS_THROTTLED || e->trouble == AWS_BROKEN || e->trouble == AWS_EXPIRED;

    return sluice_fail(err, passes ? SLUICE_RETRY : SLUICE_FATAL, NULL, "%.150s: %s%s%.40s (%u%s%.80s)", what,
                       remedy(e), e->region[0] != '\0' ? ": " : "", e->region, status,
                       e->code[0] != '\0' ? " " : "", e->code);
}
