/* CMA-ES by ask and tell, which can be left after any evaluation, so that a worker can turn to
 * something else and come back. */
#include "policy/optimise/search.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define SIGMA_SCRATCH 0.3
#define SIGMA_WARM    0.1

double objective_ratio(const struct objective *objective, const double *parameters)
{
    assert(objective->count > 0 && objective->count <= OBJECTIVE_SETS_MAX);
    double sum = 0;
    for (size_t i = 0; i < objective->count; i++)
        sum += evaluation_set_score(objective->sets[i], parameters).ratio;
    return sum / (double)objective->count;
}

void objective_free(struct objective *objective)
{
    for (size_t i = 0; i < objective->count; i++)
        evaluation_set_free(objective->sets[i]);
    *objective = (struct objective){0};
}

int search_begin(struct search *search, const struct subject *subject, uint64_t seed,
                 const double *start)
{
    double u[SUBJECT_PARAMETERS_MAX], textbook[SUBJECT_PARAMETERS_MAX];
    assert(subject->parameter_count <= SUBJECT_PARAMETERS_MAX);
    subject_textbook(subject, textbook);
    subject_unit_cube(subject, start ? start : textbook, u);
    struct cmaes *cmaes = cmaes_new(subject->parameter_count, seed, start ? u : NULL,
                                    start ? SIGMA_WARM : SIGMA_SCRATCH);
    if (!cmaes)
        return -1;
    *search = (struct search){
        .subject = subject, .cmaes = cmaes, .offered = true, .best_ratio = HUGE_VAL};
    memcpy(search->offer, u, sizeof u);
    return 0;
}

void search_end(struct search *search)
{
    cmaes_free(search->cmaes);
    *search = (struct search){.best_ratio = HUGE_VAL};
}

static void search_keep(struct search *search, const double *parameters, double ratio)
{
    if (!(ratio < search->best_ratio)) /* NAN keeps out too */
        return;
    search->best_ratio = ratio;
    memcpy(search->best, parameters, (size_t)search->subject->parameter_count * sizeof *parameters);
}

unsigned search_run(struct search *search, const struct objective *objective, unsigned evaluations,
                    const atomic_bool *stop)
{
    assert(search->cmaes && search->next < cmaes_lambda(search->cmaes));
    unsigned done = 0;
    while (done < evaluations && !(stop && atomic_load(stop))) {
        if (search->next == 0 && search->offered) {
            cmaes_inject(search->cmaes, search->offer);
            search->offered = false;
        }
        double parameters[SUBJECT_PARAMETERS_MAX];
        subject_units(search->subject, cmaes_candidate(search->cmaes, search->next), parameters);
        double ratio = objective_ratio(objective, parameters);
        if (isnan(ratio) && stop && atomic_load(stop))
            break; /* it gave up in the middle (evaluation_set_heed): that was no evaluation */
        search_keep(search, parameters, ratio);
        search->costs[search->next++] = ratio;
        done++;
        if (search->next == cmaes_lambda(search->cmaes)) {
            cmaes_tell(search->cmaes, search->costs);
            search->next = 0;
            search->generations++;
        }
    }
    search->evaluations += done;
    return done;
}

void search_offer(struct search *search, const double *parameters, double ratio)
{
    if (!isfinite(ratio))
        return;
    search_keep(search, parameters, ratio);
    subject_unit_cube(search->subject, parameters, search->offer);
    search->offered = true;
}

double search_try(struct search *search, const struct objective *objective,
                  const double *parameters)
{
    double ratio = objective_ratio(objective, parameters);
    search->evaluations++;
    search_offer(search, parameters, ratio);
    return ratio;
}
