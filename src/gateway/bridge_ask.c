/* A question to the agent elsewhere, and what becomes of it (bridge.h). What is said of it at the
 * hub is bridge_say.c's.
 *
 * A task is followed by the stream of its question; where there is none, or it broke off, by asking
 * for it again and again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/a2a_task.h"
#include "gateway/bridge_inside.h"
#include "wire/clock.h"

#define AGAIN_MS     500   /* until the second try; twice that until the third, */
#define AGAIN_MAX_MS 30000 /* and never more */
#define LOOK_MS      500   /* until a task is asked for; more and more, */
#define LOOK_MAX_MS  10000 /* and never more */
#define STALE_LOOKS  20    /* at a task that is as it was, until that is believed */
#define ACCEPT_MS    20000 /* a session's offer stands for 60 s */

#define UNKNOWN_WHETHER                                                                            \
    ": whether the agent has the question is not known, and it is not put a second time"

const char *talk_key(const json_t *note, char buffer[TALK_KEY_SIZE])
{
    const char *session = bridge_text(note, "session");
    snprintf(buffer, TALK_KEY_SIZE, "%s/%s", *session ? "session" : "peer",
             *session ? session : bridge_text(note, "from"));
    return buffer;
}

struct question *question_of(const struct bridge *bridge, const char *key)
{
    struct question *question;
    char own[TALK_KEY_SIZE];
    TAILQ_FOREACH (question, &bridge->questions, next) {
        if (strcmp(talk_key(question->note, own), key) == 0)
            return question;
    }
    return NULL;
}

static json_t *talk_of(const struct question *question)
{
    char key[TALK_KEY_SIZE];
    return bridge_talk(question->bridge, talk_key(question->note, key));
}

static uint64_t seq_of(const struct question *question)
{
    return (uint64_t)json_integer_value(json_object_get(question->note, "seq"));
}

static bool is_asked(const struct question *question)
{
    return strcmp(bridge_text(question->note, "state"), "asked") == 0;
}

static bool is_cancelled(const struct question *question)
{
    return json_is_true(json_object_get(question->note, "cancelled"));
}

/* The count-th time. */
static void later(struct question *question, unsigned count, int64_t first, int64_t most)
{
    int64_t ms = first;
    for (unsigned i = 1; i < count && ms < most; i++)
        ms *= 2;
    question->due = time_monotonic_ms() + (ms < most ? ms : most);
    bridge_wake(question->bridge);
}

/* ── what the agent says ── */

/* It has the question: that is no mail any more. */
static void taken(struct question *question, json_t *task, json_t *context)
{
    json_t *note = question->note, *talk = talk_of(question);
    bool known = is_asked(question) && (!task || json_equal(json_object_get(note, "task"), task));
    if (json_is_string(context))
        json_object_set(talk, "context", context);
    if (known)
        return;
    json_object_set_new(note, "state", json_string("asked"));
    if (json_is_string(task))
        json_object_set(note, "task", task);
    json_decref(question->message);
    question->message = NULL;
    bridge_dealt(question->bridge, seq_of(question));
    bridge_keep(question->bridge);
}

/* As far as it is known by now. */
static void artifact_take(struct question *question, const json_t *artifact, bool append)
{
    const char *id = bridge_text(artifact, "artifactId");
    json_t *known = json_object_get(question->artifacts, id);
    json_t *parts = json_object_get(artifact, "parts");
    if (append && known && json_is_array(parts))
        json_array_extend(json_object_get(known, "parts"), parts);
    else if (json_is_array(parts))
        json_object_set_new(question->artifacts, id, json_deep_copy(artifact));
}

static bool artifacts_fit(struct question *question)
{
    return json_dumpb(question->artifacts, NULL, 0, JSON_COMPACT) <= A2A_ANSWER_MAX;
}

static void artifacts_say(struct question *question)
{
    json_t *artifact;
    const char *id;
    json_object_foreach(question->artifacts, id, artifact)
    {
        say_artifact(question, artifact);
    }
}

static void stop_asking(struct question *question)
{
    a2a_ask_end(question->ask);
    question->ask = NULL;
}

/* It was told to go on, and is as it was: it has yet to hear that. */
static bool is_stale(const struct question *question, const json_t *status)
{
    const json_t *rested = json_object_get(question->note, "rested");
    return rested && question->looks < STALE_LOOKS && json_equal(status, rested);
}

