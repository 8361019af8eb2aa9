/* A power cut after any operation leaves the old file or the new one, whole. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_write.h"
#include "one_suite.h"
#include "temp_dir.h"

/* A disk that remembers what was done to it, and in which order it may forget. */
enum op { OP_CREATE, OP_WRITE, OP_SYNC, OP_RENAME, OP_UNLINK, OP_SYNC_DIR };

#define MAX_OPS 64u
#define OLD_INODE 0u
#define NEW_INODE 1u

static struct {
    enum op ops[MAX_OPS];
    size_t lens[MAX_OPS]; /* WRITE */
    uint32_t n;
    uint32_t calls;     /* of any kind */
    uint32_t fail_at;   /* this call fails, 0: none */
    size_t chunk;       /* most bytes one write takes */
    uint32_t interrupt; /* this many writes answer EINTR first */
    int open_file, open_dir;
    char data[64];
    size_t len;
    char dir[PATH_MAX];
} disk;

static const char old_text[] = "the old content", new_text[] = "what is new, and longer than that";
static char why[256];

static void note(enum op op, size_t len)
{
    ck_assert_uint_lt(disk.n, MAX_OPS);
    disk.ops[disk.n] = op;
    disk.lens[disk.n++] = len;
}

static int fails(int number)
{
    if (++disk.calls != disk.fail_at)
        return 0;
    errno = number;
    return 1;
}

static int fake_open(void *context, const char *path, int flags, mode_t mode)
{
    (void)context;
    if (fails(ENOSPC))
        return -1;
    if (flags & O_DIRECTORY) {
        snprintf(disk.dir, sizeof disk.dir, "%s", path);
        disk.open_dir++;
        return 11;
    }
    ck_assert_str_eq(path, "some/dir/file.new");
    ck_assert_int_eq(flags & (O_CREAT | O_TRUNC | O_NOFOLLOW), O_CREAT | O_TRUNC | O_NOFOLLOW);
    ck_assert_uint_eq(mode, 0640);
    disk.open_file++;
    note(OP_CREATE, 0);
    return 10;
}

static ssize_t fake_write(void *context, int fd, const void *data, size_t len)
{
    size_t n = len < disk.chunk ? len : disk.chunk;

    (void)context;
    ck_assert_int_eq(fd, 10);
    if (fails(ENOSPC))
        return -1;
    if (disk.interrupt > 0) {
        disk.interrupt--;
        errno = EINTR;
        return -1;
    }
    memcpy(disk.data + disk.len, data, n);
    disk.len += n;
    note(OP_WRITE, n);
    return (ssize_t)n;
}

static int fake_fsync(void *context, int fd)
{
    (void)context;
    if (fails(EIO))
        return -1;
    note(fd == 11 ? OP_SYNC_DIR : OP_SYNC, 0);
    return 0;
}

static int fake_close(void *context, int fd)
{
    (void)context;
    *(fd == 11 ? &disk.open_dir : &disk.open_file) -= 1;
    return fails(EIO) ? -1 : 0;
}

static int fake_rename(void *context, const char *from, const char *to)
{
    (void)context;
    ck_assert_str_eq(from, "some/dir/file.new");
    ck_assert_str_eq(to, "some/dir/file");
    if (fails(EACCES))
        return -1;
    note(OP_RENAME, 0);
    return 0;
}

static int fake_unlink(void *context, const char *path)
{
    (void)context;
    ck_assert_str_eq(path, "some/dir/file.new");
    note(OP_UNLINK, 0);
    return 0;
}

static const struct file_calls calls = {.open = fake_open,
                                        .write = fake_write,
                                        .fsync = fake_fsync,
                                        .close = fake_close,
                                        .rename = fake_rename,
                                        .unlink = fake_unlink};

static int run(size_t chunk, uint32_t fail_at)
{
    memset(&disk, 0, sizeof disk);
    disk.chunk = chunk;
    disk.fail_at = fail_at;
    why[0] = '\0';
    return file_write(&calls, "some/dir/file", new_text, sizeof new_text, 0640, why, sizeof why);
}

