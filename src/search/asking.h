/* A question to a proposer, on a thread of its own: a model may think for minutes, and whoever asks
 * has other things to do until then.
 *
 * While it thinks the proposer is the thread's alone. It sees the archive as it was when it was
 * asked, in a copy. */
#ifndef KHUB_SEARCH_ASKING_H
#define KHUB_SEARCH_ASKING_H

#include <pthread.h>

#include "search/proposer.h"

/* Zeroed: nothing was asked. It must not move in memory while it thinks. */
struct asking {
    bool thinking; /* asked, and the answer was not taken yet */
    struct proposer *proposer;
    struct archive archive;
    uint64_t left;
    size_t most;
    pthread_t thread;
    pthread_mutex_t mutex; /* of `answered` */
    pthread_cond_t news;
    bool answered;
    atomic_bool stop;
    /* Its answer, as the proposer's `propose` gives it. */
    struct trial trials[PROPOSALS_MAX];
    int count;
    char why[256];
};

/* Asks for at most so many. 0; -1 when out of memory or threads: nothing was asked. */
int asking_begin(struct asking *asking, struct proposer *proposer, const struct archive *archive,
                 uint64_t left, size_t most);
/* Waits so long for the answer. True: it is there, and taken as if it had been asked for by
 * proposer->propose. */
bool asking_answered(struct asking *asking, unsigned ms, struct trial *ret_trials, int *ret_count,
                     char ret_why[256]);
/* Its answer is not wanted any more: it ends, and is forgotten. Nothing to do when it does not
 * think. */
void asking_end(struct asking *asking);

#endif
