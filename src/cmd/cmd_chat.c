/* khub chat: talks with the AIs (and people) at a hub. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/feed.h"
#include "cmd/fields.h"
#include "cmd/prompt.h"
#include "cmd/stop.h"
#include "cmd/visit.h"
#include "wire/types.h"

/* For acks at the end, since the last one came. From a pipe nobody sits and waits: a hub that is
 * started again is back by then. */
#define SETTLE_MS      5000
#define SETTLE_PIPE_MS 30000
#define UNACKED_MAX    (1u << 20) /* bytes without an ack, over which no line is taken */

struct chat_settings {
    const char *hub, *token_file, *room, *as, *color;
    bool missed;
};

/* A line that the hub has not answered. */
struct sent {
    TAILQ_ENTRY(sent) next;
    struct chat *chat;
    uint64_t line;
    bool behind; /* what was said before it could not be kept, and so it was not taken */
    char message_id[UUID_SIZE];
    char target[]; /* "": all */
};
TAILQ_HEAD(sent_list, sent);

struct chat {
    struct terminal terminal;
    struct prompt prompt;
    struct line line;
    struct visit visit;
    char day[DAY_SIZE]; /* of the last line */
    bool greeted, quits;
    bool comes_back;  /* it has joined before */
    bool catching_up; /* what was missed is yet to end, */
    unsigned missed;  /* and so much came so far */
    unsigned refused; /* lines that did not go, or that the hub did not keep or deliver */
    struct sent_list sent;
};

static void begin_line(struct chat *chat, int64_t ms)
{
    char clock[CLOCK_SIZE];
    clock_format(ms, clock);
    terminal_measure(&chat->terminal);
    line_clear(&chat->line);
    chat->line.width = 0; /* what people say wraps, and is not cut */
    line_style(&chat->line, STYLE_DIM);
    line_addf(&chat->line, "%s ", clock);
}

static void end_line(struct chat *chat)
{
    prompt_hide(&chat->prompt);
    line_print(&chat->line, stdout);
    output_flush();
}

