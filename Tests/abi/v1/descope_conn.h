/** descope_conn.h - third-party tokens for a person or a tenant, behind one C ABI.
 *
 * C99 and C++11 or later, UTF-8, no other headers needed. Every request and answer is one JSON object;
 * docs/operations.md lists their fields, and {"op":"describe"} returns the same list from the library itself.
 *
 * Strings    are (pointer, length). They need no terminator on input and always have one on output; the
 *            length never counts it. Ids, scopes and other names are the same only if their bytes are.
 * Ownership  whatever comes back through char **out is the caller's: descope_conn_free() it, once. Pass NULL
 *            for out (and for out_len) to drop an answer.
 * Errors     come back in the same call: a status, and in *out
 *              {"error":{"code":"not_found","message":"...", ...}}
 *            with, where they apply, "field", "reason", "retryAfterMs", "httpStatus", "errorCode",
 *            "errorDescription", "requiresConnection", "connectionUrl", "appId", "missingScopes",
 *            "declined".
 *            There is no "last error" and no state per thread. No message ever holds a token, a key or a body.
 * Threads    every function may be called from any thread at any time, on the same handle too.
 * Timeouts   timeout_ms bounds one call, in milliseconds of the monotonic clock. 0 asks for an answer that needs
 *            no waiting. A refresh that is already on its way to a provider is finished in the background when its
 *            caller's time is up, so that the reply, and with it the only refresh token, is not lost.
 * Loops      a program that must not wait in a call submits it, watches one descriptor, and takes what has finished:
 *
 *              descope_conn_submit(handle, request, strlen(request), 5000, &ticket);
 *              ready.fd = descope_conn_event_fd(handle);
 *              ready.events = POLLIN;
 *              while (poll(&ready, 1, -1) > 0 && (ready.revents & POLLIN) != 0) {
 *                  while (descope_conn_next(handle, 0, &ticket, &status, &answer, NULL) == DESCOPE_CONN_OK) {
 *                      finished(ticket, status, answer);
 *                      descope_conn_free(answer);
 *                  }
 *              }
 *
 * Fork       a handle belongs to the process that opened it. In a child every call on it answers
 *            DESCOPE_CONN_E_FORKED; close forgets it and touches nothing it shares with the parent. Opening a new
 *            one in the child works.
 * Signals    no handler is installed; the library's threads block every signal; SIGPIPE is never raised.
 * Start-up   loading does no work. Threads and descriptors appear with the first call that needs them.
 * Exit       exit(), and a return from main, wait for exchanges that must finish: every handle is closed then as if by
 *            close, unless its close was given up. Bounded by the timeoutMs of the last exchange and 35 seconds more, which
 *            only a store that does not take its reply needs. No log line is written from then on, not of what is lost
 *            either: close the handles before to be told. _exit, quick_exit, abort and a signal's default action wait for
 *            nothing; nor does an exit() that is called inside of this library, by a signal handler that interrupted it or
 *            by a log function.
 * Unload     the library stays mapped: dlclose() does nothing.                                                   */
#ifndef DESCOPE_CONN_H
#define DESCOPE_CONN_H
#include <stddef.h>
#include <stdint.h>
#ifndef DESCOPE_CONN_API
#define DESCOPE_CONN_API extern
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** major * 1000000 + minor * 1000 + patch. A new major breaks callers, a new minor only adds. */
#define DESCOPE_CONN_ABI 1000000u

/** An open backend. 0 is no handle; a stale or invented one is an error, never undefined. Below 2^53, so that a
 * double can carry it. */
typedef uint64_t descope_conn_handle;

/** A submitted call. 0 is no ticket. Below 2^53. */
typedef uint64_t descope_conn_ticket;

/** What a call came to. New negative values may be added: treat every negative value as a failure. */
typedef int32_t descope_conn_status;

