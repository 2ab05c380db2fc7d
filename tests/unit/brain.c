/* The policy brain alone: that it learns, what it claims and how it proves it, how far it says
 * it is, and that it can be stopped. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "brain/capabilities.h"
#include "tests/unit/brain_fixture.h"

static void test_training_improves(void **state)
{
    (void)state;
    struct brain *brain = brain_of("ada", SUBJECT);
    double before = 2;
    for (unsigned i = 0; i < 4; i++) {
        train_only(brain, 48);
        struct policy_figures standing = figures_of(brain);
        assert_int_equal(standing.evaluations, 48 * (i + 1));
        assert_int_equal(standing.evaluations_alone, standing.evaluations);
        assert_true(standing.generations > 0);
        assert_true(standing.ratio_train <= before);
        assert_int_equal(standing.seeds, 0); /* not measured yet */
        before = standing.ratio_train;
    }
    assert_true(before < 0.95);
    brain_free(brain);
}

/* The first claims come when the textbook is beaten, and each is better than the last by as much
 * as it must be. */
static void test_claims_are_news(void **state)
{
    (void)state;
    struct brain *brain = brain_of("ada", SUBJECT);
    double pattern_ratio = 1, component_ratio = 1;
    unsigned evaluations = 0, patterns = 0, components = 0;
    for (unsigned i = 0; i < 60; i++) {
        json_t *pattern, *component;
        train(brain, 16, &pattern, &component);
        if (pattern) {
            unsigned now = (unsigned)number(pattern, "evaluations");
            assert_true(number(pattern, "ratio_train") <=
                        pattern_ratio * (1 - PUBLISH_IMPROVEMENT));
            assert_true(patterns == 0 || now - evaluations >= PUBLISH_EVALUATIONS);
            pattern_ratio = number(pattern, "ratio_train");
            evaluations = now;
            patterns++;
        }
        if (component) {
            assert_non_null(pattern);
            assert_true(number(component, "ratio_train") <=
                        component_ratio * (1 - RENDER_IMPROVEMENT));
            assert_true(json_equal(json_object_get(component, "parameters"),
                                   json_object_get(pattern, "parameters")));
            component_ratio = number(component, "ratio_train");
            components++;
        }
        json_decref(pattern);
        json_decref(component);
    }
    assert_true(patterns >= 2 && components >= 1 && components <= patterns);
    /* At the end what is still unsaid is said, and then no more. */
    json_t *pattern, *component;
    train(brain, 0, &pattern, &component);
    assert_true(!pattern || number(pattern, "ratio_train") < pattern_ratio);
    json_decref(pattern);
    json_decref(component);
    train(brain, 0, &pattern, &component);
    assert_null(pattern);
    assert_null(component);
    brain_free(brain);
}

static void expect_members(const json_t *thing, const char *const *names)
{
    for (; *names; names++)
        if (!json_object_get(thing, *names))
            fail_msg("%s is missing", *names);
}

static void test_claims_are_whole(void **state)
{
    (void)state;
    static const char *const claimed[] = {"kind",
                                          "id",
                                          "specialization",
                                          "subject",
                                          "subject_version",
                                          "parameters",
                                          "ratio_train",
                                          "evaluations",
                                          "parents",
                                          "optimiser",
                                          "synthetic",
                                          "train_seeds",
                                          NULL};
    static const char *const shared[] = {"commitment_id", "nonce", "seeds", "measured", NULL};
    static const char *const measured[] = {
        "ratio",    "ci95",           "wins",       "baseline",     "bound_ratio",
        "practice", "practice_ratio", "gap_closed", "cost_heldout", NULL};
    struct brain *brain = brain_of("ada", SUBJECT);
    json_t *pattern = claim_of(brain, "pattern"), *component = claim_of(brain, "component");
    expect_members(pattern, claimed);
    expect_members(component, claimed);
    assert_string_equal(text(pattern, "type"), "tuned_policy");
    assert_null(json_object_get(component, "implementation"));
    json_t *things[] = {proved(brain, pattern, '1'), proved(brain, component, '2')};
    for (size_t i = 0; i < 2; i++) {
        const json_t *figures = json_object_get(things[i], "measured");
        expect_members(things[i], shared);
        expect_members(figures, measured);
        for (size_t k = 0; measured[k]; k++) /* what is shared tells none of them */
            assert_null(json_object_get(things[i], measured[k]));
        assert_null(json_object_get(things[i], "kind"));
        assert_true(truth(things[i], "synthetic"));
        assert_int_equal(number(things[i], "seeds"), HELDOUT_SEEDS);
        assert_true(number(figures, "bound_ratio") < number(figures, "ratio"));
    }
    assert_true(strlen(text(things[1], "implementation")) > 100);
    assert_string_equal(text(things[1], "language"), "c11");
    assert_true(json_array_size(json_object_get(things[1], "capabilities")) > 0);
    assert_non_null(
        strstr(text(things[1], "module"), have_compiler() ? "same score" : "not compiled"));
    json_decref(things[0]);
    json_decref(things[1]);
    brain_free(brain);
}

