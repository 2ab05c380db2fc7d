#include "gateway/mcp_http.h"

#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "gateway/mcp_inside.h"
#include "gateway/rpc.h"
#include "wire/clock.h"

#define TICK_MS         10000u
#define NOTES_MAX       256u /* notifications that a stream which was lost can resume from */
#define HEADER_MISMATCH (-32020)

struct note {
    uint64_t number;
    char *text;
    TAILQ_ENTRY(note) next;
};
TAILQ_HEAD(note_list, note);

/* A conversation: a session of the earlier era, or an AI of the later one. */
struct talk {
    struct guest guest;       /* first; its handle is the session's id */
    struct mcp_outlet outlet; /* of what answers nothing */
    struct mcp_door *door;
    struct mcp *mcp;
    char *token;                 /* that its AI shows; owned, a secret; NULL: none */
    bool refused;                /* the hub takes that no more */
    struct http_request *stream; /* GET's; NULL: none */
    struct note_list notes;      /* the last ones */
    size_t note_count;
    uint64_t note_number; /* of the last */
    TAILQ_ENTRY(talk) next;
};
TAILQ_HEAD(talk_list, talk);

/* A POST with a request, until it is answered. */
struct exchange {
    struct mcp_outlet outlet; /* first */
    struct mcp_door *door;
    struct talk *talk; /* NULL: of nobody */
    struct mcp *mcp;
    struct http_request *request; /* NULL: the client is gone */
    json_t *id;
    bool modern, streams;
    bool taking; /* mcp_take_message is not back yet */
    bool ended;
    TAILQ_ENTRY(exchange) next;
};
TAILQ_HEAD(exchange_list, exchange);

struct mcp_door {
    uv_loop_t *loop;
    struct khub_options link; /* but for what it shows */
    struct callers *callers;
    struct guests *guests;
    const struct mcp_more *more;
    uv_timer_t timer;
    struct talk_list talks;
    struct exchange_list exchanges; /* under way */
    struct mcp *nobody;             /* answers what needs no AI */
};

/* ── conversations ── */

/* The one of who calls. guest is first. */
static struct talk *talk_find(const struct mcp_door *door, const struct http_request *request,
                              struct slice handle, enum guest_kind kind)
{
    struct caller who = callers_who(door->callers, request);
    return (struct talk *)guests_find(door->guests, handle, kind, &who);
}

static void note_free(struct talk *talk, struct note *note)
{
    TAILQ_REMOVE(&talk->notes, note, next);
    talk->note_count--;
    free(note->text);
    free(note);
}

static void on_stream_gone(struct http_request *request, void *data)
{
    struct talk *talk = data;
    (void)request;
    talk->stream = NULL;
}

static bool note_send(struct talk *talk, const struct note *note)
{
    char id[U64_SIZE];
    u64_format(note->number, id);
    if (!http_stream_event(talk->stream, (struct slice){0}, slice_of(id), slice_of(note->text)))
        talk->stream = NULL; /* it comes back with the id of the last that it has */
    return talk->stream != NULL;
}

/* What answers nothing goes to the stream, and is kept for one that comes back. */
static void talk_note(struct mcp_outlet *outlet, const json_t *message)
{
    struct talk *talk = (struct talk *)(void *)((char *)outlet - offsetof(struct talk, outlet));
    struct note *note = calloc(1, sizeof *note);
    char *text = note ? json_dumps(message, JSON_COMPACT) : NULL;
    if (!text) {
        free(note);
        return;
    }
    *note = (struct note){.number = ++talk->note_number, .text = text};
    TAILQ_INSERT_TAIL(&talk->notes, note, next);
    if (++talk->note_count > NOTES_MAX)
        note_free(talk, TAILQ_FIRST(&talk->notes));
    if (talk->stream)
        note_send(talk, TAILQ_LAST(&talk->notes, note_list));
}

static void on_idle(struct guest *guest);
static void on_unauthorized(void *host);

