#define _GNU_SOURCE
#include "sqlite_locks.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>

static _Thread_local unsigned depth;
static atomic_bool missing;
/* The program uses this SQLite too, and may have taken a lock that we give up. */
static atomic_bool shared;

static int of_description(int command) { return command == F_GETLK ? F_OFD_GETLK : F_OFD_SETLK; }

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
        int result = fcntl(fd, of_description(command), &ours);
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

bool dc_sqlite_locks_install(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
    return vfs != NULL && vfs->iVersion >= 3 &&
           vfs->xSetSystemCall(vfs, "fcntl", (sqlite3_syscall_ptr)locking_fcntl) == SQLITE_OK;
}

void dc_sqlite_locks_enter(void) { depth++; }
void dc_sqlite_locks_leave(void) { depth--; }

bool dc_sqlite_locks_are_missing(void) { return atomic_load(&missing); }
