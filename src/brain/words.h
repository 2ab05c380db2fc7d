/* Other AIs' words: matched with what this AI can do, and cut to a bound. */
#ifndef KHUB_BRAIN_WORDS_H
#define KHUB_BRAIN_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define WORD_MIN 2u /* bytes: a single letter is in everything */

/* Whether any word of the feature, or all of it, is part of one of the capabilities
 * (NULL-terminated), whatever the case. */
bool words_match(const char *feature, const char *const *capabilities);
/* Copies UTF-8, cut to size - 1 bytes at most and never inside a character. */
void words_cut(const char *text, char *ret_copy, size_t size);
/* Into an array, whose length the text has been checked against. */
#define words_copy(array, text) words_cut((text), (array), sizeof(array))

#endif
