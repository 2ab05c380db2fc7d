/* What the bridge's AI says: what its agent says, as messages of the hub's (bridge.h). Each has an
 * id that follows from what it says, so that it is said once however often it comes about. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/a2a_task.h"
#include "gateway/bridge_inside.h"
#include "gateway/quoted.h"
#include "wire/clock.h"
#include "wire/shown.h"

#define AGAIN_MS  1000
#define NOTE_MAX  1000u /* bytes of a note, or a reason */
#define KEY_MAX   256u  /* of a name in a workspace */
#define PARTS_MAX (256u << 10)

void said_id(const char *const *texts, char id[UUID_SIZE])
{
    unsigned char hash[crypto_generichash_BYTES_MIN];
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    for (; *texts; texts++) /* each with its NUL */
        crypto_generichash_update(&state, (const unsigned char *)*texts, strlen(*texts) + 1);
    crypto_generichash_final(&state, hash, sizeof hash);
    uuid_format(hash, id);
}

static bool in_session(const struct question *question)
{
    return json_object_get(question->note, "session") != NULL;
}

static json_t *talk_of(const struct question *question)
{
    char key[TALK_KEY_SIZE];
    return bridge_talk(question->bridge, talk_key(question->note, key));
}

/* ── the outbox ── */

/* Takes payload. base: the version of a workspace's key that it is made from; -1: it is none. */
static void put_based(struct question *question, const char *type, json_t *payload, bool to_all,
                      json_int_t base)
{
    char id[UUID_SIZE];
    char *text = json_dumps(payload, JSON_COMPACT | JSON_SORT_KEYS);
    if (text) {
        said_id((const char *[]){bridge_text(question->note, "id"), type, text, NULL}, id);
        if (base >= 0)
            json_object_set_new(payload, "base_version", json_integer(base));
        if (!json_object_get(question->told, id)) {
            json_object_set_new(question->told, id, json_true());
            json_array_append_new(question->outbox,
                                  json_pack("{s:s,s:s,s:O,s:s}", "id", id, "type", type, "payload",
                                            payload, "target",
                                            to_all ? "" : bridge_text(question->note, "from")));
        }
    }
    free(text);
    json_decref(payload);
}

/* Takes payload. */
static void put(struct question *question, const char *type, json_t *payload, bool to_all)
{
    put_based(question, type, payload, to_all, -1);
}

/* The end of it is in the outbox: it is noted before it is said. */
static void put_last(struct question *question)
{
    question->over = true;
    question->due = question->accept_due = 0;
    if (json_dumpb(question->outbox, NULL, 0, JSON_COMPACT) <= BRIDGE_KEPT_MAX)
        json_object_set_new(question->note, "outcome", json_copy(question->outbox));
    bridge_keep(question->bridge);
    say_on(question);
}

static void on_said(const struct agent_answer *answer, void *data);

void say_on(struct question *question)
{
    const json_t *first = json_array_get(question->outbox, 0);
    if (question->saying || question->due || question->bridge->closing)
        return;
    if (!first) {
        if (question->over)
            question_free(question);
        return;
    }
    char *text = json_dumps(json_object_get(first, "payload"), JSON_COMPACT | JSON_SORT_KEYS);
    const char *target = bridge_text(first, "target");
    question->saying = true;
    if (text)
        agent_say_text(question->bridge->self, bridge_text(first, "id"), bridge_text(first, "type"),
                       text, *target ? target : NULL, on_said, question);
    free(text);
}

static bool is_late(const char *code)
{
    static const char *const codes[] = {"", "rate_limited", "storage_unavailable"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(code, codes[i]) == 0)
            return true;
    return false;
}

static json_t *chat_new(const struct question *question, const char *state, json_t *parts,
                        const json_t *artifact);

