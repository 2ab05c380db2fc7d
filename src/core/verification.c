/* What becomes of a claim: others measure it again, and what they agree on counts, never what
 * its author says. A vote is an owner's (members.h): each has one, its latest, by whichever of its
 * AIs. It counts unless the owner's own claims were refuted.
 *
 *     claimed     fewer than two have measured it without sight of the answer (seals.c), and no
 *                 two found the same other number
 *     confirmed   two who could not see the answer agree with it, and no two that disagree found
 *                 the same
 *     refuted     two who could not see it disagree and found the same, and fewer than two agree
 *     contested   anything else
 *
 * What is said in sight of the answer decides nothing, but stands in the way. A claim that is
 * sealed is claimed. The status follows from the verifiers alone (claim_judge), of whom the latest
 * measurement of each is kept, in bounds; those who are pushed out are counted. It can change for
 * as long as somebody measures. A new revision of the entry that claims something else is a new
 * claim; what became of the old one stays on its author's account, or whoever was refuted would
 * only have to share again. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"

#define VERIFIER_OVERHEAD 176u /* bytes that a verifier counts for beside its texts */

#define TOLERANCE         1e-9 /* relative; honest simulators agree to the last bit */

const char *claim_status_text(enum claim_status status)
{
    static const char *const texts[] = {
#define X(name, text) text,
        CLAIM_STATUSES(X)
#undef X
    };
    return texts[status];
}

static const char *claim_kind_text(enum claim_kind kind)
{
    return kind == CLAIM_OF_MODULE ? "module" : "parameters";
}

/* ── verifiers ── */

static void verifier_clear(struct verifier *verifier)
{
    slice_free(&verifier->ai_id);
    slice_free(&verifier->owner);
    slice_free(&verifier->profile);
    slice_free(&verifier->reason);
}

size_t verifier_cost_most(const struct reporting *reporting)
{
    return VERIFIER_OVERHEAD + reporting->reporter.len + reporting->owner.len +
           (size_t)2 * VERIFIER_TEXT_MAX;
}

static size_t verifier_cost(const struct verifier *verifier)
{
    return VERIFIER_OVERHEAD + verifier->ai_id.len + verifier->owner.len + verifier->profile.len +
           verifier->reason.len;
}

size_t claim_cost(const struct claim *claim)
{
    if (!claim)
        return 0;
    size_t cost = CLAIM_OVERHEAD;
    for (size_t i = 0; i < claim->verifier_count; i++)
        cost += verifier_cost(&claim->verifiers[i]);
    return cost;
}

static void claim_empty(struct claim *claim)
{
    for (size_t i = 0; i < claim->verifier_count; i++)
        verifier_clear(&claim->verifiers[i]);
    claim->verifier_count = claim->gone[false] = claim->gone[true] = 0;
    free(claim->parents);
    claim->parents = NULL;
    claim->parent_count = 0;
}

void claim_free(struct claim *claim)
{
    if (!claim)
        return;
    claim_empty(claim);
    free(claim->verifiers);
    free(claim);
}

static void verifier_remove(struct claim *claim, size_t place)
{
    verifier_clear(&claim->verifiers[place]);
    memmove(&claim->verifiers[place], &claim->verifiers[place + 1],
            (--claim->verifier_count - place) * sizeof *claim->verifiers);
}

/* The first that does not count; else the longest there of the larger camp, so that however many
 * speak for one side, the other's voice stays. Many may take one side until those of it who were
 * honest are gone, and then change: hence what was said by those who are gone is counted. */
static void verifiers_trim(struct claim *claim)
{
    size_t agreeing = 0, place = 0;
    assert(claim->verifier_count > 0);
    while (place < claim->verifier_count && claim->verifiers[place].counts)
        place++;
    if (place < claim->verifier_count) {
        verifier_remove(claim, place);
        return;
    }
    for (size_t i = 0; i < claim->verifier_count; i++)
        agreeing += claim->verifiers[i].agrees;
    bool larger = 2 * agreeing > claim->verifier_count;
    place = 0;
    while (claim->verifiers[place].agrees != larger)
        place++;
    claim->gone[larger]++;
    verifier_remove(claim, place);
}

