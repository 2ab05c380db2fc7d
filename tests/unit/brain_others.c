/* What a brain makes of what others found: it trains on from what is better, claims none of it
 * as its own, and would use what is best for all. And the referee, who makes nothing else. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/brain_fixture.h"

static void test_warm_start(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT), *bob = brain_of("bob", SUBJECT);
    json_t *good = shared_by(ada, "pattern", 240);
    assert_true(taken(bob, "ada", good));  /* before bob's first step */
    assert_false(taken(bob, "ada", good)); /* the second time it is no news */
    train_only(bob, 1);
    struct policy_figures standing = figures_of(bob);
    assert_true(standing.ratio_train < 0.8);
    assert_int_equal(standing.taken, 1);
    assert_string_equal(standing.taken_from[0], "ada");
    assert_string_equal(standing.taken_from[1], "");
    bob->measure_standing(bob->state, &go);
    standing = figures_of(bob);
    assert_true(standing.ratio_alone == 0); /* it has never been alone */
    assert_int_equal(standing.evaluations_alone, 0);
    assert_int_equal(standing.seeds, HELDOUT_SEEDS);
    json_decref(good);
    brain_free(ada);
    brain_free(bob);
}

/* One that trains looks at what came in every five generations. The other one is a twin on the
 * same workloads: what it found in longer time is better there. */
static void test_pulls_between_generations(void **state)
{
    (void)state;
    struct brain *twin = brain_of("bob", SUBJECT), *bob = brain_of("bob", SUBJECT);
    train_only(bob, 8);
    double before = figures_of(bob).ratio_train;
    json_t *good = shared_by(twin, "pattern", 300);
    taken(bob, "ada", good);
    assert_true(figures_of(bob).ratio_train == before);
    assert_int_equal(figures_of(bob).taken, 0);
    unsigned generation = 0;
    for (unsigned i = 0; i < 200 && figures_of(bob).taken == 0; i++) {
        generation = figures_of(bob).generations;
        train_only(bob, 1);
    }
    assert_int_equal(figures_of(bob).taken, 1);
    assert_string_equal(figures_of(bob).taken_from[0], "ada");
    assert_int_equal(generation, PULL_GENERATIONS);
    assert_true(figures_of(bob).ratio_train < before);
    unsigned alone = figures_of(bob).evaluations_alone;
    assert_true(alone > 8 && alone < figures_of(bob).evaluations);
    train_only(bob, 20);
    assert_int_equal(figures_of(bob).evaluations_alone, alone);
    bob->measure_standing(bob->state, &go);
    assert_true(figures_of(bob).ratio_alone > 0);
    assert_true(figures_of(bob).ratio_heldout != figures_of(bob).ratio_alone);
    json_decref(good);
    brain_free(twin);
    brain_free(bob);
}

/* At most three at a look, those that did best when they were checked; the rest waits for the
 * next. */
static void test_pulls_a_few(void **state)
{
    (void)state;
    struct brain *bob = brain_of("bob", SUBJECT);
    struct policy_brain *inside = insides(bob);
    struct mutual *mutual = &policy_record(inside, inside->subject)->mutual;
    for (int i = 0; i < 5; i++) {
        struct known known = {.ratio_own = 0.9 - 0.1 * i};
        snprintf(known.author, sizeof known.author, "ai-%d", i);
        for (int k = 0; k < inside->subject->parameter_count; k++)
            known.solution.parameters[k] = inside->subject->parameters[k].textbook;
        known.solution.parameters[0] = inside->subject->parameters[0].low * (1 + 0.01 * i);
        assert_true(mutual_add(mutual, inside->subject, &known));
    }
    train_only(bob, 1); /* at the start */
    for (int i = 0; i < 5; i++)
        assert_int_equal(mutual->known[i].tried, i >= 2);
    assert_int_equal(figures_of(bob).evaluations, PULL_MAX + 1);
    while (figures_of(bob).generations < PULL_GENERATIONS)
        train_only(bob, 1);
    train_only(bob, 1);
    for (int i = 0; i < 5; i++)
        assert_true(mutual->known[i].tried);
    brain_free(bob);
}

