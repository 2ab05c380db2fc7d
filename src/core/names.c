/* Names that pass for others. Two connected members of a room never have ids that a reader takes
 * for one another; who left is not protected: its id itself is anyone's to take. */
#include "core/names.h"

#include <assert.h>
#include <stdlib.h>

#include "core/memory.h"
#include "core/room.h"
#include "wire/confusable.h"
#include "wire/shown.h"

int name_check(struct slice ai_id, struct refusal *ret_refusal)
{
    char buffer[SKELETON_SIZE];
    if (slice_is(ai_id, "hub"))
        return refuse(ret_refusal, WIRE_RESERVED_ID,
                      "sender_id \"hub\" is the hub's own; take another");
    if (slice_hides(ai_id))
        return refuse(ret_refusal, WIRE_BAD_FIELD,
                      "sender_id \"%.*s\" has a character that nobody sees, or that changes how "
                      "others are shown; take an id without",
                      SLICE_FORMAT(ai_id));
    struct slice skeleton = confusable_skeleton(ai_id, buffer);
    if (!skeleton.len)
        return refuse(ret_refusal, WIRE_BAD_FIELD, "sender_id \"%.*s\" has nothing but blanks",
                      SLICE_FORMAT(ai_id));
    if (slice_is(skeleton, "hub"))
        return refuse(ret_refusal, WIRE_RESERVED_ID,
                      "sender_id \"%.*s\" looks like \"hub\", which is the hub's own; take another",
                      SLICE_FORMAT(ai_id));
    return 0;
}

static char ascii_lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

static bool differ_in_case_alone(struct slice left, struct slice right)
{
    bool same = left.len == right.len;
    for (size_t i = 0; same && i < left.len; i++)
        same = ascii_lower(left.at[i]) == ascii_lower(right.at[i]);
    return same;
}

const struct member *name_taken_for(const struct room *room, struct slice ai_id)
{
    char buffer[SKELETON_SIZE];
    const struct lookalikes *lookalikes =
        index_find(&room->lookalikes, confusable_skeleton(ai_id, buffer));
    const struct member *first = lookalikes ? TAILQ_FIRST(&lookalikes->members) : NULL;
    return first && !differ_in_case_alone(first->key, ai_id) ? first : NULL;
}

void name_seat(struct room *room, struct member *member)
{
    char buffer[SKELETON_SIZE];
    struct slice skeleton = confusable_skeleton(member->key, buffer);
    struct lookalikes *lookalikes = index_find(&room->lookalikes, skeleton);
    assert(!member->lookalikes);
    if (!lookalikes) {
        lookalikes = memory_new(sizeof *lookalikes);
        lookalikes->key = slice_copy(skeleton);
        TAILQ_INIT(&lookalikes->members);
        index_add(&room->lookalikes, lookalikes);
    }
    TAILQ_INSERT_TAIL(&lookalikes->members, member, alike);
    member->lookalikes = lookalikes;
}

void name_unseat(struct room *room, struct member *member)
{
    struct lookalikes *lookalikes = member->lookalikes;
    assert(lookalikes); /* who is connected has its name seated */
    TAILQ_REMOVE(&lookalikes->members, member, alike);
    member->lookalikes = NULL;
    if (!TAILQ_EMPTY(&lookalikes->members))
        return;
    index_remove(&room->lookalikes, lookalikes);
    keyed_free(lookalikes);
}
