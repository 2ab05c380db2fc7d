/* A room's state as rows, in: what save.c wrote. Rows come in the order of their kinds. What
 * names others of its own kind (a claim its parents), and the places in lists, are settled by
 * hub_loaded (load_lists.c).
 *
 * Rows come from a disk. So nothing in them is believed that could break an invariant: a member
 * that is missing, of the wrong kind or over its limit is damage, and said so. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"
#include "core/state.h"

struct loading {
    struct room *room;
    const struct row *row;
    struct json_value object;
    const char *missing; /* the first member that was not as it should be; NULL: none */
};

/* ── members of a row ── */

static struct json_value member(struct loading *loading, struct json_value object, const char *name,
                                enum json_kind kind)
{
    struct json_value value = json_get(object, name);
    if (value.kind != kind && !loading->missing)
        loading->missing = name;
    return value.kind == kind ? value : (struct json_value){.kind = JSON_KIND_ABSENT};
}

/* Owned; never NULL. */
struct slice load_string(struct json_value string)
{
    char *buffer = memory_new(string.raw.len + 1);
    long len = string.kind == JSON_KIND_STRING ? json_decode(string, buffer, string.raw.len) : 0;
    return (struct slice){buffer, len > 0 ? (size_t)len : 0};
}

static struct slice load_text(struct loading *loading, struct json_value object, const char *name)
{
    return load_string(member(loading, object, name, JSON_KIND_STRING));
}

/* Into an array of `size`, with a NUL. */
static void load_short(struct loading *loading, struct json_value object, const char *name,
                       char *buffer, size_t size)
{
    struct json_value value = member(loading, object, name, JSON_KIND_STRING);
    long len = value.kind == JSON_KIND_STRING ? json_decode(value, buffer, size - 1) : 0;
    if (len < 0 && !loading->missing)
        loading->missing = name;
    buffer[len > 0 ? len : 0] = '\0';
}

static uint64_t load_u64(struct loading *loading, struct json_value object, const char *name)
{
    uint64_t number = 0;
    if (json_u64(json_get(object, name), &number) < 0 && !loading->missing)
        loading->missing = name;
    return number;
}

static int64_t load_i64(struct loading *loading, struct json_value object, const char *name)
{
    double number = 0;
    if (json_number(json_get(object, name), &number) < 0 && !loading->missing)
        loading->missing = name;
    return fabs(number) < 9e15 ? (int64_t)number : 0;
}

static bool load_bool(struct loading *loading, struct json_value object, const char *name)
{
    enum json_kind kind = json_get(object, name).kind;
    if (kind != JSON_KIND_TRUE && kind != JSON_KIND_FALSE && !loading->missing)
        loading->missing = name;
    return kind == JSON_KIND_TRUE;
}

/* Of a row of an earlier version, what it had to be. */
static bool load_bool_or(struct loading *loading, struct json_value object, const char *name,
                         bool preset)
{
    bool has = json_get(object, name).kind != JSON_KIND_ABSENT;
    return has ? load_bool(loading, object, name) : preset;
}

/* An owner's name; before there were any, each AI was its own. */
static struct slice load_owner(struct loading *loading, struct json_value object,
                               struct slice ai_id)
{
    bool has = json_get(object, "owner").kind != JSON_KIND_ABSENT;
    return has ? load_text(loading, object, "owner") : slice_copy(ai_id);
}

/* null is NAN. */
static double load_double(struct loading *loading, struct json_value object, const char *name)
{
    struct json_value value = json_get(object, name);
    double number = (double)NAN;
    if (value.kind != JSON_KIND_NULL && json_number(value, &number) < 0 && !loading->missing)
        loading->missing = name;
    return number;
}

static struct json_value load_array(struct loading *loading, struct json_value object,
                                    const char *name)
{
    return member(loading, object, name, JSON_KIND_ARRAY);
}

/* Rows of an earlier version have no member that came later. */
static bool load_has(const struct loading *loading, const char *name)
{
    return json_get(loading->object, name).kind != JSON_KIND_ABSENT;
}

static void load_damage(struct loading *loading, const char *name)
{
    if (!loading->missing)
        loading->missing = name;
}

/* ── rows ── */

