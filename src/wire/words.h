/* What somebody searches for: words, "phrases" and prefix*, found in a text as words.
 *
 * A word is a run of letters and digits; all else stands between words. The case of ASCII and
 * Latin-1 letters does not matter. Every search is one pass, whatever the words and the text. */
#ifndef KHUB_WIRE_WORDS_H
#define KHUB_WIRE_WORDS_H

#include <stdint.h>

#include "wire/slice.h"
#include "wire/text.h"

#define WORDS_MAX       16u  /* in one search; a phrase counts as one */
#define WORDS_BYTES_MAX 256u /* of the text that they are read from */

/* One word, or a phrase, as `letters` holds it: in small letters, with one space before, between
 * and behind its words; behind a prefix there is none. */
struct word {
    size_t at, len;
    unsigned parts; /* words in it */
    bool prefix;
};

struct words {
    struct word each[WORDS_MAX];
    size_t count;
    char letters[WORDS_BYTES_MAX + 2 * WORDS_MAX];
    /* letters[at..at + i] ends as it begins, in again[at + i] bytes and no more (Knuth, Morris,
     * Pratt). */
    uint16_t again[WORDS_BYTES_MAX + 2 * WORDS_MAX];
};

enum words_fault {
    WORDS_FINE,
    WORDS_NONE,    /* there is no letter and no digit in it */
    WORDS_TOO_MANY /* over WORDS_MAX, or over WORDS_BYTES_MAX bytes */
};

/* Reads them from UTF-8. A quote that is not closed goes to the end; what is no letter and no digit
 * only parts words. */
enum words_fault words_read(struct slice text, struct words *ret_words);
/* Which of them the text holds: bit i for each[i]. */
unsigned words_in(const struct words *words, struct slice text);
/* All bits that words_in can give. */
unsigned words_all(const struct words *words);
/* Appends a JSON array of strings: the piece of the text that holds the most of them, cut at the
 * words. The second, fourth and so on of the strings are what was found, the others what stands
 * around it; "…" stands where it was cut. When nothing of them is there: the text's beginning
 * alone. The text has no control characters. */
void words_snippet(const struct words *words, struct slice text, struct text *ret_json);

#endif
