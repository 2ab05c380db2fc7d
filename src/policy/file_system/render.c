/* file_system as a C module: the five decisions of S3-FIFO with its constants. */
#include "policy/render.h"
#include "policy/file_system/simulator.h"
#include "policy/subject_table.h"

/* clang-format off */
static const char interface[] =
    "\n"
    "/* The mechanism keeps two FIFO queues of frames, small and main, and the numbers of the pages\n"
    " * that left the small queue (ghosts). It asks these functions, which remember nothing. */\n"
    "enum { TO_SMALL = 0, TO_MAIN = 1, BEHIND = 2 };\n"
    "\n"
    "/* Frames of the small queue from which on it, not the main one, gives up its oldest page. */\n"
    "uint32_t small_frames(uint32_t capacity);\n"
    "/* How many of the pages that left last are remembered. */\n"
    "uint32_t ghost_pages(uint32_t capacity);\n"
    "/* Where a missed page goes: newest of the small or the main queue, or oldest of the small one.\n"
    " * remembered: it is a ghost; run: how many consecutive pages the reader has asked for. */\n"
    "uint32_t on_miss(uint32_t remembered, uint32_t run);\n"
    "/* A page's hits after one more. newcomers: pages that became newest of the small queue since\n"
    " * it came. */\n"
    "uint32_t on_hit(uint32_t capacity, uint32_t in_main, uint32_t hits, uint32_t newcomers);\n"
    "/* Whether the oldest page of a queue stays (1): of the small one as newest of the main one\n"
    " * with no hits, of the main one as its newest with one hit less; or is the victim (0). */\n"
    "uint32_t keeps(uint32_t in_main, uint32_t hits);\n";

static const char functions[] =
    "\n"
    "uint32_t small_frames(uint32_t capacity)\n"
    "{\n"
    "    uint32_t frames = (uint32_t)((uint64_t)capacity * SMALL >> 16);\n"
    "    return frames ? frames : 1;\n"
    "}\n"
    "\n"
    "uint32_t ghost_pages(uint32_t capacity)\n"
    "{\n"
    "    return (uint32_t)((uint64_t)capacity * GHOST >> 16);\n"
    "}\n"
    "\n"
    "uint32_t on_miss(uint32_t remembered, uint32_t run)\n"
    "{\n"
    "    return remembered ? TO_MAIN : run >= RUN ? BEHIND : TO_SMALL;\n"
    "}\n"
    "\n"
    "uint32_t on_hit(uint32_t capacity, uint32_t in_main, uint32_t hits, uint32_t newcomers)\n"
    "{\n"
    "    uint32_t most = in_main || CAP > PROMOTE ? CAP : PROMOTE;\n"
    "    uint32_t settled = (uint32_t)((uint64_t)small_frames(capacity) * CORRELATED >> 16);\n"
    "    return hits < most && (in_main || newcomers >= settled) ? hits + 1 : hits;\n"
    "}\n"
    "\n"
    "uint32_t keeps(uint32_t in_main, uint32_t hits)\n"
    "{\n"
    "    return hits >= (in_main ? 1u : PROMOTE);\n"
    "}\n";
/* clang-format on */

int file_render(const double *parameters, char *buffer, size_t size)
{
    struct rendering text = {.buffer = buffer, .size = size};
    int which;
    if (!subject_valid(&subject_file_system, parameters, subject_file_system.parameter_count,
                       &which))
        return -1;
    struct file_tuning tuning = file_tuning(parameters);
    rendering_add_head(&text, &subject_file_system, parameters);
    rendering_add(&text, "#include <stdint.h>\n\n");
    rendering_add(&text, "enum { SMALL = %u, GHOST = %u, CORRELATED = %u }; /* in 1/65536 */\n",
                  tuning.small, tuning.ghost, tuning.correlated);
    rendering_add(&text, "enum { PROMOTE = %u, CAP = %u, RUN = %u };\n", tuning.promote, tuning.cap,
                  tuning.run);
    rendering_add(&text, "%s%s", interface, functions);
    return (int)text.length;
}
