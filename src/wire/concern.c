#include "wire/concern.h"

#include "wire/types.h"

static bool is(struct json_value payload, const char *member, const char *text)
{
    return json_string_is(json_get(payload, member), slice_of(text));
}

static bool names(struct json_value payload, const char *member, struct slice self)
{
    return json_string_is(json_get(payload, member), self);
}

/* Its own doings it knows; that somebody works on something is said by who asks for tasks. What is
 * done to its own task, or to what it works on, is for it. */
static enum concern task_concern(struct slice self, struct json_value payload)
{
    bool own = names(payload, "author", self), held = names(payload, "held_by", self);
    if (names(payload, "by", self) || is(payload, "change", "claimed"))
        return CONCERN_NONE;
    if (is(payload, "change", "released"))
        return own ? CONCERN_OWN : CONCERN_NONE;
    if (is(payload, "change", "expired") && held)
        return CONCERN_NONE; /* it is told of its lease */
    return own || held ? CONCERN_OWN : CONCERN_ALL;
}

static enum concern hub_concern(struct slice self, enum message_type type,
                                struct json_value payload)
{
    switch (type) {
    case MESSAGE_PRESENCE:
        return is(payload, "status", "left") ? CONCERN_LEFT : CONCERN_NONE;
    case MESSAGE_LEASE: /* that its own has ended without having been given back */
        return names(payload, "holder", self) && is(payload, "status", "expired") ? CONCERN_OWN
                                                                                  : CONCERN_NONE;
    case MESSAGE_APPROVAL: /* what was decided of its question, and what it alone is to answer */
        return names(payload, is(payload, "status", "pending") ? "target" : "asker", self)
                   ? CONCERN_OWN
                   : CONCERN_NONE;
    case MESSAGE_TASK:
        return task_concern(self, payload);
    case MESSAGE_ARTIFACT: /* how far an upload is, is its sender's to know */
        return is(payload, "status", "kept") && !names(payload, "by", self) ? CONCERN_ALL
                                                                            : CONCERN_NONE;
    case MESSAGE_ERROR:
        return is(payload, "code", wire_error_code(WIRE_NO_REPLY)) ? CONCERN_OWN : CONCERN_NONE;
    case MESSAGE_PATH_WARNING:
    case MESSAGE_FEATURE_RESPONSE:
        return CONCERN_OWN;
    case MESSAGE_COLLABORATION_UPDATE:
    case MESSAGE_VERIFICATION:
    case MESSAGE_MODERATION:
    case MESSAGE_TYPE_COUNT: /* a newer hub's */
        return CONCERN_ALL;
    default:
        return CONCERN_NONE; /* answers to one connection */
    }
}

enum concern concern_of(struct slice self, struct slice sender, struct slice type,
                        struct slice target, struct json_value payload)
{
    enum message_type found = MESSAGE_TYPE_COUNT;
    message_type_find(type, &found);
    if (slice_is(sender, "hub"))
        return hub_concern(self, found, payload);
    if (found == MESSAGE_HELLO)
        return CONCERN_CAME;
    return slice_equal(target, self) ? CONCERN_OWN : CONCERN_ALL;
}
