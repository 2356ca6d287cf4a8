/* Preloaded into a process under test. It counts the system calls that have an effect outside of the process, and at a
 * chosen one ends the process, or has the disk full from then on. It can also move the clock of the day, have the machine
 * look as if it had been started anew, have syncs take their time, and give the process a loopback address of its own, by
 * which a server knows it.
 *
 * The process arms it itself, through ctypes; until then every call passes untouched. Nothing of this is in the library:
 * it calls the C library, as any program does, and the dynamic linker finds these functions first.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
    PASS,
    KILL_BEFORE,  /* SIGKILL instead of the call */
    KILL_HALFWAY, /* SIGKILL when half of it is done: of a write half of the bytes, of another call all of it */
    DISK_FULL,    /* this call and all after it find no room on the disk */
    DISK_BROKEN,  /* this call and all after it find that the disk does not answer */
};

static atomic_int mode = PASS;
static atomic_long chosen;
static atomic_long counted;
static atomic_long clock_offset; /* seconds */
static atomic_long sync_delay;   /* microseconds */
static atomic_int own_number;    /* 0: the address that everybody has */
static atomic_int own_boot;      /* 0: the machine's real one */

void meddle_arm(int new_mode, long step)
{
    mode = PASS;
    counted = 0;
    chosen = step;
    mode = new_mode;
}

/* How many calls were counted since it was armed. */
long meddle_steps(void)
{
    return counted;
}

void meddle_clock(long seconds)
{
    clock_offset = seconds;
}

/* 1 and more: another start of the machine, for what is opened from then on. */
void meddle_boot(int number)
{
    own_boot = number;
}

void meddle_slow(long microseconds)
{
    sync_delay = microseconds;
}

/* For descope_conn_set_log: what the library says goes to stderr. Not in Python, which ends before the library does. */
void meddle_log(void *user, int32_t level, const char *message, size_t size)
{
    (void)user, (void)level;
    dprintf(STDERR_FILENO, "process %d: %.*s\n", own_number, (int)size, message);
}

/* 0 to 2^24 - 3: the process connects to this machine from 127.0.0.1 plus the number. */
void meddle_number(int number)
{
    own_number = number;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* The mode that applies to this call. */
static int step(void)
{
    if (mode == PASS)
        return PASS;
    long number = atomic_fetch_add(&counted, 1) + 1;
    switch (atomic_load(&mode)) {
    case KILL_BEFORE:
        if (number == chosen)
            die();
        return PASS;
    case KILL_HALFWAY:
        return number == chosen ? KILL_HALFWAY : PASS;
    default:
        return number >= chosen ? mode : PASS;
    }
}

static int is_file(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

static int disk_error(int now)
{
    return now == DISK_FULL ? ENOSPC : EIO;
}

/* Calls that write `count` bytes, and answer how many. */
#define WRITE(name, parameters, whole, half) \
    ssize_t name parameters                  \
    {                                        \
        int now = step();                    \
        if (now == KILL_HALFWAY) {           \
            if (REAL(name) half < 0)         \
                die();                       \
            die();                           \
        }                                    \
        if (now != PASS && is_file(fd)) {    \
            errno = disk_error(now);         \
            return -1;                       \
        }                                    \
        return REAL(name) whole;             \
    }

/* Calls on a descriptor that answer 0 or -1. */
#define CHANGE(name, parameters, arguments, delay)                     \
    int name parameters                                                \
    {                                                                  \
        int now = step();                                              \
        if (delay > 0)                                                 \
            usleep(delay);                                             \
        if ((now == DISK_FULL || now == DISK_BROKEN) && is_file(fd)) { \
            errno = disk_error(now);                                   \
            return -1;                                                 \
        }                                                              \
        int result = REAL(name) arguments;                             \
        if (now == KILL_HALFWAY)                                       \
            die();                                                     \
        return result;                                                 \
    }

/* Calls that receive. */
#define RECEIVE(name, parameters, arguments)   \
    ssize_t name parameters                    \
    {                                          \
        int now = step();                      \
        ssize_t result = REAL(name) arguments; \
        if (now == KILL_HALFWAY)               \
            die();                             \
        return result;                         \
    }

WRITE(write, (int fd, const void *bytes, size_t count), (fd, bytes, count), (fd, bytes, count / 2))
WRITE(pwrite, (int fd, const void *bytes, size_t count, off_t at), (fd, bytes, count, at), (fd, bytes, count / 2, at))
WRITE(pwrite64, (int fd, const void *bytes, size_t count, off64_t at), (fd, bytes, count, at),
      (fd, bytes, count / 2, at))
WRITE(send, (int fd, const void *bytes, size_t count, int flags), (fd, bytes, count, flags),
      (fd, bytes, count / 2, flags))

CHANGE(fsync, (int fd), (fd), sync_delay)
CHANGE(fdatasync, (int fd), (fd), sync_delay)
CHANGE(ftruncate, (int fd, off_t size), (fd, size), 0)
CHANGE(ftruncate64, (int fd, off64_t size), (fd, size), 0)

RECEIVE(recv, (int fd, void *bytes, size_t count, int flags), (fd, bytes, count, flags))

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
    int now = step();
    if (own_number > 0 && address->sa_family == AF_INET) {
        struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + own_number)};
        if (bind(fd, (struct sockaddr *)&own, sizeof own) < 0)
            return -1;
    }
    int result = REAL(connect)(fd, address, size);
    if (now == KILL_HALFWAY)
        die();
    return result;
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    if (own_boot == 0 || strcmp(path, "/proc/sys/kernel/random/boot_id") != 0)
        return REAL(open)(path, flags, mode);
    int fd = memfd_create("boot_id", MFD_CLOEXEC);
    if (fd >= 0 && (dprintf(fd, "%d\n", own_boot) < 0 || lseek(fd, 0, SEEK_SET) < 0))
        return -1;
    return fd;
}

int unlink(const char *path)
{
    int now = step();
    int result = REAL(unlink)(path);
    if (now == KILL_HALFWAY)
        die();
    return result;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = REAL(clock_gettime)(clock, time);
    if (result == 0 && clock == CLOCK_REALTIME)
        time->tv_sec += clock_offset;
    return result;
}

time_t time(time_t *time)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (time)
        *time = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    int result = REAL(gettimeofday)(time, zone);
    if (result == 0)
        time->tv_sec += clock_offset;
    return result;
}
