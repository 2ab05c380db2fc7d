/* See feed.h. */
#include "cmd/feed.h"

#include <stdarg.h>
#include <stdlib.h>

#define NAME_COLUMNS_LEAST 6u
#define NAME_COLUMNS_MOST  18u

void feed_begin(struct feed *feed, const struct terminal *terminal, FILE *out)
{
    *feed = (struct feed){.terminal = terminal,
                          .out = out,
                          .sender_columns = NAME_COLUMNS_LEAST,
                          .target_columns = NAME_COLUMNS_LEAST};
    line_begin(&feed->line, terminal);
}

void feed_free(struct feed *feed)
{
    line_free(&feed->line);
}

static unsigned widened(const struct feed *feed, unsigned columns, struct slice name)
{
    unsigned wanted = text_columns(name, feed->terminal->unicode);
    wanted = wanted > NAME_COLUMNS_MOST ? NAME_COLUMNS_MOST : wanted;
    return wanted > columns ? wanted : columns;
}

void feed_expect(struct feed *feed, struct slice ai_id)
{
    feed->sender_columns = widened(feed, feed->sender_columns, ai_id);
    feed->target_columns = widened(feed, feed->target_columns, ai_id);
}

enum style feed_style(struct slice ai_id)
{
    static const enum style styles[] = {STYLE_CYAN,    STYLE_GREEN, STYLE_YELLOW,
                                        STYLE_MAGENTA, STYLE_BLUE,  STYLE_RED};
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < ai_id.len; i++)
        hash = (hash ^ (unsigned char)ai_id.at[i]) * 16777619u;
    if (slice_is(ai_id, "hub"))
        return STYLE_DIM;
    return styles[(hash >> 16) % (sizeof(styles) / sizeof(styles[0]))];
}

static void add_type(struct feed *feed, enum message_type type, struct slice text)
{
    struct line *line = &feed->line;
    const struct type_look *look = type_look(type);
    bool whole = line_is_roomy(line); /* for types as on the wire */
    line_style(line, look->style);
    if (whole || type == MESSAGE_TYPE_COUNT)
        line_cell(line, text, whole ? TYPE_TEXT_MAX : TYPE_LABEL_MAX);
    else
        line_cell(line, slice_of(look->label), TYPE_LABEL_MAX);
    line_style(line, STYLE_PLAIN);
}

/* Most messages are for all. Where columns are rare, only another target is named, and behind the
 * type. */
static void add_target(struct feed *feed, struct slice target, bool behind_type)
{
    struct line *line = &feed->line;
    if (line_is_roomy(line) == behind_type || (behind_type && target.len == 0))
        return;
    line_style(line, STYLE_DIM);
    line_add(line, slice_of(behind_type ? "" : " "));
    line_add(line, slice_of(feed->terminal->unicode ? "→ " : "> "));
    if (target.len == 0)
        line_cell(line, slice_of("all"), feed->target_columns);
    line_style(line, target.len == 0 ? STYLE_PLAIN : feed_style(target));
    if (behind_type)
        line_add(line, target);
    else if (target.len > 0)
        line_cell(line, target, feed->target_columns);
    line_style(line, STYLE_PLAIN);
    line_add(line, slice_of(behind_type ? " " : ""));
}

void feed_print(struct feed *feed, const struct khub_message *message, int64_t now)
{
    struct line *line = &feed->line;
    struct slice sender = {message->sender_id.at, message->sender_id.len};
    struct slice target = {message->target_ai.at, message->target_ai.len};
    struct slice text = {message->type.at, message->type.len};
    enum message_type type;
    char clock[CLOCK_SIZE];

    if (message_type_find(text, &type) < 0)
        type = MESSAGE_TYPE_COUNT;
    feed->sender_columns = widened(feed, feed->sender_columns, sender);
    feed->target_columns = widened(feed, feed->target_columns, target);
    clock_format(now, clock);
    line_clear(line);
    line_style(line, STYLE_DIM);
    if (feed->numbered)
        line_addf(line, "%6llu ", (unsigned long long)message->seq);
    line_add(line, slice_of(clock));
    line_style(line, STYLE_PLAIN);
    line_add(line, slice_of(" "));
    line_style(line, feed_style(sender));
    line_cell(line, sender, feed->sender_columns);
    line_style(line, STYLE_PLAIN);
    add_target(feed, target, false);
    line_add(line, slice_of("  "));
    add_type(feed, type, text);
    line_add(line, slice_of(" "));
    add_target(feed, target, true);
    if (type_look(type)->style == STYLE_DIM) /* what comes often stays in the background */
        line_style(line, STYLE_DIM);
    summary_add(line, type, (struct slice){message->payload.at, message->payload.len});
    line_print(line, feed->out);
}

int64_t feed_time(const struct khub_message *message, bool late)
{
    int64_t ms = time_now_ms();
    if (late)
        time_parse(message->timestamp.at, &ms);
    return ms;
}

void feed_day(struct feed *feed, int64_t ms)
{
    struct line *line = &feed->line;
    if (!day_turns(feed->day, ms))
        return;
    line_clear(line);
    line_style(line, STYLE_DIM);
    line_addf(line, "%s %s", feed->terminal->unicode ? "──" : "--", feed->day);
    line_print(line, feed->out);
}

void feed_notev(struct feed *feed, int64_t now, const char *format, va_list arguments)
{
    char clock[CLOCK_SIZE];
    clock_format(now, clock);
    line_clear(&feed->line);
    line_style(&feed->line, STYLE_DIM);
    line_addf(&feed->line, "%s %s ", clock, feed->terminal->unicode ? "──" : "--");
    line_addv(&feed->line, format, arguments);
    line_print(&feed->line, feed->out);
}

void feed_note(struct feed *feed, int64_t now, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    feed_notev(feed, now, format, arguments);
    va_end(arguments);
}
