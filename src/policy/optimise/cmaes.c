/* CMA-ES: a cloud of candidates N(mean, sigma² C) that learns where to go (mean), how far (sigma)
 * and in which directions (C).
 *
 * Per generation: sample lambda points, rank them by cost, and from the better half move the mean,
 * lengthen or shorten sigma by how much consecutive steps point the same way (path_sigma), and bend
 * C towards the steps that worked (rank one: path_c; rank mu: the steps themselves). Only ranks are
 * used, so any monotone change of the cost changes nothing. Names follow the tutorial. */
#include "policy/optimise/cmaes.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "policy/elementary.h"
#include "policy/optimise/cmaes_internal.h"

struct cmaes {
    int n, generation, restarts;
    struct random random;
    struct cmaes_constants k;
    double tolerance, sigma;
    double mean[CMAES_N_MAX], path_sigma[CMAES_N_MAX], path_c[CMAES_N_MAX];
    double covariance[CMAES_N_MAX][CMAES_N_MAX];
    double axes[CMAES_N_MAX][CMAES_N_MAX]; /* B: eigenvectors of C as columns */
    double lengths[CMAES_N_MAX];           /* D: square roots of its eigenvalues */
    double candidates[CMAES_LAMBDA_MAX][CMAES_N_MAX];
};

void cmaes_constants(int n, int lambda, struct cmaes_constants *ret_constants)
{
    assert(n >= 1 && lambda >= 2 && lambda <= CMAES_LAMBDA_MAX);
    struct cmaes_constants k = {.lambda = lambda, .mu = lambda / 2};
    double sum = 0, squares = 0;
    for (int i = 0; i < k.mu; i++) {
        k.weights[i] = elementary_log((lambda + 1) / 2.0) - elementary_log(i + 1.0);
        sum += k.weights[i];
    }
    for (int i = 0; i < k.mu; i++) {
        k.weights[i] /= sum;
        squares += k.weights[i] * k.weights[i];
    }
    k.mueff = 1 / squares;
    assert(k.mu >= 1 && k.mueff >= 1);
    k.cs = (k.mueff + 2) / (n + k.mueff + 5);
    k.ds = 1 + 2 * fmax(0, sqrt((k.mueff - 1) / (n + 1)) - 1) + k.cs;
    k.cc = (4 + k.mueff / n) / (n + 4 + 2 * k.mueff / n);
    k.c1 = 2 / ((n + 1.3) * (n + 1.3) + k.mueff);
    double rank_mu = 2 * (0.25 + k.mueff + 1 / k.mueff - 2) / ((n + 2.0) * (n + 2.0) + k.mueff);
    k.cmu = fmin(1 - k.c1, rank_mu);
    k.chi_n = sqrt(n) * (1 - 1 / (4.0 * n) + 1 / (21.0 * n * n));
    *ret_constants = k;
}

/* One rotation in the plane (p, q) that makes matrix[p][q] zero. */
static void rotate(int n, double matrix[CMAES_N_MAX][CMAES_N_MAX],
                   double vectors[CMAES_N_MAX][CMAES_N_MAX], int p, int q)
{
    double theta = (matrix[q][q] - matrix[p][p]) / (2 * matrix[p][q]);
    double t = 1 / (fabs(theta) + sqrt(theta * theta + 1));
    if (theta < 0)
        t = -t;
    double c = 1 / sqrt(t * t + 1), s = t * c;
    for (int i = 0; i < n; i++) {
        double ip = matrix[i][p], iq = matrix[i][q];
        matrix[i][p] = c * ip - s * iq;
        matrix[i][q] = s * ip + c * iq;
    }
    for (int i = 0; i < n; i++) {
        double pi = matrix[p][i], qi = matrix[q][i];
        matrix[p][i] = c * pi - s * qi;
        matrix[q][i] = s * pi + c * qi;
    }
    for (int i = 0; i < n; i++) {
        double ip = vectors[i][p], iq = vectors[i][q];
        vectors[i][p] = c * ip - s * iq;
        vectors[i][q] = s * ip + c * iq;
    }
}

