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
    if (!choice->made && (!brain->search.cmaes || !isfinite(brain->search.best_ratio)))
        return NULL;
    const double *parameters = choice->made ? choice->parameters : brain->search.best;
    bool own = !choice->author[0];
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:o,s:i,s:o}", "subject", subject->name,
                     "subject_version", subject->version, "title", subject->title, "cost",
                     subject->cost, "author", own ? brain->ai_id : choice->author, "id", choice->id,
                     "synthetic", !subject->traces, "parameters",
                     parameters_json(subject, parameters), "evaluations",
                     (int)(brain->resumed.evaluations + brain->search.evaluations),
                     "implementation", implementation_json(subject, parameters));
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
    if (parameters_read(brain->subject, json_object_get(learned, "parameters"), resumed.parameters,
                        ret_why, BRAIN_TEXT_SIZE) < 0)
        return false;
    member_number(learned, "evaluations", &evaluations);
    resumed.evaluations = evaluations > 0 && evaluations < 1e9 ? (unsigned)evaluations : 0;
    words_copy(resumed.author, author ? author : "");
    words_copy(resumed.id, id ? id : "");
    brain->resumed = resumed;
    return true;
}
