/* The policy brain: that it learns, that a claim is confirmed when it is true and refused when it is not, that working a session
 * never makes its candidate worse, and that nothing a peer sends does harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/subject.h"
#include "trainer/brain_policy.h"
#include "trainer/candidate.h"

static brain_stop go;

static struct brain *brain_of(const char *ai_id, const char *specialization)
{
    struct brain *brain = brain_policy_new(ai_id, specialization);
    assert_non_null(brain);
    return brain;
}

static struct brain_standing standing_of(struct brain *brain)
{
    struct brain_standing standing;
    brain->standing(brain->state, &standing);
    return standing;
}

/* Trains, and returns the last thing of each kind that was shared (NULL: none). The caller lets go of both. */
static void train(struct brain *brain, unsigned evaluations, json_t **ret_pattern,
                  json_t **ret_component)
{
    json_t *patterns, *components;
    assert_int_equal(brain->train(brain->state, evaluations, &go, &patterns, &components), 0);
    *ret_pattern = json_incref(json_array_get(patterns, 0));
    *ret_component = json_incref(json_array_get(components, 0));
    json_decref(patterns);
    json_decref(components);
}

static double number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static bool truth(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_boolean(value));
    return json_is_true(value);
}

static void test_training_improves(void **state)
{
    (void)state;
    struct brain *brain = brain_of("ada", "process_manager");
    json_t *pattern, *component;
    double before = 2;
    for (unsigned i = 0; i < 4; i++) {
        train(brain, 48, &pattern, &component);
        struct brain_standing standing = standing_of(brain);
        assert_int_equal(standing.evaluations, 48 * (i + 1));
        assert_true(standing.ratio_train <= before);
        if (i == 0) {
            assert_non_null(pattern);
            assert_non_null(component);
        }
        before = standing.ratio_train;
        json_decref(pattern);
        json_decref(component);
    }
    struct brain_standing standing = standing_of(brain);
    assert_true(standing.own_subject);
    assert_true(standing.ratio_train < 0.95);
    assert_true(standing.ratio_heldout < 0.97);
    assert_true(standing.bound_ratio < standing.ratio_heldout);
    assert_true(standing.gap_closed > 0 && standing.gap_closed < 1);
    assert_int_equal(standing.seeds, HELDOUT_SEEDS);
    brain_free(brain);
}

static void test_pattern_is_whole(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        "id",          "type",        "specialization", "subject",       "subject_version",
        "parameters",  "ratio_train", "ci95",           "ratio_heldout", "wins",
        "seeds",       "baseline",    "bound_ratio",    "parents",       "gap_closed",
        "evaluations", "confidence",  "best_practice"};
    struct brain *brain = brain_of("ada", "process_manager");
    json_t *pattern, *component;
    train(brain, 16, &pattern, &component);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        assert_non_null(json_object_get(pattern, wanted[i]));
    assert_string_equal(json_string_value(json_object_get(pattern, "type")), "tuned_policy");
    assert_true(strlen(json_string_value(json_object_get(component, "implementation"))) > 100);
    assert_true(json_equal(json_object_get(component, "parameters"),
                           json_object_get(pattern, "parameters")));
    json_decref(pattern);
    json_decref(component);
    brain_free(brain);
}

/* As it comes over the wire: written and read again. */
static json_t *relayed(const json_t *thing)
{
    char *text = json_dumps(thing, JSON_COMPACT);
    json_t *copy = json_loads(text, 0, NULL);
    assert_non_null(copy);
    free(text);
    return copy;
}