/* What the disk surely has after the first k operations. */
struct durable {
    size_t written, synced; /* bytes of the new file */
    uint32_t dir_ops, dir_synced;
};

static struct durable after(uint32_t k)
{
    struct durable d = {0, 0, 0, 0};
    uint32_t i;

    for (i = 0; i < k; i++) {
        d.written += disk.ops[i] == OP_WRITE ? disk.lens[i] : 0;
        d.synced = disk.ops[i] == OP_SYNC ? d.written : d.synced;
        d.dir_ops += disk.ops[i] == OP_CREATE || disk.ops[i] == OP_RENAME || disk.ops[i] == OP_UNLINK;
        d.dir_synced = disk.ops[i] == OP_SYNC_DIR ? d.dir_ops : d.dir_synced;
    }
    return d;
}

/* The file that stands under the name when this many directory operations got to the disk. */
static uint32_t inode_at(uint32_t dir_ops)
{
    uint32_t i, inode = OLD_INODE;

    for (i = 0; i < disk.n && dir_ops > 0; i++) {
        if (disk.ops[i] == OP_RENAME)
            inode = NEW_INODE;
        dir_ops -= disk.ops[i] == OP_CREATE || disk.ops[i] == OP_RENAME || disk.ops[i] == OP_UNLINK;
    }
    return inode;
}

/* A power cut after k operations, with everything that the disk may have kept: whole every time? */
static void cut_after(uint32_t k, int must_be_new)
{
    struct durable d = after(k);
    uint32_t dir;
    size_t len;

    for (dir = d.dir_synced; dir <= d.dir_ops; dir++)
        for (len = d.synced; len <= d.written; len++) {
            if (inode_at(dir) == OLD_INODE) {
                ck_assert_msg(!must_be_new, "done was said, and a power cut brings the old file back");
                continue;
            }
            ck_assert_msg(len == sizeof new_text, "a power cut after %u operations leaves %zu bytes", k, len);
            ck_assert_mem_eq(disk.data, new_text, sizeof new_text);
        }
}

START_TEST(a_power_cut_after_any_operation_leaves_the_old_file_or_the_new_one)
{
    uint32_t k;

    ck_assert_int_eq(run(7, 0), 0);
    for (k = 0; k <= disk.n; k++)
        cut_after(k, k == disk.n);
}
END_TEST

START_TEST(the_directory_of_the_file_is_what_is_synced)
{
    run(64, 0);
    ck_assert_str_eq(disk.dir, "some/dir");
}
END_TEST

START_TEST(any_call_may_fail_and_the_old_file_stays_whole)
{
    uint32_t i, k;

    for (i = 1; run(16, i) != 0; i++) {
        ck_assert_msg(why[0] != '\0', "call %u failed without a word", i);
        ck_assert_int_eq(disk.open_file, 0);
        ck_assert_int_eq(disk.open_dir, 0);
        for (k = 0; k <= disk.n; k++)
            cut_after(k, 0);
        if (after(disk.n).dir_ops == 1)
            ck_abort_msg("call %u failed and left the new file beside", i);
    }
    ck_assert_uint_ge(i, 9);
}
END_TEST

START_TEST(the_words_name_the_file_and_what_happened)
{
    run(64, 2);
    ck_assert_str_eq(why, "cannot write some/dir/file.new: No space left on device");
    run(64, 3);
    ck_assert_str_eq(why, "cannot sync some/dir/file.new: Input/output error");
    run(64, 5);
    ck_assert_str_eq(why, "cannot replace some/dir/file: Permission denied");
}
END_TEST

START_TEST(an_interrupted_write_goes_on)
{
    memset(&disk, 0, sizeof disk);
    disk.chunk = 10;
    disk.interrupt = 3;
    ck_assert_int_eq(file_write(&calls, "some/dir/file", new_text, sizeof new_text, 0640, why, sizeof why),
                     0);
    ck_assert_mem_eq(disk.data, new_text, sizeof new_text);
}
END_TEST

