/* The model of collaboration: sessions, their moves and their workspaces. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

const char *const state_names[STATES] = {"pending",   "active",   "completed", "failed",
                                         "cancelled", "declined", "expired",   "abandoned"};

/* From a state, to which others? Whatever a session does that is not here is wrong. */
static const bool legal[STATES][STATES] = {
    [PENDING] = {[ACTIVE] = true, [DECLINED] = true, [EXPIRED] = true, [CANCELLED] = true},
    [ACTIVE] = {[COMPLETED] = true, [FAILED] = true, [CANCELLED] = true, [ABANDONED] = true},
};

bool model_session_live(const struct session_model *session)
{
    return session->state == PENDING || session->state == ACTIVE;
}

bool model_session_has(const struct session_model *session, int name)
{
    for (unsigned i = 0; i < session->participant_count; i++)
        if (session->participants[i] == name)
            return true;
    return false;
}

struct session_model *model_session_find(const struct room_model *room, const char *id)
{
    for (size_t i = 0; i < room->session_count; i++)
        if (id[0] && strcmp(room->sessions[i].id, id) == 0)
            return &room->sessions[i];
    return NULL;
}

static void session_move(struct world *world, struct session_model *session, enum state to)
{
    if (!legal[session->state][to])
        world_fail(world, "the model moved a session from %s to %s", state_names[session->state],
                   state_names[to]);
    session->state = to;
    for (int key = 0; key < KEYS && !model_session_live(session); key++) {
        free(session->workspace[key].value);
        session->workspace[key] = (struct slot_model){0};
    }
}

/* ── what may be refused ── */

static unsigned offered(const struct room_model *room, int name)
{
    unsigned live = 0;
    for (size_t i = 0; i < room->session_count; i++)
        live += model_session_live(&room->sessions[i]) && room->sessions[i].initiator == name;
    return live;
}

bool model_session_over(const struct world *world, const struct said *said, int room)
{
    double most = world->config.owner.most[LIMIT_SESSIONS];
    return said->type == MESSAGE_COLLABORATION_REQUEST && most > 0 &&
           offered(&world->rooms[room], said->sender) + 1 > most;
}

static uint64_t request_codes(const struct said *said, const struct room_model *room)
{
    int asked = said->asked != NOBODY ? said->asked : said->target;
    uint64_t codes = 0;
    if (offered(room, said->sender) >= SESSIONS_LIVE_EACH_MAX)
        codes |= FLAW(QUOTA_EXCEEDED);
    if (asked == NOBODY)
        return codes;
    if (asked == said->sender)
        return codes | FLAW(BAD_FIELD);
    if (asked == STRANGER || !room->members[asked].seen)
        return codes | FLAW(UNKNOWN_TARGET);
    if (room->members[asked].link == NOBODY)
        return codes | FLAW(TARGET_OFFLINE);
    return codes | (room->members[asked].observer ? FLAW(UNKNOWN_TARGET) : 0);
}

static uint64_t response_codes(const struct said *said, const struct session_model *session)
{
    uint64_t codes = model_session_live(session) ? 0 : FLAW(CONFLICT);
    if (session->initiator == said->sender)
        return codes | FLAW(FORBIDDEN);
    if (session->target != NOBODY && session->target != said->sender)
        return codes | FLAW(FORBIDDEN);
    if (model_session_has(session, said->sender))
        return codes | FLAW(CONFLICT);
    if (said->accepted && session->participant_count == PARTICIPANTS_MAX)
        codes |= FLAW(QUOTA_EXCEEDED);
    return codes;
}

static uint64_t participant_codes(const struct said *said, const struct session_model *session)
{
    return (model_session_has(session, said->sender) ? 0 : FLAW(NOT_PARTICIPANT)) |
           (model_session_live(session) ? 0 : FLAW(CONFLICT));
}

static uint64_t update_codes(const struct said *said, const struct session_model *session)
{
    bool fits = said->end == PENDING ? session->state == ACTIVE : legal[session->state][said->end];
    return participant_codes(said, session) | (fits ? 0 : FLAW(CONFLICT));
}

static uint64_t workspace_codes(const struct said *said, const struct session_model *session)
{
    bool fits =
        session->state == ACTIVE && said->base_version == session->workspace[said->key].version;
    return participant_codes(said, session) | (fits ? 0 : FLAW(CONFLICT));
}

