#include "brain/words.h"

#include <string.h>
#include <strings.h>

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
    size_t length = strnlen(text, size);
    if (length == size) {
        length--;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
    }
    memcpy(ret_copy, text, length);
    ret_copy[length] = '\0';
}
