#include "gateway/bridge_inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/a2a_task.h"
#include "gateway/peer_json.h"
#include "wire/clock.h"
#include "wire/json.h"
#include "wire/shown.h"
#include "wire/types.h"

#define CARD_AGAIN_MS    500
#define KEEP_MS          5000 /* until what need not be kept at once is */
#define CAPABILITIES_MAX 64u  /* the hub's bounds of a hello */
#define CAPABILITY_MAX   128u
#define DEALT_MAX        16384u

/* ── notes ── */

const char *bridge_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

void bridge_line(const struct bridge *bridge, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    bridge->options.say(line, bridge->options.data);
}

void bridge_keep(struct bridge *bridge)
{
    const char *seq;
    json_t *one;
    void *next;
    uint64_t acked = agent_mailbox(bridge->self)->acked;
    json_object_foreach_safe(bridge->dealt, next, seq, one)
    {
        if (strtoull(seq, NULL, 10) <= acked)
            json_object_del(bridge->dealt, seq);
    }
    bridge->keep_due = 0;
    bridge->options.keep(bridge->self, bridge->options.data);
}

void bridge_dealt(struct bridge *bridge, uint64_t seq)
{
    struct mailbox *mailbox = agent_mailbox(bridge->self);
    char digits[U64_SIZE];
    if (seq > mailbox->acked) {
        u64_format(seq, digits);
        json_object_set_new(bridge->dealt, digits, json_true());
    }
    if (mailbox_show(mailbox, seq) > 0)
        agent_ack(bridge->self, 0);
}

json_t *bridge_talk(struct bridge *bridge, const char *key)
{
    json_t *talk = json_object_get(bridge->talks, key), *one;
    const char *old;
    void *next;
    if (talk)
        return talk;
    json_object_foreach_safe(bridge->talks, next, old, one)
    {
        if (json_object_size(bridge->talks) < BRIDGE_TALKS_MAX)
            break;
        if (!question_of(bridge, old))
            json_object_del(bridge->talks, old);
    }
    talk = json_object();
    json_object_set_new(bridge->talks, key, talk);
    return talk;
}

/* One that is known; NULL: it is not. */
static json_t *session_talk(const struct bridge *bridge, const char *session)
{
    char key[TALK_KEY_SIZE];
    snprintf(key, sizeof key, "session/%s", session);
    return *session ? json_object_get(bridge->talks, key) : NULL;
}

/* ── what is said to the AI ── */

enum mail_kind {
    MAIL_NONE,    /* nobody's here */
    MAIL_OFFER,   /* of a session, that is a question */
    MAIL_OPENING, /* of one that another door's client began: its question comes as a chat */
    MAIL_CHAT,
    MAIL_ENDING,  /* of a session, by no doing of ours */
    MAIL_FEATURE, /* somebody looks for who can build it */
};

static bool is_type(const struct mail *mail, enum message_type type)
{
    return strcmp(mail->type, message_type_text(type)) == 0;
}

static bool is_ending(const struct bridge *bridge, const json_t *payload)
{
    static const char *const ends[] = {"completed", "failed",  "cancelled",
                                       "abandoned", "expired", "declined"};
    if (!session_talk(bridge, bridge_text(payload, "session_id")) ||
        strcmp(bridge_text(payload, "by"), agent_id(bridge->self)) == 0)
        return false;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (strcmp(bridge_text(payload, "status"), ends[i]) == 0)
            return true;
    return false;
}

static enum mail_kind kind_of(const struct bridge *bridge, const struct mail *mail,
                              const json_t *payload)
{
    bool hub = strcmp(mail->sender, "hub") == 0;
    if (hub && is_type(mail, MESSAGE_COLLABORATION_UPDATE))
        return is_ending(bridge, payload) ? MAIL_ENDING : MAIL_NONE;
    if (hub && is_type(mail, MESSAGE_FEATURE_RESPONSE))
        return MAIL_FEATURE;
    if (hub || !mail->directed)
        return MAIL_NONE;
    if (is_type(mail, MESSAGE_COLLABORATION_REQUEST))
        return strncmp(bridge_text(payload, "type"), A2A_SESSION_TYPE, strlen(A2A_SESSION_TYPE)) ==
                       0
                   ? MAIL_OPENING
                   : MAIL_OFFER;
    /* a word that there is no answer is answered by none: two bridges would go on for ever */
    return is_type(mail, MESSAGE_CHAT) && !json_object_get(payload, "unanswered") ? MAIL_CHAT
                                                                                  : MAIL_NONE;
}

