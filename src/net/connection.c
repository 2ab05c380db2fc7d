/* A connection. What makes it hard is that any call of the hub may end this connection or another,
 * and that the hub's effects arrive in the middle of that call. So effects only queue and mark. The
 * end of the turn does the rest, and memory is freed only after the turn. */
#include "net/connection.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"
#include "net/admission.h"
#include "net/io_tls.h"
#include "net/pace.h"
#include "net/replay.h"
#include "net/state.h"
#include "wire/shown.h"

/* The moves of the drawing in connection.h: to which states each may go. */
#define TO(state) (1u << CONNECTION_##state)
static const uint8_t moves[CONNECTION_STATE_COUNT] = {
    [CONNECTION_OPEN] = TO(FLUSHING) | TO(DEAD),
    [CONNECTION_FLUSHING] = TO(LINGERING) | TO(DEAD),
    [CONNECTION_LINGERING] = TO(DEAD),
    [CONNECTION_DEAD] = 0,
};

static void connection_move(struct connection *connection, enum connection_state to)
{
    assert(connection->state < CONNECTION_STATE_COUNT && moves[connection->state] & 1u << to);
    connection->state = (uint8_t)to;
}

void connection_wake(struct connection *connection)
{
    if (connection->dirty)
        return;
    connection->dirty = true;
    TAILQ_INSERT_TAIL(&connection->server->dirty, connection, dirty_link);
}

/* ── out ── */

/* Deliveries stop; what the peer sent before is still read, and its end is found there. */
static void write_failed(struct connection *connection, int error)
{
    bool peers_doing = error == EPIPE || error == ECONNRESET;
    connection->broken = true;
    connection->blocked = false;
    if (connection->state == CONNECTION_OPEN)
        connection->reason = peers_doing ? CLOSE_PEER_RESET : CLOSE_WRITE_FAILED;
    queue_clear(&connection->queue, &connection->server->streams);
}

/* One gather write. */
static void connection_write(struct connection *connection)
{
    struct server *server = connection->server;
    struct iovec vectors[WRITE_VECTORS_MAX];
    size_t bytes;
    unsigned count =
        queue_vectors(&connection->queue, vectors, WRITE_VECTORS_MAX, WRITE_BYTES_MAX, &bytes);
    ssize_t sent = io_write(connection->io, vectors, count);
    assert(sent != 0 && (sent < 0 || (size_t)sent <= bytes));
    if (sent < 0 && sent != -EAGAIN) {
        write_failed(connection, (int)-sent);
        return;
    }
    if (sent > 0) {
        connection->bytes_out += (uint64_t)sent;
        server->bytes_out += (uint64_t)sent;
        connection->sent_at = uv_now(&server->loop);
        queue_consume(&connection->queue, &server->streams, (size_t)sent);
    }
    connection->blocked = connection->queue.bytes > 0 || !io_is_flushed(connection->io);
}

/* Everything is out: on to the next state. A hub that stops waits for nobody who has all. */
static void flushed(struct connection *connection)
{
    struct server *server = connection->server;
    bool crowded =
        !connection->surplus && server->connection_count > server->options.connections_max / 2;
    bool done = server->stopping && io_is_settled(connection->io);
    if (connection->eof || connection->broken || crowded || done) {
        connection_destroy(connection);
        return;
    }
    /* The end of ours would count as unacknowledged: a hub that stops sends it with the closing. */
    if (!server->stopping)
        io_finish(connection->io);
    connection_move(connection, CONNECTION_LINGERING);
    connection->deadline = uv_now(&server->loop) + server->options.linger_ms;
}

void connection_flush(struct connection *connection)
{
    if (connection->state == CONNECTION_DEAD)
        return;
    if (connection->queue.bytes && !connection->blocked && !connection->speaks_at)
        connection_write(connection);
    if (connection->lagging)
        pace_check(connection);
    if (connection->replay && connection->state == CONNECTION_OPEN)
        replay_flushed(connection);
    if (connection->state == CONNECTION_FLUSHING && connection->queue.bytes == 0 &&
        (connection->broken || io_is_flushed(connection->io)))
        flushed(connection);
    if (connection->state != CONNECTION_DEAD)
        connection_watch(connection);
}

