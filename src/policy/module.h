/* A policy as a C module: the text it is rendered to, and how one that was compiled is asked. */
#ifndef KHUB_POLICY_MODULE_H
#define KHUB_POLICY_MODULE_H

#include "policy/module_call.h"
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
    .operation_count = sizeof operations / sizeof *operations, .operations = operations,           \
    .module_cost = module_cost

#define MODULE_STATE_MAX  ((uint32_t)1 << 20) /* bytes of one state */
#define MODULE_STATES_MAX ((uint32_t)1 << 24) /* of all that a workload has */

struct compiled_policy;
/* Number i, to ask this module alone. */
typedef void module_simulation(size_t i, const struct compiled_policy *module, void *data);

/* A compiled policy, wherever it is. */
struct compiled_policy {
    /* Fills in the result and, when the policy writes an array, the bytes. */
    void (*answer)(const struct compiled_policy *module, struct module_call *call);
    void *context; /* of answer */
    /* Asks as if by so many simulations, one after another; but they go on side by side, each on a
     * stack of its own, which saves waiting where answers come from another process. False: that
     * can't be, or their states took too much memory, and nothing of it counts. NULL: never. */
    bool (*side_by_side)(const struct compiled_policy *module, size_t count,
                         module_simulation *simulate, void *data);
};

/* One of its states, as a simulator's context. */
struct module_state {
    const struct compiled_policy *module;
    uint32_t number;
};

static inline uint64_t module_ask(const struct compiled_policy *module, struct module_call *call)
{
    module->answer(module, call);
    return call->result;
}

/* A new state: as much memory as the policy asks for, up to MODULE_STATE_MAX, zeroed, then reset by
 * it. 0, or -1 when it has too many. */
int module_state_new(const struct compiled_policy *module, struct module_state *ret_state);
/* None of its states is used any more. */
void module_states_drop(const struct compiled_policy *module);

/* Writes the C by which a compiled module of this subject is asked: it defines
 * `void khub_answer(struct module_call *)`, freestanding, and is linked with the module. The length
 * of all of it, as snprintf. */
int module_adapter(const struct subject *subject, char *buffer, size_t size);

#endif
