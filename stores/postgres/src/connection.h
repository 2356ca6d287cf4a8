/* connection.h - a connection to the database. One thread at a time uses it. */
#ifndef CONNECTION_H
#define CONNECTION_H
#include "fork.h"
#include "settings.h"

#include <libpq-fe.h>

/** A statement, which each connection prepares when it first uses it. */
struct statement {
    unsigned number; /* 0 to 31: its bit in connection.prepared */
    const char *name;
    const char *sql;
    int count;
    const Oid *types; /* of its parameters, which are all binary */
};

/** The parameters of a statement. */
struct parameters {
    const char *const *values; /* NULL: null */
    const int *lengths;
};

struct connection {
    PGconn *pg;
    struct forked_socket socket;
    uint64_t made_ns, used_ns;
    uint32_t prepared;
    bool prepares;
    struct connection *next; /* of those that are idle */
};

struct failure connection_make(const struct settings *settings, const struct call *call, struct connection **made);

/** Says goodbye to the server, without waiting for it. NULL is a no-op. */
void connection_close(struct connection *connection);

/** Whether it can be used again: nothing has come in that nobody asked for, least of all its end. */
bool connection_is_quiet(const struct connection *connection);

#define MAX_STEPS 8

/** What is sent together and answered together, in one round trip. */
struct exchange {
    struct connection *connection;
    const struct call *call;
    bool heeds_cancellation;
    bool is_sent; /* something of it may have reached the server */
    int count;
    struct {
        uint32_t prepares; /* the statement's bit; 0: it is executed */
        PGresult *result;
    } steps[MAX_STEPS];
    struct failure failure; /* the first one */
};

void exchange_begin(struct exchange *exchange, struct connection *connection, const struct call *call);

/** Adds a command without parameters and without rows. */
void exchange_command(struct exchange *exchange, const char *sql);

/** Adds a statement.
 * Returns: its place in steps, for its result; only to be used if the exchange does not fail. */
int exchange_statement(struct exchange *exchange, const struct statement *statement,
                       const struct parameters *parameters);

/** Sends it and waits for all the answers. After FAILURE_LOST, FAILURE_TIMEOUT and FAILURE_CANCELLED the connection is of no
 * use any more. A transaction that failed is rolled back. */
struct failure exchange_end(struct exchange *exchange);

void exchange_free(struct exchange *exchange);

/** Whether the connection is of no use any more after that. */
bool ends_connection(const struct failure *failure);

#endif
