/* id_text: user ids from a text: one a line, or between commas.
 *
 * Tolerated and counted: CRLF, a byte order mark, a header line, blank and repeated ids, further columns of
 * a CSV.  What cannot be an id (above 512 bytes, or with control characters or spaces
 * in it) is left out and counted; a text with nothing but such is no list. */
#ifndef SLUICE_PLUGINS_ID_TEXT_H
#define SLUICE_PLUGINS_ID_TEXT_H

#include <sluice/abi.h>

#include "idset.h"

#define ID_TEXT_MAX_ID 512u

struct id_count {
    uint64_t ids, repeated, blank, bad, header;
};

/* May it be an id; is it the name of a column of ids (user_id, ids, …)? */
int id_is_valid(struct sluice_str s);
int id_is_header(struct sluice_str s);

/* How many ids the text can have at most. */
uint64_t id_text_room(struct sluice_str text, char separator);
/* Separator '\n': a list file, whose first line may be a header and whose first column counts;
 * ',': inline ids.  0, or -1: the set is full (the room was not asked for). */
int id_text_add(struct idset *s, struct sluice_str text, char separator, struct id_count *count);
/* Calls each with every id that id_text_add would take, repeated ones too; stops at what
 * is not 0 and returns it. */
int id_text_each(struct sluice_str text, char separator, struct id_count *count,
                 int (*each)(void *context, struct sluice_str id), void *context);

#endif
