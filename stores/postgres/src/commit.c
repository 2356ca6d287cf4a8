#define _GNU_SOURCE
#include "array.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_KEY = 256 };

/* A commit, as the statement takes it. */
struct commit {
    descope_conn_write *writes; /* in the order of their keys */
    uint64_t version; /* of all rows that an attempt writes, and its receipt's name: random, and no other attempt's */
    struct array kept_keys, kept_versions;
    struct array held_keys, held_versions;
    struct array made_keys, made_values;
    struct array put_keys, put_values;
    struct array removed_keys;
    struct array undone_keys;
    bool is_read_only; /* nothing but versions to keep */
};

static int by_key(const void *a, const void *b)
{
    const descope_conn_write *first = a, *second = b;
    size_t common = first->key_len < second->key_len ? first->key_len : second->key_len;
    int order = memcmp(first->key, second->key, common);
    return order != 0 ? order : (first->key_len > second->key_len) - (first->key_len < second->key_len);
}

static bool is_versioned(const descope_conn_write *write)
{
    return write->expected != DESCOPE_CONN_STORE_ABSENT && write->expected != DESCOPE_CONN_STORE_ANY;
}

static bool is_keep(const descope_conn_write *write)
{
    return write->value == NULL && write->value_len == DESCOPE_CONN_STORE_KEEP;
}

static void add(struct commit *commit, const descope_conn_write *write)
{
    if (is_versioned(write)) {
        struct array *keys = is_keep(write) ? &commit->kept_keys : &commit->held_keys;
        struct array *versions = is_keep(write) ? &commit->kept_versions : &commit->held_versions;
        array_add_bytes(keys, write->key, write->key_len);
        array_add_integer(versions, write->expected);
    }
    if (write->expected == DESCOPE_CONN_STORE_ABSENT) {
        array_add_bytes(&commit->made_keys, write->key, write->key_len);
        array_add_bytes(&commit->made_values, write->value, write->value == NULL ? 0 : write->value_len);
        if (write->value == NULL) {
            array_add_bytes(&commit->undone_keys, write->key, write->key_len);
        }
    } else if (write->value != NULL) {
        array_add_bytes(&commit->put_keys, write->key, write->key_len);
        array_add_bytes(&commit->put_values, write->value, write->value_len);
    } else if (!is_keep(write)) {
        array_add_bytes(&commit->removed_keys, write->key, write->key_len);
    }
}

static struct array *const *arrays_of(struct commit *commit, struct array *arrays[10])
{
    struct array *all[] = {&commit->kept_keys,    &commit->kept_versions, &commit->held_keys, &commit->held_versions,
                           &commit->made_keys,    &commit->made_values,   &commit->put_keys,  &commit->put_values,
                           &commit->removed_keys, &commit->undone_keys};
    memcpy(arrays, all, sizeof all);
    return arrays;
}

static void commit_free(struct commit *commit)
{
    struct array *arrays[10];
    size_t index;
    arrays_of(commit, arrays);
    for (index = 0; index < 10; index++) {
        array_free(arrays[index]);
    }
    free(commit->writes);
}

static struct failure commit_make(struct commit *commit, const descope_conn_write *writes, size_t count)
{
    struct array *arrays[10];
    size_t index;
    memset(commit, 0, sizeof *commit);
    arrays_of(commit, arrays);
    for (index = 0; index < 10; index++) {
        array_begin(arrays[index], index == 1 || index == 3 ? TYPE_INTEGER : TYPE_BYTES);
    }
    commit->is_read_only = true;
    commit->writes = calloc(count, sizeof *commit->writes);
    if (commit->writes == NULL) {
        return failure_of(FAILURE_MEMORY, "", "");
    }
    for (index = 0; index < count; index++) {
        if (writes[index].key_len == 0 || writes[index].key_len > MAX_KEY) {
            return failure_of(FAILURE_FINAL, "limit", "a key has not 1 to 256 bytes");
        }
        if (is_versioned(&writes[index]) && writes[index].expected > INT64_MAX) {
            return failure_of(FAILURE_CONFLICT, "conflict", "another version is there"); /* we gave no such one */
        }
        commit->writes[index] = writes[index];
    }
    qsort(commit->writes, count, sizeof *commit->writes, by_key);
    for (index = 0; index < count; index++) {
        const descope_conn_write *write = &commit->writes[index];
        if (index > 0 && by_key(&commit->writes[index - 1], &commit->writes[index]) == 0) {
            return failure_of(FAILURE_FINAL, "internal", "a commit has two parts with the same key");
        }
        commit->is_read_only = commit->is_read_only && is_keep(write);
        add(commit, write);
    }
    for (index = 0; index < 10; index++) {
        if (arrays[index]->is_short) {
            return failure_of(FAILURE_MEMORY, "", "");
        }
    }
    return no_failure();
}

