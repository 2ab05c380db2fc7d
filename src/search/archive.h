/* What a search has found, spread out: an archive of elites (MAP-Elites, Mouret and Clune, arXiv
 * 1504.04909).
 *
 * A cell is a size of compiled code (a power of two of bytes) and a worst case (the ratio on the
 * worst workload, in steps of a tenth). Each keeps the trial with the lowest mean ratio of all that
 * were ever in it. So what is small, or never bad, stays there to be built on, although something
 * else has the better mean. */
#ifndef KHUB_SEARCH_ARCHIVE_H
#define KHUB_SEARCH_ARCHIVE_H

#include <stdbool.h>

#include "policy/random.h"
#include "search/trial.h"

enum { ARCHIVE_SIZES = 12, ARCHIVE_TAILS = 24 };

struct archive {
    struct trial *cells[ARCHIVE_SIZES][ARCHIVE_TAILS]; /* NULL: empty */
    size_t count;
};

/* Which cell a candidate that was run belongs to. */
void archive_cell(const struct trial *trial, unsigned *ret_size, unsigned *ret_tail);
/* Puts in a copy if its cell is empty or it is better than who is there. 1: it is in; 0: it is not;
 * -1: out of memory. One that was not run at STAGE_TRAIN never is. */
int archive_add(struct archive *archive, const struct trial *trial);
/* All of them, archive->count: first the best of those that ran furthest, and no order in the
 * rest. Returns how many. */
size_t archive_list(const struct archive *archive, const struct trial **ret_elites);
/* Up to `most` different elites: the best, and others drawn at random. Returns how many; they are
 * the archive's, good until something is added. */
size_t archive_sample(const struct archive *archive, struct random *random, size_t most,
                      const struct trial **ret_elites);
/* 0, or -1 when out of memory; then there is nothing to free. */
int archive_copy(const struct archive *archive, struct archive *ret_copy);
void archive_free(struct archive *archive); /* what is in it */

#endif
