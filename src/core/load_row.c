/* See load.h. */
#include "core/load.h"

#include <math.h>

#include "core/memory.h"

struct json_value load_value(struct loading *loading, struct json_value object, const char *name,
                             enum json_kind kind)
{
    struct json_value value = json_get(object, name);
    if (value.kind != kind && !loading->missing)
        loading->missing = name;
    return value.kind == kind ? value : (struct json_value){.kind = JSON_KIND_ABSENT};
}

struct slice load_string(struct json_value string)
{
    char *buffer = memory_new(string.raw.len + 1);
    long len = string.kind == JSON_KIND_STRING ? json_decode(string, buffer, string.raw.len) : 0;
    return (struct slice){buffer, len > 0 ? (size_t)len : 0};
}

struct slice load_text(struct loading *loading, struct json_value object, const char *name)
{
    return load_string(load_value(loading, object, name, JSON_KIND_STRING));
}

void load_short(struct loading *loading, struct json_value object, const char *name, char *buffer,
                size_t size)
{
    struct json_value value = load_value(loading, object, name, JSON_KIND_STRING);
    long len = value.kind == JSON_KIND_STRING ? json_decode(value, buffer, size - 1) : 0;
    if (len < 0 && !loading->missing)
        loading->missing = name;
    buffer[len > 0 ? len : 0] = '\0';
}

uint64_t load_u64(struct loading *loading, struct json_value object, const char *name)
{
    uint64_t number = 0;
    if (json_u64(json_get(object, name), &number) < 0 && !loading->missing)
        loading->missing = name;
    return number;
}

int64_t load_i64(struct loading *loading, struct json_value object, const char *name)
{
    double number = 0;
    if (json_number(json_get(object, name), &number) < 0 && !loading->missing)
        loading->missing = name;
    return fabs(number) < 9e15 ? (int64_t)number : 0;
}

bool load_bool(struct loading *loading, struct json_value object, const char *name)
{
    enum json_kind kind = json_get(object, name).kind;
    if (kind != JSON_KIND_TRUE && kind != JSON_KIND_FALSE && !loading->missing)
        loading->missing = name;
    return kind == JSON_KIND_TRUE;
}

bool load_bool_or(struct loading *loading, struct json_value object, const char *name, bool preset)
{
    bool has = json_get(object, name).kind != JSON_KIND_ABSENT;
    return has ? load_bool(loading, object, name) : preset;
}

struct slice load_owner(struct loading *loading, struct json_value object, struct slice ai_id)
{
    bool has = json_get(object, "owner").kind != JSON_KIND_ABSENT;
    return has ? load_text(loading, object, "owner") : slice_copy(ai_id);
}

double load_double(struct loading *loading, struct json_value object, const char *name)
{
    struct json_value value = json_get(object, name);
    double number = (double)NAN;
    if (value.kind != JSON_KIND_NULL && json_number(value, &number) < 0 && !loading->missing)
        loading->missing = name;
    return number;
}

struct json_value load_array(struct loading *loading, struct json_value object, const char *name)
{
    return load_value(loading, object, name, JSON_KIND_ARRAY);
}

bool load_has(const struct loading *loading, const char *name)
{
    return json_get(loading->object, name).kind != JSON_KIND_ABSENT;
}

void load_damage(struct loading *loading, const char *name)
{
    if (!loading->missing)
        loading->missing = name;
}

void load_ruling(struct loading *loading, struct json_value object, struct ruling *ruling)
{
    *ruling = (struct ruling){.by = load_text(loading, object, "by"),
                              .reason = load_text(loading, object, "reason"),
                              .since_ms = load_i64(loading, object, "since_ms")};
    if (!ruling->by.len || !ruling->reason.len)
        load_damage(loading, "reason");
}
