/* Collaboration: asking, accepting or declining, and what the hub says of a session. The work
 * itself is in session_work.c.
 *
 *             own request ──▶ WAITING ──┐ active              budget spent
 *    FREE ────┤                         ├─────────▶ ACTIVE ──────────────────▶ CONCLUDING
 *             └─ accepted ──▶ INVITED ──┘             ▲                             │
 *                                                     └──── another's last step ────┘
 *
 * From each of them it may go back to FREE: declined, expired, failed, lost, completed. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/node.h"

#define TO(state) (1u << SESSION_##state)
static const unsigned moves[SESSION_STATES] = {
    [SESSION_FREE] = TO(WAITING) | TO(INVITED),   [SESSION_WAITING] = TO(ACTIVE) | TO(FREE),
    [SESSION_INVITED] = TO(ACTIVE) | TO(FREE),    [SESSION_ACTIVE] = TO(CONCLUDING) | TO(FREE),
    [SESSION_CONCLUDING] = TO(ACTIVE) | TO(FREE),
};
#undef TO

bool sessions_move_legal(enum session_state from, enum session_state to)
{
    return (moves[from] >> to) & 1u;
}

void sessions_move(struct session *session, enum session_state to)
{
    assert(sessions_move_legal(session->state, to));
    session->state = to;
}

struct brain_view session_view(const struct node *node, const struct session *session)
{
    const char *participants[BRAIN_CONTRIBUTORS_MAX];
    struct brain_view view;
    assert(session->participant_count <= BRAIN_CONTRIBUTORS_MAX);
    for (size_t i = 0; i < session->participant_count; i++)
        participants[i] = session->participants[i];
    struct brain_session known = {.id = session->id,
                                  .type = session->type,
                                  .participants = participants,
                                  .participant_count = session->participant_count};
    node->brain->view(node->brain->state, &known, session->candidate, &view);
    return view;
}

const char *session_decline(const char *type, size_t live, uint64_t left_ms)
{
    bool always =
        strcmp(type, "cross_specialization") == 0 || strcmp(type, "feature_development") == 0;
    if (live >= SESSIONS_AT_ONCE_MAX)
        return "this AI takes part in 8 sessions already, which is its bound";
    if (!always && live >= SESSIONS_OTHER_TYPES)
        return "this AI takes part in 3 sessions already, and accepts more only of the types "
               "cross_specialization and feature_development";
    if (left_ms < SESSION_NEEDS_MS)
        return "this AI is about to end; a session takes about 10 s";
    return NULL;
}

size_t sessions_live(const struct node *node)
{
    size_t count = 0;
    for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++)
        count += node->sessions[i].state > SESSION_WAITING;
    return count;
}

static size_t sessions_waiting(const struct node *node)
{
    size_t count = 0;
    for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++)
        count += node->sessions[i].state == SESSION_WAITING;
    return count;
}

static struct session *session_find(struct node *node, const char *id)
{
    for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++)
        if (node->sessions[i].state != SESSION_FREE && strcmp(node->sessions[i].id, id) == 0)
            return &node->sessions[i];
    return NULL;
}

/* NULL when as many as can be are tracked. */
static struct session *session_new(struct node *node, const char *id, enum session_state state)
{
    for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++) {
        struct session *session = &node->sessions[i];
        if (session->state != SESSION_FREE ||
            session->working) /* a job of its predecessor still refers to it */
            continue;
        *session = (struct session){.since = node_now(node)};
        sessions_move(session, state);
        words_copy(session->id, id);
        return session;
    }
    return NULL;
}

struct forget_job {
    struct node_job base;
    char id[SESSION_ID_MAX + 1];
    bool learned;
};

static void forget_work(struct job *job)
{
    struct forget_job *work = (struct forget_job *)job;
    struct node *node = work->base.node;
    work->learned = node->brain->forget(node->brain->state, work->id, &node->jobs.stop);
}

