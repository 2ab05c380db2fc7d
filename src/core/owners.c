/* Who stands behind AIs, and what that is worth when they speak of others' claims.
 *
 * The record goes with the claim: an entry's claims count against the owner that claimed last,
 * those of its former revisions included, so that nobody gets rid of them by another name for his
 * token. */
#include <assert.h>

#include "core/knowledge.h"
#include "core/members.h"

static uint64_t refuted_of(const struct claim *claim)
{
    return claim->settled[CLAIM_REFUTED] + (claim->live && claim->status == CLAIM_REFUTED);
}

void owner_take(struct ledger *ledger, struct claim *claim, struct slice name)
{
    struct owner *owner = index_get(&ledger->owners, name, sizeof *owner), *was = claim->owner;
    if (owner == was)
        return;
    owner->claims++;
    owner->refuted += refuted_of(claim);
    claim->owner = owner;
    if (!was)
        return;
    assert(was->claims && was->refuted >= refuted_of(claim));
    was->refuted -= refuted_of(claim);
    if (--was->claims)
        return;
    index_remove(&ledger->owners, was);
    keyed_free(was);
}

bool owner_counts(const struct ledger *ledger, struct slice name)
{
    const struct owner *owner = index_find(&ledger->owners, name);
    return !owner || !owner->refuted;
}
