/* The gateway: a link to the hub, and what it answers over HTTP. */
#include "gateway/gateway.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/bounds.h"
#include "gateway/gateway_inside.h"
#include "gateway/page.h"
#include "gateway/webhooks.h"
#include "wire/clock.h"
#include "wire/json.h"

/* ── /healthz and /readyz ── */

static void healthz(struct http_request *request)
{
    http_reply(request, 200, "application/json", slice_of("{\"alive\":true}\n"));
}

/* why NULL: it is ready. */
static void ready_tell(struct http_request *request, const char *why)
{
    struct text text = {0};
    text_addf(&text, "{\"ready\":%s", why ? "false,\"why\":" : "true");
    if (why)
        text_add_string(&text, slice_of(why));
    text_add_literal(&text, "}\n");
    if (why)
        http_reply_header(request, "Retry-After", slice_of("1"));
    http_reply(request, why ? 503 : 200, "application/json", text_slice(&text));
    text_free(&text);
}

static void waiter_free(struct ready_waiter *waiter)
{
    TAILQ_REMOVE(&waiter->gateway->waiters, waiter, next);
    free(waiter);
}

static void waiters_tell(struct gateway *gateway, const char *why)
{
    struct ready_waiter *waiter;
    gateway->question[0] = '\0';
    uv_timer_stop(&gateway->timer);
    while ((waiter = TAILQ_FIRST(&gateway->waiters))) {
        struct http_request *request = waiter->request;
        waiter_free(waiter);
        ready_tell(request, why);
    }
}

static void on_gone(struct http_request *request, void *data)
{
    (void)request;
    waiter_free(data);
}

static void on_unanswered(uv_timer_t *timer)
{
    struct gateway *gateway = timer->data;
    gateway->unanswered++;
    waiters_tell(gateway, "the hub does not answer");
}

/* Asks the hub for a sign of life, once for all who wait. */
static bool question_ask(struct gateway *gateway)
{
    if (gateway->question[0])
        return true;
    if (khub_publish(gateway->link, "heartbeat", "{}", NULL, gateway->question) < 0) {
        gateway->question[0] = '\0';
        return false;
    }
    gateway->questions++;
    uv_timer_start(&gateway->timer, on_unanswered, gateway->answer_ms, 0);
    return true;
}

static void readyz(struct http_request *request)
{
    struct gateway *gateway = http_server_data(request);
    struct ready_waiter *waiter = gateway->joined ? malloc(sizeof *waiter) : NULL;
    if (!waiter || !question_ask(gateway)) {
        free(waiter);
        ready_tell(request, gateway->joined ? "the hub can't be asked just now" : gateway->why);
        return;
    }
    *waiter = (struct ready_waiter){.request = request, .gateway = gateway};
    TAILQ_INSERT_TAIL(&gateway->waiters, waiter, next);
    http_request_on_gone(request, on_gone, waiter);
}

/* Open to who is of this machine: what is counted here is no secret of anybody's. What the hub
 * counts is told to whom the hub tells it. */
static void metrics(struct http_request *request)
{
    const struct gateway *gateway = http_server_data(request);
    struct endpoint peer = http_request_peer(request);
    if (!endpoint_is_local(&peer))
        callers_admit(gateway->callers, request, CALLER_OBSERVES, gateway_hub_metrics);
    else if (http_request_header(request, "authorization").at)
        callers_admit(gateway->callers, request, CALLER_COMES, gateway_hub_metrics);
    else if (callers_need_show_nothing(gateway->callers))
        gateway_hub_metrics(request);
    else
        gateway_metrics(request);
}

