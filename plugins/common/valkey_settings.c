/* valkey_settings: where the server is and how to log in, from the options. */
#include <stdlib.h>
#include <string.h>

#include "valkey.h"

#define DEFAULT_PORT "6379"
#define NO_TLS                                                                                               \
    "this build speaks to Valkey without TLS (hiredis 0.14 has none); put a TLS proxy such as stunnel "      \
    "beside the worker and name its address here"

static int starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static uint32_t bad_address(struct sluice_error *err, const char *text, const char *why)
{
    return sluice_fail(err, SLUICE_INVALID, "address",
                       "'%.200s' is not an address: %s; write host:port, [v6]:port or unix:/path", text, why);
}

/* -1, or 0: the n bytes at from are in out, with a NUL. */
static int copy(char *out, size_t cap, const char *from, size_t n)
{
    if (n >= cap)
        return -1;
    memcpy(out, from, n);
    out[n] = '\0';
    return 0;
}

static uint32_t read_port(struct valkey_settings *s, const char *text, const char *port,
                          struct sluice_error *err)
{
    char *end;
    long n = strtol(port, &end, 10);

    if (*port < '0' || *port > '9' || *end != '\0' || n < 1 || n > 65535)
        return bad_address(err, text, "the port is not a number from 1 to 65535");
    (void)snprintf(s->port, sizeof s->port, "%ld", n);
    return SLUICE_OK;
}

static uint32_t read_host(struct valkey_settings *s, const char *text, const char *at,
                          struct sluice_error *err)
{
    const char *end, *port;

    if (*at == '[') {
        at++;
        end = strchr(at, ']');
        if (end == NULL)
            return bad_address(err, text, "a bracket is not closed");
        port = end + 1;
    } else {
        end = at + strcspn(at, ":");
        port = end;
        if (*port == ':' && strchr(port + 1, ':') != NULL)
            return bad_address(err, text, "an IPv6 address stands in brackets");
    }
    if (end == at || copy(s->host, sizeof s->host, at, (size_t)(end - at)) != 0)
        return bad_address(err, text, "the host is empty or too long");
    if (*port == '\0')
        return read_port(s, text, DEFAULT_PORT, err);
    return *port == ':' ? read_port(s, text, port + 1, err)
                        : bad_address(err, text, "something stands behind the bracket");
}

static uint32_t read_address(struct valkey_settings *s, const char *text, struct sluice_error *err)
{
    const char *at = text;

    if (starts(text, "rediss://") || starts(text, "valkeys://"))
        return sluice_fail(err, SLUICE_INVALID, "address", "%s", NO_TLS);
    if (starts(text, "unix:")) {
        s->port[0] = '\0';
        /* 107 bytes are what a socket's address can hold */
        if (text[5] != '/' || copy(s->host, 108, text + 5, strlen(text + 5)) != 0)
            return bad_address(err, text, "the path of a socket is absolute and at most 107 bytes long");
        return SLUICE_OK;
    }
    if (starts(text, "redis://") || starts(text, "valkey://"))
        at = strstr(text, "://") + 3;
    if (strchr(at, '@') != NULL) /* it may hold a secret: not repeated */
        return sluice_fail(err, SLUICE_INVALID, "address",
                           "the address holds an '@': user and password have options of their own");
    if (strchr(at, '/') != NULL)
        return bad_address(err, text, "the database has an option of its own, db");
    return read_host(s, text, at, err);
}

/* The names of the options, in the order of VALKEY_OPTIONS_AS. */
static const char *const names[] = {"address",         "user",           "password", "db", "tls",
                                    "connect_timeout", "command_timeout"};

#define NAME_MAX_LEN 64u

/* An option's name with its prefix, into out. */
static const char *with(const char *prefix, const char *name, char out[NAME_MAX_LEN])
{
    (void)snprintf(out, NAME_MAX_LEN, "%s%s", prefix, name);
    return out;
}

void valkey_error_as(const char *prefix, struct sluice_error *err)
{
    char name[NAME_MAX_LEN];
    size_t i;

    for (i = 0; err != NULL && i < sizeof names / sizeof *names; i++)
        if (strcmp(err->option, names[i]) == 0) {
            (void)with(prefix, names[i], name);
            (void)snprintf(err->option, sizeof err->option, "%s", name);
            return;
        }
}

/* Options that say something about a server that nobody named. */
static uint32_t no_address(const struct sluice_host *host, const struct sluice_config *config,
                           const char *prefix, struct sluice_error *err)
{
    static const char *const needs[] = {"user", "password", "tls", "db"};
    char name[NAME_MAX_LEN];
    size_t i;

    for (i = 0; i < sizeof needs / sizeof *needs; i++)
        if (host->option_given(config, with(prefix, needs[i], name)))
            return sluice_fail(err, SLUICE_INVALID, needs[i],
                               "'%s' is about Valkey and no server is named; set %saddress", name, prefix);
    return SLUICE_OK;
}

static uint32_t read_settings(const struct sluice_host *host, const struct sluice_config *config,
                              const char *prefix, struct valkey_settings *out, struct sluice_error *err)
{
    char name[NAME_MAX_LEN];
    const char *address = host->option_string(config, with(prefix, "address", name));

    memset(out, 0, sizeof *out);
    if (address == NULL)
        return no_address(host, config, prefix, err);
    if (host->option_integer(config, with(prefix, "tls", name)) != 0)
        return sluice_fail(err, SLUICE_INVALID, "tls", "%s", NO_TLS);
    out->user = host->option_string(config, with(prefix, "user", name));
    out->password = host->option_string(config, with(prefix, "password", name));
    out->db = host->option_integer(config, with(prefix, "db", name));
    out->connect_ms = (uint32_t)host->option_integer(config, with(prefix, "connect_timeout", name));
    out->command_ms = (uint32_t)host->option_integer(config, with(prefix, "command_timeout", name));
    if (out->user != NULL && out->password == NULL)
        return sluice_fail(err, SLUICE_INVALID, "user", "a user is named without a password; set %spassword",
                           prefix);
    return read_address(out, address, err);
}

uint32_t valkey_settings_read_as(const struct sluice_host *host, const struct sluice_config *config,
                                 const char *prefix, struct valkey_settings *out, struct sluice_error *err)
{
    uint32_t code = read_settings(host, config, prefix, out, err);

    if (code != SLUICE_OK)
        valkey_error_as(prefix, err);
    return code;
}

uint32_t valkey_settings_read(const struct sluice_host *host, const struct sluice_config *config,
                              struct valkey_settings *out, struct sluice_error *err)
{
    return valkey_settings_read_as(host, config, "", out, err);
}
