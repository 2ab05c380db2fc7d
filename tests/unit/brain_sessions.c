/* Sessions, as a brain works them: working one never makes its candidate worse, partners of
 * another subject review instead of searching, and nothing that a partner writes is believed or
 * does harm. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "brain/policy/candidate.h"
#include "tests/unit/brain_fixture.h"

static const char *const two[] = {"ada", "bob"};
static const struct brain_session session = {.id = "5d1c7a0e-0000-4000-8000-000000000000",
                                             .type = "feature_development",
                                             .participants = two,
                                             .participant_count = 2};

/* One step on a candidate, which is let go of; the next one, as it comes back from the hub. */
static json_t *step(struct brain *brain, json_t *candidate, unsigned evaluations,
                    double *ret_progress)
{
    json_t *next;
    assert_int_equal(collaborate(brain, &session, candidate, evaluations, &next, ret_progress), 0);
    assert_true(*ret_progress >= 0 && *ret_progress <= 1);
    assert_true(*ret_progress == candidate_progress(next));
    json_decref(candidate);
    candidate = relayed(next);
    json_decref(next);
    return candidate;
}

/* What a result says of each partner's workloads is no more believed than the rest. */
static void expect_partners_checked(struct brain *brain, const json_t *component)
{
    static const struct {
        const char *member, *json, *reason;
    } lies[] = {{"ratio_session", "0.1", "ratio_session is claimed"},
                {"ratio_session", NULL, "is not said to be on whose"},
                {"ratios", "{\"ada\":0.1,\"bob\":0.1}", "its ratio on the workloads of ada"},
                {"ratios", "7", "its ratio on the workloads of ada"},
                {"workloads", "[\"ada\"]", "its ratio on the workloads of ada"},
                {"workloads", "[]", "is not said to be on whose"},
                {"session_seeds", "1e300", "is not said to be on whose"}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        json_t *lie = altered(component, lies[i].member, lies[i].json);
        json_t *metrics = brain->check(brain->state, lie, &go);
        assert_false(truth(metrics, "claim_holds"));
        if (!strstr(text(metrics, "reason"), lies[i].reason))
            fail_msg("\"%s\" does not say \"%s\"", text(metrics, "reason"), lies[i].reason);
        json_decref(metrics);
        json_decref(lie);
    }
}

static void test_session_is_worked_to_its_end(void **state)
{
    (void)state;
    struct brain *brains[] = {brain_of("ada", SUBJECT), brain_of("bob", SUBJECT)};
    double progress = 0, ratio, first;
    unsigned steps = 0;
    train_only(brains[0], 24);
    json_t *candidate = step(brains[0], NULL, 0, &progress);
    first = ratio = number(candidate, "ratio");
    while (progress < 1) {
        double before = progress;
        candidate = step(brains[++steps % 2], candidate, 25, &progress);
        assert_true(number(candidate, "ratio") <= ratio);
        assert_true(progress > before);
        ratio = number(candidate, "ratio");
        assert_true(steps < 40);
    }
    assert_true(ratio < first);
    assert_int_equal(candidate_spent(candidate), SESSION_BUDGET);
    assert_true(candidate_evaluations(candidate, "ada") >= SESSION_BUDGET / 4);
    assert_true(candidate_evaluations(candidate, "bob") >= SESSION_BUDGET / 4);
    json_t *claim = brains[0]->conclude(brains[0]->state, &session, candidate, &go);
    assert_non_null(claim);
    assert_string_equal(text(claim, "kind"), "component");
    assert_string_equal(text(claim, "type"), "collaborative");
    assert_string_equal(text(claim, "session_id"), session.id);
    assert_true(number(claim, "ratio_session") == ratio);
    const json_t *contributors = json_object_get(claim, "contributors");
    assert_int_equal(json_array_size(contributors), 2);
    assert_string_equal(json_string_value(json_array_get(contributors, 0)), "ada");
    assert_string_equal(json_string_value(json_array_get(contributors, 1)), "bob");
    const json_t *ratios = json_object_get(claim, "ratios");
    assert_true(fabs((number(ratios, "ada") + number(ratios, "bob")) / 2 - ratio) < 1e-12);
    json_t *component = proved(brains[0], claim, '5');
    json_t *metrics = brains[1]->check(brains[1]->state, component, &go);
    assert_true(truth(metrics, "claim_holds"));
    json_decref(metrics);
    expect_partners_checked(brains[1], component);
    json_decref(component);
    json_decref(candidate);
    /* Both learn from it: what another searched too is theirs together, and nobody claims it
     * again. */
    assert_true(brains[1]->forget(brains[1]->state, session.id, &go));
    assert_true(figures_of(brains[1]).ratio_train < 1);
    json_t *pattern, *module;
    train(brains[1], 0, &pattern, &module);
    assert_null(pattern);
    brains[0]->forget(brains[0]->state, session.id, &go);
    assert_false(brains[0]->forget(brains[0]->state, session.id, &go));
    brain_free(brains[0]);
    brain_free(brains[1]);
}

