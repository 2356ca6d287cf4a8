/* test_process.c - what the library does to the process it is in: threads, descriptors, signals, fork, locale. */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char echo[] = "{\"op\":\"echo\"}";
static const char hold[] = "{\"op\":\"hold\"}";

static void threads_and_descriptors_come_and_go(void **state)
{
    unsigned threads = count_threads(), descriptors = count_descriptors(), round;
    (void)state;
    for (round = 0; round < 3; round++) {
        descope_conn_handle handle = open_harness();
        assert_ok(call(handle, echo));
        /* A call on this thread needs neither. */
        assert_int_equal(count_threads(), threads);
        assert_int_equal(count_descriptors(), descriptors);
        assert_true(descope_conn_event_fd(handle) >= 0);
        submit(handle, echo);
        assert_true(count_threads() > threads);
        assert_true(count_descriptors() > descriptors);
        assert_ok(next(handle, NULL));
        close_handle(handle);
        await_count(count_threads, threads);
        await_count(count_descriptors, descriptors);
    }
}

static void no_handler_is_installed(void **state)
{
    static const char *const names[] = {"SigCgt", "SigIgn", "SigBlk"};
    uint64_t before[COUNT(names)];
    descope_conn_handle handle;
    size_t index;
    (void)state;
    for (index = 0; index < COUNT(names); index++) {
        before[index] = status_bits("/proc/self", names[index]);
    }
    handle = open_harness();
    submit(handle, echo);
    assert_ok(next(handle, NULL));
    for (index = 0; index < COUNT(names); index++) {
        assert_int_equal(status_bits("/proc/self", names[index]), before[index]);
    }
    close_handle(handle);
    for (index = 0; index < COUNT(names); index++) {
        assert_int_equal(status_bits("/proc/self", names[index]), before[index]);
    }
}

static void threads_of_the_library_block_signals(void **state)
{
    descope_conn_handle handle = open_harness();
    uint64_t wanted = 0;
    unsigned seen = 0;
    int number;
    DIR *folder;
    const struct dirent *entry;
    char main_thread[32];
    (void)state;
    for (number = 1; number < 32; number++) {
        if (number != SIGKILL && number != SIGSTOP) {
            wanted |= UINT64_C(1) << (number - 1);
        }
    }
    gate_close();
    submit(handle, hold);
    gate_await(1);
    snprintf(main_thread, sizeof main_thread, "%ld", (long)getpid());
    folder = opendir("/proc/self/task");
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, main_thread) != 0) {
            char path[300];
            snprintf(path, sizeof path, "/proc/self/task/%s", entry->d_name);
            assert_int_equal(status_bits(path, "SigBlk") & wanted, wanted);
            seen++;
        }
    }
    closedir(folder);
    assert_true(seen >= 2); /* the handle's own, and one that may block in a plugin */
    gate_open();
    assert_ok(next(handle, NULL));
    close_handle(handle);
}

/* --- fork --------------------------------------------------------------------------------------------------------- */

/* Runs `body` in a child. It returns the number of the line that found a mistake, 0 for none; so does this. A child must
 * not use cmocka's assertions: it would go on with the tests. */
static int in_child(int (*body)(descope_conn_handle), descope_conn_handle handle)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        alarm(PATIENCE / 1000);
        _exit(body(handle) % 256);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        return __LINE__;
    }
    return WEXITSTATUS(status);
}

#define EXPECT(condition) \
    if (!(condition)) {   \
        return __LINE__;  \
    }

