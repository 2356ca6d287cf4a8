/* scripted.c - a plugin that answers what the tests need: a backend, or with -DSTORE a store, which with -DEARLIER has the
 * table of functions that ends before read. -DFLAGS=1 makes it SERIAL. */
#define _POSIX_C_SOURCE 200809L
#include "descope_conn_plugin.h"

#include <inttypes.h>
#include <malloc.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#ifndef FLAGS
#define FLAGS 0
#endif

static const descope_conn_host *host;

/* Enough that a block which is not freed shows. */
static const size_t BIG = (size_t)1 << 20;

static void give(descope_conn_bytes *out, const char *text, size_t len)
{
    if (text != NULL && (out->data = host->alloc(len)) != NULL) {
        out->len = strlen(text) < len ? strlen(text) : len;
        memset(out->data, ' ', len);
        memcpy(out->data, text, out->len);
        out->len = len;
    }
}

static void say(descope_conn_bytes *out, const char *text)
{
    give(out, text, text == NULL ? 0 : strlen(text));
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Waits until it is told to stop, and says what told it. */
static const char *wait_for_the_end(const descope_conn_context *context)
{
    const struct timespec moment = {0, 100000};
    for (;;) {
        if (host->cancelled(context)) {
            return "{\"saw\":\"cancelled\"}";
        }
        if (now_ns() >= context->deadline_ns) {
            return "{\"saw\":\"deadline\"}";
        }
        nanosleep(&moment, NULL);
    }
}

/* What the calls of one process share. */
static int inside, overlaps, entered, closed;

static int enter(void)
{
    __atomic_add_fetch(&entered, 1, __ATOMIC_SEQ_CST);
    return __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
}

static void leave(void)
{
    __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
}

int scripted_entered(void);
int scripted_entered(void)
{
    return __atomic_load_n(&entered, __ATOMIC_SEQ_CST);
}

int scripted_overlaps(void);
int scripted_overlaps(void)
{
    return __atomic_load_n(&overlaps, __ATOMIC_SEQ_CST);
}

int scripted_closed(void);
int scripted_closed(void)
{
    return __atomic_load_n(&closed, __ATOMIC_SEQ_CST);
}

/* What malloc has given out in this process, in MiB. */
int scripted_allocated(void);
int scripted_allocated(void)
{
    struct mallinfo2 info = mallinfo2();
    return (int)((info.uordblks + info.hblkhd) >> 20);
}

/* An error that quotes a text. */
static void quote(descope_conn_bytes *out, const char *what, const char *text, size_t len)
{
    char error[1024];
    size_t size = (size_t)snprintf(error, sizeof error, "{\"code\":\"unavailable\",\"message\":\"%s ", what);
    for (; len > 0 && size < sizeof error - 4; text++, len--) {
        if (*text == '"' || *text == '\\') {
            error[size++] = '\\';
        }
        error[size++] = *text;
    }
    memcpy(error + size, "\"}", 3);
    say(out, error);
}

struct line {
    const char *op;
    descope_conn_status status;
    const char *text;
};

static const struct line lines[] = {
    {"fetch", DESCOPE_CONN_OK, "{\"token\":{\"appId\":\"a\",\"userId\":\"u\",\"accessToken\":\"not-to-be-repeated\"}}"},
    {"list", DESCOPE_CONN_OK, "{\"tokens\":[{\"appId\":\"a\",\"userId\":\"u\"}]}"},
    {"t.object", DESCOPE_CONN_OK, "{\"n\":1}"},
    {"t.nothing", DESCOPE_CONN_OK, NULL},
    {"t.empty", DESCOPE_CONN_OK, ""},
    {"t.text", DESCOPE_CONN_OK, "not-to-be-repeated"},
    {"t.array", DESCOPE_CONN_OK, "[1]"},
    {"t.two", DESCOPE_CONN_OK, "{}{}"},
    {"t.failed.nothing", DESCOPE_CONN_E_FAILED, NULL},
    {"t.failed.text", DESCOPE_CONN_E_FAILED, "not-to-be-repeated"},
    {"t.failed.array", DESCOPE_CONN_E_FAILED, "[\"not-to-be-repeated\"]"},
    {"t.failed.number", DESCOPE_CONN_E_FAILED, "{\"code\":7,\"message\":8}"},
    {"t.failed.unknown", DESCOPE_CONN_E_FAILED, "{\"code\":\"teapot\",\"message\":\"short and stout\"}"},
    {"t.failed.known", DESCOPE_CONN_E_FAILED,
     "{\"code\":\"connection_required\",\"message\":\"ask the user\",\"reason\":\"scopes\",\"appId\":\"a\","
     "\"connectionUrl\":\"https://h.example/\",\"missingScopes\":[\"x\"],\"retryAfterMs\":5,\"httpStatus\":418,"
     "\"errorCode\":\"E1\",\"errorDescription\":\"d\",\"field\":\"f\"}"},
    {"t.timeout", DESCOPE_CONN_E_TIMEOUT, "{\"code\":\"conflict\"}"},
    {"t.cancelled", DESCOPE_CONN_E_CANCELLED, NULL},
    {"t.argument", DESCOPE_CONN_E_ARGUMENT, "{\"code\":\"conflict\"}"},
    {"t.memory", DESCOPE_CONN_E_MEMORY, NULL},
    {"t.positive", 7, "{}"},
};

/* Whether the request's operation is this one. */
static int is(const char *request, size_t len, const char *op)
{
    char member[64];
    size_t size = (size_t)snprintf(member, sizeof member, "\"op\":\"%s\"", op);
    size_t at;
    for (at = 0; at + size <= len; at++) {
        if (memcmp(request + at, member, size) == 0) {
            return 1;
        }
    }
    return 0;
}

static descope_conn_status call(void *self, const descope_conn_context *context, const char *request, size_t len,
                                descope_conn_bytes *answer)
{
    char text[256];
    size_t index;
    for (index = 0; index < sizeof lines / sizeof *lines; index++) {
        if (is(request, len, lines[index].op)) {
            say(answer, lines[index].text);
            return lines[index].status;
        }
    }
    if (is(request, len, "t.echo")) {
        snprintf(text, sizeof text, "{\"request\":%.*s,\"terminated\":false}", (int)len, request);
        say(answer, text);
        return DESCOPE_CONN_OK;
    }
    if (is(request, len, "t.quote") || is(request, len, "store_api_key")) {
        quote(answer, "cannot do", request, len);
        return DESCOPE_CONN_E_FAILED;
    }
    if (is(request, len, "t.quote.config")) {
        quote(answer, "opened with", self, strlen(self));
        return DESCOPE_CONN_E_FAILED;
    }
    if (is(request, len, "t.context")) {
        snprintf(text, sizeof text, "{\"deadline\":\"%" PRIu64 "\",\"size\":%d,\"cancelled\":%d}", context->deadline_ns,
                 context->struct_size == sizeof *context, host->cancelled(context));
        say(answer, text);
        return DESCOPE_CONN_OK;
    }
    if (is(request, len, "t.log")) {
        host->log(2, "from the plugin, and beyond", 15);
        host->log(99, "no such level", 13);
        say(answer, "{}");
        return DESCOPE_CONN_OK;
    }
    if (is(request, len, "t.wait")) {
        enter();
        say(answer, wait_for_the_end(context));
        leave();
        return DESCOPE_CONN_OK;
    }
    if (is(request, len, "t.meet")) { /* returns when two are in it */
        int met = enter();
        while (scripted_entered() < 2 && !host->cancelled(context) && now_ns() < context->deadline_ns) {
            sched_yield();
        }
        snprintf(text, sizeof text, "{\"met\":%s}", met == 2 || scripted_entered() >= 2 ? "true" : "false");
        leave();
        say(answer, text);
        return DESCOPE_CONN_OK;
    }
    if (is(request, len, "t.alone")) {
        int turn;
        if (enter() != 1) {
            __atomic_add_fetch(&overlaps, 1, __ATOMIC_SEQ_CST);
        }
        for (turn = 0; turn < 50; turn++) {
            sched_yield();
        }
        leave();
        say(answer, "{}");
        return DESCOPE_CONN_OK;
    }
    if (is(request, len, "t.big.object")) {
        give(answer, "{}", BIG);
        return DESCOPE_CONN_OK;
    }
    give(answer, "{\"code\":\"limit\"}", BIG);
    return is(request, len, "t.big.text")      ? DESCOPE_CONN_OK
           : is(request, len, "t.big.timeout") ? DESCOPE_CONN_E_TIMEOUT
                                               : DESCOPE_CONN_E_FAILED;
}

/* The first byte of a store's key or prefix says what happens. */
static descope_conn_status act(int what, descope_conn_bytes *error)
{
    switch (what) {
    case 'c':
        say(error, "{\"code\":\"conflict\"}");
        return DESCOPE_CONN_E_FAILED;
    case 'f':
        say(error, "{\"code\":\"limit\",\"message\":\"the store is full\"}");
        return DESCOPE_CONN_E_FAILED;
    case 't':
        return DESCOPE_CONN_E_TIMEOUT;
    case 'B':
        give(error, "{\"code\":\"limit\"}", BIG);
        return DESCOPE_CONN_E_FAILED;
    case 'E':
        give(error, "{\"code\":\"limit\"}", BIG);
        return DESCOPE_CONN_OK;
    default:
        return DESCOPE_CONN_OK;
    }
}

static uint64_t version_of(int what)
{
    return what == '0' ? 0 : what == 'm' ? UINT64_MAX : 7;
}

static descope_conn_status get(void *self, const descope_conn_context *context, const void *key, size_t key_len,
                               descope_conn_bytes *value, uint64_t *version, descope_conn_bytes *error)
{
    int what = *(const char *)key;
    (void)self, (void)context, (void)key_len;
    *version = version_of(what);
    give(value, what == 'n' ? NULL : "value", what == 'V' ? BIG : 5);
    return act(what, error);
}

static descope_conn_status scan(void *self, const descope_conn_context *context, const void *prefix, size_t prefix_len,
                                const void *after, size_t after_len, size_t limit, descope_conn_store_each each,
                                void *user, descope_conn_bytes *error)
{
    int what = *(const char *)prefix;
    (void)self, (void)context, (void)prefix_len, (void)after, (void)after_len, (void)limit;
    if (what == 'k' && each(user, NULL, 1, "value", 5, 7) == 0) {
        return DESCOPE_CONN_E_ARGUMENT; /* a row without a key must not be taken */
    }
    each(user, prefix, 1, what == 'n' ? NULL : "value", 5, version_of(what));
    return act(what, error);
}

static descope_conn_status commit(void *self, const descope_conn_context *context, const descope_conn_write *writes,
                                  size_t count, descope_conn_bytes *error)
{
    char text[128];
    (void)self, (void)context;
    if (*(const char *)writes->key == 'w') { /* says what it was given */
        const descope_conn_write *last = &writes[count - 1];
        snprintf(text, sizeof text, "{\"code\":\"limit\",\"message\":\"%d %d %d %d %" PRIu64 " %" PRIu64 "\"}",
                 (int)count, (int)writes->value_len, last->value == NULL, (int)last->key_len, writes->expected,
                 last->expected);
        say(error, text);
        return DESCOPE_CONN_E_FAILED;
    }
    return act(*(const char *)writes->key, error);
}

static descope_conn_status read_rows(void *self, const descope_conn_context *context, const descope_conn_read *reads,
                                     size_t count, descope_conn_store_found found, void *user,
                                     descope_conn_bytes *error)
{
    size_t part;
    (void)self, (void)context;
    enter();
    leave();
    for (part = 0; part < count; part++) {
        int what = *(const char *)reads[part].key;
        if (what == 'k' && found(user, part, NULL, 1, "value", 5, 7) == 0) {
            return DESCOPE_CONN_E_ARGUMENT; /* a row without a key must not be taken */
        }
        if (what == 'p' && found(user, count, "p", 1, "value", 5, 7) == 0) {
            return DESCOPE_CONN_E_ARGUMENT; /* nor one of a part that nobody asked for */
        }
        if (what == '0' && reads[part].limit == 0) {
            continue; /* there is no such row */
        }
        if (what != 'p' && found(user, part, reads[part].key, reads[part].key_len, what == 'n' ? NULL : "value", 5,
                                 version_of(what)) != 0) {
            return DESCOPE_CONN_OK;
        }
        if (what != '0') {
            descope_conn_status status = act(what, error);
            if (status != DESCOPE_CONN_OK) {
                return status;
            }
        }
    }
    return DESCOPE_CONN_OK;
}

static descope_conn_status open_instance(const char *config, size_t config_len, void **self, descope_conn_bytes *error)
{
    if (config[1] == '}' || strncmp(config, "{\"fine\"", 7) == 0) { /* of {} and {"n":1} */
        char *opened_with = host->alloc(config_len + 1);
        if (opened_with == NULL) {
            return DESCOPE_CONN_E_MEMORY;
        }
        memcpy(opened_with, config, config_len);
        opened_with[config_len] = 0;
        *self = opened_with;
        if (config[1] != '}') {
            give(error, "{}", BIG);
        }
        return DESCOPE_CONN_OK;
    }
    if (strncmp(config, "{\"say\"", 6) == 0) {
        say(error, "{\"code\":\"unavailable\",\"message\":\"the disk is gone\"}");
    } else if (strncmp(config, "{\"missing\"", 10) == 0) {
        say(error, "{\"code\":\"misconfigured\",\"message\":\"the password is missing\"}");
    } else if (strncmp(config, "{\"text\"", 7) == 0) {
        say(error, "not-to-be-repeated");
    } else if (strncmp(config, "{\"big\"", 6) == 0) {
        give(error, "{\"message\":\"big\"}", BIG);
    } else if (strncmp(config, "{\"quote\"", 8) == 0) {
        quote(error, "cannot open", config, config_len);
    }
    return DESCOPE_CONN_E_FAILED;
}

static void close_instance(void *self)
{
    host->free(self);
    __atomic_add_fetch(&closed, 1, __ATOMIC_SEQ_CST);
}

static const descope_conn_backend backend = {sizeof backend, call};
#ifdef EARLIER
#define STORE_SIZE offsetof(descope_conn_store, read)
#else
#define STORE_SIZE sizeof store
#endif
static const descope_conn_store store = {STORE_SIZE, get, scan, commit, read_rows};

descope_conn_status descope_conn_plugin_init(uint32_t host_plugin_abi, const descope_conn_host *the_host,
                                             descope_conn_plugin *plugin);
descope_conn_status descope_conn_plugin_init(uint32_t host_plugin_abi, const descope_conn_host *the_host,
                                             descope_conn_plugin *plugin)
{
    (void)host_plugin_abi;
    host = the_host;
    plugin->struct_size = sizeof *plugin;
    plugin->abi = DESCOPE_CONN_PLUGIN_ABI;
#ifdef STORE
    plugin->kind = DESCOPE_CONN_PLUGIN_STORE;
#else
    plugin->kind = DESCOPE_CONN_PLUGIN_BACKEND;
#endif
    plugin->flags = FLAGS;
    plugin->name = "scripted";
    plugin->version = "1";
    plugin->open = open_instance;
    plugin->close = close_instance;
    plugin->backend = &backend;
    plugin->store = &store;
    return DESCOPE_CONN_OK;
}
