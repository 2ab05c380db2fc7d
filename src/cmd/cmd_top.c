/* khub top: a hub at work, drawn anew every few seconds. */
#include <string.h>
#include <unistd.h>

#include "cmd/ask.h"
#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/json_out.h"
#include "cmd/prompt.h"
#include "cmd/stop.h"
#include "cmd/top.h"
#include "cmd/visit.h"
#include "core/bounds.h"

#define ANSWER_DEPTH (WIRE_DEPTH_MAX + 16u) /* of the deepest payload inside an answer */
#define COUNTED_MAX  65536u                 /* names whose messages are counted */

struct top_settings {
    const char *hub, *token_file, *room, *order, *color;
    double every;
    bool once, json;
};

struct top {
    const struct top_settings *settings;
    struct terminal terminal;
    struct prompt prompt;
    char place[PLACE_SIZE];
    struct top_picture picture;
    struct text stats, members;     /* what the picture's values point into */
    struct text told, pages, after; /* of the round that is under way */
    char question[UUID_SIZE];       /* that is open; "": none */
    enum message_type asked;        /* its type */
    char refused[512];              /* the hub's word on it */
    json_t *said, *counted;         /* messages by sender: of the last round, and since */
    int64_t begun, next;            /* that round (monotonic ms), and when the next is due */
    uint64_t rounds;                /* that are whole */
    unsigned drawn;                 /* lines, of a picture that stands on the terminal */
    char lost[256];                 /* why; "": we are at the hub */
    bool paused, left;
};

/* ── asking: figures first, then the members page by page ── */

static void ask_for(struct top *top, struct visit *visit, enum message_type type)
{
    struct text payload = {0};
    if (type == MESSAGE_STATS_QUERY)
        text_add_literal(&payload, "{}");
    else
        text_addf(&payload, "{\"limit\":%u%s%.*s}", QUERY_LIMIT,
                  top->after.len ? ",\"after\":" : "", SLICE_FORMAT(text_slice(&top->after)));
    text_add(&payload, (struct slice){"", 1}); /* its NUL */
    top->asked = type;
    if (payload.failed ||
        khub_publish(visit->link, message_type_text(type), payload.at, NULL, top->question) != 0)
        top->question[0] = '\0'; /* the next round asks again */
    text_free(&payload);
}

static void begin_round(struct top *top, struct visit *visit)
{
    top->next = time_monotonic_ms() + (int64_t)(top->settings->every * 1000);
    text_clear(&top->pages);
    text_clear(&top->after);
    text_add_literal(&top->pages, "[");
    ask_for(top, visit, MESSAGE_STATS_QUERY);
}

static void swap(struct text *one, struct text *other)
{
    struct text kept = *one;
    *one = *other;
    *other = kept;
}

/* What was told becomes the picture. */
static void end_round(struct top *top)
{
    struct top_picture *picture = &top->picture;
    int64_t now = time_monotonic_ms();
    size_t at;
    text_add_literal(&top->pages, "]");
    if (top->told.failed || top->pages.failed ||
        json_check(text_slice(&top->pages), ANSWER_DEPTH, &at) != JSON_FINE)
        return;
    swap(&top->stats, &top->told);
    swap(&top->members, &top->pages);
    picture->stats = json_value_of(text_slice(&top->stats));
    picture->members = json_value_of(text_slice(&top->members));
    picture->before = picture->now;
    top_totals_read(&picture->now, picture->stats);
    picture->seconds = top->begun > 0 ? (double)(now - top->begun) / 1000 : 0;
    json_decref(top->said);
    top->said = picture->said = top->counted;
    top->counted = json_object();
    top->begun = now;
    top->rounds++;
}

static void take_answer(struct top *top, struct visit *visit, const struct khub_message *message)
{
    struct slice payload = {message->payload.at, message->payload.len};
    top->question[0] = '\0';
    if (strcmp(message->type.at, "error") == 0) {
        OWNED char *detail = field_string(json_value_of(payload), "detail");
        snprintf(top->refused, sizeof(top->refused), "%s", detail);
    } else if (top->asked == MESSAGE_STATS_QUERY) {
        text_clear(&top->told);
        text_add(&top->told, payload);
        ask_for(top, visit, MESSAGE_MEMBER_QUERY);
    } else {
        ask_take_page(json_value_of(payload), "members", &top->pages, &top->after);
        if (top->after.len > 0)
            ask_for(top, visit, MESSAGE_MEMBER_QUERY);
        else
            end_round(top);
    }
}

