/* What is kept of a run, and gone on from in the next. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "brain/policy/parts.h"
#include "brain/words.h"

json_t *policy_learned(void *state)
{
    const struct policy_brain *brain = state;
    const struct choice *choice = &brain->choice;
    const struct subject *subject = brain->subject;
    assert(subject); /* a referee has functions of its own for this */
    struct solution best;
    double ratio = policy_best(brain, &best);
    if (!choice->made && !isfinite(ratio))
        return NULL;
    const struct solution *solution = choice->made ? &choice->solution : &best;
    bool own = !choice->author[0];
    json_t *learned = json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:i}", "subject", subject->name, "subject_version",
        subject->version, "title", subject->title, "cost", subject->cost, "author",
        own ? brain->ai_id : choice->author, "id", choice->id, "synthetic", !subject->traces,
        "evaluations", (int)(brain->resumed.evaluations + brain->search.evaluations));
    learned = merged(learned, solution_json(subject, solution));
    if (!solution->source)
        learned = merged(learned, json_pack("{s:o}", "implementation",
                                            implementation_json(subject, solution->parameters)));
    return learned;
}

/* A module is run before anything is built on it: what can't be run would be lost to what is found
 * without it. 0, or -1 with a sentence. */
static int module_resume(struct policy_brain *brain, struct resumed *resumed,
                         char ret_why[BRAIN_TEXT_SIZE])
{
    struct probe_report report = {.result = PROBE_FAILED, .why = "out of memory"};
    if (train_begin(brain) == 0)
        solution_measure(brain->subject, &resumed->solution, brain->train.sets, 1, NULL, &report);
    resumed->ratio_train = report.score.ratio;
    if (report.result == PROBE_RAN)
        return 0;
    snprintf(ret_why, BRAIN_TEXT_SIZE, "its module does not run here: %s",
             report.why[0] ? report.why : probe_result_meaning(report.result));
    return -1;
}

bool policy_resume(void *state, const json_t *learned, char ret_why[BRAIN_TEXT_SIZE])
{
    struct policy_brain *brain = state;
    struct resumed resumed = {.there = true};
    const char *name = member_string(learned, "subject", 64);
    const char *author = member_string(learned, "author", AI_ID_MAX);
    const char *id = member_string(learned, "id", PATTERN_ID_MAX - 1);
    double evaluations = 0;
    assert(brain->subject);
    if (member_subject(learned) != brain->subject) {
        bool other = !name || strcmp(name, brain->subject->name) != 0;
        snprintf(ret_why, BRAIN_TEXT_SIZE, "it is of %s%s, and this AI learns %s",
                 other ? "another subject" : "another version of ", other ? "" : name,
                 brain->subject->name);
        return false;
    }
    int result =
        solution_read(brain->subject, learned, &resumed.solution, ret_why, BRAIN_TEXT_SIZE);
    if (result < 0)
        snprintf(ret_why, BRAIN_TEXT_SIZE, "out of memory");
    if (result == 0 && resumed.solution.source)
        result = module_resume(brain, &resumed, ret_why);
    if (result != 0) {
        solution_free(&resumed.solution);
        return false;
    }
    member_number(learned, "evaluations", &evaluations);
    resumed.evaluations = evaluations > 0 && evaluations < 1e9 ? (unsigned)evaluations : 0;
    words_copy(resumed.author, author ? author : "");
    words_copy(resumed.id, id ? id : "");
    solution_free(&brain->resumed.solution);
    brain->resumed = resumed;
    return true;
}
