/* Lies, as a brain meets them: each is caught by measuring again, is given a reason, and harms
 * nobody. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/brain_fixture.h"
#include "tests/unit/landlock_here.h"

static json_t *component, *pattern; /* ada's, true */
static struct brain *bob;

/* As it is seen once the hub has told its figures; `thing` is let go of. */
static json_t *told(json_t *thing)
{
    json_t *figures = json_incref(json_object_get(thing, "measured"));
    json_object_del(thing, "measured");
    json_object_set(thing, "ratio_heldout", json_object_get(figures, "ratio"));
    json_object_del(figures, "ratio");
    json_object_update(thing, figures);
    json_decref(figures);
    return thing;
}

static int setup(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT);
    component = told(shared_by(ada, "component", 32));
    json_object_set_new(component, "development_level",
                        json_real(fmin(fmax(number(component, "gap_closed"), 0), 1)));
    pattern = told(shared_by(ada, "pattern", 0));
    bob = brain_of("bob", SUBJECT);
    brain_free(ada);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(component);
    json_decref(pattern);
    brain_free(bob);
    return 0;
}

static void test_truth_holds(void **state)
{
    (void)state;
    struct brain *cyd = brain_of("cyd", OTHER); /* of another subject: it can check all */
    struct brain *checkers[] = {bob, cyd};
    const json_t *things[] = {pattern, component};
    for (size_t i = 0; i < 4; i++) {
        struct brain *checker = checkers[i / 2];
        const json_t *thing = things[i % 2];
        json_t *metrics = checker->check(checker->state, thing, &go);
        assert_non_null(metrics);
        assert_true(truth(metrics, "claim_holds"));
        assert_int_equal(truth(metrics, "integration_tested"), thing == pattern || have_compiler());
        assert_null(json_object_get(metrics, "reason"));
        assert_true(number(metrics, "ratio") == number(thing, "ratio_heldout")); /* the same bits */
        assert_true(number(metrics, "n") == number(thing, "seeds"));
        assert_string_equal(text(metrics, "nonce"), text(thing, "nonce"));
        assert_string_equal(text(metrics, "profile"), checker == bob ? "peer/bob" : "peer/cyd");
        assert_int_equal(number(metrics, "n_own"), CHECK_SEEDS);
        assert_true(number(metrics, "ratio_own") != number(metrics, "ratio"));
        assert_true(number(metrics, "ci95_own") > 0);
        assert_true(fabs(number(metrics, "score") - (1 - number(metrics, "ratio_own"))) < 1e-12);
        if (thing == component)
            assert_non_null(
                strstr(text(metrics, "module"), have_compiler() ? "same score" : "not compiled"));
        json_decref(metrics);
    }
    brain_free(cyd);
}

/* Checks a lie: it must be refused for the reason, and taken in by nobody. */
static void expect_refusal(const json_t *lie, const char *reason)
{
    json_t *metrics = bob->check(bob->state, lie, &go);
    assert_non_null(metrics);
    assert_false(truth(metrics, "claim_holds"));
    assert_false(truth(metrics, "integration_tested"));
    assert_true(number(metrics, "score") == 0);
    assert_true(isfinite(number(metrics, "ratio")));
    assert_string_equal(text(metrics, "nonce"), text(lie, "nonce"));
    if (!strstr(text(metrics, "reason"), reason))
        fail_msg("\"%s\" does not say \"%s\"", text(metrics, "reason"), reason);
    assert_false(bob->take_in(bob->state, "ada", lie, metrics));
    json_decref(metrics);
}

/* Of what is sealed its own number is said, and nothing of it held against its author. */
static void test_without_figures_it_is_measured(void **state)
{
    (void)state;
    static const char *const figures[] = {"ratio_heldout", "ci95",          "wins",
                                          "cost_heldout",  "gap_closed",    "bound_ratio",
                                          "baseline_cost", "practice_ratio"};
    json_t *sealed = json_deep_copy(pattern);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        json_object_del(sealed, figures[i]);
    json_t *metrics = bob->check(bob->state, sealed, &go);
    assert_true(truth(metrics, "claim_holds"));
    assert_true(number(metrics, "ratio") == number(pattern, "ratio_heldout"));
    assert_null(json_object_get(metrics, "claimed"));
    json_decref(metrics);
    json_decref(sealed);
}

