/* test_plugins.c - plugins that are loaded, registered, broken, or badly behaved. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

/* What the Makefile built, see there. Absolute. */
#ifndef PLUGINS
#error "PLUGINS is the folder of the plugins"
#endif

static struct answer open_fails(const char *config)
{
    descope_conn_handle handle = 99;
    char *out = NULL;
    size_t len = 0;
    descope_conn_status status = descope_conn_open(config, strlen(config), &handle, &out, &len);
    assert_int_equal(handle, 0);
    return take(status, out, len);
}

static void assert_says(const struct answer *answer, const char *words)
{
    const char *message = json_string_value(json_object_get(json_object_get(answer->json, "error"), "message"));
    if (strstr(message, words) == NULL) {
        print_error("%s: not in: %s\n", words, message);
    }
    assert_non_null(strstr(message, words));
}

/* --- Loading ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *library;
    const char *words;
} not_loadable[] = {
    {"/nonexistent/plugin.so", "cannot open shared object file"},
    {"/etc/passwd", "invalid ELF header"},
    {"/", "it is no regular file"},
    {PLUGINS "/no_symbol.so", "exports no descope_conn_plugin_init"},
    {PLUGINS "/wrong_abi.so", "answered -1 to plugin ABI 1"},
    {PLUGINS "/store_memory.so", "is a store, not a backend"},
    {"plugin.so", "neither an absolute path nor the name of a registered plugin"},
    {"./plugin.so", "neither an absolute path nor the name of a registered plugin"},
    {"unknown", "registered: harness"},
};

static void what_cannot_be_loaded(void **state)
{
    size_t index;
    (void)state;
    for (index = 0; index < COUNT(not_loadable); index++) {
        char config[512];
        struct answer answer;
        snprintf(config, sizeof config, "{\"backend\":\"plugin\",\"library\":\"%s\"}", not_loadable[index].library);
        answer = open_fails(config);
        assert_says(&answer, not_loadable[index].words);
        assert_failed(answer, DESCOPE_CONN_E_ARGUMENT, "invalid_config", "library");
    }
}

static void the_static_backend(void **state)
{
    descope_conn_handle handle = open_config("{\"backend\":\"plugin\",\"library\":\"" PLUGINS "/backend_static.so\","
                                             "\"config\":{\"tokens\":{\"github\":\"the-token\"}}}");
    struct answer answer = call(handle, "{\"op\":\"fetch\",\"appId\":\"github\",\"userId\":\"u\"}");
    const json_t *token = json_object_get(answer.json, "token");
    (void)state;
    assert_int_equal(answer.status, DESCOPE_CONN_OK);
    assert_string_equal(json_string_value(json_object_get(token, "accessToken")), "the-token");
    json_decref(answer.json);

    answer = call(handle, "{\"op\":\"fetch\",\"appId\":\"gitlab\",\"userId\":\"u\"}");
    assert_string_equal(json_string_value(json_object_get(json_object_get(answer.json, "error"), "reason")), "app");
    assert_failed(answer, DESCOPE_CONN_E_FAILED, "not_found", NULL);
    /* The library checks its own operations before a plugin sees them. */
    answer = call(handle, "{\"op\":\"fetch\",\"appId\":\"github\"}");
    assert_failed(answer, DESCOPE_CONN_E_ARGUMENT, "invalid_request", "userId");
    /* A plugin may have operations of its own. */
    assert_ok(call(handle, "{\"op\":\"static.sleep\",\"ms\":1}"));
    answer = call(handle, "{\"op\":\"apps.list\"}");
    assert_failed(answer, DESCOPE_CONN_E_FAILED, "unsupported", NULL);
    close_handle(handle);
}

static void a_plugin_that_does_not_open(void **state)
{
    struct answer answer = open_fails("{\"backend\":\"plugin\",\"library\":\"" PLUGINS "/backend_static.so\"}");
    (void)state;
    assert_says(&answer, "config.tokens is missing");
    assert_failed(answer, DESCOPE_CONN_E_ARGUMENT, "invalid_config", "library");
}

