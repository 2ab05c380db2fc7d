/* The hub's searches: texts go to the store's index as they change, some at a time, and what it
 * finds comes back to the hub. */
#ifndef KHUB_NET_SEARCH_H
#define KHUB_NET_SEARCH_H

#include <stdbool.h>
#include <uv.h>

#include "net/waker.h"
#include "store/search.h"

struct server;
struct waiting_wish;

struct searching {
    struct search_index *index; /* NULL: there is none */
    struct waker woken;
    uv_timer_t timer;
    bool begun;                         /* the index has asked for the texts */
    bool settling;                      /* and not all that there were have been put */
    bool failing;                       /* as it was said last */
    struct waiting_wish *first, **last; /* wait until all texts are put */
};

/* Begins, when the hub is on disk: after disk_recover. 0, or -1 with errno. */
int searching_begin(struct server *server);
/* hub_edge.search. */
void searching_wish(struct server *server, const struct search_wish *wish);
/* The server closes its handles. */
void searching_stop(struct server *server);
/* After the hub is gone. */
void searching_close(struct server *server);

#endif
