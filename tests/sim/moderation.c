/* What admins do in a room, as the model has it: kicks, and bans with an end. One of the names is
 * an admin whenever it says hello. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bounds.h"
#include "speech.h"

int sim_let_in(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
               struct refusal *ret_refusal)
{
    (void)ctx, (void)ret_refusal;
    *ret_pass = (struct hub_pass){.admin = slice_is(login->ai_id, names[ADMIN])};
    for (int name = 0; name < NAMES; name++)
        if (slice_is(login->ai_id, names[name]))
            ret_pass->sees = model_sees(name);
    return 0;
}

/* ── what is said ── */

static const char *const action_names[] = {
    [ORDER_KICK] = "kick",           [ORDER_BAN] = "ban",           [ORDER_UNBAN] = "unban",
    [ORDER_READ_ONLY] = "read_only", [ORDER_WRITABLE] = "writable", [ORDER_RETRACT] = "retract"};

/* It is done to somebody, not to the room. */
static bool is_aimed(enum order_action action)
{
    return action == ORDER_KICK || action == ORDER_BAN || action == ORDER_UNBAN;
}

/* Nobody does it without a reason. */
static bool is_reasoned(enum order_action action)
{
    return action != ORDER_UNBAN && action != ORDER_WRITABLE;
}

static enum order_action draw_action(struct maker *maker)
{
    if (maker->world->rooms[maker->room].read_only && below(maker, 4))
        return ORDER_WRITABLE; /* where nobody may write, little happens */
    if (below(maker, 10) == 0)
        return below(maker, 4) ? ORDER_READ_ONLY : ORDER_WRITABLE;
    if (below(maker, 3) == 0)
        return ORDER_RETRACT;
    return (enum order_action)below(maker, 3);
}

static void put_reason(struct maker *maker)
{
    struct order_said *order = &maker->said->order;
    if (flaw_here(maker, 2) && is_reasoned(order->action)) {
        static const char *const wrong[] = {"5", "\"\"", "null", "{}"};
        FLAWED(maker->writer, maker->said, "reason", wrong);
        return;
    }
    snprintf(order->reason, sizeof order->reason, "for %u \"reasons\"", below(maker, 9));
    put_text_member(maker->writer, "reason", order->reason);
}

static int somebody_banned(struct maker *maker, bool is_owner)
{
    const struct ban_model *bans = maker->world->rooms[maker->room].bans[is_owner];
    int name = (int)below(maker, NAMES);
    for (int tries = 0; tries < NAMES && !bans[name].made; tries++)
        name = (name + 1) % NAMES;
    return name;
}

/* Something that is known, or was; by its key, or a component's own id. */
static void draw_entry(struct maker *maker, struct order_said *order)
{
    const struct room_model *room = &maker->world->rooms[maker->room];
    const char *id = "no such entry";
    if (room->entry_count && below(maker, 12)) {
        const struct entry_model *entry = &room->entries[below(maker, (unsigned)room->entry_count)];
        id = entry->own_id && entry->own_id[0] && below(maker, 2) ? entry->own_id : entry->key;
    }
    snprintf(order->id, sizeof order->id, "%s", id);
}

void make_moderation(struct maker *maker)
{
    static const char *const wrong[] = {"\"shoot\"", "1", "null", "\"Kick\""};
    char seq[24];
    struct said *said = maker->said;
    struct order_said *order = &said->order;
    order->action = draw_action(maker);
    order->is_owner = below(maker, 4) == 0;
    order->name = order->action == ORDER_UNBAN ? somebody_banned(maker, order->is_owner)
                                               : somebody(maker->world, maker->room);
    draw_entry(maker, order);
    if (below(maker, 2))
        order->seq = draw_heard(maker);
    snprintf(seq, sizeof seq, "%llu", (unsigned long long)order->seq);
    if (flaw_here(maker, 3)) {
        FLAWED(maker->writer, said, "action", wrong);
    } else {
        put_text_member(maker->writer, "action", action_names[order->action]);
    }
    put_reason(maker);
    if (order->action == ORDER_BAN && below(maker, 8)) {
        char seconds[16];
        order->for_s = 1 + below(maker, 10);
        snprintf(seconds, sizeof seconds, "%u", order->for_s);
        put_raw_member(maker->writer, "for_s", seconds);
    }
    if (!is_aimed(order->action) && order->action != ORDER_RETRACT)
        return;
    put_member(maker->writer, "target");
    put(maker->writer, "{");
    if (order->action == ORDER_RETRACT && order->seq)
        put_raw_member(maker->writer, "seq", seq);
    else if (order->action == ORDER_RETRACT)
        put_text_member(maker->writer, "id", order->id);
    else
        put_text_member(maker->writer, order->is_owner ? "owner" : "ai_id", names[order->name]);
    put(maker->writer, "}");
}

