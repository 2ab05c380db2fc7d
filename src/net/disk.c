/* What makes it hard: the loop must never wait for the disk. Entries come back when its thread
 * wakes the loop, checkpoints are gathered a few rows at a time, for a millisecond. */
#include "net/disk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "net/damage.h"
#include "net/pace.h"
#include "net/past.h"
#include "net/pieces.h"
#include "net/rebuild.h"
#include "net/replay.h"
#include "net/state.h"

#define DISK_NONE          SIZE_MAX
#define CHECKPOINT_ENTRIES 20000u   /* since the last one, or */
#define CHECKPOINT_MS      30000u   /* since it, when anything changed at all */
#define CHECKPOINT_REST_MS 2000u    /* but not sooner after it than that */
#define CHECKPOINT_ROWS    4u       /* gathered at once, */
#define CHECKPOINT_STEP_NS 1000000u /* again and again, for so long */
#define CHECKPOINT_STEP_MS 2u
#define CHECKPOINT_IDLE_MS 1000u
#define DISK_BACKLOG_MAX   (32u << 20)

/* ── what comes back ── */

static void say_state(struct server *server)
{
    struct disk *disk = &server->disk;
    struct journal *journal = &server->journal;
    const char *why = store_failure(disk->store);
    if ((why != NULL) == disk->failing)
        return;
    disk->failing = why != NULL;
    journal_begin(journal, 0, "storage");
    journal_text(journal, "state", slice_of(why ? "failing" : "well"));
    if (why)
        journal_text(journal, "error", slice_of(why));
    journal_end(journal);
    if (why)
        journal_say(journal, "[hub] Nothing can be stored just now (%s): messages are refused.",
                    why);
    else
        journal_say(journal, "[hub] There is room to store messages again.");
}

static void on_woken(struct waker *waker)
{
    struct server *server = waker->poll.data;
    store_take(server->disk.store);
    say_state(server);
    pace_disk(server);
}

static void on_page(void *ctx, const struct store_page *page)
{
    (page->chunk ? piece_page : page->log ? past_page : replay_page)(ctx, page);
}

static void wake(void *ctx)
{
    struct server *server = ctx;
    waker_wake(&server->disk.woken);
}

bool disk_behind(const struct server *server)
{
    const struct store *store = server->disk.store;
    return store && store_backlog(store) > DISK_BACKLOG_MAX;
}

/* ── checkpoints ── */

static void room_note(void *ctx, struct slice name)
{
    struct server *server = ctx;
    struct disk *disk = &server->disk;
    for (size_t i = 0; i < disk->room_count; i++)
        if (slice_equal(disk->rooms[i].name, name))
            return;
    disk->rooms =
        memory_grow(disk->rooms, &disk->room_capacity, disk->room_count + 1, sizeof *disk->rooms);
    disk->rooms[disk->room_count++] =
        (struct disk_room){.name = slice_copy(name), .at = uv_now(&server->loop)};
}

/* Rooms that the hub let go. */
static void rooms_forget(struct server *server)
{
    struct disk *disk = &server->disk;
    for (size_t i = disk->room_count; i > 0; i--) {
        struct disk_room *room = &disk->rooms[i - 1];
        if (hub_seq(server->hub, room->name))
            continue;
        slice_free(&room->name);
        *room = disk->rooms[--disk->room_count];
    }
}

static bool room_due(const struct server *server, const struct disk_room *room)
{
    uint64_t seq = hub_seq(server->hub, room->name);
    uint64_t waited = uv_now(&server->loop) - room->at;
    if (waited < CHECKPOINT_REST_MS)
        return false; /* so many come that their checkpoints would be most of what is written */
    bool quiet = seq && waited > server->options.quiet_ms; /* what grew too old goes with it */
    return seq > room->seq + CHECKPOINT_ENTRIES || (seq > room->seq && waited > CHECKPOINT_MS) ||
           quiet;
}

static void take_row(void *ctx, const struct row *row)
{
    struct server *server = ctx;
    const struct disk *disk = &server->disk;
    store_checkpoint_row(disk->store, disk->rooms[disk->gathering].name, row);
}

/* Some rows more. When none is left, they are the state at the room's last seq. */
static void gather(struct server *server)
{
    struct disk *disk = &server->disk;
    struct disk_room *room = &disk->rooms[disk->gathering];
    uint64_t seq = hub_seq(server->hub, room->name);
    uint64_t began = uv_hrtime();
    if (audit_owes(server->audit)) /* of an act behind a checkpoint no recovery tells it */
        return;
    while (hub_save_changes(server->hub, room->name, CHECKPOINT_ROWS, take_row, server))
        if (uv_hrtime() - began > CHECKPOINT_STEP_NS)
            return;
    if (seq)
        store_checkpoint_end(disk->store, room->name, seq);
    room->seq = seq;
    room->at = uv_now(&server->loop);
    disk->checkpoints++;
    disk->gathering = DISK_NONE;
}

/* Of this thread: that others had the processor is no fault of a step's. */
static uint64_t worked_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void on_timer(uv_timer_t *timer)
{
    struct server *server = timer->data;
    struct disk *disk = &server->disk;
    uint64_t began = worked_ns();
    store_look(disk->store);
    if (disk->gathering == DISK_NONE) {
        rooms_forget(server);
        hub_rooms(server->hub, room_note, server);
        for (size_t i = 0; i < disk->room_count && disk->gathering == DISK_NONE; i++)
            if (room_due(server, &disk->rooms[i]))
                disk->gathering = i;
    }
    if (disk->gathering != DISK_NONE)
        gather(server);
    uint64_t step_ns = worked_ns() - began;
    if (step_ns > disk->longest_step_ns)
        disk->longest_step_ns = step_ns;
    bool busy = disk->gathering != DISK_NONE;
    uv_timer_start(timer, on_timer, busy ? CHECKPOINT_STEP_MS : CHECKPOINT_IDLE_MS, 0);
}

