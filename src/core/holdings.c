/* See holdings.h. */
#include "core/holdings.h"

#include <assert.h>

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
    if (--holding->members)
        return;
    assert(!holding->entries && !holding->bytes);
    index_remove(&room->holdings, holding);
    keyed_free(holding);
}

void holding_join(struct room *room, struct member *member)
{
    holding_leave(room, member);
    if (!member->owner.len)
        return;
    member->holding = index_get(&room->holdings, member->owner, sizeof *member->holding);
    member->holding->members++;
    holding_settle(room, member);
}

void holdings_free(struct room *room)
{
    index_clear(&room->holdings, keyed_free);
}
