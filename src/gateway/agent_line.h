/* Questions of which the hub takes one at a time of a connection (log_query, artifact_query for a
 * chunk): each is said when its turn comes. A line is its agent's, and lives as long. */
#ifndef KHUB_GATEWAY_AGENT_LINE_H
#define KHUB_GATEWAY_AGENT_LINE_H

#include <sys/queue.h>

#include "gateway/agent.h"

TAILQ_HEAD(line_question_list, line_question);
struct agent_line {
    struct agent *agent;
    const char *type;
    struct line_question_list questions; /* the first is asked, if `asking` */
    bool asking;
    bool turning; /* line_next is at work, further up in the stack */
};

void agent_line_init(struct agent_line *line, struct agent *agent, const char *type);
/* As agent_ask_text otherwise: each callback is called once, in order. payload is copied. */
void agent_line_ask(struct agent_line *line, const char *payload, agent_callback *callback,
                    void *data);

#endif
