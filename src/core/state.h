/* What the files of core/ share: the whole hub as one struct. */
#ifndef KHUB_CORE_STATE_H
#define KHUB_CORE_STATE_H

#include "core/admit.h"
#include "core/peers.h"

/* A claim that was loaded, whose parents may not be there yet: [[section, id], …]. */
struct orphan {
    struct claim *claim;
    struct slice parents; /* owned */
};

struct hub {
    struct hub_config config;
    struct hub_edge edge;
    struct peer *peers; /* by the index half of their id */
    size_t peer_capacity, peer_count;
    struct index principals;    /* by their names, */
    struct principal_list idle; /* and those without a connection */
    struct room **rooms;
    size_t room_count, room_capacity;
    uint64_t seq_let_go;     /* the highest that a room had which was let go */
    bool serving;            /* hub_start was called: entries are no replay any more */
    struct room *lobby;      /* "main": where those are who have not joined */
    int64_t last_now, clock; /* clock: ms since the hub began in which peers were heard, and */
    int64_t rate_clock;      /* all ms since then; both never run back */
    uint64_t messages, effects, refused;
    uint64_t messages_before, refused_before; /* of these, in entries of earlier hubs */
    bool changes_kept;                        /* rooms keep a list of changed rows, */
    bool texts_kept;                          /* and of entries whose texts changed */
    struct orphan *orphans;                   /* while rows are loaded */
    size_t orphan_count, orphan_capacity;
    struct judged judged;
    struct seat *addressees; /* of the effect that is being sent to some */
    size_t addressee_capacity;
    struct text scratch, payload; /* for building lines */
    struct text cut;              /* of limits, and of ends of leases */
    int64_t stamp_ms; /* `stamp` is this time, once there is one: many lines have the same */
    char stamp[TIMESTAMP_SIZE];
};

/* A peer's place is the index half of its id. */
static inline size_t peer_index(peer_id id)
{
    return (size_t)(uint32_t)id;
}

/* NULL when it is no more, or never was: in a replay there are none. */
static inline struct peer *peer_find(struct hub *hub, peer_id id)
{
    struct peer *peer = peer_index(id) < hub->peer_capacity ? &hub->peers[peer_index(id)] : NULL;
    return peer && id && peer->id == id ? peer : NULL;
}

/* Moves the hub's clock on to `now`, unix time in milliseconds, which may jump either way. */
void hub_set_clock(struct hub *hub, int64_t now);

#endif
