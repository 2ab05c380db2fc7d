/* What the files of the bridge share. */
#ifndef KHUB_GATEWAY_BRIDGE_INSIDE_H
#define KHUB_GATEWAY_BRIDGE_INSIDE_H

#include <sys/queue.h>

#include "gateway/bounds.h"
#include "gateway/bridge.h"
#include "wire/bounds.h"
#include "wire/text.h"

struct question;
TAILQ_HEAD(question_list, question);

struct bridge {
    struct bridge_options options;
    struct a2a_agent agent; /* elsewhere, */
    struct agent *self;     /* and its AI here; NULL: not yet */
    struct a2a_ask *card;   /* being read; NULL: it is not */
    unsigned card_tries;
    json_t *notes; /* with: */
    json_t *talks; /* {"peer/ID"|"session/ID": {context, task, …}}: what is known of each, */
    json_t *asked; /* {seq: note}: questions, as they are on disk, */
    json_t *dealt; /* {seq: true}: mail that waits no more, above what is acked */
    struct question_list questions;
    size_t question_count, waiting;
    uv_timer_t timer; /* for what is due first */
    int64_t card_due, keep_due;
    bool over, closing;     /* over: it does nothing any more, */
    char why[A2A_WHY_SIZE]; /* for this reason */
};

/* One that is with the agent, or whose outcome is being said. */
struct question {
    struct bridge *bridge;
    json_t *note;    /* {seq, id, from, reply, session, state, task, cancelled, outcome}; held */
    json_t *message; /* of A2A, until the agent has it; owned */
    struct a2a_ask *ask;
    unsigned tries;              /* in a row, that came to nothing */
    unsigned looks;              /* at how its task is */
    int64_t due, accept_due;     /* 0: nothing is */
    json_t *artifacts;           /* {artifactId: as it is by now}; owned */
    json_t *told;                /* {message_id: true}: what was said of it; owned */
    json_t *outbox;              /* [{id, type, payload, target}]: what is to be said; owned */
    bool saying, over, answered; /* over: the end of it is in the outbox */
    TAILQ_ENTRY(question) next;
};

/* ── bridge.c ── */

const char *bridge_text(const json_t *object, const char *name); /* "": absent, or no text */
void bridge_line(const struct bridge *bridge, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* All notes go to disk now. */
void bridge_keep(struct bridge *bridge);
/* Something is due then (monotonic ms). */
void bridge_wake(struct bridge *bridge);
/* The mail of that seq waits no more. */
void bridge_dealt(struct bridge *bridge, uint64_t seq);
/* The peer's, or the session's; made, if it is new. Borrowed. */
json_t *bridge_talk(struct bridge *bridge, const char *key);
/* Takes up what waits and may be put. */
void bridge_work(struct bridge *bridge);

/* ── questions (bridge_ask.c) ── */

/* Takes message. */
void question_begin(struct bridge *bridge, json_t *note, json_t *message);
/* One of an earlier process. */
void question_resume(struct bridge *bridge, json_t *note);
/* Its time has come. */
void question_due(struct question *question, int64_t now);
/* Its session is over. */
void question_cancel(struct question *question);
void question_free(struct question *question);
/* "peer/ID" or "session/ID", into buffer, which is returned. */
#define TALK_KEY_SIZE (WIRE_ID_MAX + 16)
const char *talk_key(const json_t *note, char buffer[TALK_KEY_SIZE]);
struct question *question_of(const struct bridge *bridge, const char *key);

/* ── what is said at the hub (bridge_say.c) ── */

/* The agent has taken it, or time is up: the session's offer is accepted. */
void say_accepted(struct question *question);
/* What it says while it works: a Message of its status (NULL: none), and how far it is. */
void say_working(struct question *question, const json_t *message, const json_t *metadata);
/* An artifact is whole. */
void say_artifact(struct question *question, const json_t *artifact);
/* It rests, in the state of that name; message may be NULL. */
void say_state(struct question *question, const char *text, const json_t *message);
/* The agent answers by a Message alone. */
void say_answer(struct question *question, const json_t *message);
/* There will be no answer. */
void say_failed(struct question *question, const char *why);
/* Says what is to be said, one after the other; then, if it is over, the question is no more. */
void say_on(struct question *question);
/* The same word, when there is no question: of a peer's message that nobody puts to the agent. */
void say_refused(struct bridge *bridge, const json_t *note, const char *why);
/* An id of what these say; the same each time. */
void said_id(const char *const *texts, char id[UUID_SIZE]);

#endif