/* What the hub does not take. */
static void refused(struct question *question, const json_t *line, const char *code,
                    const char *why)
{
    const char *type = bridge_text(line, "type");
    json_t *payload = json_object_get(line, "payload");
    bridge_line(question->bridge, "the hub refuses its %s: %s", type, why);
    if (strcmp(type, "workspace_update") == 0) { /* another has that key, or there is no room */
        json_t *value = json_object_get(payload, "value");
        put(question, "chat",
            chat_new(question, NULL,
                     json_pack("[{s:O}]", json_is_string(value) ? "text" : "data", value), NULL),
            false);
    } else if (strcmp(type, "chat") == 0 && question->over && strcmp(code, "loop") != 0 &&
               !json_object_get(payload, "unanswered")) {
        say_refused(question->bridge, question->note, why);
    }
}

static void on_said(const struct agent_answer *answer, void *data)
{
    struct question *question = data;
    json_t *line = json_incref(json_array_get(question->outbox, 0));
    question->saying = false;
    if (question->bridge->closing) { /* it is said again by who comes next */
        json_decref(line);
        return;
    }
    if (!answer->good && is_late(answer->code)) {
        json_decref(line);
        question->due = time_monotonic_ms() + AGAIN_MS;
        bridge_wake(question->bridge);
        return;
    }
    json_array_remove(question->outbox, 0);
    bool accepts = json_is_true(json_object_get(json_object_get(line, "payload"), "accepted"));
    bool late = !answer->good && accepts && !question->over; /* no offer stands: none told us so */
    if (!answer->good)
        refused(question, line, answer->code, answer->why);
    json_decref(line);
    if (late)
        question_cancel(question);
    else
        say_on(question);
}

/* ── payloads ── */

/* Cut where there is too much of it. */
static json_t *text_json(const char *at, size_t len, size_t most)
{
    struct slice cut = slice_cut((struct slice){at, len}, most);
    struct text text = {0};
    text_add(&text, cut);
    if (cut.len < len)
        text_addf(&text, "… (%zu bytes more)", len - cut.len);
    json_t *json = json_stringn(text.at ? text.at : "", text.len);
    text_free(&text);
    return json;
}

static json_t *words_of(const json_t *parts, size_t most)
{
    json_t *whole = a2a_parts_text(parts);
    json_t *cut = text_json(json_string_value(whole), json_string_length(whole), most);
    json_decref(whole);
    return cut;
}

static bool is_words(const json_t *parts)
{
    const json_t *part;
    size_t i;
    json_array_foreach(parts, i, part)
    {
        if (!json_object_get(part, "text"))
            return false;
    }
    return true;
}

/* What is known of them; NULL: none, or they are none. */
static json_t *parts_of(const json_t *whole)
{
    const char *why;
    return a2a_parts_read(json_object_get(whole, "parts"), &why);
}

/* Takes parts (NULL: none). state NULL: none is said. */
static json_t *chat_new(const struct question *question, const char *state, json_t *parts,
                        const json_t *artifact)
{
    json_t *more = json_object(), *text = words_of(parts, BRIDGE_TEXT_MAX);
    enum a2a_state found;
    if (json_string_length(text) == 0) {
        char words[64];
        json_decref(text);
        if (parts)
            snprintf(words, sizeof words, "(no text: %zu parts)", json_array_size(parts));
        else
            snprintf(words, sizeof words, "(%s)", state ? state : "no text");
        text = json_string(words);
    }
    if (state && a2a_state_find(state, &found) == 0)
        json_object_set_new(more, "state", json_string(a2a_state_old(found)));
    if (artifact)
        json_object_set_new(more, "artifact",
                            json_pack("{s:O*,s:O*}", "artifactId",
                                      json_object_get(artifact, "artifactId"), "name",
                                      json_object_get(artifact, "name")));
    if (parts && !is_words(parts) && json_dumpb(parts, NULL, 0, JSON_COMPACT) <= PARTS_MAX)
        json_object_set(more, "parts", parts);
    json_decref(parts);
    json_t *session = json_object_get(question->note, "session");
    return json_pack("{s:o,s:O,s:O*,s:o}", "text", text, "in_reply_to",
                     json_object_get(question->note, "reply"), "session_id", session, "a2a", more);
}

