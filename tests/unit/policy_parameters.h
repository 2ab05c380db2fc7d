/* Parameters by lot, from all of a subject's search space. */
#ifndef KHUB_TESTS_POLICY_PARAMETERS_H
#define KHUB_TESTS_POLICY_PARAMETERS_H

#include "policy/random.h"
#include "policy/subject.h"

static inline void draw_parameters(const struct subject *subject, struct random *random,
                                   double *ret_parameters)
{
    double u[SUBJECT_PARAMETERS_MAX];
    for (int i = 0; i < subject->parameter_count; i++)
        u[i] = random_uniform(random);
    subject_units(subject, u, ret_parameters);
}

#endif
