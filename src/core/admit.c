/* Admit: the hub's entrance, and its only door.
 *
 * What depends on a connection, or on this hub alone, is decided here: is the line valid, whose
 * is it, may it, is it too fast, has this hub room for it. Secrets are cut out before anything
 * keeps the line. Then it is proposed to its room's log; what apply makes of it is apply's word
 * (apply.c). Its check runs here already, on the state of now, so that what is plainly wrong
 * takes no place in the log: a courtesy, not the judgement. Of somebody who has said more, which is
 * not applied yet, that can't be told: what he says next may be right behind it. So it waits until
 * then, at the edge, and is judged again.
 *
 * A connection is bound to a room and an id by the first line of it that is proposed, and stays
 * so unless apply refuses that and nothing else of it is under way. */
#include "core/admit.h"

#include <assert.h>

#include "core/behind.h"
#include "core/effects.h"
#include "core/handlers.h"
#include "core/names.h"
#include "core/owner_limits.h"
#include "core/state.h"

#define NO_BLOB ((struct slice){NULL, 0})

/* What depends on the connection alone: is this its own id, and a type that is its to send. */
static int admit_check(const struct peer *peer, const struct message *message,
                       struct refusal *ret_refusal)
{
    struct slice sender = message->sender_id;
    int error = peer->ai_id.len ? 0 : name_check(sender, ret_refusal);
    if (error < 0)
        return error;
    if (peer->ai_id.len && !slice_equal(sender, peer->ai_id))
        return refuse(ret_refusal, WIRE_SENDER_MISMATCH,
                      "sender_id is \"%.*s\", but this connection began as \"%.*s\"",
                      SLICE_FORMAT(sender), SLICE_FORMAT(peer->ai_id));
    if (!message_type_from_client(message->type))
        return refuse(ret_refusal, WIRE_FORBIDDEN_TYPE, "only the hub sends %s messages",
                      message_type_text(message->type));
    return 0;
}

/* Once a takeover of its id is proposed, no more is proposed of a connection: behind the
 * takeover it would be nobody's, and might join anew, with nobody left to say that it went. */
static int admit_challenged(const struct peer *peer, struct refusal *ret_refusal)
{
    if (!peer->challenged)
        return 0;
    return refuse(ret_refusal, WIRE_TAKEN_OVER,
                  "a newer connection showed the resume_token of \"%.*s\"",
                  SLICE_FORMAT(peer->ai_id));
}

/* Where a message belongs. A room that is not there yet: 0, with *ret_room NULL and its name. */
static int admit_room(struct hub *hub, const struct peer *peer, const struct message *message,
                      char buffer[ROOM_NAME_MAX], struct slice *ret_name, struct room **ret_room,
                      struct refusal *ret_refusal)
{
    if (peer->room && message->type != MESSAGE_HELLO) {
        *ret_room = peer->room;
        return 0;
    }
    struct slice name = slice_of("main");
    int error =
        message->type == MESSAGE_HELLO ? hello_room(message, buffer, &name, ret_refusal) : 0;
    if (error < 0)
        return error;
    if (peer->room && !slice_equal(name, peer->room->key))
        return refuse(ret_refusal, WIRE_FORBIDDEN,
                      "this connection is in room \"%.*s\"; connect anew for another",
                      SLICE_FORMAT(peer->room->key));
    struct room *room = room_find(hub, name);
    if (!room && !rooms_have_place(hub))
        return refuse_over(
            ret_refusal, WIRE_QUOTA_EXCEEDED,
            &(struct overrun){"rooms", "hub", (double)hub->config.rooms_max, 0},
            "there are %zu rooms already, the most this hub keeps, and something is known "
            "or under way in each",
            hub->config.rooms_max);
    *ret_name = name;
    *ret_room = room;
    return 0;
}

static const bool stores[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_PATTERN_SHARE] = true,      [MESSAGE_CODE_SHARE] = true,
    [MESSAGE_OS_COMPONENT_SHARE] = true, [MESSAGE_PERFORMANCE_REPORT] = true,
    [MESSAGE_COMMITMENT] = true,
};

