/* The model of who is where: joining, taking over, leaving, and what a training_sync owes its
 * reader. */
#include <stdio.h>
#include <string.h>

#include "sim.h"

int model_member_room(const struct world *world, const struct said *said)
{
    const struct link *link = &world->links[said->link];
    if (link->name != NOBODY)
        return link->room;
    return said->type == MESSAGE_HELLO ? said->hello.room : 0;
}

void model_day_said(struct day_model *day, int64_t now)
{
    int64_t today = now / (24 * 3600 * 1000);
    *day = (struct day_model){today, (day->day == today ? day->said : 0) + 1};
}

void model_day_check(struct world *world, const struct day_model *day, const json_t *dump)
{
    json_int_t said = json_integer_value(json_object_get(dump, "said"));
    if (json_integer_value(json_object_get(dump, "day")) != day->day ||
        said != (json_int_t)day->said)
        world_fail(world, "%lld messages of a room's day, not %llu", (long long)said,
                   (unsigned long long)day->said);
}

bool model_room_idle(const struct world *world, const struct room_model *room)
{
    bool idle = room->seat_count == 0 && room->away_count == 0 && room->entry_count == 0 &&
                room->commitment_count == 0 && room->awaited_count == 0 && !room->read_only &&
                !model_bans_hold(world, room);
    for (int name = 0; name < NAMES; name++)
        idle = idle && room->mismatched[name] == 0;
    for (size_t i = 0; i < room->session_count; i++)
        idle = idle && !model_session_live(&room->sessions[i]);
    return idle;
}

bool model_member_crowds(const struct world *world, const struct said *said, int at)
{
    size_t count = 0;
    for (int room = 0; room < ROOMS; room++)
        count += world->rooms[room].exists &&
                 (room == 0 || !model_room_idle(world, &world->rooms[room]));
    return said->type == MESSAGE_HELLO && !world->rooms[at].exists &&
           count >= world->config.rooms_max;
}

uint64_t model_hello_codes(struct world *world, const struct said *said)
{
    const struct link *link = &world->links[said->link];
    int room = model_member_room(world, said);
    const struct member *member = &world->rooms[room].members[said->sender];
    uint64_t codes = 0;
    if (link->name == NOBODY) {
        bool shown = said->hello.token[0] && strcmp(said->hello.token, member->token) == 0;
        if (member_here(member) && !shown)
            codes |= FLAW(ID_IN_USE);
        return codes | model_ban_codes(world, said, room);
    }
    if (said->hello.room != link->room)
        codes |= FLAW(FORBIDDEN);
    if (said->hello.observer != member->observer)
        codes |= FLAW(FORBIDDEN);
    return codes;
}

static void name_remove(int *list, unsigned *count, int name)
{
    unsigned place = 0;
    while (list[place] != name)
        place++;
    memmove(&list[place], &list[place + 1], (*count - place - 1) * sizeof *list);
    --*count;
}

static void seat_remove(struct room_model *room, int name)
{
    name_remove(room->seats, &room->seat_count, name);
}

static void link_forget(struct world *world, int link)
{
    struct link *at = &world->links[link];
    *at = (struct link){.room = NOBODY, .name = NOBODY, .generation = at->generation};
}

/* Takes the id's seat, from its old connection if it has one. */
void model_member_join(struct world *world, const struct said *said, int at)
{
    struct room_model *room = &world->rooms[at];
    struct member *member = &room->members[said->sender];
    struct link *link = &world->links[said->link];
    if (member->link != NOBODY) {
        expect_error(world, member->link, FLAW(TAKEN_OVER));
        expect_close(world, member->link, CLOSE_TAKEN_OVER);
        link_forget(world, member->link);
        seat_remove(room, said->sender);
    } else if (member_away(member)) {
        name_remove(room->away, &room->away_count, said->sender);
    }
    struct member joined = {.seen = true,
                            .receipt = member->receipt,
                            .link = said->link,
                            .level = 1,
                            .specialization = NOBODY};
    if (member->stays) /* it holds until its member goes */
        memcpy(joined.token, member->token, sizeof joined.token);
    *member = joined;
    room->seats[room->seat_count++] = said->sender;
    link->room = at;
    link->name = said->sender;
}

