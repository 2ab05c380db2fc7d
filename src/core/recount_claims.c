/* Claims, and the ledger of them, counted anew: see recount.c. */
#include "core/recount.h"

/* ── claims ── */

/* Of whom each has one vote. */
static size_t recount_verifiers(const struct knowledge_entry *entry)
{
    const struct claim *claim = entry->claim;
    size_t wrong = 0;
    for (size_t i = 0; i < claim->verifier_count; i++) {
        const struct verifier *verifier = &claim->verifiers[i];
        wrong += verifier->agrees && !claim_agrees(claim->ratio, verifier->ratio);
        wrong += slice_equal(verifier->ai_id, entry->contributor->key);
        wrong += verifier->in_sight && !claim->seal->broken;
        for (size_t k = 0; k < i; k++)
            wrong += slice_equal(verifier->owner, claim->verifiers[k].owner);
    }
    return wrong;
}

static void recount_seal(struct verdict *verdict, const struct claim *claim)
{
    const struct ledger *ledger = &verdict->room->knowledge.ledger;
    const struct seal *seal = claim->seal, *other;
    const struct claim *under;
    size_t count = 0, there = 0, listed = 0;
    LIST_FOREACH (under, &seal->claims, of_seal) {
        count++;
        there += under == claim;
    }
    TAILQ_FOREACH (other, &ledger->running, next)
        listed += other == seal;
    if (count != seal->count || there != 1 || listed != seal->running ||
        (seal->running && seal->broken) || !slice_is(seal->key, claim->commitment_id) ||
        index_find(&ledger->seals, seal->key) != seal)
        verdict_fail(verdict, "the seal of commitment %s is not what it was", claim->commitment_id);
    if (!seal->broken && (claim->status != CLAIM_CLAIMED || claim_is_decided(claim) ||
                          (claim_is_measured(claim) && !seal->running)))
        verdict_fail(verdict, "a claim with commitment %s is sealed still", claim->commitment_id);
}

void recount_claim(struct verdict *verdict, const struct knowledge_entry *entry)
{
    const struct claim *claim = entry->claim;
    struct votes votes;
    if (entry->section != SECTION_PATTERNS && entry->section != SECTION_FEATURES)
        verdict_fail(verdict, "entry \"%.*s\" can't be a claim", SLICE_FORMAT(entry->key));
    if (recount_verifiers(entry) || claim->verifier_count > VERIFIERS_MAX ||
        claim->parent_count > PARENTS_MAX || claim->entry != entry || !claim->owner ||
        claim->live != (claim->seal != NULL) ||
        (!claim->live && (claim->verifier_count || claim->parent_count)))
        verdict_fail(verdict, "claim \"%.*s\" has wrong verifiers or parents",
                     SLICE_FORMAT(entry->key));
    if (claim->live &&
        claim->kind != claim_kind_of(json_get(json_value_of(entry->body), "parameters")))
        verdict_fail(verdict, "claim \"%.*s\" is of another kind than its body",
                     SLICE_FORMAT(entry->key));
    if (claim->seal)
        recount_seal(verdict, claim);
    if (claim->seal && claim->seal->broken && claim_judge(claim, &votes) != claim->status)
        verdict_fail(verdict, "claim \"%.*s\" is not %s", SLICE_FORMAT(entry->key),
                     claim_status_text(claim->status));
}

/* What stands against an owner. */
void recount_owner(void *object, void *ctx)
{
    struct verdict *verdict = ctx;
    const struct owner *owner = object;
    const struct knowledge_entry *entry;
    uint64_t refuted = 0;
    size_t claims = 0;
    TAILQ_FOREACH (entry, &verdict->room->knowledge.recent, recent) {
        if (!entry->claim || entry->claim->owner != owner)
            continue;
        claims++;
        refuted += entry->claim->settled[CLAIM_REFUTED] + claim_refuted(entry);
    }
    if (claims != owner->claims || refuted != owner->refuted || !claims)
        verdict_fail(verdict, "owner \"%.*s\" has %zu claims, %llu refuted; counted %zu, %llu",
                     SLICE_FORMAT(owner->key), claims, (unsigned long long)refuted, owner->claims,
                     (unsigned long long)owner->refuted);
}

/* ── the ledger ── */

static void recount_commitments(struct verdict *verdict, const struct ledger *ledger,
                                const struct commitment_list *list, bool claimed)
{
    const struct commitment *commitment;
    size_t before = verdict->entries;
    TAILQ_FOREACH (commitment, list, of_room) {
        verdict->entries++;
        verdict->bytes += commitment_cost(commitment->subject, commitment->subject_version);
        if (commitment->claimed != claimed || !commitment->epoch != !!commitment->nonce[0] ||
            (claimed && commitment->epoch) ||
            index_find(&ledger->commitments, commitment->key) != commitment ||
            index_find(&ledger->accounts, commitment->account->key) != commitment->account)
            verdict_fail(verdict, "commitment %s is in the wrong place", commitment->id);
    }
    if (claimed && verdict->entries - before != ledger->claimed_count)
        verdict_fail(verdict, "%zu commitments were claimed with, counted %zu",
                     verdict->entries - before, ledger->claimed_count);
}

