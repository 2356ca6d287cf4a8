/* A minimal MCP server in C, over stdio: one tool, which needs a connection of the user who starts it.
 *
 *     server CONFIG APP_ID USER_ID REDIRECT_URL
 *
 * CONFIG is what descope_conn_open takes, as JSON. The tool's answer to a client without the connection is made by
 * mcp.answer in whichever of the protocol's shapes that client understands, and mcp.resume waits for the user.
 * Build: cc -std=c99 server.c -o server $(pkg-config --cflags --libs descope_conn jansson)                          */
#define _POSIX_C_SOURCE 200809L
#include <descope_conn.h>
#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOOL "describe_grant"
#define META "io.modelcontextprotocol/"

enum { METHOD_NOT_FOUND = -32601, INVALID_PARAMS = -32602, WAIT_MS = 20000 };

static descope_conn_handle conn;
static const char *app_id, *user_id, *redirect_url;

/* What the client said at initialize. From 2026-07-28 on it says so in each request instead. */
static json_t *handshake;

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value == NULL ? "" : value;
}

static json_t *failed(int code, const char *message)
{
    return json_pack("{s:{s:i,s:s}}", "error", "code", code, "message", message);
}

static json_t *said(const char *words, int is_error)
{
    return json_pack("{s:{s:s,s:[{s:s,s:s}],s:b}}", "result", "resultType", "complete", "content", "type", "text",
                     "text", words, "isError", is_error);
}

/* One operation. The request is consumed; the answer, with "error" in it where it failed, is the caller's. */
static json_t *operation(json_t *request)
{
    char *body = json_dumps(request, JSON_COMPACT);
    char *out = NULL;
    size_t out_len = 0;
    json_t *answer = NULL;
    json_decref(request);
    if (body != NULL) {
        descope_conn_call(conn, body, strlen(body), DESCOPE_CONN_NO_TIMEOUT, &out, &out_len);
        answer = json_loadb(out == NULL ? "" : out, out_len, 0, NULL);
    }
    descope_conn_free(out);
    free(body);
    if (answer == NULL) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    return answer;
}

/* What mcp.answer and mcp.resume want answered. An operation that failed has no response, and says why. Consumes its
 * answer. */
static json_t *handed_on(json_t *answer)
{
    json_t *response = json_incref(json_object_get(answer, "response"));
    if (response == NULL) {
        response = failed(INVALID_PARAMS, text(json_object_get(answer, "error"), "message"));
    }
    json_decref(answer);
    return response;
}

/* What mcp.answer and mcp.resume want to know of the request. The user is not among the arguments. */
static json_t *mcp_request(const char *op, const json_t *params)
{
    json_t *arguments = json_object_get(params, "arguments");
    json_t *request = json_pack("{s:s,s:s,s:s,s:s}", "op", op, "method", "tools/call", "name", TOOL, "userId", user_id);
    if (arguments != NULL) {
        json_object_set(request, "arguments", arguments);
    }
    return request;
}

/* NULL when the call may go on; otherwise the response. */
static json_t *resume(const json_t *params)
{
    json_t *state = json_object_get(params, "requestState");
    json_t *responses = json_object_get(params, "inputResponses");
    json_t *request, *answer;
    if (!json_is_string(state)) {
        return NULL;
    }
    request = mcp_request("mcp.resume", params);
    json_object_set(request, "requestState", state);
    json_object_set_new(request, "waitMs", json_integer(WAIT_MS));
    if (responses != NULL) {
        json_object_set(request, "inputResponses", responses);
    }
    answer = operation(request);
    if (strcmp(text(answer, "state"), "ready") == 0) {
        json_decref(answer);
        return NULL;
    }
    return handed_on(answer);
}

/* The client's name, version of the protocol and capabilities, from the request itself or else from the handshake. */
static void add_client(json_t *request, const json_t *params)
{
    const json_t *meta = json_object_get(params, "_meta");
    json_t *version = json_object_get(meta, META "protocolVersion");
    json_t *capabilities = json_object_get(version != NULL ? meta : handshake,
                                           version != NULL ? META "clientCapabilities" : "capabilities");
    json_t *client =
        json_object_get(version != NULL ? meta : handshake, version != NULL ? META "clientInfo" : "clientInfo");
    if (version == NULL) {
        version = json_object_get(handshake, "protocolVersion");
    }
    json_object_set(request, "protocolVersion", version);
    if (capabilities != NULL) {
        json_object_set(request, "capabilities", capabilities);
    }
    if (client != NULL) {
        json_object_set(request, "clientInfo", client);
    }
}

