/* Text for a rendered policy, with the length of all of it even when the buffer is too short (as
 * snprintf). */
#ifndef KHUB_POLICY_RENDER_H
#define KHUB_POLICY_RENDER_H

#include "policy/subject.h"

struct rendering {
    char *buffer;
    size_t size;
    size_t length; /* without the NUL that always ends the buffer (size > 0) */
};

__attribute__((format(printf, 2, 3))) void rendering_add(struct rendering *rendering,
                                                         const char *format, ...);

/* The head comment: what it is, its version, and every parameter with its unit and meaning. */
void rendering_add_head(struct rendering *rendering, const struct subject *subject,
                        const double *parameters);

#endif
