/* The messages of collaboration: request, response, update, and the component that completes a
 * session. Those of its workspace are in workspace.c. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/collaboration.h"
#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"

#define COLLABORATION_TYPE_MAX        64u
#define COLLABORATION_DESCRIPTION_MAX 4096u
#define COLLABORATION_NOTE_MAX        1024u
#define SESSION_ID_MAX                64u

/* ── telling ── */

/* One line to the participants and the observers, but for one (NULL: for nobody). */
void effect_to_session(struct request *request, const struct outgoing *outgoing,
                       const struct session *session, const struct member *but)
{
    effect_to_names(request, outgoing, session->participants, session->participant_count, true,
                    but);
}

static struct text *update_begin(struct request *request, const struct session *session,
                                 struct slice target)
{
    struct text *text =
        hub_message_begin(request, MESSAGE_COLLABORATION_UPDATE, slice_of("hub"), target);
    text_add_literal(text, "{\"session_id\":");
    text_add_string(text, session->key);
    text_addf(text, ",\"status\":\"%s\",\"participants\":[", session_state_text(session->state));
    for (size_t i = 0; i < session->participant_count; i++) {
        text_add_literal(text, i ? "," : "");
        text_add_string(text, session->participants[i]);
    }
    text_add_literal(text, "],\"progress\":");
    text_add_fraction(text, session->progress);
    return text;
}

/* `by` (len 0: the hub's own doing) and one more member, of which `name` may be NULL. */
static void session_tell(struct request *request, const struct session *session, struct slice by,
                         const char *accepted, const char *name, struct slice value)
{
    struct outgoing outgoing;
    struct text *text = update_begin(request, session, (struct slice){NULL, 0});
    text_add_member(text, "by", by.len ? by : slice_of("hub"));
    if (accepted)
        text_addf(text, ",\"accepted\":%s", accepted);
    if (name && value.len)
        text_add_member(text, name, value);
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_COLLABORATION_UPDATE, &outgoing);
    effect_to_session(request, &outgoing, session, NULL);
    hub_note(request->hub, request->from, HUB_SESSION, session->key,
             slice_of(session_state_text(session->state)));
}

/* ── collaboration_request ── */

struct offer {
    char type_text[COLLABORATION_TYPE_MAX], description_text[COLLABORATION_DESCRIPTION_MAX],
        target_text[WIRE_ID_MAX];
    struct slice type, description, target;
};

static int offer_read(struct request *request, struct offer *ret_offer)
{
    struct json_value payload = request->message->payload;
    int error;
    if ((error =
             payload_text(request, payload, "payload.type", OPTIONAL, sizeof ret_offer->type_text,
                          ret_offer->type_text, &ret_offer->type)) < 0 ||
        (error = payload_text(request, payload, "payload.description", OPTIONAL,
                              sizeof ret_offer->description_text, ret_offer->description_text,
                              &ret_offer->description)) < 0 ||
        (error = payload_text(request, payload, "payload.target_ai", OPTIONAL,
                              sizeof ret_offer->target_text, ret_offer->target_text,
                              &ret_offer->target)) < 0)
        return error;
    if (!ret_offer->target.len)
        ret_offer->target = request->message->target;
    return 0;
}

static int offer_check_array(struct request *request, const char *name)
{
    enum json_kind kind = json_get(request->message->payload, name).kind;
    if (kind != JSON_KIND_ABSENT && kind != JSON_KIND_NULL && kind != JSON_KIND_ARRAY)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD, "payload.%s must be an array of strings",
                      name);
    return 0;
}

static int offer_check_target(struct request *request, struct slice target)
{
    const struct member *member = request->room ? member_find(request->room, target) : NULL;
    if (slice_equal(target, request->message->sender_id))
        return refuse(request->refusal, WIRE_BAD_FIELD, "target_ai is the sender itself, \"%.*s\"",
                      SLICE_FORMAT(target));
    if (!member || (member->peer && member->observer)) {
        char nearest[WIRE_DETAIL_MAX] = "";
        if (request->room)
            member_nearest(request->room, target, nearest, sizeof nearest);
        return refuse(request->refusal, WIRE_UNKNOWN_TARGET,
                      "no AI \"%.*s\" was seen in this room%s", SLICE_FORMAT(target), nearest);
    }
    if (!member->peer) {
        text_add_literal(&request->extra, ",\"accepted\":false");
        return refuse(request->refusal, WIRE_TARGET_OFFLINE,
                      "\"%.*s\" is not connected: no session was made", SLICE_FORMAT(target));
    }
    return 0;
}