/* For who calls. NULL: out of memory, or there are too many. */
static struct talk *talk_new(struct mcp_door *door, const struct http_request *request,
                             enum guest_kind kind)
{
    struct talk *talk = calloc(1, sizeof *talk);
    struct caller who = callers_who(door->callers, request);
    struct khub_options link = door->link;
    if (!talk)
        return NULL;
    talk->outlet.send = talk_note;
    talk->door = door;
    TAILQ_INIT(&talk->notes);
    if (callers_link(door->callers, request, &link, &talk->token))
        talk->mcp = mcp_new(&(struct mcp_options){.loop = door->loop,
                                                  .link = link,
                                                  .outlet = &talk->outlet,
                                                  .more = door->more,
                                                  .unauthorized = on_unauthorized,
                                                  .host = talk});
    if (!talk->mcp || !guests_add(door->guests, &talk->guest, kind, &who, on_idle)) {
        if (talk->mcp)
            mcp_close(talk->mcp);
        callers_token_free(talk->token);
        free(talk);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&door->talks, talk, next);
    return talk;
}

/* ── answers ── */

static void exchange_free(struct exchange *exchange)
{
    TAILQ_REMOVE(&exchange->door->exchanges, exchange, next);
    json_decref(exchange->id);
    if (exchange->talk)
        guest_done(&exchange->talk->guest);
    free(exchange);
}

static unsigned status_of(const struct exchange *exchange, const json_t *message)
{
    const json_t *error = json_object_get(message, "error");
    json_int_t code = json_integer_value(json_object_get(error, "code"));
    if (!error)
        return 200;
    if (code == RPC_PARSE_ERROR || code == RPC_INVALID_REQUEST)
        return 400;
    if (!exchange->modern)
        return 200;
    return code == RPC_METHOD_NOT_FOUND ? 404 : code == RPC_INTERNAL_ERROR ? 500 : 400;
}

/* Takes nothing. */
static void reply_json(struct http_request *request, unsigned status, const json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);
    if (text)
        http_reply(request, status, "application/json", slice_of(text));
    else
        http_reply_error(request, 500, "out of memory");
    free(text);
}

static void stream_send(struct exchange *exchange, const json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);
    if (text &&
        !http_stream_event(exchange->request, (struct slice){0}, (struct slice){0}, slice_of(text)))
        exchange->request = NULL;
    free(text);
}

static void exchange_gone(struct exchange *exchange)
{
    exchange->request = NULL;
    if (!exchange->ended)
        mcp_outlet_gone(exchange->mcp, &exchange->outlet);
    exchange_free(exchange);
}

static void on_gone(struct http_request *request, void *data)
{
    (void)request;
    exchange_gone(data);
}

/* A notification of a request makes its answer a stream of events. */
static void exchange_stream(struct exchange *exchange, const json_t *message)
{
    if (!exchange->streams && exchange->request) {
        exchange->streams = true;
        if (!http_stream_begin(exchange->request))
            exchange->request = NULL;
    }
    if (exchange->request)
        stream_send(exchange, message);
}

static void exchange_send(struct mcp_outlet *outlet, const json_t *message)
{
    struct exchange *exchange = (struct exchange *)outlet;
    bool last = !json_object_get(message, "method");
    if (!last) {
        exchange_stream(exchange, message);
        return;
    }
    exchange->ended = true;
    if (exchange->request) {
        http_request_on_gone(exchange->request, NULL, NULL);
        if (!exchange->streams) {
            reply_json(exchange->request, status_of(exchange, message), message);
        } else {
            stream_send(exchange, message);
            if (exchange->request)
                http_stream_end(exchange->request);
        }
    }
    if (!exchange->taking)
        exchange_free(exchange);
}

static void refuse(struct http_request *request, unsigned status, json_t *id, int code,
                   const char *sentence)
{
    json_t *error = rpc_error(id, code, sentence, NULL);
    reply_json(request, status, error);
    json_decref(error);
}

/* Its conversation is over, before it was answered. */
static void exchange_drop(struct exchange *exchange)
{
    if (exchange->request) {
        http_request_on_gone(exchange->request, NULL, NULL);
        if (exchange->streams)
            http_stream_end(exchange->request);
        else if (exchange->talk && exchange->talk->refused)
            http_reply_unauthorized(exchange->request, "the hub takes this token no more");
        else
            refuse(exchange->request, 404, exchange->id, RPC_INVALID_REQUEST,
                   "this session has ended");
    }
    exchange_free(exchange);
}

/* ── the end of a conversation ── */

