/* Life on logs that take their time: lines, ends and ticks between commits, in batches, in the
 * order of each room; and at any point a crash, and a hub that goes on from what was committed. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "async.h"

/* ── what is said, and what comes of it at once ── */

static bool step_connect(struct async *async)
{
    struct world *world = async->world;
    int at = pick_link(world, false);
    if (at == NOBODY)
        return false;
    world_say(world, "link %d connects", at);
    async_open(async, at);
    hub_open(world->hub, world->links[at].id, world->now);
    return true;
}

/* An id is in use when a connection of this life has it: those of former lives are gone, whether
 * that is committed or not. Or when its member is away. */
static void in_use_check(struct async *async, int room)
{
    const struct world *world = async->world;
    if (hub_count(world->hub).away)
        return;
    for (int link = 0; link < LINKS; link++)
        for (unsigned i = 0; i < world->links[link].generation; i++)
            if (async->connections[link][i].room == room && !async->connections[link][i].over)
                return;
    world_fail(async->world, "an id of room %d is in use, and nobody has joined it", room);
}

/* It was proposed, and nothing else; or answered, once. What is ill is not proposed; but for one
 * who has not joined, and whose id somebody held who left: apply is the first to look further; and
 * but for what goes by the id of something that was taken, whatever it is. */
static void say_check(struct async *async, const struct said *said, bool joined, bool leaving,
                      int room)
{
    struct world *world = async->world;
    bool beat = said->type == MESSAGE_HEARTBEAT && joined && !said->bad_line;
    bool good = true;
    if (async->left || leaving)
        good = async->kept == 0 && async->call.count == 0 && async->left != leaving;
    else if (async->kept)
        good = async->kept == 1 && async->call.count == 0 && !said->bad_line &&
               !(said->flaws && joined && !said->again) && !beat;
    else if (beat)
        good = async->call.count <= 1;
    else if (said->bad_line)
        good = async->call.count == (async->closed_meanwhile ? 2 : 1);
    else
        good = async->call.count == 1 &&
               (strcmp(async->call.at[0].in_reply_to, said->message_id) == 0 ||
                (said->again && strcmp(async->call.at[0].type, "ack") == 0));
    if (!async->kept && async->closed_meanwhile && !said->bad_line)
        good = async->call.count <= 1; /* taken over meanwhile */
    if (good && async->call.count && !joined &&
        strcmp(async->call.at[0].code, wire_error_code(WIRE_ID_IN_USE)) == 0)
        in_use_check(async, room);
    if (!good)
        world_fail(world, "%s was proposed %u times and answered %zu times", said->message_id,
                   async->kept, async->call.count);
}

/* What could not be kept is named when it is said again, or given up. */
static void unkept_named(struct async *async, struct connection *connection,
                         const struct said *said)
{
    struct link *link = &async->world->links[said->link];
    if (said->gives_up || strcmp(link->unkept, said->message_id) == 0)
        connection->unkept = 0;
    if (!connection->unkept)
        link->unkept[0] = '\0';
}

static void unkept_note(struct async *async, struct connection *connection, const struct said *said)
{
    const struct answer *answer = &async->call.at[0];
    if (!async->kept && async->call.count == 1 && said->type != MESSAGE_HELLO &&
        strcmp(answer->code, wire_error_code(WIRE_STORAGE_UNAVAILABLE)) == 0)
        async_unkept(async, connection, connection->lines, said->message_id);
}

/* It is said. What has to wait for what is under way of its connection waits until that is
 * committed, or lost, and no longer; its connection may end by it. joined, room: of the connection
 * when it is said for good. */
static void say(struct async *async, struct connection *connection, const struct said *said,
                struct slice line, bool *ret_joined, int *ret_room)
{
    struct world *world = async->world;
    peer_id id = world->links[said->link].id;
    int room = world->links[said->link].room;
    *ret_joined = connection->room != NOBODY;
    *ret_room = model_member_room(world, said);
    if (hub_line(world->hub, id, line, world->now) != HUB_TAKEN_LATER)
        return;
    if (async->kept || async->call.count || async->left || !connection->under_way) {
        world_fail(world, "%s is to be said again, and should not", said->message_id);
        return;
    }
    world_say(world, "link %d has to say that again", said->link);
    connection->later = true;
    async->said = NULL;
    if (world->temper.log_fails && chance_one_in(&world->chance, 4))
        async_lose(async, room, chance_below(&world->chance, (unsigned)async->queues[room].count));
    if (connection->under_way)
        async_commit(async, room, async->queues[room].count);
    async->said = said;
    if (connection->closed) {
        async->closed_meanwhile = true;
        return;
    }
    if (connection->later)
        world_fail(world, "%s could be said again, and nobody says so", said->message_id);
    async->call.count = 0;
    *ret_joined = connection->room != NOBODY;
    *ret_room = model_member_room(world, said);
    if (hub_line(world->hub, id, line, world->now) == HUB_TAKEN_LATER)
        world_fail(world, "%s has to wait for nothing", said->message_id);
}