/* ── bans ── */

static bool in_force(const struct world *world, const struct ban_model *ban)
{
    return ban->made && (!ban->until || ban->until > world->now);
}

uint64_t model_ban_codes(const struct world *world, const struct said *said, int at)
{
    const struct ban_model *ban = &world->rooms[at].bans[false][said->sender];
    bool admin = said->sender == ADMIN && said->type == MESSAGE_HELLO;
    return in_force(world, ban) && !admin ? FLAW(BANNED) : 0;
}

bool model_bans_hold(const struct world *world, const struct room_model *room)
{
    bool hold = false;
    for (int name = 0; name < NAMES; name++)
        hold = hold || in_force(world, &room->bans[false][name]) ||
               in_force(world, &room->bans[true][name]);
    return hold;
}

/* ── knowledge that is taken back ── */

static void entries_named(const struct room_model *room, const char *id,
                          struct entry_model *ret_named[3])
{
    ret_named[0] = model_entry_find(room, PATTERNS, id);
    ret_named[1] = model_entry_find(room, COMPONENTS, id);
    ret_named[2] = model_feature_named(room, id);
}

static bool names_standing(const struct room_model *room, const char *id)
{
    struct entry_model *named[3];
    entries_named(room, id, named);
    for (unsigned i = 0; i < 3; i++)
        if (named[i] && !named[i]->retracted)
            return true;
    return false;
}

static void benchmark_retract(const struct room_model *room, const char *id)
{
    struct entry_model *benchmark = id[0] ? model_entry_find(room, BENCHMARKS, id) : NULL;
    if (benchmark && !names_standing(room, id))
        benchmark->report_count = 0;
}

/* Returns how many messages go with it. */
static size_t entry_retract(struct world *world, int at, struct entry_model *entry)
{
    size_t shares = model_taken_shares(world, at, entry);
    static const struct said nothing = {.type = MESSAGE_MODERATION};
    model_claim_put(world, at, entry, &nothing);
    entry->retracted = true;
    entry->usage = entry->score_count = 0;
    entry->tested = false;
    free(entry->body);
    entry->body = strdup("{}");
    benchmark_retract(&world->rooms[at], entry->key);
    benchmark_retract(&world->rooms[at], entry->own_id);
    return shares;
}

/* What that message has shared, if nothing was shared in its place since. */
static struct entry_model *entry_shared_at(const struct room_model *room, uint64_t seq)
{
    for (size_t i = 0; i < room->entry_count; i++) {
        struct entry_model *entry = &room->entries[i];
        if (entry->share_count && entry->shared_at[entry->share_count - 1] == seq)
            return entry;
    }
    return NULL;
}

static void retract(struct world *world, int at, const struct order_said *order)
{
    struct entry_model *named[3] = {NULL};
    size_t shares = 0;
    if (order->seq)
        named[0] = entry_shared_at(&world->rooms[at], order->seq);
    else
        entries_named(&world->rooms[at], order->id, named);
    for (unsigned i = 0; i < 3; i++)
        if (named[i] && !named[i]->retracted)
            shares += entry_retract(world, at, named[i]);
    model_taken(world, at, order->seq, shares);
}