/* Each partner's own best is run when it joins: the better of the two is the candidate at once. */
static void test_joining_brings_the_own_best(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT), *bob = brain_of("bob", SUBJECT);
    double progress;
    train_only(bob, 200);
    json_t *candidate = step(ada, NULL, 0, &progress);
    double before = number(candidate, "ratio");
    candidate = step(bob, candidate, 0, &progress);
    assert_true(number(candidate, "ratio") < before);
    assert_string_equal(text(candidate, "by"), "bob");
    assert_int_equal(candidate_evaluations(candidate, "bob"), 2);
    double parameters[SUBJECT_PARAMETERS_MAX];
    parameters_of(candidate, parameters);
    assert_true(parameters_same(insides(bob)->subject, parameters, insides(bob)->search.best));
    json_decref(candidate);
    brain_free(ada);
    brain_free(bob);
}

/* A candidate whose ratio is a lie is run, and its true one written. */
static void test_session_believes_nobody(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT), *bob = brain_of("bob", SUBJECT);
    double progress;
    json_t *honest = step(ada, NULL, 0, &progress);
    json_t *lie = json_deep_copy(honest);
    json_object_set_new(lie, "ratio", json_real(0.001));
    json_t *joined = step(bob, lie, 0, &progress);
    assert_true(number(joined, "ratio") == number(honest, "ratio"));
    assert_int_equal(candidate_evaluations(joined, "bob"), 1);
    json_decref(joined);
    json_decref(honest);
    brain_free(ada);
    brain_free(bob);
}

/* On the workloads of one who takes no part a result would say nothing of the partners'. */
static void test_workloads_are_the_partners(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT), *cyd = brain_of("cyd", OTHER);
    struct brain *brains[] = {ada, cyd};
    double progress;
    json_t *honest = step(ada, NULL, 0, &progress), *result;
    json_t *lie = altered(honest, "workloads", "[\"ada\",\"eve\"]");
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(collaborate(brains[i], &session, lie, 4, &result, &progress), -1);
    assert_null(ada->conclude(ada->state, &session, lie, &go));
    json_decref(lie);
    json_decref(honest);
    brain_free(ada);
    brain_free(cyd);
}

/* A conflict: both wrote from the same value. The one who was second joins the first, and loses
 * nothing of its own. */
static void test_session_conflict(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT), *bob = brain_of("bob", SUBJECT);
    double progress;
    json_t *opened = step(ada, NULL, 0, &progress);
    json_t *by_ada = step(ada, json_incref(opened), 50, &progress);
    json_t *by_bob = step(bob, json_incref(opened), 50, &progress);
    json_t *joined = step(bob, json_incref(by_ada), 0, &progress);
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
        {"reviews", "7"},
        {"reviews", "[]"},
        {"reviews", "{\"bob\":7,\"cyd\":{\"holds\":true}}"},
        {"reviews", "{\"bob\":{\"holds\":true,\"ratio\":\"x\",\"n\":-1e300,\"text\":[]}}"},
        {"reviews", "{\"ada\":{\"holds\":true}}"},
    };
    struct brain *ada = brain_of("ada", SUBJECT), *cyd = brain_of("cyd", OTHER);
    double progress;
    json_t *honest = step(ada, NULL, 0, &progress), *result;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        json_t *bad = altered(honest, hostile[i].member, hostile[i].json);
        struct brain *both[] = {ada, cyd};
        for (size_t k = 0; k < 2; k++) {
            assert_int_equal(collaborate(both[k], &session, bad, 4, &result, &progress), -1);
            assert_null(both[k]->conclude(both[k]->state, &session, bad, &go));
        }
        json_decref(bad);
    }
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        json_t *bad = altered(honest, odd[i].member, odd[i].json);
        result = step(ada, json_incref(bad), 4, &progress);
        assert_true(number(result, "ratio") <= number(honest, "ratio"));
        if (strcmp(odd[i].json, "{\"ada\":{\"holds\":true}}") == 0)
            assert_false(candidate_reviewed(bad)); /* nobody reviews its own */
        json_decref(result);
        json_decref(step(cyd, bad, 4, &progress));
    }
    /* After something that can't be run, its own best takes its place. */
    result = step(ada, NULL, 4, &progress);
    assert_true(number(result, "ratio") <= number(honest, "ratio"));
    json_decref(result);
    json_decref(honest);
    brain_free(ada);
    brain_free(cyd);
}

