/* calls.c - a call of the library, in rounds.
 *
 *   calls CONFIG REQUEST [THREADS [SUBJECTS]]
 *
 * An @ in the request is a number below SUBJECTS by chance. */
#include "rounds.h"
#include <descope_conn.h>
#include <string.h>

static const char *request;
static size_t subjects = 1;
static descope_conn_handle conn;

static void call(void)
{
    char *out = NULL, text[8192];
    size_t head = strcspn(request, "@");
    const char *sent = request;
    if (request[head] == '@') {
        snprintf(text, sizeof text, "%.*s%zu%s", (int)head, request, rounds_chance(subjects), request + head + 1);
        sent = text;
    }
    if (descope_conn_call(conn, sent, strlen(sent), 10000, &out, NULL) != DESCOPE_CONN_OK) {
        fprintf(stderr, "the call failed: %s\n", out);
        exit(1);
    }
    descope_conn_free(out);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: calls CONFIG REQUEST [THREADS [SUBJECTS]]\n");
        return 2;
    }
    request = argv[2];
    subjects = argc > 4 ? strtoul(argv[4], NULL, 10) : 1;
    char *error = NULL;
    if (descope_conn_open(argv[1], strlen(argv[1]), &conn, &error, NULL) != DESCOPE_CONN_OK) {
        fprintf(stderr, "it does not open: %s\n", error);
        return 1;
    }
    rounds_serve(call, argc > 3 ? strtoul(argv[3], NULL, 10) : 1);
    return descope_conn_close(conn, 1000) == DESCOPE_CONN_OK ? 0 : 1;
}
