/* A subject: one simulated subsystem of an operating system, the policy that governs it and its
 * parameters, what others do instead, and a bound that no policy can beat.
 *
 * All functions are pure: the same arguments give the same bits, with every compiler and at every
 * level of optimisation (-ffp-contract=off, never -ffast-math). A workload is generated once from a
 * seed; then several threads may read it at once. An array of parameters has parameter_count
 * numbers, in the units of their rows in `parameters`. */
#ifndef KHUB_POLICY_SUBJECT_H
#define KHUB_POLICY_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/trace.h"

#define SUBJECT_PARAMETERS_MAX 12
#define SUBJECT_TRACES_MAX     16u
#define SUBJECT_VERSION_SIZE   65u /* what a commitment takes of it, and a NUL */
#define SUBJECT_FIGURES_MAX    4
#define SUBJECT_BOUND          (-1) /* beside the baselines, who are 0 and more */
#define SUBJECT_INFORMED       (-2)

struct parameter {
    const char *name, *unit, *meaning;
    double low, high;
    bool logarithmic; /* searched on a log scale */
    bool whole;       /* rounded to an integer when it is used */
    double textbook;  /* the textbook setting */
};

/* The rules a policy decides by: what its parameters mean in whole numbers. Each subject has its
 * own struct for them, of uint32_t alone, which is stored in these words (RULES_FIT in
 * module.h). */
#define RULES_WORDS 32
struct rules {
    uint32_t words[RULES_WORDS];
};

/* A member of a subject's rules, a uint32_t or an array. @name@ stands for it in the module's
 * text. */
struct constant {
    const char *name;
    size_t first, count; /* words */
};

/* A function of the ops struct by which a module is called: its row in `operations`. Parameters
 * are the state (void *), numbers of up to 64 bits, and at most one array, which the module reads
 * (const) or writes, of at most MODULE_BYTES. */
struct operation {
    const char *name;       /* "packet" */
    const char *returns;    /* "void" */
    const char *parameters; /* "void *state, uint32_t delay_us" */
    const char *meaning;    /* sentences, for the module's text */
};

struct compiled_policy; /* module.h */
struct program;         /* program.h */
struct program_frame;   /* the same */

struct subject {
    const char *name;           /* "process_manager" */
    const char *specialization; /* of the AIs that train on it */
    const char *title;          /* one line for people */
    const char *cost;           /* what a cost is, with its unit: "mean response time, ms" */
    const char *version;        /* changes with the numbers of the simulator or the module's text */
    int parameter_count;
    const struct parameter *parameters;
    int baseline_count; /* baseline 0 is the textbook, the rest is best practice */
    const char *const *baseline_names;
    /* One block, for free(). NULL when out of memory. */
    void *(*workload_new)(uint64_t seed);
    /* The same out of a window of a part of a trace, which the seed chooses; NULL: this subject
     * can't. The part has at least trace_least records. Baselines and bound then take these
     * workloads too. NULL when out of memory. */
    void *(*workload_read)(const struct trace_part *part, uint64_t seed);
    enum trace_kind trace_kind;
    size_t trace_least;
    bool trace_unbounded;    /* of a workload that was read nobody knows a bound */
    const char *trace_lacks; /* where workload_read is NULL: why, a sentence; NULL: not yet */
    /* What its workloads are windows of (subject_of_traces); NULL: they are generated. */
    const struct subject_traces *traces;
    /* Of parameters that are in range; ret_rules is the subject's own struct. */
    void (*rules_of)(const double *parameters, void *ret_rules);
    /* Costs: lower is better, > 0; NAN when out of memory. */
    double (*cost_of)(const void *workload, const void *rules);
    double (*baseline_cost)(const void *workload, int which);
    /* No policy can be lower on this workload. NULL: there is no bound. */
    double (*bound_cost)(const void *workload);
    /* What somebody would do who knows more than a policy may, but not everything: neither practice
     * nor bound. NULL where there is no such thing. */
    const char *informed_name;
    double (*informed_cost)(const void *workload);
    /* Numbers behind the cost, for people: their names with units, NULL-ended, at most
     * SUBJECT_FIGURES_MAX. NULL where the cost says all. figures_of writes those of these rules,
     * or, when they are NULL, of baseline `which`, SUBJECT_INFORMED or SUBJECT_BOUND. 0, or -1 when
     * out of memory. */
    const char *const *figure_names;
    int (*figures_of)(const void *workload, const void *rules, int which, double *ret_figures);
    /* The best parameters for these workloads, where they can be computed instead of searched; NULL
     * where not. 0, or -1 when out of memory. */
    int (*solve)(const void *const *workloads, size_t count, double *ret_parameters);
    /* The module a policy is rendered to: freestanding C11, integers only, no undefined symbols.
     * rules.h, as it is compiled into cost_of, and what stands around it in module.c.in. All that
     * others see of it is `const struct khub_NAME_ops khub_NAME`: two modules are one program. */
    const char *module;
    size_t constant_count;
    const struct constant *constants;
    /* The functions of its ops struct, in this order. When it has a state, the struct begins with
     * state_size and state_reset, which are no rows. */
    bool stateful;
    size_t operation_count;
    const struct operation *operations;
    /* The cost on the same simulator when a compiled policy decides; for a rendered one it is that
     * of its parameters, to the bit. NAN when out of memory. The policy may come from anybody, so
     * its answers can break nothing here: what is out of range is clamped. */
    double (*module_cost)(const void *workload, const struct compiled_policy *module);
    const struct program_frame *frame; /* for programs (program.h); NULL: it has none yet */
};

