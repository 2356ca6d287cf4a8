#define _GNU_SOURCE
#include "call.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

const descope_conn_host *host;

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int remaining_ms(const struct call *call, int most)
{
    uint64_t now, left;
    if (call->deadline_ns == UINT64_MAX) {
        return most;
    }
    now = now_ns();
    if (now >= call->deadline_ns) {
        return 0;
    }
    left = (call->deadline_ns - now - 1) / NANOSECONDS_PER_MS + 1;
    return left < (uint64_t)most ? (int)left : most;
}

bool is_cancelled(const struct call *call)
{
    return call->context != NULL && host->cancelled(call->context) != 0;
}

bool random_bytes(void *bytes, size_t len)
{
    uint8_t *at = bytes;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += got;
        len -= (size_t)got;
    }
    return true;
}

void back_off(const struct call *call, unsigned attempt)
{
    uint32_t random = 0;
    uint32_t most_ms = 4u << (attempt < 6 ? attempt : 6); /* 8 to 256 */
    int slept_ms;
    struct timespec pause;
    (void)random_bytes(&random, sizeof random);
    slept_ms = remaining_ms(call, (int)(random % most_ms) + 1);
    pause.tv_sec = 0;
    pause.tv_nsec = (long)slept_ms * (long)NANOSECONDS_PER_MS;
    nanosleep(&pause, NULL);
}
