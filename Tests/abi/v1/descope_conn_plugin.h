/** descope_conn_plugin.h - what a backend or a store loaded at run time implements.
 *
 * A plugin is a shared library that exports ONE symbol, descope_conn_plugin_init, and links nothing of ours:
 * everything it needs comes in through descope_conn_host. It is named by an absolute path in the config of
 * descope_conn_open, mapped with RTLD_NOW | RTLD_LOCAL, and stays mapped until the process ends.
 *
 * Tables grow only at the end. struct_size, set by the writer of a table, says how much of it exists, and nobody
 * reads past it. No C++ exception, longjmp or Swift error may cross a function here.
 *
 * The host process may fork while a function of the plugin runs on another thread. What a library makes when it is first
 * used, under a lock of its own, such as the seed of jansson's hashes, is best made in descope_conn_plugin_init.
 *
 * Memory that a plugin hands back comes from host->alloc and passes to the host, which wipes and frees it.
 * Memory that a function is given is the host's, and valid only while that function runs.                        */
#ifndef DESCOPE_CONN_PLUGIN_H
#define DESCOPE_CONN_PLUGIN_H
#include "descope_conn.h"
#ifdef __cplusplus
extern "C" {
#endif

/** Raised only when an old plugin can no longer be loaded. */
#define DESCOPE_CONN_PLUGIN_ABI 1u

/** descope_conn_plugin.kind */
#define DESCOPE_CONN_PLUGIN_BACKEND 1u /* answers requests */
#define DESCOPE_CONN_PLUGIN_STORE   2u /* keeps bytes under keys, for the vault */

/** descope_conn_plugin.flags, or-ed */
#define DESCOPE_CONN_PLUGIN_SERIAL 1u /* never two calls at a time on one instance */

/** descope_conn_write.expected, besides a version that get or scan gave. Versions are 1 to UINT64_MAX - 1. */
#define DESCOPE_CONN_STORE_ABSENT 0u         /* there is no such key */
#define DESCOPE_CONN_STORE_ANY    UINT64_MAX /* whatever is there */

/** descope_conn_write.value_len, with value NULL: change nothing. The row must be as expected until the commit is done. */
#define DESCOPE_CONN_STORE_KEEP SIZE_MAX

/** Bytes handed back. The host passes it zeroed. data NULL: nothing. */
typedef struct descope_conn_bytes {
    uint8_t *data;
    size_t len;
} descope_conn_bytes;

/** One call. */
typedef struct descope_conn_context {
    size_t struct_size;
    uint64_t deadline_ns; /* CLOCK_MONOTONIC, nanoseconds; UINT64_MAX: none */
    void *host_private;   /* for host->cancelled */
} descope_conn_context;

/** What the host offers. Lives as long as the process. */
typedef struct descope_conn_host {
    size_t struct_size;
    uint32_t abi;                                          /* the host's DESCOPE_CONN_ABI */
    void *(*alloc)(size_t size);                           /* NULL when out of memory; aligned for any type */
    void (*free)(void *memory);                            /* wipes; NULL is a no-op */
    int (*cancelled)(const descope_conn_context *context); /* 1: give up; poll it in long work */
    /* Levels as descope_conn_set_log. A line must hold no secret: the host takes out only the queries of URLs. */
    void (*log)(int32_t level, const char *message, size_t message_len);
} descope_conn_host;

/** Functions of a backend: any thread, many at once on one instance, unless SERIAL. */
typedef struct descope_conn_backend {
    size_t struct_size;
    /* request is {"op":...} as descope_conn_call takes it, already checked against the operation's fields where the
     * operation is one of the library's own. OK: *answer is a JSON object; one that names another user, tenant,
     * connection or token than was asked for becomes "internal". E_FAILED: *answer may hold {"code","message", ...},
     * whose code is one of the library's error codes (anything else becomes "internal"). The message is for people; one
     * that repeats a secret of the request, or what may be one of the config, is withheld.
     * E_TIMEOUT and E_CANCELLED say just that; every other status is "internal". */
    descope_conn_status (*call)(void *self, const descope_conn_context *context, const char *request,
                                size_t request_len, descope_conn_bytes *answer);
} descope_conn_backend;

/** One part of a commit. */
typedef struct descope_conn_write {
    const void *key;
    size_t key_len;
    const void *value; /* NULL: remove the key, unless value_len is STORE_KEEP */
    size_t value_len;
    uint64_t expected; /* a version, STORE_ABSENT or STORE_ANY */
} descope_conn_write;

/** Called for each row of a scan. 0: go on; anything else: stop, and scan answers OK. */
typedef int (*descope_conn_store_each)(void *user, const void *key, size_t key_len, const void *value, size_t value_len,
                                       uint64_t version);

/** One part of a read: the row with this key, or with a limit above 0 the rows of a scan. */
typedef struct descope_conn_read {
    const void *key; /* of a scan the prefix, which may be empty */
    size_t key_len;
    const void *after; /* as for scan */
    size_t after_len;
    size_t limit;
} descope_conn_read;

/** Called for each row of a read; part is the place in reads of what asked for it. 0: go on; anything else: stop, and read
 * answers OK. */
typedef int (*descope_conn_store_found)(void *user, size_t part, const void *key, size_t key_len, const void *value,
                                        size_t value_len, uint64_t version);

/** Functions of a store: any thread, many at once on one instance, unless SERIAL. Keys are 1 to 256 bytes and compare
 * as unsigned bytes; values are sealed by the host, never plaintext, up to 1 MiB. A version is never given twice to
 * different values of one key, not even after a remove. On failure *error may hold {"code","message"}. */
typedef struct descope_conn_store {
    size_t struct_size;
    /* OK with *version 0: there is no such key. */
    descope_conn_status (*get)(void *self, const descope_conn_context *context, const void *key, size_t key_len,
                               descope_conn_bytes *value, uint64_t *version, descope_conn_bytes *error);
    /* The keys that begin with prefix and come after the key `after` (after_len 0: from the first), in byte order,
     * at most limit of them. One scan sees one state of the store. */
    descope_conn_status (*scan)(void *self, const descope_conn_context *context, const void *prefix, size_t prefix_len,
                                const void *after, size_t after_len, size_t limit, descope_conn_store_each each,
                                void *user, descope_conn_bytes *error);
    /* All or nothing, durable when it returns OK. No key comes twice. A version that does not match: E_FAILED with {"code":"conflict"},
     * and nothing is written. */
    descope_conn_status (*commit)(void *self, const descope_conn_context *context, const descope_conn_write *writes,
                                  size_t count, descope_conn_bytes *error);
    /* Several gets and scans at once, in one round trip to wherever the rows are: all of them see one state of the store.
     * The parts in any order, the rows of one scan in byte order. Optional: where it is NULL, or struct_size ends before
     * it, get and scan are called one by one, and may see different states. */
    descope_conn_status (*read)(void *self, const descope_conn_context *context, const descope_conn_read *reads,
                                size_t count, descope_conn_store_found found, void *user, descope_conn_bytes *error);
} descope_conn_store;

/** What init fills in. The host passes it zeroed, with struct_size set to what the host knows; the plugin sets
 * struct_size to the smaller of that and its own sizeof. */
typedef struct descope_conn_plugin {
    size_t struct_size;
    uint32_t abi; /* the DESCOPE_CONN_PLUGIN_ABI it was asked for */
    uint32_t kind;
    uint32_t flags;
    const char *name;    /* static, terminated, [a-z0-9_-]{1,32}; for errors and logs */
    const char *version; /* static, terminated */
    /* config is the JSON object under "config", or {}. OK: *self is the instance (NULL is allowed). Otherwise *error
     * may hold {"code","message"}: unavailable is for what passes by itself, and any other code is told as invalid_config.
     * It has no deadline from the host: a plugin that waits for somebody else sets one of its own. */
    descope_conn_status (*open)(const char *config, size_t config_len, void **self, descope_conn_bytes *error);
    void (*close)(void *self);           /* after the last call on self has returned */
    const descope_conn_backend *backend; /* for kind BACKEND; lives as long as the process */
    const descope_conn_store *store;     /* for kind STORE; lives as long as the process */
} descope_conn_plugin;

/** The type of descope_conn_plugin_init. host_plugin_abi is the newest the host speaks. A plugin that cannot speak it
 * answers E_ARGUMENT and writes nothing, and is asked again with an older one. Called once a process for each path. */
typedef descope_conn_status (*descope_conn_plugin_init_fn)(uint32_t host_plugin_abi, const descope_conn_host *host,
                                                           descope_conn_plugin *plugin);

/** Registers a plugin that is linked into the program, so that {"backend":"plugin","library":NAME} and
 * {"store":{"plugin":NAME}} find it by its name. The same init twice is a no-op. On failure *out holds the error, as
 * in descope_conn_open. Since 1.0. */
DESCOPE_CONN_API descope_conn_status descope_conn_register_plugin(descope_conn_plugin_init_fn init, char **out,
                                                                  size_t *out_len);

#ifdef __cplusplus
}
#endif
#endif
