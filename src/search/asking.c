#include "search/asking.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

static void *think(void *data)
{
    struct asking *asking = data;
    const struct trial none = {.stages = 0};
    const struct search_state search = {
        .archive = &asking->archive, .best = &none, .left = asking->left, .stop = &asking->stop};
    asking->count = asking->proposer->propose(asking->proposer, &search, asking->most,
                                              asking->trials, asking->why);
    pthread_mutex_lock(&asking->mutex);
    asking->answered = true;
    pthread_cond_signal(&asking->news);
    pthread_mutex_unlock(&asking->mutex);
    return NULL;
}

/* By a clock that nobody sets. */
static void news_begin(struct asking *asking)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&asking->news, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&asking->mutex, NULL);
}

static void forget(struct asking *asking)
{
    archive_free(&asking->archive);
    pthread_cond_destroy(&asking->news);
    pthread_mutex_destroy(&asking->mutex);
    asking->thinking = false;
}

int asking_begin(struct asking *asking, struct proposer *proposer, const struct archive *archive,
                 uint64_t left, size_t most)
{
    assert(!asking->thinking && most <= PROPOSALS_MAX);
    asking->proposer = proposer;
    asking->left = left;
    asking->most = most;
    asking->answered = false;
    asking->count = 0;
    asking->why[0] = '\0';
    atomic_init(&asking->stop, false);
    if (archive_copy(archive, &asking->archive) < 0)
        return -1;
    news_begin(asking);
    asking->thinking = pthread_create(&asking->thread, NULL, think, asking) == 0;
    if (!asking->thinking)
        forget(asking);
    return asking->thinking ? 0 : -1;
}

static bool wait(struct asking *asking, unsigned ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&asking->mutex);
    while (!asking->answered &&
           pthread_cond_timedwait(&asking->news, &asking->mutex, &until) != ETIMEDOUT)
        ;
    bool answered = asking->answered;
    pthread_mutex_unlock(&asking->mutex);
    return answered;
}

bool asking_answered(struct asking *asking, unsigned ms, struct trial *ret_trials, int *ret_count,
                     char ret_why[256])
{
    assert(asking->thinking);
    if (!wait(asking, ms))
        return false;
    pthread_join(asking->thread, NULL);
    if (asking->count > 0)
        memcpy(ret_trials, asking->trials, (size_t)asking->count * sizeof *ret_trials);
    memcpy(ret_why, asking->why, sizeof asking->why);
    *ret_count = asking->count;
    forget(asking);
    return true;
}

void asking_end(struct asking *asking)
{
    if (!asking->thinking)
        return;
    atomic_store(&asking->stop, true);
    pthread_join(asking->thread, NULL);
    for (int i = 0; i < asking->count; i++)
        trial_free(&asking->trials[i]);
    forget(asking);
}
