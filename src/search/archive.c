#include "search/archive.h"

#include <stdlib.h>

#define SMALLEST   64.0 /* bytes; the first cell has all that is not larger, and what has no size */
#define TAIL_STEP  0.1
#define TAIL_BEGIN 0.2

void archive_cell(const struct trial *trial, unsigned *ret_size, unsigned *ret_tail)
{
    unsigned size = 0, tail = 0;
    for (double most = SMALLEST; size + 1 < ARCHIVE_SIZES && (double)trial->bytes > most; most *= 2)
        size++;
    double over = (trial->worst - TAIL_BEGIN) / TAIL_STEP;
    if (over >= ARCHIVE_TAILS - 1)
        tail = ARCHIVE_TAILS - 1;
    else if (over > 0)
        tail = (unsigned)over;
    *ret_size = size;
    *ret_tail = tail;
}

/* In the place of who is there. 0, or -1 when out of memory. */
static int cell_fill(struct archive *archive, struct trial **cell, const struct trial *trial)
{
    struct trial copy;
    if (trial_copy(trial, &copy) < 0)
        return -1;
    if (!*cell) {
        *cell = malloc(sizeof **cell);
        if (!*cell) {
            trial_free(&copy);
            return -1;
        }
        archive->count++;
    } else {
        trial_free(*cell);
    }
    **cell = copy;
    return 0;
}

int archive_add(struct archive *archive, const struct trial *trial)
{
    unsigned size, tail;
    if (trial->stages <= STAGE_TRAIN)
        return 0;
    archive_cell(trial, &size, &tail);
    struct trial **cell = &archive->cells[size][tail];
    if (*cell && trial_compare(trial, *cell) >= 0)
        return 0;
    return cell_fill(archive, cell, trial) < 0 ? -1 : 1;
}

int archive_copy(const struct archive *archive, struct archive *ret_copy)
{
    struct archive copy = {0};
    for (size_t i = 0; i < ARCHIVE_SIZES; i++)
        for (size_t k = 0; k < ARCHIVE_TAILS; k++)
            if (archive->cells[i][k] &&
                cell_fill(&copy, &copy.cells[i][k], archive->cells[i][k]) < 0) {
                archive_free(&copy);
                return -1;
            }
    *ret_copy = copy;
    return 0;
}

/* Whoever ran furthest was the best of its time, and the judge knows most of it. */
static bool is_before(const struct trial *a, const struct trial *b)
{
    return a->stages != b->stages ? a->stages > b->stages : trial_compare(a, b) < 0;
}

size_t archive_list(const struct archive *archive, const struct trial **ret_elites)
{
    size_t count = 0;
    for (size_t i = 0; i < ARCHIVE_SIZES; i++)
        for (size_t k = 0; k < ARCHIVE_TAILS; k++)
            if (archive->cells[i][k])
                ret_elites[count++] = archive->cells[i][k];
    for (size_t i = 1; i < count; i++)
        if (is_before(ret_elites[i], ret_elites[0])) {
            const struct trial *better = ret_elites[i];
            ret_elites[i] = ret_elites[0];
            ret_elites[0] = better;
        }
    return count;
}

size_t archive_sample(const struct archive *archive, struct random *random, size_t most,
                      const struct trial **ret_elites)
{
    const struct trial *all[ARCHIVE_SIZES * ARCHIVE_TAILS];
    size_t count = archive_list(archive, all), drawn = 0;
    /* The best, and of the rest each as likely as another (Fisher and Yates). */
    for (; drawn < count && drawn < most; drawn++) {
        size_t which = drawn > 0 ? drawn + (size_t)random_below(random, count - drawn) : 0;
        ret_elites[drawn] = all[which];
        all[which] = all[drawn];
    }
    return drawn;
}

void archive_free(struct archive *archive)
{
    for (size_t i = 0; i < ARCHIVE_SIZES; i++)
        for (size_t k = 0; k < ARCHIVE_TAILS; k++)
            if (archive->cells[i][k]) {
                trial_free(archive->cells[i][k]);
                free(archive->cells[i][k]);
            }
    *archive = (struct archive){0};
}
