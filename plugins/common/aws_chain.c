/* aws_chain: the order of the places, and the keys that are held.
 *
 * Invariant: what is handed out is a copy, so a refresh never pulls keys from under a
 * request.  Secrets are wiped before their memory is given back. */
#include "aws_chain_private.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#define EARLY_MS INT64_C(300000) /* refresh so long before the end */
#define PAUSE_MS INT64_C(30000)  /* between two refreshes that fail while keys still serve */

static const char *process_env(const char *name)
{
    return getenv(name);
}

const char *aws_env(const struct aws_options *o, const char *name)
{
    const char *value = o->env(name);

    return value == NULL || value[0] == '\0' ? NULL : value;
}

struct aws_chain *aws_chain_new(const struct aws_options *options)
{
    struct aws_chain *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->o = *options;
    if (c->o.env == NULL)
        c->o.env = process_env;
    if (c->o.timeout_ms == 0)
        c->o.timeout_ms = 5000;
    (void)pthread_mutex_init(&c->lock, NULL);
    return c;
}

static void found_free(struct aws_found *f)
{
    if (f != NULL)
        OPENSSL_cleanse(f, sizeof *f);
    free(f);
}

void aws_chain_free(struct aws_chain *c)
{
    if (c == NULL)
        return;
    found_free(c->now);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

const struct aws_options *aws_chain_options(const struct aws_chain *c)
{
    return &c->o;
}

static int copy_value(char *out, size_t size, const char *value, const char *what, struct sluice_error *err)
{
    size_t len = strlen(value);

    if (len >= size || strpbrk(value, "\r\n") != NULL) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "%s is longer than %zu bytes or has a line end", what,
                          size - 1);
        return -1;
    }
    memcpy(out, value, len + 1);
    return 0;
}

/* --- places without a network ------------------------------------------------------- */

static int from_environment(const struct aws_options *o, struct aws_found *out, struct sluice_error *err)
{
    const char *id = aws_env(o, "AWS_ACCESS_KEY_ID"), *secret = aws_env(o, "AWS_SECRET_ACCESS_KEY");
    const char *token = aws_env(o, "AWS_SESSION_TOKEN");

    if (id == NULL && secret == NULL)
        return 0;
    if (id == NULL || secret == NULL) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "%s is set and %s is not: set both or neither",
                          id != NULL ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                          id != NULL ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
        return -1;
    }
    if (copy_value(out->id, sizeof out->id, id, "AWS_ACCESS_KEY_ID", err) != 0 ||
        copy_value(out->secret, sizeof out->secret, secret, "AWS_SECRET_ACCESS_KEY", err) != 0 ||
        copy_value(out->token, sizeof out->token, token != NULL ? token : "", "AWS_SESSION_TOKEN", err) != 0)
        return -1;
    (void)snprintf(out->source, sizeof out->source, "the environment");
    return 1;
}

static const char *profile_name(const struct aws_options *o, int *asked)
{
    const char *name = o->profile != NULL ? o->profile : aws_env(o, "AWS_PROFILE");

    *asked = name != NULL;
    return name != NULL ? name : "default";
}

/* Settings that name keys in a way that is not read here: say so rather than go on and use others. */
static int refuse_other_ways(const struct aws_profiles *p, const char *profile, struct sluice_error *err)
{
    static const char *const ways[] = {"credential_process", "sso_session", "sso_start_url", "role_arn"};
    char value[1024];
    size_t i;

    for (i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (aws_profile_get(p, profile, ways[i], value, sizeof value)) {
            (void)sluice_fail(
                err, SLUICE_FATAL, NULL,
                "profile %.60s uses %s, which is not supported; put temporary keys into the "
                "environment: eval \"$(aws configure export-credentials --profile %.60s --format env)\"",
                profile, ways[i], profile);
            return 1;
        }
    return 0;
}

static int from_profile(const struct aws_options *o, const struct aws_profiles *p, struct aws_found *out,
                        struct sluice_error *err)
{
    char file[4096], role[512], region[64];
    int asked;
    const char *name = profile_name(o, &asked);

    if (aws_profile_get(p, name, "aws_access_key_id", out->id, sizeof out->id) &&
        aws_profile_get(p, name, "aws_secret_access_key", out->secret, sizeof out->secret)) {
        (void)aws_profile_get(p, name, "aws_session_token", out->token, sizeof out->token);
        (void)snprintf(out->source, sizeof out->source, "profile %.100s", name);
        return 1;
    }
    if (aws_profile_get(p, name, "web_identity_token_file", file, sizeof file) &&
        aws_profile_get(p, name, "role_arn", role, sizeof role))
        return aws_web_identity(o, file, role, aws_env(o, "AWS_ROLE_SESSION_NAME"),
                                aws_profile_get(p, name, "region", region, sizeof region) ? region : NULL,
                                out, err);
    if (refuse_other_ways(p, name, err))
        return -1;
    if (!asked)
        return 0;
    (void)sluice_fail(err, SLUICE_FATAL, NULL,
                      aws_profile_exists(p, name)
                          ? "profile %.100s has no aws_access_key_id and aws_secret_access_key"
                          : "there is no profile %.100s in the AWS config and credentials files",
                      name);
    return -1;
}

static int from_web_identity(const struct aws_options *o, struct aws_found *out, struct sluice_error *err)
{
    const char *file = aws_env(o, "AWS_WEB_IDENTITY_TOKEN_FILE"), *role = aws_env(o, "AWS_ROLE_ARN");

    if (file == NULL)
        return 0;
    if (role == NULL) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL,
                          "AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not: set both or neither");
        return -1;
    }
    return aws_web_identity(o, file, role, aws_env(o, "AWS_ROLE_SESSION_NAME"), NULL, out, err);
}

