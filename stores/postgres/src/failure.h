/* failure.h - what went wrong, in words of this plugin's own: nothing that the server or libpq says is passed on, because
 * it may repeat the connection string. */
#ifndef FAILURE_H
#define FAILURE_H
#include "call.h"

#include <libpq-fe.h>

enum failure_kind {
    FAILURE_NONE,
    FAILURE_CONFLICT,  /* a version does not match; nothing is written */
    FAILURE_AGAIN,     /* nothing is written, and another attempt may succeed */
    FAILURE_LOST,      /* the connection is of no use any more; another one may be */
    FAILURE_TIMEOUT,   /* the deadline is over */
    FAILURE_CANCELLED, /* by the host */
    FAILURE_MEMORY,
    FAILURE_FINAL /* another attempt is of no use */
};

struct failure {
    enum failure_kind kind;
    const char *code;  /* of the library's error codes */
    const char *words; /* static */
    char sqlstate[6];  /* empty: none */
};

/** A failure of this plugin's own. */
struct failure failure_of(enum failure_kind kind, const char *code, const char *words);

static inline struct failure no_failure(void)
{
    return failure_of(FAILURE_NONE, "", "");
}

/** What a result that is not as it should be means. */
struct failure failure_of_result(const PGresult *result);

/** Why a connection could not be made. */
struct failure failure_of_connecting(const PGconn *connection);

/** Whether the call is over, by its deadline or because the host gives it up. */
struct failure failure_of_call(const struct call *call);

/** Says it to the host. */
descope_conn_status report(const struct failure *failure, descope_conn_bytes *error);

#endif
