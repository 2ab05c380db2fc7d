/* What the files of A2A share. */
#ifndef KHUB_GATEWAY_A2A_INSIDE_H
#define KHUB_GATEWAY_A2A_INSIDE_H

#include <jansson.h>
#include <sys/queue.h>

#include "gateway/a2a.h"
#include "wire/bounds.h"

#define A2A_WANTED      "a2a" /* the capability by which an AI says that it takes tasks */
#define A2A_VERSION     "1.0"
#define A2A_OLD_VERSION "0.3"

/* X(NAME, code of JSON-RPC, status of HTTP, the same as gRPC names it, reason) */
#define A2A_ERRORS(X)                                                                              \
    X(TASK_NOT_FOUND, -32001, 404, "NOT_FOUND", "TASK_NOT_FOUND")                                  \
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
TAILQ_HEAD(a2a_call_list, a2a_call);

struct a2a_route {
    const char *method, *path;
    void (*run)(struct a2a_call *call);
    bool for_strangers; /* who shows no token is told something, too */
};
/* Each table is ended by method NULL. */
extern const struct a2a_route a2a_card_routes[];

/* A request under way. It waits for one thing at a time, and ends with one of the functions that
 * answer. */
struct a2a_call {
    struct a2a_door *door;
    struct http_request *request; /* NULL: the client is gone */
    const struct a2a_route *route;
    bool stranger;
    char tenant[WIRE_ID_MAX + 1]; /* "": none was named */
    struct observer *observer;    /* held; NULL: none */
    json_t *members;              /* of a2a_members; owned */
    void (*then)(struct a2a_call *call);
    TAILQ_ENTRY(a2a_call) next;
};

struct a2a_door {
    struct a2a_options options;
    struct a2a_call_list calls;
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
/* "https://hub.example": where the client found us. Written into buffer, which is returned. */
const char *a2a_place(const struct a2a_call *call, char *buffer, size_t size);

/* ── answers; each ends the call ── */

/* An answer that may be kept for so many seconds. json is taken. */
void a2a_reply_kept(struct a2a_call *call, const char *type, json_t *json, unsigned seconds);
void a2a_refuse(struct a2a_call *call, enum a2a_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ── cards (a2a_cards.c) ── */

/* Of the hub, with the skills of call->members; of one of these (with its tenant). Owned; NULL: out
 * of memory. */
json_t *a2a_hub_card(const struct a2a_call *call);
json_t *a2a_card(const struct a2a_call *call, const char *ai_id, const json_t *member);

#endif