static void take_status(struct question *question, json_t *status, const json_t *metadata)
{
    const json_t *message = json_object_get(status, "message");
    const char *text = bridge_text(status, "state");
    enum a2a_state state;
    if (is_stale(question, status)) {
        say_accepted(question);
        return;
    }
    if (a2a_state_find(text, &state) < 0 || !a2a_state_rests(state)) {
        say_accepted(question);
        say_working(question, message, metadata);
        return;
    }
    json_t *talk = talk_of(question);
    json_object_set(talk, "task", json_object_get(question->note, "task"));
    json_object_set(talk, "rested", status);
    if (a2a_state_ends(state)) {
        json_object_del(talk, "task");
        json_object_del(talk, "rested");
    }
    stop_asking(question);
    if (state != A2A_REJECTED && json_object_size(question->artifacts) > 0) {
        say_accepted(question);
        artifacts_say(question);
    }
    say_state(question, text, message);
}

static void take_task(struct question *question, const json_t *task)
{
    json_t *artifact;
    size_t i;
    taken(question, json_object_get(task, "id"), json_object_get(task, "contextId"));
    json_array_foreach(json_object_get(task, "artifacts"), i, artifact)
    {
        artifact_take(question, artifact, false);
    }
    take_status(question, json_object_get(task, "status"), json_object_get(task, "metadata"));
}

static void take_artifact(struct question *question, const json_t *update)
{
    const json_t *artifact = json_object_get(update, "artifact");
    const char *id = bridge_text(artifact, "artifactId");
    artifact_take(question, artifact, json_is_true(json_object_get(update, "append")));
    if (!artifacts_fit(question)) {
        stop_asking(question);
        say_failed(question, "what it makes is too much to be passed on");
        return;
    }
    const json_t *known = json_object_get(question->artifacts, id);
    if (known && json_is_true(json_object_get(update, "lastChunk"))) {
        say_accepted(question);
        say_artifact(question, known);
        json_object_del(question->artifacts, id);
    }
}

static void on_answer(const json_t *event, void *data)
{
    struct question *question = data;
    const json_t *task = json_object_get(event, "task"), *said = json_object_get(event, "message");
    const json_t *status = json_object_get(event, "statusUpdate");
    const json_t *made = json_object_get(event, "artifactUpdate"), *of = status ? status : made;
    question->tries = 0;
    if (question->over)
        return;
    if (is_cancelled(question)) { /* it was too late to say so before */
        json_t *id = json_object_get(task ? task : of, task ? "id" : "taskId");
        stop_asking(question);
        taken(question, id, NULL);
        question_cancel(question);
        return;
    }
    if (of)
        taken(question, json_object_get(of, "taskId"), json_object_get(of, "contextId"));
    if (task) {
        take_task(question, task);
    } else if (status) {
        take_status(question, json_object_get(status, "status"),
                    json_object_get(status, "metadata"));
    } else if (made) {
        take_artifact(question, made);
    } else if (said) {
        taken(question, NULL, json_object_get(said, "contextId"));
        json_object_del(talk_of(question), "task");
        stop_asking(question);
        say_answer(question, said);
    }
}

/* ── how asking ends ── */

static void fail(struct question *question, const struct a2a_end *end)
{
    char why[A2A_WHY_SIZE + 128];
    if (end->away)
        snprintf(why, sizeof why, "the agent is away, after %u tries: %s", question->tries,
                 end->why);
    else if (is_asked(question))
        snprintf(why, sizeof why, "the agent tells no more of the task that it began: %s",
                 end->why);
    else
        snprintf(why, sizeof why, "%s%s", end->why,
                 end->sent && !end->refused ? UNKNOWN_WHETHER : "");
    say_failed(question, why);
}

static void on_asked(const struct a2a_end *end, void *data)
{
    struct question *question = data;
    struct bridge *bridge = question->bridge;
    bool task = json_object_get(question->note, "task") != NULL;
    question->ask = NULL;
    if (question->over)
        return;
    if (is_cancelled(question)) {
        question_free(question); /* nobody has it, or it ended by itself */
    } else if (is_asked(question) && task && !end->refused) {
        question->tries += !end->good;
        if (question->tries >= bridge->options.tries)
            fail(question, end);
        else
            later(question, ++question->looks, LOOK_MS, LOOK_MAX_MS);
    } else if (end->away && ++question->tries < bridge->options.tries) {
        json_object_set_new(question->note, "state", json_string("waits"));
        bridge_keep(bridge);
        later(question, question->tries, AGAIN_MS, AGAIN_MAX_MS);
    } else if (end->good) {
        say_failed(question, "its stream ended before it said anything");
    } else {
        fail(question, end);
    }
}

