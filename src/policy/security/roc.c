/* Scores are 16 bits wide, so the curve comes from one tally for each score, walked from the
 * highest down until the false alarms are used up. */
#include "policy/security/roc.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { SCORES = 65536 };
struct tally {
    double normal, attack;
};

/* Calls of equal score come in no order: the curve is straight there. */
double roc_missed_area(const struct belief *beliefs, const uint16_t *scores, size_t count)
{
    struct tally sum = {0, 0}, *tallies = calloc(SCORES, sizeof *tallies);
    if (!tallies)
        return nan("");
    for (size_t i = 0; i < count; i++) {
        tallies[scores[i]].normal += beliefs[i].normal;
        tallies[scores[i]].attack += beliefs[i].attack;
        sum.normal += beliefs[i].normal;
        sum.attack += beliefs[i].attack;
    }
    double left = ROC_FALSE_ALARMS * sum.normal, missed = sum.attack, area = 0;
    for (uint32_t score = SCORES; score-- > 0 && left > 0;) {
        struct tally tally = tallies[score];
        double share = tally.normal > left ? left / tally.normal : 1;
        area += tally.normal * share * (missed - tally.attack * share / 2);
        left -= tally.normal;
        missed -= tally.attack;
    }
    free(tallies);
    return area / (ROC_FALSE_ALARMS * sum.normal * sum.attack);
}

struct ranked {
    double odds;
    size_t call;
};

static int by_odds(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return (x->odds > y->odds) - (x->odds < y->odds);
}

/* Ranked by the odds (Neyman, Pearson). Equal odds get equal ranks, so that it does not matter how
 * they are sorted. */
double roc_least_missed_area(const struct belief *beliefs, size_t count)
{
    assert(count <= SCORES);
    struct ranked *ranking = malloc(count * sizeof *ranking);
    uint16_t *ranks = malloc(count * sizeof *ranks), rank = 0;
    double area = nan("");
    if (!ranking || !ranks)
        goto done;
    for (size_t i = 0; i < count; i++)
        ranking[i] = (struct ranked){beliefs[i].attack / beliefs[i].normal, i};
    qsort(ranking, count, sizeof *ranking, by_odds);
    for (size_t i = 0; i < count; i++) {
        rank += i > 0 && ranking[i].odds > ranking[i - 1].odds;
        ranks[ranking[i].call] = rank;
    }
    area = roc_missed_area(beliefs, ranks, count);
done:
    free(ranking);
    free(ranks);
    return area;
}
