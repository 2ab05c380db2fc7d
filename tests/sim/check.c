/* What a call did against what it had to do, and the hub's whole state against the model's. */
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

static const char *name_text(int name)
{
    return name == HUB ? "hub" : name >= 0 ? names[name] : "";
}

/* ── form ── */

static void check_form(struct world *world, const struct caused *caused)
{
    static const char *const texts[] = {"message_id", "sender_id", "message_type", "timestamp"};
    json_t *target = json_object_get(caused->object, "target_ai");
    bool good = json_is_object(json_object_get(caused->object, "payload")) &&
                (!target || json_is_null(target) || json_is_string(target));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        good = good && json_is_string(json_object_get(caused->object, texts[i]));
    bool has_seq = json_object_get(caused->object, "seq") != NULL;
    if (!good || json_object_size(caused->object) != 5u + (target != NULL) + has_seq)
        world_fail(world, "link %d was sent other members than the six: %.*s", caused->link,
                   (int)caused->len, caused->line);
}

void check_lines(struct world *world)
{
    for (size_t i = 0; i < world->caused_count && !world_failed(world); i++) {
        struct caused *caused = &world->caused[i];
        const struct caused *before = i ? caused - 1 : caused;
        caused->line = world->streams[caused->span.stream].at + caused->span.offset;
        if (caused->span.len < 2 || caused->line[caused->span.len - 1] != '\n') {
            world_fail(world, "a line to link %d has no end", caused->link);
            return;
        }
        caused->len = caused->span.len - 1;
        if (before->object && memcmp(&before->span, &caused->span, sizeof caused->span) == 0) {
            caused->object = json_incref(before->object); /* the same bytes: judged already */
            continue;
        }
        json_error_t error;
        caused->object =
            json_loadb(caused->line, caused->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
        if (!caused->object || memchr(caused->line, '\n', caused->len))
            world_fail(world, "link %d was sent no strict JSON line (%s): %.*s", caused->link,
                       error.text, (int)caused->len, caused->line);
        else
            check_form(world, caused);
    }
}

/* ── payloads that the hub makes ── */

static void check_error(struct world *world, const struct expected *expected, json_t *payload,
                        const struct said *said)
{
    const char *code = text_of(payload, "code");
    json_t *reply = json_object_get(payload, "in_reply_to");
    uint64_t bit = 0;
    for (unsigned error = 1; error < WIRE_ERROR_COUNT; error++)
        if (strcmp(code, wire_error_code((enum wire_error)error)) == 0)
            bit = 1ull << error;
    if (!(bit & expected->codes))
        world_fail(world, "link %d got error %s: %s", expected->link, code,
                   text_of(payload, "detail"));
    if (!text_of(payload, "detail")[0])
        world_fail(world, "an error without a sentence");
    if (bit & (FLAW(QUOTA_EXCEEDED) | FLAW(RATE_LIMITED)) &&
        (!text_of(payload, "limit")[0] || !text_of(payload, "whose")[0] ||
         !json_is_number(json_object_get(payload, "most"))))
        world_fail(world, "%s without its limit: %s", code, text_of(payload, "detail"));
    bool answers = said && said->link == expected->link && !(expected->codes & FLAW(TAKEN_OVER)) &&
                   !said->bad_line;
    if (answers ? !json_is_string(reply) || strcmp(json_string_value(reply), said->message_id) != 0
                : !json_is_null(reply) && !json_is_string(reply))
        world_fail(world, "error %s to link %d is in reply to another message", code,
                   expected->link);
}

struct rank {
    int name;
    bool foreign, ready;
    unsigned lacking, load;
};

static bool rank_before(const struct rank *left, const struct rank *right)
{
    if (left->foreign != right->foreign)
        return left->foreign;
    if (left->lacking != right->lacking)
        return left->lacking > right->lacking;
    if (left->ready != right->ready)
        return left->ready;
    return left->load < right->load;
}

static bool member_can(const struct member *member, int capability)
{
    for (unsigned i = 0; i < member->capability_count; i++)
        if (member->capabilities[i] == capability)
            return true;
    return false;
}

static struct rank rank_of(const struct room_model *room, int name, const struct member *newcomer)
{
    const struct member *member = &room->members[name];
    struct rank rank = {
        .name = name,
        .foreign = strcmp(model_specialization(member), model_specialization(newcomer)) != 0,
        .ready = member->ready,
        .load = model_member_sessions(room, name)};
    for (unsigned i = 0; i < member->capability_count; i++)
        rank.lacking += !member_can(newcomer, member->capabilities[i]);
    return rank;
}

static void check_opportunities(struct world *world, const struct room_model *room, int newcomer,
                                json_t *offers)
{
    struct rank ranks[NAMES];
    unsigned count = 0;
    for (unsigned i = 0; i < room->seat_count; i++) {
        int name = room->seats[i];
        if (name == newcomer || room->members[name].observer)
            continue;
        struct rank rank = rank_of(room, name, &room->members[newcomer]);
        unsigned place = count++;
        for (; place > 0 && rank_before(&rank, &ranks[place - 1]); place--)
            ranks[place] = ranks[place - 1];
        ranks[place] = rank;
    }
    unsigned wanted = count < OPPORTUNITIES_MAX ? count : OPPORTUNITIES_MAX;
    if (json_array_size(offers) != wanted)
        world_fail(world, "%zu opportunities, not %u", json_array_size(offers), wanted);
    for (unsigned i = 0; i < wanted; i++) {
        const char *id = text_of(json_array_get(offers, i), "ai_id");
        if (strcmp(id, names[ranks[i].name]) != 0)
            world_fail(world, "opportunity %u is %s, not %s", i, id, names[ranks[i].name]);
    }
}

static void check_roster(struct world *world, const struct room_model *room, json_t *active,
                         json_t *members)
{
    size_t listed = 0;
    for (unsigned i = 0; i < room->seat_count; i++) {
        int name = room->seats[i];
        json_t *row = json_array_get(members, listed);
        const char *id = json_string_value(json_array_get(active, listed));
        if (room->members[name].observer)
            continue;
        if (!id || strcmp(id, names[name]) != 0)
            world_fail(world, "active_ais[%zu] is %s, not %s", listed, id ? id : "nothing",
                       names[name]);
        if (members && (strcmp(text_of(row, "ai_id"), names[name]) != 0 ||
                        json_integer_value(json_object_get(row, "sessions")) !=
                            model_member_sessions(room, name) ||
                        json_number_value(json_object_get(row, "contribution_score")) !=
                            model_member_score(room, name)))
            world_fail(world, "an observer is told other things of %s", names[name]);
        listed++;
    }
    if (json_array_size(active) != listed)
        world_fail(world, "%zu active AIs are listed, not %zu", json_array_size(active), listed);
    for (unsigned i = 0; members && i < room->away_count; i++) {
        json_t *row = json_array_get(members, listed + i);
        if (strcmp(text_of(row, "ai_id"), names[room->away[i]]) != 0 ||
            !text_of(row, "away_since")[0] || !text_of(row, "stays_until")[0])
            world_fail(world, "an observer is not told that %s is away", names[room->away[i]]);
    }
    if (members && json_array_size(members) != listed + room->away_count)
        world_fail(world, "%zu members are listed, not %zu", json_array_size(members), listed);
}

/* Can it be in that state? What is delivered is in the hands of somebody who is connected; what is
 * stored waits for one who stays, or catches up. */
static bool sent_state_fits(const struct member *member, json_t *receiver, json_int_t seq)
{
    const char *state = text_of(receiver, "state");
    json_int_t by = json_integer_value(json_object_get(receiver, "by_seq"));
    if (strcmp(state, "acted_on") == 0)
        return by > seq;
    if (strcmp(state, "delivered") == 0)
        return !by && member->link != NOBODY;
    if (strcmp(state, "stored") == 0)
        return !by && (member->stays || member->link != NOBODY); /* what it missed is on its way */
    return !by &&
           (strcmp(state, "seen") == 0 ? member->seen
                                       : strcmp(state, "dead") == 0 || strcmp(state, "gone") == 0);
}

static void check_sent(struct world *world, const struct room_model *room, json_t *payload)
{
    json_t *messages = json_object_get(payload, "messages"), *message, *receiver, *count;
    json_int_t last = INT64_MAX;
    size_t index, at;
    const char *state;
    json_array_foreach(messages, index, message)
    {
        json_int_t seq = json_integer_value(json_object_get(message, "seq")), sum = 0;
        json_int_t total = json_integer_value(json_object_get(message, "total"));
        json_t *receivers = json_object_get(message, "receivers");
        json_object_foreach(json_object_get(message, "counts"), state, count)
        {
            sum += json_integer_value(count);
        }
        if (seq >= last || sum != total || (json_int_t)json_array_size(receivers) > total)
            world_fail(world, "message %lld has %lld receivers, and %lld states", (long long)seq,
                       (long long)total, (long long)sum);
        last = seq;
        json_array_foreach(receivers, at, receiver)
        {
            for (int name = 0; name < NAMES; name++)
                if (strcmp(text_of(receiver, "ai_id"), names[name]) == 0 &&
                    !sent_state_fits(&room->members[name], receiver, seq))
                    world_fail(world, "message %lld can't be %s for %s", (long long)seq,
                               text_of(receiver, "state"), names[name]);
        }
    }
}

/* Each that is here, once, as far as a page goes. */
static void check_members(struct world *world, const struct room_model *room, json_t *payload)
{
    json_t *rows = json_object_get(payload, "members"), *row;
    size_t index, here = 0;
    json_array_foreach(rows, index, row)
    {
        const char *status = text_of(row, "status");
        for (int name = 0; name < NAMES; name++) {
            const struct member *member = &room->members[name];
            if (strcmp(text_of(row, "ai_id"), names[name]) != 0)
                continue;
            here += !member->observer && text_of(row, "heard")[0] &&
                    strcmp(status, member->link != NOBODY ? "connected"
                                   : member_away(member)  ? "away"
                                                          : "gone") == 0 &&
                    (text_of(row, "away_since")[0] != '\0') == member_away(member);
        }
    }
    size_t should = room->away_count;
    for (unsigned i = 0; i < room->seat_count; i++)
        should += !room->members[room->seats[i]].observer;
    bool whole = json_is_null(json_object_get(payload, "next"));
    if ((whole ? here != should : here > should) || json_array_size(rows) != here ||
        (size_t)(json_integer_value(json_object_get(payload, "connected")) +
                 json_integer_value(json_object_get(payload, "away"))) != should)
        world_fail(world, "%zu members are told, %zu of them as they are, of %zu",
                   json_array_size(rows), here, should);
}

/* The last to go first. */
static void check_away(struct world *world, const struct room_model *room, json_t *away)
{
    for (unsigned i = 0; i < room->away_count; i++) {
        int name = room->away[room->away_count - 1 - i];
        json_t *row = json_array_get(away, i);
        if (strcmp(text_of(row, "ai_id"), names[name]) != 0 ||
            strcmp(text_of(row, "specialization"), model_specialization(&room->members[name])) != 0)
            world_fail(world, "it is not told that %s is away", names[name]);
    }
    if (json_array_size(away) != room->away_count)
        world_fail(world, "%zu are told to be away, not %u", json_array_size(away),
                   room->away_count);
}

/* A nonce that nothing was claimed on is known to those who committed in its epoch, and to nobody
 * else. */
static void check_secrecy(struct world *world, const struct caused *caused, int at)
{
    const struct room_model *room = &world->rooms[at];
    for (size_t i = 0; i < room->commitment_count; i++) {
        const struct commitment_model *commitment = &room->commitments[i];
        if (!commitment->nonce[0] || !memmem(caused->line, caused->len, commitment->nonce, 32) ||
            model_nonce_known(room, world->links[caused->link].name, commitment->nonce))
            continue;
        bool claimed = false;
        for (size_t k = 0; k < room->commitment_count; k++)
            claimed |=
                room->commitments[k].claimed && room->commitments[k].epoch == commitment->epoch;
        if (!claimed)
            world_fail(world, "the nonce %s is told before it is claimed with", commitment->nonce);
    }
}

/* Nothing that the hub says itself has a number beside the nonce of a claim that is sealed. All who
 * committed in one epoch have that nonce: a number is another's if it is beside the id of another
 * commitment, and beside no id it may be (alone: can't be) that of one which is told. */
static bool tells_answer(const json_t *json, const struct commitment_model *commitment, bool alone)
{
    const char *name, *nonce = json_string_value(json_object_get(json, "nonce"));
    const char *id = json_string_value(json_object_get(json, "commitment_id"));
    json_t *value, *ratio = json_object_get(json, "ratio");
    size_t i;
    if (nonce && ratio && strcmp(nonce, commitment->nonce) == 0 &&
        (id ? strcmp(id, commitment->id) == 0 : alone))
        return true;
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        if (tells_answer(value, commitment, alone))
            return true;
    }
    json_array_foreach(json, i, value)
    {
        if (tells_answer(value, commitment, alone))
            return true;
    }
    return false;
}