static void verifier_put(struct claim *claim, const struct verifier *verifier)
{
    size_t place = 0;
    while (place < claim->verifier_count &&
           !slice_equal(claim->verifiers[place].owner, verifier->owner))
        place++;
    if (place < claim->verifier_count)
        verifier_remove(claim, place);
    else if (claim->verifier_count == VERIFIERS_MAX)
        verifiers_trim(claim);
    claim->verifiers = memory_grow(claim->verifiers, &claim->verifier_capacity,
                                   claim->verifier_count + 1, sizeof *claim->verifiers);
    struct verifier *kept = &claim->verifiers[claim->verifier_count++];
    *kept = *verifier;
    kept->ai_id = slice_copy(verifier->ai_id);
    kept->owner = slice_copy(verifier->owner);
    kept->profile = slice_copy(verifier->profile);
    kept->reason = slice_copy(verifier->reason);
}

/* ── judging ── */

bool claim_agrees(double claimed, double measured)
{
    return fabs(measured - claimed) <= TOLERANCE * fabs(claimed);
}

/* The most of these ratios that agree with each other. In rising order, those that do stand side
 * by side. */
static size_t largest_agreement(double *ratios, size_t count)
{
    size_t largest = 0;
    for (size_t i = 1; i < count; i++) {
        double ratio = ratios[i];
        size_t place = i;
        for (; place > 0 && ratios[place - 1] > ratio; place--)
            ratios[place] = ratios[place - 1];
        ratios[place] = ratio;
    }
    for (size_t first = 0, last = 0; last < count; last++) {
        while (ratios[last] - ratios[first] > TOLERANCE * ratios[last])
            first++;
        if (last - first + 1 > largest)
            largest = last - first + 1;
    }
    return largest;
}

/* Of the verifiers that count, with those who saw the answer or without. */
struct camps {
    size_t all, agreeing;
    size_t together; /* of those who disagree, the most that found the same */
};

static struct camps camps_of(const struct claim *claim, bool with_sight)
{
    double ratios[VERIFIERS_MAX] = {0};
    size_t measured = 0, unmeasured = 0;
    struct camps camps = {0};
    for (size_t i = 0; i < claim->verifier_count; i++) {
        const struct verifier *verifier = &claim->verifiers[i];
        if (!verifier->counts || (verifier->in_sight && !with_sight))
            continue;
        camps.all++;
        if (verifier->agrees)
            camps.agreeing++;
        else if (isnan(verifier->ratio))
            unmeasured++;
        else
            ratios[measured++] = verifier->ratio;
    }
    camps.together = largest_agreement(ratios, measured);
    if (unmeasured > camps.together) /* that it can't be measured is something to agree on, too */
        camps.together = unmeasured;
    return camps;
}

enum claim_status claim_judge(const struct claim *claim, struct votes *ret_votes)
{
    struct camps blind = camps_of(claim, false), all = camps_of(claim, true);
    *ret_votes = (struct votes){.agreeing = blind.agreeing,
                                .disagreeing = blind.all - blind.agreeing,
                                .in_sight = all.all - blind.all};
    /* those who are gone decide nothing, as those who saw the answer, but they may stand in the
     * way of it; what they found is taken to be the same */
    bool denied = all.together + claim->gone[false] >= VERIFIERS_NEEDED;
    bool upheld = all.agreeing + claim->gone[true] >= VERIFIERS_NEEDED;
    if (blind.agreeing >= VERIFIERS_NEEDED && !denied)
        return CLAIM_CONFIRMED;
    if (blind.together >= VERIFIERS_NEEDED && !upheld)
        return CLAIM_REFUTED;
    return blind.all < VERIFIERS_NEEDED && !denied ? CLAIM_CLAIMED : CLAIM_CONTESTED;
}

bool claim_is_decided(const struct claim *claim)
{
    struct votes votes;
    enum claim_status status = claim_judge(claim, &votes);
    return status == CLAIM_CONFIRMED || status == CLAIM_REFUTED;
}

bool claim_is_measured(const struct claim *claim)
{
    return camps_of(claim, true).all > 0;
}

bool claim_refuted(const struct knowledge_entry *entry)
{
    return entry->claim && entry->claim->live && entry->claim->status == CLAIM_REFUTED;
}

/* ── claims ── */

