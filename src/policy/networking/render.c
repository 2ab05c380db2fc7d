/* networking as a C module: what a sender does on an acknowledgement and on a loss. */
#include "policy/render.h"
#include "policy/networking/rules.h"
#include "policy/networking/simulator.h"
#include "policy/subject_table.h"

extern const char networking_rules[];

/* clang-format off */
static const char interface[] =
    "\n"
    "/* One state for each connection: memory of the caller's, 8-byte aligned. */\n"
    "uint32_t state_size(void);\n"
    "/* A new connection; until its first acknowledgement it may send 10 packets. */\n"
    "void state_reset(void *state);\n"
    "/* Both return the congestion window in 1/65536 packet, 1 to 65535 packets.\n"
    " * acked: packets that have newly arrived; rtt_us: how long the last of them and its\n"
    " * acknowledgement took, in microseconds. */\n"
    "uint32_t cc_on_ack(void *state, uint32_t rtt_us, uint32_t acked);\n"
    "/* Call it once for all losses among packets that were sent before the answer. */\n"
    "uint32_t cc_on_loss(void *state);\n"
    "\n"
    "uint32_t state_size(void)\n"
    "{\n"
    "    return sizeof(struct networking_state);\n"
    "}\n"
    "\n"
    "void state_reset(void *state)\n"
    "{\n"
    "    networking_reset(state);\n"
    "}\n"
    "\n"
    "uint32_t cc_on_ack(void *state, uint32_t rtt_us, uint32_t acked)\n"
    "{\n"
    "    return networking_on_ack(&tuned, state, rtt_us, acked);\n"
    "}\n"
    "\n"
    "uint32_t cc_on_loss(void *state)\n"
    "{\n"
    "    return networking_on_loss(&tuned, state);\n"
    "}\n";
/* clang-format on */

int networking_render(const double *parameters, char *buffer, size_t size)
{
    struct rendering text = {.buffer = buffer, .size = size};
    struct networking_rules rules;
    int which;
    if (!subject_valid(&subject_networking, parameters, subject_networking.parameter_count, &which))
        return -1;
    networking_rules_of(parameters, &rules);
    rendering_add_head(&text, &subject_networking, parameters);
    rendering_add(&text, "%s", networking_rules);
    rendering_add(&text,
                  "\nstatic const struct networking_rules tuned = {\n"
                  "    .additive = %u, .gain = %u, .decrease = %u, .start_gain = %u,\n"
                  "    .target_us = %u, .target_rtt = %u, .kept = %u, .start_exit = %u};\n",
                  rules.additive, rules.gain, rules.decrease, rules.start_gain, rules.target_us,
                  rules.target_rtt, rules.kept, rules.start_exit);
    rendering_add(&text, "%s", interface);
    return (int)text.length;
}
