/* A WebSocket's connection to the hub: its lines become the client's messages, and its end the
 * reason of the close. */
#include <errno.h>
#include <stdlib.h>

#include "gateway/ws_inside.h"
#include "wire/clock.h"

/* ── what is watched ── */

static void free_poll(uv_handle_t *handle)
{
    free(handle);
}

void ws_hub_drop(struct ws *ws)
{
    if (!ws->poll)
        return;
    uv_poll_stop(ws->poll);
    uv_close((uv_handle_t *)ws->poll, free_poll);
    ws->poll = NULL;
    ws->watched = 0;
}

static void on_hub(uv_poll_t *poll, int status, int events);

bool ws_hub_watch(struct ws *ws)
{
    int fd = transport_fd(&ws->hub), events = 0;
    bool client_full = ws->request && http_tunnel_unsent(ws->request) > 0;
    if (fd < 0) {
        ws_hub_drop(ws);
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

/* ── to the hub ── */

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
void ws_hub_part(struct ws *ws)
{
    ws->state = WS_PARTING;
    ws_time_set(ws, WS_PART_MS, 0);
    if (ws->to_hub.len == 0)
        transport_finish(&ws->hub);
    if (!ws_hub_watch(ws))
        ws_free(ws);
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
        there = ws_client_write(ws, text_slice(out));
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

bool ws_hub_say(struct ws *ws, struct slice lines)
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

/* ── beginning ── */

static void connect_take(struct ws *ws, enum transport_step step)
{
    switch (step) {
    case TRANSPORT_WAITS:
        break;
    case TRANSPORT_OPEN:
        ws->state = WS_OPEN;
        ws_time_set(ws, ws->door->ping_ms, ws->door->ping_ms);
        if (ws_hub_watch(ws)) {
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
    ws_time_set(ws, left > 0 ? (uint64_t)left : 0, 0);
    if (!ws_hub_watch(ws))
        ws_end(ws, WS_INTERNAL, "out of memory");
}

void ws_hub_begin(struct ws *ws)
{
    connect_take(ws, transport_begin(&ws->hub));
}

void ws_hub_go_on(struct ws *ws)
{
    ws_hub_drop(ws); /* it may be of another socket after this */
    connect_take(ws, transport_go_on(&ws->hub));
}

/* ── both ── */

static void on_hub(uv_poll_t *poll, int status, int events)
{
    struct ws *ws = poll->data;
    if (ws->state == WS_CONNECTING) {
        ws_hub_go_on(ws);
        return;
    }
    bool waited = ws->to_hub.len > 0;
    if (!hub_flush(ws) || ((status < 0 || events & UV_READABLE) && hub_read(ws) < 0))
        return;
    if (!ws_hub_watch(ws))
        ws_end(ws, WS_INTERNAL, "out of memory");
    else if (waited && ws->to_hub.len == 0 && ws->request)
        http_tunnel_reads(ws->request, true);
}
