/* fork.h - a fork of the host's process.
 *
 * A child must not use what its parent has connected: libpq would end the parent's session, or mix its rows with those of
 * somebody else. It closes its copies of the sockets, so that a session ends with the parent, and sends nothing. And a
 * fork must not come while another thread holds one of the locks of libpq or of the name service, because a child that
 * opens a store of its own would wait for that thread, which it does not have. */
#ifndef FORK_H
#define FORK_H

/** A socket that a child closes. Its owner keeps it in the list for as long as it is open. */
struct forked_socket {
    int socket; /* -1: none */
    struct forked_socket *previous, *next;
};

/** Once a process.
 * Returns: 0, or what pthread_atfork answers. */
int fork_watch(void);

/** Between these two no fork happens. What is done meanwhile must not wait for anybody else. */
void fork_hold(void);
void fork_release(void);

/** Both are called between fork_hold and fork_release. */
void fork_add(struct forked_socket *socket);
void fork_remove(struct forked_socket *socket);

#endif
