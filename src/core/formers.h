/* Former revisions of entries: what an entry said before its contributor shared it again.
 *
 * Of each the newest FORMERS_EACH_MAX are kept, and FORMERS_BYTES_EACH_MAX bytes of them (but one
 * in any case); in a room as many bytes as it knows otherwise, at the most FORMERS_BYTES_MAX. Those
 * replaced longest ago make way. */
#ifndef KHUB_CORE_FORMERS_H
#define KHUB_CORE_FORMERS_H

#include <stdint.h>

#include "core/changes.h"

struct knowledge;
struct knowledge_entry;

struct former {
    struct slice key; /* of its row: the place of the change that replaced it, in 20 digits */
    struct knowledge_entry *entry;
    uint64_t revision;
    uint64_t seq;        /* at which it was shared; 0: nobody knows any more */
    int64_t replaced_ms; /* unix time */
    struct slice body, timestamp;
    struct change change;
    TAILQ_ENTRY(former) of_entry, of_room;
};
TAILQ_HEAD(former_list, former); /* the oldest first */

#define FORMER_KEY_BYTES 20u

/* Keeps what the entry says now, which is about to be replaced by the change of that order; takes
 * its body and timestamp over. */
void former_keep(struct knowledge *knowledge, struct knowledge_entry *entry, uint64_t order,
                 int64_t now);
/* Those that are too many, or too much beside what is known, go. */
void formers_bound(struct knowledge *knowledge, struct knowledge_entry *entry);
/* For load.c: one that was kept. False, and nothing is taken over, when the key is none. */
bool former_restore(struct knowledge *knowledge, struct knowledge_entry *entry,
                    const struct former *former);
/* One goes. */
void former_drop(struct knowledge *knowledge, struct former *former);
/* All of an entry go. */
void formers_drop(struct knowledge *knowledge, struct knowledge_entry *entry);
/* What it counts for. */
size_t former_cost(const struct former *former);
/* Of an entry that is freed. */
void formers_free(struct knowledge_entry *entry);

#endif
