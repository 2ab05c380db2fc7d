/* A room's state as rows, in: what save.c wrote. Rows come in the order of their kinds. What
 * names others of its own kind (a claim its parents), and the places in lists, are settled by
 * hub_loaded (load_lists.c). */
#include "core/load.h"

#include <stdio.h>

#include "core/memory.h"

static void load_room(struct loading *loading)
{
    struct room *room = loading->room;
    room->last_seq = load_u64(loading, loading->object, "seq");
    room->changes.order = load_u64(loading, loading->object, "order");
    if (load_has(loading, "day") || load_has(loading, "said")) { /* earlier rows have neither */
        room->day = (int64_t)load_u64(loading, loading->object, "day");
        room->said = load_u64(loading, loading->object, "said");
    }
    if (load_has(loading, "letters_forgotten"))
        room->letters.forgotten = load_u64(loading, loading->object, "letters_forgotten");
    if (load_has(loading, "read_only")) {
        ruling_free(&room->read_only);
        load_ruling(loading, load_value(loading, loading->object, "read_only", JSON_KIND_OBJECT),
                    &room->read_only);
    }
    room->messages.from = room->last_seq + 1;
    if (load_has(loading, "said_from"))
        room->messages.from = load_u64(loading, loading->object, "said_from");
    struct json_value limits = load_value(loading, loading->object, "limits", JSON_KIND_OBJECT);
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

/* Of a hub that did not know: that is before its time. */
static void load_reach(struct loading *loading, struct member *member)
{
    uint64_t last = loading->room->last_seq;
    struct reach *reach = &member->reach;
    uint64_t again = 0, *const parts[] = {&reach->first, &reach->from, &reach->given,
                                          &reach->to,    &reach->left, &again};
    const size_t part_count = sizeof parts / sizeof *parts;
    reach->first = reach->left = last;
    if (!load_has(loading, "reach"))
        return;
    struct json_iterator elements = {.rest = load_array(loading, loading->object, "reach").raw};
    struct json_value element;
    size_t count = 0;
    while (json_next_element(&elements, &element) && count < part_count &&
           json_u64(element, parts[count]) == 0)
        count++;
    reach->again = again;
    if (count != part_count || !reach_fits(reach, last)) {
        *reach = (struct reach){.first = last, .left = last};
        load_damage(loading, "reach");
    }
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
    TAILQ_INIT(&member->sent);
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
    load_reach(loading, member);
    member->joined_ms = load_i64(loading, object, "joined_ms");
    member->left_ms = load_i64(loading, object, "left_ms");
    if (load_has(loading, "spoke_ms"))
        member->spoke_ms = load_i64(loading, object, "spoke_ms");
    load_short(loading, object, "resume_token", member->resume_token, sizeof member->resume_token);
    member->order = load_u64(loading, object, "order");
    member->heard = room->hub->clock;
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
    TAILQ_INIT(&session->artifacts);
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
    struct json_value hex = load_value(loading, loading->object, "receipts", JSON_KIND_STRING);
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
    struct json_value line = load_value(loading, loading->object, "line", JSON_KIND_OBJECT);
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

static void load_holding(struct loading *loading)
{
    int64_t day = load_i64(loading, loading->object, "day");
    uint64_t messages = load_u64(loading, loading->object, "messages");
    struct slice owner = loading->row->key;
    if (!owner.len || owner.len > WIRE_ID_MAX ||
        !holding_restore(loading->room, owner, day, messages))
        load_damage(loading, "key");
}

static void load_said(struct loading *loading)
{
    if (!said_restore(loading->room, loading->row->key, json_get(loading->object, "messages"),
                      json_get(loading->object, "retracted")))
        load_damage(loading, "messages");
}

static enum approval_status load_status(struct loading *loading)
{
    struct json_value status = json_get(loading->object, "status");
    for (int at = 0; at < APPROVAL_STATUS_COUNT; at++)
        if (json_string_is(status, slice_of(approval_status_text((enum approval_status)at))))
            return (enum approval_status)at;
    load_damage(loading, "status");
    return APPROVAL_WITHDRAWN;
}

static void load_approval(struct loading *loading)
{
    struct json_value object = loading->object;
    struct approval *approval = approval_new(loading->room, loading->row->key);
    if (!approval) {
        load_damage(loading, "key");
        return;
    }
    approval->asker = load_text(loading, object, "asker");
    approval->target = load_text(loading, object, "target");
    approval->question = load_text(loading, object, "question");
    approval->preset = load_text(loading, object, "preset");
    approval->choices = slice_copy(load_array(loading, object, "choices").raw);
    approval->wait_ms = load_i64(loading, object, "wait_ms");
    approval->asked_ms = load_i64(loading, object, "asked_ms");
    approval->status = load_status(loading);
    approval->changed_ms = load_i64(loading, object, "changed_ms");
    approval->changed = load_u64(loading, object, "changed");
    approval->choice = load_text(loading, object, "choice");
    approval->by = load_text(loading, object, "by");
    approval->note = load_text(loading, object, "note");
    approval->order = load_u64(loading, object, "order");
    if (!approval_offers(approval->choices, approval->preset))
        load_damage(loading, "preset");
    if (approval->choice.len && !approval_offers(approval->choices, approval->choice))
        load_damage(loading, "choice");
}

static void load_touch(struct loading *loading)
{
    struct touch *touch = touch_new(loading->room, loading->row->key);
    if (!touch) {
        load_damage(loading, "key");
        return;
    }
    touch->note = load_text(loading, loading->object, "note");
    touch->first = load_u64(loading, loading->object, "first");
    touch->last = load_u64(loading, loading->object, "last");
    touch->ttl_s = (unsigned)load_u64(loading, loading->object, "ttl_s");
    touch->begun_ms = load_i64(loading, loading->object, "begun_ms");
    touch->order = load_u64(loading, loading->object, "order");
    if (!touch->ttl_s || touch->ttl_s > TOUCH_TTL_MAX_S)
        load_damage(loading, "ttl_s");
    if (!touch->first || touch->first > touch->last || touch->last > loading->room->last_seq)
        load_damage(loading, "last");
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
        [ROW_SAID] = load_said,
        [ROW_APPROVAL] = load_approval,
        [ROW_TOUCH] = load_touch,
        [ROW_ARTIFACT] = load_artifact,
        [ROW_TASK] = load_task,
        [ROW_SENT] = load_sent,
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
