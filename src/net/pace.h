/* Who reads too slowly, and when the hub stops reading because of it.
 *
 * A connection begins to lag when its queue grows beyond LAG_ABOVE of its limit, and stops when the
 * queue is below LAG_BELOW. While at least one connection lags that is worth waiting for (pace.c
 * says which), the hub reads from nobody. So senders are held to what receivers take, and memory
 * does not grow. */
#ifndef KHUB_NET_PACE_H
#define KHUB_NET_PACE_H

#include "net/connection.h"

/* To be called when its queue has grown long or has been written. Cheap when nothing changes. */
void pace_check(struct connection *connection);
/* It is being closed, and no longer counts as lagging. */
void pace_forget(struct connection *connection);
/* Decides again whether to pause. Called at each beat while anybody lags. */
void pace_review(struct server *server);

/* Holds everybody back while the store is behind, and lets them go on when it is not. */
void pace_disk(struct server *server);

#endif
