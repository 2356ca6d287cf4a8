/* plugin.c - the store plugin that keeps a vault's rows in PostgreSQL: what descope_conn_plugin.h asks for.
 *
 *   {"backend":"vault","store":{"plugin":"/abs/libdescope_conn_store_postgres.so",
 *    "config":{"url":{"env":"DATABASE_URL"}}},"key":{"env":"DESCOPE_CONN_VAULT_KEY"}} */
#define _GNU_SOURCE
#include "store.h"

#include <string.h>
#include <unistd.h>

static bool is_ours(const struct store *store)
{
    return store->owner == getpid();
}

/* What a call that failed is told as: an attempt that could be repeated, if there were time, ran out of it. */
static descope_conn_status conclude(const struct call *call, struct failure failure, descope_conn_bytes *error)
{
    if (failure.kind == FAILURE_AGAIN) {
        struct failure over = failure_of_call(call);
        failure = over.kind != FAILURE_NONE ? over : failure;
    }
    return report(&failure, error);
}

/* --- The functions of a store --- */

struct value {
    descope_conn_bytes *bytes;
    uint64_t *version;
    bool is_short;
};

static int take_value(void *user, size_t part, const void *key, size_t key_len, const void *value, size_t value_len,
                      uint64_t version)
{
    struct value *taken = user;
    uint8_t *to = host->alloc(value_len + 1); /* never of size 0 */
    (void)part;
    (void)key;
    (void)key_len;
    if (to == NULL) {
        taken->is_short = true;
        return 1;
    }
    memcpy(to, value, value_len);
    taken->bytes->data = to;
    taken->bytes->len = value_len;
    *taken->version = version;
    return 1;
}

static descope_conn_status get(void *self, const descope_conn_context *context, const void *key, size_t key_len,
                               descope_conn_bytes *value, uint64_t *version, descope_conn_bytes *error)
{
    const struct call call = call_of(context);
    const descope_conn_read read = {key, key_len, NULL, 0, 0};
    struct value taken = {value, version, false};
    struct failure failure;
    if (!is_ours(self)) {
        return DESCOPE_CONN_E_FORKED;
    }
    *version = 0;
    failure = store_read(self, &call, &read, 1, take_value, &taken);
    return taken.is_short ? DESCOPE_CONN_E_MEMORY : conclude(&call, failure, error);
}

struct scanned {
    descope_conn_store_each each;
    void *user;
};

static int pass_on(void *user, size_t part, const void *key, size_t key_len, const void *value, size_t value_len,
                   uint64_t version)
{
    const struct scanned *scanned = user;
    (void)part;
    return scanned->each(scanned->user, key, key_len, value, value_len, version);
}

static descope_conn_status scan(void *self, const descope_conn_context *context, const void *prefix, size_t prefix_len,
                                const void *after, size_t after_len, size_t limit, descope_conn_store_each each,
                                void *user, descope_conn_bytes *error)
{
    const struct call call = call_of(context);
    const descope_conn_read read = {prefix, prefix_len, after, after_len, limit};
    struct scanned scanned = {each, user};
    if (!is_ours(self)) {
        return DESCOPE_CONN_E_FORKED;
    }
    if (limit == 0) {
        return DESCOPE_CONN_OK;
    }
    return conclude(&call, store_read(self, &call, &read, 1, pass_on, &scanned), error);
}

static descope_conn_status commit(void *self, const descope_conn_context *context, const descope_conn_write *writes,
                                  size_t count, descope_conn_bytes *error)
{
    const struct call call = call_of(context);
    if (!is_ours(self)) {
        return DESCOPE_CONN_E_FORKED;
    }
    return conclude(&call, store_commit(self, &call, writes, count), error);
}

static descope_conn_status read_rows(void *self, const descope_conn_context *context, const descope_conn_read *reads,
                                     size_t count, descope_conn_store_found found, void *user,
                                     descope_conn_bytes *error)
{
    const struct call call = call_of(context);
    if (!is_ours(self)) {
        return DESCOPE_CONN_E_FORKED;
    }
    if (count == 0) {
        return DESCOPE_CONN_OK;
    }
    return conclude(&call, store_read(self, &call, reads, count, found, user), error);
}

/* --- The plugin --- */

static descope_conn_status open_store(const char *config, size_t config_len, void **self, descope_conn_bytes *error)
{
    struct store *store = NULL;
    struct failure failure = store_open(config, config_len, &store);
    *self = store;
    if (failure.kind == FAILURE_TIMEOUT) {
        failure = failure_of(FAILURE_FINAL, "unavailable", "the database did not answer in time");
    }
    return report(&failure, error);
}

static void close_store(void *self)
{
    store_close(self);
}

static const descope_conn_store store_functions = {sizeof store_functions, get, scan, commit, read_rows};

/* The one symbol. */
__attribute__((visibility("default"))) descope_conn_status
descope_conn_plugin_init(uint32_t host_plugin_abi, const descope_conn_host *the_host, descope_conn_plugin *plugin);

descope_conn_status descope_conn_plugin_init(uint32_t host_plugin_abi, const descope_conn_host *the_host,
                                             descope_conn_plugin *plugin)
{
    if (host_plugin_abi != DESCOPE_CONN_PLUGIN_ABI || the_host->struct_size < sizeof *the_host) {
        return DESCOPE_CONN_E_ARGUMENT;
    }
    if (fork_watch() != 0) {
        return DESCOPE_CONN_E_MEMORY;
    }
    host = the_host;
    plugin->struct_size = sizeof *plugin < plugin->struct_size ? sizeof *plugin : plugin->struct_size;
    plugin->abi = DESCOPE_CONN_PLUGIN_ABI;
    plugin->kind = DESCOPE_CONN_PLUGIN_STORE;
    plugin->name = "postgres";
    plugin->version = "1.0.0";
    plugin->open = open_store;
    plugin->close = close_store;
    plugin->store = &store_functions;
    return DESCOPE_CONN_OK;
}
