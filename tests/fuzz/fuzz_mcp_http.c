/* MCP over HTTP, as /mcp has it. The server and who is admitted stand here: requests come as lines,
 * their parts with a tab between them:
 *
 *     METHOD session version method name last-event-id body
 *
 * METHOD is P, G or D, for POST, GET, DELETE; small, of another token. The next five are headers,
 * "" for one that is not there, "=" for what the body says. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_mcp.h"
#include "gateway/callers.h"
#include "gateway/guests.h"
#include "gateway/http_server.h"
#include "gateway/mcp_http.h"
#include "mcp_lab.h"
#include "wire/text.h"

enum { SESSION, VERSION, METHOD, NAME, LAST, HEADERS };
static const char *const header_names[HEADERS] = {
    [SESSION] = "mcp-session-id", [VERSION] = "mcp-protocol-version", [METHOD] = "mcp-method",
    [NAME] = "mcp-name",          [LAST] = "last-event-id",
};

struct http_request {
    char *line;   /* what came; the parts are of it */
    char verb;    /* P, G or D */
    bool other;   /* of the other token */
    bool foreign; /* it names what was given to another token */
    struct slice headers[HEADERS], body;
    struct asked *asked; /* the body; NULL: none */
    bool streams, slow;
    unsigned event_count;
    http_gone *gone;
    void *data;
    TAILQ_ENTRY(http_request) next;
};
static TAILQ_HEAD(request_list, http_request) requests; /* under way */

/* Sessions and handles, and to whom they were given. */
struct given {
    char *handle;
    bool other;
    TAILQ_ENTRY(given) next;
};
static TAILQ_HEAD(given_list, given) given;

static struct guests *guests;
static struct mcp_door *the_door;
static int admitted; /* its address stands for who was */

/* ── who is who ── */

static void give(struct slice handle, bool other)
{
    struct given *one = calloc(1, sizeof *one);
    lab_expect(one && handle.len == GUEST_HANDLE_SIZE - 1, "a handle is none");
    *one = (struct given){.handle = strndup(handle.at, handle.len), .other = other};
    TAILQ_INSERT_TAIL(&given, one, next);
}

static bool is_anothers(struct slice handle, bool other)
{
    const struct given *one;
    TAILQ_FOREACH (one, &given, next) {
        if (slice_is(handle, one->handle) && one->other != other)
            return true;
    }
    return false;
}

struct caller callers_who(const struct callers *callers, const struct http_request *request)
{
    (void)callers;
    return (struct caller){.bytes = {request->other}, .shows = request->other};
}

bool caller_same(const struct caller *left, const struct caller *right)
{
    return left->bytes[0] == right->bytes[0];
}

bool callers_link(const struct callers *callers, const struct http_request *request,
                  struct khub_options *link, char **ret_token)
{
    (void)callers;
    link->token = *ret_token = request->other ? strdup("khub_other") : NULL;
    return true;
}

void callers_token_free(char *token)
{
    free(token);
}

void callers_refused(struct callers *callers, const struct caller *who)
{
    (void)callers, (void)who;
}

/* ── requests ── */

static void request_free(struct http_request *request)
{
    TAILQ_REMOVE(&requests, request, next);
    if (request->asked)
        asked_free(request->asked);
    free(request->line);
    free(request);
}

static const json_t *params_of(const struct http_request *request)
{
    return json_object_get(request->asked ? request->asked->root : NULL, "params");
}

/* "=" in a header. */
static struct slice said_in_body(const struct http_request *request, unsigned header)
{
    const json_t *params = params_of(request), *value = json_object_get(params, "name");
    if (header == VERSION)
        value = json_object_get(json_object_get(params, "_meta"),
                                "io.modelcontextprotocol/protocolVersion");
    else if (header == METHOD)
        value = json_object_get(request->asked ? request->asked->root : NULL, "method");
    else if (!value)
        value = json_object_get(params, "uri");
    return (struct slice){json_string_value(value), json_string_length(value)};
}