/* ── what the agent says ── */

void say_accepted(struct question *question)
{
    json_t *talk = talk_of(question);
    question->accept_due = 0;
    if (!in_session(question) || json_is_true(json_object_get(talk, "accepted")))
        return;
    json_object_set_new(talk, "accepted", json_true());
    put(question, "collaboration_response",
        json_pack("{s:O,s:b}", "session_id", json_object_get(question->note, "session"), "accepted",
                  1),
        true);
    say_on(question);
}

void say_working(struct question *question, const json_t *message, const json_t *metadata)
{
    json_t *progress = json_object_get(metadata, "progress"), *parts = parts_of(message);
    double share = json_number_value(progress);
    if (!in_session(question)) {
        if (parts)
            put(question, "chat", chat_new(question, "working", json_incref(parts), NULL), false);
    } else {
        json_t *note = words_of(parts, NOTE_MAX);
        bool known = json_is_number(progress) && share >= 0 && share <= 1;
        if (json_string_length(note) || known)
            put(question, "collaboration_update",
                json_pack("{s:O,s:O*,s:O*}", "session_id",
                          json_object_get(question->note, "session"), "note",
                          json_string_length(note) ? note : NULL, "progress",
                          known ? progress : NULL),
                true);
        json_decref(note);
    }
    json_decref(parts);
    say_on(question);
}

/* In a workspace it is a value: a text, some data, or all parts. */
static json_t *value_of(const json_t *parts)
{
    json_t *first = json_array_get(parts, 0), *data = json_object_get(first, "data");
    if (is_words(parts))
        return words_of(parts, BRIDGE_TEXT_MAX);
    return json_array_size(parts) == 1 && data ? json_incref(data)
                                               : json_incref((json_t *)(uintptr_t)parts);
}

void say_artifact(struct question *question, const json_t *artifact)
{
    const char *name = bridge_text(artifact, "name");
    json_t *parts = parts_of(artifact);
    if (!parts)
        return;
    question->answered = true;
    if (!in_session(question)) {
        put(question, "chat", chat_new(question, NULL, json_incref(parts), artifact), false);
    } else {
        json_t *talk = talk_of(question), *versions = json_object_get(talk, "versions");
        struct slice cut =
            slice_cut(slice_of(*name ? name : bridge_text(artifact, "artifactId")), KEY_MAX);
        json_t *key = json_stringn(cut.len ? cut.at : "artifact", cut.len ? cut.len : 8);
        if (!versions) {
            versions = json_object();
            json_object_set_new(talk, "versions", versions);
        }
        json_int_t base = json_integer_value(json_object_get(versions, json_string_value(key)));
        json_object_set_new(versions, json_string_value(key), json_integer(base + 1));
        put_based(question, "workspace_update",
                  json_pack("{s:O,s:o,s:o}", "session_id",
                            json_object_get(question->note, "session"), "key", key, "value",
                            value_of(parts)),
                  true, base);
    }
    json_decref(parts);
    say_on(question);
}

/* A session is completed by what came of it. */
static void put_component(struct question *question, const json_t *parts)
{
    struct bridge *bridge = question->bridge;
    char name[WIRE_ID_MAX + 16];
    snprintf(name, sizeof name, "answer of %s", agent_id(bridge->self));
    json_t *component = json_pack("{s:s,s:s,s:o,s:O*}", "name", name, "agent",
                                  bridge->agent.face.name, "text", words_of(parts, BRIDGE_TEXT_MAX),
                                  "task", json_object_get(question->note, "task"));
    put(question, "os_component_share",
        json_pack("{s:O,s:b,s:o}", "session_id", json_object_get(question->note, "session"),
                  "collaboration_complete", 1, "component", component),
        true);
}