/* ── recovery ── */

static void say_kept(struct server *server, const struct hub_counts *counts)
{
    struct journal *journal = &server->journal;
    const struct disk *disk = &server->disk;
    uint64_t bytes = store_size(disk->store);
    bool small = bytes < 1 << 20;
    if (disk->fresh)
        journal_say(journal, "[hub] Keeps what it is told in %s (new: nothing is there yet).",
                    server->options.data);
    else
        journal_say(journal,
                    "[hub] Keeps what it is told in %s (%.*f %s; rooms: %zu, patterns: %zu, "
                    "components: %zu, features: %zu, benchmarks: %zu).",
                    server->options.data, small ? 0 : 1,
                    (double)bytes / (small ? 1 << 10 : 1 << 20), small ? "KiB" : "MiB",
                    counts->rooms, counts->patterns, counts->components, counts->features,
                    counts->benchmarks);
}

static void say_nothing_kept(struct server *server)
{
    journal_begin(&server->journal, 0, "storage");
    journal_text(&server->journal, "state", slice_of("none"));
    journal_end(&server->journal);
    journal_say(&server->journal,
                "[hub] Keeps nothing (--memory): what it is told is gone when it ends.");
}

int disk_recover(struct server *server, char why[STORE_WHY_SIZE])
{
    struct disk *disk = &server->disk;
    uint64_t before = uv_hrtime();
    if (!disk->store) {
        say_nothing_kept(server);
        return 0;
    }
    hub_keep_changes(server->hub);
    disk->recovering = true;
    int error = rebuild(server->hub, disk->store, &disk->entries, why);
    disk->recovering = false;
    if (error < 0) {
        disk->damaged = true;
        return -1;
    }
    if (store_begin(disk->store) < 0) {
        snprintf(why, STORE_WHY_SIZE, "no thread for the store: %s", strerror(errno));
        return -1;
    }
    audited_make_up(server);
    uint64_t ms = (uv_hrtime() - before) / 1000000;
    struct hub_counts counts = hub_count(server->hub);
    journal_begin(&server->journal, 0, "recovered");
    journal_number(&server->journal, "rooms", counts.rooms);
    journal_number(&server->journal, "knowledge", counts.knowledge_bytes);
    journal_number(&server->journal, "entries", disk->entries);
    journal_number(&server->journal, "ms", ms);
    journal_text(&server->journal, "data", slice_of(server->options.data));
    journal_end(&server->journal);
    say_kept(server, &counts);
    return 0;
}

/* ── beginning and end ── */

/* What to do, behind what is the matter. */
static void advise(char why[STORE_WHY_SIZE], const char *advice)
{
    size_t len = strlen(why);
    snprintf(why + len, STORE_WHY_SIZE - len, "; %s", advice);
}

int disk_open(struct server *server, char why[STORE_WHY_SIZE])
{
    struct disk *disk = &server->disk;
    struct store_options options = {.directory = server->options.data,
                                    .sync = server->options.sync,
                                    .interval_ms = server->options.sync_ms,
                                    .wake = wake,
                                    .page = on_page,
                                    .taken = latency_taken,
                                    .unwritten = losses_note,
                                    .ctx = server,
                                    .retain_ms = server->options.retain_ms,
                                    .retain_entries = server->options.retain_entries,
                                    .retain_bytes = server->options.retain_bytes};
    disk->gathering = DISK_NONE;
    if (!options.directory)
        return 0;
    disk->fresh = !store_exists(options.directory);
    int error = damage_mend(server, why);
    if (error == 0)
        error = store_open(&options, &disk->store, why);
    disk->damaged = error == STORE_DAMAGED;
    if (error == STORE_HELD)
        advise(why, "give this one another directory (--data DIR), or let it keep nothing "
                    "(--memory)");
    if (error < 0)
        return -1;
    if (waker_begin(&disk->woken, &server->loop, on_woken) < 0) {
        snprintf(why, STORE_WHY_SIZE, "no event for the store: %s", strerror(errno));
        store_close(disk->store);
        disk->store = NULL;
        return -1;
    }
    store_key(disk->store, server->key);
    uv_timer_init(&server->loop, &disk->timer);
    disk->woken.poll.data = disk->timer.data = server;
    uv_timer_start(&disk->timer, on_timer, CHECKPOINT_IDLE_MS, 0);
    return 0;
}

void disk_explain(const struct server *server)
{
    if (server->disk.damaged)
        damage_tell(server, server->disk.store);
}

void disk_stop(struct server *server)
{
    struct disk *disk = &server->disk;
    if (!disk->store || uv_is_closing((uv_handle_t *)&disk->timer))
        return;
    store_silence(disk->store);
    uv_close((uv_handle_t *)&disk->timer, NULL);
    waker_end(&disk->woken);
}

int disk_close(struct server *server)
{
    struct disk *disk = &server->disk;
    for (size_t i = 0; i < disk->room_count; i++)
        slice_free(&disk->rooms[i].name);
    free(disk->rooms);
    int error = store_close(disk->store);
    if (losses_tell(&disk->losses))
        return -1;
    if (error < 0)
        fputs("khub: not everything that is kept for who was away could be stored\n", stderr);
    return error;
}
