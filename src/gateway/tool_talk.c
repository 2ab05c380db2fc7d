/* Tools to be there and to talk: join, who, say, inbox, ack, leave. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/bounds.h"
#include "gateway/mcp_inside.h"
#include "gateway/quoted.h"
#include "wire/bounds.h"
#include "wire/clock.h"

#define SAID_MAX 512u /* messages that may be replied to */

/* ── join ── */

static json_t *waiting_of(struct agent *agent)
{
    return mailbox_rest(agent_mailbox(agent));
}

static void tell_joined(struct mcp_call *call, struct agent *agent)
{
    const json_t *sync = agent_sync(agent), *here = json_object_get(sync, "active_ais"), *id;
    const char *hub = call->mcp->options.link.address;
    struct text text = {0};
    size_t i;
    json_t *waiting = waiting_of(agent);
    text_addf(&text, "You are ");
    text_add_shown(&text, slice_of(agent_id(agent)));
    text_addf(&text, " in room ");
    text_add_shown(&text, slice_of(agent_room(agent)));
    text_addf(&text, " at %s. Here: ", hub ? hub : "the hub");
    json_array_foreach(here, i, id)
    {
        text_add_literal(&text, i ? ", " : "");
        text_add_shown(&text, slice_of(json_string_value(id)));
    }
    text_add_literal(&text, ".\n");
    mail_rest_write(&text, waiting);
    if (call->mcp->handle[0])
        text_addf(&text, "Your handle, for all other calls: %s\n", call->mcp->handle);
    call_tell(call,
              json_pack("{s:s,s:s,s:O?,s:o,s:O?,s:O?,s:s*}", "ai_id", agent_id(agent), "room",
                        agent_room(agent), "here", here, "waiting", waiting, "sessions",
                        json_object_get(sync, "sessions"), "leases",
                        json_object_get(sync, "leases"), "handle",
                        call->mcp->handle[0] ? call->mcp->handle : NULL),
              &text);
}

#define CAPABILITIES_MAX 64u

static void run_join(struct mcp_call *call)
{
    struct mcp *mcp = call->mcp;
    struct khub_options options = mcp->options.link;
    const char *capabilities[CAPABILITIES_MAX + 1] = {0};
    const char *name = argument_text(call, "name"), *room = argument_text(call, "room");
    const char *work = argument_text(call, "specialization");
    const json_t *list = json_object_get(call->arguments, "capabilities");
    if (mcp->agent && !agent_ended(mcp->agent)) {
        bool other = (name[0] && strcmp(name, agent_id(mcp->agent)) != 0) ||
                     (room[0] && strcmp(room, agent_room(mcp->agent)) != 0);
        if (other) {
            call_fail(call, "you are %s in room %s already: call leave first", agent_id(mcp->agent),
                      agent_room(mcp->agent));
            return;
        }
    }
    for (size_t i = 0; i < json_array_size(list) && i < CAPABILITIES_MAX; i++)
        capabilities[i] = json_string_value(json_array_get(list, i));
    if (name[0])
        options.ai_id = name;
    if (room[0])
        options.room = room;
    if (work[0])
        options.specialization = work;
    if (capabilities[0])
        options.capabilities = capabilities;
    call_join_as(call, &options, tell_joined);
}

const struct tool tool_join = {
    .name = "join",
    .title = "Join the room",
    .about = "Joins the room (other tools do it by themselves, under a name made up). Tells who is "
             "there and what waits for you.",
    .params =
        (const struct param[]){
            {"name", PARAM_TEXT, .about = "Yours, e.g. reviewer-2", .low = 1, .high = WIRE_ID_MAX},
            {"specialization", PARAM_TEXT, .about = "What you work on", .low = 1, .high = 64},
            {"capabilities", PARAM_TEXTS, .about = "What others may ask of you",
             .high = CAPABILITIES_MAX},
            {"room", PARAM_TEXT, .low = 1, .high = 64},
            {0}},
    .results = (const struct param[]){{"ai_id", PARAM_TEXT, true},
                                      {"room", PARAM_TEXT, true},
                                      {"here", PARAM_TEXTS, true},
                                      {"waiting", PARAM_OBJECT, true, "Counts of unread messages"},
                                      {"sessions", PARAM_OBJECTS, true},
                                      {"leases", PARAM_OBJECTS, true},
                                      {"handle", PARAM_TEXT},
                                      {0}},
    .run = run_join,
};

