/* A component's C, compiled and run: its own rendering, never what another has sent. */
#include <stdio.h>
#include <string.h>

#include "brain/policy/parts.h"
#include "probe/probe.h"

static const struct module *module_find(const struct policy_brain *brain,
                                        const struct subject *subject, const double *parameters)
{
    for (size_t i = 0; i < MODULES_MAX; i++)
        if (brain->modules[i].subject == subject &&
            parameters_same(subject, brain->modules[i].parameters, parameters))
            return &brain->modules[i];
    return NULL;
}

static void module_judge(const struct probe_report *report, double wanted,
                         struct module *ret_module)
{
    struct module *module = ret_module;
    bool same = report->score.ratio == wanted, ran = report->result == PROBE_RAN;
    module->bytes = report->object_bytes;
    module->outcome = ran && same                           ? MODULE_SAME
                      : ran                                 ? MODULE_DIFFERS
                      : report->result == PROBE_NO_COMPILER ? MODULE_NO_COMPILER
                                                            : MODULE_NOT_RUN;
    if (ran)
        snprintf(module->text, sizeof module->text, "%s: %zu bytes, ratio %.9g on %u workloads",
                 same ? "same score" : "another score", module->bytes, report->score.ratio,
                 MODULE_SEEDS);
    else
        snprintf(module->text, sizeof module->text, "%s: %s",
                 module->bytes > 0 ? "not run" : "not compiled",
                 report->why[0] ? report->why : probe_result_meaning(report->result));
}

const struct module *policy_module(struct policy_brain *brain, const struct subject *subject,
                                   const double *parameters, const char *split, brain_stop *stop)
{
    const struct module *found = module_find(brain, subject, parameters);
    if (found)
        return found;
    struct module *module = &brain->modules[brain->module_next % MODULES_MAX];
    *module = (struct module){.outcome = MODULE_NOT_RUN, .text = "not run: out of memory"};
    memcpy(module->parameters, parameters, (size_t)subject->parameter_count * sizeof *parameters);
    json_t *source = implementation_json(subject, parameters);
    struct evaluation_set *set = evaluation_set_new(subject, split, MODULE_SEEDS);
    if (source && set) {
        struct probe_report report;
        probe_module(subject, json_string_value(source), split, MODULE_SEEDS, stop, &report);
        module_judge(&report, evaluation_set_score(set, parameters).ratio, module);
    }
    evaluation_set_free(set);
    json_decref(source);
    if (module->outcome != MODULE_NOT_RUN) { /* what may be otherwise next time is not remembered */
        module->subject = subject;
        brain->module_next++;
    }
    return module;
}
