#include "search/judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "probe/probe.h"

/* How much worse than the best on the first two workloads a program or source may be to be run on
 * sixteen: two say little. */
#define FIRST_MARGIN 1.25

void judge_begin(struct judge *judge, const struct subject *subject, const char *split,
                 const atomic_bool *stop)
{
    *judge =
        (struct judge){.subject = subject, .split = split, .stop = stop, .first_ratio = HUGE_VAL};
}

void judge_heed(struct judge *judge, const atomic_bool *stop)
{
    judge->stop = stop;
    for (size_t i = 0; i < STAGES; i++)
        if (judge->sets[i])
            evaluation_set_heed(judge->sets[i], stop);
    if (judge->windows)
        evaluation_set_heed(judge->windows, stop);
}

void judge_end(struct judge *judge)
{
    for (size_t i = 0; i < STAGES; i++)
        evaluation_set_free(judge->sets[i]);
    evaluation_set_free(judge->windows);
    trial_free(&judge->best);
    archive_free(&judge->archive);
    behaviours_free(&judge->behaviours);
}

static bool stopped(const struct judge *judge)
{
    return judge->stop && atomic_load(judge->stop);
}

/* What the machine lacks; always -1. */
static int give_up(const struct judge *judge, const char *what, char why[256])
{
    snprintf(why, 256, "%s", stopped(judge) ? "stopped" : what);
    return -1;
}

static void note(struct trial *trial, unsigned stage, struct score score)
{
    trial->ratio[stage] = score.ratio;
    trial->worst = score.worst;
    trial->stages = stage + 1;
}

/* The workloads to measure on, made when first wanted, and how many. */
struct run {
    const struct subject *subject;
    struct evaluation_set **set;
    size_t workloads;
};

static int run_here(struct judge *judge, struct run run, struct trial *trial,
                    struct score *ret_score, char why[256])
{
    struct score score = trial_score(trial, *run.set);
    if (isnan(score.ratio))
        return give_up(judge, "out of memory", why);
    *ret_score = score;
    return 0;
}

/* 1: it is refused. */
static int run_source(struct judge *judge, struct run run, struct trial *trial,
                      struct score *ret_score, char why[256])
{
    struct probe_report report;
    probe_on(run.subject, trial->source, *run.set, judge->stop, &report);
    if (stopped(judge) || !probe_judged(report.result))
        return give_up(judge, report.why, why);
    trial->bytes = report.object_bytes;
    if (report.result == PROBE_RAN && isfinite(report.score.ratio)) {
        *ret_score = report.score;
        return 0;
    }
    trial->stages = 0; /* what breaks on the tenth workload is no policy */
    snprintf(trial->why, sizeof trial->why, "%s",
             *report.why ? report.why : "its cost is no number");
    return 1;
}

/* 0; 1: it is refused; -1: this machine failed. */
static int measure(struct judge *judge, struct run run, struct trial *trial,
                   struct score *ret_score, char why[256])
{
    if (!*run.set)
        *run.set = evaluation_set_new_until(run.subject, judge->split, run.workloads, judge->stop);
    if (!*run.set) {
        give_up(judge, "out of memory", why);
        return -1;
    }
    int result = trial->kind == TRIAL_SOURCE ? run_source(judge, run, trial, ret_score, why)
                                             : run_here(judge, run, trial, ret_score, why);
    if (result >= 0)
        judge->simulations += run.workloads;
    return result;
}

static int run_stage(struct judge *judge, struct trial *trial, unsigned stage, char why[256])
{
    struct run run = {judge->subject, &judge->sets[stage], stage_workloads[stage]};
    struct score score;
    int result = measure(judge, run, trial, &score, why);
    if (result == 0)
        note(trial, stage, score);
    return result < 0 ? -1 : 0;
}

static int run_on_trace(struct judge *judge, struct trial *trial, char why[256])
{
    struct run run = {judge->traced, &judge->windows, JUDGE_WINDOWS};
    struct score score;
    int result = measure(judge, run, trial, &score, why);
    if (result == 0)
        trial->on_trace = score.ratio;
    return result < 0 ? -1 : 0;
}

