/* harness.h - what the C tests share. */
#ifndef HARNESS_H
#define HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <pthread.h>

#include <descope_conn_plugin.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Nothing here takes this long. Who waits longer has found a deadlock, and fails. Milliseconds. */
#define PATIENCE 30000

/* Secrets of the tests hold this text, so that it can be looked for where no secret may be. */
#define MARKER "s3cret-m4rker"

/* The groups of tests, one a file. Each returns how many failed. */
int test_arguments(void);
int test_requests(void);
int test_handles(void);
int test_tickets(void);
int test_process(void);
int test_first_calls(void);
int test_log(void);
int test_plugins(void);
int test_cases(void);

/* --- Calling the library ------------------------------------------------------------------------------------------ */

/* What a call came to. json is NULL when there was no answer. */
struct answer {
    descope_conn_status status;
    json_t *json;
};

/* Takes over the text of an answer, and checks what holds for all of them: UTF-8, terminated, one JSON object, an
 * error if and only if the status is negative. */
struct answer take(descope_conn_status status, char *text, size_t len);

/* Opens a config, which must be fine. */
descope_conn_handle open_config(const char *config);

/* Opens the harness's own plugin, see harness_plugin.c. */
descope_conn_handle open_harness(void);

/* descope_conn_call with a terminated request, PATIENCE as its time. */
struct answer call(descope_conn_handle handle, const char *request);

/* descope_conn_submit, which must succeed. */
descope_conn_ticket submit(descope_conn_handle handle, const char *request);

/* descope_conn_next, which must give an answer. ticket may be NULL. */
struct answer next(descope_conn_handle handle, descope_conn_ticket *ticket);

/* descope_conn_next must answer EMPTY at once. */
void assert_empty(descope_conn_handle handle);

/* descope_conn_close, which must end all calls. */
void close_handle(descope_conn_handle handle);

/* The answer failed with this status, code and field (NULL: none); it is released. */
void assert_failed(struct answer answer, descope_conn_status status, const char *code, const char *field);

/* The answer succeeded; it is released. */
void assert_ok(struct answer answer);

/* Every function that takes a handle. */
struct function {
    const char *name;
    descope_conn_status (*use)(descope_conn_handle handle);
};
extern const struct function functions[];
extern const size_t function_count;

/* --- The harness's plugin ----------------------------------------------------------------------------------------- */

/* Registered under the name "harness". Its operations:
 *   echo       answers {"echo": the request}
 *   hold       waits for the gate, cancellation or the deadline, whichever is first
 *   stubborn   waits for the gate alone
 *   give       answers the text under "text" with the status under "status", as if it were the plugin's own answer */
void register_harness(void);

/* Lets nobody through, until gate_open. */
void gate_close(void);
void gate_open(void);

/* Waits until so many calls are held at the gate. */
void gate_await(unsigned count);

/* How many instances of the plugin are open. */
unsigned harness_instances(void);

/* --- Between threads ---------------------------------------------------------------------------------------------- */

struct flag {
    pthread_mutex_t mutex;
    int is_set;
};
#define FLAG_INITIALIZER             \
    {                                \
        PTHREAD_MUTEX_INITIALIZER, 0 \
    }

void set_flag(struct flag *flag, int is_set);
int is_set(struct flag *flag);

/* --- The process -------------------------------------------------------------------------------------------------- */

/* A number in base 16 from a line of /proc/self/status, such as "SigCgt"; folder is /proc/self, or a thread's. */
uint64_t status_bits(const char *folder, const char *name);

/* Threads of this process; open descriptors. */
unsigned count_threads(void);
unsigned count_descriptors(void);

/* Waits until `get` gives `wanted`: a thread that has been told to end is there for a moment longer. */
void await_count(unsigned (*get)(void), unsigned wanted);

/* The monotonic clock in milliseconds. */
uint64_t now_ms(void);

#endif
