/* Who did what with which token, in audit.db: an SQLite file beside a hub's, to which rows are
 * added and in which none is changed.
 *
 * A hub's loop notes; a thread of its own writes, some notes in one transaction and no transaction
 * sooner than AUDIT_PACE_MS after the last. So what a power failure takes is the last of it, and
 * nobody waits for the disk. What anybody can cause (an access) is kept for the last
 * AUDIT_ACCESSES_KEPT rows of it; what somebody did with an admin's right (an act) for good. */
#ifndef KHUB_AUTH_AUDIT_H
#define KHUB_AUTH_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/bounds.h"
#include "wire/slice.h"

#define AUDIT_WHY_SIZE 512u

/* One row. Texts are the caller's; one that is not known is empty. */
struct audit_note {
    int64_t time_ms;  /* unix time */
    const char *what; /* a word or two: "login", "refused", "kicked" */
    bool act;         /* see above */
    struct slice token, ai_id, room;
    struct slice from;   /* an address, or "user NAME" of this machine */
    struct slice detail; /* a sentence, or what was done to whom */
    uint64_t times;      /* how often, in the minute that began then; 0 is 1 */
};

struct audit;

/* Starts the thread, which opens or makes the file when there is something to write. 0, or -1 with
 * errno: there is no thread. */
int audit_open(const char *directory, struct audit **ret_audit);
/* Copies a note, for the thread to write. Never waits. When too many wait already (acts have room
 * of their own), it is dropped and counted, and a row says so. NULL is fine: nothing is kept. */
void audit_note(struct audit *audit, const struct audit_note *note);
/* The same, for what a flood may cause: one row for all that is alike in everything but its time
 * and comes within a minute, written when that is over (audit_turn). When too many are unlike,
 * those beyond are one row, without token, id, room and address. */
void audit_count(struct audit *audit, const struct audit_note *note);
/* Acts that a hub's log tells of, and a crash may have kept from the audit: those that the
 * directory's audit has no row of are noted, each as often as it lacks it. Of who did them from
 * where nothing need be known. Nothing may wait to be written. *ret_noted: how many were. 0, or -1
 * with a sentence when the audit can't be read: then none is noted. */
int audit_make_up(struct audit *audit, const char *directory, const struct audit_note *acts,
                  size_t count, size_t *ret_noted, char ret_why[AUDIT_WHY_SIZE]);
/* Does an act wait to be written, which it can be soon? */
bool audit_owes(struct audit *audit);
/* Once a second or so: notes what was counted, if its minute is over. */
void audit_turn(struct audit *audit, int64_t now);
/* NULL; or why nothing can be written just now, a sentence good until the next call. What waits is
 * tried again. */
const char *audit_failure(struct audit *audit);
/* Writes what waits, and what was counted, and ends the thread. 0, or -1 when that could not be
 * written. NULL is fine. */
int audit_close(struct audit *audit);

/* ── for who reads it ── */

struct audit_filter {
    int64_t since_ms, until_ms; /* from the first up to the other, which is in it */
    const char *token, *ai_id;  /* of that one alone; NULL: of all */
};
bool audit_filter_takes(const struct audit_filter *filter, const struct audit_note *note);
/* Hands out the rows of a directory that pass, in the order of their writing; texts are good during
 * the call. 0, also when there is no file; or -1 with a sentence. */
int audit_each(const char *directory, const struct audit_filter *filter,
               void (*each)(void *ctx, const struct audit_note *note), void *ctx,
               char ret_why[AUDIT_WHY_SIZE]);

#endif