static struct slice part_take(struct slice *rest)
{
    const char *end = memchr(rest->at, '\t', rest->len);
    struct slice part = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
    size_t taken = part.len + (end != NULL);
    *rest = (struct slice){rest->at + taken, rest->len - taken};
    return part;
}

/* The handles that it names, be it as one or the other. */
static bool names_foreign(const struct http_request *request)
{
    const json_t *params = params_of(request);
    const char *handles[] = {
        json_string_value(json_object_get(json_object_get(params, "arguments"), "handle")),
        json_string_value(json_object_get(json_object_get(params, "_meta"), "khub/handle"))};
    bool foreign = is_anothers(request->headers[SESSION], request->other);
    for (size_t i = 0; i < 2; i++)
        foreign |= handles[i] && is_anothers(slice_of(handles[i]), request->other);
    return foreign;
}

static struct http_request *request_new(struct slice line)
{
    struct http_request *request = calloc(1, sizeof *request);
    char *copy = malloc(line.len + 1); /* its own, so that nobody looks at it for longer */
    lab_expect(request && copy, "out of memory");
    memcpy(copy, line.at, line.len);
    copy[line.len] = '\0';
    struct slice rest = {copy, line.len};
    struct slice verb = part_take(&rest);
    request->line = copy;
    request->other = verb.len == 1 && verb.at[0] >= 'a';
    request->verb = (char)(verb.len == 1 ? verb.at[0] & ~0x20 : 'P');
    for (unsigned i = 0; i < HEADERS; i++)
        request->headers[i] = part_take(&rest);
    request->body = rest;
    if (request->verb != 'G' && request->verb != 'D')
        request->asked = asked_read(rest);
    for (unsigned i = 0; i < HEADERS; i++) {
        if (slice_is(request->headers[i], "="))
            request->headers[i] = said_in_body(request, i);
        if (request->headers[i].len == 0)
            request->headers[i].at = NULL;
    }
    request->foreign = names_foreign(request);
    TAILQ_INSERT_TAIL(&requests, request, next);
    return request;
}

struct slice http_request_header(const struct http_request *request, const char *name)
{
    for (unsigned i = 0; i < HEADERS; i++)
        if (strcmp(name, header_names[i]) == 0)
            return request->headers[i];
    lab_expect(false, "a header that is none of ours");
    return (struct slice){NULL, 0};
}

struct slice http_request_body(const struct http_request *request)
{
    return request->body;
}

void http_request_abandon_at_end(struct http_request *request)
{
    (void)request;
}

void http_request_on_gone(struct http_request *request, http_gone *gone, void *data)
{
    request->gone = gone;
    request->data = data;
}

/* ── answers ── */

void http_reply_header(struct http_request *request, const char *name, struct slice value)
{
    if (strcmp(name, "Mcp-Session-Id") == 0)
        give(value, request->other);
}

static bool wants_nothing(const struct asked *asked)
{
    return asked->notification || asked->answers;
}

/* A handle that join tells; and of what was given to another nothing is told. */
static void check_owner(const struct http_request *request, const json_t *message)
{
    const json_t *result = json_object_get(message, "result");
    const json_t *data = json_object_get(result, "structuredContent");
    const char *handle = json_string_value(json_object_get(data, "handle"));
    if (handle && request->verb == 'P' && !is_anothers(slice_of(handle), !request->other))
        give(slice_of(handle), request->other);
    lab_expect(!handle || !is_anothers(slice_of(handle), request->other),
               "somebody is told another's handle");
    lab_expect(!request->foreign || handle || !data, "who has no part in it hears of it");
}

static void check_answer(struct http_request *request, const json_t *message)
{
    const json_t *id = json_object_get(message, "id");
    struct asked *asked = request->asked;
    lab_expect(asked && asked->answer_count++ == 0 && !wants_nothing(asked),
               "an answer to nothing that was asked");
    if (json_is_null(id))
        lab_expect(!asked->id && json_object_get(message, "error"), "whose answer is it?");
    else
        answer_check(asked, message);
    check_owner(request, message);
}