static json_t *payload_of(const struct mail *mail)
{
    return peer_json((struct slice){mail->payload, mail->payload_len});
}

/* ── a question ── */

/* The session that it is said in, if that is one with who says it. */
static const char *session_of(const struct bridge *bridge, const struct mail *mail,
                              const json_t *payload)
{
    const char *session = bridge_text(payload, "session_id");
    const json_t *talk = session_talk(bridge, session);
    return talk && strcmp(bridge_text(talk, "peer"), mail->sender) == 0 ? session : "";
}

static json_t *note_new(const struct bridge *bridge, const struct mail *mail, const json_t *payload)
{
    char id[UUID_SIZE], seq[U64_SIZE];
    const char *session = session_of(bridge, mail, payload);
    u64_format(mail->seq, seq);
    said_id((const char *[]){agent_id(bridge->self), agent_room(bridge->self), seq, mail->sender,
                             mail->message_id, NULL},
            id);
    return json_pack("{s:I,s:s,s:s,s:s,s:s*}", "seq", (json_int_t)mail->seq, "id", id, "from",
                     mail->sender, "reply", mail->message_id, "session", *session ? session : NULL);
}

/* Of a chat: its parts as the A2A door has them, or its text; else all of it, as data. */
static json_t *parts_of(const struct mail *mail, json_t *payload)
{
    const char *why;
    bool offer = is_type(mail, MESSAGE_COLLABORATION_REQUEST);
    json_t *text = json_object_get(payload, offer ? "description" : "text");
    json_t *parts =
        offer ? NULL
              : a2a_parts_read(json_object_get(json_object_get(payload, "a2a"), "parts"), &why);
    if (parts)
        return parts;
    return json_is_string(text) && json_string_length(text) ? json_pack("[{s:O}]", "text", text)
                                                            : json_pack("[{s:O}]", "data", payload);
}

/* Hubs that it has come through. */
static json_int_t hops_of(const json_t *payload)
{
    const json_t *metadata = json_object_get(json_object_get(payload, "a2a"), "metadata");
    return json_integer_value(json_object_get(json_object_get(metadata, "khub"), "hops"));
}

static json_t *message_new(struct bridge *bridge, const struct mail *mail, json_t *payload,
                           json_t *note)
{
    char key[TALK_KEY_SIZE];
    const json_t *talk = bridge_talk(bridge, talk_key(note, key));
    json_t *metadata = json_object_get(json_object_get(payload, "a2a"), "metadata");
    metadata = json_is_object(metadata) ? json_copy(metadata) : json_object();
    json_object_set_new(metadata, "khub",
                        json_pack("{s:s,s:s,s:I}", "from", mail->sender, "room",
                                  agent_room(bridge->self), "hops", hops_of(payload) + 1));
    if (json_object_get(talk, "task"))
        json_object_set(note, "rested", json_object_get(talk, "rested"));
    return json_pack("{s:O,s:s,s:o,s:O*,s:O*,s:o}", "messageId", json_object_get(note, "id"),
                     "role", "ROLE_USER", "parts", parts_of(mail, payload), "contextId",
                     json_object_get(talk, "context"), "taskId", json_object_get(talk, "task"),
                     "metadata", metadata);
}

/* True: it was put, or need not be. False: it waits on. */
static bool put_mail(struct bridge *bridge, const struct mail *mail)
{
    char key[TALK_KEY_SIZE];
    json_t *payload = payload_of(mail), *note = payload ? note_new(bridge, mail, payload) : NULL;
    bool free_now = note && !question_of(bridge, talk_key(note, key));
    if (free_now)
        question_begin(bridge, note, message_new(bridge, mail, payload, note));
    json_decref(note);
    json_decref(payload);
    return free_now;
}

static bool is_with_agent(const struct bridge *bridge, uint64_t seq)
{
    char digits[U64_SIZE];
    u64_format(seq, digits);
    return json_object_get(bridge->asked, digits) != NULL;
}

void bridge_work(struct bridge *bridge)
{
    const struct mail *mail;
    if (!bridge->self || !agent_joined(bridge->self))
        return;
again:
    bridge->waiting = 0;
    TAILQ_FOREACH (mail, &agent_mailbox(bridge->self)->messages, next) {
        if (mail->shown || mail->seq == 0 || is_with_agent(bridge, mail->seq))
            continue;
        bridge->waiting++;
        if (bridge->question_count < BRIDGE_ASKS_MAX &&
            json_object_size(bridge->dealt) < DEALT_MAX && put_mail(bridge, mail))
            goto again; /* the mailbox may be another */
    }
}

