/* Members of AIs' JSON as C values, whatever they really are. */
#ifndef KHUB_CMD_FIELDS_H
#define KHUB_CMD_FIELDS_H

#include <stdlib.h>

#include "wire/json.h"

/* Ends the scope of a `char *` that the scope owns. */
static inline void free_text(char **text)
{
    free(*text);
}
#define OWNED __attribute__((cleanup(free_text)))

/* The decoded text of a string, the raw text of any other value, "" of an absent one or null.
 * Caller frees; dies when out of memory. */
char *field_text(struct json_value value);
/* The same of an object's member. */
char *field_string(struct json_value object, const char *name);
/* An object's member as a number; `otherwise` when it is none. */
double field_number(struct json_value object, const char *name, double otherwise);
/* Elements of an array, members of an object, 0 of anything else. */
size_t field_count(struct json_value value);
/* The C that a body has in the place of parameters, the source of a module; "" when it has none.
 * Caller frees. */
char *field_module(struct json_value body);
/* An array's elements as "a, b, c"; caller frees. */
char *field_names(struct json_value array);
/* What a member of the hub (of a member_result) holds now, its tasks, leases and sessions:
 * "a, b (3)", or "-". Caller frees. */
char *member_work(struct json_value member);
/* How long ago an ISO time is, "12 min"; "" when there is none. "?" when nobody can tell: it has no
 * zone (an AI's local time may be hours off ours), is no time, or lies ahead. */
#define AGO_SIZE 16
void field_ago(struct json_value object, const char *name, int64_t now_ms, char buffer[AGO_SIZE]);

#endif
