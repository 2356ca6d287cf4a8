#define _GNU_SOURCE
#include "failure.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct failure failure_of(enum failure_kind kind, const char *code, const char *words)
{
    struct failure failure = {kind, code, words, ""};
    return failure;
}

/* What the server's codes mean: the first row whose prefix fits. */
static const struct {
    const char *prefix;
    enum failure_kind kind;
    const char *code, *words;
} states[] = {
    {"40003", FAILURE_LOST, "unavailable", "the database does not know whether it has written"},
    {"40", FAILURE_AGAIN, "unavailable", "the database is too busy with other changes of the same rows"},
    {"OC00", FAILURE_AGAIN, "unavailable", "the database is too busy with other changes of the same rows"},
    {"55P03", FAILURE_AGAIN, "unavailable", "another change of the same rows takes too long"},
    {"57014", FAILURE_AGAIN, "unavailable", "the database has cancelled the statement"},
    {"23505", FAILURE_CONFLICT, "conflict", "another version is there"},
    {"25006", FAILURE_LOST, "unavailable", "the database is read-only; a primary is needed"},
    {"57P0", FAILURE_LOST, "unavailable", "the database is starting, stopping or recovering"},
    {"53300", FAILURE_LOST, "unavailable", "the database has too many connections; lower poolSize, or use a pooler"},
    {"08P01", FAILURE_LOST, "unavailable", "the database does not understand, or something between it and us meddles"},
    {"08", FAILURE_LOST, "unavailable", "the connection to the database has broken"},
    {"58", FAILURE_LOST, "unavailable", "the database's machine has failed"},
    {"XX", FAILURE_LOST, "internal", "the database reports an internal error or damage"},
    {"53100", FAILURE_FINAL, "internal", "the database's disk is full"},
    {"53", FAILURE_AGAIN, "unavailable", "the database is out of resources"},
    {"28", FAILURE_FINAL, "misconfigured", "the database refuses the user or the password"},
    {"3D000", FAILURE_FINAL, "misconfigured", "there is no such database"},
    {"3F000", FAILURE_FINAL, "misconfigured", "the schema or its tables are missing; run schema.sql"},
    {"42P01", FAILURE_FINAL, "misconfigured", "the schema or its tables are missing; run schema.sql"},
    {"42703", FAILURE_FINAL, "misconfigured", "the schema's tables are not those of schema.sql"},
    {"42501", FAILURE_FINAL, "misconfigured", "the user lacks the rights that schema.sql grants to the service"},
    {"26000", FAILURE_FINAL, "misconfigured", "prepared statements get lost; set prepared to false behind a pooler"},
    {"42P05", FAILURE_FINAL, "misconfigured", "prepared statements get mixed; set prepared to false behind a pooler"},
    {"0A000", FAILURE_LOST, "internal", "the database does not support a statement, or its tables were changed"},
};

struct failure failure_of_result(const PGresult *result)
{
    const char *state = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    struct failure failure;
    size_t index;
    if (state == NULL) {
        /* It comes from libpq: there is no server any more to say something. */
        return failure_of(FAILURE_LOST, "unavailable", "the connection to the database has broken");
    }
    failure = failure_of(FAILURE_FINAL, "internal", "the database refuses a statement");
    for (index = 0; index < sizeof states / sizeof *states; index++) {
        if (strncmp(state, states[index].prefix, strlen(states[index].prefix)) == 0) {
            failure = failure_of(states[index].kind, states[index].code, states[index].words);
            break;
        }
    }
    for (index = 0; index < sizeof failure.sqlstate - 1 && isalnum((unsigned char)state[index]); index++) {
        failure.sqlstate[index] = state[index];
    }
    return failure;
}

