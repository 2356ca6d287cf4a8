/* odd.c - a plugin whose init says one wrong thing. The flags of its compilation say which, such as -DKIND=9. */
#include "descope_conn_plugin.h"

#include <stddef.h>

#ifndef INIT
#define INIT descope_conn_plugin_init
#endif
#ifndef STATUS
#define STATUS DESCOPE_CONN_OK
#endif
#ifndef ABI
#define ABI DESCOPE_CONN_PLUGIN_ABI
#endif
#ifndef KIND
#define KIND DESCOPE_CONN_PLUGIN_BACKEND
#endif
#ifndef STRUCT_SIZE
#define STRUCT_SIZE sizeof(descope_conn_plugin)
#endif
#ifndef NAME
#define NAME "odd"
#endif
#ifndef VERSION
#define VERSION "1"
#endif
#ifndef OPEN
#define OPEN open_instance
#endif
#ifndef CLOSE
#define CLOSE close_instance
#endif
#ifndef BACKEND
#define BACKEND &backend
#endif
#ifndef BACKEND_SIZE
#define BACKEND_SIZE sizeof(descope_conn_backend)
#endif
#ifndef CALL
#define CALL call
#endif
#ifndef SCAN
#define SCAN scan
#endif

descope_conn_status open_instance(const char *config, size_t config_len, void **self, descope_conn_bytes *error);
descope_conn_status open_instance(const char *config, size_t config_len, void **self, descope_conn_bytes *error)
{
    (void)config, (void)config_len, (void)self, (void)error;
    return DESCOPE_CONN_OK;
}

void close_instance(void *self);
void close_instance(void *self)
{
    (void)self;
}

descope_conn_status call(void *self, const descope_conn_context *context, const char *request, size_t request_len,
                         descope_conn_bytes *answer);
descope_conn_status call(void *self, const descope_conn_context *context, const char *request, size_t request_len,
                         descope_conn_bytes *answer)
{
    (void)self, (void)context, (void)request, (void)request_len, (void)answer;
    return DESCOPE_CONN_E_FAILED;
}

static descope_conn_status get(void *self, const descope_conn_context *context, const void *key, size_t key_len,
                               descope_conn_bytes *value, uint64_t *version, descope_conn_bytes *error)
{
    (void)self, (void)context, (void)key, (void)key_len, (void)value, (void)version, (void)error;
    return DESCOPE_CONN_E_FAILED;
}

descope_conn_status scan(void *self, const descope_conn_context *context, const void *prefix, size_t prefix_len,
                         const void *after, size_t after_len, size_t limit, descope_conn_store_each each, void *user,
                         descope_conn_bytes *error);
descope_conn_status scan(void *self, const descope_conn_context *context, const void *prefix, size_t prefix_len,
                         const void *after, size_t after_len, size_t limit, descope_conn_store_each each, void *user,
                         descope_conn_bytes *error)
{
    (void)self, (void)context, (void)prefix, (void)prefix_len, (void)after, (void)after_len, (void)limit;
    (void)each, (void)user, (void)error;
    return DESCOPE_CONN_E_FAILED;
}

static descope_conn_status commit(void *self, const descope_conn_context *context, const descope_conn_write *writes,
                                  size_t count, descope_conn_bytes *error)
{
    (void)self, (void)context, (void)writes, (void)count, (void)error;
    return DESCOPE_CONN_E_FAILED;
}

const descope_conn_backend backend = {BACKEND_SIZE, CALL};
static const descope_conn_store store = {sizeof store, get, SCAN, commit, NULL};

static int calls;

descope_conn_status INIT(uint32_t host_plugin_abi, const descope_conn_host *host, descope_conn_plugin *plugin);
descope_conn_status INIT(uint32_t host_plugin_abi, const descope_conn_host *host, descope_conn_plugin *plugin)
{
    (void)host_plugin_abi, (void)host;
    calls++;
    plugin->struct_size = STRUCT_SIZE;
    plugin->abi = ABI;
    plugin->kind = KIND;
    plugin->name = NAME;
    plugin->version = VERSION;
    plugin->open = OPEN;
    plugin->close = CLOSE;
    plugin->backend = BACKEND;
    plugin->store = &store;
    return STATUS;
}

/* How often init was called. */
int odd_init_calls(void);
int odd_init_calls(void)
{
    return calls;
}