static int offer_check_quota(struct request *request)
{
    const struct room *room = request->room;
    const struct session *session;
    size_t own = 0;
    if (!room)
        return 0;
    if (room->live_count >= SESSIONS_LIVE_MAX && !session_unawaited(room))
        return refuse_over(
            request->refusal, WIRE_QUOTA_EXCEEDED,
            &(struct overrun){limit_text(LIMIT_SESSIONS), "room", SESSIONS_LIVE_MAX, 0},
            "%u sessions are open in this room, the most there may be", SESSIONS_LIVE_MAX);
    TAILQ_FOREACH (session, &room->live, next)
        own += slice_equal(session->initiator, request->message->sender_id);
    if (own >= SESSIONS_LIVE_EACH_MAX)
        return refuse_over(
            request->refusal, WIRE_QUOTA_EXCEEDED,
            &(struct overrun){limit_text(LIMIT_SESSIONS), "ai", SESSIONS_LIVE_EACH_MAX, 0},
            "%u sessions of yours are open, the most there may be", SESSIONS_LIVE_EACH_MAX);
    return 0;
}

int collaboration_request_check(struct request *request)
{
    struct offer offer;
    int error;
    if ((error = offer_read(request, &offer)) < 0 ||
        (error = offer_check_array(request, "expertise_offered")) < 0 ||
        (error = offer_check_array(request, "seeking_expertise")) < 0 ||
        (offer.target.len && (error = offer_check_target(request, offer.target)) < 0))
        return error;
    return offer_check_quota(request);
}

static void text_add_array(struct text *text, struct json_value payload, const char *name)
{
    struct json_value array = json_get(payload, name);
    text_addf(text, ",\"%s\":", name);
    text_add(text, array.kind == JSON_KIND_ARRAY ? array.raw : slice_of("[]"));
}

/* The stamped request, which goes in place of the raw one; its sender is the initiator, as in
 * the seed. */
static void offer_send(struct request *request, const struct session *session)
{
    struct outgoing outgoing;
    struct json_value payload = request->message->payload;
    struct text *text = hub_message_begin(request, MESSAGE_COLLABORATION_REQUEST,
                                          session->initiator, session->target);
    text_add_literal(text, "{\"session_id\":");
    text_add_string(text, session->key);
    text_add_member(text, "type", session->type);
    text_add_member(text, "description", session->description);
    text_add_member(text, "initiator", session->initiator);
    text_add_array(text, payload, "expertise_offered");
    text_add_array(text, payload, "seeking_expertise");
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_COLLABORATION_REQUEST, &outgoing);
    if (session->target.len)
        effect_to_names(request, &outgoing, &session->target, 1, true, request->member);
    else
        effect_to_room(request, &outgoing, request->member);
}

/* Of too many sessions, that which nobody waits for goes before its time. */
static void offer_make_place(struct request *request)
{
    if (request->room->live_count < SESSIONS_LIVE_MAX)
        return;
    const struct session *session = session_unawaited(request->room);
    assert(session); /* offer_check_quota has found one */
    session_expire(request, session->key, SESSION_PENDING);
}

void collaboration_request_proceed(struct request *request)
{
    struct offer offer;
    char session_id[UUID_SIZE];
    struct outgoing outgoing;
    offer_read(request, &offer);
    offer_make_place(request);
    hub_uuid(request->hub, request->room->key, request->entry->seq, request->made++, session_id);
    struct session *session = session_new(request->room, slice_of(session_id), request->member->key,
                                          offer.target, request->entry->time_ms);
    session->type = slice_copy(offer.type);
    session->description = slice_copy(offer.description);
    offer_send(request, session);
    request->session = session;
    struct text *text = update_begin(request, session, request->member->key);
    text_add_member(text, "by", request->member->key);
    text_add_member(text, "in_reply_to", request->message->message_id);
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_COLLABORATION_UPDATE, &outgoing);
    effect_to_session(request, &outgoing, session, NULL);
    hub_note(request->hub, request->from, HUB_SESSION, session->key, slice_of("pending"));
    request->handled = true;
}

/* ── naming a session ── */

/* The session that payload.session_id names, which becomes request->session; NULL, with the
 * refusal filled, when there is none. */
static struct session *session_named(struct request *request)
{
    char buffer[SESSION_ID_MAX];
    struct slice id;
    if (payload_text(request, request->message->payload, "payload.session_id", REQUIRED,
                     sizeof buffer, buffer, &id) < 0)
        return NULL;
    request->session = request->room ? session_find(request->room, id) : NULL;
    if (!request->session)
        refuse(request->refusal, WIRE_UNKNOWN_SESSION, "there is no session \"%.*s\" in this room",
               SLICE_FORMAT(id));
    return request->session;
}

/* The session itself while it is live; NULL, with the refusal filled, when it has ended. */
static struct session *session_unended(struct request *request, struct session *session)
{
    if (session_live(session))
        return session;
    refuse(request->refusal, WIRE_CONFLICT, "the session is %s already",
           session_state_text(session->state));
    return NULL;
}

