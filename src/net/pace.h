/* Who reads too slowly, and when the hub stops reading because of it.
 *
 * A connection lags from the moment more than LAG_ABOVE of its bound is queued until less than
 * LAG_BELOW is. While one lags that counts, nothing is read from anyone: so a sender is held to
 * what the receivers take, and no memory grows. */
#ifndef KHUB_NET_PACE_H
#define KHUB_NET_PACE_H

#include "net/connection.h"

/* Its queue grew over LAG_ABOVE, or moved; cheap when nothing changes. */
void pace_check(struct connection *connection);
/* It is closing, or dead: it does not lag any more. */
void pace_forget(struct connection *connection);
/* Decides anew who counts; called at each beat while somebody lags. */
void pace_review(struct server *server);

/* Holds everybody back while the store is behind, and lets them go on when it is not. */
void pace_disk(struct server *server);

#endif
