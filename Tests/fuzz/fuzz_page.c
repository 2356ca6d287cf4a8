/*
 * fuzz_page.c - any request to the pages, from a user who is signed in and may do everything there.
 *
 * An input is a request line (METHOD PATH?QUERY), headers, an empty line, and a body. A POST gets the form's proof first, so
 * that what stands behind it is reached.
 */
#include "fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define BASE "https://app.example.com/connections"
/* Whatever says this, no page may repeat it as markup. */
#define MARK "<x-fuzz"

/* examples/plugins/store_memory.c, which is linked in. */
descope_conn_status descope_conn_plugin_init(uint32_t host_plugin_abi, const descope_conn_host *host,
                                             descope_conn_plugin *plugin);

static descope_conn_handle vault;

static json_t *call(const char *request, size_t len)
{
    char *out = NULL;
    size_t out_len = 0;
    json_t *answer;
    /* No time: nothing goes out to a network. */
    descope_conn_status status = descope_conn_call(vault, request, len, 0, &out, &out_len);
    check_answer(status, out, out_len);
    answer = json_loadb(out, out_len, 0, NULL);
    descope_conn_free(out);
    return answer;
}

static void set_up(void)
{
    static const char config[] =
        "{\"backend\":\"vault\",\"store\":{\"plugin\":\"memory\"},\"redirectUrl\":\"" BASE "/callback\","
        "\"connectPageUrl\":\"" BASE "/connect\","
        "\"key\":{\"bytes\":\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"}}";
    static const char *const requests[] = {
        "{\"op\":\"apps.create\",\"id\":\"crm\",\"name\":\"" MARK ">\",\"clientId\":\"c\",\"clientSecret\":\"s\","
        "\"authorizationUrl\":\"https://crm.example/authorize\",\"tokenUrl\":\"https://crm.example/token\","
        "\"scopeDescriptions\":{\"read\":\"" MARK ">\"}}",
        "{\"op\":\"apps.create\",\"id\":\"key\",\"name\":\"" MARK ">\",\"appType\":\"apikey\",\"credentials\":"
        "[{\"name\":\"apiKey\",\"pattern\":\"[a-z]{2,8}\"},{\"name\":\"userName\",\"label\":\"" MARK
        ">\",\"secret\":false}]}",
        "{\"op\":\"flows.create\",\"id\":\"f\",\"instructions\":\"" MARK
        ">\",\"redirectUrls\":[\"https://app.example.com/done\"],"
        "\"actions\":[{\"type\":\"connect\",\"buttons\":[{\"appId\":\"crm\",\"text\":\"" MARK ">\"}]},"
        "{\"type\":\"connect_tenant_api_key\",\"appId\":\"key\",\"optional\":true}]}",
        "{\"op\":\"store_token\",\"appId\":\"crm\",\"userId\":\"alice\",\"accessToken\":\"t\",\"scopes\":[\"read\"]}",
    };
    size_t index;
    if (descope_conn_register_plugin(descope_conn_plugin_init, NULL, NULL) != DESCOPE_CONN_OK ||
        descope_conn_open(config, sizeof config - 1, &vault, NULL, NULL) != DESCOPE_CONN_OK) {
        abort();
    }
    for (index = 0; index < sizeof requests / sizeof requests[0]; index++) {
        json_t *answer = call(requests[index], strlen(requests[index]));
        if (json_object_get(answer, "error") != NULL) {
            abort();
        }
        json_decref(answer);
    }
}

/* A copy of some bytes as JSON takes them. Steals nothing. */
static json_t *text(const char *bytes, size_t len)
{
    json_t *string = json_stringn(bytes, len);
    return string != NULL ? string : json_string("?");
}

