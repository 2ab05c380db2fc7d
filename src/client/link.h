/* The inside of a struct khub, shared by the files of this room; see link.c for its states. */
#ifndef KHUB_CLIENT_LINK_H
#define KHUB_CLIENT_LINK_H

#include <signal.h>

#include "client/bounds.h"
#include "client/outbox.h"
#include "client/transport.h"
#include "client/unacked.h"
#include "khub.h"
#include "wire/bounds.h"
#include "wire/clock.h"
#include "wire/frame.h"
#include "wire/text.h"

#define LINK_MAGIC 0x6b687562u
#define NEVER      INT64_MAX

/* A link that tells the hub how far it has read does so last of all when it is closed. The answer
 * to a first heartbeat says how far that is, and nothing is handed out any more; that to a second
 * says that the hub knows. */
enum parting { PARTING_NOT_YET, PARTING_ASKED, PARTING_TOLD, PARTING_DONE };

struct khub {
    uint32_t magic;
    enum khub_state state;
    int error;                    /* what ended the link, once it has ended */
    char detail[WIRE_DETAIL_MAX]; /* the sentence for the latest change of state */
    int64_t due_ms; /* monotonic: when this state wants to be looked at again, or NEVER */

    /* What it was told at its making. */
    struct khub_callbacks callbacks;
    void *data;
    char ai_id[WIRE_ID_MAX + 1];
    char token[TOKEN_MAX + 1]; /* a secret; "": none */
    int level, retries;
    unsigned retry_first_ms, retry_max_ms, heartbeat_ms;
    size_t queue_max, line_max;
    struct text profile;      /* members of every hello's payload, as JSON without the braces */
    struct text capabilities; /* a JSON array */

    /* What the hub said. */
    char resume_token[TOKEN_MAX + 1];
    unsigned stays_s; /* of its answer to the last hello */
    uint64_t seq;
    uint64_t skipped;  /* lines from the hub that were no messages */
    size_t line_limit; /* bytes of a line that the hub takes */
    bool joined_once;
    bool guest; /* it can't keep our hello now: it answers, and the hello is said again */

    /* The try or connection of now. */
    struct transport transport;
    unsigned failures; /* tries in a row that did not end in JOINED */
    unsigned unheard;  /* heartbeats sent since the hub was last heard */
    struct outbox hello;
    char hello_id[UUID_SIZE];
    char beat_id[UUID_SIZE];  /* of the last heartbeat of the link's own */
    char leave_id[UUID_SIZE]; /* of the leave that was said last */
    struct frame frame;
    char *input; /* INPUT_SIZE bytes */

    struct outbox queue;
    struct text draft;   /* the line being written */
    struct text scratch; /* the message being handed to a callback */

    struct unacked_list unacked; /* with acks: whatever was published and is not answered, */
    size_t unacked_bytes;        /* their lines, with their ends */

    uint64_t read_seq;   /* of the last that was handed out, */
    uint64_t told_seq;   /* how far the hub was told */
    unsigned read_count; /* how many of read_seq were handed out; 0: all of it */
    unsigned read_again; /* so many of that seq come once more */
    uint64_t cursor;     /* how far this AI has read, as far as the hub and its caller said */
    enum parting parting;
    bool acks, resume, resume_last;
    bool own_cursor;  /* how far was read is the caller's to say, */
    bool tells;       /* or the link tells the hub by itself */
    bool resumed;     /* this connection began with a `since` */
    bool catching_up; /* and what was missed has not all come: the hub's answers overtake it */
    bool untold;      /* where it is told: it may know less than was handed out */

    bool turning;    /* inside khub_turn */
    bool again;      /* there is more to do than the fd will tell */
    bool closing;    /* khub_close was called, */
    bool leaves;     /* or khub_leave, of an AI that has something to leave: */
    bool leave_said; /* on this connection, and the hub's word on it is awaited */
    bool has_left;   /* that has come */
    bool observer;
    bool lingering;             /* all is sent and said to be all; the hub's end is awaited */
    volatile sig_atomic_t stop; /* khub_run is to return */
};

/* link.c: moves between the states. Only khub_turn calls these, so only it calls callbacks. */
/* The try failed, or the connection is lost: waits for the next try, or ends. */
void link_lost(struct khub *link, int cause, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void link_end(struct khub *link, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The hub has answered the hello. */
void link_joined(struct khub *link);
/* When the link is due next: for a heartbeat, or to say hello again. */
void link_due(struct khub *link);
/* More was read than the hub was told: it is soon. */
void link_read_more(struct khub *link);

/* It is no hub to be talked to: why (of TLS). */
void link_distrust(struct khub *link, const char *why);

/* receive.c: reads what has come and hands it to the callbacks. */
void link_receive(struct khub *link);

/* publish.c: writes the hello of a new connection to link->hello, and one that is said again to the
 * queue; queues a heartbeat. 0 or a code. */
int link_write_hello(struct khub *link);
int link_queue_heartbeat(struct khub *link);
/* And one that says that it knows: the hub could not keep that message. */
int link_queue_refused(struct khub *link, const char *message_id);
int link_queue_leave(struct khub *link);
/* Appends a JSON array of the strings (NULL-terminated, or NULL). */
void text_add_list(struct text *text, const char *const *list);
/* Whether an id is UTF-8 and fits the name rule. */
bool link_id_fits(const char *id);

#endif
