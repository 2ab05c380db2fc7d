/* An entry: one thing that happened in a room, at its place in the room's order.
 *
 * What a hub does is a function of its rooms' entries alone: same entries, same state, same
 * effects. */
#ifndef KHUB_CORE_ENTRY_H
#define KHUB_CORE_ENTRY_H

#include <stdint.h>

#include "wire/slice.h"

/* A peer is who is at the other end of one of the hub's connections. The edge names it, and the
 * connection with it: generation << 32 | index. 0 is nobody. */
typedef uint64_t peer_id;

enum entry_kind {
    /* A hub began to serve this room, under these limits: bytes are a JSON object (limits_write).
     * None of the connections that its earlier entries speak of is there any more. */
    ENTRY_START,
    ENTRY_MESSAGE,      /* bytes: an admitted line, without secrets; peer: who said it */
    ENTRY_LEAVE,        /* bytes: the reason; peer: the connection that went */
    ENTRY_EXPIRE,       /* bytes: the session_id of a pending session that found no taker */
    ENTRY_ABANDON,      /* bytes: the session_id of an active session, of which nobody was heard */
    ENTRY_CURSOR,       /* bytes: a seq in digits, up to which the AI on the connection has read */
    ENTRY_LEASE_END,    /* bytes: which lease, whose holder was silent for too long (leases.h) */
    ENTRY_OVERDUE,      /* bytes: the seq, in digits, of a message that found no reply in time */
    ENTRY_UNSEAL,       /* bytes: the commitment_id of claims that too few have measured in time */
    ENTRY_STAY_END,     /* bytes: which member that was away has been so for too long (stays.h) */
    ENTRY_APPROVAL_END, /* bytes: the id of a question that no person answered in time */
    ENTRY_TOUCH_END,    /* bytes: which touch was not said again for its time (touches.h) */
    ENTRY_EPOCH_END,    /* bytes: of which subject nobody enters the epoch any more (epochs.c) */
    ENTRY_KIND_COUNT
};

struct entry {
    uint64_t seq;    /* its place, from 1, rising, never used twice; 0 until the log sets it */
    int64_t time_ms; /* unix time at which the edge saw it */
    peer_id peer;
    /* Of a hello that showed a resume_token: the connection that held the id when the token was
     * found to be right; its own, when none did since the member was away. The token itself is in
     * no entry. 0: none was shown. */
    peer_id takes_over;
    enum entry_kind kind;
    struct slice bytes;
    /* Of an artifact_chunk on its way to the log: what it brings. It is kept with the entry, under
     * its seq, until the hub lets it go (hub_edge.drop_chunks), and is not handed back: nothing
     * depends on it. Else len 0. */
    struct slice blob;
};

#endif