void connection_overflow(struct connection *connection, size_t bytes)
{
    if (connection->over || connection->state != CONNECTION_OPEN)
        return;
    connection->over = true;
    connection->overflow = bytes;
    TAILQ_INSERT_TAIL(&connection->server->overfull, connection, overfull_link);
}

/* A queue that is long, or in many pieces, is written at once: it may be only because this turn has
 * not written yet. `len`: of the line that made it so, which may be longer than the bound by
 * itself. */
static void long_queue(struct connection *connection, size_t len)
{
    if (!connection->blocked) {
        connection_write(connection);
        connection_watch(connection);
    }
    if (connection->queue.bytes > connection->server->options.hub.output_max &&
        connection->queue.bytes > len)
        connection_overflow(connection, connection->queue.bytes);
    pace_check(connection);
}

void connection_deliver(struct server *server, peer_id to, struct span span, bool kept)
{
    struct connection *connection = server_find(server, to);
    if (!connection || connection->state != CONNECTION_OPEN || connection->over ||
        connection->broken)
        return;
    if (kept && connection->replay) {
        replay_effect(connection, span);
        return;
    }
    bool split = queue_push(&connection->queue, &server->streams, span);
    connection_wake(connection);
    if (split || connection->queue.bytes > server->long_queue)
        long_queue(connection, span.len);
}

/* ── in ── */

static void count_partial(struct connection *connection, size_t bytes)
{
    struct server *server = connection->server;
    assert(server->partial_bytes >= connection->partial);
    server->partial_bytes += bytes - connection->partial;
    connection->partial = bytes;
}

/* The line that is begun, as it is now; whoever is on its way out needs none. */
static void partial_settle(struct connection *connection)
{
    if (connection->state == CONNECTION_DEAD)
        return;
    if (connection->state != CONNECTION_OPEN)
        frame_free(&connection->frame);
    count_partial(connection, frame_pending(&connection->frame) + connection->later.len);
}

static void out_of_memory(const struct connection *connection, int64_t now)
{
    struct refusal refusal;
    size_t most = connection->frame.line_max; /* which it has not, just now */
    refuse_over(&refusal, WIRE_QUOTA_EXCEEDED, &(struct overrun){"lines", "hub", (double)most, 0},
                "this machine has no memory for a line so long");
    hub_dismiss(connection->server->hub, connection->id, CLOSE_OUT_OF_MEMORY, &refusal, now);
}

/* The line, and all that was read behind it, comes later. */
static void put_off(struct connection *connection, struct slice line, struct slice *input,
                    int64_t now)
{
    struct slice nothing = {NULL, 0};
    struct text *later = &connection->later;
    *later = (struct text){.secret = true};
    text_add(later, line);
    text_add_literal(later, "\n");
    text_add(later, *input);
    *input = nothing;
    if (later->failed) {
        text_free(later);
        out_of_memory(connection, now);
    }
    frame_next(&connection->frame, &nothing, &line); /* lets go of the line */
}

/* What the hub does with one result of framing. input: what is behind it. */
static void take(struct connection *connection, enum frame_result result, struct slice line,
                 struct slice *input, int64_t now)
{
    struct hub *hub = connection->server->hub;
    bool secret = true; /* a line that the hub does not see */
    if (result == FRAME_LINE) {
        enum hub_taken taken = hub_line(hub, connection->id, line, now);
        secret = taken != HUB_TAKEN;
        if (taken == HUB_TAKEN_LATER)
            put_off(connection, line, input, now);
    } else if (result == FRAME_TOO_LONG)
        hub_line_too_long(hub, connection->id, connection->frame.line_max, now);
    else
        out_of_memory(connection, now);
    connection->server->login.shown |= secret;
    turn_relieve(connection->server);
}