/* --- One attempt --- */

static struct failure choose_version(struct commit *commit)
{
    do {
        if (!random_bytes(&commit->version, sizeof commit->version)) {
            return failure_of(FAILURE_FINAL, "internal", "the system has no random numbers");
        }
        commit->version &= INT64_MAX;
    } while (commit->version == 0);
    return no_failure();
}

/* Locks are all that a commit waits for without an end. A timeout of the statement would go on while COMMIT waits for a
 * synchronous standby, and end that wait as if the standby had it. */
static void begin(struct exchange *exchange, const struct call *call)
{
    char lock_timeout[64];
    (void)snprintf(lock_timeout, sizeof lock_timeout, "SET LOCAL lock_timeout = %d", remaining_ms(call, 60000) + 1);
    exchange_command(exchange, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    exchange_command(exchange, lock_timeout);
}

static int add_commit(struct exchange *exchange, const struct store *store, const struct commit *commit)
{
    static const Oid types[] = {TYPE_TEXT,       TYPE_INTEGER,      TYPE_BYTES_LIST, TYPE_INTEGER_LIST,
                                TYPE_BYTES_LIST, TYPE_INTEGER_LIST, TYPE_BYTES_LIST, TYPE_BYTES_LIST,
                                TYPE_BYTES_LIST, TYPE_BYTES_LIST,   TYPE_BYTES_LIST, TYPE_BOOLEAN};
    const struct statement statement = {2, "descope_conn_commit", store->commit_sql, 12, types};
    const struct array *arrays[] = {&commit->kept_keys,     &commit->kept_versions, &commit->held_keys,
                                    &commit->held_versions, &commit->made_keys,     &commit->made_values,
                                    &commit->put_keys,      &commit->put_values,    &commit->removed_keys};
    uint8_t version[8], has_receipt = commit->is_read_only ? 0 : 1;
    const char *values[12] = {store->settings.vault, (const char *)version};
    int lengths[12] = {(int)strlen(store->settings.vault), 8};
    const struct parameters parameters = {values, lengths};
    size_t index;
    put_integer(version, commit->version);
    for (index = 0; index < 9; index++) {
        values[2 + index] = (const char *)arrays[index]->bytes;
        lengths[2 + index] = (int)arrays[index]->len;
    }
    values[11] = (const char *)&has_receipt;
    lengths[11] = 1;
    return exchange_statement(exchange, &statement, &parameters);
}

static void add_undo(struct exchange *exchange, const struct store *store, const struct commit *commit)
{
    static const Oid types[] = {TYPE_TEXT, TYPE_INTEGER, TYPE_BYTES_LIST};
    const struct statement statement = {3, "descope_conn_undo", store->undo_sql, 3, types};
    uint8_t version[8];
    const char *const values[] = {store->settings.vault, (const char *)version,
                                  (const char *)commit->undone_keys.bytes};
    const int lengths[] = {(int)strlen(store->settings.vault), 8, (int)commit->undone_keys.len};
    const struct parameters parameters = {values, lengths};
    put_integer(version, commit->version);
    (void)exchange_statement(exchange, &statement, &parameters);
}

static struct failure read_boolean(const PGresult *result, bool *value)
{
    if (PQntuples(result) != 1 || PQnfields(result) != 1 || PQgetlength(result, 0, 0) != 1) {
        return failure_of(FAILURE_LOST, "unavailable", "the database answers nonsense");
    }
    *value = *PQgetvalue(result, 0, 0) != 0;
    return no_failure();
}

/* Parameter is_sent: whether it may be written, although it failed. */
static struct failure attempt(struct store *store, const struct call *call, const struct commit *commit, bool *is_sent)
{
    struct connection *connection;
    struct exchange exchange;
    struct failure failure = pool_take(&store->pool, call, &connection);
    int place;
    bool fits = false;
    *is_sent = false;
    if (failure.kind != FAILURE_NONE) {
        return failure;
    }
    exchange_begin(&exchange, connection, call);
    exchange.heeds_cancellation = false; /* once it is sent nobody can take it back */
    begin(&exchange, call);
    place = add_commit(&exchange, store, commit);
    if (commit->undone_keys.count > 0) {
        add_undo(&exchange, store, commit);
    }
    exchange_command(&exchange, "COMMIT");
    failure = exchange_end(&exchange);
    *is_sent = exchange.is_sent;
    if (failure.kind == FAILURE_NONE) {
        failure = read_boolean(exchange.steps[place].result, &fits);
    }
    if (failure.kind == FAILURE_NONE && !fits) {
        failure = failure_of(FAILURE_CONFLICT, "conflict", "another version is there");
    }
    exchange_free(&exchange);
    pool_give(&store->pool, connection, &failure);
    return failure;
}

/* --- What became of an attempt whose answer was lost --- */

/* Refuses what the server may still be working at, by taking the place of its receipt, unless it is written. Then it is
 * known for good, and asking twice does no harm. */
static struct failure refuse(struct store *store, const struct call *call, const struct commit *commit,
                             bool *is_written)
{
    static const Oid types[] = {TYPE_INTEGER};
    const struct statement statement = {1, "descope_conn_refuse", store->refuse_sql, 1, types};
    uint8_t id[8];
    const char *const values[] = {(const char *)id};
    const int lengths[] = {8};
    const struct parameters parameters = {values, lengths};
    struct connection *connection;
    struct exchange exchange;
    struct failure failure = pool_take(&store->pool, call, &connection);
    int place;
    bool is_refusal = true;
    *is_written = false;
    if (failure.kind != FAILURE_NONE) {
        return failure;
    }
    put_integer(id, commit->version);
    exchange_begin(&exchange, connection, call);
    begin(&exchange, call);
    place = exchange_statement(&exchange, &statement, &parameters);
    exchange_command(&exchange, "COMMIT");
    failure = exchange_end(&exchange);
    if (failure.kind == FAILURE_NONE) {
        failure = read_boolean(exchange.steps[place].result, &is_refusal);
        *is_written = failure.kind == FAILURE_NONE && !is_refusal;
    }
    exchange_free(&exchange);
    pool_give(&store->pool, connection, &failure);
    return failure;
}

static struct failure unknown(void)
{
    return failure_of(FAILURE_FINAL, "unavailable",
                      "the connection broke, and whether the change was written is not known");
}

/* Once in a while. */
static void tidy_receipts(struct store *store, const struct call *call)
{
    struct connection *connection;
    struct exchange exchange;
    struct failure failure = pool_take(&store->pool, call, &connection);
    if (failure.kind != FAILURE_NONE) {
        return;
    }
    exchange_begin(&exchange, connection, call);
    exchange_command(&exchange, store->tidy_sql);
    failure = exchange_end(&exchange);
    exchange_free(&exchange);
    pool_give(&store->pool, connection, &failure);
}

static struct failure commit_until_known(struct store *store, const struct call *call, struct commit *commit)
{
    struct attempts attempts = {0, no_failure()};
    for (;;) {
        bool is_sent = false, is_written = false;
        struct failure failure = choose_version(commit);
        if (failure.kind == FAILURE_NONE) {
            failure = attempt(store, call, commit, &is_sent);
        }
        if (failure.kind == FAILURE_NONE || failure.kind == FAILURE_CONFLICT) {
            return failure;
        }
        if (failure.kind == FAILURE_LOST && is_sent && !commit->is_read_only) {
            struct failure refusal = failure;
            do {
                if (!try_again(call, &attempts, &refusal)) {
                    return refusal.kind == FAILURE_TIMEOUT ? refusal : unknown();
                }
                refusal = refuse(store, call, commit, &is_written);
            } while (refusal.kind != FAILURE_NONE);
            if (is_written) {
                return no_failure();
            }
        } else if (!try_again(call, &attempts, &failure)) {
            return failure;
        }
    }
}

struct failure store_commit(struct store *store, const struct call *call, const descope_conn_write *writes,
                            size_t count)
{
    struct commit commit;
    struct failure failure;
    if (count == 0) {
        return no_failure();
    }
    failure = commit_make(&commit, writes, count);
    if (failure.kind == FAILURE_NONE) {
        failure = commit_until_known(store, call, &commit);
    }
    if (failure.kind == FAILURE_NONE && !commit.is_read_only && (commit.version & 0xFF) == 0) {
        tidy_receipts(store, call);
    }
    commit_free(&commit);
    return failure;
}