/* Where a browser may be sent: to these pages, to where the flow ends, to the provider, to sign in. */
static int is_known(const char *location)
{
    static const char *const prefixes[] = {BASE, "https://app.example.com/done", "https://crm.example/authorize?",
                                           "https://app.example.com/sign-in?next="};
    size_t index;
    for (index = 0; index < sizeof prefixes / sizeof prefixes[0]; index++) {
        if (strncmp(location, prefixes[index], strlen(prefixes[index])) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Passes a request to the pages and looks at the answer, which the caller gets. Takes the body and the method. */
static json_t *handle(json_t *method, json_t *path, json_t *query, json_t *headers, json_t *body)
{
    json_t *request = json_pack("{s:s, s:o, s:s, s:O, s:O, s:O, s:O, s:s, s:{s:s, s:b, s:[{s:s, s:s}]}}", "op",
                                "pages.handle", "method", method, "base", BASE, "path", path, "query", query, "headers",
                                headers, "body", body, "signInUrl", "https://app.example.com/sign-in", "user", "userId",
                                "alice", "administrator", 1, "tenants", "id", "t1", "name", MARK ">");
    char *dumped = json_dumps(request, 0);
    json_t *answer = call(dumped, strlen(dumped));
    json_t *error = json_object_get(answer, "error");
    if (error == NULL) {
        const char *page = json_string_value(json_object_get(answer, "body"));
        const char *location = json_string_value(json_object_get(json_object_get(answer, "headers"), "location"));
        if (strstr(page, MARK) != NULL || (location != NULL && !is_known(location))) {
            __builtin_trap();
        }
    } else if (strcmp(json_string_value(json_object_get(error, "code")), "timeout") != 0 &&
               strcmp(json_string_value(json_object_get(error, "code")), "invalid_request") != 0) {
        __builtin_trap(); /* what goes wrong is a page */
    }
    free(dumped);
    json_decref(request);
    return answer;
}

/* The proof in a page's form; a new reference. */
static json_t *proof(json_t *answer)
{
    static const char before[] = "name=\"form\" value=\"";
    const char *page = json_string_value(json_object_get(answer, "body"));
    const char *start = page != NULL ? strstr(page, before) : NULL;
    if (start == NULL) {
        return json_string("");
    }
    start += sizeof before - 1;
    return text(start, strcspn(start, "\""));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *rest = (const char *)data;
    const char *end = rest + size;
    const char *line_end = memchr(rest, '\n', size);
    const char *space, *mark;
    json_t *path, *query, *headers = json_object(), *body;
    int is_post;
    if (vault == 0) {
        set_up();
    }
    if (line_end == NULL) {
        line_end = end;
    }
    space = memchr(rest, ' ', (size_t)(line_end - rest));
    if (space == NULL) {
        json_decref(headers);
        return 0;
    }
    is_post = space - rest == 4 && memcmp(rest, "POST", 4) == 0;
    mark = memchr(space + 1, '?', (size_t)(line_end - space - 1));
    path = text(space + 1, (size_t)((mark != NULL ? mark : line_end) - space - 1));
    query = mark != NULL ? text(mark + 1, (size_t)(line_end - mark - 1)) : json_string("");
    json_object_set_new(headers, "sec-fetch-site", json_string("same-origin"));
    json_object_set_new(headers, "content-type", json_string("application/x-www-form-urlencoded"));
    {
        const char *next = line_end < end ? line_end + 1 : end;
        while (next < end && *next != '\n') {
            const char *stop = memchr(next, '\n', (size_t)(end - next));
            const char *colon;
            if (stop == NULL) {
                stop = end;
            }
            colon = memchr(next, ':', (size_t)(stop - next));
            if (colon != NULL && colon - next < 64) {
                char name[64];
                memcpy(name, next, (size_t)(colon - next));
                name[colon - next] = '\0';
                json_object_set_new(headers, name, text(colon + 1, (size_t)(stop - colon - 1)));
            }
            next = stop < end ? stop + 1 : end;
        }
        body = next < end ? text(next + 1, (size_t)(end - next - 1)) : json_string("");
    }
    if (is_post) {
        json_t *shown = handle(json_string("GET"), path, query, headers, body);
        json_t *form = proof(shown);
        json_t *whole = json_sprintf("form=%s&%s", json_string_value(form), json_string_value(body));
        json_decref(shown);
        json_decref(form);
        if (whole != NULL) {
            json_decref(body);
            body = whole;
        }
    }
    json_decref(handle(text(rest, (size_t)(space - rest)), path, query, headers, body));
    json_decref(path);
    json_decref(query);
    json_decref(headers);
    json_decref(body);
    return 0;
}