/* What came from another is not claimed until it is better, and then the other is named. */
static void test_what_was_taken_is_not_claimed(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT), *bob = brain_of("bob", SUBJECT);
    json_t *good = shared_by(ada, "pattern", 60), *pattern, *component;
    assert_true(taken(bob, "ada", good));
    train(bob, 1, &pattern, &component);
    assert_null(pattern);
    train(bob, 0, &pattern, &component);
    assert_null(pattern);
    assert_null(component);
    double theirs = figures_of(bob).ratio_train;
    pattern = claim_of(bob, "pattern");
    assert_true(number(pattern, "ratio_train") <= theirs * (1 - PUBLISH_IMPROVEMENT));
    const json_t *parents = json_object_get(pattern, "parents");
    assert_int_equal(json_array_size(parents), 1);
    assert_true(json_equal(json_array_get(parents, 0), json_object_get(good, "id")));
    json_decref(pattern);
    json_decref(good);
    brain_free(ada);
    brain_free(bob);
}

static void test_worse_changes_nothing(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT), *bob = brain_of("bob", SUBJECT);
    json_t *poor = shared_by(bob, "pattern", 0);
    train_only(ada, 300);
    assert_false(taken(ada, "bob", poor));
    train_only(ada, 100);
    assert_int_equal(figures_of(ada).taken, 0);
    assert_true(policy_choose(ada->state, &go));
    assert_string_equal(insides(ada)->choice.author, "");
    json_decref(poor);
    brain_free(ada);
    brain_free(bob);
}

static void test_things_that_are_not_taken(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT), *bob = brain_of("bob", OTHER);
    json_t *good = shared_by(ada, "pattern", 60);
    json_t *metrics = bob->check(bob->state, good, &go);
    assert_false(bob->take_in(bob->state, "ada", good, metrics)); /* of another subject */
    struct brain *cyd = brain_of("cyd", SUBJECT);
    assert_false(cyd->take_in(cyd->state, "ada", good, NULL));
    json_object_set_new(metrics, "claim_holds", json_false());
    assert_false(cyd->take_in(cyd->state, "ada", good, metrics));
    json_object_set_new(metrics, "claim_holds", json_true());
    assert_false(cyd->take_in(cyd->state, "", good, metrics));
    json_object_set_new(good, "parameters", json_object());
    assert_false(cyd->take_in(cyd->state, "ada", good, metrics));
    json_decref(metrics);
    json_decref(good);
    brain_free(ada);
    brain_free(bob);
    brain_free(cyd);
}

static bool add(struct mutual *mutual, const char *author, double parameter, double ratio_own)
{
    struct known known = {.ratio_own = ratio_own};
    snprintf(known.author, sizeof known.author, "%s", author);
    known.solution.parameters[0] = parameter;
    return mutual_add(mutual, subject_find(SUBJECT), &known);
}

/* No flood of one AI's candidates drives out those of others. */
static void test_known_are_bounded(void **state)
{
    (void)state;
    static struct mutual mutual;
    char name[16];
    for (unsigned i = 0; i < KNOWN_OF_ONE_MAX; i++)
        assert_true(add(&mutual, "eve", i + 1, 0.5 + i * 0.01));
    assert_false(add(&mutual, "eve", 1, 0.1));  /* the same parameters again */
    assert_false(add(&mutual, "eve", 90, 0.9)); /* worse than all of its own */
    assert_true(add(&mutual, "eve", 91, 0.4));  /* in place of its worst */
    assert_int_equal(mutual.known_count, KNOWN_OF_ONE_MAX);
    for (unsigned i = 0; i < KNOWN_MAX; i++) {
        snprintf(name, sizeof name, "ai-%u", i);
        assert_true(add(&mutual, name, 100 + i, 0.9));
    }
    assert_int_equal(mutual.known_count, KNOWN_MAX);
    unsigned of_eve = 0;
    for (size_t i = 0; i < mutual.known_count; i++)
        of_eve += strcmp(mutual.known[i].author, "eve") == 0;
    assert_int_equal(of_eve, 1); /* everyone has a place, and she no more than the others */
    assert_int_equal(mutual.workload_count, MUTUAL_WORKLOADS_MAX);
}

/* Its own best looks best on its own workloads. What all found is run on everyone's, and it
 * would use what is best there. */
