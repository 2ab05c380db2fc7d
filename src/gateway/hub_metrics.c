/* The hub's own figures for Prometheus: its stats_result as text. */
#include <jansson.h>

#include "gateway/gateway_inside.h"

/* One of a stats_result's members; of an object, one for each of its members under a label. */
struct figure {
    const char *member, *name, *type, *label, *help;
};
/* Of a room as of a hub. */
#define FIGURES_COUNTED                                                                            \
    {"members", "members", "gauge", NULL, "Members that are connected."},                          \
        {"away", "members_away", "gauge", NULL, "Members that will come back."},                   \
        {"sessions", "sessions", "gauge", "state", "Sessions, by state."},                         \
        {"leases", "leases", "gauge", NULL, "Leases that are open."},                              \
        {"approvals_pending", "approvals_pending", "gauge", NULL,                                  \
         "Questions that wait for a person."},                                                     \
        {"dead_letters", "dead_letters", "gauge", NULL, "Direct messages that nobody took."},      \
        {"tasks", "tasks", "gauge", "status", "Tasks, by status."},                                \
        {"knowledge", "knowledge_entries", "gauge", "section", "Entries of knowledge."},           \
    {                                                                                              \
        "knowledge_bytes", "knowledge_bytes", "gauge", NULL, "Bytes of knowledge."                 \
    }
static const struct figure room_figures[] = {
    {"seq", "seq", "gauge", NULL, "Seq of the room's last entry."}, FIGURES_COUNTED, {0}};
static const struct figure hub_figures[] = {
    {"uptime_s", "uptime_seconds", "gauge", NULL, "Since the hub began."},
    {"rooms", "rooms", "gauge", NULL, "Rooms."},
    {"observers", "observers", "gauge", NULL, "Observers that are connected."},
    FIGURES_COUNTED,
    {"connections", "connections", "gauge", NULL, "Connections now."},
    {"accepted", "connections_accepted_total", "counter", NULL, "Connections that were accepted."},
    {"closed", "connections_closed_total", "counter", "reason", "Connections that ended."},
    {"messages", "messages_total", "counter", NULL, "Messages that were accepted."},
    {"refused", "refused_total", "counter", NULL, "Messages that were refused."},
    {"deliveries", "deliveries_total", "counter", NULL, "Lines to receivers, each counted."},
    {"bytes_in", "received_bytes_total", "counter", NULL, "Bytes that were read."},
    {"bytes_out", "sent_bytes_total", "counter", NULL, "Bytes that were written."},
    {"queued_bytes", "queued_bytes", "gauge", NULL, "In memory for receivers."},
    {"unstored_bytes", "unstored_bytes", "gauge", NULL, "Of entries that are not on disk yet."},
    {0}};

static void label_add(struct text *text, const char *value)
{
    for (const char *at = value; *at; at++)
        if (*at == '\n')
            text_add_literal(text, "\\n");
        else
            text_addf(text, "%s%c", *at == '"' || *at == '\\' ? "\\" : "", *at);
}

/* room NULL: none is named. */
static void line_add(struct text *text, const char *name, const char *room, const char *label,
                     const char *value, const json_t *number)
{
    text_add_literal(text, name);
    if (room || label)
        text_add_literal(text, "{");
    if (room) {
        text_add_literal(text, "room=\"");
        label_add(text, room);
        text_addf(text, "\"%s", label ? "," : "");
    }
    if (label)
        text_addf(text, "%s=\"%s\"", label, value);
    if (room || label)
        text_add_literal(text, "}");
    text_addf(text, " %.15g\n", json_number_value(number));
}

static void figure_add(struct text *text, const struct figure *figure, const char *prefix,
                       const char *room, const json_t *of)
{
    char name[96];
    const char *key;
    json_t *told = json_object_get(of, figure->member), *number;
    snprintf(name, sizeof name, "%s%s", prefix, figure->name);
    text_addf(text, "# HELP %s %s\n# TYPE %s %s\n", name, figure->help, name, figure->type);
    if (!figure->label)
        line_add(text, name, room, NULL, NULL, told);
    json_object_foreach(figure->label ? told : NULL, key, number)
    {
        line_add(text, name, room, figure->label, key, number);
    }
}

/* Its buckets count what is in those before as well. */
static void histogram_add_text(struct text *text, const char *name, const char *help,
                               const json_t *histogram)
{
    const json_t *bounds = json_object_get(histogram, "le_s");
    const json_t *counts = json_object_get(histogram, "counts");
    json_int_t below = 0;
    text_addf(text, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name);
    for (size_t i = 0; i < json_array_size(bounds); i++) {
        below += json_integer_value(json_array_get(counts, i));
        text_addf(text, "%s_bucket{le=\"%.5g\"} %" JSON_INTEGER_FORMAT "\n", name,
                  json_number_value(json_array_get(bounds, i)), below);
    }
    json_int_t count = json_integer_value(json_object_get(histogram, "count"));
    text_addf(text, "%s_bucket{le=\"+Inf\"} %" JSON_INTEGER_FORMAT "\n%s_sum %.9g\n", name, count,
              name, json_number_value(json_object_get(histogram, "sum_s")));
    text_addf(text, "%s_count %" JSON_INTEGER_FORMAT "\n", name, count);
}

void hub_metrics_add(struct text *text, struct slice stats)
{
    json_error_t error;
    json_t *result = json_loadb(stats.at, stats.len, 0, &error);
    const json_t *room = json_object_get(result, "room"), *hub = json_object_get(result, "hub");
    const char *version = json_string_value(json_object_get(result, "hub_version"));
    const char *name = json_string_value(json_object_get(room, "name"));
    text_add_literal(text, "# HELP khub_up 1 when the hub told what it counts.\n"
                           "# TYPE khub_up gauge\n");
    text_addf(text, "khub_up %d\n", name && version);
    if (name && version) {
        text_add_literal(text, "# HELP khub_info Which khub the hub is.\n# TYPE khub_info gauge\n"
                               "khub_info{version=\"");
        label_add(text, version);
        text_add_literal(text, "\"} 1\n");
        for (const struct figure *figure = room_figures; figure->member; figure++)
            figure_add(text, figure, "khub_room_", name, room);
    }
    if (json_is_object(hub)) {
        for (const struct figure *figure = hub_figures; figure->member; figure++)
            figure_add(text, figure, "khub_", NULL, hub);
        histogram_add_text(text, "khub_message_seconds",
                           "From reading a message to writing what came of it.",
                           json_object_get(hub, "latency"));
    }
    if (json_is_object(json_object_get(hub, "commits")))
        histogram_add_text(text, "khub_commit_seconds", "Transactions of the store.",
                           json_object_get(hub, "commits"));
    json_decref(result);
}
