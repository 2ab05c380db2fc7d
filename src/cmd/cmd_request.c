/* khub request: asks the AIs at a hub to build something, and collects what comes. */
#include <stdlib.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/json_out.h"
#include "cmd/stop.h"
#include "cmd/summary.h"
#include "cmd/visit.h"
#include "wire/bounds.h"

#define ASKED_MS    5000 /* for the hub to say whom it asked */
#define UNASKED_MS  5000 /* for AIs to volunteer when the hub knew none to ask */
#define ANSWERS_MAX 64u  /* components, and as many refusals, kept; more are not shown */

struct request_settings {
    const char *hub, *token_file, *room, *feature, *requirements, *as;
    double seconds;
    bool json;
};

/* What an AI said to it: a component, or that it has none. */
struct answer {
    char *sender;
    struct text payload;
};

struct request {
    const struct request_settings *settings;
    struct terminal terminal;
    bool told; /* the hub has said whom it asked, or that it would not */
    bool refused;
    struct text asked; /* the JSON array of their ids */
    size_t asked_count;
    struct answer answers[ANSWERS_MAX], declines[ANSWERS_MAX];
    size_t answer_count, decline_count;
};

static void take_asked(struct request *request, struct json_value payload)
{
    struct json_value asked = json_get(payload, "asked");
    if (request->told || asked.kind != JSON_KIND_ARRAY)
        return;
    request->told = true;
    request->asked_count = field_count(asked);
    text_add(&request->asked, asked.raw);
    if (request->settings->json)
        return;
    OWNED char *names = field_names(asked);
    struct line line;
    line_begin(&line, &request->terminal);
    if (request->asked_count > 0)
        line_addf(&line, "asked: %s", names);
    else
        line_addf(&line, "asked: nobody, for no capability contains '%s'; waiting %d s",
                  request->settings->feature, UNASKED_MS / 1000);
    line_print(&line, stdout);
    line_free(&line);
}

/* A text of several lines under its name, such as an implementation. */
static void print_block(struct line *line, const char *text)
{
    line_print(line, stdout);
    while (*text) {
        size_t len = strcspn(text, "\n");
        line_clear(line);
        line_add(line, slice_of("    | "));
        line_add(line, (struct slice){text, len});
        line_print(line, stdout);
        text += len + (text[len] == '\n');
    }
}

static void print_member(struct line *line, struct json_value name, struct json_value value)
{
    OWNED char *title = field_text(name), *text = field_text(value);
    line_clear(line);
    line_addf(line, "  %s: ", title);
    if (value.kind == JSON_KIND_STRING && strchr(text, '\n')) {
        print_block(line, text);
        return;
    }
    line_add(line, slice_of(text));
    line_print(line, stdout);
}

static void print_answer(const struct request *request, const char *sender, struct slice payload)
{
    struct json_value component = json_get(json_value_of(payload), "component"), name, value;
    struct json_iterator iterator = {.rest = component.raw};
    struct line line;
    line_begin(&line, &request->terminal);
    line_style(&line, STYLE_GREEN);
    line_addf(&line, "%s: ", sender);
    line_style(&line, STYLE_PLAIN);
    summary_add(&line, MESSAGE_OS_COMPONENT_SHARE, payload);
    line_print(&line, stdout);
    while (component.kind == JSON_KIND_OBJECT && json_next_member(&iterator, &name, &value))
        print_member(&line, name, value);
    line_free(&line);
}

static void print_decline(const struct request *request, const char *sender, struct slice payload)
{
    OWNED char *text = field_string(json_value_of(payload), "text");
    struct line line;
    line_begin(&line, &request->terminal);
    line_style(&line, STYLE_YELLOW);
    line_addf(&line, "%s: ", sender);
    line_style(&line, STYLE_PLAIN);
    line_addf(&line, "%s", text);
    line_print(&line, stdout);
    line_free(&line);
}

/* Keeps what somebody said to it; NULL when there is no room for more. */
static struct answer *keep(struct answer answers[ANSWERS_MAX], size_t *count,
                           const struct khub_message *message)
{
    if (*count == ANSWERS_MAX)
        return NULL;
    struct answer *answer = &answers[(*count)++];
    text_add(&answer->payload, (struct slice){message->payload.at, message->payload.len});
    answer->sender = field_text((struct json_value){
        .raw = {message->sender_id.at, message->sender_id.len}, .kind = JSON_KIND_STRING});
    return answer;
}

