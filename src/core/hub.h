/* The hub as a state machine: lines in, effects out. No I/O, no clock, no randomness.
 *
 *     hub_line → admit ── propose(entry) ──▶ log ── committed ──▶ apply → effects
 *
 * *Admit* (admit.c) is what depends on a connection or on this hub alone: is the line valid, is the
 * sender who this connection is, is it too fast, has this hub room for it. *Apply* (apply.c) is the
 * only judge of all else, and a function of the room's earlier entries: it proceeds, or refuses.
 * Between the two stands the log (log.h), which may answer at once or take its time.
 *
 * The edge (net/, or a test) owns the sockets, the clock and the logs. It hands in what happened;
 * the hub answers through struct hub_edge, in order, within calls of the hub or of a log's commit.
 * A callback must not call back into the hub. */
#ifndef KHUB_CORE_HUB_H
#define KHUB_CORE_HUB_H

#include "core/bounds.h"
#include "core/effect.h"
#include "core/log.h"
#include "core/row.h"
#include "core/search_wish.h"
#include "wire/filter.h"
#include "wire/histogram.h"
#include "wire/message.h"

struct hub;

/* Why a connection ends: the closed list for `reason=`, presence and counters. X(NAME, text) */
#define CLOSE_REASONS(X)                                                                           \
    X(PEER_CLOSED, "peer_closed")                                                                  \
    X(PEER_RESET, "peer_reset")                                                                    \
    X(WRITE_FAILED, "write_failed")                                                                \
    X(BAD_LINES, "bad_lines")                                                                      \
    X(LEFT, "left")                                                                                \
    X(TAKEN_OVER, "taken_over")                                                                    \
    X(KICKED, "kicked")                                                                            \
    X(BANNED, "banned")                                                                            \
    X(SLOW_CONSUMER, "slow_consumer")                                                              \
    X(HEARTBEAT_TIMEOUT, "heartbeat_timeout")                                                      \
    X(HELLO_TIMEOUT, "hello_timeout")                                                              \
    X(PROTECTED_MODE, "protected_mode")                                                            \
    X(UNAUTHORIZED, "unauthorized")                                                                \
    X(WRONG_PROTOCOL, "wrong_protocol")                                                            \
    X(TLS_FAILED, "tls_failed")                                                                    \
    X(CONNECTIONS_FULL, "connections_full")                                                        \
    X(QUOTA_EXCEEDED, "quota_exceeded")                                                            \
    X(OUT_OF_MEMORY, "out_of_memory")                                                              \
    X(SHUTTING_DOWN, "shutting_down")

enum close_reason {
#define X(name, text) CLOSE_##name,
    CLOSE_REASONS(X)
#undef X
        CLOSE_REASON_COUNT
};
/* Static storage, as in the table. */
const char *close_reason_text(enum close_reason reason);

/* What happened, for the edge to log and count. X(NAME, text): subject and detail are as said. */
#define HUB_EVENTS(X)                                                                              \
    X(JOINED, "joined")             /* subject: ai_id, detail: specialization */                   \
    X(OBSERVING, "observing")       /* subject: ai_id of an observer, detail: specialization */    \
    X(JOINED_TO_STAY, "joined")     /* the same of one that stays (stays.h), */                    \
    X(RETURNED, "returned")         /* and of one that was away */                                 \
    X(AWAY, "away")                 /* subject: ai_id, detail: reason */                           \
    X(LEFT, "left")                 /* subject: ai_id, detail: reason */                           \
    X(LEFT_FOR_GOOD, "left")        /* the same of one that stayed */                              \
    X(REFUSED, "refused")           /* subject: error code, detail: its sentence */                \
    X(KNOWLEDGE, "knowledge")       /* subject: id of the entry, detail: its section */            \
    X(SESSION, "session")           /* subject: session_id, detail: its new status */              \
    X(VERIFICATION, "verification") /* subject: id of the entry, detail: its claim's new status */ \
    X(LEASE, "lease")               /* subject: its key, detail: what became of it */              \
    X(APPROVAL, "approval")         /* subject: its id, detail: its new status */                  \
    X(MODERATION, "moderation")     /* subject: an admin's act, detail: whom it meets, and why */  \
    X(ARTIFACT, "artifact") /* subject: name of a file that is whole, detail: session_id */        \
    X(TASK, "task")         /* subject: its id, detail: what became of it */