static void test_over_fitting_loses(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT), *bob = brain_of("bob", SUBJECT);
    json_t *good = shared_by(ada, "pattern", 300);
    double theirs[SUBJECT_PARAMETERS_MAX];
    parameters_of(good, theirs);
    train_only(bob, 8);
    struct policy_brain *inside = insides(bob);
    inside->search.best_ratio = 0.001; /* it fits like no other, where it was made to fit */
    assert_true(policy_choose(inside, &go));
    assert_string_equal(inside->choice.author, "");
    taken(bob, "ada", good);
    assert_true(policy_choose(inside, &go));
    assert_string_equal(inside->choice.author, "ada");
    assert_true(parameters_same(inside->subject, inside->choice.solution.parameters, theirs));
    bob->measure_standing(bob->state, &go);
    assert_true(figures_of(bob).ratio_heldout < 0.9);
    json_t *claim = bob->answer(bob->state, SUBJECT, NULL, &go);
    double answered[SUBJECT_PARAMETERS_MAX];
    parameters_of(claim, answered);
    assert_true(parameters_same(inside->subject, answered, theirs));
    assert_non_null(strstr(text(claim, "note"), "found by ada"));
    assert_true(json_equal(json_array_get(json_object_get(claim, "parents"), 0),
                           json_object_get(good, "id")));
    json_decref(claim);
    json_decref(good);
    brain_free(ada);
    brain_free(bob);
}

/* All who know the same candidates come to the same choice: the rule is the same for all. */
static void test_consensus(void **state)
{
    (void)state;
    static const char *const names[] = {"ada", "bob", "cyd"};
    struct brain *brains[3];
    json_t *patterns[3];
    for (size_t i = 0; i < 3; i++) {
        brains[i] = brain_of(names[i], SUBJECT);
        train_only(brains[i], 80);
        json_t *pattern, *component;
        train(brains[i], 0, &pattern, &component); /* all that it has found */
        if (!pattern)
            pattern = claim_of(brains[i], "pattern");
        patterns[i] = proved(brains[i], pattern, 'a');
        json_decref(component);
    }
    for (size_t i = 0; i < 3; i++) {
        /* Nobody knows more of its own than the others do. */
        struct search *search = &insides(brains[i])->search;
        parameters_of(patterns[i], search->best);
        for (size_t k = 0; k < 3; k++)
            if (k != i)
                taken(brains[i], names[k], patterns[k]);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_true(policy_choose(brains[i]->state, &go));
        assert_memory_equal(insides(brains[i])->choice.solution.parameters,
                            insides(brains[0])->choice.solution.parameters,
                            sizeof insides(brains[0])->choice.solution.parameters);
    }
    for (size_t i = 0; i < 3; i++) {
        json_decref(patterns[i]);
        brain_free(brains[i]);
    }
}

static unsigned gaps(struct brain *referee)
{
    unsigned count = 0;
    for (size_t i = 0; i < SUBJECTS_MAX; i++) {
        struct mutual *mutual = &insides(referee)->records[i].mutual;
        for (size_t k = 0; k < mutual->known_count; k++)
            for (size_t w = 0; w < mutual->workload_count; w++)
                count += isnan(mutual->known[k].ratios[w]);
    }
    return count;
}

static void test_referee(void **state)
{
    (void)state;
    struct brain *referee = brain_of("ref", "general");
    struct brain *makers[] = {brain_of("ada", SUBJECT), brain_of("bob", SUBJECT),
                              brain_of("cyd", OTHER)};
    static const char *const names[] = {"ada", "bob", "cyd"};
    json_t *pattern, *component;
    struct policy_figures standing = figures_of(referee);
    assert_true(referee->referee);
    assert_true(standing.geometric_mean == 0);
    train(referee, 10, &pattern, &component); /* there is nothing to do yet */
    assert_null(pattern);
    assert_int_equal(figures_of(referee).evaluations, 0);
    double best[2] = {1, 1};
    for (size_t i = 0; i < 3; i++) {
        json_t *thing = shared_by(makers[i], "pattern", 60);
        json_t *metrics = referee->check(referee->state, thing, &go);
        assert_true(truth(metrics, "claim_holds"));
        assert_string_equal(text(metrics, "profile"), "referee");
        assert_int_equal(number(metrics, "n_own"), MUTUAL_SEEDS * (i == 1 ? 2 : 1));
        referee->take_in(referee->state, names[i], thing, metrics);
        json_decref(metrics);
        json_decref(thing);
    }
    unsigned left = gaps(referee), before = figures_of(referee).evaluations;
    assert_int_equal(left, 2 * 3 + 2);
    train(referee, 3, &pattern, &component);
    assert_int_equal(gaps(referee), left - 3);
    train(referee, 100, &pattern, &component);
    assert_null(pattern);
    assert_null(component);
    assert_int_equal(gaps(referee), 0);
    standing = figures_of(referee);
    assert_int_equal(standing.evaluations, before + left); /* and then it stops */
    assert_int_equal(standing.subjects_seen, 2);
    for (size_t i = 0; i < 3; i++) {
        struct mutual *mutual = &policy_record(referee->state, insides(makers[i])->subject)->mutual;
        for (size_t k = 0; k < mutual->known_count; k++)
            best[i == 2] = fmin(best[i == 2], mutual_mean(mutual, &mutual->known[k]));
    }
    assert_true(best[0] < 1 && best[1] < 1);
    double wanted = exp((log(best[0]) + log(best[1])) / 8); /* the other six count as 1 */
    assert_true(fabs(standing.geometric_mean - wanted) < 1e-12);
    for (size_t i = 0; i < 3; i++)
        brain_free(makers[i]);
    brain_free(referee);
}

