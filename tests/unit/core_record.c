/* See core_record.h. */
#include "core_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "log/memory.h"
#include "tests/grown.h"

struct recorder {
    struct log inner;
    struct commit commit;
    struct record *record;
    struct slice room;
};

struct recorded {
    struct slice room;
    struct entry entry;
    struct slice blob;
    bool forgotten;
    const struct recorder *waits; /* to be applied, in this one's name; NULL: it was */
};

static struct slice kept_copy(struct slice bytes)
{
    char *copy = malloc(bytes.len + 1);
    assert_non_null(copy);
    if (bytes.len)
        memcpy(copy, bytes.at, bytes.len);
    return (struct slice){copy, bytes.len};
}

static void recorder_apply(void *ctx, const struct entry *entry)
{
    struct recorder *recorder = ctx;
    struct record *record = recorder->record;
    record->at = grown(record->at, record->count, sizeof *record->at);
    assert_non_null(record->at);
    struct recorded *recorded = &record->at[record->count++];
    *recorded = (struct recorded){.room = kept_copy(recorder->room), .entry = *entry};
    recorded->entry.bytes = kept_copy(entry->bytes);
    recorded->entry.blob = (struct slice){NULL, 0};
    if (entry->blob.len)
        recorded->blob = kept_copy(entry->blob);
    if (record->holds)
        recorded->waits = recorder;
    else
        recorder->commit.apply(recorder->commit.ctx, entry);
}

static int recorder_propose(void *state, struct entry *entry)
{
    struct recorder *recorder = state;
    if (recorder->record->full && entry->kind == ENTRY_MESSAGE)
        return -1;
    return recorder->inner.propose(recorder->inner.state, entry);
}

static void recorder_free(void *state)
{
    struct recorder *recorder = state;
    recorder->inner.free(recorder->inner.state);
    free((char *)(uintptr_t)recorder->room.at);
    free(recorder);
}

/* Its entries are in no replay: a room of that name begins anew. */
static void recorder_forget(void *state)
{
    struct recorder *recorder = state;
    struct record *record = recorder->record;
    for (size_t i = 0; i < record->count; i++)
        record->at[i].forgotten |= slice_equal(record->at[i].room, recorder->room);
    recorder_free(state);
}

struct log record_log(struct record *record, struct slice room, struct commit commit)
{
    struct recorder *recorder = malloc(sizeof *recorder);
    assert_non_null(recorder);
    *recorder =
        (struct recorder){log_memory((struct commit){recorder_apply, recorder, commit.after}),
                          commit, record, kept_copy(room)};
    return (struct log){recorder, recorder_propose, recorder_free, recorder_forget};
}

static void settle(struct record *record, bool loses)
{
    record->holds = false;
    for (size_t i = 0; i < record->count; i++) {
        const struct recorder *waits = record->at[i].waits;
        struct entry entry = record->at[i].entry;
        bool lost = loses && entry.kind == ENTRY_MESSAGE;
        record->at[i].waits = NULL;
        record->at[i].forgotten |= waits && lost;
        if (waits && lost)
            waits->commit.lose(waits->commit.ctx, &entry);
        else if (waits)
            waits->commit.apply(waits->commit.ctx, &entry);
    }
}

void record_commit(struct record *record)
{
    settle(record, false);
}

void record_lose(struct record *record)
{
    settle(record, true);
}

void record_replay(const struct record *record, struct hub *hub)
{
    size_t count = record->count; /* the hub may add to it */
    for (size_t i = 0; i < count; i++)
        if (!record->at[i].forgotten)
            hub_apply(hub, record->at[i].room, &record->at[i].entry);
}

static struct recorded *find(const struct record *record, struct slice room, uint64_t seq)
{
    for (size_t i = 0; i < record->count; i++)
        if (record->at[i].entry.seq == seq && slice_equal(record->at[i].room, room) &&
            !record->at[i].forgotten)
            return &record->at[i];
    return NULL;
}

struct slice record_blob(const struct record *record, struct slice room, uint64_t seq)
{
    const struct recorded *recorded = find(record, room, seq);
    return recorded ? recorded->blob : (struct slice){NULL, 0};
}

void record_drop(struct record *record, struct slice room, uint64_t seq)
{
    struct recorded *recorded = find(record, room, seq);
    assert_non_null(recorded); /* what is let go was committed */
    free((char *)(uintptr_t)recorded->blob.at);
    recorded->blob = (struct slice){NULL, 0};
}

size_t record_blobs(const struct record *record)
{
    size_t count = 0;
    for (size_t i = 0; i < record->count; i++)
        count += record->at[i].blob.at != NULL;
    return count;
}

void record_free(struct record *record)
{
    for (size_t i = 0; i < record->count; i++) {
        free((char *)(uintptr_t)record->at[i].room.at);
        free((char *)(uintptr_t)record->at[i].entry.bytes.at);
        free((char *)(uintptr_t)record->at[i].blob.at);
    }
    free(record->at);
}
