/* What the hub says of paths that two work on, as lines for who shares them. */
#ifndef KHUB_CMD_PATH_WARNINGS_H
#define KHUB_CMD_PATH_WARNINGS_H

#include "khub.h"
#include "wire/text.h"

/* Adds a line for each other one that a message, if it is a path_warning, names beside ai_id:
 * "-- src/a.c: bob has src (claimed 3 min ago): \"the lexer\"". */
void path_warning_add(struct text *lines, const char *ai_id, const struct khub_message *message);

#endif
