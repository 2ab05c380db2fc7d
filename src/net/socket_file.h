/* The file of a Unix socket that a hub listens on, and the lock that says whose it is.
 *
 * The file of a hub that was killed stays behind, and there is no way without a race to see whether
 * a hub still listens there: of two that start at once, each would find it dead and replace it. So
 * a hub that listens at PATH holds a lock on PATH.lock for as long as it lives. */
#ifndef KHUB_NET_SOCKET_FILE_H
#define KHUB_NET_SOCKET_FILE_H

#include "wire/address.h"

struct socket_file {
    struct endpoint endpoint;
    int lock;     /* -1: none */
    dev_t device; /* of the socket file, so that only our own is removed */
    ino_t inode;
};

/* Takes the lock and binds `fd` to the endpoint. A socket file that a dead hub left is replaced. 0;
 * or -1 with errno, and in ret_hint what may help, or "". With EADDRINUSE another process listens
 * there, and the hint names it if possible. */
int socket_file_bind(struct socket_file *file, int fd, const struct endpoint *endpoint,
                     char *ret_hint, size_t size);
/* Removes the file, if it is still ours, and releases the lock. */
void socket_file_remove(struct socket_file *file);

#endif