void http_reply(struct http_request *request, unsigned status, const char *type, struct slice body)
{
    lab_expect(!request->streams, "a stream is answered as well");
    if (type) {
        json_t *message = answer_read(body);
        lab_expect(!answer_is_told(message), "a notification is an answer");
        lab_expect(status < 400 || json_object_get(message, "error"), "a result with an error");
        if (request->asked && !wants_nothing(request->asked))
            check_answer(request, message);
        else
            lab_expect(json_object_get(message, "error") != NULL, "an answer to no request");
        json_decref(message);
    } else {
        lab_expect(body.len == 0 && status < 300, "a refusal says nothing");
        lab_expect(request->verb == 'D' || wants_nothing(request->asked),
                   "a request has no answer");
    }
    request_free(request);
}

void http_reply_error(struct http_request *request, unsigned status, const char *sentence)
{
    lab_expect(status >= 400 && *sentence && request->verb != 'P', "an error says nothing");
    request_free(request);
}

/* To a request of whatever kind: its AI's token is good no more. */
void http_reply_unauthorized(struct http_request *request, const char *sentence)
{
    lab_expect(*sentence && !request->streams, "who is turned away is not told why");
    request_free(request);
}

bool http_stream_begin(struct http_request *request)
{
    lab_expect(!request->streams, "a stream begins twice");
    request->streams = true;
    return true;
}

bool http_stream_event(struct http_request *request, struct slice event, struct slice id,
                       struct slice data)
{
    (void)event;
    lab_expect(request->streams, "an event before the stream");
    lab_expect((request->verb == 'G') == (id.at != NULL), "only who can come back has ids");
    json_t *message = answer_read(data);
    if (!answer_is_told(message))
        check_answer(request, message);
    else
        lab_expect(!request->asked || request->asked->answer_count == 0,
                   "there is more to say when all is said");
    json_decref(message);
    if (!request->slow)
        return true;
    request_free(request);
    return false;
}

void http_stream_end(struct http_request *request)
{
    lab_expect(request->streams, "what is no stream ends");
    request_free(request);
}

/* ── the door ── */

static void http_open(void)
{
    TAILQ_INIT(&requests);
    TAILQ_INIT(&given);
    guests = guests_new(lab_loop(), 0);
    the_door =
        mcp_door_new(lab_loop(), &(struct khub_options){.address = "127.0.0.1:6000", .stays_s = 60},
                     (struct callers *)(void *)&admitted, guests, NULL);
    lab_expect(guests && the_door, "out of memory");
}

static void client_goes(struct http_request *request)
{
    if (request->gone)
        request->gone(request, request->data);
    request_free(request);
}

static void http_take(struct slice line)
{
    struct http_request *oldest = TAILQ_FIRST(&requests);
    if (line.len > 0 && (line.at[0] == '%' || line.at[0] == '&')) {
        if (oldest && line.at[0] == '%')
            client_goes(oldest);
        else if (oldest)
            oldest->slow = true;
        return;
    }
    struct http_request *request = request_new(line);
    if (request->verb == 'G')
        mcp_door_get(the_door, request);
    else if (request->verb == 'D')
        mcp_door_delete(the_door, request);
    else
        mcp_door_post(the_door, request);
}

/* The longest wait of a call is over; who still hears something then listens. */
static void http_close(void)
{
    struct http_request *request;
    struct given *one;
    lab_refuse(false);
    lab_cut(false);
    lab_pass(400000);
    TAILQ_FOREACH (request, &requests, next) {
        lab_expect(request->verb == 'G' ||
                       strcmp(request->asked->method, "subscriptions/listen") == 0,
                   "a request is not answered");
    }
    while ((request = TAILQ_FIRST(&requests)))
        client_goes(request);
    mcp_door_close(the_door);
    guests_close(guests);
    lab_pass(60000);
    while ((one = TAILQ_FIRST(&given))) {
        TAILQ_REMOVE(&given, one, next);
        free(one->handle);
        free(one);
    }
}

const struct door door_http = {http_open, http_take, http_close};