static void test_true_claims_are_confirmed(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", "process_manager"), *bob = brain_of("bob", "file_system");
    json_t *things[2];
    train(ada, 48, &things[0], &things[1]);
    for (size_t i = 0; i < 2; i++) {
        json_t *thing = relayed(things[i]);
        json_t *metrics = bob->check(bob->state, thing, &go);
        assert_non_null(metrics);
        assert_true(truth(metrics, "claim_holds"));
        assert_true(truth(metrics, "integration_tested"));
        assert_true(number(metrics, "ratio") == number(thing, "ratio_heldout")); /* the same bits */
        assert_true(number(metrics, "score") > 0 && number(metrics, "score") <= 1);
        assert_true(fabs(number(metrics, "score") - (1 - number(metrics, "ratio_own"))) < 1e-12);
        assert_true(number(metrics, "ratio_own") != number(metrics, "ratio"));
        /* Bob knows nothing of the subject yet: the pattern is the best he knows. The component is the same again. */
        assert_int_equal(bob->take_in(bob->state, thing, metrics), i == 0);
        json_decref(metrics);
        json_decref(thing);
        json_decref(things[i]);
    }
    brain_free(ada);
    brain_free(bob);
}

static void test_lies_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *member, *json, *reason;
    } lies[] = {
        {"ratio_heldout", "0.1", "ratio_heldout is claimed"},
        {"ratio_heldout", "\"0.5\"", "ratio_heldout is missing or no number"},
        {"ratio_heldout", "null", "ratio_heldout is missing or no number"},
        {"wins", "63.5", "wins is claimed"},
        {"wins", "[]", "wins is missing"},
        {"ci95", "0", "ci95 is claimed"},
        {"cost_heldout", "1e300", "cost_heldout is claimed"},
        {"seeds", "1", "seeds must be"},
        {"seeds", "1000000000000", "seeds must be"},
        {"seeds", "-3", "seeds must be"},
        {"seeds", "16", "claimed"},
        {"seeds", "32.5", "seeds must be"},
        {"implementation", "\"int main(void) { return 0; }\"", "implementation is not"},
        {"implementation", "7", "implementation is not"},
        {"parameters", "{}", "parameters must be"},
        {"parameters", "[1,2,3]", "parameters must be"},
        {"parameters", "null", "parameters must be"},
        {"bound_ratio", "0.01", "bound_ratio is claimed"},
        {"bound_ratio", "\"\"", "bound_ratio is missing or no number"},
        {"gap_closed", "1", "gap_closed is claimed"},
        {"baseline_cost", "1e9", "baseline_cost is claimed"},
        {"development_level", "1", "development_level is claimed"},
        {"implementation", NULL, "implementation is missing"},
    };
    struct brain *ada = brain_of("ada", "process_manager"),
                 *bob = brain_of("bob", "process_manager");
    json_t *pattern, *component;
    train(ada, 32, &pattern, &component);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        json_t *lie = json_deep_copy(component);
        if (lies[i].json)
            json_object_set_new(lie, lies[i].member,
                                json_loads(lies[i].json, JSON_DECODE_ANY, NULL));
        else
            json_object_del(lie, lies[i].member);
        json_t *metrics = bob->check(bob->state, lie, &go);
        assert_non_null(metrics);
        assert_false(truth(metrics, "claim_holds"));
        assert_false(truth(metrics, "integration_tested"));
        assert_true(number(metrics, "score") == 0);
        const char *reason = json_string_value(json_object_get(metrics, "reason"));
        assert_non_null(reason);
        assert_non_null(strstr(reason, lies[i].reason));
        assert_false(bob->take_in(bob->state, lie, metrics));
        json_decref(metrics);
        json_decref(lie);
    }
    json_decref(pattern);
    json_decref(component);
    brain_free(ada);
    brain_free(bob);
}

/* A component with no source is none, whichever of the two signs of one it shows; a pattern needs none. */
static void test_component_needs_its_source(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", "process_manager");
    json_t *pattern, *component;
    train(ada, 16, &pattern, &component);
    json_object_del(component, "implementation");
    json_object_del(component, "development_level");
    json_t *levelled = json_deep_copy(pattern);
    json_object_set(levelled, "development_level", json_object_get(pattern, "gap_closed"));
    const json_t *things[] = {pattern, component, levelled};
    for (size_t i = 0; i < 3; i++) {
        json_t *metrics = ada->check(ada->state, things[i], &go);
        assert_int_equal(truth(metrics, "claim_holds"), i == 0);
        json_decref(metrics);
    }
    json_decref(levelled);
    json_decref(pattern);
    json_decref(component);
    brain_free(ada);
}

