#include "brain/policy/solution.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "brain/policy/parts.h"

struct solution solution_of(const struct subject *subject, const double *parameters)
{
    struct solution solution = {0};
    memcpy(solution.parameters, parameters, (size_t)subject->parameter_count * sizeof *parameters);
    return solution;
}

void solution_copy(struct solution *solution, const struct solution *other)
{
    struct solution copy = *other;
    json_incref(copy.source);
    json_decref(solution->source);
    *solution = copy;
}

void solution_free(struct solution *solution)
{
    json_decref(solution->source);
    *solution = (struct solution){0};
}

bool solution_same(const struct subject *subject, const struct solution *a,
                   const struct solution *b)
{
    if (a->source || b->source)
        return json_equal(a->source, b->source);
    return parameters_same(subject, a->parameters, b->parameters);
}

int solution_read(const struct subject *subject, const json_t *thing, struct solution *ret_solution,
                  char *ret_why, size_t size)
{
    struct solution solution = {0};
    const json_t *parameters = json_object_get(thing, "parameters");
    const char *source = member_string(thing, "source", PROBE_SOURCE_MAX);
    if (parameters || !json_object_get(thing, "source")) {
        if (parameters_read(subject, parameters, solution.parameters, ret_why, size) < 0)
            return 1;
    } else if (!source) {
        snprintf(ret_why, size, "source must be C of at most %u bytes, with no NUL in it",
                 PROBE_SOURCE_MAX);
        return 1;
    } else {
        solution.source = json_string(source);
        if (!solution.source)
            return -1;
    }
    *ret_solution = solution;
    return 0;
}

json_t *solution_json(const struct subject *subject, const struct solution *solution)
{
    if (!solution->source)
        return json_pack("{s:o}", "parameters", parameters_json(subject, solution->parameters));
    return json_pack("{s:s,s:s}", "source", json_string_value(solution->source), "language", "c11");
}

static struct probe_report parameters_measure(const double *parameters,
                                              const struct evaluation_set *set,
                                              const atomic_bool *stop)
{
    struct probe_report report = {.result = PROBE_FAILED, .why = "it was stopped"};
    if (stop && atomic_load(stop))
        return report;
    report.score = evaluation_set_score(set, parameters);
    snprintf(report.why, sizeof report.why, "%s", isnan(report.score.ratio) ? "out of memory" : "");
    report.result = isnan(report.score.ratio) ? PROBE_FAILED : PROBE_RAN;
    return report;
}

void solution_measure(const struct subject *subject, const struct solution *solution,
                      struct evaluation_set *const *sets, size_t count, const atomic_bool *stop,
                      struct probe_report *ret_reports)
{
    if (!solution->source) {
        for (size_t i = 0; i < count; i++)
            ret_reports[i] = parameters_measure(solution->parameters, sets[i], stop);
        return;
    }
    probe_each(subject, json_string_value(solution->source), sets, count, stop, ret_reports);
    for (size_t i = 0; i < count; i++) {
        struct probe_report *report = &ret_reports[i];
        if (report->result != PROBE_RAN || isfinite(report->score.ratio))
            continue;
        report->result = PROBE_KILLED;
        snprintf(report->why, sizeof report->why, "its cost is no number");
    }
}
