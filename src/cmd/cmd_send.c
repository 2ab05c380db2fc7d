/* khub send: one message, written by hand. */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/given.h"
#include "cmd/json_out.h"
#include "cmd/terminal.h"
#include "cmd/visit.h"
#include "wire/clock.h"

#define SETTLE_MS 5000

struct send_settings {
    const char *hub, *token_file, *room, *type, *payload, *to, *as;
    bool json;
};

/* What the hub said about our message. */
struct verdict {
    char message_id[UUID_SIZE];
    bool objected; /* it sent an error for it, or could not deliver it */
    bool acked;
    uint64_t seq; /* its place, when it is acked */
    char *code, *detail;
};

static void on_message(struct visit *visit, const struct khub_message *message)
{
    struct verdict *verdict = visit->data;
    struct slice text = {message->payload.at, message->payload.len};
    if (verdict->objected || strcmp(message->type.at, "error") != 0 ||
        strcmp(message->sender_id.at, "hub") != 0)
        return;
    struct json_value payload = json_value_of(text);
    OWNED char *reply = field_string(payload, "in_reply_to");
    if (strcmp(reply, verdict->message_id) != 0 && *reply != '\0')
        return;
    verdict->objected = true;
    verdict->code = field_string(payload, "code");
    verdict->detail = field_string(payload, "detail");
}

static void on_outcome(struct khub *link, const struct khub_outcome *outcome, void *data)
{
    struct verdict *verdict = data;
    (void)link;
    if (outcome->error < 0)
        return; /* on_message has heard why, or the visit has ended */
    verdict->acked = true;
    verdict->seq = outcome->seq;
    if (outcome->delivered || verdict->objected)
        return;
    verdict->objected = true;
    verdict->code = strdup(wire_error_code(WIRE_TARGET_OFFLINE));
    verdict->detail = strdup("the message was accepted, but not delivered: its target is not "
                             "connected");
}

/* A hub that can't deliver a message to its target has taken it all the same; but an invitation to
 * nobody it drops. */
static bool was_accepted(const struct send_settings *settings, const struct verdict *verdict)
{
    return !verdict->objected ||
           (strcmp(verdict->code, wire_error_code(WIRE_TARGET_OFFLINE)) == 0 &&
            strcmp(settings->type, message_type_text(MESSAGE_COLLABORATION_REQUEST)) != 0);
}

static int report(const struct send_settings *settings, const struct verdict *verdict)
{
    bool accepted = was_accepted(settings, verdict);
    if (settings->json) {
        printf("{\"message_id\":\"%s\",\"accepted\":%s", verdict->message_id,
               accepted ? "true" : "false");
        if (verdict->acked)
            printf(",\"seq\":%" PRIu64, verdict->seq);
        if (verdict->objected) {
            fputs(accepted ? ",\"delivered\":false" : "", stdout);
            fputs(",\"code\":", stdout);
            json_print_string(stdout, slice_of(verdict->code));
            fputs(",\"detail\":", stdout);
            json_print_string(stdout, slice_of(verdict->detail));
        }
        puts("}");
    } else if (accepted) {
        printf("accepted: %s %s\n", settings->type, verdict->message_id);
    }
    if (verdict->objected && !settings->json)
        complain("send", "%s: %s", verdict->code, verdict->detail);
    return verdict->objected ? EXIT_FAILED : EXIT_WORKED;
}

/* Waits, SETTLE_MS at the most after the last of it was sent, for the hub's word. 0 or -1. */
static int await(struct visit *visit, const struct verdict *verdict)
{
    int64_t until = time_monotonic_ms() + SETTLE_MS;
    while (!verdict->acked && !verdict->objected) {
        bool sending = khub_wants_write(visit->link);
        if (visit_wait(visit, until, NULL, 0) != VISIT_TURNED)
            return -1;
        if (sending)
            until = time_monotonic_ms() + SETTLE_MS;
        if (time_monotonic_ms() >= until)
            return -1;
    }
    return 0;
}

