/* Compile, begin a process that holds the module and nothing else, and let the simulator ask it.
 *
 * The simulator, its workloads and the score are here. All that a module can do about its score is
 * to answer. */
#include "probe/probe.h"

#include <assert.h>
#include <errno.h>
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

#include "probe/room.h"
#include "process/scratch.h"

#define LOOK_MS 20

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

bool probe_judged(enum probe_result result)
{
    return result != PROBE_FAILED && result != PROBE_NO_COMPILER;
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
    kill(-pid, SIGKILL); /* its group */
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return -1;
}

/* ── */

/* What its answers are worth on these workloads. */
static void run_module(const struct subject *subject, const char *directory,
                       struct evaluation_set *exam, const atomic_bool *stop,
                       struct probe_report *report)
{
    struct host *host = host_begin(directory, subject, evaluation_set_size(exam), stop, report);
    if (!host)
        return;
    evaluation_set_heed(exam, host_broken(host));
    struct score score = evaluation_set_module(exam, host_policy(host));
    evaluation_set_heed(exam, stop);
    report->result = host_end(host, report);
    if (report->result == PROBE_RAN && isnan(score.ratio)) {
        report->result = PROBE_KILLED;
        probe_explain(report, "its states are more than %u bytes", MODULE_STATES_MAX);
    }
    if (report->result == PROBE_RAN)
        report->score = score;
}

/* From `first` on all have the report of the one before it. */
static void repeat(struct probe_report *reports, size_t first, size_t count)
{
    for (size_t i = first; i < count; i++)
        reports[i] = reports[i - 1];
}

void probe_unread(const struct subject *subject, const char *source,
                  struct evaluation_set *const *exams, size_t count, const atomic_bool *stop,
                  struct probe_report *ret_reports)
{
    struct probe_report compiled = {.result = PROBE_FAILED};
    struct scratch scratch;
    size_t done = 0;
    assert(count > 0);
    if (scratch_make("probe", &scratch) < 0) {
        probe_explain(&compiled, "no temporary directory: %s", strerror(errno));
    } else {
        compiled.result = compile_module(scratch.path, subject, source, stop, &compiled);
        while (done < count && compiled.result == PROBE_RAN) {
            struct probe_report *report = &ret_reports[done];
            *report = compiled;
            report->result = PROBE_FAILED;
            run_module(subject, scratch.path, exams[done++], stop, report);
            compiled.result = report->result;
        }
        scratch_remove(&scratch);
    }
    if (done == 0)
        ret_reports[done++] = compiled;
    repeat(ret_reports, done, count);
}

void probe_each(const struct subject *subject, const char *source,
                struct evaluation_set *const *exams, size_t count, const atomic_bool *stop,
                struct probe_report *ret_reports)
{
    *ret_reports = (struct probe_report){.result = PROBE_NOT_COMPILED};
    if (source_allowed(source, ret_reports))
        probe_unread(subject, source, exams, count, stop, ret_reports);
    else
        repeat(ret_reports, 1, count);
}

void probe_on(const struct subject *subject, const char *source, struct evaluation_set *exam,
              const atomic_bool *stop, struct probe_report *ret_report)
{
    probe_each(subject, source, &exam, 1, stop, ret_report);
}

void probe_module(const struct subject *subject, const char *source, const char *split,
                  size_t seeds, const atomic_bool *stop, struct probe_report *ret_report)
{
    *ret_report = (struct probe_report){.result = PROBE_FAILED};
    struct evaluation_set *exam = evaluation_set_new_until(subject, split, seeds, stop);
    if (exam)
        probe_on(subject, source, exam, stop, ret_report);
    else
        probe_explain(ret_report, "%s",
                      stop && atomic_load(stop) ? "it was stopped" : "out of memory");
    evaluation_set_free(exam);
}
