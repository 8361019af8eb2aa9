/* sink_file: what the two parts of sink/file share. */
#ifndef SLUICE_PLUGINS_SINK_FILE_H
#define SLUICE_PLUGINS_SINK_FILE_H

#include <sys/types.h>

#include <sluice/plugin.h>

#define FILE_MAX_LINE (256u << 20) /* bytes of one line */
#define FILE_WRITE_AT (1u << 20)   /* bytes held after which lines go to the file */

struct file_sink {
    const struct sluice_host *host;
    const char *path;
    int payload; /* write payloads, not documents */
    int fd;      /* -1: not open */
    off_t good;  /* end of the last durable line */
    int torn;    /* what the file holds behind good is ours and not durable */
    char *lines; /* on their way to the file */
    size_t len, cap;
};

/* Opens the file if it is not open, or is not the one of that name any more. */
uint32_t file_open(struct file_sink *s, struct sluice_error *err);
/* Finds good in the open file.  OK, RETRY or FATAL. */
uint32_t file_find_good(struct file_sink *s, struct sluice_error *err);
uint32_t file_say(const struct file_sink *s, uint32_t code, struct sluice_error *err, const char *what);

/* sluice_sink_ops.write */
uint32_t file_write(void *self, struct sluice_record *const *records, uint32_t n,
                    const struct sluice_verdicts *verdicts, struct sluice_error *err);

#endif
