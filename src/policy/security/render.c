/* security as a C module: the rules of the simulator, word for word, with its constants. */
#include "policy/render.h"
#include "policy/security/rules.h"
#include "policy/security/simulator.h"
#include "policy/subject_table.h"

extern const char security_rules[]; /* the text of rules/security.h */

/* clang-format off */
static const char interface[] =
    "\n"
    "/* One state for each process that is watched: memory of the caller's, 8-byte aligned. */\n"
    "uint32_t state_size(void);\n"
    "void state_reset(void *state);\n"
    "/* Ask at each system call how suspicious it is, 0 to 65535. counts[k], k = 0 to 10: how\n"
    " * often the last k + 2 calls, in this order, with this one, occurred in training. */\n"
    "uint32_t ids_step(void *state, const uint32_t *counts);\n"
    "\n"
    "uint32_t state_size(void)\n"
    "{\n"
    "    return sizeof(struct security_state);\n"
    "}\n"
    "\n"
    "void state_reset(void *state)\n"
    "{\n"
    "    security_reset(state);\n"
    "}\n"
    "\n"
    "uint32_t ids_step(void *state, const uint32_t *counts)\n"
    "{\n"
    "    return security_step(&tuned, state, counts);\n"
    "}\n";
/* clang-format on */

int security_render(const double *parameters, char *buffer, size_t size)
{
    struct rendering text = {.buffer = buffer, .size = size};
    struct security_rules rules;
    int which;
    if (!subject_valid(&subject_security, parameters, subject_security.parameter_count, &which))
        return -1;
    security_rules_of(parameters, &rules);
    rendering_add_head(&text, &subject_security, parameters);
    rendering_add(&text, "%s\nstatic const struct security_rules tuned = {\n    .weights = {",
                  security_rules);
    for (int k = 0; k < SECURITY_ORDERS; k++)
        rendering_add(&text, "%s%u", k > 0 ? ", " : "", rules.weights[k]);
    rendering_add(&text, "},\n    .decline = %u, .gain = %u, .keep = {%u, %u}, .mix = %u};\n",
                  rules.decline, rules.gain, rules.keep[0], rules.keep[1], rules.mix);
    rendering_add(&text, "%s", interface);
    return (int)text.length;
}