/* Into one that is empty. */
static void load_ruling(struct loading *loading, struct json_value object, struct ruling *ruling)
{
    *ruling = (struct ruling){.by = load_text(loading, object, "by"),
                              .reason = load_text(loading, object, "reason"),
                              .since_ms = load_i64(loading, object, "since_ms")};
    if (!ruling->by.len || !ruling->reason.len)
        load_damage(loading, "reason");
}

static void load_room(struct loading *loading)
{
    struct room *room = loading->room;
    room->last_seq = load_u64(loading, loading->object, "seq");
    room->changes.order = load_u64(loading, loading->object, "order");
    if (load_has(loading, "letters_forgotten"))
        room->letters.forgotten = load_u64(loading, loading->object, "letters_forgotten");
    if (load_has(loading, "read_only")) {
        ruling_free(&room->read_only);
        load_ruling(loading, member(loading, loading->object, "read_only", JSON_KIND_OBJECT),
                    &room->read_only);
    }
    struct json_value limits = member(loading, loading->object, "limits", JSON_KIND_OBJECT);
    if (limits.kind == JSON_KIND_OBJECT && !limits_read(limits.raw, &room->limits))
        load_damage(loading, "limits");
}

static bool capabilities_fit(struct json_value array)
{
    struct json_iterator elements = {.rest = array.raw};
    struct json_value element;
    char buffer[CAPABILITY_BYTES_MAX];
    size_t count = 0;
    while (array.kind == JSON_KIND_ARRAY && json_next_element(&elements, &element))
        if (element.kind != JSON_KIND_STRING || ++count > CAPABILITIES_MAX ||
            json_decode(element, buffer, sizeof buffer) <= 0)
            return false;
    return array.kind == JSON_KIND_ARRAY;
}

static enum sees load_sees(struct loading *loading)
{
    struct json_value sees = json_get(loading->object, "sees");
    for (enum sees text = 0; text < SEES_COUNT; text++)
        if (json_string_is(sees, slice_of(sees_text(text))))
            return text;
    load_damage(loading, "sees");
    return SEES_PUBLIC;
}

static void load_member(struct loading *loading)
{
    struct room *room = loading->room;
    struct json_value object = loading->object;
    if (loading->row->key.len > WIRE_ID_MAX || member_find(room, loading->row->key)) {
        load_damage(loading, "key");
        return;
    }
    struct member *member = memory_new(sizeof *member);
    member->key = slice_copy(loading->row->key);
    index_add(&room->members, member);
    member->peer = load_u64(loading, object, "peer");
    uint64_t stays_s = load_has(loading, "stays_s") ? load_u64(loading, object, "stays_s") : 0;
    member->stays_s = (unsigned)stays_s;
    if (stays_s > STAY_MAX_S)
        load_damage(loading, "stays_s");
    if (load_has(loading, "owner"))
        member->owner = load_text(loading, object, "owner");
    if (member->owner.len > WIRE_ID_MAX)
        load_damage(loading, "owner");
    member->level = load_u64(loading, object, "level") == 2 ? 2 : 1;
    member->observer = load_bool(loading, object, "observer");
    member->sees = load_has(loading, "sees") ? load_sees(loading) : SEES_ALL;
    member->ready = load_bool(loading, object, "ready");
    member->acks = load_has(loading, "acks") && load_bool(loading, object, "acks");
    member->admin = load_has(loading, "admin") && load_bool(loading, object, "admin");
    if (load_has(loading, "expelled"))
        member->expelled = load_u64(loading, object, "expelled");
    member->specialization = load_text(loading, object, "specialization");
    struct json_value capabilities = load_array(loading, object, "capabilities");
    if (capabilities_fit(capabilities))
        member_set_capabilities(room, member, capabilities);
    else
        load_damage(loading, "capabilities");
    if (load_has(loading, "cursor"))
        member->cursor = load_u64(loading, object, "cursor");
    if (member->cursor > room->last_seq)
        load_damage(loading, "cursor");
    member->joined_ms = load_i64(loading, object, "joined_ms");
    member->left_ms = load_i64(loading, object, "left_ms");
    load_short(loading, object, "resume_token", member->resume_token, sizeof member->resume_token);
    member->order = load_u64(loading, object, "order");
    member->heard = room->hub->clock;
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

/* Nothing is left of it but its id. */
static void load_retracted(struct loading *loading, struct knowledge_entry *entry)
{
    struct json_value ruling = member(loading, loading->object, "retracted", JSON_KIND_OBJECT);
    load_ruling(loading, ruling, &entry->retracted);
    if (!slice_is(entry->body, "{}") || entry->usage || entry->tested)
        load_damage(loading, "retracted");
    loading->room->knowledge.retracted++;
    entry->contributor->retracted++;
}

static void load_knowledge(struct loading *loading)
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
        entry->body = slice_copy(member(loading, object, "body", JSON_KIND_OBJECT).raw);
        entry->contributor->uses += entry->usage;
        entry->contributor->tested += entry->tested;
        if (load_has(loading, "retracted"))
            load_retracted(loading, entry);
    }
    struct json_iterator reports = {.rest = load_array(loading, object, "reports").raw};
    struct json_value report, claim = json_get(object, "claim");
    while (json_next_element(&reports, &report)) {
        struct reporting reporting = {.reporter = load_text(loading, report, "reporter"),
                                      .timestamp = load_text(loading, report, "timestamp"),
                                      .score = load_double(loading, report, "score"),
                                      .seal = load_report_seal(loading, report),
                                      .metrics =
                                          member(loading, report, "metrics", JSON_KIND_OBJECT)};
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

static void load_alias(struct loading *loading)
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

static void load_account(struct loading *loading)
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
    account->mismatched = load_u64(loading, object, "mismatched");
    account->order = load_u64(loading, object, "order");
}

