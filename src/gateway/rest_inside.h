/* What the files of REST share. */
#ifndef KHUB_GATEWAY_REST_INSIDE_H
#define KHUB_GATEWAY_REST_INSIDE_H

#include "gateway/observers.h"
#include "gateway/params.h"
#include "gateway/rest.h"
#include "wire/json.h"
#include "wire/text.h"

#define REST_HANDLE "Khub-Handle"

struct rest_call;
TAILQ_HEAD(rest_call_list, rest_call);

/* Who a request is. */
enum rest_who {
    REST_ANYBODY,  /* and nobody is asked for a token */
    REST_CALLER,   /* who was admitted */
    REST_OBSERVER, /* ?room= is looked into, with the token of the request */
    REST_GUEST,    /* the AI that Khub-Handle names */
    REST_EITHER    /* the AI, if it names one; else an observer */
};

struct rest_route {
    const char *method, *path, *name; /* name: of the operation */
    const char *about;
    const struct param *at, *query, *body, *answer; /* each ended by name NULL; NULL: none */
    enum rest_who who;
    unsigned status;         /* when all went well */
    const char *answer_type; /* NULL: JSON */
    bool bytes;              /* its body is bytes as they are (application/octet-stream) */
    void (*run)(struct rest_call *call);
    const char *type; /* of the message that it is at the hub, where `run` is general */
};
/* Tables of them, each ended by method NULL; ended by NULL. */
extern const struct rest_route *const rest_tables[];
extern const struct rest_route rest_talk_routes[], rest_work_routes[], rest_stats_routes[],
    rest_files_routes[];

/* An AI that has a handle. */
struct rest_guest {
    struct guest guest; /* first */
    struct rest_door *door;
    struct agent *agent;
    char *token;                 /* that its AI shows; owned, a secret; NULL: none */
    struct rest_call_list calls; /* its own, under way */
    TAILQ_ENTRY(rest_guest) next;
};
TAILQ_HEAD(rest_guest_list, rest_guest);

/* A request under way. It waits for one thing at a time, and ends with one of the rest_ functions
 * that answer. */
struct rest_call {
    struct rest_door *door;
    struct http_request *request; /* NULL: the client is gone */
    const struct rest_route *route;
    json_t *arguments;         /* of path, query and body together; judged */
    struct json_value body;    /* for what is handed on as it stands: rest_raw */
    struct observer *observer; /* held; NULL: none */
    struct rest_guest *guest;  /* busy with it; NULL: nobody */
    /* What it waits for can be let go: it does so, and ends. NULL: it will be answered. */
    void (*gone)(struct rest_call *call);
    void *data;   /* of the route */
    size_t acked; /* messages, by an ack that the hub is told of */
    TAILQ_ENTRY(rest_call) next, of_guest;
};

struct rest_door {
    uv_loop_t *loop;
    struct khub_options link;
    struct callers *callers;
    struct guests *guests;
    struct observers *observers;
    struct rest_guest_list joined;
    struct rest_call_list calls;
    char *document; /* openapi.json; owned */
};

/* ── arguments ── */

const char *rest_text(const struct rest_call *call, const char *name); /* "": absent */
json_int_t rest_whole(const struct rest_call *call, const char *name, json_int_t fallback);
bool rest_flag(const struct rest_call *call, const char *name);
/* A member of the body as it was written; len 0: absent. */
struct slice rest_raw(const struct rest_call *call, const char *name);
/* Those of these names ("name" or "name>as", ended by NULL), as a JSON object for the hub. Owned;
 * NULL: out of memory. */
json_t *rest_pick(const struct rest_call *call, const char *const *names);

/* ── the hub ── */

/* Who asks: the call's AI, or its observer. */
struct agent *rest_agent(const struct rest_call *call);
/* Asks the hub; frees payload. `answered` has the call as its data, and begins with rest_lost. */
void rest_ask(struct rest_call *call, const char *type, struct text *payload,
              agent_callback *answered);
/* What it says is the answer of the request. */
void rest_pass(const struct agent_answer *answer, void *data);
/* All arguments but those that are the door's own (room, target_ai), for the hub: those of the body
 * as they were written. */
void rest_payload(const struct rest_call *call, struct text *text);
/* Says it to target_ai; the answer is {seq, message_id, delivered, stored}. payload is freed;
 * message_id "": a new one. */
void rest_say(struct rest_call *call, const char *type, const char *message_id,
              struct text *payload);
/* True, and the call is no more: the client is gone, or the hub refused (which was answered). */
bool rest_lost(struct rest_call *call, const struct agent_answer *answer);

/* ── answers; each ends the call ── */

/* text is taken. */
void rest_reply(struct rest_call *call, struct text *text);
/* json is taken; NULL: out of memory. */
void rest_reply_json(struct rest_call *call, json_t *json);
void rest_refuse(struct rest_call *call, unsigned status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* What the hub, or the lack of one, says. */
void rest_refused(struct rest_call *call, const struct agent_answer *answer);
/* From now on the call is of this AI's; NULL: of nobody's. */
void rest_call_guest(struct rest_call *call, struct rest_guest *guest);
/* Of a request that is answered or gone. */
void rest_call_free(struct rest_call *call);
/* An object's members but for those (ended by NULL), as they stand, without its braces; `before`
 * stands before the first. */
void rest_add_members(struct text *text, const char *before, struct slice object,
                      const char *const *but);
/* The body of an error: as rest_refused answers. */
unsigned rest_error_write(struct text *text, const struct agent_answer *answer);

/* The document. Owned; NULL: out of memory. */
char *rest_document(void);

/* ── what routes do ── */

/* General: the arguments are the payload of a message of the route's type. The hub answers by
 * another, whose payload is the answer; or it acks. */
void rest_question(struct rest_call *call);
void rest_saying(struct rest_call *call);

void rest_openapi(struct rest_call *call);
void rest_knowledge_post(struct rest_call *call);
void rest_knowledge_get(struct rest_call *call);
void rest_lease_post(struct rest_call *call);
void rest_leases_list(struct rest_call *call);
void rest_member_get(struct rest_call *call);
void rest_join(struct rest_call *call);
void rest_leave(struct rest_call *call);
void rest_messages_list(struct rest_call *call);
void rest_message_post(struct rest_call *call);
void rest_stream(struct rest_call *call);
void rest_file_get(struct rest_call *call);
void rest_chunk_put(struct rest_call *call);
void rest_inbox(struct rest_call *call);
void rest_ack(struct rest_call *call);

/* Something came for an AI: its waiting inboxes look. */
void rest_inbox_came(struct rest_guest *guest);
/* It goes from the hub (leaves: for good). */
void rest_guest_end(struct rest_guest *guest, bool leaves);

#endif