static void test_bad_parameters_are_refused(void **state)
{
    (void)state;
    const struct subject *subject = subject_find("process_manager");
    struct brain *ada = brain_of("ada", "process_manager");
    json_t *pattern, *component;
    train(ada, 16, &pattern, &component);
    for (int i = 0; i < subject->parameter_count; i++) {
        const struct parameter *parameter = &subject->parameters[i];
        json_t *bad[] = {json_real(parameter->high * 1.001 + 1e-9),
                         json_real(parameter->low - 1),
                         json_real(1e308),
                         json_real(-1e308),
                         json_string("1"),
                         json_null(),
                         NULL};
        for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
            json_t *thing = json_deep_copy(pattern),
                   *parameters = json_object_get(thing, "parameters");
            if (bad[k])
                json_object_set_new(parameters, parameter->name, bad[k]);
            else
                json_object_del(parameters, parameter->name);
            json_t *metrics = ada->check(ada->state, thing, &go);
            assert_non_null(metrics);
            assert_false(truth(metrics, "claim_holds"));
            assert_non_null(json_object_get(metrics, "reason"));
            json_decref(metrics);
            json_decref(thing);
        }
    }
    json_t *more = json_deep_copy(pattern);
    json_object_set_new(json_object_get(more, "parameters"), "another", json_real(1));
    json_t *metrics = ada->check(ada->state, more, &go);
    assert_false(truth(metrics, "claim_holds"));
    json_decref(metrics);
    json_decref(more);
    json_decref(pattern);
    json_decref(component);
    brain_free(ada);
}

static void test_things_of_no_subject(void **state)
{
    (void)state;
    static const char *const things[] = {
        "{}",
        "{\"id\":\"x\",\"type\":\"learned_behavior\",\"confidence\":0.8}",
        "{\"subject\":\"alchemy\",\"subject_version\":\"1\",\"parameters\":{}}",
        "{\"subject\":\"process_manager\",\"parameters\":{}}",
        "{\"subject\":\"process_manager\",\"subject_version\":\"another\",\"parameters\":{}}",
        "{\"subject\":[],\"subject_version\":{}}",
        "{\"subject\":null,\"subject_version\":1e300}",
    };
    struct brain *ada = brain_of("ada", "process_manager");
    for (size_t i = 0; i < sizeof things / sizeof *things; i++) {
        json_t *thing = json_loads(things[i], 0, NULL);
        assert_null(ada->check(ada->state, thing, &go));
        assert_false(ada->take_in(ada->state, thing, NULL));
        json_decref(thing);
    }
    assert_null(ada->check(ada->state, NULL, &go));
    brain_free(ada);
}

static void test_takes_in_what_is_better(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", "process_manager"), *bob = brain_of("bob", "networking");
    json_t *good, *poor, *component;
    train(bob, 4, &poor, &component);
    json_decref(component);
    train(ada, 192, &good, &component);
    json_decref(component);
    double before = standing_of(bob).ratio_train;
    assert_false(
        standing_of(bob).own_subject); /* networking has no simulator yet: the nearest is */
    json_t *metrics = bob->check(bob->state, good, &go);
    assert_true(bob->take_in(bob->state, good, metrics));
    assert_true(standing_of(bob).ratio_train < before);
    assert_false(bob->take_in(bob->state, good, metrics)); /* the second time it is no news */
    json_decref(metrics);
    /* What came from another is not shared again until it is better. */
    json_t *pattern;
    train(bob, 0, &pattern, &component);
    assert_null(pattern);
    assert_null(component);
    for (unsigned i = 0; i < 20 && !pattern; i++) {
        json_decref(component);
        train(bob, 100, &pattern, &component);
    }
    assert_non_null(pattern);
    const json_t *parents = json_object_get(pattern, "parents");
    assert_int_equal(json_array_size(parents), 1);
    assert_true(json_equal(json_array_get(parents, 0), json_object_get(good, "id")));
    json_decref(pattern);
    json_decref(component);
    /* A worse one leaves everything as it is. */
    metrics = ada->check(ada->state, poor, &go);
    before = standing_of(ada).ratio_train;
    assert_false(ada->take_in(ada->state, poor, metrics));
    assert_true(standing_of(ada).ratio_train == before);
    json_decref(metrics);
    json_decref(good);
    json_decref(poor);
    brain_free(ada);
    brain_free(bob);
}

