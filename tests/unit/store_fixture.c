/* See store_fixture.h. */
#include "tests/unit/store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/grown.h"

int folder_make(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    assert_int_equal(own_folder_make(world->folder), 0);
    snprintf(world->data, sizeof world->data, "%s/data", world->folder);
    pthread_mutex_init(&world->mutex, NULL);
    pthread_cond_init(&world->woken, NULL);
    *state = world;
    return 0;
}

void data_remove(const struct world *world)
{
    static const char *const files[] = {"hub.db", "hub.db-wal", "hub.db-shm", "hub.db-mark",
                                        "new.db", "new.db-wal", "lock"};
    char path[160];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", world->data, files[i]);
        unlink(path);
    }
    rmdir(world->data);
}

int folder_remove(void **state)
{
    struct world *world = *state;
    store_close(world->store);
    data_remove(world);
    int left = rmdir(world->folder);
    pthread_cond_destroy(&world->woken);
    pthread_mutex_destroy(&world->mutex);
    free(world->seen);
    free(world);
    return left;
}

static void wake(void *ctx)
{
    struct world *world = ctx;
    pthread_mutex_lock(&world->mutex);
    world->awake = true;
    pthread_cond_signal(&world->woken);
    pthread_mutex_unlock(&world->mutex);
}

static void see(struct world *world, const struct entry *entry, bool lost)
{
    world->seen = grown(world->seen, world->count, sizeof *world->seen);
    assert_non_null(world->seen);
    struct seen *seen = &world->seen[world->count++];
    *seen = (struct seen){.seq = entry->seq, .kind = entry->kind, .lost = lost};
    snprintf(seen->text, sizeof seen->text, "%.*s", SLICE_FORMAT(entry->bytes));
}

static void applied(void *ctx, const struct entry *entry)
{
    see(ctx, entry, false);
}

static void lost(void *ctx, const struct entry *entry)
{
    see(ctx, entry, true);
}

void await_news(struct world *world)
{
    pthread_mutex_lock(&world->mutex);
    while (!world->awake)
        pthread_cond_wait(&world->woken, &world->mutex);
    world->awake = false;
    pthread_mutex_unlock(&world->mutex);
    store_take(world->store);
}

void await(struct world *world, size_t count)
{
    store_push(world->store);
    while (world->count < count)
        await_news(world);
}

/* ── recovery, as text ── */

void append(char *text, size_t size, const char *what, struct slice bytes, uint64_t number)
{
    size_t len = strlen(text);
    snprintf(text + len, size - len, "%s%llu:%.*s ", what, (unsigned long long)number,
             SLICE_FORMAT(bytes));
}

static int read_row(void *ctx, struct slice room, const struct row *row)
{
    struct world *world = ctx;
    assert_true(slice_is(room, "main"));
    if (world->on_row)
        world->on_row(world, row);
    else
        append(world->rows, sizeof world->rows, row_kind_text(row->kind), row->bytes, 0);
    return world->refuse_row;
}

static int read_loaded(void *ctx, struct slice room)
{
    struct world *world = ctx;
    (void)room;
    strcat(world->rows, "loaded ");
    return 0;
}

static uint64_t read_seq(void *ctx, struct slice room)
{
    struct world *world = ctx;
    const char *row = world->seq_in_row ? strchr(world->rows, '{') : NULL;
    (void)room;
    return row ? strtoull(row + 1, NULL, 10) : world->seq;
}

static int read_entry(void *ctx, struct slice room, const struct entry *entry)
{
    struct world *world = ctx;
    assert_true(slice_is(room, "main"));
    append(world->entries, sizeof world->entries, "", entry->bytes, entry->seq);
    return 0;
}

/* ── messages that were kept ── */

static void take_page(void *ctx, const struct store_page *page)
{
    struct world *world = ctx;
    size_t len = strlen(world->page);
    assert_true(len + page->lines.len < sizeof world->page);
    if (page->lines.len)
        memcpy(world->page + len, page->lines.at, page->lines.len);
    world->page[len + page->lines.len] = '\0';
    for (char *end = world->page; (end = strchr(end, '\n'));)
        *end = ' ';
    world->trimmed = page->trimmed;
    world->upto = page->upto;
    world->number = page->number;
    world->whole = page->whole;
    world->reads++;
}

void read_kept(struct world *world, const char *name, int level, uint64_t after, uint64_t until)
{
    world->page[0] = '\0';
    world->upto = after;
    world->number = UINT32_MAX;
    for (world->whole = false; !world->whole;) {
        uint64_t reads = world->reads;
        struct store_wish wish = {.room = slice_of("main"),
                                  .ai_id = slice_of(name),
                                  .level = level,
                                  .after = world->upto,
                                  .number = world->number,
                                  .until = until};
        store_read(world->store, &wish);
        while (world->reads == reads)
            await_news(world);
    }
}

static void hear_unwritten(void *ctx, const struct store_unwritten *unwritten)
{
    struct world *world = ctx;
    assert_true(slice_is(unwritten->room, "main"));
    append(world->unwritten, sizeof world->unwritten, unwritten->applied ? "applied " : "",
           unwritten->entry->bytes, unwritten->entry->seq);
}

int open_store(struct world *world, enum store_sync sync, char why[STORE_WHY_SIZE])
{
    struct store_options options = world->retain;
    options.directory = world->data;
    options.sync = sync;
    options.interval_ms = 1;
    options.wake = wake;
    options.page = take_page;
    options.unwritten = hear_unwritten;
    options.ctx = world;
    struct store_reader reader = {world, read_row, read_loaded, read_seq, read_entry};
    world->rows[0] = world->entries[0] = why[0] = '\0';
    if (store_open(&options, &world->store, why) < 0)
        return -1;
    if (store_recover(world->store, &reader, why) < 0) {
        store_close(world->store);
        world->store = NULL;
        return -1;
    }
    return 0;
}

void open_log(struct world *world, const char *room, uint64_t after)
{
    world->log =
        store_log(world->store, slice_of(room),
                  (struct commit){.apply = applied, .lose = lost, .ctx = world, .after = after});
}

void begin(struct world *world, enum store_sync sync)
{
    char why[STORE_WHY_SIZE];
    if (open_store(world, sync, why) < 0)
        fail_msg("%s", why);
    assert_int_equal(store_begin(world->store), 0);
    open_log(world, "main", 0);
    world->count = 0;
}

void end(struct world *world)
{
    world->log.free(world->log.state);
    assert_int_equal(store_close(world->store), 0);
    world->store = NULL;
}

int propose(struct world *world, enum entry_kind kind, const char *text)
{
    struct entry entry = {
        .time_ms = 7, .peer = (peer_id)-1, .takes_over = 3, .kind = kind, .bytes = slice_of(text)};
    return world->log.propose(world->log.state, &entry);
}

void checkpoint(struct world *world, const char *bytes, uint64_t seq)
{
    struct row row = {ROW_MEMBER, SLICE("ada"), bytes ? slice_of(bytes) : (struct slice){NULL, 0}};
    store_checkpoint_row(world->store, slice_of("main"), &row);
    store_checkpoint_end(world->store, slice_of("main"), seq);
}