static void test_lies_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *member, *json, *reason;
    } lies[] = {
        {"ratio_heldout", "0.1", "ratio_heldout is claimed"},
        {"ratio_heldout", "\"0.5\"", "ratio_heldout is no number"},
        {"ratio_heldout", "null", "ratio_heldout is no number"},
        {"nonce", "\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"", "is claimed"},
        {"wins", "63.5", "wins is claimed"},
        {"wins", "[]", "wins is no number"},
        {"ci95", "0", "ci95 is claimed"},
        {"cost_heldout", "1e300", "cost_heldout is claimed"},
        {"seeds", "16", "claimed"},
        {"seeds", "65", "claimed"},
        {"implementation", "\"int main(void) { return 0; }\"", "its C is not what"},
        {"implementation", "7", "its C is not what"},
        {"implementation", NULL, "implementation is missing"},
        {"parameters", "{}", "parameters must be"},
        {"parameters", "[1,2,3]", "parameters must be"},
        {"parameters", "null", "parameters must be"},
        {"bound_ratio", "0.01", "bound_ratio is claimed"},
        {"bound_ratio", "\"\"", "bound_ratio is no number"},
        {"gap_closed", "1", "gap_closed is claimed"},
        {"baseline_cost", "1e9", "baseline_cost is claimed"},
        {"practice_ratio", "1e9", "practice_ratio is claimed"},
        {"development_level", "1", "development_level is claimed"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        json_t *lie = altered(component, lies[i].member, lies[i].json);
        expect_refusal(lie, lies[i].reason);
        json_decref(lie);
    }
}

/* Tuned after the nonce was known: other parameters than the claim's, with their own true ratio,
 * are not what was claimed; and parameters whose ratio is that of others are caught at once. */
static void test_other_parameters(void **state)
{
    (void)state;
    const struct subject *subject = subject_find(SUBJECT);
    double parameters[SUBJECT_PARAMETERS_MAX];
    for (int i = 0; i < subject->parameter_count; i++)
        parameters[i] = subject->parameters[i].textbook;
    json_t *lie = json_deep_copy(pattern);
    json_object_set_new(lie, "parameters", parameters_json(subject, parameters));
    expect_refusal(lie, "ratio_heldout is claimed");
    json_decref(lie);
}

static void test_bad_parameters(void **state)
{
    (void)state;
    const struct subject *subject = subject_find(SUBJECT);
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
            json_t *lie = json_deep_copy(pattern), *parameters = json_object_get(lie, "parameters");
            if (bad[k])
                json_object_set_new(parameters, parameter->name, bad[k]);
            else
                json_object_del(parameters, parameter->name);
            expect_refusal(lie, "parameter");
            json_decref(lie);
        }
    }
    json_t *more = json_deep_copy(pattern);
    json_object_set_new(json_object_get(more, "parameters"), "another", json_real(1));
    expect_refusal(more, "parameters must be");
    json_decref(more);
}

/* A component with no source is none, whichever sign of one it shows; a pattern needs none, and
 * no type either. */
/* How a candidate does on a checker's own workloads follows from a secret, of which all are told
 * the SHA-256 alone; with the secret anybody finds the same. */
static void test_own_workloads_are_nobodys_to_know(void **state)
{
    (void)state;
    static const char salt[] = "0123456789abcdef0123456789abcdef",
                      sha256[] = "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9";
    double parameters[SUBJECT_PARAMETERS_MAX];
    struct brain *plain = brain_of("cyd", OTHER), *salted = brain_of("cyd", OTHER);
    salted->salt(salted->state, salt, sha256);
    json_t *open = plain->check(plain->state, pattern, &go);
    json_t *metrics = salted->check(salted->state, pattern, &go);
    char *told = json_dumps(metrics, JSON_COMPACT), profile[128];
    snprintf(profile, sizeof profile, "peer/cyd/sha256:%s", sha256);
    assert_string_equal(text(metrics, "profile"), profile);
    assert_null(strstr(told, salt));
    assert_true(number(metrics, "ratio") == number(open, "ratio"));
    assert_true(number(metrics, "ratio_own") != number(open, "ratio_own"));
    parameters_of(pattern, parameters);
    char peer[PEER_NAME_MAX + 1];
    snprintf(peer, sizeof peer, "cyd/%s", salt);
    struct evaluation_set *set = peer_workloads(insides(bob)->subject, peer, CHECK_SEEDS);
    assert_true(evaluation_set_score(set, parameters).ratio == number(metrics, "ratio_own"));
    evaluation_set_free(set);
    free(told);
    json_decref(open);
    json_decref(metrics);
    brain_free(plain);
    brain_free(salted);
}

