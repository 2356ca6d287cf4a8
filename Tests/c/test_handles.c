/* test_handles.c - numbers that are no handle, and closing one while it is in use. */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <sched.h>
#include <stdlib.h>

static void assert_refused(descope_conn_handle number)
{
    size_t index;
    for (index = 0; index < function_count; index++) {
        descope_conn_status status = functions[index].use(number);
        if (status != DESCOPE_CONN_E_HANDLE) {
            print_error("%s answered %d\n", functions[index].name, status);
        }
        assert_int_equal(status, DESCOPE_CONN_E_HANDLE);
    }
    assert_int_equal(descope_conn_event_fd(number), -1);
}

static void assert_no_handle(descope_conn_handle number)
{
    assert_refused(number);
    assert_int_equal(descope_conn_close(number, PATIENCE), DESCOPE_CONN_OK);
}

static void invented_numbers(void **state)
{
    descope_conn_handle handle = open_harness();
    unsigned bit;
    (void)state;
    assert_no_handle(0);
    assert_no_handle(1);
    assert_no_handle(UINT64_MAX);
    assert_no_handle((UINT64_C(1) << 53) - 1);
    for (bit = 0; bit < 64; bit++) {
        assert_no_handle(handle ^ UINT64_C(1) << bit);
    }
    assert_ok(call(handle, "{\"op\":\"describe\"}"));
    close_handle(handle);
}

static void closed_twice(void **state)
{
    descope_conn_handle handle = open_harness();
    struct answer answer;
    (void)state;
    close_handle(handle);
    close_handle(handle);
    assert_no_handle(handle);
    answer = call(handle, "{\"op\":\"describe\"}");
    assert_failed(answer, DESCOPE_CONN_E_HANDLE, "invalid_request", "handle");
    assert_int_equal(harness_instances(), 0);
}

static int compare(const void *a, const void *b)
{
    descope_conn_handle x = *(const descope_conn_handle *)a, y = *(const descope_conn_handle *)b;
    return (x > y) - (x < y);
}

static void numbers_never_come_twice(void **state)
{
    static descope_conn_handle numbers[2000];
    size_t index;
    (void)state;
    for (index = 0; index < COUNT(numbers); index += 2) {
        numbers[index] = open_harness();
        numbers[index + 1] = open_harness();
        close_handle(numbers[index + index % 4 / 2]);
        close_handle(numbers[index + 1 - index % 4 / 2]);
    }
    qsort(numbers, COUNT(numbers), sizeof *numbers, compare);
    for (index = 0; index < COUNT(numbers); index++) {
        assert_in_range(numbers[index], 1, (UINT64_C(1) << 53) - 1);
        assert_true(index == 0 || numbers[index] != numbers[index - 1]);
    }
}

/* --- Closing what is in use --------------------------------------------------------------------------------------- */

struct caller {
    descope_conn_handle handle;
    const char *request;
    struct answer answer;
    pthread_t thread;
};

static void *run_call(void *argument)
{
    struct caller *caller = argument;
    caller->answer = call(caller->handle, caller->request);
    return NULL;
}

static void start_call(struct caller *caller, descope_conn_handle handle, const char *request)
{
    caller->handle = handle;
    caller->request = request;
    assert_int_equal(pthread_create(&caller->thread, NULL, run_call, caller), 0);
}

static void close_cancels_calls(void **state)
{
    descope_conn_handle handle = open_harness();
    struct caller callers[3];
    size_t index;
    (void)state;
    gate_close();
    for (index = 0; index < COUNT(callers); index++) {
        start_call(&callers[index], handle, "{\"op\":\"hold\"}");
        submit(handle, "{\"op\":\"hold\"}");
    }
    gate_await(2 * COUNT(callers));
    close_handle(handle);
    assert_no_handle(handle);
    for (index = 0; index < COUNT(callers); index++) {
        pthread_join(callers[index].thread, NULL);
        assert_failed(callers[index].answer, DESCOPE_CONN_E_CANCELLED, "cancelled", NULL);
    }
    assert_int_equal(harness_instances(), 0);
    gate_open();
}

/* Closing has begun and something is still in flight. Closing again waits for nothing. */
static void assert_closing(descope_conn_handle handle)
{
    assert_refused(handle);
    assert_int_equal(descope_conn_close(handle, DESCOPE_CONN_NO_TIMEOUT), DESCOPE_CONN_E_TIMEOUT);
    assert_int_equal(descope_conn_close(handle, DESCOPE_CONN_NO_TIMEOUT), DESCOPE_CONN_E_TIMEOUT);
}

static void await_end(descope_conn_handle handle)
{
    await_count(harness_instances, 0);
    while (descope_conn_close(handle, 0) != DESCOPE_CONN_OK) {
        sched_yield();
    }
    assert_no_handle(handle);
}