/* What another came to who did the same. */
static void repeat(struct trial *trial, const struct behaviour *behaviour)
{
    trial->repeats = true;
    trial->stages = behaviour->stages;
    trial->worst = behaviour->worst;
    trial->on_trace = behaviour->on_trace;
    memcpy(trial->ratio, behaviour->ratio, sizeof trial->ratio);
}

static void remember(struct behaviour *behaviour, const struct trial *trial)
{
    behaviour->stages = trial->stages;
    behaviour->worst = trial->worst;
    behaviour->on_trace = trial->on_trace;
    behaviour->bytes = trial->bytes;
    memcpy(behaviour->ratio, trial->ratio, sizeof behaviour->ratio);
}

/* The way of programs and sources to STAGE_TRAIN. *ret_behaviour: on the first workloads; NULL: it
 * was refused. */
static int climb(struct judge *judge, struct trial *trial, struct behaviour **ret_behaviour,
                 char why[256])
{
    if (run_stage(judge, trial, STAGE_FIRST, why) < 0)
        return -1;
    if (trial->stages == 0)
        return 0;
    struct behaviour *behaviour = behaviours_find(&judge->behaviours, trial);
    if (!behaviour)
        return give_up(judge, "out of memory", why);
    *ret_behaviour = behaviour;
    if (behaviour->stages > 0)
        repeat(trial, behaviour);
    if (trial->stages > STAGE_TRAIN ||
        trial->ratio[STAGE_FIRST] > FIRST_MARGIN * judge->first_ratio)
        return 0;
    trial->repeats = false; /* that one was not good enough when it came; now it would be */
    return run_stage(judge, trial, STAGE_TRAIN, why);
}

static int make_best(struct judge *judge, const struct trial *trial, char why[256])
{
    struct trial copy;
    if (trial_copy(trial, &copy) < 0)
        return give_up(judge, "out of memory", why);
    trial_free(&judge->best);
    judge->best = copy;
    if (trial->kind != TRIAL_PARAMETERS)
        judge->first_ratio = trial->ratio[STAGE_FIRST];
    return 0;
}

/* The best so far on sixteen workloads is run on all, and on the trace; and then may turn out not
 * to be. */
static int challenge(struct judge *judge, struct trial *trial, char why[256])
{
    const struct trial *best = &judge->best;
    if (best->stages > 0 && trial->ratio[STAGE_TRAIN] >= best->ratio[STAGE_TRAIN])
        return 0;
    if (run_stage(judge, trial, STAGE_LAST, why) < 0)
        return -1;
    if (trial->stages == 0 || (best->stages > 0 && trial_compare(trial, best) >= 0))
        return 0;
    if (judge->traced && run_on_trace(judge, trial, why) < 0)
        return -1;
    if (trial->stages == 0 || (best->on_trace > 0 && trial->on_trace >= best->on_trace))
        return 0;
    return make_best(judge, trial, why);
}

static int keep(struct judge *judge, struct trial *trial, char why[256])
{
    if (trial->stages <= STAGE_TRAIN)
        return 0;
    if (challenge(judge, trial, why) < 0)
        return -1;
    return archive_add(&judge->archive, trial) < 0 ? give_up(judge, "out of memory", why) : 0;
}

int judge_measure(struct judge *judge, struct trial *trial, char why[256])
{
    struct behaviour *behaviour = NULL;
    trial->stages = 0;
    trial->on_trace = 0;
    trial->repeats = false;
    trial->why[0] = '\0';
    int failed = trial->kind != TRIAL_PARAMETERS ? climb(judge, trial, &behaviour, why)
                                                 : run_stage(judge, trial, STAGE_TRAIN, why);
    if (failed < 0)
        return -1;
    if (!behaviour || !trial->repeats || trial->bytes < behaviour->bytes) {
        if (keep(judge, trial, why) < 0)
            return -1;
        if (behaviour)
            remember(behaviour, trial);
    }
    judge->judged++;
    judge->refused += trial->stages == 0;
    judge->repeats += trial->repeats;
    return 0;
}
