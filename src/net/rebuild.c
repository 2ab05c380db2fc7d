/* See rebuild.h. */
#include "net/rebuild.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "net/state.h"

struct rebuilding {
    struct hub *hub;
    uint64_t entries;
    int64_t time_ms; /* of the entry that is being applied */
    char *why;
    const char *directory;  /* whose index is compared; NULL: none */
    struct store *salvaged; /* what a hub refuses is left out of it; NULL: nothing is */
    bool again;             /* something was */
    const struct store_damage *damage;
};

/* A hub that refused a row is of no use any more: the next one does without that row. */
static int go_without(struct rebuilding *rebuilding, struct slice room, const struct row *row,
                      const char *what)
{
    if (rebuilding->salvaged && store_leave_out(rebuilding->salvaged, room, row) == 0) {
        rebuilding->damage->found(rebuilding->damage->ctx, room, what, 0);
        rebuilding->again = true;
    }
    return -1;
}

static int take_row(void *ctx, struct slice room, const struct row *row)
{
    struct rebuilding *rebuilding = ctx;
    int error = hub_load(rebuilding->hub, room, row, rebuilding->why, STORE_WHY_SIZE);
    return error < 0 ? go_without(rebuilding, room, row, row_kind_text(row->kind)) : error;
}

static int take_loaded(void *ctx, struct slice room)
{
    struct rebuilding *rebuilding = ctx;
    int error = hub_loaded(rebuilding->hub, room, rebuilding->why, STORE_WHY_SIZE);
    if (error == 0 && !hub_seq(rebuilding->hub, room)) {
        /* which entries the others hold nobody knows then: they would be applied twice */
        snprintf(rebuilding->why, STORE_WHY_SIZE,
                 "room \"%.*s\": its own row is not there, and others are", SLICE_FORMAT(room));
        error = -1;
    }
    return error < 0 ? go_without(rebuilding, room, NULL, "all rows") : error;
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
    rebuilding->time_ms = entry->time_ms;
    hub_apply(rebuilding->hub, room, entry);
    return 0;
}

static int rebuild_by(struct rebuilding *rebuilding, struct store *store)
{
    struct store_reader reader = {rebuilding, take_row, take_loaded, take_seq, take_entry};
    return store_recover(store, &reader, rebuilding->why);
}

int rebuild(struct hub *hub, struct store *store, uint64_t *ret_entries, char why[STORE_WHY_SIZE])
{
    struct rebuilding rebuilding = {.hub = hub, .why = why};
    int error = rebuild_by(&rebuilding, store);
    *ret_entries = rebuilding.entries;
    return error;
}

/* ── the index beside it ── */

struct comparing {
    struct search_check *check;
    struct hub *hub;
    struct slice room;
};

static void compare_text(void *ctx, const struct search_text *text)
{
    const struct comparing *comparing = ctx;
    search_check_text(comparing->check, comparing->room, text);
}

static void compare_room(void *ctx, struct slice room)
{
    struct comparing *comparing = ctx;
    comparing->room = room;
    while (hub_take_texts(comparing->hub, room, SIZE_MAX, compare_text, comparing))
        ;
}

static void compare_index(struct hub *hub, const char *directory, struct search_report *ret_report)
{
    struct comparing comparing = {.check = search_check_begin(directory), .hub = hub};
    hub_keep_texts(hub);
    hub_rooms(hub, compare_room, &comparing);
    search_check_end(comparing.check, ret_report);
}

/* ── what files are made of ── */

struct missing_chunks {
    struct store *store;
    struct hub *hub;
    const struct store_damage *damage;
    uint64_t count;
};

static void look_for_chunk(void *ctx, struct slice room, uint64_t seq)
{
    struct missing_chunks *missing = ctx;
    if (store_has_chunk(missing->store, room, seq))
        return;
    missing->count++;
    missing->damage->found(missing->damage->ctx, room, "missing part of a file, of entry", seq);
}

