/* fetch.c - how long a fetch takes through the C interface.
 *
 *   fetch CONFIG REQUEST COUNT THREADS [SUBJECTS]
 *
 * Opens the library with CONFIG, makes each thread call REQUEST COUNT times, with a number below SUBJECTS by chance in the
 * place of an @, and prints one line of JSON: microseconds of
 * the fastest call, the median, the 99th percentile and the slowest, and calls per second of all threads together. */
#include <descope_conn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *request;
static size_t count, subjects;
static descope_conn_handle conn;

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void call_once(uint64_t *chance)
{
    char *out = NULL, text[1024];
    size_t head = strcspn(request, "@");
    *chance = *chance * 6364136223846793005u + 1442695040888963407u;
    if (request[head] == '@') {
        snprintf(text, sizeof text, "%.*s%zu%s", (int)head, request, (size_t)(*chance >> 33) % subjects,
                 request + head + 1);
    } else {
        snprintf(text, sizeof text, "%s", request);
    }
    if (descope_conn_call(conn, text, strlen(text), 10000, &out, NULL) != DESCOPE_CONN_OK) {
        fprintf(stderr, "the call failed: %s\n", out);
        exit(1);
    }
    descope_conn_free(out);
}

static void *run(void *times)
{
    uint64_t chance = (uintptr_t)times;
    for (size_t i = 0; i < count; i++) {
        uint64_t start = now();
        call_once(&chance);
        ((uint64_t *)times)[i] = now() - start;
    }
    return NULL;
}

static int compare(const void *left, const void *right)
{
    uint64_t l = *(const uint64_t *)left, r = *(const uint64_t *)right;
    return (l > r) - (l < r);
}

int main(int argc, char **argv)
{
    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: fetch CONFIG REQUEST COUNT THREADS [SUBJECTS]\n");
        return 2;
    }
    request = argv[2];
    count = strtoul(argv[3], NULL, 10);
    subjects = argc == 6 ? strtoul(argv[5], NULL, 10) : 1;
    size_t threads = strtoul(argv[4], NULL, 10), all = count * threads;
    char *error = NULL;
    if (descope_conn_open(argv[1], strlen(argv[1]), &conn, &error, NULL) != DESCOPE_CONN_OK) {
        fprintf(stderr, "it does not open: %s\n", error);
        return 1;
    }
    uint64_t *times = calloc(all, sizeof *times);
    pthread_t *running = calloc(threads, sizeof *running);
    uint64_t chance = 1;
    for (int i = 0; i < 20; i++) {
        call_once(&chance); /* the first ones open files and connections */
    }
    uint64_t start = now();
    for (size_t i = 0; i < threads; i++) {
        errno = pthread_create(&running[i], NULL, run, times + i * count);
        if (errno != 0) {
            perror("pthread_create");
            return 1;
        }
    }
    for (size_t i = 0; i < threads; i++) {
        pthread_join(running[i], NULL);
    }
    double seconds = (double)(now() - start) / 1e9;
    qsort(times, all, sizeof *times, compare);
    printf("{\"min\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f,\"perSecond\":%.0f}\n", (double)times[0] / 1e3,
           (double)times[all / 2] / 1e3, (double)times[all * 99 / 100] / 1e3, (double)times[all - 1] / 1e3,
           (double)all / seconds);
    free(times);
    free(running);
    return descope_conn_close(conn, 1000) == DESCOPE_CONN_OK ? 0 : 1;
}