static uint64_t completion_codes(const struct world *world, const struct said *said,
                                 const struct session_model *session)
{
    if (!said->complete || link_level(world, said->link) == 1)
        return 0;
    if (!said->session_id[0])
        return FLAW(BAD_PAYLOAD);
    if (!session)
        return FLAW(UNKNOWN_SESSION);
    return participant_codes(said, session) | (session->state == ACTIVE ? 0 : FLAW(CONFLICT));
}

uint64_t model_session_codes(struct world *world, const struct said *said, int room)
{
    const struct session_model *session = model_session_find(&world->rooms[room], said->session_id);
    switch ((int)said->type) {
    case MESSAGE_COLLABORATION_REQUEST:
        return request_codes(said, &world->rooms[room]);
    case MESSAGE_COLLABORATION_RESPONSE:
        return session ? response_codes(said, session) : FLAW(UNKNOWN_SESSION);
    case MESSAGE_COLLABORATION_UPDATE:
        return session ? update_codes(said, session) : FLAW(UNKNOWN_SESSION);
    case MESSAGE_WORKSPACE_UPDATE:
        return session ? workspace_codes(said, session) : FLAW(UNKNOWN_SESSION);
    case MESSAGE_OS_COMPONENT_SHARE:
        return completion_codes(world, said, session);
    default:
        return 0;
    }
}

static size_t slot_bytes(const struct slot_model *slot, int key)
{
    return slot->version ? strlen(keys[key]) + strlen(slot->value) : 0;
}

bool model_session_crowds(const struct world *world, const struct said *said, int room)
{
    const struct session_model *session = model_session_find(&world->rooms[room], said->session_id);
    size_t bytes = 0;
    if (said->type != MESSAGE_WORKSPACE_UPDATE)
        return false;
    for (int at = 0; at < ROOMS; at++)
        for (size_t i = 0; i < world->rooms[at].session_count; i++)
            for (int key = 0; key < KEYS; key++)
                bytes += slot_bytes(&world->rooms[at].sessions[i].workspace[key], key);
    size_t before = slot_bytes(&session->workspace[said->key], said->key),
           after = strlen(keys[said->key]) + strlen(said->value);
    return bytes + (after > before ? after - before : 0) > world->config.workspaces_max;
}

/* ── telling ── */

static void fill(struct expected *expected, const struct room_model *room,
                 const struct session_model *session)
{
    if (!expected)
        return;
    expected->session = (int)(session - room->sessions);
    expected->state = session->state;
    expected->progress = session->progress;
    expected->participants = session->participant_count;
}

/* To the participants and the observers, but not to `but`. */
static void tell(struct world *world, int at, const struct session_model *session,
                 enum message_type type, int sender, int but, int key)
{
    const struct room_model *room = &world->rooms[at];
    for (unsigned i = 0; i < room->seat_count; i++) {
        int name = room->seats[i];
        if (name == but || (!model_session_has(session, name) && !model_oversees(room, name)))
            continue;
        struct expected *expected = expect_made_to(world, at, name, type, sender, NOBODY);
        fill(expected, room, session);
        if (expected)
            expected->key = key;
    }
}

static void tell_update(struct world *world, int room, const struct session_model *session)
{
    tell(world, room, session, MESSAGE_COLLABORATION_UPDATE, HUB, NOBODY, NOBODY);
}

/* ── moves ── */

static struct session_model *session_add(struct room_model *room)
{
    if (room->session_count == room->session_capacity) {
        room->session_capacity = room->session_capacity ? 2 * room->session_capacity : 64;
        room->sessions = realloc(room->sessions, room->session_capacity * sizeof *room->sessions);
        assert(room->sessions);
    }
    return memset(&room->sessions[room->session_count++], 0, sizeof *room->sessions);
}

static void apply_request(struct world *world, const struct said *said, int at)
{
    struct room_model *room = &world->rooms[at];
    if (strlen(world->session_noted) != 36 || model_session_find(room, world->session_noted))
        world_fail(world, "a session was made with the id \"%s\"", world->session_noted);
    struct session_model *session = session_add(room);
    session->initiator = session->participants[0] = said->sender;
    session->participant_count = 1;
    session->target = said->asked != NOBODY ? said->asked : said->target;
    session->since = world->clock;
    memcpy(session->id, world->session_noted, sizeof session->id);
    for (unsigned i = 0; i < room->seat_count; i++) {
        int name = room->seats[i];
        bool asked =
            session->target == NOBODY || session->target == name || model_oversees(room, name);
        if (asked && name != said->sender)
            fill(expect_made_to(world, at, name, MESSAGE_COLLABORATION_REQUEST, said->sender,
                                session->target),
                 room, session);
        if (name == said->sender || model_oversees(room, name))
            fill(expect_made_to(world, at, name, MESSAGE_COLLABORATION_UPDATE, HUB, said->sender),
                 room, session);
    }
}