void model_member_hello(struct world *world, const struct said *said, int at)
{
    struct member *member = &world->rooms[at].members[said->sender];
    member->level = said->hello.level;
    member->observer = said->hello.observer;
    member->ready = said->hello.ready;
    member->acks = said->hello.acks;
    member->admin = said->sender == ADMIN;
    member->stays = said->hello.stays;
    member->specialization = said->hello.specialization;
    member->capability_count = said->hello.capability_count;
    memcpy(member->capabilities, said->hello.capabilities, sizeof member->capabilities);
    expect_made(world, said->link, MESSAGE_TRAINING_SYNC, HUB, said->sender);
}

const char *model_specialization(const struct member *member)
{
    return member->specialization == NOBODY ? "general" : specializations[member->specialization];
}

bool model_member_same(const struct member *before, const struct member *now)
{
    return before->level == now->level && before->ready == now->ready &&
           strcmp(model_specialization(before), model_specialization(now)) == 0 &&
           before->capability_count == now->capability_count &&
           memcmp(before->capabilities, now->capabilities,
                  now->capability_count * sizeof *now->capabilities) == 0;
}

static void presence_expect(struct world *world, int at)
{
    const struct room_model *room = &world->rooms[at];
    for (unsigned i = 0; i < room->seat_count; i++)
        expect_made_to(world, at, room->seats[i], MESSAGE_PRESENCE, HUB, NOBODY);
}

void model_member_stay_no_more(struct world *world, int at, int name)
{
    struct room_model *room = &world->rooms[at];
    struct member *member = &room->members[name];
    name_remove(room->away, &room->away_count, name);
    member->stays = member->capability_count = 0;
    presence_expect(world, at);
}

void model_stays_tick(struct world *world, int at)
{
    const struct room_model *room = &world->rooms[at];
    for (unsigned i = room->away_count; i > 0; i--) {
        const struct member *member = &room->members[room->away[i - 1]];
        if (world->clock - member->heard >= 1000 * (int64_t)member->stays)
            model_member_stay_no_more(world, at, room->away[i - 1]);
    }
}

/* Of these it does not come back to where it was. */
static bool is_final(enum close_reason reason)
{
    return reason == CLOSE_LEFT || reason == CLOSE_KICKED || reason == CLOSE_BANNED;
}

/* The link's end; tells level 2 of it when it was a listed member's that is gone, and the hub goes
 * on. */
void model_member_leave(struct world *world, int link, enum close_reason reason)
{
    int at = world->links[link].room, name = world->links[link].name;
    if (name != NOBODY) {
        struct room_model *room = &world->rooms[at];
        struct member *member = &room->members[name];
        bool listed = !member->observer, stays = member->stays && !is_final(reason);
        if (listed && reason == CLOSE_LEFT) /* it is told, too */
            expect_made_to(world, at, name, MESSAGE_PRESENCE, HUB, NOBODY);
        seat_remove(room, name);
        member->link = NOBODY;
        member->heard = world->clock;
        if (stays)
            room->away[room->away_count++] = name;
        else
            member->stays = member->capability_count = 0;
        if (listed && !stays && reason != CLOSE_SHUTTING_DOWN)
            presence_expect(world, at);
    }
    link_forget(world, link);
}

unsigned model_member_sessions(const struct room_model *room, int name)
{
    unsigned count = 0;
    for (size_t i = 0; i < room->session_count; i++)
        count += room->sessions[i].state == ACTIVE && model_session_has(&room->sessions[i], name);
    return count;
}

unsigned model_member_score(const struct room_model *room, int name)
{
    unsigned score = 0;
    for (size_t i = 0; i < room->entry_count; i++)
        if (room->entries[i].contributor == name)
            score += !room->entries[i].retracted + room->entries[i].usage +
                     (room->entries[i].tested ? 5 : 0);
    unsigned lost = 10 * model_claim_count(room, name, REFUTED);
    return score > lost ? score - lost : 0;
}