/* The same for a file. */
static int admit_artifact(const struct request *request)
{
    const struct hub *hub = request->hub;
    uint64_t bytes = artifact_growth(request);
    if (!hub->edge.drop_chunks)
        return refuse(request->refusal, WIRE_STORAGE_UNAVAILABLE,
                      "this hub keeps nothing (--memory), and so no files");
    for (size_t i = 0; i < hub->room_count; i++)
        bytes += hub->rooms[i]->artifact_bytes;
    if (bytes <= hub->config.artifacts_max)
        return 0;
    return refuse_over(
        request->refusal, WIRE_QUOTA_EXCEEDED,
        &(struct overrun){"artifact_bytes", "hub", (double)hub->config.artifacts_max, 0},
        "files in all rooms together may have %llu bytes",
        (unsigned long long)hub->config.artifacts_max);
}

/* Has this hub room for what the message stores, over all its rooms? */
static int admit_quota(const struct request *request)
{
    const struct hub *hub = request->hub;
    enum message_type type = request->message->type;
    size_t stored = 0, workspaces = 0;
    if (type == MESSAGE_ARTIFACT_OFFER && !request->repeated)
        return admit_artifact(request);
    if (request->repeated || (!stores[type] && type != MESSAGE_WORKSPACE_UPDATE))
        return 0;
    for (size_t i = 0; i < hub->room_count; i++) {
        stored += hub->rooms[i]->knowledge.bytes;
        workspaces += hub->rooms[i]->workspace_bytes;
    }
    if (stores[type] && request->growth.bytes > 0 && stored > hub->config.stored_max)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){limit_text(LIMIT_KNOWLEDGE), "hub",
                                             (double)hub->config.stored_max, 0},
                           "all rooms together know %zu bytes; this hub keeps %zu", stored,
                           hub->config.stored_max);
    if (type == MESSAGE_WORKSPACE_UPDATE &&
        workspaces + workspace_growth(request) > hub->config.workspaces_max)
        return refuse_over(
            request->refusal, WIRE_QUOTA_EXCEEDED,
            &(struct overrun){"workspace", "hub", (double)hub->config.workspaces_max, 0},
            "all workspaces together hold at most %zu bytes", hub->config.workspaces_max);
    return 0;
}

/* Most messages add nothing, and are under no limit. */
static int admit_limits(const struct request *request, const struct peer *peer, int64_t now)
{
    const struct growth *growth = &request->growth;
    bool counted = peer->principal && peer->principal->quota.most[LIMIT_DAILY] > 0;
    bool adds = growth->entries || !request->member ||
                request->message->type == MESSAGE_COLLABORATION_REQUEST ||
                request->hub->config.room.most[LIMIT_DAILY] > 0;
    int error = adds ? room_limits_check(request, now) : 0;
    if (error < 0)
        return error;
    if (counted || growth->entries || growth->own > 0 ||
        request->message->type == MESSAGE_COLLABORATION_REQUEST)
        error = owner_limits_check(request, peer->principal, now);
    return error < 0 ? error : admit_quota(request);
}

/* Proof of life: not logged, not relayed, answered to level 2. */
static void peer_heartbeat(struct hub *hub, struct peer *peer, const struct message *message,
                           int64_t now)
{
    const struct member *who = peer_who(peer);
    if (who->level != 2)
        return;
    struct request request = {.hub = hub, .room = peer->room, .answered_ms = now};
    struct outgoing outgoing;
    struct seat seat = peer_seat(peer);
    char time[TIMESTAMP_SIZE];
    timestamp_format(now, time);
    struct text *text = hub_message_begin(&request, MESSAGE_HEARTBEAT, slice_of("hub"), who->key);
    text_addf(text, "{\"server_time\":\"%s\",\"seq\":%llu,\"in_reply_to\":", time,
              (unsigned long long)peer->room->last_seq);
    text_add_string(text, message->message_id);
    text_add_literal(text, "}");
    hub_message_end(&request, MESSAGE_HEARTBEAT, &outgoing);
    effect_to_connection(&request, &outgoing, &seat);
    behind_heard(peer, message);
    peer_read(hub, peer, message, now);
}

