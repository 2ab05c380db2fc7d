/* Who can reach the hub: what its owner should see first. */
#ifndef KHUB_NET_REACH_H
#define KHUB_NET_REACH_H

struct server;

/* Says it, on the console and in the log. Before anything else is said. */
void reach_tell(struct server *server);

#endif
