#define _GNU_SOURCE
#include "connection.h"
#include "resolve.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a thread waits for the server before it looks whether the host has given up. */
#define SLICE_MS 50

/* --- What libpq is told --- */

#define MAX_PARAMETERS 64

struct told {
    PQconninfoOption *options; /* of the url */
    const char *names[MAX_PARAMETERS + 1], *values[MAX_PARAMETERS + 1];
    size_t count;
    char *password;
    char *hosts, *addresses, *ports;
};

static void wipe_options(PQconninfoOption *options)
{
    PQconninfoOption *option;
    for (option = options; option != NULL && option->keyword != NULL; option++) {
        if (option->val != NULL) {
            explicit_bzero(option->val, strlen(option->val));
        }
    }
    PQconninfoFree(options);
}

static void told_free(struct told *told)
{
    wipe_options(told->options);
    wipe_text(told->password);
    free(told->hosts);
    free(told->addresses);
    free(told->ports);
}

static const char *told_value(const struct told *told, const char *name)
{
    size_t index;
    for (index = 0; index < told->count; index++) {
        if (strcmp(told->names[index], name) == 0) {
            return told->values[index];
        }
    }
    return NULL;
}

static void tell(struct told *told, const char *name, const char *value)
{
    size_t index;
    for (index = 0; index < told->count && strcmp(told->names[index], name) != 0; index++) {
    }
    if (index < MAX_PARAMETERS) {
        told->names[index] = name;
        told->values[index] = value;
        told->count = index == told->count ? index + 1 : told->count;
    }
}

static void tell_unless_told(struct told *told, const char *name, const char *value)
{
    if (value != NULL && told_value(told, name) == NULL) {
        tell(told, name, value);
    }
}

