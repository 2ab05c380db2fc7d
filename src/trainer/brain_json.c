/* Between numbers and JSON: what this AI says it measured, and what others say, which may be anything. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/brain_policy.h"

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
    const struct subject *subject = name && version ? subject_find(name) : NULL;
    return subject && strcmp(version, subject->version) == 0 ? subject : NULL;
}

int parameters_read(const struct subject *subject, const json_t *json, double *ret_parameters,
                    char *ret_why, size_t size)
{
    double read[SUBJECT_PARAMETERS_MAX];
    int n = subject->parameter_count, which;
    if (!json_is_object(json) || json_object_size(json) != (size_t)n) {
        snprintf(ret_why, size, "parameters must be an object of the %d of %s", n, subject->name);
        return -1;
    }
    for (int i = 0; i < n; i++)
        if (!member_number(json, subject->parameters[i].name, &read[i])) {
            snprintf(ret_why, size, "parameter %s is missing or no number",
                     subject->parameters[i].name);
            return -1;
        }
    if (!subject_valid(subject, read, n, &which)) {
        const struct parameter *bad = &subject->parameters[which < n ? which : n - 1];
        snprintf(ret_why, size, "parameter %s is outside %g..%g", bad->name, bad->low, bad->high);
        return -1;
    }
    memcpy(ret_parameters, read, (size_t)n * sizeof *read);
    return 0;
}

json_t *implementation_json(const struct subject *subject, const double *parameters)
{
    char *source = malloc(IMPLEMENTATION_MAX);
    int length = source ? subject->render(parameters, source, IMPLEMENTATION_MAX) : -1;
    json_t *json = length >= 0 && (size_t)length < IMPLEMENTATION_MAX ? json_string(source) : NULL;
    free(source);
    return json;
}

static json_t *practice_json(const struct bench *bench)
{
    return bench->practice
               ? json_pack("{s:s,s:f}", "name", bench->practice, "ratio", bench->practice_ratio)
               : json_null();
}

int measured_add(json_t *object, const struct bench *bench, const double *parameters,
                 const struct measured *measured)
{
    const struct subject *subject = bench->subject;
    const struct score *score = &measured->score;
    json_t *more = json_pack(
        "{s:s,s:s,s:o,s:s,s:b,s:f,s:f,s:f,s:i,s:i,s:s,s:s,s:f,s:o,s:f,s:f}", "subject",
        subject->name, "subject_version", subject->version, "parameters",
        parameters_json(subject, parameters), "cost", subject->cost, "synthetic", 1, "cost_heldout",
        score->cost, "ratio_heldout", score->ratio, "ci95", score->ci95, "wins", (int)score->wins,
        "seeds", (int)score->seeds, "split", "test", "baseline", subject->baseline_names[0],
        "baseline_cost", bench->textbook_cost, "best_practice", practice_json(bench), "bound_ratio",
        measured->bound_ratio, "gap_closed", measured->gap_closed);
    if (!more)
        return -1;
    int result = json_object_update(object, more);
    json_decref(more);
    return result;
}
