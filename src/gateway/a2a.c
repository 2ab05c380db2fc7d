/* A2A: requests under way, and what of the room they need. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/a2a_inside.h"
#include "wire/text.h"

#define PAGE_LIMIT 200 /* members that are asked for at once */

static void door_free_if_over(struct a2a_door *door)
{
    if (!door->closing || !TAILQ_EMPTY(&door->calls))
        return;
    json_decref(door->begins);
    free(door);
}

void a2a_call_free(struct a2a_call *call)
{
    struct a2a_door *door = call->door;
    TAILQ_REMOVE(&door->calls, call, next);
    a2a_follow_end(call->follow);
    a2a_spoken(call);
    if (call->observer)
        observer_release(call->observer);
    json_decref(call->id);
    json_decref(call->params);
    json_decref(call->members);
    json_decref(call->said);
    json_decref(call->list);
    free(call);
    door_free_if_over(door);
}

enum a2a_error a2a_error_of(const struct agent_answer *answer)
{
    static const struct {
        enum a2a_error error;
        const char *codes;
    } meant[] = {
        {A2A_FORBIDDEN, " forbidden not_participant banned kicked read_only protected_mode "},
        {A2A_TASK_NOT_FOUND, " unknown_session "},
        {A2A_TOO_MUCH, " rate_limited quota_exceeded "},
        {A2A_UNAVAILABLE, " storage_unavailable shutting_down connections_full heartbeat_timeout "
                          "slow_consumer "},
    };
    char word[64];
    snprintf(word, sizeof word, " %s ", answer->code);
    for (size_t i = 0; answer->code[0] && i < sizeof meant / sizeof *meant; i++)
        if (strstr(meant[i].codes, word))
            return meant[i].error;
    return answer->code[0] ? A2A_INVALID_PARAMS : A2A_UNAVAILABLE;
}

bool a2a_lost(struct a2a_call *call, const struct agent_answer *answer)
{
    if (!call->request)
        a2a_call_free(call);
    else if (!answer->good)
        a2a_refused(call, answer);
    else
        return false;
    return true;
}

const char *a2a_place(const struct a2a_call *call, char *buffer, size_t size)
{
    struct slice host = http_request_header(call->request, "host");
    snprintf(buffer, size, "%s://%.*s", http_request_is_secure(call->request) ? "https" : "http",
             SLICE_FORMAT(host.len ? host : slice_of("localhost")));
    return buffer;
}

/* ── parameters ── */

const char *a2a_text(const struct a2a_call *call, const char *name)
{
    const char *text = json_string_value(json_object_get(call->params, name));
    return text ? text : "";
}

bool a2a_whole(struct a2a_call *call, const json_t *object, const char *name, json_int_t least,
               json_int_t most, json_int_t *ret_number)
{
    const json_t *value = json_object_get(object, name);
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : least;
    *ret_number = number;
    if ((!value || json_is_null(value) || json_is_integer(value)) && number >= least &&
        number <= most)
        return true;
    a2a_refuse(call, A2A_INVALID_PARAMS, "%s must be a whole number from %lld to %lld", name,
               (long long)least, (long long)most);
    return false;
}

/* ── the room ── */

static void on_observing(const struct agent_answer *joined, void *data)
{
    struct a2a_call *call = data;
    if (!a2a_lost(call, joined))
        call->then(call);
}

void a2a_observe(struct a2a_call *call, void (*then)(struct a2a_call *call))
{
    const struct a2a_options *options = &call->door->options;
    call->then = then;
    call->observer = observer_hold(options->observers, options->link.room, call->request);
    if (call->observer)
        agent_join(observer_agent(call->observer), on_observing, call);
    else
        a2a_refuse(call, A2A_UNAVAILABLE, "too many rooms are looked into: try again later");
}

/* Is it there, and does it want tasks? */
static bool member_wants(const json_t *member)
{
    const char *status = json_string_value(json_object_get(member, "status"));
    const json_t *one, *capabilities = json_object_get(member, "capabilities");
    size_t i;
    json_array_foreach(capabilities, i, one)
    {
        if (json_is_string(one) && json_string_length(one) == strlen(A2A_WANTED) &&
            strcmp(json_string_value(one), A2A_WANTED) == 0)
            return status && strcmp(status, "connected") == 0;
    }
    return false;
}

static void members_ask(struct a2a_call *call, json_t *payload);

