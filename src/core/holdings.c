/* See holdings.h. */
#include "core/holdings.h"

#include <assert.h>

#include "core/peers.h"
#include "core/request.h"
#include "core/room.h"

void holding_settle(struct room *room, const struct member *member)
{
    struct tenant *tenant = index_find(&room->knowledge.tenants, member->key);
    struct holding *holding = member->holding;
    if (!tenant || tenant->holding == holding)
        return;
    if (tenant->holding) {
        tenant->holding->entries -= tenant->entries;
        tenant->holding->bytes -= tenant->bytes;
    }
    tenant->holding = holding;
    if (!holding)
        return;
    holding->entries += tenant->entries;
    holding->bytes += tenant->bytes;
}

void holding_leave(struct room *room, struct member *member)
{
    struct holding *holding = member->holding;
    if (!holding)
        return;
    member->holding = NULL;
    holding_settle(room, member);
    assert(holding->members > 0);
    if (--holding->members == 0)
        TAILQ_INSERT_TAIL(&room->holdings_idle, holding, idle);
}

/* The owner's, made if need be. */
static struct holding *holding_get(struct room *room, struct slice owner)
{
    struct holding *holding = index_find(&room->holdings, owner);
    if (holding)
        return holding;
    holding = index_get(&room->holdings, owner, sizeof *holding);
    TAILQ_INSERT_TAIL(&room->holdings_idle, holding, idle);
    return holding;
}

void holding_join(struct room *room, struct member *member)
{
    holding_leave(room, member);
    if (!member->owner.len)
        return;
    struct holding *holding = holding_get(room, member->owner);
    if (holding->members++ == 0)
        TAILQ_REMOVE(&room->holdings_idle, holding, idle);
    member->holding = holding;
    holding_settle(room, member);
}

void holdings_trim(struct room *room)
{
    struct holding *holding;
    while ((holding = TAILQ_FIRST(&room->holdings_idle))) {
        assert(!holding->members && !holding->entries && !holding->bytes);
        TAILQ_REMOVE(&room->holdings_idle, holding, idle);
        index_remove(&room->holdings, holding);
        change_gone(&room->changes, &holding->change, ROW_HOLDING, holding->key);
        keyed_free(holding);
    }
}

/* ── a day's messages ── */

void holding_count(const struct request *request)
{
    struct room *room = request->room;
    struct holding *holding = request->member->holding;
    int64_t day = request->entry->time_ms / DAY_MS;
    if (holding->day != day)
        holding->messages = 0;
    holding->day = day;
    holding->messages++;
    change_mark(&room->changes, &holding->change, holding, ROW_HOLDING);
    principal_said(room->hub, request->from, holding->key, day);
}

uint64_t holding_messages(const struct room *room, struct slice owner, int64_t day)
{
    const struct holding *holding = index_find(&room->holdings, owner);
    return holding && holding->day == day ? holding->messages : 0;
}

bool holding_restore(struct room *room, struct slice owner, int64_t day, uint64_t messages)
{
    if (index_find(&room->holdings, owner))
        return false;
    struct holding *holding = holding_get(room, owner);
    holding->day = day;
    holding->messages = messages;
    return true;
}

void holdings_free(struct room *room)
{
    index_clear(&room->holdings, keyed_free);
}
