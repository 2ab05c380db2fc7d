/* What the files of A2A share. */
#ifndef KHUB_GATEWAY_A2A_INSIDE_H
#define KHUB_GATEWAY_A2A_INSIDE_H

#include <jansson.h>
#include <sys/queue.h>

#include "gateway/a2a.h"
#include "gateway/a2a_task.h"

#define A2A_WANTED      "a2a" /* the capability by which an AI says that it takes tasks */
#define A2A_VERSION     "1.0"
#define A2A_OLD_VERSION "0.3"
#define A2A_TENANT      "/a2a/{tenant}" /* how a path begins that names one */
#define A2A_NAME        "Khub-Id"       /* a header field: who the caller is at the hub */

/* X(NAME, code of JSON-RPC, status of HTTP, the same as gRPC names it, reason) */
#define A2A_ERRORS(X)                                                                              \
    X(TASK_NOT_FOUND, -32001, 404, "NOT_FOUND", "TASK_NOT_FOUND")                                  \
    X(TASK_NOT_CANCELABLE, -32002, 400, "FAILED_PRECONDITION", "TASK_NOT_CANCELABLE")              \
    X(PUSH_NOT_SUPPORTED, -32003, 400, "FAILED_PRECONDITION", "PUSH_NOTIFICATION_NOT_SUPPORTED")   \
    X(UNSUPPORTED_OPERATION, -32004, 400, "FAILED_PRECONDITION", "UNSUPPORTED_OPERATION")          \
    X(CONTENT_TYPE_NOT_SUPPORTED, -32005, 415, "INVALID_ARGUMENT", "CONTENT_TYPE_NOT_SUPPORTED")   \
    X(NO_EXTENDED_CARD, -32007, 400, "FAILED_PRECONDITION", "EXTENDED_AGENT_CARD_NOT_CONFIGURED")  \
    X(VERSION_NOT_SUPPORTED, -32009, 400, "FAILED_PRECONDITION", "VERSION_NOT_SUPPORTED")          \
    X(INVALID_REQUEST, -32600, 400, "INVALID_ARGUMENT", "INVALID_REQUEST")                         \
    X(METHOD_NOT_FOUND, -32601, 404, "UNIMPLEMENTED", "METHOD_NOT_FOUND")                          \
    X(INVALID_PARAMS, -32602, 400, "INVALID_ARGUMENT", "INVALID_PARAMS")                           \
    X(INTERNAL_ERROR, -32603, 500, "INTERNAL", "INTERNAL_ERROR")                                   \
    X(FORBIDDEN, -32603, 403, "PERMISSION_DENIED", "FORBIDDEN")                                    \
    X(TOO_MUCH, -32603, 429, "RESOURCE_EXHAUSTED", "RATE_LIMITED")                                 \
    X(UNAVAILABLE, -32603, 503, "UNAVAILABLE", "HUB_UNAVAILABLE")

enum a2a_error {
#define X(name, code, status, grpc, reason) A2A_##name,
    A2A_ERRORS(X)
#undef X
};

struct a2a_call;
struct a2a_follow;
struct a2a_speaker;
struct a2a_push;
TAILQ_HEAD(a2a_call_list, a2a_call);
TAILQ_HEAD(a2a_speaker_list, a2a_speaker);
TAILQ_HEAD(a2a_push_list, a2a_push);

/* What a request can want. */
struct a2a_method {
    const char *name, *old; /* in 1.0 and in 0.3; NULL: it has none */
    void (*run)(struct a2a_call *call);
    bool streams; /* it is answered by a stream of events */
};
/* By its name in that version. NULL: there is none. */
const struct a2a_method *a2a_method_find(const char *name, bool old);

struct a2a_route {
    const char *method, *path;
    void (*run)(struct a2a_call *call);
    bool for_strangers; /* who shows no token is told something, too */
    size_t body_max;
    const char *name; /* of the method, in the HTTP binding */
};
/* Each table is ended by method NULL. */
extern const struct a2a_route a2a_card_routes[], a2a_binding_routes[];

enum a2a_binding { A2A_BARE, A2A_RPC, A2A_REST };

/* A request under way. It waits for one thing at a time, and ends with one of the functions that
 * answer. */
struct a2a_call {
    struct a2a_door *door;
    struct http_request *request; /* NULL: the client is gone */
    const struct a2a_route *route;
    const struct a2a_method *method;
    enum a2a_binding binding;
    bool stranger, old;           /* old: it is of 0.3 */
    bool streaming;               /* the stream has begun */
    bool waits;                   /* for more than is known at once */
    bool following;               /* nothing else is awaited: who is gone is so at once */
    json_t *id;                   /* of JSON-RPC; owned */
    json_t *params;               /* as those of 1.0; owned */
    char tenant[WIRE_ID_MAX + 1]; /* "": none was named */
    struct observer *observer;    /* held; NULL: none */
    struct a2a_speaker *speaker;  /* it is busy with; NULL: none */
    struct a2a_follow *follow;    /* owned; NULL: none */
    json_t *members;              /* of a2a_members; owned */
    char session[UUID_SIZE];      /* that it is about; "": none yet */
    json_t *said;                 /* to be said in it, a chat's payload; owned */
    json_t *list;                 /* of what is being made; owned */
    size_t at;                    /* of that list */
    void (*then)(struct a2a_call *call);
    TAILQ_ENTRY(a2a_call) next;
};

