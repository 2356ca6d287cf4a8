/* ending.c - has a refresh in flight whose caller was told `timeout`, and ends as the argument says. */
#include <descope_conn.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char fetch[] = "{\"op\":\"fetch\",\"appId\":\"crm\",\"userId\":\"alice\"}";
static descope_conn_handle handle;

static void open_vault(void)
{
    const char *config = getenv("CONFIG");
    if (config == NULL || descope_conn_open(config, strlen(config), &handle, NULL, NULL) != DESCOPE_CONN_OK)
        abort();
}

static void start_refresh(void)
{
    open_vault();
    if (descope_conn_call(handle, fetch, strlen(fetch), 2000, NULL, NULL) == DESCOPE_CONN_E_TIMEOUT)
        puts("timeout");
}

static void log_line(void *user, int32_t level, const char *message, size_t length)
{
    (void)user;
    printf("%d %.*s\n", (int)level, (int)length, message);
}

/* --- Endings ------------------------------------------------------------------------------------------------------ */

static void returns(void)
{
    start_refresh();
}

static void *run_exit(void *unused)
{
    (void)unused;
    puts("ending");
    exit(0);
}

static void exits_on_another_thread(void)
{
    pthread_t thread;
    start_refresh();
    pthread_create(&thread, NULL, run_exit, NULL);
    pthread_join(thread, NULL);
}

static void closes(void)
{
    start_refresh();
    puts("closing");
    printf("%d ", descope_conn_close(handle, DESCOPE_CONN_NO_TIMEOUT));
    printf("%d\n", descope_conn_close(handle, DESCOPE_CONN_NO_TIMEOUT));
}

static void *run_call(void *timeout_ms)
{
    printf("%d\n", descope_conn_call(handle, fetch, strlen(fetch), *(uint32_t *)timeout_ms, NULL, NULL));
    return NULL;
}

/* Whether the exchange is made on the caller's thread or on the handle's depends on the caller's time. */
static void close_a_call_of_another_thread(uint32_t timeout_ms)
{
    pthread_t thread;
    open_vault();
    pthread_create(&thread, NULL, run_call, &timeout_ms);
    getchar(); /* the provider has the request */
    puts("closing");
    printf("closed %d\n", descope_conn_close(handle, DESCOPE_CONN_NO_TIMEOUT));
    pthread_join(thread, NULL);
}

static void closes_during_a_call_without_limit(void)
{
    close_a_call_of_another_thread(DESCOPE_CONN_NO_TIMEOUT);
}

static void closes_during_a_call_with_a_limit(void)
{
    close_a_call_of_another_thread(60000);
}

static void *run_close(void *status)
{
    *(descope_conn_status *)status = descope_conn_close(handle, DESCOPE_CONN_NO_TIMEOUT);
    return NULL;
}

static void returns_while_another_thread_closes(void)
{
    static descope_conn_status status;
    pthread_t thread;
    start_refresh();
    pthread_create(&thread, NULL, run_close, &status);
    while (descope_conn_event_fd(handle) != -1)
        sched_yield();
}

static void begins_to_close(void)
{
    struct pollfd end = {.fd = -1, .events = 0, .revents = 0};
    start_refresh();
    descope_conn_set_log(2, log_line, NULL);
    end.fd = dup(descope_conn_event_fd(handle));
    printf("%d\n", descope_conn_close(handle, 0));
    puts("closing");
    poll(&end, 1, -1);
    printf("%d %d\n", (end.revents & POLLHUP) != 0, descope_conn_close(handle, 0));
}

static void returns_after_it_began_to_close(void)
{
    start_refresh();
    printf("%d\n", descope_conn_close(handle, 0));
}

static void gives_up(void)
{
    start_refresh();
    descope_conn_set_log(2, log_line, NULL);
    printf("%d\n", descope_conn_close(handle, 1));
    printf("%d\n", descope_conn_close(handle, DESCOPE_CONN_NO_TIMEOUT));
}

static void gives_up_a_close_of_another_thread(void)
{
    descope_conn_status first;
    pthread_t thread;
    start_refresh();
    pthread_create(&thread, NULL, run_close, &first);
    while (descope_conn_event_fd(handle) != -1)
        sched_yield();
    printf("%d\n", descope_conn_close(handle, DESCOPE_CONN_NO_TIMEOUT));
    pthread_join(thread, NULL);
    printf("%d\n", first);
}

static void on_signal(int number)
{
    (void)number;
    exit(0); // NOLINT(bugprone-signal-handler): what such programs do
}

/* What a signal handler must not do, and many do. */
static void exits_in_a_handler(void)
{
    descope_conn_ticket ticket;
    descope_conn_status status;
    start_refresh();
    signal(SIGTERM, on_signal);
    puts("waiting");
    descope_conn_next(handle, DESCOPE_CONN_NO_TIMEOUT, &ticket, &status, NULL, NULL);
}

static void exit_at_a_timeout(void *user, int32_t level, const char *message, size_t length)
{
    (void)user;
    (void)level;
    if (length > 7 && strncmp(message, "timeout", 7) == 0)
        exit(0);
}

static void exits_in_a_log_function(void)
{
    descope_conn_ticket ticket;
    open_vault();
    descope_conn_set_log(4, exit_at_a_timeout, NULL);
    descope_conn_submit(handle, fetch, strlen(fetch), 2000, &ticket);
    for (;;)
        pause();
}

static const struct {
    const char *name;
    void (*run)(void);
} endings[] = {
    {"returns", returns},
    {"exits on another thread", exits_on_another_thread},
    {"closes", closes},
    {"closes during a call without limit", closes_during_a_call_without_limit},
    {"closes during a call with a limit", closes_during_a_call_with_a_limit},
    {"returns while another thread closes", returns_while_another_thread_closes},
    {"begins to close", begins_to_close},
    {"returns after it began to close", returns_after_it_began_to_close},
    {"gives up", gives_up},
    {"gives up a close of another thread", gives_up_a_close_of_another_thread},
    {"exits in a handler", exits_in_a_handler},
    {"exits in a log function", exits_in_a_log_function},
};

int main(int count, char **arguments)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t index = 0; index < sizeof endings / sizeof *endings; index++) {
        if (count == 2 && strcmp(endings[index].name, arguments[1]) == 0) {
            endings[index].run();
            puts("ending");
            return 0;
        }
    }
    return 2;
}
