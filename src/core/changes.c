#include "core/changes.h"

#include <assert.h>
#include <stdlib.h>

#include "core/memory.h"

const char *row_kind_text(enum row_kind kind)
{
    static const char *const texts[] = {
#define X(name, text) text,
        ROW_KINDS(X)
#undef X
    };
    assert((unsigned)kind < ROW_KIND_COUNT);
    return texts[kind];
}

void changes_init(struct changes *changes)
{
    *changes = (struct changes){.order = 0};
    TAILQ_INIT(&changes->list);
}

void change_free(struct change *change)
{
    slice_free(&change->key);
    free(change);
}

struct change *changes_take(struct changes *changes)
{
    struct change *first = TAILQ_FIRST(&changes->list);
    if (first) {
        assert(first->listed && changes->count > 0);
        TAILQ_REMOVE(&changes->list, first, next);
        first->listed = first->fresh = false;
        changes->count--;
    }
    return first;
}

void changes_free(struct changes *changes)
{
    struct change *change;
    while ((change = changes_take(changes)))
        if (!change->of)
            change_free(change);
}

void change_mark(struct changes *changes, struct change *change, const void *of, enum row_kind kind)
{
    if (!changes->kept || change->listed)
        return;
    change->of = of;
    change->kind = kind;
    change->listed = true;
    TAILQ_INSERT_TAIL(&changes->list, change, next);
    changes->count++;
}

void change_gone(struct changes *changes, struct change *change, enum row_kind kind,
                 struct slice key)
{
    if (!changes->kept)
        return;
    if (change->listed) {
        assert(changes->count > 0);
        TAILQ_REMOVE(&changes->list, change, next);
        changes->count--;
    }
    change->listed = false;
    if (change->fresh)
        return;
    struct change *gone = memory_new(sizeof *gone);
    gone->kind = kind;
    gone->key = slice_copy(key);
    gone->listed = true;
    TAILQ_INSERT_TAIL(&changes->list, gone, next);
    changes->count++;
}