/* --- Registering -------------------------------------------------------------------------------------------------- */

static descope_conn_status never_call(void *self, const descope_conn_context *context, const char *request,
                                      size_t request_len, descope_conn_bytes *answer)
{
    (void)self;
    (void)context;
    (void)request;
    (void)request_len;
    (void)answer;
    return DESCOPE_CONN_E_FAILED;
}

static descope_conn_status never_open(const char *config, size_t config_len, void **self, descope_conn_bytes *error)
{
    (void)config;
    (void)config_len;
    (void)self;
    (void)error;
    return DESCOPE_CONN_E_FAILED;
}

static void never_close(void *self)
{
    (void)self;
}

static const descope_conn_backend whole = {sizeof whole, never_call};
static const descope_conn_backend too_short = {sizeof(size_t), never_call};
static const descope_conn_backend no_call = {sizeof no_call, NULL};
static const descope_conn_store no_functions = {sizeof no_functions, NULL, NULL, NULL, NULL};

#define SIZE sizeof(descope_conn_plugin)

static const struct {
    const char *words;
    descope_conn_plugin plugin;
} broken[] = {
    {"speaks plugin ABI 2", {SIZE, 2, 1, 0, "broken", "1", never_open, never_close, &whole, NULL}},
    {"speaks plugin ABI 0", {SIZE, 0, 1, 0, "broken", "1", never_open, never_close, &whole, NULL}},
    {"struct_size is 8", {8, 1, 1, 0, "broken", "1", never_open, never_close, &whole, NULL}},
    {"struct_size is 0", {0, 1, 1, 0, "broken", "1", never_open, never_close, &whole, NULL}},
    {"kind 0 is unknown", {SIZE, 1, 0, 0, "broken", "1", never_open, never_close, &whole, NULL}},
    {"kind 3 is unknown", {SIZE, 1, 3, 0, "broken", "1", never_open, never_close, &whole, NULL}},
    {"no name or version", {SIZE, 1, 1, 0, NULL, "1", never_open, never_close, &whole, NULL}},
    {"no name or version", {SIZE, 1, 1, 0, "broken", NULL, never_open, never_close, &whole, NULL}},
    {"its name is not", {SIZE, 1, 1, 0, "", "1", never_open, never_close, &whole, NULL}},
    {"its name is not", {SIZE, 1, 1, 0, "Broken", "1", never_open, never_close, &whole, NULL}},
    {"its name is not",
     {SIZE, 1, 1, 0, "a-name-of-more-than-thirty-two-by", "1", never_open, never_close, &whole, NULL}},
    {"no open or close", {SIZE, 1, 1, 0, "broken", "1", NULL, never_close, &whole, NULL}},
    {"no open or close", {SIZE, 1, 1, 0, "broken", "1", never_open, NULL, &whole, NULL}},
    {"table of functions", {SIZE, 1, 1, 0, "broken", "1", never_open, never_close, NULL, NULL}},
    {"table of functions", {SIZE, 1, 1, 0, "broken", "1", never_open, never_close, &too_short, NULL}},
    {"table of functions", {SIZE, 1, 1, 0, "broken", "1", never_open, never_close, &no_call, NULL}},
    {"table of functions", {SIZE, 1, 2, 0, "broken", "1", never_open, never_close, &whole, NULL}},
    {"table of functions", {SIZE, 1, 2, 0, "broken", "1", never_open, never_close, NULL, &no_functions}},
};

static descope_conn_status fill(size_t index, uint32_t host_plugin_abi, const descope_conn_host *host,
                                descope_conn_plugin *plugin)
{
    assert_int_equal(host_plugin_abi, DESCOPE_CONN_PLUGIN_ABI);
    assert_int_equal(host->struct_size, sizeof *host);
    assert_int_equal(host->abi, DESCOPE_CONN_ABI);
    assert_int_equal(plugin->struct_size, sizeof *plugin);
    assert_null(plugin->open);
    *plugin = broken[index].plugin;
    return DESCOPE_CONN_OK;
}

