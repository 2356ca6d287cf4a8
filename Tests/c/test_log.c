/* test_log.c - the promises of descope_conn_set_log. */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

/* A place for lines, with a lock of its own. */
struct sink {
    pthread_mutex_t mutex;
    unsigned lines, running;
    int32_t levels; /* one bit for each level seen */
    int is_marked;  /* whether a line held MARKER */
    char last[1024];
};

static struct sink *new_sink(struct sink *sink)
{
    memset(sink, 0, sizeof *sink);
    pthread_mutex_init(&sink->mutex, NULL);
    return sink;
}

static void keep(void *user, int32_t level, const char *message, size_t message_len)
{
    struct sink *sink = user;
    size_t len = message_len < sizeof sink->last - 1 ? message_len : sizeof sink->last - 1;
    pthread_mutex_lock(&sink->mutex);
    sink->lines++;
    sink->levels |= 1 << level;
    memcpy(sink->last, message, len);
    sink->last[len] = '\0';
    sink->is_marked |= strstr(sink->last, MARKER) != NULL;
    pthread_mutex_unlock(&sink->mutex);
}

static void set_log(int32_t max_level, descope_conn_log_fn log, void *user)
{
    assert_int_equal(descope_conn_set_log(max_level, log, user), DESCOPE_CONN_OK);
}

static const char refused[] = "{\"op\":\"fetch\",\"accessToken\":\"" MARKER "\",\"appid\":\"x\"}";
static const char defect[] = "{\"op\":\"give\",\"status\":77}";

static void lines_up_to_the_level(void **state)
{
    struct sink sink;
    descope_conn_handle handle = open_harness();
    (void)state;
    set_log(4, keep, new_sink(&sink));
    assert_failed(call(handle, refused), DESCOPE_CONN_E_ARGUMENT, "invalid_request", "appid");
    assert_true(sink.lines > 0);
    assert_non_null(strstr(sink.last, "appid"));
    assert_false(sink.is_marked);

    set_log(3, keep, new_sink(&sink));
    assert_failed(call(handle, refused), DESCOPE_CONN_E_ARGUMENT, "invalid_request", "appid");
    assert_int_equal(sink.lines, 0); /* of a program's mistakes only those who debug it hear */
    assert_failed(call(handle, defect), DESCOPE_CONN_E_FAILED, "internal", NULL);
    assert_true(sink.lines > 0);
    assert_int_equal(sink.levels & ~(1 << 1 | 1 << 2), 0);

    set_log(0, keep, new_sink(&sink));
    assert_failed(call(handle, defect), DESCOPE_CONN_E_FAILED, "internal", NULL);
    assert_int_equal(sink.lines, 0);
    set_log(4, NULL, NULL);
    assert_failed(call(handle, defect), DESCOPE_CONN_E_FAILED, "internal", NULL);
    close_handle(handle);
}

/* --- Exchanging the function while lines are written -------------------------------------------------------------- */

static descope_conn_handle noisy;
static struct flag is_over = FLAG_INITIALIZER;

static void *make_noise(void *unused)
{
    while (!is_set(&is_over)) {
        descope_conn_call(noisy, refused, strlen(refused), 0, NULL, NULL);
    }
    return unused;
}

static void count_running(void *user, int32_t level, const char *message, size_t message_len)
{
    struct sink *sink = user;
    pthread_mutex_lock(&sink->mutex);
    sink->running++;
    sink->lines++;
    pthread_mutex_unlock(&sink->mutex);
    keep(user, level, message, message_len);
    pthread_mutex_lock(&sink->mutex);
    sink->running--;
    pthread_mutex_unlock(&sink->mutex);
}

static void the_earlier_function_does_not_run_again(void **state)
{
    static struct sink sinks[200], between[COUNT(sinks)];
    pthread_t threads[3];
    unsigned lines[COUNT(sinks)];
    size_t index;
    (void)state;
    noisy = open_harness();
    set_flag(&is_over, 0);
    for (index = 0; index < COUNT(threads); index++) {
        assert_int_equal(pthread_create(&threads[index], NULL, make_noise, NULL), 0);
    }
    for (index = 0; index < COUNT(sinks); index++) {
        struct sink *sink = new_sink(&sinks[index]);
        unsigned seen = 0;
        set_log(4, count_running, sink);
        while (seen == 0) {
            pthread_mutex_lock(&sink->mutex);
            seen = sink->lines;
            pthread_mutex_unlock(&sink->mutex);
        }
        set_log(index % 2 == 0 ? 0 : 4, index % 2 == 0 ? NULL : keep, new_sink(&between[index]));
        /* Without the lock: nobody else has it any more. */
        assert_int_equal(sink->running, 0);
        lines[index] = sink->lines;
    }
    set_log(0, NULL, NULL);
    set_flag(&is_over, 1);
    for (index = 0; index < COUNT(threads); index++) {
        pthread_join(threads[index], NULL);
    }
    for (index = 0; index < COUNT(sinks); index++) {
        assert_int_equal(sinks[index].lines, lines[index]);
        assert_false(sinks[index].is_marked);
    }
    close_handle(noisy);
}

int test_log(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_up_to_the_level),
        cmocka_unit_test(the_earlier_function_does_not_run_again),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
