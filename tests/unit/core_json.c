/* See core_json.h. */
#include "core_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *present(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    if (!value) {
        char *text = json_dumps(object, JSON_ENCODE_ANY);
        print_message("no %s in %s\n", name, text ? text : "nothing");
        free(text);
    }
    assert_non_null(value);
    return value;
}

const char *string_of(json_t *object, const char *name)
{
    json_t *value = present(object, name);
    assert_true(json_is_string(value));
    return json_string_value(value);
}

json_int_t integer_of(json_t *object, const char *name)
{
    json_t *value = present(object, name);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

double number_of(json_t *object, const char *name)
{
    json_t *value = present(object, name);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

const char *joined_of(json_t *object, const char *name)
{
    static char text[4096];
    json_t *array = present(object, name);
    size_t index, len = 0;
    json_t *element;
    assert_true(json_is_array(array));
    text[0] = '\0';
    json_array_foreach(array, index, element)
    {
        assert_true(json_is_string(element));
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", index ? "," : "",
                                json_string_value(element));
        assert_true(len < sizeof text);
    }
    return text;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

const char *names_of(json_t *object)
{
    static char text[4096];
    const char *names[256], *name;
    size_t count = 0, len = 0;
    json_t *value;
    assert_true(json_is_object(object) && json_object_size(object) <= 256);
    json_object_foreach(object, name, value) names[count++] = name;
    qsort(names, count, sizeof *names, compare_names);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i ? "," : "", names[i]);
        assert_true(len < sizeof text);
    }
    return text;
}