/* Who has no brain, and asks libkhub-measure, finds the same numbers in every bit: those that are
 * claimed, and those that are reported. */
static void test_others_measure_the_same(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT), *bob = brain_of("bob", SUBJECT);
    json_t *pattern = proved(ada, claim_of(ada, "pattern"), '5');
    const struct subject *subject = subject_find(SUBJECT);
    struct khub_parameter given[SUBJECT_PARAMETERS_MAX];
    struct khub_measured measured;
    double parameters[SUBJECT_PARAMETERS_MAX];
    char why[KHUB_WHY_SIZE];
    parameters_of(pattern, parameters);
    for (int i = 0; i < subject->parameter_count; i++)
        given[i] = (struct khub_parameter){subject->parameters[i].name, parameters[i]};
    struct khub_question question = {.subject = SUBJECT,
                                     .nonce = text(pattern, "nonce"),
                                     .parameters = given,
                                     .parameter_count = (size_t)subject->parameter_count};
    json_t *report = bob->check(bob->state, pattern, &go);
    assert_int_equal(khub_measure(&question, &measured, why), 0);
    assert_true(measured.ratio == number(json_object_get(pattern, "measured"), "ratio"));
    assert_true(measured.ratio == number(report, "ratio"));
    assert_true(measured.workloads == (size_t)number(report, "n"));
    assert_true(measured.ci95 == number(json_object_get(pattern, "measured"), "ci95"));
    assert_true(measured.cost == number(json_object_get(pattern, "measured"), "cost_heldout"));
    assert_true(measured.wins == (size_t)number(json_object_get(pattern, "measured"), "wins"));
    assert_true(measured.bound_ratio ==
                number(json_object_get(pattern, "measured"), "bound_ratio"));
    assert_true(measured.gap_closed == number(json_object_get(pattern, "measured"), "gap_closed"));
    assert_true(measured.baseline_cost ==
                number(json_object_get(pattern, "measured"), "baseline_cost"));
    assert_true(measured.practice_ratio ==
                number(json_object_get(pattern, "measured"), "practice_ratio"));
    question.nonce = NULL;
    question.peer = "bob";
    assert_int_equal(khub_measure(&question, &measured, why), 0);
    assert_true(measured.ratio == number(report, "ratio_own"));
    assert_true(measured.ci95 == number(report, "ci95_own"));
    assert_true(measured.workloads == (size_t)number(report, "n_own"));
    json_decref(report);
    json_decref(pattern);
    brain_free(ada);
    brain_free(bob);
}