/* libpq has words only for why a connection cannot be made. The first row whose part is in them fits. */
static const struct {
    const char *part;
    enum failure_kind kind;
    const char *code, *words;
} connecting[] = {
    {"too many", FAILURE_LOST, "unavailable", "the database has too many connections; lower poolSize, or use a pooler"},
    {"remaining connection slots", FAILURE_LOST, "unavailable",
     "the database has too many connections; lower poolSize, or use a pooler"},
    {"certificate verify failed", FAILURE_FINAL, "misconfigured",
     "the database's certificate cannot be verified; set sslrootcert to its authority's"},
    {"does not match host name", FAILURE_FINAL, "misconfigured", "the database's certificate is for another host"},
    {"host name must be specified", FAILURE_FINAL, "misconfigured",
     "url has no host, so that the database's certificate cannot be verified"},
    {"root certificate file", FAILURE_FINAL, "misconfigured",
     "the certificates to trust cannot be read; set sslrootcert to a file that holds the authority's"},
    {"does not support SSL", FAILURE_FINAL, "misconfigured", "the database does not support TLS"},
    {"requires a password", FAILURE_FINAL, "misconfigured", "the database wants a password"},
    {"no password supplied", FAILURE_FINAL, "misconfigured", "the database wants a password"},
    {"password authentication failed", FAILURE_FINAL, "misconfigured", "the database refuses the user or the password"},
    {"pg_hba.conf", FAILURE_FINAL, "misconfigured", "the database admits no such user from here (pg_hba.conf)"},
    {"authentication", FAILURE_FINAL, "misconfigured", "the database refuses the user or the password"},
    {"role \"", FAILURE_FINAL, "misconfigured", "the database refuses the user or the password"},
    {"no such database", FAILURE_FINAL, "misconfigured", "there is no such database"},
    {"starting up", FAILURE_LOST, "unavailable", "the database is starting, stopping or recovering"},
    {"shutting down", FAILURE_LOST, "unavailable", "the database is starting, stopping or recovering"},
    {"recovery mode", FAILURE_LOST, "unavailable", "the database is starting, stopping or recovering"},
    {"not accepting connections", FAILURE_LOST, "unavailable", "the database is starting, stopping or recovering"},
    {"hot standby", FAILURE_LOST, "unavailable", "the database is a standby; a primary is needed"},
    {"read-only", FAILURE_LOST, "unavailable", "the database is read-only; a primary is needed"},
    {"\" does not exist", FAILURE_FINAL, "misconfigured", "there is no such database"},
};

struct failure failure_of_connecting(const PGconn *connection)
{
    const char *said = PQerrorMessage(connection);
    size_t index;
    for (index = 0; index < sizeof connecting / sizeof *connecting; index++) {
        if (strstr(said, connecting[index].part) != NULL) {
            return failure_of(connecting[index].kind, connecting[index].code, connecting[index].words);
        }
    }
    return failure_of(FAILURE_LOST, "unavailable", "the database cannot be reached");
}

struct failure failure_of_call(const struct call *call)
{
    if (is_cancelled(call)) {
        return failure_of(FAILURE_CANCELLED, "cancelled", "the call was cancelled");
    }
    if (remaining_ms(call, 1) == 0) {
        return failure_of(FAILURE_TIMEOUT, "timeout", "the database did not answer in time");
    }
    return no_failure();
}

descope_conn_status report(const struct failure *failure, descope_conn_bytes *error)
{
    char json[512];
    int len;
    switch (failure->kind) {
    case FAILURE_NONE:
        return DESCOPE_CONN_OK;
    case FAILURE_TIMEOUT:
        return DESCOPE_CONN_E_TIMEOUT;
    case FAILURE_CANCELLED:
        return DESCOPE_CONN_E_CANCELLED;
    case FAILURE_MEMORY:
        return DESCOPE_CONN_E_MEMORY;
    default:
        break;
    }
    if (failure->sqlstate[0] == '\0' || failure->kind == FAILURE_CONFLICT) {
        len = snprintf(json, sizeof json, "{\"code\":\"%s\",\"message\":\"%s\"}", failure->code, failure->words);
    } else {
        len = snprintf(json, sizeof json, "{\"code\":\"%s\",\"message\":\"%s (SQLSTATE %s)\"}", failure->code,
                       failure->words, failure->sqlstate);
    }
    error->data = host->alloc((size_t)len);
    if (error->data != NULL) {
        memcpy(error->data, json, (size_t)len);
        error->len = (size_t)len;
    }
    return DESCOPE_CONN_E_FAILED;
}
