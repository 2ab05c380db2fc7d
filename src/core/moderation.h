/* Moderation: what an admin does to a room and to those in it, each an entry like any other.
 *
 * Who is an admin is admit's to know, by the token that a connection showed; admit says so in the
 * hello (secrets.c), so that apply knows it of a member, in a replay as well. No admin is kicked or
 * kept out by another: its token is revoked. */
#ifndef KHUB_CORE_MODERATION_H
#define KHUB_CORE_MODERATION_H

#include "core/changes.h"
#include "core/index.h"
#include "core/ruling.h"
#include "wire/json.h"

struct room;
struct request;
struct member;
struct seat;
struct text;

/* Somebody is kept out of a room. */
struct ban {
    struct slice key; /* "ai_id/" or "owner/", and the name; owned */
    struct ruling ruling;
    int64_t until_ms; /* unix time; 0: for ever */
    struct change change;
};

/* What of a room is an admin's doing, and its end. */
void moderation_free(struct room *room);
/* May this message change the room, or be relayed there? 0 or -code, with request->extra. */
int read_only_check(struct request *request);
void bans_free(struct room *room);
/* May a newcomer of this message's sender and owner come in? 0 or -code, with request->extra. */
int ban_check(struct request *request);
/* Is anybody kept out of it at this time (unix, ms)? */
bool bans_hold(const struct room *room, int64_t now);

/* Whom or what an order is about. */
struct moderated {
    bool is_owner, is_entry; /* else an ai_id */
    struct slice name;       /* len 0: the whole room, but for */
    uint64_t seq;            /* of a message; 0: it is about none */
};

int moderation_check(struct request *request);
void moderation_proceed(struct request *request);
/* Answers a moderation_query. 0, or -code. */
int moderation_answer(struct request *request, const struct seat *to);

/* ── for moderation.c: what is taken back (retraction.c) ── */

/* Is there what an order to retract names, and is it not taken back yet? 0, or -code. */
int retraction_check(const struct request *request, const struct moderated *what);
/* line: what the room is told of it, less its last brace. After all else that is told of it. */
void retraction_proceed(struct request *request, const struct moderated *what, struct slice reason,
                        struct slice line);

/* ── the same: bans (bans.c) ── */

/* In force at that time, or NULL. */
struct ban *ban_find(const struct room *room, const struct moderated *whom, int64_t now);
/* Is there room for one more? */
bool ban_has_place(const struct room *room, const struct moderated *whom, int64_t now);
/* In place of an earlier one. Those whose time is over make place. */
void ban_put(struct request *request, const struct moderated *whom, struct slice reason,
             int64_t until_ms);
void ban_lift(struct room *room, struct ban *ban);
/* {"ai_id":…}, {"owner":…}, {"id":…} or {"seq":…}; null of the whole room. */
void moderated_write(const struct moderated *whom, struct text *text);
/* A time, or null when it is 0. */
void until_write(int64_t until_ms, struct text *text);

/* ── for load.c and recount.c ── */

/* A ban of that key, to be filled; NULL when it is there already, or no ban's. */
struct ban *ban_restore(struct room *room, struct slice key);
bool bans_whole(const struct room *room);

#endif
