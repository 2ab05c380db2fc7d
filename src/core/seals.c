/* Sealed scores: nobody who measures a claim knows the answer before it has given its own.
 *
 *            measurement            share              decided, time up, or
 *   (nothing) ─────────▶ (nothing) ───────▶ sealed ───── withdrawn ────▶ broken
 *                                            │  ▲
 *                                            └──┘ reports, held back
 *
 * The author's number comes in a message that the hub alone reads, before the share, and so before
 * anybody else has the parameters. What others report under the claim's nonce is held back too. It
 * is all told at once, when the claim is confirmed or refuted, or SEAL_MS after its first
 * measurement, or when its author shares something else in its place.
 *
 * A pattern and a component may be claimed with one commitment: its number is theirs both, so they
 * have one seal. Who gave that number before the seal was broken may say it again of either. */
#include <assert.h>
#include <math.h>

#include "core/effects.h"
#include "core/handlers.h"
#include "core/state.h"
#include "wire/shown.h"

/* ── what the author measured ── */

struct measurement {
    struct slice id;
    char id_text[UUID_SIZE];
    double ratio;
};

static int measurement_read(struct request *request, struct measurement *ret_measurement)
{
    struct json_value payload = request->message->payload;
    char excerpt[EXCERPT_SIZE];
    int error = payload_text(request, payload, "payload.commitment_id", REQUIRED,
                             sizeof ret_measurement->id_text, ret_measurement->id_text,
                             &ret_measurement->id);
    if (error < 0)
        return error;
    struct json_value ratio = json_get(payload, "ratio");
    if (json_number(ratio, &ret_measurement->ratio) == 0 && ret_measurement->ratio > 0)
        return 0;
    return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                  "payload.ratio must be a number above 0, and is %s",
                  ratio.kind == JSON_KIND_ABSENT ? "missing" : excerpt_format(ratio.raw, excerpt));
}

static struct commitment *commitment_of(const struct request *request, struct slice id)
{
    return request->room ? index_find(&request->room->knowledge.ledger.commitments, id) : NULL;
}

int measurement_check(struct request *request)
{
    struct measurement measurement;
    int error = measurement_read(request, &measurement);
    if (error < 0)
        return error;
    const struct commitment *commitment = commitment_of(request, measurement.id);
    if (!commitment)
        return refuse(request->refusal, WIRE_BAD_CLAIM,
                      "payload.commitment_id \"%.*s\" is not known here (any more): commit anew",
                      SLICE_FORMAT(measurement.id));
    if (!slice_equal(commitment->account->key, request->message->sender_id))
        return refuse(request->refusal, WIRE_BAD_CLAIM, "commitment %s is another AI's",
                      commitment->id);
    if (!isnan(commitment->ratio) && commitment->ratio != measurement.ratio)
        return refuse(request->refusal, WIRE_CONFLICT,
                      "commitment %s was measured already, and not as %.17g: the first number "
                      "stands",
                      commitment->id, measurement.ratio);
    return 0;
}

void measurement_proceed(struct request *request)
{
    struct measurement measurement;
    measurement_read(request, &measurement);
    struct commitment *commitment = commitment_of(request, measurement.id);
    request->handled = true; /* the hub alone reads it */
    if (commitment->ratio == measurement.ratio)
        return;
    commitment->ratio = measurement.ratio;
    change_mark(&request->room->changes, &commitment->change, commitment, ROW_COMMITMENT);
}

/* ── which claims have which seal ── */

/* In the order of sections and keys, which no restart changes. */
static bool claim_before(const struct claim *one, const struct claim *other)
{
    const struct knowledge_entry *left = one->entry, *right = other->entry;
    if (left->section != right->section)
        return left->section < right->section;
    return slice_compare(left->key, right->key) < 0;
}

static void claims_insert(struct seal *seal, struct claim *claim)
{
    struct claim *at = LIST_FIRST(&seal->claims);
    if (!at || claim_before(claim, at)) {
        LIST_INSERT_HEAD(&seal->claims, claim, of_seal);
        return;
    }
    while (LIST_NEXT(at, of_seal) && claim_before(LIST_NEXT(at, of_seal), claim))
        at = LIST_NEXT(at, of_seal);
    LIST_INSERT_AFTER(at, claim, of_seal);
}

