#include "net/replay.h"

#include <assert.h>
#include <stdlib.h>

#include "core/memory.h"
#include "net/state.h"

#define NEXT_BELOW  (128u << 10) /* bytes queued: then the next page is read */
#define HOLD_WITHIN 2000u        /* seqs from the end: then what comes is put aside */
#define HOLD_TIMES  8u           /* that this may fail before the connection is a slow consumer */

struct replay {
    struct slice room, ai_id, own; /* owned */
    int level;
    enum sees sees;
    bool observer, asked, holding, told_truncated;
    uint64_t since;
    uint64_t upto; /* all up to here was read, */
    uint32_t number;
    uint64_t end; /* while holding: what comes after is put aside, and in no page */
    struct queue aside;
    unsigned failed; /* times that too much came while holding */
};

void replay_free(struct replay *replay, struct streams *streams)
{
    if (!replay)
        return;
    queue_clear(&replay->aside, streams);
    slice_free(&replay->room);
    slice_free(&replay->ai_id);
    slice_free(&replay->own);
    free(replay);
}

/* Asks for what is between what was read and the room's end as it is now. */
static void ask(struct connection *connection)
{
    struct server *server = connection->server;
    struct replay *replay = connection->replay;
    uint64_t end = replay->holding ? replay->end : hub_seq(server->hub, replay->room);
    assert(!replay->asked);
    if (!replay->holding && end - replay->upto <= HOLD_WITHIN && !connection->queue.bytes) {
        replay->holding = true;
        replay->end = end;
    }
    struct store_wish wish = {.reader = connection->id,
                              .room = replay->room,
                              .ai_id = replay->ai_id,
                              .level = replay->level,
                              .observer = replay->observer,
                              .sees = replay->sees,
                              .own = replay->own,
                              .after = replay->upto,
                              .number = replay->number,
                              .until = end};
    replay->asked = true;
    store_read(server->disk.store, &wish);
}

void replay_begin(struct connection *connection, const struct hub_resume *resume)
{
    struct replay *replay = memory_new(sizeof *replay);
    assert(!connection->replay && resume->since <= resume->seq);
    replay->room = slice_copy(resume->room);
    replay->ai_id = slice_copy(resume->ai_id);
    replay->own = slice_copy(resume->own);
    replay->sees = resume->sees;
    replay->level = resume->level;
    replay->observer = resume->observer;
    replay->since = replay->upto = resume->since;
    replay->number = UINT32_MAX;
    queue_init(&replay->aside);
    connection->replay = replay;
    /* Not yet: the entry of its joining is being applied, and has more effects to come. */
    connection_wake(connection);
}

void replay_effect(struct connection *connection, struct span span)
{
    struct replay *replay = connection->replay;
    struct server *server = connection->server;
    if (!replay->holding)
        return;
    queue_push(&replay->aside, &server->streams, span);
    if (replay->aside.bytes <= server->options.hub.output_max)
        return;
    size_t bytes = connection->queue.bytes + replay->aside.bytes;
    queue_clear(&replay->aside, &server->streams);
    replay->holding = false; /* what was put aside is read from the store instead */
    if (++replay->failed == HOLD_TIMES)
        connection_overflow(connection, bytes);
}

void replay_flushed(struct connection *connection)
{
    const struct replay *replay = connection->replay;
    if (!replay->asked && connection->queue.bytes < NEXT_BELOW)
        ask(connection);
}

static void finish(struct connection *connection)
{
    struct replay *replay = connection->replay;
    struct streams *streams = &connection->server->streams;
    hub_caught_up(connection->server->hub, connection->id, replay->upto, time_now_ms());
    queue_move(&connection->queue, &replay->aside);
    replay_free(replay, streams);
    connection->replay = NULL;
}

void replay_page(struct server *server, const struct store_page *page)
{
    struct connection *connection = server_find(server, page->reader);
    struct replay *replay = connection ? connection->replay : NULL;
    if (!replay || connection->state != CONNECTION_OPEN)
        return;
    assert(replay->asked);
    replay->asked = false;
    if (page->trimmed > replay->since && !replay->told_truncated) {
        replay->told_truncated = true;
        hub_truncated(server->hub, connection->id, page->trimmed + 1, time_now_ms());
    }
    replay->upto = page->upto;
    replay->number = page->number;
    queue_push_copy(&connection->queue, &server->streams, page->lines);
    if (page->whole && replay->holding)
        finish(connection);
    connection_wake(connection);
}
