/* together.c - many calls in flight at once.
 *
 *   together CONFIG REQUEST COUNT
 *
 * Prints how many seconds passed between the first submit and the last answer, the peak of memory, and of threads. */
#include "rounds.h"
#include <descope_conn.h>
#include <string.h>

static long status_of(const char *name)
{
    char line[256];
    long value = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            value = strtol(line + strlen(name), NULL, 10);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return value;
}

int main(int argc, char **argv)
{
    descope_conn_handle conn;
    descope_conn_ticket ticket;
    descope_conn_status status;
    char *out = NULL;
    if (argc != 4) {
        fprintf(stderr, "usage: together CONFIG REQUEST COUNT\n");
        return 2;
    }
    if (descope_conn_open(argv[1], strlen(argv[1]), &conn, &out, NULL) != DESCOPE_CONN_OK) {
        fprintf(stderr, "it does not open: %s\n", out);
        return 1;
    }
    long count = strtol(argv[3], NULL, 10), threads = 0;
    uint64_t start = rounds_now();
    for (long i = 0; i < count; i++) {
        if (descope_conn_submit(conn, argv[2], strlen(argv[2]), DESCOPE_CONN_NO_TIMEOUT, &ticket) != DESCOPE_CONN_OK) {
            fprintf(stderr, "submit\n");
            return 1;
        }
    }
    for (long i = 0; i < count; i++) {
        if (descope_conn_next(conn, 60000, &ticket, &status, &out, NULL) != DESCOPE_CONN_OK ||
            status != DESCOPE_CONN_OK) {
            fprintf(stderr, "a call failed: %s\n", out);
            return 1;
        }
        descope_conn_free(out);
        if (i % 256 == 0) {
            long now = status_of("Threads:");
            threads = now > threads ? now : threads;
        }
    }
    printf("{\"seconds\":%.3f,\"mebibytes\":%.1f,\"threads\":%ld}\n", (double)(rounds_now() - start) / 1e9,
           (double)status_of("VmHWM:") / 1024, threads);
    return descope_conn_close(conn, 1000) == DESCOPE_CONN_OK ? 0 : 1;
}
