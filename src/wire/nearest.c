/* See nearest.h. The optimal string alignment distance, of which only the band of columns that can
 * still be in reach is filled: a peer may ask for names by the thousand. */
#include "wire/nearest.h"

#include <assert.h>
#include <string.h>

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static char folded(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

unsigned nearest_distance(struct slice left, struct slice right, unsigned most)
{
    const unsigned far = most + 1;
    unsigned rows[3][NEAREST_BYTES_MAX + 2] = {0};
    assert(most <= NEAREST_DISTANCE_MAX);
    if (left.len > NEAREST_BYTES_MAX || right.len > NEAREST_BYTES_MAX ||
        left.len + most < right.len || right.len + most < left.len)
        return far;
    for (size_t j = 0; j <= right.len + 1; j++)
        rows[0][j] = least((unsigned)j, far);
    for (size_t i = 1; i <= left.len; i++) {
        unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];
        size_t first = i > most ? i - most : 1;
        size_t last = least((unsigned)(i + most), (unsigned)right.len);
        now[first - 1] = first == 1 ? least((unsigned)i, far) : far;
        for (size_t j = first; j <= last; j++) {
            char a = folded(left.at[i - 1]), b = folded(right.at[j - 1]);
            now[j] = least(before[j - 1] + (a != b), least(before[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a == folded(right.at[j - 2]) && folded(left.at[i - 2]) == b)
                now[j] = least(now[j], two_before[j - 2] + 1);
            now[j] = least(now[j], far);
        }
        now[last + 1] = far; /* the next row's band reaches one further */
    }
    return rows[left.len % 3][right.len];
}

/* A part of a name is how people shorten it: as near as one wrong letter. */
static bool holds(struct slice whole, struct slice part)
{
    char text[2][NEAREST_BYTES_MAX];
    if (part.len < 3 || whole.len > NEAREST_BYTES_MAX || part.len > whole.len)
        return false;
    for (size_t i = 0; i < whole.len; i++)
        text[0][i] = folded(whole.at[i]);
    for (size_t i = 0; i < part.len; i++)
        text[1][i] = folded(part.at[i]);
    return memmem(text[0], whole.len, text[1], part.len) != NULL;
}

void nearest_offer(struct nearest *nearest, struct slice name)
{
    struct slice word = nearest->word;
    unsigned most = least((unsigned)(word.len / 3), NEAREST_DISTANCE_MAX);
    most = most || word.len < 2 ? most : 1;
    unsigned distance = nearest_distance(word, name, most);
    if (distance > 1 && (holds(name, word) || holds(word, name)))
        distance = 1;
    else if (distance > most)
        return;
    size_t at = nearest->count;
    while (at > 0 && nearest->best[at - 1].distance > distance)
        at--;
    if (at == NEAREST_MAX)
        return;
    size_t kept = least((unsigned)nearest->count, NEAREST_MAX - 1);
    memmove(&nearest->best[at + 1], &nearest->best[at], (kept - at) * sizeof nearest->best[0]);
    nearest->best[at].name = name;
    nearest->best[at].distance = distance;
    nearest->count = kept + 1;
    assert(at <= kept && nearest->count <= NEAREST_MAX);
}
