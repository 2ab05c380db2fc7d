/* performance as a C module: the rules of the simulator, word for word, with its constants. */
#include "policy/render.h"
#include "policy/performance/rules.h"
#include "policy/performance/simulator.h"
#include "policy/subject_table.h"

extern const char performance_rules[]; /* the text of rules/performance.h */

/* clang-format off */
static const char interface[] =
    "\n"
    "/* The memory that the functions below want, 8-byte aligned: one for each mutex and CPU, since\n"
    " * feedback is about the latest question. */\n"
    "uint32_t state_size(void);\n"
    "void state_reset(void *state);\n"
    "/* Ask when the mutex is taken: how long to spin for it before going to sleep; 0: don't.\n"
    " * queue: how many wait already. */\n"
    "uint32_t spin_limit_ns(void *state, uint32_t queue);\n"
    "/* Tell when the mutex is ours: how long that took, awake or asleep. */\n"
    "void feedback(void *state, uint32_t waited_ns);\n"
    "\n"
    "uint32_t state_size(void)\n"
    "{\n"
    "    return sizeof(struct performance_state);\n"
    "}\n"
    "\n"
    "void state_reset(void *state)\n"
    "{\n"
    "    performance_reset(state);\n"
    "}\n"
    "\n"
    "uint32_t spin_limit_ns(void *state, uint32_t queue)\n"
    "{\n"
    "    return performance_spin_limit(&tuned, state, queue);\n"
    "}\n"
    "\n"
    "void feedback(void *state, uint32_t waited_ns)\n"
    "{\n"
    "    performance_learn(&tuned, state, waited_ns);\n"
    "}\n";
/* clang-format on */

int performance_render(const double *parameters, char *buffer, size_t size)
{
    struct rendering text = {.buffer = buffer, .size = size};
    struct performance_rules rules;
    int which;
    if (!subject_valid(&subject_performance, parameters, subject_performance.parameter_count,
                       &which))
        return -1;
    performance_rules_of(parameters, &rules);
    rendering_add_head(&text, &subject_performance, parameters);
    rendering_add(&text, "%s\nstatic const struct performance_rules tuned = {\n",
                  performance_rules);
    rendering_add(&text, "    .up = %u, .down = %u, .multiplier = %u, .queue_weight = %u,\n",
                  rules.up, rules.down, rules.multiplier, rules.queue_weight);
    rendering_add(&text, "    .margin = %u, .cap = %u, .park_at = %u, .clip = %u};\n", rules.margin,
                  rules.cap, rules.park_at, rules.clip);
    rendering_add(&text, "%s", interface);
    return (int)text.length;
}
