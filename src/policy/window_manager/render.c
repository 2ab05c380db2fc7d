/* window_manager as a C module: the rules of the simulator, word for word, with its constants. */
#include "policy/render.h"
#include "policy/subject_table.h"
#include "policy/window_manager/rules.h"
#include "policy/window_manager/simulator.h"

extern const char window_manager_rules[]; /* the text of rules/window_manager.h */

/* clang-format off */
static const char interface[] =
    "\n"
    "/* The memory that the functions below want, 8-byte aligned. */\n"
    "uint32_t state_size(void);\n"
    "void state_reset(void *state);\n"
    "/* Writes the windows 0..count-1: the one in use, then as Tab shall visit them. */\n"
    "void order(void *state, uint8_t *ret_windows, uint32_t count);\n"
    "/* Tell when a window came to the front, however it was chosen. */\n"
    "void switched(void *state, uint32_t window);\n"
    "\n"
    "uint32_t state_size(void)\n"
    "{\n"
    "    return sizeof(struct window_manager_state);\n"
    "}\n"
    "\n"
    "void state_reset(void *state)\n"
    "{\n"
    "    window_manager_reset(state);\n"
    "}\n"
    "\n"
    "void order(void *state, uint8_t *ret_windows, uint32_t count)\n"
    "{\n"
    "    window_manager_order(&tuned, state, ret_windows, count);\n"
    "}\n"
    "\n"
    "void switched(void *state, uint32_t window)\n"
    "{\n"
    "    window_manager_switched(&tuned, state, window);\n"
    "}\n";
/* clang-format on */

static void add_numbers(struct rendering *text, const char *name, const uint32_t *numbers,
                        uint32_t count)
{
    rendering_add(text, "    .%s = {", name);
    for (uint32_t i = 0; i < count; i++)
        rendering_add(text, "%s%u", i > 0 ? ", " : "", numbers[i]);
    rendering_add(text, "},\n");
}

int window_manager_render(const double *parameters, char *buffer, size_t size)
{
    struct rendering text = {.buffer = buffer, .size = size};
    struct window_manager_rules rules;
    int which;
    if (!subject_valid(&subject_window_manager, parameters, subject_window_manager.parameter_count,
                       &which))
        return -1;
    window_manager_rules_of(parameters, &rules);
    rendering_add_head(&text, &subject_window_manager, parameters);
    rendering_add(&text, "%s\nstatic const struct window_manager_rules tuned = {\n",
                  window_manager_rules);
    add_numbers(&text, "recency", rules.recency, WINDOWS_MAX);
    add_numbers(&text, "weight", rules.weight, MEMORIES);
    add_numbers(&text, "keep", rules.keep, MEMORIES);
    rendering_add(&text, "    .prior = %u};\n%s", rules.prior, interface);
    return (int)text.length;
}