static void look_for_chunks(void *ctx, struct slice room)
{
    const struct missing_chunks *missing = ctx;
    hub_chunks(missing->hub, room, look_for_chunk, ctx);
}

/* The server has no store, so that what its hub says is not kept once more, and no loop. */
static int make_hub(struct rebuilding *rebuilding, struct store *store,
                    struct rebuild_report *report)
{
    struct server *server = memory_new(sizeof *server);
    struct hub_config config = hub_config_default();
    store_key(store, server->key);
    server->disk.recovering = true;
    struct hub_edge edge = edge_of(server);
    struct hub *hub = hub_new(&config, &edge);
    rebuilding->hub = hub;
    int error = rebuild_by(rebuilding, store);
    if (error == 0)
        error = hub_recount(hub, rebuilding->why, STORE_WHY_SIZE);
    if (error == 0)
        report->hub = hub_count(hub);
    if (error == 0 && rebuilding->damage && !rebuilding->salvaged) {
        struct missing_chunks missing = {store, hub, rebuilding->damage, 0};
        hub_rooms(hub, look_for_chunks, &missing);
        report->kept.damaged += missing.count;
        error = missing.count ? -1 : 0;
    }
    if (error == 0 && rebuilding->directory)
        compare_index(hub, rebuilding->directory, &report->search);
    report->applied = rebuilding->entries;
    hub_free(hub);
    edge_end(server);
    free(server);
    return error;
}

/* ── what the last entries caused ── */

struct tailing {
    struct server server; /* the first: the edge's ctx */
    struct rebuilding rebuilding;
    struct slice room;
    const struct tail_hearer *hearer;
};

static void tail_effect(void *ctx, const struct effect *effect)
{
    struct tailing *tailing = ctx;
    bool seen = effect->audience == AUDIENCE_ROOM || effect->observed;
    if (effect->number && effect->origin != LINE_PASSING && seen &&
        slice_equal(effect->room, tailing->room))
        tailing->hearer->line(tailing->hearer->ctx, effect, tailing->rebuilding.time_ms);
}

static void tail_retracted(void *ctx, const struct hub_retraction *retraction)
{
    const struct tailing *tailing = ctx;
    if (slice_equal(retraction->room, tailing->room))
        tailing->hearer->retracted(tailing->hearer->ctx, retraction);
}

int rebuild_tail(struct store *store, struct slice room, const struct tail_hearer *hearer,
                 char ret_why[STORE_WHY_SIZE])
{
    struct tailing *tailing = memory_new(sizeof *tailing);
    struct hub_config config = hub_config_default();
    store_key(store, tailing->server.key);
    tailing->server.disk.recovering = true;
    struct hub_edge edge = edge_of(&tailing->server);
    edge.effect = tail_effect;
    edge.retract = tail_retracted;
    tailing->room = room;
    tailing->hearer = hearer;
    tailing->rebuilding.hub = hub_new(&config, &edge);
    tailing->rebuilding.why = ret_why;
    int error = rebuild_by(&tailing->rebuilding, store);
    hub_free(tailing->rebuilding.hub);
    edge_end(&tailing->server);
    free(tailing);
    return error;
}

static bool missing(const char *directory, char why[STORE_WHY_SIZE])
{
    bool there = store_exists(directory);
    if (!there)
        snprintf(why, STORE_WHY_SIZE, "%s: %s", directory,
                 errno == ENOENT ? "no hub's database (hub.db) is there" : strerror(errno));
    return !there;
}

/* Of one whose structure is damaged: what of its rows and entries can be read. */
static void check_damaged(const char *directory, const struct store_damage *damage,
                          struct rebuild_report *report)
{
    struct store_options options = {.directory = directory, .salvage = true};
    struct store *store;
    char why[STORE_WHY_SIZE];
    if (store_open(&options, &store, why) < 0)
        return;
    store_check(store, damage, &report->kept, why);
    store_close(store);
}

