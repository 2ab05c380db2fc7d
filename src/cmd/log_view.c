/* See log_view.h. */
#include "cmd/log_view.h"

#include <inttypes.h>
#include <unistd.h>

#include "cmd/fields.h"
#include "cmd/json_out.h"
#include "wire/message.h"

void log_view_begin(struct log_view *view, const char *color, bool json)
{
    *view = (struct log_view){.json = json, .terminal = terminal_of(STDOUT_FILENO, color)};
    feed_begin(&view->feed, &view->terminal, stdout);
    view->feed.numbered = true;
}

void log_view_end(struct log_view *view)
{
    feed_free(&view->feed);
}

static void print_json(const struct log_view *view, uint64_t seq, int64_t ms, struct slice message)
{
    char time[TIMESTAMP_SIZE];
    timestamp_format(ms, time);
    printf("{\"seq\":%" PRIu64 ",\"time\":\"%s\",\"message\":", seq, time);
    if (view->terminal.is_terminal)
        json_print(stdout, message, false);
    else
        fwrite(message.at, 1, message.len, stdout); /* the AI's own bytes */
    fputs("}\n", stdout);
}

void log_view_print(struct log_view *view, const struct khub_message *message, int64_t ms)
{
    view->printed++;
    if (view->json) {
        print_json(view, message->seq, ms, (struct slice){message->line.at, message->line.len});
        return;
    }
    terminal_measure(&view->terminal);
    feed_day(&view->feed, ms);
    feed_print(&view->feed, message, ms);
}

bool log_view_flush(struct log_view *view)
{
    view->broken = view->broken || !output_flush();
    return !view->broken;
}

static struct khub_text text_of(struct slice slice)
{
    return (struct khub_text){slice.at, slice.len};
}

bool log_view_kept(void *data, struct json_value kept)
{
    struct log_view *view = data;
    struct message parsed;
    struct refusal refusal;
    struct slice line = json_get(kept, "message").raw;
    OWNED char *time = field_string(kept, "time");
    struct khub_message message = {.line = text_of(line)};
    int64_t ms = 0;
    if (message_parse(line, &parsed, &refusal) < 0)
        return true; /* a later hub's type */
    time_parse(time, &ms);
    json_u64(json_get(kept, "seq"), &message.seq);
    message.sender_id = text_of(parsed.sender_id);
    message.target_ai = text_of(parsed.target);
    message.type = text_of(slice_of(message_type_text(parsed.type)));
    message.payload = text_of(parsed.payload.raw);
    log_view_print(view, &message, ms);
    return view->printed % 64 ? !view->broken : log_view_flush(view);
}
