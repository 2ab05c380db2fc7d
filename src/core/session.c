/* Collaboration sessions: the state machine.
 *
 *              accept                 completion
 *   pending ───────────▶ active ──────────────────▶ completed
 *      │                   ├── a participant says ─▶ failed | cancelled
 *      │                   └── nobody heard of ────▶ abandoned
 *      ├── the one asked refuses ──▶ declined
 *      ├── no taker in time ───────▶ expired
 *      └── the initiator ──────────▶ cancelled
 *
 * Pending and active sessions are live; an ended one is remembered for a while without its
 * workspace, but with its artifacts. */
#include <assert.h>
#include <stdlib.h>

#include "core/effects.h"
#include "core/memory.h"
#include "core/state.h"

#define TO(state) (1u << SESSION_##state)
static const unsigned moves[SESSION_STATE_COUNT] = {
    [SESSION_PENDING] = TO(ACTIVE) | TO(DECLINED) | TO(EXPIRED) | TO(CANCELLED),
    [SESSION_ACTIVE] = TO(COMPLETED) | TO(FAILED) | TO(CANCELLED) | TO(ABANDONED),
};

bool session_move_legal(enum session_state from, enum session_state to)
{
    return (moves[from] >> to) & 1u;
}

const char *session_state_text(enum session_state state)
{
    static const char *const texts[] = {
#define X(name, text) text,
        SESSION_STATES(X)
#undef X
    };
    assert((unsigned)state < SESSION_STATE_COUNT);
    return texts[state];
}

struct session *session_find(const struct room *room, struct slice session_id)
{
    return index_find(&room->sessions, session_id);
}

bool session_live(const struct session *session)
{
    return session->state == SESSION_PENDING || session->state == SESSION_ACTIVE;
}

bool session_has(const struct session *session, struct slice ai_id)
{
    for (size_t i = 0; i < session->participant_count; i++)
        if (slice_equal(session->participants[i], ai_id))
            return true;
    return false;
}

bool session_shown(const struct room *room, const struct session *session,
                   const struct member *member)
{
    return session_has(session, member->key) ||
           member_oversees(room, member, session->participants, session->participant_count) ||
           (session->target.len && member_oversees(room, member, &session->target, 1));
}

size_t session_count_active(const struct room *room, struct slice ai_id)
{
    const struct session *session;
    size_t count = 0;
    TAILQ_FOREACH (session, &room->live, next)
        count += session->state == SESSION_ACTIVE && session_has(session, ai_id);
    return count;
}

struct session *session_unawaited(const struct room *room)
{
    struct session *session;
    TAILQ_FOREACH (session, &room->live, next) {
        const struct member *initiator = member_find(room, session->initiator);
        if (session->state == SESSION_PENDING && !(initiator && member_is_here(initiator)))
            return session;
    }
    return NULL;
}

void session_changed(struct room *room, struct session *session)
{
    change_mark(&room->changes, &session->change, session, ROW_SESSION);
}

/* It is the last of a list from now on. */
static void session_place(struct room *room, struct session *session)
{
    session->order = ++room->changes.order;
    session_changed(room, session);
}

struct session *session_new(struct room *room, struct slice session_id, struct slice initiator,
                            struct slice target, int64_t now)
{
    struct session *session = memory_new(sizeof *session);
    session->key = slice_copy(session_id);
    session->initiator = slice_copy(initiator);
    session->target = slice_copy(target);
    session->created_ms = session->changed_ms = now;
    session->since = room->hub->clock;
    TAILQ_INIT(&session->artifacts);
    session->participants[session->participant_count++] = slice_copy(initiator);
    index_add(&room->sessions, session);
    session_place(room, session);
    TAILQ_INSERT_TAIL(&room->live, session, next);
    room->live_count++;
    return session;
}

static void cell_free(void *object)
{
    struct cell *cell = object;
    slice_free(&cell->key);
    slice_free(&cell->value);
    free(cell);
}

void session_free(struct session *session)
{
    index_clear(&session->workspace, cell_free);
    artifacts_release(session);
    for (size_t i = 0; i < session->participant_count; i++)
        slice_free(&session->participants[i]);
    slice_free(&session->key);
    slice_free(&session->initiator);
    slice_free(&session->target);
    slice_free(&session->type);
    slice_free(&session->description);
    free(session);
}

/* Keeps the members' counts of active sessions. One who is forgotten has none to keep. */
static void member_count_session(struct room *room, struct slice ai_id, int change)
{
    struct member *member = member_find(room, ai_id);
    if (member)
        member->sessions += (size_t)change;
}

void session_add(struct room *room, struct session *session, struct slice ai_id)
{
    assert(session->participant_count < PARTICIPANTS_MAX);
    session->participants[session->participant_count++] = slice_copy(ai_id);
    session_changed(room, session);
    if (session->state == SESSION_ACTIVE)
        member_count_session(room, ai_id, 1);
}

struct slice cell_row_key(const struct cell *cell)
{
    const struct slice parts[] = {cell->session->key, SLICE("/"), cell->key};
    return slice_join(parts, 3);
}

static void cell_forget(void *object, void *ctx)
{
    struct cell *cell = object;
    struct room *room = ctx;
    if (!room->changes.kept)
        return;
    struct slice key = cell_row_key(cell);
    change_gone(&room->changes, &cell->change, ROW_WORKSPACE, key);
    slice_free(&key);
}

