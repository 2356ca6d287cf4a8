#define _GNU_SOURCE
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Each part of a read is a range of keys, from `low` to before `high`. One statement sees one state, whatever the isolation
 * of its transaction. */
static const char read_sql[] =
    "SELECT part.number, found.key, found.version, found.value"
    " FROM unnest($2::bytea[], $3::bytea[], $4::bigint[]) WITH ORDINALITY AS part(low, high, most, number)"
    " CROSS JOIN LATERAL ("
    "SELECT r.key, r.version, r.value FROM \"%1$s\".vault_rows r"
    " WHERE r.vault = $1 AND r.key >= part.low AND r.key < part.high ORDER BY r.key LIMIT part.most) found"
    " ORDER BY part.number, found.key";

/* A commit in one statement. First the rows that must have a version are locked, in the order of their keys: those that
 * others may keep as well, then those that are written. FOR KEY SHARE would let an update through. Only if all are as
 * expected something is written. A row that must not be there is found by the primary key, which fails (23505) if somebody
 * else has just made it. Parts of one statement see the same state, but rows that were waited for are looked at anew. */
static const char commit_sql[] =
    "WITH kept AS (SELECT locked.version FROM unnest($3::bytea[], $4::bigint[]) AS e(key, version)"
    " CROSS JOIN LATERAL (SELECT r.version FROM \"%1$s\".vault_rows r"
    " WHERE r.vault = $1 AND r.key = e.key AND r.version = e.version FOR SHARE) locked),"
    " held AS (SELECT locked.version FROM unnest($5::bytea[], $6::bigint[]) AS e(key, version)"
    " CROSS JOIN LATERAL (SELECT r.version FROM \"%1$s\".vault_rows r"
    " WHERE r.vault = $1 AND r.key = e.key AND r.version = e.version FOR UPDATE) locked),"
    " checked AS MATERIALIZED (SELECT (SELECT count(*) FROM kept) = cardinality($4)"
    " AND (SELECT count(*) FROM held) = cardinality($6)"
    " AND NOT EXISTS (SELECT FROM unnest($7::bytea[]) AS e(key)"
    " JOIN \"%1$s\".vault_rows r ON r.vault = $1 AND r.key = e.key) AS fits),"
    " made AS (INSERT INTO \"%1$s\".vault_rows (vault, key, version, value)"
    " SELECT $1, e.key, $2, e.value FROM checked, unnest($7::bytea[], $8::bytea[]) AS e(key, value) WHERE fits),"
    " put AS (INSERT INTO \"%1$s\".vault_rows (vault, key, version, value)"
    " SELECT $1, e.key, $2, e.value FROM checked, unnest($9::bytea[], $10::bytea[]) AS e(key, value) WHERE fits"
    " ON CONFLICT (vault, key) DO UPDATE SET version = excluded.version, value = excluded.value),"
    " removed AS (DELETE FROM \"%1$s\".vault_rows r USING checked, unnest($11::bytea[]) AS e(key)"
    " WHERE fits AND r.vault = $1 AND r.key = e.key),"
    " receipt AS (INSERT INTO \"%1$s\".vault_receipts (id) SELECT $2 FROM checked WHERE fits AND $12)"
    " SELECT fits FROM checked";

/* Rows that a commit only wants not to be there are made and removed again. */
static const char undo_sql[] =
    "DELETE FROM \"%1$s\".vault_rows WHERE vault = $1 AND version = $2 AND key = ANY ($3::bytea[])";

/* Waits for a commit that is under way with this receipt. */
static const char refuse_sql[] = "INSERT INTO \"%1$s\".vault_receipts AS r (id, is_refusal) VALUES ($1, true)"
                                 " ON CONFLICT (id) DO UPDATE SET is_refusal = r.is_refusal RETURNING is_refusal";

/* Longer than any call takes. */
static const char tidy_sql[] = "DELETE FROM \"%1$s\".vault_receipts WHERE written < now() - interval '1 hour'";

static bool fill_in(char **text, const char *sql, const char *schema)
{
    return asprintf(text, sql, schema) >= 0;
}

struct call call_of(const descope_conn_context *context)
{
    struct call call = {context, context->deadline_ns};
    return call;
}

bool try_again(const struct call *call, struct attempts *attempts, struct failure *failure)
{
    if (failure->kind == FAILURE_TIMEOUT && attempts->count > 0) {
        *failure = attempts->last;
        return false;
    }
    attempts->last = *failure;
    attempts->count++;
    if ((failure->kind != FAILURE_AGAIN && failure->kind != FAILURE_LOST) ||
        failure_of_call(call).kind != FAILURE_NONE) {
        return false;
    }
    back_off(call, attempts->count);
    return failure_of_call(call).kind == FAILURE_NONE;
}

struct failure store_open(const char *config, size_t len, struct store **opened)
{
    struct store *store = calloc(1, sizeof *store);
    struct connection *first;
    struct failure failure;
    struct call call = {NULL, 0};
    struct attempts attempts = {0, no_failure()};
    if (store == NULL) {
        return failure_of(FAILURE_MEMORY, "", "");
    }
    failure = settings_read(config, len, &store->settings);
    if (failure.kind != FAILURE_NONE) {
        settings_free(&store->settings);
        free(store);
        return failure;
    }
    store->owner = getpid();
    pool_init(&store->pool, &store->settings);
    if (!fill_in(&store->read_sql, read_sql, store->settings.schema) ||
        !fill_in(&store->commit_sql, commit_sql, store->settings.schema) ||
        !fill_in(&store->undo_sql, undo_sql, store->settings.schema) ||
        !fill_in(&store->refuse_sql, refuse_sql, store->settings.schema) ||
        !fill_in(&store->tidy_sql, tidy_sql, store->settings.schema)) {
        store_close(store);
        return failure_of(FAILURE_MEMORY, "", "");
    }
    /* What is wrong is better told now. */
    call.deadline_ns = now_ns() + (uint64_t)store->settings.open_ms * NANOSECONDS_PER_MS;
    do {
        failure = pool_take(&store->pool, &call, &first);
    } while (failure.kind != FAILURE_NONE && try_again(&call, &attempts, &failure));
    if (failure.kind != FAILURE_NONE) {
        store_close(store);
        return failure;
    }
    pool_give(&store->pool, first, &failure);
    *opened = store;
    return failure;
}

void store_close(struct store *store)
{
    if (getpid() != store->owner) {
        return; /* the rest is the parent's */
    }
    pool_destroy(&store->pool);
    settings_free(&store->settings);
    free(store->read_sql);
    free(store->commit_sql);
    free(store->undo_sql);
    free(store->refuse_sql);
    free(store->tidy_sql);
    free(store);
}
