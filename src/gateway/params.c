#include "gateway/params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/nearest.h"
#include "wire/shown.h"

#define TEXTS_BYTES_MAX 128u

static const char *const type_names[] = {
    [PARAM_TEXT] = "string",   [PARAM_WHOLE] = "integer", [PARAM_NUMBER] = "number",
    [PARAM_FLAG] = "boolean",  [PARAM_TEXTS] = "array",   [PARAM_OBJECT] = "object",
    [PARAM_OBJECTS] = "array", [PARAM_ANY] = NULL,
};

static json_t *members_schema(const struct param *members);

static bool limited(const struct param *param)
{
    return param->low != 0 || param->high != 0;
}

static json_t *number_of(double value)
{
    return value == (double)(json_int_t)value ? json_integer((json_int_t)value) : json_real(value);
}

static json_t *schema_of(const struct param *param)
{
    const char *type = type_names[param->kind];
    json_t *schema = param->kind == PARAM_OBJECT && param->members ? members_schema(param->members)
                                                                   : json_object();
    if (type)
        json_object_set_new(schema, "type",
                            param->null ? json_pack("[ss]", type, "null") : json_string(type));
    if (param->kind == PARAM_TEXTS)
        json_object_set_new(schema, "items", json_pack("{s:s}", "type", "string"));
    if (param->kind == PARAM_OBJECTS)
        json_object_set_new(schema, "items",
                            param->members ? members_schema(param->members)
                                           : json_pack("{s:s}", "type", "object"));
    if (param->choices) {
        json_t *choices = json_array();
        for (const char *const *choice = param->choices; *choice; choice++)
            json_array_append_new(choices, json_string(*choice));
        json_object_set_new(schema, "enum", choices);
    }
    if ((param->kind == PARAM_WHOLE || param->kind == PARAM_NUMBER) && limited(param)) {
        json_object_set_new(schema, "minimum", number_of(param->low));
        json_object_set_new(schema, "maximum", number_of(param->high));
    }
    if (param->about && param->null)
        json_object_set_new(schema, "description",
                            json_sprintf("%s; null: %s", param->about, param->null));
    else if (param->about)
        json_object_set_new(schema, "description", json_string(param->about));
    return schema;
}

/* What is told by a hub, which may be newer: it may have more than these. */
static json_t *members_schema(const struct param *members)
{
    json_t *schema = params_schema(members);
    json_object_del(schema, "additionalProperties");
    return schema;
}

json_t *params_schema(const struct param *params)
{
    json_t *properties = json_object(), *required = json_array();
    for (; params->name; params++) {
        json_object_set_new(properties, params->name, schema_of(params));
        if (params->required)
            json_array_append_new(required, json_string(params->name));
    }
    json_t *schema = json_pack("{s:s}", "type", "object");
    if (json_object_size(properties) > 0)
        json_object_set(schema, "properties", properties);
    if (json_array_size(required) > 0)
        json_object_set(schema, "required", required);
    json_object_set_new(schema, "additionalProperties", json_false());
    json_decref(properties);
    json_decref(required);
    return schema;
}

/* ── judging ── */

/* A look at a value, in a buffer of the enclosing block. */
#define LOOK_SIZE 64
static const char *look_at(const json_t *value, char buffer[LOOK_SIZE])
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    shown_format(slice_of(text ? text : "?"), buffer, LOOK_SIZE);
    free(text);
    return buffer;
}
#define LOOK(value) look_at(value, (char[LOOK_SIZE]){0})

static int wrong_text(const struct param *param, const json_t *value, char *why, size_t size)
{
    size_t length = json_string_length(value);
    if (!json_is_string(value) || strlen(json_string_value(value)) != length)
        return snprintf(why, size, "'%s' must be a text, and is %s", param->name, LOOK(value));
    if (limited(param) && ((double)length < param->low || (double)length > param->high))
        return snprintf(why, size, "'%s' has %zu bytes, and must have %.0f to %.0f", param->name,
                        length, param->low, param->high);
    if (!param->choices)
        return 0;
    int len = 0;
    for (const char *const *choice = param->choices; *choice; choice++)
        if (strcmp(*choice, json_string_value(value)) == 0)
            return 0;
    len = snprintf(why, size, "'%s' is %s, and must be one of", param->name, LOOK(value));
    for (const char *const *choice = param->choices; *choice && (size_t)len < size; choice++)
        len += snprintf(why + len, size - (size_t)len, "%s %s", choice == param->choices ? "" : ",",
                        *choice);
    return len;
}