static void say(struct chat *chat, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line of our own, or of the hub's. */
static void say(struct chat *chat, const char *format, ...)
{
    va_list arguments;
    begin_line(chat, time_now_ms());
    line_add(&chat->line, slice_of(chat->terminal.unicode ? "── " : "-- "));
    va_start(arguments, format);
    line_addv(&chat->line, format, arguments);
    va_end(arguments);
    end_line(chat);
}

static void fail(struct chat *chat, uint64_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A line of ours did not go, or was not taken. From a pipe it is told which (0: nobody knows). */
static void fail(struct chat *chat, uint64_t line, const char *format, ...)
{
    char *sentence;
    va_list arguments;
    va_start(arguments, format);
    int len = vasprintf(&sentence, format, arguments);
    va_end(arguments);
    chat->refused++;
    if (len < 0)
        return;
    if (chat->prompt.interactive && !stop_asked())
        say(chat, "%s", sentence);
    else if (line > 0)
        complain("chat", "line %llu: %s", (unsigned long long)line, sentence);
    else
        complain("chat", "%s", sentence);
    free(sentence);
}

/* One that on_outcome tells of; NULL: it is none. */
static struct sent *sent_find(const struct chat *chat, const char *message_id)
{
    struct sent *sent;
    TAILQ_FOREACH (sent, &chat->sent, next)
        if (strcmp(sent->message_id, message_id) == 0)
            return sent;
    return NULL;
}

static void on_outcome(struct khub *link, const struct khub_outcome *outcome, void *data)
{
    struct sent *sent = data;
    struct chat *chat = sent->chat;
    (void)link;
    if (outcome->error < 0 && outcome->error != KHUB_E_REFUSED)
        return; /* the link has ended: tell_unacked does */
    TAILQ_REMOVE(&chat->sent, sent, next);
    if (outcome->error < 0 && sent->behind)
        fail(chat, sent->line,
             "the hub could not keep what you said before this, and so did not take this either: "
             "nothing came of both");
    else if (outcome->error < 0)
        fail(chat, sent->line, "%s", outcome->detail);
    else if (!outcome->delivered)
        fail(chat, sent->line, "\"%s\" is not connected: this was accepted, but not delivered",
             sent->target);
    free(sent);
}

/* Another day than the one of the last line is said. */
static void mark_day(struct chat *chat, int64_t ms)
{
    if (!day_turns(chat->day, ms))
        return;
    line_clear(&chat->line);
    line_style(&chat->line, STYLE_DIM);
    line_addf(&chat->line, "%s %s", chat->terminal.unicode ? "──" : "--", chat->day);
    end_line(chat);
}

/* to: "" for all. */
static void show_chat(struct chat *chat, int64_t ms, struct slice sender, const char *to,
                      const char *text)
{
    mark_day(chat, ms);
    begin_line(chat, ms);
    line_style(&chat->line, feed_style(sender));
    line_add(&chat->line, sender);
    line_style(&chat->line, STYLE_DIM);
    line_add(&chat->line, slice_of(*to ? " to " : ""));
    line_add(&chat->line, slice_of(to));
    line_add(&chat->line, slice_of(": "));
    line_style(&chat->line, STYLE_PLAIN);
    line_add(&chat->line, slice_of(text));
    end_line(chat);
}

/* What an AI wants a person to decide, and how it was decided. */
static void show_approval(struct chat *chat, int64_t ms, struct json_value payload)
{
    OWNED char *id = field_string(payload, "approval_id");
    OWNED char *asker = field_string(payload, "asker");
    OWNED char *question = field_string(payload, "question");
    OWNED char *choices = field_names(json_get(payload, "choices"));
    OWNED char *preset = field_string(payload, "default");
    OWNED char *status = field_string(payload, "status");
    OWNED char *choice = field_string(payload, "choice");
    OWNED char *by = field_string(payload, "by");
    mark_day(chat, ms);
    if (strcmp(status, "pending") == 0) {
        say(chat, "%s asks: %s", asker, question);
        say(chat, "/answer %s CHOICE, of %s, within %.0f s; else it is %s", id, choices,
            field_number(payload, "timeout_s", 0), preset);
    } else if (*choice) {
        say(chat, "%s of %s is decided: %s, by %s", id, asker, choice, *by ? by : "its time");
    } else {
        say(chat, "%s of %s is %s", id, asker, status);
    }
}

static void greet(struct chat *chat)
{
    OWNED char *others = field_names(json_get(chat->visit.sync, "active_ais"));
    char place[PLACE_SIZE];
    if (chat->prompt.interactive && !chat->greeted)
        say(chat, "you are %s, at %s; here are: %s. /help shows what you can do.",
            chat->visit.ai_id, place_text(chat->visit.address, chat->visit.room, place), others);
    if (!chat->greeted)
        day_turns(chat->day, time_now_ms()); /* another day than today is said */
    chat->greeted = true;
}

static void on_message(struct visit *visit, const struct khub_message *message)
{
    struct chat *chat = visit->data;
    if (!visit->joined)
        return; /* a refusal, which visit_begin explains */
    const char *type = message->type.at, *sender = message->sender_id.at;
    struct json_value payload =
        json_value_of((struct slice){message->payload.at, message->payload.len});
    if (strcmp(type, "training_sync") == 0) {
        greet(chat);
        chat->catching_up = chat->comes_back || visit->resumes_last;
        chat->comes_back = true;
    } else if (strcmp(type, "caught_up") == 0) {
        mark_day(chat, time_now_ms());
        if (chat->missed > 0)
            say(chat, "that is what you missed");
        chat->catching_up = false;
        chat->missed = 0;
    } else if (strcmp(type, "chat") == 0) {
        chat->missed += chat->catching_up;
        OWNED char *text = field_string(payload, "text");
        show_chat(chat, feed_time(message, chat->catching_up),
                  (struct slice){sender, message->sender_id.len},
                  message->target_ai.len > 0 ? "you" : "", text);
    } else if (strcmp(type, "approval") == 0) {
        show_approval(chat, feed_time(message, chat->catching_up), payload);
    } else if (chat->catching_up && strcmp(type, "error") != 0) {
        return; /* who came and went meanwhile is no news */
    } else if (strcmp(type, "hello") == 0) {
        OWNED char *specialization = field_string(payload, "specialization");
        say(chat, "%s joined%s%s", sender, *specialization ? ": " : "", specialization);
    } else if (strcmp(type, "presence") == 0) {
        OWNED char *ai_id = field_string(payload, "ai_id"),
                   *reason = field_string(payload, "reason");
        say(chat, "%s left: %s", ai_id, reason);
    } else if (strcmp(type, "error") == 0) {
        OWNED char *detail = field_string(payload, "detail"),
                   *reply = field_string(payload, "in_reply_to");
        struct sent *sent = sent_find(chat, reply);
        if (json_string_is(json_get(payload, "code"),
                           slice_of(wire_error_code(WIRE_REPLAY_TRUNCATED))))
            say(chat, "what you missed is not all there: %s", detail);
        else if (!sent)
            fail(chat, 0, "%s", detail);
        else /* that sentence is for who writes the protocol */
            sent->behind = json_get(payload, "behind").kind == JSON_KIND_STRING;
    }
}

/* Lines of which nobody knows whether the hub has kept them: the visit is over. False: there are
 * none. */
static bool tell_unacked(struct chat *chat)
{
    struct sent *first = TAILQ_FIRST(&chat->sent), *sent;
    if (!first)
        return false;
    uint64_t last = TAILQ_LAST(&chat->sent, sent_list)->line;
    if (last == first->line)
        complain("chat", "line %llu: %s before the hub acked it: it may not be kept",
                 (unsigned long long)last, stop_asked() ? "stopped" : "left");
    else
        complain("chat",
                 "line %llu: %s before the hub acked this line and those up to %llu: they may not "
                 "all be kept",
                 (unsigned long long)first->line, stop_asked() ? "stopped" : "left",
                 (unsigned long long)last);
    while ((sent = TAILQ_FIRST(&chat->sent))) {
        TAILQ_REMOVE(&chat->sent, sent, next);
        free(sent);
    }
    return true;
}

static void on_change(struct visit *visit, const char *why)
{
    struct chat *chat = visit->data;
    if (!why)
        say(chat, "the hub is back");
    else
        say(chat, "lost the hub: %s; trying again, what you type is sent then", why);
}

/* payload: an object but for its brace, and a NUL; freed. */
static void publish(struct chat *chat, const char *type, struct text *payload, const char *target)
{
    size_t target_size = target ? strlen(target) + 1 : 1;
    struct sent *sent = malloc(sizeof *sent + target_size);
    text_add(payload, (struct slice)SLICE("}\0"));
    int error = KHUB_E_NO_MEMORY;
    if (sent && !payload->failed)
        error = khub_publish_acked(chat->visit.link, type, payload->at, target, on_outcome, sent,
                                   sent->message_id);
    text_free(payload);
    if (error < 0) {
        fail(chat, chat->prompt.number, "not sent: %s", khub_error_text(error));
        free(sent);
        return;
    }
    sent->chat = chat;
    sent->line = chat->prompt.number;
    sent->behind = false;
    memcpy(sent->target, target ? target : "", target_size);
    TAILQ_INSERT_TAIL(&chat->sent, sent, next);
}

static void send_chat(struct chat *chat, const char *text, const char *target)
{
    struct text payload = {0};
    text_add_literal(&payload, "{\"text\":");
    text_add_string(&payload, slice_of(text));
    publish(chat, "chat", &payload, target);
}

/* What was typed, as others see it; the line in which it was typed is gone. */
static void show_own(struct chat *chat, const char *to, const char *text)
{
    if (chat->prompt.interactive)
        show_chat(chat, time_now_ms(), slice_of(chat->visit.ai_id), to, text);
}

static void do_to(struct chat *chat, const char *rest)
{
    size_t len = strcspn(rest, " ");
    const char *text = rest + len + strspn(rest + len, " ");
    if (len == 0 || *text == '\0') {
        fail(chat, chat->prompt.number, "/to wants an AI_ID and a text");
        return;
    }
    OWNED char *target =
        field_text((struct json_value){.raw = {rest, len}, .kind = JSON_KIND_STRING});
    show_own(chat, target, text);
    send_chat(chat, text, target);
}

static void do_answer(struct chat *chat, const char *rest)
{
    struct text payload = {0};
    size_t len = strcspn(rest, " ");
    const char *choice = rest + len + strspn(rest + len, " ");
    if (len == 0 || *choice == '\0') {
        fail(chat, chat->prompt.number, "/answer wants an ID and a CHOICE");
        return;
    }
    text_add_literal(&payload, "{\"approval_id\":");
    text_add_string(&payload, (struct slice){rest, len});
    text_add_literal(&payload, ",\"choice\":");
    text_add_string(&payload, slice_of(choice));
    publish(chat, "approval_answer", &payload, NULL);
}

static void do_who(struct chat *chat, const char *rest)
{
    (void)rest;
    prompt_hide(&chat->prompt);
    who_print(chat->visit.address, chat->visit.token_file, chat->visit.room, false);
    output_flush();
}

static void do_quit(struct chat *chat, const char *rest)
{
    (void)rest;
    chat->quits = true;
}

static void do_help(struct chat *chat, const char *rest);

static const struct {
    const char *name, *help;
    void (*act)(struct chat *chat, const char *rest);
} words[] = {
    {"/to", "/to AI_ID text: to that one alone", do_to},
    {"/answer", "/answer ID CHOICE: decides what an AI asks people", do_answer},
    {"/who", "/who: lists who is here", do_who},
    {"/help", "/help: shows this", do_help},
    {"/quit", "/quit, or Ctrl-D: leaves", do_quit},
};

static void do_help(struct chat *chat, const char *rest)
{
    (void)rest;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        say(chat, "%s", words[i].help);
    say(chat, "//text: sends /text to all; anything else goes to all as it is");
}

static void act_on(struct chat *chat, struct slice typed)
{
    OWNED char *text = field_text((struct json_value){.raw = typed, .kind = JSON_KIND_STRING});
    size_t len = strcspn(text, " ");
    if (*text == '\0')
        return;
    if (text[0] != '/' || text[1] == '/') {
        const char *said = text + (text[0] == '/');
        show_own(chat, "", said);
        send_chat(chat, said, NULL);
        return;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i].name) == len && strncmp(words[i].name, text, len) == 0) {
            words[i].act(chat, text + len + strspn(text + len, " "));
            return;
        }
    }
    fail(chat, chat->prompt.number, "there is no %.*s; /help shows what there is", (int)len, text);
}