/* ── what needs no agent ── */

static void session_begin(struct bridge *bridge, const struct mail *mail, const json_t *payload)
{
    char key[TALK_KEY_SIZE];
    snprintf(key, sizeof key, "session/%.100s", bridge_text(payload, "session_id"));
    json_object_set_new(bridge_talk(bridge, key), "peer", json_string(mail->sender));
    bridge_keep(bridge);
}

/* What waits and was said in it is not put any more. */
static void session_drop(struct bridge *bridge, const char *session)
{
    const struct mail *mail;
again:
    TAILQ_FOREACH (mail, &agent_mailbox(bridge->self)->messages, next) {
        if (mail->shown || mail->seq == 0 || is_with_agent(bridge, mail->seq))
            continue;
        json_t *payload = payload_of(mail);
        bool of_it = strcmp(bridge_text(payload, "session_id"), session) == 0;
        json_decref(payload);
        if (of_it) {
            bridge_dealt(bridge, mail->seq);
            goto again;
        }
    }
}

/* Nobody waits for it, and it waits for somebody. */
static void task_cancel(struct bridge *bridge, const char *session, const char *peer, json_t *task)
{
    json_t *note = json_pack("{s:i,s:s,s:s,s:s,s:s,s:O,s:b}", "seq", 0, "id", session, "reply",
                             session, "from", peer, "state", "asked", "task", task, "cancelled", 1);
    question_resume(bridge, note);
    json_decref(note);
}

static void session_over(struct bridge *bridge, const json_t *payload)
{
    const char *session = bridge_text(payload, "session_id");
    char key[TALK_KEY_SIZE];
    snprintf(key, sizeof key, "session/%s", session);
    struct question *question = question_of(bridge, key);
    json_t *task = json_incref(json_object_get(session_talk(bridge, session), "task"));
    json_object_del(bridge->talks, key);
    session_drop(bridge, session);
    bridge_line(bridge, "session %s is %s", session, SHOWN(bridge_text(payload, "status")));
    if (question)
        question_cancel(question);
    else if (task) /* it waited for who is gone */
        task_cancel(bridge, session, bridge_text(payload, "by"), task);
    json_decref(task);
}

static void ignore(const struct agent_answer *answer, void *data)
{
    (void)answer, (void)data;
}

/* A feature is built by who is asked for it by name. */
static void feature_decline(const struct bridge *bridge, const json_t *payload)
{
    json_t *feature = json_object_get(json_object_get(payload, "original_request"), "feature");
    agent_say(bridge->self, "chat",
              json_pack("{s:s,s:O*,s:b}", "text",
                        "This is an agent elsewhere: ask it by a chat, or in a session.",
                        "feature_name", feature, "declined", 1),
              bridge_text(payload, "requestor"), ignore, NULL);
}

static void refuse(struct bridge *bridge, const struct mail *mail, const json_t *payload,
                   const char *why)
{
    char key[TALK_KEY_SIZE];
    json_t *note = note_new(bridge, mail, payload);
    const char *session = bridge_text(note, "session");
    const json_t *talk = session_talk(bridge, session);
    if (talk && !json_is_true(json_object_get(talk, "accepted"))) {
        agent_say(bridge->self, "collaboration_response",
                  json_pack("{s:s,s:b,s:s}", "session_id", session, "accepted", 0, "reason", why),
                  NULL, ignore, NULL);
        json_object_del(bridge->talks, talk_key(note, key));
    } else {
        say_refused(bridge, note, why);
    }
    json_decref(note);
}

/* True: it waits for its turn. */
static bool take(struct bridge *bridge, const struct mail *mail, const json_t *payload)
{
    enum mail_kind kind = kind_of(bridge, mail, payload);
    bool question = kind == MAIL_OFFER || kind == MAIL_CHAT;
    const char *why = !question                               ? NULL
                      : bridge->waiting >= BRIDGE_WAITING_MAX ? "too many questions wait here"
                      : hops_of(payload) >= BRIDGE_HOPS_MAX   ? "it has come through too many hubs"
                                                              : NULL;
    if (kind == MAIL_OFFER || kind == MAIL_OPENING)
        session_begin(bridge, mail, payload);
    if (why)
        refuse(bridge, mail, payload, why);
    else if (kind == MAIL_ENDING)
        session_over(bridge, payload);
    else if (kind == MAIL_FEATURE)
        feature_decline(bridge, payload);
    bridge->waiting += question && !why;
    return question && !why;
}

