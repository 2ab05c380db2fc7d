#include "gateway/agent_line.h"

#include <stdlib.h>
#include <string.h>

struct line_question {
    char *payload; /* owned */
    agent_callback *callback;
    void *data;
    TAILQ_ENTRY(line_question) next;
};

void agent_line_init(struct agent_line *line, struct agent *agent, const char *type)
{
    *line = (struct agent_line){.agent = agent, .type = type};
    TAILQ_INIT(&line->questions);
}

static void line_next(struct agent_line *line);

static void on_answer(const struct agent_answer *answer, void *data)
{
    struct agent_line *line = data;
    struct line_question *question = TAILQ_FIRST(&line->questions);
    TAILQ_REMOVE(&line->questions, question, next);
    line->asking = false;
    question->callback(answer, question->data);
    free(question->payload);
    free(question);
    if (!line->turning)
        line_next(line);
}

/* One that can't be asked is answered at once, and on to the next. */
static void line_next(struct agent_line *line)
{
    const struct line_question *question;
    if (line->turning)
        return;
    line->turning = true;
    while (!line->asking && (question = TAILQ_FIRST(&line->questions))) {
        line->asking = true;
        agent_ask_text(line->agent, line->type, question->payload, NULL, on_answer, line);
    }
    line->turning = false;
}

void agent_line_ask(struct agent_line *line, const char *payload, agent_callback *callback,
                    void *data)
{
    struct line_question *question = calloc(1, sizeof *question);
    char *copy = question ? strdup(payload) : NULL;
    if (!copy) {
        free(question);
        callback(
            &(struct agent_answer){
                .type = "", .code = "", .why = "out of memory", .message_id = ""},
            data);
        return;
    }
    *question = (struct line_question){.payload = copy, .callback = callback, .data = data};
    TAILQ_INSERT_TAIL(&line->questions, question, next);
    line_next(line);
}
