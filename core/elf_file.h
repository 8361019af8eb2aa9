/* elf_file: reads a shared object's headers without trusting them.
 *
 * dlopen maps a file by what its headers say and is killed by SIGBUS if the file
 * ends before that, so a file is checked here first.  Every offset is compared
 * with the length before it is used; nothing outside data[0..len) is read. */
#ifndef SLUICE_CORE_ELF_FILE_H
#define SLUICE_CORE_ELF_FILE_H

#include <stddef.h>

#define ELF_MAX_FILE ((size_t)512 << 20) /* bytes; no plugin is larger */

struct elf_reason {
    char reason[192]; /* one sentence about the file */
    char remedy[128];
};

/* Can the dynamic linker of this process map the file?  0, or -1 with why. */
int elf_check(const unsigned char *data, size_t len, struct elf_reason *why);

/* Reads a whole file.  NULL with why; free() the result. */
unsigned char *elf_read(const char *path, size_t *len, struct elf_reason *why);

/* The exported (defined, visible) symbols of a file that elf_check accepted, by the
 * section headers.  Returns how many, or -1 if the file has no section headers. */
int elf_exports(const unsigned char *data, size_t len, void (*each)(void *context, const char *name),
                void *context);

#endif