static json_t *call_tool(const json_t *params)
{
    json_t *response, *answer, *error, *request;
    char words[1024];
    if (strcmp(text(params, "name"), TOOL) != 0) {
        return failed(INVALID_PARAMS, "there is no such tool");
    }
    response = resume(params);
    if (response != NULL) {
        return response;
    }
    answer = operation(json_pack("{s:s,s:s,s:s,s:{s:s}}", "op", "fetch", "appId", app_id, "userId", user_id, "connect",
                                 "redirectUrl", redirect_url));
    error = json_object_get(answer, "error");
    if (error == NULL) {
        /* A real tool calls the service with accessToken here. */
        const json_t *token = json_object_get(answer, "token");
        snprintf(words, sizeof words, "%s granted %zu scopes at %s", user_id,
                 json_array_size(json_object_get(token, "scopes")), app_id);
        response = said(words, 0);
    } else if (strcmp(text(error, "code"), "connection_required") == 0) {
        request = mcp_request("mcp.answer", params);
        add_client(request, params);
        json_object_set_new(request, "connections",
                            json_pack("[{s:s,s:s}]", "appId", app_id, "connectionUrl", text(error, "connectionUrl")));
        response = handed_on(operation(request));
    } else {
        response = said(text(error, "message"), 1);
    }
    json_decref(answer);
    return response;
}

static json_t *list_tools(void)
{
    return json_pack("{s:{s:s,s:i,s:s,s:[{s:s,s:s,s:{s:s,s:{}}}]}}", "result", "resultType", "complete", "ttlMs", 0,
                     "cacheScope", "private", "tools", "name", TOOL, "description", "What you have granted.",
                     "inputSchema", "type", "object", "properties");
}

/* What a client of 2026-07-28 asks in place of initialize. */
static json_t *discover(void)
{
    return json_pack("{s:{s:s,s:i,s:s,s:[s],s:{s:{}},s:{s:{s:s,s:s}}}}", "result", "resultType", "complete", "ttlMs", 0,
                     "cacheScope", "private", "supportedVersions", "2026-07-28", "capabilities", "tools", "_meta",
                     META "serverInfo", "name", "c-mcp", "version", "1");
}

static json_t *initialize(const json_t *params)
{
    const char *version = text(params, "protocolVersion");
    json_decref(handshake);
    handshake = json_deep_copy(params);
    return json_pack("{s:{s:s,s:{s:{}},s:{s:s,s:s}}}", "result", "protocolVersion", version, "capabilities", "tools",
                     "serverInfo", "name", "c-mcp", "version", "1");
}

/* The response to a request without its id; NULL for a notification. */
static json_t *respond(const json_t *message)
{
    const char *method = text(message, "method");
    const json_t *params = json_object_get(message, "params");
    if (json_object_get(message, "id") == NULL) {
        return NULL;
    }
    if (strcmp(method, "initialize") == 0) {
        return initialize(params);
    }
    if (strcmp(method, "server/discover") == 0) {
        return discover();
    }
    if (strcmp(method, "tools/list") == 0) {
        return list_tools();
    }
    if (strcmp(method, "tools/call") == 0) {
        return call_tool(params);
    }
    if (strcmp(method, "ping") == 0) {
        return json_pack("{s:{}}", "result");
    }
    return failed(METHOD_NOT_FOUND, "there is no such method");
}

/* Opens the backend. Says why not, if it does not. */
static int open_backend(const char *config)
{
    char *out = NULL;
    int ok = descope_conn_open(config, strlen(config), &conn, &out, NULL) == DESCOPE_CONN_OK;
    if (!ok) {
        fprintf(stderr, "%s\n", out == NULL ? "out of memory" : out);
    }
    descope_conn_free(out);
    return ok;
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    if (argc != 5) {
        fprintf(stderr, "usage: %s CONFIG APP_ID USER_ID REDIRECT_URL\n", argv[0]);
        return 2;
    }
    app_id = argv[2];
    user_id = argv[3];
    redirect_url = argv[4];
    if (!open_backend(argv[1])) {
        return 1;
    }
    while ((length = getline(&line, &capacity, stdin)) > 0) {
        json_t *message = json_loadb(line, (size_t)length, 0, NULL);
        json_t *response = respond(message);
        if (response != NULL) {
            json_object_set_new(response, "jsonrpc", json_string("2.0"));
            json_object_set(response, "id", json_object_get(message, "id"));
            json_dumpf(response, stdout, JSON_COMPACT);
            putchar('\n');
            fflush(stdout);
        }
        json_decref(response);
        json_decref(message);
    }
    free(line);
    json_decref(handshake);
    descope_conn_close(conn, DESCOPE_CONN_NO_TIMEOUT);
    return 0;
}
