/* graphics as a C module: the rules as they are simulated, the tuned constants, and the compositor's
 * two questions. */
#include "policy/render.h"
#include "policy/graphics/simulator.h"
#include "policy/subject_table.h"

extern const char graphics_rules[];

/* clang-format off */
static const char interface[] =
    "\n"
    "/* How many bytes of state a screen needs, 8-byte aligned. The caller owns them. */\n"
    "uint32_t state_size(void);\n"
    "/* Forgets everything; before first use. */\n"
    "void state_reset(void *state);\n"
    "/* When to start composing a frame with that many pixels to draw: us before its vblank. */\n"
    "uint32_t repaint_lead_us(void *state, uint32_t damage_px);\n"
    "/* That frame took this long, and was shown this many vblanks too late. */\n"
    "void frame_done(void *state, uint32_t cost_us, uint32_t missed);\n"
    "\n"
    "uint32_t state_size(void)\n"
    "{\n"
    "    return sizeof(struct graphics_state);\n"
    "}\n"
    "\n"
    "void state_reset(void *state)\n"
    "{\n"
    "    *(struct graphics_state *)state = (struct graphics_state){0};\n"
    "}\n"
    "\n"
    "uint32_t repaint_lead_us(void *state, uint32_t damage_px)\n"
    "{\n"
    "    return graphics_lead(&tuned, state, damage_px);\n"
    "}\n"
    "\n"
    "void frame_done(void *state, uint32_t cost_us, uint32_t missed)\n"
    "{\n"
    "    graphics_done(&tuned, state, cost_us, missed);\n"
    "}\n";
/* clang-format on */

int graphics_render(const double *parameters, char *buffer, size_t size)
{
    struct rendering text = {.buffer = buffer, .size = size};
    int which;
    if (!subject_valid(&subject_graphics, parameters, subject_graphics.parameter_count, &which))
        return -1;
    struct graphics_rules rules = graphics_rules_of(parameters);
    rendering_add_head(&text, &subject_graphics, parameters);
    rendering_add(&text, "%s", graphics_rules);
    rendering_add(&text,
                  "\nstatic const struct graphics_rules tuned = {\n"
                  "    .rate = %u, .deviation_rate = %u, .slope_rate = %u,\n"
                  "    .deviations = %u, .hold = %u, .margin_us = %u, .step = %u,\n};\n",
                  rules.rate, rules.deviation_rate, rules.slope_rate, rules.deviations, rules.hold,
                  rules.margin_us, rules.step);
    rendering_add(&text, "%s", interface);
    return (int)text.length;
}