bool claim_stays(const struct knowledge_entry *entry, const struct claiming *claiming)
{
    const struct claim *claim = entry->claim;
    return claiming && claim && claim->live &&
           strcmp(claim->commitment_id, claiming->commitment->id) == 0;
}

static void claim_become(struct knowledge *knowledge, struct knowledge_entry *entry,
                         enum claim_status status)
{
    struct claim *claim = entry->claim;
    knowledge->refuted -= claim_refuted(entry);
    claim->owner->refuted -= claim_refuted(entry);
    entry->contributor->claims[claim->status]--;
    claim->status = status;
    entry->contributor->claims[status]++;
    claim->owner->refuted += claim_refuted(entry);
    knowledge->refuted += claim_refuted(entry);
}

void claim_rejudge(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    struct votes votes;
    enum claim_status status = claim_judge(entry->claim, &votes);
    if (status == entry->claim->status)
        return;
    claim_become(knowledge, entry, status);
    account_touch(knowledge, entry->contributor->key);
}

static void claim_set_parents(const struct knowledge_entry *entry, const struct claiming *claiming)
{
    struct claim *claim = entry->claim;
    free(claim->parents);
    claim->parents = NULL;
    claim->parent_count = 0;
    for (size_t i = 0; i < claiming->parent_count; i++) {
        if (claiming->parents[i] == entry)
            continue;
        if (!claim->parents)
            claim->parents = memory_new(PARENTS_MAX * sizeof *claim->parents);
        claim->parents[claim->parent_count++] = claiming->parents[i];
    }
}

static void claim_settle(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    struct claim *claim = entry->claim;
    assert(claim->live);
    knowledge->refuted -= claim_refuted(entry);
    claim->settled[claim->status]++;
    claim->live = false;
    seal_leave(&knowledge->ledger, claim);
    claim_empty(claim);
}

static void claim_begin(struct knowledge *knowledge, struct knowledge_entry *entry,
                        const struct claiming *claiming)
{
    struct claim *claim = entry->claim;
    const struct commitment *commitment = claiming->commitment;
    claim->live = true;
    claim->kind = claiming->kind;
    claim->ratio = commitment->ratio;
    claim->seeds = claiming->seeds;
    claim->sets = commitment->sets;
    claim->status = CLAIM_CLAIMED;
    memcpy(claim->commitment_id, commitment->id, sizeof claim->commitment_id);
    memcpy(claim->nonce, commitment->nonce, sizeof claim->nonce);
    seal_join(&knowledge->ledger, claim, commitment->revealed);
    entry->contributor->claims[CLAIM_CLAIMED]++;
}

void claim_put(struct knowledge *knowledge, struct knowledge_entry *entry,
               const struct claiming *claiming)
{
    if (!entry->claim && !claiming)
        return;
    bool stays = claim_stays(entry, claiming);
    if (!entry->claim) {
        entry->claim = memory_new(sizeof *entry->claim);
        entry->claim->entry = entry;
    }
    if (claiming)
        owner_take(&knowledge->ledger, entry->claim, claiming->owner);
    if (entry->claim->live && !stays)
        claim_settle(knowledge, entry);
    if (!claiming)
        return;
    if (!stays)
        claim_begin(knowledge, entry, claiming);
    claim_set_parents(entry, claiming);
}

/* ── reports ── */

/* What a report says of a claim, found in one pass over it. */
struct reported {
    struct json_value nonce, n, ratio, ratio_own, claim_holds, profile, reason;
};

static struct reported report_members(struct json_value metrics)
{
    static const struct json_place places[] = {
        {SLICE("nonce"), offsetof(struct reported, nonce)},
        {SLICE("n"), offsetof(struct reported, n)},
        {SLICE("ratio"), offsetof(struct reported, ratio)},
        {SLICE("ratio_own"), offsetof(struct reported, ratio_own)},
        {SLICE("claim_holds"), offsetof(struct reported, claim_holds)},
        {SLICE("profile"), offsetof(struct reported, profile)},
        {SLICE("reason"), offsetof(struct reported, reason)},
    };
    struct reported reported;
    json_get_members(metrics, places, sizeof places / sizeof *places, &reported);
    return reported;
}

static double number_or_nan(struct json_value value)
{
    double number = (double)NAN;
    json_number(value, &number);
    return number;
}

