/* The file of a unix socket that a hub listens on, and the lock that says whose it is.
 *
 * A socket file outlives a hub that was killed, and whether a hub lives behind it can't be seen
 * without a race: two that start at once would each find it dead and replace it. So whoever listens
 * at PATH holds a lock on PATH.lock for as long as it lives. */
#ifndef KHUB_NET_SOCKET_FILE_H
#define KHUB_NET_SOCKET_FILE_H

#include "wire/address.h"

struct socket_file {
    struct endpoint endpoint;
    int lock;     /* -1: none */
    dev_t device; /* of the file, so that only our own is removed */
    ino_t inode;
};

/* Takes the lock and binds `fd` there; what a dead hub left is replaced. 0, or -1 with errno and in
 * ret_hint what may help, "" when there is nothing more to say. EADDRINUSE: another process has it,
 * whom the hint names if it can. */
int socket_file_bind(struct socket_file *file, int fd, const struct endpoint *endpoint,
                     char *ret_hint, size_t size);
/* Removes the file, if it is still ours, and gives back the lock. */
void socket_file_remove(struct socket_file *file);

#endif