static void test_warm_start(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", "process_manager"),
                 *bob = brain_of("bob", "process_manager");
    json_t *good, *component, *pattern;
    train(ada, 240, &good, &component);
    json_decref(component);
    json_t *metrics = bob->check(bob->state, good, &go);
    assert_true(bob->take_in(bob->state, good, metrics)); /* before bob's first step */
    train(bob, 1, &pattern, &component);
    assert_true(standing_of(bob).ratio_train < 0.9);
    json_decref(pattern);
    json_decref(component);
    json_decref(metrics);
    json_decref(good);
    brain_free(ada);
    brain_free(bob);
}

static const char *const two[] = {"ada", "bob"};
static const struct brain_session session = {.id = "5d1c7a0e-0000-4000-8000-000000000000",
                                             .type = "feature_development",
                                             .participants = two,
                                             .participant_count = 2};

static void test_session_is_worked_to_its_end(void **state)
{
    (void)state;
    struct brain *brains[] = {brain_of("ada", "process_manager"), brain_of("bob", "file_system")};
    json_t *candidate = NULL, *next;
    double progress = 0, ratio = HUGE_VAL, first = 0;
    unsigned steps = 0;
    assert_int_equal(
        brains[0]->collaborate(brains[0]->state, &session, NULL, 0, &go, &next, &progress), 0);
    candidate = relayed(next);
    json_decref(next);
    first = ratio = number(candidate, "ratio");
    while (progress < 1) {
        struct brain *brain = brains[++steps % 2];
        double before = progress;
        assert_int_equal(
            brain->collaborate(brain->state, &session, candidate, 25, &go, &next, &progress), 0);
        assert_true(number(next, "ratio") <= ratio);
        assert_true(progress > before && progress <= 1);
        ratio = number(next, "ratio");
        json_decref(candidate);
        candidate = relayed(next);
        json_decref(next);
        assert_true(steps < 40);
    }
    assert_true(ratio < first);
    assert_int_equal(candidate_spent(candidate), BRAIN_SESSION_BUDGET);
    assert_true(candidate_evaluations(candidate, "ada") >= BRAIN_SESSION_BUDGET / 4);
    assert_true(candidate_evaluations(candidate, "bob") >= BRAIN_SESSION_BUDGET / 4);
    json_t *component = brains[0]->conclude(brains[0]->state, &session, candidate, &go);
    assert_non_null(component);
    const json_t *contributors = json_object_get(component, "contributors");
    assert_int_equal(json_array_size(contributors), 2);
    assert_string_equal(json_string_value(json_array_get(contributors, 0)), "ada");
    assert_string_equal(json_string_value(json_array_get(contributors, 1)), "bob");
    assert_string_equal(json_string_value(json_object_get(component, "name")),
                        "collaborative_feature_development");
    assert_true(number(component, "ratio_session") == ratio);
    /* The other partner can run it, and finds what it says. */
    json_t *metrics = brains[1]->check(brains[1]->state, component, &go);
    assert_true(truth(metrics, "claim_holds"));
    json_decref(metrics);
    json_decref(component);
    json_decref(candidate);
    /* Of its own subject the first learns the result; the second lets go of it. */
    assert_true(brains[0]->forget(brains[0]->state, session.id, &go));
    assert_true(standing_of(brains[0]).ratio_train < 1);
    assert_false(brains[1]->forget(brains[1]->state, session.id, &go));
    assert_false(brains[0]->forget(brains[0]->state, session.id, &go));
    brain_free(brains[0]);
    brain_free(brains[1]);
}

