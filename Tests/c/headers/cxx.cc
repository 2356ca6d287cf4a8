// Both headers as C++11 to C++20; see the Makefile for the strictness.
#include <descope_conn.h>
#include <descope_conn.h>
#include <descope_conn_plugin.h>
#include <descope_conn_plugin.h>

#include <type_traits>

static_assert(std::is_same<descope_conn_handle, uint64_t>::value, "");
static_assert(std::is_same<decltype(&descope_conn_free), void (*)(void *)>::value, "");
static_assert(std::is_standard_layout<descope_conn_plugin>::value, "");

static descope_conn_status answer(void *, const descope_conn_context *, const char *, size_t, descope_conn_bytes *)
{
    return DESCOPE_CONN_E_FAILED;
}

extern const descope_conn_backend backend;
const descope_conn_backend backend = {sizeof backend, answer};
