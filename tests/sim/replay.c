/* Entries and what they caused, kept for a replay: the same entries on a fresh hub must leave the
 * same state and cause the same effects, whatever that hub is configured to. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/memory.h"
#include "sim.h"

/* ── recording ── */

struct logged *record_entry(struct record *record, int room, const struct entry *entry)
{
    if (record->count == record->capacity) {
        record->capacity = record->capacity ? 2 * record->capacity : 256;
        record->at = realloc(record->at, record->capacity * sizeof *record->at);
        assert(record->at);
    }
    char *bytes = malloc(entry->bytes.len + 1);
    assert(bytes);
    if (entry->bytes.len)
        memcpy(bytes, entry->bytes.at, entry->bytes.len);
    struct logged *logged = &record->at[record->count++];
    *logged = (struct logged){.room = room, .entry = *entry};
    logged->entry.bytes.at = bytes;
    return logged;
}

static void text_add_sized(struct text *text, struct slice bytes)
{
    text_addf(text, " %zu:", bytes.len);
    text_add(text, bytes);
}

void record_effect(struct text *text, const struct effect *effect)
{
    text_addf(text, "%llu.%u level %d audience %d%s", (unsigned long long)effect->seq,
              effect->number, effect->level, (int)effect->audience,
              effect->observed ? " and observers" : "");
    text_add_sized(text, effect->room);
    text_add_sized(text, effect->but);
    for (size_t i = 0; i < effect->name_count; i++)
        text_add_sized(text, effect->names[i]);
    text_add_literal(text, " to");
    for (size_t i = 0; i < effect->seat_count; i++) {
        const struct seat *seat = &effect->seats[i];
        if (!seat->member || seat->member != effect->skipped)
            text_addf(text, " %llx.%d", (unsigned long long)seat->peer, seat->level);
    }
    text_add_sized(text, effect->line);
    text_add_literal(text, "\n");
}

void record_free(struct record *record)
{
    for (size_t i = 0; i < record->count; i++) {
        free((void *)(uintptr_t)record->at[i].entry.bytes.at);
        text_free(&record->at[i].effects);
    }
    free(record->at);
}

/* ── a hub that only replays ── */

static void mute_effect(void *ctx, const struct effect *effect)
{
    struct world *world = ctx;
    record_effect(&world->again, effect);
}

static void mute_retract(void *ctx, const struct hub_retraction *retraction)
{
    struct world *world = ctx;
    record_retraction(&world->again, retraction);
}

static void mute_joined(void *ctx, peer_id peer)
{
    (void)ctx, (void)peer;
}

/* The edge tells what it missed: that is none of the hub's effects. */
static void mute_resume(void *ctx, const struct hub_resume *resume)
{
    (void)ctx, (void)resume;
}

static struct log mute_open_log(void *ctx, struct slice room, struct commit commit)
{
    (void)ctx, (void)room;
    return log_memory(commit);
}

static void mute_close(void *ctx, peer_id peer, enum close_reason reason)
{
    struct world *world = ctx;
    world_fail(world, "a replay closed peer %llx for %s", (unsigned long long)peer,
               close_reason_text(reason));
}

static void mute_derive(void *ctx, struct slice room, uint64_t seq, uint32_t count,
                        uint8_t ret_bytes[16])
{
    (void)ctx;
    world_derive(room, seq, count, ret_bytes);
}

/* A room's key, of which nothing is to be seen; a replay answers nobody. */
static void mute_unique(void *ctx, uint8_t ret_bytes[16])
{
    (void)ctx;
    memset(ret_bytes, 0, 16);
}

static void mute_sha256(void *ctx, const struct slice *parts, unsigned count,
                        uint8_t ret_digest[32])
{
    (void)ctx;
    world_digest(parts, count, ret_digest);
}

