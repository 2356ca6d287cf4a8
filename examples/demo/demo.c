/* The main job from C. Run by examples/demo/run, which starts the OAuth server and compiles this against dist/. */
#define _POSIX_C_SOURCE 200809L
#include <descope_conn.h>
#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static descope_conn_handle conn;

static void wrong(const char *words)
{
    fprintf(stderr, "  WRONG: %s\n", words);
    exit(1);
}

static const char *env(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL) {
        wrong(name);
    }
    return value;
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value == NULL ? "" : value;
}

/* One operation. The request is consumed; the answer is the caller's. */
static json_t *call(json_t *request, descope_conn_status *status)
{
    char *body = json_dumps(request, JSON_COMPACT);
    char *out = NULL;
    size_t out_len = 0;
    json_t *answer;
    json_decref(request);
    *status = descope_conn_call(conn, body, strlen(body), 30000, &out, &out_len);
    free(body);
    answer = json_loadb(out, out_len, 0, NULL);
    descope_conn_free(out);
    if (answer == NULL) {
        wrong("the answer is no JSON");
    }
    return answer;
}

/* One operation that must go well. */
static json_t *ok(json_t *request)
{
    descope_conn_status status;
    json_t *answer = call(request, &status);
    if (status != DESCOPE_CONN_OK) {
        wrong(text(json_object_get(answer, "error"), "message"));
    }
    return answer;
}

static json_t *fetch_request(const char *scope1, const char *scope2)
{
    json_t *scopes = scope2 == NULL ? json_pack("[s]", scope1) : json_pack("[s,s]", scope1, scope2);
    return json_pack("{s:s,s:s,s:s,s:o,s:i}", "op", "fetch", "appId", "crm", "userId", "alice", "scopes", scopes,
                     "minTtlSeconds", 0);
}

/* A fetch that must answer connection_required; gives the inner error. */
static json_t *connection_required(const char *scope1, const char *scope2)
{
    descope_conn_status status;
    json_t *request = fetch_request(scope1, scope2);
    json_t *answer, *error;
    json_object_set_new(request, "connect", json_pack("{s:s}", "redirectUrl", env("DEMO_REDIRECT_URL")));
    answer = call(request, &status);
    error = json_incref(json_object_get(answer, "error"));
    json_decref(answer);
    if (status != DESCOPE_CONN_E_FAILED || strcmp(text(error, "code"), "connection_required") != 0) {
        wrong("there is a token where none should be, or another error");
    }
    return error;
}

static void first_line(FILE *pipe, char *line, size_t size)
{
    if (fgets(line, (int)size, pipe) == NULL) {
        wrong("a helper program said nothing");
    }
    line[strcspn(line, "\n")] = '\0';
    if (pclose(pipe) != 0) {
        wrong("a helper program failed");
    }
}

/* Alice opens the URL, signs in and agrees. Gives the URL with which she comes back. */
static void open_in_browser(const char *url, char *redirect, size_t size)
{
    char command[8192];
    if (strchr(url, '\'') != NULL) {
        wrong("the URL has a quote");
    }
    snprintf(command, sizeof command, "'%s' '%s' '%s' --user alice --password alice-password", env("DEMO_PYTHON"),
             env("DEMO_USER"), url);
    first_line(popen(command, "r"), redirect, size);
    if (strncmp(redirect, env("DEMO_REDIRECT_URL"), strlen(env("DEMO_REDIRECT_URL"))) != 0) {
        wrong("the browser ended up elsewhere");
    }
}

/* The value of a query's parameter, decoded; NULL when it is not there. */
static json_t *parameter(const char *url, const char *name)
{
    char value[4096];
    size_t length = 0;
    const char *at = strchr(url, '?');
    size_t name_len = strlen(name);
    while (at != NULL) {
        at++;
        if (strncmp(at, name, name_len) == 0 && at[name_len] == '=') {
            for (at += name_len + 1; *at != '\0' && *at != '&' && length < sizeof value; at++) {
                if (*at == '%' && at[1] != '\0' && at[2] != '\0') {
                    char digits[3] = {at[1], at[2], '\0'};
                    value[length++] = (char)strtol(digits, NULL, 16);
                    at += 2;
                } else {
                    value[length++] = *at;
                }
            }
            return json_stringn(value, length);
        }
        at = strchr(at, '&');
    }
    return NULL;
}

/* What the third party's API says to a token. The token goes through a pipe, not through the command line. */
static void call_api(const char *token, char *words, size_t size)
{
    char command[4096], file[] = "/tmp/descope_conn_demo_XXXXXX";
    int descriptor = mkstemp(file);
    FILE *pipe;
    snprintf(command, sizeof command, "'%s' '%s' '%s' > '%s'", env("DEMO_PYTHON"), env("DEMO_SERVICE"),
             env("DEMO_PROVIDER"), file);
    pipe = popen(command, "w");
    if (descriptor < 0 || pipe == NULL || fputs(token, pipe) < 0 || pclose(pipe) != 0) {
        wrong("the API refused the token");
    }
    pipe = fdopen(descriptor, "r");
    if (pipe == NULL || fgets(words, (int)size, pipe) == NULL) {
        wrong("the API said nothing");
    }
    words[strcspn(words, "\n")] = '\0';
    fclose(pipe);
    remove(file);
}

static void show_token(const char *before, const char *token, const char *after)
{
    printf("  %s%.3s... (%lu characters)%s\n", before, token, (unsigned long)strlen(token), after);
    fflush(stdout);
}

