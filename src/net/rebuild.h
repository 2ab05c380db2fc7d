/* A hub made again from what a store kept. */
#ifndef KHUB_NET_REBUILD_H
#define KHUB_NET_REBUILD_H

#include "core/hub.h"
#include "store/search.h"
#include "store/store.h"

/* Loads the rows and applies the entries after them. 0, with the number of entries applied; or -1
 * with a sentence, and the hub is then fit for hub_free alone. */
int rebuild(struct hub *hub, struct store *store, uint64_t *ret_entries, char why[STORE_WHY_SIZE]);

/* Who hears of what a room's last entries caused. */
struct tail_hearer {
    void *ctx;
    /* A line that an observer might have seen, and when its entry came. */
    void (*line)(void *ctx, const struct effect *effect, int64_t time_ms);
    /* A message was taken back, an earlier one of these or one that was kept. */
    void (*retracted)(void *ctx, const struct hub_retraction *retraction);
};
/* Applies the entries since the last checkpoints, and hands out what those of the room caused, in
 * order: a hub that was killed may not have kept the last of that. The store is only read. 0, or -1
 * with a sentence. */
int rebuild_tail(struct store *store, struct slice room, const struct tail_hearer *hearer,
                 char ret_why[STORE_WHY_SIZE]);

/* What rebuild_check learned of a data directory. */
struct rebuild_report {
    struct store_counts kept;
    struct hub_counts hub;       /* of a hub made from it; zero when nothing could be made */
    uint64_t applied;            /* entries that it applied */
    uint64_t left_out;           /* by rebuild_salvage */
    struct search_report search; /* rebuild_check's: the index, which is derived, beside that hub */
    bool unsure;                 /* it can't name all that may be missing */
};
/* Looks whether the data directory, which no hub may have, is whole: every checksum is right and a
 * hub can be made from it, which nobody hears. `damage` hears of each damaged row and entry. 0: it
 * is whole. STORE_DAMAGED: it is not; -1, STORE_HELD: it can't be opened. ret_why says so, or is ""
 * when `damage` heard it all. */
int rebuild_check(const char *directory, const struct store_damage *damage,
                  struct rebuild_report *ret_report, char ret_why[STORE_WHY_SIZE]);
/* Keeps all that is whole of a damaged directory in a new one, from which a hub can be made; the
 * old one stays as it is. `damage` hears of each row and entry that is left out: damaged ones,
 * and those rows that a hub refuses without them (number 0). 0, or -1 with a sentence. */
int rebuild_salvage(const char *directory, const char *into, const struct store_damage *damage,
                    struct rebuild_report *ret_report, char ret_why[STORE_WHY_SIZE]);
/* The same, and what was kept takes the damaged one's place in the directory; that one is called
 * ret_aside then. */
int rebuild_mend(const char *directory, const struct store_damage *damage,
                 struct rebuild_report *ret_report, char ret_aside[STORE_NAME_SIZE],
                 char ret_why[STORE_WHY_SIZE]);

#endif
