/* A policy as a C module: the text it is rendered to, and the memory of one that was compiled. */
#ifndef KHUB_POLICY_MODULE_H
#define KHUB_POLICY_MODULE_H

#include "policy/subject.h"

/* A row of struct subject's constants: a member of `struct type`, the subject's rules. */
#define CONSTANT(type, member)                                                                     \
    {                                                                                              \
        .name = #member, .first = offsetof(struct type, member) / sizeof(uint32_t),                \
        .count = sizeof(((struct type *)NULL)->member) / sizeof(uint32_t)                          \
    }
#define RULES_FIT(type)                                                                            \
    _Static_assert(sizeof(struct type) <= sizeof(struct rules), "these rules want more words")

/* What every subject's file names alike. */
#define SUBJECT_PARTS                                                                              \
    .parameter_count = sizeof parameters / sizeof *parameters, .parameters = parameters,           \
    .baseline_count = sizeof baseline_names / sizeof *baseline_names,                              \
    .baseline_names = baseline_names, .workload_new = workload_new, .rules_of = rules_of,          \
    .cost_of = cost_of, .baseline_cost = baseline_cost, .bound_cost = bound_cost,                  \
    .constant_count = sizeof constants / sizeof *constants, .constants = constants,                \
    .functions = functions, .module_cost = module_cost

#define MODULE_STATE_MAX ((uint32_t)1 << 20)

/* The memory of a compiled policy whose function 0 is `state_size` and whose function 1 is
 * `state_reset`: as much as it asks for, up to MODULE_STATE_MAX, zeroed, then reset by the module.
 * To be freed with free(); NULL when out of memory. */
void *module_state_new(const module_function *functions);

#endif
