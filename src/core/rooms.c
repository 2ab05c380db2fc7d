/* The rooms of a hub: how one begins, proposes to its log, and ends.
 *
 * A hub keeps a limited number of them. One in which nobody is, nothing is known and nothing is
 * under way makes place for a new one, so that names that somebody tried once cost nobody a
 * room. */
#include <assert.h>
#include <stdlib.h>

#include "core/memory.h"
#include "core/state.h"

struct room *room_find(const struct hub *hub, struct slice name)
{
    for (size_t i = 0; i < hub->room_count; i++)
        if (slice_equal(hub->rooms[i]->key, name))
            return hub->rooms[i];
    return NULL;
}

/* What the room proposed has been committed. */
static void room_commit(void *ctx, const struct entry *entry)
{
    struct room *room = ctx;
    assert(room->under_way > 0); /* the log's face: once for each entry that it took */
    room->under_way--;
    room->messages_under_way -= entry->kind == ENTRY_MESSAGE;
    room_apply(room, entry);
}

static void room_lose(void *ctx, const struct entry *entry)
{
    struct room *room = ctx;
    assert(room->under_way > 0);
    room->under_way--;
    room->messages_under_way--; /* the log's face: it loses messages alone */
    admit_lost(room, entry);
}

/* A room at this place of the hub's. */
static struct room *room_make(struct hub *hub, struct slice name, size_t place)
{
    struct room *room = memory_new(sizeof *room);
    struct commit commit = {
        .apply = room_commit, .lose = room_lose, .ctx = room, .after = hub->seq_let_go};
    room->key = slice_copy(name);
    room->hub = hub;
    room->number = (uint32_t)place;
    room->last_seq = hub->seq_let_go;
    room->log = hub->edge.open_log(hub->edge.ctx, room->key, commit);
    room->limits = limits_of(&hub->config); /* until its first start says */
    changes_init(&room->changes);
    changes_init(&room->wordings);
    TAILQ_INIT(&room->departed);
    TAILQ_INIT(&room->away);
    TAILQ_INIT(&room->holdings_idle);
    TAILQ_INIT(&room->receipts);
    TAILQ_INIT(&room->receipts_extra);
    hub->edge.unique(hub->edge.ctx, room->ids_key);
    TAILQ_INIT(&room->awaited);
    letters_init(&room->letters);
    chains_init(&room->chains);
    sents_init(&room->sents);
    room->loop_told = hub->clock - LOOP_TOLD_MS;
    TAILQ_INIT(&room->capability_list);
    TAILQ_INIT(&room->live);
    TAILQ_INIT(&room->ended);
    TAILQ_INIT(&room->artifacts);
    TAILQ_INIT(&room->leases_open);
    approvals_init(&room->approvals);
    tasks_init(&room->tasks);
    TAILQ_INIT(&room->touches_open);
    knowledge_init(&room->knowledge);
    ledger_init(&room->knowledge.ledger);
    room->knowledge.changes = &room->changes;
    room->knowledge.wordings = &room->wordings;
    room->changes.kept = hub->changes_kept;
    room->wordings.kept = hub->texts_kept;
    hub->rooms[place] = room;
    return room;
}

struct room *room_new(struct hub *hub, struct slice name)
{
    size_t place = hub->room_count++;
    hub->rooms = memory_grow(hub->rooms, &hub->room_capacity, hub->room_count, sizeof *hub->rooms);
    return room_make(hub, name, place);
}

static void session_release(void *object)
{
    session_free(object);
}

static void lease_let_go(void *object)
{
    lease_free(object);
}

static void touch_let_go(void *object)
{
    touch_free(object);
}

/* All but its log. */
static void room_release(struct room *room)
{
    outlines_free(&room->outlines);
    changes_free(&room->changes);
    changes_free(&room->wordings);
    sents_free(room);
    members_free(room);
    replies_free(room);
    letters_free(room);
    chains_free(room);
    said_release(room);
    index_clear(&room->sessions, session_release);
    index_clear(&room->leases, lease_let_go);
    approvals_free(&room->approvals);
    tasks_free(&room->tasks);
    index_clear(&room->touches, touch_let_go);
    moderation_free(room);
    knowledge_free(&room->knowledge);
    slice_free(&room->key);
    free(room);
}

void room_free(struct room *room)
{
    room->log.free(room->log.state);
    room_release(room);
}

/* ── proposing ── */

int room_propose(struct room *room, struct entry *entry)
{
    assert(!entry->seq); /* the log gives it */
    bool message = entry->kind == ENTRY_MESSAGE;
    room->under_way++;
    room->messages_under_way += message;
    int error = room->log.propose(room->log.state, entry);
    if (error < 0) {
        room->under_way--;
        room->messages_under_way -= message;
    }
    return error;
}

void room_happened(struct room *room, struct entry *entry)
{
    int error = room_propose(room, entry);
    assert(error == 0); /* the log's face: it refuses messages alone */
    (void)error;
}

void room_start(struct room *room, int64_t now)
{
    struct text *text = &room->hub->cut;
    struct room_limits limits = limits_of(&room->hub->config);
    text_clear(text);
    limits_write(&limits, text);
    struct entry entry = {.time_ms = now, .kind = ENTRY_START, .bytes = text_slice(text)};
    room_happened(room, &entry);
}

bool room_starting(const struct room *room)
{
    return room->hub->serving && !room->started;
}

/* ── a day's messages ── */

void room_count(struct room *room, int64_t time_ms)
{
    int64_t day = time_ms / DAY_MS;
    if (room->day != day)
        room->said = 0;
    room->day = day;
    room->said++;
}

uint64_t room_said(const struct room *room, int64_t day)
{
    return room->day == day ? room->said : 0;
}

/* ── place for a new one ── */

static bool room_idle(const struct room *room)
{
    const struct knowledge *knowledge = &room->knowledge;
    return room != room->hub->lobby && !room->under_way && !room->seat_count && !room->guests &&
           !room->away_count && !room->live_count && !room->awaited_count && !room->leases.count &&
           !room->approvals.pending_count && !room->touches.count && !room->artifact_count &&
           !room->tasks.open_count && !knowledge_count(knowledge) &&
           !knowledge->ledger.accounts.count && !room->read_only.by.len &&
           !bans_hold(room, room->hub->last_now);
}

/* The place of a room that may go, or room_count when there is none. */
static size_t rooms_idle(const struct hub *hub)
{
    size_t place = 0;
    while (place < hub->room_count && !room_idle(hub->rooms[place]))
        place++;
    return place;
}

bool rooms_have_place(const struct hub *hub)
{
    return hub->room_count < hub->config.rooms_max || rooms_idle(hub) < hub->room_count;
}

/* Seqs of the rooms to come begin above its own: no secret is derived from one seq twice, should
 * its name come back. */
static void room_let_go(struct room *room)
{
    struct hub *hub = room->hub;
    assert(room_idle(room));
    if (room->last_seq > hub->seq_let_go)
        hub->seq_let_go = room->last_seq;
    room->log.forget(room->log.state);
    room_release(room);
}

struct room *room_open(struct hub *hub, struct slice name, int64_t now)
{
    struct room *room;
    if (hub->room_count < hub->config.rooms_max || !hub->lobby) {
        room = room_new(hub, name);
    } else {
        size_t place = rooms_idle(hub);
        assert(place < hub->room_count); /* admit asked before */
        room_let_go(hub->rooms[place]);
        room = room_make(hub, name, place);
    }
    room_start(room, now);
    return room;
}
