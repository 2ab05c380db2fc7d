/* A file of JSON that others write too is changed where it must be, and stays what it was
 * elsewhere, to the byte: order, indentation, line ends. What is added looks like its neighbours.
 *
 * Places are named by JSON Pointers (RFC 6901) without escapes: "/hooks/Stop/0". A last step "-" is
 * the place behind an array's last element. */
#ifndef KHUB_CMD_JSON_EDIT_H
#define KHUB_CMD_JSON_EDIT_H

#include <jansson.h>

#include "wire/text.h"

/* Whether these functions may take it: strict JSON, an object, no name twice in one object. 0, or
 * -1 with the line where that ends (0: nowhere in particular) and a sentence. */
int json_edit_check(struct slice text, int *ret_line, char *ret_why, size_t size);
/* Puts a value there, in place of the one that is; objects and arrays on the way are made. One that
 * is equal stays as it is written. 0, or -1: something on the way is no object, or no array. */
int json_edit_set(struct text *text, const char *pointer, const json_t *value);
/* Takes a value away; and what was made to hold it, if that holds nothing any more. 0, or -1: there
 * is none. */
int json_edit_remove(struct text *text, const char *pointer);

#endif
