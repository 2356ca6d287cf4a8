/* backend_static.c - a backend plugin: API keys from the config, for development and tests.
 *
 *   cc -std=c99 -shared -fPIC -Iinclude -o backend_static.so examples/plugins/backend_static.c
 *   {"backend":"plugin","library":"/abs/backend_static.so","config":{"tokens":{"github":"..."}}}
 *
 * fetch answers the token that the config holds for the connection. One operation of its own shows how a plugin adds
 * to the library's: {"op":"static.sleep","ms":1000} waits, looking every millisecond whether it is still wanted.
 * Everything else is unsupported. A real plugin would parse JSON with a library; this one shows the plugin interface
 * and nothing else, so it reads only flat strings. */
#define _POSIX_C_SOURCE 200809L
#include "descope_conn_plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const descope_conn_host *host;

/* The start of the string or number under "name", and its length; NULL when it is not there. */
static const char *member(const char *json, size_t json_len, const char *name, size_t *len)
{
    size_t name_len = strlen(name);
    const char *end = json + json_len;
    const char *p;
    for (p = json; p + name_len + 3 < end; p++) {
        if (p[0] == '"' && strncmp(p + 1, name, name_len) == 0 && p[name_len + 1] == '"' && p[name_len + 2] == ':') {
            const char *start = p + name_len + 3;
            const char *stop;
            while (start < end && *start == ' ') {
                start++;
            }
            if (start < end && *start == '"') {
                start++;
                for (stop = start; stop < end && *stop != '"'; stop++) {
                }
            } else {
                for (stop = start; stop < end && *stop >= '0' && *stop <= '9'; stop++) {
                }
            }
            *len = (size_t)(stop - start);
            return start;
        }
    }
    return NULL;
}

static int is(const char *text, size_t len, const char *word)
{
    return text != NULL && len == strlen(word) && memcmp(text, word, len) == 0;
}

static descope_conn_status give(descope_conn_bytes *out, const char *text, descope_conn_status status)
{
    size_t len = strlen(text);
    out->data = host->alloc(len + 1);
    if (out->data == NULL) {
        return DESCOPE_CONN_E_MEMORY;
    }
    memcpy(out->data, text, len + 1);
    out->len = len;
    return status;
}

struct instance {
    size_t len;
    char config[1];
};

static descope_conn_status open_instance(const char *config, size_t config_len, void **self, descope_conn_bytes *error)
{
    struct instance *instance;
    size_t len;
    if (member(config, config_len, "tokens", &len) == NULL) {
        return give(error, "{\"code\":\"invalid_config\",\"message\":\"config.tokens is missing\"}",
                    DESCOPE_CONN_E_FAILED);
    }
    instance = host->alloc(sizeof *instance + config_len);
    if (instance == NULL) {
        return DESCOPE_CONN_E_MEMORY;
    }
    instance->len = config_len;
    memcpy(instance->config, config, config_len);
    *self = instance;
    return DESCOPE_CONN_OK;
}

static void close_instance(void *self)
{
    host->free(self); /* wipes it */
}

static descope_conn_status fetch(const struct instance *instance, const char *request, size_t request_len,
                                 descope_conn_bytes *answer)
{
    size_t app_len, token_len;
    char name[65];
    const char *app = member(request, request_len, "appId", &app_len);
    const char *token;
    if (app == NULL || app_len >= sizeof name) {
        return give(answer, "{\"code\":\"invalid_request\",\"message\":\"appId is too long\",\"field\":\"appId\"}",
                    DESCOPE_CONN_E_FAILED);
    }
    memcpy(name, app, app_len);
    name[app_len] = '\0';
    token = member(instance->config, instance->len, name, &token_len);
    if (token == NULL) {
        return give(answer, "{\"code\":\"not_found\",\"reason\":\"app\",\"message\":\"no such connection\"}",
                    DESCOPE_CONN_E_FAILED);
    }
    {
        static const char format[] = "{\"token\":{\"appId\":\"%.*s\",\"accessToken\":\"%.*s\"}}";
        size_t size = sizeof format + app_len + token_len;
        answer->data = host->alloc(size);
        if (answer->data == NULL) {
            return DESCOPE_CONN_E_MEMORY;
        }
        answer->len = (size_t)snprintf((char *)answer->data, size, format, (int)app_len, app, (int)token_len, token);
    }
    return DESCOPE_CONN_OK;
}

static descope_conn_status sleep_for(const descope_conn_context *context, const char *request, size_t request_len,
                                     descope_conn_bytes *answer)
{
    size_t len;
    const char *ms = member(request, request_len, "ms", &len);
    long left = ms == NULL ? 0 : strtol(ms, NULL, 10);
    for (; left > 0; left--) {
        struct timespec now, millisecond = {0, 1000000};
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (host->cancelled(context)) {
            return DESCOPE_CONN_E_CANCELLED;
        }
        if ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec >= context->deadline_ns) {
            return DESCOPE_CONN_E_TIMEOUT;
        }
        nanosleep(&millisecond, NULL);
    }
    return give(answer, "{\"slept\":true}", DESCOPE_CONN_OK);
}

static descope_conn_status call(void *self, const descope_conn_context *context, const char *request,
                                size_t request_len, descope_conn_bytes *answer)
{
    size_t len = 0;
    const char *op = member(request, request_len, "op", &len);
    if (is(op, len, "fetch")) {
        return fetch(self, request, request_len, answer);
    }
    if (is(op, len, "static.sleep")) {
        return sleep_for(context, request, request_len, answer);
    }
    return give(answer, "{\"code\":\"unsupported\",\"message\":\"backend_static only fetches\"}",
                DESCOPE_CONN_E_FAILED);
}

static const descope_conn_backend backend = {sizeof backend, call};

/* The one symbol. */
descope_conn_status descope_conn_plugin_init(uint32_t host_plugin_abi, const descope_conn_host *the_host,
                                             descope_conn_plugin *plugin);
descope_conn_status descope_conn_plugin_init(uint32_t host_plugin_abi, const descope_conn_host *the_host,
                                             descope_conn_plugin *plugin)
{
    if (host_plugin_abi != DESCOPE_CONN_PLUGIN_ABI || the_host->struct_size < sizeof *the_host) {
        return DESCOPE_CONN_E_ARGUMENT;
    }
    host = the_host;
    plugin->struct_size = sizeof *plugin < plugin->struct_size ? sizeof *plugin : plugin->struct_size;
    plugin->abi = DESCOPE_CONN_PLUGIN_ABI;
    plugin->kind = DESCOPE_CONN_PLUGIN_BACKEND;
    plugin->name = "static";
    plugin->version = "1.0.0";
    plugin->open = open_instance;
    plugin->close = close_instance;
    plugin->backend = &backend;
    return DESCOPE_CONN_OK;
}