/* A look at the state of now: not logged, not relayed. */
static void peer_query(struct hub *hub, struct peer *peer, const struct message *message,
                       struct refusal *refusal, int64_t now)
{
    struct request request = {.hub = hub,
                              .room = peer->room,
                              .from = peer->id,
                              .member = peer_who(peer),
                              .message = message,
                              .refusal = refusal,
                              .answered_ms = now};
    static int (*const answers[MESSAGE_TYPE_COUNT])(struct request *, const struct seat *) = {
        [MESSAGE_KNOWLEDGE_QUERY] = query_answer,
        [MESSAGE_DEAD_QUERY] = letters_answer,
        [MESSAGE_LOG_QUERY] = log_query_answer,
        [MESSAGE_SESSION_QUERY] = session_query_answer,
        [MESSAGE_MEMBER_QUERY] = member_query_answer,
        [MESSAGE_MODERATION_QUERY] = moderation_answer,
        [MESSAGE_USAGE_QUERY] = usage_answer,
        [MESSAGE_APPROVAL_QUERY] = approval_query_answer,
        [MESSAGE_ARTIFACT_QUERY] = artifact_query_answer,
        [MESSAGE_TASK_QUERY] = task_query_answer,
        [MESSAGE_SENT_QUERY] = sent_query_answer,
        [MESSAGE_STATS_QUERY] = stats_answer,
        [MESSAGE_LEDGER_QUERY] = ledger_query_answer};
    struct seat seat = peer_seat(peer);
    assert(answers[message->type]); /* of each query */
    int error = seat.level == 2 ? answers[message->type](&request, &seat)
                                : refuse(refusal, WIRE_FORBIDDEN,
                                         "a %s is for AIs that have joined at level 2 (its answer "
                                         "goes to no other)",
                                         message_type_text(message->type));
    if (error < 0)
        peer_refuse(hub, peer, refusal, message->message_id, now);
}

/* The message can't be kept. lost: it had been taken. */
static void admit_unkept(struct hub *hub, struct peer *peer, struct room *room,
                         const struct message *message, bool lost, int64_t now)
{
    struct refusal refusal;
    if (hub->config.receives && hello_receive(hub, peer, room, message, now))
        return;
    struct request request = {.hub = hub,
                              .room = peer->room ? peer->room : hub->lobby,
                              .from = peer->id,
                              .member = peer->member,
                              .message = message,
                              .answered_ms = now};
    struct seat seat = peer_seat(peer);
    if (request_is_repeat(&request)) { /* it is kept already */
        request_ack_again(&request);
        return;
    }
    refuse(&refusal, WIRE_STORAGE_UNAVAILABLE,
           "the hub can't keep this message now: nothing came of it; send it again later");
    behind_note(peer, message, lost);
    behind_write(peer, message, &request.extra);
    hub->refused++;
    hub_error(&request, &seat, &refusal, message->message_id);
    text_free(&request.extra);
}

/* What it stands behind could not be kept. (It may have been taken before.) */
static int admit_behind(struct request *request, struct peer *peer)
{
    request->room = peer->room;
    if (request_is_repeat(request))
        return 0;
    int error = behind_check(peer, request->message, request->refusal);
    if (error < 0)
        behind_write(peer, request->message, &request->extra);
    return error;
}

/* A guest that says more than its hello would join by that, and as no observer. */
static int admit_guest(struct request *request, struct peer *peer)
{
    const struct message *message = request->message;
    if (!peer->guest || peer->under_way || message->type == MESSAGE_HELLO)
        return 0;
    behind_note(peer, message, false);
    behind_write(peer, message, &request->extra);
    return refuse(request->refusal, WIRE_STORAGE_UNAVAILABLE,
                  "the hub could not keep that you joined (\"kept\":false): say hello again before "
                  "this");
}

/* Hands the admitted message to its room's log. */
static void request_propose(struct request *request, struct slice room_name, int error, int64_t now)
{
    struct hub *hub = request->hub;
    struct peer *peer = peer_find(hub, request->from);
    if (!request->room)
        request->room = room_open(hub, room_name, now);
    struct entry entry = {.time_ms = now,
                          .peer = request->from,
                          .takes_over = request->takes_over,
                          .kind = ENTRY_MESSAGE,
                          .bytes = request->message->line,
                          .blob = request->blob};
    struct room *room = request->room;
    peer_bind(peer, room, request->message->sender_id);
    peer->under_way++;
    if (peer->principal)
        peer->principal->under_way++;
    struct peer *challenged = peer_challenged(hub, &entry);
    if (challenged)
        challenged->challenged++;
    hub->judged = (struct judged){request, request->judged_at, error};
    int kept = room_propose(room, &entry);
    hub->judged.request = NULL;
    if (kept == 0 && entry.seq > room->last_seq)
        outlines_add(&room->outlines, entry.seq, request->message);
    if (kept == 0)
        return;
    peer = peer_find(hub, request->from); /* what was committed just now may have expelled it */
    if (peer)
        admit_unkept(hub, peer, room, request->message, false, now);
    peer_applied(hub, &entry);
}