static void recount_account(struct verdict *verdict, const struct account *account)
{
    const struct commitment *commitment;
    size_t kept = 0, claimed = 0, strange = 0;
    TAILQ_FOREACH (commitment, &account->open, of_account) {
        kept++;
        strange += commitment->account != account || commitment->claimed;
    }
    TAILQ_FOREACH (commitment, &account->claimed, of_account) {
        kept++;
        claimed++;
        strange += commitment->account != account || !commitment->claimed;
    }
    if (strange || kept != account->kept || claimed != account->kept_claimed ||
        kept > COMMITMENTS_EACH_MAX || kept > account->commitments)
        verdict_fail(verdict, "\"%.*s\" has %zu commitments, counted %zu of %llu",
                     SLICE_FORMAT(account->key), kept, account->kept,
                     (unsigned long long)account->commitments);
    if (account->contributor &&
        account->contributor != knowledge_contributor(&verdict->room->knowledge, account->key))
        verdict_fail(verdict, "the account of \"%.*s\" is another's", SLICE_FORMAT(account->key));
    verdict->bytes += account_cost(account->key);
}

/* Who waits for its end, and how often each owner. */
static void recount_epoch(void *object, void *ctx)
{
    struct verdict *verdict = ctx;
    const struct ledger *ledger = &verdict->room->knowledge.ledger;
    const struct epoch *epoch = object, *other;
    const struct commitment *commitment;
    size_t strange = TAILQ_EMPTY(&epoch->commitments), listed = 0;
    TAILQ_FOREACH (commitment, &epoch->commitments, of_epoch) {
        uint64_t sets = 0;
        const struct commitment *same;
        TAILQ_FOREACH (same, &epoch->commitments, of_epoch)
            sets += slice_equal(same->owner, commitment->owner);
        strange += commitment->epoch != epoch ||
                   index_find(&ledger->commitments, commitment->key) != commitment ||
                   epoch_sets(ledger, commitment->subject, commitment->subject_version,
                              commitment->owner) != sets;
        verdict->entries++;
    }
    TAILQ_FOREACH (other, &ledger->underway, next)
        listed += other == epoch;
    if (strange || listed != 1)
        verdict_fail(verdict, "an epoch has %zu commitments that are not its", strange);
}

static void recount_epochs(struct verdict *verdict, const struct ledger *ledger)
{
    const struct epoch *epoch;
    const struct commitment *commitment;
    size_t before = verdict->entries, waiting = 0, listed = 0;
    TAILQ_FOREACH (commitment, &ledger->open, of_room)
        waiting += commitment->epoch != NULL;
    verdict->entries = 0;
    index_walk(&ledger->epochs, recount_epoch, verdict);
    TAILQ_FOREACH (epoch, &ledger->underway, next)
        listed++;
    if (verdict->entries != waiting || listed != ledger->epochs.count)
        verdict_fail(verdict, "%zu commitments wait in %zu epochs, counted %zu in %zu", waiting,
                     listed, verdict->entries, ledger->epochs.count);
    verdict->entries = before;
}

/* The kept text of what is shown. */
static void recount_shown(struct verdict *verdict, const struct ledger *ledger)
{
    struct text anew = {0};
    ledger_write(ledger, ACCOUNTS_SHOWN_MAX, SIZE_MAX, &anew);
    if (ledger->shown_whole && !slice_equal(text_slice(&anew), text_slice(&ledger->shown)))
        verdict_fail(verdict, "the kept text of the ledger is out of date");
    text_free(&anew);
}

void recount_ledger(struct verdict *verdict)
{
    const struct ledger *ledger = &verdict->room->knowledge.ledger;
    const struct account *account;
    size_t accounts = 0;
    verdict->bytes = verdict->entries = 0;
    TAILQ_FOREACH (account, &ledger->recent, recent) {
        recount_account(verdict, account);
        accounts++;
    }
    recount_shown(verdict, ledger);
    recount_commitments(verdict, ledger, &ledger->open, false);
    recount_commitments(verdict, ledger, &ledger->claimed, true);
    recount_epochs(verdict, ledger);
    if (accounts != ledger->accounts.count || accounts > ACCOUNTS_MAX ||
        verdict->entries != ledger->commitments.count || verdict->entries > COMMITMENTS_MAX ||
        verdict->bytes != ledger->bytes)
        verdict_fail(verdict,
                     "the ledger has %zu accounts, %zu commitments, %zu bytes; counted %zu, %zu, "
                     "%zu",
                     accounts, verdict->entries, verdict->bytes, ledger->accounts.count,
                     ledger->commitments.count, ledger->bytes);
}
