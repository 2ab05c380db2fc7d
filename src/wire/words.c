/* See words.h. A text is read as a stream of small letters in which whatever parts words is one
 * space, and each word looked for is such a text too: so one automaton finds whole words, phrases
 * and prefixes alike. */
#include "wire/words.h"

#include <assert.h>

#define SNIPPET_BYTES   200u /* of a snippet, */
#define SNIPPET_BEFORE  48u  /* of these before what was found, at the most */
#define SNIPPET_MATCHES 64u  /* looked at for the best place */
#define ELLIPSIS        "\xE2\x80\xA6"

/* How many bytes at this place part words; 0: it is a letter or a digit. Of other alphabets
 * everything is, but for the signs of Latin-1 and the general punctuation. */
static size_t parting(struct slice text, size_t at)
{
    unsigned char byte = (unsigned char)text.at[at];
    unsigned char next = at + 1 < text.len ? (unsigned char)text.at[at + 1] : 0;
    bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                  (byte >= '0' && byte <= '9');
    if (byte < 0x80)
        return letter ? 0 : 1;
    if (byte == 0xC2 && next)
        return 2;
    if (byte == 0xE2 && (next == 0x80 || next == 0x81) && at + 2 < text.len)
        return 3;
    return 0;
}

static char small_letter(struct slice text, size_t at)
{
    unsigned char byte = (unsigned char)text.at[at];
    unsigned char before = at ? (unsigned char)text.at[at - 1] : 0;
    if (byte >= 'A' && byte <= 'Z')
        return (char)(byte + ('a' - 'A'));
    if (before == 0xC3 && byte >= 0x80 && byte <= 0x9E && byte != 0x97)
        return (char)(byte + 0x20);
    return (char)byte;
}

/* ── reading ── */

/* Adds what one word or phrase is, unless it is nothing. */
static void word_add(struct words *words, size_t *used, struct slice raw, bool prefix)
{
    struct word *word = &words->each[words->count];
    size_t at = *used, len = 0;
    *word = (struct word){.at = at};
    words->letters[at + len++] = ' ';
    for (size_t i = 0; i < raw.len;) {
        size_t parted = parting(raw, i);
        if (!parted) {
            word->parts += words->letters[at + len - 1] == ' ';
            words->letters[at + len++] = small_letter(raw, i++);
            continue;
        }
        if (words->letters[at + len - 1] != ' ')
            words->letters[at + len++] = ' ';
        i += parted;
    }
    if (!word->parts)
        return;
    bool ends = words->letters[at + len - 1] == ' ';
    word->prefix = prefix;
    if (prefix && ends)
        len--;
    else if (!prefix && !ends)
        words->letters[at + len++] = ' ';
    word->len = len;
    *used += len;
    words->count++;
}

static void word_prepare(struct words *words, const struct word *word)
{
    const char *letters = words->letters + word->at;
    uint16_t *again = words->again + word->at;
    again[0] = 0;
    for (size_t i = 1, same = 0; i < word->len; i++) {
        while (same > 0 && letters[i] != letters[same])
            same = again[same - 1];
        same += letters[i] == letters[same];
        again[i] = (uint16_t)same;
    }
}

/* The next word or phrase from *at on; false at the end. */
static bool raw_next(struct slice text, size_t *at, struct slice *ret_raw, bool *ret_prefix)
{
    static const char blanks[] = " \t\r\n";
    while (*at < text.len && memchr(blanks, text.at[*at], sizeof blanks))
        ++*at;
    if (*at == text.len)
        return false;
    bool quoted = text.at[*at] == '"';
    size_t from = *at + quoted, to = from;
    while (to < text.len && text.at[to] != '"' &&
           (quoted || !memchr(blanks, text.at[to], sizeof blanks)))
        to++;
    *ret_raw = (struct slice){text.at + from, to - from};
    *at = to + (quoted && to < text.len);
    *ret_prefix =
        quoted ? *at < text.len && text.at[*at] == '*' : to > from && text.at[to - 1] == '*';
    *at += quoted && *ret_prefix;
    return true;
}

enum words_fault words_read(struct slice text, struct words *ret_words)
{
    struct slice raw;
    bool prefix;
    size_t used = 0, at = 0;
    ret_words->count = 0;
    if (text.len > WORDS_BYTES_MAX)
        return WORDS_TOO_MANY;
    while (raw_next(text, &at, &raw, &prefix)) {
        if (ret_words->count == WORDS_MAX)
            return WORDS_TOO_MANY;
        word_add(ret_words, &used, raw, prefix);
    }
    assert(used <= sizeof ret_words->letters);
    for (size_t i = 0; i < ret_words->count; i++)
        word_prepare(ret_words, &ret_words->each[i]);
    return ret_words->count ? WORDS_FINE : WORDS_NONE;
}

/* ── finding ── */

struct match {
    size_t from, to; /* in the text */
    size_t which;
};

/* One word on its way through a text. */
struct finder {
    const char *letters;
    const uint16_t *again;
    const struct word *word;
    size_t same;
    size_t starts[WORDS_BYTES_MAX]; /* where the last words of the text began */
    size_t started;
};

