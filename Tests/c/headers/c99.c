/* Both headers as C99, each twice and in either order; see the Makefile for the strictness. */
#include <descope_conn.h>
#include <descope_conn.h>
#include <descope_conn_plugin.h>
#include <descope_conn_plugin.h>

/* What a C program relies on, checked when this compiles. */
#define CHECK(name, condition) typedef char check_##name[(condition) ? 1 : -1]
CHECK(handle_is_64_bits, sizeof(descope_conn_handle) == 8);
CHECK(ticket_is_64_bits, sizeof(descope_conn_ticket) == 8);
CHECK(status_is_32_bits, sizeof(descope_conn_status) == 4);
CHECK(ok_is_zero, DESCOPE_CONN_OK == 0);
CHECK(abi_is_a_constant, DESCOPE_CONN_ABI / 1000000u == 1u);

#if defined __LP64__
/* Plugins are built apart from the host: what is laid out once stays. */
CHECK(bytes, sizeof(descope_conn_bytes) == 16);
CHECK(context, sizeof(descope_conn_context) == 24 && offsetof(descope_conn_context, deadline_ns) == 8);
CHECK(host, sizeof(descope_conn_host) == 48 && offsetof(descope_conn_host, alloc) == 16 &&
                offsetof(descope_conn_host, free) == 24 && offsetof(descope_conn_host, cancelled) == 32 &&
                offsetof(descope_conn_host, log) == 40);
CHECK(backend, sizeof(descope_conn_backend) == 16);
CHECK(write, sizeof(descope_conn_write) == 40 && offsetof(descope_conn_write, expected) == 32);
CHECK(store, sizeof(descope_conn_store) == 40 && offsetof(descope_conn_store, get) == 8 &&
                 offsetof(descope_conn_store, scan) == 16 && offsetof(descope_conn_store, commit) == 24 &&
                 offsetof(descope_conn_store, read) == 32);
CHECK(read, sizeof(descope_conn_read) == 40 && offsetof(descope_conn_read, key_len) == 8 &&
                offsetof(descope_conn_read, after) == 16 && offsetof(descope_conn_read, after_len) == 24 &&
                offsetof(descope_conn_read, limit) == 32);
CHECK(plugin, sizeof(descope_conn_plugin) == 72 && offsetof(descope_conn_plugin, name) == 24 &&
                  offsetof(descope_conn_plugin, open) == 40 && offsetof(descope_conn_plugin, close) == 48 &&
                  offsetof(descope_conn_plugin, backend) == 56 && offsetof(descope_conn_plugin, store) == 64);
#endif