static void count(struct top *top, const char *sender)
{
    json_t *counted = json_object_get(top->counted, sender);
    if (counted)
        json_integer_set(counted, json_integer_value(counted) + 1);
    else if (json_object_size(top->counted) < COUNTED_MAX)
        json_object_set_new(top->counted, sender, json_integer(1));
}

static void on_message(struct visit *visit, const struct khub_message *message)
{
    struct top *top = visit->data;
    struct slice payload = {message->payload.at, message->payload.len};
    size_t at;
    bool ours = strcmp(message->sender_id.at, "hub") == 0;
    if (!ours && strcmp(message->type.at, "heartbeat") != 0)
        count(top, message->sender_id.at);
    if (ours && top->question[0] && json_check(payload, ANSWER_DEPTH, &at) == JSON_FINE &&
        json_string_is(json_get(json_value_of(payload), "in_reply_to"), slice_of(top->question)))
        take_answer(top, visit, message);
}

static void on_change(struct visit *visit, const char *why)
{
    struct top *top = visit->data;
    snprintf(top->lost, sizeof(top->lost), "%s", why ? why : "");
    top->picture.trouble = why ? top->lost : NULL;
    top->question[0] = '\0';
    top->begun = 0; /* a hub that began anew counts from 0 */
    top->next = 0;
}

/* ── showing ── */

static void show_json(const struct top *top)
{
    const struct top_picture *picture = &top->picture;
    printf("{\"seconds\":%.3f,\"stats\":", picture->seconds);
    json_print(stdout, picture->stats.raw, false);
    fputs(",\"members\":", stdout);
    json_print(stdout, picture->members.raw, false);
    fputs(",\"said\":", stdout);
    json_dumpf(top->said, stdout, JSON_COMPACT | JSON_SORT_KEYS);
    fputs("}\n", stdout);
    output_flush();
}

static void erase(struct top *top)
{
    if (top->drawn > 0)
        printf("\033[%uA\r\033[J", top->drawn);
    top->drawn = 0;
}

static void show(struct top *top)
{
    if (top->settings->json) {
        show_json(top);
        return;
    }
    terminal_measure(&top->terminal);
    if (top->prompt.interactive)
        erase(top);
    /* the cursor stands below the last line */
    unsigned rows =
        top->prompt.interactive && top->terminal.height > 1 ? top->terminal.height - 1 : 0;
    top->drawn = top_draw(&top->picture, &top->terminal, rows, stdout);
    output_flush();
}

/* ── the loop ── */

static void press(struct top *top, char key)
{
    static const struct {
        char key;
        enum top_order order;
    } keys[] = {{'s', TOP_BY_SAID}, {'i', TOP_BY_IDLE}, {'n', TOP_BY_NAME}};
    top->left = top->left || key == 'q' || key == 'Q';
    top->paused = key == ' ' ? !top->paused : top->paused;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (keys[i].key == key)
            top->picture.order = keys[i].order;
}

static void read_keys(struct top *top)
{
    char key;
    prompt_read(&top->prompt);
    while (prompt_key(&top->prompt, &key))
        press(top, key);
    top->left = top->left || top->prompt.ended;
    if (top->rounds > 0 && !top->left)
        show(top);
}

/* With --once: the second round is whole, for the first has no rates. */
static bool finished(const struct top *top)
{
    return top->left || (top->settings->once && top->rounds >= 2);
}

/* A whole round is shown, but for the first of --once. */
static void show_new(struct top *top, uint64_t shown)
{
    if (top->rounds > shown && !top->paused && (!top->settings->once || top->rounds == 2))
        show(top);
}