/* Of those who got the nonce with it, is none told? */
static bool sealed_alone(const struct room_model *room, const struct commitment_model *commitment)
{
    for (size_t i = 0; i < room->commitment_count; i++)
        if (room->commitments[i].revealed && room->commitments[i].epoch == commitment->epoch)
            return false;
    return true;
}

/* Of what AIs say themselves, what is held back is expected to reach nobody. */
static void check_seals(struct world *world, const struct caused *caused, int at)
{
    const struct room_model *room = &world->rooms[at];
    const char *sender = json_string_value(json_object_get(caused->object, "sender_id"));
    for (size_t i = 0; sender && strcmp(sender, "hub") == 0 && i < room->commitment_count; i++) {
        const struct commitment_model *commitment = &room->commitments[i];
        if (!commitment->revealed && commitment->nonce[0] &&
            memmem(caused->line, caused->len, commitment->nonce, 32) &&
            tells_answer(caused->object, commitment, sealed_alone(room, commitment)))
            world_fail(world, "what is sealed under the nonce %s is told", commitment->nonce);
    }
}

/* Of one that is cut, some may be missing. */
static void check_ledger(struct world *world, const struct room_model *room, bool cut,
                         json_t *ledger)
{
    size_t shown = 0;
    for (int name = 0; name < NAMES; name++) {
        if (!model_account_shown(room, name) || (cut && !json_object_get(ledger, names[name])))
            continue;
        shown++;
        if (!model_account_same(room, name, json_object_get(ledger, names[name])))
            world_fail(world, "a sync shows another account of %s", names[name]);
    }
    if (json_object_size(ledger) != shown)
        world_fail(world, "a sync shows %zu accounts, not %zu", json_object_size(ledger), shown);
}

