/* A tree: the n-gram of some calls and a last one is the child, by that last one, of the n-gram of
 * the others. All children lie in one open hash table. */
#include "policy/security/grams.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct gram {
    uint32_t others, last; /* its parent, and the call that makes it a child */
    uint32_t count;
};

struct grams {
    struct gram *at; /* the first is the one of no calls */
    size_t count;
    uint32_t *slots; /* twice as many as there is room for grams; NONE: free */
    size_t slot_count;
    uint32_t ending[GRAMS]; /* which ones end at the last call */
};

static size_t slot_of(const struct grams *grams, uint32_t others, uint32_t last)
{
    uint64_t key = ((uint64_t)others << 32 | last) * UINT64_C(0x9e3779b97f4a7c15);
    size_t mask = grams->slot_count - 1, i = (size_t)(key >> 32) & mask;
    for (; grams->slots[i] != NONE; i = (i + 1) & mask) {
        const struct gram *gram = &grams->at[grams->slots[i]];
        if (gram->others == others && gram->last == last)
            break;
    }
    return i;
}

static int make_room(struct grams *grams, size_t slot_count)
{
    struct gram *at = realloc(grams->at, slot_count / 2 * sizeof *at);
    if (at)
        grams->at = at;
    uint32_t *slots = malloc(slot_count * sizeof *slots);
    if (!at || !slots) {
        free(slots);
        return -1;
    }
    free(grams->slots);
    grams->slots = slots;
    grams->slot_count = slot_count;
    memset(slots, 0xff, slot_count * sizeof *slots);
    for (size_t i = 1; i < grams->count; i++)
        slots[slot_of(grams, at[i].others, at[i].last)] = (uint32_t)i;
    return 0;
}

struct grams *grams_new(void)
{
    struct grams *grams = calloc(1, sizeof *grams);
    if (!grams || make_room(grams, 1 << 14) < 0) {
        grams_free(grams);
        return NULL;
    }
    grams->at[grams->count++] = (struct gram){.others = NONE};
    grams_start(grams);
    return grams;
}

void grams_free(struct grams *grams)
{
    if (!grams)
        return;
    free(grams->at);
    free(grams->slots);
    free(grams);
}

void grams_start(struct grams *grams)
{
    for (int n = 1; n < GRAMS; n++)
        grams->ending[n] = NONE;
}

int grams_take(struct grams *grams, uint32_t call, uint32_t ret_grams[GRAMS])
{
    for (int n = GRAM_MOST; n > 0; n--) {
        uint32_t others = grams->ending[n - 1];
        grams->ending[n] = NONE;
        if (others == NONE)
            continue;
        if (grams->count == grams->slot_count / 2 && make_room(grams, 2 * grams->slot_count) < 0)
            return -1;
        uint32_t *slot = &grams->slots[slot_of(grams, others, call)];
        if (*slot == NONE) {
            *slot = (uint32_t)grams->count++;
            grams->at[*slot] = (struct gram){.others = others, .last = call};
        }
        grams->ending[n] = *slot;
    }
    memcpy(ret_grams, grams->ending, sizeof grams->ending);
    return 0;
}

void grams_learn(struct grams *grams, uint32_t call)
{
    grams->at[0].count++;
    for (int n = GRAM_MOST; n > 0; n--) {
        uint32_t others = grams->ending[n - 1];
        grams->ending[n] = others == NONE ? NONE : grams->slots[slot_of(grams, others, call)];
        if (grams->ending[n] != NONE)
            grams->at[grams->ending[n]].count++;
    }
}

void grams_count(const struct grams *grams, uint32_t counted[GRAMS])
{
    for (int n = 0; n < GRAMS; n++)
        counted[n] = counted[n] == NONE ? 0 : grams->at[counted[n]].count;
}