static bool has_room(const struct chat *chat)
{
    return khub_queued(chat->visit.link) < UNACKED_MAX;
}

/* Of what was read the lines for which there is room; the rest waits until the hub has taken
 * some. */
static void take_lines(struct chat *chat)
{
    struct prompt *prompt = &chat->prompt;
    struct slice line;
    while (!chat->quits && has_room(chat)) {
        if (!prompt_next(prompt, &line)) {
            chat->quits = prompt->ended;
            return;
        }
        if (prompt->fault)
            fail(chat, prompt->number, "not sent: %s", prompt->fault);
        else
            act_on(chat, line);
    }
}

static int talk(struct chat *chat)
{
    struct prompt *prompt = &chat->prompt;
    while (!chat->quits) {
        bool reads = !prompt->ended && has_room(chat);
        struct pollfd input[] = {{.fd = reads ? STDIN_FILENO : -1, .events = POLLIN},
                                 {.fd = STDOUT_FILENO}};
        prompt_show(prompt);
        switch (visit_wait(&chat->visit, -1, input, 2)) {
        case VISIT_STOPPED:
            return EXIT_WORKED;
        case VISIT_ENDED:
            return EXIT_FAILED;
        case VISIT_TURNED:
            break;
        }
        if (input[1].revents & (POLLERR | POLLHUP | POLLNVAL))
            return EXIT_WORKED; /* nobody reads any more */
        if (input[0].revents)
            prompt_read(prompt);
        take_lines(chat);
    }
    if (prompt->error && !prompt->interactive)
        fail(chat, 0, "could not read stdin: %s", strerror(prompt->error));
    visit_settle(&chat->visit, prompt->interactive ? SETTLE_MS : SETTLE_PIPE_MS);
    return EXIT_WORKED;
}

