/* Who is in a room: members, their seats, their capabilities. A member is an AI as its room knows
 * it, and outlives its connections. Texts are owned copies. */
#ifndef KHUB_CORE_MEMBERS_H
#define KHUB_CORE_MEMBERS_H

#include "core/changes.h"
#include "core/effect.h"
#include "core/holdings.h"
#include "core/index.h"
#include "core/reach.h"
#include "core/receipts.h"
#include "core/sent.h"
#include "wire/json.h"
#include "wire/text.h"
#include <sys/queue.h>

struct room;

/* A capability that somebody in the room has or had; shared by all who name it. */
struct capability {
    struct slice key;
    size_t users;
    uint64_t mark; /* room->mark of the last search that marked it */
    TAILQ_ENTRY(capability) next;
};
TAILQ_HEAD(capability_list, capability);

struct member {
    struct slice key;   /* ai_id */
    struct slice owner; /* the token's name; len 0: it showed none, and is its own. member_owner */
    peer_id peer;       /* 0: not connected: gone, or, if it stays, away */
    unsigned stays_s;   /* for so long it is away when its connection ends, and not gone; 0: gone */
    int level;          /* 1 or 2 */
    bool observer, ready, acks;
    bool admin;       /* by the token that it showed last */
    peer_id expelled; /* the last connection that an admin took from it; 0: none did */
    enum sees sees;   /* of an observer; as the token that it showed last says */
    struct slice specialization;
    struct capability **capabilities;
    size_t capability_count;
    int64_t joined_ms, left_ms; /* unix time; left: its connection ended */
    int64_t spoke_ms; /* unix time of its last message but hellos; 0: it has said nothing */
    int64_t heard;    /* hub clock at which that was */
    size_t sessions;  /* active ones it takes part in */
    char resume_token[33];
    struct holding *holding; /* of its owner; NULL: it owns itself */
    uint64_t order;          /* of its joining, or leaving */
    uint64_t cursor;    /* the seq up to which it said to have read; at first that of its joining */
    struct reach reach; /* what it was given, and said to have read */
    struct receipts *receipts; /* NULL: none */
    struct sent_list sent;     /* what it said, the oldest first */
    size_t sent_count;
    struct change change;
    TAILQ_ENTRY(member) next;      /* in room->away or room->departed while not connected */
    struct lookalikes *lookalikes; /* those whose names look like its own, while it has not gone */
    TAILQ_ENTRY(member) alike;     /* among them */
};
TAILQ_HEAD(member_list, member);

/* It stays, and is between its connections. */
static inline bool member_is_away(const struct member *member)
{
    return !member->peer && member->stays_s;
}
/* Connected or away: its id is its own, and what it has under way goes on. */
static inline bool member_is_here(const struct member *member)
{
    return member->peer || member->stays_s;
}
/* What a person says of itself when it joins; khub chat does. */
static inline bool member_is_person(const struct member *member)
{
    return slice_is(member->specialization, "person");
}

void members_free(struct room *room);
/* The room's own, connected or not; NULL when it was never seen, or is forgotten. */
struct member *member_find(const struct room *room, struct slice ai_id);
/* The same for a target, of which the next mostly is the last again. */
struct member *member_addressed(struct room *room, struct slice ai_id);
/* Finds or makes the member and seats it on the connection. What of it holds until it goes (since
 * when it is here, its resume_token) is as it was if it was away. */
struct member *member_join(struct room *room, peer_id peer, struct slice ai_id, int64_t now);
/* Whose it is: AIs of one owner speak with one voice. The name of the token that it showed last;
 * on a hub without tokens its own id. */
struct slice member_owner(const struct member *member);
/* owner.len 0: its own. */
void member_set_owner(struct room *room, struct member *member, struct slice owner);
/* Does it observe, and is it shown what was said by or to some, of whom these are the names? */
bool member_oversees(const struct room *room, const struct member *observer,
                     const struct slice *names, size_t count);
/* The ids of the AIs of its owner, each with a line end, which no id can hold; at most OWN_IDS_MAX
 * of them. Owned. */
struct slice member_own_ids(const struct room *room, const struct member *observer);
/* What is kept of it is not what it was. */
void member_changed(struct room *room, struct member *member);
/* A message of its own was accepted. */
void member_spoke(struct room *room, struct member *member, int64_t time_ms);
/* It has read that far; a cursor never goes back. */
void member_read(struct room *room, struct member *member, uint64_t seq);
/* For load.c: gives it its place behind all that are there. */
void member_restore(struct room *room, struct member *member);
/* Who sits on this connection, or NULL. */
struct member *member_seated(const struct room *room, peer_id peer);
/* Of an array that hello_check has seen, or another kind of value: none. */
void member_set_capabilities(struct room *room, struct member *member, struct json_value array);
/* Of a connected member. */
void member_set_level(struct room *room, struct member *member, int level, bool observer);
/* Takes the member from its seat: it is away if it stays, else gone. */
void member_depart(struct room *room, struct member *member, int64_t now);
/* It stays no longer: who is away is gone. */
void member_stay_no_more(struct room *room, struct member *member);
/* The same for all who are there: a hub begins, and its connections have ids anew. */
void members_depart(struct room *room, int64_t now);
/* Forgets those longest gone when too many are remembered. Only at the end of an entry: they may
 * be somebody's target. */
void departed_trim(struct room *room);
/* Writes ["…",…]; returns how many. */
size_t member_capability_text(const struct member *member, struct text *text);
/* Hub clock at which the AI was last heard of, as far as this hub knows. INT64_MIN: never. For
 * admit: apply has no clock. */
int64_t member_heard(const struct room *room, struct slice ai_id);
/* The AI's contribution_score. */
uint64_t member_contribution(const struct room *room, struct slice ai_id);
/* Marks the room's capabilities that contain the text (ASCII case aside). */
void capability_mark_containing(struct room *room, struct slice text);
/* Has it one of those? */
bool member_has_marked(const struct room *room, const struct member *member);
/* At most NEAREST_MAX connected ids that resemble a name; writes "…, did you mean "a", "b"?" or
 * "". */
void member_nearest(const struct room *room, struct slice name, char *buffer, size_t size);

#endif
