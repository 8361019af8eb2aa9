/* extension: the list of draft interfaces of this host. */
#include "extension.h"

#include <string.h>

#include "http_client.h"

const void *extension_find(const char *id)
{
    if (strcmp(id, SLUICE_HTTP_ID) == 0)
        return http_client_api();
    return NULL;
}