static void feed(struct connection *connection, struct slice input)
{
    struct server *server = connection->server;
    int64_t now = time_now_ms();
    struct slice line = {NULL, 0};
    enum frame_result result;
    latency_read(&server->latency);
    while (connection->state == CONNECTION_OPEN && !connection->over &&
           (result = frame_next(&connection->frame, &input, &line)) != FRAME_MORE)
        take(connection, result, line, &input, now);
    partial_settle(connection);
    if (server->partial_bytes > PARTIAL_TOTAL_MAX && connection->partial > PARTIAL_FAIR_BYTES &&
        connection->state == CONNECTION_OPEN) {
        struct refusal refusal;
        refuse_over(&refusal, WIRE_QUOTA_EXCEEDED,
                    &(struct overrun){"lines", "hub", (double)PARTIAL_TOTAL_MAX, 0},
                    "all lines that were begun and not ended hold %zu bytes, and may hold %zu: "
                    "this connection's has %zu",
                    server->partial_bytes, (size_t)PARTIAL_TOTAL_MAX, connection->partial);
        connection_dismiss(connection, CLOSE_OUT_OF_MEMORY, &refusal);
        partial_settle(connection); /* at once: hundreds may go in one turn */
    }
}

void connection_go_on(struct connection *connection)
{
    if (connection->again)
        return;
    connection->again = true;
    TAILQ_INSERT_TAIL(&connection->server->again, connection, again_link);
}

void connection_bring(struct connection *connection)
{
    struct text later = connection->later;
    connection->later = (struct text){0};
    connection->again = false;
    TAILQ_REMOVE(&connection->server->again, connection, again_link);
    feed(connection, text_slice(&later));
    text_free(&later);
    if (connection->state != CONNECTION_DEAD)
        connection_watch(connection);
}

/* Takes it off the lists of the living. */
static void leave_lists(struct connection *connection)
{
    struct server *server = connection->server;
    connection_joined(connection);
    pace_forget(connection);
    if (connection->held)
        TAILQ_REMOVE(&server->held, connection, held_link);
    if (connection->over)
        TAILQ_REMOVE(&server->overfull, connection, overfull_link);
    if (connection->again)
        TAILQ_REMOVE(&server->again, connection, again_link);
    connection->held = connection->over = connection->again = false;
    text_free(&connection->later);
    replay_free(connection->replay, &server->streams);
    connection->replay = NULL;
    slice_free(&connection->question);
    slice_free(&connection->piece);
    admitted_free(connection->admitted);
    connection->admitted = NULL;
}

/* Says that it ended, and why. */
static void connection_end(struct connection *connection, enum close_reason reason)
{
    struct server *server = connection->server;
    struct journal *journal = &server->journal;
    assert(connection->state == CONNECTION_OPEN && reason < CLOSE_REASON_COUNT);
    connection->reason = (uint8_t)reason;
    server->closed[reason]++;
    audited_end(connection, reason);
    if (connection->unknown) {
        if (reason == CLOSE_UNAUTHORIZED)
            login_note(server, connection->address);
        leave_lists(connection);
        return;
    }
    journal_begin(journal, connection->serial, "disconnected");
    journal_text(journal, "reason", slice_of(close_reason_text(reason)));
    journal_text(journal, "from", slice_of(connection->address));
    if (connection->protocol)
        journal_text(journal, "protocol", slice_of(connection->protocol->name));
    const char *failure = io_protection(connection->io).failure;
    if (failure)
        journal_text(journal, "tls", slice_of(failure));
    journal_number(journal, "in", connection->bytes_in);
    journal_number(journal, "out", connection->bytes_out);
    journal_number(journal, "queued", connection->queue.bytes);
    if (connection->unlogged_count)
        journal_number(journal, "unlogged", connection->unlogged_count);
    journal_end(journal);
    if (connection->name)
        journal_say(journal, "[-] %s left: %s", connection->name, close_reason_text(reason));
    leave_lists(connection);
}

void connection_close(struct connection *connection, enum close_reason reason)
{
    struct server *server = connection->server;
    if (connection->state != CONNECTION_OPEN)
        return;
    connection_end(connection, reason);
    connection_move(connection, CONNECTION_FLUSHING);
    connection->deadline =
        uv_now(&server->loop) + server->options.flush_ms + login_hold(connection);
    TAILQ_INSERT_TAIL(&server->closing, connection, closing_link);
    beat_start(server);
    connection_wake(connection);
}