static struct slice text_or_none(struct json_value value)
{
    bool fits = value.kind == JSON_KIND_STRING && value.raw.len <= VERIFIER_TEXT_MAX;
    return fits ? value.raw : (struct slice){NULL, 0};
}

/* False when the report is no measurement of the claim on the workloads that it stands on. */
static bool report_read(const struct claim *claim, const struct reporting *reporting,
                        struct verifier *ret_verifier)
{
    struct reported reported = report_members(reporting->metrics);
    uint64_t n;
    if (!json_string_is(reported.nonce, slice_of(claim->nonce)) || json_u64(reported.n, &n) != 0 ||
        n != claim->seeds)
        return false;
    double ratio = number_or_nan(reported.ratio);
    bool denied = reported.claim_holds.kind == JSON_KIND_FALSE, measured = ratio > 0;
    if (!measured)
        ratio = (double)NAN;
    *ret_verifier =
        (struct verifier){.ai_id = reporting->reporter,
                          .owner = reporting->owner,
                          .agrees = measured && !denied && claim_agrees(claim->ratio, ratio),
                          .ratio = ratio,
                          .ratio_own = number_or_nan(reported.ratio_own),
                          .profile = text_or_none(reported.profile),
                          .reason = text_or_none(reported.reason)};
    return measured || denied;
}

struct seal *claim_holds_back(const struct knowledge_entry *entry, struct json_value metrics)
{
    const struct claim *claim = entry->claim;
    bool held = claim && claim->live && !claim->seal->broken &&
                json_string_is(json_get(metrics, "nonce"), slice_of(claim->nonce));
    return held ? claim->seal : NULL;
}

/* Whether the report is another's measurement of what the entry claims. */
static bool claim_measures(const struct knowledge_entry *entry, const struct reporting *reporting,
                           struct verifier *ret_verifier)
{
    return entry->claim && entry->claim->live &&
           !slice_equal(reporting->reporter, entry->contributor->key) &&
           !slice_equal(reporting->owner, entry->claim->owner->key) &&
           report_read(entry->claim, reporting, ret_verifier);
}

int64_t claim_report_growth(const struct knowledge_entry *entry, const struct reporting *reporting)
{
    const struct claim *claim = entry->claim;
    struct verifier verifier;
    if (!claim_measures(entry, reporting, &verifier))
        return 0;
    int64_t more = (int64_t)verifier_cost(&verifier);
    for (size_t i = 0; i < claim->verifier_count; i++)
        if (slice_equal(claim->verifiers[i].owner, reporting->owner))
            more -= (int64_t)verifier_cost(&claim->verifiers[i]);
    return more;
}

bool claim_report(struct knowledge *knowledge, struct knowledge_entry *entry,
                  const struct reporting *reporting, struct claim_change *ret_change)
{
    struct claim *claim = entry->claim;
    struct verifier verifier;
    if (!claim_measures(entry, reporting, &verifier))
        return false;
    enum claim_status was = claim->status;
    verifier.counts = owner_counts(&knowledge->ledger, reporting->owner);
    verifier.in_sight =
        claim->seal->broken && !seal_measured_by(claim->seal, reporting->owner, verifier.ratio);
    verifier_put(claim, &verifier);
    if (claim->seal->broken)
        claim_rejudge(knowledge, entry);
    *ret_change = (struct claim_change){entry, was};
    return claim->status != was;
}

/* ── writing ── */

static void write_raw_string(const char *before, struct slice raw, struct text *text)
{
    if (!raw.len)
        return;
    text_add_literal(text, before);
    text_add(text, raw);
    text_add_literal(text, "\"");
}

static void write_verifier(const struct verifier *verifier, struct text *text)
{
    text_add_literal(text, "{\"ai_id\":");
    text_add_string(text, verifier->ai_id);
    text_add_literal(text, ",\"owner\":");
    text_add_string(text, verifier->owner);
    text_add_literal(text, verifier->agrees ? ",\"agrees\":true" : ",\"agrees\":false");
    if (!verifier->counts)
        text_add_literal(text, ",\"counts\":false");
    if (verifier->in_sight)
        text_add_literal(text, ",\"in_sight\":true");
    if (!isnan(verifier->ratio)) {
        text_add_literal(text, ",\"ratio\":");
        text_add_fraction(text, verifier->ratio);
    }
    if (!isnan(verifier->ratio_own)) {
        text_add_literal(text, ",\"ratio_own\":");
        text_add_fraction(text, verifier->ratio_own);
    }
    write_raw_string(",\"profile\":\"", verifier->profile, text);
    write_raw_string(",\"reason\":\"", verifier->reason, text);
    text_add_literal(text, "}");
}

