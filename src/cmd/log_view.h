/* A log on stdout: a line for each message, with its seq and time, and one for each new day. */
#ifndef KHUB_CMD_LOG_VIEW_H
#define KHUB_CMD_LOG_VIEW_H

#include "cmd/feed.h"
#include "wire/json.h"

struct log_view {
    bool json; /* {seq, time, message} a line instead */
    struct terminal terminal;
    struct feed feed;
    uint64_t printed;
    bool broken; /* stdout can't be written */
};

/* color: one of color_choices. It must stay where it is until its end. */
void log_view_begin(struct log_view *view, const char *color, bool json);
void log_view_end(struct log_view *view);
/* One message, which came at that unix time in ms; its line is what was said. */
void log_view_print(struct log_view *view, const struct khub_message *message, int64_t ms);
/* The same of {seq, time, message}; a history_visitor, data: the view. */
bool log_view_kept(void *data, struct json_value kept);
/* Whether somebody still reads. */
bool log_view_flush(struct log_view *view);

#endif
