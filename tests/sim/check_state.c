/* The hub's whole state against the model's: hub_count, hub_dump, hub_recount. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static bool number_is(json_t *object, const char *name, double number)
{
    json_t *value = json_object_get(object, name);
    return json_is_number(value) && fabs(json_number_value(value) - number) < 1e-9;
}

static void check_number(struct world *world, const char *what, size_t is, size_t should)
{
    if (is != should)
        world_fail(world, "hub_count: %s is %zu, and should be %zu", what, is, should);
}

void check_counts(struct world *world)
{
    struct hub_counts is = hub_count(world->hub), should = {0};
    for (int link = 0; link < LINKS; link++)
        should.peers += world->links[link].open;
    for (int at = 0; at < ROOMS; at++) {
        const struct room_model *room = &world->rooms[at];
        size_t sections[SECTIONS] = {0};
        should.rooms += room->exists;
        for (int name = 0; name < NAMES; name++) {
            const struct member *member = &room->members[name];
            should.members += member->link != NOBODY && !member->observer;
            should.observers += member->link != NOBODY && member->observer;
            should.away += member_away(member);
            should.remembered += member->seen && !member_here(member);
        }
        for (size_t i = 0; i < room->entry_count; i++)
            sections[room->entries[i].section]++;
        for (size_t i = 0; i < room->session_count; i++)
            should.sessions_live += model_session_live(&room->sessions[i]);
        should.patterns += sections[PATTERNS];
        should.components += sections[COMPONENTS];
        should.features += sections[FEATURES];
        should.benchmarks += sections[BENCHMARKS];
    }
    check_number(world, "peers", is.peers, should.peers);
    check_number(world, "rooms", is.rooms, should.rooms);
    check_number(world, "members", is.members, should.members);
    check_number(world, "observers", is.observers, should.observers);
    check_number(world, "away", is.away, should.away);
    check_number(world, "remembered", is.remembered, should.remembered);
    check_number(world, "patterns", is.patterns, should.patterns);
    check_number(world, "components", is.components, should.components);
    check_number(world, "features", is.features, should.features);
    if (!world->temper.small ||
        is.benchmarks > should.benchmarks) /* in a small room some make place */
        check_number(world, "benchmarks", is.benchmarks, should.benchmarks);
    check_number(world, "sessions_live", is.sessions_live, should.sessions_live);
    check_number(world, "open tasks by status",
                 is.tasks_ready + is.tasks_blocked + is.tasks_claimed, is.tasks_open);
    check_number(world, "closed tasks by status", is.tasks_done + is.tasks_dropped,
                 is.tasks_closed);
    check_number(world, "messages", is.messages, world->accepted);
    check_number(world, "refused", is.refused, world->refused);
    if (is.knowledge_bytes > world->config.knowledge_max * is.rooms ||
        is.rooms > world->config.rooms_max || is.sessions_ended > SESSIONS_ENDED_MAX * is.rooms ||
        is.sessions_live > SESSIONS_LIVE_MAX * is.rooms ||
        is.remembered > MEMBERS_REMEMBERED_MAX * is.rooms)
        world_fail(world, "hub_count: over a limit (%zu bytes of knowledge)", is.knowledge_bytes);
    world->stored = is.knowledge_bytes;
}

/* ── members ── */

static void check_member(struct world *world, const struct room_model *room, int name, json_t *is)
{
    const struct member *member = &room->members[name];
    bool connected = member->link != NOBODY;
    if (!is || json_is_true(json_object_get(is, "connected")) != connected ||
        !number_is(is, "stays_s", member->stays) ||
        !number_is(is, "contribution_score", model_member_score(room, name)) ||
        !number_is(is, "sessions", model_member_sessions(room, name))) {
        char *text = is ? json_dumps(is, 0) : NULL;
        world_fail(world, "%s should be %s, score %u, sessions %u: %s", names[name],
                   connected ? "here" : "away", model_member_score(room, name),
                   model_member_sessions(room, name), text ? text : "is not there");
        free(text);
        return;
    }
    const char *specialization =
        member->specialization == NOBODY ? "general" : specializations[member->specialization];
    enum sees sees = member->observer ? model_sees(name) : SEES_ALL;
    json_t *can = json_object_get(is, "capabilities");
    bool same = number_is(is, "level", member->level) &&
                json_array_size(can) == member->capability_count &&
                json_is_true(json_object_get(is, "observer")) == member->observer &&
                strcmp(text_of(is, "sees"), sees_text(sees)) == 0 &&
                json_is_true(json_object_get(is, "ready")) == member->ready &&
                strcmp(text_of(is, "specialization"), specialization) == 0;
    for (unsigned i = 0; same && i < member->capability_count; i++)
        same = strcmp(json_string_value(json_array_get(can, i)),
                      capabilities[member->capabilities[i]]) == 0;
    if (member_here(member) && !same)
        world_fail(world, "%s is registered otherwise than it said", names[name]);
}