void eigen_decompose(int n, double matrix[CMAES_N_MAX][CMAES_N_MAX],
                     double ret_vectors[CMAES_N_MAX][CMAES_N_MAX], double ret_values[CMAES_N_MAX])
{
    enum { SWEEPS_MAX = 40 }; /* it converges quadratically: 6 to 10 are used */
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            ret_vectors[i][j] = i == j;
    for (int sweep = 0; sweep < SWEEPS_MAX; sweep++) {
        int rotations = 0;
        for (int p = 0; p < n - 1; p++)
            for (int q = p + 1; q < n; q++) {
                double diagonal = sqrt(fabs(matrix[p][p])) * sqrt(fabs(matrix[q][q]));
                if (fabs(matrix[p][q]) > 1e-17 * diagonal && fabs(matrix[p][q]) > 1e-300) {
                    rotate(n, matrix, ret_vectors, p, q);
                    rotations++;
                }
            }
        if (rotations == 0)
            break;
    }
    for (int i = 0; i < n; i++)
        ret_values[i] = matrix[i][i];
}

static void sample(struct cmaes *search)
{
    int n = search->n;
    for (int k = 0; k < search->k.lambda; k++) {
        double z[CMAES_N_MAX];
        for (int i = 0; i < n; i++)
            z[i] = search->lengths[i] * random_normal(&search->random);
        for (int i = 0; i < n; i++) {
            double step = 0;
            for (int j = 0; j < n; j++)
                step += search->axes[i][j] * z[j];
            search->candidates[k][i] = search->mean[i] + search->sigma * step;
        }
    }
}

/* A round cloud of this width about the mean that is set. */
static void begin(struct cmaes *search, int lambda, double sigma)
{
    assert(sigma > 0);
    cmaes_constants(search->n, lambda, &search->k);
    search->generation = 0;
    search->sigma = sigma;
    memset(search->path_sigma, 0, sizeof search->path_sigma);
    memset(search->path_c, 0, sizeof search->path_c);
    for (int i = 0; i < search->n; i++) {
        search->lengths[i] = 1;
        for (int j = 0; j < search->n; j++)
            search->covariance[i][j] = search->axes[i][j] = i == j;
    }
    sample(search);
}

struct cmaes *cmaes_new(int n, uint64_t seed, const double *start, double sigma)
{
    if (n < 1 || n > CMAES_N_MAX)
        return NULL;
    struct cmaes *search = calloc(1, sizeof *search);
    if (!search)
        return NULL;
    search->n = n;
    search->tolerance = 2e-3;
    random_seed(&search->random, seed);
    for (int i = 0; i < n; i++)
        search->mean[i] = start ? start[i] : 0.5;
    begin(search, 4 + (int)floor(3 * elementary_log(n)), sigma);
    return search;
}

void cmaes_free(struct cmaes *search)
{
    free(search);
}

int cmaes_lambda(const struct cmaes *search)
{
    return search->k.lambda;
}

const double *cmaes_candidate(const struct cmaes *search, int k)
{
    assert(k >= 0 && k < search->k.lambda);
    return search->candidates[k];
}

double cmaes_sigma(const struct cmaes *search)
{
    return search->sigma;
}

int cmaes_restarts(const struct cmaes *search)
{
    return search->restarts;
}

void cmaes_set_tolerance(struct cmaes *search, double tolerance)
{
    search->tolerance = tolerance;
}

/* ret = B^T y, divided by D: y in coordinates in which the cloud is round. */
static void whiten(const struct cmaes *search, const double *y, double *ret)
{
    for (int j = 0; j < search->n; j++) {
        double dot = 0;
        for (int i = 0; i < search->n; i++)
            dot += search->axes[i][j] * y[i];
        ret[j] = dot / search->lengths[j];
    }
}

void cmaes_inject(struct cmaes *search, const double *u)
{
    int n = search->n;
    double y[CMAES_N_MAX] = {0}, white[CMAES_N_MAX], square = 0;
    for (int i = 0; i < n; i++)
        y[i] = (u[i] - search->mean[i]) / search->sigma;
    whiten(search, y, white);
    for (int i = 0; i < n; i++)
        square += white[i] * white[i];
    double limit = sqrt(n) + 2.0 * n / (n + 2);
    double scale = square > limit * limit ? limit / sqrt(square) : 1;
    if (!isfinite(square))
        return;
    for (int i = 0; i < n; i++)
        search->candidates[search->k.lambda - 1][i] =
            scale == 1 ? u[i] : search->mean[i] + search->sigma * scale * y[i];
}

/* Indices by rising cost; NAN last; equal costs keep their order, so that the search is
 * deterministic. */
