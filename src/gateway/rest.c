/* REST: a request is read by the table, finds who it is, runs, and is answered. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/bounds.h"
#include "gateway/http_head.h"
#include "gateway/rest_inside.h"
#include "wire/nearest.h"
#include "wire/shown.h"

#define WHY_SIZE 512u

/* ── answers ── */

void rest_call_guest(struct rest_call *call, struct rest_guest *guest)
{
    if (call->guest) {
        TAILQ_REMOVE(&call->guest->calls, call, of_guest);
        guest_done(&call->guest->guest);
    }
    call->guest = guest;
    if (guest) {
        TAILQ_INSERT_TAIL(&guest->calls, call, of_guest);
        guest_busy(&guest->guest);
    }
}

void rest_call_free(struct rest_call *call)
{
    TAILQ_REMOVE(&call->door->calls, call, next);
    if (call->observer)
        observer_release(call->observer);
    rest_call_guest(call, NULL);
    json_decref(call->arguments);
    free(call);
}

static void answer(struct rest_call *call, unsigned status, struct text *text)
{
    struct http_request *request = call->request;
    http_request_on_gone(request, NULL, NULL);
    if (text->failed)
        http_reply_error(request, 503, "out of memory");
    else if (status == 204)
        http_reply(request, status, NULL, (struct slice){0});
    else
        http_reply(request, status, "application/json", text_slice(text));
    text_free(text);
    rest_call_free(call);
}

void rest_reply(struct rest_call *call, struct text *text)
{
    answer(call, call->route->status, text);
}

void rest_reply_json(struct rest_call *call, json_t *json)
{
    char *dumped = json ? json_dumps(json, JSON_COMPACT) : NULL;
    struct text text = {.failed = !dumped};
    if (dumped)
        text_add_literal(&text, dumped);
    free(dumped);
    json_decref(json);
    rest_reply(call, &text);
}

static void error_begin(struct text *text, const char *code, const char *message)
{
    text_add_literal(text, "{\"error\":{\"code\":");
    text_add_string(text, slice_of(code));
    text_add_literal(text, ",\"message\":");
    text_add_string(text, slice_of(message));
}

void rest_refuse(struct rest_call *call, unsigned status, const char *code, const char *format, ...)
{
    char sentence[WHY_SIZE];
    struct text text = {0};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    error_begin(&text, code, sentence);
    text_add_literal(&text, "}}");
    if (status == 503)
        http_reply_header(call->request, "Retry-After", slice_of("1"));
    answer(call, status, &text);
}

/* What a refusal of the hub's is in HTTP. */
static unsigned status_of(const char *code)
{
    static const struct {
        unsigned status;
        const char *codes;
    } statuses[] = {
        {401, " unauthorized "},
        {403, " forbidden not_participant not_owner sender_mismatch reserved_id banned kicked "
              "read_only protected_mode "},
        {404, " not_found unknown_target unknown_session "},
        {409, " conflict id_in_use taken_over target_offline stale_lease bad_claim loop "},
        {410, " retracted "},
        {413, " line_too_long "},
        {429, " rate_limited quota_exceeded "},
        {503, " storage_unavailable shutting_down connections_full heartbeat_timeout "
              "slow_consumer "},
    };
    char word[64];
    if (!code[0])
        return 503;
    snprintf(word, sizeof word, " %s ", code);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (strstr(statuses[i].codes, word))
            return statuses[i].status;
    return 400;
}

unsigned rest_error_write(struct text *text, const struct agent_answer *answer)
{
    static const char *const told[] = {"code", "detail", "in_reply_to", NULL};
    error_begin(text, answer->code[0] ? answer->code : "hub_unavailable", answer->why);
    if (answer->text.len > 0)
        rest_add_members(text, ",", answer->text, told);
    text_add_literal(text, "}}");
    return status_of(answer->code);
}

void rest_refused(struct rest_call *call, const struct agent_answer *answered)
{
    struct text text = {0};
    unsigned status = rest_error_write(&text, answered);
    json_int_t ms = json_integer_value(json_object_get(answered->payload, "retry_after_ms"));
    char seconds[U64_SIZE];
    u64_format(ms > 0 ? (uint64_t)(ms + 999) / 1000 : 1, seconds);
    if (ms > 0 || status == 503)
        http_reply_header(call->request, "Retry-After", slice_of(seconds));
    if (status == 401)
        http_reply_header(call->request, "WWW-Authenticate", slice_of("Bearer"));
    answer(call, status, &text);
}

