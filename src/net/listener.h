/* Sockets that are listened on. */
#ifndef KHUB_NET_LISTENER_H
#define KHUB_NET_LISTENER_H

#include <uv.h>

#include "net/socket_file.h"

struct server;

struct listener {
    struct server *server;
    uv_poll_t poll;
    int fd; /* -1: closed */
    struct endpoint endpoint;
    const char *name; /* what it was asked for by, if that is the name of a host; else NULL */
    struct socket_file file; /* of a unix socket */
};

/* Listens on every address that `text` stands for ("localhost" may have two), with one listener of
 * server->listeners for each. `text` must outlive them. 0, or -1 with a sentence (and a hint) in
 * ret_why. */
int listener_open(struct server *server, const char *text, char *ret_why, size_t size);
/* Takes over the sockets that whoever started the hub listens on already, by systemd's protocol: as
 * many as $LISTEN_FDS says, from descriptor 3, when $LISTEN_PID is this process. Both variables are
 * gone afterwards. 0, or -1 with a sentence. */
int listeners_passed(struct server *server, char *ret_why, size_t size);
void listener_close(struct listener *listener);

/* ── for passed.c ── */

/* Linux hands these on to every socket that the listener accepts. */
void listener_options(int fd, int family);
/* Accepts from now on. 0, or libuv's error. */
int listener_watch(struct listener *listener);

#endif
