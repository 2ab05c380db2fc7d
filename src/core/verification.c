/* What becomes of a claim: others measure it again, and what they agree on counts, never what
 * its author says.
 *
 *     claimed     fewer than two others have measured it
 *     confirmed   two agree with it, and no two that disagree found the same
 *     refuted     two disagree with it and found the same, and fewer than two agree
 *     contested   anything else
 *
 * The status follows from the verifiers alone (claim_judge), of whom the latest measurement of
 * each is kept, in bounds; those who are pushed out are counted. It can change for as long as
 * somebody measures. A new revision of the entry that claims something else is a new claim; what
 * became of the old one stays on its author's account, or whoever was refuted would only have to
 * share again. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"

#define VERIFIER_OVERHEAD 160u /* bytes that a verifier counts for beside its texts */

#define VERIFIERS_NEEDED  2u
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

/* ── verifiers ── */

static void verifier_clear(struct verifier *verifier)
{
    slice_free(&verifier->ai_id);
    slice_free(&verifier->profile);
    slice_free(&verifier->reason);
}

size_t verifier_cost_most(struct slice ai_id)
{
    return VERIFIER_OVERHEAD + ai_id.len + (size_t)2 * VERIFIER_TEXT_MAX;
}

static size_t verifier_cost(const struct verifier *verifier)
{
    return VERIFIER_OVERHEAD + verifier->ai_id.len + verifier->profile.len + verifier->reason.len;
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

/* The longest there of the larger camp makes room, so that however many speak for one side, the
 * other's voice stays. Many may take one side until those of it who were honest are gone, and
 * then change: hence what was said by those who are gone is counted. */
static void verifiers_trim(struct claim *claim)
{
    size_t agreeing = 0, place = 0;
    assert(claim->verifier_count > 0);
    for (size_t i = 0; i < claim->verifier_count; i++)
        agreeing += claim->verifiers[i].agrees;
    bool larger = 2 * agreeing > claim->verifier_count;
    while (claim->verifiers[place].agrees != larger)
        place++;
    claim->gone[larger]++;
    verifier_remove(claim, place);
}

static void verifier_put(struct claim *claim, const struct verifier *verifier)
{
    size_t place = 0;
    while (place < claim->verifier_count &&
           !slice_equal(claim->verifiers[place].ai_id, verifier->ai_id))
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

enum claim_status claim_judge(const struct claim *claim, size_t *ret_agreeing)
{
    double ratios[VERIFIERS_MAX] = {0};
    size_t agreeing = 0, measured = 0, unmeasured = 0;
    for (size_t i = 0; i < claim->verifier_count; i++) {
        const struct verifier *verifier = &claim->verifiers[i];
        if (verifier->agrees)
            agreeing++;
        else if (isnan(verifier->ratio))
            unmeasured++;
        else
            ratios[measured++] = verifier->ratio;
    }
    size_t together = largest_agreement(ratios, measured);
    if (unmeasured > together) /* that it can't be measured at all is something to agree on, too */
        together = unmeasured;
    *ret_agreeing = agreeing;
    if (claim->verifier_count < VERIFIERS_NEEDED)
        return CLAIM_CLAIMED;
    /* those who are gone decide nothing, but they may stand in the way of it; what they found is
     * taken to be the same */
    if (agreeing >= VERIFIERS_NEEDED && together + claim->gone[false] < VERIFIERS_NEEDED)
        return CLAIM_CONFIRMED;
    if (together >= VERIFIERS_NEEDED && agreeing + claim->gone[true] < VERIFIERS_NEEDED)
        return CLAIM_REFUTED;
    return CLAIM_CONTESTED;
}

bool claim_refuted(const struct knowledge_entry *entry)
{
    return entry->claim && entry->claim->live && entry->claim->status == CLAIM_REFUTED;
}

/* ── claims ── */

static bool claim_same(const struct claim *claim, const struct claiming *claiming)
{
    return claim->live && claiming && claim->ratio == claiming->ratio &&
           claim->seeds == claiming->seeds &&
           strcmp(claim->commitment_id, claiming->commitment->id) == 0;
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
    claim_empty(claim);
}

void claim_put(struct knowledge *knowledge, struct knowledge_entry *entry,
               const struct claiming *claiming)
{
    if (!entry->claim && !claiming)
        return;
    if (!entry->claim)
        entry->claim = memory_new(sizeof *entry->claim);
    struct claim *claim = entry->claim;
    bool same = claim_same(claim, claiming);
    if (claim->live && !same)
        claim_settle(knowledge, entry);
    if (claiming && !same) {
        claim->live = true;
        claim->ratio = claiming->ratio;
        claim->seeds = claiming->seeds;
        claim->status = CLAIM_CLAIMED;
        memcpy(claim->commitment_id, claiming->commitment->id, sizeof claim->commitment_id);
        memcpy(claim->nonce, claiming->commitment->nonce, sizeof claim->nonce);
        entry->contributor->claims[CLAIM_CLAIMED]++;
    }
    if (claiming)
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
static bool report_read(const struct claim *claim, struct slice reporter, struct json_value metrics,
                        struct verifier *ret_verifier)
{
    struct reported reported = report_members(metrics);
    uint64_t n;
    if (!json_string_is(reported.nonce, slice_of(claim->nonce)) || json_u64(reported.n, &n) != 0 ||
        n != claim->seeds)
        return false;
    double ratio = number_or_nan(reported.ratio);
    bool denied = reported.claim_holds.kind == JSON_KIND_FALSE, measured = ratio > 0;
    if (!measured)
        ratio = (double)NAN;
    *ret_verifier =
        (struct verifier){.ai_id = reporter,
                          .agrees = measured && !denied && claim_agrees(claim->ratio, ratio),
                          .ratio = ratio,
                          .ratio_own = number_or_nan(reported.ratio_own),
                          .profile = text_or_none(reported.profile),
                          .reason = text_or_none(reported.reason)};
    return measured || denied;
}

/* Whether the report is another AI's measurement of what the entry claims. */
static bool claim_is_measured(const struct knowledge_entry *entry, struct slice reporter,
                              struct json_value metrics, struct verifier *ret_verifier)
{
    return entry->claim && entry->claim->live && !slice_equal(reporter, entry->contributor->key) &&
           report_read(entry->claim, reporter, metrics, ret_verifier);
}

int64_t claim_report_growth(const struct knowledge_entry *entry, struct slice reporter,
                            struct json_value metrics)
{
    const struct claim *claim = entry->claim;
    struct verifier verifier;
    if (!claim_is_measured(entry, reporter, metrics, &verifier))
        return 0;
    int64_t more = (int64_t)verifier_cost(&verifier);
    for (size_t i = 0; i < claim->verifier_count; i++)
        if (slice_equal(claim->verifiers[i].ai_id, reporter))
            more -= (int64_t)verifier_cost(&claim->verifiers[i]);
    return more;
}

bool claim_report(struct knowledge *knowledge, struct knowledge_entry *entry, struct slice reporter,
                  struct json_value metrics, struct claim_change *ret_change)
{
    struct claim *claim = entry->claim;
    struct verifier verifier;
    size_t agreeing;
    if (!claim_is_measured(entry, reporter, metrics, &verifier))
        return false;
    enum claim_status was = claim->status;
    verifier_put(claim, &verifier);
    knowledge->refuted -= claim_refuted(entry);
    claim->status = claim_judge(claim, &agreeing);
    knowledge->refuted += claim_refuted(entry);
    if (claim->status == was)
        return false;
    entry->contributor->claims[was]--;
    entry->contributor->claims[claim->status]++;
    account_touch(knowledge, entry->contributor->key);
    *ret_change = (struct claim_change){entry, was};
    return true;
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
    text_add_literal(text, verifier->agrees ? ",\"agrees\":true" : ",\"agrees\":false");
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
    text_addf(text,
              ",\"verification\":{\"status\":\"%s\",\"commitment_id\":\"%s\",\"nonce\":\"%s\"",
              claim_status_text(claim->status), claim->commitment_id, claim->nonce);
    text_add_literal(text, ",\"ratio\":");
    text_add_fraction(text, claim->ratio);
    text_addf(text, ",\"n\":%u,\"verifiers\":[", claim->seeds);
    for (size_t i = 0; i < claim->verifier_count; i++) {
        if (i)
            text_add_literal(text, ",");
        write_verifier(&claim->verifiers[i], text);
    }
    text_add_literal(text, "],\"refuted_parents\":[");
    if (knowledge->refuted)
        write_refuted_parents(entry, text);
    text_add_literal(text, "]}");
}

void verification_tell(struct request *request, const struct claim_change *change)
{
    const struct knowledge_entry *entry = change->entry;
    const struct claim *claim = entry->claim;
    struct slice status = slice_of(claim_status_text(claim->status));
    size_t agreeing;
    claim_judge(claim, &agreeing);
    struct text *text =
        hub_message_begin(request, MESSAGE_VERIFICATION, slice_of("hub"), (struct slice){NULL, 0});
    text_add_literal(text, "{\"id\":");
    text_add_string(text, entry->key);
    text_addf(text, ",\"section\":\"%s\",\"author\":", section_text(entry->section));
    text_add_string(text, entry->contributor->key);
    text_addf(text, ",\"status\":\"%s\",\"was\":\"%s\",\"agreeing\":%zu,\"disagreeing\":%zu}",
              claim_status_text(claim->status), claim_status_text(change->was), agreeing,
              claim->verifier_count - agreeing);
    struct outgoing outgoing;
    hub_message_end(request, MESSAGE_VERIFICATION, &outgoing);
    effect_to_room(request, &outgoing, NULL);
    hub_note(request->hub, request->from, HUB_VERIFICATION, entry->key, status);
}
