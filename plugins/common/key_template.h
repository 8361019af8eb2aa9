/* key_template: a key of a record made from its members, such as "receipt-{request_id}".
 *
 * [instance] parse, in create; [any] make. */
#ifndef SLUICE_PLUGINS_KEY_TEMPLATE_H
#define SLUICE_PLUGINS_KEY_TEMPLATE_H

#include <sluice/plugin.h>

#define KEY_MAX 1024u     /* bytes of a key */
#define KEY_MAX_PARTS 16u /* of a template */

struct key_template {
    uint32_t n;
    struct {
        char *text; /* literal text, or the member's name */
        int member;
        uint32_t slot;
        char *reason; /* member: "no_request_id" */
    } part[KEY_MAX_PARTS];
};

/* The option `key`.  OK, or INVALID by its name; release in both cases. */
uint32_t key_template_parse(struct key_template *key, const struct sluice_host *host, const char *text,
                            struct sluice_error *err);
void key_template_release(struct key_template *key);
/* The record's key into out.  Its length; or -1 with the verdict REJECT: a member is
 * missing, or the key would be too long. */
int64_t key_template_make(const struct key_template *key, const struct sluice_host *host,
                          const struct sluice_record *record, char out[KEY_MAX],
                          struct sluice_verdict *verdict);

#endif
