#define _GNU_SOURCE
#include "resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A question to the name service. Whoever leaves last, the one who asks or its thread, frees it. */
struct question {
    pthread_mutex_t mutex;
    pthread_cond_t answered;
    int users;
    bool is_answered;
    char *name;
    char *addresses; /* NULL: none */
};

/* The numeric form of what getaddrinfo found. */
static char *addresses_of(const struct addrinfo *found)
{
    const struct addrinfo *each;
    size_t count = 0;
    char *text, *at;
    for (each = found; each != NULL; each = each->ai_next) {
        count++;
    }
    at = text = calloc(count + 1, NI_MAXHOST + 1);
    if (text == NULL) {
        return NULL;
    }
    for (each = found; each != NULL; each = each->ai_next) {
        char host_text[NI_MAXHOST];
        if (getnameinfo(each->ai_addr, each->ai_addrlen, host_text, sizeof host_text, NULL, 0, NI_NUMERICHOST) != 0) {
            continue;
        }
        if (at != text) {
            *at++ = ',';
        }
        at = stpcpy(at, host_text);
    }
    if (at == text) {
        free(text);
        return NULL;
    }
    return text;
}

static char *ask(const char *name, int flags)
{
    struct addrinfo hints, *found = NULL;
    char *addresses;
    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags;
    if (getaddrinfo(name, NULL, &hints, &found) != 0) {
        return NULL;
    }
    addresses = addresses_of(found);
    freeaddrinfo(found);
    return addresses;
}

static void leave(struct question *question)
{
    bool is_last;
    pthread_mutex_lock(&question->mutex);
    is_last = --question->users == 0;
    pthread_mutex_unlock(&question->mutex);
    if (is_last) {
        pthread_cond_destroy(&question->answered);
        pthread_mutex_destroy(&question->mutex);
        free(question->addresses);
        free(question->name);
        free(question);
    }
}

static void *run(void *opaque)
{
    struct question *question = opaque;
    char *addresses = ask(question->name, AI_ADDRCONFIG);
    pthread_mutex_lock(&question->mutex);
    question->addresses = addresses;
    question->is_answered = true;
    pthread_cond_signal(&question->answered);
    pthread_mutex_unlock(&question->mutex);
    leave(question);
    return NULL;
}

static bool start(struct question *question)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    bool is_started;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the host's signals are for the host's threads */
    question->users = 2;
    is_started = pthread_create(&thread, &attributes, run, question) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (!is_started) {
        question->users = 1;
    }
    return is_started;
}

static struct question *question_of(const char *name)
{
    struct question *question = calloc(1, sizeof *question);
    pthread_condattr_t attributes;
    if (question == NULL || (question->name = strdup(name)) == NULL) {
        free(question);
        return NULL;
    }
    pthread_mutex_init(&question->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&question->answered, &attributes);
    pthread_condattr_destroy(&attributes);
    return question;
}

struct failure resolve(const struct call *call, const char *name, char **addresses)
{
    struct question *question;
    struct failure failure = no_failure();
    *addresses = ask(name, AI_NUMERICHOST);
    if (*addresses != NULL) {
        return failure;
    }
    question = question_of(name);
    if (question == NULL) {
        return failure_of(FAILURE_MEMORY, "", "");
    }
    if (!start(question)) {
        leave(question);
        return failure_of(FAILURE_LOST, "unavailable", "no thread can be started to look up the database's host");
    }
    pthread_mutex_lock(&question->mutex);
    while (!question->is_answered && failure.kind == FAILURE_NONE) {
        uint64_t until = now_ns() + (uint64_t)remaining_ms(call, 50) * NANOSECONDS_PER_MS;
        struct timespec time = {(time_t)(until / 1000000000u), (long)(until % 1000000000u)};
        pthread_cond_timedwait(&question->answered, &question->mutex, &time);
        if (!question->is_answered) {
            failure = failure_of_call(call);
        }
    }
    if (question->is_answered) {
        *addresses = question->addresses;
        question->addresses = NULL;
    }
    pthread_mutex_unlock(&question->mutex);
    leave(question);
    if (failure.kind == FAILURE_NONE && *addresses == NULL) {
        return failure_of(FAILURE_LOST, "unavailable", "the database's host has no address");
    }
    return failure;
}
