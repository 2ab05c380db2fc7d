/* The model of the ledger: commitments, what contradicts them, and what becomes of claims. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

const char *const claim_state_names[CLAIM_STATES] = {"claimed", "confirmed", "refuted",
                                                     "contested"};
const char *const subjects[SUBJECTS] = {"cpu", "file \"system\"", "żółw"};
const char *const versions[VERSIONS] = {"1", "v-2"};

/* What is hashed of each parameter set, behind its subject and version; payloads.c spells the same
 * sets as JSON. */
static const char *const canonical[PARAMETER_SETS] = {
    "", "a=3fe0000000000000\n", "a=3fe0000000000001\n", "a=3fe0000000000000\nb=c000000000000000\n",
    "A=0000000000000000\na=408f400000000000\né=3ff0000000000000\n"};

void ledger_digest(int subject, int version, int set, char ret_hex[65])
{
    char text[512];
    uint8_t digest[32];
    snprintf(text, sizeof text, "khub parameters 1\n%s\n%s\n%s", subjects[subject],
             versions[version], canonical[set]);
    struct slice part = slice_of(text);
    world_digest(&part, 1, digest);
    hex_format(digest, sizeof digest, ret_hex);
}

/* ── commitments ── */

static int commitment_find(const struct room_model *room, const char *id)
{
    for (size_t i = 0; i < room->commitment_count; i++)
        if (strcmp(room->commitments[i].id, id) == 0)
            return (int)i;
    return NOBODY;
}

static struct commitment_model *commitment_same(const struct room_model *room,
                                                const struct said *said)
{
    for (size_t i = 0; i < room->commitment_count; i++) {
        struct commitment_model *commitment = &room->commitments[i];
        if (commitment->name == said->sender && commitment->subject == said->subject &&
            commitment->version == said->version && commitment->set == said->set)
            return commitment;
    }
    return NULL;
}

static struct commitment_model *commitment_add(struct room_model *room)
{
    if (room->commitment_count == room->commitment_capacity) {
        room->commitment_capacity = room->commitment_capacity ? 2 * room->commitment_capacity : 64;
        room->commitments =
            realloc(room->commitments, room->commitment_capacity * sizeof *room->commitments);
        assert(room->commitments);
    }
    return &room->commitments[room->commitment_count++];
}

/* The challenge that was sent in this call: a new commitment's id and nonce are read from it, and
 * must be new. */
static void challenge_read(struct world *world, const struct said *said,
                           struct commitment_model *commitment)
{
    for (size_t i = 0; i < world->caused_count; i++) {
        json_t *payload = json_object_get(world->caused[i].object, "payload");
        const char *id = json_string_value(json_object_get(payload, "commitment_id"));
        const char *nonce = json_string_value(json_object_get(payload, "nonce"));
        const char *type =
            json_string_value(json_object_get(world->caused[i].object, "message_type"));
        if (world->caused[i].link != said->link || !type || strcmp(type, "challenge") != 0)
            continue;
        snprintf(commitment->id, sizeof commitment->id, "%s", id ? id : "");
        snprintf(commitment->nonce, sizeof commitment->nonce, "%s", nonce ? nonce : "");
    }
    if (strlen(commitment->id) != 36 || strlen(commitment->nonce) != 32)
        world_fail(world, "a challenge with the id \"%s\" and the nonce \"%s\"", commitment->id,
                   commitment->nonce);
    for (int at = 0; at < ROOMS; at++)
        for (size_t i = 0; i < world->rooms[at].commitment_count; i++) {
            const struct commitment_model *other = &world->rooms[at].commitments[i];
            if (other != commitment && (strcmp(other->id, commitment->id) == 0 ||
                                        strcmp(other->nonce, commitment->nonce) == 0))
                world_fail(world, "two commitments were given the nonce %s", other->nonce);
        }
}

void model_commitment_apply(struct world *world, const struct said *said, int at)
{
    struct room_model *room = &world->rooms[at];
    if (!commitment_same(room, said)) {
        struct commitment_model *commitment = commitment_add(room);
        *commitment = (struct commitment_model){.name = said->sender,
                                                .subject = said->subject,
                                                .version = said->version,
                                                .set = said->set};
        challenge_read(world, said, commitment);
    }
    expect_made(world, said->link, MESSAGE_CHALLENGE, HUB, said->sender);
}