/* A function for each: an init is called once in a process. */
#define FILL(index)                                                                                                   \
    static descope_conn_status fill_##index(uint32_t abi, const descope_conn_host *host, descope_conn_plugin *plugin) \
    {                                                                                                                 \
        return fill(index, abi, host, plugin);                                                                        \
    }
FILL(0)
FILL(1)
FILL(2)
FILL(3)
FILL(4)
FILL(5)
FILL(6)
FILL(7)
FILL(8)
FILL(9)
FILL(10)
FILL(11)
FILL(12)
FILL(13)
FILL(14)
FILL(15)
FILL(16)
FILL(17)

static const descope_conn_plugin_init_fn fills[COUNT(broken)] = {
    fill_0, fill_1,  fill_2,  fill_3,  fill_4,  fill_5,  fill_6,  fill_7,  fill_8,
    fill_9, fill_10, fill_11, fill_12, fill_13, fill_14, fill_15, fill_16, fill_17,
};

static descope_conn_status refuse(uint32_t host_plugin_abi, const descope_conn_host *host, descope_conn_plugin *plugin)
{
    (void)host_plugin_abi;
    (void)host;
    (void)plugin;
    return DESCOPE_CONN_E_ARGUMENT;
}

static struct answer register_fails(descope_conn_plugin_init_fn init)
{
    char *out = NULL;
    size_t len = 0;
    descope_conn_status status = descope_conn_register_plugin(init, &out, &len);
    assert_int_equal(descope_conn_register_plugin(init, NULL, NULL), status);
    return take(status, out, len);
}

static void what_cannot_be_registered(void **state)
{
    struct answer answer;
    size_t index;
    (void)state;
    for (index = 0; index < COUNT(broken); index++) {
        answer = register_fails(fills[index]);
        assert_says(&answer, broken[index].words);
        assert_failed(answer, DESCOPE_CONN_E_ARGUMENT, "invalid_config", NULL);
    }
    answer = register_fails(refuse);
    assert_says(&answer, "answered -1");
    assert_failed(answer, DESCOPE_CONN_E_ARGUMENT, "invalid_config", NULL);
    assert_failed(register_fails(NULL), DESCOPE_CONN_E_ARGUMENT, "invalid_request", "init");
}

static void twice_is_a_no_op(void **state)
{
    descope_conn_handle handle = open_harness();
    (void)state;
    register_harness();
    assert_ok(call(handle, "{\"op\":\"echo\"}"));
    close_handle(handle);
    handle = open_harness();
    assert_ok(call(handle, "{\"op\":\"echo\"}"));
    close_handle(handle);
}

