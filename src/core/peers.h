/* Connections, and who is at the other end of each. */
#ifndef KHUB_CORE_PEERS_H
#define KHUB_CORE_PEERS_H

#include "core/principals.h"

struct room;

/* Who is at the other end of a connection. Bound to a room and an id once a line of it was
 * proposed. */
struct peer {
    peer_id id;                  /* 0: the place is empty */
    struct room *room;           /* NULL: not bound */
    struct slice ai_id;          /* owned; len 0: not bound */
    struct principal *principal; /* whose token let it in; NULL: none was asked for (yet) */
    struct message_types barred; /* and what it may not say with that token, */
    bool admin;                  /* may it moderate, */
    enum sees sees;              /* and what it is shown when it observes */
    struct member *member;       /* NULL until it has joined */
    struct member *guest;        /* owned: what it would be; see peer_receive. NULL: none */
    unsigned under_way;          /* messages proposed and not yet applied */
    bool later;                  /* its next line was said before, and not taken behind those */
    unsigned searches;           /* of an index, not answered yet */
    unsigned challenged;         /* takeovers of its id proposed and not yet applied */
    bool leaving;                /* it said so, and that is not applied yet */
    bool catching_up;            /* what it missed is on its way to it */
    int64_t heard;               /* hub clock */
    uint64_t cursor;          /* up to which it said to have read; at most what its room has told */
    int64_t cursor_at;        /* hub clock at which one was last proposed */
    unsigned bad_lines;       /* in a row */
    struct spending spending; /* while it has no principal */
    struct slice unkept; /* owned: message_id of what could not be kept (behind.h); len 0: none */
    bool unkept_lost;    /* and had been taken */
};

/* A connection was opened: nobody's yet. */
struct peer *peer_new(struct hub *hub, peer_id id);
/* The hub forgets it, without a word to anybody. */
void peer_drop(struct hub *hub, struct peer *peer);
/* Apply tells what became of a connection: it is somebody's now, it is nobody's any more, an entry
 * of it is applied. Nothing when the connection is not this hub's. */
void peer_joined(struct hub *hub, struct member *member);
void peer_departed(struct hub *hub, const struct member *member);
void peer_applied(struct hub *hub, const struct entry *entry);
/* The connection from which the entry, a hello, takes its id over; NULL: none. */
struct peer *peer_challenged(struct hub *hub, const struct entry *entry);

/* Nothing can be kept just now, so that nobody can join: who only observes is a guest meanwhile. It
 * is asked for nothing and told nothing new, but answered. Its room and all that is replayed know
 * nothing of it. */
void peer_receive(struct hub *hub, struct peer *peer, struct room *room, struct slice ai_id,
                  struct slice specialization);
/* It is a guest no more, and is told why; what it said may still make it join. */
void peer_unreceive(struct hub *hub, struct peer *peer, const struct refusal *refusal, int64_t now);
/* The member that it is, or would be. NULL: neither. */
static inline struct member *peer_who(const struct peer *peer)
{
    return peer->member ? peer->member : peer->guest;
}

/* It is this room's and this id's from now on, unless it is somebody's already. */
void peer_bind(struct peer *peer, struct room *room, struct slice ai_id);
/* It was let in: what that pass says holds from now on. takes_over: the connection whose place it
 * shows that it may take; 0: none. 0, or -WIRE_QUOTA_EXCEEDED when its owner has too many. */
int peer_let_in(struct hub *hub, struct peer *peer, const struct hub_pass *pass, peer_id takes_over,
                struct refusal *ret_refusal);
/* The name of its token; len 0: it showed none. */
static inline struct slice peer_owner(const struct peer *peer)
{
    return peer->principal ? peer->principal->key : (struct slice){NULL, 0};
}
/* Under its rates, may it say one more message of so many bytes now? 0, and it is counted; or
 * -WIRE_RATE_LIMITED. */
int peer_spend(struct hub *hub, struct peer *peer, size_t bytes, struct refusal *ret_refusal);
/* Keeps how far it has read. */
void peer_keep_cursor(struct hub *hub, struct peer *peer, int64_t now);
/* Takes its word, in a heartbeat, on how far it has read: no further than there is. */
void peer_read(struct hub *hub, struct peer *peer, const struct message *message, int64_t now);

/* As delivery sees it. */
struct seat peer_seat(const struct peer *peer);
/* An error of this hub's own to it; in_reply_to.len 0: to nothing. */
void peer_answer(struct hub *hub, const struct peer *peer, const struct refusal *refusal,
                 struct slice in_reply_to, int64_t now);
/* The same, and it is counted: something of its was refused. */
void peer_refuse(struct hub *hub, const struct peer *peer, const struct refusal *refusal,
                 struct slice in_reply_to, int64_t now);
/* A line of it is no message, or not its to send: it is told, and closed at the BAD_LINES_MAX-th in
 * a row. */
void peer_bad_line(struct hub *hub, struct peer *peer, struct refusal *refusal,
                   struct slice in_reply_to, int64_t now);
/* It left, and that is applied: closed, and forgotten. */
void peer_left(struct hub *hub, peer_id id);
/* Its connection is no more: the hub forgets it, and its room hears of it. */
void peer_leave(struct hub *hub, struct peer *peer, enum close_reason reason, int64_t now);
/* Tells it why, closes it, and lets it leave. */
void peer_expel(struct hub *hub, struct peer *peer, enum close_reason reason,
                const struct refusal *refusal, int64_t now);

#endif