/* ── who ── */

static void add_texts(struct text *text, const json_t *list)
{
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one)
    {
        text_add_literal(text, i ? ", " : "");
        text_add_shown(text, slice_of(json_string_value(one) ? json_string_value(one) : ""));
    }
}

static void add_titles(struct text *text, const json_t *list, const char *name, const char *what)
{
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one)
    {
        const char *title = json_string_value(json_object_get(one, name));
        text_addf(text, "%s%s ", i ? ", " : "; ", what);
        text_add_shown(text, slice_of(title ? title : ""));
    }
}

/* Since when it said nothing, and what it has under way. */
static void add_work(struct text *text, const json_t *member)
{
    const char *idle = json_string_value(json_object_get(member, "idle_since"));
    const json_t *on = json_object_get(member, "on");
    if (idle) {
        text_add_literal(text, "; idle since ");
        text_add_shown(text, slice_of(idle));
    }
    add_titles(text, json_object_get(on, "leases"), "key", "works on");
    add_titles(text, json_object_get(on, "tasks"), "title", "has the task");
    add_titles(text, json_object_get(on, "sessions"), "type", "in a session,");
}

static void add_member(struct text *text, const json_t *member)
{
    const char *id = json_string_value(json_object_get(member, "ai_id"));
    const char *work = json_string_value(json_object_get(member, "specialization"));
    const char *away = json_string_value(json_object_get(member, "away_since"));
    const json_t *capabilities = json_object_get(member, "capabilities");
    text_add_shown(text, slice_of(id ? id : ""));
    text_add_literal(text, away ? ": away since " : ": here, ");
    if (away) {
        text_add_shown(text, slice_of(away));
        text_add_literal(text, ", ");
    }
    text_add_shown(text, slice_of(work ? work : ""));
    if (json_array_size(capabilities) > 0)
        text_add_literal(text, "; can ");
    add_texts(text, capabilities);
    add_work(text, member);
    text_add_literal(text, "\n");
}

static void on_who(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    const json_t *members = json_object_get(answer->payload, "members"), *member;
    struct text text = {0};
    size_t i;
    if (!answer->good) {
        call_refused(call, answer);
        return;
    }
    json_array_foreach(members, i, member)
    {
        add_member(&text, member);
    }
    call_tell(call,
              json_pack("{s:O?,s:O?}", "members", members, "next",
                        json_object_get(answer->payload, "next")),
              &text);
}

/* "bea: acted on it (#44)" */
static void add_receiver(struct text *text, const json_t *receiver)
{
    const char *id = json_string_value(json_object_get(receiver, "ai_id"));
    const char *state = json_string_value(json_object_get(receiver, "state"));
    const json_t *by = json_object_get(receiver, "by_seq");
    text_add_shown(text, slice_of(id ? id : ""));
    text_add_literal(text, ": ");
    text_add_shown(text, slice_of(state ? state : ""));
    if (json_is_integer(by))
        text_addf(text, " (#%" PRId64 ")", (int64_t)json_integer_value(by));
    text_add_literal(text, "\n");
}

static void on_sent(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    const json_t *message = json_array_get(json_object_get(answer->payload, "messages"), 0);
    const json_t *receivers = json_object_get(message, "receivers"), *receiver;
    struct text text = {0};
    size_t i;
    if (!answer->good) {
        call_refused(call, answer);
        return;
    }
    json_array_foreach(receivers, i, receiver)
    {
        add_receiver(&text, receiver);
    }
    if (json_array_size(receivers) == 0)
        text_add_literal(&text, "Nobody was there.\n");
    call_tell(call,
              json_pack("{s:O?,s:O?,s:O?}", "members", receivers, "counts",
                        json_object_get(message, "counts"), "next",
                        json_object_get(answer->payload, "next")),
              &text);
}

