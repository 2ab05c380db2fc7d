/* An AI over HTTP: it joins, says something, reads what others said to it, and leaves. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/bounds.h"
#include "gateway/rest_inside.h"
#include "wire/nearest.h"
#include "wire/shown.h"

#define CAPABILITIES_MAX 64u
#define INBOX_PRESET     50

/* ── joining and leaving ── */

void rest_guest_end(struct rest_guest *guest, bool leaves)
{
    struct rest_call *call, *behind;
    TAILQ_REMOVE(&guest->door->joined, guest, next);
    guests_remove(guest->door->guests, &guest->guest);
    agent_close(guest->agent, leaves); /* what was asked is answered with that */
    for (call = TAILQ_FIRST(&guest->calls); call; call = behind) {
        behind = TAILQ_NEXT(call, of_guest);
        call->gone(call); /* or else it waited for the hub */
    }
    callers_token_free(guest->token);
    free(guest);
}

static void on_idle(struct guest *guest)
{
    rest_guest_end((struct rest_guest *)guest, false);
}

/* The hub will not have it any more; what it waited for was answered with that. */
static void on_ended(struct agent *agent, void *data)
{
    (void)agent;
    rest_guest_end(data, false);
}

static void on_unauthorized(struct agent *agent, void *data)
{
    const struct rest_guest *guest = data;
    (void)agent;
    callers_refused(guest->door->callers, &guest->guest.who);
}

static void on_received(struct agent *agent, const struct mail *message, void *data)
{
    (void)agent, (void)message;
    rest_inbox_came(data);
}

static void on_joined(const struct agent_answer *joined, void *data)
{
    struct rest_call *call = data;
    struct rest_guest *guest = call->guest;
    if (!call->request || !joined->good) {
        bool new = !rest_text(call, "resume_token")[0]; /* nobody could come back to it */
        rest_call_guest(call, NULL);
        if (!rest_lost(call, joined))
            rest_call_free(call);
        rest_guest_end(guest, new);
        return;
    }
    const struct agent *agent = guest->agent;
    http_reply_header(call->request, REST_HANDLE, slice_of(guest->guest.handle));
    rest_reply_json(call, json_pack("{s:s,s:s,s:s,s:s,s:I,s:O?,s:O?,s:O?}", "ai_id",
                                    agent_id(agent), "room", agent_room(agent), "handle",
                                    guest->guest.handle, "resume_token", agent_resume_token(agent),
                                    "cursor", (json_int_t)agent_mailbox(guest->agent)->acked,
                                    "active_ais", json_object_get(joined->payload, "active_ais"),
                                    "sessions", json_object_get(joined->payload, "sessions"),
                                    "leases", json_object_get(joined->payload, "leases")));
}

void rest_join(struct rest_call *call)
{
    static const struct agent_callbacks callbacks = {
        .received = on_received, .ended = on_ended, .unauthorized = on_unauthorized};
    struct khub_options options = call->door->link;
    const char *capabilities[CAPABILITIES_MAX + 1] = {0};
    const json_t *list = json_object_get(call->arguments, "capabilities");
    const char *room = rest_text(call, "room"), *work = rest_text(call, "specialization");
    struct mail_past past = {.acked = (uint64_t)rest_whole(call, "since", 0)};
    for (size_t i = 0; i < json_array_size(list) && i < CAPABILITIES_MAX; i++)
        capabilities[i] = json_string_value(json_array_get(list, i));
    options.ai_id = rest_text(call, "ai_id");
    if (room[0])
        options.room = room;
    options.specialization = work[0] ? work : NULL;
    options.capabilities = capabilities[0] ? capabilities : NULL;
    options.resume_token = rest_text(call, "resume_token");
    options.stays_s = (unsigned)rest_whole(call, "stays_s", 0);
    struct caller who = callers_who(call->door->callers, call->request);
    struct rest_guest *guest = calloc(1, sizeof *guest);
    if (!guest || !callers_link(call->door->callers, call->request, &options, &guest->token) ||
        !guests_add(call->door->guests, &guest->guest, GUEST_REST, &who, on_idle)) {
        if (guest)
            callers_token_free(guest->token);
        free(guest);
        rest_refuse(call, 503, "service_unavailable", "too many AIs are here: try again later");
        return;
    }
    guest->door = call->door;
    TAILQ_INIT(&guest->calls);
    int error = agent_new(call->door->loop, &options, past.acked ? &past : NULL, &callbacks, guest,
                          &guest->agent);
    if (error < 0) {
        guests_remove(call->door->guests, &guest->guest);
        callers_token_free(guest->token);
        free(guest);
        rest_refuse(call, error == KHUB_E_ARGUMENT ? 400 : 503,
                    error == KHUB_E_ARGUMENT ? "bad_request" : "service_unavailable", "%s",
                    khub_error_text(error));
        return;
    }
    TAILQ_INSERT_TAIL(&call->door->joined, guest, next);
    rest_call_guest(call, guest);
    agent_join(guest->agent, on_joined, call);
}

void rest_leave(struct rest_call *call)
{
    struct rest_guest *guest = call->guest;
    if (strcmp(agent_id(guest->agent), rest_text(call, "id")) != 0) {
        rest_refuse(call, 403, "forbidden", "that is not the AI of this " REST_HANDLE);
        return;
    }
    rest_reply(call, &(struct text){0});
    rest_guest_end(guest, true);
}

/* ── saying ── */

/* Is it a type that others hear or that changes something? What it takes to be there is the
 * gateway's. If not, that was answered. */
