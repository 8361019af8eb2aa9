/* user_id: what a user id may be: 1 to 128 letters, digits and ._:@|+=~-
 *
 * One rule for lists of users and for what is asked over HTTP. */
#ifndef SLUICE_CORE_USER_ID_H
#define SLUICE_CORE_USER_ID_H

#include <stddef.h>

#define USER_ID_MAX 128u
#define USER_ID_WHY 160u

/* 1; or 0 and in why what is wrong, at which byte.  max: longest that is allowed. */
int user_id_check(const char *id, size_t len, size_t max, char why[USER_ID_WHY]);

#endif