static int the_parents_handle_is_refused(descope_conn_handle handle)
{
    char *out = NULL;
    size_t len = 0, index;
    for (index = 0; index < function_count; index++) {
        EXPECT(functions[index].use(handle) == DESCOPE_CONN_E_FORKED)
    }
    EXPECT(descope_conn_event_fd(handle) == -1)
    EXPECT(descope_conn_call(handle, echo, strlen(echo), 0, &out, &len) == DESCOPE_CONN_E_FORKED)
    EXPECT(out != NULL && strstr(out, "\"error\"") != NULL && out[len] == '\0')
    descope_conn_free(out);
    EXPECT(descope_conn_close(handle, DESCOPE_CONN_NO_TIMEOUT) == DESCOPE_CONN_OK)
    EXPECT(descope_conn_close(handle, DESCOPE_CONN_NO_TIMEOUT) == DESCOPE_CONN_OK)
    EXPECT(functions[0].use(handle) == DESCOPE_CONN_E_HANDLE)
    return 0;
}

static int a_fresh_handle_works(descope_conn_handle parents)
{
    static const char config[] = "{\"backend\":\"plugin\",\"library\":\"harness\"}";
    descope_conn_handle handle;
    descope_conn_ticket ticket, taken;
    descope_conn_status status;
    unsigned round;
    gate_open();
    for (round = 0; round < 20; round++) {
        EXPECT(descope_conn_open(config, strlen(config), &handle, NULL, NULL) == DESCOPE_CONN_OK)
        EXPECT(handle != parents)
        EXPECT(descope_conn_call(handle, echo, strlen(echo), PATIENCE, NULL, NULL) == DESCOPE_CONN_OK)
        EXPECT(descope_conn_call(handle, "{", 1, PATIENCE, NULL, NULL) == DESCOPE_CONN_E_ARGUMENT)
        EXPECT(descope_conn_event_fd(handle) >= 0)
        EXPECT(descope_conn_submit(handle, echo, strlen(echo), PATIENCE, &ticket) == DESCOPE_CONN_OK)
        EXPECT(descope_conn_next(handle, PATIENCE, &taken, &status, NULL, NULL) == DESCOPE_CONN_OK)
        EXPECT(taken == ticket && status == DESCOPE_CONN_OK)
        EXPECT(descope_conn_close(handle, PATIENCE) == DESCOPE_CONN_OK)
        EXPECT(functions[0].use(parents) == DESCOPE_CONN_E_FORKED)
    }
    return 0;
}

static int a_grandchild_too(descope_conn_handle handle)
{
    EXPECT(in_child(the_parents_handle_is_refused, handle) == 0)
    EXPECT(in_child(a_fresh_handle_works, handle) == 0)
    return 0;
}

static void a_child_has_no_handles(void **state)
{
    descope_conn_handle handle = open_harness();
    descope_conn_ticket ticket, taken;
    int fd = descope_conn_event_fd(handle);
    (void)state;
    gate_close();
    ticket = submit(handle, hold);
    gate_await(1);
    assert_int_equal(in_child(the_parents_handle_is_refused, handle), 0);
    assert_int_equal(in_child(a_fresh_handle_works, handle), 0);
    assert_int_equal(in_child(a_grandchild_too, handle), 0);
    /* None of that was noticed here. */
    assert_int_equal(descope_conn_event_fd(handle), fd);
    assert_empty(handle);
    gate_open();
    assert_ok(next(handle, &taken));
    assert_int_equal(taken, ticket);
    assert_ok(call(handle, echo));
    close_handle(handle);
    assert_int_equal(harness_instances(), 0);
}

static struct flag is_over = FLAG_INITIALIZER;

static void *open_call_and_close(void *unused)
{
    while (!is_set(&is_over)) {
        descope_conn_handle handle = open_harness();
        assert_ok(call(handle, echo));
        json_decref(call(handle, "{").json); /* writes a line to the log */
        close_handle(handle);
    }
    return unused;
}

static void drop_line(void *user, int32_t level, const char *message, size_t message_len)
{
    (void)user;
    (void)level;
    (void)message;
    (void)message_len;
}

