/* A question to the hub, and its answer: for queries and for what else the hub answers by a message
 * that names the question. */
#ifndef KHUB_CMD_ASK_H
#define KHUB_CMD_ASK_H

#include "cmd/visit.h"
#include "wire/types.h"

enum ask_result {
    ASK_ANSWERED = 0,
    ASK_REFUSED, /* code and why say so */
    ASK_FAILED   /* no answer; a sentence was printed, unless somebody stopped us */
};

/* Zeroed at first. A visit's `data`, with ask_message as its `message`. */
struct ask {
    /* Every message that is no answer; may be NULL. */
    void (*other)(struct visit *visit, const struct khub_message *message, void *data);
    void *data;
    const char *target; /* of the questions; NULL: none */
    /* Of the last answer, good until the next question. */
    struct json_value answer; /* its payload, an object */
    char code[32], why[512];  /* of a refusal: the hub's code, and its sentence, */
    int64_t retry_after_ms;   /* and after how long it is free again; 0: it does not say */

    /* Its own. */
    struct text text;
    char question[UUID_SIZE]; /* "": none is open */
    bool refused;
};

/* Publishes a message and waits for its answer; of one that came too fast, says it again. */
enum ask_result ask(struct visit *visit, enum message_type type, const struct text *payload);
/* The same, page by page: a query of `limit` and, from the second on, what the last answer gave as
 * `next`. Adds all elements of the answers' member of that name to the text, as one array; the last
 * answer stays. */
enum ask_result ask_pages(struct visit *visit, enum message_type type, unsigned limit,
                          const char *member, struct text *array);
/* Of a page's answer: adds the elements of that member to the array's text, which begins with "[",
 * and writes what to ask for next, as JSON, into `after`; "" when it was the last. */
void ask_take_page(struct json_value page, const char *member, struct text *array,
                   struct text *after);
/* The same with further members of each query, ",\"status\":\"ready\"". */
enum ask_result ask_pages_of(struct visit *visit, enum message_type type, unsigned limit,
                             const struct text *more, const char *member, struct text *array);
void ask_message(struct visit *visit, const struct khub_message *message);
/* That sentence of the hub's, for a person. Returns EXIT_FAILED. */
int ask_complain(const struct visit *visit);
void ask_free(struct ask *ask);

#endif
