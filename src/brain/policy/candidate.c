#include "brain/policy/candidate.h"

#include <math.h>
#include <string.h>

#include "brain/policy/parts.h"

#define REVIEW_TEXT_MAX  512u /* of each text of a review */
#define REVIEWS_READ_MAX 64u  /* entries that are looked at: there may be odd ones among them */

static unsigned evaluations_of(const json_t *count)
{
    json_int_t n = json_is_integer(count) ? json_integer_value(count) : 0;
    if (n < 0)
        return 0;
    return n > SESSION_BUDGET ? SESSION_BUDGET : (unsigned)n;
}

unsigned candidate_evaluations(const json_t *candidate, const char *ai_id)
{
    return evaluations_of(json_object_get(json_object_get(candidate, "evaluations"), ai_id));
}

/* *ret_workers: AIs that have spent any. */
static unsigned spent_by(const json_t *candidate, unsigned *ret_workers)
{
    json_t *all = json_object_get(candidate, "evaluations");
    unsigned sum = 0, entries = 0, workers = 0;
    void *at = json_object_iter(all);
    for (; at && entries < BRAIN_CONTRIBUTORS_MAX; entries++) {
        unsigned spent = evaluations_of(json_object_iter_value(at));
        sum += spent;
        workers += spent > 0;
        at = json_object_iter_next(all, at);
    }
    *ret_workers = workers;
    return sum > SESSION_BUDGET ? SESSION_BUDGET : sum;
}

unsigned candidate_spent(const json_t *candidate)
{
    unsigned workers;
    return spent_by(candidate, &workers);
}

/* A finite number, of whatever kind; 0 for anything else. */
static double number_of(const json_t *object, const char *name)
{
    double value = json_number_value(json_object_get(object, name));
    return isfinite(value) ? value : 0;
}

static const char *text_of(const json_t *object, const char *name)
{
    const json_t *text = json_object_get(object, name);
    return json_is_string(text) && json_string_length(text) <= REVIEW_TEXT_MAX
               ? json_string_value(text)
               : "";
}

/* Whether the AI takes part, by the candidate's own list. */
static bool takes_part(const json_t *candidate, const char *name)
{
    const json_t *names = json_object_get(candidate, "workloads");
    for (size_t i = 0; i < BRAIN_CONTRIBUTORS_MAX && i < json_array_size(names); i++) {
        const char *one = json_string_value(json_array_get(names, i));
        if (one && strcmp(one, name) == 0)
            return true;
    }
    return false;
}

/* A review as this AI passes it on; NULL when it is none. */
static json_t *review_of(const json_t *review)
{
    if (!json_is_boolean(json_object_get(review, "holds")))
        return NULL;
    double n = number_of(review, "n");
    return json_pack("{s:f,s:f,s:i,s:s,s:b,s:s,s:s}", "ratio", number_of(review, "ratio"), "ci95",
                     number_of(review, "ci95"), "n", n >= 0 && n <= 1e6 ? (int)n : 0, "split",
                     text_of(review, "split"), "holds",
                     json_is_true(json_object_get(review, "holds")), "module",
                     text_of(review, "module"), "text", text_of(review, "text"));
}

json_t *candidate_reviews(const json_t *candidate)
{
    json_t *all = json_object_get(candidate, "reviews"), *reviews = json_object();
    void *at = json_object_iter(all);
    for (unsigned read = 0; reviews && at && read < REVIEWS_READ_MAX &&
                            json_object_size(reviews) < BRAIN_CONTRIBUTORS_MAX;
         read++) {
        const char *name = json_object_iter_key(at);
        bool reviewer = takes_part(candidate, name) &&
                        candidate_evaluations(candidate, name) == 0; /* nobody reviews its own */
        json_t *review = reviewer ? review_of(json_object_iter_value(at)) : NULL;
        if (review)
            json_object_set_new(reviews, name, review);
        at = json_object_iter_next(all, at);
    }
    return reviews;
}

const char *candidate_review_text(const json_t *candidate, const char *ai_id)
{
    return text_of(json_object_get(json_object_get(candidate, "reviews"), ai_id), "text");
}

void candidate_disown(json_t *candidate, const char *writer, const json_t *before)
{
    const json_t *known = json_object_get(before, "reviews");
    json_t *reviews = json_object_get(candidate, "reviews"), *review;
    bool same =
        json_equal(json_object_get(candidate, "parameters"), json_object_get(before, "parameters"));
    const char *name;
    void *next;
    json_object_foreach_safe(reviews, next, name, review)
    {
        if (strcmp(name, writer) != 0 &&
            !(same && json_equal(review, json_object_get(known, name))))
            json_object_del(reviews, name);
    }
}

static size_t review_count(const json_t *candidate)
{
    json_t *reviews = candidate_reviews(candidate);
    size_t count = json_object_size(reviews);
    json_decref(reviews);
    return count;
}

bool candidate_reviewed(const json_t *candidate)
{
    unsigned workers;
    spent_by(candidate, &workers);
    return workers == 1 && review_count(candidate) > 0;
}

double candidate_progress(const json_t *candidate)
{
    if (!candidate_reviewed(candidate))
        return (double)candidate_spent(candidate) / SESSION_BUDGET;
    size_t wanted = json_array_size(json_object_get(candidate, "workloads"));
    wanted = wanted > BRAIN_CONTRIBUTORS_MAX ? BRAIN_CONTRIBUTORS_MAX : wanted;
    size_t count = review_count(candidate);
    return wanted < 2 || count >= wanted - 1 ? 1 : (double)count / (double)(wanted - 1);
}

double candidate_ratio(const json_t *candidate)
{
    double value = number_of(candidate, "ratio");
    return value > 0 ? value : 0;
}
