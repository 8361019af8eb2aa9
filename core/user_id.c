#include "user_id.h"

#include <stdio.h>
#include <string.h>

static int is_id_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._:@|+=~-", c) != NULL);
}

int user_id_check(const char *id, size_t len, size_t max, char why[USER_ID_WHY])
{
    size_t i;

    for (i = 0; i < len && is_id_byte(id[i]); i++)
        ;
    if (len == 0)
        (void)snprintf(why, USER_ID_WHY, "the user id is empty");
    else if (len > max)
        (void)snprintf(why, USER_ID_WHY, "the user id has %zu bytes; at most %zu are allowed", len, max);
    else if (i < len && id[i] > 0x20 && id[i] < 0x7f)
        (void)snprintf(why, USER_ID_WHY,
                       "byte %zu of the user id is '%c'; allowed are letters, digits and ._:@|+=~-", i + 1,
                       id[i]);
    else if (i < len)
        (void)snprintf(why, USER_ID_WHY,
                       "byte %zu of the user id is 0x%02x; allowed are letters, digits and ._:@|+=~-", i + 1,
                       (unsigned char)id[i]);
    else
        return 1;
    return 0;
}
