/* A task of A2A, as a session of the hub's and what was said in it tell it. No I/O.
 *
 * What was said, taken in order, makes the task and the events that its streams tell: so all who
 * follow it are told the same, whenever they begin and whatever was restarted meanwhile.
 *
 *     pending                        SUBMITTED
 *     active                         WORKING; or what its AI said last with "a2a": {"state": …},
 *                                    INPUT_REQUIRED or AUTH_REQUIRED, until the client answers
 *     completed                      COMPLETED
 *     failed, abandoned              FAILED
 *     cancelled                      CANCELED
 *     declined, expired              REJECTED
 */
#ifndef KHUB_GATEWAY_A2A_TASK_H
#define KHUB_GATEWAY_A2A_TASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire/bounds.h"
#include "wire/text.h"

#define A2A_SESSION_TYPE "a2a/" /* and the context's id: the type of a session that is a task */
#define A2A_CONTEXT_MAX  59u    /* bytes of that id */

/* X(NAME, its name in 0.3, interrupts a stream, is the end) */
#define A2A_STATES(X)                                                                              \
    X(SUBMITTED, "submitted", 0, 0)                                                                \
    X(WORKING, "working", 0, 0)                                                                    \
    X(INPUT_REQUIRED, "input-required", 1, 0)                                                      \
    X(AUTH_REQUIRED, "auth-required", 1, 0)                                                        \
    X(COMPLETED, "completed", 0, 1)                                                                \
    X(FAILED, "failed", 0, 1)                                                                      \
    X(CANCELED, "canceled", 0, 1)                                                                  \
    X(REJECTED, "rejected", 0, 1)

enum a2a_state {
#define X(name, old, interrupts, ends) A2A_##name,
    A2A_STATES(X)
#undef X
        A2A_STATE_COUNT
};
/* "TASK_STATE_WORKING" */
const char *a2a_state_text(enum a2a_state state);
/* "working", of 0.3 */
const char *a2a_state_old(enum a2a_state state);
/* By either. -1: there is none. */
int a2a_state_find(const char *text, enum a2a_state *ret_state);
bool a2a_state_ends(enum a2a_state state);
/* Somebody waits for the client, or it has ended. */
bool a2a_state_rests(enum a2a_state state);

struct a2a_task {
    char id[UUID_SIZE], context[A2A_CONTEXT_MAX + 1];
    char client[WIRE_ID_MAX + 1], tenant[WIRE_ID_MAX + 1]; /* who began it, and whose it is */
    enum a2a_state state, told;                            /* told: by the hub, of its session */
    char timestamp[TIMESTAMP_SIZE];                        /* of the state */
    char changed[TIMESTAMP_SIZE];                          /* of told; "": the same */
    json_t *message;                                       /* of the state; NULL: none */
    json_t *history, *artifacts;
    json_t *metadata; /* of the state; NULL: none */
    uint64_t ending;  /* of this seq the completion waits for what completes it; 0: none */
    json_t *events;   /* that were made and not taken yet */
};

/* Of a session as session_result tells it. NULL: it is no task, or out of memory. */
struct a2a_task *a2a_task_new(const json_t *session);
/* How the hub says that its session stands now. */
void a2a_task_now(struct a2a_task *task, const json_t *session);
void a2a_task_free(struct a2a_task *task);
/* A message that names the session. Those who take no part in it say nothing in it. */
void a2a_task_take(struct a2a_task *task, uint64_t seq, const json_t *message);
/* All up to this seq was taken. */
void a2a_task_upto(struct a2a_task *task, uint64_t seq);
/* All was taken, and the hub says this of its session: which counts where what was said is not kept
 * any more. */
void a2a_task_settle(struct a2a_task *task);
/* The events since the last call, as StreamResponses; owned; NULL: none. */
json_t *a2a_task_events(struct a2a_task *task);
/* As a Task, with the last `history` messages. Owned; NULL: out of memory. */
json_t *a2a_task_json(const struct a2a_task *task, size_t history, bool artifacts);

/* ── parts ── */

/* A copy of an array of parts with what is known of each; NULL, and a sentence: these are none. */
json_t *a2a_parts_read(const json_t *parts, const char **ret_why);
/* Their texts, one a line. Owned (jansson's). */
json_t *a2a_parts_text(const json_t *parts);

#endif