/* What was asked is answered with a word on that. */
static void talk_end(struct talk *talk)
{
    struct mcp_door *door = talk->door;
    struct exchange *exchange = TAILQ_FIRST(&door->exchanges);
    TAILQ_REMOVE(&door->talks, talk, next);
    guests_remove(door->guests, &talk->guest);
    mcp_close(talk->mcp);
    while (exchange) {
        struct exchange *behind = TAILQ_NEXT(exchange, next);
        if (exchange->talk == talk)
            exchange_drop(exchange);
        exchange = behind;
    }
    if (talk->stream) {
        http_request_on_gone(talk->stream, NULL, NULL);
        http_stream_end(talk->stream);
    }
    while (!TAILQ_EMPTY(&talk->notes))
        note_free(talk, TAILQ_FIRST(&talk->notes));
    callers_token_free(talk->token);
    free(talk);
}

/* And so is every other of the same caller's, when its own AI hears of it. */
static void on_unauthorized(void *host)
{
    struct talk *talk = host;
    talk->refused = true;
    callers_refused(talk->door->callers, &talk->guest.who);
    talk_end(talk);
}

/* But for who keeps a stream open. */
static void on_idle(struct guest *guest)
{
    struct talk *talk = (struct talk *)guest;
    if (!talk->stream)
        talk_end(talk);
}

/* Streams that were cut. */
static void on_tick(uv_timer_t *timer)
{
    const struct mcp_door *door = timer->data;
    struct exchange *exchange = TAILQ_FIRST(&door->exchanges);
    while (exchange) {
        struct exchange *behind = TAILQ_NEXT(exchange, next);
        if (!exchange->request)
            exchange_gone(exchange);
        exchange = behind;
    }
}

/* ── POST ── */

/* Takes the message. talk NULL: of nobody. */
static void exchange_begin(struct mcp_door *door, struct http_request *request, struct talk *talk,
                           struct rpc_message *message, bool modern)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange) {
        http_reply_error(request, 500, "out of memory");
        rpc_free(message);
        return;
    }
    *exchange = (struct exchange){.outlet = {.send = exchange_send},
                                  .door = door,
                                  .talk = talk,
                                  .id = json_incref(message->id),
                                  .mcp = talk ? talk->mcp : door->nobody,
                                  .request = request,
                                  .modern = modern,
                                  .taking = true};
    TAILQ_INSERT_TAIL(&door->exchanges, exchange, next);
    if (talk)
        guest_busy(&talk->guest);
    http_request_on_gone(request, on_gone, exchange);
    mcp_take_message(exchange->mcp, message, &exchange->outlet);
    exchange->taking = false;
    if (exchange->ended)
        exchange_free(exchange);
    else if (exchange->request) /* messages are shown once: not to somebody who has gone */
        http_request_abandon_at_end(exchange->request);
}

/* What the earlier era says in a header must be what we speak; absent it is 2025-03-26. */
static bool version_spoken(struct slice version)
{
    return !version.at || slice_equal(version, slice_of(MCP_MODERN)) || mcp_version_spoken(version);
}

static void post_earlier(struct mcp_door *door, struct http_request *request,
                         struct rpc_message *message)
{
    struct slice name = http_request_header(request, "mcp-session-id");
    bool begins = message->method && strcmp(message->method, "initialize") == 0;
    struct talk *talk = name.at ? talk_find(door, request, name, GUEST_MCP_SESSION) : NULL;
    if (!version_spoken(http_request_header(request, "mcp-protocol-version"))) {
        refuse(request, 400, message->id, RPC_INVALID_REQUEST,
               "MCP-Protocol-Version names a version that is not spoken here");
    } else if (begins && !name.at && !(talk = talk_new(door, request, GUEST_MCP_SESSION))) {
        refuse(request, 503, message->id, RPC_INTERNAL_ERROR,
               "too many clients are here: try again later");
    } else if (!talk) {
        refuse(request, name.at ? 404 : 400, message->id, RPC_INVALID_REQUEST,
               name.at ? "there is no such session (any more): say initialize again"
                       : "Mcp-Session-Id is missing: say initialize first");
    } else if (!message->method || !message->id) {
        talk->guest.used = time_monotonic_ms();
        mcp_take_message(talk->mcp, message, &talk->outlet);
        http_reply(request, 202, NULL, (struct slice){0});
        return;
    } else {
        if (begins)
            http_reply_header(request, "Mcp-Session-Id", slice_of(talk->guest.handle));
        exchange_begin(door, request, talk, message, false);
        return;
    }
    rpc_free(message);
}

