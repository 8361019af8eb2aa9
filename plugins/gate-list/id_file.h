/* id_file: ids from a text file, one a line or in the first column of a CSV.
 *
 * Tolerated: CRLF, a byte order mark, blank lines, spaces around an id, repeated ids,
 * no newline at the end.  Refused, with the line: an id of more than 512 bytes or with
 * control characters, since such a file is not a list of ids and taking the rest of it
 * would deny users without a word. */
#ifndef SLUICE_PLUGINS_ID_FILE_H
#define SLUICE_PLUGINS_ID_FILE_H

#include <sluice/abi.h>

#include "../common/idset.h"

#define ID_FILE_MAX_ID 512u

struct id_file {
    const char *path;
    int csv;
    int header;       /* the first line is no id */
    uint64_t max_ids; /* lines, more precisely */
    uint64_t extra;   /* room to leave for ids that are not in the file */
};

/* A set with the ids of the file.  NULL with err: RETRY it cannot be read, FATAL it
 * is not a list of ids. */
struct idset *id_file_read(const struct id_file *f, struct sluice_error *err);

#endif
