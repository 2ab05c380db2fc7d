/* What runs beside the hub in its process (server.h): its beginning, and its end, for which the hub
 * goes on: it is a client, and has things to say and to hear before it parts. */
#ifndef KHUB_NET_BESIDE_H
#define KHUB_NET_BESIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct server;

struct beside {
    bool runs; /* or it is to be waited for yet */
    bool over; /* it has come to its end */
    uv_async_t ended;
    void (*then)(struct server *server); /* what comes behind its end; NULL: it is not asked to */
};

/* Before all others. */
void beside_init(struct server *server);
/* Once the hub listens, and before its calls are confined. 0, or -1 with a sentence; with a line
 * when something begins, "" else. */
int beside_begin(struct server *server, char *ret_said, size_t size);
void beside_reload(const struct server *server);
/* It is asked to end, and `then` called when it has: at once when nothing runs. */
void beside_stop(struct server *server, void (*then)(struct server *server));
/* It has to end now, and is waited for; `then` is not called any more. */
void beside_end(struct server *server);

#endif
