/* Between numbers and JSON: what this AI says it measured, and what others say, which may be
 * anything. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brain/policy/parts.h"
#include "brain/words.h"

json_t *parameters_json(const struct subject *subject, const double *parameters)
{
    json_t *object = json_object();
    for (int i = 0; object && i < subject->parameter_count; i++)
        if (json_object_set_new(object, subject->parameters[i].name, json_real(parameters[i])) <
            0) {
            json_decref(object);
            return NULL;
        }
    return object;
}

bool member_number(const json_t *object, const char *name, double *ret_number)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_number(value) || !isfinite(json_number_value(value)))
        return false;
    *ret_number = json_number_value(value);
    return true;
}

const char *member_string(const json_t *object, const char *name, size_t max)
{
    const json_t *value = json_object_get(object, name);
    size_t length = json_string_length(value);
    return json_is_string(value) && length <= max && strlen(json_string_value(value)) == length
               ? json_string_value(value)
               : NULL; /* with a NUL inside it is no text */
}

const struct subject *member_subject(const json_t *object)
{
    const char *name = member_string(object, "subject", 64);
    const char *version = member_string(object, "subject_version", 128);
    return name && version ? subject_of_version(name, version) : NULL;
}

int parameters_read(const struct subject *subject, const json_t *json, double *ret_parameters,
                    char *ret_why, size_t size)
{
    struct khub_parameter given[SUBJECT_PARAMETERS_MAX];
    size_t n = (size_t)subject->parameter_count;
    if (!json_is_object(json) || json_object_size(json) != n) {
        snprintf(ret_why, size, "parameters must be an object of the %zu of %s", n, subject->name);
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        given[i].name = subject->parameters[i].name;
        if (!member_number(json, given[i].name, &given[i].value)) {
            snprintf(ret_why, size, "parameter %s is missing or no number", given[i].name);
            return -1;
        }
    }
    return parameters_take(subject, given, n, ret_parameters, ret_why, size);
}

bool parameters_same(const struct subject *subject, const double *a, const double *b)
{
    return memcmp(a, b, (size_t)subject->parameter_count * sizeof *a) == 0;
}

json_t *implementation_json(const struct subject *subject, const double *parameters)
{
    char *source = malloc(IMPLEMENTATION_MAX);
    int length = source ? subject_render(subject, parameters, source, IMPLEMENTATION_MAX) : -1;
    json_t *json = length >= 0 && (size_t)length < IMPLEMENTATION_MAX ? json_string(source) : NULL;
    free(source);
    return json;
}

static int names_read(const json_t *array, struct candidate *candidate)
{
    size_t count = json_array_size(array);
    if (count < 1 || count > BRAIN_CONTRIBUTORS_MAX)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const json_t *name = json_array_get(array, i);
        size_t length = json_string_length(name);
        if (!json_is_string(name) || length < 1 || length > AI_ID_MAX)
            return -1;
        memcpy(candidate->names[i], json_string_value(name), length + 1);
    }
    candidate->name_count = count;
    return 0;
}

int candidate_read(const json_t *json, struct candidate *ret_candidate)
{
    char why[128];
    struct candidate candidate = {.subject = member_subject(json)};
    const char *by = member_string(json, "by", AI_ID_MAX);
    if (!candidate.subject || names_read(json_object_get(json, "workloads"), &candidate) < 0 ||
        parameters_read(candidate.subject, json_object_get(json, "parameters"),
                        candidate.parameters, why, sizeof why) < 0)
        return -1;
    words_cut(by ? by : "", candidate.by, sizeof candidate.by);
    *ret_candidate = candidate;
    return 0;
}

json_t *merged(json_t *object, json_t *more)
{
    if (object && more && json_object_update(object, more) == 0) {
        json_decref(more);
        return object;
    }
    json_decref(object);
    json_decref(more);
    return NULL;
}