void admit_lost(struct room *room, const struct entry *entry)
{
    struct hub *hub = room->hub;
    struct peer *peer = peer_find(hub, entry->peer);
    struct message message;
    struct refusal refusal;
    bool parsed = outlines_take(&room->outlines, entry->seq, entry->bytes, &message) ||
                  message_parse(entry->bytes, &message, &refusal) == 0;
    assert(parsed); /* it was admitted */
    if (peer && parsed)
        admit_unkept(hub, peer, room, &message, true, entry->time_ms);
    peer_applied(hub, entry);
}

/* The id is held by a connection that has left, which the log has not said yet: it will, before
 * it says this. (A claim that is mismatched is let through as well: it counts, which is apply's
 * to say.) */
static bool holder_left(const struct request *request, int judgement)
{
    if (judgement != -(int)WIRE_ID_IN_USE || !request->room)
        return false;
    const struct member *holder = member_find(request->room, request->message->sender_id);
    return holder && holder->peer && !peer_find(request->hub, holder->peer);
}

/* The check's own word, or that of a limit, on who has more under way. */
static bool waits(const struct hub *hub, struct peer *peer)
{
    peer->later = peer->under_way > 0 && hub->edge.go_on;
    return peer->later;
}

/* blob: what comes with it (struct entry). True: it is to be said again later. */
static bool admit_message(struct hub *hub, struct peer *peer, const struct message *message,
                          struct slice blob, peer_id takes_over, struct refusal *refusal,
                          int64_t now)
{
    char name_buffer[ROOM_NAME_MAX];
    struct slice name = {NULL, 0};
    struct findings found;
    struct request request = {.hub = hub,
                              .from = peer->id,
                              .takes_over = takes_over,
                              .member = peer->member,
                              .message = message,
                              .blob = blob,
                              .found = &found,
                              .answered_ms = now,
                              .refusal = refusal};
    bool later = false;
    int judgement = 0, error = admit_challenged(peer, refusal);
    if (error == 0)
        error = admit_behind(&request, peer);
    if (error == 0)
        error = admit_guest(&request, peer);
    if (error == 0)
        error = admit_room(hub, peer, message, name_buffer, &name, &request.room, refusal);
    if (error == 0) {
        request.judged_at = request.room ? request.room->last_seq : 0;
        judgement = request_check(&request);
        error = judgement == 0 ? admit_limits(&request, peer, now)
                : request.mismatched || holder_left(&request, judgement) || chunk_goes_on(&request)
                    ? 0
                    : judgement;
        later = error < 0 && waits(hub, peer);
    }
    if (error == 0) {
        request_propose(&request, name, judgement, now);
    } else if (!later) {
        hub->refused++;
        struct seat seat = peer_seat(peer);
        request.room = peer->room ? peer->room : hub->lobby;
        hub_error(&request, &seat, refusal, message->message_id);
        if (error == -(int)WIRE_LOOP)
            loop_tell(&request);
    }
    text_free(&request.extra);
    return later;
}

/* ── lines ── */

/* What a first message asks to be let in with; the token's text lies in the buffer. */
static struct hub_login login_of(const struct peer *peer, const struct message *message,
                                 char room[ROOM_NAME_MAX], char token[TOKEN_SHOWN_MAX])
{
    struct hub_login login = {
        .peer = peer->id, .ai_id = message->sender_id, .room = slice_of("main")};
    struct refusal ignored; /* a room's name that is none is refused later, to who may come in */
    if (message->type != MESSAGE_HELLO)
        return login;
    if (hello_room(message, room, &login.room, &ignored) < 0)
        login.room = (struct slice){NULL, 0};
    struct json_value shown = json_get(message->payload, "token");
    login.observer = hello_observes(message);
    login.shows = shown.kind != JSON_KIND_ABSENT && shown.kind != JSON_KIND_NULL;
    long len = shown.kind == JSON_KIND_STRING ? json_decode(shown, token, TOKEN_SHOWN_MAX) : 0;
    login.token = (struct slice){token, len > 0 ? (size_t)len : 0};
    return login;
}

/* Who has no name here yet has to be let in, by what its first message shows. False when it was
 * not: it is told, and, unless it may come in under another name, closed. */