enum hub_event {
#define X(name, text) HUB_##name,
    HUB_EVENTS(X)
#undef X
        HUB_EVENT_COUNT
};
/* Static storage, as in the table. */
const char *hub_event_text(enum hub_event event);

/* An AI joined, and wants what it missed. */
struct hub_resume {
    peer_id peer;
    struct slice room, ai_id;
    int level;
    bool observer;
    enum sees sees;   /* of an observer, */
    struct slice own; /* and SEES_OWN: the ids that are its owner's, each with a line end */
    uint64_t since;   /* it has all up to this seq */
    uint64_t seq;     /* of its joining: what comes after that is effects for it */
};

/* An observer wants to see what was said. */
struct hub_log_query {
    peer_id peer;
    struct slice room, in_reply_to; /* good during the call, as those below */
    struct slice ai_id;             /* whose it is; what it sees: */
    enum sees sees;
    struct slice own;
    uint64_t after, until; /* seqs: behind the first, up to the other */
    uint64_t limit;        /* messages, */
    size_t bytes_max;      /* and bytes: then a page ends with its last seq */
    struct message_filter filter;
};
/* What came of it. */
struct hub_log_page {
    struct slice messages; /* elements of a JSON array */
    uint64_t first;        /* seq from which on all is kept */
    uint64_t upto;         /* all that passes up to here is in this page or an earlier one */
    uint64_t damaged;      /* seq of the last that is not whole, and left out; 0: none is */
    bool whole, failed;    /* upto is the query's until; the store can't be read */
};

/* Somebody asks to be let in: by a hello, or by another first message, which shows nothing. */
struct hub_login {
    peer_id peer;
    struct slice ai_id, room; /* that it wants to be, and to enter; good during the call */
    bool observer;            /* it wants to see what others say */
    bool shows;               /* something stood where a token belongs: */
    struct slice token;       /* this; a secret. len 0 when it is longer than any token */
};
/* What it is let in as. */
struct hub_pass {
    struct slice owner; /* whose it is; len 0: its own. Copied by the hub within the call */
    struct message_types barred; /* that it may not say; all of them published */
    bool admin;                  /* it may moderate (core/moderation.h) */
    enum sees sees;              /* what it is shown if it observes */
    struct quota quota;          /* of its owner; 0: as the hub's configuration says */
};

/* What an admin did. Good during the call. */
struct hub_act {
    const char *action;              /* "kick"; static storage */
    int64_t time_ms;                 /* unix time */
    struct slice owner, ai_id, room; /* whose token it was, as whom it was there, and where */
    struct slice detail;             /* to whom, and why: anybody's bytes */
};

/* An admin took a message back. */
struct hub_retraction {
    struct slice room; /* good during the call, as the line is */
    uint64_t seq;      /* of the message */
    struct slice line; /* less its last brace: what stands in its place from now on, */
    int level;         /* for those of this level or above */
};

/* Somebody wants a chunk of an artifact. */
struct hub_chunk_query {
    peer_id peer;
    struct slice room, in_reply_to,
        head;     /* good during the call; the last two are for the answer */
    uint64_t seq; /* of the entry that brought it */
};

/* What the edge has counted since it began, and what waits there now. */
struct hub_figures {
    int64_t up_ms;
    size_t connections;
    uint64_t accepted, closed[CLOSE_REASON_COUNT];
    uint64_t deliveries, bytes_in, bytes_out;
    size_t queued_bytes;      /* of lines that were not sent to all yet */
    size_t unstored_bytes;    /* of entries that are not on disk yet */
    struct histogram latency; /* of a message: from reading it until it was written to sockets */
    bool keeps;               /* something is kept on disk: */
    struct histogram commits; /* what each transaction took */
};

/* A SHA-256 on its way, in whole blocks of 64 bytes. */
struct hub_hash {
    uint8_t
        state[32];  /* its eight words, the first byte of each the highest; at the end the digest */
    uint64_t bytes; /* that are in it; 0: `state` means nothing yet */
};