static void load_commitment(struct loading *loading)
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
    commitment->claimed = load_bool(loading, object, "claimed");
    commitment->ratio = (double)NAN;
    if (load_has(loading, "ratio"))
        commitment->ratio = load_double(loading, object, "ratio");
    commitment->revealed = load_bool_or(loading, object, "revealed", commitment->claimed);
    commitment->order = load_u64(loading, object, "order");
    commitment_restore(knowledge, account, commitment);
}

static void load_participants(struct loading *loading, struct session *session)
{
    struct json_iterator participants = {
        .rest = load_array(loading, loading->object, "participants").raw};
    struct json_value participant;
    while (json_next_element(&participants, &participant)) {
        if (session->participant_count == PARTICIPANTS_MAX) {
            load_damage(loading, "participants");
            return;
        }
        session->participants[session->participant_count++] = load_string(participant);
    }
    if (!session->participant_count)
        load_damage(loading, "participants");
}

static void load_session(struct loading *loading)
{
    struct room *room = loading->room;
    struct json_value object = loading->object;
    char state[16];
    if (session_find(room, loading->row->key)) {
        load_damage(loading, "key");
        return;
    }
    struct session *session = memory_new(sizeof *session);
    session->key = slice_copy(loading->row->key);
    session->initiator = load_text(loading, object, "initiator");
    session->target = load_text(loading, object, "target");
    session->type = load_text(loading, object, "type");
    session->description = load_text(loading, object, "description");
    session->created_ms = session->changed_ms = load_i64(loading, object, "created_ms");
    if (load_has(loading, "changed_ms"))
        session->changed_ms = load_i64(loading, object, "changed_ms");
    session->since = room->hub->clock; /* nobody was silent while there was no hub */
    session->progress = load_double(loading, object, "progress");
    session->order = load_u64(loading, object, "order");
    load_short(loading, object, "state", state, sizeof state);
    session->state = SESSION_STATE_COUNT;
    for (int at = 0; at < SESSION_STATE_COUNT; at++)
        if (strcmp(state, session_state_text((enum session_state)at)) == 0)
            session->state = (enum session_state)at;
    if (session->state == SESSION_STATE_COUNT) {
        session->state = SESSION_FAILED;
        load_damage(loading, "state");
    }
    load_participants(loading, session);
    index_add(&room->sessions, session);
}

static void load_workspace(struct loading *loading)
{
    struct room *room = loading->room;
    struct slice key = loading->row->key;
    const char *parting = memchr(key.at, '/', key.len);
    size_t len = parting ? (size_t)(parting - key.at) : key.len;
    struct session *session = session_find(room, (struct slice){key.at, len});
    struct json_value value = json_get(loading->object, "value");
    if (!session || !parting || value.kind == JSON_KIND_ABSENT) {
        load_damage(loading, "value");
        return;
    }
    if (value.kind == JSON_KIND_STRING)
        value.raw = (struct slice){value.raw.at - 1, value.raw.len + 2};
    struct slice cell_key = {parting + 1, key.len - len - 1};
    if (index_find(&session->workspace, cell_key)) {
        load_damage(loading, "key");
        return;
    }
    workspace_restore(room, session, cell_key, value.raw,
                      load_u64(loading, loading->object, "version"));
}

