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
#include "gateway/ws.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "client/transport.h"
#include "gateway/bounds.h"
#include "gateway/ws_reader.h"
#include "wire/clock.h"

enum ws_state { WS_CONNECTING, WS_OPEN, WS_PARTING };

struct ws {
    struct ws_door *door;
    TAILQ_ENTRY(ws) next;
    enum ws_state state;
    struct http_request *request; /* NULL: the client is gone, or was told that we go */
    struct ws_reader reader;
    bool line_ended; /* the message under way: its line's end has come */
    struct transport hub;
    uv_poll_t *poll; /* of its fd; NULL: none. Its own memory: it may close later than the ws */
    int watched;     /* what it is watched for */
    uv_timer_t timer;
    struct text to_hub;  /* what it has not taken yet */
    struct text held;    /* the beginning of a line of the hub's */
    bool in_line;        /* and whether a part of that was sent to the client */
    bool said_error;     /* the hub's last line was an error: */
    char error_code[32]; /* its code */
    bool heard, pinged;  /* the client, since the last look; and whether it was asked to speak */
    size_t unsent;       /* at the last look */
    bool pong_due;
    uint8_t pong_len;
    char pong[WS_CONTROL_MAX];
};
TAILQ_HEAD(ws_list, ws);

struct ws_door {
    uv_loop_t *loop;
    struct address address;
    const struct khub_tls *tls;
    bool private; /* what clients say is not to be read on the way to another machine */
    uint64_t ping_ms;
    struct ws_list all;
    size_t handles; /* timers that are not closed yet */
    struct ws_counts counts;
    struct text in, out; /* what is on its way, within one callback */
    bool closing;
    char chunk[WS_READ_BYTES];
};

/* ── its end ── */

static void free_poll(uv_handle_t *handle)
{
    free(handle);
}

static void poll_drop(struct ws *ws)
{
    if (!ws->poll)
        return;
    uv_poll_stop(ws->poll);
    uv_close((uv_handle_t *)ws->poll, free_poll);
    ws->poll = NULL;
    ws->watched = 0;
}

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

static void ws_free(struct ws *ws)
{
    TAILQ_REMOVE(&ws->door->all, ws, next);
    poll_drop(ws);
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
static void ws_end(struct ws *ws, enum ws_code code, const char *why)
{
    if (ws->request)
        client_dismiss(ws, code, why);
    ws_free(ws);
}

/* ── to the hub ── */

static void on_hub(uv_poll_t *poll, int status, int events);
static void on_timer(uv_timer_t *timer);

/* False: it can't be watched. */
static bool watch(struct ws *ws)
{
    int fd = transport_fd(&ws->hub), events = 0;
    bool client_full = ws->request && http_tunnel_unsent(ws->request) > 0;
    if (fd < 0) {
        poll_drop(ws);
        return true;
    }
    if (!client_full)
        events |= UV_READABLE;
    if (ws->to_hub.len || transport_wants_write(&ws->hub))
        events |= UV_WRITABLE;
    if (!ws->poll) {
        ws->poll = malloc(sizeof *ws->poll);
        if (!ws->poll || uv_poll_init(ws->door->loop, ws->poll, fd) < 0) {
            free(ws->poll);
            ws->poll = NULL;
            return false;
        }
        ws->poll->data = ws;
    }
    if (events == ws->watched)
        return true;
    ws->watched = events;
    return (events ? uv_poll_start(ws->poll, events, on_hub) : uv_poll_stop(ws->poll)) == 0;
}

/* Sends what it takes now of `bytes`; *ret_rest is what it does not. False: it failed, with
 * errno. */
static bool hub_send(struct ws *ws, struct slice bytes, struct slice *ret_rest)
{
    while (bytes.len > 0) {
        ssize_t sent = transport_send(&ws->hub, bytes);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN)
            return false;
        if (sent < 0)
            break;
        bytes = (struct slice){bytes.at + sent, bytes.len - (size_t)sent};
    }
    *ret_rest = bytes;
    return true;
}

/* All was said: the hub takes it, and ends its side in turn. Were the connection closed at once,
 * what the hub still says would have the kernel throw away what is on its way to it. */
static void part(struct ws *ws)
{
    ws->state = WS_PARTING;
    uv_timer_start(&ws->timer, on_timer, WS_PART_MS, 0);
    if (ws->to_hub.len == 0)
        transport_finish(&ws->hub);
    if (!watch(ws))
        ws_free(ws);
}

/* The client is gone. */
static void client_lost(struct ws *ws)
{
    ws->request = NULL;
    ws->door->counts.open--;
    if (ws->state == WS_OPEN)
        part(ws);
    else
        ws_free(ws);
}