static void open_vault(void)
{
    json_t *config = json_pack("{s:s,s:s,s:{s:s},s:s}", "backend", "vault", "path", env("DEMO_VAULT"), "key", "env",
                               "DESCOPE_CONN_VAULT_KEY", "redirectUrl", env("DEMO_REDIRECT_URL"));
    char *body = json_dumps(config, JSON_COMPACT);
    char *error = NULL;
    size_t error_len = 0;
    json_decref(config);
    if (descope_conn_open(body, strlen(body), &conn, &error, &error_len) != DESCOPE_CONN_OK) {
        wrong(error);
    }
    free(body);
}

static void make_connections(void)
{
    const char *provider = env("DEMO_PROVIDER");
    char authorize[256], token[256], revoke[256];
    snprintf(authorize, sizeof authorize, "%s/authorize", provider);
    snprintf(token, sizeof token, "%s/token", provider);
    snprintf(revoke, sizeof revoke, "%s/revoke", provider);
    json_decref(ok(json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:[s]}", "op", "apps.create", "id", "crm", "name",
                             "A CRM with OAuth", "clientId", "test-client", "clientSecret", "test-client-secret",
                             "authorizationUrl", authorize, "tokenUrl", token, "revocationUrl", revoke, "issuer",
                             provider, "defaultScopes", "read")));
    json_decref(ok(json_pack("{s:s,s:s,s:s,s:s}", "op", "apps.create", "id", "weather", "name",
                             "A weather service with API keys", "appType", "apikey")));
    puts("  made two connections: crm (OAuth) and weather (API keys)");
}

static void connect_alice(void)
{
    char redirect[8192];
    json_t *required = connection_required("read", NULL), *request, *answer;
    printf("  fetch: connection_required, reason %s: %.*s?...\n", text(required, "reason"),
           (int)strcspn(text(required, "connectionUrl"), "?"), text(required, "connectionUrl"));
    fflush(stdout);
    open_in_browser(text(required, "connectionUrl"), redirect, sizeof redirect);
    json_decref(required);
    request = json_pack("{s:s,s:o,s:o,s:{s:s}}", "op", "complete", "state", parameter(redirect, "state"), "code",
                        parameter(redirect, "code"), "openedBy", "userId", "alice");
    json_object_set_new(request, "iss", parameter(redirect, "iss"));
    answer = ok(request);
    printf("  complete: alice granted %s\n", json_string_value(json_array_get(json_object_get(answer, "scopes"), 0)));
    json_decref(answer);
}

static void fetch_until_refreshed(void)
{
    char words[256];
    int tries;
    struct timespec pause = {0, 200000000};
    json_t *first = ok(fetch_request("read", NULL)), *second = NULL;
    const char *first_token = text(json_object_get(first, "token"), "accessToken");
    call_api(first_token, words, sizeof words);
    show_token("fetch: ", first_token, "");
    printf("  the API says: %s\n  waiting for it to expire\n", words);
    fflush(stdout);
    for (tries = 0; tries < 100; tries++) {
        second = ok(fetch_request("read", NULL));
        if (strcmp(text(json_object_get(second, "token"), "accessToken"), first_token) != 0) {
            break;
        }
        json_decref(second);
        second = NULL;
        nanosleep(&pause, NULL);
    }
    if (second == NULL) {
        wrong("the token was not refreshed");
    }
    call_api(text(json_object_get(second, "token"), "accessToken"), words, sizeof words);
    show_token("fetch: refreshed, ", text(json_object_get(second, "token"), "accessToken"), "");
    printf("  the API says: %s\n", words);
    json_decref(first);
    json_decref(second);
}

static void ask_for_more(void)
{
    json_t *required = connection_required("read", "write");
    json_t *missing = json_object_get(required, "missingScopes");
    if (json_array_size(missing) != 1 || strcmp(json_string_value(json_array_get(missing, 0)), "write") != 0) {
        wrong("the wrong scopes are missing");
    }
    printf("  fetch with write: connection_required, reason %s, missing write\n", text(required, "reason"));
    json_decref(required);
}

static void keep_an_api_key(void)
{
    json_t *answer;
    json_decref(ok(json_pack("{s:s,s:s,s:s,s:s}", "op", "store_api_key", "appId", "weather", "userId", "alice",
                             "apiKey", "sk-demo-c")));
    answer = ok(json_pack("{s:s,s:s,s:s}", "op", "fetch", "appId", "weather", "userId", "alice"));
    if (strcmp(text(json_object_get(answer, "token"), "accessToken"), "sk-demo-c") != 0) {
        wrong("another key came back");
    }
    show_token("store_api_key and fetch: ", text(json_object_get(answer, "token"), "accessToken"), "");
    json_decref(answer);
    answer = ok(json_pack("{s:s,s:s}", "op", "list", "userId", "alice"));
    if (json_array_size(json_object_get(answer, "tokens")) != 2) {
        wrong("alice is not connected twice");
    }
    puts("  list: alice is connected to crm and weather");
    json_decref(answer);
}

static void delete_everything(void)
{
    json_t *answer = ok(json_pack("{s:s,s:s}", "op", "delete", "userId", "alice"));
    json_t *required;
    if (json_integer_value(json_object_get(answer, "deleted")) != 2) {
        wrong("not everything was deleted");
    }
    if (json_integer_value(json_object_get(json_object_get(answer, "revocations"), "revoked")) != 1) {
        wrong("the provider did not revoke its token");
    }
    json_decref(answer);
    required = connection_required("read", NULL);
    if (strcmp(text(required, "reason"), "missing") != 0) {
        wrong("the token is not gone");
    }
    puts("  delete: 2 tokens, 1 revoked by its provider; fetch: connection_required again");
    json_decref(required);
}

int main(void)
{
    open_vault();
    make_connections();
    connect_alice();
    fetch_until_refreshed();
    ask_for_more();
    keep_an_api_key();
    delete_everything();
    return descope_conn_close(conn, DESCOPE_CONN_NO_TIMEOUT) == DESCOPE_CONN_OK ? 0 : 1;
}