/* ── what may be refused ── */

uint64_t model_ledger_codes(struct world *world, const struct said *said, int room)
{
    const struct link *link = &world->links[said->link];
    if (said->type == MESSAGE_COMMITMENT)
        return link->name == NOBODY || link_level(world, said->link) < 2 ? FLAW(FORBIDDEN) : 0;
    if (said->claim.made && commitment_find(&world->rooms[room], said->claim.id) == NOBODY)
        return FLAW(BAD_CLAIM);
    return 0;
}

bool model_claim_contradicts(const struct world *world, const struct said *said, int at)
{
    const struct room_model *room = &world->rooms[at];
    if (!said->claim.made)
        return false;
    const struct commitment_model *commitment =
        &room->commitments[commitment_find(room, said->claim.id)];
    return commitment->name != said->sender || commitment->subject != said->claim.subject ||
           commitment->version != said->claim.version || commitment->set != said->claim.set ||
           strcmp(commitment->nonce, said->claim.nonce) != 0;
}

/* ── claims ── */

static void claim_set_parents(struct room_model *room, struct entry_model *entry,
                              const struct said *said)
{
    entry->claim.parent_count = 0;
    for (unsigned i = 0; i < said->claim.parent_count; i++) {
        const char *id = said->claim.parents[i];
        struct entry_model *parent = model_entry_find(room, PATTERNS, id);
        if (!parent)
            parent = model_feature_named(room, id);
        if (!parent)
            parent = model_entry_find(room, COMPONENTS, id);
        if (parent && parent != entry)
            entry->claim.parents[entry->claim.parent_count++] = (size_t)(parent - room->entries);
    }
}

void model_claim_put(struct room_model *room, struct entry_model *entry, const struct said *said)
{
    struct claim_model *claim = &entry->claim;
    int commitment = said->claim.made ? commitment_find(room, said->claim.id) : NOBODY;
    bool same = claim->live && said->claim.made && claim->commitment == commitment &&
                claim->ratio == said->claim.ratio && claim->seeds == said->claim.seeds;
    if (claim->live && !same) {
        claim->settled[claim->state]++;
        claim->live = false;
        claim->verifier_count = claim->parent_count = 0;
    }
    if (!said->claim.made)
        return;
    claim->commitment = commitment;
    claim->ratio = said->claim.ratio;
    claim->seeds = said->claim.seeds;
    claim->state = same ? claim->state : CLAIMED;
    claim->live = true;
    room->commitments[commitment].claimed = true;
    claim_set_parents(room, entry, said);
}

static bool near(double left, double right)
{
    double larger = left > right ? left : right, smaller = left > right ? right : left;
    return larger - smaller <= 1e-9 * larger;
}

unsigned model_claim_agreeing(const struct claim_model *claim)
{
    unsigned agreeing = 0;
    for (unsigned i = 0; i < claim->verifier_count; i++)
        agreeing += claim->verifiers[i].agrees;
    return agreeing;
}

/* Of those who disagree, the most that found the same: all that are near to the least of them,
 * whoever is the least. */
static unsigned disagreeing_together(const struct claim_model *claim)
{
    unsigned most = 0;
    for (unsigned i = 0; i < claim->verifier_count; i++) {
        const struct verifier_model *least = &claim->verifiers[i];
        unsigned count = 0;
        for (unsigned k = 0; k < claim->verifier_count; k++) {
            const struct verifier_model *other = &claim->verifiers[k];
            count += !other->agrees && (other->ratio > 0) == (least->ratio > 0) &&
                     other->ratio >= least->ratio && near(other->ratio, least->ratio);
        }
        if (!least->agrees && count > most)
            most = count;
    }
    return most;
}

static enum claim_state claim_judge(const struct claim_model *claim)
{
    bool two_agree = model_claim_agreeing(claim) >= 2,
         two_differ = disagreeing_together(claim) >= 2;
    if (claim->verifier_count < 2)
        return CLAIMED;
    if (two_agree == two_differ)
        return CONTESTED;
    return two_agree ? CONFIRMED : REFUTED;
}

