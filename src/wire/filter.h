/* Which messages somebody wants to see of many: by sender, target, type and session. */
#ifndef KHUB_WIRE_FILTER_H
#define KHUB_WIRE_FILTER_H

#include "wire/message.h"

/* A plain value: it may be copied and outlive what it was made of. */
struct message_filter {
    char sender[WIRE_ID_MAX], target[WIRE_ID_MAX];
    char session[WIRE_ID_MAX];                  /* a session_id, or how it begins */
    size_t sender_len, target_len, session_len; /* 0: any */
    struct message_types types;                 /* none: any */
};

/* A message passes when each member that asks for something gets it. `payload` is of one that was
 * accepted. */
bool message_filter_passes(const struct message_filter *filter, enum message_type type,
                           struct slice sender, struct slice target, struct json_value payload);

#endif