/* ── the AI ── */

static void on_received(struct agent *agent, const struct mail *mail, void *data)
{
    struct bridge *bridge = data;
    const struct mail *kept = mail->seq ? mailbox_find(agent_mailbox(agent), mail->seq) : NULL;
    char digits[U64_SIZE];
    u64_format(mail->seq, digits);
    bool waits = kept && !kept->shown && !json_object_get(bridge->dealt, digits);
    if (waits && !is_with_agent(bridge, mail->seq)) {
        json_t *payload = payload_of(mail);
        waits = !payload || take(bridge, mail, payload);
        json_decref(payload);
    }
    if (waits)
        bridge_wake(bridge);
    else if (mailbox_show(agent_mailbox(agent), mail->seq) > 0)
        agent_ack(agent, 0);
}

static void on_changed(struct agent *agent, void *data)
{
    struct bridge *bridge = data;
    (void)agent;
    if (!bridge->keep_due)
        bridge->keep_due = time_monotonic_ms() + KEEP_MS;
    bridge_wake(bridge);
}

/* Its owner is told in a while: he may end it then. */
static void give_up(struct bridge *bridge, const char *why)
{
    if (!bridge->over)
        snprintf(bridge->why, sizeof bridge->why, "%s", why);
    bridge->over = true;
    bridge_wake(bridge);
}

static void on_ended(struct agent *agent, void *data)
{
    give_up(data, agent_why(agent));
}

static void on_joined(const struct agent_answer *answer, void *data)
{
    struct bridge *bridge = data;
    json_t *note;
    const char *seq;
    void *next;
    if (bridge->closing)
        return;
    if (!answer->good && !agent_ended(bridge->self)) { /* the link goes on trying */
        bridge_line(bridge, "the hub is not there: %s", answer->why);
        agent_join(bridge->self, on_joined, bridge);
        return;
    }
    if (!answer->good)
        return;
    bridge_line(bridge, "%s has joined", agent_id(bridge->self));
    bridge_keep(bridge);
    json_t *earlier = json_copy(bridge->asked);
    json_object_clear(bridge->asked);
    json_object_foreach_safe(earlier, next, seq, note)
    {
        if (strcmp(bridge_text(note, "state"), "waits") != 0) /* else its mail comes again */
            question_resume(bridge, note);
    }
    json_decref(earlier);
    bridge_wake(bridge);
}

/* What its skills say it can do, beside that it takes tasks. */
static size_t capabilities_fill(const json_t *skills, const char *capabilities[])
{
    const json_t *skill;
    size_t i, count = 0;
    capabilities[count++] = "a2a";
    json_array_foreach(skills, i, skill)
    {
        const char *id = bridge_text(skill, "id");
        bool good = *id && strlen(id) <= CAPABILITY_MAX && count < CAPABILITIES_MAX;
        for (size_t j = 0; j < count; j++)
            good = good && strcmp(capabilities[j], id) != 0;
        if (good)
            capabilities[count++] = id;
    }
    capabilities[count] = NULL;
    return count;
}

static void join(struct bridge *bridge, const json_t *skills)
{
    static const struct agent_callbacks callbacks = {
        .received = on_received, .changed = on_changed, .ended = on_ended};
    const char *capabilities[CAPABILITIES_MAX + 1];
    struct khub_options link = bridge->options.link;
    size_t count = capabilities_fill(skills, capabilities);
    link.capabilities = capabilities;
    int error = agent_new(bridge->options.loop, &link, bridge->options.past, &callbacks, bridge,
                          &bridge->self);
    if (error < 0) {
        give_up(bridge, khub_error_text(error));
        return;
    }
    bridge_line(bridge, "%s is an agent of A2A %s, by %s at %s; %zu skills",
                SHOWN(bridge->agent.face.name), bridge->agent.face.old ? "0.3" : "1.0",
                bridge->agent.face.rest ? "HTTP+JSON" : "JSON-RPC", SHOWN(bridge->agent.face.url),
                count - 1);
    agent_join(bridge->self, on_joined, bridge);
}

/* ── the card ── */

static void on_card(const json_t *card, void *data)
{
    struct bridge *bridge = data;
    char why[A2A_WHY_SIZE];
    a2a_ask_end(bridge->card);
    bridge->card = NULL;
    if (a2a_face_read(card, bridge->agent.url, bridge->agent.allowed, &bridge->agent.face, why) < 0)
        give_up(bridge, why);
    else
        join(bridge, json_object_get(card, "skills"));
}