static int wrong_number(const struct param *param, const json_t *value, char *why, size_t size)
{
    double number = json_number_value(value);
    if (param->kind == PARAM_WHOLE ? !json_is_integer(value) : !json_is_number(value))
        return snprintf(why, size, "'%s' must be a %snumber, and is %s", param->name,
                        param->kind == PARAM_WHOLE ? "whole " : "", LOOK(value));
    if (limited(param) && !(number >= param->low && number <= param->high))
        return snprintf(why, size, "'%s' is %s, and must be from %.17g to %.17g", param->name,
                        LOOK(value), param->low, param->high);
    return 0;
}

static int wrong_texts(const struct param *param, const json_t *value, char *why, size_t size)
{
    size_t i;
    const json_t *element;
    if (!json_is_array(value))
        return snprintf(why, size, "'%s' must be an array of texts, and is %s", param->name,
                        LOOK(value));
    if (limited(param) && (double)json_array_size(value) > param->high)
        return snprintf(why, size, "'%s' has %zu texts, and may have %.0f", param->name,
                        json_array_size(value), param->high);
    json_array_foreach(value, i, element)
    {
        if (!json_is_string(element) || json_string_length(element) > TEXTS_BYTES_MAX ||
            strlen(json_string_value(element)) != json_string_length(element))
            return snprintf(why, size, "'%s' must hold texts of at most %u bytes, and has %s",
                            param->name, TEXTS_BYTES_MAX, LOOK(element));
    }
    return 0;
}

static int wrong(const struct param *param, const json_t *value, char *why, size_t size)
{
    switch (param->kind) {
    case PARAM_TEXT:
        return wrong_text(param, value, why, size);
    case PARAM_WHOLE:
    case PARAM_NUMBER:
        return wrong_number(param, value, why, size);
    case PARAM_FLAG:
        return json_is_boolean(value) ? 0
                                      : snprintf(why, size, "'%s' must be true or false, and is %s",
                                                 param->name, LOOK(value));
    case PARAM_TEXTS:
        return wrong_texts(param, value, why, size);
    case PARAM_OBJECT:
        return json_is_object(value) ? 0
                                     : snprintf(why, size, "'%s' must be an object, and is %s",
                                                param->name, LOOK(value));
    case PARAM_OBJECTS:
    case PARAM_ANY:
        break;
    }
    return 0;
}

static int unknown(const struct param *params, const char *name, char *why, size_t size)
{
    struct nearest nearest = {.word = slice_of(name)};
    for (; params->name; params++)
        nearest_offer(&nearest, slice_of(params->name));
    if (nearest.count > 0)
        return snprintf(why, size, "there is no '%s': did you mean '%.*s'?", SHOWN(name),
                        (int)nearest.best[0].name.len, nearest.best[0].name.at);
    return snprintf(why, size, "there is no '%s' here", SHOWN(name));
}

static const struct param *param_find(const struct param *params, const char *name)
{
    for (; params->name; params++)
        if (strcmp(params->name, name) == 0)
            return params;
    return NULL;
}

int params_check(const struct param *params, json_t *arguments, char *why, size_t size)
{
    const char *name;
    json_t *value;
    if (arguments && !json_is_object(arguments)) {
        snprintf(why, size, "the arguments must be an object, and are %s", LOOK(arguments));
        return -1;
    }
    json_object_foreach(arguments, name, value)
    {
        const struct param *param = param_find(params, name);
        if (json_is_null(value) && param && !param->required && param->kind != PARAM_ANY)
            continue; /* as if it were absent: models write it so */
        if ((param ? wrong(param, value, why, size) : unknown(params, name, why, size)) != 0)
            return -1;
    }
    for (; params->name; params++) {
        if (params->required && !json_object_get(arguments, params->name)) {
            snprintf(why, size, "'%s' is missing%s%s", params->name, params->about ? ": " : "",
                     params->about ? params->about : "");
            return -1;
        }
    }
    return 0;
}
