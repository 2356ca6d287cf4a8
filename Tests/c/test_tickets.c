/* test_tickets.c - submitted calls: each is answered once, to one taker. */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

static const char describe[] = "{\"op\":\"describe\"}";
static const char echo[] = "{\"op\":\"echo\"}";
static const char hold[] = "{\"op\":\"hold\"}";

static void one_call(void **state)
{
    descope_conn_handle handle = open_harness();
    descope_conn_ticket taken, ticket = submit(handle, "{\"op\":\"echo\",\"text\":\"\xc3\xa9\"}");
    struct answer answer = next(handle, &taken);
    (void)state;
    assert_int_equal(taken, ticket);
    assert_int_equal(answer.status, DESCOPE_CONN_OK);
    assert_string_equal(json_string_value(json_object_get(json_object_get(answer.json, "echo"), "text")), "\xc3\xa9");
    json_decref(answer.json);
    assert_empty(handle);
    close_handle(handle);
}

static void the_request_is_copied(void **state)
{
    descope_conn_handle handle = open_harness();
    char request[] = "{\"op\":\"echo\",\"text\":\"first\"}";
    struct answer answer;
    (void)state;
    gate_close();
    submit(handle, request);
    memset(request, 'x', sizeof request);
    gate_open();
    answer = next(handle, NULL);
    assert_string_equal(json_string_value(json_object_get(json_object_get(answer.json, "echo"), "text")), "first");
    json_decref(answer.json);
    close_handle(handle);
}

/* --- Exactly once ------------------------------------------------------------------------------------------------- */

enum { SUBMITTERS = 4, TAKERS = 4, EACH = 2000, ALL = SUBMITTERS * EACH };

struct traffic {
    descope_conn_handle handle;
    pthread_mutex_t mutex;
    unsigned char submitted[ALL + 1], taken[ALL + 1];
    unsigned left;
};

static void *submit_many(void *argument)
{
    struct traffic *traffic = argument;
    unsigned index;
    for (index = 0; index < EACH; index++) {
        static const char *const requests[] = {echo, describe, "{", hold};
        descope_conn_ticket ticket = submit(traffic->handle, requests[index % COUNT(requests)]);
        assert_in_range(ticket, 1, ALL);
        pthread_mutex_lock(&traffic->mutex);
        traffic->submitted[ticket]++;
        pthread_mutex_unlock(&traffic->mutex);
        if (index % 3 == 0) {
            assert_int_equal(descope_conn_cancel(traffic->handle, ticket), DESCOPE_CONN_OK);
        }
    }
    return NULL;
}

static void *take_many(void *argument)
{
    struct traffic *traffic = argument;
    for (;;) {
        descope_conn_ticket ticket;
        struct answer answer;
        pthread_mutex_lock(&traffic->mutex);
        if (traffic->left == 0) {
            pthread_mutex_unlock(&traffic->mutex);
            return NULL;
        }
        traffic->left--;
        pthread_mutex_unlock(&traffic->mutex);
        answer = next(traffic->handle, &ticket);
        json_decref(answer.json);
        assert_in_range(ticket, 1, ALL);
        pthread_mutex_lock(&traffic->mutex);
        traffic->taken[ticket]++;
        pthread_mutex_unlock(&traffic->mutex);
    }
}

static void each_is_answered_once(void **state)
{
    static struct traffic traffic;
    pthread_t threads[SUBMITTERS + TAKERS];
    size_t index;
    (void)state;
    memset(&traffic, 0, sizeof traffic);
    pthread_mutex_init(&traffic.mutex, NULL);
    traffic.handle = open_harness();
    traffic.left = ALL;
    for (index = 0; index < COUNT(threads); index++) {
        void *(*run)(void *) = index < SUBMITTERS ? submit_many : take_many;
        assert_int_equal(pthread_create(&threads[index], NULL, run, &traffic), 0);
    }
    for (index = 0; index < COUNT(threads); index++) {
        pthread_join(threads[index], NULL);
    }
    for (index = 1; index <= ALL; index++) {
        assert_int_equal(traffic.submitted[index], 1);
        assert_int_equal(traffic.taken[index], 1);
    }
    assert_empty(traffic.handle);
    close_handle(traffic.handle);
    pthread_mutex_destroy(&traffic.mutex);
}

/* --- Ending early ------------------------------------------------------------------------------------------------- */

