/* The insides of the search, for its tests. */
#ifndef KHUB_POLICY_OPTIMISE_CMAES_INTERNAL_H
#define KHUB_POLICY_OPTIMISE_CMAES_INTERNAL_H

#include "policy/optimise/cmaes.h"
#include "policy/random.h"

enum { CMAES_N_MAX = 32 };

/* The strategy constants of the tutorial, table 1, with positive weights only. */
struct cmaes_constants {
    int lambda, mu;
    double weights[CMAES_LAMBDA_MAX / 2];
    double mueff, cs, ds, cc, c1, cmu, chi_n;
};
void cmaes_constants(int n, int lambda, struct cmaes_constants *ret_constants);

/* The search restarts when its widest axis is narrower than this; 2e-3 unless set. 0: never for
 * that reason. */
void cmaes_set_tolerance(struct cmaes *search, double tolerance);

/* Eigenvalues and orthonormal eigenvectors (columns) of a symmetric n x n matrix, which is
 * destroyed. Cyclic Jacobi. */
void eigen_decompose(int n, double matrix[CMAES_N_MAX][CMAES_N_MAX],
                     double ret_vectors[CMAES_N_MAX][CMAES_N_MAX], double ret_values[CMAES_N_MAX]);

#endif