static void forget_done(struct job *job, bool ran)
{
    struct forget_job *work = (struct forget_job *)job;
    struct node *node = work->base.node;
    if (ran && work->learned) {
        node->count.sessions_learned++;
        node_say(node, "learned from collab %s: its result is better than what it had", work->id);
    }
    free(work);
}

void session_end(struct node *node, struct session *session)
{
    assert(session->state != SESSION_FREE);
    struct forget_job *work = session->state >= SESSION_ACTIVE ? calloc(1, sizeof *work) : NULL;
    if (work) {
        work->base =
            (struct node_job){.job = {.work = forget_work, .done = forget_done}, .node = node};
        words_copy(work->id, session->id);
        if (jobs_push(&node->jobs, JOB_SESSION, &work->base.job) < 0)
            free(work); /* the brain lets go of the longest untouched by itself */
    }
    json_decref(session->candidate);
    json_decref(session->result);
    session->candidate = session->result = NULL;
    sessions_move(session, SESSION_FREE);
}

void session_remember_sent(struct session *session, const char *message_id)
{
    unsigned place = session->sent_next++ % SENT_REMEMBERED;
    words_copy(session->sent[place], message_id);
}

void session_current(struct node *node, struct session *session, const char *writer, json_t *value,
                     uint64_t version)
{
    if (version <= session->version && session->candidate)
        return;
    json_t *copy = json_deep_copy(value);
    if (!copy)
        return;
    node->brain->disown(copy, writer, session->candidate);
    json_decref(session->candidate);
    session->candidate = copy;
    session->version = version;
    session->changed = session->moved = node_now(node);
    session->had_review |= session_view(node, session).has_reviews;
    session->replace = false;
}

/* Asking. */

static bool is_own_capability(const struct node *node, const char *capability)
{
    for (const char *const *own = node->capabilities; *own; own++)
        if (strcmp(*own, capability) == 0)
            return true;
    return false;
}

static bool array_has(const json_t *array, const char *text)
{
    const json_t *entry;
    size_t i;
    json_array_foreach(array, i, entry)
    {
        if (strcmp(json_string_value(entry), text) == 0)
            return true;
    }
    return false;
}

/* What this AI lacks and others here have: one of each first, so that all specializations are
 * named. */
static json_t *seeking_json(const struct node *node)
{
    json_t *seeking = json_array();
    for (size_t round = 0; round < MEMBER_CAPABILITIES; round++)
        for (size_t i = 0; i < node->member_count; i++) {
            size_t lacking = 0, k;
            const json_t *capability;
            if (!node->members[i].present)
                continue;
            json_array_foreach(node->members[i].capabilities, k, capability)
            {
                const char *text = json_string_value(capability);
                if (is_own_capability(node, text) || lacking++ != round || array_has(seeking, text))
                    continue;
                if (json_array_size(seeking) < SEEKING_MAX)
                    json_array_append_new(seeking, json_string(text));
            }
        }
    return seeking;
}

static json_t *offered_json(const struct node *node)
{
    json_t *offered = json_array();
    for (const char *const *own = node->capabilities; *own; own++)
        json_array_append_new(offered, json_string(*own));
    return offered;
}

/* The referee asks for none: it has no candidate of its own to bring, and reviews those of
 * others. */
void sessions_request(struct node *node)
{
    const struct trainer_options *options = node->options;
    size_t active = 0;
    for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++)
        active += node->sessions[i].state >= SESSION_ACTIVE;
    if (node->phase != NODE_RUNNING || node->brain->referee || node->others == 0 ||
        active >= SESSIONS_WANTED || sessions_waiting(node) >= REQUESTS_WAITING_MAX ||
        khub_link_state(node->link) != KHUB_JOINED || node_left(node) < SESSION_NEEDS_MS)
        return;
    json_t *payload =
        json_pack("{s:s,s:o,s:s,s:o,s:o}", "type", "feature_development", "description",
                  json_sprintf("%s seeking cross_specialization help (%s)", options->ai_id,
                               options->specialization),
                  "target_ai", "", "expertise_offered", offered_json(node), "seeking_expertise",
                  seeking_json(node));
    if (node_publish(node, "collaboration_request", payload, NULL, NULL) == 0) {
        node->count.sessions_requested++;
        node_say(node, "%s broadcasted a collaboration request.", options->ai_id);
    }
    json_decref(payload);
}

