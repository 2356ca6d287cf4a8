/* harness.c - see harness.h. */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <dirent.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct answer take(descope_conn_status status, char *text, size_t len)
{
    struct answer answer = {status, NULL};
    if (text == NULL) {
        assert_int_equal(len, 0);
        return answer;
    }
    assert_int_equal(text[len], '\0');
    assert_int_equal(strlen(text), len);
    answer.json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_object(answer.json));
    assert_int_equal(json_object_get(answer.json, "error") != NULL, status < 0);
    descope_conn_free(text);
    return answer;
}

descope_conn_handle open_config(const char *config)
{
    descope_conn_handle handle = 0;
    char *text = NULL;
    size_t len = 0;
    descope_conn_status status = descope_conn_open(config, strlen(config), &handle, &text, &len);
    if (status != DESCOPE_CONN_OK) {
        print_error("open: %s\n", text);
    }
    assert_int_equal(status, DESCOPE_CONN_OK);
    assert_null(text);
    assert_int_equal(len, 0);
    assert_int_not_equal(handle, 0);
    return handle;
}

descope_conn_handle open_harness(void)
{
    return open_config("{\"backend\":\"plugin\",\"library\":\"harness\"}");
}

struct answer call(descope_conn_handle handle, const char *request)
{
    char *text = NULL;
    size_t len = 0;
    descope_conn_status status = descope_conn_call(handle, request, strlen(request), PATIENCE, &text, &len);
    return take(status, text, len);
}

descope_conn_ticket submit(descope_conn_handle handle, const char *request)
{
    descope_conn_ticket ticket = 0;
    descope_conn_status status = descope_conn_submit(handle, request, strlen(request), PATIENCE, &ticket);
    assert_int_equal(status, DESCOPE_CONN_OK);
    assert_int_not_equal(ticket, 0);
    return ticket;
}

struct answer next(descope_conn_handle handle, descope_conn_ticket *ticket)
{
    descope_conn_ticket unwanted;
    descope_conn_status call_status = 99;
    char *text = NULL;
    size_t len = 0;
    descope_conn_status status =
        descope_conn_next(handle, PATIENCE, ticket == NULL ? &unwanted : ticket, &call_status, &text, &len);
    assert_int_equal(status, DESCOPE_CONN_OK);
    return take(call_status, text, len);
}

void assert_empty(descope_conn_handle handle)
{
    descope_conn_ticket ticket = 99;
    descope_conn_status call_status = 99;
    char *text = (char *)"";
    size_t len = 99;
    assert_int_equal(descope_conn_next(handle, 0, &ticket, &call_status, &text, &len), DESCOPE_CONN_EMPTY);
    assert_int_equal(ticket, 0);
    assert_null(text);
    assert_int_equal(len, 0);
}

void close_handle(descope_conn_handle handle)
{
    assert_int_equal(descope_conn_close(handle, PATIENCE), DESCOPE_CONN_OK);
}

void assert_failed(struct answer answer, descope_conn_status status, const char *code, const char *field)
{
    const json_t *error = json_object_get(answer.json, "error");
    const json_t *named = json_object_get(error, "field");
    assert_int_equal(answer.status, status);
    assert_string_equal(json_string_value(json_object_get(error, "code")), code);
    assert_true(json_string_length(json_object_get(error, "message")) > 0);
    if (field == NULL) {
        assert_null(named);
    } else {
        assert_non_null(named);
        assert_string_equal(json_string_value(named), field);
    }
    json_decref(answer.json);
}

void assert_ok(struct answer answer)
{
    assert_int_equal(answer.status, DESCOPE_CONN_OK);
    assert_non_null(answer.json);
    json_decref(answer.json);
}

/* --- Every function ----------------------------------------------------------------------------------------------- */

#define REQUEST "{\"op\":\"describe\"}", sizeof "{\"op\":\"describe\"}" - 1

static descope_conn_status use_connect(descope_conn_handle handle)
{
    return descope_conn_connect(handle, "{}", 2, PATIENCE, NULL, NULL);
}

static descope_conn_status use_fetch(descope_conn_handle handle)
{
    return descope_conn_fetch(handle, "{}", 2, PATIENCE, NULL, NULL);
}

static descope_conn_status use_store_api_key(descope_conn_handle handle)
{
    return descope_conn_store_api_key(handle, "{}", 2, PATIENCE, NULL, NULL);
}

static descope_conn_status use_delete(descope_conn_handle handle)
{
    return descope_conn_delete(handle, "{}", 2, PATIENCE, NULL, NULL);
}

static descope_conn_status use_call(descope_conn_handle handle)
{
    return descope_conn_call(handle, REQUEST, PATIENCE, NULL, NULL);
}

static descope_conn_status use_submit(descope_conn_handle handle)
{
    descope_conn_ticket ticket;
    return descope_conn_submit(handle, REQUEST, PATIENCE, &ticket);
}

static descope_conn_status use_next(descope_conn_handle handle)
{
    descope_conn_ticket ticket;
    descope_conn_status call_status;
    return descope_conn_next(handle, 0, &ticket, &call_status, NULL, NULL);
}

static descope_conn_status use_cancel(descope_conn_handle handle)
{
    return descope_conn_cancel(handle, 0);
}

const struct function functions[] = {
    {"connect", use_connect}, {"fetch", use_fetch},   {"store_api_key", use_store_api_key},
    {"delete", use_delete},   {"call", use_call},     {"submit", use_submit},
    {"next", use_next},       {"cancel", use_cancel},
};
const size_t function_count = COUNT(functions);

/* --- Between threads ---------------------------------------------------------------------------------------------- */

void set_flag(struct flag *flag, int is_set)
{
    pthread_mutex_lock(&flag->mutex);
    flag->is_set = is_set;
    pthread_mutex_unlock(&flag->mutex);
}

int is_set(struct flag *flag)
{
    int is_set;
    pthread_mutex_lock(&flag->mutex);
    is_set = flag->is_set;
    pthread_mutex_unlock(&flag->mutex);
    return is_set;
}

/* --- The process -------------------------------------------------------------------------------------------------- */

uint64_t status_bits(const char *folder, const char *name)
{
    char path[300], line[256];
    uint64_t bits = 0;
    int found = 0;
    FILE *file;
    snprintf(path, sizeof path, "%s/status", folder);
    file = fopen(path, "r");
    assert_non_null(file);
    while (!found && fgets(line, sizeof line, file) != NULL) {
        size_t len = strlen(name);
        if (strncmp(line, name, len) == 0 && line[len] == ':') {
            found = sscanf(line + len + 1, "%" SCNx64, &bits) == 1;
        }
    }
    fclose(file);
    assert_true(found);
    return bits;
}

static unsigned count_entries(const char *path)
{
    unsigned count = 0;
    DIR *folder = opendir(path);
    const struct dirent *entry;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        count += entry->d_name[0] != '.';
    }
    closedir(folder);
    return count;
}

unsigned count_threads(void)
{
    return count_entries("/proc/self/task");
}

unsigned count_descriptors(void)
{
    return count_entries("/proc/self/fd") - 1; /* without the folder's own */
}

uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void await_count(unsigned (*get)(void), unsigned wanted)
{
    uint64_t end = now_ms() + PATIENCE;
    while (get() != wanted && now_ms() < end) {
        sched_yield();
    }
    assert_int_equal(get(), wanted);
}
