/* A room: the unit of registry, knowledge, sessions, order and log. Rooms share nothing. */
#ifndef KHUB_CORE_ROOM_H
#define KHUB_CORE_ROOM_H

#include "core/hub.h"
#include "core/knowledge.h"
#include "core/members.h"
#include "core/sessions.h"

/* What apply reads of a hub's configuration; it comes in with ENTRY_START (limits.c). */
struct room_limits {
    size_t line_max, sync_limit, knowledge_max, output_max; /* bytes */
    double rate;                                            /* messages a second; 0: none */
    int64_t heartbeat_ms;
};

struct room {
    struct slice key; /* its name */
    struct hub *hub;
    uint32_t number; /* streams 2 × number and 2 × number + 1 are its levels' */
    struct log log;
    uint64_t last_seq; /* of the last entry applied */
    struct room_limits limits;
    struct changes changes;

    struct index members;
    struct index lookalikes;     /* of connected members (names.h) */
    struct member_list departed; /* the longest gone first */
    size_t departed_count;
    struct seat *seats;
    size_t seat_count, seat_capacity, observer_count;
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
};

struct room *room_find(const struct hub *hub, struct slice name);
struct room *room_new(struct hub *hub, struct slice name);
void room_free(struct room *room);

struct room_limits limits_of(const struct hub_config *config);
void limits_write(const struct room_limits *limits, struct text *text);
/* False, and nothing changed, when the bytes are not what limits_write wrote. */
bool limits_read(struct slice bytes, struct room_limits *ret_limits);

#endif
