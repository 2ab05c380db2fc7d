/* Pictures of what was learned, as SVG files that stand by themselves. */
#ifndef KHUB_CMD_PLOT_H
#define KHUB_CMD_PLOT_H

#include <stddef.h>
#include <stdio.h>

/* A ratio with a name: a bar, or a level line. */
struct plot_level {
    const char *name;
    double ratio, ci95; /* ci95 0: no whisker */
    enum plot_role { PLOT_TEXTBOOK, PLOT_PRACTICE, PLOT_INFORMED, PLOT_TUNED, PLOT_BOUND } role;
};

/* Best so far after so many evaluations. */
struct plot_point {
    unsigned evaluations;
    double train, heldout, ci95; /* heldout 0: not measured here */
};

/* Ratios side by side as bars, the textbook's 1 as a line. `title` and `note` stand above and
 * below. */
void plot_ratios(FILE *out, const char *title, const char *note, const struct plot_level *levels,
                 size_t count);
/* Training and held-out ratio over evaluations (log scale), with the levels as lines. count >=
 * 1. */
void plot_convergence(FILE *out, const char *title, const char *note,
                      const struct plot_point *points, size_t count,
                      const struct plot_level *levels, size_t level_count);

#endif
