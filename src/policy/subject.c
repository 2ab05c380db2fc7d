/* The table of subjects, and what holds for all of them: names, seeds, and the way between search
 * space and units. */
#include "policy/subject.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "policy/elementary.h"
#include "policy/random.h"
#include "policy/subject_table.h"

static const struct subject *const table[] = {
#define X(name) &subject_##name,
    SUBJECTS(X)
#undef X
};

const struct subject *const *subjects(size_t *ret_count)
{
    *ret_count = sizeof table / sizeof *table;
    return table;
}

const struct subject *subject_find(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i]->name, name) == 0)
            return table[i];
    return NULL;
}

const struct subject *subject_for(const char *specialization)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i]->specialization, specialization) == 0)
            return table[i];
    return NULL;
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* Mirrors u at 0 and 1 as often as it takes. */
static double fold(double u)
{
    if (!isfinite(u))
        return 0.5;
    double period = u - 2 * floor(u / 2); /* 0..2 */
    return period > 1 ? 2 - period : period;
}

void subject_units(const struct subject *subject, const double *u, double *ret_parameters)
{
    for (int i = 0; i < subject->parameter_count; i++) {
        const struct parameter *p = &subject->parameters[i];
        double x = fold(u[i]);
        double value = p->logarithmic ? p->low * elementary_power(p->high / p->low, x)
                                      : p->low + (p->high - p->low) * x;
        ret_parameters[i] = clamp(value, p->low, p->high);
    }
}

void subject_unit_cube(const struct subject *subject, const double *parameters, double *ret_u)
{
    for (int i = 0; i < subject->parameter_count; i++) {
        const struct parameter *p = &subject->parameters[i];
        double x = p->logarithmic
                       ? elementary_log(parameters[i] / p->low) / elementary_log(p->high / p->low)
                       : (parameters[i] - p->low) / (p->high - p->low);
        ret_u[i] = clamp(x, 0, 1);
    }
}

bool subject_valid(const struct subject *subject, const double *parameters, int count,
                   int *ret_which)
{
    for (int i = 0; i < subject->parameter_count; i++) {
        const struct parameter *p = &subject->parameters[i];
        if (i >= count || !(parameters[i] >= p->low && parameters[i] <= p->high)) {
            *ret_which = i;
            return false;
        }
    }
    if (count > subject->parameter_count) {
        *ret_which = subject->parameter_count;
        return false;
    }
    return true;
}

void subject_textbook(const struct subject *subject, double *ret_parameters)
{
    for (int i = 0; i < subject->parameter_count; i++)
        ret_parameters[i] = subject->parameters[i].textbook;
}

int subject_rules(const struct subject *subject, const double *parameters, struct rules *ret_rules)
{
    int which;
    if (!subject_valid(subject, parameters, subject->parameter_count, &which))
        return -1;
    subject->rules_of(parameters, ret_rules);
    return 0;
}

double subject_cost(const struct subject *subject, const void *workload, const double *parameters)
{
    struct rules rules;
    return subject_rules(subject, parameters, &rules) < 0 ? nan("")
                                                          : subject->cost_of(workload, &rules);
}

uint32_t fixed_point(double value, double one)
{
    assert(value * one >= 0 && value * one <= UINT32_MAX);
    return (uint32_t)floor(value * one + 0.5);
}

uint64_t subject_seed(const struct subject *subject, const char *split, uint64_t index)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    const char *parts[] = {subject->name, "/", split};
    for (size_t k = 0; k < 3; k++)
        for (const char *c = parts[k]; *c; c++)
            hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    uint64_t state = hash ^ index;
    return splitmix64(&state);
}

/* ── of traces ── */

static struct {
    const struct subject *subject;
    bool is_private;
} added[SUBJECTS_ADDED_MAX];
static size_t added_count;

void subject_add(const struct subject *traced, bool is_private)
{
    assert(traced->traces && added_count < SUBJECTS_ADDED_MAX);
    added[added_count].subject = traced;
    added[added_count++].is_private = is_private;
}

int subject_added(const struct subject *subject)
{
    for (size_t i = 0; i < added_count; i++)
        if (added[i].subject == subject)
            return (int)i;
    return -1;
}

const struct subject *subject_of_version(const char *name, const char *version)
{
    const struct subject *found = subject_find(name);
    for (size_t i = 0; found && strcmp(found->version, version) != 0; i++) {
        while (i < added_count &&
               (added[i].is_private || strcmp(added[i].subject->name, name) != 0))
            i++;
        found = i < added_count ? added[i].subject : NULL;
    }
    return found;
}

const struct subject *subject_trained(const char *specialization)
{
    for (size_t i = 0; i < added_count; i++)
        if (!added[i].is_private && strcmp(added[i].subject->specialization, specialization) == 0)
            return added[i].subject;
    return subject_for(specialization);
}

const struct subject *subject_seen(const struct subject *subject)
{
    for (size_t i = 0; i < added_count; i++)
        if (added[i].is_private && strcmp(added[i].subject->name, subject->name) == 0)
            return added[i].subject;
    return subject;
}

/* "3+cache=412+sha256:6b86…", of the digest half: all of it would be longer than what a commitment
 * takes. */
static void version_write(const struct subject *base, const struct trace_options *options,
                          const char *identity, char ret_version[SUBJECT_VERSION_SIZE])
{
    char told[32] = "";
    if (options->cache_pages > 0)
        snprintf(told, sizeof told, "cache=%" PRIu32 "+", options->cache_pages);
    else if (options->cache_share > 0)
        snprintf(told, sizeof told, "cache=%.6g%%+", 100 * options->cache_share);
    snprintf(ret_version, SUBJECT_VERSION_SIZE, "%.7s+%ssha256:%.32s", base->version, told,
             identity);
}

int subject_of_traces(const struct subject *base, const struct subject_traces *traces,
                      const char *identity, struct traced_subject *ret_subject, char *ret_why,
                      size_t size)
{
    if (!base->workload_read) {
        snprintf(ret_why, size, "%s takes no trace%s%s", base->name, base->trace_lacks ? ": " : "",
                 base->trace_lacks ? base->trace_lacks : "");
        return -1;
    }
    assert(traces->count > 0 && traces->count <= SUBJECT_TRACES_MAX);
    for (size_t i = 0; i < traces->count; i++) {
        assert(traces->of[i]->kind == base->trace_kind);
        if (traces->of[i]->count / 2 < base->trace_least) {
            snprintf(ret_why, size, "%zu %s are too few for %s, which wants %zu or more",
                     traces->of[i]->count, trace_kind_plural(base->trace_kind), base->name,
                     2 * base->trace_least);
            return -1;
        }
    }
    *ret_subject = (struct traced_subject){.subject = *base, .traces = *traces};
    version_write(base, &traces->options, identity, ret_subject->version);
    ret_subject->subject.version = ret_subject->version;
    ret_subject->subject.traces = &ret_subject->traces;
    ret_subject->subject.informed_cost = NULL; /* of a trace nobody knows the laws */
    if (base->trace_unbounded)
        ret_subject->subject.bound_cost = NULL;
    return 0;
}

void *subject_workload(const struct subject *subject, const char *split, uint64_t index)
{
    uint64_t seed = subject_seed(subject, split, index);
    const struct subject_traces *traces = subject->traces;
    if (!traces)
        return subject->workload_new(seed);
    struct trace_part part =
        trace_part_of(traces->of[index % traces->count], &traces->options, split);
    /* cppcheck-suppress returnDanglingLifetime ; a workload keeps nothing of it */
    return subject->workload_read(&part, seed);
}
