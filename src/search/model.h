/* A language model behind HTTP: one question, one answer, counted.
 *
 * Two wires are spoken, each as a stream of server-sent events: OpenAI's chat completions, which
 * llama.cpp, Ollama, vLLM and most hosts speak too, and Anthropic's messages. A request that fails
 * for a reason that passes (429, 5xx, an overloaded server, a connection that breaks) is made again
 * after a while; whatever was streamed until then is paid for, and is counted. */
#ifndef KHUB_SEARCH_MODEL_H
#define KHUB_SEARCH_MODEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MODEL_WHY_SIZE 256u

enum model_wire { MODEL_OPENAI, MODEL_ANTHROPIC };
extern const char *const model_wires[]; /* "openai", "anthropic", NULL */

struct model_settings {
    enum model_wire wire;
    const char *url;  /* without the wire's own path: "http://127.0.0.1:8080/v1" */
    const char *name; /* of the model */
    const char *key;  /* NULL: none */
    const char *ca;   /* who vouches for the server: a file; NULL: whom the system trusts */
    uint64_t tokens;  /* that all answers and questions may have together: a hard stop */
    double price_in;  /* of a million tokens of questions; 0: not known */
    double price_out; /* the same of answers */
    double spend;     /* at the most, in the prices' currency; 0: no limit */
    long patience_s;  /* for one answer, all of it; 0: for ever */
};

/* So far. Tokens are the server's count; where it has told none, three bytes are taken for one,
 * which is too many rather than too few. */
struct model_spent {
    uint64_t in, out; /* tokens */
    double cost;
    unsigned requests, repeated;
};

struct model;

/* To be freed. Keeps pointers to the settings' texts. NULL after a sentence. */
struct model *model_new(const struct model_settings *settings, char ret_why[MODEL_WHY_SIZE]);
void model_free(struct model *model); /* NULL is fine */
struct model_spent model_spent(const struct model *model);

enum model_end {
    MODEL_ANSWERED,
    MODEL_SPENT, /* what it may have is used up, or not enough is left for an answer */
    MODEL_FAILED /* `why` says how; MODEL_STOPPED among it */
};
/* Asks; blocks until the answer is there, or `stop` (NULL: never) is true. *ret_answer: the
 * caller's, when it answered; it may be cut off where the model's own limit or the tokens'
 * end was. */
enum model_end model_ask(struct model *model, const char *system, const char *question,
                         const atomic_bool *stop, char **ret_answer, char ret_why[MODEL_WHY_SIZE]);

#endif