static void check_challenge(struct world *world, const struct expected *expected, json_t *payload)
{
    const struct room_model *room = &world->rooms[expected->room];
    const struct commitment_model *commitment = NULL;
    char sha256[65] = "";
    for (size_t i = 0; i < room->commitment_count; i++)
        if (strcmp(room->commitments[i].id, text_of(payload, "commitment_id")) == 0)
            commitment = &room->commitments[i];
    if (commitment)
        ledger_digest(commitment->subject, commitment->version, commitment->set, sha256);
    if (!commitment || commitment->name != expected->target || commitment->waits ||
        strcmp(commitment->nonce, text_of(payload, "nonce")) != 0 ||
        strcmp(subjects[commitment->subject], text_of(payload, "subject")) != 0 ||
        strcmp(versions[commitment->version], text_of(payload, "subject_version")) != 0 ||
        strcmp(sha256, text_of(payload, "sha256")) != 0 ||
        strcmp(commitment->asked, text_of(payload, "in_reply_to")) != 0)
        world_fail(world, "a challenge that is another commitment's");
}

static void check_verification(struct world *world, const struct expected *expected,
                               json_t *payload)
{
    const struct room_model *room = &world->rooms[expected->room];
    const struct entry_model *entry = &room->entries[expected->entry];
    if (strcmp(text_of(payload, "author"), names[entry->contributor]) != 0 ||
        strcmp(text_of(payload, "was"), claim_state_names[expected->was]) != 0 ||
        strcmp(text_of(payload, "status"), claim_state_names[expected->is]) != 0 ||
        json_integer_value(json_object_get(payload, "agreeing")) != expected->agreeing ||
        json_integer_value(json_object_get(payload, "disagreeing")) != expected->disagreeing ||
        json_integer_value(json_object_get(payload, "in_sight")) != expected->in_sight ||
        json_is_true(json_object_get(json_object_get(payload, "verification"), "sealed")))
        world_fail(world, "a verification of %s that should be %s, %u to %u", entry->key,
                   claim_state_names[expected->is], expected->agreeing, expected->disagreeing);
}