static bool type_check(struct rest_call *call, const char *name)
{
    struct nearest nearest = {.word = slice_of(name)};
    enum message_type type;
    if (message_type_find(slice_of(name), &type) == 0) {
        if (!message_type_is_published(type))
            rest_refuse(call, 400, "forbidden_type", "%s is not said by this door", name);
        return message_type_is_published(type);
    }
    for (unsigned i = 0; i < MESSAGE_TYPE_COUNT; i++)
        if (message_type_is_published((enum message_type)i))
            nearest_offer(&nearest, slice_of(message_type_text((enum message_type)i)));
    struct slice best = nearest.count > 0 ? nearest.best[0].name : slice_of("chat");
    rest_refuse(call, 400, "unknown_type", "there is no message_type '%s': did you mean '%.*s'?",
                SHOWN(name), SLICE_FORMAT(best));
    return false;
}

void rest_message_post(struct rest_call *call)
{
    struct text payload = {0};
    const char *type = rest_text(call, "message_type");
    if (type[0] && !type_check(call, type))
        return;
    text_add(&payload, rest_raw(call, "payload"));
    rest_say(call, type[0] ? type : "chat", rest_text(call, "message_id"), &payload);
}

/* ── the inbox ── */

static void add_member(struct text *text, const char *name, const char *value)
{
    text_addf(text, "\"%s\":", name);
    text_add_string(text, slice_of(value));
    text_add_literal(text, ",");
}

static void add_mail(struct text *text, const struct mail *mail)
{
    text_addf(text, "{\"seq\":%" PRIu64 ",\"to_you\":%s,\"message\":{", mail->seq,
              mail->directed ? "true" : "false");
    add_member(text, "message_id", mail->message_id);
    add_member(text, "sender_id", mail->sender);
    add_member(text, "message_type", mail->type);
    add_member(text, "timestamp", mail->timestamp);
    if (mail->target[0])
        add_member(text, "target_ai", mail->target);
    else
        text_add_literal(text, "\"target_ai\":null,");
    text_add_literal(text, "\"payload\":");
    text_add(text, (struct slice){mail->payload, mail->payload_len});
    text_add_literal(text, "}}");
}

static void on_timer_closed(uv_handle_t *timer)
{
    free(timer);
}

static void timer_end(struct rest_call *call)
{
    if (call->data)
        uv_close((uv_handle_t *)call->data, on_timer_closed);
    call->data = NULL;
}

static void inbox_tell(struct rest_call *call)
{
    struct agent *agent = call->guest->agent;
    struct mailbox *mailbox = agent_mailbox(agent);
    struct mail_wish wish = {.messages = (size_t)rest_whole(call, "max", INBOX_PRESET),
                             .tokens = (size_t)rest_whole(call, "tokens", INBOX_PROGRAM_TOKENS_MAX),
                             .again = rest_flag(call, "again"),
                             .in_order = true};
    struct mail *picked[INBOX_SHOW_MAX];
    struct text text = {0};
    timer_end(call);
    size_t count = mailbox_pick(mailbox, &wish, picked);
    text_add_literal(&text, "{\"messages\":[");
    for (size_t i = 0; i < count; i++) {
        text_add_literal(&text, i ? "," : "");
        add_mail(&text, picked[i]);
    }
    text_addf(&text, "],\"waiting\":%zu,\"let_go\":%" PRIu64 ",\"cursor\":%" PRIu64 "}",
              mailbox->unshown, mailbox->dropped, mailbox->acked);
    mailbox->dropped = 0;
    if (count > 0)
        agent_showed(agent);
    rest_reply(call, &text);
}

static bool has_something(const struct rest_call *call)
{
    const struct mailbox *mailbox = agent_mailbox(call->guest->agent);
    return mailbox->unshown > 0 || (rest_flag(call, "again") && mailbox->count > 0);
}

static void on_wait_over(uv_timer_t *timer)
{
    inbox_tell(timer->data);
}

/* The client is gone: what waits for it is shown to it another time. Or its AI is. */
static void inbox_gone(struct rest_call *call)
{
    timer_end(call);
    if (call->request)
        rest_refuse(call, 404, "not_found", "this AI has left the hub");
    else
        rest_call_free(call);
}

void rest_inbox(struct rest_call *call)
{
    json_int_t wait = rest_whole(call, "wait_s", 0);
    uv_timer_t *timer = wait == 0 || has_something(call) ? NULL : malloc(sizeof *timer);
    if (!timer) {
        inbox_tell(call);
        return;
    }
    uv_timer_init(call->door->loop, timer);
    timer->data = call;
    call->data = timer;
    call->gone = inbox_gone;
    http_request_abandon_at_end(call->request); /* messages are shown once */
    uv_timer_start(timer, on_wait_over, (uint64_t)wait * 1000, 0);
}

void rest_inbox_came(struct rest_guest *guest)
{
    struct rest_call *call;
    TAILQ_FOREACH (call, &guest->calls, of_guest) {
        if (call->gone == inbox_gone && has_something(call))
            uv_timer_start(call->data, on_wait_over, 0, 0); /* with all else of this turn */
    }
}

/* Whether the hub knows it or will, it is so. */
static void on_cursor_told(const struct agent_answer *answer, void *data)
{
    struct rest_call *call = data;
    (void)answer;
    if (call->request)
        rest_reply_json(call, json_pack("{s:I,s:I}", "acked", (json_int_t)call->acked, "cursor",
                                        (json_int_t)agent_mailbox(call->guest->agent)->acked));
    else
        rest_call_free(call);
}

void rest_ack(struct rest_call *call)
{
    struct agent *agent = call->guest->agent;
    call->acked = agent_ack(agent, (uint64_t)rest_whole(call, "seq", 0));
    agent_tell_cursor(agent, on_cursor_told, call);
}
