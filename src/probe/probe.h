/* The probe: what a policy's C source is worth, found out without trusting it.
 *
 * The source is compiled as a kernel would take it (freestanding C11, integers, -Wall -Wextra
 * -Werror, no undefined symbols, no variables of its own) by a compiler that can read no file but
 * its own parts. It runs in a process that holds nothing else and can only answer; the subject's
 * simulator, here, asks it. So a score is what its answers earned, whoever wrote it.
 *
 * Needs a C compiler (cc) at run time, and a kernel with Landlock (5.13) and seccomp: without, it
 * says so, and runs nothing. What this machine can't is never a verdict on a module: PROBE_FAILED
 * and PROBE_NO_COMPILER.
 *
 * PROBE_TIMEOUT is decided by a count of basic blocks: the same wherever the compiler is the same,
 * however fast or busy the machine. Another compiler may count some more or fewer of them. */
#ifndef KHUB_PROBE_PROBE_H
#define KHUB_PROBE_PROBE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "policy/optimise/evaluation.h"
#include "policy/subject.h"

/* X(NAME, what it means) */
#define PROBE_RESULTS(X)                                                                           \
    X(RAN, "it ran; score is measured")                                                            \
    X(NO_COMPILER, "there is no C compiler (cc) here")                                             \
    X(NOT_COMPILED, "it does not compile as a module: freestanding C11 without warnings")          \
    X(UNDEFINED, "it needs symbols that it does not define")                                       \
    X(MISSING, "it does not define the subject's ops struct")                                      \
    X(KILLED, "it did what it may not, and was killed")                                            \
    X(TIMEOUT, "it ran longer than it may")                                                        \
    X(FAILED, "it could not be run here")

enum probe_result {
#define X(name, meaning) PROBE_##name,
    PROBE_RESULTS(X)
#undef X
        PROBE_RESULT_COUNT
};
const char *probe_result_text(enum probe_result result); /* "killed" */
const char *probe_result_meaning(enum probe_result result);
/* Whether it says something of the module; else it is about this machine, or it was stopped. */
bool probe_judged(enum probe_result result);

#define PROBE_SOURCE_MAX (256u << 10) /* bytes */

struct probe_report {
    enum probe_result result;
    struct score score;  /* when it ran: on `seeds` workloads of `split` */
    size_t object_bytes; /* text and read-only data of the compiled object; 0: not compiled */
    char why[256];       /* one sentence; "" when it ran */
};

/* Compiles and runs `source`. Blocks: compiling takes about 0.1 s of CPU time, the run about 2 us
 * for each question. `stop` may be NULL; when it becomes true, the result is PROBE_FAILED. */
void probe_module(const struct subject *subject, const char *source, const char *split,
                  size_t seeds, const atomic_bool *stop, struct probe_report *ret_report);
/* The same on several sets of workloads that are there, compiled once; a report for each. Once it
 * has failed on one it is not run on the next, which has the same report. Nobody else scores on
 * them meanwhile; afterwards they heed `stop`. */
void probe_each(const struct subject *subject, const char *source,
                struct evaluation_set *const *exams, size_t count, const atomic_bool *stop,
                struct probe_report *ret_reports);
/* Of one. */
void probe_on(const struct subject *subject, const char *source, struct evaluation_set *exam,
              const atomic_bool *stop, struct probe_report *ret_report);

#endif