static int publish(struct visit *visit, const struct send_settings *settings, const char *payload)
{
    struct verdict *verdict = visit->data;
    return visit->acks ? khub_publish_acked(visit->link, settings->type, payload, settings->to,
                                            on_outcome, verdict, verdict->message_id)
                       : khub_publish(visit->link, settings->type, payload, settings->to,
                                      verdict->message_id);
}

/* What the hub answers by itself has no acks. */
static bool is_acked(const char *text)
{
    enum message_type type;
    return message_type_find(slice_of(text), &type) < 0 ||
           (type != MESSAGE_HEARTBEAT && !message_type_is_query(type));
}

static int send_payload(const struct send_settings *settings, const char *payload)
{
    struct verdict verdict = {0};
    struct visit visit = {.command = "send",
                          .address = settings->hub,
                          .token_file = settings->token_file,
                          .room = settings->room,
                          .ai_id = settings->as,
                          .acks = is_acked(settings->type),
                          .message = on_message,
                          .data = &verdict};
    int code = visit_begin(&visit);
    if (code == EXIT_WORKED) {
        int error = publish(&visit, settings, payload);
        if (error == KHUB_E_ARGUMENT && settings->to) {
            complain("send", "--to is '%s': that can't be an ai_id.", settings->to);
            code = EXIT_USAGE;
        } else if (error < 0) {
            code = complain("send", "%s", khub_error_text(error));
        } else if ((visit.acks ? await(&visit, &verdict) : visit_settle(&visit, SETTLE_MS)) < 0 &&
                   !verdict.objected) {
            code = complain("send", "the hub did not say within %d s whether it took the message.",
                            SETTLE_MS / 1000);
        } else {
            code = report(settings, &verdict);
        }
    }
    visit_end(&visit);
    free(verdict.code);
    free(verdict.detail);
    return code;
}

static int run(const void *data)
{
    const struct send_settings *settings = data;
    struct text payload = {0};
    int code = given_check_type("send", settings->type);
    if (code == EXIT_WORKED && strcmp(settings->payload, "-") == 0)
        code = given_read_stdin("send", &payload);
    else
        text_add(&payload, slice_of(settings->payload));
    if (code == EXIT_WORKED)
        code = given_check_payload("send", "PAYLOAD", &payload);
    if (code == EXIT_WORKED)
        code =
            payload.failed ? complain("send", "out of memory") : send_payload(settings, payload.at);
    text_free(&payload);
    return code;
}

#define AT(member) .offset = offsetof(struct send_settings, member)
static const struct setting options[] = {
    HUB_SETTING(struct send_settings),
    {.name = "to",
     .kind = SETTING_TEXT,
     AT(to),
     .argument = "AI_ID",
     .bytes = WIRE_ID_MAX,
     .help = "The one AI that gets it. Without it: all."},
    {.name = "as",
     .kind = SETTING_TEXT,
     AT(as),
     .argument = "AI_ID",
     .bytes = WIRE_ID_MAX,
     .help = "The name to send under. Without it: user@host/send and a number."},
    JSON_SETTING(
        struct send_settings,
        "The verdict as JSON: message_id, accepted; its seq; when refused, or accepted but "
        "not delivered (\"delivered\":false), code and detail."),
    {0},
};

static const struct setting operands[] = {
    {.name = "TYPE",
     .kind = SETTING_TEXT,
     AT(type),
     .required = true,
     .help =
         "A message type: pattern_share, code_share, os_component_share, feature_request, chat…"},
    {.name = "PAYLOAD",
     .kind = SETTING_TEXT,
     AT(payload),
     .required = true,
     .help = "A JSON object; - reads it from stdin."},
    {0},
};

const struct command command_send = {
    .name = "send",
    .summary = "send one message, written by hand",
    .about = "Joins a hub, sends one message, waits until the hub has acked it (a hub that "
             "keeps its state has it on disk by then), and leaves.",
    .example = "  khub send chat '{\"text\":\"good morning\"}' --to AI_Node_1\n"
               "  khub send pattern_share - < pattern.json",
    .worked = "the hub took the message and, with --to, delivered it",
    .failed = "the hub refused it, took it but could not deliver it, or could not be reached",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct send_settings),
    .run = run,
};
