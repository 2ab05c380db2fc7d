/* Payloads of honest scores, and of dishonest ones: commitments, claims, and measurements of
 * claims. */
#include <stdio.h>
#include <string.h>

#include "speech.h"

static const double ratios[] = {0.5, 0.5 * (1 + 5e-10), 0.75, 0.75 * (1 - 2e-9), 1.25};
#define SEEDS_OF_A_CLAIM 64u
static const unsigned seed_counts[] = {16, SEEDS_OF_A_CLAIM, 1024}; /* of what is reported */

static void put_number_member(struct writer *writer, const char *name, double number)
{
    put_member(writer, name);
    text_addf(&writer->text, chance_one_in(writer->chance, 2) ? "%.17g" : "%.17e", number);
}

static void put_parameters(struct writer *writer, int set)
{
    static const char *const spellings[PARAMETER_SETS][3] = {
        {"{}", "{ }", "{}"},
        {"{\"a\":0.5}", "{\"\\u0061\":5e-1}", "{ \"a\" : 0.500 }"},
        {"{\"a\":0.5000000000000001}", "{\"a\":5000000000000001e-16}",
         "{\"a\":0.50000000000000011}"},
        {"{\"a\":0.5,\"b\":-2}", "{\"b\":-2.0,\"a\":0.5}", "{\"b\":-20e-1,\"a\":5E-1}"},
        {"{\"A\":0,\"a\":1000,\"é\":1}", "{\"\\u00e9\":1,\"a\":1e3,\"A\":0.0}",
         "{\"a\":1000.0,\"A\":0e9,\"é\":1.0}"}};
    put_raw_member(writer, "parameters", spellings[set][chance_below(writer->chance, 3)]);
}

static void put_source(struct writer *writer, int module)
{
    static const char *const spellings[MODULES][2] = {
        {"\"int answer;\\n\"", "\"\\u0069nt answer;\\u000a\""},
        {"\"int answer; \"", "\"int\\u0020answer; \""},
        {"\"/* \\\"żółw\\\" */\\n\\tint answer = '\\\\\\\\';\\n\"",
         "\"\\/* \\u0022\\u017C\\u00f3\\u0142w\\\" *\\/\\n\\tint answer = '\\u005c\\\\';\\n\""}};
    put_raw_member(writer, "source", spellings[module][chance_below(writer->chance, 2)]);
}

/* What is claimed. Beside parameters a source is the sender's own, whatever it is. */
static void put_set(struct maker *maker, int set)
{
    static const char *const no_parameters[] = {"5", "[]", "null", "{\"a\":\"1\"}", "{\"\":1}"};
    static const char *const no_source[] = {"5", "[]", "null", "\"\"", "\"int a;\\u0000\""};
    if (flaw_here(maker, 4)) {
        unsigned kind = below(maker, 5);
        if (kind < 2)
            FLAWED(maker->writer, maker->said, "parameters", no_parameters);
        if (kind == 1) /* makes no module of it */
            put_source(maker->writer, (int)below(maker, MODULES));
        if (kind == 2 || kind == 3)
            FLAWED(maker->writer, maker->said, "source", no_source);
        maker->said->flaws |= FLAW(BAD_PAYLOAD);
    } else if (set_is_module(set)) {
        put_source(maker->writer, set - PARAMETER_SETS);
    } else {
        put_parameters(maker->writer, set);
        if (below(maker, 4) == 0)
            put_source(maker->writer, (int)below(maker, MODULES));
    }
}

void make_commitment(struct maker *maker)
{
    struct said *said = maker->said;
    struct writer *writer = maker->writer;
    char sha256[65];
    said->subject = (int)below(maker, SUBJECTS);
    said->version = (int)below(maker, VERSIONS);
    said->set = (int)below(maker, SETS);
    ledger_digest(said->subject, said->version, said->set, sha256);
    if (flaw_here(maker, 3))
        FLAWED(writer, said, "subject", no_string);
    else
        put_text_member(writer, "subject", subjects[said->subject]);
    if (flaw_here(maker, 2)) {
        static const char *const wrong[] = {"5", "\"\"", "null", "\"a\\nb\""};
        FLAWED(writer, said, "subject_version", wrong);
    } else {
        put_text_member(writer, "subject_version", versions[said->version]);
    }
    if (flaw_here(maker, 1)) {
        static const char *const wrong[] = {"5", "\"\"", "\"abc\"", "null"};
        FLAWED(writer, said, "sha256", wrong);
    } else {
        put_text_member(writer, "sha256", sha256);
    }
}

/* One of the sender's own commitments mostly; NULL when there is none to pick. */
static const struct commitment_model *pick_commitment(struct maker *maker)
{
    const struct room_model *room = &maker->world->rooms[maker->room];
    const struct commitment_model *picked = NULL;
    for (unsigned tries = 0; room->commitment_count && tries < 30; tries++) {
        picked = &room->commitments[below(maker, (unsigned)room->commitment_count)];
        if (picked->name == maker->said->sender || tries > (below(maker, 8) ? 29 : 0))
            break;
    }
    if (picked && !picked->nonce[0])
        return NULL;
    return picked;
}

void make_measured(struct maker *maker)
{
    struct said *said = maker->said;
    const struct commitment_model *commitment = pick_commitment(maker);
    snprintf(said->commitment_id, sizeof said->commitment_id, "%s",
             commitment && below(maker, 30) ? commitment->id : "no-such-commitment");
    said->ratio = PICK(maker->writer->chance, ratios);
    if (commitment && commitment->ratio > 0 && below(maker, 3))
        said->ratio = commitment->ratio; /* said again */
    if (flaw_here(maker, 2)) {
        static const char *const wrong[] = {"5", "\"\"", "null"};
        FLAWED(maker->writer, said, "commitment_id", wrong);
    } else {
        put_text_member(maker->writer, "commitment_id", said->commitment_id);
    }
    if (flaw_here(maker, 1)) {
        static const char *const wrong[] = {"0", "-0.5", "\"0.5\"", "null", "1e999"};
        FLAWED(maker->writer, said, "ratio", wrong);
    } else {
        put_number_member(maker->writer, "ratio", said->ratio);
    }
}

