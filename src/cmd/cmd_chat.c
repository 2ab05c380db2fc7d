/* khub chat: talks with the AIs (and people) at a hub. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/feed.h"
#include "cmd/fields.h"
#include "cmd/prompt.h"
#include "cmd/stop.h"
#include "cmd/visit.h"

#define SETTLE_MS 5000

struct chat_settings {
    const char *hub, *as, *color;
};

struct chat {
    struct terminal terminal;
    struct prompt prompt;
    struct line line;
    struct visit visit;
    bool greeted, quits;
    unsigned refused; /* messages of ours that the hub did not take */
};

static void begin_line(struct chat *chat)
{
    char clock[CLOCK_SIZE];
    clock_format(time_now_ms(), clock);
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
    fflush(stdout);
}

static void say(struct chat *chat, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line of our own, or of the hub's. */
static void say(struct chat *chat, const char *format, ...)
{
    char *sentence;
    va_list arguments;
    va_start(arguments, format);
    int len = vasprintf(&sentence, format, arguments);
    va_end(arguments);
    if (len < 0)
        return;
    begin_line(chat);
    line_addf(&chat->line, "%s %s", chat->terminal.unicode ? "──" : "--", sentence);
    end_line(chat);
    free(sentence);
}

static void show_chat(struct chat *chat, struct slice sender, bool to_us, const char *text)
{
    begin_line(chat);
    line_style(&chat->line, feed_style(sender));
    line_add(&chat->line, sender);
    line_style(&chat->line, STYLE_DIM);
    line_add(&chat->line, slice_of(to_us ? " to you: " : ": "));
    line_style(&chat->line, STYLE_PLAIN);
    line_add(&chat->line, slice_of(text));
    end_line(chat);
}

static void greet(struct chat *chat)
{
    OWNED char *others = field_names(json_get(chat->visit.sync, "active_ais"));
    if (chat->prompt.interactive && !chat->greeted)
        say(chat, "you are %s, at %s; here are: %s. /help shows what you can do.",
            chat->visit.ai_id, chat->visit.address, others);
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
    } else if (strcmp(type, "chat") == 0) {
        OWNED char *text = field_string(payload, "text");
        show_chat(chat, (struct slice){sender, message->sender_id.len}, message->target_ai.len > 0,
                  text);
    } else if (strcmp(type, "hello") == 0) {
        OWNED char *specialization = field_string(payload, "specialization");
        say(chat, "%s joined%s%s", sender, *specialization ? ": " : "", specialization);
    } else if (strcmp(type, "presence") == 0) {
        OWNED char *ai_id = field_string(payload, "ai_id"),
                   *reason = field_string(payload, "reason");
        say(chat, "%s left: %s", ai_id, reason);
    } else if (strcmp(type, "error") == 0) {
        OWNED char *detail = field_string(payload, "detail");
        chat->refused++;
        say(chat, "%s", detail);
    }
}

static void on_change(struct visit *visit, const char *why)
{
    struct chat *chat = visit->data;
    if (why)
        say(chat, "lost the hub: %s; trying again, what you type is sent then", why);
    else
        say(chat, "the hub is back");
}

static void send_chat(struct chat *chat, const char *text, const char *target)
{
    int error = khub_chat(chat->visit.link, text, target);
    if (error < 0) {
        chat->refused++;
        say(chat, "not sent: %s", khub_error_text(error));
    }
}

static void do_to(struct chat *chat, const char *rest)
{
    size_t len = strcspn(rest, " ");
    const char *text = rest + len + strspn(rest + len, " ");
    if (len == 0 || *text == '\0') {
        say(chat, "/to wants an AI_ID and a text");
        chat->refused++;
        return;
    }
    OWNED char *target =
        field_text((struct json_value){.raw = {rest, len}, .kind = JSON_KIND_STRING});
    send_chat(chat, text, target);
}

static void do_who(struct chat *chat, const char *rest)
{
    (void)rest;
    prompt_hide(&chat->prompt);
    who_print(chat->visit.address, false);
    fflush(stdout);
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
        if (chat->prompt.interactive)
            show_chat(chat, slice_of(chat->visit.ai_id), false, said);
        send_chat(chat, said, NULL);
        return;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i].name) == len && strncmp(words[i].name, text, len) == 0) {
            words[i].act(chat, text + len + strspn(text + len, " "));
            return;
        }
    }
    chat->refused++;
    say(chat, "there is no %.*s; /help shows what there is", (int)len, text);
}

static int talk(struct chat *chat)
{
    while (!chat->quits) {
        struct pollfd input[] = {{.fd = chat->prompt.ended ? -1 : STDIN_FILENO, .events = POLLIN},
                                 {.fd = STDOUT_FILENO}};
        struct slice line;
        prompt_show(&chat->prompt);
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
            prompt_read(&chat->prompt);
        while (!chat->quits && prompt_next(&chat->prompt, &line))
            act_on(chat, line);
        chat->quits = chat->quits || chat->prompt.ended;
    }
    if (visit_settle(&chat->visit, SETTLE_MS) < 0)
        return complain("chat", "the hub did not say whether it took everything.");
    return chat->refused > 0 && !chat->prompt.interactive ? EXIT_FAILED : EXIT_WORKED;
}

static int run(const void *data)
{
    const struct chat_settings *settings = data;
    char identity[IDENTITY_SIZE];
    struct chat chat = {.terminal = terminal_of(STDOUT_FILENO, settings->color)};
    identity_make(NULL, identity);
    chat.visit = (struct visit){.command = "chat",
                                .address = settings->hub,
                                .keeps_trying = true,
                                .ai_id = settings->as ? settings->as : identity,
                                .specialization = "person",
                                .message = on_message,
                                .changed = on_change,
                                .data = &chat};
    stop_catch();
    line_begin(&chat.line, &chat.terminal);
    prompt_begin(&chat.prompt, &chat.terminal);
    int code = visit_begin(&chat.visit);
    if (code == EXIT_WORKED)
        code = talk(&chat);
    prompt_end(&chat.prompt);
    visit_end(&chat.visit);
    line_free(&chat.line);
    return code;
}

#define AT(member) .offset = offsetof(struct chat_settings, member)
static const struct setting options[] = {
    HUB_SETTING(struct chat_settings),
    {.name = "as",
     .kind = SETTING_TEXT,
     AT(as),
     .argument = "AI_ID",
     .help = "The name you go by. Without it: user@host."},
    COLOR_SETTING(struct chat_settings),
    {0},
};

const struct command command_chat = {
    .name = "chat",
    .summary = "talk with the AIs and people at a hub",
    .about = "Joins a hub under a name; each line you type goes to all, and what others say is "
             "shown. /to AI_ID text "
             "goes to one alone, /who lists who is there, /help tells the rest, /quit or Ctrl-D "
             "leaves.\n\nFrom a pipe "
             "it sends each line and leaves at the end of input.",
    .example = "  khub chat --as Ada\n  echo 'the build is green' | khub chat --as ci",
    .worked = "left in order; from a pipe: and the hub took every line",
    .failed = "the hub could not be reached, refused the name or, from a pipe, a line",
    .options = options,
    .settings_size = sizeof(struct chat_settings),
    .run = run,
};
