/* Reading members of a payload, with refusals that name them. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/request.h"

static const char *const kind_names[] = {
    [JSON_KIND_ABSENT] = "absent",   [JSON_KIND_NULL] = "null",
    [JSON_KIND_FALSE] = "false",     [JSON_KIND_TRUE] = "true",
    [JSON_KIND_NUMBER] = "a number", [JSON_KIND_STRING] = "a string",
    [JSON_KIND_ARRAY] = "an array",  [JSON_KIND_OBJECT] = "an object",
};

const char *payload_shown(struct json_value value, char buffer[PAYLOAD_SHOWN_SIZE])
{
    char text[EXCERPT_SIZE];
    if (value.kind != JSON_KIND_NUMBER && value.kind != JSON_KIND_STRING)
        return kind_names[value.kind];
    const char *quote = value.kind == JSON_KIND_STRING ? "\"" : "";
    snprintf(buffer, PAYLOAD_SHOWN_SIZE, "%s%s%s", quote, excerpt_format(value.raw, text), quote);
    return buffer;
}

static struct json_value payload_member(struct json_value object, const char *path)
{
    return json_get(object, strrchr(path, '.') + 1);
}

const struct payload_members *payload_members(struct request *request)
{
    static const struct json_place places[] = {
        {SLICE("text"), offsetof(struct payload_members, text)},
        {SLICE("reply_by"), offsetof(struct payload_members, reply_by)},
        {SLICE("in_reply_to"), offsetof(struct payload_members, in_reply_to)},
        {SLICE("lease"), offsetof(struct payload_members, lease)},
        {SLICE("pattern"), offsetof(struct payload_members, pattern)},
        {SLICE("code"), offsetof(struct payload_members, code)},
        {SLICE("component"), offsetof(struct payload_members, component)},
        {SLICE("component_id"), offsetof(struct payload_members, component_id)},
        {SLICE("performance"), offsetof(struct payload_members, performance)},
    };
    struct payload_members *members = &request->found->payload;
    if (!request->looked)
        message_get_members(request->message, places, sizeof places / sizeof *places, members);
    request->looked = true;
    return members;
}

int payload_text(const struct request *request, struct json_value object, const char *path,
                 enum need need, size_t max, char *buffer, struct slice *ret_text)
{
    return payload_text_of(request, payload_member(object, path), path, need, max, buffer,
                           ret_text);
}

int payload_text_of(const struct request *request, struct json_value value, const char *path,
                    enum need need, size_t max, char *buffer, struct slice *ret_text)
{
    bool nothing = value.kind == JSON_KIND_ABSENT || value.kind == JSON_KIND_NULL ||
                   (value.kind == JSON_KIND_STRING && value.raw.len == 0);
    if (nothing && need == OPTIONAL) {
        *ret_text = (struct slice){buffer, 0};
        return 0;
    }
    if (nothing || value.kind != JSON_KIND_STRING)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD, "%s must be a %sstring, and is %s", path,
                      need == REQUIRED ? "non-empty " : "",
                      value.kind == JSON_KIND_STRING ? "empty" : kind_names[value.kind]);
    long len = json_decode(value, buffer, max);
    if (len < 0)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD, "%s is longer than %zu bytes", path, max);
    *ret_text = (struct slice){buffer, (size_t)len};
    return 0;
}

int payload_check_string(const struct request *request, struct json_value value, const char *path)
{
    if (value.kind == JSON_KIND_ABSENT || value.kind == JSON_KIND_NULL ||
        value.kind == JSON_KIND_STRING)
        return 0;
    return refuse(request->refusal, WIRE_BAD_PAYLOAD, "%s must be a string, and is %s", path,
                  kind_names[value.kind]);
}

int payload_object_of(const struct request *request, struct json_value value, const char *path,
                      struct json_value *ret_object)
{
    if (value.kind != JSON_KIND_OBJECT)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD, "%s must be an object, and is %s", path,
                      kind_names[value.kind]);
    *ret_object = value;
    return 0;
}

int payload_bool(const struct request *request, struct json_value object, const char *path,
                 bool preset, bool *ret_bool)
{
    struct json_value value = payload_member(object, path);
    switch (value.kind) {
    case JSON_KIND_ABSENT:
    case JSON_KIND_NULL:
        *ret_bool = preset;
        return 0;
    case JSON_KIND_TRUE:
    case JSON_KIND_FALSE:
        *ret_bool = value.kind == JSON_KIND_TRUE;
        return 0;
    default:
        return refuse(request->refusal, WIRE_BAD_PAYLOAD, "%s must be true or false, and is %s",
                      path, kind_names[value.kind]);
    }
}

int payload_u64(const struct request *request, struct json_value object, const char *path,
                uint64_t least, uint64_t most, uint64_t *ret_number)
{
    struct json_value value = payload_member(object, path);
    char shown[PAYLOAD_SHOWN_SIZE];
    uint64_t number;
    if (value.kind == JSON_KIND_ABSENT || value.kind == JSON_KIND_NULL)
        return 0;
    if (json_u64(value, &number) < 0 || number < least || number > most)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "%s must be a whole number from %llu to %llu, and is %s", path,
                      (unsigned long long)least, (unsigned long long)most,
                      payload_shown(value, shown));
    *ret_number = number;
    return 0;
}