static void who(struct mcp_call *call, struct agent *agent)
{
    json_int_t seq = argument_whole(call, "message", 0);
    json_t *after = json_object_get(call->arguments, "after");
    if (seq > 0) {
        agent_ask(agent, "sent_query", json_pack("{s:I,s:O*}", "seq", seq, "after", after), on_sent,
                  call);
        return;
    }
    agent_ask(agent, "member_query", json_pack("{s:O*}", "after", after), on_who, call);
}

static void run_who(struct mcp_call *call)
{
    call_join(call, who);
}

const struct tool tool_who = {
    .name = "who",
    .title = "Who is there",
    .about =
        "Who is in the room, connected or away, since when idle, what they work on now and can "
        "do. With message: who has it: stored (waits), delivered (in its client's hands), seen "
        "(it said so), acted_on (by_seq answers it), dead or gone.",
    .params = (const struct param[]){{"message", PARAM_WHOLE, .about = "seq of what you said",
                                      .low = 1, .high = 9007199254740992.},
                                     {"after", PARAM_TEXT, .about = "next of the last answer",
                                      .low = 1, .high = WIRE_ID_MAX},
                                     {0}},
    .results =
        (const struct param[]){
            {"members", PARAM_OBJECTS, true}, {"counts", PARAM_OBJECT}, {"next", PARAM_ANY}, {0}},
    .reads = true,
    .run = run_who,
};

/* ── say ── */

/* Replies name seqs; the hub wants message_ids. */
static void remember(struct mcp *mcp, const struct mail *message)
{
    char seq[24];
    if (message->seq == 0)
        return;
    while (json_object_size(mcp->said) >= SAID_MAX) /* in the order of their adding */
        json_object_del(mcp->said, json_object_iter_key(json_object_iter(mcp->said)));
    snprintf(seq, sizeof seq, "%" PRIu64, message->seq);
    json_object_set_new(mcp->said, seq, json_string(message->message_id));
}

static void on_said(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    const char *to = argument_text(call, "to");
    struct text text = {0};
    if (!answer->good) {
        call_refused(call, answer);
        return;
    }
    const char *state = !to[0]              ? "sent"
                        : answer->delivered ? "delivered"
                        : answer->stored    ? "stored"
                                            : "missed";
    text_addf(&text, "#%" PRIu64 " is ", answer->seq);
    if (!to[0])
        text_add_literal(&text, "said to all in the room.");
    else if (answer->delivered)
        text_add_literal(&text,
                         "in the hands of its target's client; if it was read, nobody said.");
    else if (answer->stored)
        text_add_literal(&text, "kept: its target is away, and gets it at its next turn.");
    else
        text_add_literal(&text, "in nobody's hands: its target is not connected, and does not "
                                "stay; unless it comes back and asks, nobody reads it.");
    call_tell(call,
              json_pack("{s:I,s:s,s:s}", "seq", (json_int_t)answer->seq, "message_id",
                        answer->message_id, "state", state),
              &text);
}

static void say(struct mcp_call *call, struct agent *agent)
{
    const char *type = argument_text(call, "type"), *to = argument_text(call, "to");
    const json_t *given = json_object_get(call->arguments, "payload");
    json_t *payload = json_is_object(given) ? json_deep_copy(given) : json_object();
    json_t *text = json_object_get(call->arguments, "text");
    json_t *wait = json_object_get(call->arguments, "reply_by_s");
    json_int_t reply = argument_whole(call, "reply_to", 0);
    if (json_is_string(text))
        json_object_set(payload, "text", text);
    if (json_is_number(wait))
        json_object_set(payload, "reply_by", wait);
    if (reply > 0) {
        char seq[24];
        snprintf(seq, sizeof seq, "%" PRId64, (int64_t)reply);
        json_t *id = json_object_get(call->mcp->said, seq);
        if (!id) {
            json_decref(payload);
            call_fail(call,
                      "reply_to is %" PRId64 ": none of the last messages of your inbox has that "
                      "seq",
                      (int64_t)reply);
            return;
        }
        json_object_set(payload, "in_reply_to", id);
    }
    agent_say(agent, type[0] ? type : "chat", payload, to[0] ? to : NULL, on_said, call);
}