static void check_sync(struct world *world, const struct expected *expected, bool cut,
                       json_t *payload)
{
    struct room_model *room = &world->rooms[world->links[expected->link].room];
    struct member *member = &room->members[expected->target];
    json_t *base = json_object_get(payload, "global_knowledge_base");
    json_t *totals = json_object_get(payload, "knowledge_totals");
    bool whole = true;
    for (int section = 0; section < SECTIONS; section++) {
        size_t count = 0, shown = json_object_size(json_object_get(base, section_names[section]));
        for (size_t i = 0; i < room->entry_count; i++)
            count += room->entries[i].section == (enum section)section;
        size_t told = (size_t)json_integer_value(json_object_get(totals, section_names[section]));
        if (world->temper.small && section == BENCHMARKS && told < count)
            count = told; /* some made place */
        if (told != count || shown > count)
            world_fail(world, "a sync counts %zu in %s", count, section_names[section]);
        whole = whole && shown == count;
    }
    if (json_object_size(base) != SECTIONS ||
        json_is_true(json_object_get(payload, "truncated")) == whole)
        world_fail(world, "a sync says that it is %s",
                   whole ? "cut, and is whole" : "whole, and is cut");
    check_roster(world, room, json_object_get(payload, "active_ais"),
                 member->observer ? json_object_get(payload, "members") : NULL);
    check_opportunities(world, room, expected->target,
                        json_object_get(payload, "collaboration_opportunities"));
    json_t *ledger = json_object_get(payload, "ledger");
    if ((member->level == 2) != json_is_object(ledger))
        world_fail(world, "a ledger is shown at level %d, or none", member->level);
    if (ledger)
        check_ledger(world, room, cut, ledger);
    if (member->level == 2)
        check_away(world, room, json_object_get(payload, "away"));
    if ((unsigned)json_integer_value(json_object_get(payload, "stays_s")) != member->stays)
        world_fail(world, "%s stays, or does not", names[expected->target]);
    const char *token = text_of(payload, "resume_token");
    if (member->token[0] && token[0] && strcmp(member->token, token) != 0)
        world_fail(world, "%s has another resume_token, and has not gone", names[expected->target]);
    if ((member->level == 2) != (strlen(token) == 32))
        world_fail(world, "the resume_token is \"%s\" at level %d", token, member->level);
    snprintf(member->token, sizeof member->token, "%s", token);
}

