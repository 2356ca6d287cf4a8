#include "fork.h"

#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static struct forked_socket sockets = {-1, &sockets, &sockets};

void fork_hold(void)
{
    pthread_mutex_lock(&gate);
}

void fork_release(void)
{
    pthread_mutex_unlock(&gate);
}

static void in_child(void)
{
    struct forked_socket *socket;
    for (socket = sockets.next; socket != &sockets; socket = socket->next) {
        if (socket->socket >= 0) {
            close(socket->socket);
        }
    }
    sockets.previous = sockets.next = &sockets;
    fork_release();
}

int fork_watch(void)
{
    return pthread_atfork(fork_hold, fork_release, in_child);
}

void fork_add(struct forked_socket *socket)
{
    socket->previous = &sockets;
    socket->next = sockets.next;
    sockets.next->previous = socket;
    sockets.next = socket;
}

void fork_remove(struct forked_socket *socket)
{
    socket->previous->next = socket->next;
    socket->next->previous = socket->previous;
}
