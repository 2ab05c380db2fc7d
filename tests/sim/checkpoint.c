/* The state of rooms as rows: kept whole, or kept up by what changed, and what a hub begins
 * with. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "async.h"

/* ── a set of rows ── */

static struct slice copy(struct slice bytes)
{
    char *copied = malloc(bytes.len + 1);
    assert(copied);
    if (bytes.len)
        memcpy(copied, bytes.at, bytes.len);
    return (struct slice){copied, bytes.len};
}

static void row_free(struct row *row)
{
    free((void *)(uintptr_t)row->key.at);
    free((void *)(uintptr_t)row->bytes.at);
}

static size_t rows_find(const struct rows *rows, const struct row *row)
{
    size_t place = 0;
    while (place < rows->count &&
           (rows->at[place].kind != row->kind || !slice_equal(rows->at[place].key, row->key)))
        place++;
    return place;
}

void rows_put(void *ctx, const struct row *row)
{
    struct rows *rows = ctx;
    size_t place = rows_find(rows, row);
    if (place < rows->count) {
        row_free(&rows->at[place]);
        rows->at[place] = rows->at[--rows->count];
    }
    if (!row->bytes.at)
        return;
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity ? 2 * rows->capacity : 64;
        rows->at = realloc(rows->at, rows->capacity * sizeof *rows->at);
        assert(rows->at);
    }
    rows->at[rows->count++] = (struct row){row->kind, copy(row->key), copy(row->bytes)};
}

void rows_clear(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        row_free(&rows->at[i]);
    free(rows->at);
    *rows = (struct rows){0};
}

static void rows_copy(struct rows *rows, const struct rows *from)
{
    rows_clear(rows);
    rows->at = calloc(from->count + 1, sizeof *rows->at);
    assert(rows->at);
    rows->capacity = from->count + 1;
    for (; rows->count < from->count; rows->count++) {
        const struct row *row = &from->at[rows->count];
        rows->at[rows->count] = (struct row){row->kind, copy(row->key), copy(row->bytes)};
    }
}

void rows_load(struct world *world, struct hub *hub, int room, const struct rows *rows)
{
    char why[512] = "";
    int error = 0;
    for (int kind = 0; kind < ROW_KIND_COUNT && error == 0; kind++)
        for (size_t i = 0; i < rows->count && error == 0; i++)
            if ((int)rows->at[i].kind == kind)
                error = hub_load(hub, room_slice(room), &rows->at[i], why, sizeof why);
    if (error == 0)
        error = hub_loaded(hub, room_slice(room), why, sizeof why);
    if (error != 0)
        world_fail(world, "rows of %s are not taken: %s", room_names[room], why);
}

/* ── out, in, and out again ── */

void reload_check(struct world *world)
{
    struct text before[ROOMS] = {{0}}, after[ROOMS] = {{0}};
    struct hub *hub = mute_hub(world);
    char why[512] = "";
    for (int room = 0; room < ROOMS && !world_failed(world); room++) {
        struct rows rows = {0};
        if (!world->rooms[room].exists)
            continue;
        hub_save(world->hub, room_slice(room), rows_put, &rows);
        rows_load(world, hub, room, &rows);
        rows_clear(&rows);
    }
    if (!world_failed(world) && hub_recount(hub, why, sizeof why) != 0)
        world_fail(world, "hub_recount of what was loaded: %s", why);
    dump_rooms(world->hub, before);
    dump_rooms(hub, after);
    for (int room = 0; room < ROOMS && !world_failed(world); room++)
        compare_texts(world, &before[room], &after[room], room_names[room], "out and in again");
    dump_free(before);
    dump_free(after);
    hub_free(hub);
}

/* ── checkpoints ── */

void checkpoint_save(struct async *async, int room)
{
    struct world *world = async->world;
    struct checkpoint *checkpoint = &async->checkpoints[room];
    bool whole = chance_one_in(&world->faults, 60);
    size_t waiting = 0;
    if (whole) {
        while (hub_save_changes(world->hub, room_slice(room), 1000, rows_put, &checkpoint->working))
            ;
        rows_clear(&checkpoint->working);
        hub_save(world->hub, room_slice(room), rows_put, &checkpoint->working);
    } else {
        waiting = hub_save_changes(world->hub, room_slice(room), chance_below(&world->faults, 30),
                                   rows_put, &checkpoint->working);
    }
    if (waiting)
        return; /* rows of different times: no state that ever was */
    rows_copy(&checkpoint->durable, &checkpoint->working);
    checkpoint->at = world->record.count;
}

void checkpoint_forget(struct checkpoint *checkpoint)
{
    rows_clear(&checkpoint->working);
    rows_clear(&checkpoint->durable);
    checkpoint->at = 0;
}

size_t checkpoint_load(struct async *async, int room)
{
    struct checkpoint *checkpoint = &async->checkpoints[room];
    rows_copy(&checkpoint->working, &checkpoint->durable);
    if (checkpoint->durable.count)
        rows_load(async->world, async->world->hub, room, &checkpoint->durable);
    return checkpoint->at;
}
