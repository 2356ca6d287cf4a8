/* store.h - an opened store: one vault's rows in one schema. */
#ifndef STORE_H
#define STORE_H
#include "pool.h"

#include <sys/types.h>

struct store {
    struct settings settings;
    struct pool pool;
    pid_t owner; /* the process that opened it */
    char *read_sql, *commit_sql, *undo_sql, *refuse_sql, *tidy_sql;
};

struct failure store_open(const char *config, size_t len, struct store **store);
void store_close(struct store *store);

/** What the functions of the plugin are called with. */
struct call call_of(const descope_conn_context *context);

/** The rows that `reads` ask for, as the header says. */
struct failure store_read(struct store *store, const struct call *call, const descope_conn_read *reads, size_t count,
                          descope_conn_store_found found, void *user);

struct failure store_commit(struct store *store, const struct call *call, const descope_conn_write *writes,
                            size_t count);

/** Attempts at one thing. */
struct attempts {
    unsigned count;
    struct failure last; /* what came of the last one */
};

/** After an attempt that failed: waits until there is a point in another one.
 * Returns: false if the failure is to be told. When time has run out during an attempt that is the one before. */
bool try_again(const struct call *call, struct attempts *attempts, struct failure *failure);

#endif