/* A value that is no plain ASCII stands in a header as =?base64?…?=. */
static bool header_is(struct slice header, const char *wanted)
{
    static const char begin[] = "=?base64?", end[] = "?=";
    size_t around = sizeof begin - 1 + sizeof end - 1;
    if (header.len < around || memcmp(header.at, begin, sizeof begin - 1) != 0 ||
        memcmp(header.at + header.len - 2, end, 2) != 0)
        return slice_equal(header, slice_of(wanted));
    struct slice coded = {header.at + sizeof begin - 1, header.len - around};
    size_t len, wanted_len = strlen(wanted);
    unsigned char *decoded = malloc(wanted_len + 1);
    bool same = decoded &&
                sodium_base642bin(decoded, wanted_len, coded.at, coded.len, NULL, &len, NULL,
                                  sodium_base64_VARIANT_ORIGINAL) == 0 &&
                len == wanted_len && memcmp(decoded, wanted, len) == 0;
    free(decoded);
    return same;
}

static const char *text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* What of a request of the later era stands in a header, too. NULL: all is as it should be. */
static const char *header_fault(struct http_request *request, const struct rpc_message *message)
{
    const json_t *meta = json_object_get(message->params, "_meta");
    struct slice version = http_request_header(request, "mcp-protocol-version");
    struct slice method = http_request_header(request, "mcp-method");
    struct slice name = http_request_header(request, "mcp-name");
    const char *named =
        strcmp(message->method, "resources/read") == 0 ? "uri"
        : strcmp(message->method, "tools/call") == 0 || strcmp(message->method, "prompts/get") == 0
            ? "name"
            : NULL;
    if (!text_in(meta, MCP_META "protocolVersion")[0])
        return NULL; /* which is said to be missing */
    if (!version.at || !slice_equal(version, slice_of(text_in(meta, MCP_META "protocolVersion"))))
        return "MCP-Protocol-Version is missing, or another than in _meta";
    if (!method.at || !header_is(method, message->method))
        return "Mcp-Method is missing, or another than the method";
    if (named && (!name.at || !header_is(name, text_in(message->params, named))))
        return "Mcp-Name is missing, or another than in params";
    return NULL;
}

/* Whose request is it? NULL: nobody's. */
static struct talk *talk_meant(struct mcp_door *door, const struct http_request *request,
                               const struct rpc_message *message)
{
    const json_t *arguments = json_object_get(message->params, "arguments");
    const char *handle = text_in(arguments, "handle");
    if (!handle[0])
        handle = text_in(json_object_get(message->params, "_meta"), "khub/handle");
    return handle[0] ? talk_find(door, request, slice_of(handle), GUEST_MCP) : NULL;
}

static bool is_joining(const struct rpc_message *message)
{
    return strcmp(message->method, "tools/call") == 0 &&
           strcmp(text_in(message->params, "name"), "join") == 0;
}

static void post_later(struct mcp_door *door, struct http_request *request,
                       struct rpc_message *message)
{
    const char *fault = message->method ? header_fault(request, message) : NULL;
    struct talk *talk = message->method ? talk_meant(door, request, message) : NULL;
    if (fault) {
        refuse(request, 400, message->id, HEADER_MISMATCH, fault);
    } else if (!message->method || !message->id) {
        http_reply(request, 202, NULL, (struct slice){0});
    } else {
        if (!talk && is_joining(message)) {
            talk = talk_new(door, request, GUEST_MCP);
            if (talk)
                mcp_set_handle(talk->mcp, talk->guest.handle);
        }
        exchange_begin(door, request, talk, message, true);
        return;
    }
    rpc_free(message);
}

static bool is_later(struct http_request *request, const struct rpc_message *message)
{
    const json_t *meta = json_object_get(message->params, "_meta");
    return json_object_get(meta, MCP_META "protocolVersion") ||
           slice_equal(http_request_header(request, "mcp-protocol-version"), slice_of(MCP_MODERN));
}