/* A candidate whose ratio is a lie is run, and its true one written. */
static void test_session_believes_nobody(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", "process_manager"),
                 *bob = brain_of("bob", "process_manager");
    json_t *honest, *joined;
    double progress;
    assert_int_equal(ada->collaborate(ada->state, &session, NULL, 0, &go, &honest, &progress), 0);
    json_t *lie = json_deep_copy(honest);
    json_object_set_new(lie, "ratio", json_real(0.001));
    assert_int_equal(bob->collaborate(bob->state, &session, lie, 0, &go, &joined, &progress), 0);
    assert_true(number(joined, "ratio") == number(honest, "ratio"));
    assert_true(candidate_evaluations(joined, "bob") == 1);
    json_decref(joined);
    json_decref(lie);
    json_decref(honest);
    brain_free(ada);
    brain_free(bob);
}

/* A conflict: both wrote from the same value. The one who was second joins the first, and loses nothing of its own. */
static void test_session_conflict(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", "process_manager"),
                 *bob = brain_of("bob", "process_manager");
    json_t *opened, *by_ada, *by_bob, *joined;
    double progress;
    assert_int_equal(ada->collaborate(ada->state, &session, NULL, 0, &go, &opened, &progress), 0);
    assert_int_equal(ada->collaborate(ada->state, &session, opened, 50, &go, &by_ada, &progress),
                     0);
    assert_int_equal(bob->collaborate(bob->state, &session, opened, 50, &go, &by_bob, &progress),
                     0);
    assert_int_equal(bob->collaborate(bob->state, &session, by_ada, 0, &go, &joined, &progress), 0);
    double best = fmin(number(by_ada, "ratio"), number(by_bob, "ratio"));
    assert_true(number(joined, "ratio") == best);
    assert_int_equal(candidate_evaluations(joined, "ada"), 51);
    assert_true(candidate_evaluations(joined, "bob") >= 51);
    json_decref(opened);
    json_decref(by_ada);
    json_decref(by_bob);
    json_decref(joined);
    brain_free(ada);
    brain_free(bob);
}

static void test_session_hostile_candidates(void **state)
{
    (void)state;
    static const struct {
        const char *member, *json;
    } hostile[] = {
        {"subject", "\"alchemy\""},
        {"subject", "7"},
        {"subject_version", "\"0\""},
        {"parameters", "{}"},
        {"parameters", "\"x\""},
        {"workloads", "[]"},
        {"workloads", "{}"},
        {"workloads", "[1]"},
        {"workloads", "[\"\"]"},
        {"workloads", "[[[]]]"},
        {"workloads", "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]"},
    };
    static const struct {
        const char *member, *json;
    } odd[] = {
        {"evaluations", "{\"x\":-5}"},
        {"evaluations", "{\"x\":1e300}"},
        {"evaluations", "[1,2]"},
        {"evaluations", "{\"bob\":\"many\",\"\":3}"},
        {"ratio", "\"low\""},
        {"ratio", "-1"},
        {"by", "[]"},
        {"by", "\"\""},
        {"budget", "0"},
        {"budget", "-1"},
    };
    struct brain *ada = brain_of("ada", "process_manager");
    json_t *honest, *result;
    double progress;
    assert_int_equal(ada->collaborate(ada->state, &session, NULL, 0, &go, &honest, &progress), 0);
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        json_t *bad = json_deep_copy(honest);
        json_object_set_new(bad, hostile[i].member,
                            json_loads(hostile[i].json, JSON_DECODE_ANY, NULL));
        assert_int_equal(ada->collaborate(ada->state, &session, bad, 4, &go, &result, &progress),
                         -1);
        assert_null(ada->conclude(ada->state, &session, bad, &go));
        json_decref(bad);
    }
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        json_t *bad = json_deep_copy(honest);
        json_object_set_new(bad, odd[i].member, json_loads(odd[i].json, JSON_DECODE_ANY, NULL));
        assert_int_equal(ada->collaborate(ada->state, &session, bad, 4, &go, &result, &progress),
                         0);
        assert_true(progress >= 0 && progress <= 1);
        assert_true(number(result, "ratio") <= number(honest, "ratio"));
        json_decref(result);
        json_decref(bad);
    }
    /* After something that can't be run, its own best takes its place. */
    assert_int_equal(ada->collaborate(ada->state, &session, NULL, 4, &go, &result, &progress), 0);
    assert_true(number(result, "ratio") <= number(honest, "ratio"));
    json_decref(result);
    json_decref(honest);
    brain_free(ada);
}

