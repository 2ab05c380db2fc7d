/* A text that is made into a buffer of the caller's: counts all of it, and keeps what fits, as
 * snprintf does. */
#ifndef KHUB_POLICY_RENDERED_H
#define KHUB_POLICY_RENDERED_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct rendered {
    char *buffer;
    size_t size, length; /* length: without the NUL that ends the buffer when size > 0 */
};

__attribute__((format(printf, 2, 3))) static inline void rendered_add(struct rendered *text,
                                                                      const char *format, ...)
{
    bool room = text->length < text->size;
    va_list list;
    va_start(list, format);
    int length = vsnprintf(room ? text->buffer + text->length : NULL,
                           room ? text->size - text->length : 0, format, list);
    va_end(list);
    if (length > 0)
        text->length += (size_t)length;
}

#endif
