/* Admission. What makes it hard is that a refusal should arrive. Closing a socket that has unread
 * bytes makes the system send a reset, and a reset can destroy what the peer has not read yet. So a
 * connection that is refused goes through the same states as any other that is closed. */
#include "net/admission.h"

#include <assert.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/state.h"

/* An error line of the edge's own. */
static void add_error(struct text *line, struct server *server, enum wire_error code,
                      const char *detail)
{
    uint8_t random[16];
    char uuid[UUID_SIZE], timestamp[TIMESTAMP_SIZE];
    struct hub_edge edge = edge_of(server);
    edge.unique(server, random);
    uuid_format(random, uuid);
    timestamp_format(time_now_ms(), timestamp);
    message_begin(line, slice_of(uuid), slice_of("hub"), MESSAGE_ERROR, slice_of(timestamp),
                  (struct slice){NULL, 0});
    text_add_literal(line, "{\"code\":");
    text_add_string(line, slice_of(wire_error_code(code)));
    text_add_literal(line, ",\"detail\":");
    text_add_string(line, slice_of(detail));
    text_add_literal(line, ",\"in_reply_to\":null}");
    message_end(line);
    text_add_literal(line, "\n");
}

/* The last that a connection gets. */
static void send_away(struct connection *connection, enum close_reason reason, struct text *bytes)
{
    assert(connection->state == CONNECTION_OPEN);
    queue_push_copy(&connection->queue, &connection->server->streams, text_slice(bytes));
    text_free(bytes);
    connection_close(connection, reason);
}

static void refuse_with(struct connection *connection, enum close_reason reason,
                        enum wire_error code, const char *detail)
{
    struct text line = {0};
    add_error(&line, connection->server, code, detail);
    send_away(connection, reason, &line);
}

/* ── a full hub ── */

#define FULL_DETAIL                                                                                \
    "this hub takes no more connections: try again later, or raise --max-connections and the "     \
    "limit of open files (ulimit -n)"

/* No room: those who never said anything go first. */
static bool make_room(struct server *server)
{
    size_t most = server->options.connections_max;
    if (server->connection_count - server->surplus_count < most)
        return true;
    connection_expel_silent(server, HELLO_GRACE_MS, 1);
    return server->connection_count - server->surplus_count < most;
}

/* Counts one that there was no room for, and says so at most once a second. */
static void note_full(struct server *server, const char *address)
{
    uint64_t now = uv_now(&server->loop);
    uint64_t so_far = server->turned_away++;
    if (server->full_said && now - server->full_said < 1000)
        return;
    server->full_said = now;
    journal_begin(&server->journal, 0, "refused");
    journal_text(&server->journal, "reason", slice_of(close_reason_text(CLOSE_CONNECTIONS_FULL)));
    journal_text(&server->journal, "from", slice_of(address));
    journal_number(&server->journal, "connections", server->connection_count);
    journal_number(&server->journal, "so_far", so_far + 1);
    journal_end(&server->journal);
}