static void test_referee_makes_nothing(void **state)
{
    (void)state;
    struct brain *referee = brain_of("ref", "general");
    const char *const names[] = {"ref", "ada"};
    struct brain_session session = {
        .id = "s", .type = "x", .participants = names, .participant_count = 2};
    json_t *result;
    double progress;
    assert_null(referee->answer(referee->state, "optimization", NULL, &go));
    assert_int_equal(collaborate(referee, &session, NULL, 4, &result, &progress), -1);
    assert_false(referee->forget(referee->state, "s", &go));
    referee->measure_standing(referee->state, &go);
    assert_int_equal(figures_of(referee).seeds, 0);
    assert_non_null(strstr(referee->description, "referee"));
    brain_free(referee);
}

/* Of what a hub knows that comes first which did best with others: with those whose word counts,
 * who gave it when they could not see the answer, and on workloads that they will tell. */
static void test_whose_word_ranks(void **state)
{
    (void)state;
    static const char *const flags[] = {"", ",\"counts\":false", ",\"in_sight\":true",
                                        ",\"profile\":\"private trace\""};
    json_t *thing = json_pack("{s:f}", "ratio_train", 0.9);
    struct brain_entry plain = {.thing = thing};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        char text[160];
        snprintf(text, sizeof text,
                 "{\"verifiers\":[{\"ai_id\":\"x\",\"agrees\":true,\"ratio_own\":0.1%s}]}",
                 flags[i]);
        json_t *verification = json_loads(text, 0, NULL);
        assert_non_null(verification);
        struct brain_entry praised = {.thing = thing, .verification = verification};
        assert_int_equal(policy_compare(&praised, &plain), i == 0 ? -1 : 0);
        json_decref(verification);
    }
    /* by their mean, however many they are */
    json_t *three = json_loads("{\"verifiers\":[{\"ratio_own\":0.5},{\"ratio_own\":0.5},"
                               "{\"ratio_own\":0.5}]}",
                               0, NULL),
           *two = json_loads("{\"verifiers\":[{\"ratio_own\":0.6},{\"ratio_own\":0.6}]}", 0, NULL);
    struct brain_entry better = {.thing = thing, .verification = three},
                       worse = {.thing = thing, .verification = two};
    assert_int_equal(policy_compare(&better, &worse), -1);
    assert_int_equal(policy_compare(&worse, &better), 1);
    json_decref(three);
    json_decref(two);
    json_decref(thing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warm_start),
        cmocka_unit_test(test_pulls_between_generations),
        cmocka_unit_test(test_pulls_a_few),
        cmocka_unit_test(test_what_was_taken_is_not_claimed),
        cmocka_unit_test(test_worse_changes_nothing),
        cmocka_unit_test(test_things_that_are_not_taken),
        cmocka_unit_test(test_known_are_bounded),
        cmocka_unit_test(test_over_fitting_loses),
        cmocka_unit_test(test_consensus),
        cmocka_unit_test(test_whose_word_ranks),
        cmocka_unit_test(test_referee),
        cmocka_unit_test(test_referee_makes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
