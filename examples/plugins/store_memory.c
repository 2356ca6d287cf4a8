/* store_memory.c - a store plugin: the vault's sealed rows in a sorted array. Gone when the handle closes.
 *
 *   cc -std=c99 -shared -fPIC -pthread -Iinclude -o store_memory.so examples/plugins/store_memory.c
 *   {"backend":"vault","store":{"plugin":"/abs/store_memory.so"},"key":{"env":"DESCOPE_CONN_VAULT_KEY"}} */
#define _POSIX_C_SOURCE 200809L
#include "descope_conn_plugin.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const descope_conn_host *host;

struct row {
    uint8_t *key, *value;
    size_t key_len, value_len;
    uint64_t version;
};

struct instance {
    pthread_mutex_t mutex;
    struct row *rows; /* by key */
    size_t count, capacity;
    uint64_t last_version; /* of the whole store, so that no version comes twice */
};

static int compare(const void *a, size_t a_len, const void *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* The first row whose key is not before `key`. */
static size_t lower_bound(const struct instance *self, const void *key, size_t key_len)
{
    size_t low = 0, high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(self->rows[middle].key, self->rows[middle].key_len, key, key_len) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct row *find(const struct instance *self, const void *key, size_t key_len)
{
    size_t index = lower_bound(self, key, key_len);
    if (index < self->count && compare(self->rows[index].key, self->rows[index].key_len, key, key_len) == 0) {
        return &self->rows[index];
    }
    return NULL;
}

static uint8_t *copy(const void *bytes, size_t len)
{
    uint8_t *block = host->alloc(len + 1); /* never of size 0 */
    if (block != NULL && len > 0) {
        memcpy(block, bytes, len);
    }
    return block;
}

static descope_conn_status fail(descope_conn_bytes *error, const char *json)
{
    error->data = copy(json, strlen(json));
    error->len = error->data == NULL ? 0 : strlen(json);
    return DESCOPE_CONN_E_FAILED;
}

static descope_conn_status get(void *opaque, const descope_conn_context *context, const void *key, size_t key_len,
                               descope_conn_bytes *value, uint64_t *version, descope_conn_bytes *error)
{
    struct instance *self = opaque;
    descope_conn_status status = DESCOPE_CONN_OK;
    struct row *row;
    (void)context;
    (void)error;
    pthread_mutex_lock(&self->mutex);
    row = find(self, key, key_len);
    if (row != NULL) {
        value->data = copy(row->value, row->value_len);
        value->len = row->value_len;
        *version = row->version;
        status = value->data == NULL ? DESCOPE_CONN_E_MEMORY : DESCOPE_CONN_OK;
    }
    pthread_mutex_unlock(&self->mutex);
    return status;
}

/* The rows of a scan. The mutex is held. */
static void each_row(const struct instance *self, const void *prefix, size_t prefix_len, const void *after,
                     size_t after_len, size_t limit, descope_conn_store_each each, void *user)
{
    size_t index = lower_bound(self, prefix, prefix_len);
    if (after_len > 0) {
        size_t next = lower_bound(self, after, after_len);
        if (next < self->count && compare(self->rows[next].key, self->rows[next].key_len, after, after_len) == 0) {
            next++;
        }
        index = next > index ? next : index;
    }
    for (; index < self->count && limit > 0; index++, limit--) {
        const struct row *row = &self->rows[index];
        if (row->key_len < prefix_len || memcmp(row->key, prefix, prefix_len) != 0 ||
            each(user, row->key, row->key_len, row->value, row->value_len, row->version) != 0) {
            break;
        }
    }
}

static descope_conn_status scan(void *opaque, const descope_conn_context *context, const void *prefix,
                                size_t prefix_len, const void *after, size_t after_len, size_t limit,
                                descope_conn_store_each each, void *user, descope_conn_bytes *error)
{
    struct instance *self = opaque;
    (void)context;
    (void)error;
    pthread_mutex_lock(&self->mutex);
    each_row(self, prefix, prefix_len, after, after_len, limit, each, user);
    pthread_mutex_unlock(&self->mutex);
    return DESCOPE_CONN_OK;
}

/* What a read that is under way knows: the rows of `part` are handed on. */
struct part {
    descope_conn_store_found found;
    void *user;
    size_t part;
    int stopped;
};

static int hand_on(void *user, const void *key, size_t key_len, const void *value, size_t value_len, uint64_t version)
{
    struct part *part = user;
    part->stopped = part->found(part->user, part->part, key, key_len, value, value_len, version);
    return part->stopped;
}

static descope_conn_status read_rows(void *opaque, const descope_conn_context *context, const descope_conn_read *reads,
                                     size_t count, descope_conn_store_found found, void *user,
                                     descope_conn_bytes *error)
{
    struct instance *self = opaque;
    struct part part = {found, user, 0, 0};
    (void)context;
    (void)error;
    pthread_mutex_lock(&self->mutex);
    for (; part.part < count && !part.stopped; part.part++) {
        const descope_conn_read *read = &reads[part.part];
        if (read->limit > 0) {
            each_row(self, read->key, read->key_len, read->after, read->after_len, read->limit, hand_on, &part);
        } else {
            const struct row *row = find(self, read->key, read->key_len);
            if (row != NULL) {
                hand_on(&part, row->key, row->key_len, row->value, row->value_len, row->version);
            }
        }
    }
    pthread_mutex_unlock(&self->mutex);
    return DESCOPE_CONN_OK;
}

static void clear(struct row *row)
{
    host->free(row->key);
    host->free(row->value);
}

/* Room for `more` rows. */
static int reserve(struct instance *self, size_t more)
{
    size_t needed = self->count + more;
    struct row *rows;
    if (needed <= self->capacity) {
        return 1;
    }
    rows = realloc(self->rows, 2 * needed * sizeof *rows);
    if (rows == NULL) {
        return 0;
    }
    self->rows = rows;
    self->capacity = 2 * needed;
    return 1;
}

static void remove_row(struct instance *self, struct row *row)
{
    size_t index = (size_t)(row - self->rows);
    clear(row);
    memmove(row, row + 1, (self->count - index - 1) * sizeof *row);
    self->count--;
}

static void put(struct instance *self, struct row row)
{
    struct row *present = find(self, row.key, row.key_len);
    row.version = ++self->last_version;
    if (present != NULL) {
        clear(present);
        *present = row;
    } else {
        size_t index = lower_bound(self, row.key, row.key_len);
        memmove(&self->rows[index + 1], &self->rows[index], (self->count - index) * sizeof row);
        self->rows[index] = row;
        self->count++;
    }
}

static int matches(const struct instance *self, const descope_conn_write *write)
{
    const struct row *row = find(self, write->key, write->key_len);
    return write->expected == DESCOPE_CONN_STORE_ANY || write->expected == (row == NULL ? 0 : row->version);
}

static descope_conn_status commit(void *opaque, const descope_conn_context *context, const descope_conn_write *writes,
                                  size_t count, descope_conn_bytes *error)
{
    struct instance *self = opaque;
    descope_conn_status status = DESCOPE_CONN_E_MEMORY;
    struct row *fresh = calloc(count + 1, sizeof *fresh);
    size_t index;
    (void)context;
    pthread_mutex_lock(&self->mutex);
    if (fresh == NULL || !reserve(self, count)) {
        goto done;
    }
    for (index = 0; index < count; index++) {
        if (!matches(self, &writes[index])) {
            status = fail(error, "{\"code\":\"conflict\",\"message\":\"another version is there\"}");
            goto done;
        }
    }
    /* All memory first: from here on nothing can fail. */
    for (index = 0; index < count; index++) {
        if (writes[index].value != NULL) {
            fresh[index].key = copy(writes[index].key, writes[index].key_len);
            fresh[index].key_len = writes[index].key_len;
            fresh[index].value = copy(writes[index].value, writes[index].value_len);
            fresh[index].value_len = writes[index].value_len;
            if (fresh[index].key == NULL || fresh[index].value == NULL) {
                goto done;
            }
        }
    }
    for (index = 0; index < count; index++) {
        if (writes[index].value != NULL) {
            put(self, fresh[index]);
            memset(&fresh[index], 0, sizeof fresh[index]);
        } else if (writes[index].value_len != DESCOPE_CONN_STORE_KEEP) {
            struct row *row = find(self, writes[index].key, writes[index].key_len);
            if (row != NULL) {
                remove_row(self, row);
            }
        }
    }
    status = DESCOPE_CONN_OK;
done:
    pthread_mutex_unlock(&self->mutex);
    for (index = 0; fresh != NULL && index < count; index++) {
        clear(&fresh[index]);
    }
    free(fresh);
    return status;
}

static descope_conn_status open_instance(const char *config, size_t config_len, void **self, descope_conn_bytes *error)
{
    struct instance *instance = calloc(1, sizeof *instance);
    (void)config;
    (void)config_len;
    (void)error;
    if (instance == NULL) {
        return DESCOPE_CONN_E_MEMORY;
    }
    pthread_mutex_init(&instance->mutex, NULL);
    *self = instance;
    return DESCOPE_CONN_OK;
}

static void close_instance(void *opaque)
{
    struct instance *self = opaque;
    size_t index;
    for (index = 0; index < self->count; index++) {
        clear(&self->rows[index]);
    }
    free(self->rows);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

static const descope_conn_store store = {sizeof store, get, scan, commit, read_rows};

/* The one symbol. */
descope_conn_status descope_conn_plugin_init(uint32_t host_plugin_abi, const descope_conn_host *the_host,
                                             descope_conn_plugin *plugin);
descope_conn_status descope_conn_plugin_init(uint32_t host_plugin_abi, const descope_conn_host *the_host,
                                             descope_conn_plugin *plugin)
{
    if (host_plugin_abi != DESCOPE_CONN_PLUGIN_ABI || the_host->struct_size < sizeof *the_host) {
        return DESCOPE_CONN_E_ARGUMENT;
    }
    host = the_host;
    plugin->struct_size = sizeof *plugin < plugin->struct_size ? sizeof *plugin : plugin->struct_size;
    plugin->abi = DESCOPE_CONN_PLUGIN_ABI;
    plugin->kind = DESCOPE_CONN_PLUGIN_STORE;
    plugin->name = "memory";
    plugin->version = "1.0.0";
    plugin->open = open_instance;
    plugin->close = close_instance;
    plugin->store = &store;
    return DESCOPE_CONN_OK;
}
