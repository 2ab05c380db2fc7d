/* Pace. What makes it hard is telling a hub that is behind from a peer that is slow. If everybody
 * waited for a peer that takes a few bytes at a time, that peer could slow down the whole room. If
 * nobody waited, honest receivers would be cut whenever the machine is the bottleneck. So a
 * connection that lags is waited for
 *
 *   - for at most LAG_PATIENCE_MS, and only while its peer takes bytes (as its io reports);
 *   - longer only if most of those who receive anything lag too (then the machine is behind, not
 *     the peer), and only while it takes LAG_PACE bytes per second.
 *
 * One that is not waited for fills its queue up to the limit and is closed. */
#include "net/pace.h"

#include <assert.h>

#include "net/state.h"

static void look(struct connection *connection, uint64_t now)
{
    uint64_t taken = io_taken(connection->io);
    if (taken != connection->taken)
        connection->taken_at = now;
    connection->taken = taken;
}

static bool is_moving(const struct connection *connection, uint64_t now)
{
    return now - connection->taken_at <= connection->server->options.lag_patience_ms;
}

static bool keeps_pace(const struct connection *connection, uint64_t now, size_t output_max)
{
    uint64_t taken = connection->taken - connection->lagging_taken;
    return taken * 1000 >= LAG_PACE(output_max) * (now - connection->lagging_since);
}

static bool counts(const struct connection *connection, uint64_t now, bool majority)
{
    if (!is_moving(connection, now))
        return false;
    if (now - connection->lagging_since <= connection->server->options.lag_patience_ms)
        return true;
    return majority && keeps_pace(connection, now, connection->server->options.hub.output_max);
}

/* Most of those who received something lately, or wait to, lag and still take bytes. While all are
 * held back nobody receives anything: then "lately" is before the pause, or a lone laggard would be
 * the majority as soon as it has lasted a while. */
static bool most_lag(const struct server *server, uint64_t now)
{
    uint64_t until = server->paused ? server->paused_at : now;
    size_t receiving = 0, lagging = 0;
    const struct connection *connection;
    for (uint32_t cursor = 0; (connection = id_table_next(&server->connections, &cursor));) {
        if (connection->state != CONNECTION_OPEN)
            continue;
        bool sent_lately =
            connection->bytes_out && connection->sent_at + server->options.lag_patience_ms >= until;
        receiving += connection->queue.bytes || sent_lately;
        lagging += connection->lagging && is_moving(connection, now);
    }
    return lagging * 2 > receiving;
}

static void resume(struct server *server)
{
    assert(server->paused);
    server->paused = false;
    struct connection *connection;
    while ((connection = TAILQ_FIRST(&server->held))) {
        TAILQ_REMOVE(&server->held, connection, held_link);
        connection->held = false;
        connection_watch(connection);
    }
}

static void hold_back(struct server *server)
{
    if (!server->paused)
        server->paused_at = uv_now(&server->loop);
    server->paused = true;
}

static void decide(struct server *server, bool hold)
{
    if (hold)
        hold_back(server);
    else if (server->paused)
        resume(server);
}

void pace_review(struct server *server)
{
    uint64_t now = uv_now(&server->loop);
    bool hold = disk_behind(server);
    struct connection *connection;
    TAILQ_FOREACH (connection, &server->laggards, laggard_link)
        look(connection, now);
    bool majority = !TAILQ_EMPTY(&server->laggards) && most_lag(server, now);
    TAILQ_FOREACH (connection, &server->laggards, laggard_link)
        hold = hold || counts(connection, now, majority);
    decide(server, hold);
}

void pace_forget(struct connection *connection)
{
    struct server *server = connection->server;
    if (!connection->lagging)
        return;
    connection->lagging = false;
    assert(!TAILQ_EMPTY(&server->laggards));
    TAILQ_REMOVE(&server->laggards, connection, laggard_link);
    if (TAILQ_EMPTY(&server->laggards))
        decide(server, disk_behind(server));
}

void pace_disk(struct server *server)
{
    if (disk_behind(server))
        hold_back(server);
    else if (server->paused && TAILQ_EMPTY(&server->laggards))
        resume(server);
}

void pace_check(struct connection *connection)
{
    struct server *server = connection->server;
    size_t output_max = server->options.hub.output_max;
    if (connection->lagging) {
        if (connection->queue.bytes < LAG_BELOW(output_max))
            pace_forget(connection);
        return;
    }
    if (connection->queue.bytes <= LAG_ABOVE(output_max) || connection->state != CONNECTION_OPEN)
        return;
    uint64_t now = uv_now(&server->loop);
    connection->lagging = true;
    connection->lagging_since = now;
    connection->taken_at = connection->sent_at;
    connection->taken = connection->lagging_taken = io_taken(connection->io);
    TAILQ_INSERT_TAIL(&server->laggards, connection, laggard_link);
    if (is_moving(connection, now))
        hold_back(server);
    beat_start(server);
}
