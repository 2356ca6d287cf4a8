#include "pool.h"

#include <time.h>

#define SECOND UINT64_C(1000000000)
/* An idle connection that is older is replaced, so that what has changed about the server, such as its address or the
 * password, gets noticed while both still work. */
static const uint64_t max_age_ns = 1800 * SECOND, max_idle_ns = 300 * SECOND;

void pool_init(struct pool *pool, const struct settings *settings)
{
    pthread_condattr_t attributes;
    pool->settings = settings;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->given, &attributes);
    pthread_condattr_destroy(&attributes);
    pool->idle = NULL;
    pool->open = 0;
}

static void close_all(struct connection *connection)
{
    while (connection != NULL) {
        struct connection *next = connection->next;
        connection_close(connection);
        connection = next;
    }
}

void pool_destroy(struct pool *pool)
{
    close_all(pool->idle);
    pthread_cond_destroy(&pool->given);
    pthread_mutex_destroy(&pool->mutex);
}

static bool is_usable(const struct connection *connection)
{
    uint64_t now = now_ns();
    return now - connection->made_ns < max_age_ns && now - connection->used_ns < max_idle_ns &&
           connection_is_quiet(connection);
}

/* Waits for an idle connection, or for the right to make one.
 * Returns: with *taken NULL one is to be made, and counted already. */
static struct failure wait_for_turn(struct pool *pool, const struct call *call, struct connection **taken)
{
    struct failure failure = no_failure();
    *taken = NULL;
    pthread_mutex_lock(&pool->mutex);
    while (pool->idle == NULL && pool->open == pool->settings->pool_size && failure.kind == FAILURE_NONE) {
        uint64_t until = now_ns() + (uint64_t)remaining_ms(call, 50) * NANOSECONDS_PER_MS;
        struct timespec time = {(time_t)(until / SECOND), (long)(until % SECOND)};
        pthread_cond_timedwait(&pool->given, &pool->mutex, &time);
        failure = failure_of_call(call);
    }
    if (failure.kind == FAILURE_NONE && pool->idle != NULL) {
        *taken = pool->idle;
        pool->idle = pool->idle->next;
    } else if (failure.kind == FAILURE_NONE) {
        pool->open++;
    }
    pthread_mutex_unlock(&pool->mutex);
    return failure;
}

/* Closes connections, which are no idle ones any more. */
static void discard(struct pool *pool, struct connection *connections)
{
    struct connection *connection;
    int count = 0;
    for (connection = connections; connection != NULL; connection = connection->next) {
        count++;
    }
    close_all(connections);
    pthread_mutex_lock(&pool->mutex);
    pool->open -= count;
    pthread_cond_broadcast(&pool->given);
    pthread_mutex_unlock(&pool->mutex);
}

struct failure pool_take(struct pool *pool, const struct call *call, struct connection **taken)
{
    /* Whatever a connection is wanted for takes time. */
    struct failure failure = failure_of_call(call);
    if (failure.kind != FAILURE_NONE) {
        return failure;
    }
    for (;;) {
        failure = wait_for_turn(pool, call, taken);
        if (failure.kind != FAILURE_NONE) {
            return failure;
        }
        if (*taken == NULL) {
            break;
        }
        (*taken)->next = NULL;
        if (is_usable(*taken)) {
            return failure;
        }
        discard(pool, *taken);
    }
    failure = connection_make(pool->settings, call, taken);
    if (failure.kind != FAILURE_NONE) {
        pthread_mutex_lock(&pool->mutex);
        pool->open--;
        pthread_cond_signal(&pool->given);
        pthread_mutex_unlock(&pool->mutex);
    }
    return failure;
}

void pool_give(struct pool *pool, struct connection *connection, const struct failure *failure)
{
    struct connection *useless = NULL;
    if (ends_connection(failure) || PQstatus(connection->pg) != CONNECTION_OK ||
        PQtransactionStatus(connection->pg) != PQTRANS_IDLE || PQpipelineStatus(connection->pg) != PQ_PIPELINE_OFF) {
        connection->next = NULL;
        useless = connection;
    }
    pthread_mutex_lock(&pool->mutex);
    if (useless == NULL) {
        connection->used_ns = now_ns();
        connection->next = pool->idle;
        pool->idle = connection;
        pthread_cond_signal(&pool->given);
    } else if (failure->kind == FAILURE_LOST) {
        /* The others are to the same server. */
        useless->next = pool->idle;
        pool->idle = NULL;
    }
    pthread_mutex_unlock(&pool->mutex);
    if (useless != NULL) {
        discard(pool, useless);
    }
}
