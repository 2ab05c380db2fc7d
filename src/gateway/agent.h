/* An AI at a hub on behalf of a client at a door: a link of libkhub in a libuv loop, what others
 * said to it (mailbox.h), and questions with their answers. An observer is one as well; what it
 * hears goes into no mailbox.
 *
 * It stays while its client does: the link comes back by itself when the hub does. All is the
 * loop's thread's. */
#ifndef KHUB_GATEWAY_AGENT_H
#define KHUB_GATEWAY_AGENT_H

#include <jansson.h>
#include <uv.h>

#include "gateway/mailbox.h"
#include "khub.h"

struct agent;
struct agent_line;

struct agent_callbacks {
    /* Something came for the inbox. */
    void (*received)(struct agent *agent, const struct mail *message, void *data);
    /* Who is there, or a session, changed: a message that is for nobody's inbox. */
    void (*noticed)(struct agent *agent, const struct khub_message *message, void *data);
    /* What an AI that is started again must know is new: its resume_token, its cursor. */
    void (*changed)(struct agent *agent, void *data);
    /* The hub takes its token no more, and it has ended; it may be closed. What waits for an answer
     * has yet to be told. */
    void (*unauthorized)(struct agent *agent, void *data);
    /* Of an observer: a message that answers nothing. Others are not told. */
    void (*heard)(struct agent *agent, const struct khub_message *message, void *data);
    /* The hub will not have it any more (agent_why), by no doing of the owner's. */
    void (*ended)(struct agent *agent, void *data);
};

/* How a question, a publication or a joining ended. */
struct agent_answer {
    bool good;
    const char *type;       /* of the hub's answer; "" for an ack, or when there is none */
    const json_t *payload;  /* of it, or of its error; NULL: none, or see agent_ask_text */
    struct slice text;      /* the same as it came; len 0: none */
    const char *code, *why; /* when not good: the hub's code, or "", and a sentence */
    uint64_t seq;           /* of what was published and acked */
    bool delivered;         /* its target was connected, or it had none */
    bool stored;            /* not delivered: its target is away, and gets it when it is back */
    const char *message_id; /* of what was said */
};
typedef void agent_callback(const struct agent_answer *answer, void *data);

/* options: as for khub_new; copied; acks, resume, the callbacks' data and the level are the agent's
 * own. past: how far this AI had read before, copied; NULL: it begins now. 0, or
 * an error of khub_new's. */
int agent_new(uv_loop_t *loop, const struct khub_options *options, const struct mail_past *past,
              const struct agent_callbacks *callbacks, void *data, struct agent **ret_seat);
/* Goes from the hub; leaves: from its room as well, where it stays else (stays_s). What waits for
 * an answer is told so. Freed by the loop, later. NULL is fine. */
void agent_close(struct agent *agent, bool leaves);

/* Each of these calls its callback once: now, later, or when the agent is closed. */
void agent_join(struct agent *agent, agent_callback *callback, void *data);
/* The hub answers by a message that names the question. Takes payload (NULL: out of memory). */
void agent_ask(struct agent *agent, const char *type, json_t *payload, agent_callback *callback,
               void *data);
/* The hub acks or refuses. target NULL: everyone. Takes payload. */
void agent_say(struct agent *agent, const char *type, json_t *payload, const char *target,
               agent_callback *callback, void *data);
/* The same two for a payload that is JSON text already: it goes out as it stands, and what answers
 * it, but for an error, comes as text alone. message_id: as for khub_publish_as; NULL: a new one */
void agent_ask_text(struct agent *agent, const char *type, const char *payload, const char *target,
                    agent_callback *callback, void *data);
void agent_say_text(struct agent *agent, const char *message_id, const char *type,
                    const char *payload, const char *target, agent_callback *callback, void *data);

/* Questions of which the hub takes one at a time: for a log, and for a chunk of a file. */
struct agent_line *agent_logs(struct agent *agent);
struct agent_line *agent_chunks(struct agent *agent);

struct mailbox *agent_mailbox(struct agent *agent);
/* Messages of its mailbox were shown. */
void agent_showed(struct agent *agent);
/* Deals with messages (mailbox_ack). The hub hears how far by agent_tell_cursor, else later. */
size_t agent_ack(struct agent *agent, uint64_t seq);
/* The callback is called once, when the hub knows how far; not good: it is not there, and is told
 * when it is back. */
void agent_tell_cursor(struct agent *agent, agent_callback *callback, void *data);
const char *agent_id(const struct agent *agent);
const char *agent_room(const struct agent *agent);
const char *agent_resume_token(const struct agent *agent);
bool agent_joined(const struct agent *agent);
/* It will not come back: refused, or closed. */
bool agent_ended(const struct agent *agent);
/* Why it is not joined; "" when it is. */
const char *agent_why(const struct agent *agent);
/* The hub's code for that, "banned"; "": the hub did not say. */
const char *agent_code(const struct agent *agent);
/* The payload of the latest training_sync; NULL: none yet. Borrowed. */
const json_t *agent_sync(const struct agent *agent);

#endif
