/* A room: the unit of registry, knowledge, sessions, order and log. Rooms share nothing. */
#ifndef KHUB_CORE_ROOM_H
#define KHUB_CORE_ROOM_H

#include "core/approvals.h"
#include "core/chains.h"
#include "core/hub.h"
#include "core/id_hash.h"
#include "core/knowledge.h"
#include "core/leases.h"
#include "core/letters.h"
#include "core/members.h"
#include "core/moderation.h"
#include "core/outlines.h"
#include "core/principals.h"
#include "core/replies.h"
#include "core/said.h"
#include "core/sessions.h"
#include "core/tasks.h"
#include "core/touches.h"

/* What apply reads of a hub's configuration; it comes in with ENTRY_START (limits.c). */
struct room_limits {
    size_t line_max, sync_limit, knowledge_max, output_max; /* bytes */
    double rate;                                            /* messages a second; 0: none */
    int64_t heartbeat_ms;
    uint64_t chain_max; /* replies in a row; 0: any number */
    int64_t epoch_ms;   /* 0: none, as before there were any */
    bool keeps;         /* who missed something gets it when it resumes */
};

/* What has to be walked to be counted: so it was at that seq, and is until the next. */
struct tally {
    uint64_t seq;
    size_t tasks[TASK_STATUS_COUNT];
    size_t dead_letters;
};

struct room {
    struct slice key; /* its name */
    struct hub *hub;
    uint32_t number; /* streams 2 × number and 2 × number + 1 are its levels' */
    struct log log;
    size_t under_way;          /* entries proposed and not yet committed, */
    size_t messages_under_way; /* and messages of these */
    int64_t loop_told;         /* hub clock at which its admins were last told of a loop */
    size_t guests;             /* peers who are no members (peer_receive) */
    struct spending spending;  /* of all who are there, under the hub's limits: admit's */
    uint64_t last_seq;         /* of the last entry applied */
    uint64_t told_seq;         /* of the last applied that was more than a cursor; 0: nothing yet */
    struct awaited_list awaited; /* in the order of their seqs */
    size_t awaited_count;
    struct letters letters; /* what was not taken */
    struct chains chains;   /* of replies */
    int64_t day;            /* as of a holding: in which something was said last, */
    uint64_t said;          /* and how much of that was accepted in it */
    struct room_limits limits;
    bool started; /* by this hub, and that is applied: who sits there is connected to it */
    struct changes changes, wordings;

    struct index members;
    struct member *addressed; /* the last of them that was looked for as a target; NULL: none */
    struct index lookalikes;  /* of connected members (names.h) */
    struct index holdings;    /* of owners with a token */
    struct holding_list holdings_idle;
    struct member_list departed; /* the longest gone first */
    size_t departed_count;
    struct member_list away; /* the longest away first */
    size_t away_count;
    struct seat *seats;
    size_t seat_count, seat_capacity, observer_count;
    struct receipts_list receipts, receipts_extra;
    size_t receipt_count;              /* of all members */
    uint8_t ids_key[ID_HASH_KEY_SIZE]; /* of this hub's; nobody can make message_ids for it */
    struct text listed;  /* active_ais of a sync, as far as the first listed_seats go */
    size_t listed_seats; /* 0: anew */
    struct index capabilities;
    struct capability_list capability_list;
    uint64_t mark;

    struct knowledge knowledge;

    struct index sessions;
    struct session_list live, ended;
    size_t live_count, ended_count;
    size_t workspace_bytes; /* of all sessions */

    struct artifact_list artifacts; /* of all sessions, the first offered first */
    size_t artifact_count;
    uint64_t artifact_bytes; /* that are there, or to come */

    struct index leases;
    struct lease_list leases_open; /* the same, the oldest first */

    struct approvals approvals;
    struct tasks tasks;

    struct index touches;
    struct touch_list touches_open; /* the same, as they were said last */

    struct outlines outlines; /* of messages that are under way */

    struct said_list messages; /* which entries are */
    struct sents sents;        /* those that may be asked for */

    struct index bans;
    struct ruling read_only; /* by.len 0: whoever is there may write */

    struct tally tally; /* no state: made from it when it is asked for */
};

/* NULL when there is none. */
struct room *room_find(const struct hub *hub, struct slice name);
/* A room with its log, of which nothing has happened yet, over any limit: for entries and rows that
 * were kept. */
struct room *room_new(struct hub *hub, struct slice name);
void room_free(struct room *room);
/* Can there be one more room, if need be in the place of one that nobody needs? */
bool rooms_have_place(const struct hub *hub);
/* That room, started: rooms_have_place, and none has this name. */
struct room *room_open(struct hub *hub, struct slice name, int64_t now);
/* This hub begins to serve it. */
void room_start(struct room *room, int64_t now);
/* Does this hub's start of it still wait to be applied? Until then its seats are those of an
 * earlier hub's connections, whose ids connections of this one may have. */
bool room_starting(const struct room *room);
/* Hands a message to the room's log; -1 when that can't keep it now. */
int room_propose(struct room *room, struct entry *entry);
/* Hands in what has happened, which no log refuses. */
void room_happened(struct room *room, struct entry *entry);

/* A message was accepted; in this day so many were. */
void room_count(struct room *room, int64_t time_ms);
uint64_t room_said(const struct room *room, int64_t day);

/* Proposes to end the seals of claims that too few have measured in time (seals.c). */
void seals_tick(struct room *room, int64_t now);
/* Returns in how many ms the next epoch ends, if that is less than `most`; else that. */
int64_t epochs_tick(struct room *room, int64_t now, int64_t most);

/* What apply reads of the configuration, and its JSON. */
struct room_limits limits_of(const struct hub_config *config);
void limits_write(const struct room_limits *limits, struct text *text);
/* False, and nothing changed, when the bytes are not what limits_write wrote. */
bool limits_read(struct slice bytes, struct room_limits *ret_limits);

#endif
