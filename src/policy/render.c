#include "policy/render.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

void rendering_add(struct rendering *rendering, const char *format, ...)
{
    bool room = rendering->length < rendering->size;
    va_list list;
    va_start(list, format);
    int length = vsnprintf(room ? rendering->buffer + rendering->length : NULL,
                           room ? rendering->size - rendering->length : 0, format, list);
    va_end(list);
    if (length > 0)
        rendering->length += (size_t)length;
}

void rendering_add_head(struct rendering *rendering, const struct subject *subject,
                        const double *parameters)
{
    rendering_add(
        rendering,
        "/* %s: %s\n * Made by khub; subject %s, version %s. Tuned on synthetic workloads.\n *\n",
        subject->name, subject->title, subject->name, subject->version);
    for (int i = 0; i < subject->parameter_count; i++) {
        const struct parameter *p = &subject->parameters[i];
        double value = p->whole ? floor(parameters[i] + 0.5) : parameters[i];
        rendering_add(rendering, " * %-17s %.6g%s%s: %s (textbook %g)\n", p->name, value,
                      *p->unit ? " " : "", p->unit, p->meaning, p->textbook);
    }
    rendering_add(rendering, " */\n");
}