/* Forks, again and again, while other threads make calls. A child finds everything whole, whatever they were doing. */
static void fork_beside_busy_threads(unsigned rounds)
{
    pthread_t threads[3];
    unsigned round;
    size_t index;
    set_flag(&is_over, 0);
    assert_int_equal(descope_conn_set_log(4, drop_line, NULL), DESCOPE_CONN_OK);
    for (index = 0; index < COUNT(threads); index++) {
        assert_int_equal(pthread_create(&threads[index], NULL, open_call_and_close, NULL), 0);
    }
    for (round = 0; round < rounds; round++) {
        descope_conn_handle handle = open_harness();
        assert_int_equal(in_child(the_parents_handle_is_refused, handle), 0);
        assert_int_equal(in_child(a_fresh_handle_works, handle), 0);
        close_handle(handle);
    }
    set_flag(&is_over, 1);
    for (index = 0; index < COUNT(threads); index++) {
        pthread_join(threads[index], NULL);
    }
    assert_int_equal(descope_conn_set_log(0, NULL, NULL), DESCOPE_CONN_OK);
}

static void fork_while_others_are_busy(void **state)
{
    descope_conn_handle handle = open_harness();
    (void)state;
    /* So that nobody does it for the first time. */
    assert_ok(call(handle, echo));
    json_decref(call(handle, "{").json);
    submit(handle, echo);
    assert_ok(next(handle, NULL));
    close_handle(handle);
    fork_beside_busy_threads(100);
}

static void fork_beside_the_first_calls(void **state)
{
    (void)state;
    fork_beside_busy_threads(2);
}

int test_first_calls(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fork_beside_the_first_calls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Where the Swift runtime is a library of its own, a fork does not wait for what that does for the first time: see
 * Sources/System/CForkGate. So it is with the sanitizers. */
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SHARED_RUNTIME 1
#endif
#endif
#ifndef HAS_SHARED_RUNTIME
#define HAS_SHARED_RUNTIME 0
#endif

/* What a process does for the first time, it prepares under locks. Each round is a new process, since there is but one
 * first time in each: it takes some to hit the moment. */
static void fork_while_others_make_their_first_calls(void **state)
{
    unsigned round;
    (void)state;
    if (HAS_SHARED_RUNTIME) {
        print_message("a fork does not wait for a Swift runtime that is a library of its own\n");
        skip();
    }
    for (round = 0; round < 100; round++) {
        int status = -1;
        pid_t child = fork();
        if (child == 0) {
            int nowhere = open("/dev/null", O_WRONLY);
            dup2(nowhere, STDOUT_FILENO);
            dup2(nowhere, STDERR_FILENO);
            execl("/proc/self/exe", "test_descope_conn", "first calls", (char *)NULL);
            _exit(255);
        }
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

/* --- locale ------------------------------------------------------------------------------------------------------- */

/* The Makefile makes a locale whose numbers have a comma, where localedef has what it needs for that. */
static void numbers_have_a_point_in_every_locale(void **state)
{
    descope_conn_handle handle;
    struct answer answer;
    (void)state;
    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL) {
        print_message("there is no locale de_DE.UTF-8\n");
        skip();
    }
    assert_string_equal(localeconv()->decimal_point, ",");
    handle = open_harness();
    answer = call(handle, "{\"op\":\"echo\",\"number\":2.5}");
    assert_int_equal(answer.status, DESCOPE_CONN_OK);
    assert_true(json_real_value(json_object_get(json_object_get(answer.json, "echo"), "number")) == 2.5);
    json_decref(answer.json);
    close_handle(handle);
    setlocale(LC_ALL, "C");
}

int test_process(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_descriptors_come_and_go),
        cmocka_unit_test(no_handler_is_installed),
        cmocka_unit_test(threads_of_the_library_block_signals),
        cmocka_unit_test(a_child_has_no_handles),
        cmocka_unit_test(fork_while_others_are_busy),
        cmocka_unit_test(fork_while_others_make_their_first_calls),
        cmocka_unit_test(numbers_have_a_point_in_every_locale),
    };
    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