/* All subjects, in a fixed order; *ret_count of them. */
const struct subject *const *subjects(size_t *ret_count);
/* By name; NULL when there is none. */
const struct subject *subject_find(const char *name);
/* The subject that an AI of this specialization searches (the first of its own); NULL when there is
 * none. */
const struct subject *subject_for(const char *specialization);

/* What this process has of traces beside the table. Before there are threads; at most
 * SUBJECTS_ADDED_MAX, which must stay where they are. One that is private is trained on and found
 * by nobody: on its workloads an AI sees what others' parameters are worth to it. */
#define SUBJECTS_ADDED_MAX 4u
void subject_add(const struct subject *traced, bool is_private);
/* Which of those that were added, from 0; -1: it is of the table. */
int subject_added(const struct subject *subject);
/* By name and version, added ones too; NULL when there is none. */
const struct subject *subject_of_version(const char *name, const char *version);
/* The subject that an AI of this specialization searches here: one that was added, else
 * subject_for. */
const struct subject *subject_trained(const char *specialization);
/* On whose workloads it sees what a subject's parameters are worth to it: a private one of that
 * name, else the subject itself. */
const struct subject *subject_seen(const struct subject *subject);

/* The traces that the workloads of a subject are windows of: workload i of a split is one of trace
 * i modulo count. */
struct subject_traces {
    size_t count;
    const struct trace *of[SUBJECT_TRACES_MAX];
    struct trace_options options;
};
/* A subject whose workloads come from traces: another one than its base, of the same name and with
 * a version of its own, in which the traces' digests and the options are. */
struct traced_subject {
    struct subject subject;
    struct subject_traces traces;
    char version[SUBJECT_VERSION_SIZE];
};
/* identity: what stands for all the traces, in hex digits; the first 32 go into the version. Keeps
 * pointers to the traces and into *ret_subject, which must stay where it is. 0, or -1 with a
 * sentence on why not. */
int subject_of_traces(const struct subject *base, const struct subject_traces *traces,
                      const char *identity, struct traced_subject *ret_subject, char *ret_why,
                      size_t size);
/* Workload `index` of a split; NULL when out of memory. */
void *subject_workload(const struct subject *subject, const char *split, uint64_t index);

/* From the search space [0,1]^parameter_count to units, and back. What is outside [0,1] is folded
 * back at its ends (reflection), so the result is always in range. */
void subject_units(const struct subject *subject, const double *u, double *ret_parameters);
void subject_unit_cube(const struct subject *subject, const double *parameters, double *ret_u);
/* Whether these `count` numbers, which may come from anybody, are as many as there are parameters,
 * finite and in range. On false, *ret_which is the index of the first that is not. */
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

/* The same of a valid program in the subject's frame, which it must have. */
int subject_render_program(const struct subject *subject, const struct program *program,
                           char *buffer, size_t size);

/* value * one, rounded: a parameter as a policy's rules have it, in whole multiples of 1/one.
 * 0 <= value * one < 2^32. */
uint32_t fixed_point(double value, double one);

/* Seed `index` of a split: splitmix64(FNV-1a(subject "/" split) ^ index). A split is the name of a
 * set of workloads: "train/<AI>" are those an AI trains on, "peer/<AI>" those on which it measures
 * what others send, "heldout/<AI>" those on which it shows how far it is, "review/<session>/<AI>"
 * fresh ones for a review, "test/<nonce>" those by which a claim is checked. Or it is the name of a
 * search's random numbers: "search/<AI>", "session/<session>/<AI>". */
uint64_t subject_seed(const struct subject *subject, const char *split, uint64_t index);

#endif