/* The authorities that this machine trusts. libpq would look into the home directory. */
static const char *system_authorities(void)
{
    static const char *const files[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                        "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
    const char *named = getenv("SSL_CERT_FILE");
    size_t index;
    if (named != NULL && *named != '\0') {
        return named;
    }
    for (index = 0; index < sizeof files / sizeof *files; index++) {
        if (access(files[index], R_OK) == 0) {
            return files[index];
        }
    }
    return NULL;
}

/* One element of a list that is separated by commas; the list has at least one. A list of one element stands for all. */
static char *element(const char *list, size_t number, bool repeats)
{
    const char *at = list;
    for (; number > 0; number--) {
        const char *comma = strchr(at, ',');
        if (comma == NULL) {
            return repeats ? strdup(at) : NULL;
        }
        at = comma + 1;
    }
    return strndup(at, strcspn(at, ","));
}

static bool append(char **list, const char *text)
{
    char *longer;
    if (asprintf(&longer, "%s%s%s", *list == NULL ? "" : *list, *list == NULL ? "" : ",", text) < 0) {
        return false;
    }
    free(*list);
    *list = longer;
    return true;
}

/* Adds each address of one host of the url, with the host and its port.
 * Parameter addresses: separated by commas; "" for a socket in the file system. */
static bool append_addresses(struct told *told, const char *name, const char *port, const char *addresses)
{
    size_t number;
    for (number = 0;; number++) {
        char *address = element(addresses, number, false);
        bool is_added;
        if (address == NULL) {
            return number > 0;
        }
        is_added = append(&told->hosts, name) && append(&told->addresses, address) && append(&told->ports, port);
        free(address);
        if (!is_added) {
            return false;
        }
    }
}

/* Looks up the hosts, so that libpq does not. */
static struct failure look_up(struct told *told, const struct call *call)
{
    const char *hosts = told_value(told, "host"), *ports = told_value(told, "port");
    struct failure failure = no_failure(), missing = no_failure();
    size_t number;
    if (hosts == NULL || *hosts == '\0' || told_value(told, "hostaddr") != NULL) {
        return failure;
    }
    for (number = 0; failure.kind == FAILURE_NONE; number++) {
        char *name = element(hosts, number, false), *addresses = NULL;
        char *port = ports == NULL ? strdup("") : element(ports, number, true);
        if (name == NULL) {
            free(port);
            break;
        }
        if (*name == '/' || *name == '@' || *name == '\0') {
            addresses = strdup("");
        } else {
            failure = resolve(call, name, &addresses);
        }
        if (failure.kind == FAILURE_LOST) {
            missing = failure; /* perhaps the next one has an address */
            failure = no_failure();
        } else if (failure.kind == FAILURE_NONE &&
                   (port == NULL || addresses == NULL || !append_addresses(told, name, port, addresses))) {
            failure = failure_of(FAILURE_MEMORY, "", "");
        }
        free(addresses);
        free(port);
        free(name);
    }
    if (failure.kind == FAILURE_NONE && told->hosts == NULL) {
        return missing;
    }
    if (failure.kind == FAILURE_NONE) {
        tell(told, "host", told->hosts);
        tell(told, "hostaddr", told->addresses);
        tell(told, "port", told->ports);
    }
    return failure;
}

static struct failure told_make(struct told *told, const struct settings *settings, const struct call *call)
{
    PQconninfoOption *option;
    char *url, *words = NULL;
    struct failure failure = source_read(&settings->url, &url);
    if (failure.kind != FAILURE_NONE) {
        return failure;
    }
    told->options = PQconninfoParse(url, &words);
    wipe_text(url);
    if (words != NULL) {
        explicit_bzero(words, strlen(words)); /* it quotes the url */
        PQfreemem(words);
    }
    if (told->options == NULL) {
        return failure_of(FAILURE_FINAL, "invalid_config", "url is neither a URL nor a connection string of libpq");
    }
    for (option = told->options; option->keyword != NULL; option++) {
        if (option->val != NULL && *option->val != '\0') {
            tell(told, option->keyword, option->val);
        }
    }
    failure = source_read(&settings->password, &told->password);
    if (failure.kind != FAILURE_NONE) {
        return failure;
    }
    if (told->password != NULL) {
        tell(told, "password", told->password);
    }
    tell_unless_told(told, "sslmode", "verify-full");
    tell_unless_told(told, "sslrootcert", system_authorities());
    tell_unless_told(told, "gssencmode", "disable");
    tell_unless_told(told, "target_session_attrs", "read-write");
    tell_unless_told(told, "fallback_application_name", "descope_conn");
    tell_unless_told(told, "tcp_user_timeout", "5000"); /* ms; for a host that does not answer, too */
    tell_unless_told(told, "keepalives_idle", "30");
    tell_unless_told(told, "keepalives_interval", "5");
    tell_unless_told(told, "keepalives_count", "3");
    return look_up(told, call);
}

/* --- Making a connection --- */

static void ignore_notice(void *nothing, const PGresult *notice)
{
    (void)nothing;
    (void)notice;
}

/* Waits until the socket is ready, or the call is over. */
static struct failure wait_for(const struct connection *connection, const struct call *call, short events,
                               bool heeds_cancellation)
{
    struct call patient = *call;
    if (!heeds_cancellation) {
        patient.context = NULL;
    }
    for (;;) {
        struct pollfd ready = {connection->socket.socket, events, 0};
        int timeout_ms = remaining_ms(call, SLICE_MS);
        int count = poll(&ready, 1, timeout_ms);
        struct failure failure;
        if (count > 0) {
            return no_failure();
        }
        if (count < 0 && errno != EINTR) {
            return failure_of(FAILURE_LOST, "unavailable", "the connection to the database has broken");
        }
        failure = failure_of_call(&patient);
        if (failure.kind != FAILURE_NONE) {
            return failure;
        }
    }
}

/* One step of connecting. */
static PostgresPollingStatusType step(struct connection *connection)
{
    PostgresPollingStatusType status;
    fork_hold();
    status = PQconnectPoll(connection->pg);
    connection->socket.socket = PQsocket(connection->pg); /* it may have gone on to another host */
    fork_release();
    return status;
}

static struct failure connect_until_ready(struct connection *connection, const struct call *call)
{
    /* Where a connection that was just begun waits, says libpq: for its socket to be writable. */
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (status != PGRES_POLLING_OK) {
        struct failure failure;
        if (PQstatus(connection->pg) == CONNECTION_BAD || status == PGRES_POLLING_FAILED) {
            return failure_of_connecting(connection->pg);
        }
        failure = wait_for(connection, call, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, true);
        if (failure.kind != FAILURE_NONE) {
            return failure;
        }
        status = step(connection);
    }
    return no_failure();
}

/* Whether the server does what a vault counts on. */
static struct failure check(struct connection *connection, const struct settings *settings, const struct call *call)
{
    struct exchange exchange;
    struct statement statement = {0, "", NULL, 0, NULL};
    struct parameters none = {NULL, NULL};
    struct failure failure;
    const PGresult *result;
    char sql[512];
    int place;
    if (PQserverVersion(connection->pg) < 130000) {
        return failure_of(FAILURE_FINAL, "misconfigured", "the database is too old; PostgreSQL 13 or newer is needed");
    }
    (void)snprintf(sql, sizeof sql,
                   "SELECT current_setting('synchronous_commit') <> 'off', NOT pg_is_in_recovery()"
                   " AND current_setting('transaction_read_only') = 'off', max(version) = 1"
                   " FROM \"%s\".vault_schema",
                   settings->schema);
    statement.sql = sql;
    connection->prepares = false;
    exchange_begin(&exchange, connection, call);
    if (settings->prepared) {
        /* The server would make a plan anew each time, because it takes a list of unknown length for a longer one. */
        exchange_command(&exchange, "SET plan_cache_mode = force_generic_plan");
    }
    place = exchange_statement(&exchange, &statement, &none);
    failure = exchange_end(&exchange);
    result = exchange.steps[place].result;
    if (failure.kind == FAILURE_NONE && (PQntuples(result) != 1 || PQnfields(result) != 3)) {
        failure = failure_of(FAILURE_LOST, "unavailable", "the database answers nonsense");
    }
    if (failure.kind == FAILURE_NONE) {
        /* Booleans, in binary. */
        if (PQgetlength(result, 0, 0) != 1 || *PQgetvalue(result, 0, 0) == 0) {
            failure = failure_of(FAILURE_FINAL, "misconfigured",
                                 "synchronous_commit is off, so that the database loses what it has confirmed");
        } else if (PQgetlength(result, 0, 1) != 1 || *PQgetvalue(result, 0, 1) == 0) {
            failure = failure_of(FAILURE_LOST, "unavailable", "the database is read-only; a primary is needed");
        } else if (PQgetlength(result, 0, 2) != 1 || *PQgetvalue(result, 0, 2) == 0) {
            failure = failure_of(FAILURE_FINAL, "misconfigured", "the schema's tables are of another version");
        }
    }
    exchange_free(&exchange);
    connection->prepares = settings->prepared;
    return failure;
}

struct failure connection_make(const struct settings *settings, const struct call *call, struct connection **made)
{
    struct told told = {NULL, {NULL}, {NULL}, 0, NULL, NULL, NULL, NULL};
    struct connection *connection = calloc(1, sizeof *connection);
    struct failure failure;
    *made = NULL;
    if (connection == NULL) {
        return failure_of(FAILURE_MEMORY, "", "");
    }
    failure = told_make(&told, settings, call);
    if (failure.kind != FAILURE_NONE) {
        told_free(&told);
        free(connection);
        return failure;
    }
    fork_hold();
    connection->pg = PQconnectStartParams(told.names, told.values, 0);
    connection->socket.socket = connection->pg == NULL ? -1 : PQsocket(connection->pg);
    fork_add(&connection->socket);
    fork_release();
    told_free(&told);
    if (connection->pg == NULL) {
        connection_close(connection);
        return failure_of(FAILURE_MEMORY, "", "");
    }
    PQsetNoticeReceiver(connection->pg, ignore_notice, NULL);
    failure = connect_until_ready(connection, call);
    if (failure.kind == FAILURE_NONE && PQsetnonblocking(connection->pg, 1) != 0) {
        failure = failure_of(FAILURE_LOST, "unavailable", "the connection to the database has broken");
    }
    if (failure.kind == FAILURE_NONE) {
        failure = check(connection, settings, call);
    }
    if (failure.kind != FAILURE_NONE) {
        connection_close(connection);
        return failure;
    }
    connection->made_ns = connection->used_ns = now_ns();
    *made = connection;
    return failure;
}

void connection_close(struct connection *connection)
{
    if (connection == NULL) {
        return;
    }
    fork_hold();
    fork_remove(&connection->socket);
    PQfinish(connection->pg);
    fork_release();
    free(connection);
}

bool connection_is_quiet(const struct connection *connection)
{
    struct pollfd ready = {connection->socket.socket, POLLIN, 0};
    return PQstatus(connection->pg) == CONNECTION_OK && poll(&ready, 1, 0) == 0;
}

/* --- Exchanges --- */

static struct failure broken(void)
{
    return failure_of(FAILURE_LOST, "unavailable", "the connection to the database has broken");
}

void exchange_begin(struct exchange *exchange, struct connection *connection, const struct call *call)
{
    memset(exchange, 0, sizeof *exchange);
    exchange->connection = connection;
    exchange->call = call;
    exchange->heeds_cancellation = true;
    exchange->failure = PQenterPipelineMode(connection->pg) == 1 ? no_failure() : broken();
}

static int add_step(struct exchange *exchange, int is_queued, uint32_t prepares)
{
    if (exchange->failure.kind != FAILURE_NONE || exchange->count == MAX_STEPS || is_queued != 1) {
        exchange->failure = exchange->failure.kind != FAILURE_NONE ? exchange->failure : broken();
        return 0;
    }
    exchange->steps[exchange->count].prepares = prepares;
    return exchange->count++;
}

void exchange_command(struct exchange *exchange, const char *sql)
{
    add_step(exchange, PQsendQueryParams(exchange->connection->pg, sql, 0, NULL, NULL, NULL, NULL, 1), 0);
}

static const int all_binary[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

int exchange_statement(struct exchange *exchange, const struct statement *statement,
                       const struct parameters *parameters)
{
    PGconn *pg = exchange->connection->pg;
    uint32_t bit = UINT32_C(1) << statement->number;
    if (!exchange->connection->prepares) {
        return add_step(exchange,
                        PQsendQueryParams(pg, statement->sql, statement->count, statement->types, parameters->values,
                                          parameters->lengths, all_binary, 1),
                        0);
    }
    if ((exchange->connection->prepared & bit) == 0) {
        add_step(exchange, PQsendPrepare(pg, statement->name, statement->sql, statement->count, statement->types), bit);
    }
    return add_step(exchange,
                    PQsendQueryPrepared(pg, statement->name, statement->count, parameters->values, parameters->lengths,
                                        all_binary, 1),
                    0);
}

/* Sends what libpq holds. Reads meanwhile, so that server and client do not both wait until the other has read. */
static struct failure flush(struct exchange *exchange)
{
    PGconn *pg = exchange->connection->pg;
    for (;;) {
        struct failure failure;
        int left = PQflush(pg);
        if (left == 0) {
            return no_failure();
        }
        if (left < 0) {
            return broken();
        }
        failure = wait_for(exchange->connection, exchange->call, POLLIN | POLLOUT, exchange->heeds_cancellation);
        if (failure.kind != FAILURE_NONE) {
            return failure;
        }
        if (PQconsumeInput(pg) != 1) {
            return broken();
        }
    }
}

/* The next result, once it is there; NULL as libpq puts it behind each step's. */
static struct failure next_result(struct exchange *exchange, PGresult **result)
{
    PGconn *pg = exchange->connection->pg;
    *result = NULL;
    while (PQisBusy(pg)) {
        struct failure failure = wait_for(exchange->connection, exchange->call, POLLIN, exchange->heeds_cancellation);
        if (failure.kind != FAILURE_NONE) {
            return failure;
        }
        if (PQconsumeInput(pg) != 1) {
            /* What came before the end is worth reading, such as why. */
            while (!PQisBusy(pg) && (*result = PQgetResult(pg)) != NULL) {
                if (PQresultStatus(*result) == PGRES_FATAL_ERROR) {
                    return no_failure();
                }
                PQclear(*result);
            }
            *result = NULL;
            return broken();
        }
    }
    *result = PQgetResult(pg);
    return no_failure();
}

/* Takes the results of one step. */
static struct failure take_step(struct exchange *exchange, int place)
{
    for (;;) {
        PGresult *result;
        struct failure failure = next_result(exchange, &result);
        if (failure.kind != FAILURE_NONE || result == NULL) {
            return failure;
        }
        switch (PQresultStatus(result)) {
        case PGRES_COMMAND_OK:
        case PGRES_TUPLES_OK:
            exchange->connection->prepared |= exchange->steps[place].prepares;
            PQclear(exchange->steps[place].result);
            exchange->steps[place].result = result;
            break;
        case PGRES_PIPELINE_ABORTED:
            PQclear(result);
            break;
        default:
            if (exchange->failure.kind == FAILURE_NONE) {
                exchange->failure = failure_of_result(result);
            }
            PQclear(result);
            if (PQstatus(exchange->connection->pg) == CONNECTION_BAD) {
                return exchange->failure;
            }
            break;
        }
    }
}

/* Takes the end of the pipeline, and leaves it. */
static struct failure take_end(struct exchange *exchange)
{
    PGresult *result;
    ExecStatusType status;
    struct failure failure = next_result(exchange, &result);
    if (failure.kind != FAILURE_NONE) {
        return failure;
    }
    status = PQresultStatus(result);
    PQclear(result);
    if (status != PGRES_PIPELINE_SYNC || PQexitPipelineMode(exchange->connection->pg) != 1) {
        return failure_of(FAILURE_LOST, "unavailable", "the database answers nonsense");
    }
    return no_failure();
}

static void roll_back(struct connection *connection, const struct call *call)
{
    struct exchange exchange;
    exchange_begin(&exchange, connection, call);
    exchange_command(&exchange, "ROLLBACK");
    (void)exchange_end(&exchange);
    exchange_free(&exchange);
}

static struct failure exchange_all(struct exchange *exchange)
{
    struct failure failure;
    int place;
    if (exchange->failure.kind != FAILURE_NONE) {
        return broken(); /* half a pipeline */
    }
    exchange->is_sent = true;
    if (PQpipelineSync(exchange->connection->pg) != 1) {
        return broken();
    }
    failure = flush(exchange);
    for (place = 0; place < exchange->count && failure.kind == FAILURE_NONE; place++) {
        failure = take_step(exchange, place);
    }
    return failure.kind == FAILURE_NONE ? take_end(exchange) : failure;
}

struct failure exchange_end(struct exchange *exchange)
{
    struct failure failure = exchange_all(exchange);
    struct connection *connection = exchange->connection;
    if (failure.kind != FAILURE_NONE) {
        exchange->failure = failure;
    } else if (PQtransactionStatus(connection->pg) != PQTRANS_IDLE && !ends_connection(&exchange->failure)) {
        roll_back(connection, exchange->call);
    }
    return exchange->failure;
}

void exchange_free(struct exchange *exchange)
{
    int place;
    for (place = 0; place < exchange->count; place++) {
        PQclear(exchange->steps[place].result);
        exchange->steps[place].result = NULL;
    }
}

bool ends_connection(const struct failure *failure)
{
    return failure->kind == FAILURE_LOST || failure->kind == FAILURE_TIMEOUT || failure->kind == FAILURE_CANCELLED;
}
