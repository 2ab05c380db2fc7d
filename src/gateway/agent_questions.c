/* What an agent asks and says, until the hub has answered it (agent.h). A query that broke with its
 * connection is asked again on the next: else it would wait for an answer that can't come, and with
 * it all behind it in a line (agent_line.h). */
#include <stdlib.h>
#include <string.h>

#include "gateway/agent_inside.h"
#include "gateway/bounds.h"
#include "gateway/peer_json.h"
#include "wire/clock.h"

static void question_end(struct agent *agent, struct question *question,
                         const struct agent_answer *answer)
{
    TAILQ_REMOVE(&agent->questions, question, next);
    agent->question_count--;
    struct agent_answer full = *answer;
    full.message_id = question->message_id;
    question->callback(&full, question->data);
    free(question->query);
    free(question);
}

static void question_fail(struct agent *agent, struct question *question, const char *why)
{
    question_end(agent, question,
                 &(struct agent_answer){.type = "", .code = agent_code(agent), .why = why});
}

static void refuse(const struct agent *agent, agent_callback *callback, void *data, const char *why)
{
    callback(
        &(struct agent_answer){.type = "", .code = agent_code(agent), .why = why, .message_id = ""},
        data);
}

static struct question *question_find(const struct agent *agent, const char *message_id)
{
    struct question *question;
    TAILQ_FOREACH (question, &agent->questions, next) {
        if (question->message_id[0] && strcmp(question->message_id, message_id) == 0)
            return question;
    }
    return NULL;
}

static struct question *question_begin(struct agent *agent, enum question_kind kind,
                                       agent_callback *callback, void *data)
{
    if (agent->ended || agent->closing) {
        refuse(agent, callback, data, agent->why[0] ? agent->why : "this AI has left the hub");
        return NULL;
    }
    size_t most = agent->observer ? OBSERVER_QUESTIONS_MAX : QUESTIONS_MAX;
    struct question *question = agent->question_count < most ? calloc(1, sizeof *question) : NULL;
    if (!question) {
        refuse(agent, callback, data,
               "too many questions wait for the hub's answer: try again later");
        return NULL;
    }
    *question = (struct question){
        .kind = kind, .callback = callback, .data = data, .until = time_monotonic_ms() + ANSWER_MS};
    TAILQ_INSERT_TAIL(&agent->questions, question, next);
    agent->question_count++;
    agent_tick(agent);
    return question;
}

void questions_fail(struct agent *agent, const char *why)
{
    struct question *question;
    while ((question = TAILQ_FIRST(&agent->questions)))
        question_fail(agent, question, why);
}

void questions_end(struct agent *agent, enum question_kind kind, const char *why)
{
    struct question *question = TAILQ_FIRST(&agent->questions);
    while (question) {
        struct question *behind = TAILQ_NEXT(question, next);
        if (question->kind == kind && why)
            question_fail(agent, question, why);
        else if (question->kind == kind)
            question_end(
                agent, question,
                &(struct agent_answer){
                    .good = true, .type = "", .payload = agent->sync, .code = "", .why = ""});
        question = behind;
    }
}

void questions_expire(struct agent *agent, int64_t now)
{
    struct question *question = TAILQ_FIRST(&agent->questions);
    while (question) {
        struct question *behind = TAILQ_NEXT(question, next);
        if (now >= question->until)
            question_fail(agent, question,
                          agent->why[0] ? agent->why : "the hub has not answered in time");
        question = behind;
    }
}

/* ── answers ── */

/* The question that a message of the hub's answers; NULL: none. */
static struct question *question_answered(const struct agent *agent,
                                          const struct khub_message *message,
                                          struct json_value payload)
{
    char named[UUID_SIZE];
    struct json_value in_reply_to = json_get(payload, "in_reply_to");
    long len = in_reply_to.kind == JSON_KIND_STRING && agent->question_count > 0 &&
                       strcmp(message->sender_id.at, "hub") == 0
                   ? json_decode(in_reply_to, named, sizeof named - 1)
                   : -1;
    if (len < 0)
        return NULL;
    named[len] = '\0';
    return question_find(agent, named);
}

static const char *member_of(const json_t *payload, const char *name)
{
    const char *text = json_string_value(json_object_get(payload, name));
    return text ? text : "";
}

bool questions_answered(struct agent *agent, const struct khub_message *message,
                        struct json_value payload)
{
    struct question *question = question_answered(agent, message, payload);
    bool error = strcmp(message->type.at, "error") == 0, ack = strcmp(message->type.at, "ack") == 0;
    if (!question || (!error && (question->kind == QUESTION_SAY || ack)))
        return question && ack;
    struct slice text = {message->payload.at, message->payload.len};
    bool reads = error || !question->as_text;
    json_t *read = reads ? peer_json(text) : NULL;
    if (reads && !read)
        question_fail(agent, question, "out of memory");
    else
        question_end(agent, question,
                     &(struct agent_answer){.good = !error,
                                            .type = message->type.at,
                                            .payload = read,
                                            .text = text,
                                            .code = member_of(read, "code"),
                                            .why = member_of(read, "detail")});
    json_decref(read);
    return true;
}

static void on_outcome(struct khub *link, const struct khub_outcome *outcome, void *data)
{
    struct agent *agent = data;
    (void)link;
    struct question *question = question_find(agent, outcome->message_id);
    if (!question)
        return; /* it was refused with more than this says, or nobody waits any more */
    question_end(agent, question,
                 &(struct agent_answer){.good = outcome->error == 0,
                                        .type = "",
                                        .seq = outcome->seq,
                                        .delivered = outcome->delivered,
                                        .stored = outcome->stored,
                                        .code = outcome->code,
                                        .why = outcome->detail});
}

