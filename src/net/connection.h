/* One connection: bytes in, lines to the hub; spans from the hub, bytes out.
 *
 *     OPEN ──close()/EOF──▶ FLUSHING ──queue empty──▶ LINGERING ──EOF──▶ DEAD
 *      │                       │ deadline, write error   │ deadline        ▲
 *      └──reset, write error───┴─────────────────────────┴─────────────────┘
 *
 * OPEN: the hub knows it. FLUSHING: what was queued goes out, what comes in is thrown away.
 * LINGERING: our side is shut down; closing with unread bytes would make the system send a reset,
 * which can destroy what the peer has not read yet. DEAD: freed at the end of the turn. */
#ifndef KHUB_NET_CONNECTION_H
#define KHUB_NET_CONNECTION_H

#include <sys/queue.h>

#include "net/io.h"
#include "net/opening.h"
#include "net/queue.h"
#include "wire/address.h"
#include "wire/frame.h"

struct server;

enum connection_state {
    CONNECTION_OPEN,
    CONNECTION_FLUSHING,
    CONNECTION_LINGERING,
    CONNECTION_DEAD,
    CONNECTION_STATE_COUNT
};

TAILQ_HEAD(connection_list, connection);
typedef TAILQ_ENTRY(connection) connection_link;

struct connection {
    /* One cache line: all that a delivery looks at. */
    peer_id id;
    uint8_t state;
    bool dirty;   /* in server->dirty */
    bool blocked; /* more to write than a turn or the socket takes: wait until it is writable */
    bool over; /* its queue is too long: in server->overfull, takes nothing until it is expelled */
    bool broken; /* writing failed: takes nothing more, and ends as soon as what it sent is read */
    bool newcomer, lagging, held; /* in the server's lists of these names */
    struct queue queue;

    /* And all that a write looks at. */
    struct io *io;
    struct server *server;
    uint64_t bytes_out, sent_at;
    bool eof;     /* the peer shut its side down */
    bool surplus; /* beyond connections_max, only to be told so */
    uint8_t reason;

    struct frame frame;
    size_t partial; /* bytes of frame that server->partial_bytes counts */
    connection_link dirty_link, overfull_link, newcomer_link, laggard_link, held_link, closing_link;
    uint64_t bytes_in;
    uint64_t opened_at, deadline; /* loop time in ms, as sent_at and those below */
    /* Of a laggard: since when; its io_taken at the last look and when it began; when that grew. */
    uint64_t lagging_since, taken, lagging_taken, taken_at;
    struct opening opening;
    const struct protocol *protocol; /* what it began as; NULL: as one of ours */
    uint64_t serial;                 /* its name in the log */
    uint64_t logged_at;              /* when logged_count began */
    uint32_t logged_count, unlogged_count;
    char *name; /* as the console calls it; NULL: not at all */
    char address[ENDPOINT_TEXT_SIZE];
};

/* Takes over an accepted, non-blocking socket, of which the hub does not know yet and which is not
 * read yet. NULL, and the socket is still the caller's, when there is no memory. */
struct connection *connection_new(struct server *server, int fd, const char *address);

/* For the hub's effects; they never call the hub. */
void connection_deliver(struct server *server, peer_id to, struct span span);
void connection_close(struct connection *connection, enum close_reason reason);

/* Writes what the socket takes, within the bounds of one turn; goes on to the next state when all
 * is out. */
void connection_flush(struct connection *connection);
/* Has the hub expel an open connection: it gets this error last. What else was queued is
 * forgotten. */
void connection_expel(struct connection *connection, enum close_reason reason,
                      enum wire_error error);
/* Closes it at once, whatever is queued. The hub has forgotten it, or will not be asked again. */
void connection_destroy(struct connection *connection);
/* Waits for what the connection's state wants: bytes, or room to write. */
void connection_watch(struct connection *connection);
/* Puts it on the list of those to be expelled as slow consumers. */
void connection_overflow(struct connection *connection);
/* It joined a room: not a newcomer any more. */
void connection_joined(struct connection *connection);
/* It is an AI of that name, which the console tells now and when it leaves. */
void connection_announce(struct connection *connection, struct slice name,
                         struct slice specialization);

/* Destroys those whose time to take their last bytes is over. */
void connection_deadlines(struct server *server);
/* Expels, as hello_timeout, those that never joined and came more than `age` ms ago; at most
 * `count` of them, oldest first. */
void connection_expel_silent(struct server *server, uint64_t age, size_t count);
/* Whether one more log line on this connection's account may be written now. */
bool connection_may_log(struct connection *connection);

#endif
