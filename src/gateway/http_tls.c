/* TLS between the socket and the rest: what comes is decrypted before anything is read of it, what
 * goes is encrypted last. A connection is TLS by its first byte. */
#include <stdlib.h>

#include "gateway/http_inside.h"

#define OUT_KEPT (256u << 10)

bool http_server_use_tls(struct http_server *server, struct ssl_ctx_st *context)
{
    if (!server->plain)
        server->plain = malloc(HTTP_READ_BYTES);
    if (!server->sessions)
        server->sessions = tls_sessions_new();
    if (!server->plain || !server->sessions)
        return false;
    tls_context_free(server->tls);
    server->tls = context;
    return true;
}

/* ── out ── */

/* What TLS has to say. */
static bool out_send(struct http_connection *connection)
{
    struct text *out = tls_sessions_out(connection->server->sessions);
    bool sent = !out->failed && (!out->len || http_connection_send(connection, text_slice(out)));
    text_clear(out);
    if (out->capacity > OUT_KEPT)
        text_free(out);
    return sent;
}

bool http_tls_write(struct http_connection *connection, struct slice bytes)
{
    while (bytes.len > 0) {
        struct slice piece = {bytes.at, bytes.len < OUT_KEPT / 2 ? bytes.len : OUT_KEPT / 2};
        bool good = tls_session_write(connection->tls, piece);
        if (!out_send(connection) || !good)
            return false;
        bytes = (struct slice){bytes.at + piece.len, bytes.len - piece.len};
    }
    return true;
}

void http_tls_finish(struct http_connection *connection)
{
    if (!connection->tls)
        return;
    tls_session_finish(connection->tls);
    out_send(connection);
}

/* What reading made TLS say; not for ever, if the peer has it say more and takes nothing. */
static bool answers_send(struct http_connection *connection)
{
    size_t len = tls_sessions_out(connection->server->sessions)->len;
    if (http_connection_unsent(connection) == 0)
        connection->tls_said = 0;
    connection->tls_said += connection->wait == HTTP_WAIT_SHAKE ? 0 : len;
    return out_send(connection) && connection->tls_said <= HTTP_TLS_SAID_MAX;
}

/* ── in ── */

static void wait_for(struct http_connection *connection, enum http_wait wait)
{
    http_wait_end(connection);
    http_wait_begin(connection, wait);
}

static void shaking_begin(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    connection->tls = tls_session_new(server->sessions, server->tls);
    if (!connection->tls) {
        http_connection_close(connection, true);
        return;
    }
    if (server->shaking == HTTP_SHAKING_MAX) {
        server->counts.evicted++;
        http_connection_close(TAILQ_FIRST(&server->waits[HTTP_WAIT_SHAKE]), true);
    }
    server->shaking++;
    server->counts.handshakes++;
    wait_for(connection, HTTP_WAIT_SHAKE);
}

static void shaking_end(struct http_connection *connection)
{
    connection->server->shaking--;
    connection->server->counts.secured++;
    wait_for(connection, HTTP_WAIT_IDLE);
}

static void decrypt(struct http_connection *connection, struct slice bytes)
{
    struct http_server *server = connection->server;
    tls_session_take(connection->tls, bytes);
    while (!connection->closed && !connection->ending) {
        ssize_t got = tls_session_read(connection->tls, server->plain, HTTP_READ_BYTES);
        bool said = answers_send(connection);
        if (connection->wait == HTTP_WAIT_SHAKE && tls_session_is_open(connection->tls))
            shaking_end(connection);
        if (!said || got == TLS_SESSION_FAILED)
            http_connection_close(connection, true);
        else if (got == TLS_SESSION_END)
            http_connection_ended(connection, false);
        if (!said || got <= 0)
            return;
        http_connection_came(connection, (struct slice){server->plain, (size_t)got});
        explicit_bzero(server->plain, (size_t)got); /* there may be a token in it */
    }
}

/* May this one speak in the open? */
static bool may_be_plain(const struct http_connection *connection)
{
    struct endpoint peer = http_connection_peer(connection);
    return connection->server->options.plain_afar || endpoint_is_local(&peer);
}

void http_tls_came(struct http_connection *connection, struct slice bytes)
{
    if (!connection->begun && connection->server->tls && !connection->ending) {
        if ((unsigned char)bytes.at[0] == TLS_FIRST_BYTE)
            shaking_begin(connection);
        else if (!may_be_plain(connection))
            http_refuse(connection, 400, "other machines are spoken to over TLS here: https://");
    }
    connection->begun = true;
    if (connection->closed || connection->ending)
        return;
    if (connection->tls)
        decrypt(connection, bytes);
    else
        http_connection_came(connection, bytes);
}

void http_tls_free(struct http_connection *connection)
{
    if (connection->tls && connection->wait == HTTP_WAIT_SHAKE)
        connection->server->shaking--;
    tls_session_free(connection->tls);
    connection->tls = NULL;
}
