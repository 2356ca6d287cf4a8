#include "array.h"
#include "store.h"

#include <string.h>

enum { MAX_KEY = 256, BOUND = MAX_KEY + 1 };

/* What comes first after all keys that begin with `prefix`; its length. */
static size_t end_of_prefix(const uint8_t *prefix, size_t len, uint8_t end[BOUND])
{
    while (len > 0 && prefix[len - 1] == 0xFF) {
        len--;
    }
    if (len == 0) {
        memset(end, 0xFF, BOUND); /* after all keys that there can be */
        return BOUND;
    }
    memcpy(end, prefix, len);
    end[len - 1]++;
    return len;
}

static bool is_after(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    size_t common = a_len < b_len ? a_len : b_len;
    int order = common == 0 ? 0 : memcmp(a, b, common);
    return order != 0 ? order > 0 : a_len > b_len;
}

struct ranges {
    struct array low, high, most;
};

static void add_range(struct ranges *ranges, const descope_conn_read *read)
{
    uint8_t end[BOUND];
    if (read->limit == 0) {
        /* The one key from it to the next one. */
        array_add_bytes(&ranges->low, read->key, read->key_len);
        array_add_parts(&ranges->high, read->key, read->key_len, "", 1);
        array_add_integer(&ranges->most, 1);
        return;
    }
    array_add_bytes(&ranges->high, end, end_of_prefix(read->key, read->key_len, end));
    if (read->after_len > 0 && !is_after(read->key, read->key_len, read->after, read->after_len)) {
        array_add_parts(&ranges->low, read->after, read->after_len, "", 1);
    } else {
        array_add_bytes(&ranges->low, read->key, read->key_len);
    }
    array_add_integer(&ranges->most, read->limit > INT64_MAX ? INT64_MAX : read->limit);
}

/* Hands the rows on. */
static struct failure hand_on(const PGresult *result, size_t count, descope_conn_store_found found, void *user)
{
    int row;
    if (PQnfields(result) != 4) {
        return failure_of(FAILURE_LOST, "unavailable", "the database answers nonsense");
    }
    for (row = 0; row < PQntuples(result); row++) {
        uint64_t part, version;
        if (PQgetlength(result, row, 0) != 8 || PQgetlength(result, row, 2) != 8) {
            return failure_of(FAILURE_FINAL, "internal", "the database answers nonsense");
        }
        part = get_integer((const uint8_t *)PQgetvalue(result, row, 0)) - 1;
        version = get_integer((const uint8_t *)PQgetvalue(result, row, 2));
        if (part >= count || version == 0 || version > INT64_MAX) {
            return failure_of(FAILURE_FINAL, "internal", "the database answers nonsense");
        }
        if (found(user, (size_t)part, PQgetvalue(result, row, 1), (size_t)PQgetlength(result, row, 1),
                  PQgetvalue(result, row, 3), (size_t)PQgetlength(result, row, 3), version) != 0) {
            break;
        }
    }
    return no_failure();
}

/* One attempt. The rows are in *result, which the caller clears. */
static struct failure attempt(struct store *store, const struct call *call, const struct ranges *ranges,
                              PGresult **result)
{
    static const Oid types[] = {TYPE_TEXT, TYPE_BYTES_LIST, TYPE_BYTES_LIST, TYPE_INTEGER_LIST};
    const struct statement statement = {0, "descope_conn_read", store->read_sql, 4, types};
    const char *const values[] = {store->settings.vault, (const char *)ranges->low.bytes,
                                  (const char *)ranges->high.bytes, (const char *)ranges->most.bytes};
    const int lengths[] = {(int)strlen(store->settings.vault), (int)ranges->low.len, (int)ranges->high.len,
                           (int)ranges->most.len};
    const struct parameters parameters = {values, lengths};
    struct connection *connection;
    struct exchange exchange;
    struct failure failure = pool_take(&store->pool, call, &connection);
    int place;
    if (failure.kind != FAILURE_NONE) {
        return failure;
    }
    exchange_begin(&exchange, connection, call);
    place = exchange_statement(&exchange, &statement, &parameters);
    failure = exchange_end(&exchange);
    if (failure.kind == FAILURE_NONE) {
        *result = exchange.steps[place].result;
        exchange.steps[place].result = NULL;
    }
    exchange_free(&exchange);
    pool_give(&store->pool, connection, &failure);
    return failure;
}

struct failure store_read(struct store *store, const struct call *call, const descope_conn_read *reads, size_t count,
                          descope_conn_store_found found, void *user)
{
    struct ranges ranges;
    struct failure failure;
    PGresult *result = NULL;
    struct attempts attempts = {0, no_failure()};
    size_t index;
    array_begin(&ranges.low, TYPE_BYTES);
    array_begin(&ranges.high, TYPE_BYTES);
    array_begin(&ranges.most, TYPE_INTEGER);
    for (index = 0; index < count; index++) {
        if (reads[index].key_len > MAX_KEY || reads[index].after_len > MAX_KEY) {
            failure = failure_of(FAILURE_FINAL, "limit", "a key has more than 256 bytes");
            goto done;
        }
        add_range(&ranges, &reads[index]);
    }
    if (ranges.low.is_short || ranges.high.is_short || ranges.most.is_short) {
        failure = failure_of(FAILURE_MEMORY, "", "");
        goto done;
    }
    do {
        failure = attempt(store, call, &ranges, &result);
    } while (failure.kind != FAILURE_NONE && try_again(call, &attempts, &failure));
    if (failure.kind == FAILURE_NONE) {
        failure = hand_on(result, count, found, user);
        PQclear(result);
    }
done:
    array_free(&ranges.low);
    array_free(&ranges.high);
    array_free(&ranges.most);
    return failure;
}