/* Being asked. */

static void session_answer(struct node *node, struct session *session, const char *id,
                           const char *declined)
{
    char message_id[37];
    json_t *payload =
        json_pack("{s:s,s:b,s:s*}", "session_id", id, "accepted", !declined, "reason", declined);
    if (node_publish(node, "collaboration_response", payload, NULL, message_id) == 0 && session)
        session_remember_sent(session, message_id);
    json_decref(payload);
}

void sessions_asked(struct node *node, const char *sender, const json_t *payload)
{
    const char *id = payload_string(payload, "session_id", SESSION_ID_MAX);
    const char *type = payload_string(payload, "type", 63);
    const char *initiator = payload_string(payload, "initiator", ID_MAX);
    if (!id[0] || session_find(node, id)) /* without an id it is no request of the hub's making */
        return;
    initiator = initiator[0] ? initiator : sender;
    const char *declined = session_decline(type, sessions_live(node), node_left(node));
    struct session *session = declined ? NULL : session_new(node, id, SESSION_INVITED);
    if (!session && !declined)
        declined = "this AI can't keep track of more sessions";
    session_answer(node, session, id, declined);
    if (declined) {
        node->count.sessions_declined++;
        node_say(node, "Declined collaboration %s from %s: %s", SAY(id), SAY(initiator), declined);
        return;
    }
    words_cut(type, session->type, sizeof session->type);
    words_cut(initiator, session->initiator_id, sizeof session->initiator_id);
    node->count.sessions_accepted++;
    node_say(node, "Accepted collaboration %s from %s", SAY(id), SAY(initiator));
}

/* What the hub says of a session. */

static void session_participants(struct node *node, struct session *session, const json_t *names)
{
    const json_t *name;
    size_t i, count = 0;
    json_array_foreach(names, i, name)
    {
        size_t length = json_string_length(name);
        if (count >= BRAIN_CONTRIBUTORS_MAX || !json_is_string(name) || length < 1 ||
            length > ID_MAX)
            continue;
        const struct member *member = node_member(node, json_string_value(name), false);
        session->present[count] = !member || member->present;
        words_copy(session->participants[count], json_string_value(name));
        count++;
    }
    if (count > 0)
        session->participant_count = count;
}

static void session_activate(struct node *node, struct session *session)
{
    sessions_move(session, SESSION_ACTIVE);
    session->since = session->moved = session->told = node_now(node);
    session->next_step = node_now(node) + (session->initiator ? OPEN_MS : JOIN_MS);
    node->count.sessions_active++;
    node_say(node, "collab %s is active: %zu participants", SAY(session->id),
             session->participant_count);
}

static void session_over(struct node *node, struct session *session, const char *status,
                         const json_t *payload)
{
    bool completed = strcmp(status, "completed") == 0;
    const char *note = payload_string(payload, "note", 512);
    if (!note[0])
        note = payload_string(payload, "reason", 512);
    if (completed && session->result &&
        strcmp(payload_string(payload, "by", ID_MAX), node->options->ai_id) == 0)
        session_concluded(node, session); /* of two that hand in at once the hub takes one */
    if (completed)
        node->count.sessions_completed++;
    else if (session->state >= SESSION_ACTIVE)
        node->count.sessions_failed++;
    node_say(node, "%s collaboration %s%s%s", completed ? "completed" : SAY(status),
             SAY(session->id), note[0] ? ": " : "", SAY(note));
    session_end(node, session);
}

