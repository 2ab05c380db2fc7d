/* Who proposes candidates: a searcher, without the measuring. All of them are asked and told in the
 * same way, and measured by the same judge, so that they can be compared. */
#ifndef KHUB_SEARCH_PROPOSER_H
#define KHUB_SEARCH_PROPOSER_H

#include "search/judge.h"
#include "search/model.h"

#define PROPOSALS_MAX 16u /* at once */

/* What a proposer may know when it is asked. */
struct search_state {
    const struct archive *archive;
    const struct trial *best; /* stages 0: none yet */
    uint64_t left;            /* simulations (judge.h) */
    const atomic_bool *stop;  /* NULL: never */
};

struct proposer {
    char name[64]; /* "cmaes", "exec: ./mine" */
    void *state;
    bool done;                /* it has no more */
    struct model_spent spent; /* by one that asks a model */
    /* Fills in up to `most` (1..PROPOSALS_MAX) candidates: parameters, or a source for free().
     * Returns how many; 0: none of what it proposed could be read, or it is done. -1: it failed,
     * `why` says how. */
    int (*propose)(struct proposer *proposer, const struct search_state *search, size_t most,
                   struct trial *ret_trials, char why[256]);
    /* What came of the last ones, in their order. 0, or -1 as above. */
    int (*told)(void *state, const struct trial *trials, size_t count, char why[256]);
    void (*free)(void *state);
};

/* Each returns 0, or -1: out of memory, or as `why` says. */

/* Uniform draws in the unit cube; the first is the textbook's setting. */
int proposer_random(const struct subject *subject, uint64_t seed, struct proposer *ret_proposer,
                    char why[256]);
/* CMA-ES from scratch, with the textbook's setting in its first generation. */
int proposer_cmaes(const struct subject *subject, uint64_t seed, struct proposer *ret_proposer,
                   char why[256]);
/* Genetic programming over expression trees in the subject's frame, from what is known already;
 * fails when the subject has no frame. */
int proposer_genetic(const struct subject *subject, uint64_t seed, struct proposer *ret_proposer,
                     char why[256]);
/* A language model, asked for modules and told what became of them; the settings' texts are kept.
 * It is done when what it may have is used up. */
int proposer_llm(const struct subject *subject, const struct model_settings *settings,
                 uint64_t seed, struct proposer *ret_proposer, char why[256]);
/* Any program, by JSON lines on its stdin and stdout (docs/SEARCH.md). `command` is for the shell.
 * Its stderr is this process's. `budget`: the simulations that it will have. An answer that takes
 * longer than patience_ms is none. The program and its children end with the proposer. */
int proposer_exec(const struct subject *subject, const char *command, uint64_t seed,
                  uint64_t budget, int patience_ms, struct proposer *ret_proposer, char why[256]);

void proposer_free(struct proposer *proposer);

/* Called after each answer that was measured. */
typedef void proposer_watch(const struct judge *judge, void *data);
/* Asks, measures and tells until `budget` simulations are spent (the last answer may take a few
 * more), it has no more to propose, or the judge is stopped. 0, or -1: it failed, or this machine
 * did, as `why` says; the judge keeps what was found until then. */
int proposer_search(struct proposer *proposer, struct judge *judge, uint64_t budget,
                    proposer_watch *watch, void *data, char why[256]);

#endif
