/* What a message says, in a few words: one summariser for each message type. */
#ifndef KHUB_CMD_SUMMARY_H
#define KHUB_CMD_SUMMARY_H

#include <stdbool.h>

#include "cmd/terminal.h"
#include "wire/types.h"

/* How a type is shown: its short name where columns are rare, and its colour. Static storage. */
struct type_look {
    const char *label; /* at most TYPE_LABEL_MAX columns */
    enum style style;
};
#define TYPE_LABEL_MAX 10u
#define TYPE_TEXT_MAX  22u /* columns of the longest type as it is on the wire */
/* MESSAGE_TYPE_COUNT and above: of a type that is not known here. */
const struct type_look *type_look(enum message_type type);

/* A window this wide has room for all that a summary can tell. In a narrower one what matters comes
 * first, what is only nice to see is left out, and ids are cut in the middle: both ends tell. */
#define ROOMY_WIDTH 118u
bool line_is_roomy(const struct line *line);

/* Adds the summary of a payload to the line. payload: any bytes; those that are no JSON object are
 * shown as they are, made harmless. Of an AI's texts at most SUMMARY_TEXT_MAX bytes are looked
 * at. */
#define SUMMARY_TEXT_MAX 4096u
void summary_add(struct line *line, enum message_type type, struct slice payload);

/* The first eight characters of a session_id, which is how sessions are called here. */
struct slice session_short(struct slice session_id);

#endif
