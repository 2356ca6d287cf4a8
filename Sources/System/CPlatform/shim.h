#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What C has as macros or with a variable number of arguments, and Swift's Glibc module therefore writes again in Swift.
 * One such function brings in all of that module, and with it a symbol of glibc 2.35; the library promises 2.34. */
static inline int dc_errno(void)
{
    return errno;
}
static inline int dc_open(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}
static inline int dc_is_file(mode_t mode)
{
    return S_ISREG(mode);
}
static inline int dc_is_directory(mode_t mode)
{
    return S_ISDIR(mode);
}
static inline int dc_is_writable_by_others(mode_t mode)
{
    return (mode & (S_IWGRP | S_IWOTH)) != 0;
}

/* Has the disk take a part of a file, and waits for that; not for what says where it lies. SYNC_FILE_RANGE_WAIT_BEFORE,
 * _WRITE and _WAIT_AFTER. */
static inline void dc_flush(int file, long start, long count)
{
    (void)syscall(SYS_sync_file_range, file, start, count, 7u);
}

/* Renames, but never over what is there: -1 with EEXIST. glibc declares renameat2 and RENAME_NOREPLACE for _GNU_SOURCE
 * alone, and linux/fs.h defines much besides. */
static inline int dc_rename_new(const char *from, const char *to)
{
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 1u);
}
