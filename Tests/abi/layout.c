/* What a program or a plugin that was compiled against the headers of 1.0 relies on, on machines of 64 bits: the values of
 * constants, the places of members, the types of functions. Tests/abi/check-layout compiles it against the frozen headers
 * in v1 and against today's. */

#include <stddef.h>
#include <stdint.h>

#include "descope_conn.h"
#include "descope_conn_plugin.h"

#define VALUE(name, expected) _Static_assert((name) == (expected), #name)
#define SIZE(type, expected)  _Static_assert(sizeof(type) == (expected), "the size of " #type)
/* A table may have grown since. */
#define GROWS(type, least) _Static_assert(sizeof(type) >= (least), "the size of " #type)
#define MEMBER(type, member, offset, size) \
    _Static_assert(offsetof(type, member) == (offset) && sizeof(((type *)0)->member) == (size), #type "." #member)

VALUE(DESCOPE_CONN_ABI / 1000000u, 1u);
VALUE(DESCOPE_CONN_OK, 0);
VALUE(DESCOPE_CONN_EMPTY, 1);
VALUE(DESCOPE_CONN_E_ARGUMENT, -1);
VALUE(DESCOPE_CONN_E_HANDLE, -2);
VALUE(DESCOPE_CONN_E_FORKED, -3);
VALUE(DESCOPE_CONN_E_TIMEOUT, -4);
VALUE(DESCOPE_CONN_E_CANCELLED, -5);
VALUE(DESCOPE_CONN_E_FAILED, -6);
VALUE(DESCOPE_CONN_E_LIMIT, -7);
VALUE(DESCOPE_CONN_E_MEMORY, -8);
VALUE(DESCOPE_CONN_NO_TIMEOUT, 0xFFFFFFFFu);

SIZE(descope_conn_handle, 8);
SIZE(descope_conn_ticket, 8);
SIZE(descope_conn_status, 4);
_Static_assert((descope_conn_status)-1 < 0, "a status is signed");

VALUE(DESCOPE_CONN_PLUGIN_ABI, 1u);
VALUE(DESCOPE_CONN_PLUGIN_BACKEND, 1u);
VALUE(DESCOPE_CONN_PLUGIN_STORE, 2u);
VALUE(DESCOPE_CONN_PLUGIN_SERIAL, 1u);
VALUE(DESCOPE_CONN_STORE_ABSENT, 0u);
VALUE(DESCOPE_CONN_STORE_ANY, UINT64_MAX);
VALUE(DESCOPE_CONN_STORE_KEEP, SIZE_MAX);

/* NOLINTBEGIN(bugprone-sizeof-expression): the sizes of pointers are meant */

SIZE(descope_conn_bytes, 16);
MEMBER(descope_conn_bytes, data, 0, 8);
MEMBER(descope_conn_bytes, len, 8, 8);

GROWS(descope_conn_context, 24);
MEMBER(descope_conn_context, struct_size, 0, 8);
MEMBER(descope_conn_context, deadline_ns, 8, 8);
MEMBER(descope_conn_context, host_private, 16, 8);

GROWS(descope_conn_host, 48);
MEMBER(descope_conn_host, struct_size, 0, 8);
MEMBER(descope_conn_host, abi, 8, 4);
MEMBER(descope_conn_host, alloc, 16, 8);
MEMBER(descope_conn_host, free, 24, 8);
MEMBER(descope_conn_host, cancelled, 32, 8);
MEMBER(descope_conn_host, log, 40, 8);

GROWS(descope_conn_backend, 16);
MEMBER(descope_conn_backend, struct_size, 0, 8);
MEMBER(descope_conn_backend, call, 8, 8);

/* In arrays, so that they never grow. */
SIZE(descope_conn_write, 40);
MEMBER(descope_conn_write, key, 0, 8);
MEMBER(descope_conn_write, key_len, 8, 8);
MEMBER(descope_conn_write, value, 16, 8);
MEMBER(descope_conn_write, value_len, 24, 8);
MEMBER(descope_conn_write, expected, 32, 8);

SIZE(descope_conn_read, 40);
MEMBER(descope_conn_read, key, 0, 8);
MEMBER(descope_conn_read, key_len, 8, 8);
MEMBER(descope_conn_read, after, 16, 8);
MEMBER(descope_conn_read, after_len, 24, 8);
MEMBER(descope_conn_read, limit, 32, 8);

GROWS(descope_conn_store, 40);
MEMBER(descope_conn_store, struct_size, 0, 8);
MEMBER(descope_conn_store, get, 8, 8);
MEMBER(descope_conn_store, scan, 16, 8);
MEMBER(descope_conn_store, commit, 24, 8);
MEMBER(descope_conn_store, read, 32, 8);

GROWS(descope_conn_plugin, 72);
MEMBER(descope_conn_plugin, struct_size, 0, 8);
MEMBER(descope_conn_plugin, abi, 8, 4);
MEMBER(descope_conn_plugin, kind, 12, 4);
MEMBER(descope_conn_plugin, flags, 16, 4);
MEMBER(descope_conn_plugin, name, 24, 8);
MEMBER(descope_conn_plugin, version, 32, 8);
MEMBER(descope_conn_plugin, open, 40, 8);
MEMBER(descope_conn_plugin, close, 48, 8);
MEMBER(descope_conn_plugin, backend, 56, 8);
MEMBER(descope_conn_plugin, store, 64, 8);

/* NOLINTEND(bugprone-sizeof-expression) */

/* The functions, by their types. */
uint32_t (*const v1_abi)(void) = descope_conn_abi;
const char *(*const v1_build_info)(void) = descope_conn_build_info;
descope_conn_status (*const v1_open)(const char *config, size_t config_len, descope_conn_handle *out_handle, char **out,
                                     size_t *out_len) = descope_conn_open;
descope_conn_status (*const v1_close)(descope_conn_handle handle, uint32_t wait_ms) = descope_conn_close;
descope_conn_status (*const v1_connect)(descope_conn_handle handle, const char *request, size_t request_len,
                                        uint32_t timeout_ms, char **out, size_t *out_len) = descope_conn_connect;
descope_conn_status (*const v1_fetch)(descope_conn_handle handle, const char *request, size_t request_len,
                                      uint32_t timeout_ms, char **out, size_t *out_len) = descope_conn_fetch;
descope_conn_status (*const v1_store_api_key)(descope_conn_handle handle, const char *request, size_t request_len,
                                              uint32_t timeout_ms, char **out,
                                              size_t *out_len) = descope_conn_store_api_key;
descope_conn_status (*const v1_delete)(descope_conn_handle handle, const char *request, size_t request_len,
                                       uint32_t timeout_ms, char **out, size_t *out_len) = descope_conn_delete;
descope_conn_status (*const v1_call)(descope_conn_handle handle, const char *request, size_t request_len,
                                     uint32_t timeout_ms, char **out, size_t *out_len) = descope_conn_call;
descope_conn_status (*const v1_submit)(descope_conn_handle handle, const char *request, size_t request_len,
                                       uint32_t timeout_ms, descope_conn_ticket *out_ticket) = descope_conn_submit;
descope_conn_status (*const v1_next)(descope_conn_handle handle, uint32_t wait_ms, descope_conn_ticket *out_ticket,
                                     descope_conn_status *out_call_status, char **out,
                                     size_t *out_len) = descope_conn_next;
int (*const v1_event_fd)(descope_conn_handle handle) = descope_conn_event_fd;
descope_conn_status (*const v1_cancel)(descope_conn_handle handle, descope_conn_ticket ticket) = descope_conn_cancel;
void (*const v1_free)(void *memory) = descope_conn_free;
descope_conn_status (*const v1_set_log)(int32_t max_level, descope_conn_log_fn log, void *user) = descope_conn_set_log;
descope_conn_status (*const v1_register_plugin)(descope_conn_plugin_init_fn init, char **out,
                                                size_t *out_len) = descope_conn_register_plugin;