static bool is_among(struct json_value name, const char *const *names)
{
    for (; *names; names++)
        if (json_string_is(name, slice_of(*names)))
            return true;
    return false;
}

/* With the quotes of a string. */
static struct slice whole_of(struct json_value value)
{
    return value.kind == JSON_KIND_STRING ? (struct slice){value.raw.at - 1, value.raw.len + 2}
                                          : value.raw;
}

void rest_add_members(struct text *text, const char *before, struct slice object,
                      const char *const *but)
{
    struct json_iterator members = {.rest = object};
    struct json_value name, value;
    while (json_next_member(&members, &name, &value)) {
        if (is_among(name, but))
            continue;
        text_add_literal(text, before);
        text_add(text, whole_of(name));
        text_add_literal(text, ":");
        text_add(text, whole_of(value));
        before = ",";
    }
}

/* ── arguments ── */

const char *rest_text(const struct rest_call *call, const char *name)
{
    const char *text = json_string_value(json_object_get(call->arguments, name));
    return text ? text : "";
}

json_int_t rest_whole(const struct rest_call *call, const char *name, json_int_t fallback)
{
    const json_t *value = json_object_get(call->arguments, name);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool rest_flag(const struct rest_call *call, const char *name)
{
    return json_is_true(json_object_get(call->arguments, name));
}

struct slice rest_raw(const struct rest_call *call, const char *name)
{
    struct json_value value = json_get(call->body, name);
    return value.kind == JSON_KIND_ABSENT ? (struct slice){NULL, 0} : whole_of(value);
}

json_t *rest_pick(const struct rest_call *call, const char *const *names)
{
    json_t *picked = json_object();
    for (; *names; names++) {
        char name[64];
        const char *as = strchr(*names, '>');
        snprintf(name, sizeof name, "%.*s", (int)(as ? as - *names : (long)strlen(*names)), *names);
        json_t *value = json_object_get(call->arguments, name);
        if (value && !json_is_null(value))
            json_object_set(picked, as ? as + 1 : name, value);
    }
    return picked;
}

static const struct param *param_of(const struct param *params, const char *name)
{
    for (; params && params->name; params++)
        if (strcmp(params->name, name) == 0)
            return params;
    return NULL;
}

/* One text of a request line, as the kind that is wanted; what it can't be stays a text, and is
 * refused as that. */
static json_t *value_read(const struct param *param, const char *text)
{
    char *end;
    if (param && (param->kind == PARAM_WHOLE || param->kind == PARAM_NUMBER) && *text &&
        strspn(text, "0123456789.-") == strlen(text)) {
        long long whole = strtoll(text, &end, 10);
        if (!*end)
            return json_integer(whole);
        double number = strtod(text, &end);
        if (!*end)
            return json_real(number);
    }
    if (param && param->kind == PARAM_FLAG &&
        (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        return json_boolean(*text == 't');
    if (!param || param->kind != PARAM_TEXTS)
        return json_string(text);
    json_t *list = json_array();
    for (const char *at = text; at; at = *end ? end + 1 : NULL) {
        end = (char *)(uintptr_t)(at + strcspn(at, ","));
        json_array_append_new(list, json_stringn(at, (size_t)(end - at)));
    }
    return list;
}

/* Adds one argument; a sentence if it can't be. */
static const char *argument_add(json_t *arguments, const struct param *params, const char *name,
                                const char *text)
{
    if (json_object_get(arguments, name))
        return "stands twice";
    return json_object_set_new(arguments, name, value_read(param_of(params, name), text)) < 0
               ? "is no UTF-8"
               : NULL;
}

/* "name=value", decoded; '+' is a blank, as forms write it. */
static const char *pair_read(struct rest_call *call, struct slice pair, char *buffer)
{
    size_t len;
    memcpy(buffer, pair.at, pair.len);
    for (size_t i = 0; i < pair.len; i++)
        if (buffer[i] == '+')
            buffer[i] = ' ';
    char *value = memchr(buffer, '=', pair.len);
    size_t name_len = value ? (size_t)(value - buffer) : pair.len;
    if (!value)
        return "has no value";
    size_t value_len = pair.len - name_len - 1;
    if (!http_unescape(value + 1, value_len, &len))
        return "is malformed";
    value[1 + len] = '\0';
    if (!http_unescape(buffer, name_len, &len))
        return "is malformed";
    buffer[len] = '\0';
    return argument_add(call->arguments, call->route->query, buffer, value + 1);
}

static int query_read(struct rest_call *call, char *why)
{
    struct slice rest = http_request_query_text(call->request);
    char buffer[HTTP_HEAD_MAX + 1];
    while (rest.len > 0) {
        const char *end = memchr(rest.at, '&', rest.len);
        size_t len = end ? (size_t)(end - rest.at) : rest.len;
        const char *fault = len > 0 && len < sizeof buffer
                                ? pair_read(call, (struct slice){rest.at, len}, buffer)
                                : NULL;
        if (fault) {
            char shown[EXCERPT_SIZE];
            snprintf(why, WHY_SIZE, "?%s: that %s",
                     excerpt_format((struct slice){rest.at, len}, shown), fault);
            return -1;
        }
        rest = end ? (struct slice){end + 1, rest.len - len - 1} : (struct slice){NULL, 0};
    }
    static const struct param none[] = {{0}};
    return params_check(call->route->query ? call->route->query : none, call->arguments, why,
                        WHY_SIZE);
}

static int path_read(struct rest_call *call, char *why)
{
    json_t *found = json_object();
    int error = 0;
    for (unsigned i = 0; error == 0 && call->route->at && call->route->at[i].name; i++) {
        const struct param *param = &call->route->at[i];
        struct slice given = http_request_param(call->request, i);
        char text[HTTP_HEAD_MAX + 1]; /* as long as the path may be */
        memcpy(text, given.at, given.len);
        text[given.len] = '\0';
        if (json_object_set_new(found, param->name, value_read(param, text)) < 0) {
            snprintf(why, WHY_SIZE, "'%s' is no UTF-8", param->name);
            error = -1;
        }
    }
    if (error == 0 && call->route->at)
        error = params_check(call->route->at, found, why, WHY_SIZE);
    json_object_update(call->arguments, found);
    json_decref(found);
    return error;
}

/* A member of the body. What is handed on as it stands (rest_raw) is only looked at. */
static json_t *member_read(const struct param *param, struct json_value value)
{
    json_error_t error;
    struct slice whole = whole_of(value);
    if (param && param->kind == PARAM_ANY)
        return json_true();
    if (param && param->kind == PARAM_OBJECT && value.kind == JSON_KIND_OBJECT)
        return json_object();
    return json_loadb(whole.at, whole.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
}

static int body_parse(struct rest_call *call, json_t *found, char *why)
{
    struct slice body = http_request_body(call->request);
    struct json_iterator members = {0};
    struct json_value name, value;
    size_t at = 0;
    enum json_fault fault = json_check(body, RPC_DEPTH_MAX, &at);
    if (fault == JSON_TOO_DEEP)
        return snprintf(why, WHY_SIZE, "the body is nested deeper than %u", RPC_DEPTH_MAX);
    if (fault != JSON_FINE)
        return snprintf(why, WHY_SIZE, "the body is no JSON (RFC 8259) at byte %zu of %zu", at + 1,
                        body.len);
    call->body = json_value_of(body);
    if (call->body.kind != JSON_KIND_OBJECT)
        return snprintf(why, WHY_SIZE, "the body must be a JSON object");
    members.rest = call->body.raw;
    while (json_next_member(&members, &name, &value)) {
        char text[WHY_SIZE / 2];
        long len = json_decode(name, text, sizeof text - 1);
        text[len > 0 ? len : 0] = '\0';
        if (len < 0 || strlen(text) != (size_t)len)
            return snprintf(why, WHY_SIZE, "a member of the body has an impossible name");
        if (json_object_get(found, text))
            return snprintf(why, WHY_SIZE, "'%s' stands twice", SHOWN(text));
        if (json_object_set_new(found, text,
                                member_read(param_of(call->route->body, text), value)) < 0)
            return snprintf(why, WHY_SIZE, "'%s' has a value that can't be read", SHOWN(text));
    }
    return 0;
}

static int body_read(struct rest_call *call, char *why)
{
    json_t *found = json_object();
    int error = 0;
    if (call->route->body && (body_parse(call, found, why) != 0 ||
                              params_check(call->route->body, found, why, WHY_SIZE) < 0))
        error = -1;
    json_object_update(call->arguments, found);
    json_decref(found);
    return error;
}

/* ── who it is ── */

struct agent *rest_agent(const struct rest_call *call)
{
    return call->guest ? call->guest->agent : observer_agent(call->observer);
}

static void on_ready(const struct agent_answer *joined, void *data)
{
    struct rest_call *call = data;
    if (!rest_lost(call, joined))
        call->route->run(call);
}

static void find_guest(struct rest_call *call, struct slice handle)
{
    struct caller who = callers_who(call->door->callers, call->request);
    struct guest *guest = guests_find(call->door->guests, handle, GUEST_REST, &who);
    if (!handle.at) {
        rest_refuse(call, 400, "bad_request",
                    REST_HANDLE " is missing: POST /v1/members gives one to an AI that joins");
    } else if (!guest) {
        rest_refuse(call, 404, "not_found",
                    "there is no such " REST_HANDLE " (any more): POST /v1/members again");
    } else {
        rest_call_guest(call, (struct rest_guest *)guest);
        const char *room = rest_text(call, "room"), *its = agent_room(call->guest->agent);
        if (room[0] && strcmp(room, its) != 0)
            rest_refuse(call, 400, "bad_request",
                        "'room' is '%s', and the AI of this " REST_HANDLE " is in '%s'",
                        SHOWN(room), SHOWN(its));
        else
            agent_join(call->guest->agent, on_ready, call);
    }
}

static void find_observer(struct rest_call *call)
{
    const char *room = rest_text(call, "room");
    call->observer = observer_hold(call->door->observers, room[0] ? room : NULL, call->request);
    if (call->observer)
        agent_join(observer_agent(call->observer), on_ready, call);
    else
        rest_refuse(call, 503, "service_unavailable",
                    "too many rooms are looked into at once: try again later");
}

static void find_who(struct rest_call *call)
{
    struct slice handle = http_request_header(call->request, REST_HANDLE);
    enum rest_who who = call->route->who;
    if (who == REST_ANYBODY || who == REST_CALLER)
        call->route->run(call);
    else if (who == REST_GUEST || (who == REST_EITHER && handle.at))
        find_guest(call, handle);
    else
        find_observer(call);
}

/* ── the hub ── */

bool rest_lost(struct rest_call *call, const struct agent_answer *answered)
{
    if (!call->request)
        rest_call_free(call);
    else if (!answered->good)
        rest_refused(call, answered);
    else
        return false;
    return true;
}

void rest_ask(struct rest_call *call, const char *type, struct text *payload,
              agent_callback *answered)
{
    const char *target = rest_text(call, "target_ai");
    text_add(payload, (struct slice){"", 1});
    agent_ask_text(rest_agent(call), type, payload->failed ? NULL : payload->at,
                   target[0] ? target : NULL, answered, call);
    text_free(payload);
}

void rest_pass(const struct agent_answer *answered, void *data)
{
    static const char *const but[] = {"in_reply_to", NULL};
    struct rest_call *call = data;
    struct text text = {0};
    if (rest_lost(call, answered))
        return;
    text_add_literal(&text, "{");
    rest_add_members(&text, "", answered->text, but);
    text_add_literal(&text, "}");
    rest_reply(call, &text);
}

void rest_payload(const struct rest_call *call, struct text *text)
{
    static const char *const own[] = {"room", "target_ai", NULL};
    json_t *others = json_object(), *value;
    const char *name;
    json_object_foreach(call->arguments, name, value)
    {
        if (strcmp(name, "room") != 0 && !param_of(call->route->body, name) && !json_is_null(value))
            json_object_set(others, name, value);
    }
    char *dumped = json_dumps(others, JSON_COMPACT);
    text->failed |= !dumped;
    text_add(text, (struct slice){dumped, dumped ? strlen(dumped) - 1 : 0});
    if (call->body.kind == JSON_KIND_OBJECT)
        rest_add_members(text, json_object_size(others) > 0 ? "," : "", call->body.raw, own);
    text_add_literal(text, "}");
    free(dumped);
    json_decref(others);
}

void rest_question(struct rest_call *call)
{
    struct text payload = {0};
    rest_payload(call, &payload);
    rest_ask(call, call->route->type, &payload, rest_pass);
}

void rest_saying(struct rest_call *call)
{
    struct text payload = {0};
    rest_payload(call, &payload);
    rest_say(call, call->route->type, "", &payload);
}

static void on_said(const struct agent_answer *answered, void *data)
{
    struct rest_call *call = data;
    if (!rest_lost(call, answered))
        rest_reply_json(call, json_pack("{s:I,s:s,s:b,s:b}", "seq", (json_int_t)answered->seq,
                                        "message_id", answered->message_id, "delivered",
                                        answered->delivered, "stored", answered->stored));
}

void rest_say(struct rest_call *call, const char *type, const char *message_id,
              struct text *payload)
{
    const char *target = rest_text(call, "target_ai");
    text_add(payload, (struct slice){"", 1});
    agent_say_text(call->guest->agent, message_id[0] ? message_id : NULL, type,
                   payload->failed ? NULL : payload->at, target[0] ? target : NULL, on_said, call);
    text_free(payload);
}

/* ── requests ── */

static void on_gone(struct http_request *request, void *data)
{
    struct rest_call *call = data;
    (void)request;
    call->request = NULL;
    if (call->gone)
        call->gone(call);
}

/* NULL: it has none. */
static const char *body_type(const struct rest_route *route)
{
    return route->bytes ? "application/octet-stream" : route->body ? "application/json" : NULL;
}

void rest_door_take(struct rest_door *door, struct http_request *request)
{
    const struct rest_route *route = http_request_route(request)->data;
    char why[WHY_SIZE];
    struct rest_call *call = calloc(1, sizeof *call);
    json_t *arguments = json_object();
    if (!call || !arguments) {
        free(call);
        json_decref(arguments);
        http_reply_error(request, 503, "out of memory");
        return;
    }
    *call = (struct rest_call){
        .door = door, .request = request, .route = route, .arguments = arguments};
    TAILQ_INSERT_TAIL(&door->calls, call, next);
    http_request_on_gone(request, on_gone, call);
    const char *type = body_type(route);
    if (type && !http_type_is(http_request_header(request, "content-type"), type))
        rest_refuse(call, 415, "unsupported_media_type", "the body's Content-Type must be %s",
                    type);
    else if (query_read(call, why) < 0 || path_read(call, why) < 0 || body_read(call, why) < 0)
        rest_refuse(call, 400, "bad_request", "%s", why);
    else
        find_who(call);
}

void rest_openapi(struct rest_call *call)
{
    struct text text = {0};
    text_add_literal(&text, call->door->document);
    rest_reply(call, &text);
}

const struct rest_route *const rest_tables[] = {rest_talk_routes, rest_work_routes,
                                                rest_stats_routes, rest_files_routes, NULL};

size_t rest_route_count(void)
{
    size_t count = 0;
    for (const struct rest_route *const *table = rest_tables; *table; table++)
        for (const struct rest_route *route = *table; route->method; route++)
            count++;
    return count;
}

void rest_fill_routes(struct http_route *routes, http_handler *handler, http_handler *admitted)
{
    for (const struct rest_route *const *table = rest_tables; *table; table++)
        for (const struct rest_route *route = *table; route->method; route++)
            *routes++ = (struct http_route){
                .method = route->method,
                .path = route->path,
                .handler = route->who == REST_ANYBODY ? admitted : handler,
                .body_max = body_type(route) ? RPC_LINE_MAX : 0,
                .data = route,
            };
}

/* ── its beginning and end ── */

struct rest_door *rest_door_new(uv_loop_t *loop, const struct khub_options *link,
                                struct callers *callers, struct guests *guests)
{
    struct rest_door *door = calloc(1, sizeof *door);
    if (!door)
        return NULL;
    door->loop = loop;
    door->callers = callers;
    door->guests = guests;
    TAILQ_INIT(&door->joined);
    TAILQ_INIT(&door->calls);
    door->link = *link;
    door->link.ai_id = door->link.token = NULL;
    door->document = rest_document();
    door->observers = observers_new(loop, link, callers);
    if (door->document && door->observers)
        return door;
    rest_door_close(door);
    return NULL;
}

struct observers *rest_door_observers(const struct rest_door *door)
{
    return door->observers;
}

void rest_door_close(struct rest_door *door)
{
    if (!door)
        return;
    while (!TAILQ_EMPTY(&door->joined))
        rest_guest_end(TAILQ_FIRST(&door->joined), false);
    observers_close(door->observers);
    free(door->document);
    free(door);
}
