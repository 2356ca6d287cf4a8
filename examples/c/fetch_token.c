/* fetch_token.c - the four operations from C, against an encrypted vault in one file.
 *
 *   export PKG_CONFIG_PATH=dist/lib/pkgconfig
 *   cc -std=c99 -o fetch_token examples/c/fetch_token.c $(pkg-config --cflags --libs descope_conn jansson) \
 *       -Wl,-rpath,$PWD/dist/lib
 *   DESCOPE_CONN_VAULT_KEY=$(openssl rand -hex 32) ./fetch_token vault.db
 *
 * With Descope's cloud only the config would differ:
 *   {"backend":"cloud","projectId":"P...","managementKey":"K..."} */
#include <descope_conn.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The type of descope_conn_connect, _fetch, _store_api_key, _delete and _call. */
typedef descope_conn_status (*operation)(descope_conn_handle handle, const char *request, size_t request_len,
                                         uint32_t timeout_ms, char **out, size_t *out_len);

/* Makes one call and takes its answer apart; the caller releases that with json_decref. `request` becomes this
 * function's. Ends the program when the call fails, except with not_found: then NULL. */
static json_t *ask(operation perform, descope_conn_handle handle, json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT);
    char *out = NULL;
    size_t out_len = 0;
    descope_conn_status status = perform(handle, text, strlen(text), 10000, &out, &out_len);
    json_t *answer = out == NULL ? NULL : json_loadb(out, out_len, 0, NULL);
    json_t *error = json_object_get(answer, "error");

    /* The answer is ours, to be freed once. That wipes it: it may hold a token. */
    descope_conn_free(out);
    free(text);
    json_decref(request);

    if (status == DESCOPE_CONN_OK) {
        return answer;
    }
    /* error.code is for the program, error.message for people; neither ever holds a token or a key. */
    if (strcmp(json_string_value(json_object_get(error, "code")), "not_found") != 0) {
        fprintf(stderr, "failed: %s\n", json_string_value(json_object_get(error, "message")));
        exit(1);
    }
    printf("  not found: %s\n", json_string_value(json_object_get(error, "reason")));
    json_decref(answer);
    return NULL;
}

static descope_conn_handle open_vault(const char *path)
{
    json_t *config = json_pack("{s:s, s:s, s:{s:s}, s:s}", "backend", "vault", "path", path, /* made if not there */
                               "key", "env", "DESCOPE_CONN_VAULT_KEY",                       /* 32 bytes, in hex */
                               "redirectUrl", "https://app.example.com/oauth/callback");
    char *text = json_dumps(config, JSON_COMPACT);
    descope_conn_handle handle;
    char *error = NULL;
    if (descope_conn_open(text, strlen(text), &handle, &error, NULL) != DESCOPE_CONN_OK) {
        fprintf(stderr, "cannot open the vault: %s\n", error);
        exit(1);
    }
    free(text);
    json_decref(config);
    return handle;
}

/* Connections to two services. An operation without a function of its own is called by its name. */
static void make_connections(descope_conn_handle vault)
{
    json_decref(ask(descope_conn_call, vault,
                    json_pack("{s:s, s:s, s:s}", "op", "apps.create", "id", "weather", "appType", "apikey")));
    json_decref(ask(descope_conn_call, vault,
                    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:[s]}", "op", "apps.create", "id", "calendar",
                              "clientId", "our-client", "clientSecret", "our-secret", "authorizationUrl",
                              "https://calendar.example.com/oauth/authorize", "tokenUrl",
                              "https://calendar.example.com/oauth/token", "defaultScopes", "events.read")));
}

int main(int argc, char **argv)
{
    const char *user = "user-42";
    descope_conn_handle vault;
    json_t *answer;

    if (argc != 2) {
        fprintf(stderr, "usage: DESCOPE_CONN_VAULT_KEY=... fetch_token VAULT\n");
        return 2;
    }
    vault = open_vault(argv[1]);
    make_connections(vault);

    printf("store_api_key\n");
    answer = ask(descope_conn_store_api_key, vault,
                 json_pack("{s:s, s:s, s:s}", "appId", "weather", "userId", user, "apiKey", "a key of the user's"));
    printf("  token id: %s\n", json_string_value(json_object_get(answer, "tokenId")));
    json_decref(answer);

    printf("fetch\n");
    answer = ask(descope_conn_fetch, vault, json_pack("{s:s, s:s}", "appId", "weather", "userId", user));
    /* A program would send it to the service now. It does not belong into any output. */
    printf("  a token of %u bytes\n",
           (unsigned)json_string_length(json_object_get(json_object_get(answer, "token"), "accessToken")));
    json_decref(answer);

    printf("connect\n");
    answer = ask(descope_conn_connect, vault,
                 json_pack("{s:s, s:s, s:{s:s}}", "appId", "calendar", "userId", user, "options", "redirectUrl",
                           "https://app.example.com/connected"));
    printf("  the user grants access at %.48s...\n", json_string_value(json_object_get(answer, "url")));
    json_decref(answer);

    printf("fetch, before the user has done that\n");
    json_decref(ask(descope_conn_fetch, vault, json_pack("{s:s, s:s}", "appId", "calendar", "userId", user)));

    printf("delete\n");
    answer = ask(descope_conn_delete, vault, json_pack("{s:s}", "userId", user));
    printf("  deleted: %d\n", (int)json_integer_value(json_object_get(answer, "deleted")));
    json_decref(answer);

    descope_conn_close(vault, DESCOPE_CONN_NO_TIMEOUT);
    return 0;
}
