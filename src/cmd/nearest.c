/* See nearest.h. The optimal string alignment distance, in three rows. */
#include "cmd/nearest.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static int folded(char letter)
{
    return tolower((unsigned char)letter);
}

unsigned nearest_distance(const char *left, const char *right)
{
    size_t left_len = strlen(left), right_len = strlen(right);
    if (left_len > NEAREST_BYTES_MAX || right_len > NEAREST_BYTES_MAX)
        return UINT_MAX;
    unsigned rows[3][NEAREST_BYTES_MAX + 1];
    for (size_t j = 0; j <= right_len; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= left_len; i++) {
        unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= right_len; j++) {
            unsigned change = folded(left[i - 1]) != folded(right[j - 1]);
            now[j] = least(before[j - 1] + change, least(before[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && folded(left[i - 1]) == folded(right[j - 2]) &&
                folded(left[i - 2]) == folded(right[j - 1]))
                now[j] = least(now[j], two_before[j - 2] + 1);
        }
    }
    return rows[left_len % 3][right_len];
}

/* A part of a name is how people shorten it: as near as one wrong letter. */
static bool holds(const char *whole, const char *part)
{
    return strlen(part) >= 3 && strcasestr(whole, part) != NULL;
}

void nearest_offer(struct nearest *nearest, const char *name)
{
    unsigned distance = nearest_distance(nearest->word, name);
    if (distance > 1 && (holds(name, nearest->word) || holds(nearest->word, name)))
        distance = 1;
    if (distance > 1 && distance > strlen(nearest->word) / 3)
        return;
    size_t at = nearest->count;
    while (at > 0 && nearest->best[at - 1].distance > distance)
        at--;
    if (at == NEAREST_MAX)
        return;
    size_t kept = nearest->count < NEAREST_MAX ? nearest->count : NEAREST_MAX - 1;
    memmove(&nearest->best[at + 1], &nearest->best[at], (kept - at) * sizeof(nearest->best[0]));
    nearest->best[at].name = name;
    nearest->best[at].distance = distance;
    nearest->count = kept + 1;
}