static uint64_t retract_codes(const struct room_model *room, const char *id)
{
    struct entry_model *named[3];
    entries_named(room, id, named);
    return names_standing(room, id)           ? 0
           : named[0] || named[1] || named[2] ? FLAW(CONFLICT)
                                              : FLAW(NOT_FOUND);
}

/* ── orders ── */

static bool is_admin(const struct room_model *room, int name)
{
    return member_here(&room->members[name]) && room->members[name].admin;
}

uint64_t model_read_only_codes(const struct world *world, const struct said *said, int at)
{
    const struct room_model *room = &world->rooms[at];
    bool looks = said->type == MESSAGE_HELLO || said->type == MESSAGE_HEARTBEAT;
    bool admin = world->links[said->link].name == said->sender && is_admin(room, said->sender);
    return room->read_only && !looks && !admin ? FLAW(READ_ONLY) : 0;
}

uint64_t model_order_codes(struct world *world, const struct said *said, int at)
{
    const struct room_model *room = &world->rooms[at];
    const struct order_said *order = &said->order;
    uint64_t codes = 0;
    if (said->type != MESSAGE_MODERATION)
        return 0;
    if (world->links[said->link].name != said->sender || !is_admin(room, said->sender))
        return FLAW(FORBIDDEN); /* or it is read-only */
    if (said->target != NOBODY)
        codes |= FLAW(BAD_FIELD);
    if (order->action == ORDER_READ_ONLY)
        return codes;
    if (order->action == ORDER_RETRACT)
        return codes | (order->seq ? model_heard_codes(world, at, order->seq)
                                   : retract_codes(room, order->id));
    if (order->action == ORDER_WRITABLE)
        return codes | (room->read_only ? 0 : FLAW(CONFLICT));
    if (order->action == ORDER_UNBAN)
        return codes |
               (in_force(world, &room->bans[order->is_owner][order->name]) ? 0 : FLAW(NOT_FOUND));
    if (is_admin(room, order->name))
        codes |= FLAW(FORBIDDEN);
    else if (order->action == ORDER_KICK && !member_here(&room->members[order->name]))
        codes |= order->is_owner || room->members[order->name].seen ? FLAW(TARGET_OFFLINE)
                                                                    : FLAW(UNKNOWN_TARGET);
    return codes;
}

static void expel(struct world *world, int link, enum close_reason reason)
{
    expect_error(world, link, reason == CLOSE_BANNED ? FLAW(BANNED) : FLAW(KICKED));
    expect_close(world, link, reason);
    model_member_leave(world, link, reason);
}

static void bans_sweep(const struct world *world, struct room_model *room)
{
    for (int name = 0; name < NAMES; name++)
        for (int kind = 0; kind < 2; kind++)
            room->bans[kind][name].made = in_force(world, &room->bans[kind][name]);
}

void model_order_apply(struct world *world, const struct said *said, int at)
{
    struct room_model *room = &world->rooms[at];
    const struct order_said *order = &said->order;
    struct ban_model *ban = &room->bans[order->is_owner][order->name];
    for (unsigned i = 0; i < room->seat_count; i++)
        expect_made_to(world, at, room->seats[i], MESSAGE_MODERATION, HUB, NOBODY);
    if (order->action == ORDER_UNBAN)
        ban->made = false;
    if (order->action == ORDER_BAN) /* those that are over go, should the clock run back or not */
        bans_sweep(world, room);
    if (order->action == ORDER_BAN)
        *ban = (struct ban_model){
            .made = true, .until = order->for_s ? world->now + 1000 * (int64_t)order->for_s : 0};
    if (order->action == ORDER_RETRACT)
        retract(world, at, order);
    else if (!is_aimed(order->action))
        room->read_only = order->action == ORDER_READ_ONLY;
    int link = room->members[order->name].link;
    bool expels = order->action == ORDER_KICK || order->action == ORDER_BAN;
    if (expels && member_away(&room->members[order->name]))
        model_member_stay_no_more(world, at, order->name);
    else if (expels && link != NOBODY)
        expel(world, link, order->action == ORDER_BAN ? CLOSE_BANNED : CLOSE_KICKED);
}

