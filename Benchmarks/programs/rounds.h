/* rounds.h - rounds of calls, as harness/measure.py orders them. */
#ifndef ROUNDS_H
#define ROUNDS_H
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t rounds_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline int rounds_compare(const void *left, const void *right)
{
    uint64_t l = *(const uint64_t *)left, r = *(const uint64_t *)right;
    return (l > r) - (l < r);
}

struct rounds_part {
    void (*call)(void);
    size_t count;
    uint64_t *times;
};

static inline void *rounds_part_run(void *data)
{
    struct rounds_part *part = data;
    for (size_t i = 0; i < part->count; i++) {
        uint64_t start = rounds_now();
        part->call();
        part->times[i] = rounds_now() - start;
    }
    return NULL;
}

/* Until standard input ends: makes as many calls as each of its lines says, by so many threads, and prints in microseconds
 * how long one took, and, as the mean, the whole round's time by its calls. */
static inline void rounds_serve(void (*call)(void), size_t threads)
{
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL) {
        size_t each = (strtoul(line, NULL, 10) + threads - 1) / threads, all = each * threads;
        uint64_t *times = calloc(all, sizeof *times);
        pthread_t *running = calloc(threads, sizeof *running);
        struct rounds_part *parts = calloc(threads, sizeof *parts);
        uint64_t start = rounds_now();
        for (size_t i = 0; i < threads; i++) {
            parts[i] = (struct rounds_part){call, each, times + i * each};
            if (threads == 1) {
                rounds_part_run(parts);
            } else if (pthread_create(&running[i], NULL, rounds_part_run, &parts[i]) != 0) {
                abort();
            }
        }
        for (size_t i = 0; threads > 1 && i < threads; i++) {
            pthread_join(running[i], NULL);
        }
        double nanoseconds = (double)(rounds_now() - start);
        qsort(times, all, sizeof *times, rounds_compare);
        printf("{\"p50\":%.3f,\"p99\":%.3f,\"mean\":%.3f}\n", (double)times[all / 2] / 1e3,
               (double)times[all * 99 / 100] / 1e3, nanoseconds / (double)all / 1e3);
        fflush(stdout);
        free(times);
        free(running);
        free(parts);
    }
}

/* A number below a limit by chance, which is the same in each run. */
static inline size_t rounds_chance(size_t limit)
{
    static _Thread_local uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(state >> 33) % limit;
}
#endif
