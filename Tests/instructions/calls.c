/* calls.c - calls whose instructions are counted.
 *
 *   calls fetch CONFIG COUNT EXTRA        fetches of one client
 *   calls open CONFIG COUNT EXTRA         clients that are opened, fetch once, and are closed
 *
 * The first ones are not counted: they open files and connections, and fill caches. Each counted one costs EXTRA
 * instructions more than it has to, to see that this is noticed. */
#include "counted.h"
#include <descope_conn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM = 20 };

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "%s failed: %s\n", what, why == NULL ? "?" : why);
    exit(1);
}

static descope_conn_handle opened(const char *config)
{
    descope_conn_handle conn;
    char *out = NULL;
    if (descope_conn_open(config, strlen(config), &conn, &out, NULL) != DESCOPE_CONN_OK) {
        fail("open", out);
    }
    return conn;
}

static void fetch(descope_conn_handle conn)
{
    static const char request[] = "{\"appId\":\"crm\",\"userId\":\"user 7\"}";
    char *out = NULL;
    if (descope_conn_fetch(conn, request, sizeof request - 1, 60000, &out, NULL) != DESCOPE_CONN_OK) {
        fail("fetch", out);
    }
    descope_conn_free(out);
}

/* Two instructions a turn. */
static void spend(long instructions)
{
    for (long turns = instructions / 2; turns > 0; turns--) {
        __asm__ volatile("" : "+r"(turns));
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: calls fetch|open CONFIG COUNT EXTRA\n");
        return 2;
    }
    int is_open = strcmp(argv[1], "open") == 0;
    const char *config = argv[2];
    long count = strtol(argv[3], NULL, 10), extra = strtol(argv[4], NULL, 10);
    descope_conn_handle conn = is_open ? 0 : opened(config);
    for (long i = -WARM; i < count; i++) {
        if (i == 0) {
            counted_begin();
        }
        if (is_open) {
            conn = opened(config);
        }
        fetch(conn);
        if (is_open && descope_conn_close(conn, DESCOPE_CONN_NO_TIMEOUT) != DESCOPE_CONN_OK) {
            fail("close", NULL);
        }
        if (i >= 0) {
            spend(extra);
        }
    }
    counted_end();
    return is_open || descope_conn_close(conn, DESCOPE_CONN_NO_TIMEOUT) == DESCOPE_CONN_OK ? 0 : 1;
}
