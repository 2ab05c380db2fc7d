/* See filter.h. */
#include "wire/filter.h"

#include <string.h>

static bool is(const char *wanted, size_t len, struct slice text)
{
    return len == 0 || slice_equal((struct slice){wanted, len}, text);
}

/* In the payload, as all messages of a session name it. */
static bool session_is(const struct message_filter *filter, struct json_value payload)
{
    char session[2 * WIRE_ID_MAX];
    if (filter->session_len == 0)
        return true;
    struct json_value named = json_get(payload, "session_id");
    long len = named.kind == JSON_KIND_STRING ? json_decode(named, session, sizeof session) : -1;
    return len >= (long)filter->session_len &&
           memcmp(session, filter->session, filter->session_len) == 0;
}

bool message_filter_passes(const struct message_filter *filter, enum message_type type,
                           struct slice sender, struct slice target, struct json_value payload)
{
    return (!message_types_any(filter->types) || message_types_has(filter->types, type)) &&
           is(filter->sender, filter->sender_len, sender) &&
           is(filter->target, filter->target_len, target) && session_is(filter, payload);
}
