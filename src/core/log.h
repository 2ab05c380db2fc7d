/* The order of a room: entries, and the log that gives them their places.
 *
 * What the hub does is a function of its entries alone. A log takes an entry, gives it the next seq and keeps it; makers
 * differ in where (memory here; a store on disk; a replicated log). Same entries, same state, same effects. */
#ifndef KHUB_CORE_LOG_H
#define KHUB_CORE_LOG_H

#include <stdint.h>

#include "wire/slice.h"

typedef uint64_t
    peer_id; /* a connection, named by the edge: generation << 32 | index; 0 is nobody */

enum entry_kind {
    ENTRY_MESSAGE, /* bytes: the accepted line; peer: the connection it came in on */
    ENTRY_LEAVE,   /* bytes: the reason; peer: the connection that went */
    ENTRY_EXPIRE /* bytes: the session_id of a session that is due (no taker, or nobody heard of) */
};

struct entry {
    uint64_t seq;    /* its place, from 1, rising, never used twice; the log sets it */
    int64_t time_ms; /* unix time at which the edge saw it */
    peer_id peer;
    enum entry_kind kind;
    struct slice bytes;
};

/* A log's face. Every function gets `state`. */
struct log {
    void *state;
    /* Gives the entry its place and keeps a copy. 0 and entry->seq set, or -1 when it can't be kept. */
    int (*append)(void *state, struct entry *entry);
    /* Everything up to this seq is committed: its effects may leave the hub. */
    uint64_t (*committed)(void *state);
    /* The first seq still kept, 0 when none is. */
    uint64_t (*first)(void *state);
    /* Calls each(ctx, entry) for the kept entries after `after`, in order, until one returns non-zero, which is returned. */
    int (*read)(void *state, uint64_t after, int (*each)(void *ctx, const struct entry *entry),
                void *ctx);
    void (*free)(void *state);
};

/* Keeps the last `entries_max` entries in at most `bytes_max` bytes of memory (the seed's message_history). */
struct log log_memory(size_t entries_max, size_t bytes_max);

#endif