/* The numbers follow from the nonce: another nonce, other workloads. */
static void test_proof_is_on_the_nonce(void **state)
{
    (void)state;
    struct brain *brain = brain_of("ada", SUBJECT);
    json_t *claim = claim_of(brain, "pattern");
    double parameters[SUBJECT_PARAMETERS_MAX];
    parameters_of(claim, parameters);
    json_t *first = proved(brain, json_incref(claim), '1');
    json_t *second = proved(brain, json_incref(claim), '2');
    json_t *again = proved(brain, json_incref(claim), '1');
    double ratio = number(json_object_get(first, "measured"), "ratio");
    assert_true(ratio != number(json_object_get(second, "measured"), "ratio"));
    assert_true(json_equal(first, again));
    struct evaluation_set *set = evaluation_set_new(
        subject_find(SUBJECT), "test/11111111111111111111111111111111", HELDOUT_SEEDS);
    assert_true(ratio == evaluation_set_score(set, parameters).ratio);
    evaluation_set_free(set);
    static const char *const bad[] = {"", "1", "1111111111111111111111111111111g",
                                      "../../../../../../../../../../../",
                                      "111111111111111111111111111111111"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_null(brain->prove(brain->state, claim, "c", bad[i], &go));
    json_decref(first);
    json_decref(second);
    json_decref(again);
    json_decref(claim);
    brain_free(brain);
}

static void test_standing(void **state)
{
    (void)state;
    struct brain *brain = brain_of("ada", SUBJECT);
    brain->measure_standing(brain->state, &go); /* nothing to measure yet */
    assert_int_equal(figures_of(brain).seeds, 0);
    train_only(brain, 200);
    brain->measure_standing(brain->state, &go);
    struct policy_figures standing = figures_of(brain);
    assert_false(brain->referee);
    assert_int_equal(standing.seeds, HELDOUT_SEEDS);
    assert_true(standing.ratio_heldout < 0.97);
    assert_true(standing.ratio_alone == standing.ratio_heldout); /* it has met nobody */
    assert_true(standing.bound_ratio < standing.ratio_heldout);
    assert_true(standing.gap_closed > 0 && standing.gap_closed < 1);
    assert_true(standing.textbook_cost > 0);
    assert_non_null(standing.practice);
    assert_int_equal(standing.taken, 0);
    assert_non_null(strstr(brain->description, SUBJECT));
    brain_free(brain);
}

static void test_answer(void **state)
{
    (void)state;
    struct brain *brain = brain_of("ada", SUBJECT);
    char feature[400];
    memset(feature, 'x', sizeof feature);
    feature[sizeof feature - 1] = '\0';
    json_t *requirements = json_pack("{s:i}", "max_latency", 5);
    json_t *claim = brain->answer(brain->state, feature, requirements, &go);
    assert_non_null(claim);
    assert_string_equal(text(claim, "kind"), "component");
    assert_string_equal(text(claim, "name"),
                        SUBJECT "_module"); /* what it is, not what was asked */
    assert_non_null(strstr(text(claim, "note"), "xxx"));
    assert_true(strlen(text(claim, "id")) < 24);
    assert_non_null(strstr(text(claim, "note"), "not read"));
    assert_true(figures_of(brain).evaluations >= ANSWER_EVALUATIONS);
    json_t *component = proved(brain, claim, '3');
    json_t *metrics = brain->check(brain->state, component, &go);
    assert_true(truth(metrics, "claim_holds"));
    json_decref(metrics);
    json_decref(component);
    json_decref(requirements);
    claim = brain->answer(brain->state, "display management", NULL, &go);
    assert_non_null(strstr(text(claim, "note"), "display management"));
    assert_non_null(strstr(text(claim, "note"), insides(brain)->subject->title));
    assert_null(strstr(text(claim, "note"), "requirements"));
    json_decref(claim);
    brain_free(brain);
}

/* Of a specialization's capabilities, those that its subject is no answer to are declined, with
 * what it has. */
static void test_what_can_be_answered(void **state)
{
    (void)state;
    static const struct {
        const char *specialization, *feature;
        bool answered;
    } cases[] = {
        {"security", "encryption", false},
        {"security", "access_control", false},
        {"security", "security_analysis", true},
        {"process_manager", "memory_management", false},
        {"process_manager", "process_scheduling", true},
        {"process_manager", "CPU scheduling", true},
        {"file_system", "Storage_Management", true},
        {"audio", "sound_synthesis", false},
        {"networking", "congestion control", true},
        {"graphics", "os_development", true},
        {"general", "os_development", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct brain *brain = brain_of("ada", cases[i].specialization);
        char why[BRAIN_TEXT_SIZE] = "";
        bool can = brain->can_answer(brain->state, cases[i].feature, why);
        if (can != cases[i].answered)
            fail_msg("%s of %s: %s", cases[i].feature, cases[i].specialization, why);
        assert_int_equal(!can, why[0] != '\0');
        if (!can && !brain->referee)
            assert_non_null(strstr(why, insides(brain)->subject->title));
        brain_free(brain);
    }
}

/* Whatever a specialization may be asked for, one of its subjects answers something. */
static void test_each_subject_answers(void **state)
{
    (void)state;
    for (size_t i = 0; trainer_specializations[i]; i++) {
        struct brain *brain = brain_of("ada", trainer_specializations[i]);
        const char *const *capabilities = trainer_capabilities(trainer_specializations[i]);
        char why[BRAIN_TEXT_SIZE];
        size_t answered = 0;
        for (size_t k = 3; capabilities[k]; k++) /* behind those of all */
            answered += brain->can_answer(brain->state, capabilities[k], why);
        assert_true(brain->referee ? answered == 0 : answered > 0);
        brain_free(brain);
    }
}

/* A specialization with a subject whose best can be computed claims that too, once. */
static void test_second_subject_is_solved(void **state)
{
    (void)state;
    const struct subject *first = subject_for("performance");
    struct brain *brain = brain_of("ada", "performance");
    const struct subject *second = insides(brain)->second;
    assert_non_null(second);
    assert_ptr_not_equal(first, second);
    unsigned patterns = 0, components = 0;
    for (unsigned i = 0; i < 3; i++) {
        json_t *claims, *claim;
        size_t k;
        assert_int_equal(brain->train(brain->state, 8, &go, &claims), 0);
        json_array_foreach(claims, k, claim)
        {
            if (strcmp(text(claim, "subject"), second->name) != 0)
                continue;
            bool pattern = strcmp(text(claim, "kind"), "pattern") == 0;
            *(pattern ? &patterns : &components) += 1;
            assert_string_equal(text(claim, "optimiser"), "solved exactly");
            assert_true(number(claim, "ratio_train") < 1);
            json_t *thing = proved(brain, json_incref(claim), '4');
            json_t *metrics = brain->check(brain->state, thing, &go);
            assert_true(truth(metrics, "claim_holds"));
            json_decref(metrics);
            json_decref(thing);
        }
        json_decref(claims);
    }
    assert_int_equal(patterns, 1);
    assert_int_equal(components, 1);
    brain_free(brain);
}

static void *stop_soon(void *stop)
{
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    atomic_store((brain_stop *)stop, true);
    return NULL;
}

/* A job that would take hours ends when it is told to; a stopped brain hands out nothing new. */
/* What is proved and checked of several subjects in one epoch comes in any order: who has seen a
 * nonce's workloads before what others said in between does not make and measure them again. */
static void test_the_workloads_of_nonces_are_kept(void **state)
{
    (void)state;
    struct brain *brain = brain_of("ada", SUBJECT);
    struct policy_brain *inside = insides(brain);
    const struct subject *subject = subject_find(SUBJECT), *other = subject_find(OTHER);
    char nonces[TEST_SETS_MAX + 1][NONCE_LENGTH + 1] = {""};
    for (size_t i = 0; i <= TEST_SETS_MAX; i++)
        memset(nonces[i], 'a' + (int)i, NONCE_LENGTH);
    struct test_set *sets[TEST_SETS_MAX];
    for (size_t i = 0; i < TEST_SETS_MAX; i++) {
        sets[i] = policy_test_set(inside, i ? other : subject, nonces[i], 4);
        test_set_baselines(sets[i]);
    }
    for (size_t i = TEST_SETS_MAX; i-- > 0;) {
        assert_ptr_equal(policy_test_set(inside, i ? other : subject, nonces[i], 4), sets[i]);
        assert_true(sets[i]->compared);
    }
    /* one more has the place of the one that nobody wanted for longest */
    assert_ptr_equal(policy_test_set(inside, subject, nonces[TEST_SETS_MAX], 4),
                     sets[TEST_SETS_MAX - 1]);
    assert_false(sets[TEST_SETS_MAX - 1]->compared);
    assert_ptr_not_equal(policy_test_set(inside, subject, nonces[0], 8), sets[0]);
    assert_ptr_equal(policy_test_set(inside, subject, nonces[0], 4), sets[0]);
    brain_free(brain);
}

static void test_stop(void **state)
{
    (void)state;
    static brain_stop stop;
    struct brain *brain = brain_of("ada", SUBJECT);
    json_t *claim = claim_of(brain, "component"), *claims;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, &stop), 0);
    assert_int_equal(brain->train(brain->state, 100000000, &stop, &claims), 0);
    pthread_join(thread, NULL);
    assert_true(figures_of(brain).evaluations < 100000000);
    assert_int_equal(json_array_size(claims), 0);
    assert_null(brain->answer(brain->state, "x", NULL, &stop));
    assert_null(brain->prove(brain->state, claim, "c", "11111111111111111111111111111111", &stop));
    brain->measure_standing(brain->state, &stop);
    assert_int_equal(figures_of(brain).seeds, 0);
    json_decref(claims);
    json_decref(claim);
    brain_free(brain);
}