static void check_members(struct world *world, const struct room_model *room, json_t *members)
{
    size_t seen = 0;
    for (int name = 0; name < NAMES; name++) {
        json_t *found = NULL, *row;
        size_t index;
        if (!room->members[name].seen)
            continue;
        json_array_foreach(members, index, row)
        {
            if (strcmp(text_of(row, "ai_id"), names[name]) == 0)
                found = row;
        }
        check_member(world, room, name, found);
        seen++;
    }
    if (json_array_size(members) != seen)
        world_fail(world, "%zu members are known, not %zu", json_array_size(members), seen);
}

/* ── knowledge ── */

static const char *const body_names[SECTIONS] = {"pattern", "code", "component", ""};

static bool refuted_same(const struct room_model *room, const struct entry_model *entry, json_t *is)
{
    size_t refuted[ANCESTORS_MAX];
    unsigned count = model_claim_refuted(room, entry, refuted);
    bool same = json_array_size(is) == count;
    for (unsigned i = 0; same && i < count; i++)
        same = strcmp(json_string_value(json_array_get(is, i)), room->entries[refuted[i]].key) == 0;
    return same;
}

static bool verifiers_same(const struct claim_model *claim, json_t *is)
{
    bool same = json_array_size(is) == claim->verifier_count;
    for (unsigned i = 0; same && i < claim->verifier_count; i++) {
        const struct verifier_model *verifier = &claim->verifiers[i];
        json_t *row = json_array_get(is, i), *ratio = json_object_get(row, "ratio");
        same = strcmp(text_of(row, "ai_id"), names[verifier->name]) == 0 &&
               strcmp(text_of(row, "owner"), names[verifier->name]) == 0 &&
               json_is_true(json_object_get(row, "agrees")) == verifier->agrees &&
               json_is_false(json_object_get(row, "counts")) == !verifier->counts &&
               json_is_true(json_object_get(row, "in_sight")) == verifier->in_sight &&
               (verifier->ratio > 0 ? json_number_value(ratio) == verifier->ratio : !ratio);
    }
    return same;
}

/* What is held back of the claims that are sealed is what the model has, and nothing else. */
static void check_sealed(struct world *world, const struct room_model *room, json_t *sealed)
{
    size_t count = 0, index;
    json_t *row;
    for (size_t i = 0; i < room->entry_count; i++) {
        const struct entry_model *entry = &room->entries[i];
        const struct claim_model *claim = &entry->claim;
        if (!claim->live || room->commitments[claim->commitment].revealed)
            continue;
        count++;
        bool found = false;
        json_array_foreach(sealed, index, row)
        {
            found |= strcmp(json_string_value(json_array_get(row, 0)),
                            room->commitments[claim->commitment].id) == 0 &&
                     strcmp(json_string_value(json_array_get(row, 1)), entry->key) == 0 &&
                     verifiers_same(claim, json_array_get(row, 2));
        }
        if (!found)
            world_fail(world, "what is held back of %s is not what was said", entry->key);
    }
    if (json_array_size(sealed) != count)
        world_fail(world, "%zu claims are sealed, not %zu", json_array_size(sealed), count);
}