void admission_full(struct server *server, int fd, const char *address)
{
    struct text line = {0};
    note_full(server, address);
    server->closed[CLOSE_CONNECTIONS_FULL]++;
    add_error(&line, server, WIRE_CONNECTIONS_FULL, FULL_DETAIL);
    struct slice bytes = text_slice(&line);
    /* It fits into an empty socket. What came by now is read, so that closing is less likely to be
     * a reset. */
    send(fd, bytes.at, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(fd, SHUT_WR);
    ssize_t came = recv(fd, server->read_buffer, READ_BYTES, MSG_DONTWAIT);
    if (came > 0) /* with a token in it, maybe */
        explicit_bzero(server->read_buffer, (size_t)came);
    text_free(&line);
    close(fd);
}

/* Whoever comes to a full hub: told, with time to read it, unless too many are being told. */
static void refuse_surplus(struct server *server, int fd, const char *address)
{
    bool crowded = server->surplus_count == SURPLUS_MAX;
    struct connection *connection = crowded ? NULL : connection_new(server, fd, address);
    if (!connection) {
        admission_full(server, fd, address);
        return;
    }
    note_full(server, address);
    assert(server->surplus_count < SURPLUS_MAX);
    connection->surplus = true;
    server->surplus_count++;
    refuse_with(connection, CLOSE_CONNECTIONS_FULL, WIRE_CONNECTIONS_FULL, FULL_DETAIL);
}

/* ── another protocol ── */

static void add_http_answer(struct text *answer)
{
    static const char body[] = "This is a khub hub. It speaks JSON lines here, not HTTP.\n";
    text_addf(answer,
              "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
              "Connection: close\r\n\r\n%s",
              sizeof body - 1, body);
}

bool admission_opening(struct connection *connection, struct slice input)
{
    const struct protocol *protocol = opening_take(&connection->opening, input);
    struct hub *hub = connection->server->hub;
    struct text answer = {0};
    if (!protocol)
        return true;
    connection->protocol = protocol;
    if (protocol->http) {
        add_http_answer(&answer);
    } else {
        struct text detail = {0};
        text_addf(&detail, "this begins as %s; the hub speaks JSON lines here: one message a line",
                  protocol->name);
        text_add(&detail, (struct slice){"", 1});
        add_error(&answer, connection->server, WIRE_WRONG_PROTOCOL, text_slice(&detail).at);
        text_free(&detail);
    }
    send_away(connection, CLOSE_WRONG_PROTOCOL, &answer);
    hub_gone(hub, connection->id, CLOSE_WRONG_PROTOCOL, time_now_ms());
    return false;
}

/* ── protected mode ── */

#define AFAR_PLAIN                                                                                  \
    "this hub takes peers of other machines over TLS only (khubs://HOST:PORT); its owner can lift " \
    "that with --insecure"
#define AFAR_NAMELESS                                                                              \
    "this hub has no tokens, so of other machines it takes only who shows a certificate of its "   \
    "--tls-client-ca; its owner can lift that with --insecure"
#define AFAR                                                                                       \
    "this hub has no tokens and takes only peers of its own machine; its owner can give one out "  \
    "('khub token add') and have it speak TLS (--tls-cert), or lift that with --insecure"
#define AFAR_UNSAFE                                                                                \
    "a token is not for other machines to be read on its way: this hub has no --tls-cert, so it "  \
    "takes only peers of its own machine; its owner can lift that with --insecure"

/* Who connects from afar shows by its first bytes how it does, and by its certificate who it is. */
static const char *why_not(const struct connection *connection,
                           const struct io_protection *protection)
{
    if (!connection->afar || protection->name)
        return NULL;
    if (!protection->version)
        return AFAR_PLAIN;
    if (login_asks(connection->server))
        return NULL; /* and will be asked */
    return connection->server->options.tls.client_ca ? AFAR_NAMELESS : AFAR;
}

bool admission_carried(struct connection *connection)
{
    struct journal *journal = &connection->server->journal;
    struct io_protection protection = io_protection(connection->io);
    const char *why = why_not(connection, &protection);
    if (protection.version) {
        journal_begin(journal, connection->serial, "secured");
        journal_text(journal, "version", slice_of(protection.version));
        journal_text(journal, "cipher", slice_of(protection.cipher));
        if (protection.name)
            journal_text(journal, "name", slice_of(protection.name));
        journal_end(journal);
    }
    if (!why)
        return true;
    struct hub *hub = connection->server->hub;
    refuse_with(connection, CLOSE_PROTECTED_MODE, WIRE_PROTECTED_MODE, why);
    hub_gone(hub, connection->id, CLOSE_PROTECTED_MODE, time_now_ms());
    return false;
}

/* ── all of them ── */

void admission_decide(struct server *server, int fd, const struct endpoint *peer,
                      const struct endpoint *listener)
{
    char address[ENDPOINT_TEXT_SIZE];
    endpoint_format(peer->any.sa_family == AF_UNIX ? listener : peer, address);
    if (!make_room(server)) {
        refuse_surplus(server, fd, address);
        return;
    }
    struct connection *connection = connection_new(server, fd, address);
    if (!connection) {
        admission_full(server, fd, address);
        return;
    }
    server->accepted++;
    connection->origin = endpoint_origin(peer);
    connection->unknown = login_asks(server);
    if (connection->unknown && connection->frame.line_max > STRANGER_LINE_MAX)
        connection->frame.line_max = STRANGER_LINE_MAX;
    if (!connection->unknown) {
        journal_begin(&server->journal, connection->serial, "connected");
        journal_text(&server->journal, "from", slice_of(address));
        journal_end(&server->journal);
    }
    connection->afar = !server->options.insecure && !endpoint_is_local(peer);
    if (connection->afar && !server->tls) {
        refuse_with(connection, CLOSE_PROTECTED_MODE, WIRE_PROTECTED_MODE,
                    connection->unknown ? AFAR_UNSAFE : AFAR);
        return;
    }
    connection->newcomer = true;
    TAILQ_INSERT_TAIL(&server->newcomers, connection, newcomer_link);
    hub_open(server->hub, connection->id, time_now_ms());
    connection_watch(connection);
}