static void on_members(const struct agent_answer *answer, void *data)
{
    struct a2a_call *call = data;
    bool unknown = call->request && strcmp(answer->code, "not_found") == 0;
    if (!unknown && a2a_lost(call, answer))
        return;
    json_error_t fault;
    json_t *payload = json_loadb(answer->text.at, answer->text.len, JSON_ALLOW_NUL, &fault);
    json_t *one, *list = json_object_get(payload, "members");
    json_t *next = json_object_get(payload, "next");
    size_t i;
    json_array_foreach(list, i, one)
    {
        const char *id = json_string_value(json_object_get(one, "ai_id"));
        if (id && member_wants(one))
            json_object_set(call->members, id, one);
    }
    bool more = json_is_string(next);
    if (more)
        members_ask(call, json_pack("{s:O,s:i}", "after", next, "limit", PAGE_LIMIT));
    json_decref(payload);
    if (!more)
        call->then(call);
}

static void members_ask(struct a2a_call *call, json_t *payload)
{
    char *text = json_dumps(payload, JSON_COMPACT);
    agent_ask_text(observer_agent(call->observer), "member_query", text, NULL, on_members, call);
    free(text);
    json_decref(payload);
}

void a2a_members(struct a2a_call *call, void (*then)(struct a2a_call *call))
{
    call->then = then;
    json_decref(call->members);
    call->members = json_object();
    members_ask(call, call->tenant[0] ? json_pack("{s:s}", "id", call->tenant)
                                      : json_pack("{s:i}", "limit", PAGE_LIMIT));
}

/* ── requests ── */

static void on_gone(struct http_request *request, void *data)
{
    struct a2a_call *call = data;
    (void)request;
    call->request = NULL;
    if (call->follow && call->following)
        a2a_call_free(call);
    /* or else what is awaited finds it so */
}

/* The tenant that a path names. False: it can be nobody's id. */
static bool tenant_read(struct a2a_call *call)
{
    struct slice tenant = http_request_param(call->request, 0);
    if (strncmp(call->route->path, A2A_TENANT, strlen(A2A_TENANT)) != 0)
        return true;
    if (tenant.len > WIRE_ID_MAX || memchr(tenant.at, '\0', tenant.len))
        return false;
    memcpy(call->tenant, tenant.at, tenant.len);
    return true;
}

void a2a_door_take(struct a2a_door *door, struct http_request *request, bool stranger)
{
    struct a2a_call *call = calloc(1, sizeof *call);
    if (!call) {
        http_reply_error(request, 503, "out of memory");
        return;
    }
    *call = (struct a2a_call){.door = door,
                              .request = request,
                              .route = http_request_route(request)->data,
                              .stranger = stranger};
    TAILQ_INSERT_TAIL(&door->calls, call, next);
    http_request_on_gone(request, on_gone, call);
    if (tenant_read(call))
        call->route->run(call);
    else
        a2a_refuse(call, A2A_INVALID_PARAMS, "a tenant is an AI's id, of at most %u bytes",
                   WIRE_ID_MAX);
}

bool a2a_door_wants_token(const struct a2a_door *door)
{
    return door->options.wants_token;
}

static const struct a2a_route *const tables[] = {a2a_card_routes, a2a_binding_routes, NULL};

size_t a2a_route_count(void)
{
    size_t count = 0;
    for (const struct a2a_route *const *table = tables; *table; table++)
        for (const struct a2a_route *route = *table; route->method; route++)
            count++;
    return count;
}

void a2a_fill_routes(struct http_route *routes, http_handler *handler, http_handler *strangers)
{
    for (const struct a2a_route *const *table = tables; *table; table++)
        for (const struct a2a_route *route = *table; route->method; route++)
            *routes++ = (struct http_route){
                .method = route->method,
                .path = route->path,
                .handler = route->for_strangers ? strangers : handler,
                .body_max = route->body_max,
                .data = route,
            };
}

struct a2a_door *a2a_door_new(const struct a2a_options *options)
{
    struct a2a_door *door = calloc(1, sizeof *door);
    if (!door)
        return NULL;
    door->options = *options;
    door->begins = json_object();
    TAILQ_INIT(&door->calls);
    TAILQ_INIT(&door->speakers);
    TAILQ_INIT(&door->pushes);
    return door;
}

void a2a_door_close(struct a2a_door *door)
{
    if (!door)
        return;
    a2a_pushes_end(door);
    a2a_speakers_end(door);
    door->closing = true; /* what is asked of observers has yet to be answered */
    door_free_if_over(door);
}