static void check_session_message(struct world *world, const struct expected *expected,
                                  json_t *payload)
{
    const struct room_model *room = &world->rooms[expected->room];
    const struct session_model *session = &room->sessions[expected->session];
    if (strcmp(text_of(payload, "session_id"), session->id) != 0)
        world_fail(world, "link %d was told of another session", expected->link);
    if (expected->type == MESSAGE_COLLABORATION_REQUEST &&
        strcmp(text_of(payload, "initiator"), names[session->initiator]) != 0)
        world_fail(world, "a stamped request names another initiator");
    if (expected->type == MESSAGE_COLLABORATION_UPDATE &&
        (strcmp(text_of(payload, "status"), state_names[expected->state]) != 0 ||
         json_array_size(json_object_get(payload, "participants")) != expected->participants ||
         json_number_value(json_object_get(payload, "progress")) != expected->progress))
        world_fail(world, "link %d was told %s of a session that is %s", expected->link,
                   text_of(payload, "status"), state_names[expected->state]);
    if (expected->type != MESSAGE_WORKSPACE_UPDATE)
        return;
    const struct slot_model *slot = &session->workspace[expected->key];
    json_t *value = json_loads(slot->value, JSON_DECODE_ANY, NULL);
    json_t *told = json_object_get(payload, "value");
    bool echo = expected->sender == HUB;
    if (strcmp(text_of(payload, "key"), keys[expected->key]) != 0 ||
        json_integer_value(json_object_get(payload, "version")) != slot->version ||
        (echo ? !json_is_true(json_object_get(payload, "accepted")) : !json_equal(told, value)))
        world_fail(world, "link %d was told of a write that was another", expected->link);
    json_decref(value);
}

static void check_feature(struct world *world, const struct expected *expected, json_t *payload,
                          const struct said *said)
{
    json_t *original = json_object_get(payload, "original_request");
    json_t *asked = json_object_get(payload, "asked");
    size_t count = 0;
    for (size_t i = 0; i < world->expected_count; i++)
        count += world->expected[i].type == MESSAGE_FEATURE_RESPONSE && !world->expected[i].relay &&
                 world->expected[i].target != said->sender;
    if (strcmp(text_of(payload, "requestor"), names[said->sender]) != 0 ||
        strcmp(text_of(original, "feature"), said->feature_text) != 0 ||
        (expected->target == said->sender ? !asked || json_array_size(asked) != count
                                          : asked != NULL))
        world_fail(world, "a feature_response that says something else");
}