static bool admit_stranger(struct hub *hub, struct peer *peer, const struct message *message,
                           struct refusal *refusal, int64_t now)
{
    char room[ROOM_NAME_MAX], token[TOKEN_SHOWN_MAX];
    struct hub_pass pass = {0};
    if (peer->ai_id.len || !hub->edge.let_in)
        return true;
    struct hub_login login = login_of(peer, message, room, token);
    enum close_reason reason = CLOSE_UNAUTHORIZED;
    bool charged = peer->principal;
    int error = hub->edge.let_in(hub->edge.ctx, &login, &pass, refusal);
    bool stays = error == -(int)WIRE_FORBIDDEN;
    explicit_bzero(token, sizeof token);
    if (error == 0) {
        peer_id takes_over =
            message->type == MESSAGE_HELLO ? hello_takes_over(hub, peer->id, message) : 0;
        reason = CLOSE_QUOTA_EXCEEDED;
        error = peer_let_in(hub, peer, &pass, takes_over, refusal);
    }
    if (error == 0 && !charged && peer->principal) {
        stays = true; /* it may say so again */
        error = peer_spend(hub, peer, message->line.len, refusal);
    }
    if (error == 0)
        return true;
    peer_refuse(hub, peer, refusal, message->message_id, now);
    if (!stays) {
        hub->edge.close(hub->edge.ctx, peer->id, reason);
        peer_leave(hub, peer, reason, now);
    }
    return false;
}

/* It leaves: that has its place in the log behind all that it said, and once it is applied it is
 * told so and closed. Until then nothing more of it is taken. */
static void peer_say_leave(struct hub *hub, struct peer *peer, const struct message *message,
                           struct refusal *refusal, int64_t now)
{
    struct room *room = peer->room;
    struct entry entry = {.time_ms = now,
                          .peer = peer->id,
                          .kind = ENTRY_LEAVE,
                          .bytes = slice_of(close_reason_text(CLOSE_LEFT))};
    if (!room || peer->guest) {
        refuse(refusal, WIRE_FORBIDDEN, "nobody has joined on this connection: nobody leaves");
        peer_refuse(hub, peer, refusal, message->message_id, now);
        return;
    }
    peer->leaving = true;
    peer_keep_cursor(hub, peer, now);
    room_happened(room, &entry);
}

/* Its token does not let it say that. */
static int refuse_type(const struct peer *peer, enum message_type type, struct refusal *ret_refusal)
{
    char says[MESSAGE_TYPES_TEXT_SIZE];
    message_types_write(message_types_without(message_types_published(), peer->barred), says);
    if (!*says)
        return refuse(ret_refusal, WIRE_FORBIDDEN,
                      "the token of \"%.*s\" is an observer's, who may look and ask, but say no %s",
                      SLICE_FORMAT(peer_owner(peer)), message_type_text(type));
    return refuse(ret_refusal, WIRE_FORBIDDEN,
                  "the token of \"%.*s\" is not good for %s; what it may say: %s",
                  SLICE_FORMAT(peer_owner(peer)), message_type_text(type), says);
}

/* What its token lets it say. That it waits until its hello is applied: whose it is, is said in
 * that alone, and if it was refused, nobody would know it of what comes behind. */
static int admit_right(const struct peer *peer, const struct message *message,
                       struct refusal *ret_refusal)
{
    if (message_types_has(peer->barred, message->type))
        return refuse_type(peer, message->type, ret_refusal);
    if (peer->principal && !peer_who(peer) && message->type != MESSAGE_HELLO)
        return refuse(ret_refusal, WIRE_FORBIDDEN,
                      "on a hub with tokens a hello comes first, and its answer before all else");
    return 0;
}

/* On a hub with tokens an id stays its owner's, as long as its room remembers it: who took it would
 * be given what was said to it. */
static int admit_id(const struct hub *hub, const struct peer *peer, const struct message *message,
                    struct refusal *ret_refusal)
{
    char buffer[ROOM_NAME_MAX];
    struct slice name;
    if (!peer->principal || hello_room(message, buffer, &name, ret_refusal) < 0)
        return 0; /* which is refused where rooms are looked for */
    const struct room *room = room_find(hub, name);
    const struct member *holder = room ? member_find(room, message->sender_id) : NULL;
    if (!holder || !holder->owner.len || slice_equal(holder->owner, peer_owner(peer)))
        return 0;
    return refuse(ret_refusal, WIRE_ID_IN_USE,
                  "\"%.*s\" is an id of another owner's here; take another one",
                  SLICE_FORMAT(message->sender_id));
}

