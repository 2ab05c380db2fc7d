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

/* What is hashed of each parameter set, behind its subject and version; claims.c spells the same
 * sets as JSON. */
static const char *const canonical[PARAMETER_SETS] = {
    "", "a=3fe0000000000000\n", "a=3fe0000000000001\n", "a=3fe0000000000000\nb=c000000000000000\n",
    "A=0000000000000000\na=408f400000000000\né=3ff0000000000000\n"};

/* The C of each module, whose spellings as JSON claims.c has as well. */
static const char *const sources[MODULES] = {"int answer;\n", "int answer; ",
                                             "/* \"żółw\" */\n\tint answer = '\\\\';\n"};

bool set_is_module(int set)
{
    return set >= PARAMETER_SETS;
}

static void digest_hex(const char *text, char ret_hex[65])
{
    uint8_t digest[32];
    struct slice part = slice_of(text);
    world_digest(&part, 1, digest);
    hex_format(digest, sizeof digest, ret_hex);
}

void ledger_digest(int subject, int version, int set, char ret_hex[65])
{
    char text[512], source[65];
    if (set_is_module(set)) {
        digest_hex(sources[set - PARAMETER_SETS], source);
        snprintf(text, sizeof text, "khub module 1\n%s\n%s\n%s\n", subjects[subject],
                 versions[version], source);
    } else {
        snprintf(text, sizeof text, "khub parameters 1\n%s\n%s\n%s", subjects[subject],
                 versions[version], canonical[set]);
    }
    digest_hex(text, ret_hex);
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

/* The challenge for it that was sent to that link in this call, whose id and nonce are new, or
 * what it was told before; and the nonce is that of its epoch, and of no other. */
static void challenge_read(struct world *world, int link, struct commitment_model *commitment)
{
    const struct commitment_model was = *commitment;
    char sha256[65];
    ledger_digest(commitment->subject, commitment->version, commitment->set, sha256);
    for (size_t i = 0; i < world->caused_count; i++) {
        json_t *payload = json_object_get(world->caused[i].object, "payload");
        const char *id = json_string_value(json_object_get(payload, "commitment_id"));
        const char *nonce = json_string_value(json_object_get(payload, "nonce"));
        const char *hash = json_string_value(json_object_get(payload, "sha256"));
        const char *type =
            json_string_value(json_object_get(world->caused[i].object, "message_type"));
        if (world->caused[i].link != link || !type || strcmp(type, "challenge") != 0 || !hash ||
            strcmp(hash, sha256) != 0)
            continue;
        snprintf(commitment->id, sizeof commitment->id, "%s", id ? id : "");
        snprintf(commitment->nonce, sizeof commitment->nonce, "%s", nonce ? nonce : "");
    }
    if (strlen(commitment->id) != 36 || strlen(commitment->nonce) != 32 ||
        (was.id[0] && strcmp(was.id, commitment->id) != 0) ||
        (was.nonce[0] && strcmp(was.nonce, commitment->nonce) != 0))
        world_fail(world, "a challenge with the id \"%s\" and the nonce \"%s\"", commitment->id,
                   commitment->nonce);
    for (int at = 0; at < ROOMS; at++)
        for (size_t i = 0; i < world->rooms[at].commitment_count; i++) {
            const struct commitment_model *other = &world->rooms[at].commitments[i];
            if (other == commitment || !other->nonce[0])
                continue;
            if (strcmp(other->id, commitment->id) == 0)
                world_fail(world, "two commitments have the id %s", other->id);
            if ((other->epoch == commitment->epoch) !=
                (strcmp(other->nonce, commitment->nonce) == 0))
                world_fail(world, "epochs %u and %u have the nonces %s and %s", other->epoch,
                           commitment->epoch, other->nonce, commitment->nonce);
        }
}

/* Those of this AI that wait for the end of an epoch. */
static unsigned sets_waiting(const struct room_model *room, int name, int subject, int version)
{
    unsigned count = 0;
    for (size_t i = 0; i < room->commitment_count; i++) {
        const struct commitment_model *commitment = &room->commitments[i];
        count += commitment->waits && commitment->name == name && commitment->subject == subject &&
                 commitment->version == version;
    }
    return count;
}

static void challenge_expect(struct world *world, int at, struct commitment_model *commitment)
{
    int link = world->rooms[at].members[commitment->name].link;
    struct expected *expected =
        expect_made_to(world, at, commitment->name, MESSAGE_CHALLENGE, HUB, commitment->name);
    if (!expected)
        return;
    challenge_read(world, link, commitment);
}

static void epoch_end(struct world *world, int at, int subject, int version)
{
    struct room_model *room = &world->rooms[at];
    struct epoch_model *epoch = &room->epochs[subject][version];
    for (size_t i = 0; i < room->commitment_count; i++)
        if (room->commitments[i].waits && room->commitments[i].epoch == epoch->number)
            room->commitments[i].sets =
                sets_waiting(room, room->commitments[i].name, subject, version);
    for (size_t i = 0; i < room->commitment_count; i++) {
        if (!room->commitments[i].waits || room->commitments[i].epoch != epoch->number)
            continue;
        room->commitments[i].waits = false;
        challenge_expect(world, at, &room->commitments[i]);
    }
    epoch->number = 0;
}

void model_epochs_tick(struct world *world, int at)
{
    for (int subject = 0; subject < SUBJECTS; subject++)
        for (int version = 0; version < VERSIONS; version++) {
            const struct epoch_model *epoch = &world->rooms[at].epochs[subject][version];
            if (epoch->number && world->clock - epoch->since >= world->config.epoch_ms)
                epoch_end(world, at, subject, version);
        }
}

bool model_nonce_known(const struct room_model *room, int name, const char *nonce)
{
    for (size_t i = 0; i < room->commitment_count; i++)
        if (room->commitments[i].name == name && strcmp(room->commitments[i].nonce, nonce) == 0)
            return true;
    return false;
}

void model_commitment_apply(struct world *world, const struct said *said, int at)
{
    struct room_model *room = &world->rooms[at];
    struct epoch_model *epoch = &room->epochs[said->subject][said->version];
    struct commitment_model *commitment = commitment_same(room, said);
    if (!commitment) {
        if (!epoch->number)
            *epoch = (struct epoch_model){++world->epochs, world->clock};
        commitment = commitment_add(room);
        *commitment = (struct commitment_model){.name = said->sender,
                                                .subject = said->subject,
                                                .version = said->version,
                                                .set = said->set,
                                                .waits = true,
                                                .epoch = epoch->number};
    }
    snprintf(commitment->asked, sizeof commitment->asked, "%s", said->message_id);
    if (!commitment->waits)
        challenge_expect(world, at, commitment);
    else if (!world->config.epoch_ms)
        epoch_end(world, at, said->subject, said->version);
}

void model_measurement_apply(const struct said *said, struct room_model *room)
{
    room->commitments[commitment_find(room, said->commitment_id)].ratio = said->ratio;
}

/* ── what may be refused ── */

static unsigned claims_with(const struct room_model *room, int commitment)
{
    unsigned count = 0;
    for (size_t i = 0; i < room->entry_count; i++)
        count += room->entries[i].claim.live && room->entries[i].claim.commitment == commitment;
    return count;
}

static uint64_t measurement_codes(const struct room_model *room, const struct said *said)
{
    int at = commitment_find(room, said->commitment_id);
    if (said->flaws)
        return 0;
    if (at == NOBODY || room->commitments[at].name != said->sender)
        return FLAW(BAD_CLAIM);
    double ratio = room->commitments[at].ratio;
    return ratio > 0 && ratio != said->ratio ? FLAW(CONFLICT) : 0;
}

uint64_t model_ledger_codes(struct world *world, const struct said *said, int at)
{
    const struct link *link = &world->links[said->link];
    const struct room_model *room = &world->rooms[at];
    if (said->type == MESSAGE_COMMITMENT) {
        if (link->name == NOBODY || link_level(world, said->link) < 2)
            return FLAW(FORBIDDEN);
        return !commitment_same(room, said) && sets_waiting(room, said->sender, said->subject,
                                                            said->version) >= EPOCH_SETS_MAX
                   ? FLAW(RATE_LIMITED)
                   : 0;
    }
    if (said->type == MESSAGE_MEASUREMENT)
        return measurement_codes(room, said);
    if (!said->claim.made)
        return 0;
    int commitment = commitment_find(room, said->claim.id);
    if (commitment == NOBODY)
        return FLAW(BAD_CLAIM);
    if (model_claim_contradicts(world, said, at))
        return 0; /* that is counted */
    if (!(room->commitments[commitment].ratio > 0))
        return FLAW(BAD_CLAIM);
    return claims_with(room, commitment) >= SEAL_CLAIMS_MAX ? FLAW(QUOTA_EXCEEDED) : 0;
}

bool model_claim_contradicts(const struct world *world, const struct said *said, int at)
{
    const struct room_model *room = &world->rooms[at];
    int found = said->claim.made ? commitment_find(room, said->claim.id) : NOBODY;
    if (found == NOBODY)
        return false;
    const struct commitment_model *commitment = &room->commitments[found];
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

void model_claim_put(struct world *world, int at, struct entry_model *entry,
                     const struct said *said)
{
    struct room_model *room = &world->rooms[at];
    struct claim_model *claim = &entry->claim;
    int commitment = said->claim.made ? commitment_find(room, said->claim.id) : NOBODY;
    bool stays = claim->live && claim->commitment == commitment;
    if (claim->live && !stays) {
        if (!room->commitments[claim->commitment].revealed)
            model_unseal(world, at, claim->commitment);
        claim->settled[claim->state]++;
        claim->live = false;
        claim->verifier_count = claim->parent_count = 0;
    }
    if (!said->claim.made)
        return;
    claim->commitment = commitment;
    claim->ratio = room->commitments[commitment].ratio;
    claim->seeds = said->claim.seeds;
    claim->state = stays ? claim->state : CLAIMED;
    claim->live = true;
    room->commitments[commitment].claimed = true;
    claim_set_parents(room, entry, said);
}

static bool near(double left, double right)
{
    double larger = left > right ? left : right, smaller = left > right ? right : left;
    return larger - smaller <= 1e-9 * larger;
}

/* Of those whose word counts, in sight of the answer or not. */
static bool heard(const struct verifier_model *verifier, bool with_sight)
{
    return verifier->counts && (with_sight || !verifier->in_sight);
}

static unsigned measured(const struct claim_model *claim, bool with_sight)
{
    unsigned count = 0;
    for (unsigned i = 0; i < claim->verifier_count; i++)
        count += heard(&claim->verifiers[i], with_sight);
    return count;
}

static unsigned agreeing(const struct claim_model *claim, bool with_sight)
{
    unsigned count = 0;
    for (unsigned i = 0; i < claim->verifier_count; i++)
        count += heard(&claim->verifiers[i], with_sight) && claim->verifiers[i].agrees;
    return count;
}

/* Of those who disagree, the most that found the same: all that are near to the least of them,
 * whoever is the least. */
static unsigned disagreeing_together(const struct claim_model *claim, bool with_sight)
{
    unsigned most = 0;
    for (unsigned i = 0; i < claim->verifier_count; i++) {
        const struct verifier_model *least = &claim->verifiers[i];
        unsigned count = 0;
        if (!heard(least, with_sight) || least->agrees)
            continue;
        for (unsigned k = 0; k < claim->verifier_count; k++) {
            const struct verifier_model *other = &claim->verifiers[k];
            count += heard(other, with_sight) && !other->agrees &&
                     (other->ratio > 0) == (least->ratio > 0) && other->ratio >= least->ratio &&
                     near(other->ratio, least->ratio);
        }
        if (count > most)
            most = count;
    }
    return most;
}

static enum claim_state claim_judge(const struct claim_model *claim)
{
    bool denied = disagreeing_together(claim, true) >= 2, upheld = agreeing(claim, true) >= 2;
    if (agreeing(claim, false) >= 2 && !denied)
        return CONFIRMED;
    if (disagreeing_together(claim, false) >= 2 && !upheld)
        return REFUTED;
    return measured(claim, false) < 2 && !denied ? CLAIMED : CONTESTED;
}

/* Has this AI given the number already, of any claim with the commitment, when it could not see? */
static bool given_before(const struct room_model *room, int commitment, int name, double ratio)
{
    for (size_t i = 0; i < room->entry_count; i++) {
        const struct claim_model *claim = &room->entries[i].claim;
        if (!claim->live || claim->commitment != commitment)
            continue;
        for (unsigned k = 0; k < claim->verifier_count; k++) {
            const struct verifier_model *verifier = &claim->verifiers[k];
            if (verifier->name == name && !verifier->in_sight &&
                (verifier->ratio > 0) == (ratio > 0) && near(verifier->ratio, ratio))
                return true;
        }
    }
    return false;
}

static void verifier_put(const struct room_model *room, struct claim_model *claim,
                         const struct said *said)
{
    unsigned place = 0;
    struct verifier_model verifier = {
        .name = said->sender,
        .agrees = said->measured.ratio > 0 && !said->measured.denied &&
                  near(said->measured.ratio, claim->ratio),
        .counts = model_claim_count(room, said->sender, REFUTED) == 0,
        .in_sight = room->commitments[claim->commitment].revealed &&
                    !given_before(room, claim->commitment, said->sender, said->measured.ratio),
        .ratio = said->measured.ratio};
    while (place < claim->verifier_count && claim->verifiers[place].name != said->sender)
        place++;
    if (place < claim->verifier_count)
        memmove(&claim->verifiers[place], &claim->verifiers[place + 1],
                (--claim->verifier_count - place) * sizeof *claim->verifiers);
    claim->verifiers[claim->verifier_count++] = verifier;
}

static void expect_verification(struct world *world, int at, const struct entry_model *entry,
                                enum claim_state was)
{
    const struct room_model *room = &world->rooms[at];
    const struct claim_model *claim = &entry->claim;
    for (unsigned i = 0; i < room->seat_count; i++) {
        struct expected *expected =
            expect_made_to(world, at, room->seats[i], MESSAGE_VERIFICATION, HUB, NOBODY);
        if (!expected)
            continue;
        expected->entry = (int)(entry - room->entries);
        expected->was = was;
        expected->is = claim->state;
        expected->agreeing = agreeing(claim, false);
        expected->disagreeing = measured(claim, false) - expected->agreeing;
        expected->in_sight = measured(claim, true) - measured(claim, false);
    }
}

/* ── seals ── */

static void reports_tell(struct room_model *room, int commitment)
{
    for (size_t i = 0; i < room->entry_count; i++) {
        struct entry_model *entry = &room->entries[i];
        for (unsigned k = 0; k < entry->score_count; k++)
            if (entry->scores[k].held == commitment)
                entry->scores[k].held = NOBODY;
        for (unsigned k = 0; entry->held && k < entry->report_count; k++)
            if (entry->held[k] == commitment)
                entry->held[k] = NOBODY;
    }
}

void model_unseal(struct world *world, int at, int commitment)
{
    struct room_model *room = &world->rooms[at];
    room->commitments[commitment].revealed = true;
    room->commitments[commitment].running = false;
    reports_tell(room, commitment);
    for (size_t i = 0; i < room->entry_count; i++) {
        struct entry_model *entry = &room->entries[i];
        enum claim_state was = entry->claim.state;
        if (!entry->claim.live || entry->claim.commitment != commitment)
            continue;
        entry->claim.state = claim_judge(&entry->claim);
        expect_verification(world, at, entry, was);
    }
}

void model_seals_tick(struct world *world, int at)
{
    struct room_model *room = &world->rooms[at];
    for (size_t i = 0; i < room->commitment_count; i++) {
        const struct commitment_model *commitment = &room->commitments[i];
        if (commitment->running && world->clock - commitment->since >= SEAL_MS)
            model_unseal(world, at, (int)i);
    }
}

int model_claim_held(const struct room_model *room, const struct said *said,
                     const struct entry_model *entry)
{
    if (!entry || !entry->claim.live || !said->measured.made)
        return NOBODY;
    const struct commitment_model *commitment = &room->commitments[entry->claim.commitment];
    bool sealed = !commitment->revealed && strcmp(commitment->nonce, said->measured.nonce) == 0;
    return sealed ? entry->claim.commitment : NOBODY;
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
    verifier_put(room, claim, said);
    if (!room->commitments[claim->commitment].revealed)
        return;
    claim->state = claim_judge(claim);
    if (claim->state != was)
        expect_verification(world, at, entry, was);
}

void model_seal_measured(struct world *world, int at, const struct entry_model *entry)
{
    struct room_model *room = &world->rooms[at];
    const struct claim_model *claim = &entry->claim;
    if (!claim->live || room->commitments[claim->commitment].revealed)
        return;
    struct commitment_model *commitment = &room->commitments[claim->commitment];
    enum claim_state state = claim_judge(claim);
    if (state == CONFIRMED || state == REFUTED) {
        model_unseal(world, at, claim->commitment);
    } else if (measured(claim, true) && !commitment->running) {
        commitment->running = true;
        commitment->since = world->clock;
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

/* Epochs in which it was given one. */
static unsigned nonces_of(const struct room_model *room, int name)
{
    unsigned count = 0;
    for (size_t i = 0; i < room->commitment_count; i++) {
        const struct commitment_model *commitment = &room->commitments[i];
        bool first = commitment->name == name && !commitment->waits;
        for (size_t k = 0; k < i; k++)
            first = first && (room->commitments[k].name != name ||
                              room->commitments[k].epoch != commitment->epoch);
        count += first;
    }
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
    const char *owner = json_string_value(json_object_get(is, "owner"));
    bool same = json_object_size(is) == 8 && owner && strcmp(owner, names[name]) == 0;
    for (int state = 0; state < CLAIM_STATES; state++) {
        unsigned count = model_claim_count(room, name, (enum claim_state)state);
        same = same && (state == CLAIMED || counts(is, claim_state_names[state], count));
        claims += count;
    }
    return same && counts(is, "claims", claims) &&
           counts(is, "commitments", commitments_of(room, name)) &&
           counts(is, "nonces", nonces_of(room, name)) &&
           counts(is, "mismatched", room->mismatched[name]);
}
