/* Who is let in. The edge itself refuses peers of other machines, newcomers to a full hub, and
 * other protocols. Each is told why and closed. Of who is refused before its first bytes the hub
 * never hears. */
#ifndef KHUB_NET_ADMISSION_H
#define KHUB_NET_ADMISSION_H

#include "net/connection.h"

/* Takes over an accepted, non-blocking socket and either admits or refuses it. A peer of a Unix
 * socket is named by the `listener`, since it has no address of its own. */
void admission_decide(struct server *server, int fd, const struct endpoint *peer,
                      const struct endpoint *listener);
/* Refuses a socket when there is not even room to let it read the reason in peace: sends the error
 * and closes. */
void admission_full(struct server *server, int fd, const char *address);
/* Looks at how the first bytes of a connection came. False when it was closed because of that. */
bool admission_carried(struct connection *connection);
/* Looks at the first bytes of a connection. False when it was closed because of them. */
bool admission_opening(struct connection *connection, struct slice input);

#endif
