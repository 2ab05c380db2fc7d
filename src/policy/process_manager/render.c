/* process_manager as a C module: the tables of a multi-level feedback queue, and four questions to
 * ask them. */
#include "policy/render.h"
#include "policy/process_manager/simulator.h"
#include "policy/subject_table.h"

/* clang-format off */
static const char interface[] =
    "\n"
    "/* Priority levels; 0 is served first, round robin inside a level. */\n"
    "uint32_t levels(void);\n"
    "/* How long a job of this level may run before the next of its level does. */\n"
    "uint32_t slice_us(uint32_t level);\n"
    "/* The level of a job that has had this much CPU since it came or was last boosted. */\n"
    "uint32_t level_of(uint64_t attained_us);\n"
    "/* So often all jobs go back to level 0, and their attained time to 0. */\n"
    "uint64_t boost_us(void);\n";

static const char functions[] =
    "\n"
    "uint32_t levels(void)\n"
    "{\n"
    "    return LEVELS;\n"
    "}\n"
    "\n"
    "uint32_t slice_us(uint32_t level)\n"
    "{\n"
    "    return slices[level < LEVELS ? level : LEVELS - 1];\n"
    "}\n"
    "\n"
    "uint32_t level_of(uint64_t attained_us)\n"
    "{\n"
    "    uint32_t level = 0;\n"
    "    while (level < LEVELS - 1 && attained_us >= level_ends[level])\n"
    "        level++;\n"
    "    return level;\n"
    "}\n"
    "\n"
    "uint64_t boost_us(void)\n"
    "{\n"
    "    return BOOST;\n"
    "}\n";
/* clang-format on */

static void add_table(struct rendering *text, const char *definition, const int64_t *ns, int count)
{
    rendering_add(text, "%s = {", definition);
    for (int i = 0; i < count; i++)
        rendering_add(text, "%s%lld", i > 0 ? ", " : "", (long long)(ns[i] / 1000));
    rendering_add(text, "};\n");
}

int process_render(const double *parameters, char *buffer, size_t size)
{
    struct rendering text = {.buffer = buffer, .size = size};
    int which;
    if (!subject_valid(&subject_process_manager, parameters,
                       subject_process_manager.parameter_count, &which))
        return -1;
    struct cpu_policy policy = process_policy(parameters);
    rendering_add_head(&text, &subject_process_manager, parameters);
    rendering_add(&text, "#include <stdint.h>\n\n/* All times in microseconds. */\n");
    rendering_add(&text, "enum { LEVELS = %d, BOOST = %lld };\n", policy.levels,
                  (long long)(policy.boost / 1000));
    add_table(&text, "static const uint32_t slices[LEVELS]", policy.slice, policy.levels);
    add_table(&text, "static const uint64_t level_ends[LEVELS - 1]", policy.level_end,
              policy.levels - 1);
    rendering_add(&text, "%s%s", interface, functions);
    return (int)text.length;
}