int rebuild_check(const char *directory, const struct store_damage *damage,
                  struct rebuild_report *ret_report, char ret_why[STORE_WHY_SIZE])
{
    struct store_options options = {.directory = directory};
    struct store *store;
    *ret_report = (struct rebuild_report){0};
    *ret_why = '\0';
    if (missing(directory, ret_why))
        return -1;
    int error = store_open(&options, &store, ret_why);
    if (error == STORE_DAMAGED)
        check_damaged(directory, damage, ret_report);
    if (error < 0)
        return error;
    error = store_check(store, damage, &ret_report->kept, ret_why);
    if (error == 0 && ret_report->kept.damaged)
        error = -1;
    struct rebuilding rebuilding = {.why = ret_why, .directory = directory, .damage = damage};
    if (error == 0)
        error = make_hub(&rebuilding, store, ret_report);
    store_close(store);
    return error < 0 ? STORE_DAMAGED : 0;
}

/* ── what is whole of it ── */

/* One hub after the other, until one begins on what is there; 0 when the last one did. */
static int make_fit(const char *directory, const struct store_damage *damage,
                    struct rebuild_report *report, char why[STORE_WHY_SIZE])
{
    struct store_options options = {.directory = directory};
    struct store *store;
    bool again = true;
    int error = 0;
    while (error == 0 && again) {
        if (store_open(&options, &store, why) < 0)
            return -1;
        struct rebuilding rebuilding = {.why = why, .salvaged = store, .damage = damage};
        error = make_hub(&rebuilding, store, report);
        again = rebuilding.again;
        report->left_out += again;
        if (error < 0 && again)
            error = 0;
        else if (error == 0 && (report->left_out || report->unsure))
            error = store_go_on_above(store, report->unsure);
        if (error == 0 && !again)
            error = store_check(store, damage, &report->kept, why);
        store_close(store);
    }
    return error;
}

/* When it fails, what it made is removed; but nothing of somebody else's who has that place. */
static int salvage_into(struct store *old, const char *into, const struct store_damage *damage,
                        struct rebuild_report *report, char why[STORE_WHY_SIZE])
{
    struct store_salvaged result;
    bool others = store_exists(into), there = access(into, F_OK) == 0;
    int error = store_salvage(old, into, damage, &result, why);
    if (error == 0) {
        report->left_out = result.left_out;
        report->unsure = result.unsure;
        error = make_fit(into, damage, report, why);
    }
    if (error < 0 && error != STORE_HELD && !others)
        store_remove(into, there);
    return error < 0 ? -1 : 0;
}

static int open_damaged(const char *directory, struct store **ret_store,
                        char ret_why[STORE_WHY_SIZE])
{
    struct store_options options = {.directory = directory, .salvage = true};
    return missing(directory, ret_why) ? -1 : store_open(&options, ret_store, ret_why);
}

int rebuild_salvage(const char *directory, const char *into, const struct store_damage *damage,
                    struct rebuild_report *ret_report, char ret_why[STORE_WHY_SIZE])
{
    struct store *old;
    *ret_report = (struct rebuild_report){0};
    *ret_why = '\0';
    if (open_damaged(directory, &old, ret_why) < 0)
        return -1;
    int error = salvage_into(old, into, damage, ret_report, ret_why);
    store_close(old);
    return error;
}

int rebuild_mend(const char *directory, const struct store_damage *damage,
                 struct rebuild_report *ret_report, char ret_aside[STORE_NAME_SIZE],
                 char ret_why[STORE_WHY_SIZE])
{
    struct store *old;
    char into[4096];
    *ret_report = (struct rebuild_report){0};
    *ret_why = '\0';
    if (snprintf(into, sizeof into, "%s/salvaging", directory) >= (int)sizeof into) {
        snprintf(ret_why, STORE_WHY_SIZE, "its path is too long");
        return -1;
    }
    int error = open_damaged(directory, &old, ret_why);
    if (error < 0)
        return error;
    store_remove(into, false); /* one that was cut off */
    error = salvage_into(old, into, damage, ret_report, ret_why);
    if (error == 0)
        error = store_put_aside(old, into, ret_aside, ret_why);
    store_close(old);
    return error;
}