/* Ends the session in that status, or (not accepted yet) declines it. */
static void put_ending(struct question *question, const char *status, const char *why, size_t len)
{
    json_t *session = json_object_get(question->note, "session");
    bool accepted = json_is_true(json_object_get(talk_of(question), "accepted"));
    json_t *words = text_json(why, len, NOTE_MAX - 64);
    if (accepted)
        put(question, "collaboration_update",
            json_pack("{s:O,s:s,s:o}", "session_id", session, "status", status, "note", words),
            true);
    else
        put(question, "collaboration_response",
            json_pack("{s:O,s:b,s:o}", "session_id", session, "accepted", 0, "reason", words),
            true);
}

static void talk_over(struct question *question)
{
    char key[TALK_KEY_SIZE];
    if (in_session(question))
        json_object_del(question->bridge->talks, talk_key(question->note, key));
}

void say_answer(struct question *question, const json_t *message)
{
    json_t *parts = parts_of(message);
    say_accepted(question);
    put(question, "chat", chat_new(question, NULL, json_incref(parts), NULL), false);
    if (in_session(question))
        put_component(question, parts);
    json_decref(parts);
    talk_over(question);
    put_last(question);
}

void say_state(struct question *question, const char *text, const json_t *message)
{
    json_t *parts = parts_of(message);
    enum a2a_state state = A2A_FAILED;
    a2a_state_find(text, &state);
    bool good = state == A2A_COMPLETED, ends = a2a_state_ends(state);
    if (good || !ends)
        say_accepted(question);
    if (!in_session(question) || !ends || good) {
        if (parts || !good || !question->answered || in_session(question))
            put(question, "chat",
                chat_new(question, a2a_state_old(state), json_incref(parts), NULL), false);
        if (in_session(question) && good)
            put_component(question, parts);
    } else {
        json_t *why = words_of(parts, NOTE_MAX);
        const char *words = json_string_length(why) ? json_string_value(why) : a2a_state_old(state);
        put_ending(question, state == A2A_CANCELED ? "cancelled" : "failed", words, strlen(words));
        json_decref(why);
    }
    json_decref(parts);
    if (ends)
        talk_over(question);
    put_last(question);
}

/* It names no message that it replies to: nobody has acted on that. */
static json_t *failure_new(const struct bridge *bridge, const json_t *note, const char *why)
{
    struct text text = {0};
    text_addf(&text, "%s puts this to an agent elsewhere, and there is no answer: %s",
              agent_id(bridge->self), why);
    json_t *payload =
        json_pack("{s:s%,s:O,s:O*}", "text", text.at, text.len, "unanswered",
                  json_object_get(note, "reply"), "session_id", json_object_get(note, "session"));
    text_free(&text);
    return payload;
}

void say_failed(struct question *question, const char *why)
{
    bridge_line(question->bridge, "no answer for %s: %s", bridge_text(question->note, "from"), why);
    if (in_session(question))
        put_ending(question, "failed", why, strlen(why));
    else
        put(question, "chat", failure_new(question->bridge, question->note, why), false);
    talk_over(question);
    put_last(question);
}

static void nobody_waits(const struct agent_answer *answer, void *data)
{
    (void)answer, (void)data;
}

void say_refused(struct bridge *bridge, const json_t *note, const char *why)
{
    json_t *payload = failure_new(bridge, note, why);
    char *text = json_dumps(payload, JSON_COMPACT), id[UUID_SIZE];
    json_decref(payload);
    if (!text)
        return;
    bridge_line(bridge, "no answer for %s: %s", bridge_text(note, "from"), why);
    said_id((const char *[]){bridge_text(note, "id"), "refused", text, NULL}, id);
    agent_say_text(bridge->self, id, "chat", text, bridge_text(note, "from"), nobody_waits, NULL);
    free(text);
}