/* More sessions than a brain keeps: the one longest untouched goes, and begins anew when it
 * comes back. */
static void test_session_bound(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT);
    for (unsigned i = 0; i < BRAIN_SESSIONS_MAX + 3; i++) {
        char id[32];
        snprintf(id, sizeof id, "session-%u", i);
        struct brain_session one = {
            .id = id, .type = "x", .participants = two, .participant_count = 2};
        json_t *result;
        double progress;
        assert_int_equal(collaborate(ada, &one, NULL, 0, &result, &progress), 0);
        json_decref(result);
    }
    assert_false(ada->forget(ada->state, "session-0", &go));
    brain_free(ada);
}

static const json_t *review_in(const json_t *candidate, const char *name)
{
    return json_object_get(json_object_get(candidate, "reviews"), name);
}

/* Partners of different subjects: one searches, the other reviews, and then the candidate
 * stands. */
static void test_partner_of_another_subject_reviews(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT), *bob = brain_of("bob", OTHER);
    char salt[SALT_DIGITS + 1], sha256[65];
    double progress;
    snprintf(salt, sizeof salt, "%032d", 1);
    snprintf(sha256, sizeof sha256, "%064d", 7);
    bob->salt(bob->state, salt, sha256);
    train_only(ada, 16);
    json_t *candidate = step(ada, NULL, 0, &progress);
    candidate = step(ada, candidate, 100, &progress);
    assert_true(progress < 1);
    assert_false(candidate_reviewed(candidate));
    candidate = step(bob, candidate, 20, &progress);
    assert_true(progress == 1);
    assert_true(candidate_reviewed(candidate));
    assert_int_equal(candidate_evaluations(candidate, "bob"), 0);
    const json_t *review = review_in(candidate, "bob");
    assert_true(truth(review, "holds"));
    assert_int_equal(number(review, "n"), REVIEW_SEEDS);
    assert_true(number(review, "ci95") > 0);
    char split[160];
    snprintf(split, sizeof split, "review/%s/bob/sha256:%064d", session.id, 7);
    assert_string_equal(text(review, "split"), split);
    snprintf(split, sizeof split, "review/%s/bob/%032d", session.id, 1); /* nobody is told yet */
    double parameters[SUBJECT_PARAMETERS_MAX];
    parameters_of(candidate, parameters);
    struct evaluation_set *set = evaluation_set_new(insides(ada)->subject, split, REVIEW_SEEDS);
    assert_true(number(review, "ratio") == evaluation_set_score(set, parameters).ratio);
    evaluation_set_free(set);
    assert_non_null(strstr(text(review, "text"), "fresh workloads"));
    assert_non_null(
        strstr(text(review, "module"), have_compiler() ? "same score" : "not compiled"));
    /* Neither has more to do: the same comes back from both. */
    json_t *before = json_deep_copy(candidate);
    candidate = step(ada, candidate, 30, &progress);
    assert_true(json_equal(candidate, before));
    assert_true(progress == 1);
    candidate = step(bob, candidate, 30, &progress);
    assert_true(json_equal(candidate, before));
    json_decref(before);
    json_t *claim = ada->conclude(ada->state, &session, candidate, &go);
    assert_string_equal(text(claim, "type"), "reviewed");
    assert_true(json_equal(review_in(claim, "bob"), review_in(candidate, "bob")));
    json_t *component = proved(ada, claim, '6');
    json_t *metrics = bob->check(bob->state, component, &go);
    assert_true(truth(metrics, "claim_holds"));
    json_decref(metrics);
    json_decref(component);
    json_decref(candidate);
    assert_false(bob->forget(bob->state, session.id, &go));
    /* Nobody else has searched: what came of it is ada's own, and she may claim it. */
    bool better = ada->forget(ada->state, session.id, &go);
    struct policy_figures standing = figures_of(ada);
    assert_int_equal(standing.taken, 0);
    assert_int_equal(standing.evaluations_alone, standing.evaluations);
    json_t *pattern, *module;
    train(ada, 0, &pattern, &module);
    assert_true(better && pattern);
    json_decref(pattern);
    json_decref(module);
    brain_free(ada);
    brain_free(bob);
}

