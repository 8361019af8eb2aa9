/* s3_double: objects over HTTP as S3 serves them, and the faults that a real server will not show.
 *
 * Ranges, ETag and If-Match as S3 has them; signatures are not looked at (the tests with moto do that). */
#ifndef SLUICE_TESTS_S3_DOUBLE_H
#define SLUICE_TESTS_S3_DOUBLE_H

#include <stddef.h>
#include <stdint.h>

struct s3_double;

/* What happens to the next `times` requests once `after` more were served well. */
struct s3_fault {
    uint32_t after, times;
    uint32_t status;  /* this status with the code below; 0: as usual */
    const char *code; /* of the error's XML, or NULL */
    uint64_t cut;     /* > 0: the connection ends after so many bytes of the body */
    int whole;        /* the range is not heeded */
    int no_etag;
    int shifted; /* another range than was asked for */
};

struct s3_double *s3_double_start(void);
void s3_double_stop(struct s3_double *s);
const char *s3_double_url(const struct s3_double *s);
/* path: "/bucket/key".  Each put has an ETag of its own. */
void s3_double_put(struct s3_double *s, const char *path, const void *data, size_t len);
void s3_double_delete(struct s3_double *s, const char *path);
void s3_double_fault(struct s3_double *s, const struct s3_fault *fault);
uint32_t s3_double_asked(struct s3_double *s);
uint64_t s3_double_sent(struct s3_double *s); /* bytes of bodies that were asked for */
/* Of the last request. */
void s3_double_last(struct s3_double *s, char *range, char *if_match, size_t size);
/* Once `after` more requests were served the object becomes this one (data NULL: it is deleted). */
void s3_double_replace(struct s3_double *s, uint32_t after, const char *path, const void *data, size_t len);
/* The object as it is now; free() it; NULL: there is none. */
char *s3_double_get(struct s3_double *s, const char *path, size_t *len);

#endif
