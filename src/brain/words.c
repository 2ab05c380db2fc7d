#include "brain/words.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "wire/utf8.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool contains(const char *haystack, const char *needle, size_t length)
{
    for (; *haystack; haystack++) {
        size_t i = 0;
        while (i < length && haystack[i] && lower(haystack[i]) == lower(needle[i]))
            i++;
        if (i == length)
            return true;
    }
    return false;
}

static bool any_contains(const char *const *capabilities, const char *word, size_t length)
{
    for (; *capabilities; capabilities++)
        if (contains(*capabilities, word, length))
            return true;
    return false;
}

bool words_match(const char *feature, const char *const *capabilities)
{
    static const char space[] = " \t\r\n\v\f";
    size_t length = strlen(feature);
    if (length == 0)
        return false;
    if (any_contains(capabilities, feature, length)) /* as the hub matches */
        return true;
    for (const char *word = feature; *word; word += length) {
        word += strspn(word, space);
        length = strcspn(word, space);
        if (length >= WORD_MIN && any_contains(capabilities, word, length))
            return true;
    }
    return false;
}

void words_cut(const char *text, char *ret_copy, size_t size)
{
    assert(size > 0);
    struct slice cut = utf8_cut((struct slice){text, strnlen(text, size)}, size - 1);
    memcpy(ret_copy, cut.at, cut.len);
    ret_copy[cut.len] = '\0';
}