START_TEST(a_disk_that_takes_nothing_is_a_failure_and_no_loop)
{
    ck_assert_int_eq(run(0, 0), -1);
    ck_assert_str_eq(why, "cannot write some/dir/file.new: Input/output error");
}
END_TEST

START_TEST(a_path_that_is_too_long_is_refused)
{
    static char path[PATH_MAX + 10];

    memset(path, 'x', sizeof path - 1);
    memset(&disk, 0, sizeof disk);
    ck_assert_int_eq(file_write(&calls, path, "", 0, 0640, why, sizeof why), -1);
    ck_assert_uint_eq(disk.n, 0);
}
END_TEST

static void read_back(const char *path, const char *want)
{
    char text[64] = "";
    FILE *f = fopen(path, "r");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fread(text, 1, sizeof text - 1, f), strlen(want));
    ck_assert_str_eq(text, want);
    fclose(f);
}

START_TEST(a_real_file_is_made_and_replaced_and_nothing_lies_beside_it)
{
    char *dir = temp_dir_make(), path[PATH_MAX], beside[PATH_MAX];
    struct stat st;

    snprintf(path, sizeof path, "%s/f", dir);
    snprintf(beside, sizeof beside, "%s/f.new", dir);
    ck_assert_int_eq(file_write(&file_calls_system, path, old_text, strlen(old_text), 0600, why, sizeof why),
                     0);
    read_back(path, old_text);
    ck_assert_int_eq(file_write(&file_calls_system, path, new_text, strlen(new_text), 0600, why, sizeof why),
                     0);
    read_back(path, new_text);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert_int_ne(stat(beside, &st), 0);
    temp_dir_remove(dir);
}
END_TEST

START_TEST(a_link_beside_the_file_is_not_followed)
{
    char *dir = temp_dir_make(), path[PATH_MAX], beside[PATH_MAX], victim[PATH_MAX];

    snprintf(path, sizeof path, "%s/f", dir);
    snprintf(beside, sizeof beside, "%s/f.new", dir);
    snprintf(victim, sizeof victim, "%s/victim", dir);
    ck_assert_int_eq(file_write(&file_calls_system, victim, "mine", 4, 0600, why, sizeof why), 0);
    ck_assert_int_eq(symlink(victim, beside), 0);
    ck_assert_int_eq(file_write(&file_calls_system, path, "x", 1, 0600, why, sizeof why), -1);
    read_back(victim, "mine");
    temp_dir_remove(dir);
}
END_TEST

START_TEST(a_directory_in_the_way_is_said_and_nothing_is_left)
{
    char *dir = temp_dir_make(), path[PATH_MAX], beside[PATH_MAX];
    struct stat st;

    snprintf(path, sizeof path, "%s/d", dir);
    snprintf(beside, sizeof beside, "%s/d.new", dir);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(file_write(&file_calls_system, path, "x", 1, 0600, why, sizeof why), -1);
    ck_assert_ptr_nonnull(strstr(why, "Is a directory"));
    ck_assert_int_ne(stat(beside, &st), 0);
    temp_dir_remove(dir);
}
END_TEST

ONE_SUITE("file_write", 20, a_power_cut_after_any_operation_leaves_the_old_file_or_the_new_one,
          the_directory_of_the_file_is_what_is_synced, any_call_may_fail_and_the_old_file_stays_whole,
          the_words_name_the_file_and_what_happened, an_interrupted_write_goes_on,
          a_disk_that_takes_nothing_is_a_failure_and_no_loop, a_path_that_is_too_long_is_refused,
          a_real_file_is_made_and_replaced_and_nothing_lies_beside_it, a_link_beside_the_file_is_not_followed,
          a_directory_in_the_way_is_said_and_nothing_is_left)
