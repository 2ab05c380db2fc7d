/* The two wires of language models (model.h), without their sockets: what is asked, as a body, and
 * the events of an answer.
 *
 * OpenAI: https://platform.openai.com/docs/api-reference/chat ; Anthropic:
 * https://docs.anthropic.com/en/api/messages-streaming . */
#ifndef KHUB_SEARCH_WIRES_H
#define KHUB_SEARCH_WIRES_H

#include "fetch/sse_reader.h"
#include "search/model.h"
#include "wire/slice.h"
#include "wire/text.h"

struct wire_question {
    const char *model, *system, *question;
    uint64_t most; /* tokens of the answer */
};
/* The body of a request, for free(); NULL when out of memory. */
char *wire_body(enum model_wire wire, const struct wire_question *question);
/* What stands behind the model's URL: "/chat/completions". */
const char *wire_path(enum model_wire wire);

/* An answer that comes. Zeroed to begin with. */
struct wire_answer {
    struct sse_reader events;
    struct text text; /* of the answer, so far */
    uint64_t in, out; /* tokens, as the server counts them; 0: it has not said */
    bool ended;       /* it came to its end, and was not broken off */
    bool failed;      /* the stream told of an error: */
    bool passes;      /* that goes by itself */
    char why[200];
};
/* Takes bytes of the stream, split anywhere. */
void wire_take(enum model_wire wire, struct wire_answer *answer, struct slice bytes);
/* What a body says that is no stream: an error's, "model 'x' not found"; "" when it says nothing.
 */
void wire_error(struct slice body, char ret_why[200]);
void wire_answer_free(struct wire_answer *answer);

#endif
