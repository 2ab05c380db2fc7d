/* SVG by hand: two plain charts, whose every mark is a number that was measured. Colours are told
 * apart by people who see no red or green, and hold on white and on dark paper. */
#include "cmd/plot.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>

#define WIDTH      720.0
#define LEFT       190.0 /* of the bars; names stand before them */
#define RIGHT      96.0
#define BAR        18.0
#define BAR_STEP   28.0
#define HEAD       56.0
#define FOOT       34.0
#define CURVE_LEFT 56.0
#define CURVE_TALL 300.0

static const char *const colours[] = {[PLOT_TEXTBOOK] = "#8a8f98",
                                      [PLOT_PRACTICE] = "#b5762a",
                                      [PLOT_INFORMED] = "#5d8a4a",
                                      [PLOT_TUNED] = "#1f6fb2",
                                      [PLOT_BOUND] = "#3a3f47"};

static void text_escape(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '&')
            fputs("&amp;", out);
        else
            fputc(*text, out);
    }
}

__attribute__((format(printf, 6, 7))) static void label(FILE *out, double x, double y,
                                                        const char *anchor, const char *style,
                                                        const char *format, ...);

static void label(FILE *out, double x, double y, const char *anchor, const char *style,
                  const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" %s>", x, y, anchor, style);
    text_escape(out, text);
    fputs("</text>\n", out);
}

static void begin(FILE *out, double height, const char *title, const char *note)
{
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
            "height=\"%.0f\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#22262c\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
            WIDTH, height, WIDTH, height);
    label(out, 16, 24, "start", "font-size=\"16\" font-weight=\"bold\"", "%s", title);
    label(out, 16, height - 12, "start", "font-size=\"11\" fill=\"#5b616b\"", "%s", note);
}

static void rule(FILE *out, double x1, double y1, double x2, double y2, const char *style)
{
    fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2, y2,
            style);
}

static double most_of(const struct plot_level *levels, size_t count)
{
    double most = 1;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, levels[i].ratio + levels[i].ci95);
    return most;
}

/* A bar longer than this is cut and says its number: one absurd baseline must not flatten the
 * rest. */
#define BAR_MOST 1.8

void plot_ratios(FILE *out, const char *title, const char *note, const struct plot_level *levels,
                 size_t count)
{
    double most = fmin(most_of(levels, count), BAR_MOST), scale = (WIDTH - LEFT - RIGHT) / most;
    double height = HEAD + BAR_STEP * (double)count + FOOT;
    begin(out, height, title, note);
    label(out, LEFT + scale, HEAD - 10, "middle", "font-size=\"11\" fill=\"#5b616b\"",
          "textbook = 1");
    rule(out, LEFT + scale, HEAD - 4, LEFT + scale, height - FOOT, "stroke=\"#c9cdd3\"");
    for (size_t i = 0; i < count; i++) {
        const struct plot_level *level = &levels[i];
        double y = HEAD + BAR_STEP * (double)i, length = fmin(level->ratio, most) * scale;
        double end = LEFT + length, middle = y + BAR / 2;
        label(out, LEFT - 10, middle + 4.5, "end",
              level->role == PLOT_TUNED ? "font-weight=\"bold\"" : "", "%s", level->name);
        fprintf(
            out,
            "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"2\" fill=\"%s\"/>\n",
            LEFT, y, length, BAR, colours[level->role]);
        bool cut = level->ratio > most;
        if (level->ci95 > 0 && !cut) {
            double low = LEFT + fmax(level->ratio - level->ci95, 0) * scale;
            end = LEFT + fmin(level->ratio + level->ci95, most) * scale;
            rule(out, low, middle, end, middle, "stroke=\"#22262c\" stroke-width=\"1.5\"");
        }
        label(out, end + 6, middle + 4.5, "start",
              level->role == PLOT_TUNED ? "font-weight=\"bold\"" : "", "%.3f%s", level->ratio,
              cut ? " (cut)" : "");
    }
    fputs("</svg>\n", out);
}

/* The curve's field: evaluations from 1 to `last` by their logarithm, ratios from low to high. */
struct field {
    double last, low, high;
};

