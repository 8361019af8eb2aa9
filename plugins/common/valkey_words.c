/* valkey_words: what a server's error reply means, and what to do about it. */
#include <string.h>

#include "valkey_private.h"

struct meaning {
    const char *starts; /* of the reply */
    uint32_t code;
    const char *option;
    const char *words;
};

static const struct meaning meanings[] = {
    {"NOAUTH", SLUICE_FATAL, "password",
     "asks for a password; set password (and user, if it is not the default one)"},
    {"WRONGPASS", SLUICE_FATAL, "password", "does not know this user and password"},
    {"ERR invalid password", SLUICE_FATAL, "password", "does not know this password"},
    {"ERR Client sent AUTH", SLUICE_FATAL, "password",
     "has no password; leave password out, or set one there"},
    {"ERR AUTH <password> called", SLUICE_FATAL, "password",
     "has no password for its default user; leave password out, name the user, or set one there"},
    {"ERR wrong number of arguments for 'auth'", SLUICE_FATAL, "user",
     "is older than Redis 6 and knows no users; leave user out"},
    {"NOPERM", SLUICE_FATAL, "user",
     "does not allow this user the command or the key; extend its access list"},
    {"ERR ACL failure in script", SLUICE_FATAL, "user",
     "does not allow this user a command or a key of a script; extend its access list"},
    {"ERR The user executing the script can't", SLUICE_FATAL, "user",
     "does not allow this user a command or a key of a script; extend its access list"},
    {"DENIED", SLUICE_FATAL, "address",
     "takes no connections from other machines (protected mode); set a password there, or protected-mode no"},
    {"ERR DB index", SLUICE_FATAL, "db", "has no database of this number"},
    {"ERR SELECT is not allowed", SLUICE_FATAL, "db", "is a cluster, which has database 0 only"},
    {"MOVED", SLUICE_FATAL, "address",
     "is a node of a cluster and the key is on another one; name a proxy, or a server that is not a cluster"},
    {"ASK ", SLUICE_FATAL, "address",
     "is a node of a cluster and the key is on another one; name a proxy, or a server that is not a cluster"},
    {"CROSSSLOT", SLUICE_FATAL, "address", "is a cluster; name a proxy, or a server that is not a cluster"},
    {"READONLY", SLUICE_FATAL, "address", "is a replica and takes no writes; name the primary"},
    {"OOM", SLUICE_DISCONNECTED, "address", "has no memory left; raise its maxmemory or let keys expire"},
    {"LOADING", SLUICE_DISCONNECTED, "address", "is still loading its data; it answers once that is done"},
    {"BUSY", SLUICE_DISCONNECTED, "address", "is busy with a script"},
    {"MASTERDOWN", SLUICE_DISCONNECTED, "address", "is a replica that has lost its primary"},
    {"CLUSTERDOWN", SLUICE_DISCONNECTED, "address", "is a cluster that is down"},
    {"MISCONF", SLUICE_DISCONNECTED, "address", "cannot save its data and takes no writes; look at its disk"},
    {"ERR max number of clients", SLUICE_DISCONNECTED, "address",
     "has too many clients; raise its maxclients"},
};

uint32_t valkey_explain(const struct valkey *v, const char *reply, struct sluice_error *err)
{
    size_t i;

    for (i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        const struct meaning *m = &meanings[i];

        if (strncmp(reply, m->starts, strlen(m->starts)) == 0)
            return sluice_fail(err, m->code, m->option, "%s %s (it said: %.120s)", v->name, m->words, reply);
    }
    return sluice_fail(err, SLUICE_DISCONNECTED, "address", "%s answered with an error: %.200s", v->name,
                       reply);
}
