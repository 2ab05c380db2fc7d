#include "search/exchange.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/measure.h"
#include "probe/probe.h"

static json_t *parameter_json(const struct parameter *p)
{
    return json_pack("{s:s,s:s,s:s,s:f,s:f,s:b,s:b,s:f}", "name", p->name, "unit", p->unit,
                     "meaning", p->meaning, "low", p->low, "high", p->high, "logarithmic",
                     p->logarithmic, "whole", p->whole, "textbook", p->textbook);
}

/* The module at the textbook's setting: the interface, with a policy written in it. */
static json_t *module_json(const struct subject *subject)
{
    double textbook[SUBJECT_PARAMETERS_MAX];
    subject_textbook(subject, textbook);
    int length = subject_render(subject, textbook, NULL, 0);
    char *text = length > 0 ? malloc((size_t)length + 1) : NULL;
    if (text)
        subject_render(subject, textbook, text, (size_t)length + 1);
    json_t *json = text ? json_string(text) : NULL;
    free(text);
    return json;
}

json_t *exchange_subject(const struct subject *subject, uint64_t seed, uint64_t budget)
{
    json_t *parameters = json_array();
    for (int i = 0; i < subject->parameter_count; i++)
        json_array_append_new(parameters, parameter_json(&subject->parameters[i]));
    /* A seed of 64 bits is no number that every JSON reader can hold. */
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:o,s:o}", "type", "subject", "subject",
                     subject->name, "subject_version", subject->version, "title", subject->title,
                     "cost", subject->cost, "textbook", subject->baseline_names[0], "seed",
                     (json_int_t)(seed >> 32), "budget", (json_int_t)budget, "workloads",
                     (json_int_t)stage_workloads[STAGE_TRAIN], "parameters", parameters, "module",
                     module_json(subject));
}

static json_t *what_it_is(const struct subject *subject, const struct trial *trial)
{
    if (trial->kind != TRIAL_PARAMETERS) {
        char *source = trial_source(subject, trial);
        json_t *json = source ? json_pack("{s:s}", "source", source) : NULL;
        free(source);
        return json;
    }
    json_t *parameters = json_object();
    for (int i = 0; i < subject->parameter_count; i++)
        json_object_set_new(parameters, subject->parameters[i].name,
                            json_real(trial->parameters[i]));
    return json_pack("{s:o}", "parameters", parameters);
}

/* Adds what came of it; takes `object` over. */
static json_t *with_result(json_t *object, const struct trial *trial)
{
    json_t *result = trial->stages == 0
                         ? json_pack("{s:s}", "refused", trial->why)
                         : json_pack("{s:f,s:f,s:i,s:i}", "ratio", trial_ratio(trial), "worst",
                                     trial->worst, "bytes", (int)trial->bytes, "workloads",
                                     (int)stage_workloads[trial->stages - 1]);
    if (result && trial->repeats)
        json_object_set_new(result, "repeats", json_true());
    bool whole = object && result && json_object_update(object, result) == 0;
    json_decref(result);
    if (whole)
        return object;
    json_decref(object);
    return NULL;
}

json_t *exchange_trial(const struct subject *subject, const struct trial *trial)
{
    return with_result(what_it_is(subject, trial), trial);
}

json_t *exchange_ask(const struct subject *subject, const struct trial *const *elites, size_t count,
                     size_t most, uint64_t left)
{
    json_t *archive = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(archive, exchange_trial(subject, elites[i]));
    return json_pack("{s:s,s:i,s:I,s:o}", "type", "ask", "at_most", (int)most, "left",
                     (json_int_t)left, "archive", archive);
}

json_t *exchange_told(json_t *answers, const struct trial *trials, size_t count)
{
    size_t next = 0;
    for (size_t i = 0; i < json_array_size(answers) && next < count; i++)
        if (json_is_null(json_array_get(answers, i)))
            json_array_set_new(answers, i, with_result(json_object(), &trials[next++]));
    return json_pack("{s:s,s:o}", "type", "told", "results", answers);
}

json_t *exchange_spent(const struct model_spent *spent)
{
    if (spent->requests == 0)
        return json_null();
    return json_pack("{s:i,s:i,s:I,s:I,s:f}", "requests", (int)spent->requests, "repeated",
                     (int)spent->repeated, "tokens_in", (json_int_t)spent->in, "tokens_out",
                     (json_int_t)spent->out, "cost", spent->cost);
}

/* ── what comes from outside ── */

static int take_source(const json_t *source, struct trial *trial, char why[256])
{
    const char *text = json_string_value(source);
    size_t length = json_string_length(source);
    if (length > PROBE_SOURCE_MAX) {
        snprintf(why, 256, "its source has %zu bytes; the limit is %u", length, PROBE_SOURCE_MAX);
        return 1;
    }
    if (strlen(text) != length) {
        snprintf(why, 256, "its source has a NUL in it");
        return 1;
    }
    trial->kind = TRIAL_SOURCE;
    trial->source = strdup(text);
    return trial->source ? 0 : -1;
}

static int take_parameters(const struct subject *subject, const json_t *object, struct trial *trial,
                           char why[256])
{
    struct khub_parameter given[SUBJECT_PARAMETERS_MAX];
    size_t count = 0, size = json_object_size(object);
    const char *name;
    json_t *value;
    if (size > SUBJECT_PARAMETERS_MAX) {
        snprintf(why, 256, "%zu parameters; %s has %d", size, subject->name,
                 subject->parameter_count);
        return 1;
    }
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (!json_is_number(value)) {
            snprintf(why, 256, "parameter %.64s is no number", name);
            return 1;
        }
        given[count++] = (struct khub_parameter){name, json_number_value(value)};
    }
    return parameters_take(subject, given, count, trial->parameters, why, 256) < 0 ? 1 : 0;
}

/* 0; 1 after a sentence: it can't be run; -1: out of memory. */
static int take_one(const struct subject *subject, const json_t *json, struct trial *trial,
                    char why[256])
{
    const json_t *source = json_object_get(json, "source");
    const json_t *parameters = json_object_get(json, "parameters");
    *trial = (struct trial){0};
    if (json_is_string(source) && !parameters)
        return take_source(source, trial, why);
    if (json_is_object(parameters) && !source)
        return take_parameters(subject, parameters, trial, why);
    snprintf(why, 256,
             "a candidate is an object with either parameters (an object) or source "
             "(a string)");
    return 1;
}

int exchange_take(const struct subject *subject, const json_t *answer, size_t most,
                  struct trial *ret_trials, json_t *answers)
{
    char why[256];
    const json_t *candidates = json_object_get(answer, "candidates");
    size_t taken = 0;
    for (size_t i = 0; i < json_array_size(candidates); i++) {
        int wrong = 1;
        if (taken == most)
            snprintf(why, sizeof why, "more than %zu at once", most);
        else
            wrong = take_one(subject, json_array_get(candidates, i), &ret_trials[taken], why);
        if (wrong < 0)
            return -1;
        taken += wrong == 0;
        json_array_append_new(answers, wrong ? json_pack("{s:s}", "refused", why) : json_null());
    }
    return (int)taken;
}
