/* What somebody gives to be said: a type, and a payload as JSON or from stdin. */
#ifndef KHUB_CMD_GIVEN_H
#define KHUB_CMD_GIVEN_H

#include "wire/text.h"

/* That a text is a type that clients send. EXIT_WORKED, or an exit code after a sentence. */
int given_check_type(const char *command, const char *text);
/* All of stdin. The same. */
int given_read_stdin(const char *command, struct text *payload);
/* One strict JSON object, with its own spelling; brings it on one line, and puts a NUL behind it.
 * `name` is what the option or operand is called. The same. */
int given_check_payload(const char *command, const char *name, struct text *payload);

#endif