/* ── what the hub says ── */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

void check_moderation(struct world *world, const json_t *payload, const struct said *said)
{
    const struct order_said *order = &said->order;
    const json_t *target = json_object_get(payload, "target");
    if (strcmp(text_of(payload, "action"), action_names[order->action]) != 0 ||
        json_is_null(target) == (is_aimed(order->action) || order->action == ORDER_RETRACT) ||
        (order->action == ORDER_RETRACT && !order->seq &&
         strcmp(text_of(target, "id"), order->id) != 0) ||
        (order->action == ORDER_RETRACT &&
         (uint64_t)json_integer_value(json_object_get(target, "seq")) != order->seq) ||
        (is_aimed(order->action) &&
         strcmp(text_of(target, order->is_owner ? "owner" : "ai_id"), names[order->name]) != 0) ||
        strcmp(text_of(payload, "reason"), order->reason) != 0 ||
        strcmp(text_of(payload, "by"), names[said->sender]) != 0 ||
        json_is_string(json_object_get(payload, "until")) != (order->for_s > 0) ||
        strcmp(text_of(payload, "in_reply_to"), said->message_id) != 0)
        world_fail(world, "a moderation that says something else");
}

static int name_of(const char *text)
{
    for (int name = 0; name < NAMES; name++)
        if (strcmp(names[name], text) == 0)
            return name;
    return NOBODY;
}

static void check_bans(struct world *world, const struct room_model *room, const json_t *bans)
{
    const json_t *ban;
    size_t index, wanted = 0, found = 0;
    for (int name = 0; name < NAMES; name++)
        wanted +=
            in_force(world, &room->bans[false][name]) + in_force(world, &room->bans[true][name]);
    json_array_foreach(bans, index, ban)
    {
        const char *key = text_of(ban, "key"), *parting = strchr(key, '/');
        bool is_owner = strncmp(key, "owner/", 6) == 0;
        int name = parting ? name_of(parting + 1) : NOBODY;
        int64_t until = json_integer_value(json_object_get(ban, "until_ms"));
        if (until && until <= world->now)
            continue; /* it counts for nothing, and goes when there is another */
        found++;
        if (name == NOBODY || !room->bans[is_owner][name].made ||
            room->bans[is_owner][name].until != until)
            world_fail(world, "%s is banned, and should not be", key);
    }
    if (found != wanted)
        world_fail(world, "%zu bans, not %zu", found, wanted);
}

void check_moderated(struct world *world, const struct room_model *room, json_t *dump)
{
    check_bans(world, room, json_object_get(dump, "bans"));
    if (json_is_object(json_object_get(dump, "read_only")) != room->read_only)
        world_fail(world, "a room is %sread-only", room->read_only ? "not " : "");
}

void check_moderation_result(struct world *world, int at, const json_t *payload)
{
    const struct room_model *room = &world->rooms[at];
    const json_t *ban, *bans = json_object_get(payload, "bans");
    size_t index, wanted = 0;
    for (int name = 0; name < NAMES; name++)
        wanted +=
            in_force(world, &room->bans[false][name]) + in_force(world, &room->bans[true][name]);
    if (json_array_size(bans) != wanted ||
        json_is_object(json_object_get(payload, "read_only")) != room->read_only ||
        (size_t)json_integer_value(json_object_get(payload, "total")) != wanted ||
        !json_is_null(json_object_get(payload, "next")))
        world_fail(world, "%zu bans are listed, not %zu", json_array_size(bans), wanted);
    json_array_foreach(bans, index, ban)
    {
        const json_t *target = json_object_get(ban, "target");
        bool is_owner = json_object_get(target, "owner") != NULL;
        int name = name_of(text_of(target, is_owner ? "owner" : "ai_id"));
        if (name == NOBODY || !in_force(world, &room->bans[is_owner][name]))
            world_fail(world, "a ban is listed that is none");
    }
}