static void load_receipts(struct loading *loading)
{
    struct room *room = loading->room;
    struct slice key = loading->row->key, ai_id = key;
    while (ai_id.len && ai_id.at[ai_id.len - 1] != '/')
        ai_id.len--;
    ai_id.len -= ai_id.len > 0;
    struct member *sender = member_find(room, ai_id);
    struct json_value hex = member(loading, loading->object, "receipts", JSON_KIND_STRING);
    int64_t latest_ms =
        load_has(loading, "latest_ms") ? load_i64(loading, loading->object, "latest_ms") : 0;
    if (!sender || !receipts_restore(room, sender, key, hex.raw, latest_ms))
        load_damage(loading, "receipts");
}

static void load_lease(struct loading *loading)
{
    struct room *room = loading->room;
    struct json_value object = loading->object;
    struct slice key = loading->row->key;
    if (!key.len || key.len > LEASE_KEY_BYTES_MAX || lease_find(room, key)) {
        load_damage(loading, "key");
        return;
    }
    struct lease *lease = memory_new(sizeof *lease);
    lease->key = slice_copy(key);
    lease->holder = load_text(loading, object, "holder");
    lease->intent = load_text(loading, object, "intent");
    lease->fence = load_u64(loading, object, "fence");
    lease->renewed = load_u64(loading, object, "renewed");
    lease->ttl_s = (unsigned)load_u64(loading, object, "ttl_s");
    lease->granted_ms = load_i64(loading, object, "granted_ms");
    lease->since = room->hub->clock; /* nobody was silent while there was no hub */
    index_add(&room->leases, lease);
    if (!lease->holder.len || lease->holder.len > WIRE_ID_MAX)
        load_damage(loading, "holder");
    if (!lease->ttl_s || lease->ttl_s > LEASE_TTL_MAX_S)
        load_damage(loading, "ttl_s");
    if (!lease->fence || lease->fence > lease->renewed || lease->renewed > room->last_seq)
        load_damage(loading, "fence");
}

static void load_awaited(struct loading *loading)
{
    struct awaited *awaited = reply_restore(loading->room, loading->row->key);
    if (!awaited) {
        load_damage(loading, "key");
        return;
    }
    awaited->sender = load_text(loading, loading->object, "sender");
    awaited->target = load_text(loading, loading->object, "target");
    awaited->message_id = load_text(loading, loading->object, "message_id");
    awaited->wait_ms = load_i64(loading, loading->object, "wait_ms");
}

static void load_chain(struct loading *loading)
{
    uint64_t seq = load_u64(loading, loading->object, "seq");
    struct chain_link *link = chain_restore(loading->room, loading->row->key, seq);
    if (!link) {
        load_damage(loading, "seq");
        return;
    }
    link->sender = load_text(loading, loading->object, "sender");
    link->depth = load_u64(loading, loading->object, "depth");
    link->said_ms = load_i64(loading, loading->object, "said_ms");
    if (!link->depth)
        load_damage(loading, "depth");
}

static void load_ban(struct loading *loading)
{
    struct ban *ban = ban_restore(loading->room, loading->row->key);
    if (!ban) {
        load_damage(loading, "key");
        return;
    }
    load_ruling(loading, loading->object, &ban->ruling);
    ban->until_ms = load_i64(loading, loading->object, "until_ms");
    if (ban->until_ms < 0)
        load_damage(loading, "until_ms");
}

static enum letter_lack load_lack(struct loading *loading)
{
    struct json_value lack = json_get(loading->object, "lack");
    for (int at = 0; at < LETTER_LACK_COUNT; at++)
        if (json_string_is(lack, slice_of(letter_lack_text((enum letter_lack)at))))
            return (enum letter_lack)at;
    load_damage(loading, "lack");
    return LETTER_LACKS_NONE;
}

