/* The live view of the demo: the lines of `khub watch`, and under them, on a terminal, a block of
 * figures that stays where it is.
 *
 * The block is erased before anything else is printed and drawn again after it, so that it needs no
 * scroll region and leaves nothing behind; each of its lines is cut to the window, for one that
 * wraps would be erased by half. */
#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/demo.h"
#include "cmd/fields.h"

#define BLOCK_WIDTH_LEAST 40u
#define TIME_BAR_COLUMNS  20u

void demo_view_begin(struct demo_view *view, const char *color, bool silent)
{
    *view = (struct demo_view){.silent = silent, .active = json_object()};
    view->terminal = terminal_of(STDOUT_FILENO, color);
    view->block = !silent && view->terminal.moves && view->terminal.color &&
                  view->terminal.width >= BLOCK_WIDTH_LEAST;
    feed_begin(&view->feed, &view->terminal, stdout);
    for (size_t i = 0; i < DEMO_AIS; i++)
        feed_expect(&view->feed, slice_of(demo_ais[i].ai_id));
}

static void erase(struct demo_view *view)
{
    if (view->drawn > 0)
        printf("\033[%uA\r\033[J", view->drawn);
    view->drawn = 0;
}

static void draw_line(struct demo_view *view, struct line *line)
{
    line_print(line, stdout);
    line_clear(line);
    line->width = view->terminal.width - 1;
    view->drawn++;
}

static void draw_time(const struct demo_view *view, struct line *line)
{
    int64_t now = time_monotonic_ms(), gone = now - view->begun, all = view->ends - view->begun;
    unsigned seconds = (unsigned)(gone / 1000);
    line_style(line, STYLE_BOLD);
    line_addf(line, " %u:%02u ", seconds / 60, seconds % 60);
    line_style(line, STYLE_CYAN);
    line_bar(line, all > 0 ? (double)gone / (double)all : 0, TIME_BAR_COLUMNS);
    line_style(line, STYLE_PLAIN);
    line_addf(line, "  %u %s", view->all.messages,
              word_of(view->all.messages, "message", "messages"));
    line_style(line, STYLE_GREEN);
    line_addf(line, "  %u %s completed", view->completed_count,
              word_of(view->completed_count, "session", "sessions"));
}

static void draw_ai(const struct demo_view *view, size_t which, struct line *line)
{
    const struct demo_count *count = &view->each[which];
    line_add(line, slice_of(" "));
    line_style(line, feed_style(slice_of(demo_ais[which].ai_id)));
    line_cell(line, slice_of(demo_ais[which].ai_id), 10);
    line_style(line, STYLE_PLAIN);
    line_cell(line, slice_of(demo_ais[which].specialization), 12);
    if (count->ratio > 0)
        line_addf(line, "gain %4.1f %%  ", 100 * (1 - count->ratio));
    else
        line_add(line, slice_of("training…    "));
    line_addf(line, "shared %-4u checked %-4u confirmed %u", count->patterns + count->components,
              count->checked, count->confirmed);
}

void demo_view_refresh(struct demo_view *view)
{
    if (!view->block)
        return;
    struct line line;
    erase(view);
    terminal_measure(&view->terminal);
    if (view->terminal.width < BLOCK_WIDTH_LEAST)
        return;
    line_begin(&line, &view->terminal);
    line.width = view->terminal.width - 1;
    draw_line(view, &line);
    draw_time(view, &line);
    draw_line(view, &line);
    for (size_t i = 0; i < DEMO_AIS; i++) {
        draw_ai(view, i, &line);
        draw_line(view, &line);
    }
    line_free(&line);
    output_flush();
}

void demo_view_end(struct demo_view *view)
{
    erase(view);
    view->block = false;
    output_flush();
}

/* Which sessions are under way. */
static void note_active(struct demo_view *view, struct json_value payload)
{
    OWNED char *id = field_string(payload, "session_id"), *status = field_string(payload, "status");
    if (strcmp(status, "active") == 0)
        json_object_set_new(view->active, id, json_true());
    else if (strcmp(status, "pending") != 0)
        json_object_del(view->active, id);
}

