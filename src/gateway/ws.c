/* WebSockets, each beside a connection to the hub. What comes from one side is written to the
 * other, and while that takes no more, nothing is read: so at most what one read brought waits
 * for either.
 *
 *                 open                 the client is gone
 *     CONNECTING ──────▶ OPEN ────────────────────────────▶ PARTING ──▶ (freed)
 *          │               │                                   the hub has taken all, and ended its
 *          └───────────────┴──────▶ (freed)                    side; or it took too long
 *        the hub can't be reached, or is gone: the client is told why
 *
 * What makes it hard is that each call may find either side gone; what returns false has said so to
 * the other side, and the caller touches nothing any more. A ws is freed by the loop, later. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/ws_inside.h"

/* ── its end ── */

static void door_free(struct ws_door *door)
{
    text_free(&door->in);
    text_free(&door->out);
    free(door);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct ws *ws = handle->data;
    struct ws_door *door = ws->door;
    free(ws);
    if (--door->handles == 0 && door->closing)
        door_free(door);
}

void ws_free(struct ws *ws)
{
    TAILQ_REMOVE(&ws->door->all, ws, next);
    ws_hub_drop(ws);
    transport_free(&ws->hub);
    text_free(&ws->to_hub);
    text_free(&ws->held);
    uv_close((uv_handle_t *)&ws->timer, on_timer_closed);
}

/* Tells the client why it ends, and lets it go. */
static void client_dismiss(struct ws *ws, enum ws_code code, const char *why)
{
    struct text text = {0};
    struct http_request *request = ws->request;
    ws_close_write(&text, code, slice_of(why));
    ws->request = NULL;
    ws->door->counts.open--;
    if (text.failed || http_tunnel_write(request, text_slice(&text)))
        http_tunnel_end(request, text.failed);
    text_free(&text);
}

/* The hub is not there (any more). */
void ws_end(struct ws *ws, enum ws_code code, const char *why)
{
    if (ws->request)
        client_dismiss(ws, code, why);
    ws_free(ws);
}

/* The client is gone. */
static void client_lost(struct ws *ws)
{
    ws->request = NULL;
    ws->door->counts.open--;
    if (ws->state == WS_OPEN)
        ws_hub_part(ws);
    else
        ws_free(ws);
}

static void on_gone(struct http_request *request, void *data)
{
    (void)request;
    client_lost(data);
}

bool ws_client_write(struct ws *ws, struct slice bytes)
{
    if (http_tunnel_write(ws->request, bytes))
        return true;
    client_lost(ws);
    return false;
}

/* ── from the client ── */

/* A message is one line, with its end or without. */
static const char *line_judge(struct ws *ws, struct slice piece)
{
    const char *end = memchr(piece.at, '\n', piece.len);
    if ((ws->line_ended && piece.len) || (end && end + 1 < slice_end(piece)))
        return "a message is one line: nothing may stand behind its end";
    ws->line_ended |= end != NULL;
    return NULL;
}

static void pong_write(struct ws *ws, struct text *text, struct slice said)
{
    if (http_tunnel_unsent(ws->request) > 0) { /* one is enough for all that come meanwhile */
        memcpy(ws->pong, said.at, said.len);
        ws->pong_len = (uint8_t)said.len;
        ws->pong_due = true;
        return;
    }
    ws_frame_begin(text, WS_PONG, true, said.len);
    text_add(text, said);
}

/* Passes on what was said, and then the client is let go. */
static void client_end(struct ws *ws, enum ws_code code, const char *why)
{
    client_dismiss(ws, code, why);
    ws_hub_part(ws);
}

/* Only now: what is refused before never was a line. */
static void line_end(struct ws *ws, struct text *in)
{
    text_add_literal(in, "\n");
    ws->line_ended = false;
    ws->door->counts.lines_in++;
}

struct read_result {
    bool ends; /* the client, or what it said, ends it: */
    enum ws_code code;
    char why[WS_CONTROL_MAX];
};

static void result_set(struct read_result *result, enum ws_code code, struct slice why)
{
    result->ends = true;
    result->code = code;
    snprintf(result->why, sizeof result->why, "%.*s", SLICE_FORMAT(why));
}

/* Text to door->in, and pongs to door->out. */
static void messages_read(struct ws *ws, struct slice input, struct read_result *ret_result)
{
    struct text *in = &ws->door->in;
    const char *why;
    bool more = true;
    while (more && !ret_result->ends && text_reserve(in, input.len + 1)) {
        switch (ws_reader_next(&ws->reader, &input, in->at + in->len)) {
        case WS_EVENT_MORE:
            more = false;
            break;
        case WS_EVENT_TEXT:
            if ((why = line_judge(ws, ws->reader.piece))) {
                ws->door->counts.refused++;
                result_set(ret_result, WS_POLICY, slice_of(why));
            } else {
                in->len += ws->reader.piece.len - ws->line_ended;
            }
            break;
        case WS_EVENT_END:
            line_end(ws, in);
            break;
        case WS_EVENT_PING:
            pong_write(ws, &ws->door->out, ws->reader.piece);
            break;
        case WS_EVENT_PONG:
            break;
        case WS_EVENT_CLOSE:
            result_set(ret_result, ws->reader.code, ws->reader.piece);
            break;
        case WS_EVENT_REFUSED:
            ws->door->counts.refused++;
            result_set(ret_result, ws->reader.code, slice_of(ws->reader.why));
            break;
        }
    }
    if (in->failed || ws->door->out.failed)
        result_set(ret_result, WS_INTERNAL, slice_of("out of memory"));
}

