/* Printing JSON that came over the wire, with its own numbers and its own order, such that no
 * terminal obeys it. */
#ifndef KHUB_CMD_JSON_OUT_H
#define KHUB_CMD_JSON_OUT_H

#include <jansson.h>
#include <stdio.h>

#include "wire/slice.h"

/* Writes an accepted text (wire/json.h), one member a line with two spaces of indent when pretty,
 * else on one line. Characters that a terminal might act on are written as \u escapes: the same
 * JSON. No line end behind it. */
void json_print(FILE *out, struct slice accepted, bool pretty);
/* A command's own result on stdout, with a line end; takes the reference. An exit code, 1 after
 * a sentence on stderr when there is no memory for it (root may be NULL for that reason); main
 * looks whether stdout took it. */
int json_print_result(const char *command, json_t *root);
/* A string of any bytes as JSON, which holds UTF-8 alone: bytes that are none become U+FFFD.
 * NULL when out of memory. */
json_t *json_of_bytes(const char *bytes);
/* A JSON string with its quotes, of any bytes. */
void json_print_string(FILE *out, struct slice bytes);

#endif