static void read_end(struct connection *connection)
{
    connection->eof = true;
    if (connection->state == CONNECTION_LINGERING) {
        connection_destroy(connection);
        return;
    }
    if (connection->state != CONNECTION_OPEN)
        return;
    /* What it asked for before it shut its side down, it still gets. */
    enum close_reason reason = connection->broken ? connection->reason : CLOSE_PEER_CLOSED;
    connection_close(connection, reason);
    hub_gone(connection->server->hub, connection->id, reason, time_now_ms());
}

static void read_failed(struct connection *connection, int error)
{
    if (connection->state == CONNECTION_OPEN) {
        enum close_reason reason = connection->broken    ? connection->reason
                                   : error == ECONNRESET ? CLOSE_PEER_RESET
                                   : error == EPROTO     ? CLOSE_TLS_FAILED
                                                         : CLOSE_WRITE_FAILED;
        connection_end(connection, reason);
        hub_gone(connection->server->hub, connection->id, reason, time_now_ms());
    }
    connection_destroy(connection);
}

/* Overwrites what was read if a secret may be in it, as the hub says of lines. What it has not seen
 * yet, or never will, may be part of one. */
static void read_forget(struct connection *connection, size_t len)
{
    struct server *server = connection->server;
    bool unseen = connection->state != CONNECTION_OPEN || connection->over;
    if (server->login.shown || unseen || frame_within(&connection->frame))
        explicit_bzero(server->read_buffer, len);
}

/* One read a turn, so that nobody starves beside a fast sender. */
static void connection_read(struct connection *connection)
{
    struct server *server = connection->server;
    ssize_t len = io_read(connection->io, server->read_buffer, READ_BYTES);
    if (len < 0) {
        if (len != -EAGAIN || connection->broken)
            read_failed(connection, (int)-len);
        return;
    }
    if (len == 0) {
        read_end(connection);
        return;
    }
    connection->bytes_in += (uint64_t)len;
    server->bytes_in += (uint64_t)len;
    server->login.shown = connection->frame.skipping; /* the end of such a line is seen by nobody */
    struct slice input = {server->read_buffer, (size_t)len};
    if (connection->state == CONNECTION_OPEN &&
        (connection->bytes_in != input.len || admission_carried(connection)) &&
        (connection->opening.over || admission_opening(connection, input)))
        feed(connection, input);
    read_forget(connection, (size_t)len);
}

static void hold(struct connection *connection)
{
    if (connection->held)
        return;
    connection->held = true;
    TAILQ_INSERT_TAIL(&connection->server->held, connection, held_link);
}

static void on_readable(struct connection *connection)
{
    if (connection->state == CONNECTION_OPEN && connection->server->paused)
        hold(connection);
    else
        connection_read(connection);
    if (connection->state != CONNECTION_DEAD)
        connection_watch(connection);
}

static void on_io(struct io *io, enum io_event event, void *context)
{
    struct connection *connection = context;
    assert(io == connection->io && (event == IO_CLOSED) == (connection->state == CONNECTION_DEAD));
    switch (event) {
    case IO_READABLE:
        on_readable(connection);
        return;
    case IO_WRITABLE:
        connection->blocked = false;
        connection_flush(connection);
        return;
    case IO_CLOSED:
        free(connection);
        return;
    }
}

void connection_watch(struct connection *connection)
{
    bool reads = !connection->eof && !connection->held && !connection->later.len;
    io_want(connection->io, (reads ? IO_WANT_READ : 0) | (connection->blocked ? IO_WANT_WRITE : 0));
}

/* ── beginning ── */

struct connection *connection_new(struct server *server, int fd, const char *address)
{
    struct connection *connection = aligned_alloc(64, (sizeof *connection + 63) / 64 * 64);
    if (!connection)
        return NULL;
    *connection = (struct connection){.server = server, .state = CONNECTION_OPEN};
    queue_init(&connection->queue);
    frame_init(&connection->frame, server->options.hub.line_max);
    if (id_table_add(&server->connections, connection, &connection->id) < 0) {
        free(connection);
        return NULL;
    }
    connection->io = server->tls ? io_tls(server->tls, fd, on_io, connection)
                                 : io_plain(&server->loop, fd, on_io, connection);
    if (!connection->io) {
        id_table_remove(&server->connections, connection->id);
        free(connection);
        return NULL;
    }
    connection->serial = ++server->serial;
    connection->opened_at = connection->sent_at = uv_now(&server->loop);
    snprintf(connection->address, sizeof connection->address, "%s", address);
    server->connection_count++;
    return connection;
}