void sessions_updated(struct node *node, const json_t *payload)
{
    const char *id = payload_string(payload, "session_id", SESSION_ID_MAX);
    const char *status = payload_string(payload, "status", 32);
    const json_t *names = json_object_get(payload, "participants");
    struct session *session = id[0] ? session_find(node, id) : NULL;
    bool pending = strcmp(status, "pending") == 0, active = strcmp(status, "active") == 0;
    const char *first = json_string_value(json_array_get(names, 0));
    if (!session && pending && first && strcmp(first, node->options->ai_id) == 0) {
        session =
            session_new(node, id, SESSION_WAITING); /* the hub's answer to a request of this AI */
        if (!session)
            return;
        session->initiator = true;
        words_copy(session->type, "feature_development");
        words_copy(session->initiator_id, node->options->ai_id);
    }
    if (!session)
        return;
    session->moved = node_now(node);
    session_participants(node, session, names);
    if (session->initiator && json_is_false(json_object_get(payload, "accepted")))
        node_say(node, "%s declined collaboration %s: %s",
                 SAY(payload_string(payload, "by", ID_MAX)), SAY(id),
                 SAY(payload_string(payload, "reason", 512)));
    if (active && session->state < SESSION_ACTIVE)
        session_activate(node, session);
    if (!pending && !active)
        session_over(node, session, status, payload);
}

/* Of a run of this AI that was killed. What lies in its workspace, the hub says when this AI writes
 * there: it was made from another version. */
static void session_take_up(struct node *node, const json_t *known)
{
    const char *id = payload_string(known, "session_id", SESSION_ID_MAX);
    const char *initiator = payload_string(known, "initiator", ID_MAX);
    bool active = strcmp(payload_string(known, "status", 32), "active") == 0;
    bool own = strcmp(initiator, node->options->ai_id) == 0;
    struct session *session = NULL;
    if (id[0] && !session_find(node, id) && (active || own) && node->phase == NODE_RUNNING)
        session = session_new(node, id, own ? SESSION_WAITING : SESSION_INVITED);
    if (!session)
        return;
    session->initiator = own;
    words_cut(payload_string(known, "type", 63), session->type, sizeof session->type);
    words_copy(session->initiator_id, initiator);
    session_participants(node, session, json_object_get(known, "participants"));
    node_say(node, "Going on with collaboration %s of %s", SAY(id), SAY(initiator));
    if (active)
        session_activate(node, session);
}

void sessions_taken_up(struct node *node, const json_t *sessions)
{
    const json_t *session;
    size_t i;
    json_array_foreach(sessions, i, session)
    {
        session_take_up(node, session);
    }
}

void sessions_joined(struct node *node)
{
    uint64_t now = node_now(node);
    for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++) {
        struct session *session = &node->sessions[i];
        if (session->state == SESSION_FREE)
            continue;
        session->since = session->moved = now; /* that the hub was away is nobody's fault */
        if (session->writing) /* the link sends it again, if the hub has not answered it */
            session->write_deadline = now + WRITE_MS;
        if (session->handed_in)
            session->handed_in = now;
    }
}

void sessions_workspace(struct node *node, const char *sender, const json_t *payload)
{
    struct session *session =
        session_find(node, payload_string(payload, "session_id", SESSION_ID_MAX));
    json_int_t version = json_integer_value(json_object_get(payload, "version"));
    if (!session || version < 1 ||
        strcmp(payload_string(payload, "key", sizeof CANDIDATE_KEY), CANDIDATE_KEY) != 0)
        return;
    if (strcmp(sender, "hub") ==
        0) { /* this AI's own write is in: what it wrote is the candidate already */
        session->writing = false;
        session->writes_lost = 0;
        session->version =
            (uint64_t)version > session->version ? (uint64_t)version : session->version;
        session->reviewed = session->version;
        return;
    }
    session_current(node, session, sender, json_object_get(payload, "value"), (uint64_t)version);
    if (session->state == SESSION_ACTIVE &&
        session->version == 1) /* opened: no need to wait longer */
        session->next_step = node_now(node);
}

static struct session *session_sent(struct node *node, const char *message_id)
{
    for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++)
        for (size_t k = 0; k < SENT_REMEMBERED; k++)
            if (node->sessions[i].state != SESSION_FREE &&
                strcmp(node->sessions[i].sent[k], message_id) == 0)
                return &node->sessions[i];
    return NULL;
}