static int run_rounds(struct top *top, struct visit *visit)
{
    while (!finished(top)) {
        uint64_t shown = top->rounds;
        bool was_lost = top->lost[0] != '\0';
        struct pollfd polls[] = {
            {.fd = STDOUT_FILENO},
            {.fd = top->prompt.interactive ? STDIN_FILENO : -1, .events = POLLIN}};
        if (!was_lost && !top->question[0] && time_monotonic_ms() >= top->next)
            begin_round(top, visit);
        int64_t until = was_lost || top->question[0] ? -1 : top->next;
        switch (visit_wait(visit, until, polls, 2)) {
        case VISIT_STOPPED:
            return EXIT_WORKED;
        case VISIT_ENDED:
            return EXIT_FAILED;
        case VISIT_TURNED:
            break;
        }
        if (top->refused[0])
            return complain("top", "%s", top->refused);
        if (polls[0].revents & (POLLERR | POLLHUP | POLLNVAL))
            return EXIT_WORKED; /* main looks whether that was a failure */
        if (polls[1].revents)
            read_keys(top);
        if (!was_lost && top->lost[0] && top->prompt.interactive)
            show(top);
        show_new(top, shown);
    }
    return EXIT_WORKED;
}

static enum top_order order_of(const char *name)
{
    size_t order = 0;
    while (strcmp(top_orders[order], name) != 0)
        order++;
    return (enum top_order)order;
}

static void top_free(struct top *top)
{
    text_free(&top->stats);
    text_free(&top->members);
    text_free(&top->told);
    text_free(&top->pages);
    text_free(&top->after);
    json_decref(top->said);
    json_decref(top->counted);
}

static int run(const void *data)
{
    struct top_settings settings = *(const struct top_settings *)data;
    struct top top = {.settings = &settings, .counted = json_object()};
    struct visit visit = {.command = "top",
                          .address = settings.hub,
                          .token_file = settings.token_file,
                          .room = settings.room,
                          .observer = true,
                          .keeps_trying = true,
                          .message = on_message,
                          .changed = on_change,
                          .data = &top};
    top.terminal = terminal_of(STDOUT_FILENO, settings.color);
    top.picture.order = order_of(settings.order);
    top.picture.place = place_text(settings.hub, settings.room, top.place);
    stop_catch();
    int code = visit_begin(&visit);
    if (!settings.once && !settings.json)
        prompt_begin(&top.prompt, &top.terminal);
    settings.once = settings.once || (!settings.json && !top.prompt.interactive);
    if (code == EXIT_WORKED)
        code = run_rounds(&top, &visit);
    prompt_end(&top.prompt);
    visit_end(&visit);
    top_free(&top);
    return code;
}

#define AT(member) .offset = offsetof(struct top_settings, member)
static const struct setting options[] = {
    HUB_SETTING(struct top_settings),
    JSON_SETTING(
        struct top_settings,
        "An object a line, every so often: {\"seconds\": since the line before, \"stats\": a "
        "stats_result, \"members\": […], \"said\": {AI: messages in these seconds}}."),
    {.name = "every",
     .letter = 'n',
     .kind = SETTING_NUMBER,
     AT(every),
     .argument = "SECONDS",
     .fallback = "2",
     .low = 0.1,
     .high = 3600,
     .help = "So often it looks."},
    {.name = "sort",
     .letter = 's',
     .kind = SETTING_CHOICE,
     AT(order),
     .argument = "HOW",
     .fallback = "said",
     .choices = top_orders,
     .help = "Which members come first: who says most, who is silent longest, or by name."},
    {.name = "once",
     .kind = SETTING_FLAG,
     AT(once),
     .help = "Looks twice, so that there are rates, prints that and ends; so it does without a "
             "terminal."},
    COLOR_SETTING(struct top_settings),
    {0},
};

const struct command command_top = {
    .name = "top",
    .summary = "see a hub at work: its figures, and who says how much",
    .about =
        "Shows a hub's figures and the members of a room, anew every few seconds: who is here, "
        "what it says a second, since when it has said nothing, and what it holds (tasks, "
        "claims, sessions); messages and deliveries a second, how long it takes from reading a "
        "message to writing it to who gets it, and to the disk; what waits. Times are the "
        "bounds of a histogram: half of what came since the last look took no longer than "
        "that. On a hub with tokens its own figures are for an admin's token.\n\n"
        "Keys: q ends it, space holds the picture, s, i and n sort by what is said, idle, name. "
        "It looks on as an observer: the AIs do not notice. When the hub goes away it says so, "
        "and comes back with it.",
    .example = "  khub top\n  khub top --room lab --every 10 --sort idle\n"
               "  khub top --json | jq .stats.hub.latency",
    .worked = "looked until q or Ctrl-C; with --once, until it had printed",
    .failed = "the hub could not be reached, or does not tell its figures",
    .options = options,
    .settings_size = sizeof(struct top_settings),
    .run = run,
};