static int run(const void *data)
{
    const struct chat_settings *settings = data;
    char identity[IDENTITY_SIZE];
    struct chat chat = {.terminal = terminal_of(STDOUT_FILENO, settings->color)};
    identity_make(NULL, false, identity);
    chat.visit = (struct visit){.command = "chat",
                                .address = settings->hub,
                                .token_file = settings->token_file,
                                .room = settings->room,
                                .keeps_trying = true,
                                .acks = true,
                                .resumes = true,
                                .resumes_last = settings->missed,
                                .tells = true,
                                .ai_id = settings->as ? settings->as : identity,
                                .specialization = "person",
                                .message = on_message,
                                .changed = on_change,
                                .data = &chat};
    stop_catch();
    line_begin(&chat.line, &chat.terminal);
    prompt_begin(&chat.prompt, &chat.terminal);
    TAILQ_INIT(&chat.sent);
    int code = visit_begin(&chat.visit);
    if (code == EXIT_WORKED)
        code = talk(&chat);
    prompt_end(&chat.prompt);
    visit_end(&chat.visit); /* some acks may still come */
    line_free(&chat.line);
    if (tell_unacked(&chat) || (chat.refused > 0 && !chat.prompt.interactive))
        code = EXIT_FAILED;
    return code;
}

#define AT(member) .offset = offsetof(struct chat_settings, member)
static const struct setting options[] = {
    HUB_SETTING(struct chat_settings),
    {.name = "as",
     .kind = SETTING_TEXT,
     AT(as),
     .argument = "AI_ID",
     .bytes = WIRE_ID_MAX,
     .help = "The name you go by. Without it: user@host."},
    {.name = "missed",
     .letter = 'm',
     .kind = SETTING_FLAG,
     AT(missed),
     .help = "First what was said to all, or to you, since you were here last."},
    COLOR_SETTING(struct chat_settings),
    {0},
};

const struct command command_chat = {
    .name = "chat",
    .summary = "talk with the AIs and people at a hub",
    .about =
        "Joins a hub under a name; each line you type goes to all, and what others say is "
        "shown. /to AI_ID text "
        "goes to one alone, /who lists who is there, /help tells the rest, /quit or Ctrl-D "
        "leaves. What was said while the hub was away, or with --missed you, is shown when you are "
        "back, as far as the hub keeps it (khub serve --data).\n\nFrom a pipe "
        "it sends each line, waits where the hub is slower or away, and at the end of input until "
        "the hub has acked all: one that keeps its state has it on disk by then. A line that can't "
        "be sent (longer than a MiB, no UTF-8, a NUL byte), or that the hub did not take or "
        "keep, is named on stderr with its number.",
    .example =
        "  khub chat --as Ada\n  khub chat --as Ada --missed\n  echo 'the build is green' | khub chat --as ci",
    .worked = "left in order; from a pipe: and the hub has acked every line",
    .failed = "the hub could not be reached, refused the name or, from a pipe, a line",
    .options = options,
    .settings_size = sizeof(struct chat_settings),
    .run = run,
};
