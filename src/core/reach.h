/* Reach: what of a room's order a member was given, and what of that it said to have read. Its
 * cursor alone would say too much: who comes back and does not ask for what it missed (`since`) has
 * a gap behind it, whatever it says later.
 *
 *   first            from        given        to               cursor
 *     │               │            │           │                 │
 *   ──┴─── read ──────┴── not ─────┴── missed ─┴───── read ──────┴─── given, not yet read ──▶
 *   before its time     read, to a                 (its connection began at `to`)
 *                       connection
 *                       that is gone
 *
 * One gap is known. When there would be two, the earlier one is forgotten with all before it, or
 * both are one: less may be said to be read than was, never more. */
#ifndef KHUB_CORE_REACH_H
#define KHUB_CORE_REACH_H

#include <stdbool.h>
#include <stdint.h>

struct member;
struct text;

/* All are seqs of the room. */
struct reach {
    uint64_t first;           /* of what was said up to here nothing is known */
    uint64_t from, given, to; /* the gap is behind `from`, up to `to`; both 0: there is none */
    uint64_t left;            /* at which its last connection ended; 0: none did */
    bool again; /* what is in the gap its connection was given, though its cursor was beyond */
};

/* What became of a message of that seq that was for the member as well. */
enum reached {
    REACHED_NOT,   /* it was before its time here, or too long ago */
    REACHED_LATER, /* it was not connected then, */
    REACHED_ONCE,  /* or was, by a connection that has ended; and never said to have read it */
    REACHED_NOW,   /* its connection was given it */
    REACHED_READ   /* it said that it has read it */
};
/* cursor: how far it said to have read, which may be further than is kept of it. */
enum reached reach_find(const struct member *member, uint64_t cursor, uint64_t seq);

/* The member joined by the entry of that seq, and did not ask for what it missed; */
void reach_begin(struct member *member, uint64_t seq);
/* or asked for all behind `since`. */
void reach_resume(struct member *member, uint64_t since);
/* Its connection ended by the entry of that seq. */
void reach_end(struct member *member, uint64_t seq);
/* Its cursor has moved. */
void reach_read(struct member *member);
/* As an array of six numbers. */
void reach_write(const struct reach *reach, struct text *text);
/* For recount.c and load.c: can it be one, in a room that is at that seq? */
bool reach_fits(const struct reach *reach, uint64_t last_seq);

#endif