/* --- the chain ---------------------------------------------------------------------- */

static int look(const struct aws_options *o, struct aws_found *out, struct sluice_error *err)
{
    struct aws_profiles p;
    /* A profile named in the config is asked for by name: the environment must not win over it. */
    int found = o->profile != NULL ? 0 : from_environment(o, out, err);

    if (found != 0)
        return found;
    if (aws_profiles_read(o->env, &p, err) != 0)
        return -1;
    found = from_profile(o, &p, out, err);
    aws_profiles_release(&p);
    if (found == 0)
        found = from_web_identity(o, out, err);
    if (found == 0)
        found = aws_container(o, out, err);
    if (found == 0)
        found = aws_instance(o, out, err);
    if (found != 0)
        return found;
    (void)sluice_fail(
        err, SLUICE_FATAL, NULL,
        "no AWS credentials: neither AWS_ACCESS_KEY_ID nor a default profile, web identity, container "
        "or instance has any; set AWS_PROFILE or the environment, or give this machine a role");
    return -1;
}

static int still_good(const struct aws_chain *c, int64_t early)
{
    return c->now != NULL && !c->forgotten &&
           (c->now->expires_ms == 0 || c->o.host->now_ms(c->o.host) < c->now->expires_ms - early);
}

static int refresh(struct aws_chain *c, struct sluice_error *err)
{
    struct aws_found *next = calloc(1, sizeof *next);

    if (next == NULL) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the AWS credentials");
        return -1;
    }
    if (look(&c->o, next, err) != 1) {
        found_free(next);
        return -1;
    }
    if (next->expires_ms != 0 && next->expires_ms <= c->o.host->now_ms(c->o.host)) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL,
                          "the AWS credentials of %s have expired already, or this machine's clock is ahead",
                          next->source);
        found_free(next);
        return -1;
    }
    if (c->now == NULL || strcmp(c->now->source, next->source) != 0)
        sluice_log(c->o.host, SLUICE_INFO, "AWS credentials come from %s", next->source);
    found_free(c->now);
    c->now = next;
    c->forgotten = 0;
    c->tried_ms = 0;
    return 0;
}

static int copy_held(const struct aws_found *f, struct aws_held *out, struct sluice_error *err)
{
    size_t id = strlen(f->id) + 1, secret = strlen(f->secret) + 1, token = strlen(f->token) + 1;
    size_t source = strlen(f->source) + 1;
    char *text = malloc(id + secret + token + source);

    memset(out, 0, sizeof *out);
    if (text == NULL) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the AWS credentials");
        return -1;
    }
    out->text = text;
    out->keys.access_key_id = memcpy(text, f->id, id);
    out->keys.secret = memcpy(text + id, f->secret, secret);
    out->keys.token = token == 1 ? NULL : memcpy(text + id + secret, f->token, token);
    out->source = memcpy(text + id + secret + token, f->source, source);
    out->expires_ms = f->expires_ms;
    return 0;
}

int aws_chain_keys(struct aws_chain *c, struct aws_held *out, struct sluice_error *err)
{
    struct sluice_error own = {.struct_size = sizeof own};
    int64_t steady = c->o.host->steady_ms(c->o.host);
    int failed = 0;

    pthread_mutex_lock(&c->lock);
    if (!still_good(c, EARLY_MS) &&
        !(still_good(c, 0) && c->tried_ms != 0 && steady - c->tried_ms < PAUSE_MS)) {
        failed = refresh(c, &own) != 0;
        if (failed && still_good(c, 0)) {
            c->tried_ms = steady;
            failed = 0;
            sluice_log(c->o.host, SLUICE_WARN, "%s; the present AWS credentials serve until they end",
                       own.message);
        }
    }
    if (failed)
        (void)sluice_fail(err, own.code, NULL, "%s", own.message);
    else
        failed = copy_held(c->now, out, err) != 0;
    pthread_mutex_unlock(&c->lock);
    return failed ? -1 : 0;
}

void aws_held_release(struct aws_held *h)
{
    if (h->text != NULL) {
        OPENSSL_cleanse(h->text, strlen(h->text));
        OPENSSL_cleanse((char *)(uintptr_t)h->keys.secret, strlen(h->keys.secret));
        if (h->keys.token != NULL)
            OPENSSL_cleanse((char *)(uintptr_t)h->keys.token, strlen(h->keys.token));
    }
    free(h->text);
    memset(h, 0, sizeof *h);
}

void aws_chain_forget(struct aws_chain *c)
{
    pthread_mutex_lock(&c->lock);
    c->forgotten = 1;
    pthread_mutex_unlock(&c->lock);
}

int aws_chain_region(struct aws_chain *c, char *out, size_t size, struct sluice_error *err)
{
    const char *region = c->o.region;
    struct aws_profiles p;
    int asked, found;

    if (region == NULL)
        region = aws_env(&c->o, "AWS_REGION");
    if (region == NULL)
        region = aws_env(&c->o, "AWS_DEFAULT_REGION");
    if (region != NULL)
        return copy_value(out, size, region, "the AWS region", err);
    if (aws_profiles_read(c->o.env, &p, err) != 0)
        return -1;
    found = aws_profile_get(&p, profile_name(&c->o, &asked), "region", out, size);
    aws_profiles_release(&p);
    if (found)
        return 0;
    (void)sluice_fail(err, SLUICE_FATAL, NULL,
                      "no AWS region: set it in the config, in AWS_REGION, or in the profile");
    return -1;
}
