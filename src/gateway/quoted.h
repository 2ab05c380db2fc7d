/* A peer's text among a program's own: each line of it behind "| ", so that none can pass for
 * another's, and nothing in it that hides (wire/shown.h). */
#ifndef KHUB_GATEWAY_QUOTED_H
#define KHUB_GATEWAY_QUOTED_H

#include <jansson.h>

#include "wire/text.h"

/* Ends with a line end. */
void text_add_quoted(struct text *text, struct slice bytes);
/* The same of an accepted JSON text: on one line behind "+ ". */
void text_add_quoted_json(struct text *text, struct slice accepted);
/* JSON on one line, in which nothing hides. */
void text_add_dumped(struct text *text, const json_t *json);
/* On the line under way: line ends and tabs become blanks. */
void text_add_shown(struct text *text, struct slice bytes);
/* The first `size` bytes of it, less if a character would be cut in two. */
struct slice slice_cut(struct slice bytes, size_t size);

#endif