static void run_say(struct mcp_call *call)
{
    if (!json_object_get(call->arguments, "text") && !json_object_get(call->arguments, "payload"))
        call_fail(call, "say: 'text' is missing (or, of other types than chat, 'payload')");
    else if (json_object_get(call->arguments, "reply_by_s") && !argument_text(call, "to")[0])
        call_fail(call, "say: 'reply_by_s' wants a 'to': whose reply?");
    else
        call_join(call, say);
}

const struct tool tool_say = {
    .name = "say",
    .title = "Say something",
    .about =
        "Says something to one AI or to all. Tells what became of it (later: who): delivered (in its "
        "client's hands), stored (it is away and gets it later), left (it is gone). Names that "
        "nobody had are refused.",
    .params =
        (const struct param[]){
            {"text", PARAM_TEXT, .low = 1, .high = 262144},
            {"to", PARAM_TEXT, .about = "An AI's name; without it: all", .low = 1,
             .high = WIRE_ID_MAX},
            {"reply_to", PARAM_WHOLE, .about = "seq of the message that this answers", .low = 1,
             .high = 9007199254740992.},
            {"reply_by_s", PARAM_NUMBER, .about = "Seconds for a reply; if none comes you are told",
             .low = 0.1, .high = 86400},
            {"type", PARAM_TEXT,
             .about = "chat, or another message type of the hub: approval_request "
                      "{question, choices, default, timeout_s} asks a person",
             .low = 1, .high = 64},
            {"payload", PARAM_OBJECT, .about = "Of other types"},
            {0}},
    .results =
        (const struct param[]){{"seq", PARAM_WHOLE, true},
                               {"message_id", PARAM_TEXT, true},
                               {"state", PARAM_TEXT, true, "sent, delivered, stored or missed"},
                               {0}},
    .run = run_say,
};

/* ── inbox ── */

static void inbox_tell(struct mcp_call *call, struct agent *agent)
{
    struct mailbox *mailbox = agent_mailbox(agent);
    struct mail_wish wish = {
        .messages = (size_t)argument_whole(call, "max", 20),
        .tokens = (size_t)argument_whole(call, "tokens", 2000),
        .again = argument_flag(call, "again"),
    };
    struct mail *picked[INBOX_SHOW_MAX];
    struct text text = {0};
    size_t count = mailbox_pick(mailbox, &wish, picked);
    for (size_t i = 0; i < count; i++)
        remember(call->mcp, picked[i]);
    json_t *rest = mailbox_rest(mailbox);
    mailbox->dropped = 0;
    if (count > 0)
        agent_showed(agent);
    if (count == 0)
        text_add_literal(&text, "Nothing new.\n");
    mail_write(&text, picked, count, wish.tokens);
    mail_rest_write(&text, rest);
    call_tell(call,
              json_pack("{s:o,s:o,s:I}", "messages", mail_json(picked, count, wish.tokens), "rest",
                        rest, "acked", (json_int_t)mailbox->acked),
              &text);
}

static bool has_something(const struct mcp_call *call)
{
    const struct mailbox *mailbox = agent_mailbox(call->mcp->agent);
    return mailbox->unshown > 0 || (argument_flag(call, "again") && mailbox->count > 0);
}

static void on_wait_over(uv_timer_t *timer)
{
    struct mcp_call *call = timer->data;
    inbox_tell(call, call->mcp->agent);
}

/* Nobody wants the answer, or nothing will come any more. */
static void cancel_wait(struct mcp_call *call)
{
    if (call->cancelled)
        call_fail(call, "cancelled"); /* what came in this turn is not shown to nobody */
    else
        inbox_tell(call, call->mcp->agent);
}

static void inbox_wait(struct mcp_call *call, struct agent *agent)
{
    json_int_t wait = argument_whole(call, "wait_s", 0);
    if (wait == 0 || call->mcp->finishing || has_something(call)) {
        inbox_tell(call, agent);
        return;
    }
    call->timer = malloc(sizeof *call->timer);
    if (!call->timer) {
        call_fail(call, "out of memory");
        return;
    }
    uv_timer_init(call->mcp->options.loop, call->timer);
    call->timer->data = call;
    call->cancel = cancel_wait;
    uv_timer_start(call->timer, on_wait_over, (uint64_t)wait * 1000, 0);
}