static void on_gone(struct http_request *request, void *data)
{
    (void)request;
    client_lost(data);
}

static bool client_write(struct ws *ws, struct slice bytes)
{
    if (http_tunnel_write(ws->request, bytes))
        return true;
    client_lost(ws);
    return false;
}

/* ── from the hub ── */

/* Is this line the hub's last word? Lines of the hub's own begin alike, and no AI's is sent by
 * "hub". */
static void word_note(struct ws *ws, struct slice line)
{
    static const char begin[] = "{\"message_id\":\"", code[] = "\"code\":\"";
    static const char said[] = "\",\"sender_id\":\"hub\",\"message_type\":\"error\"";
    const size_t at = sizeof begin - 1 + UUID_SIZE - 1;
    ws->said_error = false;
    if (line.len < at + sizeof said || memcmp(line.at, begin, sizeof begin - 1) != 0 ||
        memcmp(line.at + at, said, sizeof said - 1) != 0)
        return;
    const char *found = memmem(line.at, line.len, code, sizeof code - 1), *end = slice_end(line);
    size_t len = 0;
    if (!found)
        return;
    found += sizeof code - 1;
    while (found + len < end && len < sizeof ws->error_code - 1 &&
           (found[len] == '_' || (found[len] >= 'a' && found[len] <= 'z')))
        len++;
    memcpy(ws->error_code, found, len);
    ws->error_code[len] = '\0';
    ws->said_error = true;
}

/* A line, or (not fin) a part of one that is too long to be held, behind what is held of it. */
static void frame_add(struct ws *ws, struct slice bytes, bool fin)
{
    struct text *out = &ws->door->out;
    bool whole = fin && !ws->in_line;
    if (whole && ws->held.len + bytes.len == 0)
        return;
    size_t begin = out->len;
    ws_frame_begin(out, ws->in_line ? WS_CONTINUATION : WS_TEXT, fin, ws->held.len + bytes.len);
    size_t header = out->len - begin;
    text_add(out, text_slice(&ws->held));
    text_add(out, bytes);
    text_free(&ws->held);
    if (whole && !out->failed)
        word_note(ws, (struct slice){out->at + begin + header, out->len - begin - header});
    else
        ws->said_error = false;
    ws->in_line = !fin;
    ws->door->counts.lines_out += fin;
}

/* Lines of the hub become messages: each a frame, but one that is longer than is held several. */
static bool forward(struct ws *ws, struct slice bytes)
{
    struct text *out = &ws->door->out;
    const char *end;
    while ((end = memchr(bytes.at, '\n', bytes.len))) {
        size_t len = (size_t)(end - bytes.at);
        frame_add(ws, (struct slice){bytes.at, len}, true);
        bytes = (struct slice){end + 1, bytes.len - len - 1};
    }
    if (bytes.len && ws->held.len + bytes.len > WS_HELD_MAX) {
        frame_add(ws, bytes, false);
    } else if (bytes.len) {
        ws->held.secret = true;
        text_add(&ws->held, bytes);
    }
    bool failed = out->failed || ws->held.failed;
    bool there = true;
    if (failed)
        ws_end(ws, WS_INTERNAL, "out of memory");
    else if (out->len)
        there = client_write(ws, text_slice(out));
    if (out->at)
        explicit_bzero(out->at, out->len);
    text_clear(out);
    return there && !failed;
}

/* What the client is told at the end of the hub's side. */
static void hub_ended(struct ws *ws, const char *why)
{
    static const struct {
        const char *error;
        enum ws_code code;
    } codes[] = {{"shutting_down", WS_GOING_AWAY},
                 {"connections_full", WS_TRY_LATER},
                 {"storage_unavailable", WS_TRY_LATER}};
    enum ws_code code = WS_POLICY;
    if (!ws->said_error) {
        ws_end(ws, WS_GOING_AWAY, why);
        return;
    }
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(ws->error_code, codes[i].error) == 0)
            code = codes[i].code;
    ws_end(ws, code, ws->error_code);
}

/* 1: something was read; 0: there is nothing now; -1: the ws is no more. */
static int hub_read(struct ws *ws)
{
    struct ws_door *door = ws->door;
    ssize_t count = transport_receive(&ws->hub, door->chunk, sizeof door->chunk);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (count > 0) {
        bool there = !ws->request || forward(ws, (struct slice){door->chunk, (size_t)count});
        explicit_bzero(door->chunk, (size_t)count);
        return there ? 1 : -1;
    }
    hub_ended(ws,
              count == 0 ? "the hub closed the connection" : transport_failure(&ws->hub, errno));
    return -1;
}