static void note_completed(struct demo_view *view, struct json_value payload)
{
    OWNED char *id = field_string(payload, "session_id");
    if (!json_string_is(json_get(payload, "status"), slice_of("completed")) ||
        strlen(id) >= sizeof(view->completed[0]) || view->completed_count == DEMO_DONE_MAX)
        return;
    for (unsigned i = 0; i < view->completed_count; i++) {
        if (strcmp(view->completed[i], id) == 0)
            return;
    }
    memcpy(view->completed[view->completed_count++], id, strlen(id) + 1);
}

static void count_message(struct demo_count *count, enum message_type type,
                          struct json_value payload)
{
    count->messages++;
    count->patterns += type == MESSAGE_PATTERN_SHARE;
    count->components += type == MESSAGE_OS_COMPONENT_SHARE;
    /* A check is of another's thing, and says whether the claim holds. */
    count->checked +=
        type == MESSAGE_PERFORMANCE_REPORT &&
        json_get(json_get(payload, "performance"), "claim_holds").kind != JSON_KIND_ABSENT;
}

static struct demo_count *count_of(struct demo_view *view, struct json_value ai_id)
{
    assert(view);
    for (size_t i = 0; i < DEMO_AIS; i++)
        if (json_string_is(ai_id, slice_of(demo_ais[i].ai_id)))
            return &view->each[i];
    return NULL;
}

/* A claim is told, with all who measured it and what its author had. */
static void note_told(struct demo_view *view, struct json_value payload)
{
    struct json_value verification = json_get(payload, "verification"), verifier;
    struct json_iterator verifiers = {.rest = json_get(verification, "verifiers").raw};
    struct demo_count *author = count_of(view, json_get(payload, "author"));
    double ratio = field_number(verification, "ratio", 0);
    if (author && ratio > 0 &&
        json_string_is(json_get(payload, "section"), slice_of("shared_patterns")))
        author->ratio = ratio; /* the latest that is known */
    while (json_next_element(&verifiers, &verifier)) {
        struct demo_count *count = count_of(view, json_get(verifier, "ai_id"));
        view->all.checked++;
        if (count)
            count->checked++;
    }
}

/* The hub's word: two others have measured the claim again and found it true. */
static void note_verification(struct demo_view *view, struct json_value payload)
{
    if (json_string_is(json_get(payload, "was"), slice_of("claimed")))
        note_told(view, payload);
    if (!json_string_is(json_get(payload, "status"), slice_of("confirmed")))
        return;
    view->all.confirmed++;
    for (size_t i = 0; i < DEMO_AIS; i++)
        view->each[i].confirmed +=
            json_string_is(json_get(payload, "author"), slice_of(demo_ais[i].ai_id));
}

bool demo_view_happened(const struct demo_view *view)
{
    for (size_t i = 0; i < DEMO_AIS; i++) {
        const struct demo_count *count = &view->each[i];
        bool first = demo_ais[i].joins <= 0;
        if (count->checked == 0 || (first && (count->patterns == 0 || count->components == 0)))
            return false;
    }
    return view->completed_count > 0 && view->all.confirmed > 0;
}

void demo_view_message(struct demo_view *view, const struct khub_message *message)
{
    enum message_type type;
    struct slice text = {message->type.at, message->type.len};
    if (message_type_find(text, &type) < 0 || type == MESSAGE_TRAINING_SYNC ||
        type == MESSAGE_HEARTBEAT || type == MESSAGE_CAUGHT_UP)
        return;
    struct json_value payload =
        json_value_of((struct slice){message->payload.at, message->payload.len});
    count_message(&view->all, type, payload);
    for (size_t i = 0; i < DEMO_AIS; i++) {
        if (strcmp(message->sender_id.at, demo_ais[i].ai_id) == 0)
            count_message(&view->each[i], type, payload);
    }
    if (type == MESSAGE_COLLABORATION_UPDATE) {
        note_active(view, payload);
        note_completed(view, payload);
    }
    if (type == MESSAGE_VERIFICATION)
        note_verification(view, payload);
    if (view->silent)
        return;
    erase(view);
    feed_print(&view->feed, message, time_now_ms());
}

void demo_view_note(struct demo_view *view, const char *format, ...)
{
    va_list arguments;
    if (view->silent)
        return;
    erase(view);
    va_start(arguments, format);
    feed_notev(&view->feed, time_now_ms(), format, arguments);
    va_end(arguments);
    output_flush();
}

void demo_view_free(struct demo_view *view)
{
    feed_free(&view->feed);
    json_decref(view->active);
}
