/* Who searches, as people name them on a command line, and the proposer that they mean. */
#ifndef KHUB_SEARCH_SEARCHER_H
#define KHUB_SEARCH_SEARCHER_H

#include "search/proposer.h"

struct searcher {
    const char *by;              /* "genetic", "exec:COMMAND", "llm:MODEL"; kept */
    struct model_settings model; /* of a language model; its name is in `by` */
    int patience_ms;             /* for an answer of a program */
};

#define SEARCHERS "cmaes, random, genetic, exec:COMMAND and llm:MODEL"

/* Whether there is one of this name. */
bool searcher_known(const char *by);
/* Of one that is known. `seed` is for its luck; `budget`: the simulations that it will have, 0: as
 * many as its time is for. 0, or -1 after a sentence. */
int searcher_begin(const struct searcher *searcher, const struct subject *subject, uint64_t seed,
                   uint64_t budget, struct proposer *ret_proposer, char why[256]);

#endif