/* --- Behaving badly ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *request;
    descope_conn_status status;
    const char *code;
} badly[] = {
    /* The statuses that a backend has. */
    {"{\"op\":\"give\",\"status\":-4}", DESCOPE_CONN_E_TIMEOUT, "timeout"},
    {"{\"op\":\"give\",\"status\":-5}", DESCOPE_CONN_E_CANCELLED, "cancelled"},
    {"{\"op\":\"give\",\"status\":-6}", DESCOPE_CONN_E_FAILED, "internal"},
    {"{\"op\":\"give\",\"status\":-6,\"text\":\"{\\\"code\\\":\\\"conflict\\\",\\\"message\\\":\\\"m\\\"}\"}",
     DESCOPE_CONN_E_FAILED, "conflict"},
    {"{\"op\":\"give\",\"status\":-6,\"text\":\"{\\\"code\\\":\\\"limit\\\",\\\"message\\\":\\\"m\\\"}\"}",
     DESCOPE_CONN_E_LIMIT, "limit"},
    /* Those it has not. */
    {"{\"op\":\"give\",\"status\":1}", DESCOPE_CONN_E_FAILED, "internal"},
    {"{\"op\":\"give\",\"status\":-1}", DESCOPE_CONN_E_FAILED, "internal"},
    {"{\"op\":\"give\",\"status\":-8}", DESCOPE_CONN_E_FAILED, "internal"},
    {"{\"op\":\"give\",\"status\":-2147483648}", DESCOPE_CONN_E_FAILED, "internal"},
    /* Answers that are none. */
    {"{\"op\":\"give\",\"status\":0}", DESCOPE_CONN_E_FAILED, "internal"},
    {"{\"op\":\"give\",\"status\":0,\"text\":\"\"}", DESCOPE_CONN_E_FAILED, "internal"},
    {"{\"op\":\"give\",\"status\":0,\"text\":\"[]\"}", DESCOPE_CONN_E_FAILED, "internal"},
    {"{\"op\":\"give\",\"status\":0,\"text\":\"{\"}", DESCOPE_CONN_E_FAILED, "internal"},
    /* Errors that are none. */
    {"{\"op\":\"give\",\"status\":-6,\"text\":\"nonsense\"}", DESCOPE_CONN_E_FAILED, "internal"},
    {"{\"op\":\"give\",\"status\":-6,\"text\":\"[1]\"}", DESCOPE_CONN_E_FAILED, "internal"},
    {"{\"op\":\"give\",\"status\":-6,\"text\":\"{}\"}", DESCOPE_CONN_E_FAILED, "internal"},
    {"{\"op\":\"give\",\"status\":-6,\"text\":\"{\\\"code\\\":\\\"my_own\\\",\\\"message\\\":\\\"m\\\"}\"}",
     DESCOPE_CONN_E_FAILED, "internal"},
    {"{\"op\":\"give\",\"status\":-6,\"text\":\"{\\\"code\\\":1,\\\"message\\\":[]}\"}", DESCOPE_CONN_E_FAILED,
     "internal"},
};

static void bad_answers(void **state)
{
    descope_conn_handle handle = open_harness();
    size_t index;
    (void)state;
    for (index = 0; index < COUNT(badly); index++) {
        assert_failed(call(handle, badly[index].request), badly[index].status, badly[index].code, NULL);
        submit(handle, badly[index].request);
        assert_failed(next(handle, NULL), badly[index].status, badly[index].code, NULL);
    }
    close_handle(handle);
}

static void errors_keep_their_fields(void **state)
{
    descope_conn_handle handle = open_harness();
    struct answer answer = call(
        handle, "{\"op\":\"give\",\"status\":-6,\"text\":\"{\\\"code\\\":\\\"rate_limited\\\",\\\"message\\\":\\\"m"
                "\\\",\\\"retryAfterMs\\\":1500,\\\"httpStatus\\\":429,\\\"errorCode\\\":\\\"E1\\\"}\"}");
    const json_t *error = json_object_get(answer.json, "error");
    (void)state;
    assert_int_equal(json_integer_value(json_object_get(error, "retryAfterMs")), 1500);
    assert_int_equal(json_integer_value(json_object_get(error, "httpStatus")), 429);
    assert_string_equal(json_string_value(json_object_get(error, "errorCode")), "E1");
    assert_failed(answer, DESCOPE_CONN_E_FAILED, "rate_limited", NULL);
    close_handle(handle);
}

int test_plugins(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_loaded),
        cmocka_unit_test(the_static_backend),
        cmocka_unit_test(a_plugin_that_does_not_open),
        cmocka_unit_test(what_cannot_be_registered),
        cmocka_unit_test(twice_is_a_no_op),
        cmocka_unit_test(bad_answers),
        cmocka_unit_test(errors_keep_their_fields),
    };
    return cmocka_run_group_tests_name("plugins", tests, NULL, NULL);
}