static void accept(struct world *world, int room, struct session_model *session, int name)
{
    session->participants[session->participant_count++] = name;
    if (session->state == PENDING)
        session_move(world, session, ACTIVE);
    tell_update(world, room, session);
}

void model_session_named(struct world *world, const struct said *said, int room)
{
    struct session_model *session = model_session_find(&world->rooms[room], said->session_id);
    if (session && said->type != MESSAGE_COLLABORATION_RESPONSE && model_session_live(session) &&
        !model_session_has(session, said->sender) &&
        (session->target == NOBODY || session->target == said->sender) &&
        session->participant_count < PARTICIPANTS_MAX)
        accept(world, room, session, said->sender);
}

static void apply_response(struct world *world, const struct said *said, int room,
                           struct session_model *session)
{
    if (said->accepted) {
        accept(world, room, session, said->sender);
        return;
    }
    if (session->target != NOBODY)
        session_move(world, session, DECLINED);
    tell_update(world, room, session);
}

static void apply_update(struct world *world, const struct said *said, int room,
                         struct session_model *session)
{
    if (said->progress >= 0)
        session->progress = said->progress;
    if (said->end != PENDING)
        session_move(world, session, said->end);
    tell_update(world, room, session);
}

static void apply_workspace(struct world *world, const struct said *said, int room,
                            struct session_model *session)
{
    struct slot_model *slot = &session->workspace[said->key];
    free(slot->value);
    slot->value = strdup(said->value);
    assert(slot->value);
    slot->version++;
    tell(world, room, session, MESSAGE_WORKSPACE_UPDATE, said->sender, said->sender, said->key);
    struct expected *echo =
        expect_made_to(world, room, said->sender, MESSAGE_WORKSPACE_UPDATE, HUB, said->sender);
    fill(echo, &world->rooms[room], session);
    if (echo)
        echo->key = said->key;
}

void model_session_completed(struct world *world, const struct said *said, int room)
{
    struct session_model *session = model_session_find(&world->rooms[room], said->session_id);
    if (!said->complete || !session || session->state != ACTIVE ||
        !model_session_has(session, said->sender))
        return;
    session->progress = 1;
    session_move(world, session, COMPLETED);
    tell_update(world, room, session);
}

void model_session_apply(struct world *world, const struct said *said, int room)
{
    struct session_model *session = model_session_find(&world->rooms[room], said->session_id);
    switch ((int)said->type) {
    case MESSAGE_COLLABORATION_REQUEST:
        apply_request(world, said, room);
        break;
    case MESSAGE_COLLABORATION_RESPONSE:
        apply_response(world, said, room, session);
        break;
    case MESSAGE_COLLABORATION_UPDATE:
        apply_update(world, said, room, session);
        break;
    case MESSAGE_WORKSPACE_UPDATE:
        apply_workspace(world, said, room, session);
        break;
    default:
        break;
    }
}

/* ── time ── */

static int64_t heard(const struct world *world, const struct room_model *room,
                     const struct session_model *session)
{
    int64_t latest = session->since;
    for (unsigned i = 0; i < session->participant_count; i++) {
        const struct member *member = &room->members[session->participants[i]];
        int64_t last = member->link == NOBODY ? member->heard : world->links[member->link].heard;
        latest = last > latest ? last : latest;
    }
    return latest;
}

void model_session_tick(struct world *world, int at)
{
    struct room_model *room = &world->rooms[at];
    for (size_t i = 0; i < room->session_count; i++) {
        struct session_model *session = &room->sessions[i];
        bool expired =
            session->state == PENDING && world->clock - session->since >= world->config.pending_ms;
        bool abandoned = session->state == ACTIVE &&
                         world->clock - heard(world, room, session) >= world->config.silent_ms;
        if (!expired && !abandoned)
            continue;
        session_move(world, session, expired ? EXPIRED : ABANDONED);
        tell_update(world, at, session);
    }
}
