/* test_requests.c - texts that are no request, through call and through submit, and that are no config.
 *
 * What an operation's fields may hold is in Tests/cases, which every language runs. Here is what no JSON library would
 * write. */
#include "harness.h"

#include <stdlib.h>

#define TEXT(literal) literal, sizeof literal - 1

static const struct {
    const char *text;
    size_t len;
    const char *field;
} bad_texts[] = {
    {TEXT(" "), NULL},
    {TEXT("nonsense"), NULL},
    {TEXT("{"), NULL},
    {TEXT("{\"op\""), NULL},
    {TEXT("{\"op\":\"describe\""), NULL},
    {TEXT("{\"op\":\"descr"), NULL},
    {TEXT("{\"op\":\"describe\"} x"), NULL},
    {TEXT("{\"op\":\"describe\"}{}"), NULL},
    {TEXT("{\"op\":\"describe\",}"), NULL},
    {TEXT("{'op':'describe'}"), NULL},
    {TEXT("{op:\"describe\"}"), NULL},
    {TEXT("{\"op\":\"describe\"}\0"), NULL},
    {TEXT("{\"op\":\"desc\0ribe\"}"), NULL},
    {TEXT("{\"op\":\"describe\\u0000\"}"), NULL},
    {TEXT("{\"op\\u0000\":\"describe\"}"), NULL},
    {TEXT("\xef\xbb\xbf{\"op\":\"describe\"}"), NULL}, /* a byte order mark */
    {TEXT("{\"op\":\"\xff\"}"), NULL},
    {TEXT("{\"op\":\"\xc0\xaf\"}"), NULL},         /* longer than need be */
    {TEXT("{\"op\":\"\xed\xa0\x80\"}"), NULL},     /* a surrogate */
    {TEXT("{\"op\":\"\xf4\x90\x80\x80\"}"), NULL}, /* beyond U+10FFFF */
    {TEXT("{\"op\":\"\xe2\x82\"}"), NULL},         /* cut off */
    {TEXT("{\"op\":\"\\ud800\"}"), NULL},
    {TEXT("{\"op\":\"\\udc00\\ud800\"}"), NULL},
    {TEXT("{\"op\":\"a\nb\"}"), NULL},
    {TEXT("{\"op\":\"describe\",\"op\":\"describe\"}"), "op"},
    {TEXT("{\"op\":\"fetch\",\"appId\":\"a\",\"userId\":\"u\",\"appId\":\"b\"}"), "appId"},
    {TEXT("{\"op\":\"fetch\",\"appId\":\"a\",\"options\":{\"forceRefresh\":true,\"forceRefresh\":true}}"),
     "forceRefresh"},
    {TEXT("{\"op\":\"fetch\",\"minTtlSeconds\":99999999999999999999}"), NULL},
    {TEXT("{\"op\":\"fetch\",\"minTtlSeconds\":1e999}"), NULL},
    {TEXT("{\"op\":\"fetch\",\"minTtlSeconds\":0x10}"), NULL},
    {TEXT("{\"op\":\"fetch\",\"minTtlSeconds\":01}"), NULL},
    {TEXT("{\"op\":\"fetch\",\"minTtlSeconds\":NaN}"), NULL},
    {TEXT("[]"), NULL},
    {TEXT("\"describe\""), NULL},
    {TEXT("1"), NULL},
    {TEXT("null"), NULL},
    {TEXT("true"), NULL},
    {TEXT("{}"), "op"},
    {TEXT("{\"op\":null}"), "op"},
    {TEXT("{\"op\":1}"), "op"},
    {TEXT("{\"op\":[\"describe\"]}"), "op"},
};

static struct answer call_text(descope_conn_handle handle, const char *text, size_t len)
{
    char *out = NULL;
    size_t out_len = 0;
    descope_conn_status status = descope_conn_call(handle, text, len, PATIENCE, &out, &out_len);
    return take(status, out, out_len);
}

static struct answer submit_text(descope_conn_handle handle, const char *text, size_t len)
{
    descope_conn_ticket ticket, taken;
    struct answer answer;
    assert_int_equal(descope_conn_submit(handle, text, len, PATIENCE, &ticket), DESCOPE_CONN_OK);
    answer = next(handle, &taken);
    assert_int_equal(taken, ticket);
    assert_empty(handle);
    return answer;
}

static struct answer open_text(const char *text, size_t len)
{
    descope_conn_handle handle = 99;
    char *out = NULL;
    size_t out_len = 0;
    descope_conn_status status = descope_conn_open(text, len, &handle, &out, &out_len);
    assert_int_equal(handle, 0);
    return take(status, out, out_len);
}

/* The text is neither a request nor a config. */
static void assert_refused(descope_conn_handle handle, const char *text, size_t len, const char *field)
{
    struct answer called = call_text(handle, text, len);
    struct answer submitted = submit_text(handle, text, len);
    assert_true(json_equal(called.json, submitted.json));
    json_decref(submitted.json);
    assert_failed(called, DESCOPE_CONN_E_ARGUMENT, "invalid_request", field);
}

