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
    size_t count;
    uint64_t version; /* of all rows that it writes; random, so that it is not any other commit's */
    struct array kept_keys, kept_versions;
    struct array held_keys, held_versions;
    struct array made_keys, made_values;
    struct array put_keys, put_values;
    struct array removed_keys;
    struct array undone_keys;
    bool has_receipt;
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

static bool is_versioned_put(const descope_conn_write *write)
{
    return write->value != NULL && is_versioned(write);
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
    bool has_versioned_put = false, writes_something = false;
    memset(commit, 0, sizeof *commit);
    arrays_of(commit, arrays);
    for (index = 0; index < 10; index++) {
        array_begin(arrays[index], index == 1 || index == 3 ? TYPE_INTEGER : TYPE_BYTES);
    }
    commit->count = count;
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
        has_versioned_put = has_versioned_put || is_versioned_put(write);
        writes_something = writes_something || !is_keep(write);
        add(commit, write);
    }
    for (index = 0; index < 10; index++) {
        if (arrays[index]->is_short) {
            return failure_of(FAILURE_MEMORY, "", "");
        }
    }
    commit->has_receipt = writes_something && !has_versioned_put;
    do {
        if (!random_bytes(&commit->version, sizeof commit->version)) {
            return failure_of(FAILURE_FINAL, "internal", "the system has no random numbers");
        }
        commit->version &= INT64_MAX;
    } while (commit->version == 0);
    return no_failure();
}

/* --- One attempt --- */

static int add_commit(struct exchange *exchange, const struct store *store, const struct commit *commit)
{
    static const Oid types[] = {TYPE_TEXT,       TYPE_INTEGER,      TYPE_BYTES_LIST, TYPE_INTEGER_LIST,
                                TYPE_BYTES_LIST, TYPE_INTEGER_LIST, TYPE_BYTES_LIST, TYPE_BYTES_LIST,
                                TYPE_BYTES_LIST, TYPE_BYTES_LIST,   TYPE_BYTES_LIST, TYPE_BOOLEAN};
    const struct statement statement = {2, "descope_conn_commit", store->commit_sql, 12, types};
    const struct array *arrays[] = {&commit->kept_keys,     &commit->kept_versions, &commit->held_keys,
                                    &commit->held_versions, &commit->made_keys,     &commit->made_values,
                                    &commit->put_keys,      &commit->put_values,    &commit->removed_keys};
    uint8_t version[8], has_receipt = commit->has_receipt ? 1 : 0;
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

/* Parameter is_sent: whether it may be written, although it failed. */
static struct failure attempt(struct store *store, const struct call *call, const struct commit *commit, bool *is_sent)
{
    struct connection *connection;
    struct exchange exchange;
    struct failure failure = pool_take(&store->pool, call, &connection);
    char lock_timeout[64];
    int place;
    *is_sent = false;
    if (failure.kind != FAILURE_NONE) {
        return failure;
    }
    /* Locks are all that a commit waits for without an end. A timeout of the statement would go on while COMMIT waits for
     * a synchronous standby, and end that wait as if the standby had it. */
    (void)snprintf(lock_timeout, sizeof lock_timeout, "SET LOCAL lock_timeout = %d", remaining_ms(call, 60000) + 1);
    exchange_begin(&exchange, connection, call);
    exchange.heeds_cancellation = false; /* once it is sent nobody can take it back */
    exchange_command(&exchange, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    exchange_command(&exchange, lock_timeout);
    place = add_commit(&exchange, store, commit);
    if (commit->undone_keys.count > 0) {
        add_undo(&exchange, store, commit);
    }
    exchange_command(&exchange, "COMMIT");
    failure = exchange_end(&exchange);
    *is_sent = exchange.is_sent;
    if (failure.kind == FAILURE_NONE) {
        const PGresult *result = exchange.steps[place].result;
        if (PQntuples(result) != 1 || PQnfields(result) != 1 || PQgetlength(result, 0, 0) != 1) {
            failure = failure_of(FAILURE_LOST, "unavailable", "the database answers nonsense");
        } else if (*PQgetvalue(result, 0, 0) == 0) {
            failure = failure_of(FAILURE_CONFLICT, "conflict", "another version is there");
        }
    }
    exchange_free(&exchange);
    pool_give(&store->pool, connection, &failure);
    return failure;
}

/* --- What became of an attempt whose answer was lost --- */

enum outcome { WRITTEN, NOT_WRITTEN, UNKNOWN };

struct look {
    const struct commit *commit;
    bool has_ours, has_earlier;
};

static int look_at(void *user, size_t part, const void *key, size_t key_len, const void *value, size_t value_len,
                   uint64_t version)
{
    struct look *look = user;
    const descope_conn_write *write = &look->commit->writes[part];
    (void)key;
    (void)key_len;
    (void)value;
    (void)value_len;
    look->has_ours = look->has_ours || version == look->commit->version;
    look->has_earlier = look->has_earlier || (is_versioned_put(write) && version == write->expected);
    return 0;
}

/* Looks for what a commit leaves behind: its receipt, or its version in one of its rows. */
static struct failure find_out(struct store *store, const struct call *call, const struct commit *commit,
                               enum outcome *outcome)
{
    struct look look = {commit, false, false};
    struct failure failure;
    descope_conn_read *reads;
    size_t index;
    bool is_found;
    if (commit->has_receipt) {
        failure = store_find_receipt(store, call, commit->version, &is_found);
        *outcome = is_found ? WRITTEN : NOT_WRITTEN;
        return failure;
    }
    reads = calloc(commit->count, sizeof *reads);
    if (reads == NULL) {
        return failure_of(FAILURE_MEMORY, "", "");
    }
    for (index = 0; index < commit->count; index++) {
        reads[index].key = commit->writes[index].key;
        reads[index].key_len = commit->writes[index].key_len;
    }
    failure = store_read(store, call, reads, commit->count, look_at, &look);
    free(reads);
    *outcome = look.has_ours ? WRITTEN : look.has_earlier ? NOT_WRITTEN : UNKNOWN;
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

static struct failure commit_until_known(struct store *store, const struct call *call, const struct commit *commit)
{
    bool may_be_written = false;
    struct attempts attempts = {0, no_failure()};
    for (;;) {
        bool is_sent;
        enum outcome outcome = NOT_WRITTEN;
        struct failure failure = attempt(store, call, commit, &is_sent);
        if (failure.kind == FAILURE_NONE) {
            return failure;
        }
        may_be_written = may_be_written || (is_sent && failure.kind == FAILURE_LOST);
        if (failure.kind == FAILURE_CONFLICT && !may_be_written) {
            return failure;
        }
        if (failure.kind != FAILURE_CONFLICT && !try_again(call, &attempts, &failure)) {
            return may_be_written && failure.kind != FAILURE_TIMEOUT ? unknown() : failure;
        }
        /* The version stays the same, so that of two attempts, the first of which the server still works at, only one
         * writes. */
        while (may_be_written) {
            struct failure looking = find_out(store, call, commit, &outcome);
            if (looking.kind == FAILURE_NONE) {
                break;
            }
            if (!try_again(call, &attempts, &looking)) {
                return looking.kind == FAILURE_TIMEOUT ? looking : unknown();
            }
        }
        if (may_be_written && outcome == WRITTEN) {
            return no_failure();
        }
        if (outcome == UNKNOWN) {
            return unknown();
        }
        if (failure.kind == FAILURE_CONFLICT) {
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
    if (failure.kind == FAILURE_NONE && commit.has_receipt && (commit.version & 0xFF) == 0) {
        tidy_receipts(store, call);
    }
    commit_free(&commit);
    return failure;
}