static void close_does_not_wait_longer_than_told(void **state)
{
    descope_conn_handle handle = open_harness();
    struct caller caller;
    (void)state;
    gate_close();
    start_call(&caller, handle, "{\"op\":\"stubborn\"}");
    gate_await(1);
    assert_int_equal(descope_conn_close(handle, 0), DESCOPE_CONN_E_TIMEOUT);
    assert_closing(handle);
    assert_int_equal(harness_instances(), 1);
    gate_open();
    pthread_join(caller.thread, NULL);
    json_decref(caller.answer.json);
    await_end(handle);
}

static void close_does_not_wait_longer_for_submitted_calls(void **state)
{
    descope_conn_handle handle = open_harness();
    (void)state;
    gate_close();
    submit(handle, "{\"op\":\"stubborn\"}");
    gate_await(1);
    assert_int_equal(descope_conn_close(handle, 0), DESCOPE_CONN_E_TIMEOUT);
    assert_closing(handle);
    assert_int_equal(harness_instances(), 1);
    gate_open();
    await_end(handle);
}

static void *run_next(void *argument)
{
    descope_conn_handle handle = *(descope_conn_handle *)argument;
    descope_conn_ticket ticket;
    descope_conn_status call_status;
    static const descope_conn_status ended = DESCOPE_CONN_E_HANDLE;
    return descope_conn_next(handle, DESCOPE_CONN_NO_TIMEOUT, &ticket, &call_status, NULL, NULL) == ended
               ? (void *)&ended
               : NULL;
}

static void close_ends_next(void **state)
{
    descope_conn_handle handle = open_harness();
    pthread_t threads[4];
    size_t index;
    (void)state;
    for (index = 0; index < COUNT(threads); index++) {
        assert_int_equal(pthread_create(&threads[index], NULL, run_next, &handle), 0);
    }
    close_handle(handle);
    for (index = 0; index < COUNT(threads); index++) {
        void *ended;
        pthread_join(threads[index], &ended);
        assert_non_null(ended);
    }
}

/* --- Everything at once ------------------------------------------------------------------------------------------- */

struct crowd {
    descope_conn_handle handles[8];
    pthread_barrier_t start;
};

static void *use_all(void *argument)
{
    struct crowd *crowd = argument;
    size_t round, index;
    pthread_barrier_wait(&crowd->start);
    for (round = 0; round < COUNT(crowd->handles); round++) {
        descope_conn_handle handle = crowd->handles[round];
        descope_conn_status status;
        for (index = 0; index < function_count; index++) {
            status = functions[index].use(handle);
            assert_true(status == DESCOPE_CONN_OK || status == DESCOPE_CONN_EMPTY || status == DESCOPE_CONN_E_HANDLE ||
                        status == DESCOPE_CONN_E_CANCELLED || status == DESCOPE_CONN_E_ARGUMENT);
        }
        descope_conn_event_fd(handle);
        status = descope_conn_close(handle, PATIENCE); /* E_TIMEOUT: another thread closes it too */
        assert_true(status == DESCOPE_CONN_OK || status == DESCOPE_CONN_E_TIMEOUT);
        assert_int_equal(functions[0].use(handle), DESCOPE_CONN_E_HANDLE);
    }
    return NULL;
}

static void all_functions_against_close(void **state)
{
    unsigned repetition;
    (void)state;
    for (repetition = 0; repetition < 20; repetition++) {
        struct crowd crowd;
        pthread_t threads[4];
        size_t index;
        for (index = 0; index < COUNT(crowd.handles); index++) {
            crowd.handles[index] = open_harness();
        }
        pthread_barrier_init(&crowd.start, NULL, COUNT(threads));
        for (index = 0; index < COUNT(threads); index++) {
            assert_int_equal(pthread_create(&threads[index], NULL, use_all, &crowd), 0);
        }
        for (index = 0; index < COUNT(threads); index++) {
            pthread_join(threads[index], NULL);
        }
        pthread_barrier_destroy(&crowd.start);
        await_count(harness_instances, 0);
    }
}

int test_handles(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invented_numbers),
        cmocka_unit_test(closed_twice),
        cmocka_unit_test(numbers_never_come_twice),
        cmocka_unit_test(close_cancels_calls),
        cmocka_unit_test(close_does_not_wait_longer_than_told),
        cmocka_unit_test(close_does_not_wait_longer_for_submitted_calls),
        cmocka_unit_test(close_ends_next),
        cmocka_unit_test(all_functions_against_close),
    };
    return cmocka_run_group_tests_name("handles", tests, NULL, NULL);
}