/* Its limits are the smallest there are: entries are judged by those of their own time. */
struct hub *mute_hub(struct world *world)
{
    const struct hub_config least = {.line_max = 1,
                                     .sync_limit = 1,
                                     .knowledge_max = 1,
                                     .output_max = 1,
                                     .owner.most[LIMIT_RATE] = 0.001,
                                     .pending_ms = 1,
                                     .silent_ms = 1,
                                     .heartbeat_ms = 1};
    const struct hub_edge edge = {.ctx = world,
                                  .effect = mute_effect,
                                  .joined = mute_joined,
                                  .close = mute_close,
                                  .derive = mute_derive,
                                  .identify = mute_derive,
                                  .unique = mute_unique,
                                  .sha256 = mute_sha256,
                                  .resume = mute_resume,
                                  .retract = mute_retract,
                                  .open_log = mute_open_log};
    return hub_new(&least, &edge);
}

/* ── comparing ── */

static void dump_row(void *ctx, const struct row *row)
{
    struct text *text = ctx;
    text_addf(text, "\n%s", row_kind_text(row->kind));
    text_add_sized(text, row->key);
    text_add_sized(text, row->bytes);
}

void dump_rooms(const struct hub *hub, struct text texts[ROOMS])
{
    for (int room = 0; room < ROOMS; room++) {
        text_clear(&texts[room]);
        hub_dump(hub, room_slice(room), &texts[room]);
        hub_save(hub, room_slice(room), dump_row, &texts[room]);
    }
}

void dump_free(struct text texts[ROOMS])
{
    for (int room = 0; room < ROOMS; room++)
        text_free(&texts[room]);
}

/* Where they part, with some of what stands before it. */
void compare_texts(struct world *world, const struct text *before, const struct text *after,
                   const char *what, const char *which)
{
    size_t at = 0;
    if (slice_equal(text_slice(before), text_slice(after)))
        return;
    while (at < before->len && at < after->len && before->at[at] == after->at[at])
        at++;
    size_t from = at > 150 ? at - 150 : 0;
    struct slice was = {before->at + from, before->len - from},
                 is = {after->at + from, after->len - from};
    was.len = was.len > 300 ? 300 : was.len;
    is.len = is.len > 300 ? 300 : is.len;
    world_fail(world, "%s: %s differs at byte %zu: run …%.*s… replay …%.*s…", which, what, at,
               SLICE_FORMAT(was), SLICE_FORMAT(is));
}

void compare_dumps(struct world *world, const struct hub *replayed, const struct text before[ROOMS],
                   const char *which)
{
    struct text after[ROOMS] = {{0}};
    dump_rooms(replayed, after);
    for (int room = 0; room < ROOMS; room++)
        /* a room whose start is not committed yet has no entries, and so no replay */
        if (world->rooms[room].logged)
            compare_texts(world, &before[room], &after[room], room_names[room], which);
    dump_free(after);
}

void replay_entry(struct world *world, struct hub *hub, const struct logged *logged)
{
    char what[64];
    text_clear(&world->again);
    hub_apply(hub, room_slice(logged->room), &logged->entry);
    snprintf(what, sizeof what, "the effects of entry %llu of room %d",
             (unsigned long long)logged->entry.seq, logged->room);
    compare_texts(world, &logged->effects, &world->again, what, "replay");
}

static void replay_from(struct world *world, struct hub *hub, size_t from, size_t to, int room)
{
    for (size_t i = from; i < to; i++)
        if (world->record.at[i].room != NOBODY &&
            (room == NOBODY || world->record.at[i].room == room))
            replay_entry(world, hub, &world->record.at[i]);
}

void replay(struct world *world, size_t before_stop, const struct text running[ROOMS],
            const struct text stopped[ROOMS])
{
    struct hub *hub = mute_hub(world);
    replay_from(world, hub, 0, before_stop, NOBODY);
    compare_dumps(world, hub, running, "replay before the stop");
    replay_from(world, hub, before_stop, world->record.count, NOBODY);
    compare_dumps(world, hub, stopped, "replay whole");
    hub_free(hub);
    hub = mute_hub(world);
    for (int room = 0; room < ROOMS; room++)
        replay_from(world, hub, 0, world->record.count, room);
    compare_dumps(world, hub, stopped, "replay room by room");
    char why[512] = "";
    if (hub_recount(hub, why, sizeof why) != 0)
        world_fail(world, "hub_recount after replay: %s", why);
    hub_free(hub);
}
