/* Sockets that are listened on. */
#ifndef KHUB_NET_LISTENER_H
#define KHUB_NET_LISTENER_H

#include <uv.h>

#include "wire/address.h"

struct server;

struct listener {
    struct server *server;
    uv_poll_t poll;
    int fd; /* -1: closed */
    struct endpoint address;
    dev_t device; /* of a unix socket's file, so that only our own is removed */
    ino_t inode;
};

/* Opens, binds and listens. 0, or -1 with a sentence (and a hint) in ret_why. A dead hub's socket file is replaced. */
int listener_open(struct server *server, const char *text, char *ret_why, size_t size);
void listener_close(struct listener *listener);

#endif