/* A handler that gets requests of admitted callers alone. */
#define ADMITTED(name, door, call)                                                                 \
    static void name##_admitted(struct http_request *request)                                      \
    {                                                                                              \
        const struct gateway *gateway = http_server_data(request);                                 \
        call(gateway->door, request);                                                              \
    }                                                                                              \
    static void name(struct http_request *request)                                                 \
    {                                                                                              \
        const struct gateway *gateway = http_server_data(request);                                 \
        callers_admit(gateway->callers, request, CALLER_COMES, name##_admitted);                   \
    }
ADMITTED(mcp_post, mcp, mcp_door_post)
ADMITTED(mcp_get, mcp, mcp_door_get)
ADMITTED(mcp_delete, mcp, mcp_door_delete)
ADMITTED(rest, rest, rest_door_take)
ADMITTED(ws_afar, ws, ws_door_get)

static void a2a_admitted(struct http_request *request)
{
    const struct gateway *gateway = http_server_data(request);
    a2a_door_take(gateway->a2a, request, false);
}

static void a2a(struct http_request *request)
{
    const struct gateway *gateway = http_server_data(request);
    callers_admit(gateway->callers, request, CALLER_COMES, a2a_admitted);
}

/* A client reads a card before it knows what to show. */
static void a2a_card_get(struct http_request *request)
{
    const struct gateway *gateway = http_server_data(request);
    struct slice token;
    if (a2a_door_wants_token(gateway->a2a) && http_request_bearer(request, &token) && !token.at)
        a2a_door_take(gateway->a2a, request, true);
    else
        a2a(request);
}

/* Who opens one says hello by himself. But strangers of other machines would use up the patience
 * that the hub has with the gateway's address: these show a good token before. */
static void ws_get(struct http_request *request)
{
    const struct gateway *gateway = http_server_data(request);
    struct endpoint peer = http_request_peer(request);
    if (endpoint_is_local(&peer))
        ws_door_get(gateway->ws, request);
    else
        ws_afar(request);
}

static const struct http_route own_routes[] = {
    {.method = "GET", .path = "/", .handler = page_get},
    {.method = "GET", .path = "/page/{name}", .handler = page_get},
    {.method = "GET", .path = "/healthz", .handler = healthz},
    {.method = "GET", .path = "/readyz", .handler = readyz},
    {.method = "GET", .path = "/metrics", .handler = metrics},
    {.method = "POST", .path = "/mcp", .handler = mcp_post, .body_max = RPC_LINE_MAX},
    {.method = "GET", .path = "/mcp", .handler = mcp_get},
    {.method = "DELETE", .path = "/mcp", .handler = mcp_delete},
    {.method = "GET", .path = "/ws", .handler = ws_get},
};
#define OWN_ROUTES (sizeof own_routes / sizeof *own_routes)

/* Those, and all of REST and A2A. NULL: out of memory. */
static struct http_route *routes_new(void)
{
    size_t count = OWN_ROUTES + rest_route_count();
    struct http_route *routes = calloc(count + a2a_route_count() + 1, sizeof *routes);
    if (routes) {
        memcpy(routes, own_routes, sizeof own_routes);
        rest_fill_routes(routes + OWN_ROUTES, rest, rest_admitted);
        a2a_fill_routes(routes + count, a2a, a2a_card_get);
    }
    return routes;
}

/* ── the hub ── */

static void joined(struct gateway *gateway)
{
    if (gateway->joined)
        return;
    gateway->joined = true;
    gateway->joins++;
    gateway->why[0] = '\0';
    if (gateway->callbacks.changed)
        gateway->callbacks.changed(gateway, NULL, gateway->data);
}

static void lost(struct gateway *gateway, const char *why)
{
    bool changed = gateway->joined || strcmp(gateway->why, why) != 0;
    gateway->losses += gateway->joined;
    gateway->joined = false;
    snprintf(gateway->why, sizeof gateway->why, "%s", why);
    waiters_tell(gateway, gateway->why);
    if (changed && gateway->callbacks.changed)
        gateway->callbacks.changed(gateway, gateway->why, gateway->data);
}

static void on_message(struct khub *link, const struct khub_message *message, void *data)
{
    struct gateway *gateway = data;
    struct json_value payload =
        json_value_of((struct slice){message->payload.at, message->payload.len});
    (void)link;
    if (strcmp(message->sender_id.at, "hub") != 0)
        return;
    if (strcmp(message->type.at, "training_sync") == 0) {
        /* of a hub whose disk is full we are a guest, until another sync comes */
        if (json_get(payload, "kept").kind == JSON_KIND_FALSE)
            lost(gateway, "the hub can't keep anything just now: its disk is full, or fails");
        else
            joined(gateway);
        return;
    }
    if (gateway->question[0] &&
        json_string_is(json_get(payload, "in_reply_to"), slice_of(gateway->question)))
        waiters_tell(gateway, strcmp(message->type.at, "heartbeat") == 0
                                  ? NULL
                                  : "the hub refuses to answer");
}

static void on_state(struct khub *link, enum khub_state state, int error, const char *detail,
                     void *data)
{
    struct gateway *gateway = data;
    (void)link;
    if (error == 0) /* whether we have joined, the sync says */
        return;
    lost(gateway, *detail ? detail : khub_error_text(error));
    if (state == KHUB_ENDED && gateway->callbacks.refused)
        gateway->callbacks.refused(gateway, error, gateway->why, gateway->data);
}

/* ── its beginning and end ── */

/* False: out of memory. */
static bool doors_new(struct gateway *gateway, uv_loop_t *loop,
                      const struct gateway_options *options)
{
    struct khub_options agent = options->link, stranger = options->link;
    agent.ai_id = NULL;
    agent.room = options->agents_room;
    agent.specialization = NULL;
    callers_nobody(gateway->callers, &stranger);
    gateway->mcp = mcp_door_new(loop, &agent, gateway->callers, gateway->guests, options->mcp_more);
    agent.ai_id = options->link.ai_id;
    gateway->rest = rest_door_new(loop, &agent, gateway->callers, gateway->guests);
    gateway->ws = ws_door_new(loop, &stranger, options->ping_ms);
    if (!gateway->mcp || !gateway->rest || !gateway->ws)
        return false;
    if (options->pushes)
        gateway->webhooks = webhooks_new(loop, options->push_allow);
    const struct a2a_options a2a = {.loop = loop,
                                    .callers = gateway->callers,
                                    .observers = rest_door_observers(gateway->rest),
                                    .guests = gateway->guests,
                                    .link = agent,
                                    .webhooks = gateway->webhooks,
                                    .wants_token = options->link.token && *options->link.token &&
                                                   !options->shares_token};
    gateway->a2a = a2a_door_new(&a2a);
    return gateway->a2a;
}

int gateway_new(uv_loop_t *loop, const struct gateway_options *options,
                const struct gateway_callbacks *callbacks, void *data, struct gateway **ret_gateway)
{
    struct gateway *gateway = calloc(1, sizeof *gateway);
    if (!gateway)
        return KHUB_E_NO_MEMORY;
    gateway->callbacks = *callbacks;
    gateway->data = data;
    gateway->started_ms = time_now_ms();
    gateway->answer_ms = options->answer_ms ? options->answer_ms : GATEWAY_ANSWER_MS;
    TAILQ_INIT(&gateway->waiters);
    struct khub_options link = options->link;
    link.level = 2;
    link.observer = true;
    link.not_ready = true;
    link.sync_max = KHUB_SYNC_NONE;
    link.retries = 0;
    link.data = gateway;
    struct http_server_options http = options->http;
    http.routes = gateway->routes = routes_new();
    http.data = gateway;
    int error = khub_new(&link, &(struct khub_callbacks){.message = on_message, .state = on_state},
                         &gateway->link);
    const struct callers_options callers = {
        .link = &link, .shares = options->shares_token, .open = options->open};
    if (error == 0 &&
        (!http.routes || !(gateway->http = http_server_new(loop, &http)) ||
         !(gateway->guests = guests_new(loop, options->idle_ms)) ||
         !(gateway->callers = callers_new(loop, &callers)) || !doors_new(gateway, loop, options)))
        error = KHUB_E_NO_MEMORY;
    if (error == 0)
        error = khub_uv_start(loop, gateway->link, &gateway->adapter);
    if (error < 0) {
        http_server_close(gateway->http);
        mcp_door_close(gateway->mcp);
        a2a_door_close(gateway->a2a);
        webhooks_close(gateway->webhooks);
        rest_door_close(gateway->rest);
        guests_close(gateway->guests);
        ws_door_close(gateway->ws);
        callers_close(gateway->callers);
        free(gateway->routes);
        khub_free(gateway->link);
        free(gateway);
        return error;
    }
    uv_timer_init(loop, &gateway->timer);
    gateway->timer.data = gateway;
    snprintf(gateway->why, sizeof gateway->why, "the hub has not been reached yet");
    *ret_gateway = gateway;
    return 0;
}

int gateway_listen(struct gateway *gateway, const char *address, char *ret_why, size_t size)
{
    return http_server_listen(gateway->http, address, ret_why, size);
}

struct http_server *gateway_http(struct gateway *gateway)
{
    return gateway->http;
}

/* The link may have been in a callback when the gateway was closed: now it is not. */
static void on_timer_closed(uv_handle_t *handle)
{
    struct gateway *gateway = handle->data;
    khub_free(gateway->link);
    free(gateway->routes);
    free(gateway);
}

void gateway_close(struct gateway *gateway)
{
    if (!gateway)
        return;
    ws_door_close(gateway->ws); /* whose clients are told */
    http_server_close(gateway->http);
    mcp_door_close(gateway->mcp);
    a2a_door_close(gateway->a2a);
    webhooks_close(gateway->webhooks);
    rest_door_close(gateway->rest);
    guests_close(gateway->guests);
    callers_close(gateway->callers);
    khub_uv_stop(gateway->adapter);
    uv_close((uv_handle_t *)&gateway->timer, on_timer_closed);
}
