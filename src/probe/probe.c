/* Compile, fork, take all powers from the child, load, run, and read one score from a pipe.
 *
 * The module lives in the child's memory, so a hostile one could write whatever score it likes:
 * a score of foreign source proves nothing. That is why trainers only ever probe what they
 * rendered themselves. What the sandbox is for is that a mistake, or a source that a person
 * tries by hand, can do no harm. */
#include "probe/probe.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "policy/module.h"
#include "probe/room.h"
#include "process/lifeline.h"
#include "process/scratch.h"

#define RUN_SECONDS 120.0
#define LOOK_MS     20

static const char *const texts[] = {"ran",     "no_compiler", "not_compiled", "undefined",
                                    "missing", "killed",      "timeout",      "failed"};
_Static_assert(sizeof texts / sizeof *texts == PROBE_RESULT_COUNT, "a text for each result");

const char *probe_result_text(enum probe_result result)
{
    assert(result < PROBE_RESULT_COUNT);
    return texts[result];
}

const char *probe_result_meaning(enum probe_result result)
{
    static const char *const meanings[] = {
#define X(name, meaning) meaning,
        PROBE_RESULTS(X)
#undef X
    };
    return meanings[result];
}

void probe_explain(struct probe_report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->why, sizeof report->why, format, arguments);
    va_end(arguments);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int probe_wait(int pid, double seconds, const atomic_bool *stop, bool *ret_late)
{
    assert(pid > 0);
    double until = seconds_now() + seconds;
    int status;
    *ret_late = false;
    for (;;) {
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid)
            return status;
        if (ended < 0 && errno != EINTR)
            return -1;
        *ret_late = seconds_now() > until;
        if (*ret_late || (stop && atomic_load(stop)))
            break;
        poll(NULL, 0, LOOK_MS);
    }
    kill(-pid, SIGKILL); /* a compiler's group; of a child there is none */
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return -1;
}

/* ── the child ── */

/* What it tells: how far it came, and the score. */
struct verdict {
    int32_t result; /* enum probe_result */
    struct score score;
};

_Noreturn static void tell(int fd, const struct verdict *verdict)
{
    ssize_t written = write(fd, verdict, sizeof *verdict);
    _exit(written == sizeof *verdict ? 0 : 1);
}

static void answer_here(const struct compiled_policy *policy, struct module_call *call)
{
    (*(void (**)(struct module_call *))policy->context)(call);
}

/* The exam is made before the module is there, and only then is the rest of the powers given up. */
_Noreturn static void child(int fd, pid_t parent, const char *directory,
                            const struct subject *subject, const char *split, size_t seeds)
{
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGXCPU};
    struct verdict verdict = {.result = PROBE_FAILED};
    char path[PROBE_PATH_MAX];
    void (*answer)(struct module_call *) = NULL;
    struct compiled_policy policy = {answer_here, &answer};
    lifeline_tie(parent, SIGKILL);
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        signal(deadly[i], SIG_DFL); /* a sanitizer, say, would handle some of them */
    snprintf(path, sizeof path, "%s/policy.so", directory);
    struct evaluation_set *exam = evaluation_set_new(subject, split, seeds);
    if (!exam || sandbox_enter(fd) < 0)
        tell(fd, &verdict);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = module ? dlsym(module, "khub_answer") : NULL;
    memcpy(&answer, &symbol, sizeof symbol);
    if (!answer || sandbox_seal(fd) < 0)
        tell(fd, &verdict);
    verdict.score = evaluation_set_module(exam, &policy);
    verdict.result = PROBE_RAN;
    tell(fd, &verdict);
}

/* ── the parent ── */

static void explain_ending(struct probe_report *report, int status, bool late)
{
    int number = status >= 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (late || number == SIGXCPU || (number == SIGKILL && status >= 0)) {
        report->result = PROBE_TIMEOUT;
        probe_explain(report, "it ran longer than it may");
    } else if (number == SIGSYS) {
        report->result = PROBE_KILLED;
        probe_explain(report, "it made a system call, and was killed");
    } else if (number) {
        report->result = PROBE_KILLED;
        probe_explain(report, "it crashed (%s)", strsignal(number));
    } else {
        report->result = PROBE_FAILED;
        probe_explain(report, "%s",
                      status < 0 ? "it was stopped" : "it could not be loaded in the sandbox");
    }
}

/* Whether an honest child could have told this; a module that found the pipe may have written
 * anything. */
static bool believable(const struct verdict *verdict, size_t seeds)
{
    return verdict->result == PROBE_RAN && verdict->score.ratio > 0 &&
           isfinite(verdict->score.ratio) && verdict->score.seeds == seeds &&
           verdict->score.wins <= seeds;
}

static void run_module(const struct subject *subject, const char *directory, const char *split,
                       size_t seeds, const atomic_bool *stop, struct probe_report *report)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        probe_explain(report, "no pipe: %s", strerror(errno));
        return;
    }
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        child(ends[1], parent, directory, subject, split, seeds);
    close(ends[1]);
    if (pid < 0) {
        probe_explain(report, "no process: %s", strerror(errno));
        close(ends[0]);
        return;
    }
    bool late;
    struct verdict verdict;
    int status = probe_wait(pid, RUN_SECONDS, stop, &late);
    bool told = read(ends[0], &verdict, sizeof verdict) == sizeof verdict;
    close(ends[0]);
    if (status != 0 || !told || verdict.result == PROBE_FAILED) {
        explain_ending(report, status, late);
        return;
    }
    if (!believable(&verdict, seeds)) {
        probe_explain(report, "what it told is no score");
        return;
    }
    report->result = (enum probe_result)verdict.result;
    report->score = verdict.score;
}

void probe_module(const struct subject *subject, const char *source, const char *split,
                  size_t seeds, const atomic_bool *stop, struct probe_report *ret_report)
{
    *ret_report = (struct probe_report){.result = PROBE_FAILED};
    if (!compile_possible()) {
        ret_report->result = PROBE_NO_COMPILER;
        probe_explain(ret_report, "%s", probe_result_meaning(PROBE_NO_COMPILER));
        return;
    }
    struct scratch scratch;
    if (scratch_make("probe", &scratch) < 0) {
        probe_explain(ret_report, "no temporary directory: %s", strerror(errno));
        return;
    }
    ret_report->result = compile_module(scratch.path, subject, source, stop, ret_report);
    if (ret_report->result == PROBE_RAN) {
        ret_report->result = PROBE_FAILED;
        run_module(subject, scratch.path, split, seeds, stop, ret_report);
    }
    scratch_remove(&scratch);
}
