/* What a room knows, and its ledger, in: rows of entries, of what they said before, of claims and
 * who made them. What makes it hard is what stands in no row: counts, statuses and seals follow
 * from the rows of others, which may be still to come. */
#include <math.h>

#include "core/load.h"
#include "core/memory.h"

/* A number that an earlier version did not keep: 0, then. */
static uint64_t load_later(struct json_value object, const char *name)
{
    uint64_t number = 0;
    (void)json_u64(json_get(object, name), &number);
    return number;
}

static void load_verifier(struct loading *loading, struct claim *claim, struct json_value object)
{
    if (claim->verifier_count == VERIFIERS_MAX) {
        load_damage(loading, "verifiers");
        return;
    }
    claim->verifiers = memory_grow(claim->verifiers, &claim->verifier_capacity,
                                   claim->verifier_count + 1, sizeof *claim->verifiers);
    struct json_value profile = json_get(object, "profile"), reason = json_get(object, "reason");
    struct slice ai_id = load_text(loading, object, "ai_id");
    claim->verifiers[claim->verifier_count++] = (struct verifier){
        .ai_id = ai_id,
        .owner = load_owner(loading, object, ai_id),
        .agrees = load_bool(loading, object, "agrees"),
        .counts = load_bool_or(loading, object, "counts", true),
        .in_sight = load_bool_or(loading, object, "in_sight", false),
        .ratio = load_double(loading, object, "ratio"),
        .ratio_own = load_double(loading, object, "ratio_own"),
        .profile =
            slice_copy(profile.kind == JSON_KIND_STRING ? profile.raw : (struct slice){NULL, 0}),
        .reason =
            slice_copy(reason.kind == JSON_KIND_STRING ? reason.raw : (struct slice){NULL, 0})};
}

/* Its parents may be rows that are still to come. */
static void parents_await(struct hub *hub, struct claim *claim, struct json_value parents)
{
    if (parents.kind != JSON_KIND_ARRAY || parents.raw.len <= 2)
        return;
    hub->orphans = memory_grow(hub->orphans, &hub->orphan_capacity, hub->orphan_count + 1,
                               sizeof *hub->orphans);
    hub->orphans[hub->orphan_count++] = (struct orphan){claim, slice_copy(parents.raw)};
}

static void load_seal(struct loading *loading, struct claim *claim, bool broken)
{
    struct ledger *ledger = &loading->room->knowledge.ledger;
    const struct seal *seal = index_find(&ledger->seals, slice_of(claim->commitment_id));
    bool same = !seal || !seal->count || seal->broken == broken;
    if (!same)
        load_damage(loading, "sealed");
    seal_join(ledger, claim, same ? broken : seal->broken);
}

static void load_claim_live(struct loading *loading, struct claim *claim, struct json_value object)
{
    struct json_iterator verifiers = {.rest = load_array(loading, object, "verifiers").raw};
    struct json_value verifier;
    struct ledger *ledger = &loading->room->knowledge.ledger;
    struct votes votes;
    load_short(loading, object, "commitment_id", claim->commitment_id, sizeof claim->commitment_id);
    load_short(loading, object, "nonce", claim->nonce, sizeof claim->nonce);
    claim->ratio = load_double(loading, object, "ratio");
    claim->seeds = (unsigned)load_u64(loading, object, "seeds");
    claim->sets = load_later(object, "sets");
    claim->gone[false] = load_u64(loading, object, "gone_disagreeing");
    claim->gone[true] = load_u64(loading, object, "gone_agreeing");
    while (json_next_element(&verifiers, &verifier))
        load_verifier(loading, claim, verifier);
    parents_await(loading->room->hub, claim, load_array(loading, object, "parents"));
    load_seal(loading, claim, !load_bool_or(loading, object, "sealed", false));
    claim->status = CLAIM_CLAIMED;
    if (claim->seal->broken)
        claim->status = claim_judge(claim, &votes);
    else if (claim_is_measured(claim))
        seal_run(ledger, claim->seal, loading->room->hub->clock); /* nobody could, without a hub */
}