#define DESCOPE_CONN_OK          0
#define DESCOPE_CONN_EMPTY       1    /* next: nothing finished in time. *out is NULL */
#define DESCOPE_CONN_E_ARGUMENT  (-1) /* error.code invalid_request or invalid_config */
#define DESCOPE_CONN_E_HANDLE    (-2) /* never opened, or closed */
#define DESCOPE_CONN_E_FORKED    (-3) /* opened by another process */
#define DESCOPE_CONN_E_TIMEOUT   (-4) /* error.code timeout */
#define DESCOPE_CONN_E_CANCELLED (-5) /* error.code cancelled */
#define DESCOPE_CONN_E_FAILED    (-6) /* the operation's own error: read error.code */
#define DESCOPE_CONN_E_LIMIT     (-7) /* error.code limit: too large, or too many handles or calls */
#define DESCOPE_CONN_E_MEMORY    (-8) /* out of memory. *out is NULL */

/** No bound on the whole call. Each exchange with a server is still bounded by the config's timeoutMs. */
#define DESCOPE_CONN_NO_TIMEOUT 0xFFFFFFFFu

/** The DESCOPE_CONN_ABI the library was built with. A binding checks: same major, and at least its own minor.
 * Never fails. Since 1.0. */
DESCOPE_CONN_API uint32_t descope_conn_abi(void);

/** {"version","abi","swift","backends":[...],"libraries":{name:version}}, terminated. Static: do not free.
 * Since 1.0. */
DESCOPE_CONN_API const char *descope_conn_build_info(void);

/** Opens a backend. config is {"backend":"cloud"|"vault"|"plugin", ...}; docs/configuration.md lists the rest.
 * Does no network traffic. On success *out_handle is the handle and *out is NULL; on failure *out_handle is 0 and
 * *out holds the error: E_LIMIT for a config above 1 MiB or too many open handles, else E_ARGUMENT or E_FAILED.
 * out_handle must not be NULL. Since 1.0. */
DESCOPE_CONN_API descope_conn_status descope_conn_open(const char *config, size_t config_len,
                                                       descope_conn_handle *out_handle, char **out, size_t *out_len);

/** Refuses new calls, cancels those that need not finish, and waits for the end of all of them. What must finish is an
 * exchange whose reply may hold the only refresh token of a grant, also when its caller has long been told `timeout`.
 * Answers not taken with next are dropped. When the last call has ended the handle is freed; 0 and a handle that has ended
 * answer OK.
 * wait_ms NO_TIMEOUT is what to pass when a program ends: an exchange takes the config's timeoutMs at most (a call of a
 * plugin as long as the plugin wants). A shorter wait that is up answers E_TIMEOUT and gives up: what is in flight goes on,
 * but exit() does not wait for it, and a warning in the log names the operations and connections whose grants are lost if
 * the process ends now. wait_ms 0 only begins: E_TIMEOUT, when something goes on, and nothing is given up; event_fd tells of
 * the end.
 * A second close waits for nothing. E_TIMEOUT: the handle has not ended, and is given up now; a first close that waits
 * answers E_TIMEOUT too. Since 1.0. */
DESCOPE_CONN_API descope_conn_status descope_conn_close(descope_conn_handle handle, uint32_t wait_ms);

/** The four operations. Each takes one JSON object without "op", runs on the calling thread, and answers one JSON
 * object in *out: the result, or {"error":...}. Since 1.0. */

/** A URL where the user grants access. {"appId", ...} -> {"url"} */
DESCOPE_CONN_API descope_conn_status descope_conn_connect(descope_conn_handle handle, const char *request,
                                                          size_t request_len, uint32_t timeout_ms, char **out,
                                                          size_t *out_len);
/** A fresh token. {"appId", "userId" and/or "tenantId", "scopes", ...} -> {"token":{...}} */
DESCOPE_CONN_API descope_conn_status descope_conn_fetch(descope_conn_handle handle, const char *request,
                                                        size_t request_len, uint32_t timeout_ms, char **out,
                                                        size_t *out_len);
