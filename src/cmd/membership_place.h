/* Where memberships (membership.h) are kept: .khub/NAME.json in the nearest directory, from here
 * upwards, that has a .khub or a .git; else in this one. Of a room other than main it is
 * NAME@ROOM.json. So all who work in a project find the same, wherever in it they stand.
 *
 * Beside the file lie two locks. Who is at the hub in a member's name holds the `turn`, for as long
 * as that takes; but not who only waits there, who holds `wait` (take-over at the hub tells it that
 * somebody takes a turn). A process that is killed holds none. */
#ifndef KHUB_CMD_MEMBERSHIP_PLACE_H
#define KHUB_CMD_MEMBERSHIP_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct membership_choice {
    const char *state, *as, *room; /* --state, --as, --room; NULL: not said */
};

struct place {
    char path[PATH_MAX];
    int turn, wait; /* descriptors of the locks; -1: not held */
};

/* The nearest directory, from here upwards, that has a .khub or a .git; else this one. 0, or an
 * exit code after a sentence. */
int place_project(const char *command, char ret_project[PATH_MAX]);
/* Which membership is meant: the file of --state, else the only one here of that name and room.
 * 0, or an exit code after a sentence. */
int place_choose(const char *command, const struct membership_choice *choice,
                 struct place *ret_place);
/* Where a new one goes; its directory is made. 0, or an exit code after a sentence. */
int place_make(const char *command, const struct membership_choice *choice,
               struct place *ret_place);
/* The only name here, of that room if one was said, into a buffer of WIRE_ID_MAX + 1 bytes; "" when
 * there is none. 0, or an exit code after a sentence: there are several. */
int place_only_name(const char *command, const char *room, char *ret_name);

/* Takes the turn, or waits for it until then (monotonic ms). 0, or an exit code after a sentence,
 * but for that time that is up: then -1 and no word. */
int place_take_turn(const char *command, struct place *place, int64_t until);
void place_end_turn(struct place *place);
/* Takes the wait at once. The same, with a sentence if another process has it. */
int place_take_wait(const char *command, struct place *place);
/* Ends both. */
void place_leave(struct place *place);
/* What lies beside a membership's file: its path and this. Returns path. */
const char *beside_path(const char *membership, const char *ending, char path[PATH_MAX]);
/* Removes the file and all beside it; its locks are held. 0, or -1 with errno. */
int place_remove(struct place *place);

#endif
