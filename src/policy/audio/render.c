/* audio as a C module: the rules as they are simulated, the tuned constants, and what a receiver
 * asks and tells. */
#include "policy/render.h"
#include "policy/audio/simulator.h"
#include "policy/subject_table.h"

extern const char audio_rules[];

/* clang-format off */
static const char interface[] =
    "\n"
    "/* How many bytes of state a call needs, 8-byte aligned. The caller owns them. */\n"
    "uint32_t state_size(void);\n"
    "/* Forgets everything; before first use. */\n"
    "void state_reset(void *state);\n"
    "/* How long after it was sent the talkspurt whose first packet just came shall be played, us. */\n"
    "uint32_t playout_delay_us(void *state);\n"
    "/* A packet came, this long after it was sent. To be told before the question above. */\n"
    "void packet(void *state, uint32_t delay_us);\n"
    "\n"
    "uint32_t state_size(void)\n"
    "{\n"
    "    return sizeof(struct audio_state);\n"
    "}\n"
    "\n"
    "void state_reset(void *state)\n"
    "{\n"
    "    *(struct audio_state *)state = (struct audio_state){0};\n"
    "}\n"
    "\n"
    "uint32_t playout_delay_us(void *state)\n"
    "{\n"
    "    return audio_playout_delay(&tuned, state);\n"
    "}\n"
    "\n"
    "void packet(void *state, uint32_t delay_us)\n"
    "{\n"
    "    audio_packet(&tuned, state, delay_us);\n"
    "}\n";
/* clang-format on */

int audio_render(const double *parameters, char *buffer, size_t size)
{
    struct rendering text = {.buffer = buffer, .size = size};
    int which;
    if (!subject_valid(&subject_audio, parameters, subject_audio.parameter_count, &which))
        return -1;
    struct audio_rules rules = audio_rules_of(parameters);
    rendering_add_head(&text, &subject_audio, parameters);
    rendering_add(&text, "%s", audio_rules);
    rendering_add(&text,
                  "\nstatic const struct audio_rules tuned = {\n"
                  "    .mean_gain = %u, .deviation_gain = %u, .deviations = %u,\n"
                  "    .spike_deviations = %u, .spike_threshold_us = %u, .spike_exit_us = %u,\n"
                  "    .margin_us = %u, .floor_us = %u,\n};\n",
                  rules.mean_gain, rules.deviation_gain, rules.deviations, rules.spike_deviations,
                  rules.spike_threshold_us, rules.spike_exit_us, rules.margin_us, rules.floor_us);
    rendering_add(&text, "%s", interface);
    return (int)text.length;
}
