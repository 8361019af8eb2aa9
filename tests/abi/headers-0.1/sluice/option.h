/* sluice/option.h: what a plugin can be configured with.
 *
 * One table drives validation (with file:line:column and the nearest name),
 * defaults, redaction, `sluice plugin inspect`, the reference page and the
 * skeleton.  The host validates a block against the table before create, so the
 * getters of host.h cannot fail for an option of the table.  Rules between two
 * options belong in create: return SLUICE_INVALID and name the option.
 */
#ifndef SLUICE_OPTION_H
#define SLUICE_OPTION_H

#include <sluice/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Types.  The text form is that of the config file. */
#define SLUICE_STRING 1u
#define SLUICE_INTEGER 2u  /* signed 64 bit */
#define SLUICE_NUMBER 3u   /* double, finite */
#define SLUICE_BOOLEAN 4u  /* true | false */
#define SLUICE_SIZE 5u     /* bytes: 512, 64KiB, 16MiB, 1GiB */
#define SLUICE_DURATION 6u /* milliseconds: 250ms, 5s, 10m, 2h, 1d */
#define SLUICE_CHOICE 7u   /* one of choices */
#define SLUICE_URL 8u      /* http:// or https://, no user info */
#define SLUICE_PATH 9u     /* a file; relative to the config file that names it */
#define SLUICE_LIST 10u    /* strings; a single scalar is a list of one */
#define SLUICE_MAP 11u     /* key -> string or list of strings */
#define SLUICE_FIELD 12u   /* path into a document: user_id, data.fidos[].id */

/* Flags. */
#define SLUICE_REQUIRED 0x1u   /* must be given; has no default */
#define SLUICE_SECRET 0x2u     /* never printed, wiped on free; has no default */
#define SLUICE_DEPRECATED 0x4u /* accepted with a warning that names replaced_by */
#define SLUICE_RELOADABLE 0x8u /* the plugin takes a new value without restart */
#define SLUICE_CREATES 0x10u   /* PATH: a file that the plugin writes; need not exist */

struct sluice_option {
    const char *name; /* [a-z][a-z0-9_]* */
    uint32_t type;
    uint32_t flags;
    const char *default_text; /* as in a config file; NULL: unset */
    const char *min;          /* inclusive bounds, as text; NULL: none */
    const char *max;
    const char *choices; /* CHOICE: names separated by '|' */
    const char *summary; /* one line, required */
    const char *details; /* more, or NULL */
    const char *example; /* a value fit to paste, or NULL */
    const char *since;   /* plugin version, or NULL */
    const char *replaced_by;
};

#ifdef __cplusplus
}
#endif
#endif
