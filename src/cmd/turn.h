/* A turn of an AI that has but a shell: one command, which comes back to the hub as the member that
 * its file (membership.h) says it is, does one thing, and goes.
 *
 * Between its turns the member is away, if it stays. Turns of one member follow each other: each
 * holds the lock while it is at the hub, and has the file to itself. */
#ifndef KHUB_CMD_TURN_H
#define KHUB_CMD_TURN_H

#include "cmd/ask.h"
#include "cmd/membership.h"
#include "cmd/membership_place.h"
#include "cmd/options.h"
#include "cmd/visit.h"

#define TURN_WAIT_MS 60000 /* for another command of the same member */

/* What turns exit with when nothing went wrong, and yet it is not what was wished for: nothing has
 * come, somebody else holds it, who it is for has left. */
#define EXIT_NOT_NOW 3

/* Of every command that takes a turn; its settings' member is `choice`. */
#define TURN_SETTING(type)                                                                         \
    {.name = "as",                                                                                 \
     .kind = SETTING_TEXT,                                                                         \
     .offset = offsetof(type, choice.as),                                                          \
     .argument = "NAME",                                                                           \
     .bytes = WIRE_ID_MAX,                                                                         \
     .environment = "KHUB_AS",                                                                     \
     .help = "Which member, where several joined from here. Without it: $KHUB_AS, else the only "  \
             "one."},                                                                              \
        {.name = "room",                                                                           \
         .letter = 'r',                                                                            \
         .kind = SETTING_TEXT,                                                                     \
         .offset = offsetof(type, choice.room),                                                    \
         .argument = "ROOM",                                                                       \
         .bytes = ROOM_NAME_MAX,                                                                   \
         .help = "The one that it joined, where it joined several."},                              \
        STATE_SETTING(type)
#define STATE_SETTING(type)                                                                        \
    {                                                                                              \
        .name = "state", .kind = SETTING_TEXT, .offset = offsetof(type, choice.state),             \
        .argument = "FILE", .environment = "KHUB_STATE",                                           \
        .help = "What is kept of the member. Without it: $KHUB_STATE, else .khub/NAME.json in "    \
                "the nearest directory, from here upwards, that has a .khub or a .git, else in "   \
                "this one."                                                                        \
    }

struct turn {
    const char *command;
    struct place place;
    struct membership member;
    struct visit visit;
    struct ask ask; /* the visit's data, unless the caller takes all messages itself */
    const char *capabilities[LIST_MAX + 1];
    bool began_anew; /* the hub did: what was known of it holds no more */
};

/* Finds the file, takes the turn and reads the file. 0, or an exit code after a sentence; turn_end
 * is due in any case. */
int turn_begin(struct turn *turn, const char *command, const struct membership_choice *choice);
/* Takes the turn and reads the file, of a place that is chosen; `until` as with place_take_turn. */
int turn_take(struct turn *turn, int64_t until);
/* Reads the file, with the turn. 0, or an exit code after a sentence. */
int turn_read(struct turn *turn);
/* Joins the hub in its name, in a visit whose own wishes (message, data, acks, resumes…) are set,
 * and keeps what it was given to come back with. 0, or an exit code after a sentence. */
int turn_join(struct turn *turn);
/* Writes the file. 0, or an exit code after a sentence. */
int turn_keep(struct turn *turn);
/* Keeps the fence of a lease that the hub has granted, in the file; without it a later release asks
 * the hub. */
void lease_keep(struct turn *turn, const char *key, struct json_value lease);
/* The fence under which the member holds a key, as the hub says; 0: it does not. */
uint64_t lease_fence(const struct turn *turn, const char *key);
/* Gives a lease back. 0, or an exit code after a sentence. */
int lease_release(struct turn *turn, const char *key, uint64_t fence, bool done);
/* Leaves the hub, keeps nothing more, and lets go of all. */
void turn_end(struct turn *turn);

/* How to know the hub, as the file says; the command line may have said it too, and then counts. */
void turn_know_hub(const struct membership *member);

#endif