static void test_component_needs_its_source(void **state)
{
    (void)state;
    json_t *bare = altered(component, "kind", "\"component\"");
    json_object_del(bare, "implementation");
    json_object_del(bare, "development_level");
    expect_refusal(bare, "implementation is missing");
    json_decref(bare);
    json_t *plain = altered(pattern, "type", NULL);
    json_t *metrics = bob->check(bob->state, plain, &go);
    assert_true(truth(metrics, "claim_holds"));
    json_decref(metrics);
    json_decref(plain);
    json_t *levelled = json_deep_copy(pattern);
    double level = fmin(fmax(number(pattern, "gap_closed"), 0), 1);
    json_object_set_new(levelled, "development_level", json_real(level));
    expect_refusal(levelled, "implementation is missing");
    json_decref(levelled);
}

/* C that would do harm, behind the true text. It is compared, never compiled. */
static void test_hostile_source(void **state)
{
    (void)state;
    char mark[64], harm[3][256];
    snprintf(mark, sizeof mark, "/tmp/khub-lies-%ld", (long)getpid());
    snprintf(harm[0], sizeof harm[0],
             "int system(const char *);\n__attribute__((constructor)) static void run(void)\n"
             "{\n    system(\"touch %s\");\n}\n",
             mark);
    snprintf(harm[1], sizeof harm[1], "#include \"%s\"\n", mark);
    snprintf(harm[2], sizeof harm[2], " ");
    for (size_t i = 0; i < 3; i++) {
        json_t *lie = json_deep_copy(component);
        json_object_set_new(lie, "implementation",
                            json_sprintf("%s%s", text(component, "implementation"), harm[i]));
        expect_refusal(lie, "its C is not what");
        json_decref(lie);
    }
    struct stat status;
    assert_int_not_equal(stat(mark, &status), 0);
}

static double dearer_cost(const void *workload, const void *rules)
{
    return 1.5 * subject_find(SUBJECT)->cost_of(workload, rules);
}

/* A module whose decisions are not those of its parameters is found out by running it. */
static void test_module_that_does_otherwise(void **state)
{
    (void)state;
    double parameters[SUBJECT_PARAMETERS_MAX];
    parameters_of(component, parameters);
    const struct subject *honest = subject_find(SUBJECT);
    struct subject odd = *honest;
    odd.cost_of = dearer_cost;
    enum module_outcome not_run = landlock_here() ? MODULE_NO_COMPILER : MODULE_NOT_RUN;
    enum module_outcome same = have_compiler() ? MODULE_SAME : not_run,
                        differs = have_compiler() ? MODULE_DIFFERS : not_run;
    assert_int_equal(policy_module(insides(bob), &odd, parameters, "test/x", &go)->outcome,
                     differs);
    assert_int_equal(policy_module(insides(bob), honest, parameters, "test/x", &go)->outcome, same);
}

/* Where there is no compiler a component's claim can be true, but it is not tested: nothing was
 * run. */
static void test_what_was_not_run_is_not_tested(void **state)
{
    (void)state;
    const char *path = getenv("PATH");
    char *before = strdup(path ? path : "");
    struct brain *dan = brain_of("dan", SUBJECT); /* has compiled nothing yet */
    setenv("PATH", "/nowhere", 1);
    json_t *metrics = dan->check(dan->state, component, &go);
    setenv("PATH", before, 1);
    free(before);
    assert_true(truth(metrics, "claim_holds"));
    assert_false(truth(metrics, "integration_tested"));
    assert_non_null(strstr(text(metrics, "module"), "no C compiler"));
    json_decref(metrics);
    brain_free(dan);
}

