/* What the files of fuzz_mcp share: its doors, and what must hold of all that comes out of them. */
#ifndef KHUB_FUZZ_MCP_H
#define KHUB_FUZZ_MCP_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "wire/slice.h"

struct door {
    void (*open)(void);
    void (*take)(struct slice line);
    void (*close)(void); /* what was asked is answered before */
};
extern const struct door door_stdio, door_http;

/* A message of the client's, as this side reads it. */
struct asked {
    json_t *root;          /* NULL: no JSON */
    json_t *id;            /* of root; NULL: it has none that can be used */
    const char *method;    /* of root; NULL: it has none */
    bool request;          /* it is well-formed, and wants an answer; that may come later */
    bool answers;          /* it is a response, and wants none */
    bool notification;     /* it wants none either */
    bool cancelled;        /* it need not be answered any more */
    unsigned answer_count; /* so often it was */
    TAILQ_ENTRY(asked) next;
};
TAILQ_HEAD(asked_list, asked);

struct asked *asked_read(struct slice text);
void asked_free(struct asked *asked);
/* Is this, of the client's earlier ones, what a notification of its wants to be cancelled? */
bool asked_is_cancelled(const struct asked *asked, const struct asked *notification);
/* Has it alone, of all that there were, this id? Else nobody can tell whose an answer is. */
bool asked_is_alone(const struct asked_list *list, const struct asked *asked);
/* NULL: it is none of the list's that has yet to be answered. */
struct asked *asked_find(const struct asked_list *list, const json_t *id);

/* One that went out as this text, without its line end: what all must be. Owned. */
json_t *answer_read(struct slice text);
/* It is a notification. */
bool answer_is_told(const json_t *message);
/* It is what was asked for, whole and safe to be read by a model. */
void answer_check(const struct asked *asked, const json_t *message);

#endif