static void verifier_put(struct claim_model *claim, const struct said *said)
{
    unsigned place = 0;
    while (place < claim->verifier_count && claim->verifiers[place].name != said->sender)
        place++;
    if (place < claim->verifier_count)
        memmove(&claim->verifiers[place], &claim->verifiers[place + 1],
                (--claim->verifier_count - place) * sizeof *claim->verifiers);
    bool agrees = said->measured.ratio > 0 && !said->measured.denied &&
                  near(said->measured.ratio, claim->ratio);
    claim->verifiers[claim->verifier_count++] =
        (struct verifier_model){said->sender, agrees, said->measured.ratio};
}

void model_claim_report(struct world *world, const struct said *said, int at,
                        struct entry_model *entry)
{
    struct room_model *room = &world->rooms[at];
    struct claim_model *claim = &entry->claim;
    if (!claim->live || !said->measured.made || entry->contributor == said->sender ||
        strcmp(room->commitments[claim->commitment].nonce, said->measured.nonce) != 0 ||
        said->measured.n != claim->seeds || !(said->measured.ratio > 0 || said->measured.denied))
        return;
    enum claim_state was = claim->state;
    verifier_put(claim, said);
    claim->state = claim_judge(claim);
    for (unsigned i = 0; i < room->seat_count && claim->state != was; i++) {
        struct expected *expected =
            expect_made_to(world, at, room->seats[i], MESSAGE_VERIFICATION, HUB, NOBODY);
        if (!expected)
            continue;
        expected->entry = (int)(entry - room->entries);
        expected->was = was;
        expected->is = claim->state;
        expected->agreeing = model_claim_agreeing(claim);
        expected->disagreeing = claim->verifier_count - expected->agreeing;
    }
}

unsigned model_claim_refuted(const struct room_model *room, const struct entry_model *entry,
                             size_t ret_refuted[ANCESTORS_MAX])
{
    size_t line[ANCESTORS_MAX + 1] = {(size_t)(entry - room->entries)};
    unsigned count = 1, refuted = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct claim_model *claim = &room->entries[line[i]].claim;
        for (unsigned k = 0; k < claim->parent_count && count <= ANCESTORS_MAX; k++) {
            size_t parent = claim->parents[k];
            bool seen = false;
            for (unsigned n = 0; n < count; n++)
                seen |= line[n] == parent;
            if (seen)
                continue;
            line[count++] = parent;
            if (room->entries[parent].claim.live && room->entries[parent].claim.state == REFUTED)
                ret_refuted[refuted++] = parent;
        }
    }
    return refuted;
}

/* ── accounts ── */

unsigned model_claim_count(const struct room_model *room, int name, enum claim_state state)
{
    unsigned count = 0;
    for (size_t i = 0; i < room->entry_count; i++) {
        const struct entry_model *entry = &room->entries[i];
        if (entry->contributor == name)
            count +=
                entry->claim.settled[state] + (entry->claim.live && entry->claim.state == state);
    }
    return count;
}

static unsigned commitments_of(const struct room_model *room, int name)
{
    unsigned count = 0;
    for (size_t i = 0; i < room->commitment_count; i++)
        count += room->commitments[i].name == name;
    return count;
}

bool model_account_shown(const struct room_model *room, int name)
{
    return room->mismatched[name] || commitments_of(room, name);
}

static bool counts(json_t *is, const char *name, unsigned should)
{
    return json_integer_value(json_object_get(is, name)) == (json_int_t)should;
}

bool model_account_same(const struct room_model *room, int name, json_t *is)
{
    unsigned claims = 0;
    bool same = json_object_size(is) == 6;
    for (int state = 0; state < CLAIM_STATES; state++) {
        unsigned count = model_claim_count(room, name, (enum claim_state)state);
        same = same && (state == CLAIMED || counts(is, claim_state_names[state], count));
        claims += count;
    }
    return same && counts(is, "claims", claims) &&
           counts(is, "commitments", commitments_of(room, name)) &&
           counts(is, "mismatched", room->mismatched[name]);
}
