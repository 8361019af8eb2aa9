/* backfill_folder: a folder of a backfill's own for its list and its dead letters, gone with it. */
#ifndef SLUICE_CORE_BACKFILL_FOLDER_H
#define SLUICE_CORE_BACKFILL_FOLDER_H

#include <sluice/abi.h>

/* A new folder (0700) in parent, or, if that is NULL, in TMPDIR or /tmp.  Absolute; the caller frees.
 * NULL with err. */
char *backfill_folder_make(const char *parent, struct sluice_error *err);
/* The folder with all in it, and the text. */
void backfill_folder_remove(char *folder);
/* Folders that processes which were killed left in parent: nobody else may work there now. */
void backfill_folder_sweep(const char *parent);
/* "folder/name"; the caller frees.  NULL: no memory. */
char *backfill_folder_file(const char *folder, const char *name);

#endif