static void ask(struct question *question, enum a2a_question kind, const json_t *subject)
{
    static const struct a2a_ask_callbacks callbacks = {.said = on_answer, .done = on_asked};
    question->ask = a2a_ask(&question->bridge->agent, kind, subject, &callbacks, question);
    if (!question->ask)
        say_failed(question, "out of memory");
}

static void put_question(struct question *question)
{
    json_object_set_new(question->note, "state", json_string("asking"));
    bridge_keep(question->bridge);
    ask(question, A2A_SEND, question->message);
}

void question_due(struct question *question, int64_t now)
{
    if (question->accept_due && question->accept_due <= now) {
        say_accepted(question);
        bridge_keep(question->bridge);
    }
    if (!question->due || question->due > now)
        return;
    question->due = 0;
    if (json_array_size(question->outbox) > 0)
        say_on(question);
    if (question->over || question->ask)
        return;
    if (is_asked(question))
        ask(question, A2A_GET, json_object_get(question->note, "task"));
    else
        put_question(question);
}

/* ── cancelling ── */

static void on_cancel_answer(const json_t *event, void *data)
{
    (void)event, (void)data;
}

static void on_cancelled(const struct a2a_end *end, void *data)
{
    struct question *question = data;
    question->ask = NULL;
    if (!end->good) {
        char why[A2A_WHY_SIZE + 64];
        snprintf(why, sizeof why, "it was to cancel its task, and %s", end->why);
        say_refused(question->bridge, question->note, why);
    }
    question_free(question);
}

void question_cancel(struct question *question)
{
    static const struct a2a_ask_callbacks callbacks = {.said = on_cancel_answer,
                                                       .done = on_cancelled};
    const json_t *task = json_object_get(question->note, "task");
    char key[TALK_KEY_SIZE];
    if (question->over)
        return;
    json_object_set_new(question->note, "cancelled", json_true());
    bridge_keep(question->bridge);
    question->due = question->accept_due = 0;
    json_object_del(question->bridge->talks, talk_key(question->note, key));
    json_array_clear(question->outbox);
    if (task) {
        stop_asking(question);
        question->ask = a2a_ask(&question->bridge->agent, A2A_CANCEL, task, &callbacks, question);
    }
    if (!question->ask) /* it has nothing of it, or a word of it and no task */
        question_free(question);
}

/* ── its beginning and end ── */

static struct question *question_new(struct bridge *bridge, json_t *note)
{
    struct question *question = calloc(1, sizeof *question);
    char seq[U64_SIZE];
    if (!question)
        return NULL;
    question->bridge = bridge;
    question->note = json_incref(note);
    question->artifacts = json_object();
    question->told = json_object();
    question->outbox = json_array();
    u64_format(seq_of(question), seq);
    json_object_set(bridge->asked, seq, note);
    TAILQ_INSERT_TAIL(&bridge->questions, question, next);
    bridge->question_count++;
    return question;
}

void question_begin(struct bridge *bridge, json_t *note, json_t *message)
{
    struct question *question = question_new(bridge, note);
    if (!question) {
        json_decref(message);
        return;
    }
    question->message = message;
    if (json_object_get(note, "session") &&
        !json_is_true(json_object_get(talk_of(question), "accepted"))) {
        question->accept_due = time_monotonic_ms() + ACCEPT_MS;
        bridge_wake(bridge);
    }
    put_question(question);
}

void question_resume(struct bridge *bridge, json_t *note)
{
    json_t *outcome = json_object_get(note, "outcome");
    struct question *question = question_new(bridge, note);
    if (!question)
        return;
    if (json_is_true(json_object_get(note, "cancelled"))) {
        question_cancel(question);
    } else if (outcome) {
        question->over = true;
        json_array_extend(question->outbox, outcome);
        say_on(question);
    } else if (is_asked(question) && json_object_get(note, "task")) {
        question->due = time_monotonic_ms();
        bridge_wake(bridge);
    } else {
        bridge_dealt(bridge, seq_of(question));
        say_failed(question, "the bridge was ended while it asked" UNKNOWN_WHETHER);
    }
}

void question_free(struct question *question)
{
    struct bridge *bridge = question->bridge;
    char seq[U64_SIZE];
    stop_asking(question);
    u64_format(seq_of(question), seq);
    if (!bridge->closing) {
        json_object_del(bridge->asked, seq);
        bridge_dealt(bridge, seq_of(question));
        bridge_keep(bridge);
    }
    TAILQ_REMOVE(&bridge->questions, question, next);
    bridge->question_count--;
    json_decref(question->note);
    json_decref(question->message);
    json_decref(question->artifacts);
    json_decref(question->told);
    json_decref(question->outbox);
    free(question);
    if (!bridge->closing)
        bridge_wake(bridge);
}