static void load_claim(struct loading *loading, struct knowledge_entry *entry,
                       struct json_value object)
{
    struct claim *claim = entry->claim = memory_new(sizeof *claim);
    struct json_iterator settled = {.rest = load_array(loading, object, "settled").raw};
    struct json_value count;
    for (int status = 0; status < CLAIM_STATUS_COUNT; status++)
        if (!json_next_element(&settled, &count) || json_u64(count, &claim->settled[status]) < 0)
            load_damage(loading, "settled");
    claim->entry = entry;
    claim->kind = claim_kind_of(json_get(json_value_of(entry->body), "parameters"));
    claim->live = load_bool(loading, object, "live");
    if (claim->live)
        load_claim_live(loading, claim, object);
    struct slice owner = load_owner(loading, object, entry->contributor->key);
    owner_take(&loading->room->knowledge.ledger, claim, owner);
    slice_free(&owner);
    for (int status = 0; status < CLAIM_STATUS_COUNT; status++)
        entry->contributor->claims[status] +=
            claim->settled[status] + (claim->live && (int)claim->status == status);
}

/* Of the claim, which may be in a row that is still to come. */
static struct seal *load_report_seal(struct loading *loading, struct json_value report)
{
    char id[UUID_SIZE];
    if (json_get(report, "seal").kind == JSON_KIND_ABSENT)
        return NULL;
    load_short(loading, report, "seal", id, sizeof id);
    return seal_of(&loading->room->knowledge.ledger, slice_of(id));
}

static void load_shares(struct loading *loading, struct knowledge_entry *entry)
{
    struct json_iterator seqs = {.rest = load_array(loading, loading->object, "shared_at").raw};
    struct json_value element;
    uint64_t seq;
    while (json_next_element(&seqs, &element))
        if (json_u64(element, &seq) < 0 || seq > loading->room->last_seq ||
            !shares_add(&entry->shares, seq))
            load_damage(loading, "shared_at");
}

/* Nothing is left of it but its id. */
static void load_retracted(struct loading *loading, struct knowledge_entry *entry)
{
    struct json_value ruling = load_value(loading, loading->object, "retracted", JSON_KIND_OBJECT);
    load_ruling(loading, ruling, &entry->retracted);
    if (!slice_is(entry->body, "{}") || entry->usage || entry->tested)
        load_damage(loading, "retracted");
    loading->room->knowledge.retracted++;
    entry->contributor->retracted++;
}

void load_knowledge(struct loading *loading)
{
    struct knowledge *knowledge = &loading->room->knowledge;
    struct json_value object = loading->object;
    enum section section = (enum section)(loading->row->kind - ROW_PATTERN);
    if (knowledge_find(knowledge, section, loading->row->key)) {
        load_damage(loading, "key");
        return;
    }
    struct slice contributor = {NULL, 0};
    if (section != SECTION_BENCHMARKS)
        contributor = load_text(loading, object, "contributor");
    struct knowledge_entry *entry =
        knowledge_restore(knowledge, section, loading->row->key, contributor);
    slice_free(&contributor);
    entry->order = load_u64(loading, object, "order");
    if (section != SECTION_BENCHMARKS) {
        entry->timestamp = load_text(loading, object, "timestamp");
        entry->own_id = load_text(loading, object, "own_id");
        entry->usage = load_u64(loading, object, "usage");
        entry->revision = load_u64(loading, object, "revision");
        entry->tested = load_bool(loading, object, "tested");
        entry->body = slice_copy(load_value(loading, object, "body", JSON_KIND_OBJECT).raw);
        entry->contributor->uses += entry->usage;
        entry->contributor->tested += entry->tested;
        if (load_has(loading, "shared_at"))
            load_shares(loading, entry);
        if (load_has(loading, "retracted"))
            load_retracted(loading, entry);
    }
    struct json_iterator reports = {.rest = load_array(loading, object, "reports").raw};
    struct json_value report, claim = json_get(object, "claim");
    while (json_next_element(&reports, &report)) {
        struct reporting reporting = {.reporter = load_text(loading, report, "reporter"),
                                      .timestamp = load_text(loading, report, "timestamp"),
                                      .score = load_double(loading, report, "score"),
                                      .seq = load_later(report, "seq"),
                                      .seal = load_report_seal(loading, report),
                                      .metrics =
                                          load_value(loading, report, "metrics", JSON_KIND_OBJECT)};
        knowledge_restore_report(knowledge, entry, &reporting);
        slice_free(&reporting.reporter);
        slice_free(&reporting.timestamp);
    }
    if (claim.kind == JSON_KIND_OBJECT && !entry->contributor)
        load_damage(loading, "claim");
    else if (claim.kind == JSON_KIND_OBJECT)
        load_claim(loading, entry, claim);
    knowledge->refuted += claim_refuted(entry);
    knowledge_weigh(knowledge, entry);
}