static void cancel_one(void **state)
{
    descope_conn_handle handle = open_harness();
    descope_conn_ticket first, second, taken;
    (void)state;
    gate_close();
    first = submit(handle, hold);
    second = submit(handle, hold);
    gate_await(2);
    assert_int_equal(descope_conn_cancel(handle, first), DESCOPE_CONN_OK);
    assert_failed(next(handle, &taken), DESCOPE_CONN_E_CANCELLED, "cancelled", NULL);
    assert_int_equal(taken, first);
    assert_empty(handle);
    gate_open();
    assert_ok(next(handle, &taken));
    assert_int_equal(taken, second);
    assert_empty(handle);
    close_handle(handle);
}

static void cancel_all(void **state)
{
    descope_conn_handle handle = open_harness();
    unsigned index;
    (void)state;
    gate_close();
    for (index = 0; index < 50; index++) { /* more than there are threads for */
        submit(handle, hold);
    }
    assert_int_equal(descope_conn_cancel(handle, 0), DESCOPE_CONN_OK);
    for (index = 0; index < 50; index++) {
        assert_failed(next(handle, NULL), DESCOPE_CONN_E_CANCELLED, "cancelled", NULL);
    }
    assert_empty(handle);
    gate_open();
    assert_ok(call(handle, echo));
    close_handle(handle);
}

static void cancel_what_is_answered_or_was_never(void **state)
{
    descope_conn_handle handle = open_harness();
    descope_conn_ticket ticket = submit(handle, describe), taken;
    (void)state;
    assert_int_equal(descope_conn_cancel(handle, ticket + 1), DESCOPE_CONN_OK);
    assert_int_equal(descope_conn_cancel(handle, UINT64_MAX), DESCOPE_CONN_OK);
    assert_ok(next(handle, &taken));
    assert_int_equal(descope_conn_cancel(handle, ticket), DESCOPE_CONN_OK);
    assert_empty(handle);
    close_handle(handle);
}

static void no_time(void **state)
{
    descope_conn_handle handle = open_harness();
    descope_conn_ticket ticket;
    (void)state;
    gate_close();
    /* A call that needs no waiting is answered. */
    assert_int_equal(descope_conn_call(handle, describe, strlen(describe), 0, NULL, NULL), DESCOPE_CONN_OK);
    assert_int_equal(descope_conn_submit(handle, describe, strlen(describe), 0, &ticket), DESCOPE_CONN_OK);
    assert_ok(next(handle, NULL));
    /* One that does is not. */
    assert_int_equal(descope_conn_call(handle, hold, strlen(hold), 0, NULL, NULL), DESCOPE_CONN_E_TIMEOUT);
    assert_int_equal(descope_conn_submit(handle, hold, strlen(hold), 0, &ticket), DESCOPE_CONN_OK);
    assert_failed(next(handle, NULL), DESCOPE_CONN_E_TIMEOUT, "timeout", NULL);
    gate_open();
    close_handle(handle);
}

static void a_deadline_ends_a_call(void **state)
{
    descope_conn_handle handle = open_harness();
    descope_conn_ticket ticket;
    (void)state;
    gate_close();
    assert_int_equal(descope_conn_call(handle, hold, strlen(hold), 20, NULL, NULL), DESCOPE_CONN_E_TIMEOUT);
    assert_int_equal(descope_conn_submit(handle, hold, strlen(hold), 20, &ticket), DESCOPE_CONN_OK);
    assert_failed(next(handle, NULL), DESCOPE_CONN_E_TIMEOUT, "timeout", NULL);
    assert_empty(handle);
    gate_open();
    close_handle(handle);
}

static void close_drops_answers(void **state)
{
    descope_conn_handle handle = open_harness();
    unsigned index;
    (void)state;
    for (index = 0; index < 10; index++) {
        submit(handle, echo);
    }
    assert_ok(next(handle, NULL));
    close_handle(handle);
    assert_int_equal(harness_instances(), 0);
}