struct seal *seal_of(struct ledger *ledger, struct slice commitment_id)
{
    return index_get(&ledger->seals, commitment_id, sizeof(struct seal));
}

void seal_join(struct ledger *ledger, struct claim *claim, bool broken)
{
    struct seal *seal = seal_of(ledger, slice_of(claim->commitment_id));
    assert(!claim->seal && (!seal->count || seal->broken == broken));
    seal->broken = broken;
    seal->count++;
    claims_insert(seal, claim);
    claim->seal = seal;
}

void seal_run(struct ledger *ledger, struct seal *seal, int64_t clock)
{
    if (seal->broken || seal->running)
        return;
    seal->running = true;
    seal->since = clock;
    TAILQ_INSERT_TAIL(&ledger->running, seal, next);
}

static void seal_stop(struct ledger *ledger, struct seal *seal)
{
    if (seal->running)
        TAILQ_REMOVE(&ledger->running, seal, next);
    seal->running = false;
}

void seal_leave(struct ledger *ledger, struct claim *claim)
{
    struct seal *seal = claim->seal;
    LIST_REMOVE(claim, of_seal);
    claim->seal = NULL;
    if (--seal->count)
        return;
    assert(LIST_EMPTY(&seal->reports)); /* it is broken, or it never held any back */
    seal_stop(ledger, seal);
    index_remove(&ledger->seals, seal);
    keyed_free(seal);
}

bool seal_measured_by(const struct seal *seal, struct slice owner, double ratio)
{
    const struct claim *claim;
    LIST_FOREACH (claim, &seal->claims, of_seal)
        for (size_t i = 0; i < claim->verifier_count; i++) {
            const struct verifier *verifier = &claim->verifiers[i];
            if (!verifier->in_sight && slice_equal(verifier->owner, owner) &&
                (isnan(ratio) ? isnan(verifier->ratio) : claim_agrees(verifier->ratio, ratio)))
                return true;
        }
    return false;
}

/* ── its end ── */

void seal_break(struct request *request, struct seal *seal)
{
    struct knowledge *knowledge = &request->room->knowledge;
    struct commitment *commitment = index_find(&knowledge->ledger.commitments, seal->key);
    struct claim *claim;
    assert(!seal->broken);
    seal_stop(&knowledge->ledger, seal);
    seal->broken = true;
    if (commitment) {
        commitment->revealed = true;
        change_mark(knowledge->changes, &commitment->change, commitment, ROW_COMMITMENT);
    }
    knowledge_tell_reports(knowledge, seal);
    LIST_FOREACH (claim, &seal->claims, of_seal) {
        struct claim_change change = {claim->entry, claim->status};
        claim_rejudge(knowledge, claim->entry);
        verification_tell(request, &change);
    }
}

void seals_measured(struct request *request, struct knowledge_entry *const named[NAMED_MAX])
{
    for (size_t i = 0; i < NAMED_MAX; i++) {
        const struct claim *claim = named[i] ? named[i]->claim : NULL;
        if (!claim || !claim->live || claim->seal->broken)
            continue;
        if (claim_is_decided(claim))
            seal_break(request, claim->seal);
        else if (claim_is_measured(claim))
            seal_run(&request->room->knowledge.ledger, claim->seal, request->hub->clock);
    }
}

void seals_tick(struct room *room, int64_t now)
{
    struct seal *seal, *next;
    for (seal = TAILQ_FIRST(&room->knowledge.ledger.running); seal; seal = next) {
        char id[UUID_SIZE]; /* a log that commits at once breaks it meanwhile, and it alone */
        next = TAILQ_NEXT(seal, next);
        if (seal->proposed || room->hub->clock - seal->since < SEAL_MS)
            continue;
        assert(seal->key.len < sizeof id);
        memcpy(id, seal->key.at, seal->key.len);
        seal->proposed = true;
        room_happened(
            room,
            &(struct entry){.time_ms = now, .kind = ENTRY_UNSEAL, .bytes = {id, seal->key.len}});
    }
}

void seal_time_up(struct request *request, struct slice commitment_id)
{
    struct seal *seal = index_find(&request->room->knowledge.ledger.seals, commitment_id);
    if (seal && !seal->broken)
        seal_break(request, seal);
}
