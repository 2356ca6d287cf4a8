#define _GNU_SOURCE
#include "close_on_exec.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Weak: without `--wrap` there are none, and nobody calls what follows. */
int __real_open(const char *path, int flags, ...) __attribute__((weak));
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) {
        va_list rest;
        va_start(rest, flags);
        mode = (mode_t)va_arg(rest, unsigned);
        va_end(rest);
    }
    return __real_open(path, flags | O_CLOEXEC, mode);
}

int __real_socket(int domain, int type, int protocol) __attribute__((weak));
int __wrap_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol)
{
    return __real_socket(domain, type | SOCK_CLOEXEC, protocol);
}

int __real_socketpair(int domain, int type, int protocol, int ends[2]) __attribute__((weak));
int __wrap_socketpair(int domain, int type, int protocol, int ends[2]);
int __wrap_socketpair(int domain, int type, int protocol, int ends[2])
{
    return __real_socketpair(domain, type | SOCK_CLOEXEC, protocol, ends);
}

/* OpenSSL's is the one for large files, libcurl's is not. */
#define OPENS(name)                                                                \
    FILE *__real_##name(const char *path, const char *mode) __attribute__((weak)); \
    FILE *__wrap_##name(const char *path, const char *mode);                       \
    FILE *__wrap_##name(const char *path, const char *mode)                        \
    {                                                                              \
        char closing[16];                                                          \
        if (strlen(mode) + 2 > sizeof closing) {                                   \
            return NULL;                                                           \
        }                                                                          \
        strcpy(closing, mode);                                                     \
        strcat(closing, "e");                                                      \
        return __real_##name(path, closing);                                       \
    }

OPENS(fopen)
OPENS(fopen64)
