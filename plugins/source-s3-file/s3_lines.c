/* s3_lines: how many lines are the same as an earlier one of this run; counted, never left out.
 *
 * Kept as hashes (idset), in a set that doubles up to the memory that the option allows. */
#include "s3_source.h"

#define LINES_FIRST 4096u

/* Room for one more: 1, or 0. */
static int grow(struct s3_source *f)
{
    uint64_t room = f->lines == NULL ? LINES_FIRST : f->lines->room * 2;
    struct idset *wider;

    if (room > f->lines_max)
        room = f->lines_max;
    if (f->lines != NULL && room <= f->lines->room)
        return 0;
    wider = f->lines == NULL ? idset_new(room) : idset_widen(f->lines, room);
    if (wider == NULL)
        return 0;
    if (f->lines != NULL)
        idset_free(f->lines);
    f->lines = wider;
    return 1;
}

void s3_line_seen(struct record_stream *s, const struct sluice_item *item)
{
    struct s3_source *f = s->self;
    int added;

    if (f->lines_max == 0 || item->size > item->len)
        return;
    if (f->lines == NULL && !f->lines_full)
        f->lines_full = !grow(f);
    if (f->lines == NULL)
        return;
    added = idset_add(f->lines, item->data, (size_t)item->len);
    if (added < 0 && !f->lines_full) {
        f->lines_full = !grow(f);
        added = f->lines_full ? -1 : idset_add(f->lines, item->data, (size_t)item->len);
    }
    if (added != 0)
        return;
    f->duplicates++;
    f->host->metric_add(f->host, f->metric_duplicates, NULL, 1);
}

void s3_lines_told(struct record_stream *s)
{
    struct s3_source *f = s->self;

    if (f->cuts > 0)
        sluice_log(f->host, SLUICE_INFO, "%.200s: %llu ranges did not come whole and were asked for again",
                   f->url, (unsigned long long)f->cuts);
    if (f->duplicates > 0)
        sluice_log(f->host, SLUICE_INFO, "%.200s: %llu records are the same as an earlier one%s", f->url,
                   (unsigned long long)f->duplicates,
                   f->lines_full ? " (at least: duplicates_memory did not suffice for all)" : "");
    else if (f->lines_full)
        sluice_log(
            f->host, SLUICE_WARN,
            "%.200s: not all records could be compared with the earlier ones: duplicates_memory does not "
            "suffice",
            f->url);
    f->duplicates = f->cuts = 0;
    idset_free(f->lines);
    f->lines = NULL;
    f->lines_full = 0;
}