static struct session *session_named_live(struct request *request)
{
    struct session *session = session_named(request);
    return session ? session_unended(request, session) : NULL;
}

struct session *session_named_by_participant(struct request *request)
{
    struct session *session = session_named(request);
    if (!session)
        return NULL;
    if (session_has(session, request->message->sender_id))
        return session_unended(request, session);
    refuse(request->refusal, WIRE_NOT_PARTICIPANT,
           "\"%.*s\" takes no part in this session; accept it with a collaboration_response first",
           SLICE_FORMAT(request->message->sender_id));
    return NULL;
}

int refused(const struct request *request)
{
    return -(int)request->refusal->code;
}

/* Is the session this AI's to take? */
static bool session_offered_to(const struct session *session, struct slice ai_id)
{
    return session_live(session) && !session_has(session, ai_id) &&
           (!session->target.len || slice_equal(session->target, ai_id)) &&
           session->participant_count < PARTICIPANTS_MAX;
}

static void session_accept(struct request *request, struct session *session, struct slice reason)
{
    session_add(request->room, session, request->member->key);
    if (session->state == SESSION_PENDING)
        session_move(request->room, session, SESSION_ACTIVE, request->entry->time_ms);
    session_tell(request, session, request->member->key, "true", "reason", reason);
}

void session_accept_by_naming(struct request *request)
{
    char buffer[SESSION_ID_MAX];
    enum message_type type = request->message->type;
    struct json_value name = json_get(request->message->payload, "session_id");
    long len = name.kind == JSON_KIND_STRING ? json_decode(name, buffer, sizeof buffer) : -1;
    if (len <= 0 || type == MESSAGE_COLLABORATION_RESPONSE)
        return;
    struct session *session = session_find(request->room, (struct slice){buffer, (size_t)len});
    if (session && session_offered_to(session, request->member->key))
        session_accept(request, session, (struct slice){NULL, 0});
}

/* ── collaboration_response ── */

static int response_read(struct request *request, char buffer[COLLABORATION_NOTE_MAX],
                         bool *ret_accepted, struct slice *ret_reason)
{
    struct json_value payload = request->message->payload;
    struct json_value accepted = json_get(payload, "accepted");
    char shown[PAYLOAD_SHOWN_SIZE];
    if (accepted.kind != JSON_KIND_TRUE && accepted.kind != JSON_KIND_FALSE)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.accepted must be true or false, and is %s",
                      payload_shown(accepted, shown));
    *ret_accepted = accepted.kind == JSON_KIND_TRUE;
    return payload_text(request, payload, "payload.reason", OPTIONAL, COLLABORATION_NOTE_MAX,
                        buffer, ret_reason);
}

int collaboration_response_check(struct request *request)
{
    char buffer[COLLABORATION_NOTE_MAX];
    bool accepted = false;
    struct slice reason, sender = request->message->sender_id;
    int error;
    if ((error = response_read(request, buffer, &accepted, &reason)) < 0)
        return error;
    const struct session *session = session_named_live(request);
    if (!session)
        return refused(request);
    if (slice_equal(session->initiator, sender))
        return refuse(request->refusal, WIRE_FORBIDDEN, "the session is your own request");
    if (session->target.len && !slice_equal(session->target, sender))
        return refuse(request->refusal, WIRE_FORBIDDEN, "the session was offered to \"%.*s\" alone",
                      SLICE_FORMAT(session->target));
    if (session_has(session, sender))
        return refuse(request->refusal, WIRE_CONFLICT,
                      "\"%.*s\" takes part in this session already", SLICE_FORMAT(sender));
    if (accepted && session->participant_count == PARTICIPANTS_MAX)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"participants", "session", PARTICIPANTS_MAX, 0},
                           "the session has %u participants, the most there may be",
                           PARTICIPANTS_MAX);
    return 0;
}

void collaboration_response_proceed(struct request *request)
{
    char buffer[COLLABORATION_NOTE_MAX];
    bool accepted = false;
    struct slice reason = {NULL, 0};
    struct session *session = request->session;
    response_read(request, buffer, &accepted, &reason);
    request->handled = true;
    if (accepted) {
        session_accept(request, session, reason);
        return;
    }
    if (session->target.len)
        session_move(request->room, session, SESSION_DECLINED, request->entry->time_ms);
    session_tell(request, session, request->member->key, "false", "reason", reason);
}

/* ── collaboration_update ── */

struct update {
    char status_text[16], note_text[COLLABORATION_NOTE_MAX];
    struct slice status, note;
    double progress;        /* negative: not said */
    enum session_state end; /* SESSION_PENDING: none */
};

