#include "fork_gate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

/* How many threads are inside, times ONE, and two flags: the gate is closed; somebody waits until nobody is inside. */
enum { CLOSED = 1, AWAITED = 2, ONE = 4 };
static atomic_uint state;
/* Held to wait for a change of `state`, and to tell of one. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
/* Calls of the runtime that this thread is in the middle of, one within the other. Who closed the gate may still pass. */
static _Thread_local unsigned depth;

static void tell(void)
{
    pthread_mutex_lock(&mutex);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void go(void)
{
    if (atomic_fetch_sub(&state, ONE) & AWAITED) {
        tell();
    }
}

static void enter(void)
{
    if (depth++ > 0) {
        return;
    }
    while (atomic_fetch_add(&state, ONE) & CLOSED) {
        go();
        pthread_mutex_lock(&mutex);
        while (atomic_load(&state) & CLOSED) {
            pthread_cond_wait(&changed, &mutex);
        }
        pthread_mutex_unlock(&mutex);
    }
}

static void leave(void)
{
    if (--depth == 0) {
        go();
    }
}

bool dc_fork_gate_close(void)
{
    unsigned seen = atomic_load(&state);
    while (seen < ONE && !(seen & CLOSED)) {
        if (atomic_compare_exchange_weak(&state, &seen, seen | CLOSED)) {
            depth++;
            return true;
        }
    }
    return false;
}

void dc_fork_gate_await(void)
{
    pthread_mutex_lock(&mutex);
    /* Another one who waits may have taken the flag back. */
    while (atomic_fetch_or(&state, AWAITED) >= ONE) {
        pthread_cond_wait(&changed, &mutex);
    }
    atomic_fetch_and(&state, ~(unsigned)AWAITED);
    pthread_mutex_unlock(&mutex);
}

void dc_fork_gate_open(void)
{
    depth--;
    atomic_fetch_and(&state, ~(unsigned)CLOSED);
    tell();
}

void dc_fork_gate_renew(void)
{
    depth--;
    pthread_mutex_init(&mutex, NULL);
    pthread_cond_init(&changed, NULL);
    atomic_store(&state, 0);
}

/* --- What goes through it ----------------------------------------------------------------------------------------- */

/* The runtime's functions take up to six words and give up to two, all in registers, so that one form fits them all. */
typedef struct {
    void *first, *second;
} words;
typedef void *word;

#define GATED(name)                                                                            \
    words __real_##name(word a, word b, word c, word d, word e, word f) __attribute__((weak)); \
    words __wrap_##name(word a, word b, word c, word d, word e, word f);                       \
    words __wrap_##name(word a, word b, word c, word d, word e, word f)                        \
    {                                                                                          \
        enter();                                                                               \
        words made = __real_##name(a, b, c, d, e, f);                                          \
        leave();                                                                               \
        return made;                                                                           \
    }

GATED(swift_checkMetadataState)
GATED(swift_conformsToProtocolCommon)
GATED(swift_dynamicCast)
GATED(swift_getAssociatedConformanceWitness)
GATED(swift_getAssociatedTypeWitness)
GATED(swift_getForeignTypeMetadata)
GATED(swift_getGenericMetadata)
GATED(swift_getKeyPath)
GATED(swift_getTypeByMangledNameInContext2)
GATED(swift_getTypeByMangledNameInContextInMetadataState2)
GATED(swift_getWitnessTable)

/* The most frequent of all. What the runtime writes for a global that is made is a negative number; were it another one,
 * this would be slower and no less right, since it is still the runtime that decides. */
void __real_swift_once(atomic_int *once, void (*make)(void *), void *context) __attribute__((weak));
void __wrap_swift_once(atomic_int *once, void (*make)(void *), void *context);
void __wrap_swift_once(atomic_int *once, void (*make)(void *), void *context)
{
    if (atomic_load_explicit(once, memory_order_acquire) < 0) {
        return;
    }
    enter();
    __real_swift_once(once, make, context);
    leave();
}