void mcp_inbox_came(struct mcp *mcp)
{
    struct mcp_call *call = TAILQ_FIRST(&mcp->calls);
    while (call) {
        struct mcp_call *behind = TAILQ_NEXT(call, next);
        if (call->timer && uv_is_active((uv_handle_t *)call->timer) && has_something(call))
            uv_timer_start(call->timer, on_wait_over, 0, 0); /* with all else of this turn */
        call = behind;
    }
}

static void run_inbox(struct mcp_call *call)
{
    call_join(call, inbox_wait);
}

const struct tool tool_inbox = {
    .name = "inbox",
    .title = "Read what others said",
    .about = "What others said that you have not read: what is for you alone first, then the "
             "newest; the rest is counted. Shown once; ack what you have dealt with.",
    .params =
        (const struct param[]){
            {"wait_s", PARAM_WHOLE, .about = "Waits so long for something to come", .low = 0,
             .high = INBOX_WAIT_S_MAX},
            {"max", PARAM_WHOLE, .about = "Messages, 20", .low = 1, .high = INBOX_SHOW_MAX},
            {"tokens", PARAM_WHOLE, .about = "About, 2000", .low = 100, .high = INBOX_TOKENS_MAX},
            {"again", PARAM_FLAG, .about = "Also what was shown and not acked"},
            {0}},
    .results = (const struct param[]){{"messages", PARAM_OBJECTS, true},
                                      {"rest", PARAM_OBJECT, true, "What was not shown: counts"},
                                      {"acked", PARAM_WHOLE, true},
                                      {0}},
    .reads = true,
    .run = run_inbox,
};

/* ── ack ── */

static void on_cursor_told(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    struct text text = {0};
    if (!call->mcp->agent) { /* it has left meanwhile */
        call_refused(call, answer);
        return;
    }
    const struct mailbox *mailbox = agent_mailbox(call->mcp->agent);
    text_addf(&text, "%zu done with, %zu wait.", call->acked, mailbox->count);
    if (!answer->good)
        text_add_literal(&text, " The hub is told when it is there again.");
    call_tell(call,
              json_pack("{s:I,s:I,s:I}", "done", (json_int_t)call->acked, "waiting",
                        (json_int_t)mailbox->count, "acked", (json_int_t)mailbox->acked),
              &text);
}

static void ack(struct mcp_call *call, struct agent *agent)
{
    call->acked = agent_ack(agent, (uint64_t)argument_whole(call, "seq", 0));
    agent_tell_cursor(agent, on_cursor_told, call);
}

static void run_ack(struct mcp_call *call)
{
    call_join(call, ack);
}

const struct tool tool_ack = {
    .name = "ack",
    .title = "Done with messages",
    .about = "You have dealt with what the inbox showed you, or with everything up to seq. What is "
             "not acked comes again after a restart.",
    .params =
        (const struct param[]){{"seq", PARAM_WHOLE, .low = 1, .high = 9007199254740992.}, {0}},
    .results = (const struct param[]){{"done", PARAM_WHOLE, true},
                                      {"waiting", PARAM_WHOLE, true},
                                      {"acked", PARAM_WHOLE, true},
                                      {0}},
    .run = run_ack,
};

/* ── leave ── */

static void run_leave(struct mcp_call *call)
{
    struct mcp *mcp = call->mcp;
    struct text text = {0};
    bool was = mcp->agent && !agent_ended(mcp->agent);
    text_add_literal(&text, was ? "You have left the room." : "You were in no room.");
    if (was && mcp->options.keeper)
        mcp->options.keeper->keep(mcp->options.keeper, mcp->agent, true);
    mcp_give_up(mcp, true);
    call_tell(call, json_pack("{s:b}", "left", was), &text);
}

const struct tool tool_leave = {
    .name = "leave",
    .title = "Leave the room",
    .about = "Leaves the room for good. Who joins by your name again reads on where you stopped.",
    .params = (const struct param[]){{0}},
    .results = (const struct param[]){{"left", PARAM_FLAG, true}, {0}},
    .run = run_leave,
};
