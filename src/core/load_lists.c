/* What rows say of each other, once all of a room are there: claims' parents, and the places in
 * lists. */
#include <stdio.h>
#include <stdlib.h>

#include "core/load.h"
#include "core/memory.h"

static bool parents_link(const struct knowledge *knowledge, const struct orphan *orphan)
{
    struct claim *claim = orphan->claim;
    struct json_iterator parents = {.rest = orphan->parents};
    struct json_value parent, section, id;
    claim->parents = memory_new(PARENTS_MAX * sizeof *claim->parents);
    while (json_next_element(&parents, &parent)) {
        struct json_iterator pair = {.rest = parent.raw};
        struct knowledge_entry *found = NULL;
        uint64_t at;
        if (claim->parent_count < PARENTS_MAX && json_next_element(&pair, &section) &&
            json_next_element(&pair, &id) && json_u64(section, &at) == 0 &&
            at < SECTION_BENCHMARKS) {
            struct slice key = load_string(id);
            found = knowledge_find(knowledge, (enum section)at, key);
            slice_free(&key);
        }
        if (!found)
            return false;
        claim->parents[claim->parent_count++] = found;
    }
    return true;
}

/* Objects of an index by the order in which they stand in a list. */
struct place {
    uint64_t order;
    void *object;
};

struct places {
    struct place *all;
    size_t count, capacity;
    uint64_t (*order)(const void *object);
};

static void places_add(void *object, void *ctx)
{
    struct places *places = ctx;
    places->all =
        memory_grow(places->all, &places->capacity, places->count + 1, sizeof *places->all);
    places->all[places->count++] = (struct place){places->order(object), object};
}

static int places_compare(const void *left, const void *right)
{
    const struct place *one = left, *other = right;
    return (one->order > other->order) - (one->order < other->order);
}

/* Calls put(room, object) for the objects of some indexes in rising order. */
static void in_order(const struct index *indexes, size_t count,
                     uint64_t (*order)(const void *object),
                     void (*put)(struct room *room, void *object), struct room *room)
{
    struct places places = {.order = order};
    for (size_t i = 0; i < count; i++)
        index_walk(&indexes[i], places_add, &places);
    if (places.count)
        qsort(places.all, places.count, sizeof *places.all, places_compare);
    for (size_t i = 0; i < places.count; i++)
        put(room, places.all[i].object);
    free(places.all);
}

static uint64_t member_order(const void *object)
{
    return ((const struct member *)object)->order;
}

static uint64_t receipts_order(const void *object)
{
    const struct receipts *receipts = ((const struct member *)object)->receipts;
    return receipts ? receipts->last_seq : 0;
}

static uint64_t entry_order(const void *object)
{
    return ((const struct knowledge_entry *)object)->order;
}

static uint64_t account_order(const void *object)
{
    return ((const struct account *)object)->order;
}

static uint64_t commitment_order(const void *object)
{
    return ((const struct commitment *)object)->order;
}

static uint64_t session_order(const void *object)
{
    return ((const struct session *)object)->order;
}

static uint64_t lease_order(const void *object)
{
    return ((const struct lease *)object)->fence;
}

static uint64_t approval_order(const void *object)
{
    return ((const struct approval *)object)->order;
}

static uint64_t touch_order(const void *object)
{
    return ((const struct touch *)object)->order;
}

static void put_member(struct room *room, void *object)
{
    member_restore(room, object);
}

static void put_receipts(struct room *room, void *object)
{
    receipts_restore_place(room, object);
}

static void settle(void *object, void *ctx)
{
    holding_join(ctx, object);
}

static void put_entry(struct room *room, void *object)
{
    knowledge_restore_place(&room->knowledge, object);
}

static void put_account(struct room *room, void *object)
{
    struct account *account = object;
    TAILQ_INSERT_HEAD(&room->knowledge.ledger.recent, account, recent);
}

static void put_commitment(struct room *room, void *object)
{
    commitment_insert(&room->knowledge.ledger, object, room->hub->clock);
}

static void put_session(struct room *room, void *object)
{
    session_restore(room, object);
}

static void put_lease(struct room *room, void *object)
{
    lease_restore(room, object);
}

static void put_approval(struct room *room, void *object)
{
    approval_restore(room, object);
}

static uint64_t task_seq(const void *object)
{
    return ((const struct task *)object)->seq;
}

static uint64_t task_order(const void *object)
{
    return ((const struct task *)object)->order;
}

static void put_touch(struct room *room, void *object)
{
    touch_restore(room, object);
}

static void lists_restore(struct room *room)
{
    struct knowledge *knowledge = &room->knowledge;
    in_order(&room->members, 1, member_order, put_member, room);
    in_order(&room->members, 1, receipts_order, put_receipts, room);
    in_order(knowledge->sections, SECTION_COUNT, entry_order, put_entry, room);
    in_order(&knowledge->ledger.accounts, 1, account_order, put_account, room);
    in_order(&knowledge->ledger.commitments, 1, commitment_order, put_commitment, room);
    in_order(&room->sessions, 1, session_order, put_session, room);
    in_order(&room->leases, 1, lease_order, put_lease, room);
    in_order(&room->touches, 1, touch_order, put_touch, room);
    in_order(&room->approvals.all, 1, approval_order, put_approval, room);
    in_order(&room->tasks.index, 1, task_seq, task_restore, room);
    in_order(&room->tasks.index, 1, task_order, task_restore_closed, room);
    index_walk(&room->members, settle, room);
}

/* A seal that holds something back is a claim's, and not broken. */
static void seal_check(void *object, void *ctx)
{
    const struct seal *seal = object;
    bool *fine = ctx;
    *fine = *fine && seal->count && (!seal->broken || LIST_EMPTY(&seal->reports));
}

int hub_loaded(struct hub *hub, struct slice room_name, char *ret_why, size_t size)
{
    struct room *room = room_find(hub, room_name);
    bool linked = room != NULL;
    for (size_t i = 0; i < hub->orphan_count; i++) {
        linked = linked && parents_link(&room->knowledge, &hub->orphans[i]);
        slice_free(&hub->orphans[i].parents);
    }
    hub->orphan_count = 0;
    if (!linked) {
        snprintf(ret_why, size, "room \"%.*s\": a claim's parents are not there",
                 SLICE_FORMAT(room_name));
        return -1;
    }
    index_walk(&room->knowledge.ledger.seals, seal_check, &linked);
    if (linked) {
        lists_restore(room);
        return tasks_link(room, ret_why, size);
    }
    snprintf(ret_why, size, "room \"%.*s\": a report is held back, and no sealed claim is there",
             SLICE_FORMAT(room_name));
    return -1;
}