void verifiers_write(const struct claim *claim, struct text *text)
{
    text_add_literal(text, "[");
    for (size_t i = 0; i < claim->verifier_count; i++) {
        if (i)
            text_add_literal(text, ",");
        write_verifier(&claim->verifiers[i], text);
    }
    text_add_literal(text, "]");
}

/* Those from which it is derived, over however many steps, and that are refuted now; nearest
 * first, each once. */
static void write_refuted_parents(const struct knowledge_entry *entry, struct text *text)
{
    const struct knowledge_entry *line[1 + ANCESTORS_MAX] = {entry};
    const char *before = "";
    size_t count = 1;
    for (size_t i = 0; i < count; i++) {
        const struct claim *claim = line[i]->claim;
        for (size_t k = 0; claim && k < claim->parent_count && count < 1 + ANCESTORS_MAX; k++) {
            size_t place = 0;
            while (place < count && line[place] != claim->parents[k])
                place++;
            if (place < count)
                continue;
            line[count++] = claim->parents[k];
            if (!claim_refuted(claim->parents[k]))
                continue;
            text_add_literal(text, before);
            text_add_string(text, claim->parents[k]->key);
            before = ",";
        }
    }
}

void verification_write(const struct knowledge *knowledge, const struct knowledge_entry *entry,
                        struct text *text)
{
    const struct claim *claim = entry->claim;
    if (!claim || !claim->live)
        return;
    text_addf(text, ",\"verification\":{\"status\":\"%s\",\"kind\":\"%s\",\"owner\":",
              claim_status_text(claim->status), claim_kind_text(claim->kind));
    text_add_string(text, claim->owner->key);
    text_addf(text, ",\"commitment_id\":\"%s\",\"nonce\":\"%s\",\"n\":%u,\"sealed\":%s",
              claim->commitment_id, claim->nonce, claim->seeds,
              claim->seal->broken ? "false" : "true");
    if (claim->sets)
        text_addf(text, ",\"sets\":%llu", (unsigned long long)claim->sets);
    if (claim->seal->broken) {
        text_add_literal(text, ",\"ratio\":");
        text_add_fraction(text, claim->ratio);
    }
    text_add_literal(text, ",\"verifiers\":");
    if (claim->seal->broken)
        verifiers_write(claim, text);
    else
        text_add_literal(text, "[]");
    text_add_literal(text, ",\"refuted_parents\":[");
    if (knowledge->refuted)
        write_refuted_parents(entry, text);
    text_add_literal(text, "]}");
}

void verification_tell(struct request *request, const struct claim_change *change)
{
    const struct knowledge_entry *entry = change->entry;
    const struct claim *claim = entry->claim;
    struct slice status = slice_of(claim_status_text(claim->status));
    struct votes votes;
    claim_judge(claim, &votes);
    struct text *text =
        hub_message_begin(request, MESSAGE_VERIFICATION, slice_of("hub"), (struct slice){NULL, 0});
    text_add_literal(text, "{\"id\":");
    text_add_string(text, entry->key);
    if (entry->own_id.len) {
        text_add_literal(text, ",\"own_id\":");
        text_add_string(text, entry->own_id);
    }
    text_addf(text, ",\"section\":\"%s\",\"author\":", section_text(entry->section));
    text_add_string(text, entry->contributor->key);
    text_addf(text,
              ",\"status\":\"%s\",\"was\":\"%s\",\"agreeing\":%zu,\"disagreeing\":%zu,"
              "\"in_sight\":%zu",
              claim_status_text(claim->status), claim_status_text(change->was), votes.agreeing,
              votes.disagreeing, votes.in_sight);
    verification_write(&request->room->knowledge, entry, text);
    text_add_literal(text, "}");
    struct outgoing outgoing;
    hub_message_end(request, MESSAGE_VERIFICATION, &outgoing);
    effect_to_room(request, &outgoing, NULL);
    hub_note(request->hub, request->from, HUB_VERIFICATION, entry->key, status);
}