void connection_joined(struct connection *connection)
{
    if (!connection->newcomer)
        return;
    connection->newcomer = false;
    TAILQ_REMOVE(&connection->server->newcomers, connection, newcomer_link);
}

/* On the console stand AIs, by name. Observers, who come and go with each `khub who`, and those who
 * never joined, stand in the log alone. */
void connection_announce(struct connection *connection, struct slice name,
                         struct slice specialization, bool stays)
{
    char shown[SHOWN_LINE_SIZE], subject[SHOWN_LINE_SIZE];
    shown_format(name, shown, sizeof shown);
    shown_format(specialization, subject, sizeof subject);
    free(connection->name);
    connection->name = stays ? NULL : strdup(shown);
    journal_say(&connection->server->journal, "[+] %s (%s) joined from %s", shown, subject,
                connection->address);
}

/* ── ending ── */

void connection_dismiss(struct connection *connection, enum close_reason reason,
                        const struct refusal *refusal)
{
    struct server *server = connection->server;
    if (connection->over) {
        connection->over = false;
        TAILQ_REMOVE(&server->overfull, connection, overfull_link);
    }
    if (connection->state != CONNECTION_OPEN)
        return;
    queue_cut(&connection->queue, &server->streams);
    hub_dismiss(server->hub, connection->id, reason, refusal, time_now_ms());
}

void connection_expel_silent(struct server *server, uint64_t age, size_t count)
{
    uint64_t now = uv_now(&server->loop);
    struct refusal refusal;
    for (struct connection *connection; count && (connection = TAILQ_FIRST(&server->newcomers));
         count--) {
        if (now - connection->opened_at < age)
            return;
        refuse(&refusal, WIRE_HEARTBEAT_TIMEOUT, "no hello came within %.1f s",
               (double)(now - connection->opened_at) / 1000);
        connection_dismiss(connection, CLOSE_HELLO_TIMEOUT, &refusal);
        connection_flush(connection);
        if (connection->state != CONNECTION_DEAD)
            connection_destroy(connection);
    }
}

void connection_destroy(struct connection *connection)
{
    struct server *server = connection->server;
    if (connection->state == CONNECTION_DEAD)
        return;
    if (connection->state == CONNECTION_FLUSHING || connection->state == CONNECTION_LINGERING)
        TAILQ_REMOVE(&server->closing, connection, closing_link);
    connection_move(connection, CONNECTION_DEAD);
    leave_lists(connection);
    if (connection->dirty)
        TAILQ_REMOVE(&server->dirty, connection, dirty_link);
    connection->dirty = false;
    count_partial(connection, 0);
    login_release(connection);
    frame_free(&connection->frame);
    queue_clear(&connection->queue, &server->streams);
    id_table_remove(&server->connections, connection->id);
    server->connection_count--;
    server->surplus_count -= connection->surplus;
    free(connection->name);
    io_close(connection->io);
}

void connection_deadlines(struct server *server)
{
    uint64_t now = uv_now(&server->loop);
    struct connection *connection = TAILQ_FIRST(&server->closing);
    while (connection) {
        struct connection *next = TAILQ_NEXT(connection, closing_link);
        bool done = server->stopping && connection->state == CONNECTION_LINGERING &&
                    io_is_settled(connection->io);
        if (connection->speaks_at && (server->stopping || now >= connection->speaks_at)) {
            login_release(connection);
            connection_wake(connection);
        } else if (done || now >= connection->deadline) {
            connection_destroy(connection);
        }
        connection = next;
    }
}

bool connection_may_log(struct connection *connection)
{
    uint64_t now = uv_now(&connection->server->loop);
    if (now - connection->logged_at >= 1000) {
        connection->logged_at = now;
        connection->logged_count = 0;
    }
    if (connection->logged_count == LOG_LINES_EACH_MAX) {
        connection->unlogged_count++;
        return false;
    }
    connection->logged_count++;
    return true;
}