void mcp_door_post(struct mcp_door *door, struct http_request *request)
{
    struct rpc_message message;
    json_t *error;
    if (rpc_parse(http_request_body(request), &message, &error) < 0) {
        reply_json(request, 400, error);
        json_decref(error);
    } else if (is_later(request, &message)) {
        post_later(door, request, &message);
    } else {
        post_earlier(door, request, &message);
    }
}

/* ── GET and DELETE: of the earlier era ── */

/* Whose session a request names; NULL: it was answered. */
static struct talk *session_of(struct mcp_door *door, struct http_request *request)
{
    struct slice name = http_request_header(request, "mcp-session-id");
    struct talk *talk = name.at ? talk_find(door, request, name, GUEST_MCP_SESSION) : NULL;
    if (slice_equal(http_request_header(request, "mcp-protocol-version"), slice_of(MCP_MODERN))) {
        http_reply_header(request, "Allow", slice_of("POST"));
        http_reply_error(request, 405, "in " MCP_MODERN " all is POST");
        talk = NULL;
    } else if (!talk) {
        http_reply_error(request, name.at ? 404 : 400,
                         name.at ? "there is no such session (any more): say initialize again"
                                 : "Mcp-Session-Id is missing: say initialize first");
    }
    return talk;
}

void mcp_door_get(struct mcp_door *door, struct http_request *request)
{
    struct talk *talk = session_of(door, request);
    struct note *note;
    uint64_t number = UINT64_MAX;
    if (!talk)
        return;
    struct slice last = http_request_header(request, "last-event-id");
    if (talk->stream) { /* the client has lost it, and we have yet to notice */
        http_request_on_gone(talk->stream, NULL, NULL);
        http_stream_end(talk->stream);
        talk->stream = NULL;
    }
    char digits[U64_SIZE];
    if (last.at && last.len < sizeof digits) {
        memcpy(digits, last.at, last.len);
        digits[last.len] = '\0';
        number = strtoull(digits, NULL, 10);
    }
    http_request_on_gone(request, on_stream_gone, talk);
    if (!http_stream_begin(request))
        return;
    talk->stream = request;
    talk->guest.used = time_monotonic_ms();
    TAILQ_FOREACH (note, &talk->notes, next) {
        if (note->number > number && !note_send(talk, note))
            return;
    }
}

void mcp_door_delete(struct mcp_door *door, struct http_request *request)
{
    struct talk *talk = session_of(door, request);
    if (!talk)
        return;
    talk_end(talk);
    http_reply(request, 204, NULL, (struct slice){0});
}

/* ── its beginning and end ── */

static void discard(struct mcp_outlet *outlet, const json_t *message)
{
    (void)outlet, (void)message;
}

struct mcp_door *mcp_door_new(uv_loop_t *loop, const struct khub_options *link,
                              struct callers *callers, struct guests *guests,
                              const struct mcp_more *more)
{
    static struct mcp_outlet nowhere = {.send = discard};
    struct mcp_door *door = calloc(1, sizeof *door);
    if (!door)
        return NULL;
    door->loop = loop;
    door->link = *link;
    door->link.token = NULL;
    door->callers = callers;
    door->guests = guests;
    door->more = more;
    TAILQ_INIT(&door->talks);
    TAILQ_INIT(&door->exchanges);
    door->nobody = mcp_new(&(struct mcp_options){
        .loop = loop, .link = door->link, .outlet = &nowhere, .more = more, .nobody = true});
    if (!door->nobody) {
        free(door);
        return NULL;
    }
    uv_timer_init(loop, &door->timer);
    door->timer.data = door;
    uv_timer_start(&door->timer, on_tick, TICK_MS, TICK_MS);
    uv_unref((uv_handle_t *)&door->timer);
    return door;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void mcp_door_close(struct mcp_door *door)
{
    if (!door)
        return;
    while (!TAILQ_EMPTY(&door->talks))
        talk_end(TAILQ_FIRST(&door->talks));
    mcp_close(door->nobody);
    while (!TAILQ_EMPTY(&door->exchanges))
        exchange_drop(TAILQ_FIRST(&door->exchanges));
    uv_close((uv_handle_t *)&door->timer, on_closed);
}