/* True: it is to be said again later. */
static bool admit_hello(struct hub *hub, struct peer *peer, const struct message *message,
                        struct refusal *refusal, int64_t now)
{
    struct message without;
    struct text line = {0};
    bool later = false;
    peer_id takes_over = hello_takes_over(hub, peer->id, message);
    if (admit_id(hub, peer, message, refusal) < 0) {
        peer_refuse(hub, peer, refusal, message->message_id, now);
        return false;
    }
    struct peer *replaced = peer_find(hub, takes_over);
    if (replaced) /* what was read at one door is not read again at the next */
        peer_keep_cursor(hub, replaced, now);
    if (!hello_cut(message, peer, &line))
        later = admit_message(hub, peer, message, NO_BLOB, takes_over, refusal, now);
    else if (message_parse(text_slice(&line), &without, refusal) == 0)
        later = admit_message(hub, peer, &without, NO_BLOB, takes_over, refusal, now);
    text_free(&line);
    return later;
}

/* Its bytes take another way than its line. The same. */
static bool admit_chunk(struct hub *hub, struct peer *peer, const struct message *message,
                        struct refusal *refusal, int64_t now)
{
    struct message without;
    struct text line = {0}, bytes = {0};
    bool later = false;
    if (chunk_cut(peer, message, &line, &bytes, refusal) < 0)
        peer_refuse(hub, peer, refusal, message->message_id, now);
    else if (message_parse(text_slice(&line), &without, refusal) == 0)
        later = admit_message(hub, peer, &without, text_slice(&bytes), 0, refusal, now);
    text_free(&line);
    text_free(&bytes);
    return later;
}

enum hub_taken hub_line(struct hub *hub, peer_id id, struct slice line, int64_t now)
{
    hub_set_clock(hub, now);
    struct peer *peer = peer_find(hub, id);
    if (!peer || peer->leaving)
        return HUB_TAKEN_SECRET;
    struct message message;
    struct refusal refusal;
    bool later = false, again = peer->later; /* then it was counted */
    peer->later = false;
    peer->heard = hub->clock;
    if (message_parse(line, &message, &refusal) < 0 || admit_check(peer, &message, &refusal) < 0) {
        peer_bad_line(hub, peer, &refusal, message.message_id, now);
        return HUB_TAKEN_SECRET;
    }
    bool secret = message.type == MESSAGE_HELLO;
    peer->bad_lines = 0;
    if (!again && peer_spend(hub, peer, line.len, &refusal) < 0) {
        peer_refuse(hub, peer, &refusal, message.message_id, now);
    } else if (!admit_stranger(hub, peer, &message, &refusal, now)) {
        return secret ? HUB_TAKEN_SECRET : HUB_TAKEN;
    } else if (admit_right(peer, &message, &refusal) < 0) {
        peer_refuse(hub, peer, &refusal, message.message_id, now);
    } else if (message.type == MESSAGE_HEARTBEAT && peer_who(peer)) {
        peer_heartbeat(hub, peer, &message, now);
    } else if (message.type == MESSAGE_LEAVE) {
        peer_say_leave(hub, peer, &message, &refusal, now);
    } else if (message_type_is_query(message.type)) {
        peer_query(hub, peer, &message, &refusal, now);
    } else if (message.type == MESSAGE_HELLO) {
        later = admit_hello(hub, peer, &message, &refusal, now);
    } else if (message.type == MESSAGE_ARTIFACT_CHUNK) {
        later = admit_chunk(hub, peer, &message, &refusal, now);
    } else {
        later = admit_message(hub, peer, &message, NO_BLOB, 0, &refusal, now);
    }
    return later ? HUB_TAKEN_LATER : secret ? HUB_TAKEN_SECRET : HUB_TAKEN;
}

void hub_line_too_long(struct hub *hub, peer_id id, size_t most, int64_t now)
{
    hub_set_clock(hub, now);
    struct peer *peer = peer_find(hub, id);
    struct refusal refusal;
    if (!peer || peer->leaving)
        return;
    peer->heard = hub->clock;
    refuse(&refusal, WIRE_LINE_TOO_LONG,
           "a line has at most %zu bytes; the rest of this one is skipped", most);
    peer_bad_line(hub, peer, &refusal, (struct slice){NULL, 0}, now);
}