struct a2a_door {
    struct a2a_options options;
    struct a2a_call_list calls;
    struct a2a_speaker_list speakers;
    struct a2a_push_list pushes;
    size_t push_count;
    json_t *begins; /* {id: seq} of sessions that were looked for, so that the log's past is not */
    bool closing;
};

/* ── a2a.c: what calls do ── */

/* Looks into the room first. */
void a2a_observe(struct a2a_call *call, void (*then)(struct a2a_call *call));
/* call->members becomes {ai_id: member} of those that are connected and want it, as the hub tells
 * them; of the tenant alone, if one is named. */
void a2a_members(struct a2a_call *call, void (*then)(struct a2a_call *call));
/* True, and the call is no more: the client is gone, or the hub refused (which was answered). */
bool a2a_lost(struct a2a_call *call, const struct agent_answer *answer);
/* What a refusal of the hub's is. */
enum a2a_error a2a_error_of(const struct agent_answer *answer);
/* "https://hub.example": where the client found us. Written into buffer, which is returned. */
const char *a2a_place(const struct a2a_call *call, char *buffer, size_t size);
/* Of an answered or lost one. */
void a2a_call_free(struct a2a_call *call);
/* A member of params; "": absent, or none. */
const char *a2a_text(const struct a2a_call *call, const char *name);
/* The same of a whole number in these bounds. False, and it was refused. */
bool a2a_whole(struct a2a_call *call, const json_t *object, const char *name, json_int_t least,
               json_int_t most, json_int_t *ret_number);

/* ── answers; each ends the call. All JSON is of 1.0, and taken ── */

/* An answer that may be kept for so many seconds. */
void a2a_reply_kept(struct a2a_call *call, const char *type, json_t *json, unsigned seconds);
void a2a_reply(struct a2a_call *call, json_t *result);
/* A Task, as this method answers it. */
void a2a_reply_task(struct a2a_call *call, json_t *task);
void a2a_refuse(struct a2a_call *call, enum a2a_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What the hub, or the lack of one, says. */
void a2a_refused(struct a2a_call *call, const struct agent_answer *answer);

/* A StreamResponse; the first begins the stream. False: the call is no more. */
bool a2a_stream(struct a2a_call *call, json_t *event);
void a2a_stream_end(struct a2a_call *call);

/* ── 0.3 (a2a_old.c); all is taken and owned ── */

json_t *a2a_old_task(json_t *task);
json_t *a2a_old_event(json_t *event);
/* Params as those of 1.0; NULL, and a sentence: they are none. */
json_t *a2a_old_params(const struct a2a_method *method, json_t *params, const char **ret_why);

/* ── who speaks for a caller (a2a_speaker.c) ── */

/* The caller's AI, which joins if it is not there; call->speaker until a2a_spoken. */
void a2a_speak(struct a2a_call *call, void (*then)(struct a2a_call *call));
void a2a_spoken(struct a2a_call *call);
struct agent *a2a_agent(const struct a2a_call *call);
/* All of them go from the hub. */
void a2a_speakers_end(struct a2a_door *door);

/* ── what becomes of a task (a2a_follow.c) ── */

struct a2a_follower {
    /* It is known how it is now. */
    void (*ready)(struct a2a_follow *follow, void *data);
    /* What happened since, an array of StreamResponses; borrowed. */
    void (*events)(struct a2a_follow *follow, const json_t *events, void *data);
    /* There is no such task, or it can't be followed any more. */
    void (*failed)(struct a2a_follow *follow, const struct agent_answer *why, void *data);
};
/* Callbacks may end it. From now on nothing that is said is missed. NULL: out of memory. */
struct a2a_follow *a2a_follow_new(struct a2a_door *door, struct observer *observer,
                                  const struct a2a_follower *follower, void *data);
/* Ready once all up to `seq` is known. */
void a2a_follow_go(struct a2a_follow *follow, const char *session, uint64_t seq);
const struct a2a_task *a2a_follow_task(const struct a2a_follow *follow);
/* NULL is fine. */
void a2a_follow_end(struct a2a_follow *follow);

/* ── push notifications (a2a_push.c) ── */

/* What speaks against such a configuration; NULL: nothing. */
const char *a2a_push_fault(const struct a2a_call *call, const json_t *wish);
/* Of call->session. The configuration as it was taken, borrowed; NULL: there are too many. */
json_t *a2a_push_begin(struct a2a_call *call, const json_t *wish);
void a2a_pushes_end(struct a2a_door *door);

/* ── methods (a2a_send.c, a2a_tasks.c) ── */

void a2a_send(struct a2a_call *call);
void a2a_get(struct a2a_call *call);
void a2a_list(struct a2a_call *call);
void a2a_cancel(struct a2a_call *call);
void a2a_subscribe(struct a2a_call *call);
void a2a_extended_card(struct a2a_call *call);
void a2a_push(struct a2a_call *call);

/* The session of params' `name`, which must be a task of the tenant; the caller frees it. */
typedef void a2a_task_then(struct a2a_call *call, struct a2a_task *task);
void a2a_task_find(struct a2a_call *call, const char *id, a2a_task_then *then);
/* Answers with what becomes of call->session, known up to `seq`; at once (waits false), or when it
 * rests. */
void a2a_answer_task(struct a2a_call *call, uint64_t seq, bool waits);

/* ── cards (a2a_cards.c) ── */

/* Of the hub, with the skills of call->members; of one of these (with its tenant). Owned; NULL: out
 * of memory. */
json_t *a2a_hub_card(const struct a2a_call *call);
json_t *a2a_card(const struct a2a_call *call, const char *ai_id, const json_t *member);

#endif