static void take_answer(struct request *request, const struct khub_message *message)
{
    struct answer *answer = keep(request->answers, &request->answer_count, message);
    if (answer && !request->settings->json)
        print_answer(request, answer->sender, text_slice(&answer->payload));
    output_flush();
}

static void take_decline(struct request *request, const struct khub_message *message)
{
    struct answer *answer = keep(request->declines, &request->decline_count, message);
    if (answer && !request->settings->json)
        print_decline(request, answer->sender, text_slice(&answer->payload));
    output_flush();
}

/* A chat to us that says that what we asked for is not to be had from its sender. */
static bool declines(const struct request *request, struct json_value payload)
{
    return json_get(payload, "declined").kind == JSON_KIND_TRUE &&
           json_string_is(json_get(payload, "feature_name"), slice_of(request->settings->feature));
}

static void on_message(struct visit *visit, const struct khub_message *message)
{
    struct request *request = visit->data;
    struct json_value payload =
        json_value_of((struct slice){message->payload.at, message->payload.len});
    bool from_hub = strcmp(message->sender_id.at, "hub") == 0;
    if (from_hub && strcmp(message->type.at, "feature_response") == 0) {
        take_asked(request, payload);
    } else if (from_hub && strcmp(message->type.at, "error") == 0) {
        OWNED char *detail = field_string(payload, "detail");
        complain("request", "%s", detail);
        request->refused = true;
    } else if (strcmp(message->target_ai.at, visit->ai_id) != 0) {
        return;
    } else if (strcmp(message->type.at, "os_component_share") == 0) {
        take_answer(request, message);
    } else if (strcmp(message->type.at, "chat") == 0 && declines(request, payload)) {
        take_decline(request, message);
    }
}

/* Whether nobody is left to wait for. Who was not asked may still volunteer, or decline unasked. */
static bool all_heard(const struct request *request)
{
    size_t heard = request->answer_count + request->decline_count;
    if (!request->told)
        return false;
    return request->asked_count == 0 ? request->answer_count > 0 : heard >= request->asked_count;
}

/* Until all that were asked have answered, time is up, or Ctrl-C. */
static void collect(struct request *request, struct visit *visit)
{
    int64_t begun = time_monotonic_ms(), wait = (int64_t)(request->settings->seconds * 1000);
    enum visit_result result = VISIT_TURNED;
    while (result == VISIT_TURNED && !request->refused) {
        bool unasked = request->told && request->asked_count == 0;
        if (all_heard(request))
            break;
        int64_t patience = !request->told                 ? ASKED_MS
                           : unasked && wait > UNASKED_MS ? UNASKED_MS
                                                          : wait;
        if (time_monotonic_ms() - begun >= patience)
            break;
        result = visit_wait(visit, begun + patience, NULL, 0);
    }
}

/* {"from": …, "MEMBER": …}, with that member of the payload. */
static void print_json_answer(const struct answer *answer, const char *member, bool another)
{
    struct json_value value = json_get(json_value_of(text_slice(&answer->payload)), member);
    fputs(another ? ",{\"from\":" : "{\"from\":", stdout);
    json_print_string(stdout, slice_of(answer->sender));
    printf(",\"%s\":", member);
    if (value.kind == JSON_KIND_STRING) {
        OWNED char *text = field_text(value);
        json_print_string(stdout, slice_of(text));
    } else {
        json_print(stdout, value.kind == JSON_KIND_ABSENT ? slice_of("null") : value.raw, false);
    }
    putchar('}');
}

static void print_json(const struct request *request)
{
    fputs("{\"feature\":", stdout);
    json_print_string(stdout, slice_of(request->settings->feature));
    fputs(",\"asked\":", stdout);
    json_print(stdout, request->told ? text_slice(&request->asked) : slice_of("[]"), false);
    fputs(",\"components\":[", stdout);
    for (size_t i = 0; i < request->answer_count; i++)
        print_json_answer(&request->answers[i], "component", i > 0);
    fputs("],\"declined\":[", stdout);
    for (size_t i = 0; i < request->decline_count; i++)
        print_json_answer(&request->declines[i], "text", i > 0);
    puts("]}");
}