/* Answers that nobody has taken count too. */
static void a_hundred_thousand_are_the_limit(void **state)
{
    enum { LIMIT = 100000 };
    static const char bad[] = "{";
    descope_conn_handle handle = open_harness();
    descope_conn_ticket ticket = 99;
    descope_conn_status call_status;
    unsigned index;
    (void)state;
    for (index = 0; index < LIMIT; index++) {
        submit(handle, bad);
    }
    assert_int_equal(descope_conn_submit(handle, bad, strlen(bad), 0, &ticket), DESCOPE_CONN_E_LIMIT);
    assert_int_equal(ticket, 0);
    assert_failed(next(handle, NULL), DESCOPE_CONN_E_ARGUMENT, "invalid_request", NULL);
    submit(handle, bad);
    for (index = 0; index < LIMIT; index++) {
        assert_int_equal(descope_conn_next(handle, 0, &ticket, &call_status, NULL, NULL), DESCOPE_CONN_OK);
        assert_int_equal(call_status, DESCOPE_CONN_E_ARGUMENT);
    }
    assert_empty(handle);
    close_handle(handle);
}

/* --- The event descriptor ----------------------------------------------------------------------------------------- */

static int is_readable(int fd, int wait_ms)
{
    struct pollfd wait = {fd, POLLIN, 0};
    return poll(&wait, 1, wait_ms) == 1 && (wait.revents & POLLIN) != 0;
}

static void readable_while_answers_wait(void **state)
{
    descope_conn_handle handle = open_harness();
    int fd = descope_conn_event_fd(handle);
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(descope_conn_event_fd(handle), fd);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_false(is_readable(fd, 0));
    gate_close();
    submit(handle, hold);
    submit(handle, hold);
    gate_await(2);
    assert_false(is_readable(fd, 0));
    gate_open();
    assert_true(is_readable(fd, PATIENCE));
    assert_ok(next(handle, NULL));
    assert_ok(next(handle, NULL));
    assert_empty(handle);
    assert_false(is_readable(fd, 0));
    /* And again: it is a level, not an edge that was. */
    submit(handle, echo);
    assert_true(is_readable(fd, PATIENCE));
    assert_true(is_readable(fd, 0));
    assert_ok(next(handle, NULL));
    assert_empty(handle);
    assert_false(is_readable(fd, 0));
    close_handle(handle);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void asked_for_late(void **state)
{
    descope_conn_handle handle = open_harness();
    (void)state;
    submit(handle, "{"); /* answered at once */
    assert_true(is_readable(descope_conn_event_fd(handle), 0));
    close_handle(handle);
}

static void reading_takes_nothing_away(void **state)
{
    descope_conn_handle handle = open_harness();
    int fd = descope_conn_event_fd(handle);
    char bytes[64];
    (void)state;
    submit(handle, "{");
    submit(handle, "{");
    assert_true(is_readable(fd, PATIENCE));
    assert_true(read(fd, bytes, sizeof bytes) > 0);
    assert_failed(next(handle, NULL), DESCOPE_CONN_E_ARGUMENT, "invalid_request", NULL);
    assert_failed(next(handle, NULL), DESCOPE_CONN_E_ARGUMENT, "invalid_request", NULL);
    assert_empty(handle);
    assert_true(read(fd, bytes, sizeof bytes) < 0); /* does not block */
    submit(handle, "{");
    assert_true(is_readable(fd, PATIENCE));
    close_handle(handle);
}

static void a_duplicate_may_be_closed(void **state)
{
    descope_conn_handle handle = open_harness();
    int fd = dup(descope_conn_event_fd(handle));
    (void)state;
    submit(handle, echo);
    assert_true(is_readable(fd, PATIENCE));
    close(fd);
    assert_ok(next(handle, NULL));
    submit(handle, echo);
    assert_true(is_readable(descope_conn_event_fd(handle), PATIENCE));
    assert_ok(next(handle, NULL));
    close_handle(handle);
}

int test_tickets(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_call),
        cmocka_unit_test(the_request_is_copied),
        cmocka_unit_test(each_is_answered_once),
        cmocka_unit_test(cancel_one),
        cmocka_unit_test(cancel_all),
        cmocka_unit_test(cancel_what_is_answered_or_was_never),
        cmocka_unit_test(no_time),
        cmocka_unit_test(a_deadline_ends_a_call),
        cmocka_unit_test(close_drops_answers),
        cmocka_unit_test(a_hundred_thousand_are_the_limit),
        cmocka_unit_test(readable_while_answers_wait),
        cmocka_unit_test(asked_for_late),
        cmocka_unit_test(reading_takes_nothing_away),
        cmocka_unit_test(a_duplicate_may_be_closed),
    };
    return cmocka_run_group_tests_name("tickets", tests, NULL, NULL);
}