static int update_read(struct request *request, struct update *ret_update)
{
    struct json_value payload = request->message->payload;
    struct json_value progress = json_get(payload, "progress");
    int error;
    if ((error = payload_text(request, payload, "payload.status", OPTIONAL,
                              sizeof ret_update->status_text, ret_update->status_text,
                              &ret_update->status)) < 0 ||
        (error =
             payload_text(request, payload, "payload.note", OPTIONAL, sizeof ret_update->note_text,
                          ret_update->note_text, &ret_update->note)) < 0)
        return error;
    char shown[PAYLOAD_SHOWN_SIZE];
    ret_update->progress = -1;
    if (progress.kind != JSON_KIND_ABSENT && (json_number(progress, &ret_update->progress) < 0 ||
                                              ret_update->progress < 0 || ret_update->progress > 1))
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.progress must be a number from 0 to 1, and is %s",
                      payload_shown(progress, shown));
    ret_update->end = slice_is(ret_update->status, "failed")      ? SESSION_FAILED
                      : slice_is(ret_update->status, "cancelled") ? SESSION_CANCELLED
                                                                  : SESSION_PENDING;
    if (ret_update->status.len && ret_update->end == SESSION_PENDING)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.status, when given, must be \"failed\" or \"cancelled\", and is "
                      "\"%.*s\"",
                      SLICE_FORMAT(ret_update->status));
    if (progress.kind == JSON_KIND_ABSENT && !ret_update->status.len && !ret_update->note.len)
        return refuse(
            request->refusal, WIRE_BAD_PAYLOAD,
            "payload must say progress (0 to 1), note, or status (\"failed\" or \"cancelled\")");
    return 0;
}

int collaboration_update_check(struct request *request)
{
    struct update update;
    int error;
    if ((error = update_read(request, &update)) < 0)
        return error;
    const struct session *session = session_named_by_participant(request);
    if (!session)
        return refused(request);
    bool legal = update.end == SESSION_PENDING ? session->state == SESSION_ACTIVE
                                               : session_move_legal(session->state, update.end);
    if (!legal)
        return refuse(request->refusal, WIRE_CONFLICT,
                      "nobody has accepted the session yet: it can only be cancelled");
    return 0;
}

void collaboration_update_proceed(struct request *request)
{
    struct update update = {.progress = -1};
    struct session *session = request->session;
    update_read(request, &update);
    if (update.progress >= 0)
        session->progress = update.progress;
    session_changed(request->room, session);
    if (update.end != SESSION_PENDING)
        session_move(request->room, session, update.end, request->entry->time_ms);
    session_tell(request, session, request->member->key, NULL, "note", update.note);
    request->handled = true;
}

/* ── ends ── */

/* Level 1 knows no sessions' states: what it shares is taken as knowledge, whatever became of
 * the session. */
static int completion_check_level_1(struct request *request)
{
    char buffer[SESSION_ID_MAX];
    struct json_value name = json_get(request->message->payload, "session_id");
    long len = name.kind == JSON_KIND_STRING ? json_decode(name, buffer, sizeof buffer) : -1;
    struct session *session = len > 0 && request->room
                                  ? session_find(request->room, (struct slice){buffer, (size_t)len})
                                  : NULL;
    if (session &&
        (session_offered_to(session, request->message->sender_id) ||
         (session->state == SESSION_ACTIVE && session_has(session, request->message->sender_id))))
        request->session = session;
    return 0;
}

int completion_check(struct request *request)
{
    bool complete;
    int error = payload_bool(request, request->message->payload, "payload.collaboration_complete",
                             false, &complete);
    if (error < 0 || !complete)
        return error;
    if (!request->member || request->member->level == 1)
        return completion_check_level_1(request);
    const struct session *session = session_named_by_participant(request);
    if (!session)
        return refused(request);
    if (session->state != SESSION_ACTIVE)
        return refuse(request->refusal, WIRE_CONFLICT, "nobody has accepted the session yet");
    return 0;
}

void session_complete(struct request *request)
{
    struct session *session = request->session;
    session->progress = 1;
    session_move(request->room, session, SESSION_COMPLETED, request->entry->time_ms);
    session_tell(request, session, request->member->key, NULL, NULL, (struct slice){NULL, 0});
}

void session_expire(struct request *request, struct slice session_id, enum session_state in)
{
    struct session *session = session_find(request->room, session_id);
    if (!session || session->state != in)
        return;
    session_move(request->room, session,
                 in == SESSION_PENDING ? SESSION_EXPIRED : SESSION_ABANDONED,
                 request->entry->time_ms);
    session_tell(request, session, (struct slice){NULL, 0}, NULL, NULL, (struct slice){NULL, 0});
}
