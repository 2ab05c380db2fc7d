/* CMA-ES (Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv 1604.00772) on [0,1]^n by ask and
 * tell, deterministic, with warm start, injection (Hansen 2011, arXiv 1110.4181) and IPOP
 * restarts. */
#ifndef KHUB_POLICY_OPTIMISE_CMAES_H
#define KHUB_POLICY_OPTIMISE_CMAES_H

#include <stdbool.h>
#include <stdint.h>

enum { CMAES_LAMBDA_MAX = 60 };

struct cmaes;
/* A search in n dimensions, 1..32. start: n numbers, or NULL (0.5 everywhere); sigma, > 0: the
 * width of the first cloud, 0.3 from scratch, 0.1 from an elite. To be freed; NULL when out of
 * memory or n is out of range. */
struct cmaes *cmaes_new(int n, uint64_t seed, const double *start, double sigma);
void cmaes_free(struct cmaes *search);
/* Candidates of the current generation, at most CMAES_LAMBDA_MAX. */
int cmaes_lambda(const struct cmaes *search);
/* Candidate k, 0..lambda-1, of this generation: n numbers, owned by the search, valid until
 * cmaes_tell. They may be outside [0,1]: subject_units folds them back. */
const double *cmaes_candidate(const struct cmaes *search, int k);
/* Replaces the last candidate of this generation by u, n numbers (clipped in Mahalanobis
 * length). */
void cmaes_inject(struct cmaes *search, const double *u);
/* The costs of all lambda candidates (lower is better; NAN counts as worst). Samples the next
 * generation; restarts, with twice as many candidates, when converged. */
void cmaes_tell(struct cmaes *search, const double *costs);
double cmaes_sigma(const struct cmaes *search); /* the width now */
int cmaes_restarts(const struct cmaes *search);

#endif
