/* pool.h - the connections of a store: as many as there are calls at a time, up to a limit. */
#ifndef POOL_H
#define POOL_H
#include "connection.h"

#include <pthread.h>

struct pool {
    const struct settings *settings;
    pthread_mutex_t mutex;
    pthread_cond_t given; /* one is idle, or fewer are open */
    struct connection *idle;
    int open;
};

void pool_init(struct pool *pool, const struct settings *settings);

/** After everything has been given back. */
void pool_destroy(struct pool *pool);

/** A connection for the caller alone: one that is idle, or a new one, or when all are in use the first one that is given
 * back. */
struct failure pool_take(struct pool *pool, const struct call *call, struct connection **taken);

/** Gives a connection back.
 * Parameter failure: what came of its last use. */
void pool_give(struct pool *pool, struct connection *connection, const struct failure *failure);

#endif
