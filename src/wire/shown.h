/* What of anyone's text is safe to show: the one rule for logs, terminals, errors and JSON.
 *
 * A character hides when it shows nothing of its own or changes how its neighbours are shown:
 * controls (C0, DEL, C1), marks of direction and joining, line and paragraph separators, fillers,
 * variation selectors, tags. So does one whose look nobody knows: private use, no character at all.
 * Hidden characters are spelt out, and so is every byte that is no UTF-8. */
#ifndef KHUB_WIRE_SHOWN_H
#define KHUB_WIRE_SHOWN_H

#include <stdint.h>

#include "wire/slice.h"

/* Whether a code point hides, as said above. */
bool code_point_hides(uint32_t code);
/* Whether any character of the bytes hides, or any byte is no UTF-8. */
bool slice_hides(struct slice bytes);

#define SHOWN_SIZE 16 /* "\u{10ffff}" and to spare */
/* One character as it may be shown: its own bytes, or the spelling of what hides. */
struct shown {
    char bytes[SHOWN_SIZE]; /* no NUL behind them */
    size_t len;
    uint32_t code; /* the code point; of a byte that is no UTF-8 the byte */
    bool spelt;    /* as \x1b (an ASCII control, or a byte that is no UTF-8) or \u{202e} */
};
/* Takes one character, or one byte that is no UTF-8, from *rest, which is not empty. */
struct shown shown_next(struct slice *rest);
/* Spells a character that a terminal lacks, "\u{fc}". */
void shown_spell(struct shown *shown);

/* Into a buffer of `size` bytes (at least 24) with its NUL; what does not fit is cut between two
 * characters, with an ellipsis. Returns buffer. */
const char *shown_format(struct slice bytes, char *buffer, size_t size);

/* A C string for a line of log, in a buffer of the enclosing block. */
#define SHOWN_LINE_SIZE 192
#define SHOWN(text)     shown_format(slice_of(text), (char[SHOWN_LINE_SIZE]){0}, SHOWN_LINE_SIZE)

/* For a short look at a long text. */
#define EXCERPT_SIZE 96
static inline const char *excerpt_format(struct slice bytes, char buffer[EXCERPT_SIZE])
{
    return shown_format(bytes, buffer, EXCERPT_SIZE);
}

#endif