static int rank(const struct cmaes *search, const double *costs, int *ret_order)
{
    int usable = 0;
    for (int k = 0; k < search->k.lambda; k++) {
        int at = k;
        usable += !isnan(costs[k]);
        for (; at > 0; at--) {
            double before = costs[ret_order[at - 1]];
            if (!(costs[k] < before || (isnan(before) && !isnan(costs[k]))))
                break;
            ret_order[at] = ret_order[at - 1];
        }
        ret_order[at] = k;
    }
    return usable;
}

/* The cumulative path and the length of the mean's step; returns |path_sigma|. */
static double update_paths(struct cmaes *search, const double *step)
{
    const struct cmaes_constants *k = &search->k;
    int n = search->n;
    double white[CMAES_N_MAX], square = 0;
    whiten(search, step, white);
    for (int i = 0; i < n; i++) {
        double back = 0; /* C^-1/2 step = B D^-1 B^T step */
        for (int j = 0; j < n; j++)
            back += search->axes[i][j] * white[j];
        search->path_sigma[i] =
            (1 - k->cs) * search->path_sigma[i] + sqrt(k->cs * (2 - k->cs) * k->mueff) * back;
        square += search->path_sigma[i] * search->path_sigma[i];
    }
    double length = sqrt(square);
    double settled = 1 - elementary_power(1 - k->cs, 2.0 * (search->generation + 1));
    bool stalled = length / sqrt(settled) >= (1.4 + 2.0 / (n + 1)) * k->chi_n;
    for (int i = 0; i < n; i++)
        search->path_c[i] = (1 - k->cc) * search->path_c[i] +
                            (stalled ? 0 : sqrt(k->cc * (2 - k->cc) * k->mueff) * step[i]);
    /* While the path is stalled C loses a little; this gives it back. */
    double kept = 1 - k->c1 - k->cmu + (stalled ? k->c1 * k->cc * (2 - k->cc) : 0);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            search->covariance[i][j] =
                kept * search->covariance[i][j] + k->c1 * search->path_c[i] * search->path_c[j];
    return length;
}

/* Widest axis, and whether the matrix can still be worked with. */
static bool update_axes(struct cmaes *search, double *ret_widest)
{
    double copy[CMAES_N_MAX][CMAES_N_MAX], values[CMAES_N_MAX];
    memcpy(copy, search->covariance, sizeof copy);
    eigen_decompose(search->n, copy, search->axes, values);
    double least = HUGE_VAL, greatest = 0;
    for (int i = 0; i < search->n; i++) {
        least = fmin(least, values[i]);
        greatest = fmax(greatest, values[i]);
        search->lengths[i] = sqrt(fmax(values[i], 0));
    }
    *ret_widest = sqrt(greatest);
    return least > 0 && greatest < 1e14 * least;
}

/* IPOP: a new cloud somewhere else, twice as many candidates. */
static void restart(struct cmaes *search)
{
    int lambda = 2 * search->k.lambda;
    search->restarts++;
    for (int i = 0; i < search->n; i++)
        search->mean[i] = random_uniform(&search->random);
    begin(search, lambda > CMAES_LAMBDA_MAX ? CMAES_LAMBDA_MAX : lambda, 0.3);
}

void cmaes_tell(struct cmaes *search, const double *costs)
{
    const struct cmaes_constants *k = &search->k;
    int n = search->n, order[CMAES_LAMBDA_MAX] = {0};
    int usable = rank(search, costs, order);
    if (usable == 0) { /* nothing was learnt */
        sample(search);
        return;
    }
    double step[CMAES_N_MAX] = {0}, old_mean[CMAES_N_MAX];
    memcpy(old_mean, search->mean, sizeof old_mean);
    for (int i = 0; i < n; i++) {
        for (int m = 0; m < k->mu; m++)
            step[i] +=
                k->weights[m] * (search->candidates[order[m]][i] - old_mean[i]) / search->sigma;
        search->mean[i] += search->sigma * step[i];
    }
    double length = update_paths(search, step);
    for (int m = 0; m < k->mu; m++)
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                search->covariance[i][j] +=
                    k->cmu * k->weights[m] *
                    ((search->candidates[order[m]][i] - old_mean[i]) / search->sigma) *
                    ((search->candidates[order[m]][j] - old_mean[j]) / search->sigma);
    search->sigma *= elementary_exp(fmin(1, k->cs / k->ds * (length / k->chi_n - 1)));
    search->generation++;
    double widest;
    bool sound = update_axes(search, &widest);
    double width = search->sigma * widest;
    if (!sound || width < search->tolerance || !(width < 1e3))
        restart(search);
    else
        sample(search);
}