/* ── asking ── */

void agent_join(struct agent *agent, agent_callback *callback, void *data)
{
    if (agent->joined && !agent->closing)
        callback(&(struct agent_answer){.good = true,
                                        .type = "",
                                        .payload = agent->sync,
                                        .code = "",
                                        .why = "",
                                        .message_id = ""},
                 data);
    else
        question_begin(agent, QUESTION_JOIN, callback, data);
}

/* A question is said by these, or (text NULL: out of memory) it has failed. */
struct said {
    enum question_kind kind;
    bool as_text;
    const char *message_id, *type, *text, *target;
};

/* What only asks may be asked twice: a query. Of anything else the hub's answer to the first time
 * counts. 0 or KHUB_E_NO_MEMORY. */
static int query_keep(struct question *question, const struct said *said)
{
    if (said->kind != QUESTION_ASK || said->target ||
        message_type_find(slice_of(said->type), &question->type) < 0 ||
        !message_type_is_query(question->type))
        return 0;
    question->query = strdup(said->text);
    return question->query ? 0 : KHUB_E_NO_MEMORY;
}

static int query_publish(struct agent *agent, struct question *question)
{
    question->unsaid = khub_link_state(agent->link) != KHUB_JOINED;
    return question->unsaid ? 0
                            : khub_publish(agent->link, message_type_text(question->type),
                                           question->query, NULL, question->message_id);
}

static int publish(struct agent *agent, struct question *question, const struct said *said)
{
    if (!said->text || query_keep(question, said) < 0)
        return KHUB_E_NO_MEMORY;
    if (question->query)
        return query_publish(agent, question);
    if (said->kind != QUESTION_SAY)
        return khub_publish(agent->link, said->type, said->text, said->target,
                            question->message_id);
    if (!said->message_id)
        return khub_publish_acked(agent->link, said->type, said->text, said->target, on_outcome,
                                  agent, question->message_id);
    snprintf(question->message_id, sizeof question->message_id, "%s", said->message_id);
    return khub_publish_as(agent->link, said->message_id, said->type, said->text, said->target,
                           on_outcome, agent);
}

static void publish_failed(struct agent *agent, struct question *question, int error)
{
    question->message_id[0] = '\0';
    question_end(agent, question,
                 &(struct agent_answer){.type = "",
                                        .code = error == KHUB_E_TOO_LONG   ? "line_too_long"
                                                : error == KHUB_E_ARGUMENT ? "bad_field"
                                                                           : "",
                                        .why = khub_error_text(error)});
}

static void question_say(struct agent *agent, const struct said *said, agent_callback *callback,
                         void *data)
{
    struct question *question = question_begin(agent, said->kind, callback, data);
    if (!question)
        return;
    question->as_text = said->as_text;
    int error = publish(agent, question, said);
    if (error < 0)
        publish_failed(agent, question, error);
}

void questions_lost(struct agent *agent)
{
    struct question *question;
    TAILQ_FOREACH (question, &agent->questions, next)
        question->unsaid = question->query;
    questions_end(agent, QUESTION_CURSOR, agent->why); /* it is told anew */
}

void questions_say_again(struct agent *agent)
{
    struct question *question = TAILQ_FIRST(&agent->questions);
    while (question) {
        struct question *behind = TAILQ_NEXT(question, next);
        int error = question->unsaid ? query_publish(agent, question) : 0;
        if (error < 0)
            publish_failed(agent, question, error);
        question = behind;
    }
}

/* Takes payload. */
static void say_json(struct agent *agent, struct said said, json_t *payload,
                     agent_callback *callback, void *data)
{
    char *text = json_dumps(payload, JSON_COMPACT);
    said.text = text;
    json_decref(payload);
    question_say(agent, &said, callback, data);
    free(text);
}

void agent_ask(struct agent *agent, const char *type, json_t *payload, agent_callback *callback,
               void *data)
{
    say_json(agent, (struct said){.kind = QUESTION_ASK, .type = type}, payload, callback, data);
}

void agent_say(struct agent *agent, const char *type, json_t *payload, const char *target,
               agent_callback *callback, void *data)
{
    say_json(agent, (struct said){.kind = QUESTION_SAY, .type = type, .target = target}, payload,
             callback, data);
}

void agent_ask_text(struct agent *agent, const char *type, const char *payload, const char *target,
                    agent_callback *callback, void *data)
{
    question_say(
        agent,
        &(struct said){
            .kind = QUESTION_ASK, .as_text = true, .type = type, .text = payload, .target = target},
        callback, data);
}

void agent_say_text(struct agent *agent, const char *message_id, const char *type,
                    const char *payload, const char *target, agent_callback *callback, void *data)
{
    question_say(agent,
                 &(struct said){.kind = QUESTION_SAY,
                                .as_text = true,
                                .message_id = message_id,
                                .type = type,
                                .text = payload,
                                .target = target},
                 callback, data);
}

void agent_tell_cursor(struct agent *agent, agent_callback *callback, void *data)
{
    if (agent->joined)
        say_json(agent, (struct said){.kind = QUESTION_CURSOR, .type = "heartbeat"},
                 json_pack("{s:I}", "seq", (json_int_t)agent->mailbox.acked), callback, data);
    else
        refuse(agent, callback, data, agent->why);
}
