#define _GNU_SOURCE
#include "sqlite_locks.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static _Thread_local unsigned depth;
static atomic_bool missing;
/* The program uses this SQLite too, and may have taken a lock that we give up. */
static atomic_bool shared;

/* A lock on a database is the process's, whichever of its connections took it: SQLite counts who shares it. So all of them
 * lock by one description, a duplicate of the first one's descriptor, until the last lets go. What is beside a database has
 * one descriptor anyway. */
static const off_t FIRST_LOCK = 0x40000000;  /* SQLite's PENDING_BYTE */
static const off_t SHARED_LOCK = 0x40000002; /* its SHARED_FIRST: without this one no other is kept */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct held {
    struct held *next;
    dev_t device;
    ino_t inode;
    int descriptor;
    bool is_shared;
} * all_held;

static void drop(struct held **place)
{
    struct held *held = *place;
    *place = held->next;
    close(held->descriptor);
    free(held);
}

/* What was taken for an attempt that came to nothing must not stay: a child of a fork would inherit it. */
static int lock_database(int fd, struct flock *lock)
{
    struct stat status;
    struct held **place = &all_held, *held;
    bool unlocks = lock->l_type == F_UNLCK, unlocks_all = unlocks && lock->l_len == 0;
    if (fstat(fd, &status) != 0) {
        return -1;
    }
    pthread_mutex_lock(&mutex);
    while (*place != NULL && ((*place)->device != status.st_dev || (*place)->inode != status.st_ino)) {
        place = &(*place)->next;
    }
    if (*place == NULL && !unlocks && (held = malloc(sizeof *held)) != NULL) {
        *held = (struct held){NULL, status.st_dev, status.st_ino, fcntl(fd, F_DUPFD_CLOEXEC, 0), false};
        if (held->descriptor < 0) {
            free(held);
        } else {
            *place = held;
        }
    }
    held = *place;
    int result = fcntl(held == NULL ? fd : held->descriptor, F_OFD_SETLK, lock), problem = errno;
    if (held != NULL) {
        bool takes_shared = !unlocks && result == 0 && lock->l_start == SHARED_LOCK;
        held->is_shared = !unlocks_all && (held->is_shared || takes_shared);
        if (!held->is_shared && (unlocks || result != 0)) {
            drop(place);
        }
    }
    pthread_mutex_unlock(&mutex);
    errno = problem;
    return result;
}

static int of_description(int command)
{
    return command == F_GETLK ? F_OFD_GETLK : F_OFD_SETLK;
}

static int locking_fcntl(int fd, int command, ...)
{
    va_list arguments;
    void *argument;
    va_start(arguments, command);
    argument = va_arg(arguments, void *); /* SQLite passes an int or a pointer, and both come as one word */
    va_end(arguments);
    if (command != F_GETLK && command != F_SETLK) {
        return fcntl(fd, command, argument);
    }
    struct flock *lock = argument;
    bool gives_up = command == F_SETLK && lock->l_type == F_UNLCK;
    if (depth == 0) {
        atomic_store(&shared, true);
    }
    if (!atomic_load(&missing) && (depth > 0 || gives_up)) {
        struct flock ours = *lock;
        ours.l_pid = 0; /* as Linux demands */
        bool is_database = command == F_SETLK && (lock->l_start >= FIRST_LOCK || (gives_up && lock->l_len == 0));
        int result = is_database ? lock_database(fd, &ours) : fcntl(fd, of_description(command), &ours);
        if (result == 0 && command == F_GETLK) {
            *lock = ours;
        }
        if (result != 0 && errno == EINVAL) {
            atomic_store(&missing, true);
        } else if (!gives_up || !atomic_load(&shared)) {
            return result;
        }
    }
    return fcntl(fd, command, lock);
}

static int opening(const char *path, int flags, int mode)
{
    int fd = open(path, depth > 0 ? flags | O_NONBLOCK : flags, mode);
    /* Somebody has a lease of the file, such as a file server, and is told to give it up. */
    return fd < 0 && depth > 0 && errno == EWOULDBLOCK ? open(path, flags, mode) : fd;
}

bool dc_sqlite_locks_install(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
    return vfs != NULL && vfs->iVersion >= 3 &&
           vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr)opening) == SQLITE_OK &&
           vfs->xSetSystemCall(vfs, "fcntl", (sqlite3_syscall_ptr)locking_fcntl) == SQLITE_OK;
}

void dc_sqlite_locks_enter(void)
{
    depth++;
}
void dc_sqlite_locks_leave(void)
{
    depth--;
}

void dc_sqlite_locks_before_fork(void)
{
    pthread_mutex_lock(&mutex); /* which the program's own use of SQLite takes outside of the fork guard */
    while (all_held != NULL) {
        drop(&all_held);
    }
}

void dc_sqlite_locks_after_fork(void)
{
    pthread_mutex_unlock(&mutex);
}

bool dc_sqlite_locks_are_missing(void)
{
    return atomic_load(&missing);
}
