/* What a search has seen already, so that nothing is paid for twice.
 *
 * ShinkaEvolve (Lange and others 2025, arXiv 2509.19349) refuses a program whose text is too much
 * like one in its archive, by an embedding and a language model. Here neither is needed: a program
 * is new when its simplified tree is, and behaves as another one when both cost the same, to the
 * bit, on the first workloads (after Lehman and Stanley's novelty of behaviour, 2011). */
#ifndef KHUB_SEARCH_NOVELTY_H
#define KHUB_SEARCH_NOVELTY_H

#include "search/trial.h"

/* Programs, by their simplified trees; zeroed to begin with. */
struct programs_seen {
    void *tree;
};
/* Notes it. 1: it is new; 0: it was there; -1: out of memory. */
int programs_seen_add(struct programs_seen *seen, const struct program *program);
void programs_seen_free(struct programs_seen *seen);

/* What came of a candidate that did so on the first workloads. */
struct behaviour {
    double first, first_worst; /* ratios on STAGE_FIRST: of two workloads these say all */
    unsigned stages;           /* 0: it is new */
    double ratio[STAGES], worst, on_trace;
    size_t bytes;
};
/* Zeroed to begin with. */
struct behaviours {
    void *tree;
};
/* That of a trial that was run on STAGE_FIRST alone; to be filled in by who asked when it is new.
 * Good until the end; NULL when out of memory. */
struct behaviour *behaviours_find(struct behaviours *behaviours, const struct trial *trial);
void behaviours_free(struct behaviours *behaviours);

#endif