static bool step_say(struct async *async)
{
    struct world *world = async->world;
    int at = pick_link(world, true);
    struct said said;
    if (at == NOBODY)
        return false;
    if (chance_one_in(&world->chance, 8))
        shadow_room(world, world->links[at].room == NOBODY ? 0 : world->links[at].room);
    struct connection *connection = async_connection(async, at);
    bool joined, leaving = connection->leaving;
    if (!connection->leaving)
        connection->heard = world->clock;
    traffic_say(world, at, &said);
    world_say(world, "link %d (%d) says %.*s", at, world->links[at].name,
              (int)(said.len < 400 ? said.len : 400), said.line);
    char *bytes = malloc(said.len);
    assert(bytes);
    memcpy(bytes, said.line, said.len);
    int room;
    connection->lines++;
    unkept_named(async, connection, &said);
    async->said = &said;
    say(async, connection, &said, (struct slice){bytes, said.len}, &joined, &room);
    async->said = NULL;
    if (async->left)
        connection->leaving = true;
    free(bytes);
    if (!world_failed(world))
        say_check(async, &said, joined, leaving, room);
    if (!async->closed_meanwhile)
        unkept_note(async, connection, &said);
    said_free(&said);
    return true;
}

static bool step_end(struct async *async)
{
    struct world *world = async->world;
    int at = pick_link(world, true);
    if (at == NOBODY)
        return false;
    peer_id id = world->links[at].id;
    unsigned kind = chance_below(&world->chance, 4);
    if (kind < 2) {
        world_say(world, "link %d goes", at);
        async_closed(async, async_connection(async, at));
        hub_gone(world->hub, id, kind ? CLOSE_PEER_CLOSED : CLOSE_PEER_RESET, world->now);
    } else if (kind == 2) {
        world_say(world, "link %d reads too slowly", at);
        hub_expel(world->hub, id, CLOSE_SLOW_CONSUMER, WIRE_SLOW_CONSUMER, world->now);
    } else {
        world_say(world, "link %d says a line that is too long", at);
        if (!async_connection(async, at)->leaving)
            async_connection(async, at)->heard = world->clock;
        hub_line_too_long(world->hub, id, 1 << 20, world->now);
    }
    return true;
}

static void step_commit(struct async *async)
{
    struct world *world = async->world;
    bool all = chance_one_in(&world->chance, 6);
    for (int room = 0; room < ROOMS; room++) {
        size_t count = async->queues[room].count;
        if (!count || (!all && chance_one_in(&world->chance, 3)))
            continue;
        if (world->temper.log_fails && chance_one_in(&world->chance, 4)) {
            async_lose(async, room, chance_below(&world->chance, (unsigned)count));
            count = async->queues[room].count;
        }
        if (!count)
            continue;
        count = all ? count : 1 + chance_below(&world->chance, (unsigned)count);
        world_say(world, "%zu of %zu are committed in %s", count, async->queues[room].count,
                  room_names[room]);
        async_commit(async, room, count);
    }
}

/* ── crashes ── */

static void verify(struct world *world, const char *when)
{
    char why[512] = "";
    if (!world_failed(world) && hub_recount(world->hub, why, sizeof why) != 0)
        world_fail(world, "hub_recount %s: %s", when, why);
    if (!world_failed(world))
        follow_check(world, when);
    if (!world_failed(world))
        artifacts_check(world, when);
}

/* The limits of the next life may be others: nothing that was accepted may be dropped. */
static void restart(struct async *async)
{
    struct world *world = async->world;
    struct text before[ROOMS] = {{0}};
    bool stops = chance_one_in(&world->chance, 3);
    verify(world, "before a crash");
    if (stops) {
        world_say(world, "the hub stops");
        hub_stop(world->hub, world->now);
        step_commit(async);
    }
    dump_rooms(world->hub, before);
    async_crash(async);
    if (chance_one_in(&world->chance, 3))
        world_config_draw(world);
    world_say(world, "the hub starts anew");
    async_serve(async, before);
    verify(world, "after a restart");
    dump_free(before);
}

/* ── steps ── */

static void step(struct async *async)
{
    struct world *world = async->world;
    const unsigned *weights = &world->temper.weights[TYPE_WEIGHTS];
    unsigned open = 0, pick = chance_below(&world->chance, 100);
    bool done = false;
    for (int link = 0; link < LINKS; link++)
        open += world->links[link].open;
    async_begin(async);
    step_time(world);
    if (open < 2 + weights[5] && pick < 30)
        done = step_connect(async);
    else if (pick < 2 + weights[0] / 2)
        done = step_end(async);
    else if (pick >= 14 && (!world->sleepy || pick > 80))
        done = step_say(async);
    if (!done) {
        world_say(world, "tick");
        hub_tick(world->hub, world->now);
    }
    if (chance_one_in(&world->chance, async->late) && !world_failed(world))
        step_commit(async);
    int room = (int)chance_below(&world->faults, 2 * ROOMS);
    if (room < ROOMS && world->rooms[room].logged && !world_failed(world))
        checkpoint_save(async, room);
    if (chance_one_in(&world->chance, 400) && !world_failed(world))
        reload_check(world);
    if (chance_one_in(&world->chance, 150) && !world_failed(world))
        restart(async);
}

void restart_run(struct world *world, unsigned steps, unsigned state_every)
{
    struct async async;
    async_new(&async, world);
    world->temper.leases = true;
    while (world->step < steps && !world_failed(world)) {
        remember(world);
        step(&async);
        if ((world->step + 1) % state_every == 0)
            verify(world, "in between");
        world->step++;
    }
    if (!world_failed(world))
        restart(&async);
    if (!world_failed(world)) {
        struct text texts[ROOMS] = {{0}};
        size_t count = world->record.count;
        dump_rooms(world->hub, texts);
        replay(world, count, texts, texts);
        dump_free(texts);
    }
    async_free(&async);
}