/* True when it is found with this letter. */
static bool finder_step(struct finder *finder, char letter)
{
    if (finder->same == finder->word->len)
        finder->same = finder->again[finder->same - 1];
    while (finder->same > 0 && letter != finder->letters[finder->same])
        finder->same = finder->again[finder->same - 1];
    finder->same += letter == finder->letters[finder->same];
    return finder->same == finder->word->len;
}

static size_t finder_from(const struct finder *finder)
{
    assert(finder->started >= finder->word->parts && finder->word->parts <= WORDS_BYTES_MAX);
    return finder->starts[(finder->started - finder->word->parts) % WORDS_BYTES_MAX];
}

/* The first `most` places where the word stands; returns how many there are. */
static size_t find(const struct words *words, size_t which, struct slice text, size_t most,
                   struct match *ret_matches)
{
    const struct word *word = &words->each[which];
    struct finder finder = {
        .letters = words->letters + word->at, .again = words->again + word->at, .word = word};
    size_t count = 0, parted;
    bool between = true; /* words */
    finder_step(&finder, ' ');
    for (size_t i = 0; i <= text.len && count < most; i += parted ? parted : 1) {
        parted = i < text.len ? parting(text, i) : 1;
        if (parted && between)
            continue;
        if (!parted && between)
            finder.starts[finder.started++ % WORDS_BYTES_MAX] = i;
        between = parted > 0;
        if (!finder_step(&finder, between ? ' ' : small_letter(text, i)))
            continue;
        size_t to = i;
        while (to < text.len && !parting(text, to)) /* of a prefix, the whole word */
            to++;
        ret_matches[count++] = (struct match){finder_from(&finder), to, which};
    }
    return count;
}

unsigned words_all(const struct words *words)
{
    return (1u << words->count) - 1;
}

unsigned words_in(const struct words *words, struct slice text)
{
    unsigned found = 0;
    struct match match;
    for (size_t i = 0; i < words->count; i++)
        found |= find(words, i, text, 1, &match) ? 1u << i : 0;
    return found;
}

/* ── snippets ── */

/* The first few places of each word, in the order of the text. */
static size_t find_all(const struct words *words, struct slice text,
                       struct match ret_matches[SNIPPET_MATCHES])
{
    size_t count = 0, most = SNIPPET_MATCHES / words->count;
    for (size_t i = 0; i < words->count; i++) {
        size_t found = find(words, i, text, most, ret_matches + count);
        for (size_t end = count + found; count < end; count++)
            for (size_t at = count; at > 0 && ret_matches[at - 1].from > ret_matches[at].from;
                 at--) {
                struct match later = ret_matches[at - 1];
                ret_matches[at - 1] = ret_matches[at];
                ret_matches[at] = later;
            }
    }
    return count;
}

/* The match from which on the most of the words stand close together. */
static size_t best_of(const struct match *matches, size_t count)
{
    size_t best = 0;
    int most = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned found = 0;
        for (size_t j = i;
             j < count && matches[j].to <= matches[i].from + SNIPPET_BYTES - SNIPPET_BEFORE; j++)
            found |= 1u << matches[j].which;
        if (__builtin_popcount(found) > most) {
            most = __builtin_popcount(found);
            best = i;
        }
    }
    return best;
}

/* At most so many bytes before or behind a place, cut behind a word if one ends there, else
 * between characters. */
static size_t cut_before(struct slice text, size_t at)
{
    size_t from = at > SNIPPET_BEFORE ? at - SNIPPET_BEFORE : 0;
    for (size_t i = from; from && i < at; i++)
        if (text.at[i] == ' ')
            return i + 1;
    while (from > 0 && ((unsigned char)text.at[from] & 0xC0) == 0x80)
        from++;
    return from;
}

static size_t cut_behind(struct slice text, size_t from, size_t least)
{
    size_t to = from + SNIPPET_BYTES < text.len ? from + SNIPPET_BYTES : text.len;
    if (to < least)
        to = least;
    for (size_t i = to; to < text.len && i > least && i > from; i--)
        if (text.at[i] == ' ')
            return i;
    while (to < text.len && to > from && ((unsigned char)text.at[to] & 0xC0) == 0x80)
        to--;
    return to;
}

void words_snippet(const struct words *words, struct slice text, struct text *ret_json)
{
    struct match matches[SNIPPET_MATCHES];
    struct text around = {0};
    size_t count = find_all(words, text, matches), at = count ? best_of(matches, count) : 0;
    size_t from = count ? cut_before(text, matches[at].from) : 0;
    size_t to = cut_behind(text, from, count ? matches[at].to : 0), done = from;
    if (from)
        text_add_literal(&around, ELLIPSIS);
    text_add_literal(ret_json, "[");
    for (; at < count && matches[at].to <= to; at++) {
        if (matches[at].from < done)
            continue; /* within the one before, or over its end */
        text_add(&around, (struct slice){text.at + done, matches[at].from - done});
        text_add_string(ret_json, text_slice(&around));
        text_clear(&around);
        text_add_literal(ret_json, ",");
        done = matches[at].to;
        text_add_string(ret_json,
                        (struct slice){text.at + matches[at].from, done - matches[at].from});
        text_add_literal(ret_json, ",");
    }
    text_add(&around, (struct slice){text.at + done, to - done});
    if (to < text.len)
        text_add_literal(&around, ELLIPSIS);
    text_add_string(ret_json, text_slice(&around));
    text_add_literal(ret_json, "]");
    text_free(&around);
}
