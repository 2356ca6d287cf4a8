/* visit.c - opens a store plugin with each of several configs, and where that succeeds writes, reads and is refused. For
 * valgrind, which looks at what is left in the end.
 *
 *   visit PLUGIN CONFIG... */
#define _GNU_SOURCE
#include "descope_conn_plugin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int never(const descope_conn_context *context)
{
    (void)context;
    return 0;
}

static void no_line(int32_t level, const char *message, size_t len)
{
    (void)level;
    (void)message;
    (void)len;
}

static const descope_conn_host host = {sizeof host, DESCOPE_CONN_ABI, malloc, free, never, no_line};

static int ignore_row(void *user, const void *key, size_t key_len, const void *value, size_t value_len,
                      uint64_t version)
{
    (void)user;
    (void)key;
    (void)key_len;
    (void)value;
    (void)value_len;
    (void)version;
    return 0;
}

static void say(const char *what, descope_conn_status status, descope_conn_bytes *error)
{
    printf("%s %d %.*s\n", what, status, (int)error->len, error->data == NULL ? "" : (const char *)error->data);
    free(error->data);
    memset(error, 0, sizeof *error);
}

static void visit(const descope_conn_store *store, void *self, uint64_t milliseconds)
{
    static char large[1 << 20];
    const descope_conn_write writes[] = {{"a", 1, "1", 1, DESCOPE_CONN_STORE_ANY},
                                         {"b", 1, large, sizeof large, DESCOPE_CONN_STORE_ANY},
                                         {"c", 1, NULL, 0, DESCOPE_CONN_STORE_ANY}};
    const descope_conn_write refused = {"a", 1, "2", 1, DESCOPE_CONN_STORE_ABSENT};
    descope_conn_bytes value = {NULL, 0}, error = {NULL, 0};
    descope_conn_context context = {sizeof context, 0, NULL};
    uint64_t version = 0;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    context.deadline_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + milliseconds * 1000000u;
    say("commit", store->commit(self, &context, writes, 3, &error), &error);
    say("refused", store->commit(self, &context, &refused, 1, &error), &error);
    say("get", store->get(self, &context, "b", 1, &value, &version, &error), &error);
    free(value.data);
    say("scan", store->scan(self, &context, "", 0, NULL, 0, 10, ignore_row, NULL, &error), &error);
}

int main(int count, char **arguments)
{
    descope_conn_plugin plugin = {.struct_size = sizeof plugin};
    descope_conn_plugin_init_fn init;
    void *library = count < 2 ? NULL : dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    int index;
    if (library == NULL) {
        (void)fprintf(stderr, "usage: visit PLUGIN CONFIG...\n");
        return 2;
    }
    *(void **)&init = dlsym(library, "descope_conn_plugin_init");
    if (init == NULL || init(DESCOPE_CONN_PLUGIN_ABI, &host, &plugin) != DESCOPE_CONN_OK) {
        return 2;
    }
    for (index = 2; index < count; index++) {
        descope_conn_bytes error = {NULL, 0};
        void *self = NULL;
        descope_conn_status status = plugin.open(arguments[index], strlen(arguments[index]), &self, &error);
        say("open", status, &error);
        if (status == DESCOPE_CONN_OK) {
            visit(plugin.store, self, 60000);
            visit(plugin.store, self, 0);
            plugin.close(self);
        }
    }
    return 0;
}