static void test_review_finds_a_lie(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT), *bob = brain_of("bob", OTHER);
    double progress;
    json_t *candidate = step(ada, NULL, 0, &progress);
    double honest = number(candidate, "ratio");
    json_object_set_new(candidate, "ratio", json_real(0.01));
    candidate = step(bob, candidate, 4, &progress);
    const json_t *review = review_in(candidate, "bob");
    assert_false(truth(review, "holds"));
    assert_non_null(strstr(text(review, "text"), "0.0100 was claimed"));
    /* The owner writes the true one; what was said of the lie is then reviewed anew. */
    candidate = step(ada, candidate, 0, &progress);
    assert_true(number(candidate, "ratio") == honest);
    candidate = step(bob, candidate, 4, &progress);
    assert_true(truth(review_in(candidate, "bob"), "holds"));
    json_decref(candidate);
    brain_free(ada);
    brain_free(bob);
}

/* A review is of the parameters that were reviewed: others have none. */
static void test_review_is_of_its_parameters(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT), *bob = brain_of("bob", OTHER);
    double progress;
    json_t *candidate = step(ada, NULL, 0, &progress);
    candidate = step(bob, candidate, 4, &progress);
    json_t *reviewed = json_deep_copy(candidate);
    /* Somebody puts other parameters under the review. */
    const struct subject *subject = insides(ada)->subject;
    double parameters[SUBJECT_PARAMETERS_MAX];
    for (int i = 0; i < subject->parameter_count; i++)
        parameters[i] = subject->parameters[i].low; /* poor ones */
    json_object_set_new(candidate, "parameters", parameters_json(subject, parameters));
    json_t *changed = json_deep_copy(candidate);
    candidate = step(bob, candidate, 4, &progress);
    assert_false(json_equal(review_in(candidate, "bob"), review_in(reviewed, "bob")));
    json_decref(candidate);
    candidate = step(ada, changed, 0, &progress); /* its own is better, and it has no review yet */
    assert_null(json_object_get(candidate, "reviews"));
    assert_true(progress < 1);
    json_decref(candidate);
    json_decref(reviewed);
    brain_free(ada);
    brain_free(bob);
}

/* With two who search and one who reviews, they search to the end. */
static void test_mixed_session(void **state)
{
    (void)state;
    static const char *const three[] = {"ada", "bob", "cyd"};
    struct brain *brains[] = {brain_of("ada", SUBJECT), brain_of("bob", SUBJECT),
                              brain_of("ref", "general")};
    struct brain_session mixed = {
        .id = "mixed", .type = "x", .participants = three, .participant_count = 3};
    json_t *candidate = NULL, *next;
    double progress = 0;
    for (unsigned i = 0; i < 60 && progress < 1; i++) {
        struct brain *brain = brains[i % 3];
        assert_int_equal(collaborate(brain, &mixed, candidate, 20, &next, &progress), 0);
        json_decref(candidate);
        candidate = relayed(next);
        json_decref(next);
        if (i >= 3)
            assert_false(candidate_reviewed(candidate));
    }
    assert_true(progress == 1);
    assert_int_equal(candidate_spent(candidate), SESSION_BUDGET);
    json_decref(candidate);
    for (size_t i = 0; i < 3; i++)
        brain_free(brains[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session_is_worked_to_its_end),
        cmocka_unit_test(test_joining_brings_the_own_best),
        cmocka_unit_test(test_session_believes_nobody),
        cmocka_unit_test(test_workloads_are_the_partners),
        cmocka_unit_test(test_session_conflict),
        cmocka_unit_test(test_session_hostile_candidates),
        cmocka_unit_test(test_session_bound),
        cmocka_unit_test(test_partner_of_another_subject_reviews),
        cmocka_unit_test(test_review_finds_a_lie),
        cmocka_unit_test(test_review_is_of_its_parameters),
        cmocka_unit_test(test_mixed_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