static void on_bytes(struct http_request *request, struct slice bytes, void *data)
{
    struct ws *ws = data;
    struct ws_door *door = ws->door;
    struct read_result result = {0};
    ws->heard = true;
    messages_read(ws, bytes, &result);
    bool there = ws_hub_say(ws, text_slice(&door->in)) &&
                 (!door->out.len || ws_client_write(ws, text_slice(&door->out)));
    if (door->in.at) /* nobody knows whether a secret is in it */
        explicit_bzero(door->in.at, door->in.len);
    text_clear(&door->in);
    text_clear(&door->out);
    if (!there)
        return;
    if (result.ends) {
        client_end(ws, result.code, result.why);
        return;
    }
    if (ws->to_hub.len)
        http_tunnel_reads(request, false);
    if (!ws_hub_watch(ws))
        ws_end(ws, WS_INTERNAL, "out of memory");
}

/* The client takes more again. */
static void on_drained(struct http_request *request, void *data)
{
    struct ws *ws = data;
    struct text *out = &ws->door->out;
    (void)request;
    if (ws->pong_due) {
        ws->pong_due = false;
        pong_write(ws, out, (struct slice){ws->pong, ws->pong_len});
        bool there = ws_client_write(ws, text_slice(out));
        text_clear(out);
        if (!there)
            return;
    }
    if (!ws_hub_watch(ws))
        ws_end(ws, WS_INTERNAL, "out of memory");
}

/* ── time ── */

/* A look at the client: it lives if it said something since the last one, or, where something
 * waits for it, took some of that. Else it is asked, and at the next look it is dead. */
static void client_look(struct ws *ws)
{
    struct text *out = &ws->door->out;
    size_t unsent = http_tunnel_unsent(ws->request), before = ws->unsent;
    bool lives = unsent ? before == 0 || unsent < before : ws->heard;
    ws->unsent = unsent;
    ws->heard = false;
    if (lives) {
        ws->pinged = false;
        return;
    }
    if (ws->pinged) {
        struct http_request *request = ws->request;
        ws->door->counts.dead++;
        client_lost(ws);
        http_tunnel_end(request, true);
        return;
    }
    ws->pinged = true;
    if (unsent)
        return;
    ws_frame_begin(out, WS_PING, true, 0);
    ws_client_write(ws, text_slice(out));
    text_clear(out);
}

static void on_timer(uv_timer_t *timer)
{
    struct ws *ws = timer->data;
    switch (ws->state) {
    case WS_CONNECTING:
        ws_hub_go_on(ws);
        return;
    case WS_OPEN:
        client_look(ws);
        return;
    case WS_PARTING:
        ws_free(ws);
        return;
    }
}

void ws_time_set(struct ws *ws, uint64_t ms, uint64_t repeat)
{
    uv_timer_start(&ws->timer, on_timer, ms, repeat);
}

/* ── the door ── */

void ws_door_get(struct ws_door *door, struct http_request *request)
{
    static const struct http_tunnel tunnel = {.bytes = on_bytes, .drained = on_drained};
    if (!ws_handshake(request))
        return;
    struct ws *ws = calloc(1, sizeof *ws);
    if (!ws || transport_init(&ws->hub, &door->address, door->tls) < 0) {
        free(ws);
        http_reply_error(request, 503, "out of memory");
        return;
    }
    if (!http_upgrade(request, "websocket", &tunnel, ws)) {
        transport_free(&ws->hub);
        free(ws);
        return;
    }
    http_request_on_gone(request, on_gone, ws);
    ws->door = door;
    ws->request = request;
    ws->hub.private = door->private;
    ws_reader_init(&ws->reader, WS_MESSAGE_MAX);
    uv_timer_init(door->loop, &ws->timer);
    ws->timer.data = ws;
    door->handles++;
    TAILQ_INSERT_TAIL(&door->all, ws, next);
    door->counts.opened++;
    door->counts.open++;
    ws_hub_begin(ws);
}

struct ws_door *ws_door_new(uv_loop_t *loop, const struct khub_options *link, uint64_t ping_ms)
{
    const char *why;
    struct ws_door *door = calloc(1, sizeof *door);
    if (!door)
        return NULL;
    door->loop = loop;
    address_parse(link->address ? link->address : LINK_ADDRESS, &door->address, &why);
    door->tls = link->tls;
    door->private = link->token && *link->token && !link->token_open;
    door->ping_ms = ping_ms ? ping_ms : WS_PING_MS;
    door->in.secret = door->out.secret = true;
    TAILQ_INIT(&door->all);
    return door;
}

const struct ws_counts *ws_door_counts(const struct ws_door *door)
{
    return &door->counts;
}

void ws_door_close(struct ws_door *door)
{
    struct ws *ws;
    if (!door || door->closing)
        return;
    door->closing = true;
    while ((ws = TAILQ_FIRST(&door->all)))
        ws_end(ws, WS_GOING_AWAY, "the gateway stops");
    if (door->handles == 0)
        door_free(door);
}