/* The current value is taken, to be joined and written again. One that can't be read counts as
 * one that can't be run. */
static void session_conflict(struct node *node, struct session *session, json_t *value,
                             uint64_t version)
{
    bool readable = json_is_object(value) && version >= session->version;
    session->writing = false;
    session_current(node, session, "", value ? value : json_null(), version);
    session->reconcile = true;
    if (readable)
        session->writes_lost = 0;
    else
        session_write_lost(node, session);
}

/* The same again, a while later. */
static void session_put_off(struct node *node, struct session *session)
{
    session->writing = false;
    session->retry_at = node_now(node) + STEP_MS;
    if (session->state == SESSION_CONCLUDING)
        sessions_move(session, SESSION_ACTIVE);
    else
        session->reconcile = session->candidate != NULL;
}

/* The hub does not have this session any more, or not with this AI in it. */
static bool session_is_gone(const struct session *session, const char *code)
{
    static const char *const codes[] = {"unknown_session", "not_participant", "forbidden",
                                        "conflict"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(codes[i], code) == 0)
            return true;
    return session->state < SESSION_ACTIVE; /* its acceptance was refused */
}

void sessions_error(struct node *node, const char *code, const json_t *payload)
{
    const char *answered = payload_string(payload, "in_reply_to", 36);
    struct session *session = answered[0] ? session_sent(node, answered) : NULL;
    if (!session)
        return;
    json_int_t version = json_integer_value(json_object_get(payload, "version"));
    if (strcmp(code, "conflict") == 0 && version > 0) {
        session_conflict(node, session, json_object_get(payload, "value"), (uint64_t)version);
    } else if (session_is_gone(session, code)) {
        if (session->state >= SESSION_ACTIVE)
            node->count.sessions_failed++;
        node_say(node, "lost collaboration %s: %s", SAY(session->id), SAY(code));
        session_end(node, session);
    } else if (strcmp(code, "rate_limited") == 0) {
        session_put_off(node, session);
    } else {
        char note[128];
        snprintf(note, sizeof note, "the hub refused a message of this AI: %s", SAY(code));
        session_fail(node, session, note);
    }
}

void sessions_presence(struct node *node, const char *ai_id, bool present)
{
    for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++)
        for (size_t k = 0; k < node->sessions[i].participant_count; k++)
            if (strcmp(node->sessions[i].participants[k], ai_id) == 0)
                node->sessions[i].present[k] = present;
}

/* Whether somebody else who works on it is still there to bring it to its end. */
static bool session_goes_on(const struct node *node, const struct session *session,
                            const struct brain_view *view)
{
    for (size_t i = 0; i < session->participant_count; i++)
        if (session->present[i] && view->worked[i] &&
            strcmp(session->participants[i], node->options->ai_id) != 0)
            return true;
    return false;
}

void sessions_leave(struct node *node)
{
    for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++) {
        struct session *session = &node->sessions[i];
        if (session->state == SESSION_FREE)
            continue;
        struct brain_view view = session_view(node, session);
        bool waiting = session->state == SESSION_WAITING,
             goes_on = session_goes_on(node, session, &view);
        char note[ID_MAX + sizeof view.text + 64];
        snprintf(note, sizeof note, "%s ends (%s) with %s%s", node->options->ai_id, node->ended,
                 view.text, goes_on ? "; the others go on" : "");
        json_t *payload = goes_on ? json_pack("{s:s,s:f,s:s}", "session_id", session->id,
                                              "progress", view.progress, "note", note)
                                  : json_pack("{s:s,s:s,s:s}", "session_id", session->id, "status",
                                              waiting ? "cancelled" : "failed", "note", note);
        node_publish(node, "collaboration_update", payload, NULL, NULL);
        json_decref(payload);
        if (!waiting)
            node->count.sessions_failed++;
        node_say(node, "left collaboration %s: %s", SAY(session->id), note);
        session_end(node, session);
    }
}
