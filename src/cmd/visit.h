/* A subcommand's stay at a hub: joins over libkhub, waits for messages (and for whatever else the
 * subcommand polls), ends.
 *
 * What goes wrong is told to the person here, once, in a sentence that says what to do; callers
 * only pass the exit code on. */
#ifndef KHUB_CMD_VISIT_H
#define KHUB_CMD_VISIT_H

#include <poll.h>
#include <stdint.h>

#include "auth/token.h"
#include "khub.h"
#include "wire/json.h"
#include "wire/text.h"

#define VISIT_JOIN_MS   10000 /* for the hub's answer to hello */
#define VISIT_POLLS_MAX 4u    /* descriptors of the subcommand's own in one wait */
#define IDENTITY_SIZE   129u
#define PLACE_SIZE      512u
#define TOO_FAST_MS     200 /* before what came too fast is said again, if its error does not say */

struct visit {
    /* Set by the caller before visit_begin; strings are not copied. */
    const char *command;    /* "who", for error sentences */
    const char *address;    /* of the hub */
    const char *token_file; /* NULL: the token is where token_choose looks for it */
    const char *ai_id;      /* NULL: one is made, user@host/command.pid */
    const char *specialization;
    const char *const *capabilities; /* NULL-terminated; NULL: none */
    const char *room;                /* NULL: main */
    bool observer;
    bool knowing;      /* wants the hub's knowledge in `sync`; else it is not sent */
    bool keeps_trying; /* after it has joined once, comes back whenever the hub is lost */
    bool acks;         /* the hub acks what is published */
    bool patient;      /* with keeps_trying: waits for a hub that is not there at the start, too */
    bool resumes;      /* misses nothing while the hub is away, */
    bool resumes_last; /* nor while this ai_id was not here */
    bool tells;        /* tells the hub how far it has read, for that */
    uint64_t since;    /* with `resumes`: behind this seq; 0: from now on */
    const char *resume_token; /* of an earlier visit in this name, which it takes over; or NULL */
    unsigned stays_s;         /* so long it stays at the hub when it ends, away; 0: it is gone */
    bool leaves;              /* when it ends, it is gone whatever it said before */
    bool own_beats; /* the caller sends heartbeats, and says in them how far it has read */
    bool abrupt;    /* nothing is said to the hub when it ends */
    bool quiet;     /* says nothing when it can't join: the caller tries again */
    /* Every message; may be NULL. */
    void (*message)(struct visit *visit, const struct khub_message *message);
    /* The hub was lost (why) or, with why NULL, joined again; may be NULL. */
    void (*changed)(struct visit *visit, const char *why);
    void *data;

    /* The visit's own. */
    struct khub *link;
    char token[TOKEN_TEXT_SIZE]; /* "": none; while it begins, and not longer */
    char identity[IDENTITY_SIZE];
    struct text sync_text;
    struct json_value sync; /* payload of the latest training_sync */
    bool joined, lost, ended;
    bool synced;              /* this connection's training_sync has come */
    bool unstored;            /* the hub can't keep anything: it refuses us, or we are its guest */
    bool heard;               /* the hub has said something, be it why we can't join */
    bool unauthorized;        /* the hub asks for a token, and takes none that was shown */
    bool in_use;              /* another connection holds this ai_id */
    bool taken_over;          /* a newer one does, which showed the resume_token */
    bool anew;                /* the hub is not as far as `since`: it began anew, and so did we */
    bool slowed;              /* that the hub makes us wait was said */
    char question[UUID_SIZE]; /* the heartbeat that the hub has yet to answer, or "" */
    unsigned answers;
    int error;
    char why[512];
};

enum visit_result {
    VISIT_TURNED = 0, /* something was done, or `until` has come */
    VISIT_STOPPED,    /* SIGINT or SIGTERM */
    VISIT_ENDED       /* the link has; the sentence was printed */
};

/* Joins. EXIT_WORKED, or the exit code after a sentence on stderr (or after SIGINT: EXIT_FAILED).
 * In any case visit_end is due. */
int visit_begin(struct visit *visit);
/* Waits until something can be done or the monotonic time `until` (ms; -1: no end), and does it.
 * polls: the caller's own descriptors, or NULL; their revents are set. */
enum visit_result visit_wait(struct visit *visit, int64_t until, struct pollfd *polls,
                             size_t count);
/* Waits until what came too fast may be said again: as long as its error says (retry_after_ms; 0:
 * it does not, and a moment does). The first time that it takes long it says so. False: the visit
 * is over, or somebody stopped us. */
bool visit_pause(struct visit *visit, int64_t retry_after_ms);
/* Waits, `ms` at the most after the hub took or acked the last of it, until all that was published
 * before has been judged by the hub: every error for it has then gone through the message callback,
 * and with acks each outcome has come. 0, or -1 when the hub did not say so in time. */
int visit_settle(struct visit *visit, int ms);
/* Sends what is queued, leaves and frees. */
void visit_end(struct visit *visit);

/* The hub and, when it is not the one of who names none, the room: "127.0.0.1:6000, room 'lab'".
 * Written into buffer, which is returned. */
const char *place_text(const char *address, const char *room, char buffer[PLACE_SIZE]);
/* user@host, with "/role.pid" behind when role is not NULL; fits an ai_id. An observer's is one for
 * which any token is good. */
void identity_make(const char *role, bool observes, char buffer[IDENTITY_SIZE]);

/* "khub COMMAND: …" on stderr. Returns EXIT_FAILED. */
int complain(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
