/* neo4j_error: codes of the server, and what the host should do about them.
 *
 * Invariant: nothing that time may mend is ever answered with a verdict that buries
 * records, and nothing that is certainly refused is tried for ever. */
#include <string.h>

#include "neo4j.h"

struct meaning {
    const char *code; /* after "Neo."; a prefix if it ends in a dot */
    uint32_t verdict;
    enum neo4j_trouble trouble;
};

/* The first that fits.  DISCONNECTED costs a record none of its attempts. */
static const struct meaning meanings[] = {
    {"TransientError.Transaction.DeadlockDetected", SLUICE_RETRY, NEO4J_DEADLOCK},
    {"TransientError.Transaction.LockAcquisitionTimeout", SLUICE_RETRY, NEO4J_DEADLOCK},
    {"TransientError.Transaction.LockClientStopped", SLUICE_RETRY, NEO4J_LOST},
    {"TransientError.Transaction.Terminated", SLUICE_RETRY, NEO4J_LOST},
    {"TransientError.Transaction.Outdated", SLUICE_RETRY, NEO4J_DEADLOCK},
    {"TransientError.Transaction.ConstraintsChanged", SLUICE_RETRY, NEO4J_DEADLOCK},
    {"TransientError.General.MemoryPoolOutOfMemoryError", SLUICE_SPLIT, NEO4J_MEMORY},
    {"TransientError.General.TransactionMemoryLimit", SLUICE_SPLIT, NEO4J_MEMORY},
    {"TransientError.General.TransactionOutOfMemoryError", SLUICE_SPLIT, NEO4J_MEMORY},
    {"TransientError.General.StackOverFlowError", SLUICE_SPLIT, NEO4J_MEMORY},
    {"TransientError.", SLUICE_DISCONNECTED, NEO4J_OTHER},
    {"ClientError.Transaction.TransactionNotFound", SLUICE_RETRY, NEO4J_LOST},
    {"ClientError.Transaction.TransactionTimedOut", SLUICE_RETRY, NEO4J_LOST},
    {"ClientError.Transaction.TransactionTimedOutClientConfiguration", SLUICE_RETRY, NEO4J_LOST},
    {"ClientError.Transaction.Terminated", SLUICE_RETRY, NEO4J_LOST},
    {"ClientError.Transaction.LockClientStopped", SLUICE_RETRY, NEO4J_LOST},
    {"ClientError.Transaction.", SLUICE_RETRY, NEO4J_OTHER},
    {"ClientError.Cluster.", SLUICE_DISCONNECTED, NEO4J_OTHER},
    {"ClientError.General.ForbiddenOnReadOnlyDatabase", SLUICE_DISCONNECTED, NEO4J_OTHER},
    {"ClientError.General.WriteOnReadOnlyAccessDatabase", SLUICE_DISCONNECTED, NEO4J_OTHER},
    {"ClientError.Security.AuthorizationExpired", SLUICE_DISCONNECTED, NEO4J_OTHER},
    {"ClientError.Security.AuthenticationRateLimit", SLUICE_DISCONNECTED, NEO4J_OTHER},
    {"ClientError.Security.Forbidden", SLUICE_FATAL, NEO4J_OTHER},
    {"ClientError.Statement.SyntaxError", SLUICE_FATAL, NEO4J_OTHER},
    {"ClientError.Statement.ParameterMissing", SLUICE_FATAL, NEO4J_OTHER},
    {"ClientError.Statement.NotSystemDatabaseError", SLUICE_FATAL, NEO4J_OTHER},
    {"ClientError.Statement.AccessMode", SLUICE_FATAL, NEO4J_OTHER},
    {"ClientError.Statement.ArithmeticError", SLUICE_SPLIT, NEO4J_MISSING},
    {"ClientError.", SLUICE_SPLIT, NEO4J_OTHER},
    {"DatabaseError.Transaction.", SLUICE_DISCONNECTED, NEO4J_OTHER},
    {"DatabaseError.Database.", SLUICE_DISCONNECTED, NEO4J_OTHER},
    {"DatabaseError.General.OutOfMemoryError", SLUICE_DISCONNECTED, NEO4J_OTHER},
    {"DatabaseError.", SLUICE_SPLIT, NEO4J_OTHER},
};

static int meaning_fits(const struct meaning *m, const char *code)
{
    size_t len = strlen(m->code);

    return m->code[len - 1] == '.' ? strncmp(m->code, code, len) == 0 : strcmp(m->code, code) == 0;
}

uint32_t neo4j_classify(const char *code, int proven, int in_tx, int commit, enum neo4j_trouble *trouble)
{
    const char *title = strncmp(code, "Neo.", 4) == 0 ? code + 4 : code;
    size_t i;

    *trouble = NEO4J_OTHER;
    /* a password that was good a while ago, a database that was there: somebody is at it */
    if (strcmp(title, "ClientError.Security.Unauthorized") == 0 ||
        strcmp(title, "ClientError.Security.CredentialsExpired") == 0 ||
        strcmp(title, "ClientError.Security.TokenExpired") == 0 ||
        strncmp(title, "ClientError.Database.", 21) == 0)
        return proven ? SLUICE_DISCONNECTED : SLUICE_FATAL;
    /* a statement that failed took its transaction with it; a commit that failed may be half done */
    if (commit && strncmp(title, "DatabaseError.Transaction.", 26) == 0)
        return SLUICE_UNSURE;
    for (i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (!meaning_fits(&meanings[i], title))
            continue;
        *trouble = meanings[i].trouble;
        /* a commit that finds no transaction may be the second copy of one that did it */
        if (*trouble == NEO4J_LOST && in_tx && commit)
            return SLUICE_UNSURE;
        return meanings[i].verdict;
    }
    return commit ? SLUICE_UNSURE : SLUICE_DISCONNECTED;
}

/* libcurl's and OpenSSL's words, and which option they are about. */
static const struct {
    const char *words, *option, *hint;
} tls_hints[] = {
    {"issuer certificate", "ca_file",
     "if an authority of your own signed it, name that one's PEM file in ca_file"},
    {"self-signed", "ca_file", "name the PEM file of the authority that signed it in ca_file"},
    {"self signed", "ca_file", "name the PEM file of the authority that signed it in ca_file"},
    {"setting certificate", "ca_file", "ca_file must be a PEM file of authorities"},
    {"host name", "url", "url must name the server as its certificate does"},
    {"wrong version number", "url",
     "no TLS is spoken there: url wants the port for https (7473), or http://"},
};

uint32_t neo4j_unreached(const struct neo4j *n, uint32_t code, const char *words, struct sluice_error *err)
{
    size_t i;

    for (i = 0; i < sizeof tls_hints / sizeof *tls_hints; i++)
        if (strstr(words, tls_hints[i].words) != NULL)
            return sluice_fail(err, code, tls_hints[i].option, "%s: %s; %s", n->url, words,
                               tls_hints[i].hint);
    return sluice_fail(err, code, NULL, "%s: %s", n->url, words);
}
