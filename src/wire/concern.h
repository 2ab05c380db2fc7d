/* What a message is to one AI, whichever door it comes by: what it should read, what of that is its
 * alone, and what it need not be shown. */
#ifndef KHUB_WIRE_CONCERN_H
#define KHUB_WIRE_CONCERN_H

#include "wire/json.h"
#include "wire/slice.h"

enum concern {
    CONCERN_NONE, /* its own doing, or an answer to a question */
    CONCERN_CAME, /* somebody joined, */
    CONCERN_LEFT, /* or left */
    CONCERN_ALL,  /* it may read it, as others do */
    CONCERN_OWN,  /* it is for this AI alone, or about what is this AI's */
};

/* self: the AI's id; the rest as the message has it: target "" for everyone. Of errors only that
 * nobody replied is anybody's: others answer what somebody said. */
enum concern concern_of(struct slice self, struct slice sender, struct slice type,
                        struct slice target, struct json_value payload);

#endif
