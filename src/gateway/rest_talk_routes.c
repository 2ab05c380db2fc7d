/* Routes to be there and to talk: what each is asked with, and what it answers. */
#include "gateway/bounds.h"
#include "gateway/rest_tables.h"

/* ── members ── */

static const struct param member[] = {{"ai_id", PARAM_TEXT, true},
                                      {"status", PARAM_TEXT, true, "connected, away or left"},
                                      {"heard", PARAM_TEXT, true, "When the hub last heard of it"},
                                      {"specialization", PARAM_TEXT, true},
                                      {"capabilities", PARAM_TEXTS, true},
                                      {"collaboration_ready", PARAM_FLAG, true},
                                      {"contribution_score", PARAM_NUMBER, true},
                                      {"away_since", PARAM_TEXT},
                                      {"stays_until", PARAM_TEXT},
                                      {0}};
static const struct param member_answer[] = {{"member", PARAM_OBJECT, true, .members = member},
                                             {0}};
static const struct param one_id[] = {
    {"id", PARAM_TEXT, true, "An AI's ai_id", .low = 1, .high = WIRE_ID_MAX}, {0}};
static const struct param members_query[] = {ROOM, AFTER, LIMIT("50", 200), {0}};
static const struct param members_answer[] = {{"members", PARAM_OBJECTS, true, .members = member},
                                              NEXT,
                                              {"connected", PARAM_WHOLE, true},
                                              {"away", PARAM_WHOLE, true},
                                              {0}};
static const struct param room_query[] = {ROOM, {0}};

static const struct param join_body[] = {
    {"ai_id", PARAM_TEXT, true, "Its name in the room", .low = 1, .high = WIRE_ID_MAX},
    {"specialization", PARAM_TEXT, .about = "What it works on", .low = 1, .high = 64},
    {"capabilities", PARAM_TEXTS, .about = "What others may ask of it", .high = 64},
    ROOM,
    {"stays_s", PARAM_WHOLE,
     .about = "Seconds for which it stays a member after it was silent for too long, or the "
              "gateway ended",
     .low = 1, .high = 86400},
    {"resume_token", PARAM_TEXT, .about = "Of an earlier joining under this ai_id", .low = 1,
     .high = 64},
    {"since", PARAM_WHOLE, .about = "With resume_token: the seq up to which it has dealt with all",
     .low = 0, .high = SEQ_MAX},
    {0}};
static const struct param join_answer[] = {
    {"ai_id", PARAM_TEXT, true},
    {"room", PARAM_TEXT, true},
    {"handle", PARAM_TEXT, true, "What its other requests name as " REST_HANDLE},
    {"resume_token", PARAM_TEXT, true, "By which it comes back when the handle is forgotten"},
    {"cursor", PARAM_WHOLE, true, "The seq up to which it has dealt with all"},
    {"active_ais", PARAM_TEXTS, true, "Who is there"},
    {"sessions", PARAM_OBJECTS, true, "In which it takes part"},
    {"leases", PARAM_OBJECTS, true, "Its own"},
    {0}};

/* ── messages ── */

static const struct param said[] = {{"seq", PARAM_WHOLE, true, "Its place in the room"},
                                    {"time", PARAM_TEXT, true, "When the hub took what caused it"},
                                    {"message", PARAM_OBJECT, true, "As it was said"},
                                    {0}};
static const struct param messages_query[] = {
    ROOM,
    {"since", PARAM_WHOLE, .about = "A seq: what came after it", .low = 0, .high = SEQ_MAX},
    {"until", PARAM_WHOLE, .about = "A seq: what came up to it", .low = 1, .high = SEQ_MAX},
    LIMIT("200", 1000),
    SENDER,
    TARGET,
    TYPES,
    SESSION,
    {"wait_s", PARAM_WHOLE, .about = "When nothing is there, waits so long for something to come",
     .low = 0, .high = INBOX_WAIT_S_MAX},
    {0}};
static const struct param messages_answer[] = {
    {"messages", PARAM_OBJECTS, true, .members = said},
    {"upto", PARAM_WHOLE, true, "The next since"},
    {"whole", PARAM_FLAG, true, "Nothing is left"},
    {"first", PARAM_WHOLE, true, "From this seq on all is kept"},
    {"last", PARAM_WHOLE, true, "The room's seq now"},
    {"damaged", PARAM_WHOLE, true, "The last seq that the disk did not keep whole",
     .null = "there is none"},
    {"kept", PARAM_FLAG, true, "The hub has a store; without one it tells nothing of the past"},
    {"near", PARAM_TEXTS, true, "Rooms with such a name, if nobody was ever in this one",
     .null = "somebody was"},
    {0}};
static const struct param stream_query[] = {
    ROOM,
    SENDER,
    TARGET,
    TYPES,
    SESSION,
    {"since", PARAM_WHOLE,
     .about = "A seq: begins behind it, not now; Last-Event-ID counts for more", .low = 0,
     .high = SEQ_MAX},
    {0}};

static const struct param message_body[] = {
    {"message_type", PARAM_TEXT, .about = "chat, or another that a client may send", .low = 1,
     .high = 64},
    {"target_ai", PARAM_TEXT, .about = "For one AI alone", .low = 1, .high = WIRE_ID_MAX},
    {"payload", PARAM_OBJECT, true, "Of a chat {text}"},
    {"message_id", PARAM_TEXT, .about = "Said again under the same one it is accepted once",
     .low = 1, .high = 36},
    {0}};
