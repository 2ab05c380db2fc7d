/* What the files of an agent share. */
#ifndef KHUB_GATEWAY_AGENT_INSIDE_H
#define KHUB_GATEWAY_AGENT_INSIDE_H

#include <sys/queue.h>
#include <uv.h>

#include "gateway/agent_line.h"
#include "gateway/mailbox.h"
#include "khub_uv.h"
#include "wire/json.h"
#include "wire/text.h"
#include "wire/types.h"

enum question_kind { QUESTION_JOIN, QUESTION_ASK, QUESTION_SAY, QUESTION_CURSOR };

struct question {
    enum question_kind kind;
    bool as_text;               /* the answer, too */
    bool unsaid;                /* of a query: the hub has yet to be asked, or asked again */
    char message_id[UUID_SIZE]; /* "": of a joining */
    enum message_type type;
    char *query; /* the payload, owned, of what may be asked twice; NULL: it may not */
    agent_callback *callback;
    void *data;
    int64_t until;
    TAILQ_ENTRY(question) next;
};
TAILQ_HEAD(question_list, question);

struct agent {
    struct khub *link;
    struct khub_uv *adapter;
    uv_timer_t timer; /* runs while something waits */
    struct agent_callbacks callbacks;
    void *data;
    struct mailbox mailbox;
    struct question_list questions;
    size_t question_count;
    struct agent_line logs, chunks;
    json_t *sync;
    char room[65], resume_token[UUID_SIZE];
    char why[512], code[32];
    bool observer, joined, joined_once, ended, closing;
    int64_t close_until;
};

/* Its timer runs on, while something waits. */
void agent_tick(struct agent *agent);

/* ── questions (agent_questions.c) ── */

/* Was it an answer? */
bool questions_answered(struct agent *agent, const struct khub_message *message,
                        struct json_value payload);
/* All of a kind: those that wait for us to join, say. why NULL: we have. */
void questions_end(struct agent *agent, enum question_kind kind, const char *why);
void questions_fail(struct agent *agent, const char *why);
/* Those whose time is up. */
void questions_expire(struct agent *agent, int64_t now);
/* The connection broke, and no answer comes by it any more. What may be asked twice is asked again,
 * in order, when we have joined. */
void questions_lost(struct agent *agent);
void questions_say_again(struct agent *agent);

#endif