static int report(const struct request *request)
{
    if (request->settings->json)
        print_json(request);
    if (!request->told && !request->refused)
        return complain("request", "the hub did not say whom it asked.");
    if (request->answer_count == 0 && request->decline_count > 0)
        return complain("request", "nobody here can make that.");
    if (request->answer_count == 0)
        return request->refused || request->settings->json
                   ? EXIT_FAILED
                   : complain("request", "nothing came back.");
    if (!all_heard(request))
        complain("request", "%zu of %zu answered in time.",
                 request->answer_count + request->decline_count, request->asked_count);
    return EXIT_WORKED;
}

static int check_requirements(const char *text)
{
    size_t at;
    if (json_check(slice_of(text), WIRE_DEPTH_MAX - 1, &at) == JSON_FINE &&
        json_value_of(slice_of(text)).kind == JSON_KIND_OBJECT && !strpbrk(text, "\r\n"))
        return EXIT_WORKED;
    complain("request", "--requirements is '%s': it must be a JSON object on one line.", text);
    return EXIT_USAGE;
}

static int run(const void *data)
{
    const struct request_settings *settings = data;
    struct request request = {.settings = settings, .terminal = terminal_of(STDOUT_FILENO, "auto")};
    struct visit visit = {.command = "request",
                          .address = settings->hub,
                          .token_file = settings->token_file,
                          .room = settings->room,
                          .ai_id = settings->as,
                          .message = on_message,
                          .data = &request};
    if (check_requirements(settings->requirements) != EXIT_WORKED)
        return EXIT_USAGE;
    request.terminal.width = 0;
    stop_catch();
    int code = visit_begin(&visit);
    if (code == EXIT_WORKED) {
        int error = khub_request_feature(visit.link, settings->feature, settings->requirements);
        if (error < 0) {
            code = complain("request", "%s", khub_error_text(error));
        } else {
            collect(&request, &visit);
            code = report(&request);
        }
    }
    visit_end(&visit);
    for (size_t i = 0; i < ANSWERS_MAX; i++) {
        text_free(&request.answers[i].payload);
        free(request.answers[i].sender);
        text_free(&request.declines[i].payload);
        free(request.declines[i].sender);
    }
    text_free(&request.asked);
    return code;
}

#define AT(member) .offset = offsetof(struct request_settings, member)
static const struct setting options[] = {
    HUB_SETTING(struct request_settings),
    {.name = "requirements",
     .kind = SETTING_TEXT,
     AT(requirements),
     .argument = "JSON",
     .fallback = "{}",
     .help = "What it must fulfil, a JSON object."},
    {.name = "wait",
     .letter = 'w',
     .kind = SETTING_NUMBER,
     AT(seconds),
     .argument = "SECONDS",
     .fallback = "30",
     .low = 0.1,
     .high = 86400,
     .help = "How long to wait for components."},
    {.name = "as",
     .kind = SETTING_TEXT,
     AT(as),
     .argument = "AI_ID",
     .bytes = WIRE_ID_MAX,
     .help = "The name to ask under. Without it: user@host/request and a number."},
    JSON_SETTING(
        struct request_settings,
        "As JSON: {\"feature\", \"asked\": […], \"components\": [{\"from\", \"component\"}], "
        "\"declined\": [{\"from\", \"text\"}]}."),
    {0},
};

static const struct setting operands[] = {
    {.name = "FEATURE",
     .kind = SETTING_TEXT,
     AT(feature),
     .required = true,
     .help = "What is wanted. The hub asks every AI one of whose capabilities contains it."},
    {0},
};

const struct command command_request = {
    .name = "request",
    .summary = "ask the AIs for a feature, and collect what they build",
    .about =
        "Asks all AIs for a feature (a feature_request), prints whom the hub asked, and then each "
        "component that comes back, or that an AI has none. It ends when all that were asked have "
        "answered, or after --wait. When the hub asked nobody, AIs may still volunteer: then it "
        "ends with the first, or after 5 s.\n\n"
        "An AI of khub train has what its specialization learns: a component goes by its own "
        "name, whatever was asked for. Its C source: khub kb get ID --source.",
    .example = "  khub request process_scheduling\n"
               "  khub request storage_management --requirements '{\"max_latency_ms\":5}'",
    .worked = "at least one component came",
    .failed = "nothing came, all that were asked declined, or the hub could not be reached",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct request_settings),
    .run = run,
};
