/* An effect: one line that an entry causes, and who should have it.
 *
 * Effects of an entry are numbered; with the same entries before it, an entry has the same effects
 * everywhere and always. So who was away can have them later: room, seq and number name one. The
 * edge fans an effect out to those who are connected now (`seats`), and may keep it for those who
 * are not (`audience`). */
#ifndef KHUB_CORE_EFFECT_H
#define KHUB_CORE_EFFECT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/bounds.h"
#include "core/entry.h"

struct member;

/* A connected member as delivery sees it: side by side in memory, in the order of joining. */
struct seat {
    peer_id peer;
    struct member *member; /* NULL: a connection that has not joined */
    int level;
    bool observer;
};

/* Where a line is from, which says how it is kept for those who are away. */
enum line_origin {
    LINE_MADE,   /* the hub made it for this entry: as it is */
    LINE_OWN,    /* it is the entry's own, less its last brace: the entry has it */
    LINE_PASSING /* the hub made it for this moment: nobody wants it later */
};

enum audience {
    AUDIENCE_ROOM,      /* all who are there, but `but` */
    AUDIENCE_MEMBERS,   /* those named; when `observed`, observers as well, as far as they see it */
    AUDIENCE_CONNECTION /* who spoke, or lost its id: nobody else, and never later */
};

/* How much an observer sees of what is said to some alone. X(NAME, text in a hello) */
#define SEES(X)                                                                                    \
    X(ALL, "all")       /* all of it */                                                            \
    X(OWN, "own")       /* what is from or to AIs of its owner */                                  \
    X(PUBLIC, "public") /* nothing */

enum sees {
#define X(name, text) SEES_##name,
    SEES(X)
#undef X
        SEES_COUNT
};
/* Static storage, as in the table. */
const char *sees_text(enum sees sees);

/* The one rule, for what is delivered and for all that is asked for later: is an observer shown
 * what was said to some? own: one of them, or who said it, is its owner's. */
static inline bool observer_is_shown(enum sees sees, bool own)
{
    return sees == SEES_ALL || (sees == SEES_OWN && own);
}

struct effect {
    struct slice room;
    uint64_t seq;    /* of the entry; of an answer: the last that the room had */
    uint32_t number; /* within the entry, from 1; 0: an answer that no entry caused */

    enum audience audience;
    const struct slice *names; /* ids, at most PARTICIPANTS_MAX */
    size_t name_count;
    bool observed;
    struct slice but; /* an id; len 0: nobody */

    enum line_origin origin;
    int level;         /* only those of this level or above receive it */
    struct slice line; /* a JSON object without its last brace; see effect_parts */

    uint32_t stream; /* the room's number: its levels' out-streams are 2 × that, and + 1 */
    const struct seat *seats; /* all who are connected and should have it, their levels aside, */
    size_t seat_count;
    const struct member *skipped; /* and this one among them not (NULL: nobody) */
};

#define EFFECT_TAIL_SIZE 32
#define EFFECT_PARTS     2
/* The line as that level (1 or 2) reads it, line end included, in two parts of which the second
 * lies in `tail`: level 2 reads ,"seq":N before the last brace. */
void effect_parts(const struct effect *effect, int level, char tail[EFFECT_TAIL_SIZE],
                  struct slice ret_parts[EFFECT_PARTS]);

#endif
