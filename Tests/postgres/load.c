/* load.c - one process that uses a store plugin as hard as it can, with several threads, and says how often it could.
 *
 *   load PLUGIN CONFIG fetch|commit|contend THREADS SECONDS KEYS
 *
 * fetch: what a vault reads for a token: a row by its key, and those of one prefix. commit: what it writes when it
 * refreshes one: the first row kept, a token's row changed, a record made, and the head of one of 1000 chains changed.
 * contend: the same with one chain. */
#define _GNU_SOURCE
#include "descope_conn_plugin.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HEADS = 1000 };
static const descope_conn_store *store;
static void *self;
static const char *job;
static long keys;
static uint64_t end_ns;
static uint64_t process;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

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

static void die(const char *what, descope_conn_status status, const descope_conn_bytes *error)
{
    (void)fprintf(stderr, "%s: %d %.*s\n", what, status, (int)error->len,
                  error->data == NULL ? "" : (char *)error->data);
    _exit(1);
}

struct found {
    size_t rows;
    uint64_t version; /* of the first part's row */
};

static int take(void *user, size_t part, const void *key, size_t key_len, const void *value, size_t value_len,
                uint64_t version)
{
    struct found *found = user;
    (void)key;
    (void)key_len;
    (void)value;
    (void)value_len;
    found->rows++;
    if (part == 0) {
        found->version = version;
    }
    return 0;
}

static descope_conn_context soon(void)
{
    const descope_conn_context context = {sizeof context, now_ns() + 30000000000u, NULL};
    return context;
}

static struct found fetch(const char *key, size_t key_len, const char *prefix)
{
    const descope_conn_read reads[] = {{key, key_len, NULL, 0, 0}, {prefix, strlen(prefix), NULL, 0, 10}};
    const descope_conn_context context = soon();
    struct found found = {0, 0};
    descope_conn_bytes error = {NULL, 0};
    descope_conn_status status = store->read(self, &context, reads, 2, take, &found, &error);
    if (status != DESCOPE_CONN_OK) {
        die("read", status, &error);
    }
    return found;
}

static uint64_t version_of(const char *key)
{
    return fetch(key, strlen(key), "none").version;
}

/* Returns: whether it was written. */
static int write_rows(const descope_conn_write *writes, size_t count)
{
    const descope_conn_context context = soon();
    descope_conn_bytes error = {NULL, 0};
    descope_conn_status status = store->commit(self, &context, writes, count, &error);
    int is_conflict = error.data != NULL && strstr((char *)error.data, "conflict") != NULL;
    if (status != DESCOPE_CONN_OK && !is_conflict) {
        die("commit", status, &error);
    }
    free(error.data);
    return status == DESCOPE_CONN_OK;
}

/* Rows as large as a token's. */
static char value[600];

static descope_conn_write put(const char *key, uint64_t expected)
{
    const descope_conn_write write = {key, strlen(key), value, sizeof value, expected};
    return write;
}

static void *run(void *opaque)
{
    unsigned seed = (unsigned)(uintptr_t)opaque * 7919u + (unsigned)process;
    uint64_t first = version_of("v");
    long *done = calloc(1, sizeof *done);
    uint64_t number = 0;
    while (now_ns() < end_ns) {
        char token[64], record[64], head[64];
        (void)snprintf(token, sizeof token, "t%09ld", rand_r(&seed) % keys);
        if (strcmp(job, "fetch") == 0) {
            fetch("a", 1, token);
            ++*done;
            continue;
        }
        (void)snprintf(record, sizeof record, "l%lu-%lu-%lu", (unsigned long)process, (unsigned long)(uintptr_t)opaque,
                       (unsigned long)++number);
        (void)snprintf(head, sizeof head, "h%03d", strcmp(job, "contend") == 0 ? 0 : rand_r(&seed) % HEADS);
        for (;;) {
            const descope_conn_write writes[] = {
                {"v", 1, NULL, DESCOPE_CONN_STORE_KEEP, first},
                put(token, version_of(token)),
                put(record, DESCOPE_CONN_STORE_ABSENT),
                put(head, version_of(head)),
            };
            if (write_rows(writes, sizeof writes / sizeof *writes)) {
                break;
            }
        }
        ++*done;
    }
    return done;
}

/* The rows that the jobs need, unless they are there. */
static void fill(void)
{
    enum { MOST = HEADS };
    static char names[MOST][32];
    descope_conn_write writes[MOST];
    char last[32];
    long next = 0;
    (void)snprintf(last, sizeof last, "t%09ld", keys - 1);
    if (version_of(last) != 0) {
        return;
    }
    writes[0] = put("v", DESCOPE_CONN_STORE_ANY);
    writes[1] = put("a", DESCOPE_CONN_STORE_ANY);
    write_rows(writes, 2);
    for (next = 0; next < HEADS; next++) {
        (void)snprintf(names[next], sizeof *names, "h%03ld", next);
        writes[next] = put(names[next], DESCOPE_CONN_STORE_ANY);
    }
    write_rows(writes, HEADS);
    for (next = 0; next < keys;) {
        size_t count = 0;
        for (; count < MOST && next < keys; count++, next++) {
            (void)snprintf(names[count], sizeof *names, "t%09ld", next);
            writes[count] = put(names[count], DESCOPE_CONN_STORE_ANY);
        }
        write_rows(writes, count);
    }
}

int main(int count, char **arguments)
{
    descope_conn_plugin plugin = {.struct_size = sizeof plugin};
    descope_conn_bytes error = {NULL, 0};
    descope_conn_plugin_init_fn init;
    descope_conn_status status;
    pthread_t threads[256];
    long thread, total = 0, thread_count;
    double seconds;
    void *library;
    if (count != 7) {
        (void)fprintf(stderr, "usage: load PLUGIN CONFIG fetch|commit|contend THREADS SECONDS KEYS\n");
        return 2;
    }
    job = arguments[3];
    thread_count = strtol(arguments[4], NULL, 10);
    seconds = strtod(arguments[5], NULL);
    keys = strtol(arguments[6], NULL, 10);
    process = now_ns() ^ (uint64_t)getpid();
    library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL || thread_count < 1 || thread_count > 256 || keys < 1) {
        (void)fprintf(stderr, "%s\n", library == NULL ? dlerror() : "a number is out of range");
        return 2;
    }
    *(void **)&init = dlsym(library, "descope_conn_plugin_init");
    if (init == NULL || init(DESCOPE_CONN_PLUGIN_ABI, &host, &plugin) != DESCOPE_CONN_OK) {
        return 2;
    }
    store = plugin.store;
    status = plugin.open(arguments[2], strlen(arguments[2]), &self, &error);
    if (status != DESCOPE_CONN_OK) {
        die("open", status, &error);
    }
    memset(value, 'x', sizeof value);
    fill();
    end_ns = now_ns() + (uint64_t)(seconds * 1e9);
    for (thread = 0; thread < thread_count; thread++) {
        pthread_create(&threads[thread], NULL, run, (void *)(uintptr_t)thread);
    }
    for (thread = 0; thread < thread_count; thread++) {
        void *done;
        pthread_join(threads[thread], &done);
        total += *(long *)done;
        free(done);
    }
    plugin.close(self);
    printf("%.0f\n", (double)total / seconds);
    return 0;
}