/* What is said of it may be another thing than what was committed to. */
static void claim_draw(struct maker *maker, const struct commitment_model *commitment)
{
    struct said *said = maker->said;
    bool lies = below(maker, 8) == 0;
    said->claim.made = true;
    said->claim.subject = commitment->subject;
    said->claim.version = commitment->version;
    said->claim.set = commitment->set;
    said->claim.seeds = SEEDS_OF_A_CLAIM;
    snprintf(said->claim.id, sizeof said->claim.id, "%s",
             below(maker, 30) ? commitment->id : "no-such-commitment");
    snprintf(said->claim.nonce, sizeof said->claim.nonce, "%s",
             lies && below(maker, 4) == 0 ? "0123456789abcdef0123456789abcdef" : commitment->nonce);
    if (lies && below(maker, 3) == 0)
        said->claim.subject = (int)below(maker, SUBJECTS);
    if (lies && below(maker, 3) == 0)
        said->claim.version = (int)below(maker, VERSIONS);
    if (lies && below(maker, 2))
        said->claim.set = (int)below(maker, SETS);
}

/* The same few are picked again and again, so that something comes of them. */
const struct entry_model *some_claim(struct maker *maker)
{
    const struct room_model *room = &maker->world->rooms[maker->room];
    unsigned skipped = below(maker, 4);
    for (size_t i = 0; i < room->entry_count; i++)
        if (room->entries[i].claim.live && skipped-- == 0)
            return &room->entries[i];
    return NULL;
}

static void put_parents(struct maker *maker)
{
    struct said *said = maker->said;
    const struct room_model *room = &maker->world->rooms[maker->room];
    put_member(maker->writer, "parents");
    put(maker->writer, "[");
    while (said->claim.parent_count < PARENTS && below(maker, 3)) {
        const struct entry_model *claim = some_claim(maker);
        const char *id = PICK(maker->writer->chance, own_ids);
        if (claim && below(maker, 2))
            id = claim->key;
        else if (room->entry_count && below(maker, 4))
            id = room->entries[below(maker, (unsigned)room->entry_count)].key;
        if (strlen(id) > COMPONENT_ID_BYTES_MAX)
            break;
        if (said->claim.parent_count)
            put(maker->writer, ",");
        put_string(maker->writer, id);
        snprintf(said->claim.parents[said->claim.parent_count++], sizeof said->claim.parents[0],
                 "%s", id);
    }
    put(maker->writer, "]");
}

void make_claim(struct maker *maker)
{
    struct said *said = maker->said;
    struct writer *writer = maker->writer;
    const struct commitment_model *commitment = pick_commitment(maker);
    if (!commitment || below(maker, 3) == 0)
        return;
    claim_draw(maker, commitment);
    put_text_member(writer, "commitment_id", said->claim.id);
    put_text_member(writer, "subject", subjects[said->claim.subject]);
    put_text_member(writer, "subject_version", versions[said->claim.version]);
    put_text_member(writer, "nonce", said->claim.nonce);
    put_set(maker, said->claim.set);
    if (flaw_here(maker, 2)) {
        static const char *const wrong[] = {"0.5", "null"}; /* any would tell */
        FLAWED(writer, said, "ratio_heldout", wrong);
    }
    if (flaw_here(maker, 2)) {
        static const char *const wrong[] = {"63", "65", "16", "64.5", "null", "[]"};
        FLAWED(writer, said, "seeds", wrong);
    } else {
        put_number_member(writer, "seeds", said->claim.seeds);
    }
    if (below(maker, 2))
        put_parents(maker);
}

/* A measurement of what the reported entry claims, more or less. */
void make_measurement(struct maker *maker)
{
    struct said *said = maker->said;
    struct writer *writer = maker->writer;
    const struct room_model *room = &maker->world->rooms[maker->room];
    const struct entry_model *entry = model_entry_find(room, PATTERNS, said->id);
    if (!entry || !entry->claim.live)
        entry = model_feature_named(room, said->id);
    if (!entry || !entry->claim.live || below(maker, 6) == 0)
        return;
    said->measured.made = true;
    snprintf(said->measured.nonce, sizeof said->measured.nonce, "%s",
             below(maker, 12) ? room->commitments[entry->claim.commitment].nonce
                              : "0123456789abcdef0123456789abcdef");
    said->measured.n = below(maker, 12) ? entry->claim.seeds : PICK(writer->chance, seed_counts);
    unsigned kind =
        below(maker, 12); /* most find what is claimed, or one and the same other number */
    said->measured.ratio = kind < 5   ? entry->claim.ratio
                           : kind < 9 ? 2 * entry->claim.ratio
                                      : PICK(writer->chance, ratios);
    if (kind == 11)
        said->measured.ratio = 0;
    put_text_member(writer, "nonce", said->measured.nonce);
    put_number_member(writer, "n", said->measured.n);
    if (said->measured.ratio > 0)
        put_number_member(writer, "ratio", said->measured.ratio);
    if (below(maker, 3) == 0) {
        said->measured.denied = below(maker, 2);
        put_raw_member(writer, "claim_holds", said->measured.denied ? "false" : "true");
    }
    if (below(maker, 3) == 0)
        put_text_member(writer, "reason", "be\"cause");
}
