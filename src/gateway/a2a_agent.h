/* An agent of A2A that is elsewhere, to who asks it: where and how its card says that it is spoken
 * to, and as many questions as one likes. What it says comes as 1.0 has it, whatever version it
 * speaks; nothing of that is looked into here.
 *
 * 1.0 and 0.3, over JSON-RPC and HTTP+JSON; a stream where the agent has one. A card leads only
 * where it was read from, or where its owner allowed: whoever writes it else has us post to where
 * he can't reach himself. */
#ifndef KHUB_GATEWAY_A2A_AGENT_H
#define KHUB_GATEWAY_A2A_AGENT_H

#include <jansson.h>
#include <stdbool.h>

#include "fetch/http_client.h"

#define A2A_WHY_SIZE 512u

/* How it is spoken to. */
struct a2a_face {
    char url[1024], tenant[129], name[129]; /* name: its own, as the card has it */
    bool rest, old;                         /* HTTP+JSON, else JSON-RPC; 0.3, else 1.0 */
    bool streams;
};

/* Of the interfaces of a card the first that is spoken here, 1.0 before 0.3. from: the URL that the
 * card was read from; allowed: other origins where one may be, ended by NULL; NULL: none. 0, or -1
 * with a sentence. */
int a2a_face_read(const json_t *card, const char *from, const char *const *allowed,
                  struct a2a_face *ret_face, char ret_why[A2A_WHY_SIZE]);
/* "https://host:port" of a URL, into buffer; NULL: it is none. */
const char *a2a_origin(const char *url, char buffer[320]);

struct a2a_agent {
    /* Set by the owner; all outlives the questions. */
    struct http_client *client;
    const char *url;            /* of its card, or of where its card is */
    const char *const *headers; /* to be shown, lines ended by NULL; "Authorization: Bearer …" */
    const char *const *allowed;
    const char *ca; /* NULL: whom the system trusts */
    struct a2a_face face;
};

enum a2a_question { A2A_CARD, A2A_SEND, A2A_GET, A2A_CANCEL };

/* How a question ended. */
struct a2a_end {
    bool good;       /* it was answered, with no error */
    bool away;       /* nobody took it: it may be put again */
    bool refused;    /* by the agent's own word */
    bool sent;       /* the agent may have it */
    const char *why; /* when not good */
};

struct a2a_ask;
struct a2a_ask_callbacks {
    /* {"task"|"message"|"statusUpdate"|"artifactUpdate": {…}}, or the card; borrowed. */
    void (*said)(const json_t *event, void *data);
    void (*done)(const struct a2a_end *end, void *data); /* it is no more */
};

/* A2A_SEND: subject is the Message; the others' is the id of a task, as a string; of a card NULL.
 * Callbacks come later, and may end it. NULL: out of memory. */
struct a2a_ask *a2a_ask(const struct a2a_agent *agent, enum a2a_question question,
                        const json_t *subject, const struct a2a_ask_callbacks *callbacks,
                        void *data);
/* Nothing comes of it any more. NULL is fine. */
void a2a_ask_end(struct a2a_ask *ask);

#endif
