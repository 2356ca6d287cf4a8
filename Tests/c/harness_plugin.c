/* harness_plugin.c - a backend that is linked into the tests, and does what they need; see harness.h. */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <time.h>

static const descope_conn_host *host;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int is_open = 1;
static unsigned held, instances;

static struct timespec after_ms(long ms)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_sec += ms / 1000;
    time.tv_nsec += ms % 1000 * 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    return time;
}

void gate_close(void)
{
    pthread_mutex_lock(&mutex);
    is_open = 0;
    pthread_mutex_unlock(&mutex);
}

void gate_open(void)
{
    pthread_mutex_lock(&mutex);
    is_open = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

void gate_await(unsigned count)
{
    struct timespec end = after_ms(PATIENCE);
    unsigned now;
    pthread_mutex_lock(&mutex);
    while (held != count && pthread_cond_timedwait(&changed, &mutex, &end) == 0) {
    }
    now = held;
    pthread_mutex_unlock(&mutex);
    assert_int_equal(now, count);
}

unsigned harness_instances(void)
{
    unsigned now;
    pthread_mutex_lock(&mutex);
    now = instances;
    pthread_mutex_unlock(&mutex);
    return now;
}

static descope_conn_status give(descope_conn_bytes *answer, const char *text, descope_conn_status status)
{
    answer->len = strlen(text);
    answer->data = host->alloc(answer->len + 1);
    if (answer->data == NULL) {
        return DESCOPE_CONN_E_MEMORY;
    }
    memcpy(answer->data, text, answer->len + 1);
    return status;
}

static descope_conn_status echo(json_t *request, descope_conn_bytes *answer)
{
    json_t *object = json_pack("{s:O}", "echo", request);
    char *text = json_dumps(object, JSON_COMPACT);
    descope_conn_status status = give(answer, text, DESCOPE_CONN_OK);
    free(text);
    json_decref(object);
    return status;
}

static descope_conn_status why_stop(const descope_conn_context *context)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (host->cancelled(context)) {
        return DESCOPE_CONN_E_CANCELLED;
    }
    if ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec >= context->deadline_ns) {
        return DESCOPE_CONN_E_TIMEOUT;
    }
    return DESCOPE_CONN_OK;
}

static descope_conn_status wait_at_gate(const descope_conn_context *context, int stubborn, descope_conn_bytes *answer)
{
    descope_conn_status status = DESCOPE_CONN_OK;
    pthread_mutex_lock(&mutex);
    held++;
    pthread_cond_broadcast(&changed);
    while (!is_open && status == DESCOPE_CONN_OK) {
        /* Whether it is cancelled has to be looked for. */
        struct timespec soon = after_ms(1);
        pthread_cond_timedwait(&changed, &mutex, &soon);
        status = stubborn ? DESCOPE_CONN_OK : why_stop(context);
    }
    held--;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    return status == DESCOPE_CONN_OK ? give(answer, "{\"held\":true}", status) : status;
}

static descope_conn_status answer_call(void *self, const descope_conn_context *context, const char *text,
                                       size_t text_len, descope_conn_bytes *answer)
{
    json_t *request = json_loadb(text, text_len, 0, NULL);
    const char *op = json_string_value(json_object_get(request, "op"));
    descope_conn_status status;
    (void)self;
    if (strcmp(op, "echo") == 0) {
        status = echo(request, answer);
    } else if (strcmp(op, "hold") == 0) {
        status = wait_at_gate(context, 0, answer);
    } else if (strcmp(op, "stubborn") == 0) {
        status = wait_at_gate(context, 1, answer);
    } else if (strcmp(op, "give") == 0) {
        json_t *given = json_object_get(request, "text");
        status = (descope_conn_status)json_integer_value(json_object_get(request, "status"));
        if (given != NULL) {
            status = give(answer, json_string_value(given), status);
        }
    } else {
        status = give(answer, "{\"code\":\"unsupported\",\"message\":\"not in the harness\"}", DESCOPE_CONN_E_FAILED);
    }
    json_decref(request);
    return status;
}

static descope_conn_status open_instance(const char *config, size_t config_len, void **self, descope_conn_bytes *error)
{
    (void)config;
    (void)config_len;
    (void)self;
    (void)error;
    pthread_mutex_lock(&mutex);
    instances++;
    pthread_mutex_unlock(&mutex);
    return DESCOPE_CONN_OK;
}

static void close_instance(void *self)
{
    (void)self;
    pthread_mutex_lock(&mutex);
    instances--;
    pthread_mutex_unlock(&mutex);
}

static const descope_conn_backend backend = {sizeof backend, answer_call};

static descope_conn_status initialize(uint32_t host_plugin_abi, const descope_conn_host *the_host,
                                      descope_conn_plugin *plugin)
{
    if (host_plugin_abi != DESCOPE_CONN_PLUGIN_ABI) {
        return DESCOPE_CONN_E_ARGUMENT;
    }
    host = the_host;
    plugin->struct_size = sizeof *plugin;
    plugin->abi = DESCOPE_CONN_PLUGIN_ABI;
    plugin->kind = DESCOPE_CONN_PLUGIN_BACKEND;
    plugin->name = "harness";
    plugin->version = "1.0.0";
    plugin->open = open_instance;
    plugin->close = close_instance;
    plugin->backend = &backend;
    return DESCOPE_CONN_OK;
}

static void lock(void)
{
    pthread_mutex_lock(&mutex);
}

static void unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

void register_harness(void)
{
    static int is_watching;
    if (!is_watching) {
        pthread_atfork(lock, unlock, unlock);
        is_watching = 1;
    }
    assert_int_equal(descope_conn_register_plugin(initialize, NULL, NULL), DESCOPE_CONN_OK);
}
