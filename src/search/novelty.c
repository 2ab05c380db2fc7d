#include "search/novelty.h"

#include <search.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Its own copy, of as many nodes as there are. */
static struct program *copy_of(const struct program *program)
{
    size_t size = offsetof(struct program, nodes) + program->count * sizeof program->nodes[0];
    struct program *copy = malloc(size);
    if (copy)
        memcpy(copy, program, size);
    return copy;
}

static int compare_programs(const void *a, const void *b)
{
    return program_compare(a, b);
}

int programs_seen_add(struct programs_seen *seen, const struct program *program)
{
    struct program simple;
    program_simplify(program, &simple);
    if (tfind(&simple, &seen->tree, compare_programs))
        return 0;
    struct program *copy = copy_of(&simple);
    if (!copy || !tsearch(copy, &seen->tree, compare_programs)) {
        free(copy);
        return -1;
    }
    return 1;
}

void programs_seen_free(struct programs_seen *seen)
{
    tdestroy(seen->tree, free);
    seen->tree = NULL;
}

static int compare_numbers(double a, double b)
{
    return (a > b) - (a < b);
}

static int compare_behaviours(const void *a, const void *b)
{
    const struct behaviour *x = a, *y = b;
    int order = compare_numbers(x->first, y->first);
    return order ? order : compare_numbers(x->first_worst, y->first_worst);
}

struct behaviour *behaviours_find(struct behaviours *behaviours, const struct trial *trial)
{
    struct behaviour key = {.first = trial->ratio[STAGE_FIRST], .first_worst = trial->worst};
    struct behaviour **found = tfind(&key, &behaviours->tree, compare_behaviours);
    if (found)
        return *found;
    struct behaviour *behaviour = malloc(sizeof *behaviour);
    if (!behaviour)
        return NULL;
    *behaviour = key;
    if (!tsearch(behaviour, &behaviours->tree, compare_behaviours)) {
        free(behaviour);
        return NULL;
    }
    return behaviour;
}

void behaviours_free(struct behaviours *behaviours)
{
    tdestroy(behaviours->tree, free);
    behaviours->tree = NULL;
}
