/* A connection: bytes in, lines to the hub; spans from the hub, bytes out.
 *
 *     OPEN ──close()/EOF──▶ FLUSHING ──queue empty──▶ LINGERING ──EOF──▶ DEAD
 *      │                       │ deadline, write error   │ deadline        ▲
 *      └──reset, write error───┴─────────────────────────┴─────────────────┘
 *
 * OPEN: the hub knows it. FLUSHING: its queue is still sent, its input is thrown away. LINGERING:
 * everything is sent and our side is shut down, but the peer has not closed yet. Closing with
 * unread input would make the system send a reset, which can destroy what the peer has not read.
 * DEAD: its memory is freed at the end of the turn. */
#ifndef KHUB_NET_CONNECTION_H
#define KHUB_NET_CONNECTION_H

#include <sys/queue.h>

#include "net/io.h"
#include "net/login.h"
#include "net/opening.h"
#include "net/queue.h"
#include "wire/address.h"
#include "wire/frame.h"
#include "wire/text.h"

struct replay;
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
    /* What a delivery looks at, in one cache line. */
    peer_id id;
    uint8_t state;
    bool dirty;   /* in server->dirty */
    bool blocked; /* the socket is full, or this turn's share is used up: wait until writable */
    bool over;    /* its queue is too long: in server->overfull; nothing is queued any more */
    bool broken;  /* writing failed: nothing is queued any more; it ends once its input is read */
    bool newcomer, lagging, held, again; /* whether it is in the server's list of that name */
    size_t overflow;                     /* over: so many bytes waited for it */
    struct queue queue;
    struct replay *replay; /* it catches up on what it missed; NULL: it does not */

    /* What a write looks at comes next. */
    struct io *io;
    struct server *server;
    uint64_t bytes_out, sent_at;
    bool eof;     /* the peer has shut down its side */
    bool surplus; /* one too many: kept only until it has read so */
    bool afar;    /* of another machine, in protected mode: it has to show that it may be here */
    uint8_t reason;
    connection_link dirty_link;

    struct frame frame;
    size_t partial; /* bytes of the unfinished line and of what is taken later, as counted in
                     * server->partial_bytes */
    /* What the hub takes later (HUB_TAKEN_LATER), that line and all that was read behind it; until
     * then nothing more is read. len 0: nothing. */
    struct text later;
    connection_link overfull_link, newcomer_link, laggard_link, held_link, again_link, closing_link;
    int64_t token;             /* the id of the one that let it in; 0: none */
    struct admitted *admitted; /* by it, and as whom; owned, NULL: nobody was */
    bool unknown;              /* it has shown none yet, and the log does not speak of it */
    struct origin origin;      /* for wrong tokens: where it comes from, */
    struct stranger *stranger; /* what is known against that, while its refusal is held back, */
    uint64_t speaks_at;        /* until this loop time; 0: it is not */
    uint64_t bytes_in;
    uint64_t opened_at, deadline; /* loop time in ms, like sent_at and all times below */
    /* While it lags (pace.h): since when, io_taken at the last look and at the start, and when
     * io_taken last grew. */
    uint64_t lagging_since, taken, lagging_taken, taken_at;
    struct opening opening;
    const struct protocol *protocol; /* the other protocol that it began with, or NULL */
    uint64_t serial;                 /* its name in the log */
    uint64_t logged_at;              /* start of the second that logged_count counts */
    uint32_t logged_count, unlogged_count;
    struct slice question; /* message_id of the log_query that is open; len 0: none. Owned */
    struct slice piece; /* likewise of an artifact_query for a chunk, and the head of its answer, */
    size_t piece_head;  /* which begins here */
    char *name;         /* as announced on the console; NULL: not announced */
    char address[ENDPOINT_TEXT_SIZE];
};

/* Makes a connection of an accepted, non-blocking socket and owns it from then on. The hub has not
 * been told of it, and nothing is read until connection_watch. Without memory: NULL, and the caller
 * still owns the socket. */
struct connection *connection_new(struct server *server, int fd, const char *address);

/* The hub's effects. They never call back into the hub. */
/* kept: the store has it too (replay.h). */
void connection_deliver(struct server *server, peer_id to, struct span span, bool kept);
/* It has something to write, or to read: this turn looks at it. */
void connection_wake(struct connection *connection);
void connection_close(struct connection *connection, enum close_reason reason);

/* Writes as much as the socket takes and one turn allows. When the queue is empty, a connection
 * that is being closed moves to its next state. */
void connection_flush(struct connection *connection);
/* Has the hub expel an open connection. The peer gets this error last; the rest of its queue is
 * dropped. */
void connection_dismiss(struct connection *connection, enum close_reason reason,
                        const struct refusal *refusal);
/* Closes it at once and drops its queue. The hub must have forgotten it already, unless the hub
 * itself is ending. */
void connection_destroy(struct connection *connection);
/* Tells the io which events the connection needs in its present state. */
void connection_watch(struct connection *connection);
/* The hub takes now what it wanted later: the turn's end brings it. */
void connection_go_on(struct connection *connection);
/* Brings it, and reads on. Not within a call of the hub. */
void connection_bring(struct connection *connection);
/* Marks it to be expelled as a slow consumer at the end of the turn. bytes: that wait for it. */
void connection_overflow(struct connection *connection, size_t bytes);
/* It has joined a room: it is no longer a newcomer. */
void connection_joined(struct connection *connection);
/* Announces it on the console under this name, now and, unless its member stays, when it ends. */
void connection_announce(struct connection *connection, struct slice name,
                         struct slice specialization, bool stays);

/* Destroys the connections whose time to take their last bytes is up. */
void connection_deadlines(struct server *server);
/* Expels (hello_timeout) connections that have not joined within `age` ms: the oldest first, at
 * most `count`. */
void connection_expel_silent(struct server *server, uint64_t age, size_t count);
/* Whether this connection may cause one more log line now; counts it. */
bool connection_may_log(struct connection *connection);

#endif