struct hub_edge {
    void *ctx;
    /* Delivers the effect's line to its seats, each as its level reads it. Never blocks. A seat's
     * connection may be gone already. What the effect points to is good during the call alone. */
    void (*effect)(void *ctx, const struct effect *effect);
    /* The connection is somebody's now: it will say whose by notes and effects. */
    void (*joined)(void *ctx, peer_id peer);
    /* Ends a connection after what was queued for it is out. The hub forgets it with this call:
     * no hub_gone for it. */
    void (*close)(void *ctx, peer_id peer, enum close_reason reason);
    /* 16 bytes that nobody outside can guess: a pure function of this hub's key and the rest. */
    void (*derive)(void *ctx, struct slice room, uint64_t seq, uint32_t count,
                   uint8_t ret_bytes[16]);
    /* The same for ids of messages, which are nobody's secret: it may take less time. */
    void (*identify)(void *ctx, struct slice room, uint64_t seq, uint32_t count,
                     uint8_t ret_bytes[16]);
    /* 16 bytes that it never gave before: for answers that no entry caused. */
    void (*unique)(void *ctx, uint8_t ret_bytes[16]);
    /* SHA-256 of the parts, one behind the other. */
    void (*sha256)(void *ctx, const struct slice *parts, unsigned count, uint8_t ret_digest[32]);
    /* May be NULL. `peer` may be 0. */
    void (*note)(void *ctx, peer_id peer, enum hub_event event, struct slice subject,
                 struct slice detail);
    /* Makes the log of a room. */
    struct log (*open_log)(void *ctx, struct slice room, struct commit commit);
    /* Delivers what the AI should have had after `since`, up to `seq`, before any effect of a later
     * one. NULL: nothing is kept, and it is told so (replay_truncated). */
    void (*resume)(void *ctx, const struct hub_resume *resume);
    /* Nothing of what the edge keeps of that message is shown to anybody any more. More often than
     * once is the same as once. NULL: nothing is kept. */
    void (*retract)(void *ctx, const struct hub_retraction *retraction);
    /* Searches an index, and then calls hub_found once, later. NULL: there is none, and the hub
     * looks through its entries. */
    void (*search)(void *ctx, const struct search_wish *wish);
    /* Reads what was said; hub_log_page brings it, later. False: the peer has asked already, and
     * has no answer yet. NULL: nothing is kept. */
    bool (*read_log)(void *ctx, const struct hub_log_query *query);
    /* May it come in? 0, or -code with *ret_refusal: WIRE_FORBIDDEN when it may, but not so; after
     * any other code the connection is closed. NULL: everybody may, and owns itself. */
    int (*let_in)(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
                  struct refusal *ret_refusal);
    /* May who was let in there enter this room as well? NULL: everybody may. */
    bool (*may_enter)(void *ctx, peer_id peer, struct slice room);
    /* What the token of that name sets; 0: nothing. False: there is none that lets anybody in.
     * NULL: what is known of connections is all that is known. */
    bool (*quota_of)(void *ctx, struct slice owner, struct quota *ret_quota);
    /* An admin did something. May be NULL. */
    void (*acted)(void *ctx, peer_id peer, const struct hub_act *act);
    /* Goes on with one by some blocks, or ends it with the last bytes, however many. */
    void (*hash)(void *ctx, struct hub_hash *hash, struct slice bytes, bool last);
    /* Lets go what entries of those seqs brought; more often than once is the same as once. Reads
     * it, and then calls hub_chunk once, later; false: the peer has asked already, and has no
     * answer yet. Both NULL: what entries bring is not kept. */
    void (*drop_chunks)(void *ctx, struct slice room, const uint64_t *seqs, size_t count);
    bool (*read_chunk)(void *ctx, const struct hub_chunk_query *query);
    /* All that the peer said is applied. A line of it was not taken before, since it may be right
     * behind what was under way (HUB_TAKEN_LATER): the edge says that one again, before any other
     * of that peer, and not within this call. NULL: such a line is refused. */
    void (*go_on)(void *ctx, peer_id peer);
    /* hub_tick is wanted within so many ms. NULL: it comes when it comes. */
    void (*due)(void *ctx, int64_t ms);
    /* What it has counted. NULL: nothing. */
    void (*figures)(void *ctx, struct hub_figures *ret_figures);
};