static bool claim_same(const struct room_model *room, const struct entry_model *entry, json_t *is)
{
    static const struct claim_model nobody;
    const struct claim_model *claim = &entry->claim;
    if (!claim->live)
        return is == NULL;
    const struct commitment_model *commitment = &room->commitments[claim->commitment];
    const char *kind = set_is_module(commitment->set) ? "module" : "parameters";
    return strcmp(text_of(is, "status"), claim_state_names[claim->state]) == 0 &&
           strcmp(text_of(is, "kind"), kind) == 0 &&
           strcmp(text_of(is, "commitment_id"), commitment->id) == 0 &&
           strcmp(text_of(is, "nonce"), commitment->nonce) == 0 &&
           strcmp(text_of(is, "owner"), names[entry->contributor]) == 0 &&
           json_is_true(json_object_get(is, "sealed")) == !commitment->revealed &&
           (commitment->revealed ? json_number_value(json_object_get(is, "ratio")) == claim->ratio
                                 : !json_object_get(is, "ratio")) &&
           number_is(is, "n", claim->seeds) && number_is(is, "sets", commitment->sets) &&
           verifiers_same(commitment->revealed ? claim : &nobody,
                          json_object_get(is, "verifiers")) &&
           refuted_same(room, entry, json_object_get(is, "refuted_parents"));
}

static void check_accounts(struct world *world, const struct room_model *room, json_t *dump)
{
    json_t *ledger = json_object_get(dump, "ledger");
    json_t *commitments = json_object_get(dump, "commitments");
    size_t accounts = 0, claimed = 0, claimed_is = 0, waiting = 0, waiting_is = 0, index;
    json_t *row;
    for (int name = 0; name < NAMES; name++) {
        if (!model_account_shown(room, name))
            continue;
        accounts++;
        if (!model_account_same(room, name, json_object_get(ledger, names[name])))
            world_fail(world, "the ledger says other things of %s", names[name]);
    }
    for (size_t i = 0; i < room->commitment_count; i++) {
        claimed += room->commitments[i].claimed;
        waiting += room->commitments[i].waits;
    }
    json_array_foreach(commitments, index, row)
    {
        claimed_is += json_is_true(json_object_get(row, "claimed"));
        waiting_is += !text_of(row, "nonce")[0];
        for (size_t i = 0; i < room->commitment_count; i++) {
            const struct commitment_model *commitment = &room->commitments[i];
            if (strcmp(commitment->id, text_of(row, "commitment_id")) == 0 &&
                (json_number_value(json_object_get(row, "ratio")) != commitment->ratio ||
                 json_is_true(json_object_get(row, "revealed")) != commitment->revealed))
                world_fail(world, "commitment %s was measured otherwise", commitment->id);
        }
    }
    check_sealed(world, room, json_object_get(dump, "sealed"));
    if (json_object_size(ledger) != accounts ||
        json_array_size(commitments) != room->commitment_count || claimed != claimed_is ||
        waiting != waiting_is)
        world_fail(world, "the ledger has %zu accounts, %zu commitments, %zu of them claimed",
                   json_object_size(ledger), json_array_size(commitments), claimed_is);
}

/* In a small room a report may take the place of earlier ones of its reporter. */
static bool entry_same(const struct room_model *room, const struct entry_model *entry, bool small,
                       json_t *is)
{
    unsigned shown = 0;
    for (unsigned i = 0; entry->section == BENCHMARKS && i < entry->report_count; i++)
        shown += entry->held[i] == NOBODY;
    if (entry->section == BENCHMARKS)
        return json_array_size(is) == shown || (small && json_array_size(is) < entry->report_count);
    for (unsigned i = 0; i < entry->score_count; i++)
        shown += entry->scores[i].held == NOBODY;
    json_t *body = json_loads(entry->body, 0, NULL);
    bool same = body && json_equal(body, json_object_get(is, body_names[entry->section])) &&
                strcmp(text_of(is, "contributor"), names[entry->contributor]) == 0 &&
                strcmp(text_of(is, "timestamp"), entry->timestamp) == 0;
    json_decref(body);
    same = same && json_is_object(json_object_get(is, "retracted")) == entry->retracted;
    same = same && claim_same(room, entry, json_object_get(is, "verification"));
    if (entry->section == PATTERNS || entry->section == COMPONENTS)
        same = same && number_is(is, "usage_count", entry->usage);
    if (entry->section == COMPONENTS)
        same = same && number_is(is, "quality_score", model_entry_quality(entry));
    if (entry->section == FEATURES)
        same = same && json_is_true(json_object_get(is, "integration_tested")) == entry->tested &&
               json_object_size(json_object_get(is, "performance_benchmarks")) == shown;
    return same;
}