static void session_end(struct room *room, struct session *session)
{
    index_walk(&session->workspace, cell_forget, room);
    index_clear(&session->workspace, cell_free);
    assert(room->workspace_bytes >= session->workspace_bytes);
    room->workspace_bytes -= session->workspace_bytes;
    session->workspace_bytes = 0;
    artifacts_drop_uploads(room, session);
    assert(room->live_count > 0);
    TAILQ_REMOVE(&room->live, session, next);
    room->live_count--;
    TAILQ_INSERT_TAIL(&room->ended, session, next);
    session_place(room, session);
    if (++room->ended_count <= SESSIONS_ENDED_MAX)
        return;
    struct session *oldest = TAILQ_FIRST(&room->ended);
    TAILQ_REMOVE(&room->ended, oldest, next);
    room->ended_count--;
    artifacts_drop_all(room, oldest);
    index_remove(&room->sessions, oldest);
    change_gone(&room->changes, &oldest->change, ROW_SESSION, oldest->key);
    session_free(oldest);
}

void session_move(struct room *room, struct session *session, enum session_state to, int64_t now)
{
    assert(session_move_legal(session->state, to));
    int change = (to == SESSION_ACTIVE) - (session->state == SESSION_ACTIVE);
    for (size_t i = 0; change && i < session->participant_count; i++)
        member_count_session(room, session->participants[i], change);
    session->state = to;
    session->changed_ms = now;
    session_changed(room, session);
    if (!session_live(session))
        session_end(room, session);
}

void session_restore(struct room *room, struct session *session)
{
    bool live = session_live(session);
    if (live)
        TAILQ_INSERT_TAIL(&room->live, session, next);
    else
        TAILQ_INSERT_TAIL(&room->ended, session, next);
    room->live_count += live;
    room->ended_count += !live;
    for (size_t i = 0; session->state == SESSION_ACTIVE && i < session->participant_count; i++)
        member_count_session(room, session->participants[i], 1);
}

/* Hub clock at which the last of its participants was heard of. */
static int64_t session_heard(const struct room *room, const struct session *session)
{
    int64_t heard = session->since;
    for (size_t i = 0; i < session->participant_count; i++) {
        int64_t last = member_heard(room, session->participants[i]);
        heard = last > heard ? last : heard;
    }
    return heard;
}

/* Has its time run out on this hub's clock? */
static bool session_due(const struct room *room, const struct session *session)
{
    const struct hub *hub = room->hub;
    if (session->state == SESSION_PENDING)
        return hub->clock - session->since >= hub->config.pending_ms;
    return hub->clock - session_heard(room, session) >= hub->config.silent_ms;
}

/* The first that is due behind that place in the list, or NULL. */
static const struct session *session_due_behind(const struct room *room, uint64_t order)
{
    const struct session *session;
    TAILQ_FOREACH (session, &room->live, next)
        if (session->order > order && session_due(room, session))
            return session;
    return NULL;
}

void sessions_propose_ends(struct room *room, int64_t now)
{
    const struct session *session;
    uint64_t order = 0;
    /* What a log commits within propose may end any of them: none is kept over it. */
    while ((session = session_due_behind(room, order))) {
        enum entry_kind kind = session->state == SESSION_PENDING ? ENTRY_EXPIRE : ENTRY_ABANDON;
        struct entry entry = {.time_ms = now, .kind = kind, .bytes = session->key};
        order = session->order;
        room_happened(room, &entry);
    }
}

struct workspace_writer {
    struct text *text;
    const char *before;
};

static void cell_write(void *object, void *ctx)
{
    const struct cell *cell = object;
    struct workspace_writer *writer = ctx;
    text_add_literal(writer->text, writer->before);
    text_add_string(writer->text, cell->key);
    text_add_literal(writer->text, ":{\"value\":");
    text_add(writer->text, cell->value);
    text_addf(writer->text, ",\"version\":%llu}", (unsigned long long)cell->version);
    writer->before = ",";
}

void session_write(const struct session *session, bool workspace, struct text *text)
{
    text_add_literal(text, "{\"session_id\":");
    text_add_string(text, session->key);
    text_add_literal(text, ",\"type\":");
    text_add_string(text, session->type);
    text_addf(text, ",\"status\":\"%s\",\"initiator\":", session_state_text(session->state));
    text_add_string(text, session->initiator);
    text_add_literal(text, ",\"participants\":[");
    for (size_t i = 0; i < session->participant_count; i++) {
        text_add_literal(text, i ? "," : "");
        text_add_string(text, session->participants[i]);
    }
    text_add_literal(text, "],\"progress\":");
    text_add_fraction(text, session->progress);
    if (workspace) {
        struct workspace_writer writer = {text, ""};
        text_add_literal(text, ",\"target\":");
        text_add_string(text, session->target);
        text_add_literal(text, ",\"description\":");
        text_add_string(text, session->description);
        text_addf(text, ",\"created_ms\":%lld,\"changed_ms\":%lld,\"shared_workspace\":{",
                  (long long)session->created_ms, (long long)session->changed_ms);
        index_walk(&session->workspace, cell_write, &writer);
        text_add_literal(text, "}");
    }
    text_add_literal(text, "}");
}
