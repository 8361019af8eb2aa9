/* enroll: sets the key of a user, over a connection of its own for that moment. */
#ifndef SLUICE_PLUGINS_ENROLL_H
#define SLUICE_PLUGINS_ENROLL_H

#include "../common/key_template.h"
#include "../common/valkey.h"

/* As sluice_enroll.enroll. */
uint32_t enroll_user(const struct key_template *key, const struct valkey_settings *settings,
                     struct sluice_str user, int look_only, uint32_t *fresh, struct sluice_error *err);

#endif
