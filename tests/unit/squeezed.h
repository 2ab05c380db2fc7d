/* What a reader takes in of a table: its words, however wide the columns are. */
#ifndef KHUB_TESTS_SQUEEZED_H
#define KHUB_TESTS_SQUEEZED_H

#include <stdlib.h>
#include <string.h>

/* Each run of blanks as one blank, none at either end of a line; the caller frees. */
static inline char *squeezed(const char *text)
{
    char *out = malloc(strlen(text) + 1);
    size_t len = 0;
    for (; out && *text; text++) {
        if (*text == '\n' && len > 0 && out[len - 1] == ' ')
            len--;
        if (*text == ' ' && (len == 0 || out[len - 1] == ' ' || out[len - 1] == '\n'))
            continue;
        out[len++] = *text;
    }
    if (out)
        out[len] = '\0';
    return out;
}

#endif
