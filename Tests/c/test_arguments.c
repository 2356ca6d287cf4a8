/* test_arguments.c - C arguments that make no sense, and what may be left out. */
#include "harness.h"

static const char describe[] = "{\"op\":\"describe\"}";

static void abi_is_the_headers(void **state)
{
    (void)state;
    assert_int_equal(descope_conn_abi(), DESCOPE_CONN_ABI);
}

static void build_info_is_an_object(void **state)
{
    const char *text = descope_conn_build_info();
    json_t *info = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    (void)state;
    assert_int_equal(json_integer_value(json_object_get(info, "abi")), DESCOPE_CONN_ABI);
    assert_true(json_is_string(json_object_get(info, "version")));
    assert_true(json_is_string(json_object_get(info, "swift")));
    assert_true(json_array_size(json_object_get(info, "backends")) > 0);
    assert_true(json_object_size(json_object_get(info, "libraries")) > 0);
    json_decref(info);
    assert_ptr_equal(descope_conn_build_info(), text);
}

static void freeing_nothing_is_fine(void **state)
{
    (void)state;
    descope_conn_free(NULL);
}

/* A pointer and length that are no text: which, and what they come to. */
static const struct {
    const char *request;
    size_t len;
} no_texts[] = {
    {NULL, 0}, {NULL, 1}, {NULL, SIZE_MAX}, {"", 0}, {describe, (size_t)INT64_MAX + 1}, {describe, SIZE_MAX},
};

static void text_must_be_there(void **state)
{
    descope_conn_handle handle = open_harness();
    size_t index;
    (void)state;
    for (index = 0; index < COUNT(no_texts); index++) {
        const char *request = no_texts[index].request;
        size_t len = no_texts[index].len;
        descope_conn_handle other = 99;
        descope_conn_status status;
        char *out = NULL;
        size_t out_len = 0;

        status = descope_conn_call(handle, request, len, 0, &out, &out_len);
        assert_int_equal(status, DESCOPE_CONN_E_ARGUMENT);
        assert_non_null(out);
        json_decref(take(status, out, out_len).json);
        status = descope_conn_open(request, len, &other, &out, &out_len);
        assert_int_equal(status, DESCOPE_CONN_E_ARGUMENT);
        assert_int_equal(other, 0);
        assert_non_null(out);
        json_decref(take(status, out, out_len).json);

        assert_int_equal(descope_conn_connect(handle, request, len, 0, NULL, NULL), DESCOPE_CONN_E_ARGUMENT);
        assert_int_equal(descope_conn_fetch(handle, request, len, 0, NULL, NULL), DESCOPE_CONN_E_ARGUMENT);
        assert_int_equal(descope_conn_store_api_key(handle, request, len, 0, NULL, NULL), DESCOPE_CONN_E_ARGUMENT);
        assert_int_equal(descope_conn_delete(handle, request, len, 0, NULL, NULL), DESCOPE_CONN_E_ARGUMENT);
    }
    close_handle(handle);
}

static void submit_takes_any_text_but_null(void **state)
{
    descope_conn_handle handle = open_harness();
    descope_conn_ticket ticket = 99;
    (void)state;
    assert_int_equal(descope_conn_submit(handle, NULL, 0, 0, &ticket), DESCOPE_CONN_E_ARGUMENT);
    assert_int_equal(ticket, 0);
    assert_int_equal(descope_conn_submit(handle, NULL, 1, 0, &ticket), DESCOPE_CONN_E_ARGUMENT);
    assert_int_equal(descope_conn_submit(handle, describe, strlen(describe), 0, NULL), DESCOPE_CONN_E_ARGUMENT);
    assert_empty(handle);
    assert_int_equal(descope_conn_submit(handle, "", 0, 0, &ticket), DESCOPE_CONN_OK);
    assert_failed(next(handle, NULL), DESCOPE_CONN_E_ARGUMENT, "invalid_request", NULL);
    close_handle(handle);
}

static void outputs_may_be_null(void **state)
{
    descope_conn_handle handle = open_harness();
    descope_conn_ticket ticket;
    descope_conn_status call_status;
    char *out = NULL;
    size_t len = 99;
    (void)state;
    assert_int_equal(descope_conn_call(handle, describe, strlen(describe), 0, NULL, NULL), DESCOPE_CONN_OK);
    assert_int_equal(descope_conn_call(handle, "{}", 2, 0, NULL, NULL), DESCOPE_CONN_E_ARGUMENT);
    assert_int_equal(descope_conn_call(handle, describe, strlen(describe), 0, NULL, &len), DESCOPE_CONN_OK);
    assert_int_equal(len, 0);
    assert_int_equal(descope_conn_call(handle, describe, strlen(describe), 0, &out, NULL), DESCOPE_CONN_OK);
    assert_ok(take(DESCOPE_CONN_OK, out, strlen(out)));

    ticket = submit(handle, describe);
    assert_int_equal(descope_conn_next(handle, PATIENCE, NULL, &call_status, NULL, NULL), DESCOPE_CONN_E_ARGUMENT);
    assert_int_equal(descope_conn_next(handle, PATIENCE, &ticket, NULL, NULL, NULL), DESCOPE_CONN_E_ARGUMENT);
    assert_int_equal(descope_conn_next(handle, PATIENCE, &ticket, &call_status, NULL, NULL), DESCOPE_CONN_OK);
    assert_int_equal(call_status, DESCOPE_CONN_OK);
    assert_empty(handle);
    close_handle(handle);
}

static void open_needs_a_place_for_the_handle(void **state)
{
    static const char config[] = "{\"backend\":\"plugin\",\"library\":\"harness\"}";
    char *out = NULL;
    size_t len = 0;
    descope_conn_status status = descope_conn_open(config, strlen(config), NULL, &out, &len);
    (void)state;
    assert_int_equal(status, DESCOPE_CONN_E_ARGUMENT);
    assert_non_null(out);
    assert_failed(take(status, out, len), DESCOPE_CONN_E_ARGUMENT, "invalid_request", "out_handle");
    assert_int_equal(harness_instances(), 0);
}

static void every_bit_of_a_level_is_looked_at(void **state)
{
    static const int32_t levels[] = {-1, 5, 256, INT32_MAX, INT32_MIN};
    size_t index;
    (void)state;
    for (index = 0; index < COUNT(levels); index++) {
        assert_int_equal(descope_conn_set_log(levels[index], NULL, NULL), DESCOPE_CONN_E_ARGUMENT);
    }
}

int test_arguments(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(abi_is_the_headers),
        cmocka_unit_test(build_info_is_an_object),
        cmocka_unit_test(freeing_nothing_is_fine),
        cmocka_unit_test(text_must_be_there),
        cmocka_unit_test(submit_takes_any_text_but_null),
        cmocka_unit_test(outputs_may_be_null),
        cmocka_unit_test(open_needs_a_place_for_the_handle),
        cmocka_unit_test(every_bit_of_a_level_is_looked_at),
    };
    return cmocka_run_group_tests_name("arguments", tests, NULL, NULL);
}