struct hub_config {
    size_t line_max;      /* bytes */
    size_t sync_limit;    /* bytes of knowledge in a training_sync */
    size_t knowledge_max; /* bytes of knowledge in a room */
    size_t output_max;    /* bytes queued for one connection; told to level 2 */
    struct quota owner;   /* of each owner that has none of its own */
    struct quota room;    /* of each room; of bytes of knowledge it has none here */
    int64_t pending_ms, silent_ms, heartbeat_ms; /* see bounds.h */
    int64_t epoch_ms;   /* of an epoch; 0: each commitment has a nonce of its own, at once */
    uint64_t chain_max; /* replies in a row without a person or a pause; 0: any number */
    bool keeps;         /* the edge keeps effects, and delivers them to who resumes */
    bool receives; /* while a log can't keep anything, who only observes is a guest (peers.h) */
    /* over all rooms */
    size_t rooms_max;
    size_t stored_max;      /* bytes of knowledge */
    size_t workspaces_max;  /* bytes of workspaces */
    uint64_t artifacts_max; /* bytes of artifacts */
};
/* The defaults of bounds.h. */
struct hub_config hub_config_default(void);

/* Dies with a message when out of memory, as all of the daemon does. The edge is copied. */
struct hub *hub_new(const struct hub_config *config, const struct hub_edge *edge);
void hub_free(struct hub *hub);
/* Begins to serve, in `main` and in every room that was replayed before: none of the connections
 * that were there before is there any more. Once, before the first hub_open. `now` as below. */
void hub_start(struct hub *hub, int64_t now);

/* A connection exists. `now` is unix time in milliseconds, here and below; it may jump either
 * way: a step back counts as none, one forward as CLOCK_STEP_MAX_MS at the most. */
void hub_open(struct hub *hub, peer_id id, int64_t now);
/* What a connection is let in as has changed: what it may not say, and the limits of its owner,
 * hold from now on. Nothing when the connection shows no owner. */
void hub_set_pass(struct hub *hub, peer_id id, const struct hub_pass *pass);
/* What became of a line. */
enum hub_taken {
    HUB_TAKEN,
    HUB_TAKEN_SECRET, /* and it may hold a secret: the caller overwrites what it has of it */
    HUB_TAKEN_LATER,  /* nothing came of it: see hub_edge.go_on */
};
/* It said one line (without its end). Unknown peers are ignored: they were closed by an earlier
 * effect. */
enum hub_taken hub_line(struct hub *hub, peer_id id, struct slice line, int64_t now);
/* It said a line over `most` bytes, its limit just now, which the edge skips. */
void hub_line_too_long(struct hub *hub, peer_id id, size_t most, int64_t now);
/* It went away. Tells the others. */
void hub_gone(struct hub *hub, peer_id id, enum close_reason reason, int64_t now);
/* The edge closes it: the peer gets this error last, then close. */
void hub_expel(struct hub *hub, peer_id id, enum close_reason reason, enum wire_error error,
               int64_t now);
/* The same with a sentence of its own. */
void hub_dismiss(struct hub *hub, peer_id id, enum close_reason reason,
                 const struct refusal *refusal, int64_t now);
/* Answers a connection with an error of the edge's own: replay_truncated, with the first seq that
 * there is. */
void hub_truncated(struct hub *hub, peer_id id, uint64_t first, int64_t now);
/* Tells a connection that it was sent all that it missed, up to this seq. */
void hub_caught_up(struct hub *hub, peer_id id, uint64_t seq, int64_t now);
/* The answer to a peer's log_query. */
void hub_log_page(struct hub *hub, peer_id id, struct slice in_reply_to,
                  const struct hub_log_page *page, int64_t now);
/* The answer to a peer's artifact_query for a chunk. bytes.at NULL: it can't be read. */
void hub_chunk(struct hub *hub, peer_id id, struct slice in_reply_to, struct slice head,
               struct slice bytes, int64_t now);
