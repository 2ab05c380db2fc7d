/* The hub on disk: what it knew before is there again, and what it learns is kept. */
#ifndef KHUB_NET_DISK_H
#define KHUB_NET_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "net/damage.h"
#include "net/waker.h"
#include "store/store.h"

struct server;

/* Where one room's checkpoints stand. */
struct disk_room {
    struct slice name; /* owned */
    uint64_t seq;      /* of the last checkpoint */
    uint64_t at;       /* loop time of it */
};

struct disk {
    struct store *store; /* NULL: nothing is kept */
    struct waker woken;
    uv_timer_t timer;
    bool fresh;      /* no database was there at the beginning */
    bool damaged;    /* it could not be opened because of that */
    bool recovering; /* effects are nobody's to hear */
    bool failing;    /* as it was said last */
    struct disk_room *rooms;
    size_t room_count, room_capacity;
    size_t gathering;         /* index of the room whose checkpoint is being gathered; DISK_NONE */
    uint64_t checkpoints;     /* since the beginning */
    uint64_t longest_step_ns; /* that one of their steps held the loop */
    uint64_t entries;         /* applied again at the beginning */
    struct losses losses;     /* at its end */
};

/* Opens the store at options.data and gives the server its key; does nothing when there is no such
 * option. 0, or -1 with a sentence in why. Call before the hub is made. */
int disk_open(struct server *server, char why[STORE_WHY_SIZE]);
/* Brings the hub to where it was; after hub_new, before hub_start. 0, or -1 with a sentence. */
int disk_recover(struct server *server, char why[STORE_WHY_SIZE]);
/* After one of these failed: more about why, on stderr, when there is more. */
void disk_explain(const struct server *server);
/* The server closes its handles: no more checkpoints, nothing more is handed back. */
void disk_stop(struct server *server);
/* After the hub is gone: writes what is left. 0, or -1 when something could not be, which is said
 * on stderr. */
int disk_close(struct server *server);
/* So much waits to be written that nothing more should be read. */
bool disk_behind(const struct server *server);

#endif