static void check_ack(struct world *world, const struct expected *expected, json_t *payload,
                      const struct said *said)
{
    const struct receipt_model *receipt =
        &world->rooms[expected->room].members[said->sender].receipt;
    struct presence presence[NAMES];
    model_presence(&world->rooms[expected->room], presence);
    bool stored = !receipt->delivered &&
                  model_letters_waits(&world->letters[expected->room], receipt->seq, presence);
    if (strcmp(text_of(payload, "message_id"), said->message_id) != 0 ||
        (uint64_t)json_integer_value(json_object_get(payload, "seq")) != receipt->seq ||
        json_is_true(json_object_get(payload, "delivered")) != receipt->delivered ||
        json_is_true(json_object_get(payload, "stored")) != stored ||
        json_is_boolean(json_object_get(payload, "stored")) == receipt->delivered)
        world_fail(world, "an ack of %s that says something else", said->message_id);
}

static void check_dead_result(struct world *world, const struct expected *expected, json_t *payload,
                              const struct said *said)
{
    const struct room_model *room = &world->rooms[expected->room];
    struct presence presence[NAMES];
    model_presence(room, presence);
    if (strcmp(text_of(payload, "in_reply_to"), said->message_id) != 0)
        world_fail(world, "a dead_result in reply to something else");
    if (said->type == MESSAGE_DEAD_QUERY)
        model_letters_check_list(world, &world->letters[expected->room], said->sender,
                                 model_oversees(room, said->sender), &said->dead, presence,
                                 payload);
    else
        model_letters_check_handled(world, &world->handled, &said->dead, presence, payload);
}

static void check_payload(struct world *world, const struct expected *expected, json_t *object,
                          const struct said *said)
{
    json_t *payload = json_object_get(object, "payload");
    switch ((int)expected->type) {
    case MESSAGE_ERROR:
        check_error(world, expected, payload, said);
        break;
    case MESSAGE_ACK:
        check_ack(world, expected, payload, said);
        break;
    case MESSAGE_MODERATION:
        check_moderation(world, payload, said);
        break;
    case MESSAGE_MODERATION_RESULT:
        check_moderation_result(world, expected->room, payload);
        break;
    case MESSAGE_MEMBER_RESULT:
        check_members(world, &world->rooms[expected->room], payload);
        break;
    case MESSAGE_SENT_RESULT:
        check_sent(world, &world->rooms[expected->room], payload);
        break;
    case MESSAGE_DEAD_RESULT:
        check_dead_result(world, expected, payload, said);
        break;
    case MESSAGE_TRAINING_SYNC:
        check_sync(world, expected, said && said->hello.cut, payload);
        break;
    case MESSAGE_CHALLENGE:
        check_challenge(world, expected, payload);
        break;
    case MESSAGE_VERIFICATION:
        check_verification(world, expected, payload);
        break;
    case MESSAGE_FEATURE_RESPONSE:
        check_feature(world, expected, payload, said);
        break;
    case MESSAGE_COLLABORATION_REQUEST:
    case MESSAGE_COLLABORATION_UPDATE:
    case MESSAGE_WORKSPACE_UPDATE:
        check_session_message(world, expected, payload);
        break;
    default:
        break;
    }
}

/* ── matching ── */

/* The bytes as they were said, with seq behind them for level 2. */
static bool line_matches(const struct caused *caused, const struct expected *expected, uint64_t seq,
                         struct slice line)
{
    char tail[40];
    int tail_len = snprintf(tail, sizeof tail, ",\"seq\":%llu}", (unsigned long long)seq);
    size_t stem = line.len - 1;
    if (expected->level == 1)
        return caused->len == line.len && memcmp(caused->line, line.at, line.len) == 0;
    return caused->len == stem + (size_t)tail_len && memcmp(caused->line, line.at, stem) == 0 &&
           memcmp(caused->line + stem, tail, (size_t)tail_len) == 0;
}

/* A hello is relayed without its secrets, and an admin's as one's; everything else with its own
 * bytes. */