/* What is kept of a run is where the next one begins: it never falls behind, and searches on
 * elsewhere. */
static void test_it_goes_on(void **state)
{
    (void)state;
    struct brain *first = brain_of("ada", SUBJECT), *second = brain_of("ada", SUBJECT);
    char why[BRAIN_TEXT_SIZE];
    assert_null(first->learned(first->state));
    train_only(first, 100);
    json_t *made = first->learned(first->state);
    json_t *learned = relayed(made);
    double before = figures_of(first).ratio_train;
    assert_non_null(strstr(text(learned, "implementation"), "uint32_t"));
    assert_string_equal(text(learned, "author"), "ada");
    assert_true(second->resume(second->state, learned, why));
    train_only(second, 1);
    assert_true(figures_of(second).ratio_train <= before);
    assert_int_equal(figures_of(second).taken, 0); /* its own */
    train_only(second, 40);
    assert_int_equal(insides(second)->resumed.evaluations, 100);
    json_decref(made);
    /* What is not of its subject, or nothing that can be run, is not gone on from. */
    static const struct {
        const char *member, *json, *why;
    } others[] = {{"subject", "\"" OTHER "\"", "another subject"},
                  {"subject_version", "\"0\"", "another version of " SUBJECT},
                  {"parameters", "{}", "parameters"},
                  {"parameters", "7", "parameters"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        json_t *odd = altered(learned, others[i].member, others[i].json);
        assert_false(second->resume(second->state, odd, why));
        if (!strstr(why, others[i].why))
            fail_msg("\"%s\" does not say \"%s\"", why, others[i].why);
        json_decref(odd);
    }
    json_decref(learned);
    brain_free(first);
    brain_free(second);
}

/* The same AI makes the same search: what it found can be found again. */
static void test_deterministic(void **state)
{
    (void)state;
    double ratios[2];
    for (size_t i = 0; i < 2; i++) {
        struct brain *brain = brain_of("ada", OTHER);
        train_only(brain, 60);
        ratios[i] = figures_of(brain).ratio_train;
        brain_free(brain);
    }
    assert_true(ratios[0] == ratios[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training_improves),
        cmocka_unit_test(test_claims_are_news),
        cmocka_unit_test(test_claims_are_whole),
        cmocka_unit_test(test_proof_is_on_the_nonce),
        cmocka_unit_test(test_others_measure_the_same),
        cmocka_unit_test(test_standing),
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_what_can_be_answered),
        cmocka_unit_test(test_each_subject_answers),
        cmocka_unit_test(test_second_subject_is_solved),
        cmocka_unit_test(test_the_workloads_of_nonces_are_kept),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_it_goes_on),
        cmocka_unit_test(test_deterministic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
