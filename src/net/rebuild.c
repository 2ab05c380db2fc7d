/* See rebuild.h. */
#include "net/rebuild.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"
#include "net/state.h"

struct rebuilding {
    struct hub *hub;
    uint64_t entries;
    char *why;
};

static int take_row(void *ctx, struct slice room, const struct row *row)
{
    struct rebuilding *rebuilding = ctx;
    return hub_load(rebuilding->hub, room, row, rebuilding->why, STORE_WHY_SIZE);
}

static int take_loaded(void *ctx, struct slice room)
{
    struct rebuilding *rebuilding = ctx;
    return hub_loaded(rebuilding->hub, room, rebuilding->why, STORE_WHY_SIZE);
}

static uint64_t take_seq(void *ctx, struct slice room)
{
    struct rebuilding *rebuilding = ctx;
    return hub_seq(rebuilding->hub, room);
}

static int take_entry(void *ctx, struct slice room, const struct entry *entry)
{
    struct rebuilding *rebuilding = ctx;
    rebuilding->entries++;
    hub_apply(rebuilding->hub, room, entry);
    return 0;
}

int rebuild(struct hub *hub, struct store *store, uint64_t *ret_entries, char why[STORE_WHY_SIZE])
{
    struct rebuilding rebuilding = {.hub = hub, .why = why};
    struct store_reader reader = {&rebuilding, take_row, take_loaded, take_seq, take_entry};
    int error = store_recover(store, &reader, why);
    *ret_entries = rebuilding.entries;
    return error;
}

/* The server has no store, so that what its hub says is not kept once more, and no loop. */
static int make_hub(struct store *store, struct rebuild_report *report, char why[STORE_WHY_SIZE])
{
    struct server *server = memory_new(sizeof *server);
    struct hub_config config = hub_config_default();
    store_key(store, server->key);
    server->disk.recovering = true;
    struct hub_edge edge = edge_of(server);
    struct hub *hub = hub_new(&config, &edge);
    int error = rebuild(hub, store, &report->applied, why);
    if (error == 0)
        error = hub_verify(hub, why, STORE_WHY_SIZE);
    if (error == 0)
        report->hub = hub_count(hub);
    hub_free(hub);
    free(server);
    return error;
}

int rebuild_check(const char *directory, const struct store_damage *damage,
                  struct rebuild_report *ret_report, char ret_why[STORE_WHY_SIZE])
{
    struct store_options options = {.directory = directory};
    struct store *store;
    *ret_report = (struct rebuild_report){0};
    *ret_why = '\0';
    if (!store_exists(directory)) {
        snprintf(ret_why, STORE_WHY_SIZE, "%s: no hub's database (hub.db) is there", directory);
        return -1;
    }
    if (store_open(&options, &store, ret_why) < 0)
        return -1;
    int error = store_check(store, damage, &ret_report->kept, ret_why);
    if (error == 0 && ret_report->kept.damaged)
        error = -1;
    if (error == 0)
        error = make_hub(store, ret_report, ret_why);
    store_close(store);
    return error;
}