/* Acts on what is due (sessions, silent peers). Returns when to call again at the latest, in ms
 * from now (at most 1000). */
int64_t hub_tick(struct hub *hub, int64_t now);
/* No connection was read since the last call of all these: that time is nobody's silence, and what
 * has to be said within a time need not be said in that. Rates know no such thing. */
void hub_unheard(struct hub *hub, int64_t now);
/* The hub stops: level 2 gets shutting_down; every connection is closed. */
void hub_stop(struct hub *hub, int64_t now);

/* An entry that was committed before this hub was made (replay): what a log's commit does. */
void hub_apply(struct hub *hub, struct slice room_name, const struct entry *entry);

/* ── the state of a room as rows (row.h) ── */

typedef void (*row_reader)(void *ctx, const struct row *row);
/* Hands out every row, in a fixed order: two hubs that applied the same entries hand out the
 * same bytes. A row is good during its call. A room that is not there has none. */
void hub_save(const struct hub *hub, struct slice room, row_reader each, void *ctx);
/* From now on rooms remember which rows change. */
void hub_keep_changes(struct hub *hub);
/* Hands out at most `most` of the rows that changed since they were handed out last, the longest
 * waiting first. Returns how many still wait. When none does, the room's own row is the last: all
 * that was handed out so far is the state at the seq that it names. */
size_t hub_save_changes(struct hub *hub, struct slice room, size_t most, row_reader each,
                        void *ctx);
/* The last seq that the room applied; 0 when it is not there. */
uint64_t hub_seq(const struct hub *hub, struct slice room);
/* Calls each(ctx, name) for every room. */
void hub_rooms(const struct hub *hub, void (*each)(void *ctx, struct slice room), void *ctx);
/* Takes rows into a hub that has not started: all of a room, in the order of their kinds, then
 * hub_loaded. 0, or -1 with a sentence when a row is not what hub_save writes; the hub is then
 * fit for hub_free alone. */
int hub_load(struct hub *hub, struct slice room, const struct row *row, char *ret_why, size_t size);
int hub_loaded(struct hub *hub, struct slice room, char *ret_why, size_t size);

/* Calls each(ctx, room, seq) for every entry of the room whose bytes are part of a file now. */
void hub_chunks(const struct hub *hub, struct slice room,
                void (*each)(void *ctx, struct slice room, uint64_t seq), void *ctx);

/* ── texts to be searched (search_wish.h) ── */

/* From now on rooms remember which texts change; all that there are have. */
void hub_keep_texts(struct hub *hub);
/* Hands out texts that changed since they were handed out last, the longest waiting first, until
 * these are over `bytes`. Returns how many still wait. */
size_t hub_take_texts(struct hub *hub, struct slice room, size_t bytes,
                      void (*each)(void *ctx, const struct search_text *text), void *ctx);
/* Answers a wish. When the index has failed, the hub looks through its entries. */
void hub_found(struct hub *hub, const struct search_wish *wish, const struct search_found *found,
               int64_t now);

struct hub_counts {
    uint64_t messages; /* entries of messages applied */
    uint64_t effects;  /* lines handed to the edge, each once, however many receive it */
    uint64_t refused;
    size_t rooms, peers, members, observers, away, remembered;
    size_t sessions_live, sessions_ended, leases, tasks_open, tasks_closed;
    size_t tasks_ready, tasks_blocked, tasks_claimed, tasks_done, tasks_dropped; /* the same two */
    size_t approvals_pending, dead_letters;
    size_t patterns, components, features, benchmarks, knowledge_bytes;
};
struct hub_counts hub_count(const struct hub *hub);
/* Entries of messages applied, ever; for who asks at each turn. */
uint64_t hub_messages(const struct hub *hub);
/* Recounts everything from scratch. 0, or -1 with a sentence on what does not agree. For tests
 * and the simulation. */
int hub_recount(const struct hub *hub, char *ret_why, size_t size);
/* Appends the named room's whole state (members, knowledge, sessions) as one JSON object in a
 * fixed order: two hubs that applied the same entries write the same bytes. */
struct text;
void hub_dump(const struct hub *hub, struct slice name, struct text *text);

#endif
