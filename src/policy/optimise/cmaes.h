/* CMA-ES (Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv 1604.00772) on [0,1]^n by ask and
 * tell, deterministic, with warm start, injection (Hansen 2011, arXiv 1110.4181) and IPOP
 * restarts. */
#ifndef KHUB_POLICY_OPTIMISE_CMAES_H
#define KHUB_POLICY_OPTIMISE_CMAES_H

#include <stdbool.h>
#include <stdint.h>

enum { CMAES_LAMBDA_MAX = 60 };

struct cmaes;
/* start may be NULL (0.5 everywhere). sigma: 0.3 from scratch, 0.1 from an elite. NULL when out of
 * memory or n is outside 1..32. */
struct cmaes *cmaes_new(int n, uint64_t seed, const double *start, double sigma);
void cmaes_free(struct cmaes *search);
/* Candidates of the current generation, at most CMAES_LAMBDA_MAX. */
int cmaes_lambda(const struct cmaes *search);
/* Candidate k of this generation, n numbers; owned by the search, good until cmaes_tell. Not
 * folded: fold before evaluating. */
const double *cmaes_candidate(const struct cmaes *search, int k);
/* Replaces the last candidate of the current generation by u (clipped in Mahalanobis length). */
void cmaes_inject(struct cmaes *search, const double *u);
/* Costs of all candidates (lower is better; NAN counts as worst). Samples the next generation;
 * restarts when converged. */
void cmaes_tell(struct cmaes *search, const double *costs);
double cmaes_sigma(const struct cmaes *search);
int cmaes_restarts(const struct cmaes *search);

#endif