static bool relay_matches(const struct world *world, const struct caused *caused,
                          const struct expected *expected, const struct said *said)
{
    const struct room_model *room = &world->rooms[world->links[said->link].room];
    if (said->type == MESSAGE_HELLO && (said->hello.secret || said->sender == ADMIN)) {
        json_t *wanted = json_loadb(said->core, said->core_len, JSON_ALLOW_NUL, NULL);
        json_t *payload = json_object_get(wanted, "payload");
        json_object_del(payload, "token");
        json_object_del(payload, "resume_token");
        if (said->sender == ADMIN)
            json_object_set_new(payload, "admin", json_true());
        if (expected->level == 2)
            json_object_set_new(wanted, "seq", json_integer((json_int_t)room->seq));
        bool equal = json_equal(wanted, caused->object);
        json_decref(wanted);
        return equal;
    }
    return line_matches(caused, expected, room->seq, (struct slice){said->core, said->core_len});
}

static bool matches(const struct world *world, const struct caused *caused,
                    const struct expected *expected, const struct said *said)
{
    json_t *object = caused->object;
    const char *target = text_of(object, "target_ai");
    bool has_seq = json_is_integer(json_object_get(object, "seq"));
    if (caused->link != expected->link || expected->met || has_seq != (expected->level == 2) ||
        message_type_level(expected->type) > expected->level)
        return false;
    if (expected->relay)
        return relay_matches(world, caused, expected, said);
    if (expected->letter)
        return line_matches(caused, expected, world->rooms[expected->room].seq,
                            (struct slice){expected->letter->line, expected->letter->len});
    if (expected->session != NOBODY && expected->type == MESSAGE_COLLABORATION_UPDATE &&
        strcmp(text_of(json_object_get(object, "payload"), "status"),
               state_names[expected->state]) != 0)
        return false;
    const struct entry_model *entry =
        expected->entry == NOBODY ? NULL : &world->rooms[expected->room].entries[expected->entry];
    json_t *payload = json_object_get(object, "payload");
    if (entry && (strcmp(text_of(payload, "id"), entry->key) != 0 ||
                  strcmp(text_of(payload, "section"), section_names[entry->section]) != 0))
        return false;
    return strcmp(text_of(object, "message_type"), message_type_text(expected->type)) == 0 &&
           strcmp(text_of(object, "sender_id"), name_text(expected->sender)) == 0 &&
           strcmp(target, name_text(expected->target)) == 0;
}

static void check_order(struct world *world, const struct caused *caused)
{
    struct link *link = &world->links[caused->link];
    json_t *seq = json_object_get(caused->object, "seq");
    uint64_t number = (uint64_t)json_integer_value(seq);
    if (!seq || link->name == NOBODY)
        return;
    if (number < link->seq || number > world->rooms[link->room].seq)
        world_fail(world, "link %d was told seq %llu after %llu; the room is at %llu", caused->link,
                   (unsigned long long)number, (unsigned long long)link->seq,
                   (unsigned long long)world->rooms[link->room].seq);
    link->seq = number;
}

static void check_closes(struct world *world)
{
    for (size_t i = 0; i < world->close_count; i++) {
        const struct expected_close *wanted = &world->closes[i];
        if (world->closed[wanted->link] != (int)wanted->reason + 1)
            world_fail(world, "link %d was not closed for %s", wanted->link,
                       close_reason_text(wanted->reason));
        else
            world->closed[wanted->link] = 0;
    }
    for (int link = 0; link < LINKS; link++)
        if (world->closed[link] > 0)
            world_fail(world, "link %d was closed for %s", link,
                       close_reason_text((enum close_reason)(world->closed[link] - 1)));
}

void check_call(struct world *world, const struct said *said)
{
    for (size_t i = 0; i < world->caused_count && !world_failed(world); i++) {
        struct caused *caused = &world->caused[i];
        struct expected *met = NULL;
        for (size_t k = 0; k < world->expected_count && !met; k++)
            if (matches(world, caused, &world->expected[k], said))
                met = &world->expected[k];
        if (!met) {
            world_fail(world, "link %d should not have got: %.*s", caused->link,
                       (int)(caused->len < 700 ? caused->len : 700), caused->line);
            return;
        }
        met->met = true;
        if (!met->relay && !met->letter)
            check_payload(world, met, caused->object, said);
        if (!met->relay && met->room != NOBODY) {
            check_secrecy(world, caused, met->room);
            check_seals(world, caused, met->room);
        }
        check_order(world, caused);
    }
    for (size_t k = 0; k < world->expected_count; k++) {
        const struct expected *expected = &world->expected[k];
        if (!expected->met)
            world_fail(world, "link %d should have got a%s %s (codes %llx)", expected->link,
                       expected->relay ? " relayed" : "", message_type_text(expected->type),
                       (unsigned long long)expected->codes);
    }
    check_closes(world);
}