static void load_letter(struct loading *loading)
{
    struct json_value line = member(loading, loading->object, "line", JSON_KIND_OBJECT);
    struct letter *letter = letter_restore(loading->room, loading->row->key, line.raw);
    if (!letter) {
        load_damage(loading, "line");
        return;
    }
    letter->lack = load_lack(loading);
    letter->awaited = load_bool(loading, loading->object, "awaited");
    letter->overdue = load_bool(loading, loading->object, "overdue");
    letter->said_ms = load_i64(loading, loading->object, "said_ms");
    letter->wait_ms = load_i64(loading, loading->object, "wait_ms");
    if (letter->lack == LETTER_LACKS_NONE && !letter->awaited && !letter->overdue)
        load_damage(loading, "lack");
}

static struct knowledge_entry *load_named(struct loading *loading)
{
    const struct knowledge *knowledge = &loading->room->knowledge;
    struct json_value section = member(loading, loading->object, "section", JSON_KIND_STRING);
    struct slice id = load_text(loading, loading->object, "id");
    struct knowledge_entry *entry = NULL;
    for (int at = 0; at < SECTION_BENCHMARKS && !entry; at++)
        if (json_string_is(section, slice_of(section_text((enum section)at))))
            entry = knowledge_find(knowledge, (enum section)at, id);
    slice_free(&id);
    return entry;
}

static void load_former(struct loading *loading)
{
    struct json_value object = loading->object;
    struct knowledge_entry *entry = load_named(loading);
    struct former former = {.key = loading->row->key,
                            .revision = load_u64(loading, object, "revision"),
                            .replaced_ms = load_i64(loading, object, "replaced_ms"),
                            .timestamp = load_text(loading, object, "timestamp"),
                            .body =
                                slice_copy(member(loading, object, "body", JSON_KIND_OBJECT).raw)};
    if (entry && former.revision && former.revision < entry->revision &&
        former_restore(&loading->room->knowledge, entry, &former))
        return;
    load_damage(loading, "revision");
    slice_free(&former.timestamp);
    slice_free(&former.body);
}

static void load_holding(struct loading *loading)
{
    int64_t day = load_i64(loading, loading->object, "day");
    uint64_t messages = load_u64(loading, loading->object, "messages");
    struct slice owner = loading->row->key;
    if (!owner.len || owner.len > WIRE_ID_MAX ||
        !holding_restore(loading->room, owner, day, messages))
        load_damage(loading, "key");
}

int hub_load(struct hub *hub, struct slice room_name, const struct row *row, char *ret_why,
             size_t size)
{
    static void (*const loaders[ROW_KIND_COUNT])(struct loading * loading) = {
        [ROW_ROOM] = load_room,
        [ROW_MEMBER] = load_member,
        [ROW_PATTERN] = load_knowledge,
        [ROW_COMPONENT] = load_knowledge,
        [ROW_FEATURE] = load_knowledge,
        [ROW_BENCHMARK] = load_knowledge,
        [ROW_ALIAS] = load_alias,
        [ROW_ACCOUNT] = load_account,
        [ROW_COMMITMENT] = load_commitment,
        [ROW_SESSION] = load_session,
        [ROW_WORKSPACE] = load_workspace,
        [ROW_RECEIPTS] = load_receipts,
        [ROW_AWAITED] = load_awaited,
        [ROW_LEASE] = load_lease,
        [ROW_LETTER] = load_letter,
        [ROW_FORMER] = load_former,
        [ROW_CHAIN] = load_chain,
        [ROW_BAN] = load_ban,
        [ROW_HOLDING] = load_holding,
    };
    size_t at;
    struct room *room = room_find(hub, room_name);
    if ((unsigned)row->kind >= ROW_KIND_COUNT || !row->bytes.at ||
        json_check(row->bytes, JSON_DEPTH_LIMIT, &at) != JSON_FINE) {
        snprintf(ret_why, size, "a row of room \"%.*s\" is no JSON", SLICE_FORMAT(room_name));
        return -1;
    }
    struct loading loading = {.room = room ? room : room_new(hub, room_name),
                              .row = row,
                              .object = json_value_of(row->bytes)};
    loaders[row->kind](&loading);
    if (!loading.missing)
        return 0;
    snprintf(ret_why, size, "%s \"%.*s\" of room \"%.*s\": \"%s\" is missing, or not what it was",
             row_kind_text(row->kind), SLICE_FORMAT(row->key), SLICE_FORMAT(room_name),
             loading.missing);
    return -1;
}