/** Keeps an API key. {"appId", "userId" and/or "tenantId", "apiKey"} -> {"tokenId"} where known, or {} */
DESCOPE_CONN_API descope_conn_status descope_conn_store_api_key(descope_conn_handle handle, const char *request,
                                                                size_t request_len, uint32_t timeout_ms, char **out,
                                                                size_t *out_len);
/** Removes tokens by id, by connection, by subject. At least one of them is needed. -> {"deleted"} where known; the vault
 * has their providers revoke them too, and reports it: "revocations" */
DESCOPE_CONN_API descope_conn_status descope_conn_delete(descope_conn_handle handle, const char *request,
                                                         size_t request_len, uint32_t timeout_ms, char **out,
                                                         size_t *out_len);

/** Any operation by its name, those four included: {"op":"fetch", ...}. New operations need no new symbol.
 * Since 1.0. */
DESCOPE_CONN_API descope_conn_status descope_conn_call(descope_conn_handle handle, const char *request,
                                                       size_t request_len, uint32_t timeout_ms, char **out,
                                                       size_t *out_len);

/** Starts what call would do, on the handle's own thread, and returns at once; the request is copied. The first
 * submit starts that thread. OK: *out_ticket will be answered by next exactly once, also when its request turns out
 * to be wrong. Otherwise *out_ticket is 0 and nothing was started: E_ARGUMENT only for a NULL pointer, E_LIMIT when
 * the request is larger than 1 MiB or 100000 calls are in flight. Since 1.0. */
DESCOPE_CONN_API descope_conn_status descope_conn_submit(descope_conn_handle handle, const char *request,
                                                         size_t request_len, uint32_t timeout_ms,
                                                         descope_conn_ticket *out_ticket);

/** Takes one finished call, waiting up to wait_ms for one (NO_TIMEOUT: until one comes or the handle is closed).
 * OK: *out_ticket, and *out_call_status and *out are that call's own status and answer. EMPTY: nothing finished in
 * time. Any number of threads may wait; each answer goes to one of them. Since 1.0. */
DESCOPE_CONN_API descope_conn_status descope_conn_next(descope_conn_handle handle, uint32_t wait_ms,
                                                       descope_conn_ticket *out_ticket,
                                                       descope_conn_status *out_call_status, char **out,
                                                       size_t *out_len);

/** A descriptor that becomes readable when next has something: after each wake-up call next with wait_ms 0 until it
 * answers EMPTY. Reading from it is allowed and takes nothing away. It is the library's: do not close it (duplicate
 * it if your event loop closes what it is given). It ends with the handle; a duplicate then reads as at its end (recv
 * answers 0, poll POLLHUP), which tells when a close that did not wait is done, or was given up. -1: no such handle, or no
 * descriptor left. Since 1.0. */
DESCOPE_CONN_API int descope_conn_event_fd(descope_conn_handle handle);

/** Asks for a submitted call to end early. It is still answered once, by next: E_CANCELLED, or its result if that came
 * first. ticket 0 asks all of the handle's. A ticket that is already answered is a no-op. Since 1.0. */
DESCOPE_CONN_API descope_conn_status descope_conn_cancel(descope_conn_handle handle, descope_conn_ticket ticket);

/** Wipes and frees memory that came from this library. NULL is a no-op. Since 1.0. */
DESCOPE_CONN_API void descope_conn_free(void *memory);

/** Log lines, for the whole process. level: 1 error, 2 warning, 3 info, 4 debug; lines above max_level are not made.
 * max_level 0 makes none; below 0 or above 4 is E_ARGUMENT.
 * Called from any thread, with no lock held; must not call this library. When set_log returns, the earlier callback
 * is not running and will not run again. log NULL: none. The message is not terminated. It holds no secret, and of a
 * URL no more than its origin and path; what a plugin logs is the plugin's own. Since 1.0. */
typedef void (*descope_conn_log_fn)(void *user, int32_t level, const char *message, size_t message_len);
DESCOPE_CONN_API descope_conn_status descope_conn_set_log(int32_t max_level, descope_conn_log_fn log, void *user);

#ifdef __cplusplus
}
#endif
#endif
