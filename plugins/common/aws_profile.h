/* aws_profile: AWS's shared config and credentials files.
 *
 * A file is kept as text and searched; sections and keys are few. */
#ifndef SLUICE_PLUGINS_AWS_PROFILE_H
#define SLUICE_PLUGINS_AWS_PROFILE_H

#include <sluice/abi.h>

struct aws_profiles {
    char *config;      /* text of ~/.aws/config, or NULL */
    char *credentials; /* text of ~/.aws/credentials, or NULL */
};

/* Where the files are: AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, else below HOME. A
 * file that is not there is no error; one that cannot be read is.  0, or -1 with err. */
int aws_profiles_read(const char *(*env)(const char *name), struct aws_profiles *out,
                      struct sluice_error *err);
void aws_profiles_release(struct aws_profiles *p);

/* 1 if either file has the profile. */
int aws_profile_exists(const struct aws_profiles *p, const char *profile);
/* A setting, copied and NUL-terminated; the credentials file goes first.  1, or 0: not set
 * or longer than size. */
int aws_profile_get(const struct aws_profiles *p, const char *profile, const char *key, char *out,
                    size_t size);

#endif