static void on_no_card(const struct a2a_end *end, void *data)
{
    struct bridge *bridge = data;
    bridge->card = NULL;
    if (!end->away || ++bridge->card_tries >= bridge->options.tries) {
        give_up(bridge, end->why);
        return;
    }
    bridge->card_due = time_monotonic_ms() + (int64_t)(CARD_AGAIN_MS << (bridge->card_tries - 1));
    bridge_wake(bridge);
}

static void read_card(struct bridge *bridge)
{
    static const struct a2a_ask_callbacks callbacks = {.said = on_card, .done = on_no_card};
    bridge->card_due = 0;
    bridge->card = a2a_ask(&bridge->agent, A2A_CARD, NULL, &callbacks, bridge);
    if (!bridge->card)
        give_up(bridge, "out of memory");
}

/* ── time ── */

static int64_t sooner(int64_t one, int64_t other)
{
    return !one ? other : !other ? one : one < other ? one : other;
}

static void on_time(uv_timer_t *timer)
{
    struct bridge *bridge = timer->data;
    int64_t now = time_monotonic_ms(), due;
    struct question *question, *behind;
    if (bridge->over) {
        bridge->options.ended(bridge->why, bridge->options.data);
        return;
    }
    if (bridge->card_due && bridge->card_due <= now)
        read_card(bridge);
    for (question = TAILQ_FIRST(&bridge->questions); question; question = behind) {
        behind = TAILQ_NEXT(question, next);
        question_due(question, now);
    }
    if (bridge->keep_due && bridge->keep_due <= now)
        bridge_keep(bridge);
    bridge_work(bridge);
    due = sooner(bridge->card_due, bridge->keep_due);
    TAILQ_FOREACH (question, &bridge->questions, next) {
        due = sooner(due, sooner(question->due, question->accept_due));
    }
    if (due)
        uv_timer_start(timer, on_time, due > now ? (uint64_t)(due - now) : 0, 0);
}

void bridge_wake(struct bridge *bridge)
{
    if (!bridge->closing)
        uv_timer_start(&bridge->timer, on_time, 0, 0);
}

/* ── its beginning and end ── */

/* An object in the notes; made, if there is none. */
static json_t *part_of(json_t *notes, const char *name)
{
    json_t *part = json_object_get(notes, name);
    if (!json_is_object(part))
        json_object_set_new(notes, name, part = json_object());
    return part;
}

/* What is known of another agent is nothing to this one. */
static void forget_other(struct bridge *bridge)
{
    json_t *note;
    const char *seq;
    if (strcmp(bridge_text(bridge->notes, "url"), bridge->agent.url) == 0)
        return;
    json_object_clear(bridge->talks);
    json_object_foreach(bridge->asked, seq, note)
    {
        json_object_del(note, "task");
    }
    json_object_set_new(bridge->notes, "url", json_string(bridge->agent.url));
}

struct bridge *bridge_new(const struct bridge_options *options)
{
    struct bridge *bridge = calloc(1, sizeof *bridge);
    if (!bridge)
        return NULL;
    bridge->options = *options;
    bridge->agent = options->agent;
    bridge->agent.client = http_client_new(options->loop);
    if (!bridge->agent.client) {
        free(bridge);
        return NULL;
    }
    bridge->notes = json_incref(options->notes);
    bridge->talks = part_of(bridge->notes, "talks");
    bridge->asked = part_of(bridge->notes, "asked");
    bridge->dealt = part_of(bridge->notes, "dealt");
    forget_other(bridge);
    TAILQ_INIT(&bridge->questions);
    uv_timer_init(options->loop, &bridge->timer);
    bridge->timer.data = bridge;
    bridge->card_due = time_monotonic_ms();
    bridge_wake(bridge);
    return bridge;
}

bool bridge_has_card(const struct bridge *bridge)
{
    return bridge->agent.face.url[0] != '\0';
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void bridge_close(struct bridge *bridge)
{
    struct question *question;
    if (!bridge)
        return;
    if (bridge->self && agent_joined(bridge->self))
        bridge_keep(bridge);
    bridge->closing = true;
    agent_close(bridge->self, false); /* what was to be said is told so, now */
    while ((question = TAILQ_FIRST(&bridge->questions)))
        question_free(question);
    a2a_ask_end(bridge->card);
    http_client_close(bridge->agent.client);
    json_decref(bridge->notes);
    uv_close((uv_handle_t *)&bridge->timer, on_closed);
}
