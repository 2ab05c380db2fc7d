/* What stands in the JSON that a hub sent. */
#ifndef KHUB_TESTS_CORE_JSON_H
#define KHUB_TESTS_CORE_JSON_H

#include <jansson.h>

/* Members of an object. They fail the test when it is not there, or of another kind. */
const char *string_of(json_t *object, const char *name);
json_int_t integer_of(json_t *object, const char *name);
double number_of(json_t *object, const char *name);
/* An array of strings as "a,b,c", good until the next call. */
const char *joined_of(json_t *object, const char *name);
/* The names of an object's members, sorted, as "a,b,c", good until the next call. */
const char *names_of(json_t *object);

#endif