/* Sending failed. A hub that closed has often said why: that is worth more than "broken pipe". */
static void hub_lost(struct ws *ws, int error)
{
    int read = 1;
    while (read > 0 && ws->request && http_tunnel_unsent(ws->request) == 0)
        read = hub_read(ws);
    if (read >= 0)
        hub_ended(ws, transport_failure(&ws->hub, error));
}

/* What waited for the hub. False: the ws is no more. */
static bool hub_flush(struct ws *ws)
{
    struct slice rest;
    if (ws->to_hub.len == 0)
        return true;
    if (!hub_send(ws, text_slice(&ws->to_hub), &rest)) {
        hub_lost(ws, errno);
        return false;
    }
    if (rest.len > 0) {
        memmove(ws->to_hub.at, rest.at, rest.len);
        ws->to_hub.len = rest.len;
        return true;
    }
    text_free(&ws->to_hub);
    if (ws->state == WS_PARTING)
        transport_finish(&ws->hub);
    return true;
}

static void connect_take(struct ws *ws, enum transport_step step)
{
    switch (step) {
    case TRANSPORT_WAITS:
        break;
    case TRANSPORT_OPEN:
        ws->state = WS_OPEN;
        uv_timer_start(&ws->timer, on_timer, ws->door->ping_ms, ws->door->ping_ms);
        if (watch(ws)) {
            http_tunnel_reads(ws->request, true);
            return;
        }
        ws_end(ws, WS_INTERNAL, "out of memory");
        return;
    case TRANSPORT_FAILED:
    case TRANSPORT_DISTRUSTED:
    case TRANSPORT_UNFIT:
        ws->door->counts.unreached++;
        ws_end(ws, step == TRANSPORT_FAILED ? WS_TRY_LATER : WS_INTERNAL, ws->hub.why);
        return;
    }
    int64_t left = ws->hub.again ? 0 : ws->hub.due_ms - time_monotonic_ms();
    uv_timer_start(&ws->timer, on_timer, left > 0 ? (uint64_t)left : 0, 0);
    if (!watch(ws))
        ws_end(ws, WS_INTERNAL, "out of memory");
}

static void connect_go_on(struct ws *ws)
{
    poll_drop(ws); /* it may be of another socket after this */
    connect_take(ws, transport_go_on(&ws->hub));
}

static void on_hub(uv_poll_t *poll, int status, int events)
{
    struct ws *ws = poll->data;
    if (ws->state == WS_CONNECTING) {
        connect_go_on(ws);
        return;
    }
    bool waited = ws->to_hub.len > 0;
    if (!hub_flush(ws) || ((status < 0 || events & UV_READABLE) && hub_read(ws) < 0))
        return;
    if (!watch(ws))
        ws_end(ws, WS_INTERNAL, "out of memory");
    else if (waited && ws->to_hub.len == 0 && ws->request)
        http_tunnel_reads(ws->request, true);
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
    part(ws);
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

/* What was read goes to the hub, as far as it takes it. False: the ws is no more. */
static bool lines_pass_on(struct ws *ws, struct slice lines)
{
    struct slice rest = lines;
    if (ws->to_hub.len == 0 && !hub_send(ws, lines, &rest)) {
        hub_lost(ws, errno);
        return false;
    }
    ws->to_hub.secret = true;
    text_add(&ws->to_hub, rest);
    if (!ws->to_hub.failed)
        return true;
    ws_end(ws, WS_INTERNAL, "out of memory");
    return false;
}

static void on_bytes(struct http_request *request, struct slice bytes, void *data)
{
    struct ws *ws = data;
    struct ws_door *door = ws->door;
    struct read_result result = {0};
    ws->heard = true;
    messages_read(ws, bytes, &result);
    bool there = lines_pass_on(ws, text_slice(&door->in)) &&
                 (!door->out.len || client_write(ws, text_slice(&door->out)));
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
    if (!watch(ws))
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
        bool there = client_write(ws, text_slice(out));
        text_clear(out);
        if (!there)
            return;
    }
    if (!watch(ws))
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
    client_write(ws, text_slice(out));
    text_clear(out);
}

static void on_timer(uv_timer_t *timer)
{
    struct ws *ws = timer->data;
    switch (ws->state) {
    case WS_CONNECTING:
        connect_go_on(ws);
        return;
    case WS_OPEN:
        client_look(ws);
        return;
    case WS_PARTING:
        ws_free(ws);
        return;
    }
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
    connect_take(ws, transport_begin(&ws->hub));
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
