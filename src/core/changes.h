/* What changed in a room's rows since somebody asked, and the order in which things happened there.
 *
 * Everything that is a row of its own has a struct change in it. Marking one costs a few
 * instructions, and nothing at all while nobody asks for changes. */
#ifndef KHUB_CORE_CHANGES_H
#define KHUB_CORE_CHANGES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/row.h"

struct change {
    const void *of; /* the object; NULL: its row is gone */
    enum row_kind kind;
    bool listed;
    bool fresh;       /* it has no row yet: when it goes, none has to (change_fresh) */
    struct slice key; /* owned, of a row that is gone */
    TAILQ_ENTRY(change) next;
};
TAILQ_HEAD(change_list, change);

struct changes {
    uint64_t order; /* the last place given in any of the room's lists */
    bool kept;
    size_t count;
    struct change_list list; /* the first changed first */
};

/* Nothing is kept yet. */
void changes_init(struct changes *changes);
void changes_free(struct changes *changes);
/* The object that has this change in it is new, or not what it was. */
void change_mark(struct changes *changes, struct change *change, const void *of,
                 enum row_kind kind);
/* The object is new, and no row has its key. Of what mostly goes before anybody asks for changes it
 * is worth to be said; without it nothing is lost but time. */
static inline void change_fresh(struct change *change)
{
    change->fresh = true;
}
/* The object is about to be freed; its row is gone. */
void change_gone(struct changes *changes, struct change *change, enum row_kind kind,
                 struct slice key);
/* Takes the first from the list; NULL when there is none. One whose row is gone is the caller's
 * to free. */
struct change *changes_take(struct changes *changes);
void change_free(struct change *change);

#endif
