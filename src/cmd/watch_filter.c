/* See watch_filter.h. */
#include "cmd/watch_filter.h"

#include <string.h>

#include "cmd/fields.h"
#include "cmd/summary.h"
#include "cmd/visit.h"
#include "wire/nearest.h"

static bool is_type(enum message_type type, const char *name)
{
    return strcmp(name, message_type_text(type)) == 0 || strcmp(name, type_look(type)->label) == 0;
}

int types_named(const char *command, const struct text_list *names, struct message_types *ret_types)
{
    *ret_types = (struct message_types){{0}};
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->at[i];
        struct nearest nearest = {.word = slice_of(name)};
        bool known = false;
        for (int type = 0; type < MESSAGE_TYPE_COUNT; type++) {
            bool is = is_type((enum message_type)type, name);
            known = known || is;
            if (is)
                message_types_add(ret_types, (enum message_type)type);
            nearest_offer(&nearest, slice_of(message_type_text((enum message_type)type)));
            nearest_offer(&nearest, slice_of(type_look((enum message_type)type)->label));
        }
        if (known)
            continue;
        if (nearest.count > 0)
            complain(command, "--type is '%s': did you mean '%.*s'?", name,
                     SLICE_FORMAT(nearest.best[0].name));
        else
            complain(command, "--type is '%s': there is no such message type.", name);
        return EXIT_USAGE;
    }
    return EXIT_WORKED;
}

int watch_filter_check(const struct watch_filter *filter)
{
    struct message_types types;
    return types_named("watch", &filter->types, &types);
}

static bool type_passes(const struct text_list *types, const char *type_text)
{
    enum message_type type;
    bool passes = types->count == 0;
    if (message_type_find(slice_of(type_text), &type) < 0)
        return passes;
    for (size_t i = 0; i < types->count; i++)
        passes = passes || is_type(type, types->at[i]);
    return passes;
}

/* Whether an array of names has this one. */
static bool holds_name(struct json_value array, const char *name)
{
    struct json_iterator iterator = {.rest = array.raw};
    struct json_value element;
    while (array.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &element))
        if (json_string_is(element, slice_of(name)))
            return true;
    return false;
}

/* The hub speaks of AIs, and one AI of another: in these members. */
static bool is_about(struct json_value payload, const char *ai_id)
{
    static const char *const members[] = {"ai_id",     "author",    "by",
                                          "initiator", "requestor", "original_requestor"};
    bool found = holds_name(json_get(payload, "participants"), ai_id) ||
                 holds_name(json_get(payload, "asked"), ai_id);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        found = found || json_string_is(json_get(payload, members[i]), slice_of(ai_id));
    return found;
}

static bool ai_passes(const struct text_list *ais, const struct khub_message *message,
                      struct json_value payload)
{
    bool passes = ais->count == 0;
    for (size_t i = 0; i < ais->count; i++)
        passes = passes || strcmp(ais->at[i], message->sender_id.at) == 0 ||
                 strcmp(ais->at[i], message->target_ai.at) == 0 || is_about(payload, ais->at[i]);
    return passes;
}

static bool session_passes(const struct text_list *sessions, struct json_value payload)
{
    OWNED char *id = field_string(payload, "session_id");
    bool passes = sessions->count == 0;
    for (size_t i = 0; i < sessions->count; i++)
        passes = passes || strncmp(id, sessions->at[i], strlen(sessions->at[i])) == 0;
    return passes;
}

bool watch_filter_passes(const struct watch_filter *filter, const struct khub_message *message)
{
    struct json_value payload =
        json_value_of((struct slice){message->payload.at, message->payload.len});
    return type_passes(&filter->types, message->type.at) &&
           ai_passes(&filter->ais, message, payload) && session_passes(&filter->sessions, payload);
}
