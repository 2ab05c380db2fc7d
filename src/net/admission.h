/* Who is let in. What the edge refuses by itself, the hub never hears of: those from outside, those
 * for whom there is no room, those who speak another protocol. Each is told why, and closed. */
#ifndef KHUB_NET_ADMISSION_H
#define KHUB_NET_ADMISSION_H

#include "net/connection.h"

/* Takes over an accepted, non-blocking socket: as a connection that the hub knows, or to be
 * refused. `listener` is what a peer of a unix socket is called by. */
void admission_decide(struct server *server, int fd, const struct endpoint *peer,
                      const struct endpoint *listener);
/* Tells and closes one that there is no room for, not even to wait until it has read why. */
void admission_full(struct server *server, int fd, const char *address);
/* Looks at what a connection begins with. False when it was closed for it. */
bool admission_opening(struct connection *connection, struct slice input);

#endif