void load_alias(struct loading *loading)
{
    struct knowledge *knowledge = &loading->room->knowledge;
    struct slice feature = load_text(loading, loading->object, "feature");
    struct knowledge_entry *entry = knowledge_find(knowledge, SECTION_FEATURES, feature);
    slice_free(&feature);
    if (!entry || index_find(&knowledge->aliases, loading->row->key)) {
        load_damage(loading, "feature");
        return;
    }
    struct alias *alias = memory_new(sizeof *alias);
    alias->key = slice_copy(loading->row->key);
    alias->entry = entry;
    index_add(&knowledge->aliases, alias);
}

void load_account(struct loading *loading)
{
    struct knowledge *knowledge = &loading->room->knowledge;
    struct json_value object = loading->object;
    struct account *account = account_restore(knowledge, loading->row->key);
    if (!account) {
        load_damage(loading, "key");
        return;
    }
    account->owner = load_owner(loading, object, account->key);
    account->commitments = load_u64(loading, object, "commitments");
    account->nonces = load_has(loading, "nonces") ? load_u64(loading, object, "nonces")
                                                  : account->commitments; /* one for each, then */
    account->mismatched = load_u64(loading, object, "mismatched");
    account->order = load_u64(loading, object, "order");
}

void load_commitment(struct loading *loading)
{
    struct knowledge *knowledge = &loading->room->knowledge;
    struct json_value object = loading->object;
    struct slice ai_id = load_text(loading, object, "account");
    struct account *account = index_find(&knowledge->ledger.accounts, ai_id);
    slice_free(&ai_id);
    if (!account || loading->row->key.len != UUID_SIZE - 1 ||
        index_find(&knowledge->ledger.commitments, loading->row->key)) {
        load_damage(loading, "account");
        return;
    }
    struct commitment *commitment = memory_new(sizeof *commitment);
    memcpy(commitment->id, loading->row->key.at, loading->row->key.len);
    commitment->subject = load_text(loading, object, "subject");
    commitment->subject_version = load_text(loading, object, "subject_version");
    load_short(loading, object, "nonce", commitment->nonce, sizeof commitment->nonce);
    load_short(loading, object, "sha256", commitment->sha256, sizeof commitment->sha256);
    if (!commitment->nonce[0]) {
        commitment->owner = load_owner(loading, object, account->key);
        commitment->asked = load_text(loading, object, "asked");
    }
    commitment->sets = load_later(object, "sets");
    commitment->claimed = load_bool(loading, object, "claimed");
    commitment->ratio = (double)NAN;
    if (load_has(loading, "ratio"))
        commitment->ratio = load_double(loading, object, "ratio");
    commitment->revealed = load_bool_or(loading, object, "revealed", commitment->claimed);
    commitment->order = load_u64(loading, object, "order");
    commitment_restore(knowledge, account, commitment);
}

static struct knowledge_entry *load_named(struct loading *loading)
{
    const struct knowledge *knowledge = &loading->room->knowledge;
    struct json_value section = load_value(loading, loading->object, "section", JSON_KIND_STRING);
    struct slice id = load_text(loading, loading->object, "id");
    struct knowledge_entry *entry = NULL;
    for (int at = 0; at < SECTION_BENCHMARKS && !entry; at++)
        if (json_string_is(section, slice_of(section_text((enum section)at))))
            entry = knowledge_find(knowledge, (enum section)at, id);
    slice_free(&id);
    return entry;
}

void load_former(struct loading *loading)
{
    struct json_value object = loading->object;
    struct knowledge_entry *entry = load_named(loading);
    struct former former = {
        .key = loading->row->key,
        .revision = load_u64(loading, object, "revision"),
        .seq = load_later(object, "shared_at"),
        .replaced_ms = load_i64(loading, object, "replaced_ms"),
        .timestamp = load_text(loading, object, "timestamp"),
        .body = slice_copy(load_value(loading, object, "body", JSON_KIND_OBJECT).raw)};
    if (entry && former.revision && former.revision < entry->revision &&
        former_restore(&loading->room->knowledge, entry, &former))
        return;
    load_damage(loading, "revision");
    slice_free(&former.timestamp);
    slice_free(&former.body);
}