/* What proves nothing gets no word from this AI. */
static void test_what_is_no_claim(void **state)
{
    (void)state;
    static const char *const things[] = {
        "{}",
        "[]",
        "null",
        "{\"id\":\"x\",\"type\":\"learned_behavior\",\"confidence\":0.8}",
        "{\"subject\":\"alchemy\",\"subject_version\":\"1\",\"parameters\":{}}",
        "{\"subject\":\"" SUBJECT "\",\"parameters\":{}}",
        "{\"subject\":\"" SUBJECT "\",\"subject_version\":\"another\",\"parameters\":{}}",
        "{\"subject\":[],\"subject_version\":{}}",
        "{\"subject\":null,\"subject_version\":1e300}",
    };
    static const struct {
        const char *member, *json;
    } without[] = {
        {"commitment_id", NULL},
        {"commitment_id", "7"},
        {"nonce", NULL},
        {"nonce", "7"},
        {"nonce", "\"\""},
        {"nonce", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""},
        {"nonce", "\"../../../../../../../../../../..\""},
        {"subject_version", "\"0.0\""},
        {"seeds", NULL},
        {"seeds", "1"},
        {"seeds", "-3"},
        {"seeds", "32.5"},
        {"seeds", "257"}, /* it may be true: the hub takes up to 1024 */
        {"seeds", "1000000000000"},
    };
    for (size_t i = 0; i < sizeof things / sizeof *things; i++) {
        json_t *thing = json_loads(things[i], JSON_DECODE_ANY, NULL);
        assert_non_null(thing);
        assert_null(bob->check(bob->state, thing, &go));
        assert_false(bob->take_in(bob->state, "ada", thing, NULL));
        json_decref(thing);
    }
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        json_t *thing = altered(pattern, without[i].member, without[i].json);
        assert_null(bob->check(bob->state, thing, &go));
        json_decref(thing);
    }
    assert_null(bob->check(bob->state, NULL, &go));
}

/* A claim on another number of workloads, if it is true, is as good; and no number beside it is
 * believed for that. */
static void test_other_seeds(void **state)
{
    (void)state;
    const struct subject *subject = subject_find(SUBJECT);
    static const size_t seeds[] = {KHUB_WORKLOADS_MIN, 100, KHUB_WORKLOADS_MAX};
    double parameters[SUBJECT_PARAMETERS_MAX];
    parameters_of(pattern, parameters);
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        char split[64];
        snprintf(split, sizeof split, "test/%s", text(pattern, "nonce"));
        struct evaluation_set *set = evaluation_set_new(subject, split, seeds[i]);
        struct score score = evaluation_set_score(set, parameters);
        json_t *thing = json_deep_copy(pattern);
        json_object_set_new(thing, "seeds", json_integer((json_int_t)seeds[i]));
        json_object_set_new(thing, "ratio_heldout", json_real(score.ratio));
        json_object_set_new(thing, "ci95", json_real(score.ci95));
        json_object_set_new(thing, "cost_heldout", json_real(score.cost));
        json_object_set_new(thing, "wins", json_integer((json_int_t)score.wins));
        expect_refusal(thing, "bound_ratio is claimed");
        double bound = evaluation_set_bound(set).ratio;
        json_object_set_new(thing, "bound_ratio", json_real(bound));
        expect_refusal(thing, "gap_closed is claimed");
        json_object_set_new(thing, "gap_closed", json_real(gap_closed(score.ratio, bound)));
        json_object_del(thing, "baseline_cost");
        json_object_del(thing, "practice_ratio");
        json_t *metrics = bob->check(bob->state, thing, &go);
        assert_true(truth(metrics, "claim_holds"));
        assert_int_equal(number(metrics, "n"), seeds[i]);
        json_decref(metrics);
        json_decref(thing);
        evaluation_set_free(set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truth_holds),
        cmocka_unit_test(test_without_figures_it_is_measured),
        cmocka_unit_test(test_lies_are_refused),
        cmocka_unit_test(test_other_parameters),
        cmocka_unit_test(test_bad_parameters),
        cmocka_unit_test(test_own_workloads_are_nobodys_to_know),
        cmocka_unit_test(test_component_needs_its_source),
        cmocka_unit_test(test_hostile_source),
        cmocka_unit_test(test_module_that_does_otherwise),
        cmocka_unit_test(test_what_was_not_run_is_not_tested),
        cmocka_unit_test(test_what_is_no_claim),
        cmocka_unit_test(test_other_seeds),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
