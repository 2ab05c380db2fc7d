/* A hub on logs that take their time, and what must hold of it all along, whatever is said.
 *
 *     async.c    the edge and the logs: queues of proposals, commits, and the rules below
 *     restart.c  the steps: life, crashes, restarts
 *     follow.c   letters, moved by what is committed; they outlive each hub
 *     checkpoint.c    rooms as rows, out and in
 *     shadow.c   what AIs know of a room, so that traffic.c can speak to the point
 *
 * There is no model of what each call must cause: replays of the same entries judge that, and the
 * synchronous simulation. The rules: no effect before its entry is committed, and none of another
 * entry's; every message has an answer at once, or it is proposed and then has its effects or one
 * error; a connection joins once, as one AI, and hears nothing after its end; no secret is in an
 * entry; nothing is derived for an entry that is not there; no id is given twice, over all
 * lives. */
#ifndef KHUB_TESTS_ASYNC_H
#define KHUB_TESTS_ASYNC_H

#include "sim.h"

/* A connection of the hub's present life; ids may equal those of an earlier one. */
struct connection {
    peer_id id;
    int room, name;     /* NOBODY until an entry of it was accepted, */
    unsigned joined;    /* and in which step that was */
    bool closed;        /* the edge has ended it: it hears nothing */
    bool leaving;       /* it said that it leaves: nothing more of it is taken */
    bool over;          /* its end was committed: no effect names it */
    unsigned under_way; /* messages proposed and not yet committed */
    bool later;         /* the hub takes its line behind them */
    uint64_t seq;       /* the highest it was told */
    int64_t heard;      /* the clock at which it last said something that is taken */
    unsigned lines;     /* that it said */
    unsigned unkept;    /* which of them could not be kept, and is not named since; 0: none */
};

struct proposed {
    struct entry entry; /* the bytes are a copy */
    unsigned line;      /* which of its connection's */
    char message_id[48];
    int sender;
    enum message_type type;
    int target;
    unsigned reply_by;
    char in_reply_to[48];
    struct dead_said dead;
    bool resumes; /* a hello, behind: */
    uint64_t since;
    bool flawed;   /* it must be refused */
    bool borrowed; /* the bytes are no copy */
};

struct queue {
    struct proposed *at;
    size_t count, capacity;
    struct commit commit; /* of the present hub's room; apply NULL: it has none */
};

/* A line for one connection alone. */
struct answer {
    peer_id to;
    char type[32], code[32], in_reply_to[48];
};

enum { ANSWERS = 16 };
struct answers {
    struct answer at[ANSWERS];
    size_t count;
};

struct rows {
    struct row *at; /* keys and bytes are copies */
    size_t count, capacity;
};

/* What a store would keep of a room beside its entries. */
struct checkpoint {
    struct rows working; /* as far as rows were handed out */
    struct rows durable; /* the state behind the first `at` entries of the record */
    size_t at;
};

struct async {
    struct world *world;
    struct queue queues[ROOMS];
    struct connection *connections[LINKS]; /* of each link, by generation */
    size_t capacities[LINKS];
    struct checkpoint checkpoints[ROOMS];
    bool loading;                      /* a hub is being replayed: nobody is there */
    const struct said *said;           /* what is being said, or NULL */
    unsigned kept;                     /* messages that a log kept in this call */
    bool left;                         /* a leave was proposed in it */
    bool closed_meanwhile;             /* the one who says it was closed in this call */
    const struct proposed *committing; /* the message that is being applied, or NULL */
    struct answers call, commit; /* given at once, in this call; and by the entry being applied */
    unsigned late;               /* one in so many chances is taken to commit something */
};

/* ── async.c ── */
void async_new(struct async *async, struct world *world);
void async_free(struct async *async);
/* A new hub, which has every committed entry behind it and begins to serve; nobody is connected.
 * `before` is the state that it must come to; NULL: it is the first. */
void async_serve(struct async *async, const struct text before[ROOMS]);
/* The hub is gone, and what was not committed with it. */
void async_crash(struct async *async);
/* The oldest `count` proposals of the room are committed. */
void async_commit(struct async *async, int room, size_t count);
/* The proposal at this place, if it is a message, can't be kept after all, nor any that its peer
 * made behind it. */
void async_lose(struct async *async, int room, size_t place);
/* That line of the connection's could not be kept. */
void async_unkept(struct async *async, struct connection *connection, unsigned line,
                  const char *message_id);
/* Before each call of the hub. */
void async_begin(struct async *async);
/* The present connection of a link. */
struct connection *async_connection(struct async *async, int link);
void async_open(struct async *async, int link);
/* The edge ends it, or it went: from here on it hears nothing. */
void async_closed(struct async *async, struct connection *connection);

/* ── follow.c ── */
/* Who is there, and who observes, as the hub has it. */
struct who {
    struct presence presence[NAMES];
    bool observes[NAMES];
};
void who_read(const struct world *world, int room, struct who *ret_who);
/* A line for one connection alone; one that is about letters must be what it has to be. */
void follow_answer(struct async *async, const struct effect *effect, const json_t *object);
/* hub_edge.resume: who resumes is who asked to. */
void follow_resume(void *ctx, const struct hub_resume *resume);
/* A message was taken; `who` as it was before, `first`: its sender was not there. */
void follow_message(struct world *world, const struct logged *logged,
                    const struct proposed *proposed, const struct who *who, bool first);
/* The end of the time for a reply was. */
void follow_overdue(struct world *world, const struct logged *logged);
/* Are the letters of all rooms what was followed? */
void follow_check(struct world *world, const char *when);

/* ── restart.c ── */
void restart_run(struct world *world, unsigned steps, unsigned state_every);

/* ── checkpoint.c ── */
/* A row_reader; ctx is a set of rows. */
void rows_put(void *ctx, const struct row *row);
void rows_clear(struct rows *rows);
void rows_load(struct world *world, struct hub *hub, int room, const struct rows *rows);
/* Some of what changed is written, or everything. */
void checkpoint_save(struct async *async, int room);
void checkpoint_forget(struct checkpoint *checkpoint);
/* Gives the hub the last whole state. Returns how many entries of the record are behind it. */
size_t checkpoint_load(struct async *async, int room);

/* ── shadow.c ── */
/* Fills the room's model with what the hub holds now. */
void shadow_room(struct world *world, int room);

#endif
