/* The admitted side: connections, and the hub that has them. Apply tells it what became of them. */
#ifndef KHUB_CORE_ADMIT_H
#define KHUB_CORE_ADMIT_H

#include "core/request.h"

/* Who is at the other end of a connection. Bound to a room and an id once a line of it was
 * proposed. */
struct peer {
    peer_id id;            /* 0: the place is empty */
    struct room *room;     /* NULL: not bound */
    struct slice ai_id;    /* owned; len 0: not bound */
    struct member *member; /* NULL until it has joined */
    unsigned under_way;    /* messages proposed and not yet applied */
    unsigned challenged;   /* takeovers of its id proposed and not yet applied */
    int64_t heard;         /* hub clock */
    uint64_t cursor;       /* up to which it said to have read; at most what its room has told */
    int64_t cursor_at;     /* hub clock at which one was last proposed */
    unsigned bad_lines;    /* in a row */
    double allowance;      /* messages it may send right now, under a rate limit */
    int64_t allowance_at;  /* hub clock */
};

/* What admit judged last, for apply to use if nothing comes between. */
struct judged {
    struct request *request; /* NULL: nothing */
    uint64_t last_seq;       /* that its room had then */
    int error;
};

/* Of load.c, for load_lists.c: a JSON string decoded; owned, never NULL. */
struct slice load_string(struct json_value string);
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
    struct room **rooms;
    size_t room_count, room_capacity;
    uint64_t seq_let_go;     /* the highest that a room had which was let go */
    bool serving;            /* hub_start was called: entries are no replay any more */
    struct room *lobby;      /* "main": where those are who have not joined */
    int64_t last_now, clock; /* clock: ms since the hub began; never runs back */
    uint64_t messages, effects, refused;
    bool changes_kept;      /* rooms keep a list of changed rows */
    struct orphan *orphans; /* while rows are loaded */
    size_t orphan_count, orphan_capacity;
    struct judged judged;
    struct seat *addressees; /* of the effect that is being sent to some */
    size_t addressee_capacity;
    struct text scratch, payload; /* for building lines */
    struct text cut;              /* of limits, and of ends of leases */
};

/* NULL when it is no more, or never was: in a replay there are none. */
struct peer *peer_find(struct hub *hub, peer_id id);
/* The hub forgets it, without a word to anybody. */
void peer_drop(struct hub *hub, struct peer *peer);
/* Apply tells what became of a connection: it is somebody's now, it is nobody's any more, an entry
 * of it is applied. Nothing when the connection is not this hub's. */
void admit_joined(struct hub *hub, struct member *member);
void admit_departed(struct hub *hub, const struct member *member);
void admit_applied(struct hub *hub, const struct entry *entry);
/* The log took the message, and could not keep it: its sender is told, and nothing else comes of
 * it. */
void admit_lost(struct hub *hub, const struct entry *entry);

/* The line of a hello without the secrets in it, in *text; false when there are none
 * (secrets.c). */
bool hello_cut(const struct message *message, struct text *text);
/* The connection whose place this hello may take, since it shows the secret that was given to it; 0
 * when there is none. */
peer_id hello_takes_over(const struct hub *hub, const struct message *message);

#endif
