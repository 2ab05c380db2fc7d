/* A subject: one simulated subsystem of an operating system, the policy that governs it and its
 * parameters, what others do instead, and a bound that no policy can beat.
 *
 * All functions are pure: the same arguments give the same bits, with every compiler and at every
 * level of optimisation (-ffp-contract=off, never -ffast-math). A workload is generated once from a
 * seed; then several threads may read it at once. */
#ifndef KHUB_POLICY_SUBJECT_H
#define KHUB_POLICY_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUBJECT_PARAMETERS_MAX 12

struct parameter {
    const char *name, *unit, *meaning;
    double low, high;
    bool logarithmic; /* searched on a log scale */
    bool whole;       /* rounded to an integer inside cost() */
    double textbook;  /* the textbook setting */
};

/* The rules a policy decides by: what its parameters mean in whole numbers. Each subject has a
 * struct of its own for them, of uint32_t alone, that lies in these words (RULES_FIT in
 * module.h). */
#define RULES_WORDS 32
struct rules {
    uint32_t words[RULES_WORDS];
};

/* A member of a subject's rules, or an array of them. In the subject's text @name@ stands for
 * it. */
struct constant {
    const char *name;
    size_t first, count; /* words */
};

/* A function of a compiled policy, to be cast to what it is. */
typedef void (*module_function)(void);

struct subject {
    const char *name;           /* "process_manager" */
    const char *specialization; /* of the AIs that train on it */
    const char *title;          /* one line for people */
    const char *cost;           /* what a cost is, with its unit: "mean response time, ms" */
    const char *version;        /* changes whenever a simulator's numbers may */
    int parameter_count;
    const struct parameter *parameters;
    int baseline_count; /* baseline 0 is the textbook, the rest is best practice */
    const char *const *baseline_names;
    /* One block, for free(). NULL when out of memory. */
    void *(*workload_new)(uint64_t seed);
    /* Of parameters that are in range; ret_rules is the subject's own struct. */
    void (*rules_of)(const double *parameters, void *ret_rules);
    /* Costs: lower is better, > 0; NAN when out of memory. */
    double (*cost_of)(const void *workload, const void *rules);
    double (*baseline_cost)(const void *workload, int which);
    double (*bound_cost)(const void *workload); /* no policy can be lower on this workload */
    /* The best parameters for these workloads, where they can be computed instead of searched; NULL
     * where not. 0, or -1 when out of memory. */
    int (*solve)(const void *const *workloads, size_t count, double *ret_parameters);
    /* The module a policy is rendered to: freestanding C11, integers only, no undefined symbols.
     * rules.h, as it is compiled into cost_of, and what stands around it in module.c.in. */
    const char *module;
    size_t constant_count;
    const struct constant *constants;
    /* Names of the functions that the module defines, NULL-ended; module_cost takes them in this
     * order. */
    const char *const *functions;
    /* The cost on the same simulator when a compiled policy decides: for a rendered one that of its
     * parameters, to the bit. It may come from anybody and do what it likes (call it in a sandbox),
     * but its answers can break nothing here: what is out of range is taken as the nearest in
     * range. */
    double (*module_cost)(const void *workload, const module_function *functions);
};

/* All that are built; *ret_count of them. */
const struct subject *const *subjects(size_t *ret_count);
/* By name; NULL when there is none. */
const struct subject *subject_find(const char *name);
/* The subject that an AI of this specialization searches (the first of its own); NULL when there is
 * none. */
const struct subject *subject_for(const char *specialization);

/* Search space [0,1]^n <-> units. Out-of-range u is folded back (reflection). */
void subject_units(const struct subject *subject, const double *u, double *ret_parameters);
void subject_unit_cube(const struct subject *subject, const double *parameters, double *ret_u);
/* Whether all parameters are finite and in range (as others send them). On false, *ret_which is the
 * first bad one. */
bool subject_valid(const struct subject *subject, const double *parameters, int count,
                   int *ret_which);

/* The textbook setting. */
void subject_textbook(const struct subject *subject, double *ret_parameters);

/* 0, or -1 when a parameter is out of range. */
int subject_rules(const struct subject *subject, const double *parameters, struct rules *ret_rules);
/* cost_of these parameters; NAN also when one is out of range. */
double subject_cost(const struct subject *subject, const void *workload, const double *parameters);
/* Writes the module with these parameters. The length of all of it, even when the buffer is too
 * short (as snprintf); -1 when a parameter is out of range. */
int subject_render(const struct subject *subject, const double *parameters, char *buffer,
                   size_t size);

/* value * one, rounded: a parameter as a policy's rules have it, in whole multiples of 1/one.
 * 0 <= value * one < 2^32. */
uint32_t fixed_point(double value, double one);

/* Seed i of a split: splitmix(FNV-1a(subject "/" split) ^ i). A split is a name for a set of
 * workloads: "train/<AI>" an AI's own, "peer/<AI>" those on which it runs what others send,
 * "heldout/<AI>" those it shows itself on, "review/<session>/<AI>" fresh ones for a review,
 * "test/<nonce>" those that judge a claim. Or for the luck of a search: "search/<AI>",
 * "session/<session>/<AI>". */
uint64_t subject_seed(const struct subject *subject, const char *split, uint64_t index);

#endif