static void bad_requests(void **state)
{
    descope_conn_handle handle = open_harness();
    size_t index;
    (void)state;
    for (index = 0; index < COUNT(bad_texts); index++) {
        assert_refused(handle, bad_texts[index].text, bad_texts[index].len, bad_texts[index].field);
    }
    close_handle(handle);
}

static void bad_configs(void **state)
{
    size_t index;
    (void)state;
    for (index = 0; index < COUNT(bad_texts); index++) {
        struct answer answer = open_text(bad_texts[index].text, bad_texts[index].len);
        const json_t *error = json_object_get(answer.json, "error");
        assert_int_equal(answer.status, DESCOPE_CONN_E_ARGUMENT);
        assert_string_equal(json_string_value(json_object_get(error, "code")), "invalid_config");
        json_decref(answer.json);
    }
}

/* A request of exactly `len` bytes, filled up with spaces. */
static char *padded(const char *request, size_t len)
{
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, ' ', len);
    memcpy(text, request, strlen(request));
    return text;
}

static void one_mebibyte_is_the_limit(void **state)
{
    static const char request[] = "{\"op\":\"describe\"}";
    const size_t limit = 1 << 20;
    descope_conn_handle handle = open_harness();
    char *text = padded(request, limit + 1);
    descope_conn_ticket ticket = 99;
    (void)state;
    assert_ok(call_text(handle, text, limit));
    assert_ok(submit_text(handle, text, limit));
    assert_failed(call_text(handle, text, limit + 1), DESCOPE_CONN_E_LIMIT, "limit", NULL);
    assert_int_equal(descope_conn_submit(handle, text, limit + 1, PATIENCE, &ticket), DESCOPE_CONN_E_LIMIT);
    assert_int_equal(ticket, 0);
    assert_empty(handle);
    free(text);
    close_handle(handle);
}

/* `depth` brackets, closed again if `closed`. */
static void assert_too_deep(descope_conn_handle handle, char open, char close, size_t depth, int closed)
{
    size_t len = closed ? 2 * depth : depth;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, open, depth);
    memset(text + depth, close, len - depth);
    assert_refused(handle, text, len, NULL);
    free(text);
}

static void deep_nesting(void **state)
{
    descope_conn_handle handle = open_harness();
    (void)state;
    assert_too_deep(handle, '[', ']', 100000, 1);
    assert_too_deep(handle, '[', ']', 100000, 0);
    assert_too_deep(handle, '{', '}', 100000, 1);
    assert_refused(handle, TEXT("{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"), NULL);
    close_handle(handle);
}

/* What is wrong is said without saying what stood there. */
static void errors_hold_no_text_of_the_request(void **state)
{
    static const char *const requests[] = {
        "{\"op\":\"fetch\",\"accessToken\":\"" MARKER "\" oops}",
        "{\"op\":\"fetch\",\"accessToken\":\"" MARKER,
        "{\"op\":\"fetch\",\"accessToken\":\"" MARKER "\\u0000\"}",
        "{\"op\":\"fetch\",\"accessToken\":[\"" MARKER "\"]}",
        "{\"op\":\"fetch\",\"accessToken\":{\"" MARKER "\":1}}",
        "{\"op\":\"fetch\",\"accessToken\":\"" MARKER "\\n\"}",
        "{\"op\":\"fetch\",\"accessToken\":\"" MARKER "\"}",
        "{\"op\":\"store_api_key\",\"appId\":\"a\",\"userId\":\"u\",\"apiKey\":\"" MARKER "\",\"apiKey\":\"b\"}",
    };
    descope_conn_handle handle = open_harness();
    size_t index;
    (void)state;
    for (index = 0; index < COUNT(requests); index++) {
        char *out = NULL;
        size_t len = 0;
        descope_conn_status status =
            descope_conn_call(handle, requests[index], strlen(requests[index]), PATIENCE, &out, &len);
        assert_int_equal(status, DESCOPE_CONN_E_ARGUMENT);
        assert_null(strstr(out, MARKER));
        descope_conn_free(out);
    }
    close_handle(handle);
}

/* Cut anywhere, a request is refused and nothing else happens. */
static void truncated_anywhere(void **state)
{
    static const char request[] =
        "{\"op\":\"connect\",\"appId\":\"\\u00e9\xc3\xa9\",\"options\":{\"redirectUrl\":\"https://example.com/\","
        "\"scopes\":[\"a\",\"b\"],\"prompt\":null},\"userId\":\"u\"}";
    descope_conn_handle handle = open_harness();
    size_t len;
    (void)state;
    for (len = 1; len < sizeof request - 1; len++) {
        assert_refused(handle, request, len, NULL);
    }
    close_handle(handle);
}

int test_requests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_requests),
        cmocka_unit_test(bad_configs),
        cmocka_unit_test(one_mebibyte_is_the_limit),
        cmocka_unit_test(deep_nesting),
        cmocka_unit_test(errors_hold_no_text_of_the_request),
        cmocka_unit_test(truncated_anywhere),
    };
    return cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
