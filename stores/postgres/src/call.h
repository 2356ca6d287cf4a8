/* call.h - one call of the host: until when it may take, and what came of it. */
#ifndef CALL_H
#define CALL_H
#include "descope_conn_plugin.h"

#include <stdbool.h>

/** Set by the plugin's init, before anything else runs. */
extern const descope_conn_host *host;

#define NANOSECONDS_PER_MS 1000000u

struct call {
    const descope_conn_context *context; /* NULL while the store is being opened */
    uint64_t deadline_ns;                /* CLOCK_MONOTONIC; UINT64_MAX: none */
};

uint64_t now_ns(void);

/** Milliseconds until the deadline, rounded up; 0: it is over; at most `most`. */
int remaining_ms(const struct call *call, int most);

bool is_cancelled(const struct call *call);

/** Bytes that nobody can guess.
 * Returns: false if the system has none. */
bool random_bytes(void *bytes, size_t len);

/** Before attempt number `attempt` (1: the second one) is made: sleeps for a random time that gets longer from attempt to
 * attempt, and ends with the deadline. */
void back_off(const struct call *call, unsigned attempt);

#endif