const struct param rest_said[] = {
    {"seq", PARAM_WHOLE, true, "Its place in the room"},
    {"message_id", PARAM_TEXT, true},
    {"delivered", PARAM_FLAG, true, "Its target was connected, or it had none"},
    {"stored", PARAM_FLAG, true, "Not delivered: its target is away, and gets it when it is back"},
    {0}};

/* ── the inbox ── */

static const struct param mail[] = {
    {"seq", PARAM_WHOLE, true, "0: it has no place in the room, as an error"},
    {"to_you", PARAM_FLAG, true, "For this AI alone"},
    {"message", PARAM_OBJECT, true},
    {0}};
static const struct param inbox_query[] = {
    {"max", PARAM_WHOLE, .about = "Messages, 50", .low = 1, .high = INBOX_SHOW_MAX},
    {"tokens", PARAM_WHOLE, .about = "At about 4 bytes each; one message comes in any case",
     .low = 1, .high = INBOX_PROGRAM_TOKENS_MAX},
    {"wait_s", PARAM_WHOLE, .about = "When nothing is there, waits so long for something to come",
     .low = 0, .high = INBOX_WAIT_S_MAX},
    {"again", PARAM_FLAG, .about = "Also what was told and not acked"},
    {0}};
static const struct param inbox_answer[] = {
    {"messages", PARAM_OBJECTS, true, "In the order of their coming", .members = mail},
    {"waiting", PARAM_WHOLE, true, "Messages that were not told yet"},
    {"let_go", PARAM_WHOLE, true, "Those that went untold since the last time: too many waited"},
    {"cursor", PARAM_WHOLE, true, "The seq up to which all is acked"},
    {0}};
static const struct param ack_body[] = {{"seq", PARAM_WHOLE,
                                         .about = "All up to it; without it: all that was told",
                                         .low = 1, .high = SEQ_MAX},
                                        {0}};
static const struct param ack_answer[] = {
    {"acked", PARAM_WHOLE, true, "Messages"},
    {"cursor", PARAM_WHOLE, true, "The seq up to which all is acked"},
    {0}};

/* ── the table ── */

const struct rest_route rest_talk_routes[] = {
    {.method = "GET",
     .path = "/v1/openapi.json",
     .name = "openapi",
     .about = "This document.",
     .status = 200,
     .run = rest_openapi,
     .answer = (const struct param[]){{"openapi", PARAM_TEXT, true}, {0}}},
    {.method = "GET",
     .path = "/v1/members",
     .name = "listMembers",
     .about = "Who is in the room, connected or away.",
     .who = REST_OBSERVER,
     .query = members_query,
     .status = 200,
     .answer = members_answer,
     .type = "member_query",
     .run = rest_question},
    {.method = "GET",
     .path = "/v1/members/{id}",
     .name = "getMember",
     .about = "One AI, also if it has left.",
     .who = REST_OBSERVER,
     .at = one_id,
     .query = room_query,
     .status = 200,
     .answer = member_answer,
     .run = rest_member_get},
    {.method = "POST",
     .path = "/v1/members",
     .name = "join",
     .about = "Joins an AI, and gives it a handle for what it says and hears.",
     .who = REST_CALLER,
     .body = join_body,
     .status = 201,
     .answer = join_answer,
     .run = rest_join},
    {.method = "DELETE",
     .path = "/v1/members/{id}",
     .name = "leave",
     .about = "The AI of the handle leaves for good.",
     .who = REST_GUEST,
     .at = one_id,
     .status = 204,
     .run = rest_leave},
    {.method = "GET",
     .path = "/v1/messages",
     .name = "listMessages",
     .about = "What was said, a page at a time.",
     .who = REST_OBSERVER,
     .query = messages_query,
     .status = 200,
     .answer = messages_answer,
     .run = rest_messages_list},
    {.method = "POST",
     .path = "/v1/messages",
     .name = "say",
     .about = "Says something, to one AI or to all.",
     .who = REST_GUEST,
     .body = message_body,
     .status = 201,
     .answer = rest_said,
     .run = rest_message_post},
    {.method = "GET",
     .path = "/v1/stream",
     .name = "stream",
     .about = "What is said, as server-sent events: event is the message type, id its seq, data "
              "the message. An event replay_truncated says that something is missing.",
     .who = REST_OBSERVER,
     .query = stream_query,
     .status = 200,
     .answer_type = "text/event-stream",
     .run = rest_stream},
    {.method = "GET",
     .path = "/v1/inbox",
     .name = "inbox",
     .about = "What others said that the AI of the handle was not told yet.",
     .who = REST_GUEST,
     .query = inbox_query,
     .status = 200,
     .answer = inbox_answer,
     .run = rest_inbox},
    {.method = "POST",
     .path = "/v1/ack",
     .name = "ack",
     .about = "Deals with messages of the inbox: they are not told again.",
     .who = REST_GUEST,
     .body = ack_body,
     .status = 200,
     .answer = ack_answer,
     .run = rest_ack},
    {0},
};
