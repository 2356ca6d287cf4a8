/* test_wiping.c - no secret is left in memory that was freed. Runs with freed_blocks.so in front of malloc.
 *
 * The program keeps its own secrets in static memory, and uses no library that would copy them. */
#include "freed_blocks.h"

#include <descope_conn.h>

#include <stdio.h>
#include <string.h>

#define API_KEY    "an-api-key-that-must-not-be-left-anywhere-in-memory"
#define MASTER_KEY "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef"

/* In one piece, as everything here: freed_blocks compares with it. */
static const char api_key[] = API_KEY;
static const char master_key[] = MASTER_KEY;
static const unsigned char master_key_bytes[32] = {
    0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
};

struct step {
    const char *request;
    int is_answer_secret; /* the answer holds the API key */
};

struct scenario {
    const char *name;
    const char *config;
    struct step steps[8];
};

static const struct scenario scenarios[] = {
    {"plugin",
     "{\"backend\":\"plugin\",\"library\":\"" PLUGINS "/backend_static.so\","
     "\"config\":{\"tokens\":{\"svc\":\"" API_KEY "\"}}}",
     {
         {"{\"op\":\"fetch\",\"appId\":\"svc\",\"userId\":\"u\"}", 1},
         /* Refused in different places, all of them after the secret was read. */
         {"{\"op\":\"store_api_key\",\"appId\":\"svc\",\"userId\":\"u\",\"apiKey\":\"" API_KEY "\"}", 0},
         {"{\"op\":\"store_api_key\",\"appId\":\"svc\",\"apiKey\":\"" API_KEY "\"}", 0},
         {"{\"op\":\"store_api_key\",\"apiKey\":\"" API_KEY "\",\"apiKey\":\"" API_KEY "\"}", 0},
         {"{\"op\":\"store_api_key\",\"apiKey\":\"" API_KEY, 0},
         {"{\"op\":\"store_api_key\",\"apiKey\":[\"" API_KEY "\"]}", 0},
     }},
    {"vault",
     "{\"backend\":\"vault\",\"store\":{\"plugin\":\"" PLUGINS "/store_memory.so\"},"
     "\"key\":{\"bytes\":\"" MASTER_KEY "\"}}",
     {
         {"{\"op\":\"apps.create\",\"id\":\"svc\",\"appType\":\"apikey\"}", 0},
         {"{\"op\":\"store_api_key\",\"appId\":\"svc\",\"userId\":\"u\",\"apiKey\":\"" API_KEY "\"}", 0},
         {"{\"op\":\"fetch\",\"appId\":\"svc\",\"userId\":\"u\"}", 1},
         {"{\"op\":\"list\",\"userId\":\"u\"}", 0},
         {"{\"op\":\"apps.create\",\"id\":\"oauth\",\"clientId\":\"c\",\"clientSecret\":\"" API_KEY "\","
          "\"authorizationUrl\":\"https://example.com/a\",\"tokenUrl\":\"https://example.com/t\"}",
          0},
         {"{\"op\":\"store_token\",\"appId\":\"oauth\",\"userId\":\"u\",\"accessToken\":\"" API_KEY "\","
          "\"accessTokenExpiry\":2147483647}",
          0},
         {"{\"op\":\"fetch\",\"appId\":\"oauth\",\"userId\":\"u\"}", 1},
     }},
};

static int failed;

static void check(int is_good, const char *scenario, const char *what)
{
    if (!is_good) {
        fprintf(stderr, "wiping: %s: %s\n", scenario, what);
        failed++;
    }
}

static void run_step(descope_conn_handle handle, const char *name, const struct step *step)
{
    descope_conn_ticket ticket;
    descope_conn_status call_status;
    char *out = NULL;
    size_t len = 0;
    descope_conn_call(handle, step->request, strlen(step->request), 30000, &out, &len);
    check(out != NULL && (strstr(out, API_KEY) != NULL) == step->is_answer_secret, name, step->request);
    descope_conn_free(out);
    out = NULL;
    check(descope_conn_submit(handle, step->request, strlen(step->request), 30000, &ticket) == DESCOPE_CONN_OK &&
              descope_conn_next(handle, 30000, &ticket, &call_status, &out, &len) == DESCOPE_CONN_OK,
          name, "submit");
    descope_conn_free(out);
}

static void run(const struct scenario *scenario)
{
    descope_conn_handle handle = 0;
    unsigned before = freed_blocks_found();
    const struct step *step;
    check(descope_conn_open(scenario->config, strlen(scenario->config), &handle, NULL, NULL) == DESCOPE_CONN_OK,
          scenario->name, "open");
    for (step = scenario->steps; step->request != NULL; step++) {
        run_step(handle, scenario->name, step);
    }
    check(descope_conn_close(handle, 30000) == DESCOPE_CONN_OK, scenario->name, "close");
    check(freed_blocks_found() == before, scenario->name, "secrets were left in freed memory");
}

int main(void)
{
    size_t index;
    freed_blocks_watch(api_key, sizeof api_key - 1);
    freed_blocks_watch(master_key, sizeof master_key - 1);
    freed_blocks_watch(master_key_bytes, sizeof master_key_bytes);
    for (index = 0; index < sizeof scenarios / sizeof *scenarios; index++) {
        run(&scenarios[index]);
    }
    printf("wiping: %s\n", failed == 0 ? "all tests passed" : "SOME TESTS FAILED");
    return failed == 0 ? 0 : 1;
}