static double field_x(const struct field *field, double evaluations)
{
    double share = field->last > 1 ? log(fmax(evaluations, 1)) / log(field->last) : 1;
    return CURVE_LEFT + share * (WIDTH - CURVE_LEFT - LEFT);
}

static double field_y(const struct field *field, double ratio)
{
    double share = (ratio - field->low) / (field->high - field->low);
    return HEAD + CURVE_TALL * (1 - fmin(fmax(share, 0), 1));
}

static void axes(FILE *out, const struct field *field)
{
    assert(field->low < field->high);
    double step = field->high - field->low > 0.4 ? 0.1 : 0.05;
    for (int i = (int)ceil(field->low / step - 1e-9); i * step < field->high + 1e-9; i++) {
        double y = field_y(field, i * step);
        rule(out, CURVE_LEFT, y, WIDTH - LEFT, y, "stroke=\"#e6e8eb\"");
        label(out, CURVE_LEFT - 8, y + 4, "end", "font-size=\"11\"", "%.2f", i * step);
    }
    for (unsigned tick = 1; tick <= field->last; tick *= 10)
        label(out, field_x(field, tick), HEAD + CURVE_TALL + 18, "middle", "font-size=\"11\"", "%u",
              tick);
    label(out, WIDTH - LEFT, HEAD + CURVE_TALL + 32, "end", "font-size=\"11\"", "evaluations");
}

/* Names of lines that lie close would stand on each other: each is moved down as far as it must. */
static void name_levels(FILE *out, const struct field *field, const struct plot_level *levels,
                        size_t count)
{
    double last = -HUGE_VAL;
    for (size_t i = 0; i < count; i++) {
        const struct plot_level *level = &levels[i];
        if (level->ratio > field->high)
            continue;
        double y = field_y(field, level->ratio);
        char style[96];
        snprintf(style, sizeof style, "stroke=\"%s\" stroke-dasharray=\"5 4\"",
                 colours[level->role]);
        rule(out, CURVE_LEFT, y, WIDTH - LEFT, y, style);
        double at = fmax(y, last + 14);
        last = at;
        snprintf(style, sizeof style, "font-size=\"11\" fill=\"%s\"", colours[level->role]);
        label(out, WIDTH - LEFT + 8, at + 4, "start", style, "%s %.3f", level->name, level->ratio);
    }
}

static void curve(FILE *out, const struct field *field, const struct plot_point *points,
                  size_t count, int heldout)
{
    fprintf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" %s points=\"",
            heldout ? colours[PLOT_TUNED] : "#7fb3d9", heldout ? "" : "stroke-dasharray=\"2 3\"");
    for (size_t i = 0; i < count; i++)
        if (!heldout || points[i].heldout > 0)
            fprintf(out, "%.1f,%.1f ", field_x(field, points[i].evaluations),
                    field_y(field, heldout ? points[i].heldout : points[i].train));
    fputs("\"/>\n", out);
}

void plot_convergence(FILE *out, const char *title, const char *note,
                      const struct plot_point *points, size_t count,
                      const struct plot_level *levels, size_t level_count)
{
    assert(count > 0);
    struct field field = {.last = points[count - 1].evaluations, .low = 1, .high = 1.05};
    for (size_t i = 0; i < count; i++) {
        field.low = fmin(field.low, points[i].train);
        field.high = fmax(field.high, fmin(points[i].heldout, 1.4));
        if (points[i].heldout > 0)
            field.low = fmin(field.low, points[i].heldout);
    }
    for (size_t i = 0; i < level_count; i++)
        field.low = fmin(field.low, levels[i].ratio);
    field.low = floor((field.low - 0.01) * 20) / 20;
    begin(out, HEAD + CURVE_TALL + 30 + FOOT, title, note);
    label(out, CURVE_LEFT, HEAD - 12, "start", "font-size=\"11\" fill=\"#1f6fb2\"",
          "solid: held-out ratio; dotted: ratio on the training workloads");
    axes(out, &field);
    name_levels(out, &field, levels, level_count);
    curve(out, &field, points, count, 0);
    curve(out, &field, points, count, 1);
    for (size_t i = 0; i < count; i++)
        if (points[i].heldout > 0)
            fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n",
                    field_x(&field, points[i].evaluations), field_y(&field, points[i].heldout),
                    colours[PLOT_TUNED]);
    fputs("</svg>\n", out);
}