static void check_knowledge(struct world *world, const struct room_model *room, json_t *dump)
{
    size_t count = 0;
    for (size_t i = 0; i < room->entry_count && !world_failed(world); i++) {
        const struct entry_model *entry = &room->entries[i];
        json_t *is =
            json_object_get(json_object_get(dump, section_names[entry->section]), entry->key);
        if (is && entry_same(room, entry, world->temper.small, is))
            continue;
        if (!is && world->temper.small && entry->section == BENCHMARKS && entry->loose) {
            count++; /* it made place */
            continue;
        }
        char *text = is ? json_dumps(is, JSON_COMPACT) : NULL;
        world_fail(world,
                   "%s of %s: by %d, used %u, quality %g, tested %d, %u reporters; is %.500s",
                   entry->key, section_names[entry->section], entry->contributor, entry->usage,
                   model_entry_quality(entry), entry->tested, entry->score_count,
                   text ? text : "not there");
        free(text);
    }
    for (int section = 0; section < SECTIONS; section++)
        count += json_object_size(json_object_get(dump, section_names[section]));
    if (count != room->entry_count)
        world_fail(world, "%zu entries are known, not %zu", count, room->entry_count);
}

/* ── sessions ── */

static bool workspace_same(const struct session_model *session, json_t *workspace)
{
    size_t count = 0;
    for (int key = 0; key < KEYS; key++) {
        const struct slot_model *slot = &session->workspace[key];
        json_t *is = json_object_get(workspace, keys[key]);
        if (!slot->version)
            continue;
        json_t *value = json_loads(slot->value, JSON_DECODE_ANY, NULL);
        bool same = number_is(is, "version", slot->version) &&
                    json_equal(value, json_object_get(is, "value"));
        json_decref(value);
        if (!same)
            return false;
        count++;
    }
    return json_object_size(workspace) == count;
}

static bool session_same(const struct session_model *session, json_t *is)
{
    json_t *participants = json_object_get(is, "participants");
    if (strcmp(text_of(is, "status"), state_names[session->state]) != 0 ||
        strcmp(text_of(is, "initiator"), names[session->initiator]) != 0 ||
        strcmp(text_of(is, "target"), session->target == NOBODY ? "" : names[session->target]) !=
            0 ||
        !number_is(is, "progress", session->progress) ||
        json_array_size(participants) != session->participant_count)
        return false;
    for (unsigned i = 0; i < session->participant_count; i++)
        if (strcmp(json_string_value(json_array_get(participants, i)),
                   names[session->participants[i]]) != 0)
            return false;
    return workspace_same(session, json_object_get(is, "shared_workspace"));
}

static void check_sessions(struct world *world, const struct room_model *room, json_t *sessions)
{
    size_t index;
    json_t *is;
    json_array_foreach(sessions, index, is)
    {
        const struct session_model *session = model_session_find(room, text_of(is, "session_id"));
        if (session && session_same(session, is))
            continue;
        char *text = json_dumps(is, JSON_COMPACT);
        world_fail(world, "a session should be %s: %.700s",
                   session ? state_names[session->state] : "unknown", text ? text : "");
        free(text);
    }
    if (json_array_size(sessions) != room->session_count &&
        room->session_count <= SESSIONS_ENDED_MAX)
        world_fail(world, "%zu sessions are known, not %zu", json_array_size(sessions),
                   room->session_count);
}

void check_state(struct world *world)
{
    char why[512] = "";
    if (hub_recount(world->hub, why, sizeof why) != 0)
        world_fail(world, "hub_recount: %s", why);
    for (int at = 0; at < ROOMS && !world_failed(world); at++) {
        const struct room_model *room = &world->rooms[at];
        struct text text = {0};
        json_error_t error;
        if (!room->exists)
            continue;
        hub_dump(world->hub, room_slice(at), &text);
        json_t *dump =
            json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
        if (!dump)
            world_fail(world, "hub_dump of %s is no JSON: %s", room_names[at], error.text);
        if (dump && !number_is(dump, "seq", (double)room->seq))
            world_fail(world, "hub_dump of %s: seq is not %llu", room_names[at],
                       (unsigned long long)room->seq);
        check_members(world, room, json_object_get(dump, "members"));
        check_knowledge(world, room, dump);
        check_accounts(world, room, dump);
        check_sessions(world, room, json_object_get(dump, "sessions"));
        check_moderated(world, room, dump);
        model_letters_check_dump(world, &world->letters[at], dump);
        model_day_check(world, &world->days[at], dump);
        json_decref(dump);
        text_free(&text);
    }
}
