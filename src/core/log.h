/* The log in the middle: it gives a room's entries their places.
 *
 * The hub proposes an entry and goes on; the log commits it, now or later, and hands it back with
 * its seq. Makers differ in when and where: log/memory.h does so at once; a store on disk, or a
 * replicated log, takes its time. */
#ifndef KHUB_CORE_LOG_H
#define KHUB_CORE_LOG_H

#include "core/entry.h"

/* Where committed entries go. The log calls it once for each entry, in the order of their seqs,
 * within propose or at any later time outside of a call of the hub. */
struct commit {
    void (*apply)(void *ctx, const struct entry *entry);
    void *ctx;
    uint64_t after; /* seqs of a new log begin above this one */
    /* An ENTRY_MESSAGE that was taken, and then could not be kept after all: it is never
     * committed. Neither is one that the same peer proposed behind it before this was called: each
     * of them is lost as well. */
    void (*lose)(void *ctx, const struct entry *entry);
};

/* A log's face. Every function gets `state`. */
struct log {
    void *state;
    /* Takes the entry, sets its seq, and copies what it needs beyond the call. 0, or -1 when it
     * can't be kept now: then it has no seq and is never committed. Only an ENTRY_MESSAGE may be
     * refused; what happened without anybody asking has happened. */
    int (*propose)(void *state, struct entry *entry);
    /* Entries that were proposed and not committed are forgotten. */
    void (*free)(void *state);
    /* The room is no more: frees, and lets its entries go. Nothing is under way. A room of that
     * name that comes later, be it with another hub on the same disk, has a log of its own, whose
     * seqs begin above those of this one: secrets are made from them. */
    void (*forget)(void *state);
};

#endif