/* More sessions than a brain keeps: the one longest untouched goes, and begins anew when it comes back. */
static void test_session_bound(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", "process_manager");
    for (unsigned i = 0; i < BRAIN_SESSIONS_MAX + 3; i++) {
        char id[32];
        snprintf(id, sizeof id, "session-%u", i);
        struct brain_session one = {
            .id = id, .type = "x", .participants = two, .participant_count = 2};
        json_t *result;
        double progress;
        assert_int_equal(ada->collaborate(ada->state, &one, NULL, 0, &go, &result, &progress), 0);
        json_decref(result);
    }
    assert_false(ada->forget(ada->state, "session-0", &go));
    brain_free(ada);
}

static void test_answer(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", "process_manager");
    char feature[400];
    memset(feature, 'x', sizeof feature);
    feature[sizeof feature - 1] = '\0';
    json_t *requirements = json_pack("{s:i}", "max_latency", 5);
    json_t *component = ada->answer(ada->state, feature, requirements, &go);
    assert_non_null(component);
    assert_int_equal(json_string_length(json_object_get(component, "name")), FEATURE_BYTES_MAX);
    const char *id = json_string_value(json_object_get(component, "id"));
    assert_int_equal(strncmp(id, "ada_answer_", strlen("ada_answer_")), 0);
    assert_non_null(strstr(json_string_value(json_object_get(component, "note")), "not read"));
    json_t *metrics = ada->check(ada->state, component, &go);
    assert_true(truth(metrics, "claim_holds"));
    json_decref(metrics);
    json_decref(component);
    json_decref(requirements);
    component = ada->answer(ada->state, "process scheduling", NULL, &go);
    assert_string_equal(json_string_value(json_object_get(component, "name")),
                        "process scheduling");
    const char *note = json_string_value(json_object_get(component, "note"));
    assert_non_null(strstr(note, "process_manager"));
    assert_null(strstr(note, "requirements"));
    json_decref(component);
    brain_free(ada);
}

static void *stop_soon(void *stop)
{
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    atomic_store((brain_stop *)stop, true);
    return NULL;
}

/* A job that would take hours ends when it is told to; a stopped brain hands out nothing new. */
static void test_stop(void **state)
{
    (void)state;
    static brain_stop stop;
    struct brain *ada = brain_of("ada", "process_manager");
    json_t *patterns, *components;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, &stop), 0);
    assert_int_equal(ada->train(ada->state, 100000000, &stop, &patterns, &components), 0);
    pthread_join(thread, NULL);
    assert_true(standing_of(ada).evaluations < 100000000);
    assert_int_equal(json_array_size(patterns), 0);
    assert_null(ada->answer(ada->state, "x", NULL, &stop));
    json_decref(patterns);
    json_decref(components);
    brain_free(ada);
}

/* The same AI makes the same search: what it found can be found again. */
static void test_deterministic(void **state)
{
    (void)state;
    double ratios[2];
    for (size_t i = 0; i < 2; i++) {
        struct brain *ada = brain_of("ada", "file_system");
        json_t *pattern, *component;
        train(ada, 12, &pattern, &component);
        ratios[i] = standing_of(ada).ratio_train;
        json_decref(pattern);
        json_decref(component);
        brain_free(ada);
    }
    assert_true(ratios[0] == ratios[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training_improves),
        cmocka_unit_test(test_pattern_is_whole),
        cmocka_unit_test(test_true_claims_are_confirmed),
        cmocka_unit_test(test_lies_are_refused),
        cmocka_unit_test(test_component_needs_its_source),
        cmocka_unit_test(test_bad_parameters_are_refused),
        cmocka_unit_test(test_things_of_no_subject),
        cmocka_unit_test(test_takes_in_what_is_better),
        cmocka_unit_test(test_warm_start),
        cmocka_unit_test(test_session_is_worked_to_its_end),
        cmocka_unit_test(test_session_believes_nobody),
        cmocka_unit_test(test_session_conflict),
        cmocka_unit_test(test_session_hostile_candidates),
        cmocka_unit_test(test_session_bound),
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_deterministic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
